//! Endpoints at the paths of other products.

use hallpass_core::policy::{Place, Routes};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Prover, Request, Tokens,
    assertion::{self, JWT_BEARER},
    fixture,
    flow::{VERIFIER, redirect_uri},
};
use serde_json::{Value, json};

async fn with(profile: &'static str) -> Op {
    Op::with(move |policy| policy.routes = Routes::profile(profile).unwrap()).await
}

async fn metadata(browser: &mut Browser, path: &str) -> Value {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// The path of an endpoint as the metadata tells it.
fn path<'m>(metadata: &'m Value, member: &str) -> &'m str {
    let url = metadata[member].as_str().unwrap();
    url.strip_prefix(fixture::ISSUER).unwrap()
}

/// A whole flow by nothing but what the metadata says.
async fn flow(op: &Op, metadata: &Value) -> Tokens {
    let mut browser = op.browser();
    let mut ask = Request::of("web", "openid email offline_access").get();
    let query = ask.target.split_once('?').unwrap().1.to_owned();
    ask.target = format!("{}?{query}", path(metadata, "authorization_endpoint"));
    let answer = browser.send(ask).await;
    let answer = browser.through_pages("alice", answer).await;
    let code = hallpass_testkit::wire::param(answer.location(), "code").unwrap();
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", redirect_uri("web")),
        ("code_verifier", VERIFIER),
    ];
    let token = path(metadata, "token_endpoint");
    Tokens::of(&browser.call("web", token, &pairs).await)
}

