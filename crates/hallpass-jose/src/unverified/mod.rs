//! Signed objects that were received and not yet verified,
//! [RFC 7515 section 5.2](https://www.rfc-editor.org/rfc/rfc7515#section-5.2).

mod headers;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use crate::algorithm::JwsAlgorithm;
use crate::base64url;
use crate::claims::Claims;
use crate::error::{JwkError, JwsError};
use crate::json;
use crate::jwk::Jwk;
use crate::jws::{HmacKey, VerifyingKey};

/// A signed object in compact serialization whose form has been checked, and nothing else.
///
/// [`Self::parse`] takes any text and is a target for fuzzing.
#[derive(Clone)]
pub struct UnverifiedJws<'a> {
    signing_input: Cow<'a, str>,
    header: Arc<Header>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// Assertions and tokens are as good as secrets: what could be put together again is not printed.
impl std::fmt::Debug for UnverifiedJws<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnverifiedJws")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// Which keys and key locations a header may carry; none is ever used to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeaderPolicy {
    /// `jwk`, `jku`, `x5u` and `x5c` are refused.
    #[default]
    Strict,
    /// `jwk` may stand there, for proofs of possession that carry their key; the rest is refused.
    EmbeddedJwk,
}

/// Limits for parsing.
#[derive(Debug, Clone, Copy)]
pub struct ParseOptions {
    /// Longest text in bytes.
    pub max_bytes: usize,
    /// Which keys the header may carry.
    pub header: HeaderPolicy,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            max_bytes: DEFAULT_MAX_BYTES,
            header: HeaderPolicy::Strict,
        }
    }
}

impl<'a> UnverifiedJws<'a> {
    /// Parses text of at most 32 KiB whose header carries no key.
    ///
    /// # Errors
    /// See [`Self::parse_with`].
    pub fn parse(text: &'a str) -> Result<Self, JwsError> {
        Self::parse_with(text, ParseOptions::default())
    }

    /// Parses text of at most so many bytes whose header carries no key.
    ///
    /// # Errors
    /// See [`Self::parse_with`].
    pub fn parse_with_limit(text: &'a str, max_bytes: usize) -> Result<Self, JwsError> {
        Self::parse_with(
            text,
            ParseOptions {
                max_bytes,
                ..ParseOptions::default()
            },
        )
    }

