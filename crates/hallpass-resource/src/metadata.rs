//! Metadata of a protected resource, [RFC 9728 §2](https://www.rfc-editor.org/rfc/rfc9728#section-2).

use serde_json::{Map, Value, json};
use url::Url;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The path under which the metadata of a resource lies at its host.
//= RFC9728#3.1 MUST: the well-known part stands between host and path of the resource's identifier
pub(crate) fn path(resource: &Url) -> String {
    let path = resource.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let query = resource.query().map(|query| format!("?{query}"));
    format!("{WELL_KNOWN}{path}{}", query.unwrap_or_default())
}

pub(crate) fn url(resource: &Url) -> String {
    format!(
        "{}{}",
        resource.origin().ascii_serialization(),
        path(resource)
    )
}

/// What stands in the metadata.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) resource: &'a str,
    pub(crate) issuer: &'a str,
    pub(crate) scopes: &'a [String],
    pub(crate) dpop_algs: Vec<&'static str>,
    pub(crate) bound_only: bool,
    pub(crate) more: &'a Map<String, Value>,
}

pub(crate) fn document(facts: &Facts<'_>) -> Value {
    let mut document = facts.more.clone();
    let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
    //= RFC9728#2 MUST: resource is the resource's identifier
    put("resource", facts.resource.into());
    put("authorization_servers", json!([facts.issuer]));
    if !facts.scopes.is_empty() {
        put("scopes_supported", json!(facts.scopes));
    }
    put("bearer_methods_supported", json!(["header"]));
    put("dpop_signing_alg_values_supported", json!(facts.dpop_algs));
    put("tls_client_certificate_bound_access_tokens", true.into());
    if facts.bound_only {
        put("dpop_bound_access_tokens_required", true.into());
    }
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    //= test RFC9728#3.1 the well-known part stands between host and path of the resource's identifier
    #[test]
    fn the_metadata_lies_between_host_and_path() {
        for (resource, expected) in [
            (
                "https://api.test",
                "https://api.test/.well-known/oauth-protected-resource",
            ),
            (
                "https://api.test/",
                "https://api.test/.well-known/oauth-protected-resource",
            ),
            (
                "https://api.test:8443/v1/mcp",
                "https://api.test:8443/.well-known/oauth-protected-resource/v1/mcp",
            ),
            (
                "https://api.test/v1/?a=b",
                "https://api.test/.well-known/oauth-protected-resource/v1?a=b",
            ),
        ] {
            assert_eq!(url(&Url::parse(resource).unwrap()), expected);
        }
    }
}
