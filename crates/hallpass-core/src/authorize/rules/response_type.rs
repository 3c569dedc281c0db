//! `response_type`, [RFC 6749 §3.1.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1.1).

use hallpass_types::Params;
use serde::{Deserialize, Serialize};

use super::{Context, Draft};
use crate::authorize::{Reason, ResponseMode};

/// `response_type`. The names of several words are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ResponseType {
    /// An authorization code.
    #[default]
    #[serde(rename = "code")]
    Code,
}

impl ResponseType {
    /// Every response type, for discovery and for registration.
    pub const ALL: &'static [Self] = &[Self::Code];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
        }
    }

    /// The response type of these words in any order.
    //= RFC6749#3.1.1 MUST: the order of the words of a response type does not matter
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words: Vec<_> = text.split(' ').collect();
        words.sort_unstable();
        words.dedup();
        let sorted = words.join(" ");
        Self::ALL.iter().copied().find(|t| t.as_str() == sorted)
    }

    /// The grant type without which it is of no use.
    #[must_use]
    pub const fn grant_type(self) -> &'static str {
        match self {
            Self::Code => "authorization_code",
        }
    }
}

//= RFC6749#3.1.1 MUST: a missing or unknown response type is an error
pub(super) fn parse(params: &Params) -> Result<ResponseType, Reason> {
    let text = params
        .get("response_type")
        .ok_or(Reason::ResponseTypeMissing)?;
    ResponseType::parse(text).ok_or(Reason::ResponseTypeUnsupported)
}

/// Whether the answer to this response type, offered or not, would hold a token.
pub(super) fn is_front_channel(params: &Params) -> bool {
    params.get("response_type").is_some_and(|text| {
        text.split(' ')
            .any(|word| matches!(word, "token" | "id_token"))
    })
}

//= OAUTH-RESPONSE-TYPES#5 MUST: an answer with a token, and an error instead of it, defaults to the fragment
pub(super) fn default_mode(params: &Params) -> ResponseMode {
    if is_front_channel(params) {
        ResponseMode::Fragment
    } else {
        ResponseMode::Query
    }
}

//= RFC7591#2 MUST: a client uses only the response and grant types that it registered
pub(super) fn client_may_use_it(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    let wanted = draft.response_type;
    let registered = cx
        .client
        .response_types
        .iter()
        .any(|t| ResponseType::parse(t) == Some(wanted));
    if registered && cx.client.may_use(wanted.grant_type()) {
        Ok(())
    } else {
        Err(Reason::ResponseTypeNotAllowed)
    }
}
