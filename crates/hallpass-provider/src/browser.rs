//! What a browser carries between requests: the session cookie, a binding cookie, and sealed state in URLs.

use hallpass_core::{authorize::RequestRecord, interaction::Done, reasons, record::Visit};
use hallpass_types::{ClientId, Key, Opaque, Session, Sid, Timestamp, Waiting, sha256};
use serde::{Deserialize, Serialize};

use crate::{endpoints::Proved, ports::PageKind};

reasons! {
    /// Why something that came back from a browser was refused. Always shown as a page.
    pub enum Reason {
        /// The sealed state was changed, belongs to another server, or is no state at all.
        StateUnknown => InvalidRequest, "interaction_unknown", "this page is not valid any more";
        /// The sealed state is too old.
        StateExpired => InvalidRequest, "interaction_expired", "this page is not valid any more";
        /// Another browser started the request.
        OtherBrowser => AccessDenied, "interaction_other_browser", "this page belongs to another browser";
        /// The person's session ended meanwhile.
        NotSignedIn => LoginRequired, "interaction_not_signed_in", "you are not signed in";
        /// The account demands more by now than the person of this session proved.
        TooLittle => LoginRequired, "interaction_too_little", "sign in again: this account asks for more by now";
        /// The person has nothing to prove what is demanded with.
        Unreachable => AccessDenied, "sign_in_unreachable", "this account has no second factor, and one is demanded";
        /// Somebody signed in after the page was made; what it asks is not about that session.
        OtherSession => InvalidRequest, "interaction_other_session", "somebody signed in since this page was shown";
    }
}

/// The cookies of a request.
#[derive(Debug, Default)]
pub struct Browser {
    /// The session cookie's value.
    pub session: Option<Opaque<Session>>,
    /// The binding cookie's value.
    pub binding: Option<String>,
    /// The value of the cookie that clients' frames watch.
    pub state: Option<String>,
    /// Sessions of other accounts that wait in this browser.
    pub others: Vec<Opaque<Session>>,
    /// For which accounts this browser is known, sealed.
    pub known: Option<String>,
    /// From where the request comes, where it may become somebody's session.
    pub visit: Option<Box<Visit>>,
    /// The person wants to stay signed in when the browser is closed, as a form says.
    pub remember: bool,
    /// It says that a page of another site, or ours, asks for this in a frame.
    pub framed: bool,
}

impl Browser {
    /// The same browser as if nobody were signed in.
    pub(crate) fn without_session(&self) -> Self {
        Self {
            binding: self.binding.clone(),
            known: self.known.clone(),
            visit: self.visit.clone(),
            remember: self.remember,
            ..Self::default()
        }
    }

    /// Notes from where the request comes, in words of our own, so that a session that begins with it can be told from
    /// others. The browser is known again by its binding cookie.
    pub fn came_from(&mut self, device: String, address: Option<String>) {
        let known_by = self
            .binding
            .as_deref()
            .filter(|b| is_binding(b))
            .map(binding_digest);
        self.visit = Some(Box::new(Visit {
            device,
            address,
            known_by,
        }));
    }
}

/// Cookies to set with an answer.
#[derive(Debug, Default)]
pub struct SetCookies {
    /// A new session cookie and its lifetime in seconds.
    pub session: Option<(Opaque<Session>, i64)>,
    /// Remove the session cookie.
    pub end_session: bool,
    /// A new binding cookie.
    pub binding: Option<String>,
    /// A new value of the cookie that clients' frames watch, and its lifetime in seconds; 0 removes it.
    pub state: Option<(String, i64)>,
    /// A new value of the cookie with the accounts that wait, and its lifetime in seconds; 0 removes it.
    pub others: Option<(String, i64)>,
    /// The browser forgets the session when it is closed.
    pub fleeting: bool,
    /// For which accounts this browser is known, sealed, and for how many seconds.
    pub known: Option<(String, i64)>,
}

/// An authorization request that waits for its person, as it is sealed into the page's URL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pending {
    #[serde(rename = "b")]
    pub(crate) binding: [u8; 16],
    #[serde(rename = "s")]
    pub(crate) started_at: Timestamp,
    #[serde(rename = "e")]
    pub(crate) expires_at: Timestamp,
    #[serde(rename = "d", default)]
    pub(crate) done: Done,
    /// The question of the embedding program that it asks, when it is one.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub(crate) own_prompt: Option<String>,
    /// The page that this was sealed for.
    #[serde(rename = "p")]
    pub(crate) page: PageKind,
    /// Whose page that is.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(crate) shown_to: Option<Sid>,
    #[serde(rename = "r")]
    pub(crate) request: RequestRecord,
    /// The device that asks, when it is one.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<PendingDevice>,
    /// The page of our own where the person goes on, when it is none of a client.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub(crate) own: Option<String>,
    /// What was proved so far of who the person is.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub(crate) proved: Option<Proved>,
    /// The person wants to sign in anew: nothing that the session proved counts.
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) anew: bool,
    /// The person adds an account: the one that was used stays in this browser.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) adding: bool,
    /// The person wants to change how they sign in: what they have set up for that is shown first.
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) changes: bool,
    /// The person wants to stay signed in, said on a page from which they went elsewhere.
    #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) remember: bool,
}

/// A device whose person is here.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PendingDevice {
    /// Where its request waits.
    #[serde(rename = "k")]
    pub(crate) key: Key<Waiting>,
    /// The code that the person typed, as it is shown.
    #[serde(rename = "c")]
    pub(crate) user_code: String,
}

/// For some minutes the code is a secret; it is not printed.
impl std::fmt::Debug for PendingDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingDevice")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A logout request that waits for its person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PendingLogout {
    #[serde(rename = "b")]
    pub(crate) binding: [u8; 16],
    #[serde(rename = "e")]
    pub(crate) expires_at: Timestamp,
    /// The session that is to end.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(crate) shown_to: Option<Sid>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<ClientId>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(crate) redirect: Option<String>,
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) locales: Vec<String>,
}

/// A sign-out of which clients are still to be told by the browser.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PendingFrames {
    #[serde(rename = "b")]
    pub(crate) binding: [u8; 16],
    #[serde(rename = "e")]
    pub(crate) expires_at: Timestamp,
    /// Sessions that ended: every client that took part is told.
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sessions: Vec<Key<Session>>,
    /// Sessions that one client alone was signed out of, by their names.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) only: Vec<Sid>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<ClientId>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(crate) redirect: Option<String>,
}

/// What stands in sealed state for a binding cookie.
pub(crate) fn binding_digest(cookie: &str) -> [u8; 16] {
    let mut out = [0; 16];
    if let Some(half) = sha256(cookie.as_bytes()).first_chunk::<16>() {
        out = *half;
    }
    out
}

/// Whether a binding cookie has the form that we make: 22 characters of base64url.
pub(crate) fn is_binding(cookie: &str) -> bool {
    cookie.len() == 22
        && cookie
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
