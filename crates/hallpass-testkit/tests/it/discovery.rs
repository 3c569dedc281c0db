//! Metadata and keys.

use std::collections::HashSet;

use hallpass_jose::JwsAlgorithm;
use hallpass_provider::keys::{KeyAlgorithm, Rotate};
use hallpass_store::KeyPhase;
use hallpass_testkit::{Answer, Ask, Op, Setup, wire};
use serde_json::Value;

const METADATA: &str = "/.well-known/openid-configuration";

/// Headers with which proxies tell what a request was, and attackers what it was not.
const FORWARDED: &[(&str, &str)] = &[
    ("Host", "evil.test"),
    ("X-Forwarded-Host", "evil.test"),
    ("X-Forwarded-Proto", "http"),
    ("X-Forwarded-Port", "1"),
    ("X-Forwarded-Prefix", "/evil"),
    ("X-Forwarded-For", "6.6.6.6"),
    ("Forwarded", "host=evil.test;proto=http;for=6.6.6.6"),
    ("X-Original-URL", "/evil"),
    ("X-Rewrite-URL", "/evil"),
    ("X-Http-Method-Override", "DELETE"),
    ("Accept-Language", "zq"),
    ("Accept", "text/html"),
    ("Range", "bytes=0-3"),
    ("If-None-Match", "\"other\", W/\"x"),
    ("Cookie", "__Host-hallpass_session=x"),
];

// JW-01, JW-05
#[tokio::test]
async fn no_header_of_a_request_changes_what_is_published() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for path in [METADATA, "/.well-known/oauth-authorization-server", "/jwks"] {
        let plain = browser.get(path).await;
        assert_eq!(plain.status, 200);
        assert!(plain.header("etag").is_some_and(|tag| tag.len() > 10));
        assert_eq!(plain.header("cache-control"), Some("public, max-age=300"));
        for (name, value) in FORWARDED {
            let answer = browser.send(Ask::get(path).header(name, value)).await;
            assert_eq!(answer.status, 200, "{name}");
            assert_eq!(answer.body, plain.body, "{name}");
            assert_eq!(answer.header("etag"), plain.header("etag"), "{name}");
        }
        let tag = plain.header("etag").unwrap();
        let unchanged = browser
            .send(Ask::get(path).header("If-None-Match", tag))
            .await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
        // A proxy that packs what it passes on makes the tag a weak one.
        let weak = format!("W/{tag}");
        let listed = format!("\"other\", {weak} ,\"x\"");
        for known in [weak.as_str(), &listed, "*"] {
            let ask = Ask::get(path).header("If-None-Match", known);
            assert_eq!(browser.send(ask).await.status, 304, "{known}");
        }
        for other in [
            tag.trim_matches('"'),
            &format!("w/{tag}"),
            &format!("{tag}x"),
            "\"*\"",
        ] {
            let ask = Ask::get(path).header("If-None-Match", other);
            assert_eq!(browser.send(ask).await.status, 200, "{other}");
        }
    }
}

// JW-01
#[tokio::test]
async fn every_url_of_the_metadata_is_the_issuers() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let metadata = browser.get(METADATA).await.json();
    assert_eq!(metadata["issuer"], "https://op.test");
    for (name, value) in metadata.as_object().unwrap() {
        if name.ends_with("_endpoint") || name.ends_with("_uri") {
            let url = value.as_str().unwrap();
            assert!(url.starts_with("https://op.test/"), "{name}: {url}");
        }
    }
}

// JW-02, HT-14
#[tokio::test]
async fn a_variant_of_a_path_is_not_that_path() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for path in [
        "/.well-known/openid-configuration/",
        "/.well-known/openid-configuration/..;/admin",
        "//.well-known/openid-configuration",
        "/.well-known//openid-configuration",
        "/%2ewell-known/openid-configuration",
        "/.well-known/openid-configuration%00",
        "/.well-known/openid-configuration;a=b",
        "/.WELL-KNOWN/openid-configuration",
        "/.well-known/openid-configuration/t2",
        "/x/../.well-known/openid-configuration",
        "/./jwks",
        "/JWKS",
        "/jwks/",
        "/jwks;x",
        "/%6awks",
        "/..;/token",
        "//token",
        "/token/",
        "/tokeN",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("jwks_uri"), "{path}");
    }
}

