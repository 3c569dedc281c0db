//! Accounts that people make and change by themselves.

use std::net::IpAddr;

use hallpass_core::access::Membership;
use hallpass_store::{BoxFuture, Spend, StoreError, Write};
use hallpass_types::{ClientId, EmailAddress, IssuerId, PhoneNumber, Secret, Subject, Timestamp};
use serde_json::{Map, Value};

use super::Account;

/// A person and their account, as they see it themselves.
#[derive(Clone, Debug)]
pub struct PersonalAccount {
    /// The account.
    pub account: Account,
    /// The name to sign in with.
    pub username: String,
    /// Their mail address, where there is one.
    pub address: Option<EmailAddress>,
    /// Whether they have shown that they read what is sent there.
    pub address_verified: bool,
    /// Whether they can sign in with a password.
    pub has_password: bool,
    /// Claims as they are kept.
    pub claims: Map<String, Value>,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// Something that a person wants to change.
///
/// An account is the one that whoever asks has proved to be theirs. Should its epoch be another one by now, its credentials
/// changed since, and nothing else is changed ([`Unfit::Changed`]).
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// To have an account.
    New(NewAccount<'a>),
    /// Another password. Everything that was granted before is over.
    Password {
        /// Whose.
        account: &'a Account,
        /// It.
        password: &'a Secret,
        /// Where the request came from.
        peer: Option<IpAddr>,
    },
    /// Another address, which they have shown to read.
    Address(&'a Account, &'a EmailAddress),
    /// Another telephone number, on which they have shown to read messages; none takes it away.
    Phone(&'a Account, Option<&'a PhoneNumber>),
    /// Other claims; null takes one away. Which claims these may be is for the caller to look at.
    Claims(&'a Account, &'a Map<String, Value>),
    /// The end of every session and grant there is.
    EndAll(&'a Account),
    /// The end of everything that a client was granted until then.
    Disconnect(&'a Account, &'a ClientId, Timestamp),
    /// No account any more.
    Delete(&'a Account),
    /// What an operator does, to disabled accounts too.
    ByOperator(ByOperator<'a>),
}

/// Something that an operator wants to change about somebody's account.
#[derive(Clone, Copy, Debug)]
pub enum ByOperator<'a> {
    /// An account is to be there.
    New {
        /// The name to sign in with.
        username: &'a str,
        /// A password; without one, the person signs in otherwise.
        password: Option<&'a Secret>,
        /// The person must choose another one at the first sign-in.
        must_change: bool,
        /// Claims by their OpenID Connect names.
        claims: &'a Map<String, Value>,
    },
    /// Another password. Everything that was granted before is over.
    Password {
        /// Whose.
        subject: &'a Subject,
        /// The password.
        password: &'a Secret,
        /// The person must choose another one at the next sign-in.
        must_change: bool,
    },
    /// The person must choose another password at the next sign-in.
    MustChange(&'a Subject),
    /// Whether they can sign in. With the end of that everything is over that was granted before.
    Disabled(&'a Subject, bool),
    /// Another name, other claims; null takes a claim away.
    Profile {
        /// Whose.
        subject: &'a Subject,
        /// The name to sign in with.
        username: Option<&'a str>,
        /// Claims by their OpenID Connect names.
        claims: &'a Map<String, Value>,
    },
    /// Every session of theirs is over, and everything that was granted before.
    EndAll(&'a Subject),
    /// What they are and may do. Where that takes something away, everything is over that was granted before.
    Memberships(&'a Subject, &'a [Membership]),
    /// No account any more.
    Delete(&'a Subject),
}

/// An account that somebody wants to have. Without an address or a password it comes with a passkey, which is committed
/// beside it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewAccount<'a> {
    /// The subject that it must have, where something was made for it already: nobody had it ever.
    pub subject: Option<&'a Subject>,
    /// Their address, by which they sign in. They have shown to read it, unless [`Self::unproved`].
    pub address: Option<&'a EmailAddress>,
    /// Nobody has shown to read mail to the address.
    pub unproved: bool,
    /// Their password.
    pub password: Option<&'a Secret>,
    /// Their name, as they like to be called.
    pub name: Option<&'a str>,
    /// Where the request came from.
    pub peer: Option<IpAddr>,
}

/// A change that can be committed.
#[derive(Debug)]
pub struct Prepared {
    /// The account as it is afterwards.
    pub account: Account,
    /// What must be in time. When it is too late, somebody else changed the account or took the address.
    pub spends: Vec<Spend>,
    /// What is written with it.
    pub writes: Vec<Write>,
}

/// Why a change cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfit {
    /// The password is shorter than so many characters.
    PasswordTooShort(usize),
    /// The password is longer than anything that is looked at.
    PasswordTooLong,
    /// The password is one that others guess.
    PasswordWeak,
    /// The address has an account, or the name is taken.
    Taken,
    /// No name can be like that.
    Name,
    /// A claim cannot have such a value.
    Claim,
    /// There is no such account.
    Unknown,
    /// Its credentials changed since whoever asks proved who they are.
    Changed,
    /// Passwords cannot be hashed now; again after so many seconds.
    Busy(u32),
}

/// Accounts that can be changed by those whose they are.
pub trait People: Send + Sync + 'static {
    /// The account of an address that its person has shown to read. None for a disabled one.
    fn by_address<'a>(
        &'a self,
        issuer: IssuerId,
        address: &'a EmailAddress,
    ) -> BoxFuture<'a, Result<Option<PersonalAccount>, StoreError>>;

    /// The account of a subject. None for a disabled one.
    fn person<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Option<PersonalAccount>, StoreError>>;

    /// Makes a change ready; nothing is written yet.
    fn prepare<'a>(
        &'a self,
        issuer: IssuerId,
        change: Change<'a>,
    ) -> BoxFuture<'a, Result<Result<Prepared, Unfit>, StoreError>>;
}
