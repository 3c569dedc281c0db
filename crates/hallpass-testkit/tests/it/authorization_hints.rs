//! Authorization requests that say something about the person: silence, hints, fresh sign-ins.

use hallpass_testkit::{Ask, Op, Request, assertion, fixture, html, wire};
use serde_json::json;

use crate::authorization_requests::{assert_refused, signed_in};

// AZ-17
#[tokio::test]
async fn prompt_none_never_shows_a_page() {
    let op = Op::start().await;
    let silent = |client: &str, scope: &str| Request::of(client, scope).with("prompt", "none");
    let mut nobody = op.browser();
    assert_refused(
        &mut nobody,
        &silent("web", "openid"),
        "login_required",
        "no session",
    )
    .await;
    let mut bob = op.browser();
    bob.sign_in("bob").await;
    assert_refused(
        &mut bob,
        &silent("web", "openid"),
        "consent_required",
        "no consent",
    )
    .await;
    let mut alice = signed_in(&op, "web", "openid").await;
    let code = alice.send(silent("web", "openid").get()).await;
    assert!(wire::param(code.location(), "code").is_some());
    assert_refused(
        &mut alice,
        &silent("web", "openid email"),
        "consent_required",
        "wider",
    )
    .await;
    for prompt in [
        "none login",
        "login none",
        "none consent",
        "none none x",
        "none select_account",
    ] {
        let request = Request::of("web", "openid").with("prompt", prompt);
        assert_refused(&mut alice, &request, "invalid_request", prompt).await;
    }
    op.clock.advance(100);
    assert_refused(
        &mut alice,
        &silent("web", "openid").with("max_age", "5"),
        "login_required",
        "too old",
    )
    .await;
    // Somebody else's hint.
    let alices = op.browser().code_flow("first", "openid").await.id.unwrap();
    let hinted = silent("first", "openid").with("id_token_hint", &alices);
    assert_refused(
        &mut bob,
        &hinted,
        "login_required",
        "bob, where alice is expected",
    )
    .await;
    let answer = alice.send(hinted.get()).await;
    assert!(
        wire::param(answer.location(), "code").is_some(),
        "{}",
        answer.location()
    );
}

// AZ-18
#[tokio::test]
async fn a_hint_that_is_not_ours_signs_nobody_in() {
    let op = Op::start().await;
    let genuine = op.browser().code_flow("first", "openid").await.id.unwrap();
    let [head, payload, signature] = genuine.split('.').collect::<Vec<_>>().try_into().unwrap();
    let claims = assertion::payload(&genuine);
    let sign = |claims: &serde_json::Value| assertion::sign(fixture::rsa_key(), claims);
    let mut other_issuer = claims.clone();
    other_issuer["iss"] = json!("https://other.test");
    let mut other_client = claims.clone();
    other_client["aud"] = json!("web2");
    let mut listed = claims.clone();
    listed["aud"] = json!(["first", null]);
    #[rustfmt::skip]
    let hints = [
        ("none", assertion::compact(&json!({"alg": "none"}), claims.to_string().as_bytes(), b"")),
        ("flipped", format!("{head}.{payload}.{}A", &signature[..signature.len() - 1])),
        ("unsigned", format!("{head}.{payload}.")),
        ("another issuer", sign(&other_issuer)), ("another client", sign(&other_client)), ("a list with null", sign(&listed)),
        ("null", assertion::sign_with_header(fixture::rsa_key(), &json!({"alg": "RS256"}), b"null")),
        ("a key of ours for something else", assertion::sign(fixture::pkjwt_key(), &claims)),
        ("JWE", "e30.AA.AA.AA.AA".to_owned()), ("text", "alice".to_owned()), ("marker", fixture::MARKER.to_owned()), ("long", "a.".repeat(3_000)),
    ];
    let mut browser = op.browser();
    browser.sign_in("bob").await;
    for (what, hint) in &hints {
        let request = Request::of("first", "openid").with("id_token_hint", hint);
        for request in [request.clone(), request.with("prompt", "none")] {
            let answer = browser.send(request.get()).await;
            let refused = matches!(
                answer.error().as_str(),
                "invalid_request" | "login_required"
            );
            let asks = answer.location().starts_with("https://op.test/sign-in");
            assert!(refused || asks, "{what}: {}", answer.location());
        }
    }
    // A genuine one that has expired still says whom the client expects.
    op.clock.advance(10_000);
    let request = Request::of("first", "openid").with("id_token_hint", &genuine);
    let answer = browser.send(request.get()).await;
    assert!(
        answer.location().starts_with("https://op.test/sign-in"),
        "{}",
        answer.location()
    );
    let answer = browser.through_pages("alice", answer).await;
    assert!(
        wire::param(answer.location(), "code").is_some(),
        "{}",
        answer.location()
    );
}

