//! A checked request in the form in which it waits for its person.

use std::collections::BTreeMap;

use hallpass_types::{ClientId, Scope, Thumbprint};
use serde::{Deserialize, Serialize};

use super::{Display, Prompts, Pushed, ResponseMode, ResponseType};
use crate::{authorization_details::Detail, record::ClaimsRequest};

/// Everything that a valid request asks for. It is sealed into the browser while the person is asked, so
/// whatever is absent takes no room. Only [`Valid::resume`](super::Valid::resume) makes a request of it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer goes; registered for the client when the request was checked.
    pub redirect_uri: String,
    /// What the answer holds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub response_type: ResponseType,
    /// How it travels.
    #[serde(default, skip_serializing_if = "is_default")]
    pub response_mode: ResponseMode,
    /// What is asked for: only scopes that exist and that the client may have.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub scope: Scope,
    /// Goes back as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Goes into the ID token as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The S256 challenge (RFC 7636).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// The DPoP key that the code is bound to (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<Thumbprint>,
    /// What the client wants the person to be asked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prompts: Prompts,
    /// Seconds since the person last authenticated, at most; the client's default where the request says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i64>,
    /// Who the client thinks will sign in. Never trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// Authentication contexts that would be welcome, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// Authentication contexts of which one must be reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub essential_acr: Vec<String>,
    /// Claims asked for one by one.
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// The only person for whom the answer may be positive, by the subject that this client knows. Two different ones:
    /// there is nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_subjects: Vec<String>,
    /// Languages that the person prefers (BCP 47), best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ui_locales: Vec<String>,
    /// How the pages should look.
    #[serde(default, skip_serializing_if = "is_default")]
    pub display: Display,
    /// Resources for which tokens will be wanted (RFC 8707), by their configured identifiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// What is asked for in detail (RFC 9396): only types that exist and that the client may ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<Detail>,
    /// The organization for which the person acts: as the client wants it, or as they chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Parameters that the embedding program added, as it checked them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub own: BTreeMap<String, String>,
    /// The pushed request that this is. It is consumed together with the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed: Option<Pushed>,
}

impl RequestRecord {
    /// Whether this is an OpenID Connect request: one with `openid`. Without it there is no ID token.
    #[must_use]
    pub fn is_openid(&self) -> bool {
        self.scope.contains("openid")
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
