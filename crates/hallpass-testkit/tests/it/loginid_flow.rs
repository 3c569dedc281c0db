//! What LoginID documents of the flow itself: redirects, tokens, errors, grants, UserInfo, hints. At its paths; none of this
//! needs the switch for its weak habits.

use hallpass_core::policy::Routes;
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Tokens, fixture,
    flow::{VERIFIER, redirect_uri},
    wire,
};
use serde_json::Value;

async fn project() -> Op {
    Op::with(|policy| {
        policy.routes = Routes::profile("loginid").unwrap();
        policy.lifetimes.access_token = 3600;
    })
    .await
}

/// A request at `/oidc/auth`.
fn asked(request: &Request) -> Ask {
    let mut ask = request.get();
    ask.target = ask.target.replace("/authorize?", "/oidc/auth?");
    ask
}

async fn redeem(browser: &mut Browser, client: &str, code: &str) -> Answer {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri(client)),
        ("code_verifier", VERIFIER),
    ];
    browser.call(client, "/oidc/token", &pairs).await
}

async fn code(browser: &mut Browser, client: &str, scope: &str) -> String {
    let answer = browser.send(asked(&Request::of(client, scope))).await;
    let answer = browser.through_pages("alice", answer).await;
    wire::param(answer.location(), "code").unwrap()
}

#[tokio::test]
async fn l28_success_and_error_come_back_with_the_state_and_the_issuer() {
    let op = project().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid").with("state", "a b&c=\u{e9}");
    let answer = browser.send(asked(&request)).await;
    let answer = browser.through_pages("alice", answer).await;
    let good = answer.location().to_owned();
    assert!(good.starts_with("https://rp.test/cb?"), "{good}");
    assert!(wire::param(&good, "code").is_some() && wire::param(&good, "error").is_none());
    let silent = Request::of("web2", "openid").with("state", "a b&c=\u{e9}");
    let refused = [
        (silent.clone().with("prompt", "none"), "consent_required"),
        (
            silent.clone().without("scope").with("scope", "\u{1}"),
            "invalid_scope",
        ),
        (
            silent.with("code_challenge_method", "plain"),
            "invalid_request",
        ),
    ];
    let mut all = vec![good];
    for (request, error) in refused {
        let answer = browser.send(asked(&request)).await;
        let location = answer.location().to_owned();
        assert!(location.starts_with("https://rp2.test/cb?"), "{location}");
        assert_eq!(wire::param(&location, "error").as_deref(), Some(error));
        assert!(
            wire::param(&location, "error_description").is_some(),
            "{location}"
        );
        assert!(wire::param(&location, "code").is_none());
        all.push(location);
    }
    for location in all {
        assert_eq!(
            wire::param(&location, "state").as_deref(),
            Some("a b&c=\u{e9}"),
            "{location}"
        );
        assert_eq!(
            wire::param(&location, "iss").as_deref(),
            Some(fixture::ISSUER),
            "{location}"
        );
    }
}

#[tokio::test]
async fn l29_the_authorization_endpoint_takes_a_query_and_a_form_and_nothing_else() {
    let op = project().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let request = Request::of("first", "openid");
    let answer = browser.send(asked(&request)).await;
    assert!(wire::param(answer.location(), "code").is_some());
    let mut post = request.post();
    post.target = "/oidc/auth".to_owned();
    let answer = browser.send(post.clone()).await;
    assert!(wire::param(answer.location(), "code").is_some());
    for method in ["PUT", "DELETE", "HEAD", "PATCH"] {
        let answer = browser.send(asked(&request).method(method)).await;
        assert_eq!(answer.status, 405, "{method}");
    }
    let body = String::from_utf8(post.body).unwrap();
    let json = Ask::post("/oidc/auth", "application/json", body);
    assert!(matches!(browser.send(json).await.status, 400 | 415));
}

#[tokio::test]
async fn l30_a_token_response_has_what_was_granted_and_is_kept_by_nobody() {
    let op = project().await;
    let mut browser = op.browser();
    for (scope, lasting) in [("openid", false), ("openid offline_access", true)] {
        let code = code(&mut browser, "web", scope).await;
        let answer = redeem(&mut browser, "web", &code).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.media(), "application/json");
        let body = answer.json();
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 3600);
        assert!(body["id_token"].is_string() && body["access_token"].is_string());
        assert_eq!(body["refresh_token"].is_string(), lasting, "{body}");
    }
}

