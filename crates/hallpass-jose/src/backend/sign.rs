//! Private keys that sign.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPairComponents, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    self as alg, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, PqdsaKeyPair,
    PqdsaSigningAlgorithm, RsaKeyPair, RsaSignatureEncoding, Signature,
};
use zeroize::Zeroizing;

use super::der;
use super::verify::ec_curve;
use crate::algorithm::JwsAlgorithm;
use crate::error::{JwkError, KeyError};
use crate::jwk::{EcCurve, Material, OkpCurve, RsaPrivate, ec_point};
use crate::random;

/// A parsed private key together with its one algorithm.
pub(crate) enum PrivateKey {
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
    Ec(EcdsaKeyPair, EcCurve),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair, JwsAlgorithm),
}

impl PrivateKey {
    pub(crate) fn generate(algorithm: JwsAlgorithm) -> Result<Self, KeyError> {
        Ok(match kind(algorithm)? {
            Kind::Rsa(encoding) => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Backend)?;
                Self::Rsa(pair, encoding)
            }
            Kind::Ec(curve) => {
                let pair = EcdsaKeyPair::generate(ecdsa(curve)).map_err(|_| KeyError::Backend)?;
                Self::Ec(pair, curve)
            }
            Kind::Ed25519 => {
                Self::Ed25519(Ed25519KeyPair::generate().map_err(|_| KeyError::Backend)?)
            }
            Kind::MlDsa(parameters) => {
                let pair = PqdsaKeyPair::generate(parameters).map_err(|_| KeyError::Backend)?;
                Self::MlDsa(pair, algorithm)
            }
        })
    }

    /// Reads PKCS #8 or, for RSA and EC, the older forms PKCS #1 and SEC 1.
    pub(crate) fn from_der(algorithm: JwsAlgorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        let rejected = |_| KeyError::Rejected;
        Ok(match kind(algorithm)? {
            Kind::Rsa(encoding) => {
                let pair = RsaKeyPair::from_pkcs8(bytes)
                    .or_else(|_| RsaKeyPair::from_der(bytes))
                    .map_err(rejected)?;
                Self::Rsa(pair, encoding)
            }
            Kind::Ec(curve) => {
                let pair =
                    EcdsaKeyPair::from_private_key_der(ecdsa(curve), bytes).map_err(rejected)?;
                Self::Ec(pair, curve)
            }
            Kind::Ed25519 => Self::Ed25519(Ed25519KeyPair::from_pkcs8(bytes).map_err(rejected)?),
            Kind::MlDsa(parameters) => {
                let pair = PqdsaKeyPair::from_pkcs8(parameters, bytes).map_err(rejected)?;
                Self::MlDsa(pair, algorithm)
            }
        })
    }

    /// The public key as a `SubjectPublicKeyInfo`, of RSA and EC keys.
    pub(crate) fn spki(&self) -> Option<Vec<u8>> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Rsa(pair, _) => pair.public_key().as_der().ok()?,
            Self::Ec(pair, _) => pair.public_key().as_der().ok()?,
            Self::Ed25519(_) | Self::MlDsa(..) => return None,
        };
        Some(der.as_ref().to_vec())
    }

    pub(crate) fn from_material(
        algorithm: JwsAlgorithm,
        material: &Material,
    ) -> Result<Self, KeyError> {
        let rejected = |_| KeyError::Rejected;
        match (kind(algorithm)?, material) {
            (Kind::Rsa(encoding), Material::Rsa { n, e, private }) => {
                let private = private.as_deref().ok_or(KeyError::Rejected)?;
                let pair = rsa_pair(n, e, private)?;
                Ok(Self::Rsa(pair, encoding))
            }
            (
                Kind::Ec(curve),
                Material::Ec {
                    curve: found,
                    x,
                    y,
                    d,
                },
            ) if curve == *found => {
                let d = d.as_ref().ok_or(KeyError::Rejected)?;
                let pair =
                    EcdsaKeyPair::from_private_key_and_public_key(ecdsa(curve), d, &ec_point(x, y))
                        .map_err(rejected)?;
                Ok(Self::Ec(pair, curve))
            }
            (
                Kind::Ed25519,
                Material::Okp {
                    curve: OkpCurve::Ed25519,
                    x,
                    d,
                },
            ) => {
                let d = d.as_ref().ok_or(KeyError::Rejected)?;
                Ed25519KeyPair::from_seed_and_public_key(d, x)
                    .map(Self::Ed25519)
                    .map_err(rejected)
            }
            (
                Kind::MlDsa(parameters),
                Material::Akp {
                    algorithm: own,
                    seed,
                    ..
                },
            ) if algorithm == *own => {
                let seed = seed.as_ref().ok_or(KeyError::Rejected)?;
                let pair = PqdsaKeyPair::from_seed(parameters, seed).map_err(rejected)?;
                Ok(Self::MlDsa(pair, algorithm))
            }
            (
                Kind::Rsa(_) | Kind::Ec(_) | Kind::Ed25519 | Kind::MlDsa(_),
                Material::Rsa { .. }
                | Material::Ec { .. }
                | Material::Okp { .. }
                | Material::Akp { .. }
                | Material::Oct { .. },
            ) => Err(KeyError::Algorithm),
        }
    }

    pub(crate) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let failed = |_| KeyError::Backend;
        Ok(Zeroizing::new(match self {
            Self::Rsa(pair, _) => {
                let der: Pkcs8V1Der<'static> = pair.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
            Self::Ec(pair, _) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Self::Ed25519(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Self::MlDsa(pair, _) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
        }))
    }

    /// The public half.
    pub(crate) fn public(&self) -> Result<Material, KeyError> {
        Ok(match self {
            Self::Rsa(pair, _) => rsa_public(pair)?,
            Self::Ec(pair, curve) => {
                let (x, y) = pair
                    .public_key()
                    .as_ref()
                    .get(1..)
                    .and_then(|point| point.split_at_checked(curve.coordinate_len()))
                    .ok_or(KeyError::Backend)?;
                Material::Ec {
                    curve: *curve,
                    x: x.to_vec(),
                    y: y.to_vec(),
                    d: None,
                }
            }
            Self::Ed25519(pair) => Material::Okp {
                curve: OkpCurve::Ed25519,
                x: pair.public_key().as_ref().to_vec(),
                d: None,
            },
            Self::MlDsa(pair, algorithm) => Material::Akp {
                algorithm: *algorithm,
                public: pair.public_key().as_ref().to_vec(),
                seed: None,
            },
        })
    }

    /// Length of a signature in bytes.
    pub(crate) fn signature_len(&self) -> usize {
        match self {
            Self::Rsa(pair, _) => pair.public_modulus_len(),
            Self::Ec(_, curve) => curve.coordinate_len().saturating_mul(2),
            Self::Ed25519(_) => 64,
            Self::MlDsa(pair, _) => pair.algorithm().signature_len(),
        }
    }

    /// Signs.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Signed, KeyError> {
        // The backend draws its own randomness and does not look at this argument.
        let random = random::source();
        let failed = |_| KeyError::Backend;
        Ok(match self {
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature)
                    .map_err(failed)?;
                Signed::Long(signature)
            }
            Self::Ec(pair, _) => Signed::Short(pair.sign(&random, message).map_err(failed)?),
            Self::Ed25519(pair) => Signed::Short(pair.try_sign(message).map_err(failed)?),
            //= RFC9964#5 MUST: the context is empty
            Self::MlDsa(pair, _) => {
                let mut signature = vec![0; self.signature_len()];
                let len = pair.sign(message, &mut signature).map_err(failed)?;
                signature.truncate(len);
                Signed::Long(signature)
            }
        })
    }
}

