//! JSON Object Signing and Encryption: JWK, JWS, JWE, key sets and thumbprints.
//!
//! The crate covers what an OpenID Provider needs of
//! [RFC 7515](https://www.rfc-editor.org/rfc/rfc7515) to
//! [RFC 7518](https://www.rfc-editor.org/rfc/rfc7518),
//! [RFC 7638](https://www.rfc-editor.org/rfc/rfc7638) and
//! [RFC 8037](https://www.rfc-editor.org/rfc/rfc8037), in compact serialization only, and holds
//! the cryptography that the rest of the project uses: digests, MACs, sealing and randomness.
//! No other crate names the crypto backend.
//!
//! Rules that hold everywhere here:
//!
//! - Keys are parsed and checked once, then held; an operation never parses a key.
//! - A token never chooses its key source: `jwk`, `jku`, `x5u` and `x5c` are not key sources.
//! - The algorithm is bound to the key and to the caller's list, and `none` does not exist.
//! - JSON with duplicate members, a byte order mark or invalid UTF-8 is refused.
//! - Whatever the input, nothing panics, and the size is checked before anything else.
//!
//! The functions that read input of strangers, and so are targets for fuzzing, are
//! [`UnverifiedJws::parse_with`], [`UnverifiedJwe::parse_with_limit`], [`Jwks::parse`],
//! [`Jwk::parse`], [`Claims::parse`], [`json::parse`] and [`base64url::decode`].

pub mod aead;
mod algorithm;
mod backend;
pub mod base64url;
mod claims;
pub mod encrypted;
mod error;
pub mod hash;
pub mod json;
mod jwe;
mod jwk;
mod jwks;
mod jws;
pub mod kdf;
pub mod mac;
pub mod random;
mod thumbprint;
mod unverified;

pub use crate::algorithm::{HashAlgorithm, JwsAlgorithm, KeyUse};
pub use crate::claims::{ClaimError, Claims};
pub use crate::error::{JweError, JwkError, JwsError, KeyError};
pub use crate::hash::left_half_hash;
pub use crate::jwe::{
    ContentEncryption, DecryptedJwe, DecryptionKey, EncryptionKey, JweAlgorithm, JweHeader,
    UnverifiedJwe, encrypt_compact,
};
pub use crate::jwk::{EcCurve, Jwk, KeyType, OkpCurve};
pub use crate::jwks::{Jwks, JwksPolicy};
pub use crate::jws::{HmacKey, OutsideKey, SigningKey, VerifyingKey};
pub use crate::mac::constant_time_eq;
pub use crate::unverified::{EmbeddedKey, HeaderPolicy, ParseOptions, UnverifiedJws, VerifiedJws};
