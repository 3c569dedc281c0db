//! New passkeys: what an authenticator is asked for, and what it answers.

use hallpass_core::record::Activity;
use hallpass_jose::base64url;
use hallpass_store::{CredentialData, CredentialRecord, Passkey, Spend};
use hallpass_types::{CredentialId, Subject};
use hallpass_webauthn::{ALGORITHMS, Expected, Registration, verify_registration};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Visitor;
use super::{CHALLENGE_AGE, Ceremony, PasskeyRefused, aaguid, described, lookup, proof_by};
use crate::{
    Failure, Provider,
    browser::{Browser, SetCookies},
    ports::Account,
};

/// Passkeys of one person.
const MOST: usize = 50;

/// What a browser answers to a request for a new key.
#[derive(Deserialize)]
struct RegistrationJson {
    response: RegistrationResponse,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

/// For whom a key is made, and on which page.
pub(super) struct Asked<'a> {
    pub(super) subject: &'a Subject,
    /// What authenticators call the account.
    pub(super) name: &'a str,
    /// What they call the service.
    pub(super) service: &'a str,
    /// The page or session that it is for.
    pub(super) bound_to: &'a str,
    /// What the person has.
    pub(super) held: &'a [CredentialRecord],
}

impl Provider {
    /// What is asked of an authenticator for a new passkey, as JSON; none where the issuer or the browser can have none.
    pub(super) fn creation_options(&self, asked: &Asked<'_>, browser: &Browser) -> Option<String> {
        let challenge = self.challenge(Ceremony::Create, asked.bound_to, browser)?;
        let host = self.passkey_host()?;
        let algorithms: Vec<Value> = ALGORITHMS
            .iter()
            .map(|alg| json!({"type": "public-key", "alg": alg}))
            .collect();
        let offer = json!({
            "challenge": base64url::encode(challenge),
            "rp": {"id": host, "name": asked.service},
            "user": {
                "id": base64url::encode(self.inner.secrets.user_handle(asked.subject)),
                "name": asked.name,
                "displayName": asked.name,
            },
            "pubKeyCredParams": algorithms,
            "excludeCredentials": described(asked.held),
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": true,
                "userVerification": "required",
            },
            "attestation": "none",
            "timeout": CHALLENGE_AGE.saturating_mul(1000),
        });
        Some(offer.to_string())
    }

    /// The key that an authenticator made for this person on this page, and what uses its challenge up; none where anything
    /// is wrong with it.
    pub(super) fn created(
        &self,
        subject: &Subject,
        bound_to: &str,
        browser: &Browser,
        given: &str,
    ) -> Option<(CredentialRecord, Spend)> {
        let parsed: RegistrationJson = serde_json::from_str(given).ok()?;
        let response = parsed.response;
        let client_data = base64url::decode(&response.client_data)?;
        let attestation = base64url::decode(&response.attestation_object)?;
        let (challenge, once) = self.answered(Ceremony::Create, bound_to, browser, &client_data)?;
        let expected = Expected {
            challenge: &challenge,
            origin: self.inner.policy.issuer.origin(),
            rp_id: &self.passkey_host()?,
        };
        let registration = Registration {
            client_data: &client_data,
            attestation: &attestation,
        };
        let registered = verify_registration(&registration, &expected)
            .inspect_err(|reason| tracing::info!(reason = %reason, "a passkey was not registered"))
            .ok()?;
        let kind = aaguid::name(&registered.aaguid).unwrap_or("Passkey");
        self.inner.tallies.count("passkey", kind);
        let record = CredentialRecord {
            subject: subject.clone(),
            id: CredentialId(self.random()),
            lookup: Some(lookup(&registered.credential_id)),
            name: kind.to_owned(),
            data: CredentialData::Passkey(Box::new(Passkey {
                credential_id: registered.credential_id,
                public_key: registered.public_key,
                algorithm: registered.algorithm,
                counter: registered.counter,
                aaguid: registered.aaguid,
                transports: known_transports(response.transports),
                backup_eligible: registered.backup_eligible,
                backed_up: registered.backed_up,
                cloned_at: None,
            })),
            created_at: self.now(),
            last_used_at: None,
            revision: 0,
        };
        Some((record, once))
    }

    /// What is asked of an authenticator for a new passkey of somebody who has an account, as JSON. `bound_to` is the page or
    /// session that it is for.
    ///
    /// # Errors
    /// The store fails.
    pub async fn passkey_offer(
        &self,
        account: &Account,
        bound_to: &str,
        service: &str,
        browser: &Browser,
    ) -> Result<Option<String>, Failure> {
        let held = self.credentials_of(&account.subject).await?;
        let asked = Asked {
            subject: &account.subject,
            name: &account.display_name,
            service,
            bound_to,
            held: &held,
        };
        Ok(self.creation_options(&asked, browser))
    }

    /// The passkey of somebody who has an account, ready to be committed.
    pub(crate) async fn new_passkey(
        &self,
        account: &Account,
        bound_to: &str,
        browser: &Browser,
        given: &str,
    ) -> Result<Option<(CredentialRecord, Spend)>, Failure> {
        let created = self.created(&account.subject, bound_to, browser, given);
        let held = self.credentials_of(&account.subject).await?;
        Ok(created.filter(|_| held.len() < MOST))
    }

    /// Registers a passkey of a person who is signed in. The session goes on as one in which it was shown, under a new name:
    /// its authenticator verified the person.
    ///
    /// # Errors
    /// The person owes something first ([`Provider::visit_to_change`]), or the store fails.
    pub async fn add_passkey(
        &self,
        visitor: &Visitor,
        browser: &Browser,
        given: &str,
    ) -> Result<Result<(CredentialId, SetCookies), PasskeyRefused>, Failure> {
        self.may_change(&visitor.signed_in).await?;
        let (account, bound_to) = (visitor.account(), visitor.session_name());
        let created = self.new_passkey(account, bound_to, browser, given).await?;
        let Some((record, once)) = created else {
            return Ok(Err(PasskeyRefused::Refused));
        };
        let id = record.id;
        let proof = proof_by(&record, self.now());
        let spends = vec![once, Spend::NewCredential(Box::new(record))];
        let added = Activity::PasskeyAdded;
        let writes = self.ways_changed(&account.subject, added, browser).await?;
        //= WEBAUTHN#7.1 MUST: the identifier of a key is not registered for anybody yet
        let proceeds = (spends, writes);
        let done = self.session_with(visitor, browser, proof, proceeds).await?;
        Ok(done
            .map(|cookies| (id, cookies))
            .ok_or(PasskeyRefused::Taken))
    }
}

/// Words that are known: they go back to browsers.
fn known_transports(mut said: Vec<String>) -> Vec<String> {
    const KNOWN: &[&str] = &["usb", "nfc", "ble", "smart-card", "hybrid", "internal"];
    said.retain(|word| KNOWN.contains(&word.as_str()));
    said.sort();
    said.dedup();
    said
}