/// A signature. It lives on the stack of whoever signs, and no copy is made.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one: a box would cost every signature an allocation"
)]
pub(crate) enum Signed {
    Short(Signature),
    Long(Vec<u8>),
}

impl AsRef<[u8]> for Signed {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Short(signature) => signature.as_ref(),
            Self::Long(signature) => signature,
        }
    }
}

/// Checks that a private scalar belongs to the point.
pub(crate) fn check_ec_pair(curve: EcCurve, d: &[u8], point: &[u8]) -> Result<(), JwkError> {
    EcdsaKeyPair::from_private_key_and_public_key(ecdsa(curve), d, point)
        .map(|_| ())
        .map_err(|_| JwkError::Invalid)
}

/// Checks that a seed belongs to the point.
pub(crate) fn check_ed25519_pair(seed: &[u8], x: &[u8]) -> Result<(), JwkError> {
    Ed25519KeyPair::from_seed_and_public_key(seed, x)
        .map(|_| ())
        .map_err(|_| JwkError::Invalid)
}

/// Checks that a seed belongs to the public key.
pub(crate) fn check_ml_dsa_pair(
    algorithm: JwsAlgorithm,
    seed: &[u8],
    public: &[u8],
) -> Result<(), JwkError> {
    let Ok(Kind::MlDsa(parameters)) = kind(algorithm) else {
        return Err(JwkError::UnsupportedType);
    };
    let pair = PqdsaKeyPair::from_seed(parameters, seed).map_err(|_| JwkError::Invalid)?;
    if pair.public_key().as_ref() == public {
        Ok(())
    } else {
        Err(JwkError::Invalid)
    }
}

