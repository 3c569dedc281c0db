//! `response_type`, [RFC 6749 §3.1.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1.1),
//! [OAuth 2.0 Multiple Response Type Encoding Practices §3](https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html)
//! to §5. A bare `token` does not exist here (RFC 9700 §2.1.2).

use hallpass_types::Params;
use serde::{Deserialize, Serialize};

use super::{Context, Draft};
use crate::{
    authorize::{Reason, ResponseMode},
    client::Client,
    policy::Policy,
};

/// `response_type`. The names of several words are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ResponseType {
    /// An authorization code.
    #[default]
    #[serde(rename = "code")]
    Code,
    /// An ID token alone, which then has the claims of the scope.
    #[serde(rename = "id_token")]
    IdToken,
    /// An ID token and an access token.
    #[serde(rename = "id_token token")]
    IdTokenToken,
    /// A code and an ID token.
    #[serde(rename = "code id_token")]
    CodeIdToken,
    /// A code and an access token.
    #[serde(rename = "code token")]
    CodeToken,
    /// A code, an ID token and an access token.
    #[serde(rename = "code id_token token")]
    CodeIdTokenToken,
    /// Nothing but that the person agreed.
    #[serde(rename = "none")]
    Nothing,
}

impl ResponseType {
    /// Every response type there is. Which of them an issuer offers is in
    /// [`Policy::response_types`](crate::policy::Policy::response_types).
    //= RFC9700#2.1.2 SHOULD NOT: a response type that yields an access token and nothing to check it against does not exist
    pub const ALL: &'static [Self] = &[
        Self::Code,
        Self::IdToken,
        Self::IdTokenToken,
        Self::CodeIdToken,
        Self::CodeToken,
        Self::CodeIdTokenToken,
        Self::Nothing,
    ];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::IdToken => "id_token",
            Self::IdTokenToken => "id_token token",
            Self::CodeIdToken => "code id_token",
            Self::CodeToken => "code token",
            Self::CodeIdTokenToken => "code id_token token",
            Self::Nothing => "none",
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

    /// The grant types without which it is of no use.
    //= OIDC-REG#2 MUST: a response type stands together with the grant types that complete it
    #[must_use]
    pub const fn grant_types(self) -> &'static [&'static str] {
        match self {
            Self::Code => &[CODE],
            Self::IdToken | Self::IdTokenToken => &[IMPLICIT],
            Self::CodeIdToken | Self::CodeToken | Self::CodeIdTokenToken => &[CODE, IMPLICIT],
            Self::Nothing => &[],
        }
    }

    /// Whether the answer holds a code.
    #[must_use]
    pub const fn has_code(self) -> bool {
        match self {
            Self::Code | Self::CodeIdToken | Self::CodeToken | Self::CodeIdTokenToken => true,
            Self::IdToken | Self::IdTokenToken | Self::Nothing => false,
        }
    }

    /// Whether the answer itself holds an ID token.
    #[must_use]
    pub const fn has_id_token(self) -> bool {
        match self {
            Self::IdToken | Self::IdTokenToken | Self::CodeIdToken | Self::CodeIdTokenToken => true,
            Self::Code | Self::CodeToken | Self::Nothing => false,
        }
    }

    /// Whether the answer itself holds an access token.
    #[must_use]
    pub const fn has_token(self) -> bool {
        match self {
            Self::IdTokenToken | Self::CodeToken | Self::CodeIdTokenToken => true,
            Self::Code | Self::IdToken | Self::CodeIdToken | Self::Nothing => false,
        }
    }

    /// Whether the answer itself holds a token of any kind, so that it must not travel in a query.
    #[must_use]
    pub const fn is_front_channel(self) -> bool {
        self.has_id_token() || self.has_token()
    }

    /// How its answer travels when the request does not say it.
    #[must_use]
    pub const fn default_mode(self) -> ResponseMode {
        if self.is_front_channel() {
            ResponseMode::Fragment
        } else {
            ResponseMode::Query
        }
    }
}

const CODE: &str = "authorization_code";
/// What clients of response types with tokens register. It is no grant of the token endpoint.
pub(crate) const IMPLICIT: &str = "implicit";

//= RFC6749#3.1.1 MUST: a missing or unknown response type is an error
pub(super) fn parse(params: &Params, policy: &Policy) -> Result<ResponseType, Reason> {
    let text = params
        .get("response_type")
        .ok_or(Reason::ResponseTypeMissing)?;
    ResponseType::parse(text)
        .filter(|wanted| policy.response_types.contains(wanted))
        .ok_or(Reason::ResponseTypeUnsupported)
}

/// Whether the answer to this response type, offered or not, would hold a token.
pub(super) fn is_front_channel(params: &Params) -> bool {
    params.get("response_type").is_some_and(|text| {
        text.split(' ')
            .any(|word| matches!(word, "token" | "id_token"))
    })
}

//= OAUTH-RESPONSE-TYPES#5 MUST: an answer with a token, and an error instead of it, defaults to the fragment
pub(crate) fn default_mode(params: &Params) -> ResponseMode {
    if is_front_channel(params) {
        ResponseMode::Fragment
    } else {
        ResponseMode::Query
    }
}

//= RFC7591#2 MUST: a client uses only the response and grant types that it registered
pub(super) fn client_may_use_it(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if is_allowed(cx.client, draft.response_type) {
        Ok(())
    } else {
        Err(Reason::ResponseTypeNotAllowed)
    }
}

pub(super) fn is_allowed(client: &Client, wanted: ResponseType) -> bool {
    let registered = client
        .response_types
        .iter()
        .any(|t| ResponseType::parse(t) == Some(wanted));
    registered && wanted.grant_types().iter().all(|g| client.may_use(g))
}

//= OIDC-CORE#3.2.2.1 MUST: a request for an ID token from the authorization endpoint has a nonce
//= OIDC-CORE#3.3.2.11 MUST: so has one for a code and an ID token
pub(super) fn nonce_is_present(draft: &Draft, _: &Context<'_>) -> Result<(), Reason> {
    if draft.response_type.has_id_token() && draft.nonce.is_none() {
        Err(Reason::NonceMissing)
    } else {
        Ok(())
    }
}

/// A client whose access tokens are bound gets none that is not.
pub(super) fn token_can_be_bound(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if can_be_bound(cx.client, draft.response_type, draft.dpop_jkt.is_some()) {
        Ok(())
    } else {
        Err(Reason::TokenUnbound)
    }
}

pub(super) const fn can_be_bound(client: &Client, wanted: ResponseType, names_key: bool) -> bool {
    let unbound =
        client.certificate_bound_access_tokens || (client.dpop_bound_access_tokens && !names_key);
    !(wanted.has_token() && unbound)
}

//= OIDC-CORE#3.2.2.1 MUST: a request for an ID token has openid in its scope
pub(super) fn scope_has_openid(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if draft.response_type.has_id_token() && !super::scope::effective(draft, cx).contains("openid")
    {
        Err(Reason::OpenidMissing)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
