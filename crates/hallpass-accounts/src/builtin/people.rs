//! Accounts that people make and change by themselves.
//!
//! An address leads to one account at most: it is a credential of that account, found by a digest that is unique. The
//! claims `email` and `email_verified` follow it.

use hallpass_provider::ports::{
    Account, Change, NewAccount, People, PersonalAccount, Prepared, Unfit,
};
use hallpass_store::{
    BoxFuture, CredentialData, CredentialRecord, Email, Spend, StoreError, UserRecord,
};
use hallpass_types::{CredentialId, EmailAddress, IssuerId, Secret, Subject};
use serde_json::{Map, Value};

use super::{
    AccountError, BuiltinAccounts, account,
    change::{known_of, set},
    name::{self, username_key},
    sign_in::lane,
};
use crate::{
    hash::{HashError, Lane},
    strength::is_guessed,
};

type Found<T> = Result<T, StoreError>;

impl People for BuiltinAccounts {
    fn by_address<'a>(
        &'a self,
        issuer: IssuerId,
        address: &'a EmailAddress,
    ) -> BoxFuture<'a, Found<Option<PersonalAccount>>> {
        Box::pin(async move {
            let user = self.user_of_address(issuer, address).await?;
            let Some(user) = user.filter(|user| !user.disabled) else {
                return Ok(None);
            };
            let person = self.personal(issuer, user).await?;
            let theirs = person.address.as_ref().map(EmailAddress::key) == Some(address.key());
            Ok(Some(person).filter(|p| theirs && p.address_verified))
        })
    }

    fn person<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Found<Option<PersonalAccount>>> {
        Box::pin(async move {
            let user = self.around.store.user(issuer, subject).await?;
            match user.filter(|user| !user.disabled) {
                Some(user) => self.personal(issuer, user).await.map(Some),
                None => Ok(None),
            }
        })
    }

    fn prepare<'a>(
        &'a self,
        issuer: IssuerId,
        change: Change<'a>,
    ) -> BoxFuture<'a, Found<Result<Prepared, Unfit>>> {
        Box::pin(async move {
            match change {
                Change::New(new) => self.prepare_new(issuer, new).await,
                Change::Password {
                    account,
                    password,
                    peer,
                } => {
                    let held = self.around.store.user(issuer, &account.subject).await?;
                    let about = held.as_ref().map(known_of).unwrap_or_default();
                    let hash = match self.chosen(password, lane(peer), &about).await? {
                        Ok(hash) => hash,
                        Err(unfit) => return Ok(Err(unfit)),
                    };
                    self.prepare_change(issuer, account, |user| set(user, hash))
                        .await
                }
                Change::Address(account, address) => {
                    self.prepare_address(issuer, account, address).await
                }
                Change::Claims(account, claims) => {
                    let may = |name: &String| !PROVED.contains(&name.as_str());
                    self.prepare_change(issuer, account, |user| {
                        for (name, value) in claims.iter().filter(|(name, _)| may(name)) {
                            if value.is_null() {
                                user.claims.remove(name);
                            } else {
                                user.claims.insert(name.clone(), value.clone());
                            }
                        }
                    })
                    .await
                }
                Change::Phone(account, number) => {
                    self.prepare_change(issuer, account, |user| match number {
                        Some(number) => {
                            let number = Value::from(number.as_str());
                            user.claims.insert("phone_number".to_owned(), number);
                            let proved = "phone_number_verified".to_owned();
                            user.claims.insert(proved, Value::Bool(true));
                        }
                        None => user
                            .claims
                            .retain(|name, _| !name.starts_with("phone_number")),
                    })
                    .await
                }
                Change::EndAll(account) => {
                    self.prepare_change(issuer, account, |user| {
                        user.epoch = user.epoch.saturating_add(1);
                    })
                    .await
                }
                Change::Disconnect(account, client, at) => {
                    self.prepare_change(issuer, account, |user| {
                        // What was granted longer ago than any grant lasts needs no mention.
                        user.disconnected
                            .retain(|_, since| at.since(*since) < REMEMBERED);
                        user.disconnected.insert(client.clone(), at);
                    })
                    .await
                }
                Change::ByOperator(change) => self.prepare_by_operator(issuer, change).await,
                Change::Delete(gone) => {
                    let prepared = self.prepare_end(issuer, &gone.subject).await?;
                    Ok(prepared.and_then(|prepared| {
                        let is_same = prepared.account.epoch == gone.epoch;
                        is_same.then_some(prepared).ok_or(Unfit::Changed)
                    }))
                }
            }
        })
    }
}

