//! Public keys that verify signatures.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    self as alg, ParsedPublicKey, PqdsaVerificationAlgorithm, RsaParameters,
};

use super::der::EcdsaSignature;
use crate::algorithm::JwsAlgorithm;
use crate::error::JwkError;
use crate::jwk::EcCurve;

/// A parsed public key.
pub(crate) enum PublicKey {
    Rsa(Box<RsaKey>),
    Ec(EcCurve, ParsedPublicKey),
    Ed25519(ParsedPublicKey),
    MlDsa(JwsAlgorithm, ParsedPublicKey),
}

impl PublicKey {
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, JwkError> {
        check_rsa(n, e)?;
        Ok(Self::Rsa(Box::new(RsaKey {
            components: PublicKeyComponents {
                n: n.to_vec(),
                e: e.to_vec(),
            },
            parsed: [const { OnceLock::new() }; 6],
        })))
    }

    pub(crate) fn ec(curve: EcCurve, point: &[u8]) -> Result<Self, JwkError> {
        Ok(Self::Ec(curve, parse_ec(curve, point)?))
    }

    pub(crate) fn ed25519(x: &[u8]) -> Result<Self, JwkError> {
        ParsedPublicKey::new(&alg::ED25519, x)
            .map(Self::Ed25519)
            .map_err(|_| JwkError::Invalid)
    }

    pub(crate) fn ml_dsa(algorithm: JwsAlgorithm, public: &[u8]) -> Result<Self, JwkError> {
        Ok(Self::MlDsa(algorithm, parse_ml_dsa(algorithm, public)?))
    }

    /// Whether the algorithm is one for this kind of key.
    pub(crate) fn fits(&self, algorithm: JwsAlgorithm) -> bool {
        match self {
            Self::Rsa(_) => rsa_parameters(algorithm).is_some(),
            Self::Ec(curve, _) => ec_curve(algorithm) == Some(*curve),
            Self::Ed25519(_) => algorithm == JwsAlgorithm::EdDSA,
            Self::MlDsa(own, _) => algorithm == *own,
        }
    }

    /// Whether the signature is valid; not so for an algorithm that does not fit the key.
    pub(crate) fn verify(&self, algorithm: JwsAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let key = match self {
            Self::Rsa(key) => match key.parsed(algorithm) {
                Some(key) => key,
                None => return false,
            },
            Self::Ec(curve, key) => {
                // Given the two numbers, the backend would ask for memory five times to do the same.
                let der = EcdsaSignature::from_fixed(signature, curve.coordinate_len());
                return der.is_some_and(|der| key.verify_sig(message, der.as_bytes()).is_ok());
            }
            Self::Ed25519(key) | Self::MlDsa(_, key) => key,
        };
        key.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa(_) => "RSA",
            Self::Ec(curve, _) => curve.name(),
            Self::Ed25519(_) => "Ed25519",
            Self::MlDsa(algorithm, _) => algorithm.name(),
        })
    }
}

/// An RSA key, parsed for an algorithm when that is first used.
pub(crate) struct RsaKey {
    components: PublicKeyComponents<Vec<u8>>,
    parsed: [OnceLock<Option<ParsedPublicKey>>; 6],
}

impl RsaKey {
    fn parsed(&self, algorithm: JwsAlgorithm) -> Option<&ParsedPublicKey> {
        let (slot, parameters) = rsa_parameters(algorithm)?;
        self.parsed
            .get(slot)?
            .get_or_init(|| self.components.to_parsed_public_key(parameters).ok())
            .as_ref()
    }
}

/// Checks that the backend can use the numbers.
pub(crate) fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), JwkError> {
    PublicKeyComponents { n, e }
        .to_parsed_public_key(&alg::RSA_PKCS1_2048_8192_SHA256)
        .map(|_| ())
        .map_err(|_| JwkError::Invalid)
}

/// Checks that the point is on the curve.
pub(crate) fn check_ec(curve: EcCurve, point: &[u8]) -> Result<(), JwkError> {
    parse_ec(curve, point).map(|_| ())
}

fn parse_ec(curve: EcCurve, point: &[u8]) -> Result<ParsedPublicKey, JwkError> {
    let algorithm = match curve {
        EcCurve::P256 => &alg::ECDSA_P256_SHA256_ASN1,
        EcCurve::P384 => &alg::ECDSA_P384_SHA384_ASN1,
        EcCurve::P521 => &alg::ECDSA_P521_SHA512_ASN1,
    };
    ParsedPublicKey::new(algorithm, point).map_err(|_| JwkError::Invalid)
}

