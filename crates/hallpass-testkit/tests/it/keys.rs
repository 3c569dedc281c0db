//! Keys that change: ours, and those that clients publish.

use hallpass_jose::{Jwks, JwksPolicy, JwsAlgorithm, SigningKey, UnverifiedJws, VerifyingKey};
use hallpass_provider::keys::Rotate;
use hallpass_testkit::{
    Answer, Browser, Op, Request, Setup, Tokens, assertion, fixture, fixture::Seed,
};
use serde_json::{Value, json};

const JWKS_URI: &str = "https://remote.test/jwks";

fn set_of(key: &SigningKey) -> String {
    Jwks::from_keys([key.public_jwk()]).to_json()
}

async fn with_remote_keys() -> Op {
    let seed = Seed {
        id: "remote",
        secret: None,
        disabled: false,
        metadata: json!({"redirect_uris": [], "response_types": [], "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": JWKS_URI}),
    };
    Setup::default().client(seed).start().await
}

async fn token(op: &Op, browser: &mut Browser, key: &SigningKey, jti: &str) -> Answer {
    let claims = assertion::claims("remote", op.clock.seconds(), jti);
    let header = json!({"alg": "ES256", "kid": key.kid()});
    let jwt = assertion::sign_with_header(key, &header, claims.to_string().as_bytes());
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", assertion::JWT_BEARER),
        ("client_assertion", jwt.as_str()),
    ];
    browser.form("/token", &pairs).await
}

// JW-07
#[tokio::test]
async fn keys_that_were_good_stay_while_their_address_answers_nonsense() {
    let op = with_remote_keys().await;
    let mut browser = op.browser();
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    op.fetcher.put(JWKS_URI, set_of(&key));
    assert_eq!(token(&op, &mut browser, &key, "first").await.status, 200);
    let mut private: Value = serde_json::from_str(&set_of(&key)).unwrap();
    private["keys"][0]["d"] = json!("AAAA");
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "a".repeat(10_000_000));
    for (number, document) in [
        "<html>500</html>",
        "",
        "null",
        "[]",
        r#"{"keys":[]}"#,
        r#"{"keys":null}"#,
        &private.to_string(),
        &large,
    ]
    .into_iter()
    .enumerate()
    {
        op.fetcher.put(JWKS_URI, document);
        op.clock.advance(400);
        let answer = token(&op, &mut browser, &key, &format!("nonsense {number}")).await;
        assert_eq!(answer.status, 200, "{document:.30}: {}", answer.text());
    }
    // Nor when nobody answers there.
    op.fetcher.remove(JWKS_URI);
    for number in 0..3 {
        op.clock.advance(400);
        let answer = token(&op, &mut browser, &key, &format!("nobody {number}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // Nobody else's key is taken meanwhile.
    let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    assert_eq!(
        token(&op, &mut browser, &stranger, "stranger").await.status,
        401
    );
    // A day later what was good is too old to be believed.
    op.clock.advance(90_000);
    assert_eq!(token(&op, &mut browser, &key, "old").await.status, 401);
}

// JW-07: a key that is new is found once its set is fetched again
#[tokio::test]
async fn a_client_rotates_its_keys() {
    let op = with_remote_keys().await;
    let mut browser = op.browser();
    let (old, new) = (
        SigningKey::generate(JwsAlgorithm::ES256).unwrap(),
        SigningKey::generate(JwsAlgorithm::ES256).unwrap(),
    );
    op.fetcher.put(JWKS_URI, set_of(&old));
    assert_eq!(token(&op, &mut browser, &old, "1").await.status, 200);
    op.fetcher.put(JWKS_URI, set_of(&new));
    op.clock.advance(10);
    assert_eq!(token(&op, &mut browser, &new, "2").await.status, 200);
    assert_eq!(token(&op, &mut browser, &old, "3").await.status, 401);
}

// JW-07: nobody makes us ask again and again
#[tokio::test]
async fn unknown_keys_do_not_make_us_fetch_for_each_of_them() {
    let op = with_remote_keys().await;
    let mut browser = op.browser();
    let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    op.fetcher.put(JWKS_URI, set_of(&key));
    assert_eq!(token(&op, &mut browser, &key, "good").await.status, 200);
    let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    for number in 0..50 {
        assert_eq!(
            token(&op, &mut browser, &stranger, &format!("{number}"))
                .await
                .status,
            401
        );
    }
    assert!(
        op.fetcher.asked().len() <= 3,
        "{}",
        op.fetcher.asked().len()
    );
}

// JW-09
#[tokio::test]
async fn every_token_verifies_while_keys_are_rotated() {
    let op = Op::start().await;
    op.provider.prepare_next_keys().await.unwrap();
    let mut browser = op.browser();
    let mut cached = browser.get("/jwks").await.body;
    let mut issued: Vec<String> = Vec::new();
    let mut algorithms = std::collections::HashSet::new();
    for _ in 0..4 {
        for client in ["web", "spa"] {
            let tokens = browser.code_flow(client, "openid offline_access").await;
            issued.push(tokens.id.clone().unwrap());
            let request = Request::of(client, "openid api:read").with("resource", fixture::API1);
            issued.push(browser.flow_of("alice", client, &request).await.access);
            // A token from before the rotation goes on to work.
            let next = Tokens::of(&browser.refresh(client, tokens.refresh()).await);
            assert_eq!(browser.userinfo(&next.access).await.status, 200);
        }
        // Somebody who looked before the rotation, and looks again only afterwards, knows every key.
        op.provider.rotate_keys(None, Rotate::Forced).await.unwrap();
        let fresh = browser.code_flow("web", "openid").await.id.unwrap();
        for (keys, tokens) in [
            (&cached, std::slice::from_ref(&fresh)),
            (&browser.get("/jwks").await.body, &issued[..]),
        ] {
            let keys = Jwks::parse(keys, JwksPolicy::Client).unwrap();
            let keys: Vec<VerifyingKey> = keys
                .keys()
                .filter_map(|k| VerifyingKey::from_jwk(k).ok())
                .collect();
            for token in tokens {
                let jws = UnverifiedJws::parse(token).unwrap();
                let algorithm = jws.algorithm();
                algorithms.insert(algorithm);
                assert!(jws.verify(&[algorithm], &keys).is_ok());
            }
        }
        cached = browser.get("/jwks").await.body;
    }
    // A hint that an old key signed is still ours.
    let hinted = browser
        .query("/logout", &[("id_token_hint", &issued[0])])
        .await;
    assert_eq!(hinted.status, 303);
    assert!(!algorithms.is_empty());
    // Once the last session that they served is over, old keys go.
    op.clock.advance(15 * 86_400);
    op.provider.purge().await.unwrap();
    let left = browser.get("/jwks").await.json()["keys"]
        .as_array()
        .unwrap()
        .len();
    // Two of each algorithm, and one to encrypt to.
    assert_eq!(left, 5);
}