impl BuiltinAccounts {
    /// The account of a name, or of the address that was typed instead of one. Both are looked for whenever both are
    /// possible, so that it takes the same time whether there is one.
    pub(super) async fn by_name_or_address(
        &self,
        issuer: IssuerId,
        key: &str,
    ) -> Found<Option<UserRecord>> {
        let named = self.around.store.user_by_name(issuer, key).await?;
        let Ok(address) = EmailAddress::parse(key) else {
            return Ok(named);
        };
        let lookup = Email::lookup(&address);
        let store = &self.around.store;
        let credential = store.credential_by_lookup(issuer, lookup).await?;
        match (named, credential) {
            (Some(named), _) => Ok(Some(named)),
            (None, Some(credential)) if is_verified(&credential) => {
                store.user(issuer, &credential.subject).await
            }
            (None, _) => Ok(None),
        }
    }

    /// The account of which this is the address, as its person has proved.
    pub(super) async fn by_confirmed_address(
        &self,
        issuer: IssuerId,
        address: &str,
    ) -> Found<Option<UserRecord>> {
        let Ok(address) = EmailAddress::parse(address) else {
            return Ok(None);
        };
        let store = &self.around.store;
        let lookup = Email::lookup(&address);
        match store.credential_by_lookup(issuer, lookup).await? {
            Some(credential) if is_verified(&credential) => {
                store.user(issuer, &credential.subject).await
            }
            Some(_) | None => Ok(None),
        }
    }

    /// Whether a name is also the address of an account.
    pub(super) async fn is_address_of_somebody(&self, issuer: IssuerId, name: &str) -> Found<bool> {
        let Ok(address) = EmailAddress::parse(name) else {
            return Ok(false);
        };
        let lookup = Email::lookup(&address);
        let held = self
            .around
            .store
            .credential_by_lookup(issuer, lookup)
            .await?;
        Ok(held.is_some())
    }

    async fn user_of_address(
        &self,
        issuer: IssuerId,
        address: &EmailAddress,
    ) -> Found<Option<UserRecord>> {
        let store = &self.around.store;
        let credential = store
            .credential_by_lookup(issuer, Email::lookup(address))
            .await?;
        match credential {
            Some(credential) => store.user(issuer, &credential.subject).await,
            // Accounts of before addresses were credentials.
            None => store.user_by_name(issuer, &address.key()).await,
        }
    }

    async fn personal(&self, issuer: IssuerId, user: UserRecord) -> Found<PersonalAccount> {
        let credentials = self.around.store.credentials(issuer, &user.subject).await?;
        let held = credentials.iter().find_map(|credential| {
            let CredentialData::Email(email) = &credential.data else {
                return None;
            };
            let address = EmailAddress::parse(&email.address).ok()?;
            Some((address, email.verified_at.is_some()))
        });
        let told = told_address(&user.claims);
        let (address, address_verified) = match held.or(told) {
            Some((address, verified)) => (Some(address), verified),
            None => (None, false),
        };
        Ok(PersonalAccount {
            username: user.username.clone(),
            address,
            address_verified,
            has_password: user.password.is_some(),
            claims: user.claims.clone(),
            created_at: user.created_at,
            account: account(user),
        })
    }

