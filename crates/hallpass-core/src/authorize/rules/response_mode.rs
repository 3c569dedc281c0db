//! `response_mode`,
//! [OAuth 2.0 Multiple Response Type Encoding Practices §2.1](https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#ResponseModes).

use hallpass_jose::{base64url, json};
use hallpass_types::Params;

use super::{Context, Draft, response_type};
use crate::{
    authorize::{Reason, ResponseMode, respond},
    client::Client,
    policy::Policy,
};

pub(super) fn parse(params: &Params, policy: &Policy) -> Result<ResponseMode, Reason> {
    wanted(params)
        .filter(|mode| mode.is_offered(policy))
        .ok_or(Reason::ResponseModeUnknown)
}

/// The mode in which the answer is to travel, offered or not; none for one that does not exist or that does not fit the
/// response type.
pub(super) fn wanted(params: &Params) -> Option<ResponseMode> {
    let mode = match params.get("response_mode") {
        Some(name) => named(name, params)?,
        None => params
            .get("request")
            .and_then(inside_request_object)
            .unwrap_or_else(|| response_type::default_mode(params)),
    };
    //= OAUTH-RESPONSE-TYPES#5 MUST: an answer with a token is never in the query
    //= JARM#2.3.1 MUST NOT: a signed answer with a token that is not encrypted is not in the query either
    (!(mode.is_query() && response_type::is_front_channel(params))).then_some(mode)
}

//= JARM#2.3.4 MUST: jwt stands for the signed form of the response type's default mode
fn named(name: &str, params: &Params) -> Option<ResponseMode> {
    if name == respond::JWT {
        Some(response_type::default_mode(params).signed())
    } else {
        ResponseMode::parse(name)
    }
}

/// The mode that a request object asks for. Request objects are not taken, so this decides only how the client that sent
/// one hears of it; nothing else in it is read, and its signature does not matter.
fn inside_request_object(object: &str) -> Option<ResponseMode> {
    const LONGEST: usize = 32 * 1024;
    let payload = object
        .split('.')
        .nth(1)
        .filter(|part| part.len() <= LONGEST)?;
    let claims = json::parse_object(&base64url::decode(payload)?, 8).ok()?;
    ResponseMode::parse(claims.get("response_mode")?.as_str()?)
}

pub(super) fn is_allowed(client: &Client, mode: ResponseMode) -> bool {
    client
        .response_modes
        .as_ref()
        .is_none_or(|modes| modes.iter().any(|m| names(m, mode)))
}

/// Whether a registered name is a name of this mode. `jwt` stands for a redirect of either kind.
fn names(registered: &str, mode: ResponseMode) -> bool {
    let redirect = matches!(mode, ResponseMode::QueryJwt | ResponseMode::FragmentJwt);
    registered == mode.as_str() || (registered == respond::JWT && redirect)
}

pub(super) fn client_may_use_it(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if is_allowed(cx.client, draft.response_mode) {
        Ok(())
    } else {
        Err(Reason::ResponseModeNotAllowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(payload: &str) -> Option<ResponseMode> {
        inside_request_object(&format!(
            "eyJhbGciOiJub25lIn0.{}.",
            base64url::encode(payload)
        ))
    }

    #[test]
    fn a_request_object_says_how_its_refusal_travels_and_nothing_else() {
        assert_eq!(
            mode_of(r#"{"response_mode":"form_post"}"#),
            Some(ResponseMode::FormPost)
        );
        for payload in [
            "{}",
            r#"{"response_mode":"jwt"}"#,
            r#"{"response_mode":"nonsense"}"#,
            r#"{"response_mode":1}"#,
            "[]",
            "",
            "{",
        ] {
            assert_eq!(mode_of(payload), None, "{payload}");
        }
        for object in ["", "a", "a.b", "..", "a.!.c", &".".repeat(10_000)] {
            assert_eq!(inside_request_object(object), None);
        }
    }
}
