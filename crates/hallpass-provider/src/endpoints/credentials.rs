//! Looking after one's credentials: setting up, naming and removing. Whoever calls these made sure that the person proved
//! lately who they are ([`Provider::visit_to_change`]), or is in the middle of proving it.

use hallpass_core::{
    record::Activity,
    sign_in::{Method, Proof, recovery, totp},
};
use hallpass_store::{
    Commit, Committed, CredentialData, CredentialRecord, RecoveryCodes, Spend, StoreError, Totp,
    Write, attempts::Counted,
};
use hallpass_types::{CredentialId, Key, Secret, Session, Subject, Timestamp, sha256};
use serde::{Deserialize, Serialize};

use super::{Answered, CodeRefused, Proven, SignInStep, Visitor, interaction::Beginning};
use crate::{
    Failure, Provider,
    browser::{Browser, Reason as BrowserReason, SetCookies},
    ports::Account,
};

/// Characters of a credential's name.
const MAX_NAME: usize = 60;
/// So long an offered secret can be confirmed.
const OFFER_AGE: i64 = 900;

/// What came of taking a credential away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Done,
    /// There was none.
    Unknown,
    /// It is the only way by which the person gets in; it stays.
    LastWay,
}

/// An authenticator app that is about to be set up.
#[derive(Clone, Debug)]
pub struct TotpOffer {
    /// Its secret as people type it, in groups of four.
    pub secret: String,
    /// What the QR code holds.
    pub uri: String,
    /// The secret, sealed; comes back with the first code.
    pub sealed: String,
}

/// What is sealed into an offer.
#[derive(Serialize, Deserialize)]
struct SealedOffer {
    #[serde(rename = "s")]
    subject: Subject,
    #[serde(rename = "k")]
    secret: [u8; totp::SECRET_LEN],
    /// Digest of the page or session that it was made for.
    #[serde(rename = "b")]
    bound_to: [u8; 32],
    #[serde(rename = "n")]
    service: String,
    #[serde(rename = "e")]
    expires_at: Timestamp,
}

impl Provider {
    /// Offers a fresh secret. It is written nowhere before its first code comes back; `bound_to` is the page or session that
    /// it is for.
    ///
    /// # Errors
    /// It cannot be sealed.
    pub fn offer_totp(
        &self,
        account: &Account,
        bound_to: &str,
        service: &str,
    ) -> Result<TotpOffer, Failure> {
        let offer = SealedOffer {
            subject: account.subject.clone(),
            secret: self.random(),
            bound_to: sha256(bound_to.as_bytes()),
            service: service.to_owned(),
            expires_at: self.now().plus(OFFER_AGE),
        };
        let plain = serde_json::to_vec(&offer).map_err(|e| Failure::Internal(e.to_string()))?;
        let sealed = self.inner.secrets.seal_browser("totp", &plain);
        Ok(shown(&offer, account, sealed))
    }

    /// The offer that a form brought back, to show it again after a wrong code; none when it is not this person's any more.
    #[must_use]
    pub fn totp_offered(
        &self,
        account: &Account,
        bound_to: &str,
        sealed: &str,
    ) -> Option<TotpOffer> {
        let offer = self.open_offer(&account.subject, bound_to, sealed)?;
        Some(shown(&offer, account, sealed.to_owned()))
    }

    fn open_offer(&self, subject: &Subject, bound_to: &str, sealed: &str) -> Option<SealedOffer> {
        let plain = self.inner.secrets.open_browser("totp", sealed)?;
        let offer: SealedOffer = serde_json::from_slice(&plain).ok()?;
        let stands = offer.subject == *subject
            && offer.bound_to == sha256(bound_to.as_bytes())
            && !offer.expires_at.is_over(self.now());
        stands.then_some(offer)
    }

    /// What sets the app up, once it showed a right code; none for a wrong one, or an offer that is over. Counted before it
    /// is looked at.
    async fn totp_spend(
        &self,
        subject: &Subject,
        bound_to: &str,
        sealed: &str,
        code: &str,
    ) -> Result<Result<(Spend, Option<Counted>), CodeRefused>, StoreError> {
        let counted = match self.count_code(subject).await? {
            Ok(counted) => counted,
            Err(retry_after) => return Ok(Err(CodeRefused::Throttled { retry_after })),
        };
        let now = self.now();
        let Some(offer) = self.open_offer(subject, bound_to, sealed) else {
            return Ok(Err(CodeRefused::Wrong));
        };
        let Some(step) = totp::matching_step(&offer.secret, code, None, now) else {
            return Ok(Err(CodeRefused::Wrong));
        };
        let id = only("totp");
        let data = CredentialData::Totp(Totp {
            sealed: self.inner.secrets.seal_totp(subject, id, &offer.secret),
            last_step: step,
        });
        let spend = Spend::NewCredential(Box::new(record(subject, id, data, now)));
        Ok(Ok((spend, counted)))
    }

