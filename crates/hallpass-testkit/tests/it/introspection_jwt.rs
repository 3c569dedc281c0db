//! Signed introspection responses (RFC 9701), what introspection tells for a step up (RFC 9470), and who may ask.

use hallpass_core::introspect::JWT_MEDIA;
use hallpass_jose::{
    DecryptionKey, JweAlgorithm, Jwks, JwsAlgorithm, UnverifiedJwe, UnverifiedJws,
};
use hallpass_testkit::{
    Answer, Browser, Op, Request, Setup, Tokens, assertion, fixture, fixture::Seed,
};
use serde_json::{Value, json};

async fn for_api(browser: &mut Browser, api: &str) -> Tokens {
    let request = Request::of("web", "openid api:read").with("resource", api);
    browser.flow_of("alice", "web", &request).await
}

async fn ask(browser: &mut Browser, client: &str, token: &str, accept: &str) -> Answer {
    let ask = browser.ask_as(client, "/introspect", &[("token", token)]);
    browser.send(ask.header("Accept", accept)).await
}

/// The claims of a signed answer, verified as the resource server would.
fn verified(op: &Op, answer: &Answer, algorithm: JwsAlgorithm) -> Value {
    assert_eq!((answer.status, answer.media()), (200, JWT_MEDIA));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let text = answer.text();
    let jws = UnverifiedJws::parse(&text).unwrap();
    //= test RFC9701#5 the typ of the signed response is token-introspection+jwt
    assert_eq!(jws.typ(), Some("token-introspection+jwt"));
    let keys = op.provider.signing_keys();
    let verified = jws.verify(&[algorithm], keys.public()).unwrap();
    Value::Object(verified.claims().unwrap().into_map())
}

#[tokio::test]
async fn a_resource_server_that_accepts_it_gets_a_signed_answer() {
    //= test RFC9701#5 iss, aud and iat stand at the top, what is told of the token in token_introspection
    //= test RFC9701#5 there is no sub and no exp at the top, so that the answer is no token itself
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = for_api(&mut browser, fixture::API2).await;
    let answer = ask(&mut browser, "rs2", &tokens.access, JWT_MEDIA).await;
    let claims = verified(&op, &answer, JwsAlgorithm::ES256);
    let top: Vec<&String> = claims.as_object().unwrap().keys().collect();
    assert_eq!(top, ["aud", "iat", "iss", "token_introspection"]);
    assert_eq!(claims["iss"], fixture::ISSUER);
    assert_eq!(claims["aud"], "rs2");
    assert_eq!(claims["iat"], op.clock.seconds());
    let told = &claims["token_introspection"];
    assert_eq!(told["active"], true);
    assert_eq!(told["sub"], op.subject("alice").as_str());
    assert_eq!(told["aud"], fixture::API2);

    let plain = ask(&mut browser, "rs2", &tokens.access, "application/json").await;
    assert_eq!(plain.json(), *told);
    let both = format!("application/json;q=0.5, {JWT_MEDIA}");
    let answer = ask(&mut browser, "rs2", &tokens.access, &both).await;
    drop(verified(&op, &answer, JwsAlgorithm::ES256));
    for accept in [
        "*/*",
        "application/*",
        "application/jwt",
        "",
        &format!("{JWT_MEDIA};q=0"),
    ] {
        let plain = ask(&mut browser, "rs2", &tokens.access, accept).await;
        assert_eq!(plain.media(), "application/json", "{accept}");
    }

    // Whatever is not for the caller is inactive, signed as well.
    for (client, token) in [("rs1", tokens.access.as_str()), ("rs2", "nonsense")] {
        let answer = ask(&mut browser, client, token, JWT_MEDIA).await;
        let claims = verified(&op, &answer, JwsAlgorithm::ES256);
        assert_eq!(claims["token_introspection"], json!({"active": false}));
    }
    // Refused callers get an error, not a token.
    let refused = ask(&mut browser, "spa", &tokens.access, JWT_MEDIA).await;
    assert_eq!((refused.status, refused.media()), (401, "application/json"));
}

// A signed answer is no token of any kind.
#[tokio::test]
async fn a_signed_answer_is_not_accepted_as_a_token() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = for_api(&mut browser, fixture::API2).await;
    let jwt = ask(&mut browser, "rs2", &tokens.access, JWT_MEDIA)
        .await
        .text();
    assert_eq!(browser.userinfo(&jwt).await.status, 401);
    assert!(!browser.is_active("rs2", &jwt).await);
    let hinted = Request::of("web", "openid")
        .with("prompt", "none")
        .with("id_token_hint", &jwt);
    assert_eq!(browser.send(hinted.get()).await.error(), "invalid_request");
}

