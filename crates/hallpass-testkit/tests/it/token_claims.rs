//! What stands in tokens beside what the protocol wants, what they must have come from, and how else they can be signed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use hallpass_core::policy::TokenFormat;
use hallpass_jose::{JwsAlgorithm, base64url};
use hallpass_provider::ports::{TokenAbout, TokenClaims};
use hallpass_store::{BoxFuture, StoreError};
use hallpass_testkit::{
    Ask, Browser, Op, Prover, Request, Setup, Tokens, fixture,
    flow::{VERIFIER, redirect_uri},
};
use serde_json::{Map, Value, json};

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

async fn token_for(browser: &mut Browser, api: &str) -> String {
    let request = Request::of("web", "openid api:read").with("resource", api);
    browser.flow_of("alice", "web", &request).await.access
}

async fn told(browser: &mut Browser, resource_server: &str, token: &str) -> Value {
    let ask = Ask::form("/introspect", &[("token", token)]);
    let ask = ask.basic(resource_server, fixture::secret(resource_server));
    browser.send(ask).await.json()
}

fn payload(jwt: &str) -> Value {
    let part = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn fixed_claims_of_resource_and_client_stand_in_their_tokens_and_change_nothing_else() {
    let op = Setup::default()
        .policy(|policy| {
            let of = |claims| object(claims);
            policy.token_claims.resources.insert(
                fixture::API1.to_owned(),
                of(json!({"tier": "gold", "region": "eu", "sub": "mallory", "active": false})),
            );
            policy.token_claims.clients.insert(
                "web".to_owned(),
                of(json!({"tier": "silver", "app": [1, 2], "scope": "admin", "exp": 1})),
            );
        })
        .start()
        .await;
    let mut browser = op.browser();
    let token = token_for(&mut browser, fixture::API1).await;
    let body = told(&mut browser, "rs1", &token).await;
    assert_eq!(body["active"], true);
    assert_eq!(
        (&body["tier"], &body["region"], &body["app"]),
        (&json!("gold"), &json!("eu"), &json!([1, 2]))
    );
    assert_eq!(body["sub"], op.subject("alice").as_str());
    assert!(body["exp"].as_i64().unwrap() > op.clock.seconds());
    assert!(!body["scope"].as_str().unwrap().contains("admin"));
    // Another resource hears of its client's claims only.
    let token = token_for(&mut browser, fixture::API2).await;
    let body = told(&mut browser, "rs2", &token).await;
    assert_eq!(
        (&body["tier"], body.get("region")),
        (&json!("silver"), None)
    );
}

/// Knows the department of everybody, and counts how often it was asked.
#[derive(Default)]
struct Departments(AtomicUsize);

impl TokenClaims for Departments {
    fn claims<'a>(
        &'a self,
        token: TokenAbout<'a>,
    ) -> BoxFuture<'a, Result<Map<String, Value>, StoreError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let claims = object(json!({
            "department": format!("{} of {}", token.client.id.as_str(), token.audience.len()),
            "tier": "bronze",
            "cnf": {"jkt": "x"},
            "may_act": {"sub": "mallory"},
        }));
        Box::pin(async move { Ok(claims) })
    }
}

#[tokio::test]
async fn a_program_adds_claims_of_its_own_to_signed_and_sealed_tokens() {
    let port = Arc::new(Departments::default());
    let given = port.clone();
    let op = Setup::default()
        .policy(|policy| {
            policy
                .token_claims
                .clients
                .insert("web".to_owned(), object(json!({"tier": "silver"})));
        })
        .build(move |builder| builder.token_claims(given))
        .start()
        .await;
    let mut browser = op.browser();
    for (api, server) in [(fixture::API1, "rs1"), (fixture::API2, "rs2")] {
        let format = op.provider.policy().resource(api).unwrap().format;
        let token = token_for(&mut browser, api).await;
        let body = told(&mut browser, server, &token).await;
        assert_eq!(
            (&body["department"], &body["tier"]),
            (&json!("web of 1"), &json!("bronze"))
        );
        assert_eq!((body.get("cnf"), body.get("may_act")), (None, None));
        if matches!(format, TokenFormat::Jwt(_)) {
            assert_eq!(payload(&token)["department"], "web of 1");
        }
    }
    assert_eq!(port.0.load(Ordering::SeqCst), 2);
    // The claims are the token's, not UserInfo's.
    let tokens = browser.code_flow("web", "openid").await;
    let info = browser.userinfo(&tokens.access).await.json();
    assert_eq!(info.get("department"), None);
}

