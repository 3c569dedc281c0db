//! Accounts that begin with a passkey, and need neither a password nor, where the issuer says so, a mail address.
//!
//! The subject is chosen when the page is made, since the authenticator keeps a handle of it, and travels sealed. Nothing is
//! written before a passkey was made.

use std::net::IpAddr;

use hallpass_core::{
    record::Activity,
    sign_in::{Method, Proof},
};
use hallpass_store::{Commit, Committed, CredentialData, CredentialRecord, Spend};
use hallpass_types::{Subject, Timestamp, sha256};
use serde::{Deserialize, Serialize};

use super::registration::Asked;
use crate::{
    Failure, Provider,
    browser::Browser,
    endpoints::{Answered, Proven, mailed::Reason},
    ports::{Change, NewAccount, Unfit},
    tries::By,
};

/// So long a page can stand open on which somebody makes an account.
const OFFER_AGE: i64 = 3600;

/// What a page asks an authenticator for, whose person has no account yet.
#[derive(Clone, Debug)]
pub struct NewcomerOffer {
    /// For the authenticator, as JSON.
    pub options: String,
    /// Comes back with what it made.
    pub sealed: String,
}

/// Why no account was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewcomerRefused {
    /// The passkey cannot be used.
    Passkey,
    /// Something that was typed cannot be.
    Unfit(Unfit),
    /// Too many accounts were made from here; again after so many seconds.
    Throttled(u32),
}

/// A passkey of somebody who has no account yet.
pub(crate) struct Newcomer {
    pub(crate) subject: Subject,
    pub(crate) record: CredentialRecord,
    pub(crate) once: Spend,
}

/// What a key proves that was made just now: that counts as its first use.
pub(crate) fn proof_by(record: &CredentialRecord, now: Timestamp) -> Proof {
    if let CredentialData::Passkey(key) = &record.data {
        Proof::passkey(key.backup_eligible, now)
    } else {
        Proof::new(Method::Other, now)
    }
}

#[derive(Serialize, Deserialize)]
struct SealedNewcomer {
    #[serde(rename = "s")]
    subject: Subject,
    /// Digest of the page that it was made for.
    #[serde(rename = "b")]
    bound_to: [u8; 32],
    #[serde(rename = "e")]
    expires_at: Timestamp,
}

impl Provider {
    /// What an authenticator is asked for, for an account that is to be made on this page. `name` is what it calls the account.
    ///
    /// # Errors
    /// It cannot be sealed.
    pub fn newcomer_offer(
        &self,
        bound_to: &str,
        name: &str,
        service: &str,
        browser: &Browser,
    ) -> Result<Option<NewcomerOffer>, Failure> {
        if !self.inner.policy.sign_in.begins_with(Method::Passkey) {
            return Ok(None);
        }
        let text = format!("{:032x}", u128::from_be_bytes(self.random()));
        let subject = Subject::parse(&text)
            .map_err(|_| Failure::Internal("a subject could not be made".to_owned()))?;
        let asked = Asked {
            subject: &subject,
            name,
            service,
            bound_to,
            held: &[],
        };
        let Some(options) = self.creation_options(&asked, browser) else {
            return Ok(None);
        };
        let newcomer = SealedNewcomer {
            subject,
            bound_to: sha256(bound_to.as_bytes()),
            expires_at: self.now().plus(OFFER_AGE),
        };
        let plain = serde_json::to_vec(&newcomer).map_err(|e| Failure::Internal(e.to_string()))?;
        let sealed = self.inner.secrets.seal_browser("newcomer", &plain);
        Ok(Some(NewcomerOffer { options, sealed }))
    }

    /// What an authenticator made on this page; none where anything is wrong with it.
    pub(crate) fn newcomer(
        &self,
        bound_to: &str,
        browser: &Browser,
        (sealed, given): (&str, &str),
    ) -> Option<Newcomer> {
        let plain = self.inner.secrets.open_browser("newcomer", sealed)?;
        let offer: SealedNewcomer = serde_json::from_slice(&plain).ok()?;
        if offer.bound_to != sha256(bound_to.as_bytes()) || offer.expires_at.is_over(self.now()) {
            return None;
        }
        let (record, once) = self.created(&offer.subject, bound_to, browser, given)?;
        Some(Newcomer {
            subject: offer.subject,
            record,
            once,
        })
    }

    /// Whether an account can be made with a passkey alone.
    fn takes_newcomers(&self) -> bool {
        let policy = &self.inner.policy;
        policy.people.sign_up_without_mail && policy.sign_in.begins_with(Method::Passkey)
    }

    /// What the page to make an account asks an authenticator for, where an account needs no mail address.
    ///
    /// # Errors
    /// Nobody can make an account here, or the handle is not valid in this browser.
    pub async fn passkey_sign_up_offer(
        &self,
        handle: &str,
        browser: &Browser,
        service: &str,
    ) -> Result<Option<NewcomerOffer>, Failure> {
        self.sign_up_details(handle, browser).await?;
        if !self.takes_newcomers() {
            return Ok(None);
        }
        self.newcomer_offer(handle, service, service, browser)
    }

    /// Somebody makes an account with a passkey and nothing else, within a request, and goes on with it.
    ///
    /// # Errors
    /// Nobody can make an account so, the handle is not valid in this browser, or the store fails.
    pub async fn passkey_sign_up(
        &self,
        handle: &str,
        browser: &Browser,
        made: (&str, &str),
        name: &str,
        peer: Option<IpAddr>,
    ) -> Result<Result<(Subject, Answered), NewcomerRefused>, Failure> {
        self.sign_up_details(handle, browser).await?;
        if !self.takes_newcomers() {
            return Err(Reason::NotOffered.into());
        }
        let Some(newcomer) = self.newcomer(handle, browser, made) else {
            return Ok(Err(NewcomerRefused::Passkey));
        };
        let most = self.inner.policy.people.accounts_per_network;
        let binding = browser.binding.as_deref().map(By::Browser);
        let networks = peer.into_iter().flat_map(By::networks);
        let from: Vec<By<'_>> = networks.chain(binding).collect();
        if let Err(retry_after) = self.inner.newcomers.count(&from, most, self.now()) {
            return Ok(Err(NewcomerRefused::Throttled(retry_after)));
        }
        let name = name.trim();
        let change = Change::New(NewAccount {
            subject: Some(&newcomer.subject),
            name: (!name.is_empty()).then_some(name),
            peer,
            ..NewAccount::default()
        });
        let prepared = self.people()?.prepare(self.inner.issuer_id, change).await?;
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(unfit) => return Ok(Err(NewcomerRefused::Unfit(unfit))),
        };
        let proof = proof_by(&newcomer.record, self.now());
        let account = prepared.account;
        let subject = newcomer.subject;
        let mut spends = vec![newcomer.once];
        spends.extend(prepared.spends);
        spends.push(Spend::NewCredential(Box::new(newcomer.record)));
        let mut writes = prepared.writes;
        writes.push(self.happened(&subject, Activity::SignedUp, browser, None));
        if let Committed::TooLate(_) = self.commit(Commit { spends, writes }).await? {
            return Ok(Err(NewcomerRefused::Passkey));
        }
        let proven = Proven {
            account,
            proof,
            must_change: false,
        };
        let answered = self.newcomer_proved(handle, browser, proven).await?;
        Ok(Ok((subject, answered)))
    }
}
