//! Response modes of an embedding program: how an answer travels is its own, where it goes is not.

use std::{fmt, sync::Arc};

use hallpass_jose::base64url;
use hallpass_types::sha256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{AuthorizationResponse, JWT, ResponseMode, encode, json_object, without_fragment};
use crate::policy::Policy;

/// The name of a response mode that a program adds.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnModeName {
    bytes: [u8; MAX],
    length: u8,
}

/// Longer names are none: a mode is part of every answer, and of refusals, which stay small.
const MAX: usize = 22;

impl OwnModeName {
    /// Small letters, digits, `_`, `-` and `.`, at most 22 of them; no name that exists already, nor that of a signed form.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
        let taken = ResponseMode::parse(name).is_some() || name == JWT || name.ends_with(".jwt");
        if name.is_empty() || taken || !name.bytes().all(known) {
            return None;
        }
        let mut bytes = [0; MAX];
        bytes
            .get_mut(..name.len())?
            .copy_from_slice(name.as_bytes());
        let length = u8::try_from(name.len()).ok()?;
        Some(Self { bytes, length })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let name = self.bytes.get(..usize::from(self.length));
        name.and_then(|name| str::from_utf8(name).ok())
            .unwrap_or_default()
    }
}

impl fmt::Debug for OwnModeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for OwnModeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for OwnModeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl de::Visitor<'_> for Name {
            type Value = OwnModeName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a response mode")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<OwnModeName, E> {
                OwnModeName::parse(name).ok_or_else(|| E::custom("no name of a response mode"))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

type Carry = dyn Fn(&AuthorizationResponse) -> Travel + Send + Sync;

/// A response mode that a program adds. It says how an answer travels; the engine still decides what is in it and for which
/// redirect URI, and holds a redirect to that URI. It exists for clients that name it in their `response_modes` and for no others,
/// for answers that could stand in a query: no token is ever sent this way.
#[derive(Clone)]
pub struct OwnMode {
    name: &'static str,
    carry: Arc<Carry>,
}

impl OwnMode {
    /// A mode of that name ([`OwnModeName::parse`]; another name is of no effect).
    #[must_use]
    pub fn new(
        name: &'static str,
        carry: impl Fn(&AuthorizationResponse) -> Travel + Send + Sync + 'static,
    ) -> Self {
        let carry = Arc::new(carry);
        Self { name, carry }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for OwnMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnMode").field(&self.name).finish()
    }
}

/// Two of the same name are the same: what they do cannot be compared.
impl PartialEq for OwnMode {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for OwnMode {}

/// How an answer travels in a mode of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Travel {
    /// By a redirect, to the redirect URI of the answer with another query or fragment.
    Redirect(String),
    /// By a page.
    Page {
        /// The document. What comes from the answer must be escaped in it.
        html: String,
        /// The inline scripts that run in it, each exactly as it stands between its tags. Others do not.
        scripts: Vec<&'static str>,
    },
}

/// An answer that is ready to be sent in a mode of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ready {
    /// To that URL.
    Redirect(String),
    /// As a page.
    Page {
        /// The document.
        html: String,
        /// Its `Content-Security-Policy`: nothing is loaded, nothing frames it, forms go to the client's redirect URI.
        csp: String,
    },
    /// Not at all: the program wants to send it elsewhere than the client registered.
    Astray,
}

impl AuthorizationResponse {
    /// The answer as the program carries it; none in the modes of the protocol.
    #[must_use]
    pub fn carried(&self, policy: &Policy) -> Option<Ready> {
        let ResponseMode::Own(name) = self.mode else {
            return None;
        };
        let modes = &policy.requests.modes;
        let Some(mode) = modes.iter().find(|mode| mode.name == name.as_str()) else {
            return Some(Ready::Astray);
        };
        Some(match (mode.carry)(self) {
            Travel::Redirect(url) if self.is_own(&url) => Ready::Redirect(url),
            Travel::Redirect(_) => Ready::Astray,
            Travel::Page { html, scripts } => Ready::Page {
                html,
                csp: csp(&self.redirect_uri, &scripts),
            },
        })
    }

    /// The parameters in form encoding, as they stand in a query.
    #[must_use]
    pub fn encoded(&self) -> String {
        encode(&self.params)
    }

    /// The parameters as a JSON object in which nothing can end a script element.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        json_object(&mut out, &self.params);
        out.push('}');
        out.replace('<', "\\u003c")
    }

    //= RFC9700#4.1.3 MUST: a code goes to a redirect URI that the client registered, and nowhere else
    fn is_own(&self, url: &str) -> bool {
        let base = without_fragment(&self.redirect_uri);
        let rest = url.strip_prefix(base);
        rest.is_some_and(|rest| match rest.chars().next() {
            None | Some('#') => true,
            Some('?') => !base.contains('?'),
            Some('&') => base.contains('?'),
            Some(_) => false,
        })
    }
}

