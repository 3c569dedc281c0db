use serde_json::json;

use super::*;
use crate::client::fixtures::{NOW, policy};

const URL: &str = "https://app.example/oauth/client.json";

fn id(text: &str) -> Option<DocumentId> {
    DocumentId::parse(&ClientId::parse(text).ok()?)
}

fn document(change: impl FnOnce(&mut Value)) -> Result<Client, DocumentError> {
    let mut value = json!({
        "client_id": URL,
        "client_name": "An app",
        "redirect_uris": ["https://app.example/cb"],
    });
    change(&mut value);
    read(
        &id(URL).unwrap(),
        Some("application/json"),
        value.to_string().as_bytes(),
        &policy(),
        NOW,
    )
}

//= test CIMD#3 the URL uses https, has a path, and neither user information, dot segments nor a fragment
//= test CIMD#3 the URL has no query
#[test]
fn only_plain_https_urls_with_a_path_are_documents() {
    for good in [
        URL,
        "https://app.example:8443/client",
        "https://app.example/a/.well/..b/%41",
        "https://app.example/a//b/",
        "https://xn--bcher-kva.example/c",
    ] {
        assert!(id(good).is_some(), "{good}");
    }
    for bad in [
        "http://app.example/client",
        "HTTPS://app.example/client",
        "https:/app.example/client",
        "https:app.example/client",
        "https://app.example",
        "https:///client",
        "https://app.example?client",
        "https://app.example/client?x=1",
        "https://app.example/client?",
        "https://app.example/client#x",
        "https://app.example/client#",
        "https://user@app.example/client",
        "https://user:pass@app.example/client",
        "https://@app.example/client",
        "https://app.example/./client",
        "https://app.example/../client",
        "https://app.example/a/..",
        "https://app.example/%2e%2e/client",
        "https://app.example/.%2E/client",
        "https://app.example/a\\b",
        "https://app.example:0/client",
        "https://app.example:99999/client",
        "https://127.1/client",
        "https://127.0.0.1/client",
        "https://192.0.2.1/client",
        "https://[2001:db8::1]/c",
        "https://app.example/",
        "https://app.example//..",
        "https://APP.example/c",
        "https://app.example:443/client",
        "https://app.example:08443/client",
        "https://app.example:/client",
        "https://0x7f000001/client",
        "https://app.example/a b",
        "https://app.example/%zz",
        "https://app.example/%00",
        "https://app.example./client",
        "https://app.example.:8443/client",
        "c_abc",
        "urn:app",
    ] {
        assert_eq!(id(bad), None, "{bad}");
    }
}

#[test]
fn who_is_burdened_and_shown_is_the_host_with_its_port() {
    let odd = id("https://app.example:8443/Client").unwrap();
    assert_eq!(
        (odd.host(), odd.origin()),
        ("app.example", "https://app.example:8443")
    );
    assert_eq!(odd.id().as_str(), "https://app.example:8443/Client");
}

#[test]
fn host_lists_decide_which_documents_are_taken() {
    let asks = |allow: &[&str], deny: &[&str], enabled, host: &str| {
        let hosts = |list: &[&str]| list.iter().map(|h| (*h).to_owned()).collect();
        let policy = DocumentPolicy {
            enabled,
            allow_hosts: hosts(allow),
            deny_hosts: hosts(deny),
            ..DocumentPolicy::default()
        };
        let url = format!("https://{host}/c");
        policy.admits(&ClientId::parse(&url).unwrap()).is_some()
    };
    assert!(!asks(&[], &[], false, "a.example"), "off by default");
    assert!(asks(&[], &[], true, "a.example"));
    assert!(asks(&["A.example"], &[], true, "a.example"));
    assert!(asks(&["A.example"], &[], true, "a.example:8443"));
    assert!(!asks(&["a.example"], &[], true, "b.a.example"));
    assert!(!asks(&["a.example"], &[], true, "xa.example"));
    assert!(asks(&["*.a.example"], &[], true, "b.a.example"));
    assert!(asks(&["*.a.example"], &[], true, "c.b.a.example"));
    assert!(!asks(&["*.a.example"], &[], true, "a.example"));
    assert!(!asks(&["*.a.example"], &[], true, "xa.example"));
    assert!(!asks(&[], &["A.EXAMPLE"], true, "a.example"));
    assert!(!asks(&["*.example"], &["*.a.example"], true, "b.a.example"));
    assert!(asks(&["*.example"], &["*.a.example"], true, "b.example"));
    // One name in two spellings.
    for host in [
        "a.example.",
        "b.a.example.",
        "a.example.:8443",
        "a.example..",
    ] {
        assert!(
            !asks(&[], &["a.example", "*.a.example"], true, host),
            "{host}"
        );
    }
}