    /// The same without the text that it was read from.
    #[must_use]
    pub fn into_owned(self) -> UnverifiedJws<'static> {
        UnverifiedJws {
            signing_input: Cow::Owned(self.signing_input.into_owned()),
            header: self.header,
            payload: self.payload,
            signature: self.signature,
        }
    }

    /// Parses text.
    ///
    /// # Errors
    /// Text that is too long, not three parts of strict base64url, or has a header that is not
    /// strict JSON, names an unknown algorithm or carries something that is not accepted.
    pub fn parse_with(text: &'a str, options: ParseOptions) -> Result<Self, JwsError> {
        if text.len() > options.max_bytes {
            return Err(JwsError::TooLarge);
        }
        let [header, payload, signature] = split::<3>(text).ok_or(JwsError::NotCompact)?;
        let signing_len = header.len().saturating_add(payload.len()).saturating_add(1);
        let signing_input = text.get(..signing_len).ok_or(JwsError::NotCompact)?;
        let header = headers::parse(header, options.header)?;
        let decode = |part| base64url::decode(part).ok_or(JwsError::NotCompact);
        Ok(Self {
            signing_input: Cow::Borrowed(signing_input),
            header,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    /// The algorithm that the header names.
    #[must_use]
    pub fn algorithm(&self) -> JwsAlgorithm {
        self.header.algorithm
    }

    /// The key id that the header names.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The media type that the header names.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// The key in the header, which [`HeaderPolicy::EmbeddedJwk`] lets through.
    ///
    /// Whoever made the object chose it, so it proves possession and nothing else.
    ///
    /// # Errors
    /// If it is not a valid public key.
    pub fn embedded_jwk(&self) -> Result<Option<Jwk>, JwkError> {
        let Some(value) = &self.header.jwk else {
            return Ok(None);
        };
        let jwk = Jwk::from_value(value)?;
        if jwk.is_private() {
            return Err(JwkError::PrivateMaterial);
        }
        Ok(Some(jwk))
    }

    /// As [`Self::embedded_jwk`], and ready to verify with. It is parsed no more than once, and not at all where the same header
    /// has come a few times lately.
    ///
    /// # Errors
    /// As there, or it is not a key for signatures.
    pub fn embedded_key(&self) -> Result<Option<&EmbeddedKey>, JwkError> {
        self.header.embedded()
    }

    /// The payload, which anyone may have written.
    #[must_use]
    pub fn payload_unverified(&self) -> &[u8] {
        &self.payload
    }

    /// The payload as claims, which anyone may have written; for finding the key to verify with.
    ///
    /// # Errors
    /// If the payload is not a strict JSON object.
    pub fn claims_unverified(&self) -> Result<Claims, JwsError> {
        Claims::parse(&self.payload).map_err(JwsError::ClaimsJson)
    }

    /// Verifies the signature with one of the keys, trying eight at most.
    ///
    /// # Errors
    /// If the algorithm is not allowed or symmetric, no key fits it, or none verifies.
    pub fn verify<'k>(
        self,
        allowed: &[JwsAlgorithm],
        keys: impl IntoIterator<Item = &'k VerifyingKey>,
    ) -> Result<VerifiedJws, JwsError> {
        self.verifies(allowed, keys)?;
        Ok(self.verified())
    }

    /// As [`Self::verify`], for who has read what is in it already and needs to know nothing else.
    ///
    /// # Errors
    /// As there.
    //= RFC8725#3.1 MUST: only algorithms that the application chose are used
    pub fn verifies<'k>(
        &self,
        allowed: &[JwsAlgorithm],
        keys: impl IntoIterator<Item = &'k VerifyingKey>,
    ) -> Result<(), JwsError> {
        let algorithm = self.header.algorithm;
        if algorithm.is_symmetric() || !allowed.contains(&algorithm) {
            return Err(JwsError::AlgorithmNotAllowed);
        }
        let mut outcome = JwsError::NoKey;
        for key in keys
            .into_iter()
            .filter(|key| key.supports(algorithm))
            .take(MAX_TRIES)
        {
            match key.verify(algorithm, self.signing_input.as_bytes(), &self.signature) {
                Ok(()) => return Ok(()),
                Err(error) => outcome = error,
            }
        }
        Err(outcome)
    }

    /// Verifies the tag with a shared secret.
    ///
    /// # Errors
    /// If the algorithm is not allowed or not the secret's, or the tag is not valid.
    pub fn verify_hmac(
        self,
        allowed: &[JwsAlgorithm],
        key: &HmacKey,
    ) -> Result<VerifiedJws, JwsError> {
        let algorithm = self.header.algorithm;
        if !algorithm.is_symmetric() || !allowed.contains(&algorithm) {
            return Err(JwsError::AlgorithmNotAllowed);
        }
        key.verify(algorithm, self.signing_input.as_bytes(), &self.signature)?;
        Ok(self.verified())
    }

    fn verified(self) -> VerifiedJws {
        VerifiedJws {
            header: self.header,
            payload: self.payload,
        }
    }
}

/// A signed object whose signature was valid.
#[derive(Debug, Clone)]
pub struct VerifiedJws {
    header: Arc<Header>,
    payload: Vec<u8>,
}

impl VerifiedJws {
    /// The algorithm of the signature.
    #[must_use]
    pub fn algorithm(&self) -> JwsAlgorithm {
        self.header.algorithm
    }

