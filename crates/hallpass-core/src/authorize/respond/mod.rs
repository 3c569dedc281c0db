//! How an answer travels to the client. Each response mode is one file.
//!
//! [OAuth 2.0 Multiple Response Type Encoding Practices §2](https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#ResponseModes).

mod form_post;
mod fragment;
pub mod jwt;
mod own;
mod query;
pub(crate) mod web_message;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{issue::json, policy::Policy};

pub use own::{OwnMode, OwnModeName, Ready, Travel};
pub use web_message::Message;

/// `response_mode`. Which of them an issuer offers is [`offered`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    #[serde(rename = "query")]
    Query,
    /// In its fragment.
    #[serde(rename = "fragment")]
    Fragment,
    /// In a form that the browser posts to it.
    #[serde(rename = "form_post")]
    FormPost,
    /// Signed, in the query.
    #[serde(rename = "query.jwt")]
    QueryJwt,
    /// Signed, in the fragment.
    #[serde(rename = "fragment.jwt")]
    FragmentJwt,
    /// Signed, in a form.
    #[serde(rename = "form_post.jwt")]
    FormPostJwt,
    /// By script, to the window that opened or embeds ours.
    #[serde(rename = "web_message")]
    WebMessage,
    /// Signed, by script.
    #[serde(rename = "web_message.jwt")]
    WebMessageJwt,
    /// As the embedding program carries it ([`RequestPolicy::modes`](crate::policy::RequestPolicy::modes)).
    #[serde(rename = "own")]
    Own(OwnModeName),
}

/// The name that stands for the signed form of a response type's default mode.
pub(crate) const JWT: &str = "jwt";

impl ResponseMode {
    /// Every mode of the protocol.
    pub const ALL: &'static [Self] = &[
        Self::Query,
        Self::Fragment,
        Self::FormPost,
        Self::QueryJwt,
        Self::FragmentJwt,
        Self::FormPostJwt,
        Self::WebMessage,
        Self::WebMessageJwt,
    ];

    /// The registered name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::QueryJwt => "query.jwt",
            Self::FragmentJwt => "fragment.jwt",
            Self::FormPostJwt => "form_post.jwt",
            Self::WebMessage => "web_message",
            Self::WebMessageJwt => "web_message.jwt",
            Self::Own(name) => name.as_str(),
        }
    }

    /// The mode of the protocol of that name. `jwt` names none by itself: it depends on the response type.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.as_str() == name)
    }

    /// Whether the parameters travel inside a signed JWT.
    #[must_use]
    pub const fn is_jwt(self) -> bool {
        match self {
            Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt | Self::WebMessageJwt => true,
            Self::Query | Self::Fragment | Self::FormPost | Self::WebMessage | Self::Own(_) => {
                false
            }
        }
    }

    /// Whether everything that is sent this way stands in a query, or could.
    #[must_use]
    pub const fn is_query(self) -> bool {
        match self {
            Self::Query | Self::QueryJwt | Self::Own(_) => true,
            Self::Fragment
            | Self::FormPost
            | Self::FragmentJwt
            | Self::FormPostJwt
            | Self::WebMessage
            | Self::WebMessageJwt => false,
        }
    }

    /// Whether the answer goes to another window.
    #[must_use]
    pub const fn is_message(self) -> bool {
        match self {
            Self::WebMessage | Self::WebMessageJwt => true,
            Self::Query
            | Self::Fragment
            | Self::FormPost
            | Self::QueryJwt
            | Self::FragmentJwt
            | Self::FormPostJwt
            | Self::Own(_) => false,
        }
    }

    /// The signed form of a mode.
    pub(crate) const fn signed(self) -> Self {
        match self {
            Self::Query | Self::QueryJwt => Self::QueryJwt,
            Self::Fragment | Self::FragmentJwt => Self::FragmentJwt,
            Self::FormPost | Self::FormPostJwt => Self::FormPostJwt,
            Self::WebMessage | Self::WebMessageJwt => Self::WebMessageJwt,
            Self::Own(_) => self,
        }
    }

    /// Whether the issuer offers it.
    #[must_use]
    pub fn is_offered(self, policy: &Policy) -> bool {
        match self {
            Self::Query | Self::Fragment | Self::FormPost => true,
            Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt => policy.jarm,
            Self::WebMessage => policy.web_message,
            Self::WebMessageJwt => policy.web_message && policy.jarm,
            Self::Own(name) => policy
                .requests
                .modes
                .iter()
                .any(|mode| mode.name() == name.as_str()),
        }
    }
}