    async fn prepare_new(
        &self,
        issuer: IssuerId,
        new: NewAccount<'_>,
    ) -> Found<Result<Prepared, Unfit>> {
        let NewAccount {
            subject,
            address,
            unproved,
            password,
            name,
            peer,
        } = new;
        let subject = match subject.map_or_else(|| self.subject(), |given| Ok(given.clone())) {
            Ok(subject) => subject,
            Err(AccountError::Store(error)) => return Err(error),
            Err(_) => return Err(StoreError::unavailable("no subject")),
        };
        let made;
        let username = match address {
            Some(address) => address.as_str(),
            None => {
                made = name::made(name.unwrap_or_default(), &subject);
                made.as_str()
            }
        };
        if name::check(username).is_err() {
            return Ok(Err(Unfit::Taken));
        }
        let name = match name {
            Some(name) if name.len() > MAX_NAME || name.chars().any(char::is_control) => {
                return Ok(Err(Unfit::Claim));
            }
            name => name,
        };
        let store = &self.around.store;
        let holder = match address {
            Some(address) => {
                let lookup = Email::lookup(address);
                store.credential_by_lookup(issuer, lookup).await?
            }
            None => None,
        };
        let taken = holder.is_some()
            || store
                .user_by_name(issuer, &username_key(username))
                .await?
                .is_some();
        if taken {
            return Ok(Err(Unfit::Taken));
        }
        let about: Vec<&str> = std::iter::once(username).chain(name).collect();
        let hash = match password {
            None => None,
            Some(password) => match self.chosen(password, lane(peer), &about).await? {
                Ok(hash) => Some(hash),
                Err(unfit) => return Ok(Err(unfit)),
            },
        };
        let now = self.around.clock.now();
        let mut claims = Map::new();
        if let Some(address) = address {
            claims.insert("email".to_owned(), Value::from(address.as_str()));
            claims.insert("email_verified".to_owned(), Value::from(!unproved));
        }
        if let Some(name) = name {
            claims.insert("name".to_owned(), Value::from(name));
        }
        let user = UserRecord {
            subject,
            username_key: username_key(username),
            username: username.to_owned(),
            password: hash,
            must_change_password: false,
            claims,
            disconnected: std::collections::BTreeMap::new(),
            memberships: Vec::new(),
            disabled: false,
            epoch: 0,
            revision: 0,
            created_at: now,
            updated_at: now,
        };
        let credential = match address {
            // One that nobody has shown to read keeps nobody else from it.
            Some(address) if !unproved => Some(self.credential(&user.subject, address, true)),
            Some(_) | None => None,
        };
        let mut spends = vec![Spend::NewUser(Box::new(user.clone()))];
        spends.extend(credential.map(|record| Spend::NewCredential(Box::new(record))));
        Ok(Ok(Prepared {
            account: account(user),
            spends,
            writes: Vec::new(),
        }))
    }

    async fn prepare_address(
        &self,
        issuer: IssuerId,
        whose: &Account,
        address: &EmailAddress,
    ) -> Found<Result<Prepared, Unfit>> {
        let subject = &whose.subject;
        let store = &self.around.store;
        let holder = store
            .credential_by_lookup(issuer, Email::lookup(address))
            .await?;
        let named = store.user_by_name(issuer, &address.key()).await?;
        let others = holder.as_ref().is_some_and(|held| held.subject != *subject)
            || named.as_ref().is_some_and(|user| user.subject != *subject);
        if others {
            return Ok(Err(Unfit::Taken));
        }
        let mut spends = Vec::new();
        for old in store.credentials(issuer, subject).await? {
            if matches!(old.data, CredentialData::Email(_)) {
                spends.push(Spend::Credential {
                    subject: subject.clone(),
                    id: old.id,
                    revision: old.revision,
                    next: None,
                });
            }
        }
        let credential = self.credential(subject, address, true);
        spends.push(Spend::NewCredential(Box::new(credential)));
        let changed = self
            .prepare_change(issuer, whose, |user| {
                let before = told_address(&user.claims).map(|(before, _)| before.key());
                // Who signs in by their address goes on doing so.
                if before.as_deref() == Some(user.username_key.as_str()) {
                    user.username = address.as_str().to_owned();
                    user.username_key = username_key(address.as_str());
                }
                user.claims
                    .insert("email".to_owned(), Value::from(address.as_str()));
                user.claims
                    .insert("email_verified".to_owned(), Value::from(true));
            })
            .await?;
        Ok(changed.map(|mut prepared| {
            prepared.spends.extend(spends);
            prepared
        }))
    }

    /// The end of an account, disabled or not.
    pub(super) async fn prepare_end(
        &self,
        issuer: IssuerId,
        subject: &Subject,
    ) -> Found<Result<Prepared, Unfit>> {
        let Some(user) = self.around.store.user(issuer, subject).await? else {
            return Ok(Err(Unfit::Unknown));
        };
        let spend = Spend::DeleteUser {
            subject: subject.clone(),
            revision: user.revision,
        };
        Ok(Ok(Prepared {
            account: account(user),
            spends: vec![spend],
            writes: Vec::new(),
        }))
    }

