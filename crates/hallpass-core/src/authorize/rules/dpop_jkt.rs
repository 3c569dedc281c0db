//! The key that the code is bound to, [RFC 9449 §10](https://www.rfc-editor.org/rfc/rfc9449#section-10).

use hallpass_types::{Params, Thumbprint};

use crate::authorize::Reason;

//= RFC9449#10 MUST: dpop_jkt is the SHA-256 thumbprint of the key of the proofs
pub(super) fn parse(params: &Params) -> Result<Option<Thumbprint>, Reason> {
    params
        .get("dpop_jkt")
        .map(|text| Thumbprint::parse(text).ok_or(Reason::DpopJktMalformed))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::fixture::{refusal, spa, web},
        *,
    };

    #[test]
    fn a_key_is_named_by_43_characters_of_base64url() {
        //= test RFC9449#10 dpop_jkt is the SHA-256 thumbprint of the key of the proofs
        let good = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        assert_eq!(refusal(web(), &[("dpop_jkt", good)]), None);
        assert_eq!(refusal(spa(), &[("dpop_jkt", good)]), None);
        for bad in [
            good.trim_start_matches('0'),
            &format!("{good}="),
            &format!("{good}A"),
            &good.replace('-', "+"),
            &"A".repeat(42),
            "{}",
            " ",
        ] {
            assert_eq!(
                refusal(web(), &[("dpop_jkt", bad)]),
                Some(Reason::DpopJktMalformed),
                "{bad}"
            );
        }
    }
}
