//! Behind a proxy that ends TLS: nothing that a request says changes where the issuer is.

use serde_json::Value;

use crate::process::{Folder, Serving};

const ISSUER: &str = "https://login.example.com";

/// Every text of a document.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|value| texts(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

// HT-08
#[test]
fn s47_behind_a_proxy_urls_and_cookies_are_the_configured_issuer_s_whatever_headers_say() {
    for trust in [
        "",
        "trusted_proxies = ['127.0.0.1']\nforwarded_header = 'x-forwarded'\n",
        "trusted_proxies = ['127.0.0.1']\nforwarded_header = 'forwarded'\n",
    ] {
        let folder = Folder::new();
        let text = format!(
            "protocol.signing_algs = ['ES256']\n[server]\nissuer = '{ISSUER}'\n{trust}\
             [[clients]]\nclient_id = 'app'\nredirect_uris = ['https://rp.example/cb']\n\
             token_endpoint_auth_method = 'none'\n"
        );
        folder.write("hallpass.toml", &text);
        let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
        let discovery = "/.well-known/openid-configuration";
        let plain = server.at("login.example.com", "GET", discovery, "");
        assert_eq!(plain.status, 200, "{trust}");
        let mut found = Vec::new();
        texts(&plain.json(), &mut found);
        let urls: Vec<&String> = found.iter().filter(|text| text.contains("://")).collect();
        assert!(urls.len() > 8);
        assert!(urls.iter().all(|url| url.starts_with(ISSUER)), "{urls:?}");
        let request = "/authorize?client_id=app&response_type=code&scope=openid&redirect_uri=https%3A%2F%2Frp.example%2Fcb\
                       &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
        for lies in [
            "x-forwarded-host: evil.example\r\nx-forwarded-proto: http\r\nx-forwarded-port: 81\r\n",
            "forwarded: for=6.6.6.6;host=evil.example;proto=http\r\n",
            "x-original-host: evil.example\r\nx-forwarded-prefix: /evil\r\nx-original-url: /evil\r\n",
        ] {
            for host in ["login.example.com", "login.example.com:443"] {
                let head = format!("GET {discovery} HTTP/1.1\r\n{lies}");
                let told = server.send_to(host, &head);
                assert_eq!(told.body, plain.body, "{trust} {lies}");
                let asked = server.send_to(host, &format!("GET {request} HTTP/1.1\r\n{lies}"));
                assert_eq!(asked.status, 303, "{}", asked.body);
                let lower = asked.head.to_lowercase();
                let target = lower
                    .lines()
                    .find_map(|line| line.strip_prefix("location: "));
                assert!(target.unwrap().starts_with(ISSUER), "{}", asked.head);
                let cookies: Vec<&str> = lower
                    .lines()
                    .filter(|line| line.starts_with("set-cookie: "))
                    .collect();
                assert!(!cookies.is_empty());
                for cookie in cookies {
                    assert!(cookie.starts_with("set-cookie: __host-"), "{cookie}");
                    assert!(cookie.contains("; secure"), "{cookie}");
                    assert!(!cookie.contains("domain="), "{cookie}");
                }
                assert!(!lower.contains("evil") && !asked.body.contains("evil"));
            }
        }
        // A host that is no issuer's names none of ours.
        let other = server.at("evil.example", "GET", discovery, "");
        assert!(!other.body.contains("evil.example"), "{}", other.body);
        assert!(
            other.status == 421 || other.body == plain.body,
            "{}",
            other.status
        );
    }
}