    /// A change of the account as it was proved to be somebody's. The revision of what is read here makes the commit fail if
    /// anything of it changes meanwhile.
    pub(super) async fn prepare_change(
        &self,
        issuer: IssuerId,
        whose: &Account,
        change: impl FnOnce(&mut UserRecord),
    ) -> Found<Result<Prepared, Unfit>> {
        let found = self.around.store.user(issuer, &whose.subject).await?;
        let Some(mut user) = found.filter(|user| !user.disabled) else {
            return Ok(Err(Unfit::Unknown));
        };
        if user.epoch != whose.epoch {
            return Ok(Err(Unfit::Changed));
        }
        let revision = user.revision;
        change(&mut user);
        user.revision = revision.saturating_add(1);
        user.updated_at = self.around.clock.now();
        let record = Box::new(user.clone());
        Ok(Ok(Prepared {
            account: account(user),
            spends: vec![Spend::User { revision, record }],
            writes: Vec::new(),
        }))
    }

    /// The hash of a password that somebody chose.
    pub(super) async fn chosen(
        &self,
        password: &Secret,
        lane: Lane,
        about: &[&str],
    ) -> Found<Result<String, Unfit>> {
        // Who typed too little hears that, not that it is guessed.
        if password.expose().chars().count() >= self.min_length
            && is_guessed(password.expose(), about)
        {
            return Ok(Err(Unfit::PasswordWeak));
        }
        Ok(match self.hashed(password, lane).await {
            Ok(hash) => Ok(hash),
            Err(AccountError::TooShort(least)) => Err(Unfit::PasswordTooShort(least)),
            Err(AccountError::TooLong) => Err(Unfit::PasswordTooLong),
            Err(AccountError::Hash(HashError::Busy { retry_after })) => {
                Err(Unfit::Busy(retry_after))
            }
            Err(AccountError::Store(error)) => return Err(error),
            Err(_) => Err(Unfit::Busy(5)),
        })
    }

    fn credential(
        &self,
        subject: &Subject,
        address: &EmailAddress,
        verified: bool,
    ) -> CredentialRecord {
        let now = self.around.clock.now();
        let mut id = [0; 16];
        self.around.entropy.fill(&mut id);
        CredentialRecord {
            subject: subject.clone(),
            id: CredentialId(id),
            data: CredentialData::Email(Email {
                address: address.as_str().to_owned(),
                verified_at: verified.then_some(now),
            }),
            lookup: Some(Email::lookup(address)),
            name: String::new(),
            created_at: now,
            last_used_at: None,
            revision: 0,
        }
    }

    /// The credential of the address that the claims of a new account tell.
    pub(super) fn address_of(&self, user: &UserRecord) -> Option<CredentialRecord> {
        let (address, verified) = told_address(&user.claims)?;
        // One that nobody has shown to read keeps nobody else from it.
        verified.then(|| self.credential(&user.subject, &address, true))
    }
}

fn is_verified(credential: &CredentialRecord) -> bool {
    matches!(&credential.data, CredentialData::Email(email) if email.verified_at.is_some())
}

/// The address among the claims, and whether it is said to be verified.
fn told_address(claims: &Map<String, Value>) -> Option<(EmailAddress, bool)> {
    let address = claims.get("email").and_then(Value::as_str)?;
    let address = EmailAddress::parse(address).ok()?;
    let verified = claims.get("email_verified") == Some(&Value::Bool(true));
    Some((address, verified))
}

/// Claims that say what was proved: they follow from proofs alone.
const PROVED: &[&str] = &[
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
];
/// Longer than any grant lasts by default, in seconds.
const REMEMBERED: i64 = 400 * 86_400;
const MAX_NAME: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_verified_when_the_claim_says_exactly_that() {
        let told = |claims: Value| told_address(claims.as_object().unwrap());
        let yes = told(serde_json::json!({"email": "a@b.test", "email_verified": true}));
        assert!(yes.is_some_and(|(_, verified)| verified));
        for no in [
            serde_json::json!({"email": "a@b.test"}),
            serde_json::json!({"email": "a@b.test", "email_verified": "true"}),
            serde_json::json!({"email": "a@b.test", "email_verified": 1}),
        ] {
            assert!(told(no).is_some_and(|(_, verified)| !verified));
        }
        assert!(told(serde_json::json!({"email": "a@b"})).is_none());
        assert!(told(serde_json::json!({"email_verified": true})).is_none());
    }
}