/// Checks that the backend can use the key.
pub(crate) fn check_ml_dsa(algorithm: JwsAlgorithm, public: &[u8]) -> Result<(), JwkError> {
    parse_ml_dsa(algorithm, public).map(|_| ())
}

fn parse_ml_dsa(algorithm: JwsAlgorithm, public: &[u8]) -> Result<ParsedPublicKey, JwkError> {
    let (parameters, length) = ml_dsa_parameters(algorithm).ok_or(JwkError::UnsupportedType)?;
    // The backend would take other encodings of the key, too.
    //= RFC9964#5 MUST: `pub` is the encoded public key, whose length the algorithm fixes
    if public.len() != length {
        return Err(JwkError::Malformed);
    }
    ParsedPublicKey::new(parameters, public).map_err(|_| JwkError::Invalid)
}

/// The parameters of an ML-DSA algorithm, and how long its public keys are.
fn ml_dsa_parameters(
    algorithm: JwsAlgorithm,
) -> Option<(&'static PqdsaVerificationAlgorithm, usize)> {
    match algorithm {
        JwsAlgorithm::MlDsa44 => Some((&alg::ML_DSA_44, 1312)),
        JwsAlgorithm::MlDsa65 => Some((&alg::ML_DSA_65, 1952)),
        JwsAlgorithm::MlDsa87 => Some((&alg::ML_DSA_87, 2592)),
        JwsAlgorithm::RS256
        | JwsAlgorithm::RS384
        | JwsAlgorithm::RS512
        | JwsAlgorithm::PS256
        | JwsAlgorithm::PS384
        | JwsAlgorithm::PS512
        | JwsAlgorithm::ES256
        | JwsAlgorithm::ES384
        | JwsAlgorithm::ES512
        | JwsAlgorithm::EdDSA
        | JwsAlgorithm::HS256
        | JwsAlgorithm::HS384
        | JwsAlgorithm::HS512 => None,
    }
}

/// The curve that an ECDSA algorithm demands.
//= RFC7518#3.4 MUST: each ECDSA algorithm goes with one curve
pub(crate) const fn ec_curve(algorithm: JwsAlgorithm) -> Option<EcCurve> {
    match algorithm {
        JwsAlgorithm::ES256 => Some(EcCurve::P256),
        JwsAlgorithm::ES384 => Some(EcCurve::P384),
        JwsAlgorithm::ES512 => Some(EcCurve::P521),
        JwsAlgorithm::RS256
        | JwsAlgorithm::RS384
        | JwsAlgorithm::RS512
        | JwsAlgorithm::PS256
        | JwsAlgorithm::PS384
        | JwsAlgorithm::PS512
        | JwsAlgorithm::EdDSA
        | JwsAlgorithm::MlDsa44
        | JwsAlgorithm::MlDsa65
        | JwsAlgorithm::MlDsa87
        | JwsAlgorithm::HS256
        | JwsAlgorithm::HS384
        | JwsAlgorithm::HS512 => None,
    }
}

/// The slot of the parsed key and the parameters of an RSA algorithm.
const fn rsa_parameters(algorithm: JwsAlgorithm) -> Option<(usize, &'static RsaParameters)> {
    match algorithm {
        JwsAlgorithm::RS256 => Some((0, &alg::RSA_PKCS1_2048_8192_SHA256)),
        JwsAlgorithm::RS384 => Some((1, &alg::RSA_PKCS1_2048_8192_SHA384)),
        JwsAlgorithm::RS512 => Some((2, &alg::RSA_PKCS1_2048_8192_SHA512)),
        JwsAlgorithm::PS256 => Some((3, &alg::RSA_PSS_2048_8192_SHA256)),
        JwsAlgorithm::PS384 => Some((4, &alg::RSA_PSS_2048_8192_SHA384)),
        JwsAlgorithm::PS512 => Some((5, &alg::RSA_PSS_2048_8192_SHA512)),
        JwsAlgorithm::ES256
        | JwsAlgorithm::ES384
        | JwsAlgorithm::ES512
        | JwsAlgorithm::EdDSA
        | JwsAlgorithm::MlDsa44
        | JwsAlgorithm::MlDsa65
        | JwsAlgorithm::MlDsa87
        | JwsAlgorithm::HS256
        | JwsAlgorithm::HS384
        | JwsAlgorithm::HS512 => None,
    }
}
