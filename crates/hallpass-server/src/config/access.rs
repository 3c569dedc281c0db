//! `[access]`: roles, groups and organizations.

use std::collections::BTreeSet;

use hallpass_core::access::{AccessClaims, is_name};
use hallpass_core::issue::id_token::is_reserved;
use hallpass_core::policy::{AccessPolicy, Policy, ScopeSpec};
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;
use super::protocol::Protocol;

/// Roles, groups and organizations: `hallpass role`, `group`, `organization` and `member` keep them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Whether there are any. Clients can then be for members of groups or holders of roles only (`allowed_groups`,
    /// `allowed_roles`), and a request can name an organization (`organization`).
    pub enabled: bool,
    /// The scope that releases the claims below.
    pub scope: String,
    /// The sentence that the consent page shows for it.
    pub description: String,
    /// The claim with the roles.
    pub roles_claim: String,
    /// The claim with the groups.
    pub groups_claim: String,
    /// The claim with the permissions: those of the roles, plus allowed ones, minus denied ones.
    pub permissions_claim: String,
    /// The claim with the identifier of the organization.
    pub organization_claim: String,
    /// The claim with its name.
    pub organization_name_claim: String,
    /// Whether ID tokens carry the claims too.
    pub in_id_token: bool,
    /// Resources, of `protocol.resources`, whose access tokens carry them too.
    pub resources: Vec<String>,
}

impl Default for Access {
    fn default() -> Self {
        let AccessClaims {
            roles,
            groups,
            permissions,
            organization,
            organization_name,
        } = AccessClaims::default();
        Self {
            enabled: false,
            scope: "roles".to_owned(),
            description: "See what you may do, and for which organization.".to_owned(),
            roles_claim: roles,
            groups_claim: groups,
            permissions_claim: permissions,
            organization_claim: organization,
            organization_name_claim: organization_name,
            in_id_token: false,
            resources: Vec::new(),
        }
    }
}

impl Access {
    fn claims(&self) -> AccessClaims {
        AccessClaims {
            roles: self.roles_claim.clone(),
            groups: self.groups_claim.clone(),
            permissions: self.permissions_claim.clone(),
            organization: self.organization_claim.clone(),
            organization_name: self.organization_name_claim.clone(),
        }
    }

    pub(super) fn check(&self, protocol: &Protocol, check: &mut Checker<'_>) {
        for name in &self.resources {
            let mut known = protocol.resources.iter();
            if !known.any(|resource| resource.identifier == *name) {
                let message = format!("{name:?} is no identifier of protocol.resources");
                check.problem("access.resources", message);
            }
        }
        if !is_name(&self.scope) || STANDARD.contains(&self.scope.as_str()) {
            check.problem("access.scope", "is no scope of its own, such as \"roles\"");
        }
        let claims = self.claims();
        let names = claims.names();
        let different: BTreeSet<&str> = names.into_iter().collect();
        if different.len() < names.len() {
            check.problem("access", "two claims have one name");
        }
        let settings = [
            "roles_claim",
            "groups_claim",
            "permissions_claim",
            "organization_claim",
            "organization_name_claim",
        ];
        for (setting, name) in settings.into_iter().zip(names) {
            if !is_name(name) || is_reserved(name) || ["email", "email_verified"].contains(&name) {
                check.problem(
                    &format!("access.{setting}"),
                    "is no name that a claim can have",
                );
            }
        }
    }

    /// Changes a policy to what is configured.
    pub(crate) fn apply(&self, policy: &mut Policy) {
        if !self.enabled {
            return;
        }
        let claims = self.claims();
        let names = claims.names().map(str::to_owned);
        match policy.scopes.iter_mut().find(|s| s.name == self.scope) {
            Some(scope) => scope.claims.extend(names),
            None => policy.scopes.push(ScopeSpec {
                name: self.scope.clone(),
                title: None,
                description: Some(self.description.clone()),
                required: false,
                claims: names.to_vec(),
            }),
        }
        policy.access = AccessPolicy {
            enabled: true,
            claims,
            in_id_token: self.in_id_token,
            resources: self.resources.clone(),
        };
    }
}

const STANDARD: &[&str] = &[
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
];
