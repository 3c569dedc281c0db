//! Whose word counts at the token endpoint, and for what.

use std::{collections::BTreeMap, sync::Arc};

use hallpass_jose::{Jwks, JwsAlgorithm};
use hallpass_types::Scope;

/// An issuer whose word is taken for who a person is, RFC 7523 §2.1.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// Its `iss`, compared byte for byte.
    pub issuer: String,
    /// Its keys, when they are written down here.
    pub jwks: Option<Arc<Jwks>>,
    /// Where it publishes them otherwise.
    pub jwks_uri: Option<String>,
    /// Algorithms of its signatures; symmetric ones are never taken.
    pub algs: Vec<JwsAlgorithm>,
    /// The clients that may show its assertions.
    pub clients: Vec<String>,
    /// Whom its subjects are here: `sub` to the account's own subject. None: the same.
    pub subjects: Option<BTreeMap<String, String>>,
    /// The scopes that a token may have at most. `openid` and `offline_access` are never among them.
    pub scopes: Scope,
    /// The resources that a token may be for. The issuer's own name stands for the provider's endpoints.
    pub resources: Vec<String>,
    /// An assertion ends at most so many seconds ahead.
    pub max_lifetime: i64,
}

/// Lets clients exchange tokens, RFC 8693.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeRule {
    /// The clients that may.
    pub clients: Vec<String>,
    /// The resources that the new token may be for. The issuer's own name stands for the provider's endpoints.
    pub resources: Vec<String>,
    /// Whose tokens may be shown. Empty: the client's own, and those that were made for a resource that it serves
    /// (`introspection_resources`).
    pub subject_clients: Vec<String>,
    /// The scopes that the new token may have at most. None: those of the token that was shown.
    pub scopes: Option<Vec<String>>,
    /// Whether the client may act as the person without being named in `act`.
    pub impersonation: bool,
}
