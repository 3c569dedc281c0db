//! `resource`, [RFC 8707 §2](https://www.rfc-editor.org/rfc/rfc8707#section-2).
//!
//! An indicator names a configured resource when both are the same URI after normalising scheme, host, port and one
//! trailing slash. Everything later uses the configured identifier.

use hallpass_types::Params;
use url::Url;

use super::{Context, Draft};
use crate::{
    authorize::Reason,
    client::Client,
    policy::{Policy, Resource},
};

const MAX_RESOURCES: usize = 8;
const MAX_LEN: usize = 2048;

pub(super) fn parse(params: &Params) -> Result<Vec<String>, Reason> {
    let mut found = Vec::new();
    for text in params.all("resource") {
        if found.len() >= MAX_RESOURCES {
            return Err(Reason::ResourceTooMany);
        }
        normalised(text).ok_or(Reason::ResourceMalformed)?;
        found.push(text.to_owned());
    }
    Ok(found)
}

/// The configured resource that an indicator names.
#[must_use]
pub fn find<'a>(policy: &'a Policy, indicator: &str) -> Option<&'a Resource> {
    let wanted = normalised(indicator)?;
    policy
        .resources
        .iter()
        .find(|resource| normalised(&resource.identifier).as_ref() == Some(&wanted))
}

/// Whether the client may ask for the resource.
#[must_use]
pub fn is_allowed(client: &Client, indicator: &str) -> bool {
    let wanted = normalised(indicator);
    wanted.is_some()
        && client
            .resources
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|uri| normalised(uri) == wanted))
}

//= RFC8707#2 MUST: a resource that is not known is invalid_target
pub(super) fn is_known(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if draft
        .resources
        .iter()
        .all(|uri| find(cx.policy, uri).is_some())
    {
        Ok(())
    } else {
        Err(Reason::ResourceUnknown)
    }
}

pub(super) fn client_may_use_it(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if draft.resources.iter().all(|uri| is_allowed(cx.client, uri)) {
        Ok(())
    } else {
        Err(Reason::ResourceNotAllowed)
    }
}

/// Configured identifiers of what was named, each once.
pub(super) fn canonical(named: &[String], policy: &Policy) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for resource in named.iter().filter_map(|uri| find(policy, uri)) {
        if !out.contains(&resource.identifier) {
            out.push(resource.identifier.clone());
        }
    }
    out
}

/// The form in which indicators are compared; none for what cannot be one.
//= RFC8707#2 MUST: a resource is an absolute URI without fragment
fn normalised(text: &str) -> Option<String> {
    let printable = text.bytes().all(|b| (0x21..0x7F).contains(&b));
    if !printable || text.len() > MAX_LEN || text.contains(['#', '\\']) {
        return None;
    }
    let uri: String = Url::parse(text).ok()?.into();
    Some(match uri.strip_suffix('/') {
        Some(shorter) => shorter.to_owned(),
        None => uri,
    })
}
