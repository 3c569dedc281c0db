//! Shared secrets that sign and verify.

use std::fmt;

use aws_lc_rs::hmac;

use super::Headers;
use crate::algorithm::{HashAlgorithm, JwsAlgorithm};
use crate::base64url;
use crate::error::{JwsError, KeyError};
use crate::jwk::{Jwk, Material};

/// A secret for one HMAC algorithm, set up once.
///
/// It is another type than the public keys, so the two can never be taken for each other.
pub struct HmacKey {
    algorithm: JwsAlgorithm,
    key: hmac::Key,
    headers: Headers,
}

impl HmacKey {
    /// Makes a key from secret bytes.
    ///
    /// # Errors
    /// If the algorithm is not one of `HS256`, `HS384` and `HS512`, or the secret is too short.
    //= RFC7518#3.2 MUST: the secret is at least as long as the digest
    pub fn new(algorithm: JwsAlgorithm, secret: &[u8]) -> Result<Self, KeyError> {
        if !algorithm.is_symmetric() {
            return Err(KeyError::Algorithm);
        }
        let hash = algorithm.hash();
        if secret.len() < hash.output_len() {
            return Err(KeyError::TooShort);
        }
        let hmac = match hash {
            HashAlgorithm::Sha256 => hmac::HMAC_SHA256,
            HashAlgorithm::Sha384 => hmac::HMAC_SHA384,
            HashAlgorithm::Sha512 => hmac::HMAC_SHA512,
            HashAlgorithm::Shake256 => return Err(KeyError::Algorithm),
        };
        Ok(Self {
            algorithm,
            key: hmac::Key::new(hmac, secret),
            headers: Headers::new(algorithm, None),
        })
    }

    /// Takes the secret of a symmetric JSON Web Key.
    ///
    /// # Errors
    /// If the key is not symmetric, declares another use, or is too short.
    pub fn from_jwk(jwk: &Jwk, algorithm: JwsAlgorithm) -> Result<Self, KeyError> {
        if !super::verify::declared_fits(jwk, algorithm, &["sign", "verify"]) {
            return Err(KeyError::Algorithm);
        }
        match &jwk.material {
            Material::Oct { k } => Self::new(algorithm, k),
            Material::Rsa { .. }
            | Material::Ec { .. }
            | Material::Okp { .. }
            | Material::Akp { .. } => Err(KeyError::Algorithm),
        }
    }

    /// The one algorithm of this key.
    #[must_use]
    pub fn algorithm(&self) -> JwsAlgorithm {
        self.algorithm
    }

    /// The tag of the bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key, message).as_ref().to_vec()
    }

    /// Makes a signed object in compact serialization with the header `alg` and `typ`.
    #[must_use]
    pub fn sign_compact(&self, typ: Option<&str>, payload: &[u8]) -> String {
        let len = self.algorithm.hash().output_len();
        let mut out = self.headers.signing_input(typ, payload, len);
        let tag = hmac::sign(&self.key, out.as_bytes());
        out.push('.');
        base64url::encode_onto(tag.as_ref(), &mut out);
        out
    }

    /// Verifies a tag in constant time.
    ///
    /// # Errors
    /// [`JwsError::NoKey`] if the key is for another algorithm, [`JwsError::Signature`] if the
    /// tag is not valid.
    pub fn verify(
        &self,
        algorithm: JwsAlgorithm,
        signing_input: &[u8],
        tag: &[u8],
    ) -> Result<(), JwsError> {
        if algorithm != self.algorithm {
            return Err(JwsError::NoKey);
        }
        hmac::verify(&self.key, signing_input, tag).map_err(|_| JwsError::Signature)
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacKey")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
