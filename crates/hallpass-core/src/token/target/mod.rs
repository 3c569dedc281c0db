//! Which resources an access token is for, [RFC 8707 §2.2](https://www.rfc-editor.org/rfc/rfc8707#section-2.2), and
//! what its scope means there, [RFC 9068 §2.2.3](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3).

use hallpass_types::{Params, Scope};

use super::Reason;
use crate::{
    client::Client,
    policy::{Policy, Resource, TokenFormat},
};

/// More `resource` parameters than this in one request are refused.
const MAX_RESOURCES: usize = 8;

/// The audience and the form of an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Resource indicators. Empty: the provider's own endpoints.
    pub audience: Vec<String>,
    /// How the token looks.
    pub format: TokenFormat,
    /// Seconds.
    pub lifetime: i64,
}

/// Reads the `resource` parameters.
///
/// # Errors
/// Too many of them.
pub(super) fn read(params: &Params) -> Result<Vec<String>, Reason> {
    read_all(params, &["resource"])
}

/// Reads the parameters of these names that each name a target.
///
/// # Errors
/// Too many of them.
pub(super) fn read_all(params: &Params, names: &[&str]) -> Result<Vec<String>, Reason> {
    let resources: Vec<String> = names
        .iter()
        .flat_map(|name| params.all(name))
        .map(str::to_owned)
        .collect();
    if resources.len() > MAX_RESOURCES {
        Err(Reason::TargetUnknown)
    } else {
        Ok(resources)
    }
}

impl Target {
    /// The target of a token. `asked` are the indicators of this request, `granted` those of the grant; without any in
    /// the request the token is for all of the granted ones.
    ///
    /// A granted resource that is gone, or that the client may not have any more, is an error even when it was not
    /// asked for by name: a token for fewer resources, or for the provider itself, is not what the grant says.
    ///
    /// # Errors
    /// A resource is unknown, not allowed or not granted, or the resources want tokens of different forms.
    pub fn choose(
        policy: &Policy,
        client: &Client,
        asked: &[String],
        granted: Option<&[String]>,
    ) -> Result<Self, Reason> {
        let names = if asked.is_empty() {
            granted.unwrap_or_default()
        } else {
            asked
        };
        //= RFC8707#2.2 MUST: a token is not for a resource that the grant does not cover
        let target = Self::among(policy, names, |resource| {
            client.may_name(resource) && granted.is_none_or(|g| g.contains(&resource.identifier))
        });
        target.map(|target| target.of(client))
    }

    /// No longer than tokens of this client are good for.
    pub(super) fn of(mut self, client: &Client) -> Self {
        if let Some(own) = client.lifetimes.access_token {
            self.lifetime = self.lifetime.min(own);
        }
        self
    }

    /// The target of a token for these resources, each of which must be allowed. Without any it is the provider itself.
    ///
    /// # Errors
    /// A resource is unknown or not allowed, or the resources want tokens of different forms.
    pub(super) fn among(
        policy: &Policy,
        names: &[String],
        allowed: impl Fn(&Resource) -> bool,
    ) -> Result<Self, Reason> {
        let mut found: Vec<&Resource> = Vec::with_capacity(names.len());
        for name in names {
            //= RFC8707#2 MUST: a resource that is unknown or not acceptable is refused with invalid_target
            let resource = policy
                .resource(name)
                .filter(|r| allowed(r))
                .ok_or(Reason::TargetUnknown)?;
            if !found.iter().any(|r| r.identifier == resource.identifier) {
                found.push(resource);
            }
        }
        let format = found.first().map_or(TokenFormat::Sealed, |r| r.format);
        if found.iter().any(|r| r.format != format) {
            return Err(Reason::TargetsDisagree);
        }
        let usual = policy.lifetimes.access_token;
        let lifetimes = found
            .iter()
            .map(|r| r.access_token_lifetime.unwrap_or(usual));
        Ok(Self {
            lifetime: lifetimes.min().unwrap_or(usual),
            audience: found.into_iter().map(|r| r.identifier.clone()).collect(),
            format,
        })
    }

    /// What of a scope means something to the audience. A token without audience keeps all of it.
    ///
    /// # Errors
    /// A JWT for several resources would carry a scope that more than one of them knows: nobody could tell for which
    /// of them it was meant.
    pub fn scope(&self, policy: &Policy, scope: &Scope) -> Result<Scope, Reason> {
        if self.audience.is_empty() {
            return Ok(scope.clone());
        }
        let resources: Vec<&Resource> = policy
            .resources
            .iter()
            .filter(|r| self.audience.contains(&r.identifier))
            .collect();
        let knowing = |token: &str| resources.iter().filter(|r| knows(policy, r, token)).count();
        //= RFC9068#3 MUST NOT: a JWT is not issued when what it authorizes would be ambiguous
        let is_jwt = match self.format {
            TokenFormat::Jwt(_) => true,
            TokenFormat::Sealed => false,
        };
        if is_jwt && scope.iter().any(|token| knowing(token) > 1) {
            return Err(Reason::TargetsDisagree);
        }
        //= RFC9068#2.2.3 MUST: every scope in a token means something to the resources in its aud
        Ok(scope.filtered(|token| knowing(token) > 0))
    }
}

/// Whether a scope means something to a resource: one that names none takes all of the issuer's.
fn knows(policy: &Policy, resource: &Resource, token: &str) -> bool {
    if resource.scopes.is_empty() {
        policy.scope(token).is_some()
    } else {
        resource.scopes.iter().any(|s| s == token)
    }
}

#[cfg(test)]
mod tests;
