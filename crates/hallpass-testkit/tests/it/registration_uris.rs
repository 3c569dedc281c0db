//! URIs in the metadata of a client: where people are sent, and what may be fetched.

use hallpass_testkit::{Ask, Op, Request, Tokens};
use serde_json::{Value, json};

use crate::{
    device,
    registration::{assert_refused, open, register, with},
};

/// URIs that must never be registered to be redirected to.
#[rustfmt::skip]
const BAD_URIS: &[&str] = &[
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "javascript://new.test/%0aalert(1)", "\tjavascript:alert(1)", "java\nscript:alert(1)",
    " https://new.test/cb", "https://new.test/cb ", "data:text/html,x", "vbscript:x", "blob:https://new.test/x", "file:///etc/passwd",
    "view-source:https://new.test", "about:blank", "http://new.test/cb", "http://10.0.0.1/cb", "ftp://new.test/cb", "ws://new.test/",
    "https://new.test/cb#", "https://new.test/cb#x", "https://*.new.test/cb", "https://new.test/*", "https://a:b@new.test/cb",
    "https://@new.test/cb", "https:///cb", "https://", "https:/new.test/cb", "https:new.test/cb", "//new.test/cb", "/cb", "cb", "",
    "https://new.test/\0", "https://new.test/\u{7f}", "https://new.test\\@evil.test/", "https://new.test/a b", "https://new.test:99999/",
    "https://[::1/cb", "https://new。test/cb", "myapp:/cb", "intent://x#Intent;end", "com.example.app:/cb",
];

// RG-02
#[tokio::test]
async fn a_redirect_uri_that_could_hurt_is_refused() {
    let op = open().await;
    let mut browser = op.browser();
    for uri in BAD_URIS {
        for list in [json!([uri]), json!(["https://new.test/cb", uri])] {
            let answer = register(&mut browser, &json!({"redirect_uris": list})).await;
            assert_refused(&answer, "invalid_redirect_uri", uri);
        }
    }
    #[rustfmt::skip]
    let native = [
        "myapp:/cb", "javascript:/cb", "https:/cb", "http://new.test/cb", "com.example.app:/cb#x", "data:/cb", "file:/cb",
        "com.example.app:/\u{0}", "com example:/cb", "com.example.app:", "localhost:/cb", "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1@evil.test/cb", "http://a@127.0.0.1/cb",
    ];
    for uri in native {
        let answer = register(
            &mut browser,
            &json!({"redirect_uris": [uri], "application_type": "native"}),
        )
        .await;
        assert_refused(&answer, "invalid_redirect_uri", uri);
    }
    for list in [
        json!([]),
        json!(null),
        json!("https://new.test/cb"),
        json!([null]),
        json!([1]),
        json!([[]]),
        json!({}),
    ] {
        let answer = register(&mut browser, &json!({"redirect_uris": list})).await;
        assert_eq!(answer.status, 400, "{list}: {}", answer.text());
    }
    let many: Vec<String> = (0..300).map(|n| format!("https://new.test/{n}")).collect();
    assert_refused(
        &register(&mut browser, &json!({"redirect_uris": many})).await,
        "invalid_redirect_uri",
        "300",
    );
    let long = format!("https://new.test/{}", "a".repeat(10_000));
    assert_refused(
        &register(&mut browser, &json!({"redirect_uris": [long]})).await,
        "invalid_redirect_uri",
        "long",
    );
    let good = json!({"redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/cb", "http://[::1]:1/cb"],
        "application_type": "native"});
    assert_eq!(register(&mut browser, &good).await.status, 201);
}

// AZ-R17: who reads a query with two values of one name takes the first or the last of them.
#[tokio::test]
async fn a_redirect_uri_that_brings_what_answers_bring_is_refused() {
    let op = open().await;
    let mut browser = op.browser();
    for query in [
        "code=x",
        "state=x",
        "iss=https://evil.test",
        "a=1&error=x",
        "response=e.y.s",
        "%63ode=x",
    ] {
        let uri = format!("https://new.test/cb?{query}");
        let answer = register(&mut browser, &json!({"redirect_uris": [uri]})).await;
        assert_refused(&answer, "invalid_redirect_uri", query);
    }
    let good = json!({"redirect_uris": ["https://new.test/cb?a=1&b=code"]});
    let answer = register(&mut browser, &good).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    // What this server adds elsewhere: at the end of a session, in frames, and where others begin a login.
    for (member, uri) in [
        (
            "post_logout_redirect_uris",
            json!(["https://new.test/bye?state=x"]),
        ),
        (
            "frontchannel_logout_uri",
            json!("https://new.test/out?sid=x"),
        ),
        (
            "frontchannel_logout_uri",
            json!("https://new.test/out?a=1&i%73s=x"),
        ),
        ("initiate_login_uri", json!("https://new.test/in?iss=x")),
        (
            "initiate_login_uri",
            json!("https://new.test/in?target_link_uri=x"),
        ),
    ] {
        let answer = register(&mut browser, &with(member, uri.clone())).await;
        assert_refused(&answer, "invalid_client_metadata", &uri.to_string());
        let text = answer.json()["error_description"].to_string();
        assert!(text.contains("this server adds"), "{text}");
    }
}

