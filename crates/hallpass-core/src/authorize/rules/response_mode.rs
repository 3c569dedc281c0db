//! `response_mode`,
//! [OAuth 2.0 Multiple Response Type Encoding Practices §2.1](https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#ResponseModes).

use hallpass_types::Params;

use super::{Context, Draft, response_type};
use crate::{
    authorize::{Reason, ResponseMode},
    client::Client,
};

pub(super) fn parse(params: &Params) -> Result<ResponseMode, Reason> {
    let Some(name) = params.get("response_mode") else {
        return Ok(response_type::default_mode(params));
    };
    let mode = ResponseMode::parse(name).ok_or(Reason::ResponseModeUnknown)?;
    //= OAUTH-RESPONSE-TYPES#5 MUST: an answer with a token is never in the query
    if mode == ResponseMode::Query && response_type::is_front_channel(params) {
        return Err(Reason::ResponseModeUnknown);
    }
    Ok(mode)
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
