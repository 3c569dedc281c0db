//! What each page shows. One struct per page; all borrowed, so a handler builds them on its stack.
//!
//! Text that came from outside (names of clients, of people, hosts, links) is cleaned when it is
//! serialized for the template, see `text.rs`; the templates escape all of it again.

mod credentials;
mod people;
mod sign_in;

use serde::Serialize;

pub use credentials::{Credentials, PasskeyRow};
pub use sign_in::{Enrol, MailCode, NewPassword, PasswordProblem, SecondStep, SignIn, SignInError};

use crate::{messages::Lang, text};

pub use people::{
    ActivityRow, AppRow, AskMail, Field, LinkDone, MailLink, MailSent, MyAccount, PeopleError,
    Section, SessionRow, WayRow,
};

/// What surrounds every page.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Chrome<'a> {
    /// Path of the issuer without a slash at the end: empty, or `/tenant`. Asset links start with it.
    pub base: &'a str,
    /// Host of the issuer, shown at the foot of the page.
    #[serde(serialize_with = "text::host")]
    pub host: &'a str,
    /// Name of the service, shown beside the mark.
    #[serde(serialize_with = "text::name")]
    pub name: &'a str,
    /// Language of the texts.
    #[serde(skip)]
    pub lang: Lang,
    /// Other providers at which people can sign in.
    #[serde(skip)]
    pub upstreams: &'a [Upstream<'a>],
}

