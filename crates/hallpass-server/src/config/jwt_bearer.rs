//! `[[protocol.jwt_bearer]]`: issuers whose assertions are taken as grants.

use std::collections::BTreeMap;
use std::sync::Arc;

use hallpass_core::policy::{Policy, TrustedIssuer};
use hallpass_jose::{Jwks, JwksPolicy, JwsAlgorithm};
use hallpass_types::{Scope, Subject};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::checker::Checker;
use super::protocol::SigningAlg;
use super::value::Seconds;

/// An issuer whose signed word is taken for who a person is (RFC 7523). Without any, the grant does not exist. A client needs the grant
/// type among its `grant_types`, too.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtBearer {
    /// Its name, as it stands in `iss`.
    pub issuer: String,
    /// Its keys.
    #[serde(default)]
    pub jwks: Option<Value>,
    /// Where it publishes them; instead of `jwks`.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// The algorithms of its signatures.
    #[serde(default = "usual_algs")]
    pub algs: Vec<SigningAlg>,
    /// The identifiers of the clients that may show its assertions.
    pub clients: Vec<String>,
    /// Whom its subjects are here: its `sub` to the subject of an account. Without it, both are the same.
    #[serde(default)]
    pub subjects: Option<BTreeMap<String, String>>,
    /// The scopes that a token may have at most.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The APIs that a token may be for; the issuer's URL stands for its own endpoints.
    pub resources: Vec<String>,
    /// An assertion ends at most this far ahead.
    #[serde(default = "five_minutes")]
    pub max_lifetime: Seconds,
}

impl JwtBearer {
    pub(crate) fn entry(&self) -> TrustedIssuer {
        TrustedIssuer {
            issuer: self.issuer.clone(),
            jwks: self.keys().map(Arc::new),
            jwks_uri: self.jwks_uri.clone(),
            algs: self
                .algs
                .iter()
                .filter_map(|alg| JwsAlgorithm::parse(alg.name()))
                .collect(),
            clients: self.clients.clone(),
            subjects: self.subjects.clone(),
            scopes: Scope::parse(&self.scopes.join(" ")).unwrap_or_default(),
            resources: self.resources.clone(),
            max_lifetime: i64::try_from(self.max_lifetime.0).unwrap_or(0),
        }
    }

    fn keys(&self) -> Option<Jwks> {
        Jwks::from_value(self.jwks.as_ref()?, JwksPolicy::Client)
            .ok()
            .filter(|keys| !keys.is_empty())
    }
}

pub(super) fn check(entries: &[JwtBearer], policy: &Policy, check: &mut Checker<'_>) {
    for (index, entry) in entries.iter().enumerate() {
        let setting = |name: &str| format!("protocol.jwt_bearer[{index}].{name}");
        let earlier = entries.iter().take(index);
        if entry.issuer.is_empty() || entry.issuer == policy.issuer.as_str() {
            check.problem(&setting("issuer"), "must name another issuer");
        }
        if earlier.into_iter().any(|e| e.issuer == entry.issuer) {
            check.problem(&setting("issuer"), "is there twice");
        }
        match (&entry.jwks, &entry.jwks_uri) {
            (Some(_), None) if entry.keys().is_none() => {
                check.problem(&setting("jwks"), "is no set of public keys");
            }
            (None, Some(uri)) if !uri.starts_with("https://") || url::Url::parse(uri).is_err() => {
                check.problem(&setting("jwks_uri"), "is no https URL");
            }
            (Some(_), None) | (None, Some(_)) => {}
            (None, None) | (Some(_), Some(_)) => {
                check.problem(&setting("jwks"), "give either jwks or jwks_uri");
            }
        }
        if entry.algs.is_empty() {
            check.problem(&setting("algs"), "is empty");
        }
        if entry.clients.is_empty() {
            check.problem(&setting("clients"), "is empty");
        }
        for subject in entry.subjects.iter().flat_map(BTreeMap::values) {
            if Subject::parse(subject).is_err() {
                check.problem(&setting("subjects"), format!("{subject:?} is no subject"));
            }
        }
        for scope in &entry.scopes {
            if policy.scope(scope).is_none() {
                let message =
                    format!("there is no scope {scope:?}; describe it in protocol.scopes");
                check.problem(&setting("scopes"), message);
            }
        }
        if entry.resources.is_empty() {
            check.problem(&setting("resources"), "is empty");
        }
        for uri in &entry.resources {
            if policy.resource(uri).is_none() && uri != policy.issuer.as_str() {
                let message =
                    format!("there is no resource {uri:?}; describe it in protocol.resources");
                check.problem(&setting("resources"), message);
            }
        }
        check.between(&setting("max_lifetime"), entry.max_lifetime, 1, 3600);
    }
}

fn usual_algs() -> Vec<SigningAlg> {
    use SigningAlg as A;
    vec![A::ES256, A::ES384, A::ES512, A::PS256, A::RS256, A::EdDSA]
}

fn five_minutes() -> Seconds {
    Seconds(300)
}
