//! Sets of JSON Web Keys, [RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5).

use serde_json::{Value, json};

use crate::algorithm::{JwsAlgorithm, KeyUse};
use crate::error::JwkError;
use crate::json as strict;
use crate::jwe::{ContentEncryption, EncryptionKey, JweAlgorithm};
use crate::jwk::{Jwk, KeyType, MAX_DEPTH};
use crate::jws::VerifyingKey;

/// A set of keys, each parsed once and held.
#[derive(Debug, Clone, Default)]
pub struct Jwks {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    jwk: Jwk,
    verifying: Option<VerifyingKey>,
    encrypting: Option<EncryptionKey>,
}

/// Which keys a set may hold, and what one bad key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwksPolicy {
    /// Public keys of a client, as registered: a bad or secret key spoils the set.
    Client,
    /// Public keys of someone else, as fetched: bad keys are skipped, a secret one spoils the set.
    Fetched,
    /// Our own keys: private and symmetric ones are welcome, a bad one spoils the set.
    Own,
}

impl Jwks {
    /// Most keys in a set.
    pub const MAX_KEYS: usize = 100;
    /// Most bytes of a set.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// Parses a set; keys of unknown types and curves are skipped.
    ///
    /// # Errors
    /// Too many bytes or keys, JSON that is not strict, no `keys` array, and bad keys as the
    /// policy says.
    pub fn parse(bytes: &[u8], policy: JwksPolicy) -> Result<Self, JwkError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(JwkError::TooLarge);
        }
        // The object and its array are two levels more than one key.
        let value = strict::parse(bytes, MAX_DEPTH.saturating_add(2))?;
        Self::from_value(&value, policy)
    }

    /// Reads a set from a JSON value, which must come from a strict parser such as
    /// [`crate::json::parse`].
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_value(value: &Value, policy: JwksPolicy) -> Result<Self, JwkError> {
        let object = value.as_object().ok_or(JwkError::Malformed)?;
        let keys = object.get("keys").ok_or(JwkError::Missing)?;
        let keys = keys.as_array().ok_or(JwkError::Malformed)?;
        if keys.len() > Self::MAX_KEYS {
            return Err(JwkError::TooManyKeys);
        }
        let mut entries = Vec::with_capacity(keys.len());
        for key in keys {
            refuse_secrets(key, policy)?;
            match (Jwk::from_value(key), policy) {
                (Ok(jwk), _) => entries.push(Entry::new(jwk)),
                //= RFC7517#5 SHOULD: keys of unknown types are ignored
                (Err(JwkError::UnsupportedType), _) | (Err(_), JwksPolicy::Fetched) => {}
                (Err(error), JwksPolicy::Client | JwksPolicy::Own) => return Err(error),
            }
        }
        Ok(Self { entries })
    }

    /// Makes a set of keys at hand.
    #[must_use]
    pub fn from_keys(keys: impl IntoIterator<Item = Jwk>) -> Self {
        Self {
            entries: keys.into_iter().map(Entry::new).collect(),
        }
    }

    /// The keys, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &Jwk> {
        self.entries.iter().map(|entry| &entry.jwk)
    }

    /// How many keys the set has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the set has no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The keys that may verify a signature of this algorithm and key id.
    ///
    /// First those with the key id, then those without any, each in the order of the set; all
    /// if no key id is asked for. A key id never makes a key fit that does not.
    pub fn candidates<'a>(
        &'a self,
        algorithm: JwsAlgorithm,
        kid: Option<&'a str>,
    ) -> impl Iterator<Item = &'a VerifyingKey> {
        let fitting = move |key: &&VerifyingKey| key.supports(algorithm);
        let keys = || {
            self.entries
                .iter()
                .filter_map(|entry| entry.verifying.as_ref())
        };
        let named = keys().filter(move |key| kid.is_none() || key.kid() == kid);
        let nameless = keys().filter(move |key| kid.is_some() && key.kid().is_none());
        named.chain(nameless).filter(fitting)
    }

    /// The key that can encrypt with these algorithms: the first that is declared for encryption or for one of the
    /// algorithms, else the first that declares nothing.
    #[must_use]
    pub fn encryption_key(
        &self,
        algorithm: JweAlgorithm,
        encryption: ContentEncryption,
    ) -> Option<&EncryptionKey> {
        let fitting = || {
            self.entries
                .iter()
                .filter_map(|entry| Some((&entry.jwk, entry.encrypting.as_ref()?)))
                .filter(|(_, key)| key.supports(algorithm, encryption))
        };
        let declared = |jwk: &Jwk| jwk.key_use() == Some(KeyUse::Encryption) || jwk.alg().is_some();
        fitting()
            .find(|(jwk, _)| declared(jwk))
            .or_else(|| fitting().next())
            .map(|(_, key)| key)
    }

    /// The public parts as a JSON document, for publishing; symmetric keys are left out.
    #[must_use]
    pub fn to_json(&self) -> String {
        let keys: Vec<Value> = self
            .keys()
            .filter(|jwk| jwk.key_type() != KeyType::Oct)
            .map(Jwk::to_public_value)
            .collect();
        json!({ "keys": keys }).to_string()
    }
}

impl Entry {
    fn new(jwk: Jwk) -> Self {
        // A key for something else is a key of the set all the same.
        let verifying = VerifyingKey::from_jwk(&jwk).ok();
        let encrypting = EncryptionKey::from_jwk(&jwk).ok();
        Self {
            jwk,
            verifying,
            encrypting,
        }
    }
}

/// Refuses secret members even of keys whose type is unknown.
fn refuse_secrets(key: &Value, policy: JwksPolicy) -> Result<(), JwkError> {
    match policy {
        JwksPolicy::Own => return Ok(()),
        JwksPolicy::Client | JwksPolicy::Fetched => {}
    }
    let secret = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]
        .iter()
        .any(|name| key.get(name).is_some());
    if secret || key.get("kty").and_then(Value::as_str) == Some("oct") {
        return Err(JwkError::PrivateMaterial);
    }
    Ok(())
}
