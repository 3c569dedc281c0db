//! `resource`, [RFC 8707 §2](https://www.rfc-editor.org/rfc/rfc8707#section-2).
//!
//! Whatever spelling an indicator has, everything later uses the configured identifier
//! ([`Policy::resource`](crate::policy::Policy::resource)).

use hallpass_types::Params;

use super::{Context, Draft};
use crate::{
    authorize::Reason,
    policy::{Policy, Resource, canonical},
    token::Target,
};

const MAX_RESOURCES: usize = 8;
const MAX_LEN: usize = 2048;

//= RFC8707#2 MUST: a resource is an absolute URI without fragment
pub(super) fn parse(params: &Params) -> Result<Vec<String>, Reason> {
    let mut found = Vec::new();
    for text in params.all("resource") {
        if found.len() >= MAX_RESOURCES {
            return Err(Reason::ResourceTooMany);
        }
        if text.len() > MAX_LEN || canonical(text).is_none() {
            return Err(Reason::ResourceMalformed);
        }
        found.push(text.to_owned());
    }
    Ok(found)
}

//= RFC8707#2 MUST: a resource that is not known is invalid_target
pub(super) fn is_known(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if named(draft, cx.policy).count() == draft.resources.len() {
        Ok(())
    } else {
        Err(Reason::ResourceUnknown)
    }
}

pub(super) fn client_may_use_it(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if named(draft, cx.policy).all(|resource| cx.client.may_name(resource)) {
        Ok(())
    } else {
        Err(Reason::ResourceNotAllowed)
    }
}

/// An answer with an access token has one for all of the resources.
pub(super) fn one_token_serves(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if !draft.response_type.has_token() {
        return Ok(());
    }
    let asked = identifiers(draft, cx.policy);
    let scope = super::scope::effective(draft, cx);
    Target::choose(cx.policy, cx.client, &asked, Some(&asked))
        .and_then(|target| target.scope(cx.policy, &scope))
        .map(|_| ())
        .map_err(|_| Reason::ResourcesDisagree)
}

/// Configured identifiers of what was named, each once.
pub(super) fn identifiers(draft: &Draft, policy: &Policy) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for resource in named(draft, policy) {
        if !out.contains(&resource.identifier) {
            out.push(resource.identifier.clone());
        }
    }
    out
}

fn named<'a>(draft: &'a Draft, policy: &'a Policy) -> impl Iterator<Item = &'a Resource> {
    draft
        .resources
        .iter()
        .filter_map(|uri| policy.resource(uri))
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::fixture::{ISSUER, policy, refusal, request, valid, web},
        *,
    };
    use crate::client::Client;

    fn asked(uris: &[&str]) -> Option<Reason> {
        let changes: Vec<_> = uris.iter().map(|uri| ("resource", *uri)).collect();
        refusal(web(), &changes)
    }

    #[test]
    fn an_indicator_names_the_configured_resource_however_it_is_spelt() {
        for (uri, identifier) in [
            ("https://api1.test", "https://api1.test"),
            ("https://api1.test/", "https://api1.test"),
            ("HTTPS://API1.TEST", "https://api1.test"),
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
            "https://",
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
            "https://api1.test:443",
            "https://api1.test/a/..",
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