#[tokio::test]
async fn userinfo_asks_for_a_step_up_where_the_sign_in_is_too_weak_or_too_old() {
    //= test RFC9470#3 a token of a sign-in that is too weak or too old is refused with what it lacks
    //= test RFC9470#3 the challenge says which classes of authentication are good enough, and how old it may be
    let op = Op::with(|policy| {
        policy.acr_values = ["low", "high"].map(str::to_owned).to_vec();
        policy.userinfo_step_up.acr = Some("low".to_owned());
        policy.userinfo_step_up.max_age = Some(300);
    })
    .await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", "openid").await;
    assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
    op.clock.advance(301);
    let answer = browser.userinfo(&tokens.access).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "insufficient_user_authentication")
    );
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer ")
            && challenge.contains("error=\"insufficient_user_authentication\"")
            && challenge.contains("acr_values=\"low\"")
            && challenge.contains("max_age=\"300\""),
        "{challenge}"
    );
    assert!(!challenge.contains("algs="), "{challenge}");
    // Who shows a proof is told with which algorithms.
    //= test RFC9449#7.1 the challenge for a token with a proof is of the scheme DPoP and tells the algorithms
    let prover = Prover::default();
    let code = browser.code("alice", &Request::of("web", "openid")).await;
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", redirect_uri("web")),
        ("code_verifier", VERIFIER),
    ];
    let proof = prover.post("/token", op.clock.seconds());
    let ask = browser
        .ask_as("web", "/token", &pairs)
        .header("DPoP", &proof);
    let bound = Tokens::of_type(&browser.send(ask).await, "DPoP").access;
    op.clock.advance(301);
    let ask = Ask::get("/userinfo")
        .header("Authorization", &format!("DPoP {bound}"))
        .header("DPoP", &prover.userinfo(&bound, op.clock.seconds()));
    let answer = browser.send(ask).await;
    assert_eq!(answer.error(), "insufficient_user_authentication");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("DPoP ") && challenge.contains("algs=\"ES256"),
        "{challenge}"
    );
    // What the client then asks for helps.
    let again = Request::of("web", "openid").with("max_age", "300");
    let tokens = browser.flow_of("alice", "web", &again).await;
    assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
    // A password alone never reaches two factors.
    let strict = Op::with(|policy| {
        policy.acr_values = ["low", "high"].map(str::to_owned).to_vec();
        policy.userinfo_step_up.acr = Some("high".to_owned());
    })
    .await;
    let mut browser = strict.browser();
    let tokens = browser.code_flow("web", "openid").await;
    let answer = browser.userinfo(&tokens.access).await;
    assert_eq!(answer.error(), "insufficient_user_authentication");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("acr_values=\"high\"") && !challenge.contains("max_age"));
}

#[tokio::test]
async fn tokens_can_be_signed_so_that_quantum_computers_do_not_help() {
    for (alg, kind) in [
        (JwsAlgorithm::MlDsa44, "id_token"),
        (JwsAlgorithm::MlDsa65, "code"),
        (JwsAlgorithm::MlDsa87, "code"),
    ] {
        let op = Setup::default()
            .policy(move |policy| policy.signing_algs.push(alg))
            .metadata("web", &json!({"id_token_signed_response_alg": alg.name()}))
            .start()
            .await;
        let mut browser = op.browser();
        let tokens = browser.code_flow("web", "openid").await;
        let claims = op.verified("web", tokens.id.as_deref().unwrap());
        assert_eq!(claims["sub"], op.subject("alice").as_str(), "{kind}");
        let metadata = browser
            .get("/.well-known/openid-configuration")
            .await
            .json();
        let listed = metadata["id_token_signing_alg_values_supported"].as_array();
        assert!(listed.unwrap().contains(&json!(alg.name())));
        let keys = browser.get("/jwks").await.json();
        let key = keys["keys"].as_array().unwrap().iter();
        let key = key
            .clone()
            .find(|key| key["alg"] == alg.name())
            .expect("the key is published");
        assert_eq!((&key["kty"], key.get("priv")), (&json!("AKP"), None));
    }
    // Without it nobody gets it.
    let op = Op::start().await;
    let metadata = op
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .text();
    assert!(!metadata.contains("ML-DSA"));
}
