//! The steps of a sign-in.

use serde::Serialize;

use super::{Client, Hidden};
use crate::text;

/// Why a page of a sign-in is shown again. One wording for every reason that depends on the account, so
/// that the page does not tell whether the account exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInError {
    /// Name and password do not belong together, or the account may not sign in.
    Refused,
    /// Too many failed attempts for this account or from this network.
    Throttled,
    /// The server cannot check passwords right now.
    Busy,
    /// The form was too old, or came from another browser.
    Expired,
    /// The code is wrong, or was used before.
    WrongCode,
    /// The passkey is not one that can be used here.
    PasskeyRefused,
    /// What was typed is no telephone number, or none that codes are sent to.
    Number,
    /// What was typed is no mail address, and one is needed for a code or a link.
    Address,
    /// What is to be removed is the only way in.
    LastWay,
}

/// See [`Page::SignIn`](super::Page::SignIn).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SignIn<'a> {
    /// Where the form is posted to.
    pub action: &'a str,
    /// Fields to send back.
    pub hidden: Hidden<'a>,
    /// What to put into the name field (a hint, or what was typed before).
    #[serde(serialize_with = "text::input")]
    pub username: &'a str,
    /// Asks for name and password.
    pub password: bool,
    /// Offers a code by mail.
    pub mail_code: bool,
    /// Offers a link by mail.
    pub mail_link: bool,
    /// What a passkey is asked for, as JSON.
    pub passkey: Option<&'a str>,
    /// What the page offers, in this order: `form` (name and password, and mail), `passkey`, `upstream`, `recovery` (a
    /// recovery code and nothing else).
    pub ways: &'a [&'static str],
    /// Offers to stay signed in when the browser is closed (`input#remember`).
    pub remember: bool,
    /// Why the page is shown again.
    pub error: Option<SignInError>,
    /// Seconds until another attempt makes sense.
    pub retry_after: Option<u64>,
    /// Who asked for the sign-in; none on a direct visit.
    pub client: Option<Client<'a>>,
    /// Offers a button that goes back to the client without signing in.
    pub cancel: bool,
    /// The page to make an account.
    pub sign_up: Option<&'a str>,
    /// The page to get back into an account.
    pub recover: Option<&'a str>,
}

/// See [`Page::MailCode`](super::Page::MailCode).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MailCode<'a> {
    /// Where the form is posted to.
    pub action: &'a str,
    /// Where the code waits; comes back with it.
    pub waiting: &'a str,
    /// It was sent to a telephone.
    pub text: bool,
    /// Where it was sent, the first time that the page is shown.
    #[serde(serialize_with = "text::optional")]
    pub address: Option<&'a str>,
    /// Seconds for which it works.
    pub lifetime: u64,
    /// The person wants to stay signed in; comes back with the code.
    pub remember: bool,
    /// Why the page is shown again.
    pub error: Option<SignInError>,
    /// Seconds until another attempt makes sense.
    pub retry_after: Option<u64>,
    /// Offers a button that goes back to the client without signing in.
    pub cancel: bool,
}

/// See [`Page::SecondStep`](super::Page::SecondStep).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SecondStep<'a> {
    /// Where the forms are posted to.
    pub action: &'a str,
    /// Name of the account.
    #[serde(serialize_with = "text::name")]
    pub account: &'a str,
    /// Asks for a code of an authenticator app.
    pub totp: bool,
    /// Takes a recovery code.
    pub recovery: bool,
    /// Offers a code by mail (`form#second-by-mail`, `button#by-code`).
    pub mail_code: bool,
    /// Offers a code on the telephone (`form#second-by-text`, `button#by-text`).
    pub text: bool,
    /// What a passkey is asked for, as JSON.
    pub passkey: Option<&'a str>,
    /// Why the page is shown again.
    pub error: Option<SignInError>,
    /// Seconds until another attempt makes sense.
    pub retry_after: Option<u64>,
    /// Offers a button that goes back to the client without signing in.
    pub cancel: bool,
}

/// Why a new password was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordProblem {
    /// It has fewer characters than this.
    TooShort(usize),
    /// It has more bytes than this.
    TooLong(usize),
    /// Many people use it.
    TooCommon,
    /// It is the old one.
    Unchanged,
    /// The server cannot take passwords right now.
    Busy,
}

/// See [`Page::NewPassword`](super::Page::NewPassword).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct NewPassword<'a> {
    /// Where the form is posted to.
    pub action: &'a str,
    /// Name of the account.
    #[serde(serialize_with = "text::name")]
    pub account: &'a str,
    /// Why the page is shown again.
    #[serde(skip)]
    pub problem: Option<PasswordProblem>,
    /// Offers a button that goes back to the client without signing in.
    pub cancel: bool,
}

/// See [`Page::Enrol`](super::Page::Enrol).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Enrol<'a> {
    /// Where the form is posted to.
    pub action: &'a str,
    /// Name of the account.
    #[serde(serialize_with = "text::name")]
    pub account: &'a str,
    /// The secret, to type it.
    pub secret: &'a str,
    /// What the QR code holds.
    #[serde(skip)]
    pub uri: &'a str,
    /// The sealed secret, to send back.
    pub offer: &'a str,
    /// Why the page is shown again.
    pub error: Option<SignInError>,
    /// Seconds until another attempt makes sense.
    pub retry_after: Option<u64>,
    /// Offers a button that goes back to the client without signing in.
    pub cancel: bool,
}
