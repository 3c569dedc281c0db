//! Accounts of people for whom another provider vouches.

use std::collections::BTreeMap;

use hallpass_provider::ports::{Account, NewPerson};
use hallpass_store::{Commit, Committed, CredentialRecord, Spend, StoreError, UserRecord};
use hallpass_types::IssuerId;
use serde_json::Value;

use super::change::is_reserved;
use super::name::username_key;
use super::{BuiltinAccounts, account, name};

/// Names that are tried.
const TRIES: usize = 4;

impl BuiltinAccounts {
    /// Makes the account and its identity in one commit: neither exists without the other.
    pub(super) async fn create_for_identity(
        &self,
        issuer: IssuerId,
        person: NewPerson,
    ) -> Result<Option<Account>, StoreError> {
        let store = &self.around.store;
        let mut claims = person.claims;
        claims.retain(|name, _| !is_reserved(name));
        // An address leads to one account. Whoever else has it told was believed too early.
        if let Some(Value::String(email)) = claims.get("email")
            && self.is_address_of_somebody(issuer, email).await?
            && let Some(said) = claims.get_mut("email_verified")
        {
            *said = Value::Bool(false);
        }
        let now = self.around.clock.now();
        let mut wanted = person.username.filter(|wanted| name::check(wanted).is_ok());
        // Whoever types their address means themselves.
        if let Some(name) = &wanted
            && self.is_address_of_somebody(issuer, name).await?
        {
            wanted = None;
        }
        for round in 0..TRIES {
            let username = match &wanted {
                Some(wanted) if round == 0 => wanted.clone(),
                Some(_) | None => self.made_up_name(&person.fallback),
            };
            let subject = self
                .subject()
                .map_err(|_| StoreError::unavailable("no subject"))?;
            let user = UserRecord {
                subject: subject.clone(),
                username_key: username_key(&username),
                username,
                password: None,
                must_change_password: false,
                claims: claims.clone(),
                disconnected: BTreeMap::new(),
                memberships: Vec::new(),
                disabled: false,
                epoch: 0,
                revision: 0,
                created_at: now,
                updated_at: now,
            };
            let credential = CredentialRecord {
                subject,
                id: person.credential,
                data: person.data.clone(),
                lookup: Some(person.lookup),
                name: person.name.clone(),
                created_at: now,
                last_used_at: None,
                revision: 0,
            };
            let commit = Commit {
                spends: vec![
                    Spend::NewUser(Box::new(user.clone())),
                    Spend::NewCredential(Box::new(credential)),
                ],
                writes: Vec::new(),
            };
            match store.commit(issuer, commit).await? {
                Committed::Done => return Ok(Some(account(user))),
                // The name is somebody's.
                Committed::TooLate(0) => {}
                // The same person, in another window, was faster.
                Committed::TooLate(_) => {
                    let held = store.credential_by_lookup(issuer, person.lookup).await?;
                    let Some(held) = held else { continue };
                    let user = store.user(issuer, &held.subject).await?;
                    return Ok(user.filter(|user| !user.disabled).map(account));
                }
            }
        }
        Ok(None)
    }

    fn made_up_name(&self, fallback: &str) -> String {
        let mut random = [0; 8];
        self.around.entropy.fill(&mut random);
        format!("{fallback}-{:016x}", u64::from_be_bytes(random))
    }
}