#[tokio::test]
async fn l31_an_error_is_json_with_a_code_and_a_description() {
    let op = project().await;
    let mut browser = op.browser();
    let code = code(&mut browser, "web", "openid").await;
    let grant = |kind| {
        [
            ("grant_type", kind),
            ("code", "x"),
            ("redirect_uri", fixture::WEB_CB),
        ]
    };
    let mut answers = vec![
        (
            browser
                .form("/oidc/token", &grant("authorization_code"))
                .await,
            401,
            "invalid_client",
        ),
        (
            browser
                .call("web", "/oidc/token", &grant("authorization_code"))
                .await,
            400,
            "invalid_grant",
        ),
        (
            browser.call("web", "/oidc/token", &grant("password")).await,
            400,
            "unsupported_grant_type",
        ),
        (
            browser.call("web", "/oidc/token", &[]).await,
            400,
            "invalid_request",
        ),
    ];
    let stranger = browser.ask_as("web2", "/oidc/token", &grant("authorization_code"));
    answers.push((browser.send(stranger).await, 400, "invalid_grant"));
    let wrong = Ask::form("/oidc/token", &grant("authorization_code")).basic("web", "wrong");
    answers.push((browser.send(wrong).await, 401, "invalid_client"));
    answers.push((
        redeem(&mut browser, "web2", &code).await,
        400,
        "invalid_grant",
    ));
    for (answer, status, error) in answers {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.media(), "application/json");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body = answer.json();
        assert_eq!(body["error"], error);
        assert!(!body["error_description"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn l32_a_public_application_refreshes_by_its_name_and_a_redirect_uri_means_nothing() {
    let op = project().await;
    let mut browser = op.browser();
    let code = code(&mut browser, "spa", "openid offline_access").await;
    let tokens = Tokens::of(&redeem(&mut browser, "spa", &code).await);
    let refresh = async |browser: &mut Browser, token: &str, client: &str, uri: &str| {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("client_id", client),
            ("refresh_token", token),
            ("redirect_uri", uri),
        ];
        browser.form("/oidc/token", &pairs).await
    };
    let one = refresh(&mut browser, tokens.refresh(), "spa", fixture::SPA_CB).await;
    let one = Tokens::of(&one);
    let two = refresh(&mut browser, one.refresh(), "spa", "https://evil.test/cb").await;
    let two = Tokens::of(&two);
    assert!(two.id.is_some() && two.refresh.is_some());
    // Not by another name, and not by a name that has a secret.
    let answer = refresh(&mut browser, two.refresh(), "spa2", fixture::SPA_CB).await;
    assert_eq!(answer.error(), "invalid_grant");
    let answer = refresh(&mut browser, two.refresh(), "web", fixture::SPA_CB).await;
    assert_eq!(answer.error(), "invalid_client");
}

#[tokio::test]
async fn l33_client_credentials_are_for_confidential_applications() {
    let op = project().await;
    let mut browser = op.browser();
    let grant = [("grant_type", "client_credentials")];
    let answer = browser.call("web", "/oidc/token", &grant).await;
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["expires_in"]),
        (200, &Value::from(3600)),
        "{body}"
    );
    assert!(
        body.get("id_token").is_none() && body.get("refresh_token").is_none(),
        "{body}"
    );
    let public = [("grant_type", "client_credentials"), ("client_id", "spa")];
    let answer = browser.form("/oidc/token", &public).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "unauthorized_client")
    );
    // Scopes that mean a person are none of a client's own.
    for scope in ["openid", "offline_access", "openid api:read"] {
        let pairs = [("grant_type", "client_credentials"), ("scope", scope)];
        let answer = browser.call("web", "/oidc/token", &pairs).await;
        let ok = answer.status == 400 || !answer.text().contains("openid");
        assert!(
            ok && !answer.text().contains("id_token"),
            "{scope}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn l34_an_id_token_verifies_by_the_published_keys_and_says_whom_it_is_for() {
    let op = project().await;
    let mut browser = op.browser();
    let code = code(&mut browser, "web", "openid").await;
    let tokens = Tokens::of(&redeem(&mut browser, "web", &code).await);
    let id_token = tokens.id.as_deref().unwrap();
    let claims = op.verified("web", id_token);
    for name in ["iss", "sub", "aud", "exp", "iat", "nonce"] {
        assert!(claims.get(name).is_some(), "{name}: {claims}");
    }
    assert_eq!(claims["nonce"], "the-nonce");
    assert_eq!(claims["sub"], op.subject("alice").as_str());
    // The key is among those that anybody reads.
    let header = hallpass_testkit::assertion::header(id_token);
    let keys = browser.get("/oidc/keys").await.json();
    let keys = keys["keys"].as_array().unwrap().clone();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    assert_eq!(key["alg"], header["alg"]);
    assert!(key.get("d").is_none());
}

#[tokio::test]
async fn l35_userinfo_takes_get_and_post_with_a_token_in_the_header() {
    let op = project().await;
    let mut browser = op.browser();
    for (scope, told) in [("openid", false), ("openid email", true)] {
        let code = code(&mut browser, "web", scope).await;
        let tokens = Tokens::of(&redeem(&mut browser, "web", &code).await);
        for method in ["GET", "POST"] {
            let ask = Ask::new(method, "/oidc/userinfo").bearer(&tokens.access);
            let answer = browser.send(ask).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let body = answer.json();
            assert_eq!(body["sub"], op.subject("alice").as_str());
            assert_eq!(body.get("email").is_some(), told, "{body}");
            assert_eq!(body.get("email_verified").is_some(), told, "{body}");
        }
        let in_query = format!("/oidc/userinfo?access_token={}", tokens.access);
        assert!(matches!(browser.get(&in_query).await.status, 400 | 401));
        let of_id = Ask::get("/oidc/userinfo").bearer(tokens.id.as_deref().unwrap());
        for ask in [
            Ask::get("/oidc/userinfo"),
            Ask::get("/oidc/userinfo").bearer("x"),
            of_id,
        ] {
            let answer = browser.send(ask).await;
            assert_eq!(answer.status, 401);
            assert!(
                answer
                    .header("www-authenticate")
                    .unwrap()
                    .starts_with("Bearer")
            );
        }
    }
}

#[tokio::test]
async fn l39_an_id_token_that_has_expired_is_a_hint_all_the_same() {
    let op = project().await;
    let mut browser = op.browser();
    let code = code(&mut browser, "web", "openid").await;
    let tokens = Tokens::of(&redeem(&mut browser, "web", &code).await);
    let hint = tokens.id.unwrap();
    op.clock.advance(3 * 86_400);
    let silent = Request::of("web", "openid")
        .with("prompt", "none")
        .with("id_token_hint", &hint);
    let answer = browser.send(asked(&silent)).await;
    assert!(
        wire::param(answer.location(), "code").is_some(),
        "{}",
        answer.location()
    );
    // Not with a flipped bit, not for somebody else, not of another issuer.
    let mut forged = hint.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'B' } else { 'A' });
    let mut cut = hint.clone();
    cut.truncate(hint.rfind('.').unwrap() + 1);
    for bad in [forged.replace("eyJ", "eyK"), cut, "x".to_owned()] {
        let request = Request::of("web", "openid")
            .with("prompt", "none")
            .with("id_token_hint", &bad);
        let answer = browser.send(asked(&request)).await;
        assert!(!answer.error().is_empty(), "{}", answer.text());
    }
    let pairs = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", "https://rp.test/bye"),
        ("state", "s"),
    ];
    let answer = browser.query("/logout", &pairs).await;
    assert_eq!(answer.location(), "https://rp.test/bye?state=s");
    let answer = browser.send(asked(&silent)).await;
    assert_eq!(answer.error(), "login_required", "signed out");
}