// JW-03
#[tokio::test]
async fn published_keys_are_public_keys_with_unique_names() {
    let op = Op::start().await;
    op.provider.prepare_next_keys().await.unwrap();
    op.provider.rotate_keys(None, Rotate::Forced).await.unwrap();
    let mut browser = op.browser();
    let keys = browser.get("/jwks").await.json();
    let keys = keys["keys"].as_array().unwrap();
    // Retiring, active and next, of two algorithms; and one to encrypt to.
    assert_eq!(keys.len(), 7);
    let mut names = HashSet::new();
    for key in keys {
        for secret in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(secret).is_none(), "{secret}");
        }
        match key["use"].as_str() {
            Some("sig") => assert!(matches!(key["alg"].as_str(), Some("ES256" | "RS256"))),
            used => assert_eq!((used, &key["kty"]), (Some("enc"), &Value::from("EC"))),
        }
        assert!(names.insert(key["kid"].as_str().unwrap().to_owned()));
    }
}

// JW-04
#[tokio::test]
async fn every_origin_may_read_public_documents_without_credentials() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for path in [METADATA, "/.well-known/oauth-authorization-server", "/jwks"] {
        for method in ["GET", "HEAD", "OPTIONS"] {
            let ask = Ask::new(method, path)
                .header("Origin", "https://anywhere.test")
                .header("Access-Control-Request-Method", "GET");
            let answer = browser.send(ask).await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                Some("*"),
                "{method} {path}"
            );
            let credentials = answer.header("access-control-allow-credentials");
            assert_eq!(credentials, None, "{method} {path}");
        }
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            assert_eq!(
                browser.send(Ask::new(method, path)).await.status,
                405,
                "{method} {path}"
            );
        }
    }
}

// JW-08
#[tokio::test]
async fn what_is_advertised_is_tried_and_what_is_not_is_refused() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let metadata = browser.get(METADATA).await.json();
    let list = |name: &str| -> Vec<String> {
        let values = metadata[name]
            .as_array()
            .unwrap_or_else(|| panic!("{name} is missing"));
        values
            .iter()
            .map(|v| v.as_str().unwrap().to_owned())
            .collect()
    };
    for (name, value) in metadata.as_object().unwrap() {
        if name.ends_with("_endpoint") {
            let path = value
                .as_str()
                .unwrap()
                .strip_prefix("https://op.test")
                .unwrap();
            assert_ne!(browser.get(path).await.status, 404, "{name}");
        }
    }
    let grants = list("grant_types_supported");
    let every = [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:openid:params:grant-type:ciba",
    ];
    for grant in every {
        let error = browser
            .call("web", "/token", &[("grant_type", grant)])
            .await
            .error();
        let offered = grants.iter().any(|g| g == grant);
        assert_eq!(
            error != "unsupported_grant_type",
            offered,
            "{grant}: {error}"
        );
    }
    let none = |name: &str, values: &[&str]| {
        for value in list(name) {
            assert!(!values.contains(&value.as_str()), "{name}: {value}");
        }
    };
    none("grant_types_supported", &["password", "implicit"]);
    none(
        "response_types_supported",
        &[
            "token",
            "id_token token",
            "code token",
            "code id_token token",
        ],
    );
    none("id_token_signing_alg_values_supported", &["none"]);
    none(
        "token_endpoint_auth_signing_alg_values_supported",
        &["none"],
    );
    assert_eq!(list("code_challenge_methods_supported"), ["S256"]);
    assert_eq!(
        metadata["authorization_response_iss_parameter_supported"],
        true
    );
    // The default of this one is true (OpenID Connect Discovery §3), so it has to be said.
    assert_eq!(metadata["request_uri_parameter_supported"], false);
    for later in [
        "device_authorization_endpoint",
        "backchannel_authentication_endpoint",
        "check_session_iframe",
    ] {
        assert_eq!(metadata.get(later), None);
    }
    for path in [
        "/device",
        "/device_authorization",
        "/ciba",
        "/admin",
        "/metrics",
        "/health/live",
    ] {
        for ask in [Ask::get(path), Ask::form(path, &[("client_id", "web")])] {
            assert_eq!(browser.send(ask).await.status, 404, "{path}");
        }
    }
}

