//! JSON Web Keys, [RFC 7517](https://www.rfc-editor.org/rfc/rfc7517) and
//! [RFC 7518 section 6](https://www.rfc-editor.org/rfc/rfc7518#section-6).

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::algorithm::{JwsAlgorithm, KeyUse};
use crate::base64url;
use crate::error::JwkError;
use crate::json;
use crate::thumbprint;

/// A JSON Web Key, checked on import: its numbers make a valid, strong enough key.
#[derive(Clone)]
pub struct Jwk {
    pub(crate) material: Material,
    pub(crate) kid: Option<String>,
    pub(crate) key_use: Option<String>,
    pub(crate) key_ops: Option<Vec<String>>,
    pub(crate) alg: Option<String>,
    pub(crate) certificates: Vec<Vec<u8>>,
}

impl Jwk {
    /// Parses a key from JSON text of at most 32 KiB.
    ///
    /// # Errors
    /// Text that is not strict JSON, and whatever [`Self::from_value`] refuses.
    pub fn parse(text: &str) -> Result<Self, JwkError> {
        if text.len() > MAX_BYTES {
            return Err(JwkError::TooLarge);
        }
        Self::from_map(&json::parse_object(text.as_bytes(), MAX_DEPTH)?)
    }

    /// Reads a key from a JSON value, which must come from a strict parser such as
    /// [`json::parse`].
    ///
    /// # Errors
    /// Missing or malformed members, unsupported types and curves, weak or invalid keys.
    pub fn from_value(value: &Value) -> Result<Self, JwkError> {
        Self::from_map(value.as_object().ok_or(JwkError::Malformed)?)
    }

    /// The kind of key.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        match &self.material {
            Material::Rsa { .. } => KeyType::Rsa,
            Material::Ec { curve, .. } => KeyType::Ec(*curve),
            Material::Okp { curve, .. } => KeyType::Okp(*curve),
            Material::Akp { algorithm, .. } => KeyType::Akp(*algorithm),
            Material::Oct { .. } => KeyType::Oct,
        }
    }

    /// Whether the key holds a secret; symmetric keys do.
    #[must_use]
    pub fn is_private(&self) -> bool {
        match &self.material {
            Material::Rsa { private, .. } => private.is_some(),
            Material::Ec { d, .. } | Material::Okp { d, .. } => d.is_some(),
            Material::Akp { seed, .. } => seed.is_some(),
            Material::Oct { .. } => true,
        }
    }

    /// The key id.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The declared `use`, if it is one of the registered values.
    #[must_use]
    pub fn key_use(&self) -> Option<KeyUse> {
        match self.key_use.as_deref() {
            Some("sig") => Some(KeyUse::Signature),
            Some("enc") => Some(KeyUse::Encryption),
            Some(_) | None => None,
        }
    }

    /// The declared operations.
    #[must_use]
    pub fn key_ops(&self) -> Option<&[String]> {
        self.key_ops.as_deref()
    }

    /// The declared algorithm, whatever it is.
    #[must_use]
    pub fn alg(&self) -> Option<&str> {
        self.alg.as_deref()
    }

    /// The certificates of `x5c` in DER, that of this key first. Nobody has verified them.
    #[must_use]
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// The SHA-256 thumbprint in base64url, RFC 7638.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        thumbprint::sha256(&self.material)
    }

    /// Names the key, for example by its thumbprint.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The key without its private members.
    ///
    /// Of a symmetric key nothing but its name remains.
    #[must_use]
    pub fn to_public_value(&self) -> Value {
        let mut map = Map::new();
        let mut put = |name: &str, value: String| {
            map.insert(name.to_owned(), Value::String(value));
        };
        match &self.material {
            Material::Rsa { n, e, .. } => {
                put("kty", "RSA".to_owned());
                put("n", base64url::encode(n));
                put("e", base64url::encode(e));
            }
            Material::Ec { curve, x, y, .. } => {
                put("kty", "EC".to_owned());
                put("crv", curve.name().to_owned());
                put("x", base64url::encode(x));
                put("y", base64url::encode(y));
            }
            Material::Okp { curve, x, .. } => {
                put("kty", "OKP".to_owned());
                put("crv", curve.name().to_owned());
                put("x", base64url::encode(x));
            }
            Material::Akp {
                algorithm, public, ..
            } => {
                put("kty", "AKP".to_owned());
                put("alg", algorithm.name().to_owned());
                put("pub", base64url::encode(public));
            }
            Material::Oct { .. } => put("kty", "oct".to_owned()),
        }
        for (name, value) in [
            ("kid", &self.kid),
            ("use", &self.key_use),
            ("alg", &self.alg),
        ] {
            if let Some(value) = value {
                put(name, value.clone());
            }
        }
        if let Some(ops) = &self.key_ops {
            map.insert("key_ops".to_owned(), Value::from(ops.clone()));
        }
        if !self.certificates.is_empty() {
            let all = self.certificates.iter().map(|der| STANDARD.encode(der));
            map.insert("x5c".to_owned(), all.collect());
        }
        Value::Object(map)
    }

    /// Whether `use` and `key_ops`, where declared, allow the operation.
    pub(crate) fn allows(&self, key_use: KeyUse, operations: &[&str]) -> bool {
        let use_fits = self
            .key_use
            .as_deref()
            .is_none_or(|declared| declared == key_use.name());
        let operation_fits = self.key_ops.as_deref().is_none_or(|declared| {
            declared
                .iter()
                .any(|operation| operations.contains(&operation.as_str()))
        });
        use_fits && operation_fits
    }
}

