//! Which resources an access token is for, [RFC 8707 §2.2](https://www.rfc-editor.org/rfc/rfc8707#section-2.2).

use hallpass_types::Params;

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
    let resources: Vec<String> = params.all("resource").map(str::to_owned).collect();
    if resources.len() > MAX_RESOURCES {
        Err(Reason::TargetUnknown)
    } else {
        Ok(resources)
    }
}

/// The resource that an indicator names, if this client may ask for it.
pub(super) fn find<'p>(
    policy: &'p Policy,
    client: &Client,
    indicator: &str,
) -> Option<&'p Resource> {
    policy
        .resource(indicator)
        .filter(|resource| client.may_name(resource))
}

impl Target {
    /// The target of a token. `asked` are the indicators of this request, `granted` those of the grant; without any in
    /// the request the token is for all of the granted ones.
    ///
    /// # Errors
    /// A resource is unknown, not allowed or not granted, or the resources want tokens of different forms.
    pub fn choose(
        policy: &Policy,
        client: &Client,
        asked: &[String],
        granted: Option<&[String]>,
    ) -> Result<Self, Reason> {
        let mut audience: Vec<String> = Vec::new();
        let mut format = None;
        let mut lifetime = policy.lifetimes.access_token;
        let names = if asked.is_empty() {
            granted.unwrap_or_default()
        } else {
            asked
        };
        for name in names {
            //= RFC8707#2 MUST: a resource that is unknown or not acceptable is refused with invalid_target
            let resource = find(policy, client, name).ok_or(Reason::TargetUnknown)?;
            //= RFC8707#2.2 MUST: a token is not for a resource that the grant does not cover
            if granted.is_some_and(|g| !g.contains(&resource.identifier)) {
                return Err(Reason::TargetUnknown);
            }
            if audience.contains(&resource.identifier) {
                continue;
            }
            if format.is_some_and(|f| f != resource.format) {
                return Err(Reason::TargetsDisagree);
            }
            format = Some(resource.format);
            lifetime = lifetime.min(resource.access_token_lifetime.unwrap_or(lifetime));
            if audience.is_empty() {
                lifetime = resource
                    .access_token_lifetime
                    .unwrap_or(policy.lifetimes.access_token);
            }
            audience.push(resource.identifier.clone());
        }
        Ok(Self {
            audience,
            format: format.unwrap_or(TokenFormat::Sealed),
            lifetime,
        })
    }
}
