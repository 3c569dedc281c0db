//! Making and changing accounts.

use hallpass_core::access::{Membership, takes_away};
use hallpass_core::issue::id_token;
use hallpass_provider::ports::{PasswordChoice, PasswordRefused, Prepared, Unfit};
use hallpass_store::{Commit, Committed, Spend, StoreError, UserRecord};
use hallpass_types::{IssuerId, Secret, Subject};
use serde_json::{Map, Value};

use super::{
    BuiltinAccounts,
    name::{self, username_key},
    sign_in::lane,
};
use crate::{
    hash::{HashError, Lane, MAX_PASSWORD_LEN, SALT_LEN, Stored},
    strength::is_guessed,
};

/// An account to make.
#[derive(Debug)]
pub struct NewUser {
    /// The name to sign in with: 1 to 200 bytes without space and control characters.
    pub username: String,
    /// The password; without one, nobody can sign in with a password.
    pub password: Option<Secret>,
    /// The person must choose another password at the first sign-in.
    pub must_change: bool,
    /// Claims by their OpenID Connect names.
    pub claims: Map<String, Value>,
}

/// Why an account was not made or changed. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The name is empty, too long, or has characters that names may not have.
    #[error("a user name has 1 to 200 bytes, without spaces and control characters")]
    InvalidName,
    /// Another account has the name.
    #[error("the user name is taken")]
    NameTaken,
    /// The password is shorter than allowed.
    #[error("the password must have at least {0} characters")]
    TooShort(usize),
    /// The password is longer than [`MAX_PASSWORD_LEN`].
    #[error("the password must have at most {MAX_PASSWORD_LEN} bytes")]
    TooLong,
    /// The password is one that others guess.
    #[error(
        "the password is one that others guess: many people use it, or it is made of the user's name"
    )]
    Guessed,
    /// The hash of a password is none that is verified here, or dearer than anything that is.
    #[error(
        "the password hash cannot be used: bcrypt, scrypt, PBKDF2 and Argon2 within limits can"
    )]
    UnusableHash,
    /// A claim of that name is the provider's to make.
    #[error("a claim has a name that is reserved for the server")]
    ReservedClaim,
    /// There is no such account.
    #[error("there is no such user")]
    Unknown,
    /// The account is being changed by somebody else again and again.
    #[error("the user was changed at the same time")]
    Conflict,
    /// The password cannot be hashed now.
    #[error("the password could not be hashed")]
    Hash(#[source] HashError),
    /// The store cannot do it.
    #[error("the user could not be stored")]
    Store(#[from] StoreError),
}

impl BuiltinAccounts {
    /// Makes an account.
    ///
    /// # Errors
    /// [`AccountError`]
    pub async fn create(&self, issuer: IssuerId, new: NewUser) -> Result<UserRecord, AccountError> {
        let NewUser {
            username,
            password,
            must_change,
            claims,
        } = new;
        name::check(&username)?;
        if claims.keys().any(|name| is_reserved(name)) {
            return Err(AccountError::ReservedClaim);
        }
        let password = match password {
            Some(password) => {
                let about = known_by(&username, &claims);
                Some(self.hashed_unguessed(&password, &about).await?)
            }
            None => None,
        };
        self.insert(issuer, (username, password), (must_change, false), claims)
            .await
    }

    /// Makes an account whose password another system hashed. It is hashed anew at the next sign-in.
    ///
    /// # Errors
    /// [`AccountError`]
    pub async fn import(
        &self,
        issuer: IssuerId,
        new: NewUser,
        password_hash: Option<String>,
        disabled: bool,
    ) -> Result<UserRecord, AccountError> {
        name::check(&new.username)?;
        if new.claims.keys().any(|name| is_reserved(name)) {
            return Err(AccountError::ReservedClaim);
        }
        let password = match (&new.password, password_hash) {
            (Some(password), None) => Some(self.hashed(password, COMMANDS).await?),
            (None, Some(hash)) if Stored::parse(&hash).is_ok() => Some(hash),
            (None, None) => None,
            (_, Some(_)) => return Err(AccountError::UnusableHash),
        };
        let states = (new.must_change, disabled);
        self.insert(issuer, (new.username, password), states, new.claims)
            .await
    }

    async fn insert(
        &self,
        issuer: IssuerId,
        (username, password): (String, Option<String>),
        (must_change, disabled): (bool, bool),
        claims: Map<String, Value>,
    ) -> Result<UserRecord, AccountError> {
        let now = self.around.clock.now();
        let user = UserRecord {
            subject: self.subject()?,
            username_key: username_key(&username),
            username,
            password,
            must_change_password: must_change,
            claims,
            disconnected: std::collections::BTreeMap::new(),
            memberships: Vec::new(),
            disabled,
            epoch: 0,
            revision: 0,
            created_at: now,
            updated_at: now,
        };
        // The address leads to the account, unless another one has it: then it is only told.
        let mut spends = vec![Spend::NewUser(Box::new(user.clone()))];
        spends.extend(
            self.address_of(&user)
                .map(|c| Spend::NewCredential(Box::new(c))),
        );
        while let Some(last) = spends.len().checked_sub(1) {
            let commit = Commit {
                spends: spends.clone(),
                writes: Vec::new(),
            };
            match self.around.store.commit(issuer, commit).await? {
                Committed::Done => return Ok(user),
                Committed::TooLate(0) => break,
                Committed::TooLate(_) => spends.truncate(last),
            }
        }
        Err(AccountError::NameTaken)
    }

    /// The account with that name, disabled or not.
    ///
    /// # Errors
    /// The store's.
    pub async fn by_name(
        &self,
        issuer: IssuerId,
        username: &str,
    ) -> Result<Option<UserRecord>, StoreError> {
        let key = username_key(username);
        self.around.store.user_by_name(issuer, &key).await
    }

    /// Sets a password. Sessions and grants from before are over.
    ///
    /// # Errors
    /// [`AccountError`]
    pub async fn set_password(
        &self,
        issuer: IssuerId,
        subject: &Subject,
        password: &Secret,
    ) -> Result<UserRecord, AccountError> {
        let found = self.around.store.user(issuer, subject).await?;
        let found = found.ok_or(AccountError::Unknown)?;
        let hash = self.hashed_unguessed(password, &known_of(&found)).await?;
        self.change(issuer, subject, |user| set(user, hash.clone()))
            .await
    }

    /// Demands that the person chooses another password at the next sign-in. Sessions that they have stand.
    ///
    /// # Errors
    /// [`AccountError`]
    pub async fn demand_change(
        &self,
        issuer: IssuerId,
        subject: &Subject,
    ) -> Result<UserRecord, AccountError> {
        self.change(issuer, subject, |user| user.must_change_password = true)
            .await
    }

    /// The password that a person chose, on the page that demands one.
    pub(super) async fn choose(
        &self,
        choice: PasswordChoice<'_>,
    ) -> Result<Result<Prepared, PasswordRefused>, StoreError> {
        let PasswordChoice {
            issuer,
            account,
            password,
            peer,
        } = choice;
        let Some(user) = self.around.store.user(issuer, &account.subject).await? else {
            return Err(StoreError::unavailable("the user is gone"));
        };
        // The one that somebody else gave is not one that the person chose.
        if password.expose().len() <= MAX_PASSWORD_LEN
            && let Some(held) = user.password.as_deref().and_then(|t| Stored::parse(t).ok())
        {
            match self
                .pool
                .verify_stored(lane(peer), password, Some(&held))
                .await
            {
                Ok(verdict) if verdict.matched => return Ok(Err(PasswordRefused::Unchanged)),
                Ok(_) => {}
                Err(error) => return refused(AccountError::Hash(error)).map(Err),
            }
        }
        if is_guessed(password.expose(), &known_of(&user)) {
            return Ok(Err(PasswordRefused::TooCommon));
        }
        let hash = match self.hashed(password, lane(peer)).await {
            Ok(hash) => hash,
            Err(error) => return refused(error).map(Err),
        };
        let prepared = self
            .prepare_change(issuer, account, |user| set(user, hash))
            .await?;
        Ok(prepared.map_err(unfit))
    }

    /// Ends every session and grant of an account.
    ///
    /// # Errors
    /// [`AccountError`]
    pub async fn end_all(
        &self,
        issuer: IssuerId,
        subject: &Subject,
    ) -> Result<UserRecord, AccountError> {
        self.change(issuer, subject, |user| {
            user.epoch = user.epoch.saturating_add(1);
        })
        .await
    }

    /// Disables an account or enables it again. Disabling ends its sessions and grants for good.
    ///
    /// # Errors
    /// [`AccountError`]
    pub async fn set_disabled(
        &self,
        issuer: IssuerId,
        subject: &Subject,
        disabled: bool,
    ) -> Result<UserRecord, AccountError> {
        self.change(issuer, subject, |user| {
            if disabled && !user.disabled {
                user.epoch = user.epoch.saturating_add(1);
            }
            user.disabled = disabled;
        })
        .await
    }

    /// Changes what a person is and may do. Where that takes something away, sessions and grants from before are over.
    ///
    /// # Errors
    /// [`AccountError`]
    pub async fn set_memberships(
        &self,
        issuer: IssuerId,
        subject: &Subject,
        change: impl Fn(&mut Vec<Membership>) + Send + Sync,
    ) -> Result<UserRecord, AccountError> {
        self.change(issuer, subject, |user| {
            let before = user.memberships.clone();
            change(&mut user.memberships);
            if takes_away(&before, &user.memberships) {
                user.epoch = user.epoch.saturating_add(1);
            }
        })
        .await
    }

    /// Reads, changes and writes back, anew when somebody else was faster.
    async fn change(
        &self,
        issuer: IssuerId,
        subject: &Subject,
        change: impl Fn(&mut UserRecord),
    ) -> Result<UserRecord, AccountError> {
        for _ in 0..ROUNDS {
            let found = self.around.store.user(issuer, subject).await?;
            let mut user = found.ok_or(AccountError::Unknown)?;
            let revision = user.revision;
            change(&mut user);
            user.revision = revision.saturating_add(1);
            user.updated_at = self.around.clock.now();
            let record = Box::new(user.clone());
            match self.spend(issuer, Spend::User { revision, record }).await? {
                Committed::Done => return Ok(user),
                Committed::TooLate(_) => {}
            }
        }
        Err(AccountError::Conflict)
    }

    async fn spend(&self, issuer: IssuerId, spend: Spend) -> Result<Committed, StoreError> {
        let commit = Commit {
            spends: vec![spend],
            writes: Vec::new(),
        };
        self.around.store.commit(issuer, commit).await
    }

    /// Hashes a password that an operator gives, who has to give one that nobody guesses, as everybody has to.
    async fn hashed_unguessed(
        &self,
        password: &Secret,
        about: &[&str],
    ) -> Result<String, AccountError> {
        // What is too short or too long is said to be that.
        let fits = password.expose().chars().count() >= self.min_length
            && password.expose().len() <= MAX_PASSWORD_LEN;
        if fits && is_guessed(password.expose(), about) {
            return Err(AccountError::Guessed);
        }
        self.hashed(password, COMMANDS).await
    }

    /// Checks the length and hashes.
    pub(super) async fn hashed(
        &self,
        password: &Secret,
        lane: Lane,
    ) -> Result<String, AccountError> {
        if password.expose().chars().count() < self.min_length {
            return Err(AccountError::TooShort(self.min_length));
        }
        if password.expose().len() > MAX_PASSWORD_LEN {
            return Err(AccountError::TooLong);
        }
        let phc = self
            .pool
            .hash(lane, password, self.salt())
            .await
            .map_err(AccountError::Hash)?;
        phc.expose()
            .map_err(|unusable| AccountError::Hash(unusable.into()))
    }

    pub(super) fn salt(&self) -> [u8; SALT_LEN] {
        let mut salt = [0; SALT_LEN];
        self.around.entropy.fill(&mut salt);
        salt
    }

    /// A new subject: 128 random bits in hexadecimal.
    pub(super) fn subject(&self) -> Result<Subject, AccountError> {
        let mut random = [0; 16];
        self.around.entropy.fill(&mut random);
        let text = format!("{:032x}", u128::from_be_bytes(random));
        Subject::parse(&text).map_err(|_| StoreError::unavailable("no subject").into())
    }
}

/// Gives an account a password that its person knows. Whatever is older is over.
pub(super) fn set(user: &mut UserRecord, hash: String) {
    user.password = Some(hash);
    user.must_change_password = false;
    user.epoch = user.epoch.saturating_add(1);
}

/// The account is another one than it was when the person proved to own it: they begin again.
fn unfit(unfit: Unfit) -> PasswordRefused {
    tracing::debug!(?unfit, "an account changed while its password was chosen");
    PasswordRefused::Busy { retry_after: 1 }
}

/// What everybody may know of an account, of which no password is made.
pub(super) fn known_of(user: &UserRecord) -> Vec<&str> {
    known_by(&user.username, &user.claims)
}

pub(super) fn known_by<'a>(username: &'a str, claims: &'a Map<String, Value>) -> Vec<&'a str> {
    let told = ["email", "name", "given_name", "family_name", "nickname"];
    let claims = told.iter().filter_map(|name| claims.get(*name)?.as_str());
    std::iter::once(username).chain(claims).collect()
}

/// What a person can do about it; everything else is ours.
fn refused(error: AccountError) -> Result<PasswordRefused, StoreError> {
    Ok(match error {
        AccountError::TooShort(characters) => PasswordRefused::TooShort(characters),
        AccountError::TooLong => PasswordRefused::TooLong(MAX_PASSWORD_LEN),
        AccountError::Guessed => PasswordRefused::TooCommon,
        AccountError::Hash(HashError::Busy { retry_after }) => {
            PasswordRefused::Busy { retry_after }
        }
        AccountError::Store(error) => return Err(error),
        AccountError::InvalidName
        | AccountError::NameTaken
        | AccountError::UnusableHash
        | AccountError::ReservedClaim
        | AccountError::Unknown
        | AccountError::Conflict
        | AccountError::Hash(HashError::Failed | HashError::Ended | HashError::TooLong) => {
            PasswordRefused::Busy { retry_after: 5 }
        }
    })
}

/// What an operator does waits in a lane of its own, before all strangers.
pub(super) const COMMANDS: Lane = Lane::trusted(u64::MAX);

/// Tries to write a change when others write at the same time.
const ROUNDS: usize = 5;

/// Whether a claim says something about a token or a sign-in, which no account has. What others assert about a person is
/// kept with the account ([OpenID Connect Core section 5.6](https://openid.net/specs/openid-connect-core-1_0.html#AggregatedDistributedClaims)).
pub(super) fn is_reserved(name: &str) -> bool {
    id_token::is_reserved(name) && !["_claim_names", "_claim_sources"].contains(&name)
}
