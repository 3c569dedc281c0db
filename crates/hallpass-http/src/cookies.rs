//! The cookies: the session, the binding of a browser to the requests that it started, and where clients may watch
//! whether somebody is signed in, a value for that.

use std::sync::Arc;

use hallpass_provider::browser::{Browser, SetCookies};
use hallpass_types::{Issuer, Opaque, sha256};
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};

/// Names and attributes, which follow the issuer. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieNames(Arc<Names>);

#[derive(Debug, PartialEq, Eq)]
struct Names {
    session: String,
    binding: String,
    state: String,
    others: String,
    known: String,
    secure: bool,
}

impl CookieNames {
    /// With https the names begin with `__Host-`, which ties them to host, path `/` and TLS. Those of an issuer with a path
    /// end with it: issuers of one host do not share their cookies.
    #[must_use]
    pub fn of(issuer: &Issuer) -> Self {
        let prefix = if issuer.is_https() { "__Host-" } else { "" };
        let tag = tag(issuer.path());
        let name = |what| format!("{prefix}hallpass_{what}{tag}");
        Self(Arc::new(Names {
            session: name("session"),
            binding: name("browser"),
            state: name("state"),
            others: name("others"),
            known: name("known"),
            secure: issuer.is_https(),
        }))
    }

    /// Without an age it ends with the browser.
    fn cookie(&self, name: &str, value: &str, max_age: Option<i64>) -> Option<HeaderValue> {
        let secure = if self.0.secure { "; Secure" } else { "" };
        let age = lasting(max_age);
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}");
        HeaderValue::from_str(&text).ok()
    }

    /// The cookie that script on our own page reads, also when that page is in a frame of another site.
    fn watched(&self, value: &str, max_age: Option<i64>) -> Option<HeaderValue> {
        let name = self.state();
        let site = if self.0.secure {
            "SameSite=None; Secure"
        } else {
            "SameSite=Lax"
        };
        let age = lasting(max_age);
        let text = format!("{name}={value}; Path=/; {site}{age}");
        HeaderValue::from_str(&text).ok()
    }

    /// The name of the cookie that frames watch.
    pub(crate) fn state(&self) -> &str {
        &self.0.state
    }
}

fn lasting(max_age: Option<i64>) -> String {
    max_age.map_or_else(String::new, |age| format!("; Max-Age={age}"))
}

/// What tells the cookies of a path from those of another; nothing at the root.
fn tag(path: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/-_".contains(&byte);
    if path.bytes().all(plain) && path.len() <= LONGEST_TAG {
        return path.replace('/', ".");
    }
    // No plain path has two dots in a row.
    let digest = sha256(path.as_bytes());
    let hex = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("..{}", hex.collect::<String>())
}

/// A longer path is told by its digest.
const LONGEST_TAG: usize = 100;

/// A browser keeps its binding this long (seconds): it is known again by it.
const BINDING_AGE: i64 = 400 * 86_400;

/// More accounts that wait in a browser are not looked at.
const MOST_OTHERS: usize = 8;

/// Reads our cookies. One that stands twice, or is not of our making, counts as absent.
#[must_use]
pub fn browser_of(headers: &HeaderMap, names: &CookieNames) -> Browser {
    Browser {
        session: single(headers, &names.0.session).and_then(Opaque::parse),
        binding: single(headers, &names.0.binding).map(str::to_owned),
        state: single(headers, names.state()).map(str::to_owned),
        others: single(headers, &names.0.others)
            .map(|values| {
                values
                    .split('.')
                    .take(MOST_OTHERS)
                    .filter_map(Opaque::parse)
                    .collect()
            })
            .unwrap_or_default(),
        known: single(headers, &names.0.known).map(str::to_owned),
        visit: None,
        remember: false,
        framed: is_framed(headers),
    }
}

/// Whether a browser says that the answer is for a frame.
fn is_framed(headers: &HeaderMap) -> bool {
    let said = headers.get("sec-fetch-dest").map(HeaderValue::as_bytes);
    matches!(said, Some(b"iframe" | b"frame"))
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
pub fn set_cookies(headers: &mut HeaderMap, cookies: &SetCookies, names: &CookieNames) {
    // One that is taken away has an age in any case.
    let kept = |age: i64| (age <= 0 || !cookies.fleeting).then_some(age);
    let session = match (&cookies.session, cookies.end_session) {
        (Some((value, age)), _) => names.cookie(&names.0.session, value.expose(), kept(*age)),
        (None, true) => names.cookie(&names.0.session, "", Some(0)),
        (None, false) => None,
    };
    let binding = cookies
        .binding
        .as_deref()
        .and_then(|b| names.cookie(&names.0.binding, b, Some(BINDING_AGE)));
    let state = cookies
        .state
        .as_ref()
        .and_then(|(value, age)| names.watched(value, kept(*age)));
    let others = cookies
        .others
        .as_ref()
        .and_then(|(values, age)| names.cookie(&names.0.others, values, kept(*age)));
    let known = cookies
        .known
        .as_ref()
        .and_then(|(value, age)| names.cookie(&names.0.known, value, Some(*age)));
    let all = [session, binding, state, others, known];
    for value in all.into_iter().flatten() {
        headers.append(SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(issuer: &str) -> String {
        CookieNames::of(&Issuer::parse(issuer).unwrap())
            .0
            .session
            .clone()
    }

    // LG-08, LG-09
    #[test]
    fn issuers_of_one_host_have_cookies_of_their_own() {
        assert_eq!(session("https://op.example"), "__Host-hallpass_session");
        assert_eq!(session("http://op.example"), "hallpass_session");
        let acme = session("https://op.example/p/acme");
        assert_eq!(acme, "__Host-hallpass_session.p.acme");
        let all = [
            "https://op.example",
            "https://op.example/p/acme",
            "https://op.example/p/acme2",
            "https://op.example/p.acme",
            "https://op.example/p-acme",
            "https://op.example/P/acme",
            "https://op.example/p/a%3Bb",
            "https://op.example/p//acme",
        ];
        let mut names = all.map(session).to_vec();
        let token = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        assert!(names.iter().all(|name| name.bytes().all(token)));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all.len());
        let long = format!("https://op.example/{}", "a".repeat(5000));
        assert!(session(&long).len() < 100);
    }
}
