//! `[protocol.parts]`: what is there by itself, and can be left out.

use hallpass_core::client_auth;
use hallpass_core::policy::{self, Policy};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;

/// Parts of the protocol that the issuer can do without. What is left out is not there: no endpoint, nothing in the metadata
/// document, no client that registers for it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Parts {
    /// Introspection of tokens (RFC 7662).
    pub introspection: bool,
    /// Revocation of tokens by clients (RFC 7009).
    pub revocation: bool,
    /// Subjects that one sector of clients alone sees (`subject_type` "pairwise"). Clients that have them already keep them.
    pub pairwise_subjects: bool,
    /// Applications on people's machines (`application_type` "native", RFC 8252). Those that are there already stay.
    pub native_apps: bool,
    /// Sign-in that begins somewhere else (`initiate_login_uri` and the endpoint that sends people there).
    pub initiated_login: bool,
    /// Ways in which clients may authenticate, by the names of `token_endpoint_auth_method`. Without it all that are set up.
    pub client_auth_methods: Option<Vec<String>>,
}

impl Default for Parts {
    fn default() -> Self {
        let policy::Parts {
            introspection,
            revocation,
            pairwise_subjects,
            native_apps,
            initiated_login,
            auth_methods,
        } = policy::Parts::default();
        Self {
            introspection,
            revocation,
            pairwise_subjects,
            native_apps,
            initiated_login,
            client_auth_methods: auth_methods,
        }
    }
}

impl Parts {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        const SETTING: &str = "protocol.parts.client_auth_methods";
        let Some(methods) = &self.client_auth_methods else {
            return;
        };
        if methods.is_empty() {
            check.problem(SETTING, "names none: no client could authenticate");
        }
        for name in methods {
            if client_auth::method(name).is_none() {
                check.problem(SETTING, "has a name that is no way to authenticate");
            }
        }
    }

    pub(super) fn apply(&self, policy: &mut Policy) {
        policy.parts = policy::Parts {
            introspection: self.introspection,
            revocation: self.revocation,
            pairwise_subjects: self.pairwise_subjects,
            native_apps: self.native_apps,
            initiated_login: self.initiated_login,
            auth_methods: self.client_auth_methods.clone(),
        };
    }
}
