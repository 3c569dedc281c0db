//! What operators change about accounts, made ready to be committed together with the line that says so.

use hallpass_core::access::takes_away;
use hallpass_provider::ports::{ByOperator, Prepared, Unfit};
use hallpass_store::{CredentialData, Spend, StoreError, UserRecord};
use hallpass_types::{IssuerId, Subject};
use serde_json::{Map, Value};

use super::{
    AccountError, BuiltinAccounts, account,
    change::{COMMANDS, is_reserved, known_by, known_of},
    name::{self, username_key},
};

type Found<T> = Result<T, StoreError>;

impl BuiltinAccounts {
    pub(super) async fn prepare_by_operator(
        &self,
        issuer: IssuerId,
        change: ByOperator<'_>,
    ) -> Found<Result<Prepared, Unfit>> {
        match change {
            ByOperator::New {
                username,
                password,
                must_change,
                claims,
            } => {
                let hash = match password {
                    Some(password) => {
                        let about = known_by(username, claims);
                        match self.chosen(password, COMMANDS, &about).await? {
                            Ok(hash) => Some(hash),
                            Err(unfit) => return Ok(Err(unfit)),
                        }
                    }
                    None => None,
                };
                self.prepare_account(username, hash, must_change, claims)
            }
            ByOperator::Password {
                subject,
                password,
                must_change,
            } => {
                let user = self.around.store.user(issuer, subject).await?;
                let about = user.as_ref().map(known_of).unwrap_or_default();
                let hash = match self.chosen(password, COMMANDS, &about).await? {
                    Ok(hash) => hash,
                    Err(unfit) => return Ok(Err(unfit)),
                };
                self.prepared(issuer, subject, |user| {
                    user.password = Some(hash);
                    user.must_change_password = must_change;
                    user.epoch = user.epoch.saturating_add(1);
                    Ok(())
                })
                .await
            }
            ByOperator::MustChange(subject) => {
                self.prepared(issuer, subject, |user| {
                    user.must_change_password = true;
                    Ok(())
                })
                .await
            }
            ByOperator::Disabled(subject, disabled) => {
                self.prepared(issuer, subject, |user| {
                    if disabled && !user.disabled {
                        user.epoch = user.epoch.saturating_add(1);
                    }
                    user.disabled = disabled;
                    Ok(())
                })
                .await
            }
            ByOperator::EndAll(subject) => {
                self.prepared(issuer, subject, |user| {
                    user.epoch = user.epoch.saturating_add(1);
                    Ok(())
                })
                .await
            }
            ByOperator::Profile {
                subject,
                username,
                claims,
            } => {
                self.prepare_profile(issuer, subject, username, claims)
                    .await
            }
            ByOperator::Memberships(subject, memberships) => {
                self.prepared(issuer, subject, |user| {
                    if takes_away(&user.memberships, memberships) {
                        user.epoch = user.epoch.saturating_add(1);
                    }
                    user.memberships = memberships.to_vec();
                    Ok(())
                })
                .await
            }
            ByOperator::Delete(subject) => self.prepare_end(issuer, subject).await,
        }
    }

    fn prepare_account(
        &self,
        username: &str,
        password: Option<String>,
        must_change: bool,
        claims: &Map<String, Value>,
    ) -> Found<Result<Prepared, Unfit>> {
        if name::check(username).is_err() {
            return Ok(Err(Unfit::Name));
        }
        if claims.keys().any(|name| is_reserved(name)) {
            return Ok(Err(Unfit::Claim));
        }
        let now = self.around.clock.now();
        let subject = match self.subject() {
            Ok(subject) => subject,
            Err(AccountError::Store(error)) => return Err(error),
            Err(_) => return Err(StoreError::unavailable("no subject")),
        };
        let user = UserRecord {
            subject,
            username_key: username_key(username),
            username: username.to_owned(),
            must_change_password: must_change && password.is_some(),
            password,
            claims: claims.clone(),
            disconnected: std::collections::BTreeMap::new(),
            memberships: Vec::new(),
            disabled: false,
            epoch: 0,
            revision: 0,
            created_at: now,
            updated_at: now,
        };
        let address = self.address_of(&user);
        let mut spends = vec![Spend::NewUser(Box::new(user.clone()))];
        spends.extend(address.map(|c| Spend::NewCredential(Box::new(c))));
        Ok(Ok(Prepared {
            account: account(user),
            spends,
            writes: Vec::new(),
        }))
    }

