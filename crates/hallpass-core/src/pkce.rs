//! Proof Key for Code Exchange, [RFC 7636](https://www.rfc-editor.org/rfc/rfc7636#section-4).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hallpass_types::{constant_time_eq, sha256};

/// Challenge methods that are taken. `plain` is not one of them.
pub const METHODS: &[&str] = &["S256"];

/// Whether the text has the form of a verifier or a challenge: 43 to 128 unreserved characters.
#[must_use]
pub fn is_well_formed(text: &str) -> bool {
    //= RFC7636#4.1 MUST: 43 to 128 characters out of letters, digits, "-", ".", "_" and "~"
    (43..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// Whether the verifier belongs to an S256 challenge. Takes the same time wherever they differ.
#[must_use]
pub fn verify_s256(verifier: &str, challenge: &str) -> bool {
    //= RFC7636#4.6 MUST: the challenge equals the base64url of the verifier's SHA-256
    is_well_formed(verifier)
        && constant_time_eq(
            URL_SAFE_NO_PAD
                .encode(sha256(verifier.as_bytes()))
                .as_bytes(),
            challenge.as_bytes(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_specification_matches() {
        //= test RFC7636#4.6 the challenge equals the base64url of the verifier's SHA-256
        assert!(verify_s256(VERIFIER, CHALLENGE));
    }

    #[test]
    fn nothing_else_matches() {
        //= test RFC7636#4.1 43 to 128 characters out of letters, digits, "-", ".", "_" and "~"
        assert!(!verify_s256(CHALLENGE, CHALLENGE));
        assert!(!verify_s256(VERIFIER.get(..42).unwrap(), CHALLENGE));
        assert!(!verify_s256("", CHALLENGE));
        assert!(!verify_s256(VERIFIER, ""));
        assert!(!verify_s256(&format!("{VERIFIER}="), CHALLENGE));
        assert!(!is_well_formed(&"a".repeat(129)));
        assert!(!is_well_formed(&"\u{e9}".repeat(43)));
    }
}
