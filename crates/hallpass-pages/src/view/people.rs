//! What pages show on which people make an account and look after it.

use serde::Serialize;

use super::{Client, RefusedRow, Scope};
use crate::text;

/// Why a page of this kind is shown again. None of it depends on whether an account exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeopleError {
    /// What was typed is no mail address.
    Address,
    /// Too much was asked for from here.
    Throttled,
    /// The two passwords are not the same.
    Mismatch,
    /// The password is too short.
    TooShort,
    /// The password is too long.
    TooLong,
    /// The password is one that others guess.
    Weak,
    /// The server cannot do it right now.
    Busy,
    /// A field cannot have such a value.
    Field,
    /// What must be typed to confirm was not typed.
    Confirm,
    /// The passkey cannot be used.
    Passkey,
}

/// See [`Page::AskMail`](super::Page::AskMail).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AskMail<'a> {
    /// To make an account; otherwise to get back into one.
    pub sign_up: bool,
    /// Where the form is posted to.
    pub action: &'a str,
    /// What was typed before.
    #[serde(serialize_with = "text::input")]
    pub address: &'a str,
    /// Why the page is shown again.
    pub error: Option<PeopleError>,
    /// Seconds until another try makes sense.
    pub retry_after: Option<u64>,
    /// Who asked for the sign-in that this is part of.
    pub client: Option<Client<'a>>,
    /// The page to sign in instead.
    pub sign_in: Option<&'a str>,
    /// What an authenticator is asked for, as JSON, where an account can be made with a passkey alone
    /// (`form#sign-up-passkey`, `button#create-passkey`).
    pub passkey: Option<&'a str>,
    /// What was sealed for it; comes back with the passkey.
    pub offer: &'a str,
}

/// See [`Page::MailSent`](super::Page::MailSent).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MailSent<'a> {
    /// What was asked for: `sign_up`, `recover` or `new_address`.
    pub purpose: &'a str,
    /// Where the mail goes.
    #[serde(serialize_with = "text::name")]
    pub address: &'a str,
    /// Seconds for which its link works.
    pub lifetime: u64,
    /// The page to go back to.
    pub back: Option<&'a str>,
}

/// See [`Page::MailLink`](super::Page::MailLink).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MailLink<'a> {
    /// What the link is good for: `sign_up`, `invitation`, `recover`, `sign_in` or `new_address`.
    pub purpose: &'a str,
    /// Where the form is posted to.
    pub action: &'a str,
    /// Where the link was sent.
    #[serde(serialize_with = "text::name")]
    pub address: &'a str,
    /// The name that was typed before.
    #[serde(serialize_with = "text::input")]
    pub name: &'a str,
    /// The shortest password, in characters, when one was shorter.
    pub least: Option<usize>,
    /// Asks for a password.
    pub password: bool,
    /// What an authenticator is asked for, as JSON, where a passkey does as well (`form#link-passkey`,
    /// `button#create-passkey`).
    pub passkey: Option<&'a str>,
    /// What was sealed for it; comes back with the passkey.
    pub offer: &'a str,
    /// Why the page is shown again.
    pub error: Option<PeopleError>,
}

/// See [`Page::LinkDone`](super::Page::LinkDone).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LinkDone<'a> {
    /// What was done: `sign_up`, `invitation` or `recover`.
    pub purpose: &'a str,
    /// Where the person goes on.
    pub next: &'a str,
    /// After `recover`: what else the account is signed in with.
    pub ways: &'a [WayRow<'a>],
}

/// A way to sign in that an account has.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct WayRow<'a> {
    /// `passkeys`, `totp`, `phone`, `recovery` or `linked`.
    pub kind: &'a str,
    /// How many there are of it.
    pub count: usize,
    /// When the newest was added.
    pub added: &'a str,
}

/// See [`Page::Account`](super::Page::Account).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MyAccount<'a> {
    /// Which part: `overview` or one of the sections.
    pub section: &'a str,
    /// Where forms are posted to.
    pub action: &'a str,
    /// Comes back with every form.
    pub form: &'a str,
    /// Name of the signed-in account.
    #[serde(serialize_with = "text::name")]
    pub account: &'a str,
    /// Telephone numbers can be confirmed.
    pub phones: bool,
    /// Why the page is shown again.
    pub error: Option<PeopleError>,
    /// The shortest password, in characters, when one was shorter.
    pub least: Option<usize>,
    /// Something was just done.
    pub done: bool,
    /// The sections, for the overview.
    pub sections: &'a [Section<'a>],
    /// The mail address.
    #[serde(serialize_with = "text::optional")]
    pub address: Option<&'a str>,
    /// Whether the address was confirmed.
    pub verified: bool,
    /// Fields of the profile.
    pub fields: &'a [Field<'a>],
    /// Sessions, the one that looks first.
    pub sessions: &'a [SessionRow<'a>],
    /// Connected applications.
    #[serde(skip)]
    pub apps: &'a [AppRow<'a>],
    /// Applications that may not ask for approval.
    pub refused: &'a [RefusedRow<'a>],
    /// What happened, the newest first.
    pub activity: &'a [ActivityRow<'a>],
}

/// A section of the account page.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Section<'a> {
    /// Its name among the texts.
    pub id: &'a str,
    /// Where it is.
    pub href: &'a str,
    /// What stands there now, in few words.
    #[serde(serialize_with = "text::optional")]
    pub value: Option<&'a str>,
}

/// A field of the profile.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Field<'a> {
    /// The claim.
    #[serde(serialize_with = "text::name")]
    pub name: &'a str,
    /// What is there.
    #[serde(serialize_with = "text::input")]
    pub value: &'a str,
    /// It was refused.
    pub refused: bool,
}

/// A session.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SessionRow<'a> {
    /// Comes back when it is ended.
    pub id: &'a str,
    /// Browser and system.
    #[serde(serialize_with = "text::optional")]
    pub device: Option<&'a str>,
    /// The network address.
    #[serde(serialize_with = "text::optional")]
    pub address: Option<&'a str>,
    /// When it began.
    pub since: &'a str,
    /// When it was last used.
    pub seen: &'a str,
    /// It is the one that looks.
    pub current: bool,
}

/// A connected application.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AppRow<'a> {
    /// Comes back when it is disconnected.
    pub id: &'a str,
    /// Who it is.
    pub client: Client<'a>,
    /// What it may do.
    #[serde(skip)]
    pub scopes: &'a [Scope<'a>],
    /// Since when.
    pub since: &'a str,
}

/// Something that happened.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ActivityRow<'a> {
    /// What, by its name among the texts.
    pub what: &'a str,
    /// When.
    pub at: &'a str,
    /// Browser and system.
    #[serde(serialize_with = "text::optional")]
    pub device: Option<&'a str>,
    /// The network address.
    #[serde(serialize_with = "text::optional")]
    pub address: Option<&'a str>,
    /// The application that it was about.
    #[serde(serialize_with = "text::optional")]
    pub client: Option<&'a str>,
}
