//! Keys whose private half is elsewhere: in a key service or a hardware module.

use super::{Headers, VerifyingKey};
use crate::algorithm::JwsAlgorithm;
use crate::base64url;
use crate::error::KeyError;
use crate::jwk::Jwk;
use crate::unverified::UnverifiedJws;

/// The public half of a key that signs elsewhere, with its algorithm and key id.
#[derive(Debug)]
pub struct OutsideKey {
    algorithm: JwsAlgorithm,
    public: Jwk,
    kid: String,
    verifying: VerifyingKey,
    headers: Headers,
}

impl OutsideKey {
    /// Takes a public key that says which algorithm it is for. Without a key id it gets its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// It names no algorithm or a symmetric one, is private, weak, or does not fit its algorithm.
    pub fn new(jwk: &Jwk) -> Result<Self, KeyError> {
        let algorithm = jwk.alg().and_then(JwsAlgorithm::parse);
        let algorithm = algorithm.filter(|a| !a.is_symmetric());
        let algorithm = algorithm.ok_or(KeyError::Algorithm)?;
        if jwk.is_private() {
            return Err(KeyError::Algorithm);
        }
        let verifying = VerifyingKey::from_jwk(jwk)?;
        let mut public = jwk.clone();
        let kid = public.kid.clone().unwrap_or_else(|| public.thumbprint());
        public.kid = Some(kid.clone());
        public.key_use = Some("sig".to_owned());
        Ok(Self {
            algorithm,
            headers: Headers::new(algorithm, Some(kid.clone())),
            verifying,
            public,
            kid,
        })
    }

    /// The key id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The one algorithm of this key.
    #[must_use]
    pub fn algorithm(&self) -> JwsAlgorithm {
        self.algorithm
    }

    /// The public key with `kid`, `alg` and `use`, for publishing.
    #[must_use]
    pub fn public_jwk(&self) -> Jwk {
        self.public.clone()
    }

    /// The key that verifies what is signed.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// What is to be signed for an object in compact serialization with the header `alg`, `kid` and `typ`: header and
    /// payload, as they stand before the second dot.
    #[must_use]
    pub fn signing_input(&self, typ: Option<&str>, payload: &[u8]) -> String {
        self.headers.signing_input(typ, payload, MOST)
    }

    /// Puts a signature behind what [`Self::signing_input`] made, if this key made it.
    ///
    /// # Errors
    /// The signature is not that of this key.
    pub fn complete(&self, mut input: String, signature: &[u8]) -> Result<String, KeyError> {
        input.push('.');
        base64url::encode_onto(signature, &mut input);
        let made = UnverifiedJws::parse_with_limit(&input, usize::MAX);
        let good = made.is_ok_and(|jws| jws.verify(&[self.algorithm], [&self.verifying]).is_ok());
        if good {
            Ok(input)
        } else {
            Err(KeyError::Backend)
        }
    }
}

/// A signature of RSA with 4096 bits.
const MOST: usize = 512;
