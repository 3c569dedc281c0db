//! Proof Key for Code Exchange, [RFC 7636 §4.2](https://www.rfc-editor.org/rfc/rfc7636#section-4.2) to §4.4.

use hallpass_types::Params;

use super::{Context, Draft};
use crate::{
    authorize::{Reason, ResponseType},
    client::Client,
    pkce,
};

/// A code challenge of the right form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodeChallenge(String);

impl CodeChallenge {
    //= RFC7636#4.2 MUST: a challenge is 43 to 128 characters of the unreserved set
    fn parse(text: &str) -> Option<Self> {
        pkce::is_well_formed(text).then(|| Self(text.to_owned()))
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// `code_challenge_method`. `plain` does not exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    S256,
}

pub(super) fn challenge(params: &Params) -> Result<Option<CodeChallenge>, Reason> {
    params
        .get("code_challenge")
        .map(|text| CodeChallenge::parse(text).ok_or(Reason::CodeChallengeMalformed))
        .transpose()
}

//= RFC7636#4.4.1 MUST: a method that is not offered is an error
//= RFC9700#2.1.1 SHOULD: only methods that do not reveal the verifier are offered
pub(super) fn method(params: &Params) -> Result<Option<Method>, Reason> {
    match params.get("code_challenge_method") {
        None => Ok(None),
        Some("S256") => Ok(Some(Method::S256)),
        Some(_) => Err(Reason::CodeChallengeMethodUnsupported),
    }
}

//= RFC7636#4.3 MUST: a challenge without method means plain, which is refused
pub(super) fn challenge_comes_with_its_method(
    draft: &Draft,
    _: &Context<'_>,
) -> Result<(), Reason> {
    match (&draft.code_challenge, draft.code_challenge_method) {
        (Some(_), None) => Err(Reason::CodeChallengeMethodMissing),
        (None, Some(Method::S256)) => Err(Reason::CodeChallengeMissing),
        (Some(_), Some(Method::S256)) | (None, None) => Ok(()),
    }
}

pub(super) fn is_demanded(client: &Client, response_type: ResponseType) -> bool {
    response_type.has_code() && (client.require_pkce || client.is_public())
}

//= RFC9700#2.1.1 MUST: public clients use PKCE
pub(super) fn challenge_is_present(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if is_demanded(cx.client, draft.response_type) && draft.code_challenge.is_none() {
        Err(Reason::CodeChallengeMissing)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::fixture::{CHALLENGE, refusal, spa, web},
        *,
    };

    fn both(challenge: &str, method: &str) -> [Option<Reason>; 2] {
        let changes = [
            ("code_challenge", challenge),
            ("code_challenge_method", method),
        ];
        [refusal(web(), &changes), refusal(spa(), &changes)]
    }

    #[test]
    fn a_challenge_is_43_to_128_unreserved_characters() {
        //= test RFC7636#4.2 a challenge is 43 to 128 characters of the unreserved set
        for good in [CHALLENGE, &"a".repeat(43), &"-._~".repeat(32)] {
            assert_eq!(both(good, "S256"), [None; 2]);
        }
        for bad in [
            &*"a".repeat(42),
            &"a".repeat(129),
            &format!("{}=", "a".repeat(42)),
            &format!("{}+", "a".repeat(42)),
            &format!("{}/", "a".repeat(42)),
            &format!("{} ", "a".repeat(42)),
            &format!("{}\n", "a".repeat(42)),
            &"\u{e9}".repeat(43),
        ] {
            let reason = Some(Reason::CodeChallengeMalformed);
            assert_eq!(both(bad, "S256"), [reason; 2], "{bad:?}");
        }
    }

    #[test]
    fn only_s256_is_offered() {
        //= test RFC7636#4.4.1 a method that is not offered is an error
        //= test RFC9700#2.1.1 only methods that do not reveal the verifier are offered
        for method in ["plain", "s256", "S512", "S256 ", "none"] {
            let reason = Some(Reason::CodeChallengeMethodUnsupported);
            assert_eq!(both(CHALLENGE, method), [reason; 2], "{method}");
        }
        //= test RFC7636#4.3 a challenge without method means plain, which is refused
        let reason = Some(Reason::CodeChallengeMethodMissing);
        assert_eq!(both(CHALLENGE, ""), [reason; 2]);
    }

    #[test]
    fn a_method_without_challenge_is_refused() {
        assert_eq!(both("", "S256"), [Some(Reason::CodeChallengeMissing); 2]);
    }
}
