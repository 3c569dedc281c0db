//! Proof Key for Code Exchange, [RFC 7636 §4.2](https://www.rfc-editor.org/rfc/rfc7636#section-4.2) to §4.4.

use hallpass_types::Params;

use super::{Context, Draft};
use crate::authorize::Reason;

/// A code challenge of the right form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodeChallenge(String);

impl CodeChallenge {
    //= RFC7636#4.2 MUST: a challenge is 43 to 128 characters of the unreserved set
    fn parse(text: &str) -> Option<Self> {
        let unreserved =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        ((43..=128).contains(&text.len()) && text.bytes().all(unreserved))
            .then(|| Self(text.to_owned()))
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

//= RFC9700#2.1.1 MUST: public clients use PKCE
pub(super) fn challenge_is_present(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    let demanded = cx.client.require_pkce || cx.client.is_public();
    if demanded && draft.code_challenge.is_none() {
        Err(Reason::CodeChallengeMissing)
    } else {
        Ok(())
    }
}
