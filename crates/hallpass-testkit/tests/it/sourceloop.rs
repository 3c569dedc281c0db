//! Rows of what SourceLoop's service offered or promised, as its applications see them.

use hallpass_testkit::{Browser, Op, Request, Setup, fixture::Seed, html, wire};
use serde_json::json;

async fn metadata(op: &Op) -> serde_json::Value {
    let answer = op.browser().get("/.well-known/openid-configuration").await;
    answer.json()
}

#[tokio::test]
async fn s06_introspection_and_revocation_exist_and_are_advertised() {
    let op = Op::start().await;
    let told = metadata(&op).await;
    assert_eq!(told["introspection_endpoint"], "https://op.test/introspect");
    assert_eq!(told["revocation_endpoint"], "https://op.test/revoke");
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", "openid offline_access").await;
    assert!(browser.is_active("web", &tokens.access).await);
    let answer = browser
        .call("web", "/revoke", &[("token", &tokens.access)])
        .await;
    assert_eq!(answer.status, 200);
    assert!(!browser.is_active("web", &tokens.access).await);
    for path in ["/introspect", "/revoke"] {
        let answer = browser.form(path, &[("token", &tokens.access)]).await;
        assert_eq!(answer.error(), "invalid_client", "{path}");
    }
}

#[tokio::test]
async fn s07_what_is_switched_on_appears_in_the_metadata_and_what_is_not_is_nowhere() {
    let off = Op::with(|policy| {
        policy.device.enabled = false;
        policy.requests.pushed = false;
        policy.registration.enabled = false;
    })
    .await;
    let on = Op::with(|policy| policy.device.enabled = true).await;
    let (without, with) = (metadata(&off).await, metadata(&on).await);
    for (member, path) in [
        ("device_authorization_endpoint", "/device/auth"),
        ("pushed_authorization_request_endpoint", "/par"),
        ("registration_endpoint", "/register"),
    ] {
        assert!(without.get(member).is_none(), "{member}");
        assert_eq!(with[member], format!("https://op.test{path}"));
        assert_eq!(off.browser().form(path, &[]).await.status, 404, "{path}");
        assert_ne!(on.browser().form(path, &[]).await.status, 404, "{path}");
    }
    let grants = with["grant_types_supported"].as_array().unwrap();
    for grant in [
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
    ] {
        assert!(grants.contains(&json!(grant)), "{grant}");
    }
}

#[tokio::test]
async fn s08_signing_out_with_a_hint_goes_back_and_without_one_asks() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", "openid").await;
    let answer = browser.get("/logout").await;
    let page = if answer.status == 303 {
        browser.follow(&answer).await
    } else {
        answer
    };
    assert!(!html::forms(&page.text()).is_empty(), "the person is asked");
    let silent = Request::of("web", "openid").with("prompt", "none");
    let answer = browser.send(silent.get()).await;
    assert!(
        wire::param(answer.location(), "code").is_some(),
        "still here"
    );
    let hint = tokens.id.unwrap();
    let mut pairs = vec![
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", "https://evil.test/bye"),
    ];
    let answer = browser.query("/logout", &pairs).await;
    assert!(
        answer
            .header("location")
            .is_none_or(|to| !to.contains("evil.test"))
    );
    pairs[1].1 = "https://rp.test/bye";
    let answer = browser.query("/logout", &pairs).await;
    assert_eq!(answer.location(), "https://rp.test/bye");
    let answer = browser.send(silent.get()).await;
    assert_eq!(answer.error(), "login_required");
}