    /// The key id in the header.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The media type in the header.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// Whether the header names this media type, written in full or short.
    //= RFC7515#4.1.9 SHOULD: `application/` may be left out when no other slash is in the type
    #[must_use]
    pub fn typ_is(&self, short: &str) -> bool {
        self.header.typ.as_deref().is_some_and(|typ| {
            let typ = match typ.split_at_checked("application/".len()) {
                Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
                Some(_) | None => typ,
            };
            typ.eq_ignore_ascii_case(short)
        })
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload as claims.
    ///
    /// # Errors
    /// If the payload is not a strict JSON object.
    pub fn claims(&self) -> Result<Claims, JwsError> {
        Claims::parse(&self.payload).map_err(JwsError::ClaimsJson)
    }
}

/// The public key in a header, ready to verify with.
#[derive(Debug)]
pub struct EmbeddedKey {
    verifying: VerifyingKey,
    thumbprint: String,
}

impl EmbeddedKey {
    /// What verifies with it.
    #[must_use]
    pub fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// Its SHA-256 thumbprint in base64url, RFC 7638.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}

#[derive(Debug)]
struct Header {
    algorithm: JwsAlgorithm,
    kid: Option<String>,
    typ: Option<String>,
    jwk: Option<Value>,
    /// The key of `jwk`, once somebody has asked for it.
    embedded: OnceLock<Result<EmbeddedKey, JwkError>>,
}

impl Header {
    fn embedded(&self) -> Result<Option<&EmbeddedKey>, JwkError> {
        let Some(value) = &self.jwk else {
            return Ok(None);
        };
        let parsed = self.embedded.get_or_init(|| {
            let members = value.as_object().ok_or(JwkError::Malformed)?;
            let jwk = Jwk::from_map_unparsed(members)?;
            if jwk.is_private() {
                return Err(JwkError::PrivateMaterial);
            }
            Ok(EmbeddedKey {
                verifying: VerifyingKey::from_jwk(&jwk)?,
                thumbprint: jwk.thumbprint(),
            })
        });
        parsed.as_ref().map(Some).map_err(|error| *error)
    }

    fn parse(part: &str, policy: HeaderPolicy) -> Result<Self, JwsError> {
        if part.len() > MAX_HEADER_CHARS {
            return Err(JwsError::TooLarge);
        }
        let bytes = base64url::decode(part).ok_or(JwsError::NotCompact)?;
        let mut map = json::parse_object(&bytes, MAX_HEADER_DEPTH).map_err(JwsError::HeaderJson)?;
        for name in FORBIDDEN {
            if map.contains_key(*name) {
                return Err(JwsError::HeaderForbidden);
            }
        }
        let jwk = map.remove("jwk");
        match policy {
            HeaderPolicy::Strict if jwk.is_some() => return Err(JwsError::HeaderForbidden),
            HeaderPolicy::Strict | HeaderPolicy::EmbeddedJwk => {}
        }
        let alg = string(&mut map, "alg")?.ok_or(JwsError::HeaderType)?;
        Ok(Self {
            algorithm: JwsAlgorithm::parse_header(&alg).ok_or(JwsError::UnsupportedAlgorithm)?,
            kid: string(&mut map, "kid")?,
            typ: string(&mut map, "typ")?,
            jwk,
            embedded: OnceLock::new(),
        })
    }
}

pub(crate) fn string(map: &mut Map<String, Value>, name: &str) -> Result<Option<String>, JwsError> {
    match map.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwsError::HeaderType),
    }
}

/// Splits at dots into exactly `N` parts, looking no further than the first dot too many.
pub(crate) fn split<const N: usize>(text: &str) -> Option<[&str; N]> {
    let mut parts = text.split('.');
    let mut out = [""; N];
    for slot in &mut out {
        *slot = parts.next()?;
    }
    parts.next().is_none().then_some(out)
}

/// No extension is understood, so `crit` is refused whatever it lists; compression and unencoded
/// payloads are not supported; nothing is ever fetched or trusted because a header says so.
//= RFC7515#4.1.11 MUST: an object with a critical extension that is not understood is invalid
//= RFC8725#3.10 MUST: keys and key locations in a header are not trusted
const FORBIDDEN: &[&str] = &["crit", "b64", "zip", "jku", "x5u", "x5c"];

const DEFAULT_MAX_BYTES: usize = 32 * 1024;
const MAX_HEADER_CHARS: usize = 8 * 1024;
const MAX_HEADER_DEPTH: u8 = 4;
const MAX_TRIES: usize = 8;
