//! Which resources an access token is for, [RFC 8707 §2.2](https://www.rfc-editor.org/rfc/rfc8707#section-2.2).

use hallpass_types::Params;

use super::Reason;
use crate::{
    client::Client,
    policy::{Policy, Resource, TokenFormat},
};

/// More `resource` parameters than this in one request are refused.
pub const MAX_RESOURCES: usize = 8;

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
pub fn read(params: &Params) -> Result<Vec<String>, Reason> {
    let resources: Vec<String> = params.all("resource").map(str::to_owned).collect();
    if resources.len() > MAX_RESOURCES {
        Err(Reason::TargetUnknown)
    } else {
        Ok(resources)
    }
}

/// The resource that an indicator names, if this client may ask for it. Scheme and host may differ in case, and one
/// trailing slash may be there or not; everything else is compared byte for byte.
#[must_use]
pub fn find<'p>(policy: &'p Policy, client: &Client, indicator: &str) -> Option<&'p Resource> {
    //= RFC8707#2 MUST: the value is an absolute URI without a fragment
    if indicator.contains('#') {
        return None;
    }
    let wanted = canonical(indicator)?;
    let resource = policy
        .resources
        .iter()
        .find(|r| canonical(&r.identifier).as_deref() == Some(&*wanted))?;
    let allowed = client
        .resources
        .as_ref()
        .is_none_or(|list| list.contains(&resource.identifier));
    allowed.then_some(resource)
}

/// Lower case scheme and authority, no trailing slash. None when it is not an absolute URI.
fn canonical(indicator: &str) -> Option<String> {
    let (scheme, rest) = indicator.split_once(':')?;
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !scheme_ok || rest.is_empty() || rest.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'\\') {
        return None;
    }
    let mut out = scheme.to_ascii_lowercase();
    out.push(':');
    match rest.strip_prefix("//") {
        Some(after) => {
            let end = after.find(['/', '?']).unwrap_or(after.len());
            let (authority, path) = after.split_at_checked(end)?;
            if authority.is_empty() {
                return None;
            }
            out.push_str("//");
            out.push_str(&authority.to_ascii_lowercase());
            out.push_str(path.strip_suffix('/').unwrap_or(path));
        }
        None => out.push_str(rest),
    }
    Some(out)
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

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn only_case_of_scheme_and_host_and_one_trailing_slash_are_tolerated() {
        let same = |a: &str, b: &str| canonical(a).is_some() && canonical(a) == canonical(b);
        assert!(same("https://api.example/v1", "HTTPS://API.example/v1/"));
        assert!(same("https://api.example", "https://api.example/"));
        assert!(same("urn:api:one", "URN:api:one"));
        assert!(!same("https://api.example/v1", "https://api.example/V1"));
        assert!(!same("https://api.example/v1", "https://api.example/v1//"));
        assert!(!same("https://api.example/v1", "https://api.example/v1?x"));
        for bad in [
            "",
            "api",
            "/api",
            "//api",
            "https://",
            "https:",
            "java script:x",
            "https://a\\b",
            "1a:b",
        ] {
            assert_eq!(canonical(bad), None, "{bad}");
        }
    }
}