// AZ-18: bob signs in where alice is expected
#[tokio::test]
async fn whoever_signs_in_instead_of_the_hinted_person_gets_no_code() {
    let op = Op::start().await;
    let hint = op.browser().code_flow("first", "openid").await.id.unwrap();
    let request = Request::of("first", "openid").with("id_token_hint", &hint);
    let mut browser = op.browser();
    let answer = browser.send(request.get()).await;
    let page = browser.follow(&answer).await;
    let typed = [("username", "bob"), ("password", fixture::password("bob"))];
    let answer = browser
        .press(&page.text(), "login", "sign-in", &typed)
        .await;
    assert_eq!(answer.status, 303);
    assert_eq!(
        wire::param(answer.location(), "code"),
        None,
        "{}",
        answer.location()
    );
}

// AZ-19
#[tokio::test]
async fn asking_for_a_fresh_sign_in_gets_one() {
    let op = Op::start().await;
    let before = op.clock.seconds();
    let mut browser = signed_in(&op, "web", "openid").await;
    op.clock.advance(5);
    for (name, value) in [
        ("max_age", "1"),
        ("max_age", "0"),
        ("max_age", "4"),
        ("prompt", "login"),
        ("prompt", "login consent"),
    ] {
        let request = Request::of("web", "openid").with(name, value);
        let answer = browser.send(request.get()).await;
        let location = answer.location().to_owned();
        assert!(
            location.starts_with("https://op.test/sign-in?"),
            "{name}={value}: {location}"
        );
        // The other pages of the same request are no way around.
        for page in ["consent", "select-account"] {
            let target = location.replace("https://op.test/sign-in", &format!("/{page}"));
            for ask in [
                Ask::get(&target),
                Ask::form(&target, &[("decision", "allow"), ("account", "current")]),
            ] {
                let jumped = browser.send(ask).await;
                let code = jumped
                    .header("location")
                    .and_then(|l| wire::param(l, "code"));
                assert_eq!(code, None, "{name}={value} {page}");
            }
        }
    }

    let tokens = browser
        .flow_of(
            "alice",
            "web",
            &Request::of("web", "openid").with("max_age", "1"),
        )
        .await;
    assert_eq!(tokens.claims()["auth_time"].as_i64(), Some(before + 5));
}

// AZ-19
#[tokio::test]
async fn a_max_age_that_is_no_number_of_seconds_is_refused() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    for value in [
        "-1",
        "1e309",
        "abc",
        "18446744073709551616",
        "1.5",
        "0x10",
        " 1",
        "1 ",
        "\u{661}",
        "+1",
        "NaN",
        "9223372036854775808",
    ] {
        let request = Request::of("web", "openid").with("max_age", value);
        assert_refused(&mut browser, &request, "invalid_request", value).await;
    }
}

// AZ-21
#[tokio::test]
async fn a_login_hint_fills_a_field_and_tells_nothing() {
    let op = Op::start().await;
    let mut pages = Vec::new();
    for hint in ["alice", "nobody", "carol"] {
        let mut browser = op.browser();
        let answer = browser
            .send(Request::of("web", "openid").with("login_hint", hint).get())
            .await;
        let page = browser.follow(&answer).await;
        assert_eq!(
            html::form(&page.text(), "login").field("username"),
            Some(hint)
        );
        let handle = wire::param(answer.location(), "handle").unwrap();
        // A challenge for passkeys is another one in each browser.
        let text = page.text().replace(hint, "NAME").replace(&handle, "HANDLE");
        let (before, after) = text.split_once(" data-options=\"").unwrap();
        let (_, after) = after.split_once('"').unwrap();
        pages.push(format!("{before}{after}"));
    }
    pages.dedup();
    assert_eq!(pages.len(), 1);
    let mut browser = op.browser();
    for hint in [
        fixture::MARKER,
        "https://evil.test/",
        "\"><script>alert(1)</script>",
        "a\u{0000}b",
    ] {
        let answer = browser
            .send(Request::of("web", "openid").with("login_hint", hint).get())
            .await;
        if answer.status == 303 && answer.error().is_empty() {
            let page = browser.follow(&answer).await;
            assert_eq!(
                html::form(&page.text(), "login").field("username"),
                Some(hint)
            );
        }
    }
    let long = Request::of("web", "openid").with("login_hint", &"a".repeat(60_000));
    assert!(matches!(
        browser.send(long.post()).await.status,
        303 | 400 | 413
    ));
    let endless = Request::of("web", "openid").with("login_hint", &"a".repeat(1_000_000));
    assert_eq!(browser.send(endless.post()).await.status, 413);
}