    /// Sets an authenticator app up. There is one per person. The session that shows it goes on as one in which the app was
    /// shown, under a new name.
    ///
    /// # Errors
    /// The person owes something first ([`Provider::visit_to_change`]), or the store fails.
    pub async fn add_totp(
        &self,
        visitor: &Visitor,
        (sealed, code): (&str, &str),
        browser: &Browser,
    ) -> Result<Result<SetCookies, CodeRefused>, Failure> {
        if !self.inner.policy.sign_in.goes_on_with(Method::Totp) {
            return Err(super::mailed::Reason::NotOffered.into());
        }
        self.may_change(&visitor.signed_in).await?;
        let account = visitor.account();
        let checked = self.totp_spend(&account.subject, visitor.session_name(), sealed, code);
        let (spend, counted) = match checked.await? {
            Ok(checked) => checked,
            Err(refused) => return Ok(Err(refused)),
        };
        let added = Activity::TotpAdded;
        let writes = self.second_added(&account.subject, added, browser).await?;
        let proof = Proof::new(Method::Totp, self.now());
        let proceeds = (vec![spend], writes);
        let done = self.session_with(visitor, browser, proof, proceeds).await?;
        if done.is_some() {
            self.give_back_code(&account.subject, counted).await;
        }
        Ok(done.ok_or(CodeRefused::Wrong))
    }

    /// The session goes on under a new name, with this proof beside those that it has; none when something came too late.
    pub(super) async fn session_with(
        &self,
        visitor: &Visitor,
        browser: &Browser,
        proof: Proof,
        (spends, writes): (Vec<Spend>, Vec<Write>),
    ) -> Result<Option<SetCookies>, Failure> {
        let held = &visitor.signed_in.session;
        let mut beginning = Beginning::of(held.proved());
        beginning.proofs.retain(|one| one.method != proof.method);
        beginning.proofs.push(proof);
        beginning.fleeting = held.fleeting;
        // Who ended the session meanwhile ended this, too.
        beginning.spends = vec![Spend::Session(visitor.signed_in.key)];
        beginning.spends.extend(spends);
        beginning.writes = writes;
        let begun = self
            .begin_session(browser, visitor.account(), beginning)
            .await?;
        Ok(begun.map(|(session, lifetime, _)| SetCookies {
            state: self.browser_state(&session.key(), lifetime),
            session: Some((session, lifetime)),
            fleeting: held.fleeting,
            ..SetCookies::default()
        }))
    }

    /// Commits what somebody wants to have changed in their session, which has to be there at that moment: whoever ends it keeps out
    /// what was sent in it just before. Whether it was in time.
    ///
    /// # Errors
    /// The session has ended, or the store fails.
    pub(super) async fn changed_in(
        &self,
        session: Key<Session>,
        changes: Vec<Spend>,
        writes: Vec<Write>,
    ) -> Result<bool, Failure> {
        let mut spends = vec![Spend::Session(session)];
        spends.extend(changes);
        match self.commit(Commit { spends, writes }).await? {
            Committed::Done => Ok(true),
            Committed::TooLate(0) => Err(BrowserReason::NotSignedIn.into()),
            Committed::TooLate(_) => Ok(false),
        }
    }

    /// What is written beside a second factor that is set up. Where the person signed in with less before, that is over; here
    /// they have just shown both.
    pub(super) async fn second_added(
        &self,
        subject: &Subject,
        added: Activity,
        browser: &Browser,
    ) -> Result<Vec<Write>, Failure> {
        let mut writes = self.ways_changed(subject, added, browser).await?;
        writes.extend(self.end_sessions(self.other_sessions(subject, browser).await?));
        Ok(writes)
    }

    /// Sets an authenticator app up in the middle of a sign-in that demands one, and goes on.
    ///
    /// # Errors
    /// The handle is not valid in this browser, the page does not ask for it, or the store fails.
    pub async fn totp_enrolled(
        &self,
        handle: &str,
        browser: &Browser,
        sealed: &str,
        code: &str,
    ) -> Result<Result<Answered, CodeRefused>, Failure> {
        let mut signing_in = self.open_sign_in(handle, browser).await?;
        let asked = signing_in.step(self)? == Some(SignInStep::Enrol);
        let Some(account) = signing_in.account.clone().filter(|_| asked) else {
            return Err(BrowserReason::StateUnknown.into());
        };
        let checked = self.totp_spend(&account.subject, handle, sealed, code);
        let (spend, counted) = match checked.await? {
            Ok(checked) => checked,
            Err(refused) => return Ok(Err(refused)),
        };
        let subject = account.subject.clone();
        let proven = Proven {
            account,
            proof: Proof::new(Method::Totp, self.now()),
            must_change: false,
        };
        signing_in.enrolled.totp = true;
        let added = Activity::TotpAdded;
        let writes = self.second_added(&subject, added, browser).await?;
        match self
            .advance(signing_in, browser, proven, (vec![spend], writes))
            .await?
        {
            Some(answered) => {
                self.give_back_code(&subject, counted).await;
                Ok(Ok(answered))
            }
            None => Ok(Err(CodeRefused::Wrong)),
        }
    }

