//! Identifiers, each a type of its own.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Bucket, bytes};

/// Text that is not an identifier of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid identifier")
    }
}
impl std::error::Error for InvalidId {}

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident, $max:literal, $ok:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Checks length and characters.
            ///
            /// # Errors
            /// [`InvalidId`] when the text is empty, too long or not of the form that is allowed.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let allowed: fn(&str) -> bool = $ok;
                if text.is_empty() || text.len() > $max || !allowed(text) {
                    return Err(InvalidId);
                }
                Ok(Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
    )+};
}

text_id! {
    /// A client identifier: printable ASCII (RFC 6749 appendix A.1), at most 255 bytes.
    ClientId, 255, |text| text.bytes().all(|b| matches!(b, 0x20..=0x7E));
    /// The subject identifier of an account: at most 255 ASCII characters (OpenID Connect Core §2). None begins with
    /// [`Subject::CLIENT_PREFIX`].
    //= RFC9700#4.15 SHOULD: a client cannot get hold of a subject that could be a person's
    Subject, 255, |text| {
        text.bytes().all(|b| matches!(b, 0x21..=0x7E)) && !text.starts_with(Subject::CLIENT_PREFIX)
    };
    /// A session identifier as clients see it in the `sid` claim.
    Sid, 64, |text| {
        text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
}

impl Subject {
    /// Subjects of clients that act for themselves begin so; [`Subject::parse`] refuses it for accounts.
    pub const CLIENT_PREFIX: &'static str = "client:";

    /// The subject of a token that a client got for itself.
    #[must_use]
    pub fn of_client(client: &ClientId) -> String {
        format!("{}{}", Self::CLIENT_PREFIX, client.as_str())
    }
}

/// The number of an issuer in the store. Every key begins with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IssuerId(pub u32);

/// An issuer identifier: an `https` URL without query or fragment (`http` for development).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issuer {
    text: std::sync::Arc<str>,
    origin: std::sync::Arc<str>,
    path: std::sync::Arc<str>,
    https: bool,
}

impl Issuer {
    /// Checks the form that OpenID Connect Discovery §3 and RFC 8414 §2 ask for. A trailing slash is
    /// refused: every endpoint is the issuer with a path behind it.
    ///
    /// # Errors
    /// [`InvalidId`] for another scheme, user information, query, fragment, a trailing slash, or a text that
    /// a URL parser would write differently.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let url = url::Url::parse(text).map_err(|_| InvalidId)?;
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(InvalidId),
        };
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.host_str().is_some_and(|h| !h.is_empty());
        let written = url.as_str();
        let canonical = written.strip_suffix('/').unwrap_or(written);
        if !plain || canonical != text {
            return Err(InvalidId);
        }
        let origin = url.origin().ascii_serialization();
        let path = url.path().strip_suffix('/').unwrap_or_else(|| url.path());
        Ok(Self {
            text: text.into(),
            origin: origin.into(),
            path: path.into(),
            https,
        })
    }

    /// The identifier as clients compare it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path in front of every endpoint, without a trailing slash; empty for an issuer at the root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// The issuer with `path` (which begins with a slash) behind it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The identity of a grant: its expiry bucket and 96 random bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId {
    /// When the grant may be purged.
    pub bucket: Bucket,
    /// Random.
    pub random: [u8; 12],
}

impl GrantId {
    /// The sixteen bytes that stand for it inside tokens.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let mut out = [0; 16];
        let (head, tail) = out.split_at_mut(4);
        head.copy_from_slice(&self.bucket.0.to_be_bytes());
        tail.copy_from_slice(&self.random);
        out
    }

    /// The reverse of [`Self::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let mut bucket = [0; 4];
        let mut random = [0; 12];
        let (head, tail) = bytes.split_at(4);
        bucket.copy_from_slice(head);
        random.copy_from_slice(tail);
        Self {
            bucket: Bucket(u32::from_be_bytes(bucket)),
            random,
        }
    }
}

impl Serialize for GrantId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        bytes::serialize(&self.to_bytes(), serializer)
    }
}
impl<'de> Deserialize<'de> for GrantId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        bytes::deserialize(deserializer).map(Self::from_bytes)
    }
}

impl fmt::Debug for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrantId({})", URL_SAFE_NO_PAD.encode(self.to_bytes()))
    }
}
impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.to_bytes()))
    }
}

/// The identity of one access token (`jti`): 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(#[serde(with = "bytes")] pub [u8; 16]);

/// The identity of one credential among those of its person: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialId(#[serde(with = "bytes")] pub [u8; 16]);

impl CredentialId {
    /// Reads what [`Display`](fmt::Display) wrote.
    ///
    /// # Errors
    /// [`InvalidId`]
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidId)?;
        <[u8; 16]>::try_from(bytes).map(Self).map_err(|_| InvalidId)
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_plain_url_in_canonical_form() {
        let issuer = Issuer::parse("https://op.example:8443/tenant").unwrap();
        assert_eq!(issuer.origin(), "https://op.example:8443");
        assert_eq!(issuer.path(), "/tenant");
        assert_eq!(Issuer::parse("http://localhost:3000").unwrap().path(), "");
        for bad in [
            "https://op.example/",
            "https://op.example/?a",
            "https://op.example/#a",
            "https://u@op.example",
            "HTTPS://op.example",
            "https://op.example:443",
            "ftp://op.example",
            "op.example",
            "https://op.example/a/../b",
        ] {
            assert_eq!(Issuer::parse(bad), Err(InvalidId), "{bad}");
        }
    }

    #[test]
    fn a_grant_id_survives_its_bytes() {
        let id = GrantId {
            bucket: Bucket(77),
            random: [9; 12],
        };
        assert_eq!(GrantId::from_bytes(id.to_bytes()), id);
    }

    #[test]
    fn no_account_has_the_subject_of_a_client() {
        //= test RFC9700#4.15 a client cannot get hold of a subject that could be a person's
        let web = ClientId::parse("web").unwrap();
        assert_eq!(Subject::parse(&Subject::of_client(&web)), Err(InvalidId));
        assert!(Subject::parse("client:").is_err());
        assert!(Subject::parse("Client:web").is_ok());
        assert!(Subject::parse("clients").is_ok());
        assert!(serde_json::from_str::<Subject>("\"client:web\"").is_err());
    }

    #[test]
    fn identifiers_are_printable_and_bounded() {
        assert!(ClientId::parse("").is_err());
        assert!(ClientId::parse("a\u{0}b").is_err());
        assert!(ClientId::parse(&"a".repeat(256)).is_err());
        assert!(Subject::parse("with space").is_err());
    }
}
