//! Finding the issuer of a person, [RFC 7033](https://www.rfc-editor.org/rfc/rfc7033) and
//! [OpenID Connect Discovery §2](https://openid.net/specs/openid-connect-discovery-1_0.html#IssuerDiscovery).
//!
//! The answer is about hosts, never about people: whoever asks does not learn which accounts exist.

use serde_json::json;
use url::{Url, form_urlencoded};

use crate::{policy::Policy, reasons};

/// The relation that leads to the issuer.
const ISSUER: &str = "http://openid.net/specs/connect/1.0/issuer";

/// The media type of an answer, RFC 7033 §10.2.
pub const MEDIA: &str = "application/jrd+json";

/// Longer than any account's name.
const LONGEST: usize = 2048;

reasons! {
    /// Why a request is not answered.
    pub enum Reason {
        /// RFC 7033 §4.2.
        ResourceMissing => InvalidRequest, "webfinger_resource_missing", "resource is missing or there is more than one";
        /// RFC 7033 §4.2.
        ResourceMalformed => InvalidRequest, "webfinger_resource_malformed", "resource is not a URI";
        /// RFC 7033 §4.2.
        ResourceUnknown => InvalidRequest, "webfinger_resource_unknown", "resource is not on a host of this server";
    }
}

/// Answers for a query, in JSON.
///
/// # Errors
/// [`Reason`]; [`Reason::ResourceUnknown`] means 404.
pub fn answer(query: &str, policy: &Policy) -> Result<String, Reason> {
    let pairs = || form_urlencoded::parse(query.as_bytes());
    //= RFC7033#4.2 MUST: without exactly one resource the request is bad
    let mut resources = pairs().filter(|(name, _)| name == "resource");
    let (Some((_, resource)), None) = (resources.next(), resources.next()) else {
        return Err(Reason::ResourceMissing);
    };
    if resource.len() > LONGEST || resource.chars().any(char::is_control) {
        return Err(Reason::ResourceMalformed);
    }
    //= RFC7033#4.5 MUST: a resource that the server knows nothing about is not found
    if !is_ours(&resource, policy).ok_or(Reason::ResourceMalformed)? {
        return Err(Reason::ResourceUnknown);
    }
    //= RFC7033#4.3 SHOULD: where relations are asked for, no others are answered
    let mut asked = pairs().filter(|(name, _)| name == "rel").peekable();
    let wanted = asked.peek().is_none() || asked.any(|(_, rel)| rel == ISSUER);
    let issuer = json!({"rel": ISSUER, "href": policy.issuer.as_str()});
    let links = if wanted { vec![issuer] } else { Vec::new() };
    Ok(json!({"subject": resource, "links": links}).to_string())
}

/// Whether a resource is on a host of ours; none when it is no resource at all.
fn is_ours(resource: &str, policy: &Policy) -> Option<bool> {
    let (scheme, rest) = resource.split_once(':')?;
    let issuer = Url::parse(policy.issuer.as_str()).ok()?;
    let authority = authority_of(&issuer)?;
    let listed = |host: &str| {
        let mut hosts = policy.webfinger.hosts.iter();
        hosts.any(|known| known.eq_ignore_ascii_case(host))
    };
    if scheme.eq_ignore_ascii_case("acct") {
        let (user, host) = rest.rsplit_once('@')?;
        if user.is_empty() || host.is_empty() {
            return None;
        }
        let own = authority.eq_ignore_ascii_case(host)
            || issuer
                .host_str()
                .is_some_and(|h| h.eq_ignore_ascii_case(host));
        return Some(own || listed(host));
    }
    let url = Url::parse(resource).ok()?;
    if !matches!(url.scheme(), "https" | "http") {
        return Some(false);
    }
    let host = authority_of(&url)?;
    Some(host == authority || listed(&host))
}

/// Host and port, without the port that goes without saying.
fn authority_of(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn ask(query: &str) -> Result<Value, Reason> {
        let mut policy = crate::client::fixtures::policy();
        policy.webfinger.hosts = vec!["example.test".to_owned()];
        answer(query, &policy).map(|text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn people_of_our_hosts_have_our_issuer() {
        for resource in [
            "acct:joe@op.test",
            "acct:joe@OP.test",
            "ACCT:joe@op.test",
            "acct:joe%40mail.test@op.test",
            "acct:nobody@example.test",
            "https://op.test/joe",
            "https://op.test",
            "https://op.test:443/joe",
            "https://Example.test/joe",
        ] {
            let encoded: String = form_urlencoded::byte_serialize(resource.as_bytes()).collect();
            let found = ask(&format!("resource={encoded}")).unwrap();
            assert_eq!(
                found,
                json!({"subject": resource, "links": [{"rel": ISSUER, "href": "https://op.test"}]})
            );
        }
    }

    //= test RFC7033#4.5 a resource that the server knows nothing about is not found
    #[test]
    fn others_are_not_ours() {
        for resource in [
            "acct:joe@evil.test",
            "acct:joe@op.test.evil.test",
            "acct:joe@op.test@evil.test",
            "https://op.test@evil.test/",
            "https://op.test:8443/joe",
            "https://evil.test/op.test",
            "mailto:joe@op.test",
            "urn:x:y",
        ] {
            let found = ask(&format!("resource={resource}"));
            assert_eq!(found, Err(Reason::ResourceUnknown), "{resource}");
        }
    }

    //= test RFC7033#4.2 without exactly one resource the request is bad
    #[test]
    fn a_request_has_one_resource_that_is_one() {
        for query in ["", "rel=x", "resource=a:b&resource=a:b"] {
            assert_eq!(ask(query), Err(Reason::ResourceMissing), "{query}");
        }
        let long = format!("acct:{}@op.test", "a".repeat(3000));
        for resource in [
            "",
            "joe",
            "acct:joe",
            "acct:@op.test",
            "acct:joe@",
            "https://",
            "acct:%00@op.test",
            &long,
        ] {
            let found = ask(&format!("resource={resource}"));
            assert_eq!(found, Err(Reason::ResourceMalformed), "{resource}");
        }
    }

    //= test RFC7033#4.3 where relations are asked for, no others are answered
    #[test]
    fn only_the_relations_that_are_asked_for_come_back() {
        let links = |query: &str| {
            let found = ask(&format!("resource=acct:joe@op.test{query}")).unwrap();
            found["links"].as_array().unwrap().len()
        };
        assert_eq!(links(""), 1);
        assert_eq!(links("&rel=http://openid.net/specs/connect/1.0/issuer"), 1);
        assert_eq!(links("&rel=other"), 0);
        assert_eq!(
            links("&rel=other&rel=http://openid.net/specs/connect/1.0/issuer"),
            1
        );
    }
}
