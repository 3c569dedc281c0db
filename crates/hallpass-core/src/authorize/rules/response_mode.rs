//! `response_mode`,
//! [OAuth 2.0 Multiple Response Type Encoding Practices §2.1](https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#ResponseModes).

use hallpass_types::Params;

use super::{Context, Draft, response_type};
use crate::{
    authorize::{OwnModeName, Reason, ResponseMode, respond},
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
        None => response_type::default_mode(params),
    };
    //= OAUTH-RESPONSE-TYPES#5 MUST: an answer with a token is never in the query
    //= JARM#2.3.1 MUST NOT: a signed answer with a token that is not encrypted is not in the query either
    let leaks = mode.is_query() && response_type::is_front_channel(params);
    let lost = mode.is_message() && !has_window(params);
    (!leaks && !lost).then_some(mode)
}

/// Whether there is an origin to which a message can go. The relay between three windows of the draft does not exist here.
fn has_window(params: &Params) -> bool {
    let origin = params
        .get("redirect_uri")
        .and_then(respond::web_message::origin);
    origin.is_some() && params.get("web_message_uri").is_none()
}

//= JARM#2.3.4 MUST: jwt stands for the signed form of the response type's default mode
fn named(name: &str, params: &Params) -> Option<ResponseMode> {
    if name == respond::JWT {
        Some(response_type::default_mode(params).signed())
    } else {
        ResponseMode::parse(name).or_else(|| OwnModeName::parse(name).map(ResponseMode::Own))
    }
}

/// A mode of the program needs to be registered: nobody who writes a request can choose it for others.
pub(super) fn is_allowed(client: &Client, mode: ResponseMode) -> bool {
    match &client.response_modes {
        Some(modes) => modes.iter().any(|m| names(m, mode)),
        None => !matches!(mode, ResponseMode::Own(_)),
    }
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
