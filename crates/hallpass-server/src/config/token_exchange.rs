//! `[[protocol.token_exchange]]`: who may exchange which tokens.

use hallpass_core::policy::{ExchangeRule, Policy};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;

/// Lets clients exchange access tokens for others (RFC 8693). Without any, the grant does not exist. A client needs the grant type
/// among its `grant_types`, too.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenExchange {
    /// The identifiers of the clients that may.
    pub clients: Vec<String>,
    /// The APIs that the new token may be for; the issuer's URL stands for its own endpoints.
    pub resources: Vec<String>,
    /// The clients whose tokens may be shown. Without any: the client's own tokens, and those for an API that it serves
    /// (`introspection_resources`).
    #[serde(default)]
    pub subject_clients: Vec<String>,
    /// The scopes that the new token may have at most, if not all of the old one's.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// Whether the client may act as the person without being named in the token (`act`).
    #[serde(default)]
    pub impersonation: bool,
}

impl TokenExchange {
    pub(crate) fn rule(&self) -> ExchangeRule {
        ExchangeRule {
            clients: self.clients.clone(),
            resources: self.resources.clone(),
            subject_clients: self.subject_clients.clone(),
            scopes: self.scopes.clone(),
            impersonation: self.impersonation,
        }
    }
}

pub(super) fn check(rules: &[TokenExchange], policy: &Policy, check: &mut Checker<'_>) {
    for (index, rule) in rules.iter().enumerate() {
        let prefix = format!("protocol.token_exchange[{index}]");
        if rule.clients.is_empty() {
            check.problem(&format!("{prefix}.clients"), "is empty");
        }
        if rule.resources.is_empty() {
            check.problem(&format!("{prefix}.resources"), "is empty");
        }
        for uri in &rule.resources {
            if policy.resource(uri).is_none() && uri != policy.issuer.as_str() {
                let message =
                    format!("there is no resource {uri:?}; describe it in protocol.resources");
                check.problem(&format!("{prefix}.resources"), message);
            }
        }
        for scope in rule.scopes.iter().flatten() {
            if policy.scope(scope).is_none() {
                let message =
                    format!("there is no scope {scope:?}; describe it in protocol.scopes");
                check.problem(&format!("{prefix}.scopes"), message);
            }
        }
    }
}
