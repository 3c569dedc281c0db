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

#[cfg(test)]
mod tests {
    use super::super::{Config, Problems, Source};

    fn parse(text: &str) -> Result<Config, Problems> {
        let source = Source::parse(None, text.to_owned(), std::iter::empty());
        Config::parse(source.unwrap())
    }

    const API: &str = "[[protocol.resources]]\nidentifier = 'https://api.test'\n";
    const RULE: &str =
        "[[protocol.token_exchange]]\nclients = ['a']\nresources = ['https://api.test']\n";
    const ENTRY: &str = "[[protocol.jwt_bearer]]\nissuer = 'https://partner.test'\njwks_uri = 'https://partner.test/jwks'\n\
        clients = ['a']\nresources = ['https://api.test']\n";

    #[test]
    fn a_rule_names_clients_and_resources_that_exist() {
        let config = parse(&format!("{API}{RULE}")).unwrap();
        assert!(!config.protocol.token_exchange.is_empty());
        for (text, setting) in [
            (RULE.to_owned(), "resources"),
            (format!("{API}{}", RULE.replace("'a'", "")), "clients"),
            (format!("{API}{RULE}scopes = ['made-up']\n"), "scopes"),
        ] {
            let problems = parse(&text).unwrap_err().to_string();
            let named = format!("protocol.token_exchange[0].{setting}");
            assert!(problems.contains(&named), "{problems}");
        }
    }

    #[test]
    fn a_trusted_issuer_has_keys_clients_and_resources() {
        assert!(parse(&format!("{API}{ENTRY}")).is_ok());
        for (text, setting) in [
            (ENTRY.to_owned(), "resources"),
            (format!("{API}{ENTRY}{ENTRY}"), "issuer"),
            (
                format!(
                    "{API}{}",
                    ENTRY.replace("https://partner.test/jwks", "http://partner.test")
                ),
                "jwks_uri",
            ),
            (format!("{API}{ENTRY}jwks = {{ keys = [] }}\n"), "jwks"),
            (
                format!("{API}{}", ENTRY.replace("clients = ['a']", "clients = []")),
                "clients",
            ),
            (format!("{API}{ENTRY}algs = []\n"), "algs"),
            (format!("{API}{ENTRY}max_lifetime = '2h'\n"), "max_lifetime"),
        ] {
            let problems = parse(&text).unwrap_err().to_string();
            assert!(
                problems.contains(&format!(".{setting}")),
                "{setting}: {problems}"
            );
        }
    }

    #[test]
    fn encryption_that_does_not_exist_is_refused() {
        for (member, value) in [
            ("algs", "RSA1_5"),
            ("algs", "none"),
            ("encs", "A128CBC"),
            ("decryption_algs", "dir"),
            ("decryption_algs", "A128KW"),
        ] {
            let text = format!("[protocol.encryption]\n{member} = ['{value}']\n");
            let problems = parse(&text).unwrap_err().to_string();
            assert!(
                problems.contains(&format!("protocol.encryption.{member}")),
                "{problems}"
            );
        }
        assert!(parse("[protocol.encryption]\nencs = []\n").is_err());
        assert!(
            parse("[protocol.encryption]\nalgs = []\ndecryption_algs = ['RSA-OAEP-256']\n").is_ok()
        );
    }
}