// JW-08: registration takes what is advertised and nothing else.
#[tokio::test]
async fn every_advertised_algorithm_and_method_can_be_registered() {
    let op = Op::with(|policy| policy.registration.open = true).await;
    let mut browser = op.browser();
    let metadata = browser.get(METADATA).await.json();
    let offers = |name: &str, value: &str| {
        let values = metadata[name].as_array().cloned().unwrap_or_default();
        values.contains(&Value::from(value))
    };
    let algorithms = [
        "none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
        "ES256", "ES384", "ES512", "EdDSA", "rs256", "RS1",
    ];
    #[rustfmt::skip]
    let members = [
        ("id_token_signed_response_alg", "id_token_signing_alg_values_supported"),
        ("userinfo_signed_response_alg", "userinfo_signing_alg_values_supported"),
    ];
    for (member, advertised) in members {
        for algorithm in algorithms {
            let body =
                serde_json::json!({"redirect_uris": ["https://new.test/cb"], member: algorithm});
            let answer = browser.send(Ask::json("/register", &body)).await;
            let taken = answer.status == 201 && answer.json()[member] == algorithm;
            assert_eq!(
                taken,
                offers(advertised, algorithm),
                "{member} {algorithm}: {}",
                answer.text()
            );
        }
    }
    for method in [
        "none",
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth",
        "attest_jwt_client_auth",
    ] {
        let body = serde_json::json!({
            "redirect_uris": ["https://new.test/cb"], "token_endpoint_auth_method": method,
            "jwks_uri": "https://new.test/jwks",
        });
        let answer = browser.send(Ask::json("/register", &body)).await;
        let offered = offers("token_endpoint_auth_methods_supported", method);
        assert_eq!(answer.status == 201, offered, "{method}: {}", answer.text());
    }
}

// JW-01: an issuer below a path has its documents there, and nothing of another's.
#[tokio::test]
async fn an_issuer_with_a_path_answers_below_it_only() {
    let op = Setup::default().issuer("https://op.test/t1").start().await;
    let mut browser = op.browser();
    for path in [
        "/t1/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server/t1",
    ] {
        assert_eq!(
            browser.get(path).await.json()["issuer"],
            "https://op.test/t1"
        );
    }
    for path in [
        "/jwks",
        "/token",
        "/t2/jwks",
        "/t1x/jwks",
        "/t1/../jwks",
        METADATA,
    ] {
        // As it stands: a browser of the tests adds the issuer's path.
        let bytes = wire::exchange(op.address(), &Ask::get(path).to_bytes()).await;
        assert_eq!(Answer::parse(&bytes).status, 404, "{path}");
    }
}

#[tokio::test]
async fn no_key_signs_before_everybody_can_know_it() {
    const ES: Option<KeyAlgorithm> = Some(KeyAlgorithm::Sign(JwsAlgorithm::ES256));
    let op = Op::start().await;
    let ripe = op.provider.policy().keys.ripe();
    let early = op.provider.rotate_keys(ES, Rotate::Ripe).await.unwrap();
    assert_eq!((early.done.len(), early.waiting.len()), (0, 1));
    op.clock.advance(ripe - 1);
    let early = op.provider.rotate_keys(ES, Rotate::Ripe).await.unwrap();
    assert!(early.done.is_empty());
    assert!(early.waiting.iter().all(|(_, seconds)| *seconds == 1));
    op.clock.advance(1);
    let young = Rotate::Older(ripe + 1);
    let rotated = op.provider.rotate_keys(ES, young).await.unwrap();
    assert_eq!((rotated.done.len(), rotated.waiting.len()), (0, 0));
    let rotated = op.provider.rotate_keys(ES, Rotate::Ripe).await.unwrap();
    assert_eq!((rotated.done.len(), rotated.waiting.len()), (1, 0));
    // At most once, however soon it is asked for again.
    let again = op.provider.rotate_keys(ES, Rotate::Ripe).await.unwrap();
    assert_eq!((again.done.len(), again.waiting.len()), (0, 1));
}

