//! Accounts: who the people are.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use hallpass_core::access::Membership;
use hallpass_store::{BoxFuture, CredentialData, StoreError, UserRecord};
use hallpass_types::{
    ClientId, ContentDigest, CredentialId, EmailAddress, IssuerId, Secret, Subject, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::people::Prepared;

/// An account that may sign in.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its subject identifier: never reassigned, never beginning with `client:`.
    pub subject: Subject,
    /// Raised when credentials change: sessions and grants of an earlier epoch are over.
    pub epoch: u32,
    /// How the account is named on pages.
    pub display_name: String,
    /// Claims by their OpenID Connect names.
    pub claims: Arc<Map<String, Value>>,
    /// Clients that the person has disconnected, and when: what they were granted until then is over.
    pub disconnected: BTreeMap<ClientId, Timestamp>,
    /// What the person is and may do in the issuer and its organizations.
    pub memberships: Arc<[Membership]>,
}

impl Account {
    /// An account as a program with users of its own describes it, with claims by their OpenID Connect names. Anything else
    /// than an object of claims counts as none.
    #[must_use]
    pub fn new(subject: Subject, display_name: &str, claims: Value) -> Self {
        let claims = if let Value::Object(claims) = claims {
            claims
        } else {
            Map::new()
        };
        Self {
            subject,
            epoch: 0,
            display_name: display_name.to_owned(),
            claims: Arc::new(claims),
            disconnected: BTreeMap::new(),
            memberships: Arc::new([]),
        }
    }

    /// The mail address that the account says was verified.
    #[must_use]
    pub fn verified_address(&self) -> Option<EmailAddress> {
        let verified = self.claims.get("email_verified").and_then(Value::as_bool);
        let address = self.claims.get("email").and_then(Value::as_str)?;
        EmailAddress::parse(address)
            .ok()
            .filter(|_| verified == Some(true))
    }

    /// Whether the person took back since what a client was granted then.
    #[must_use]
    pub fn took_back(&self, client: &ClientId, granted_at: Timestamp) -> bool {
        let at = self.disconnected.get(client);
        at.is_some_and(|at| granted_at <= *at)
    }
}

/// Somebody who gets an account because another provider vouches for them.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Claims that are taken over.
    pub claims: Map<String, Value>,
    /// A name that would be fine, if it is free.
    pub username: Option<String>,
    /// What a name begins with otherwise.
    pub fallback: String,
    /// The identity by which they sign in.
    pub credential: CredentialId,
    /// What it is.
    pub data: CredentialData,
    /// Under which it is found.
    pub lookup: ContentDigest,
    /// What it is called.
    pub name: String,
}

/// Whose a verified mail address is.
#[derive(Clone, Debug)]
pub enum ByEmail {
    /// Nobody's, several people's, or accounts cannot be found so.
    Nobody,
    /// That of an account which is disabled: nobody gets another one by it.
    Disabled,
    /// Theirs.
    Account(Account),
}

/// Looks accounts up.
pub trait Accounts: Send + Sync + 'static {
    /// The account, or none when it is unknown, disabled or deleted.
    fn account<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Option<Account>, StoreError>>;

    /// The account of which this is the verified mail address.
    fn by_verified_email<'a>(
        &'a self,
        issuer: IssuerId,
        email: &'a str,
    ) -> BoxFuture<'a, Result<ByEmail, StoreError>> {
        let _ = (issuer, email);
        Box::pin(async { Ok(ByEmail::Nobody) })
    }

    /// Makes an account for somebody, together with the identity by which they sign in; or answers the one that somebody made
    /// by it in this very moment. None when no accounts are made so.
    fn create(
        &self,
        issuer: IssuerId,
        person: NewPerson,
    ) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        drop(person);
        let _: IssuerId = issuer;
        Box::pin(async { Ok(None) })
    }

    /// Whether there is a password by which the person can sign in.
    fn has_password<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let _ = (issuer, subject);
        Box::pin(async { Ok(false) })
    }

    /// The subject of the account that somebody else calls by this name (`login_hint` of CIBA). None when there is none,
    /// or when accounts cannot be found so.
    fn find<'a>(
        &'a self,
        issuer: IssuerId,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Subject>, StoreError>> {
        let _ = (issuer, name);
        Box::pin(async { Ok(None) })
    }

    /// Whether the accounts are the users of the store. Then they may be read together with something else, and
    /// [`Self::of_user`] is asked in place of [`Self::account`].
    fn are_users(&self) -> bool {
        false
    }

    /// The account of a user, or none when it is disabled.
    fn of_user(&self, user: UserRecord) -> Option<Account> {
        drop(user);
        None
    }
}

