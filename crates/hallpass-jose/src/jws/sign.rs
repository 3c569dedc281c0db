//! Keys that sign for the provider.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Headers, VerifyingKey};
use crate::algorithm::JwsAlgorithm;
use crate::backend::sign::PrivateKey;
use crate::base64url;
use crate::error::KeyError;
use crate::jwk::Jwk;

/// A private key with its algorithm and key id, parsed once.
///
/// Cloning is cheap; the key is shared.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    algorithm: JwsAlgorithm,
    key: PrivateKey,
    public: Jwk,
    kid: String,
    headers: Headers,
}

impl SigningKey {
    /// Makes a new random key; RSA keys have 2048 bits.
    ///
    /// # Errors
    /// If the algorithm is symmetric or the backend fails.
    pub fn generate(algorithm: JwsAlgorithm) -> Result<Self, KeyError> {
        Self::new(algorithm, PrivateKey::generate(algorithm)?)
    }

    /// Reads a PKCS #8 document; PKCS #1 and SEC 1 documents are read, too.
    ///
    /// # Errors
    /// If the document is none of these, or its key is weak or does not fit the algorithm.
    pub fn from_pkcs8(algorithm: JwsAlgorithm, document: &[u8]) -> Result<Self, KeyError> {
        Self::new(algorithm, PrivateKey::from_der(algorithm, document)?)
    }

    /// Takes the private key of a JSON Web Key.
    ///
    /// # Errors
    /// If the key has no private part, does not fit the algorithm, or declares another use.
    pub fn from_jwk(jwk: &Jwk, algorithm: JwsAlgorithm) -> Result<Self, KeyError> {
        if !super::verify::declared_fits(jwk, algorithm, &["sign"]) {
            return Err(KeyError::Algorithm);
        }
        Self::new(
            algorithm,
            PrivateKey::from_material(algorithm, &jwk.material)?,
        )
    }

    /// The key as a PKCS #8 document, for sealing at rest.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.0.key.to_pkcs8()
    }

    /// The key id: the SHA-256 thumbprint of the public key, RFC 7638.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// The one algorithm of this key.
    #[must_use]
    pub fn algorithm(&self) -> JwsAlgorithm {
        self.0.algorithm
    }

    /// The public key with `kid`, `alg` and `use`, for publishing.
    #[must_use]
    pub fn public_jwk(&self) -> Jwk {
        self.0.public.clone()
    }

    /// The key that verifies what this one signs.
    ///
    /// # Errors
    /// Never in practice; the public key was checked before.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::from_jwk(&self.0.public).map_err(KeyError::from)
    }

    /// Signs bytes; the signature has the form that JWS demands.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.0.key.sign(message)?;
        Ok(signature.as_ref().to_vec())
    }

    /// Makes a signed object in compact serialization with the header `alg`, `kid` and `typ`.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn sign_compact(&self, typ: Option<&str>, payload: &[u8]) -> Result<String, KeyError> {
        let inner = &*self.0;
        let mut out = inner
            .headers
            .signing_input(typ, payload, inner.key.signature_len());
        let signature = inner.key.sign(out.as_bytes())?;
        out.push('.');
        base64url::encode_onto(signature.as_ref(), &mut out);
        Ok(out)
    }

    /// The SHA-256 digest of the public key as a `SubjectPublicKeyInfo` in base64url, by which other systems name RSA and EC
    /// keys.
    #[must_use]
    pub fn spki_digest(&self) -> Option<String> {
        let digest = crate::hash::sha256(&self.0.key.spki()?);
        Some(base64url::encode(digest))
    }

    /// The same key under another identifier, as another system published it.
    ///
    /// # Errors
    /// As reading it.
    pub fn with_kid(&self, kid: &str) -> Result<Self, KeyError> {
        let inner = &*self.0;
        let key = PrivateKey::from_der(inner.algorithm, &inner.key.to_pkcs8()?)?;
        Self::named(inner.algorithm, key, Some(kid))
    }

    fn new(algorithm: JwsAlgorithm, key: PrivateKey) -> Result<Self, KeyError> {
        Self::named(algorithm, key, None)
    }

    fn named(
        algorithm: JwsAlgorithm,
        key: PrivateKey,
        kid: Option<&str>,
    ) -> Result<Self, KeyError> {
        let material = key.public()?;
        let mut public = Jwk::from_material(material)?;
        let kid = kid.map_or_else(|| public.thumbprint(), str::to_owned);
        public.kid = Some(kid.clone());
        public.alg = Some(algorithm.name().to_owned());
        public.key_use = Some("sig".to_owned());
        let headers = Headers::new(algorithm, Some(kid.clone()));
        Ok(Self(Arc::new(Inner {
            algorithm,
            key,
            public,
            kid,
            headers,
        })))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.0.algorithm)
            .field("kid", &self.0.kid)
            .finish_non_exhaustive()
    }
}