    /// Makes a new set of recovery codes, which takes the place of an older one. They are answered here and never again.
    ///
    /// # Errors
    /// The person owes something first ([`Provider::visit_to_change`]), or the store fails.
    pub async fn new_recovery_codes(
        &self,
        visitor: &Visitor,
        browser: &Browser,
    ) -> Result<Vec<Secret>, Failure> {
        self.may_change(&visitor.signed_in).await?;
        let now = self.now();
        let subject = &visitor.account().subject;
        let id = only("recovery-codes");
        for _ in 0..ROUNDS {
            let codes: Vec<String> = (0..recovery::CODES)
                .map(|_| recovery::shown(self.random()))
                .collect();
            let left = codes
                .iter()
                .filter_map(|code| recovery::canonical(code))
                .map(|code| self.inner.secrets.recovery_digest(subject, &code))
                .collect();
            let data = CredentialData::RecoveryCodes(RecoveryCodes {
                left,
                of: u32::try_from(recovery::CODES).unwrap_or_default(),
            });
            let fresh = record(subject, id, data, now);
            let held = self.credentials_of(subject).await?;
            let spend = match held.iter().find(|held| held.id == id) {
                None => Spend::NewCredential(Box::new(fresh)),
                Some(held) => Spend::Credential {
                    subject: subject.clone(),
                    id,
                    revision: held.revision,
                    next: Some(Box::new(CredentialRecord {
                        revision: held.revision.saturating_add(1),
                        ..fresh
                    })),
                },
            };
            let made = Activity::RecoveryCodesMade;
            let writes = self.ways_changed(subject, made, browser).await?;
            let session = visitor.signed_in.key;
            if self.changed_in(session, vec![spend], writes).await? {
                return Ok(codes.into_iter().map(Secret::new).collect());
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }

    /// A person's credentials.
    ///
    /// # Errors
    /// The store fails.
    pub async fn credentials(
        &self,
        subject: &Subject,
    ) -> Result<Vec<CredentialRecord>, StoreError> {
        let mut records = self.credentials_of(subject).await?;
        records.sort_by_key(|record| (record.created_at, record.id));
        Ok(records)
    }

    /// Removes a passkey or an authenticator app, unless the person could not sign in any more then. Everything else is removed where
    /// more goes with it, such as claims that tell it ([`Self::remove_phone`], [`Self::unlink_upstream`]), or not at all.
    ///
    /// # Errors
    /// The person owes something first ([`Provider::visit_to_change`]), or the store fails.
    pub async fn remove_credential(
        &self,
        visitor: &Visitor,
        id: CredentialId,
        browser: &Browser,
    ) -> Result<Removed, Failure> {
        self.may_change(&visitor.signed_in).await?;
        let subject = &visitor.account().subject;
        for _ in 0..ROUNDS {
            let records = self.credentials_of(subject).await?;
            let Some(held) = records.iter().find(|record| record.id == id) else {
                return Ok(Removed::Unknown);
            };
            let what = match &held.data {
                CredentialData::Totp(_) => Activity::TotpRemoved,
                CredentialData::Passkey(_) => Activity::PasskeyRemoved,
                CredentialData::RecoveryCodes(_)
                | CredentialData::Email(_)
                | CredentialData::Upstream(_)
                | CredentialData::Phone(_)
                | CredentialData::Unknown(_)
                | _ => return Ok(Removed::Unknown),
            };
            let Some(spends) = self.removal(held, &records).await? else {
                return Ok(Removed::LastWay);
            };
            let writes = self.ways_changed(subject, what, browser).await?;
            let session = visitor.signed_in.key;
            if self.changed_in(session, spends, writes).await? {
                return Ok(Removed::Done);
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }

    /// What takes a credential away; none where it is the last way to sign in. The one that remains must still be there
    /// then, so that two that are taken away at once do not go both.
    pub(crate) async fn removal(
        &self,
        gone: &CredentialRecord,
        all: &[CredentialRecord],
    ) -> Result<Option<Vec<Spend>>, StoreError> {
        let change = |record: &CredentialRecord, next| Spend::Credential {
            subject: record.subject.clone(),
            id: record.id,
            revision: record.revision,
            next,
        };
        let mut spends = vec![change(gone, None)];
        if !self.opens(gone) {
            return Ok(Some(spends));
        }
        let inner = &self.inner;
        let password = inner.policy.sign_in.begins_with(Method::Password)
            && inner
                .accounts
                .has_password(inner.issuer_id, &gone.subject)
                .await?;
        if password {
            return Ok(Some(spends));
        }
        let other = all
            .iter()
            .find(|other| other.id != gone.id && self.opens(other));
        let Some(other) = other else { return Ok(None) };
        let kept = CredentialRecord {
            revision: other.revision.saturating_add(1),
            ..other.clone()
        };
        spends.push(change(other, Some(Box::new(kept))));
        Ok(Some(spends))
    }

    /// Whether somebody can get into their account by this alone.
    fn opens(&self, record: &CredentialRecord) -> bool {
        let policy = &self.inner.policy;
        let begins = |method| policy.sign_in.begins_with(method);
        match &record.data {
            CredentialData::Passkey(key) => key.cloned_at.is_none() && begins(Method::Passkey),
            CredentialData::Upstream(identity) => {
                let mut known = policy.upstreams.iter();
                begins(Method::Upstream) && known.any(|other| other.id == identity.provider)
            }
            CredentialData::Email(email) => {
                let by_mail = begins(Method::EmailCode) || begins(Method::MagicLink);
                email.verified_at.is_some() && (by_mail || policy.people.recovery)
            }
            CredentialData::RecoveryCodes(codes) => {
                begins(Method::RecoveryCode) && !codes.left.is_empty()
            }
            CredentialData::Totp(_) | _ => false,
        }
    }

    /// Gives a passkey another name; whether there is one. Names are cut at a sensible length.
    ///
    /// # Errors
    /// The store fails.
    pub async fn rename_credential(
        &self,
        visitor: &Visitor,
        id: CredentialId,
        name: &str,
        browser: &Browser,
    ) -> Result<bool, Failure> {
        let subject = &visitor.account().subject;
        let name: String = name
            .trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_NAME)
            .collect();
        for _ in 0..ROUNDS {
            let records = self.credentials_of(subject).await?;
            let is_it = |record: &&CredentialRecord| {
                record.id == id && matches!(record.data, CredentialData::Passkey(_))
            };
            let Some(held) = records.iter().find(is_it) else {
                return Ok(false);
            };
            let next = CredentialRecord {
                name: name.clone(),
                revision: held.revision.saturating_add(1),
                ..held.clone()
            };
            let spend = Spend::Credential {
                subject: subject.clone(),
                id,
                revision: held.revision,
                next: Some(Box::new(next)),
            };
            let happened = self.happened(subject, Activity::PasskeyRenamed, browser, None);
            let session = visitor.signed_in.key;
            let renamed = self.changed_in(session, vec![spend], vec![happened]);
            if renamed.await? {
                return Ok(true);
            }
        }
        Err(Failure::Unavailable { retry_after: 1 })
    }
}

/// Tries to write a change when others write at the same time.
const ROUNDS: usize = 5;

impl Provider {
    /// The authenticator app of somebody who comes from another system.
    #[must_use]
    pub fn totp_from_elsewhere(&self, subject: &Subject, secret: &[u8]) -> CredentialRecord {
        let id = only("totp");
        let data = CredentialData::Totp(Totp {
            sealed: self.inner.secrets.seal_totp(subject, id, secret),
            last_step: 0,
        });
        record(subject, id, data, self.now())
    }

    /// The line that says to somebody that their account came from another system.
    #[must_use]
    pub fn arrived(&self, subject: &Subject) -> Write {
        self.happened(subject, Activity::Imported, &Browser::default(), None)
    }
}

/// The identity of what a person has one of.
pub(super) fn only(kind: &str) -> CredentialId {
    let mut id = [0; 16];
    if let Some(half) = sha256(kind.as_bytes()).first_chunk::<16>() {
        id = *half;
    }
    CredentialId(id)
}

pub(super) fn record(
    subject: &Subject,
    id: CredentialId,
    data: CredentialData,
    now: Timestamp,
) -> CredentialRecord {
    CredentialRecord {
        subject: subject.clone(),
        id,
        data,
        lookup: None,
        name: String::new(),
        created_at: now,
        last_used_at: None,
        revision: 0,
    }
}

fn shown(offer: &SealedOffer, account: &Account, sealed: String) -> TotpOffer {
    let mut secret = String::new();
    for (place, c) in totp::base32(&offer.secret).chars().enumerate() {
        if place > 0 && place.is_multiple_of(4) {
            secret.push(' ');
        }
        secret.push(c);
    }
    TotpOffer {
        secret,
        uri: totp::key_uri(&offer.secret, &offer.service, &account.display_name),
        sealed,
    }
}