/// A page and what it shows.
#[derive(Debug, Clone, Copy)]
pub enum Page<'a> {
    /// Asks who it is: for user name and password, or for a passkey.
    SignIn(SignIn<'a>),
    /// Asks for one thing more.
    SecondStep(SecondStep<'a>),
    /// Asks for a new password.
    NewPassword(NewPassword<'a>),
    /// Asks to set up an authenticator app before anything else.
    Enrol(Enrol<'a>),
    /// What a person signs in with.
    Credentials(Credentials<'a>),
    /// Asks whether a client may have what it requested.
    Consent(Consent<'a>),
    /// Asks which of several signed-in accounts to use.
    SelectAccount(SelectAccount<'a>),
    /// Shows which accounts at other providers are linked.
    Linked(Linked<'a>),
    /// Asks for which organization to act.
    SelectOrganization(SelectOrganization<'a>),
    /// Asks whether to sign out.
    ConfirmLogout(ConfirmLogout<'a>),
    /// Says that the person is signed out.
    SignedOut(SignedOut<'a>),
    /// Says what went wrong, with a code and an id to quote.
    Error(Error<'a>),
    /// Carries an authorization response to the client as a form post.
    FormPost(FormPost<'a>),
    /// Asks for the code that a device shows.
    Device(Device<'a>),
    /// Says that a device is connected, or is not.
    DeviceDone(DeviceDone<'a>),
    /// Asks what apps want that asked elsewhere.
    Approvals(Approvals<'a>),
    /// Asks for a mail address, to make an account or to get back into one.
    AskMail(AskMail<'a>),
    /// Asks for the code that was mailed.
    MailCode(MailCode<'a>),
    /// Says that a mail is on its way, if there is anything to send.
    MailSent(MailSent<'a>),
    /// What stands behind a link in a mail, before its button is pressed.
    MailLink(MailLink<'a>),
    /// Says that what the link was for is done.
    LinkDone(LinkDone<'a>),
    /// The page at `/account`.
    Account(MyAccount<'a>),
    /// The page at `/`.
    Home(Home<'a>),
    /// The page at `/demo`, a small client of its own.
    Demo(Demo<'a>),
}

/// Form fields to send back unchanged: name and value.
pub type Hidden<'a> = &'a [(&'a str, &'a str)];

/// A client as people see it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Client<'a> {
    /// Its registered name; where nothing readable is left of it, the page shows `host`.
    #[serde(serialize_with = "text::name")]
    pub name: &'a str,
    /// Host that identifies the client, or its client id.
    #[serde(serialize_with = "text::host")]
    pub host: &'a str,
    /// Host (or private-use scheme) that the answer goes to.
    #[serde(serialize_with = "text::host")]
    pub redirect_host: &'a str,
    /// Its home page. Links other than `https` are not shown.
    #[serde(serialize_with = "text::link")]
    pub client_uri: Option<&'a str>,
    /// Its picture, as a `data:` URI; anything else is not shown.
    #[serde(serialize_with = "text::picture")]
    pub logo: Option<&'a str>,
    /// Its privacy policy.
    #[serde(serialize_with = "text::link")]
    pub policy_uri: Option<&'a str>,
    /// Its terms of service.
    #[serde(serialize_with = "text::link")]
    pub tos_uri: Option<&'a str>,
    /// Nobody at this service has checked who is behind it (it registered itself).
    pub unverified: bool,
    /// It is described by a document at `host`, not by a registration.
    pub document: bool,
    /// Every redirect URI is on a loopback host, so any program on the device may pose as it.
    pub loopback_only: bool,
}

/// A scope as people see it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Scope<'a> {
    /// Its name on the wire.
    #[serde(serialize_with = "text::name")]
    pub name: &'a str,
    /// A short title; the standard scopes have one of their own.
    #[serde(serialize_with = "text::optional")]
    pub title: Option<&'a str>,
    /// One sentence of explanation.
    #[serde(serialize_with = "text::optional")]
    pub description: Option<&'a str>,
    /// It may be left out: shown with a checkbox named `scope.` and its name, ticked at first.
    pub optional: bool,
    /// The person allowed it before.
    pub granted: bool,
    /// Identifier of the resource server that it is about, where that is one of those asked for.
    #[serde(skip)]
    pub resource: Option<&'a str>,
}

/// A resource server as people see it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Resource<'a> {
    /// Its name.
    #[serde(serialize_with = "text::optional")]
    pub name: Option<&'a str>,
    /// Its identifier.
    #[serde(serialize_with = "text::value")]
    pub identifier: &'a str,
}

/// An authorization detail as people see it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Detail<'a> {
    /// What it is.
    #[serde(serialize_with = "text::value")]
    pub title: &'a str,
    /// Its members.
    pub rows: &'a [DetailRow<'a>],
}

/// A member of an authorization detail.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DetailRow<'a> {
    /// Its name.
    #[serde(serialize_with = "text::value")]
    pub name: &'a str,
    /// Its value.
    #[serde(serialize_with = "text::value")]
    pub value: &'a str,
}

/// See [`Page::Consent`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Consent<'a> {
    /// Where the form is posted to.
    pub action: &'a str,
    /// Fields to send back.
    pub hidden: Hidden<'a>,
    /// Who asks.
    pub client: Client<'a>,
    /// Name of the signed-in account.
    #[serde(serialize_with = "text::name")]
    pub account: &'a str,
    /// What is asked for.
    #[serde(skip)]
    pub scopes: &'a [Scope<'a>],
    /// Single claims asked for beyond the scopes.
    #[serde(skip)]
    pub claims: &'a [&'a str],
    /// Resource servers that the tokens are for.
    #[serde(skip)]
    pub resources: &'a [Resource<'a>],
    /// Authorization details, which must be read before anything is allowed.
    pub details: &'a [Detail<'a>],
    /// Seconds for which the access stands without asking again, where it outlasts the visit.
    pub lifetime: Option<u64>,
    /// The code on the screen of the device that asks, where it is one; then nobody is sent back to a client.
    #[serde(serialize_with = "text::optional")]
    pub user_code: Option<&'a str>,
}

/// Why the page for the code of a device is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceError {
    /// No device waits under this code: mistyped, answered, or too old.
    Unknown,
    /// Too many wrong codes.
    Throttled,
}

/// See [`Page::Device`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Device<'a> {
    /// Where the form is posted to.
    pub action: &'a str,
    /// What to put into the field: from the address that the device shows, or what was typed before.
    #[serde(serialize_with = "text::input")]
    pub user_code: &'a str,
    /// The code came along with the address, and was not typed.
    pub carried: bool,
    /// Why the page is shown again.
    pub error: Option<DeviceError>,
    /// Seconds until another try makes sense.
    pub retry_after: Option<u64>,
    /// The address of this page with its code, to go on with another device; shown as a QR code.
    #[serde(skip)]
    pub address: Option<&'a str>,
}

/// See [`Page::Approvals`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Approvals<'a> {
    /// Name of the signed-in account.
    #[serde(serialize_with = "text::name")]
    pub account: &'a str,
    /// What waits for an answer; may be nothing.
    #[serde(skip)]
    pub requests: &'a [Approval<'a>],
    /// Where the forms behind `refused` are posted to.
    pub lift: &'a str,
    /// Comes back with those forms.
    pub form: &'a str,
    /// Clients that may not ask this person.
    pub refused: &'a [RefusedRow<'a>],
}

/// A client that may not ask a person.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RefusedRow<'a> {
    /// Comes back when it may ask again.
    pub id: &'a str,
    /// Who it is.
    pub client: Client<'a>,
    /// Until when; none for good.
    #[serde(serialize_with = "text::optional")]
    pub until: Option<&'a str>,
}

/// One request on the [`Approvals`] page.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Approval<'a> {
    /// Where its form is posted to.
    pub action: &'a str,
    /// Who asks.
    pub client: Client<'a>,
    /// What the person compares with what the app shows.
    #[serde(serialize_with = "text::optional")]
    pub binding_message: Option<&'a str>,
    /// What is asked for.
    #[serde(skip)]
    pub scopes: &'a [Scope<'a>],
    /// Single claims asked for beyond the scopes.
    #[serde(skip)]
    pub claims: &'a [&'a str],
    /// Resource servers that the tokens are for.
    #[serde(skip)]
    pub resources: &'a [Resource<'a>],
    /// Authorization details, which must be read before anything is allowed.
    pub details: &'a [Detail<'a>],
    /// The person must sign in once more before they can allow it.
    pub sign_in_again: bool,
    /// Seconds until it can no longer be answered.
    pub left: u64,
}

/// See [`Page::DeviceDone`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DeviceDone<'a> {
    /// Whose device it is.
    pub client: Client<'a>,
    /// It was allowed.
    pub allowed: bool,
}

