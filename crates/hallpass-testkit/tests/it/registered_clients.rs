//! The management of clients that registered themselves.

use hallpass_testkit::{Ask, Browser, Op, fixture};
use serde_json::{Value, json};

use crate::registration::{open, register};

// R8.5, RG-11, RG-12
#[tokio::test]
async fn a_registration_is_managed_with_its_own_token_only() {
    //= test RFC7592#2 an unknown client and a wrong token are both answered with 401
    let op = open().await;
    let mut browser = op.browser();
    let one = register(
        &mut browser,
        &json!({"redirect_uris": ["https://one.test/cb"]}),
    )
    .await
    .json();
    let two = register(
        &mut browser,
        &json!({"redirect_uris": ["https://two.test/cb"]}),
    )
    .await
    .json();
    let text = |client: &Value, name: &str| client[name].as_str().unwrap().to_owned();
    let path = format!("/register/{}", text(&one, "client_id"));
    let (token, other) = (
        text(&one, "registration_access_token"),
        text(&two, "registration_access_token"),
    );
    let update =
        json!({"client_id": one["client_id"], "redirect_uris": ["https://one.test/other"]});
    let asks = |bearer: Option<&str>, path: &str| {
        let authorized = |ask: Ask| match bearer {
            Some(token) => ask.bearer(token),
            None => ask,
        };
        [
            authorized(Ask::get(path)),
            authorized(Ask::json(path, &update).method("PUT")),
            authorized(Ask::new("DELETE", path)),
        ]
    };
    for bearer in [
        None,
        Some(other.as_str()),
        Some(&op.initial_access_token),
        Some("x"),
        Some("hpm_x"),
    ] {
        for ask in asks(bearer, &path) {
            assert_eq!(browser.send(ask).await.status, 401, "{bearer:?}");
        }
    }
    // A client of the operator's has no such token, and an unknown one looks the same.
    for path in [
        "/register/web",
        "/register/nobody",
        "/register/%00",
        "/register/%ff",
        "/register/a%2fb",
    ] {
        for ask in asks(Some(&token), path) {
            assert!(
                matches!(browser.send(ask).await.status, 401 | 404),
                "{path}"
            );
        }
    }
    #[rustfmt::skip]
    let bad_updates = [
        json!({"redirect_uris": ["https://one.test/cb"]}), json!({"client_id": "web", "redirect_uris": ["https://one.test/cb"]}),
        json!({"client_id": one["client_id"]}), json!({"client_id": one["client_id"], "redirect_uris": ["javascript:alert(1)"]}),
        json!({"client_id": one["client_id"], "redirect_uris": ["https://one.test/cb"], "client_secret": "chosen"}),
        json!({"client_id": one["client_id"], "redirect_uris": ["https://one.test/cb"], "registration_access_token": token}),
        json!({"client_id": one["client_id"], "redirect_uris": ["https://one.test/cb"], "client_secret_expires_at": 5}),
        json!({"client_id": one["client_id"], "redirect_uris": ["https://one.test/cb"], "response_types": ["token"]}),
    ];
    for body in bad_updates {
        let answer = browser
            .send(Ask::json(&path, &body).method("PUT").bearer(&token))
            .await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    }
    let read = browser.send(Ask::get(&path).bearer(&token)).await.json();
    assert_eq!(read["redirect_uris"], json!(["https://one.test/cb"]));
    let mut wider = update.clone();
    (wider["skip_consent"], wider["resources"]) = (json!(true), json!([fixture::API1]));
    let changed = browser
        .send(Ask::json(&path, &wider).method("PUT").bearer(&token))
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(
        changed.json()["redirect_uris"],
        json!(["https://one.test/other"])
    );
    assert_eq!(changed.json().get("skip_consent"), None);
    assert_eq!(changed.json().get("resources"), None);
    for method in ["POST", "PATCH", "TRACE"] {
        assert_eq!(
            browser
                .send(Ask::new(method, &path).bearer(&token))
                .await
                .status,
            405,
            "{method}"
        );
    }
    assert_eq!(
        browser
            .send(Ask::new("DELETE", &path).bearer(&token))
            .await
            .status,
        204
    );
    for ask in asks(Some(&token), &path) {
        assert_eq!(browser.send(ask).await.status, 401);
    }
    let ask = Ask::form(
        "/token",
        &[("grant_type", "authorization_code"), ("code", "x")],
    );
    let answer = browser
        .send(ask.basic(&text(&one, "client_id"), &text(&one, "client_secret")))
        .await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
}

// RG-11
#[tokio::test]
async fn a_client_that_an_operator_switched_off_cannot_bring_itself_back() {
    let op = open().await;
    let mut browser = op.browser();
    let client = register(
        &mut browser,
        &json!({"redirect_uris": ["https://one.test/cb"]}),
    )
    .await
    .json();
    let id = client["client_id"].as_str().unwrap();
    let token = client["registration_access_token"].as_str().unwrap();
    op.disable_client(id).await;
    let path = format!("/register/{id}");
    let update =
        json!({"client_id": id, "redirect_uris": ["https://one.test/cb"], "disabled": false});
    for ask in [
        Ask::get(&path),
        Ask::json(&path, &update).method("PUT"),
        Ask::new("DELETE", &path),
    ] {
        assert_eq!(browser.send(ask.bearer(token)).await.status, 401);
    }
}