/// Writes the public part only.
impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_public_value().serialize(serializer)
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwk")
            .field("key_type", &self.key_type())
            .field("kid", &self.kid)
            .field("use", &self.key_use)
            .field("alg", &self.alg)
            .field("private", &self.is_private())
            .finish_non_exhaustive()
    }
}

/// The kind of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// `RSA`.
    Rsa,
    /// `EC`.
    Ec(EcCurve),
    /// `OKP`.
    Okp(OkpCurve),
    /// `AKP`, a key of one algorithm.
    Akp(JwsAlgorithm),
    /// `oct`.
    Oct,
}

/// A curve of `EC` keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EcCurve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl EcCurve {
    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Length of a coordinate in bytes.
    #[must_use]
    pub const fn coordinate_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// A curve of `OKP` keys, [RFC 8037](https://www.rfc-editor.org/rfc/rfc8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OkpCurve {
    /// Ed25519, for signatures.
    Ed25519,
    /// X25519, for key agreement.
    X25519,
}

impl OkpCurve {
    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::X25519 => "X25519",
        }
    }
}

/// The numbers of a key, big-endian.
#[derive(Clone)]
pub(crate) enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
        private: Option<Box<RsaPrivate>>,
    },
    Ec {
        curve: EcCurve,
        x: Vec<u8>,
        y: Vec<u8>,
        d: Option<Secret>,
    },
    Okp {
        curve: OkpCurve,
        x: Vec<u8>,
        d: Option<Secret>,
    },
    Akp {
        /// One of ML-DSA.
        algorithm: JwsAlgorithm,
        public: Vec<u8>,
        seed: Option<Secret>,
    },
    Oct {
        k: Secret,
    },
}

pub(crate) type Secret = Zeroizing<Vec<u8>>;

#[derive(Clone)]
pub(crate) struct RsaPrivate {
    pub(crate) d: Secret,
    pub(crate) p: Secret,
    pub(crate) q: Secret,
    pub(crate) dp: Secret,
    pub(crate) dq: Secret,
    pub(crate) qi: Secret,
}

/// An uncompressed point, SEC 1 section 2.3.3.
pub(crate) fn ec_point(x: &[u8], y: &[u8]) -> Vec<u8> {
    let mut point = Vec::with_capacity(x.len().saturating_add(y.len()).saturating_add(1));
    point.push(4);
    point.extend_from_slice(x);
    point.extend_from_slice(y);
    point
}

const MAX_BYTES: usize = 32 * 1024;

/// Deep enough for a key inside a set, whose unknown members may be nested a little.
pub(crate) const MAX_DEPTH: u8 = 8;
