//! Keys that verify.

use std::fmt;
use std::sync::Arc;

use crate::algorithm::{JwsAlgorithm, KeyUse};
use crate::backend::verify::PublicKey;
use crate::error::{JwkError, JwsError};
use crate::jwk::{Jwk, Material, OkpCurve, ec_point};

/// A public key that verifies signatures, parsed once.
///
/// Cloning is cheap; the key is shared.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    key: PublicKey,
    kid: Option<String>,
    declared: Option<JwsAlgorithm>,
}

impl VerifyingKey {
    /// Takes the public key of a JSON Web Key.
    ///
    /// # Errors
    /// If the key is symmetric or for key agreement, declares another use than verifying, or an
    /// algorithm that does not fit it.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, JwkError> {
        if !jwk.allows(KeyUse::Signature, &["verify", "sign"]) {
            return Err(JwkError::Usage);
        }
        let key = match &jwk.material {
            Material::Rsa { n, e, .. } => PublicKey::rsa(n, e)?,
            Material::Ec { curve, x, y, .. } => PublicKey::ec(*curve, &ec_point(x, y))?,
            Material::Okp {
                curve: OkpCurve::Ed25519,
                x,
                ..
            } => PublicKey::ed25519(x)?,
            Material::Okp {
                curve: OkpCurve::X25519,
                ..
            }
            | Material::Oct { .. } => return Err(JwkError::Usage),
            Material::Akp {
                algorithm, public, ..
            } => PublicKey::ml_dsa(*algorithm, public)?,
        };
        let declared = match jwk.alg() {
            None => None,
            Some(name) => {
                let algorithm = JwsAlgorithm::parse_header(name).ok_or(JwkError::Usage)?;
                if !key.fits(algorithm) {
                    return Err(JwkError::Usage);
                }
                Some(algorithm)
            }
        };
        Ok(Self(Arc::new(Inner {
            key,
            kid: jwk.kid().map(str::to_owned),
            declared,
        })))
    }

    /// The key id.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }

    /// Whether the algorithm is for this kind of key and is the one declared, if one is.
    #[must_use]
    pub fn supports(&self, algorithm: JwsAlgorithm) -> bool {
        let inner = &*self.0;
        inner.key.fits(algorithm) && inner.declared.is_none_or(|declared| declared == algorithm)
    }

    /// Verifies a signature over the bytes.
    ///
    /// # Errors
    /// [`JwsError::NoKey`] if the algorithm is not for this key, [`JwsError::Signature`] if the
    /// signature is not valid.
    //= RFC8725#3.1 MUST: a key is used with exactly the algorithms it is for
    pub fn verify(
        &self,
        algorithm: JwsAlgorithm,
        signing_input: &[u8],
        signature: &[u8],
    ) -> Result<(), JwsError> {
        if !self.supports(algorithm) {
            return Err(JwsError::NoKey);
        }
        if self.0.key.verify(algorithm, signing_input, signature) {
            Ok(())
        } else {
            Err(JwsError::Signature)
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("key", &self.0.key)
            .field("kid", &self.0.kid)
            .finish_non_exhaustive()
    }
}

/// Whether the declared `use`, `key_ops` and `alg` leave room for the algorithm.
pub(super) fn declared_fits(jwk: &Jwk, algorithm: JwsAlgorithm, operations: &[&str]) -> bool {
    jwk.allows(KeyUse::Signature, operations)
        && jwk
            .alg()
            .is_none_or(|declared| JwsAlgorithm::parse_header(declared) == Some(algorithm))
}