/// An account to choose.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Account<'a> {
    /// Value of the `account` field when it is chosen.
    pub id: &'a str,
    /// Name of the account.
    #[serde(serialize_with = "text::name")]
    pub name: &'a str,
    /// A second line, such as a mail address.
    #[serde(serialize_with = "text::optional")]
    pub detail: Option<&'a str>,
}

/// See [`Page::SelectAccount`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SelectAccount<'a> {
    /// Where the form is posted to.
    pub action: &'a str,
    /// Fields to send back.
    pub hidden: Hidden<'a>,
    /// Who asked.
    pub client: Option<Client<'a>>,
    /// The accounts. "Another account" is always offered, as an empty `account` field.
    pub accounts: &'a [Account<'a>],
}

/// Another provider at which people can sign in.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Upstream<'a> {
    /// Its name in addresses.
    pub id: &'a str,
    /// What people read.
    #[serde(serialize_with = "text::name")]
    pub name: &'a str,
}

/// An account at another provider.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Identity<'a> {
    /// Value of the `unlink` field when it is taken away.
    pub id: &'a str,
    /// Name of the provider.
    #[serde(serialize_with = "text::name")]
    pub name: &'a str,
}

/// See [`Page::Linked`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Linked<'a> {
    /// Name of the signed-in account.
    #[serde(serialize_with = "text::name")]
    pub account: &'a str,
    /// Comes back with each form, in its address.
    pub handle: &'a str,
    /// What is linked.
    pub identities: &'a [Identity<'a>],
    /// What can be linked.
    pub others: &'a [Upstream<'a>],
    /// Whether there is an account page to go back to.
    pub account_page: bool,
}