/// The names of all modes that the issuer offers, for the metadata document and for registration.
#[must_use]
pub fn offered(policy: &Policy) -> Vec<&str> {
    let modes = ResponseMode::ALL.iter();
    let own = policy.requests.modes.iter().map(OwnMode::name);
    modes
        .filter(|mode| mode.is_offered(policy))
        .map(ResponseMode::as_str)
        .chain(policy.jarm.then_some(JWT))
        .chain(own.filter(|name| OwnModeName::parse(name).is_some()))
        .collect()
}

/// What goes back to the client, and where. It may hold a code: only the names of its parameters are printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// A redirect URI of the client, checked.
    pub redirect_uri: String,
    /// How it travels.
    pub mode: ResponseMode,
    /// Parameters in order, each name once, none empty.
    pub params: Vec<(&'static str, String)>,
}

impl AuthorizationResponse {
    /// The URL to redirect to, for modes that are a redirect.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        match self.mode {
            ResponseMode::Query | ResponseMode::QueryJwt => {
                Some(query::location(&self.redirect_uri, &self.params))
            }
            ResponseMode::Fragment | ResponseMode::FragmentJwt => {
                Some(fragment::location(&self.redirect_uri, &self.params))
            }
            ResponseMode::FormPost
            | ResponseMode::FormPostJwt
            | ResponseMode::WebMessage
            | ResponseMode::WebMessageJwt
            | ResponseMode::Own(_) => None,
        }
    }

    /// The hidden fields of the form whose action is [`Self::redirect_uri`], for modes that are a form. Values must be
    /// escaped where they are written.
    #[must_use]
    pub fn fields(&self) -> Option<&[(&'static str, String)]> {
        match self.mode {
            ResponseMode::FormPost | ResponseMode::FormPostJwt => {
                Some(form_post::fields(&self.params))
            }
            ResponseMode::Query
            | ResponseMode::QueryJwt
            | ResponseMode::Fragment
            | ResponseMode::FragmentJwt
            | ResponseMode::WebMessage
            | ResponseMode::WebMessageJwt
            | ResponseMode::Own(_) => None,
        }
    }

    /// What a script hands to another window, for modes that do.
    #[must_use]
    pub fn message(&self) -> Option<Message> {
        match self.mode {
            ResponseMode::WebMessage | ResponseMode::WebMessageJwt => {
                web_message::message(&self.redirect_uri, &self.params)
            }
            ResponseMode::Query
            | ResponseMode::QueryJwt
            | ResponseMode::Fragment
            | ResponseMode::FragmentJwt
            | ResponseMode::FormPost
            | ResponseMode::FormPostJwt
            | ResponseMode::Own(_) => None,
        }
    }

    /// Whether it reports an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.params.iter().any(|(name, _)| *name == "error")
    }
}

impl fmt::Debug for AuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationResponse")
            .field("redirect_uri", &self.redirect_uri)
            .field("mode", &self.mode)
            .field(
                "params",
                &self.params.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            )
            .finish()
    }
}

/// Adds parameters to the query of a URI, behind those that it has. A fragment, which no registered URI has, is cut.
pub(crate) fn with_query(uri: &str, params: &[(&'static str, String)]) -> String {
    let base = without_fragment(uri);
    if params.is_empty() {
        return base.to_owned();
    }
    let joint = match base.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{base}{joint}{}", encode(params))
}

/// Adds parameters as members of a JSON object; seconds are a number there.
fn json_object<'a>(out: &mut String, params: impl IntoIterator<Item = &'a (&'static str, String)>) {
    for (name, value) in params {
        match value.parse() {
            Ok(seconds) if *name == "expires_in" => json::number(out, name, seconds),
            Ok(_) | Err(_) => json::text(out, name, value),
        }
    }
}

fn without_fragment(uri: &str) -> &str {
    uri.split_once('#').map_or(uri, |(base, _)| base)
}

/// Form encoding with `%20` instead of `+`: every reader of either kind of escape understands it.
fn encode(params: &[(&'static str, String)]) -> String {
    let mut out = String::new();
    for (name, value) in params {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        for piece in url::form_urlencoded::byte_serialize(value.as_bytes()) {
            out.push_str(if piece == "+" { "%20" } else { piece });
        }
    }
    out
}

#[cfg(test)]
mod tests;
