//! What tokens say beside what the protocol wants, and what they must have come from.

use std::collections::BTreeMap;

use hallpass_types::ClientId;
use serde_json::{Map, Value};

/// Claims that stand in access tokens, always the same. What the protocol puts there itself is not changed by them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenClaims {
    /// By the identifier of the resource that a token is for.
    pub resources: BTreeMap<String, Map<String, Value>>,
    /// By the client that holds it.
    pub clients: BTreeMap<String, Map<String, Value>>,
}

impl TokenClaims {
    /// The claims of a token; those of its resources win over those of its client.
    #[must_use]
    pub fn of(&self, client: &ClientId, audience: &[String]) -> Map<String, Value> {
        let mut out = Map::new();
        let client = self.clients.get(client.as_str());
        let resources = audience.iter().filter_map(|name| self.resources.get(name));
        for claims in client.into_iter().chain(resources) {
            out.extend(
                claims
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        out
    }

    /// Whether there are none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.clients.is_empty()
    }
}

/// How the person of a token must have signed in (RFC 9470).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// The weakest class of authentication that is good enough: one of `acr_values`.
    pub acr: Option<String>,
    /// Seconds since they signed in, at most.
    pub max_age: Option<i64>,
}