// RG-03
#[tokio::test]
async fn other_uris_that_could_hurt_are_refused_too() {
    let op = open().await;
    let mut browser = op.browser();
    for uri in BAD_URIS {
        for member in ["post_logout_redirect_uris", "request_uris"] {
            // A request URI may have the fragment that names its content.
            if member == "request_uris" && uri.ends_with('#') {
                continue;
            }
            let answer = register(&mut browser, &with(member, json!([uri]))).await;
            assert_refused(
                &answer,
                "invalid_client_metadata",
                &format!("{member} {uri:?}"),
            );
        }
        for member in [
            "initiate_login_uri",
            "frontchannel_logout_uri",
            "backchannel_logout_uri",
            "jwks_uri",
            "sector_identifier_uri",
        ] {
            if uri.is_empty() {
                continue;
            }
            let answer = register(&mut browser, &with(member, json!(uri))).await;
            assert_refused(
                &answer,
                "invalid_client_metadata",
                &format!("{member} {uri:?}"),
            );
        }
    }
}

// RG-04
#[tokio::test]
async fn links_for_pages_are_web_links() {
    let op = open().await;
    let mut browser = op.browser();
    for member in ["logo_uri", "client_uri", "policy_uri", "tos_uri"] {
        for uri in [
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            " javascript:alert(1)",
            "data:image/svg+xml,x",
            "vbscript:x",
            "file:///x",
            "\u{1}javascript:x",
        ] {
            let answer = register(&mut browser, &with(member, json!(uri))).await;
            assert_refused(
                &answer,
                "invalid_client_metadata",
                &format!("{member} {uri:?}"),
            );
        }
    }
}

// RG-06, RG-09, G7
#[tokio::test]
async fn registering_dials_nobody_but_the_sector() {
    let op = open().await;
    let mut browser = op.browser();
    for member in [
        "jwks_uri",
        "backchannel_logout_uri",
        "initiate_login_uri",
        "logo_uri",
    ] {
        for uri in [
            "https://169.254.169.254/",
            "https://10.0.0.1/x",
            "https://evil.test/x",
        ] {
            register(&mut browser, &with(member, json!(uri))).await;
        }
    }
    let request = with("request_uris", json!(["https://evil.test/request"]));
    assert_eq!(register(&mut browser, &request).await.status, 201);
    assert_eq!(op.fetcher.asked(), Vec::<String>::new());
}

// RG-07, RG-06
#[tokio::test]
async fn nobody_has_a_server_asked_for_sector_documents_without_end() {
    let op = open().await;
    let mut browser = op.browser();
    let metadata = json!({"redirect_uris": ["https://one.test/cb", "https://two.test/cb"],
        "subject_type": "pairwise", "sector_identifier_uri": "https://victim.test/page"});
    let mut statuses = Vec::new();
    for _ in 0..30 {
        let answer = register(&mut browser, &metadata).await;
        let again = answer.header("retry-after").is_some();
        assert_eq!(again, answer.status == 429);
        statuses.push(answer.status);
    }
    statuses.dedup();
    assert_eq!(statuses, [400, 429]);
    assert_eq!(op.fetcher.asked().len(), 10);
}

