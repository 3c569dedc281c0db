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

#[cfg(test)]
mod tests {
    use super::{
        super::super::fixture::{ISSUER, policy, refusal, request, valid, web},
        *,
    };

    fn asked(uris: &[&str]) -> Option<Reason> {
        let changes: Vec<_> = uris.iter().map(|uri| ("resource", *uri)).collect();
        refusal(web(), &changes)
    }

    #[test]
    fn an_indicator_names_the_configured_resource_however_it_is_spelt() {
        for (uri, identifier) in [
            ("https://api1.test", "https://api1.test"),
            ("https://api1.test/", "https://api1.test"),
            ("HTTPS://API1.TEST:443", "https://api1.test"),
            ("https://api2.test/v1", "https://api2.test/v1/"),
            ("https://api2.test/v1/", "https://api2.test/v1/"),
        ] {
            let valid = valid(&[("resource", uri)]);
            assert_eq!(valid.request().resources, [identifier], "{uri}");
        }
        let twice = valid(&[
            ("resource", "https://api1.test"),
            ("resource", "https://api1.test/"),
        ]);
        assert_eq!(twice.request().resources, ["https://api1.test"]);
    }

    #[test]
    fn what_is_no_absolute_uri_without_fragment_is_refused() {
        //= test RFC8707#2 a resource is an absolute URI without fragment
        for bad in [
            "api1.test",
            "/v1",
            "//api1.test",
            "https://api1.test#",
            "https://api1.test/#x",
            "https://api1.test/ ",
            "https://api1.test\n",
            "https:\\\\api1.test",
            "https://api1.test/\u{e9}",
            &format!("https://api1.test/{}", "a".repeat(2048)),
        ] {
            assert_eq!(asked(&[bad]), Some(Reason::ResourceMalformed), "{bad:.40}");
        }
    }

    #[test]
    fn an_unknown_resource_is_refused() {
        //= test RFC8707#2 a resource that is not known is invalid_target
        for unknown in [
            "javascript:alert(1)",
            ISSUER,
            "https://api1.test/other",
            "http://api1.test",
            "https://api1.test:8443",
            "https://u@api1.test",
            "https://api1.test/?a",
            "https://api2.test/v1//",
            "https://api2.test/V1",
            "urn:api1",
        ] {
            assert_eq!(
                asked(&[unknown]),
                Some(Reason::ResourceUnknown),
                "{unknown}"
            );
        }
        assert_eq!(
            asked(&["https://api1.test", "https://api3.test"]),
            Some(Reason::ResourceUnknown)
        );
        assert_eq!(Reason::ResourceUnknown.code().as_str(), "invalid_target");
    }

    #[test]
    fn a_client_may_be_restricted_to_some_resources() {
        let client = Client {
            resources: Some(vec!["https://api1.test/".to_owned()]),
            ..web()
        };
        let with = |uri: &str| refusal(client.clone(), &[("resource", uri)]);
        assert_eq!(with("https://api1.test"), None);
        assert_eq!(
            with("https://api2.test/v1/"),
            Some(Reason::ResourceNotAllowed)
        );
    }

    #[test]
    fn more_than_eight_are_not_looked_at() {
        assert_eq!(asked(&["https://api1.test"; 8]), None);
        assert_eq!(
            asked(&["https://api1.test"; 9]),
            Some(Reason::ResourceTooMany)
        );
        assert_eq!(
            asked(&["https://api1.test"; 500]),
            Some(Reason::ResourceTooMany)
        );
    }

    #[test]
    fn an_empty_resource_is_none() {
        let received = request(&[("resource", "")]);
        let client = std::sync::Arc::new(web());
        let valid = received
            .identify(Some(client))
            .unwrap()
            .validate(&policy())
            .unwrap();
        assert!(valid.request().resources.is_empty());
    }
}