/// A browser in which an account was signed in to before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBrowser {
    /// The account.
    #[serde(rename = "s")]
    pub subject: Subject,
    /// The account's epoch then. When credentials change the browser is none that is known.
    #[serde(rename = "e")]
    pub epoch: u32,
    /// Tells it from others, and from itself before the last sign-in.
    #[serde(rename = "n")]
    pub name: [u8; 16],
}

/// A try to sign in with a name and a password.
#[derive(Debug)]
pub struct SignInAttempt<'a> {
    /// The issuer.
    pub issuer: IssuerId,
    /// As it was typed.
    pub username: &'a str,
    /// As it was typed.
    pub password: &'a Secret,
    /// Where the request came from.
    pub peer: Option<IpAddr>,
    /// For which accounts the browser is known. For one of them it has tries of its own, which nobody else can use up.
    pub known: &'a [KnownBrowser],
}

/// How a try ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignInOutcome {
    /// It is this account; `amr` are the methods that were used (RFC 8176).
    SignedIn {
        /// The account.
        account: Account,
        /// Methods, such as `pwd`.
        amr: Vec<String>,
        /// The person must choose a new password before anything else.
        must_change: bool,
    },
    /// Wrong name or password, or a disabled account: never told apart.
    Refused,
    /// Too many tries; again after so many seconds.
    Throttled {
        /// Seconds.
        retry_after: u32,
    },
    /// Password hashing is saturated; again after so many seconds.
    Busy {
        /// Seconds.
        retry_after: u32,
    },
}

/// A password that a person chose.
#[derive(Debug)]
pub struct PasswordChoice<'a> {
    /// The issuer.
    pub issuer: IssuerId,
    /// Whose account it is, as they proved; its epoch is that of the proof.
    pub account: &'a Account,
    /// As it was typed.
    pub password: &'a Secret,
    /// Where the request came from.
    pub peer: Option<IpAddr>,
}

/// Why a new password was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordRefused {
    /// It has fewer characters than this.
    TooShort(usize),
    /// It has more bytes than this.
    TooLong(usize),
    /// Many people use it, or it can be guessed from the name of the person or the service.
    TooCommon,
    /// It is the old one.
    Unchanged,
    /// Password hashing is saturated; again after so many seconds.
    Busy {
        /// Seconds.
        retry_after: u32,
    },
}

/// Checks passwords for the built-in pages.
pub trait PasswordSignIn: Send + Sync + 'static {
    /// Checks one try. Takes the same time whether the account exists or not.
    fn sign_in<'a>(
        &'a self,
        attempt: SignInAttempt<'a>,
    ) -> BoxFuture<'a, Result<SignInOutcome, StoreError>>;

    /// Makes it ready that an account gets the password that its person chose; nothing is written yet. The account has another
    /// epoch then, so that whatever is older is over. An account whose epoch is not the one of the choice by now stays as it
    /// is.
    fn choose_password<'a>(
        &'a self,
        choice: PasswordChoice<'a>,
    ) -> BoxFuture<'a, Result<Result<Prepared, PasswordRefused>, StoreError>> {
        let _: IssuerId = choice.issuer;
        Box::pin(async { Ok(Err(PasswordRefused::Busy { retry_after: 60 })) })
    }
}