#[tokio::test]
async fn s09_a_session_spares_the_next_sign_in_unless_the_client_wants_one() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("first", "openid");
    let silent = request.clone().with("prompt", "none");
    assert_eq!(browser.send(silent.get()).await.error(), "login_required");
    browser.sign_in("alice").await;
    let has_code =
        |answer: &hallpass_testkit::Answer| wire::param(answer.location(), "code").is_some();
    assert!(has_code(&browser.send(request.get()).await));
    assert!(has_code(&browser.send(silent.get()).await));
    let fresh = request.clone().with("prompt", "login");
    assert!(!has_code(&browser.send(fresh.get()).await));
    let aged = request.clone().with("max_age", "60");
    assert!(has_code(&browser.send(aged.get()).await));
    op.clock.advance(61);
    assert!(!has_code(&browser.send(aged.get()).await));
    let aged = silent.with("max_age", "60");
    assert_eq!(browser.send(aged.get()).await.error(), "login_required");
}

#[tokio::test]
async fn s12_a_client_without_a_redirect_uri_begins_no_flow() {
    let machine = Seed {
        id: "bare",
        secret: Some("hpk_bare-0123456789abcdefghijklmnopqrstuvwxyz"),
        disabled: false,
        metadata: json!({"grant_types": ["client_credentials"]}),
    };
    let op = Setup::default().client(machine).start().await;
    let mut browser = op.browser();
    let base = Request::of("web", "openid").with("client_id", "bare");
    for request in [
        base.clone(),
        base.clone().without("redirect_uri"),
        base.clone()
            .with("redirect_uri", "https://oidcdebugger.com/debug"),
        base.with("redirect_uri", ""),
    ] {
        let answer = browser.send(request.get()).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.header("location"), None);
    }
    // One that has redirect URIs says which, too.
    let answer = browser
        .send(Request::of("web", "openid").without("redirect_uri").get())
        .await;
    assert_eq!((answer.status, answer.header("location")), (400, None));
}

#[tokio::test]
async fn s15_a_refresh_token_outlives_its_access_token_rotates_and_is_not_used_twice() {
    let op = Op::start().await;
    let mut browser: Browser = op.browser();
    let tokens = browser.code_flow("spa", "openid offline_access").await;
    let lifetimes = op.provider.policy().lifetimes;
    op.clock.advance(lifetimes.access_token + 1);
    assert_eq!(browser.userinfo(&tokens.access).await.status, 401);
    let next = hallpass_testkit::Tokens::of(&browser.refresh("spa", tokens.refresh()).await);
    assert_ne!(next.refresh(), tokens.refresh());
    assert_eq!(browser.userinfo(&next.access).await.status, 200);
    // Used: from now on its parent is a sign of theft.
    let last = hallpass_testkit::Tokens::of(&browser.refresh("spa", next.refresh()).await);
    let answer = browser.refresh("spa", tokens.refresh()).await;
    assert_eq!(answer.error(), "invalid_grant");
    assert_eq!(
        browser.refresh("spa", last.refresh()).await.error(),
        "invalid_grant"
    );
    assert_eq!(browser.userinfo(&last.access).await.status, 401);
    // Its own end.
    let tokens = browser.code_flow("spa", "openid offline_access").await;
    op.clock.advance(lifetimes.refresh_idle);
    let answer = browser.refresh("spa", tokens.refresh()).await;
    assert_eq!(answer.error(), "invalid_grant");
}

#[tokio::test]
async fn s42_public_clients_need_a_challenge_by_s256_and_plain_does_not_exist() {
    let op = Op::start().await;
    let told = metadata(&op).await;
    assert_eq!(told["code_challenge_methods_supported"], json!(["S256"]));
    let mut browser = op.browser();
    for client in ["spa", "web"] {
        let good = Request::of(client, "openid");
        for bad in [
            good.clone()
                .without("code_challenge")
                .without("code_challenge_method"),
            good.clone().with("code_challenge_method", "plain"),
            good.clone().without("code_challenge_method"),
            good.with("code_challenge", "x"),
        ] {
            let answer = browser.send(bad.get()).await;
            assert_eq!(answer.error(), "invalid_request", "{client}");
        }
    }
    // An operator may let a confidential client do without.
    let bare = Request::of("nopkce", "openid")
        .without("code_challenge")
        .without("code_challenge_method");
    let code = browser.code("alice", &bare).await;
    assert!(!code.is_empty());
}