//= test CIMD#5.2 cache headers are respected, within bounds of our own
#[test]
fn a_document_is_held_as_long_as_its_server_says_within_bounds() {
    let policy = DocumentPolicy {
        min_age: 60,
        max_age: 3600,
        ..DocumentPolicy::default()
    };
    for (stated, held) in [
        (None, 300),
        (Some(0), 60),
        (Some(59), 60),
        (Some(1000), 1000),
        (Some(u32::MAX), 3600),
    ] {
        assert_eq!(policy.age(stated), held, "{stated:?}");
    }
}

#[test]
fn a_document_makes_an_untrusted_public_client_that_was_always_there() {
    let client = document(|value| {
        value["skip_consent"] = json!(true);
        value["resources"] = json!(["https://api.example"]);
        value["require_pkce"] = json!(false);
    })
    .unwrap();
    assert_eq!(client.id.as_str(), URL);
    assert_eq!(client.origin, ClientOrigin::Document);
    assert!(client.is_public() && client.require_pkce && client.rotate_refresh_tokens);
    assert!(!client.skip_consent && client.resources.is_none());
    assert!(
        client.was_there(Timestamp(0)),
        "grants outlive what is held of the document"
    );
}

//= test CIMD#4 client_id in the document is the URL of the document, byte for byte
#[test]
fn a_document_of_another_client_is_refused() {
    for other in [
        json!("https://app.example/oauth/client.JSON"),
        json!("https://app.example:443/oauth/client.json"),
        json!("https://APP.example/oauth/client.json"),
        json!("https://app.example/oauth/client.json/"),
        json!(null),
        json!([URL]),
        json!(""),
    ] {
        let read = document(|value| value["client_id"] = other.clone());
        assert_eq!(read.unwrap_err(), DocumentError::OtherClient, "{other}");
    }
    let read = document(|value| drop(value.as_object_mut().unwrap().remove("client_id")));
    assert_eq!(read.unwrap_err(), DocumentError::OtherClient);
}

//= test CIMD#4.1 a document holds no client_secret and no client_secret_expires_at
//= test CIMD#4.1 a document names no authentication method that is based on a shared secret
#[test]
fn a_document_with_a_secret_is_refused() {
    for (name, bad) in [
        ("client_secret", json!("x")),
        ("client_secret", json!(null)),
        ("client_secret_expires_at", json!(0)),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("token_endpoint_auth_method", json!("client_secret_post")),
        ("token_endpoint_auth_method", json!("client_secret_jwt")),
    ] {
        let read = document(|value| value[name] = bad.clone());
        assert_eq!(read.unwrap_err(), DocumentError::Secret, "{name} {bad}");
    }
    for (name, bad) in [
        ("token_endpoint_auth_method", json!("unheard_of")),
        ("token_endpoint_auth_method", json!(["none"])),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("id_token_signed_response_alg", json!("HS256")),
        ("jwks", json!({"keys": [{"kty": "oct", "k": "AAAA"}]})),
        ("redirect_uris", json!(["javascript:alert(1)"])),
        ("redirect_uris", json!(["http://app.example/cb"])),
        ("redirect_uris", json!([])),
        ("grant_types", json!(["client_credentials"])),
        ("logo_uri", json!("javascript:alert(1)")),
    ] {
        let read = document(|value| value[name] = bad.clone());
        assert!(
            matches!(read, Err(DocumentError::Metadata(_))),
            "{name} {bad}"
        );
    }
}

