//! Passkeys: challenges that nothing is kept of, registration and sign-in.
//!
//! A challenge carries its end and a tag over the browser and the page that it was made for, so that asking for one
//! writes nothing; whoever uses it spends it.

mod aaguid;
mod newcomer;
mod registration;

use hallpass_core::sign_in::{Method, Proof};
use hallpass_jose::{base64url, constant_time_eq};
use hallpass_store::{CredentialData, CredentialRecord, Passkey, Spend};
use hallpass_types::{Bucket, ContentDigest, Key, Once, Subject, Timestamp, sha256};
use hallpass_webauthn::{Assertion, Expected, Rejected, verify_assertion};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Answered, Proven, SignInStep,
    sign_in::{self, SigningIn},
};
use crate::{
    Failure, Provider,
    browser::{Browser, binding_digest},
    ports::Account,
};

pub(crate) use newcomer::proof_by;
pub use newcomer::{NewcomerOffer, NewcomerRefused};

/// Seconds for which a challenge is good.
const CHALLENGE_AGE: i64 = 300;

/// A passkey that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeyRefused {
    /// It cannot be used here, whatever the reason.
    Refused,
    /// It belongs to an account already.
    Taken,
}

/// What a browser answers to a request for an assertion.
#[derive(Deserialize)]
struct AssertionJson {
    id: String,
    response: AssertionResponse,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssertionResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    signature: String,
    #[serde(default)]
    user_handle: Option<String>,
}

/// For what a challenge is.
#[derive(Clone, Copy)]
enum Ceremony {
    Get,
    Create,
}

impl Ceremony {
    const fn word(self) -> &'static [u8] {
        match self {
            Self::Get => b"get.",
            Self::Create => b"make",
        }
    }
}

impl Provider {
    /// The host that passkeys are for; none where the issuer has no name but an address.
    #[must_use]
    pub fn passkey_host(&self) -> Option<String> {
        let url = url::Url::parse(self.inner.policy.issuer.as_str()).ok()?;
        url.domain().map(str::to_owned)
    }

    fn tag(
        &self,
        ceremony: Ceremony,
        bound_to: &str,
        browser: &Browser,
        head: &[u8],
    ) -> Option<[u8; 32]> {
        let binding = binding_digest(browser.binding.as_deref()?);
        let page = sha256(bound_to.as_bytes());
        let parts = [ceremony.word(), &page, &binding, head];
        Some(self.inner.secrets.challenge_tag(&parts))
    }

    fn challenge(&self, ceremony: Ceremony, bound_to: &str, browser: &Browser) -> Option<Vec<u8>> {
        let mut challenge = self.now().plus(CHALLENGE_AGE).0.to_be_bytes().to_vec();
        challenge.extend_from_slice(&self.random::<16>());
        let tag = self.tag(ceremony, bound_to, browser, &challenge)?;
        challenge.extend_from_slice(&tag);
        Some(challenge)
    }

    /// The challenge that a browser says it answered, if it is ours, for this page and browser, and not too old; and what
    /// uses it up.
    fn answered(
        &self,
        ceremony: Ceremony,
        bound_to: &str,
        browser: &Browser,
        client_data: &[u8],
    ) -> Option<(Vec<u8>, Spend)> {
        let said: Value = serde_json::from_slice(client_data).ok()?;
        let challenge = base64url::decode(said.get("challenge")?.as_str()?)?;
        let (head, tag) = challenge.split_at_checked(24)?;
        let expected = self.tag(ceremony, bound_to, browser, head)?;
        let ends = Timestamp(i64::from_be_bytes(*head.first_chunk::<8>()?));
        if !constant_time_eq(tag, &expected) || ends.is_over(self.now()) {
            return None;
        }
        let key: Key<Once> = Key::from_parts(Bucket::holding(ends), sha256(&challenge));
        Some((challenge, Spend::Once(key)))
    }

    /// What the sign-in page asks an authenticator for, as JSON; none where the step takes no passkey.
    pub(crate) fn passkey_request(
        &self,
        handle: &str,
        browser: &Browser,
        step: &SignInStep,
        keys: &[CredentialRecord],
    ) -> Option<String> {
        let (methods, known) = match step {
            SignInStep::First(methods) => (methods, false),
            SignInStep::Second(methods) => (methods, true),
            SignInStep::Enrol | SignInStep::NewPassword => return None,
        };
        if !methods.contains(&Method::Passkey) {
            return None;
        }
        // Before anything is proved no key is named: that would tell who has any.
        let allow = if known { described(keys) } else { Vec::new() };
        let request = json!({
            "challenge": base64url::encode(self.challenge(Ceremony::Get, handle, browser)?),
            "rpId": self.passkey_host()?,
            "allowCredentials": allow,
            "userVerification": "required",
            "timeout": CHALLENGE_AGE.saturating_mul(1000),
        });
        Some(request.to_string())
    }