/// Makes an RSA key from its numbers, which must be consistent.
pub(crate) fn rsa_pair(n: &[u8], e: &[u8], private: &RsaPrivate) -> Result<RsaKeyPair, KeyError> {
    RsaKeyPair::from_components(&KeyPairComponents {
        public_key: PublicKeyComponents { n, e },
        d: private.d.as_slice(),
        p: private.p.as_slice(),
        q: private.q.as_slice(),
        dP: private.dp.as_slice(),
        dQ: private.dq.as_slice(),
        qInv: private.qi.as_slice(),
    })
    .map_err(|_| KeyError::Rejected)
}

/// The public half of an RSA key.
pub(crate) fn rsa_public(pair: &RsaKeyPair) -> Result<Material, KeyError> {
    let (n, e) = der::rsa_public_key(pair.public_key().as_ref()).ok_or(KeyError::Backend)?;
    Ok(Material::Rsa {
        n: n.to_vec(),
        e: e.to_vec(),
        private: None,
    })
}

enum Kind {
    Rsa(&'static RsaSignatureEncoding),
    Ec(EcCurve),
    Ed25519,
    MlDsa(&'static PqdsaSigningAlgorithm),
}

fn kind(algorithm: JwsAlgorithm) -> Result<Kind, KeyError> {
    if let Some(curve) = ec_curve(algorithm) {
        return Ok(Kind::Ec(curve));
    }
    match algorithm {
        JwsAlgorithm::RS256 => Ok(Kind::Rsa(&alg::RSA_PKCS1_SHA256)),
        JwsAlgorithm::RS384 => Ok(Kind::Rsa(&alg::RSA_PKCS1_SHA384)),
        JwsAlgorithm::RS512 => Ok(Kind::Rsa(&alg::RSA_PKCS1_SHA512)),
        //= RFC7518#3.5 MUST: the salt is as long as the digest (the backend's default)
        JwsAlgorithm::PS256 => Ok(Kind::Rsa(&alg::RSA_PSS_SHA256)),
        JwsAlgorithm::PS384 => Ok(Kind::Rsa(&alg::RSA_PSS_SHA384)),
        JwsAlgorithm::PS512 => Ok(Kind::Rsa(&alg::RSA_PSS_SHA512)),
        JwsAlgorithm::EdDSA => Ok(Kind::Ed25519),
        JwsAlgorithm::MlDsa44 => Ok(Kind::MlDsa(&alg::ML_DSA_44_SIGNING)),
        JwsAlgorithm::MlDsa65 => Ok(Kind::MlDsa(&alg::ML_DSA_65_SIGNING)),
        JwsAlgorithm::MlDsa87 => Ok(Kind::MlDsa(&alg::ML_DSA_87_SIGNING)),
        JwsAlgorithm::ES256
        | JwsAlgorithm::ES384
        | JwsAlgorithm::ES512
        | JwsAlgorithm::HS256
        | JwsAlgorithm::HS384
        | JwsAlgorithm::HS512 => Err(KeyError::Algorithm),
    }
}

fn ecdsa(curve: EcCurve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        EcCurve::P256 => &alg::ECDSA_P256_SHA256_FIXED_SIGNING,
        EcCurve::P384 => &alg::ECDSA_P384_SHA384_FIXED_SIGNING,
        EcCurve::P521 => &alg::ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}