// RG-07
// RG-06
#[tokio::test]
async fn nobody_has_names_looked_for_without_end() {
    let op = open().await;
    op.fetcher.forbid("https://inside.test");
    op.fetcher.forbid("https://victim");
    let mut browser = op.browser();
    let keys = |uri: &str| with("jwks_uri", json!(uri));
    for number in 0..30 {
        let answer = register(
            &mut browser,
            &keys(&format!("https://inside.test/{number}")),
        )
        .await;
        let expected = if number < 10 { 400 } else { 429 };
        assert_eq!(answer.status, expected, "{number}: {}", answer.text());
    }
    assert_eq!(op.fetcher.looked_up().len(), 10, "one name a few times");
    for number in 0..300 {
        let uri = format!("https://victim-{number}.test/jwks");
        let answer = register(&mut browser, &keys(&uri)).await;
        assert!(matches!(answer.status, 400 | 429), "{}", answer.text());
    }
    assert_eq!(op.fetcher.looked_up().len(), 120, "and all names together");
    // Whoever was given a token is not kept out by those who were not.
    let ask = Ask::json("/register", &keys("https://good.test/jwks"));
    let answer = browser.send(ask.bearer(&op.initial_access_token)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    // What may be called is not counted.
    op.clock.advance(60);
    for _ in 0..30 {
        let answer = register(&mut browser, &keys("https://good.test/jwks")).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_sector_document_lists_every_redirect_uri() {
    let op = open().await;
    let mut browser = op.browser();
    let metadata = |sector: &str| {
        json!({
            "redirect_uris": ["https://one.test/cb", "https://two.test/cb"], "subject_type": "pairwise", "sector_identifier_uri": sector,
        })
    };
    let cases: &[(&str, &[u8])] = &[
        ("missing", br#"["https://one.test/cb"]"#),
        (
            "other",
            br#"["https://one.test/cb","https://two.test/cbx"]"#,
        ),
        (
            "null",
            br#"["https://one.test/cb","https://two.test/cb",null]"#,
        ),
        (
            "numbers",
            br#"["https://one.test/cb","https://two.test/cb",1]"#,
        ),
        (
            "object",
            br#"{"redirect_uris":["https://one.test/cb","https://two.test/cb"]}"#,
        ),
        ("html", b"<html>"),
        ("empty", b""),
        ("not UTF-8", b"[\"\xff\"]"),
    ];
    for (name, document) in cases {
        let uri = format!("https://sector.test/{name}");
        op.fetcher.put(&uri.replace(' ', "%20"), document.to_vec());
        let answer = register(&mut browser, &metadata(&uri.replace(' ', "%20"))).await;
        assert_refused(&answer, "invalid_client_metadata", name);
    }
    // What cannot be fetched gets one text, whatever the reason.
    let mut texts = Vec::new();
    for uri in [
        "https://sector.test/none",
        "https://169.254.169.254/",
        "https://localhost/x",
        "https://10.0.0.1/x",
        "https://[::1]/x",
    ] {
        let answer = register(&mut browser, &metadata(uri)).await;
        assert_refused(&answer, "invalid_client_metadata", uri);
        texts.push(answer.text());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    let two_hosts = json!({"redirect_uris": ["https://one.test/cb", "https://two.test/cb"], "subject_type": "pairwise"});
    assert_refused(
        &register(&mut browser, &two_hosts).await,
        "invalid_client_metadata",
        "two hosts",
    );
    op.fetcher.put(
        "https://sector.test/good",
        br#"["https://two.test/cb","https://one.test/cb","https://three.test/"]"#.to_vec(),
    );
    assert_eq!(
        register(&mut browser, &metadata("https://sector.test/good"))
            .await
            .status,
        201
    );
}

/// The subject of the person in an ID token that a client which registered itself gets for a device.
async fn subject_of_registered(op: &Op, metadata: &Value) -> String {
    let mut browser = op.browser();
    let answer = register(&mut browser, metadata).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = answer.json()["client_id"].as_str().unwrap().to_owned();
    let pairs = [("client_id", &*id), ("scope", "openid")];
    let body = browser.form("/device/auth", &pairs).await.json();
    let mut alice = op.browser();
    alice.sign_in("alice").await;
    device::allow(&mut alice, body["user_code"].as_str().unwrap()).await;
    let code = body["device_code"].as_str().unwrap();
    let tokens = Tokens::of(&browser.send(device::poll_of(&id, code)).await);
    tokens.claims()["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_needs_no_redirect_learns_the_subjects_of_no_sector_by_naming_it() {
    //= test OIDC-CORE#8.1 only who gets its answers at the hosts of a sector is of that sector
    let op = device::setup()
        .policy(|policy| {
            policy.registration.enabled = true;
            policy.registration.open = true;
        })
        .start()
        .await;
    let request = Request::of("pair", "openid");
    let pair = op.browser().flow_of("alice", "pair", &request).await;
    let own = pair.claims()["sub"].as_str().unwrap().to_owned();
    op.fetcher.put(
        "https://pair.test/sector",
        br#"["https://pair.test/cb"]"#.to_vec(),
    );
    let mut seen = vec![own, op.subject("alice").as_str().to_owned()];
    for more in [
        json!({"redirect_uris": ["https://pair.test/cb"], "grant_types": ["authorization_code", device::GRANT]}),
        json!({"redirect_uris": ["https://pair.test/cb"], "grant_types": ["authorization_code", device::GRANT],
            "sector_identifier_uri": "https://pair.test/sector"}),
        json!({"redirect_uris": [], "grant_types": [device::GRANT], "sector_identifier_uri": "https://pair.test/sector"}),
    ] {
        let mut metadata =
            json!({"subject_type": "pairwise", "token_endpoint_auth_method": "none"});
        metadata
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let sub = subject_of_registered(&op, &metadata).await;
        assert!(!seen.contains(&sub), "{metadata}");
        seen.push(sub);
    }
}
