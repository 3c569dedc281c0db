//! Key agreement, RFC 7518 section 4.6 and RFC 8037 section 3.2.

use aws_lc_rs::agreement::{self, Algorithm, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::encoding::{AsBigEndian, AsDer, Curve25519SeedBin, Pkcs8V1Der};
use aws_lc_rs::kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest};
use zeroize::Zeroizing;

use crate::error::{JwkError, KeyError};
use crate::jwk::{EcCurve, Jwk, Material, OkpCurve, Secret, ec_point};
use crate::mac::constant_time_eq;

/// A curve for key agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    Ec(EcCurve),
    X25519,
}

impl Curve {
    const ALL: [Self; 4] = [
        Self::Ec(EcCurve::P256),
        Self::Ec(EcCurve::P384),
        Self::Ec(EcCurve::P521),
        Self::X25519,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ec(curve) => curve.name(),
            Self::X25519 => OkpCurve::X25519.name(),
        }
    }

    /// The public value of a key on this curve, as the backend wants it.
    pub(crate) fn public_bytes(self, jwk: &Jwk) -> Option<Vec<u8>> {
        match (&jwk.material, self) {
            (Material::Ec { curve, x, y, .. }, Self::Ec(wanted)) if *curve == wanted => {
                Some(ec_point(x, y))
            }
            (
                Material::Okp {
                    curve: OkpCurve::X25519,
                    x,
                    ..
                },
                Self::X25519,
            ) => Some(x.clone()),
            (
                Material::Rsa { .. }
                | Material::Ec { .. }
                | Material::Okp { .. }
                | Material::Akp { .. }
                | Material::Oct { .. },
                Self::Ec(_) | Self::X25519,
            ) => None,
        }
    }

    const fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Ec(EcCurve::P256) => &agreement::ECDH_P256,
            Self::Ec(EcCurve::P384) => &agreement::ECDH_P384,
            Self::Ec(EcCurve::P521) => &agreement::ECDH_P521,
            Self::X25519 => &agreement::X25519,
        }
    }
}

/// A private key that agrees.
pub(crate) struct AgreementKey {
    curve: Curve,
    key: PrivateKey,
}

impl AgreementKey {
    pub(crate) fn generate(curve: Curve) -> Result<Self, KeyError> {
        let key = PrivateKey::generate(curve.algorithm()).map_err(|_| KeyError::Backend)?;
        Ok(Self { curve, key })
    }

    pub(crate) fn from_secret(curve: Curve, d: &[u8]) -> Result<Self, KeyError> {
        let key =
            PrivateKey::from_private_key(curve.algorithm(), d).map_err(|_| KeyError::Rejected)?;
        Ok(Self { curve, key })
    }

    /// Reads a document of whichever curve it is for.
    pub(crate) fn from_pkcs8(document: &[u8]) -> Result<Self, KeyError> {
        if let Some(seed) = document.strip_prefix(X25519_PKCS8) {
            return Self::from_secret(Curve::X25519, seed);
        }
        Curve::ALL
            .into_iter()
            .find_map(|curve| {
                let key = PrivateKey::from_private_key_der(curve.algorithm(), document).ok()?;
                Some(Self { curve, key })
            })
            .ok_or(KeyError::Rejected)
    }

    pub(crate) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let failed = |_| KeyError::Backend;
        match self.curve {
            Curve::Ec(_) => {
                let der: Pkcs8V1Der<'static> = self.key.as_der().map_err(failed)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
            Curve::X25519 => {
                let seed: Curve25519SeedBin<'static> = self.key.as_be_bytes().map_err(failed)?;
                let mut out = Zeroizing::new(X25519_PKCS8.to_vec());
                out.extend_from_slice(seed.as_ref());
                Ok(out)
            }
        }
    }

    pub(crate) const fn curve(&self) -> Curve {
        self.curve
    }

    pub(crate) fn public_material(&self) -> Result<Material, KeyError> {
        let public = self
            .key
            .compute_public_key()
            .map_err(|_| KeyError::Backend)?;
        match self.curve {
            Curve::Ec(curve) => {
                let (x, y) = public
                    .as_ref()
                    .get(1..)
                    .and_then(|point| point.split_at_checked(curve.coordinate_len()))
                    .ok_or(KeyError::Backend)?;
                Ok(Material::Ec {
                    curve,
                    x: x.to_vec(),
                    y: y.to_vec(),
                    d: None,
                })
            }
            Curve::X25519 => Ok(Material::Okp {
                curve: OkpCurve::X25519,
                x: public.as_ref().to_vec(),
                d: None,
            }),
        }
    }

    /// Agrees with a public value and derives a key of so many bytes.
    ///
    /// The backend checks that points are on the curve and that the outcome is not zero.
    pub(crate) fn agree(&self, public: &[u8], info: &[u8], len: usize) -> Option<Secret> {
        let derivation = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256)?;
        let public = UnparsedPublicKey::new(self.curve.algorithm(), public);
        agreement::agree(&self.key, public, (), |secret| {
            let mut out = Zeroizing::new(vec![0; len]);
            sskdf_digest(derivation, secret, info, &mut out).map_err(|_| ())?;
            Ok(out)
        })
        .ok()
    }
}

/// Checks that an X25519 secret belongs to the public value.
pub(crate) fn check_x25519_pair(d: &[u8], x: &[u8]) -> Result<(), JwkError> {
    let public = PrivateKey::from_private_key(&agreement::X25519, d)
        .map_err(|_| JwkError::Invalid)?
        .compute_public_key()
        .map_err(|_| JwkError::Invalid)?;
    if constant_time_eq(public.as_ref(), x) {
        Ok(())
    } else {
        Err(JwkError::Invalid)
    }
}

/// What stands before the 32 secret bytes in the document of an X25519 key, RFC 8410 section 7.
const X25519_PKCS8: &[u8] = &[
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64url;
    use crate::jwe::concat_info;

    //= test RFC7518#4.6.2 algorithm, both parties and key length are part of the derivation
    #[test]
    fn agreement_and_derivation_give_the_value_of_rfc_7518() {
        // RFC 7518 appendix C, from the recipient's side and from the sender's.
        let alice = (
            "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
            "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
            "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo",
        );
        let bob = (
            "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
            "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
            "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
        );
        let info = concat_info("A128GCM", b"Alice", b"Bob", 16);
        for ((x, y, _), (.., d)) in [(alice, bob), (bob, alice)] {
            let decode = |text| base64url::decode(text).unwrap();
            let key = AgreementKey::from_secret(Curve::Ec(EcCurve::P256), &decode(d)).unwrap();
            let public = ec_point(&decode(x), &decode(y));
            let derived = key.agree(&public, &info, 16).unwrap();
            assert_eq!(base64url::encode(&derived), "VqqN6vgjbSBcIijNcacQGg");
        }
    }

    #[test]
    fn public_values_of_small_order_or_of_another_curve_do_not_agree() {
        let key = AgreementKey::generate(Curve::X25519).unwrap();
        let other = AgreementKey::generate(Curve::Ec(EcCurve::P256)).unwrap();
        let mut one = [0; 32];
        one[0] = 1;
        for public in [&[0; 32][..], &one, &[0; 31], &[9; 33], &[]] {
            assert!(key.agree(public, b"", 16).is_none());
            assert!(other.agree(public, b"", 16).is_none());
        }
        assert!(other.agree(&[4; 65], b"", 16).is_none());
    }
}
