//! What can go wrong. No error carries input, so every text may be logged.

use crate::claims::ClaimError;
use crate::json::JsonError;

/// Why a JSON Web Key or key set was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// The JSON is not acceptable.
    #[error("the key is not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    /// `kty` or `crv` is not one of those supported.
    #[error("the key type or curve is not supported")]
    UnsupportedType,
    /// A required member is missing.
    #[error("a required member of the key is missing")]
    Missing,
    /// A member has the wrong JSON type or form.
    #[error("a member of the key has the wrong type or form")]
    Malformed,
    /// The key is too weak or too large, or its numbers make no valid key.
    #[error("the key is weak or its values make no valid key")]
    Invalid,
    /// `use`, `key_ops` and `alg` contradict each other or the key type.
    #[error("the key's declared use does not fit the key")]
    Usage,
    /// A private or symmetric key stands where only public ones may.
    #[error("private or symmetric key material is not allowed here")]
    PrivateMaterial,
    /// The document has more bytes than allowed.
    #[error("the key set is too large")]
    TooLarge,
    /// The set has more keys than allowed.
    #[error("the key set has too many keys")]
    TooManyKeys,
}

/// Why a private key could not be made or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes are no key of the wanted kind.
    #[error("the private key was rejected")]
    Rejected,
    /// The algorithm cannot be used with this kind of key.
    #[error("the algorithm does not fit the key")]
    Algorithm,
    /// The secret is shorter than the algorithm demands.
    #[error("the secret is too short for the algorithm")]
    TooShort,
    /// The backend failed to generate or use the key.
    #[error("the cryptographic operation failed")]
    Backend,
    /// The JSON Web Key was refused.
    #[error(transparent)]
    Jwk(#[from] JwkError),
}

/// Why a signed object was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// More bytes than the limit.
    #[error("the signed object is too large")]
    TooLarge,
    /// Not three parts of base64url.
    #[error("the signed object is not in compact serialization")]
    NotCompact,
    /// The header is not an acceptable JSON object.
    #[error("the header is not acceptable JSON: {0}")]
    HeaderJson(JsonError),
    /// A header parameter is missing or has the wrong type.
    #[error("a header parameter is missing or has the wrong type")]
    HeaderType,
    /// `crit`, `b64`, `zip` or an embedded key or key location is present.
    #[error("the header has a parameter that is not accepted")]
    HeaderForbidden,
    /// The `alg` is not one that exists here.
    #[error("the signature algorithm is not supported")]
    UnsupportedAlgorithm,
    /// The `alg` is not one that the caller allows.
    #[error("the signature algorithm is not allowed here")]
    AlgorithmNotAllowed,
    /// No key fits the algorithm and key id.
    #[error("no key fits the signed object")]
    NoKey,
    /// No key verified the signature.
    #[error("the signature is not valid")]
    Signature,
    /// The payload is not an acceptable JSON object.
    #[error("the claims are not acceptable JSON: {0}")]
    ClaimsJson(JsonError),
    /// A claim has the wrong type.
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

/// Why an encrypted object was refused or could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JweError {
    /// More bytes than the limit.
    #[error("the encrypted object is too large")]
    TooLarge,
    /// Not five parts of base64url.
    #[error("the encrypted object is not in compact serialization")]
    NotCompact,
    /// The header is not an acceptable JSON object.
    #[error("the header is not acceptable JSON: {0}")]
    HeaderJson(JsonError),
    /// A header parameter is missing or has the wrong type.
    #[error("a header parameter is missing or has the wrong type")]
    HeaderType,
    /// An extension, compression, a password parameter or a key location is present.
    #[error("the header has a parameter that is not accepted")]
    HeaderForbidden,
    /// `alg` or `enc` is not one that exists here.
    #[error("the encryption algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `alg` or `enc` is not one that the caller allows.
    #[error("the encryption algorithm is not allowed here")]
    AlgorithmNotAllowed,
    /// The recipient's key does not fit the algorithms.
    #[error("the key does not fit the encryption algorithm")]
    NoKey,
    /// The backend could not encrypt.
    #[error("encryption failed")]
    Encrypt,
    /// It could not be opened; nothing more is said.
    #[error("decryption failed")]
    Decrypt,
}