    /// An address follows the claims that tell it, as far as it is said to be verified.
    async fn prepare_profile(
        &self,
        issuer: IssuerId,
        subject: &Subject,
        username: Option<&str>,
        claims: &Map<String, Value>,
    ) -> Found<Result<Prepared, Unfit>> {
        if username.is_some_and(|name| name::check(name).is_err()) {
            return Ok(Err(Unfit::Name));
        }
        if claims.keys().any(|name| is_reserved(name)) {
            return Ok(Err(Unfit::Claim));
        }
        let prepared = self
            .prepared(issuer, subject, |user| {
                if let Some(username) = username {
                    user.username = username.to_owned();
                    user.username_key = username_key(username);
                }
                let before = user.claims.clone();
                for (name, value) in claims {
                    if value.is_null() {
                        user.claims.remove(name);
                    } else {
                        user.claims.insert(name.clone(), value.clone());
                    }
                }
                for (told, proved) in PROOFS {
                    if !claims.contains_key(*proved) {
                        unproved(&mut user.claims, &before, told, proved);
                    }
                }
                Ok(())
            })
            .await?;
        let mut prepared = match prepared {
            Ok(prepared) => prepared,
            Err(unfit) => return Ok(Err(unfit)),
        };
        if !claims.contains_key("email") && !claims.contains_key("email_verified") {
            return Ok(Ok(prepared));
        }
        let Some(Spend::User { record, .. }) = prepared.spends.first() else {
            return Ok(Ok(prepared));
        };
        let address = self.address_of(record);
        let mut kept = false;
        for old in self.around.store.credentials(issuer, subject).await? {
            if !matches!(old.data, CredentialData::Email(_)) {
                continue;
            }
            if address.as_ref().is_some_and(|a| a.lookup == old.lookup) {
                kept = true;
                continue;
            }
            prepared.spends.push(Spend::Credential {
                subject: subject.clone(),
                id: old.id,
                revision: old.revision,
                next: None,
            });
        }
        let added = address.filter(|_| !kept);
        prepared
            .spends
            .extend(added.map(|c| Spend::NewCredential(Box::new(c))));
        Ok(Ok(prepared))
    }

    /// As it is read, changed and to be written back, whether it is disabled or not.
    async fn prepared(
        &self,
        issuer: IssuerId,
        subject: &Subject,
        change: impl FnOnce(&mut UserRecord) -> Result<(), Unfit>,
    ) -> Found<Result<Prepared, Unfit>> {
        let Some(mut user) = self.around.store.user(issuer, subject).await? else {
            return Ok(Err(Unfit::Unknown));
        };
        let revision = user.revision;
        if let Err(unfit) = change(&mut user) {
            return Ok(Err(unfit));
        }
        user.revision = revision.saturating_add(1);
        user.updated_at = self.around.clock.now();
        let record = Box::new(user.clone());
        Ok(Ok(Prepared {
            account: account(user),
            spends: vec![Spend::User { revision, record }],
            writes: Vec::new(),
        }))
    }
}

/// What was proved is proved of what it was then: of another value it says nothing, unless the operator says so in the same change.
//= OIDC-CORE#5.1 MUST: email_verified and phone_number_verified are true of what was proved alone
fn unproved(
    claims: &mut Map<String, Value>,
    before: &Map<String, Value>,
    told: &str,
    proved: &str,
) {
    let folded = |claims: &Map<String, Value>| {
        let value = claims.get(told)?;
        Some(
            value
                .as_str()
                .map(str::to_lowercase)
                .ok_or_else(|| value.clone()),
        )
    };
    if !claims.contains_key(told) {
        claims.remove(proved);
    } else if folded(claims) != folded(before) && claims.contains_key(proved) {
        claims.insert(proved.to_owned(), Value::Bool(false));
    }
}

/// Claims, and what says that they were proved.
const PROOFS: &[(&str, &str)] = &[
    ("email", "email_verified"),
    ("phone_number", "phone_number_verified"),
];