#[tokio::test]
async fn of_two_rotations_at_once_each_key_is_retired_once() {
    const ES: Option<KeyAlgorithm> = Some(KeyAlgorithm::Sign(JwsAlgorithm::ES256));
    let op = Op::start().await;
    let other = op.another_node().await;
    let (one, two) = tokio::join!(
        op.provider.rotate_keys(ES, Rotate::Forced),
        other.provider.rotate_keys(ES, Rotate::Forced)
    );
    let done = usize::from(!one.unwrap().overtaken) + usize::from(!two.unwrap().overtaken);
    op.provider.reload_keys().await.unwrap();
    let keys = op.provider.signing_keys();
    let in_phase = |phase| keys.iter().filter(|k| k.phase == phase).count();
    assert_eq!(in_phase(KeyPhase::Active), 2);
    assert_eq!(in_phase(KeyPhase::Retiring), done);
}

// JW-01: a request line that names a host
#[tokio::test]
async fn a_request_line_with_another_host_changes_nothing() {
    for issuer in ["https://op.test", "https://op.test/t1"] {
        let op = Setup::default().issuer(issuer).start().await;
        let path = issuer.trim_start_matches("https://op.test");
        for document in [
            format!("{path}{METADATA}"),
            format!("/.well-known/oauth-authorization-server{path}"),
            format!("{path}/jwks"),
        ] {
            let exchange = async |line: &str, host: &str| {
                let text =
                    format!("GET {line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
                Answer::parse(&wire::exchange(op.address(), text.as_bytes()).await)
            };
            let plain = exchange(&document, "op.test").await;
            assert_eq!(plain.status, 200, "{document}");
            for base in [
                "http://evil.test",
                "https://evil.test:1",
                "https://op.test@evil.test",
                "http://op.test",
                "https://op.test.evil.test",
            ] {
                for host in ["op.test", "evil.test"] {
                    let answer = exchange(&format!("{base}{document}"), host).await;
                    if answer.status == 200 {
                        assert_eq!(answer.body, plain.body, "{base}{document}");
                    } else {
                        assert!(
                            matches!(answer.status, 400 | 404 | 421),
                            "{}",
                            answer.status
                        );
                    }
                    assert!(!answer.text().contains("evil"), "{base}{document}");
                }
            }
        }
    }
}

/// What a cache in front holds: whatever says that it may be held, under its method, host and path alone.
struct Cache(std::collections::HashMap<String, Answer>);

impl Cache {
    async fn send(&mut self, op: &Op, ask: Ask) -> Answer {
        let (cacheable, key) = (ask.method == "GET", ask.target.clone());
        if let Some(held) = self.0.get(&key).filter(|_| cacheable) {
            return held.clone();
        }
        let answer = op.browser().send(ask).await;
        let control = answer.header("cache-control").unwrap_or_default();
        let may = control.contains("public") || control.contains("max-age");
        if cacheable && may && !control.contains("no-store") && !control.contains("private") {
            assert_eq!(answer.status, 200, "{key}");
            assert_eq!(answer.header("set-cookie"), None, "{key}");
            let varies = answer.header("vary").unwrap_or_default();
            assert!(matches!(varies, "" | "Accept-Encoding"), "{key}: {varies}");
            self.0.insert(key, answer.clone());
        }
        answer
    }
}

// JW-05
#[tokio::test]
async fn nobody_puts_anything_of_theirs_into_a_shared_cache() {
    let op = Op::start().await;
    let documents = [METADATA, "/.well-known/oauth-authorization-server", "/jwks"];
    let others = [
        "/",
        "/sign-in",
        "/authorize?client_id=web",
        "/userinfo",
        "/register/web",
        "/logout",
        "/account",
        "/nowhere",
    ];
    #[rustfmt::skip]
    let more = [
        ("X-Host", "evil.test"), ("X-Forwarded-Server", "evil.test"), ("X-Forwarded-Scheme", "http"), ("X-Forwarded-Ssl", "off"),
        ("X-Real-Ip", "6.6.6.6"), ("True-Client-Ip", "6.6.6.6"), ("X-Http-Host-Override", "evil.test"), ("X-Method-Override", "POST"),
        ("Origin", "https://evil.test"), ("Origin", "null"), ("Authorization", "Bearer x"), ("DPoP", "x"), ("Accept-Encoding", "gzip"),
        ("Sec-Fetch-Site", "cross-site"), ("User-Agent", "zq<svg/onload=1>"), ("Referer", "https://evil.test/"), ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"), ("Upgrade-Insecure-Requests", "1"), ("Expect", "x"), ("Via", "1.1 evil.test"), ("Max-Forwards", "0"),
        ("Access-Control-Request-Method", "PUT"), ("X-Original-Host", "evil.test"), ("Front-End-Https", "off"),
    ];
    for document in documents {
        let plain = op.browser().get(document).await;
        for (name, value) in FORWARDED.iter().chain(&more) {
            // The attacker comes first, whoever comes next gets what the cache holds.
            let mut cache = Cache(std::collections::HashMap::new());
            cache
                .send(&op, Ask::get(document).header(name, value))
                .await;
            let next = cache.send(&op, Ask::get(document)).await;
            assert_eq!((next.status, &next.body), (200, &plain.body), "{name}");
            for header in [
                "access-control-allow-origin",
                "content-type",
                "cache-control",
                "etag",
                "content-security-policy",
            ] {
                assert_eq!(next.header(header), plain.header(header), "{name}");
            }
        }
        // Parameters that mean nothing here, and a method that has no body.
        for query in ["?x=1", "?issuer=https://evil.test", "?", "?callback=alert"] {
            let answer = op.browser().get(&format!("{document}{query}")).await;
            assert_eq!((answer.status, &answer.body), (200, &plain.body), "{query}");
        }
        let head = op.browser().send(Ask::new("HEAD", document)).await;
        assert_eq!(head.header("etag"), plain.header("etag"), "{document}");
    }
    // What is for one person or one moment is held by nobody. `oracle::check` demands no-store.
    let mut cache = Cache(std::collections::HashMap::new());
    for path in others {
        cache.send(&op, Ask::get(path)).await;
    }
    assert!(cache.0.is_empty());
}

// JW-02: from one issuer's path into another's
#[tokio::test]
async fn no_spelling_of_a_path_leads_from_one_issuer_to_another() {
    let one = Setup::default().issuer("https://op.test/t1").start().await;
    for path in [
        "/t1/../t2/.well-known/openid-configuration",
        "/t1/..;/t2/.well-known/openid-configuration",
        "/t1/%2e%2e/t2/jwks",
        "/t1/..%2ft2/jwks",
        "/t1%2f..%2ft1/jwks",
        "/t1//jwks",
        "//t1/jwks",
        "/t1/./jwks",
        "/t1;/jwks",
        "/T1/jwks",
        "/t1%00/jwks",
        "/%741/jwks",
        "/t1\\jwks",
        "/t1/jwks/",
        "/.well-known/oauth-authorization-server/t1/",
        "/.well-known/oauth-authorization-server/t1/../t1",
        "/.well-known/oauth-authorization-server//t1",
        "/.well-known/oauth-authorization-server/t2",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/t2",
    ] {
        let bytes = wire::exchange(one.address(), &Ask::get(path).to_bytes()).await;
        let answer = Answer::parse(&bytes);
        assert!(
            matches!(answer.status, 400 | 404),
            "{path}: {}",
            answer.status
        );
        assert!(!answer.text().contains("jwks_uri"), "{path}");
        assert!(!answer.text().contains("\"kty\""), "{path}");
    }
}
