//! Whether a person is still signed in, asked by frames,
//! [OpenID Connect Session Management 1.0](https://openid.net/specs/openid-connect-session-1_0.html).
//!
//! The browser holds a value that changes with its session and that script on our own pages can read. A client gets a
//! digest of it; the page at `check_session_iframe` makes the digest anew and compares.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hallpass_types::{Key, Session, sha256};

/// What the browser holds: it follows from the session, and nothing follows from it.
#[must_use]
pub fn browser_state(session: &Key<Session>) -> String {
    let mut input = b"hallpass session state ".to_vec();
    input.extend_from_slice(&session.digest);
    let digest = sha256(&input);
    URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or_default())
}

/// `session_state` for a client at an origin. It says nothing about the session by itself and has no space in it.
//= OIDC-SESSION#2 MUST: session_state depends on client, origin, browser state and salt
//= OIDC-SESSION#2 MUST: session_state holds no space
#[must_use]
pub fn session_state(client: &str, origin: &str, browser_state: &str, salt: &str) -> String {
    let digest = sha256(format!("{client} {origin} {browser_state} {salt}").as_bytes());
    format!("{}.{salt}", URL_SAFE_NO_PAD.encode(digest))
}

/// The origin of a client's page; none for a native client, which has no frames.
#[must_use]
pub fn origin(redirect_uri: &str) -> Option<String> {
    let url = url::Url::parse(redirect_uri).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test OIDC-SESSION#2 session_state depends on client, origin, browser state and salt
    //= test OIDC-SESSION#2 session_state holds no space
    #[test]
    fn every_part_changes_the_state() {
        let made = session_state("c", "https://rp.test", "b", "s");
        assert!(made.ends_with(".s") && !made.contains(' '));
        for other in [
            session_state("d", "https://rp.test", "b", "s"),
            session_state("c", "https://rp.test:8443", "b", "s"),
            session_state("c", "https://rp.test", "", "s"),
            session_state("c", "https://rp.test", "b", "t"),
        ] {
            assert_ne!(made, other);
        }
        assert_eq!(made, session_state("c", "https://rp.test", "b", "s"));
    }

    /// The page makes the same in script: a fixed example for both.
    #[test]
    fn the_state_is_a_sha_256_in_base64url() {
        assert_eq!(
            session_state("client", "https://rp.example", "state", "salt"),
            "N9t5dIx3dgBKs84sy-CVQaJEXPXs6HafXSf5DCU-28U.salt"
        );
    }

    #[test]
    fn each_session_has_another_browser_state() {
        let session = |digest| Key::from_parts(hallpass_types::Bucket(7), [digest; 32]);
        let state = browser_state(&session(1));
        assert_eq!(state.len(), 22);
        assert_ne!(state, browser_state(&session(2)));
    }

    #[test]
    fn only_pages_have_an_origin() {
        assert_eq!(
            origin("https://rp.test:443/cb?x").as_deref(),
            Some("https://rp.test")
        );
        assert_eq!(
            origin("http://localhost:3000/cb").as_deref(),
            Some("http://localhost:3000")
        );
        assert_eq!(origin("com.example.app:/cb"), None);
        assert_eq!(origin("cb"), None);
    }
}