#[tokio::test]
async fn a_caller_that_registered_encryption_never_gets_plain_text() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let key = DecryptionKey::generate(JweAlgorithm::EcdhEsA128Kw).unwrap();
    let keys: Value =
        serde_json::from_str(&Jwks::from_keys([key.public_jwk().unwrap()]).to_json()).unwrap();
    op.change_client("rs2", |m| {
        m.insert("jwks".to_owned(), keys);
        m.insert(
            "introspection_signed_response_alg".to_owned(),
            json!("RS256"),
        );
        m.insert(
            "introspection_encrypted_response_alg".to_owned(),
            json!("ECDH-ES+A128KW"),
        );
        m.insert(
            "introspection_encrypted_response_enc".to_owned(),
            json!("A128GCM"),
        );
    })
    .await;
    let tokens = for_api(&mut browser, fixture::API2).await;
    let plain = ask(&mut browser, "rs2", &tokens.access, "application/json").await;
    assert_eq!(
        (plain.status, plain.error().as_str()),
        (400, "invalid_request")
    );
    let answer = ask(&mut browser, "rs2", &tokens.access, JWT_MEDIA).await;
    assert_eq!(answer.media(), JWT_MEDIA);
    let text = answer.text();
    let jwe = UnverifiedJwe::parse(&text).unwrap();
    let (alg, enc) = (jwe.algorithm(), jwe.encryption());
    let opened = jwe.decrypt(&key, &[alg], &[enc]).unwrap();
    assert_eq!(opened.cty(), Some("JWT"));
    let nested = UnverifiedJws::parse(opened.text().unwrap()).unwrap();
    assert_eq!(nested.algorithm(), JwsAlgorithm::RS256);
    let held = op.provider.signing_keys();
    assert!(nested.verify(&[JwsAlgorithm::RS256], held.public()).is_ok());
}

#[tokio::test]
async fn tokens_say_when_and_how_the_person_signed_in() {
    //= test RFC9470#6.1 a JWT access token tells acr and auth_time
    //= test RFC9470#6.2 introspection tells acr and auth_time
    let op = Op::start().await;
    let mut browser = op.browser();
    let at = op.clock.seconds();
    let id = browser.code_flow("web", "openid").await.claims();
    assert_eq!(id["auth_time"], at);
    op.clock.advance(100);
    for (api, server) in [(fixture::API1, "rs1"), (fixture::API2, "rs2")] {
        // Without openid there is no ID token to tell it.
        let request = Request::of("web", "api:read").with("resource", api);
        let tokens = browser.flow_of("alice", "web", &request).await;
        let seen = browser
            .call(server, "/introspect", &[("token", &tokens.access)])
            .await
            .json();
        assert_eq!(seen["auth_time"], at, "{api}");
        assert_eq!(seen.get("acr"), id.get("acr"), "{api}");
        if server == "rs1" {
            assert_eq!(assertion::payload(&tokens.access)["auth_time"], at);
        }
    }
    // A client that acts for itself has signed nobody in.
    let pairs = [
        ("grant_type", "client_credentials"),
        ("resource", fixture::API1),
    ];
    let own = Tokens::of(&browser.call("machine", "/token", &pairs).await);
    let seen = browser
        .call("rs1", "/introspect", &[("token", &own.access)])
        .await
        .json();
    assert_eq!(seen.get("auth_time"), None);
}

// IN-02
#[tokio::test]
async fn an_application_that_may_use_an_api_does_not_see_other_peoples_tokens_for_it() {
    let seed = |id, more: Value| {
        let mut metadata = json!({"redirect_uris": [], "response_types": [], "grant_types": ["client_credentials"]});
        for (name, value) in more.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        Seed {
            id,
            secret: Some(SECRET),
            disabled: false,
            metadata,
        }
    };
    const SECRET: &str = "hpk_app-0123456789abcdefghijklmnopqrstuvwxyz";
    let api = json!([fixture::API1]);
    let op = Setup::default()
        .client(seed("app", json!({"resources": api})))
        .client(seed(
            "gateway",
            json!({"resources": api, "introspection_resources": api}),
        ))
        .client(seed(
            "blind",
            json!({"grant_types": [], "resources": api, "introspection_resources": []}),
        ))
        .start()
        .await;
    let mut browser = op.browser();
    let tokens = for_api(&mut browser, fixture::API1).await;
    for (id, sees) in [("app", false), ("gateway", true), ("blind", false)] {
        let ask = hallpass_testkit::Ask::form("/introspect", &[("token", &tokens.access)]);
        let seen = browser.send(ask.basic(id, SECRET)).await.json();
        assert_eq!(seen["active"], sees, "{id}");
    }
    // A resource server whose `resources` say what it serves, as before.
    assert!(browser.is_active("rs1", &tokens.access).await);
}

#[tokio::test]
async fn a_resource_server_that_wants_a_fresh_sign_in_gets_one() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let began = op.clock.seconds();
    let request =
        Request::of("web", "openid api:read offline_access").with("resource", fixture::API1);
    let first = browser.flow_of("alice", "web", &request).await;
    op.clock.advance(500);
    let time = |token: &str| assertion::payload(token)["auth_time"].as_i64().unwrap();
    // A new token by itself is no new sign-in.
    let refreshed = Tokens::of(&browser.refresh("web", first.refresh()).await);
    assert_eq!(time(&refreshed.access), began);
    let silent = Request::of("web", "openid api:read").with("resource", fixture::API1);
    assert_eq!(
        time(&browser.flow_of("alice", "web", &silent).await.access),
        began
    );
    // The challenge's max_age, sent to the authorization endpoint.
    let stepped = silent.with("max_age", "60");
    let fresh = browser.flow_of("alice", "web", &stepped).await;
    assert_eq!(time(&fresh.access), began + 500);
    let seen = browser
        .call("rs1", "/introspect", &[("token", &fresh.access)])
        .await
        .json();
    assert_eq!(seen["auth_time"], began + 500);
}
