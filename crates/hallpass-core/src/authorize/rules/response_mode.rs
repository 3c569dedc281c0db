//! `response_mode`,
//! [OAuth 2.0 Multiple Response Type Encoding Practices §2.1](https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#ResponseModes).

use hallpass_jose::{base64url, json};
use hallpass_types::Params;

use super::{Context, Draft, response_type};
use crate::{
    authorize::{Reason, ResponseMode},
    client::Client,
};

pub(super) fn parse(params: &Params) -> Result<ResponseMode, Reason> {
    let Some(name) = params.get("response_mode") else {
        let mode = params.get("request").and_then(inside_request_object);
        return Ok(mode.unwrap_or_else(|| response_type::default_mode(params)));
    };
    let mode = ResponseMode::parse(name).ok_or(Reason::ResponseModeUnknown)?;
    //= OAUTH-RESPONSE-TYPES#5 MUST: an answer with a token is never in the query
    if mode == ResponseMode::Query && response_type::is_front_channel(params) {
        return Err(Reason::ResponseModeUnknown);
    }
    Ok(mode)
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
        .is_none_or(|modes| modes.iter().any(|m| m == mode.as_str()))
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
            r#"{"response_mode":"web_message"}"#,
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
