//! Digests.

use aws_lc_rs::digest;

use crate::algorithm::{HashAlgorithm, JwsAlgorithm};
use crate::backend::shake::shake256;
use crate::base64url;

/// SHA-256 of the data.
#[must_use]
pub fn sha256(data: &[u8]) -> [u8; 32] {
    fixed(&digest::SHA256, data)
}

/// SHA-384 of the data.
#[must_use]
pub fn sha384(data: &[u8]) -> [u8; 48] {
    fixed(&digest::SHA384, data)
}

/// SHA-512 of the data.
#[must_use]
pub fn sha512(data: &[u8]) -> [u8; 64] {
    fixed(&digest::SHA512, data)
}

/// The left half of a digest in base64url, as in `at_hash` and `c_hash`.
//= OIDC-Core#3.1.3.6 MUST: the left half of the digest that the ID token's `alg` uses, base64url
#[must_use]
pub fn left_half_hash(algorithm: JwsAlgorithm, value: &str) -> String {
    let hash = algorithm.hash();
    let algorithm = match hash {
        HashAlgorithm::Sha256 => &digest::SHA256,
        HashAlgorithm::Sha384 => &digest::SHA384,
        HashAlgorithm::Sha512 => &digest::SHA512,
        HashAlgorithm::Shake256 => return base64url::encode(shake256::<32>(value.as_bytes())),
    };
    let digest = digest::digest(algorithm, value.as_bytes());
    let half = hash.output_len() / 2;
    base64url::encode(digest.as_ref().get(..half).unwrap_or_default())
}

fn fixed<const N: usize>(algorithm: &'static digest::Algorithm, data: &[u8]) -> [u8; N] {
    let digest = digest::digest(algorithm, data);
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn digests_of_abc_are_those_of_fips_180() {
        assert_eq!(
            hex(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(hex(&sha384(b"abc")).starts_with("cb00753f45a35e8bb5a03d699ac65007"));
        assert!(hex(&sha512(b"abc")).starts_with("ddaf35a193617abacc417349ae204131"));
    }

    //= test OIDC-Core#3.1.3.6 the left half of the digest that the ID token's `alg` uses, base64url
    #[test]
    fn at_hash_is_the_left_half_of_the_digest() {
        // OpenID Connect Core, appendix A.3 and A.4.
        assert_eq!(
            left_half_hash(
                JwsAlgorithm::RS256,
                "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
            ),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
        assert_eq!(
            left_half_hash(
                JwsAlgorithm::RS256,
                "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"
            ),
            "LDktKdoQak3Pk0cnXxCltA"
        );
        assert_eq!(left_half_hash(JwsAlgorithm::ES384, "x").len(), 32);
        assert_eq!(left_half_hash(JwsAlgorithm::EdDSA, "x").len(), 43);
        assert_eq!(left_half_hash(JwsAlgorithm::MlDsa44, "x").len(), 43);
    }
}
