//! Deriving keys from a master secret, [RFC 5869](https://www.rfc-editor.org/rfc/rfc5869).

use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

/// HKDF-SHA-256 without salt: 32 bytes for one purpose, named by `info`.
///
/// The master secret must be random and at least 32 bytes; two purposes never share an `info`.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "32 bytes are far below the limit of HKDF, the only thing that can fail"
)]
pub fn hkdf_sha256(master: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, &[])
        .extract(master)
        .expand(&[info], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(out.as_mut_slice()))
        .expect("32 bytes can be derived");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivation_is_that_of_rfc_5869_without_salt() {
        // RFC 5869, test case 3: no salt, no info; the first 32 of its 42 bytes.
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d";
        let derived = hkdf_sha256(&[0x0b; 22], b"");
        let hex: String = derived.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    }

    #[test]
    fn purposes_get_different_keys() {
        assert_ne!(hkdf_sha256(&[1; 32], b"a"), hkdf_sha256(&[1; 32], b"b"));
        assert_ne!(hkdf_sha256(&[1; 32], b"a"), hkdf_sha256(&[2; 32], b"a"));
        assert_ne!(
            hkdf_sha256(&[1; 32], &[7; 5000]),
            hkdf_sha256(&[1; 32], &[7; 5001])
        );
    }
}
