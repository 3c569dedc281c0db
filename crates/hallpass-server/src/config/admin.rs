//! `[admin]`: administration over HTTP.

use hallpass_core::admin::{READ_SCOPE, SCOPE};
use hallpass_core::policy::{Policy, Resource, ScopeSpec, TokenFormat};
use schemars::JsonSchema;
use serde::Deserialize;

/// Administration over HTTP, at `/admin/v1` under the issuer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Whether it is there. Whoever calls needs an access token of this issuer for `/admin/v1`, of a client that an operator made
    /// with the scope `hallpass:admin` or `hallpass:admin:read`, and a role: `hallpass operator` gives roles.
    pub enabled: bool,
}

impl Default for Admin {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Admin {
    /// Adds the scopes of administration and the resource that its tokens are for.
    pub(crate) fn apply(&self, policy: &mut Policy) {
        if !self.enabled {
            return;
        }
        let scopes = [
            (SCOPE, "Administer this service."),
            (READ_SCOPE, "Look at everything in this service."),
        ];
        for (name, description) in scopes {
            policy.scopes.push(ScopeSpec {
                name: name.to_owned(),
                description: Some(description.to_owned()),
                title: None,
                required: false,
                claims: Vec::new(),
            });
        }
        policy.resources.push(Resource {
            identifier: policy.issuer.url(hallpass_admin::PATH),
            name: Some("Administration".to_owned()),
            scopes: scopes.map(|(name, _)| name.to_owned()).into(),
            // So that what is revoked is over at once.
            format: TokenFormat::Sealed,
            access_token_lifetime: None,
        });
    }
}