#[test]
fn the_keys_of_a_document_make_a_confidential_client() {
    let client = document(|value| {
        value["token_endpoint_auth_method"] = json!("private_key_jwt");
        value["jwks_uri"] = json!("https://app.example/jwks");
    })
    .unwrap();
    assert!(!client.is_public() && client.secret.is_none());
    assert!(client.require_pkce, "a stranger does without no protection");
}

//= test CIMD#4 the document is JSON and served as such
#[test]
fn what_is_not_json_is_no_document() {
    let body = json!({"client_id": URL, "redirect_uris": ["https://app.example/cb"]}).to_string();
    let served = |media: Option<&str>, body: &[u8]| {
        read(&id(URL).unwrap(), media, body, &policy(), NOW).map(drop)
    };
    for good in ["application/json", "application/x-client+json"] {
        assert_eq!(served(Some(good), body.as_bytes()), Ok(()), "{good}");
    }
    for media in [
        None,
        Some("text/html"),
        Some("text/plain"),
        Some("text/json+json"),
        Some("application/xjson"),
    ] {
        assert_eq!(
            served(media, body.as_bytes()),
            Err(DocumentError::NotJson),
            "{media:?}"
        );
    }
    let twice = body.replacen('{', "{\"redirect_uris\":[],", 1);
    let long = format!("{body}{}", " ".repeat(MAX_BYTES));
    for bad in [
        "",
        "null",
        "[]",
        "\"x\"",
        "{",
        &twice,
        &long,
        &"[".repeat(3000),
    ] {
        assert_eq!(
            served(Some("application/json"), bad.as_bytes()),
            Err(DocumentError::NotJson)
        );
    }
}

#[test]
fn programs_on_a_device_may_listen_on_any_port() {
    let uris = json!([
        "http://127.0.0.1:3000/cb",
        "http://localhost:3000/cb",
        "https://app.example/cb"
    ]);
    let native = document(|value| value["redirect_uris"] = uris.clone()).unwrap();
    let matches = |client: &Client, uri| crate::client::redirect_uri::matches(client, uri);
    assert!(matches(&native, "http://127.0.0.1:49152/cb"));
    assert!(
        !matches(&native, "http://localhost:49152/cb"),
        "a name can lead anywhere"
    );
    assert!(!matches(&native, "https://app.example:1/cb"));
    let web = document(|value| {
        value["redirect_uris"] = uris;
        value["application_type"] = json!("web");
    });
    assert!(!matches(&web.unwrap(), "http://127.0.0.1:49152/cb"));
}

#[test]
fn what_a_document_says_to_other_servers_is_no_harm() {
    let client = document(|value| {
        value["response_types"] = json!(["code", "token", "vp_token"]);
        value["grant_types"] = json!(["authorization_code", "refresh_token", "urn:other:grant"]);
        value["request_uris"] = json!(["https://victim.example/request"]);
        value["token_endpoint_auth_methods_supported"] = json!(["spiffe", "none"]);
    })
    .unwrap();
    assert_eq!(client.response_types, ["code"]);
    assert!(client.may_use("refresh_token") && !client.may_use("urn:other:grant"));
    assert!(client.is_public());
    let secret = document(|value| {
        value["token_endpoint_auth_methods_supported"] = json!(["client_secret_post", "none"]);
    });
    assert_eq!(secret.unwrap_err(), DocumentError::Secret);
    let none = document(|value| value["response_types"] = json!(["vp_token"]));
    assert!(matches!(none, Err(DocumentError::Metadata(_))));
}