#[tokio::test]
async fn a_client_that_asks_for_what_is_no_longer_offered_is_unknown_and_no_failure_of_ours() {
    let op = open().await;
    let mut browser = op.browser();
    let request = json!({"redirect_uris": ["https://one.test/cb"]});
    let one = register(&mut browser, &request).await.json();
    let id = one["client_id"].as_str().unwrap();
    op.change_client(id, |metadata| {
        metadata.insert("id_token_signed_response_alg".to_owned(), json!("PS512"));
    })
    .await;
    let path = format!("/authorize?client_id={id}&response_type=code&scope=openid");
    let answer = browser.get(&path).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

/// What a page at `origin` may read of the answers to a preflight and to the request itself.
async fn readable(browser: &mut Browser, origin: &str, ask: Ask) -> [Option<String>; 2] {
    let preflight = Ask::new("OPTIONS", ask.path())
        .header("Origin", origin)
        .header("Access-Control-Request-Method", &ask.method)
        .header(
            "Access-Control-Request-Headers",
            "authorization,content-type",
        );
    let mut may = [None, None];
    for (ask, may) in [preflight, ask.header("Origin", origin)]
        .into_iter()
        .zip(&mut may)
    {
        let method = ask.method.clone();
        let answer = browser.send(ask).await;
        assert_eq!(
            answer.header("access-control-allow-credentials"),
            None,
            "{origin}"
        );
        assert_eq!(answer.header("vary"), Some("Origin"), "{method} {origin}");
        let allowed = answer.header("access-control-allow-origin");
        *may = allowed.map(str::to_owned);
        if method == "OPTIONS" {
            assert_eq!(answer.status, 204);
            let named = |name: &str| answer.header(name).unwrap_or_default().to_owned();
            let headers = named("access-control-allow-headers");
            let known = headers.contains("Authorization") && headers.contains("Content-Type");
            assert_eq!(known, may.is_some(), "{origin} {headers}");
            let methods = named("access-control-allow-methods");
            assert!(!methods.contains('*'), "{methods}");
        }
    }
    may
}

// UI-09
#[tokio::test]
async fn browser_applications_register_themselves_where_anybody_may() {
    let op = open().await;
    let mut browser = op.browser();
    let metadata = json!({
        "redirect_uris": ["http://localhost:6274/oauth/callback"], "token_endpoint_auth_method": "none",
    });
    for (origin, may) in [
        ("http://localhost:6274", true),
        ("https://unheard-of.test", true),
        ("http://unheard-of.test", false),
        ("https://unheard-of.test/", false),
        ("null", false),
        ("*", false),
        ("https://a.test, https://b.test", false),
        ("chrome-extension://abcdefghijklmnop", false),
    ] {
        let ask = Ask::json("/register", &metadata);
        let expected = may.then(|| origin.to_owned());
        let read = readable(&mut browser, origin, ask).await;
        assert_eq!(read, [expected.clone(), expected], "{origin}");
    }
    // What it got it can read, change and give up, and it gets on to the token endpoint.
    let origin = "http://localhost:6274";
    let answer = register(&mut browser, &metadata).await.json();
    let path = format!("/register/{}", answer["client_id"].as_str().unwrap());
    let token = answer["registration_access_token"].as_str().unwrap();
    let update = json!({
        "client_id": answer["client_id"], "redirect_uris": metadata["redirect_uris"],
        "token_endpoint_auth_method": "none",
    });
    for ask in [
        Ask::get(&path).bearer(token),
        Ask::json(&path, &update).method("PUT").bearer("hpm_wrong"),
        Ask::new("DELETE", &path),
    ] {
        let read = readable(&mut browser, origin, ask).await;
        assert_eq!(read, [Some(origin.to_owned()), Some(origin.to_owned())]);
    }
    op.clock.advance(2);
    let tried = Ask::form("/token", &[("client_id", "nobody")]);
    let read = readable(&mut browser, origin, tried).await;
    assert_eq!(read, [Some(origin.to_owned()), Some(origin.to_owned())]);
    // Without the header nothing is said of origins.
    let plain = register(&mut browser, &metadata).await;
    assert_eq!(plain.header("access-control-allow-origin"), None);
}

// UI-09
#[tokio::test]
async fn where_a_token_is_needed_only_known_browser_applications_read_registrations() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let metadata = json!({"redirect_uris": ["https://new.test/cb"]});
    for (origin, may) in [
        ("https://spa.test", true),
        ("https://rp.test", false),
        ("https://evil.test", false),
        ("null", false),
    ] {
        let expected = may.then(|| origin.to_owned());
        for ask in [
            Ask::json("/register", &metadata).bearer(&op.initial_access_token),
            Ask::json("/register", &metadata),
            Ask::get("/register/web").bearer("hpm_x"),
        ] {
            let read = readable(&mut browser, origin, ask).await;
            assert_eq!(read, [expected.clone(), expected.clone()], "{origin}");
        }
    }
    // Where nobody registers there is nothing to preflight either.
    let off = Op::with(|policy| policy.registration.enabled = false).await;
    for path in ["/register", "/register/web"] {
        let preflight = Ask::new("OPTIONS", path)
            .header("Origin", "https://spa.test")
            .header("Access-Control-Request-Method", "POST");
        let answer = off.browser().send(preflight).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}
