//! Rules for registrations, and whose software statements are believed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hallpass_core::client::registration::{rules, statement};
use hallpass_jose::{Jwks, JwksPolicy};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::checker::Checker;

/// Rules that registrations are held to, in the names of RFC 7591.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrationRules {
    /// Members that have these values, whatever the client says.
    pub forced: Map<String, Value>,
    /// Members that have these values when the client says nothing.
    pub defaults: Map<String, Value>,
    /// Members that may have these values and no others; of a list, and of `scope`, each entry.
    pub allowed: BTreeMap<String, Vec<String>>,
    /// Members that the client must have.
    pub required: Vec<String>,
}

/// Somebody whose software statements are believed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStatementIssuer {
    /// The `iss` of the statements.
    pub(super) issuer: String,
    /// Where its keys are published.
    #[serde(default)]
    pub(super) jwks_uri: Option<String>,
    /// A file with its keys (a JWK Set).
    #[serde(default)]
    pub(super) jwks_file: Option<PathBuf>,
}

/// Somebody whose software statements are believed, with its keys.
#[derive(Debug, Clone)]
pub struct StatementIssuer(pub(crate) statement::StatementIssuer);

impl RegistrationRules {
    pub(super) fn check(&self, name: &str, check: &mut Checker<'_>) {
        for member in self.forced.keys() {
            if self.defaults.contains_key(member) {
                let setting = format!("registration.policy.{name}.defaults.{member}");
                check.problem(&setting, "is pointless: the same member is forced");
            }
        }
    }

    /// In the form of the engine.
    #[must_use]
    pub fn rules(&self) -> rules::Rules {
        rules::Rules {
            forced: self.forced.clone(),
            defaults: self.defaults.clone(),
            allowed: self.allowed.clone(),
            required: self.required.clone(),
        }
    }
}

impl RawStatementIssuer {
    pub(super) fn parse(self, index: usize, check: &mut Checker<'_>) -> Option<StatementIssuer> {
        let setting = format!("registration.statement_issuers[{index}]");
        let jwks = match (&self.jwks_uri, &self.jwks_file) {
            (Some(uri), None) => {
                if !url::Url::parse(uri).is_ok_and(|url| url.scheme() == "https") {
                    check.problem(&format!("{setting}.jwks_uri"), "is no https URL");
                }
                None
            }
            (None, Some(path)) => match read_keys(path) {
                Ok(keys) => Some(keys),
                Err(message) => {
                    check.problem(&format!("{setting}.jwks_file"), message);
                    return None;
                }
            },
            (None, None) | (Some(_), Some(_)) => {
                check.problem(&setting, "needs its keys, by jwks_uri or by jwks_file");
                return None;
            }
        };
        Some(StatementIssuer(statement::StatementIssuer {
            issuer: self.issuer,
            jwks,
            jwks_uri: self.jwks_uri,
        }))
    }
}

fn read_keys(path: &std::path::Path) -> Result<Value, String> {
    let name = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let keys: Value = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    match Jwks::from_value(&keys, JwksPolicy::Client) {
        Ok(set) if !set.is_empty() => Ok(keys),
        Ok(_) | Err(_) => Err(format!("{name} holds no set of valid public keys")),
    }
}