    /// A passkey answered on the sign-in page.
    ///
    /// # Errors
    /// The handle is not valid in this browser, or the store fails.
    pub async fn passkey_given(
        &self,
        handle: &str,
        browser: &Browser,
        given: &str,
    ) -> Result<Result<(Subject, Answered), PasskeyRefused>, Failure> {
        let signing_in = self.open_sign_in(handle, browser).await?;
        let asked = match signing_in.step(self)? {
            Some(SignInStep::First(methods) | SignInStep::Second(methods)) => {
                methods.contains(&Method::Passkey)
            }
            Some(SignInStep::Enrol | SignInStep::NewPassword) => false,
            None => {
                let rules = &self.inner.policy.sign_in;
                let methods = rules.methods_for(Some(signing_in.client()));
                methods.contains(&Method::Passkey)
            }
        };
        let refused = Ok(Err(PasskeyRefused::Refused));
        if !asked {
            return refused;
        }
        let Some((account, record, spends)) =
            self.asserted(&signing_in, handle, browser, given).await?
        else {
            return refused;
        };
        let subject = account.subject.clone();
        let proven = Proven {
            account,
            proof: Proof::passkey(record.backup_eligible, self.now()),
            must_change: false,
        };
        let answered = self
            .advance(signing_in, browser, proven, (spends, Vec::new()))
            .await?;
        Ok(answered
            .map(|answered| (subject, answered))
            .ok_or(PasskeyRefused::Refused))
    }

    /// Whose key it was, if all is right, and what its use changes.
    async fn asserted(
        &self,
        signing_in: &SigningIn,
        handle: &str,
        browser: &Browser,
        given: &str,
    ) -> Result<Option<(Account, Box<Passkey>, Vec<Spend>)>, Failure> {
        let inner = &self.inner;
        let Some(parts) = Parts::of(given) else {
            return Ok(None);
        };
        let answered = self.answered(Ceremony::Get, handle, browser, &parts.client_data);
        let (Some((challenge, once)), Some(rp_id)) = (answered, self.passkey_host()) else {
            return Ok(None);
        };
        let lookup = lookup(&parts.id);
        let found = inner
            .store
            .credential_by_lookup(inner.issuer_id, lookup)
            .await?;
        let Some(record) = found else { return Ok(None) };
        let CredentialData::Passkey(key) = &record.data else {
            return Ok(None);
        };
        let mine = inner.secrets.user_handle(&record.subject);
        //= WEBAUTHN#7.2 MUST: the user handle, where there is one, is that of the key's owner
        let is_theirs = match &parts.user_handle {
            Some(handle) => constant_time_eq(handle, &mine),
            None => signing_in.account.is_some(),
        };
        let same = |account: &Account| account.subject == record.subject;
        if !is_theirs || key.cloned_at.is_some() || !signing_in.account.as_ref().is_none_or(same) {
            return Ok(None);
        }
        let account = inner.accounts.account(inner.issuer_id, &record.subject);
        let Some(account) = account.await? else {
            return Ok(None);
        };
        let assertion = Assertion {
            client_data: &parts.client_data,
            authenticator_data: &parts.authenticator_data,
            signature: &parts.signature,
            public_key: &key.public_key,
            algorithm: key.algorithm,
            counter: key.counter,
            backup_eligible: key.backup_eligible,
        };
        let expected = Expected {
            challenge: &challenge,
            origin: inner.policy.issuer.origin(),
            rp_id: &rp_id,
        };
        let now = self.now();
        let (next, opens) = match verify_assertion(&assertion, &expected) {
            Ok(asserted) => {
                let next = Passkey {
                    counter: asserted.counter,
                    backed_up: asserted.backed_up,
                    ..(**key).clone()
                };
                (next, true)
            }
            Err(Rejected::Counter) => {
                tracing::warn!(
                    user.subject = %record.subject,
                    "a passkey counted backwards: there may be two of it, and it is blocked"
                );
                let next = Passkey {
                    cloned_at: Some(now),
                    ..(**key).clone()
                };
                (next, false)
            }
            Err(reason) => {
                tracing::info!(reason = %reason, "a passkey was refused");
                return Ok(None);
            }
        };
        let key = Box::new(next.clone());
        let data = CredentialData::Passkey(Box::new(next));
        let spends = vec![once, sign_in::used(record, data, now)];
        if opens {
            return Ok(Some((account, key, spends)));
        }
        self.spent(spends).await?;
        Ok(None)
    }
}

/// The parts of an assertion, decoded.
struct Parts {
    id: Vec<u8>,
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
    user_handle: Option<Vec<u8>>,
}

impl Parts {
    fn of(given: &str) -> Option<Self> {
        let AssertionJson { id, response } = serde_json::from_str(given).ok()?;
        let user_handle = match response.user_handle.filter(|handle| !handle.is_empty()) {
            Some(handle) => Some(base64url::decode(handle)?),
            None => None,
        };
        Some(Self {
            id: base64url::decode(id)?,
            client_data: base64url::decode(response.client_data)?,
            authenticator_data: base64url::decode(response.authenticator_data)?,
            signature: base64url::decode(response.signature)?,
            user_handle,
        })
    }
}

/// Under which a key is found.
fn lookup(credential_id: &[u8]) -> ContentDigest {
    ContentDigest(sha256(&[b"passkey\0", credential_id].concat()))
}

/// Keys as browsers want them described.
fn described(records: &[CredentialRecord]) -> Vec<Value> {
    records
        .iter()
        .filter_map(|record| {
            let CredentialData::Passkey(key) = &record.data else {
                return None;
            };
            Some(json!({
                "type": "public-key",
                "id": base64url::encode(&key.credential_id),
                "transports": key.transports,
            }))
        })
        .collect()
}
