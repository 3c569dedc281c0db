//! What people sign in with, as they look after it.

use serde::Serialize;

use super::SignInError;
use crate::text;

/// A passkey as its person sees it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PasskeyRow<'a> {
    /// Names it in forms.
    pub id: &'a str,
    /// What the person calls it.
    #[serde(serialize_with = "text::input")]
    pub name: &'a str,
    /// When it was added.
    pub added: &'a str,
    /// When it was last used.
    pub used: Option<&'a str>,
    /// It is on several devices.
    pub synced: bool,
    /// There may be a copy of it; it opens nothing.
    pub cloned: bool,
}

/// See [`Page::Credentials`](super::Page::Credentials).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Credentials<'a> {
    /// `passkeys`, `totp`, `phone` or `recovery`.
    pub section: &'a str,
    /// Where the forms are posted to.
    pub action: &'a str,
    /// Comes back with every form.
    pub form: &'a str,
    /// Why the page is shown again.
    pub error: Option<SignInError>,
    /// Seconds until another try makes sense.
    pub retry_after: Option<u64>,
    /// Passkeys.
    pub passkeys: &'a [PasskeyRow<'a>],
    /// What an authenticator is asked for to make another, as JSON.
    pub offer_passkey: Option<&'a str>,
    /// An authenticator app is set up.
    pub totp_on: bool,
    /// Apps are set up here. Where they no longer are, one that is there is asked for until its person turns it off.
    pub totp_offered: bool,
    /// The secret of one that is about to be, to type it.
    pub secret: &'a str,
    /// What its QR code holds.
    #[serde(skip)]
    pub uri: &'a str,
    /// The sealed secret; or what waits for the code that was sent to a telephone.
    pub offer: &'a str,
    /// The telephone number that is confirmed or, beside an offer, is about to be, as far as its owner knows it by.
    pub phone: &'a str,
    /// Recovery codes that were made just now.
    pub codes: &'a [&'a str],
    /// How many are left.
    pub left: usize,
    /// Of how many.
    pub of: u32,
}