// TK-42
#[tokio::test]
async fn l43_browser_applications_may_call_from_their_origin_and_no_other() {
    let op = project().await;
    let mut browser = op.browser();
    let everybody = ["/oidc/keys", "/oidc/.well-known/openid-configuration"];
    for (origin, known) in [
        ("https://spa.test", true),
        ("https://evil.test", false),
        ("null", false),
    ] {
        for path in ["/oidc/token", "/oidc/userinfo", "/oidc/revoke"] {
            let preflight = Ask::new("OPTIONS", path)
                .header("Origin", origin)
                .header("Access-Control-Request-Method", "POST")
                .header(
                    "Access-Control-Request-Headers",
                    "content-type, authorization",
                );
            let call = Ask::form(path, &[("client_id", "spa")]).header("Origin", origin);
            for ask in [preflight, call] {
                let answer = browser.send(ask).await;
                let allowed = answer.header("access-control-allow-origin");
                assert_eq!(allowed, known.then_some(origin), "{path} from {origin}");
                assert_eq!(answer.header("access-control-allow-credentials"), None);
            }
        }
        for path in everybody {
            let answer = browser.send(Ask::get(path).header("Origin", origin)).await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                Some("*"),
                "{path}"
            );
        }
        let page = Ask::get("/oidc/auth?client_id=spa").header("Origin", origin);
        let answer = browser.send(page).await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    // Revocation by JSON, where the issuer puts up with it, is not for other origins either.
    let op = Op::with(|policy| policy.compatibility.loginid = true).await;
    let mut browser = op.browser();
    for (origin, known) in [("https://spa.test", true), ("https://evil.test", false)] {
        let ask = Ask::json("/revoke", &serde_json::json!({"token": "x"})).header("Origin", origin);
        let answer = browser.send(ask).await;
        let allowed = answer.header("access-control-allow-origin");
        assert_eq!(allowed, known.then_some(origin));
    }
}