#[tokio::test]
async fn l05_the_metadata_is_in_both_places_with_the_issuer_as_it_is() {
    let op = with("loginid").await;
    let mut browser = op.browser();
    let usual = browser.get("/.well-known/openid-configuration").await;
    let theirs = browser.get("/oidc/.well-known/openid-configuration").await;
    assert_eq!((usual.status, theirs.status), (200, 200));
    assert_eq!(usual.body, theirs.body);
    assert_eq!(usual.json()["issuer"], fixture::ISSUER);
    for name in ["content-type", "etag", "access-control-allow-origin"] {
        assert_eq!(usual.header(name), theirs.header(name), "{name}");
    }
    // Not where nobody put it.
    let plain = Op::start().await;
    let mut browser = plain.browser();
    let answer = browser.get("/oidc/.well-known/openid-configuration").await;
    assert_eq!(answer.status, 404);
    let op = with("loginid").await;
    let answer = op
        .browser()
        .get("/oidc/.well-known/oauth-authorization-server")
        .await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn l06_loginids_paths_answer_and_are_those_that_the_metadata_tells() {
    let op = with("loginid").await;
    let mut browser = op.browser();
    let told = metadata(&mut browser, "/oidc/.well-known/openid-configuration").await;
    for (member, expected) in [
        ("authorization_endpoint", "/oidc/auth"),
        ("token_endpoint", "/oidc/token"),
        ("jwks_uri", "/oidc/keys"),
        ("userinfo_endpoint", "/oidc/userinfo"),
        ("revocation_endpoint", "/oidc/revoke"),
        ("introspection_endpoint", "/oidc/introspect"),
    ] {
        assert_eq!(path(&told, member), expected);
    }
    let tokens = flow(&op, &told).await;
    let claims = op.verified("web", tokens.id.as_deref().unwrap());
    assert_eq!(claims["nonce"], "the-nonce");
    let keys = metadata(&mut browser, "/oidc/keys").await;
    assert_eq!(keys, metadata(&mut browser, "/jwks").await);
    let info = browser
        .send(Ask::get("/oidc/userinfo").bearer(&tokens.access))
        .await;
    assert_eq!(info.json()["email"], "alice@example.test");
    let of = [("token", tokens.access.as_str())];
    let answer = browser.call("web", "/oidc/introspect", &of).await;
    assert_eq!(answer.json()["active"], true);
    let answer = browser.call("web", "/oidc/revoke", &of).await;
    assert_eq!(answer.status, 200);
    let answer = browser.call("web", "/oidc/introspect", &of).await;
    assert_eq!(answer.body, br#"{"active":false}"#);
    // Methods, content types and errors are those of the endpoint, not of a page.
    assert_eq!(browser.get("/oidc/token").await.status, 405);
    let answer = browser.form("/oidc/token", &[("grant_type", "x")]).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
    // The built-in paths answer for who knows them; nobody answers for what only looks like one.
    assert_eq!(browser.get("/token").await.status, 405);
    for path in [
        "/oidc/token/",
        "/oidc/Token",
        "/oidc//token",
        "/oidc/%74oken",
        "/oidc",
    ] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    for path in ["/oidc/auth", "/oidc/token", "/oidc/keys"] {
        let plain = Op::start().await;
        assert_eq!(plain.browser().get(path).await.status, 404, "{path}");
    }
}

// S1
#[tokio::test]
async fn s01_every_url_of_the_metadata_answers_whatever_the_paths_are() {
    for profile in Routes::profiles() {
        let op = Op::with(move |policy| {
            policy.routes = Routes::profile(profile).unwrap();
            policy.device.enabled = true;
            policy.backchannel.enabled = true;
            policy.logout.session_management = true;
        })
        .await;
        let mut browser = op.browser();
        let told = metadata(&mut browser, "/.well-known/openid-configuration").await;
        let members = told.as_object().unwrap();
        let mut seen = 0;
        for (name, value) in members {
            let url =
                name.ends_with("_endpoint") || name == "jwks_uri" || name == "check_session_iframe";
            if !url {
                continue;
            }
            seen += 1;
            let at = value
                .as_str()
                .unwrap()
                .strip_prefix(fixture::ISSUER)
                .unwrap();
            let answer = browser.get(at).await;
            assert_ne!(answer.status, 404, "{profile}: {name} {at}");
            assert!(answer.status < 500, "{profile}: {name} {at}");
        }
        assert_eq!(seen, 12, "{profile}: {told}");
        assert!(flow(&op, &told).await.id.is_some(), "{profile}");
    }
}

#[tokio::test]
async fn s01_sourceloops_paths_carry_a_flow_from_sign_in_to_sign_out() {
    let op = with("sourceloop").await;
    let mut browser = op.browser();
    let told = metadata(&mut browser, "/.well-known/openid-configuration").await;
    for (member, expected) in [
        ("authorization_endpoint", "/auth"),
        ("token_endpoint", "/token"),
        ("userinfo_endpoint", "/me"),
        ("jwks_uri", "/jwks"),
        ("end_session_endpoint", "/session/end"),
    ] {
        assert_eq!(path(&told, member), expected);
    }
    let tokens = flow(&op, &told).await;
    for method in ["GET", "POST"] {
        let ask = Ask::new(method, "/me").bearer(&tokens.access);
        assert_eq!(
            browser.send(ask).await.json()["email"],
            "alice@example.test"
        );
    }
    let answer = browser.get("/session/end").await;
    assert_eq!(answer.status, 303, "{}", answer.text());
}

#[tokio::test]
async fn assertions_and_proofs_may_name_every_url_of_the_endpoint_that_they_are_for() {
    let op = Op::with(|policy| {
        policy.routes = Routes::profile("loginid").unwrap();
        policy.routes.add(Place::Token, "/oauth2/token").unwrap();
    })
    .await;
    let mut browser = op.browser();
    let call = async |browser: &mut Browser, at: &str, audience: &str, jti: &str| -> Answer {
        let mut claims = assertion::claims("pkjwt", op.clock.seconds(), jti);
        claims["aud"] = json!(format!("{}{audience}", fixture::ISSUER));
        let jwt = assertion::sign(fixture::pkjwt_key(), &claims);
        let pairs = [
            ("grant_type", "client_credentials"),
            ("token", "x"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &jwt),
        ];
        browser.form(at, &pairs).await
    };
    let tokens = ["/token", "/oidc/token", "/oauth2/token"];
    for (n, at) in tokens.iter().enumerate() {
        for (m, audience) in tokens.iter().enumerate() {
            let jti = format!("good {n} {m}");
            let answer = call(&mut browser, at, audience, &jti).await;
            assert_eq!(answer.status, 200, "{at} {audience}: {}", answer.text());
        }
        for (m, audience) in ["/oidc/revoke", "/oidc/keys", "/oidc", "/oidc/token/"]
            .iter()
            .enumerate()
        {
            let jti = format!("bad {n} {m}");
            let answer = call(&mut browser, at, audience, &jti).await;
            assert_eq!(answer.status, 401, "{at} {audience}");
        }
    }
    let answer = call(&mut browser, "/oidc/revoke", "/oidc/revoke", "revoking").await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let prover = Prover::default();
    for (at, named, status) in [
        ("/oidc/token", "/oidc/token", 200),
        ("/oidc/token", "/token", 200),
        ("/token", "/oauth2/token", 200),
        ("/oidc/token", "/oidc/userinfo", 400),
        ("/oidc/token", "/oidc/tokens", 400),
    ] {
        let proof = prover.post(named, op.clock.seconds());
        let ask = browser
            .ask_as("web", at, &[("grant_type", "client_credentials")])
            .header("DPoP", &proof);
        let answer = browser.send(ask).await;
        assert_eq!(answer.status, status, "{at} {named}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_registered_client_is_managed_below_the_path_that_was_told() {
    let op = with("oidc-provider").await;
    let mut browser = op.browser();
    let told = metadata(&mut browser, "/.well-known/openid-configuration").await;
    assert_eq!(path(&told, "registration_endpoint"), "/reg");
    let body = json!({"redirect_uris": ["https://new.test/cb"]});
    let ask = Ask::json("/reg", &body).bearer(&op.initial_access_token);
    let made = browser.send(ask).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let at = path(&made, "registration_client_uri").to_owned();
    assert!(at.starts_with("/reg/"), "{at}");
    let token = made["registration_access_token"].as_str().unwrap();
    let answer = browser.send(Ask::get(&at).bearer(token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let built_in = at.replace("/reg/", "/register/");
    let token = answer.json()["registration_access_token"]
        .as_str()
        .unwrap_or(token)
        .to_owned();
    let answer = browser.send(Ask::get(&built_in).bearer(&token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(browser.send(Ask::get(&at)).await.status, 401);
}

#[tokio::test]
async fn a_posted_request_comes_back_as_a_get_at_the_path_that_was_told() {
    let op = with("loginid").await;
    let mut browser = op.browser();
    let mut ask = Request::of("web", "openid").post();
    ask.target = "/oidc/auth".to_owned();
    let answer = browser.send(ask).await;
    assert_eq!(answer.status, 303);
    let start = format!("{}/oidc/auth?", fixture::ISSUER);
    assert!(
        answer.location().starts_with(&start),
        "{}",
        answer.location()
    );
    let answer = browser.through_pages("alice", answer).await;
    assert!(answer.location().starts_with(fixture::WEB_CB));
}