/// An organization to choose.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Organization<'a> {
    /// Value of the `organization` field when it is chosen.
    pub id: &'a str,
    /// What people call it.
    #[serde(serialize_with = "text::name")]
    pub name: &'a str,
}

/// See [`Page::SelectOrganization`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SelectOrganization<'a> {
    /// Where the form is posted to.
    pub action: &'a str,
    /// Who asked.
    pub client: Client<'a>,
    /// Name of the signed-in account.
    #[serde(serialize_with = "text::name")]
    pub account: &'a str,
    /// The organizations that the person can act for.
    pub organizations: &'a [Organization<'a>],
}

/// See [`Page::ConfirmLogout`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ConfirmLogout<'a> {
    /// Where the form is posted to.
    pub action: &'a str,
    /// Fields to send back.
    pub hidden: Hidden<'a>,
    /// Who asked, if that is known.
    pub client: Option<Client<'a>>,
    /// Name of the signed-in account.
    #[serde(serialize_with = "text::optional")]
    pub account: Option<&'a str>,
    /// Offers to sign out of the client alone.
    pub client_alone: bool,
}

/// See [`Page::SignedOut`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SignedOut<'a> {
    /// Whom to go back to.
    pub client: Option<Client<'a>>,
    /// The person chose to stay signed in.
    pub kept: bool,
    /// The person signed out of the client alone.
    pub left: bool,
    /// Pages of clients to load in hidden frames.
    pub frames: &'a [String],
    /// Their origins.
    pub frame_origins: &'a [String],
    /// Where to go on to when they are loaded.
    pub next: Option<&'a str>,
}

/// See [`Page::Error`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Error<'a> {
    /// The error code on the wire, such as `invalid_request`.
    #[serde(serialize_with = "text::name")]
    pub code: &'a str,
    /// What the page is about, where the code says too little, such as `not_found`; chooses title and text.
    #[serde(skip)]
    pub about: Option<&'a str>,
    /// The stable identifier of the reason, as the log has it.
    #[serde(serialize_with = "text::name")]
    pub id: &'a str,
    /// The fixed text of the reason, for developers. Never anything out of the request.
    #[serde(serialize_with = "text::optional")]
    pub detail: Option<&'a str>,
    /// Where a link leads: an answer for the client, at a redirect URI that it registered.
    pub next: Option<&'a str>,
    /// What is posted there, where the answer does not travel by a link.
    pub next_fields: Option<Hidden<'a>>,
    /// Whose it is.
    #[serde(serialize_with = "text::host")]
    pub next_host: &'a str,
}

/// See [`Page::FormPost`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FormPost<'a> {
    /// The client's redirect URI.
    pub action: &'a str,
    /// Parameters of the response.
    pub fields: Hidden<'a>,
    /// Host that the answer goes to.
    #[serde(serialize_with = "text::host")]
    pub redirect_host: &'a str,
}

/// A link on the [`Home`] page.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Link<'a> {
    /// What it is.
    pub title: &'a str,
    /// Where it leads.
    pub href: &'a str,
}

/// See [`Page::Home`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Home<'a> {
    /// The issuer identifier.
    pub issuer: &'a str,
    /// Documents for developers.
    pub links: &'a [Link<'a>],
    /// Offers the page at `/demo`.
    pub demo: bool,
    /// Offers the page at `/account`.
    pub account: bool,
}

/// See [`Page::Demo`].
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Demo<'a> {
    /// The issuer identifier, from which the page discovers the endpoints.
    pub issuer: &'a str,
    /// A public client that may use `redirect_uri`, PKCE, `authorization_code` and `refresh_token`.
    pub client_id: &'a str,
    /// Address of the demo page itself; also where signing out returns to.
    pub redirect_uri: &'a str,
    /// Scopes to ask for, separated by spaces.
    pub scope: &'a str,
}