fn csp(redirect_uri: &str, scripts: &[&str]) -> String {
    let source = match redirect_uri.split_once("://") {
        Some((scheme, rest)) if scheme.starts_with("http") => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            format!("{scheme}://{host}")
        }
        Some((scheme, _)) => format!("{scheme}:"),
        None => "'none'".to_owned(),
    };
    let mut csp = format!(
        "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action {source}"
    );
    for (index, script) in scripts.iter().enumerate() {
        csp.push_str(if index == 0 { "; script-src" } else { "" });
        let digest = sha256(script.as_bytes());
        csp.push_str(&format!(" 'sha256-{}'", base64(&digest)));
    }
    csp
}

/// Standard base64, as policies of content want it.
fn base64(bytes: &[u8; 32]) -> String {
    let text = base64url::encode(bytes).replace('-', "+");
    format!("{}=", text.replace('_', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(redirect_uri: &str) -> AuthorizationResponse {
        AuthorizationResponse {
            redirect_uri: redirect_uri.to_owned(),
            mode: ResponseMode::Own(OwnModeName::parse("own").unwrap()),
            params: vec![("code", "a&b</script>".to_owned())],
        }
    }

    #[test]
    fn a_name_is_small_free_and_none_of_a_signed_form() {
        for name in ["own", "hash_route", "a.b-c", "x", &"a".repeat(22)] {
            assert_eq!(OwnModeName::parse(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            "query",
            "jwt",
            "query.jwt",
            "own.jwt",
            "Own",
            "o wn",
            "\u{f6}wn",
            &"a".repeat(23),
        ] {
            assert!(OwnModeName::parse(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_mode_reads_back_from_what_was_sealed() {
        let mode = answer("https://app.example/cb").mode;
        let json = serde_json::to_string(&mode).unwrap();
        assert_eq!(serde_json::from_str::<ResponseMode>(&json).unwrap(), mode);
        assert!(serde_json::from_str::<ResponseMode>(&json.replace("own\"}", "jwt\"}")).is_err());
    }

    #[test]
    fn a_redirect_stays_at_the_uri_of_the_client() {
        //= test RFC9700#4.1.3 a code goes to a redirect URI that the client registered, and nowhere else
        let plain = answer("https://app.example/cb");
        let asked = answer("https://app.example/cb?a=b");
        let apart = answer("com.example.app:/cb");
        for (answer, good) in [
            (&plain, "https://app.example/cb#/signed-in?code=c"),
            (&plain, "https://app.example/cb?code=c"),
            (&plain, "https://app.example/cb"),
            (&asked, "https://app.example/cb?a=b&code=c"),
            (&asked, "https://app.example/cb?a=b#code=c"),
            (&apart, "com.example.app:/cb#code=c"),
        ] {
            assert!(answer.is_own(good), "{good}");
        }
        for (answer, bad) in [
            (&plain, "https://app.example/cb/../elsewhere"),
            (&plain, "https://app.example/cb2"),
            (&plain, "https://app.example/cb.evil.example"),
            (&plain, "https://app.example/"),
            (&plain, "https://app.example@evil.example/cb"),
            (&plain, "http://app.example/cb"),
            (&plain, "//evil.example/cb"),
            (&plain, ""),
            (&asked, "https://app.example/cb?code=c"),
            (&asked, "https://app.example/cb?a=bc"),
            (&asked, "https://app.example/cb?a=b?code=c"),
            (&plain, "https://app.example/cb&code=c"),
        ] {
            assert!(!answer.is_own(bad), "{bad}");
        }
    }

    #[test]
    fn what_an_answer_says_ends_no_script_and_no_parameter() {
        let answer = answer("https://app.example/cb");
        assert_eq!(answer.encoded(), "code=a%26b%3C%2Fscript%3E");
        assert!(!answer.to_json().contains('<'));
        let read: serde_json::Value = serde_json::from_str(&answer.to_json()).unwrap();
        assert_eq!(read["code"], "a&b</script>");
    }

    #[test]
    fn a_page_runs_the_scripts_that_were_named_and_posts_to_the_client() {
        let one = csp("https://app.example:8443/cb?x", &["alert(1)"]);
        assert_eq!(
            one,
            "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action https://app.example:8443; \
             script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
        );
        assert!(csp("com.example.app:/cb", &[]).ends_with("form-action 'none'"));
        assert!(csp("com.example.app://cb", &[]).ends_with("form-action com.example.app:"));
    }
}
