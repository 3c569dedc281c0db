//! The cookies: the session, the binding of a browser to the requests that it started, and where clients may watch
//! whether somebody is signed in, a value for that.

use hallpass_provider::browser::{Browser, SetCookies};
use hallpass_types::{Issuer, Opaque};
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};

/// Names and attributes, which follow the issuer's scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieNames {
    session: &'static str,
    binding: &'static str,
    state: &'static str,
    secure: bool,
}

impl CookieNames {
    /// With https the names begin with `__Host-`, which ties them to host, path `/` and TLS.
    #[must_use]
    pub fn of(issuer: &Issuer) -> Self {
        if issuer.is_https() {
            Self {
                session: "__Host-hallpass_session",
                binding: "__Host-hallpass_browser",
                state: "__Host-hallpass_state",
                secure: true,
            }
        } else {
            Self {
                session: "hallpass_session",
                binding: "hallpass_browser",
                state: "hallpass_state",
                secure: false,
            }
        }
    }

    fn cookie(self, name: &str, value: &str, max_age: i64) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let text =
            format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
        HeaderValue::from_str(&text).ok()
    }

    /// The cookie that script on our own page reads, also when that page is in a frame of another site.
    fn watched(self, value: &str, max_age: i64) -> Option<HeaderValue> {
        let name = self.state;
        let site = if self.secure {
            "SameSite=None; Secure"
        } else {
            "SameSite=Lax"
        };
        let text = format!("{name}={value}; Path=/; {site}; Max-Age={max_age}");
        HeaderValue::from_str(&text).ok()
    }

    /// The name of the cookie that frames watch.
    pub(crate) const fn state(self) -> &'static str {
        self.state
    }
}

/// A browser keeps its binding this long (seconds).
const BINDING_AGE: i64 = 86_400;

/// Reads our cookies. One that stands twice, or is not of our making, counts as absent.
#[must_use]
pub fn browser_of(headers: &HeaderMap, names: CookieNames) -> Browser {
    Browser {
        session: single(headers, names.session).and_then(Opaque::parse),
        binding: single(headers, names.binding).map(str::to_owned),
        state: single(headers, names.state).map(str::to_owned),
    }
}

fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut found = None;
    for value in headers.get_all(COOKIE) {
        let Ok(text) = value.to_str() else { continue };
        for piece in text.split(';') {
            let Some((key, value)) = piece.trim().split_once('=') else {
                continue;
            };
            if key == name && found.replace(value).is_some() {
                return None;
            }
        }
    }
    found
}

/// Adds the cookies of an answer.
pub fn set_cookies(headers: &mut HeaderMap, cookies: &SetCookies, names: CookieNames) {
    let session = match (&cookies.session, cookies.end_session) {
        (Some((value, age)), _) => names.cookie(names.session, value.expose(), *age),
        (None, true) => names.cookie(names.session, "", 0),
        (None, false) => None,
    };
    let binding = cookies
        .binding
        .as_deref()
        .and_then(|b| names.cookie(names.binding, b, BINDING_AGE));
    let state = cookies
        .state
        .as_ref()
        .and_then(|(value, age)| names.watched(value, *age));
    for value in [session, binding, state].into_iter().flatten() {
        headers.append(SET_COOKIE, value);
    }
}
