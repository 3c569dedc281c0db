//! Base64url without padding, [RFC 7515 appendix C](https://www.rfc-editor.org/rfc/rfc7515#appendix-C).
//!
//! Decoding is strict: no padding, no white space, no other alphabet, no non-zero trailing bits.

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Encodes bytes.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    ENGINE.encode(bytes)
}

/// Encodes bytes onto the end of a string.
pub fn encode_onto(bytes: impl AsRef<[u8]>, out: &mut String) {
    ENGINE.encode_string(bytes, out);
}

/// Length in characters of the encoding of so many bytes.
#[must_use]
pub const fn encoded_len(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// Decodes text, or returns `None` if it is not canonical base64url without padding.
#[must_use]
pub fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

const ENGINE: GeneralPurpose = URL_SAFE_NO_PAD;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_is_strict() {
        assert_eq!(decode("AQ"), Some(vec![1]));
        assert_eq!(decode(""), Some(vec![]));
        assert_eq!(decode("-_-_"), Some(vec![0xfb, 0xff, 0xbf]));
        for bad in [
            "AQ==", "AQ=", "A", "AR", "A Q", "AQ\n", "+/+/", "AQ.", "ÄQ", "A\0",
        ] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn encoded_length_is_exact() {
        for n in 0..200_usize {
            assert_eq!(encode(vec![7; n]).len(), encoded_len(n));
        }
    }
}