// AZ-35
#[tokio::test]
async fn pages_that_are_called_by_hand_show_nothing_of_their_address() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let query = wire::encode(&[
        ("error", "zq-error"),
        ("error_description", "call +1-800-zq"),
        ("error_hint", "<script>zq</script>"),
        ("error_uri", "javascript:zq"),
        ("message", "zq"),
        ("return_to", "//zq.test"),
        ("next", "https://zq.test"),
        ("continue", "zq"),
        ("rd", "zq"),
        ("state", "zq"),
        ("handle", "zq"),
    ]);
    for path in [
        "/",
        "/error",
        "/sign-in",
        "/consent",
        "/select-account",
        "/logout",
        "/logout/confirm",
        "/signed-out",
        "/nowhere",
        "/authorize",
        "/demo",
    ] {
        let answer = browser.get(&format!("{path}?{query}")).await;
        assert!(!answer.text().contains("zq"), "{path}: {}", answer.text());
        assert!(
            !answer
                .header("location")
                .unwrap_or_default()
                .contains("zq.test"),
            "{path}"
        );
    }
}

// AZ-36
#[tokio::test]
async fn languages_that_do_not_exist_are_ignored() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    let long = "x".repeat(5_000);
    for locale in [
        "../../etc/passwd",
        &long,
        "de-DE zq",
        "\u{0}",
        "%00",
        fixture::MARKER,
    ] {
        let request = Request::of("web", "openid")
            .with("ui_locales", locale)
            .with("claims_locales", locale)
            .with("prompt", "login");
        let ask = request
            .post()
            .header("Accept-Language", "../../etc/passwd, zq;q=9");
        let answer = browser.send(ask).await;
        assert!(
            matches!(answer.status, 303 | 400),
            "{locale:.20}: {}",
            answer.status
        );
    }
}

// AZ-40
#[tokio::test]
async fn the_address_of_a_page_holds_nothing_that_can_be_read() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid email")
        .with("login_hint", "zq-person@example.test")
        .with("state", "zq-state");
    let answer = browser.send(request.get()).await;
    let handle = wire::param(answer.location(), "handle").unwrap();
    let bytes = hallpass_jose::base64url::decode(&handle).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    for secret in ["zq", "openid", "web", "rp.test"] {
        assert!(!text.contains(secret), "{secret}");
        assert!(browser.cookies().iter().all(|(_, v)| !v.contains(secret)));
    }
    let page = browser.follow(&answer).await;
    assert!(matches!(
        page.header("referrer-policy"),
        Some("same-origin" | "no-referrer")
    ));
    // Every change of it is seen.
    for at in (0..handle.len()).step_by(17) {
        let mut changed = handle.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let target = format!("/sign-in?handle={}", String::from_utf8(changed).unwrap());
        let answer = browser.get(&target).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_request"),
            "{at}"
        );
    }
}

// AZ-20: a class of authentication that sign-in cannot reach
#[tokio::test]
async fn an_essential_class_that_cannot_be_reached_is_not_pretended() {
    let op = Op::start().await;
    let mut browser = signed_in(&op, "web", "openid").await;
    for claims in [
        r#"{"id_token":{"acr":{"essential":true,"value":"urn:mace:incommon:iap:silver"}}}"#,
        r#"{"id_token":{"acr":{"essential":true,"values":["phr","phrh"]}}}"#,
    ] {
        let request = Request::of("web", "openid").with("claims", claims);
        let mut answer = browser.send(request.get()).await;
        if answer.location().starts_with("https://op.test/") {
            answer = browser.through_pages("alice", answer).await;
        }
        let location = answer.header("location").unwrap_or_default();
        assert_eq!(wire::param(location, "code"), None, "{claims}");
    }
    // A wish is a wish.
    let request = Request::of("web", "openid").with("acr_values", "phr phrh");
    let tokens = browser.flow_of("alice", "web", &request).await;
    let told = tokens.claims()["acr"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(!told.starts_with("phr"), "{told}");
}
