//! What we send to another provider, and what of its answer we believe.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_core::upstream::{ClientAuthentication, UpstreamSecret};
use hallpass_jose::{Jwks, JwksPolicy, JwsAlgorithm, SigningKey, UnverifiedJws, base64url};
use hallpass_testkit::{Answer, Ask, flow, ports::Posted, wire};
use hallpass_types::{Secret, sha256};
use serde_json::{Value, json};

use crate::upstream::{IDP, World, refused, told};

const TOKEN: &str = "https://idp.test/token";
const JWKS: &str = "https://idp.test/jwks";
/// What the provider hands out as its access token.
const ACCESS: &str = "token-of-the-other-provider";

fn key() -> SigningKey {
    SigningKey::generate(JwsAlgorithm::ES256).unwrap()
}

/// The provider publishes these keys from now on.
fn publish(world: &World, keys: &[&SigningKey]) {
    let keys: Vec<Value> = keys
        .iter()
        .map(|key| key.public_jwk().to_public_value())
        .collect();
    let fetcher = &world.us.fetcher;
    fetcher.put(JWKS, json!({"keys": keys}).to_string());
}

/// Somebody signs in there, and the provider answers with an ID token of this key with these members.
async fn with_id_token(world: &World, key: &SigningKey, more: &Value) -> (Answer, Value) {
    let (mut browser, url) = world.away("idp").await;
    let back = world.at("idp", &url, "alice").await;
    let now = world.us.clock.seconds();
    let mut claims = json!({
        "iss": IDP, "aud": "hallpass", "sub": world.idp.subject("alice").as_str(),
        "nonce": wire::param(&url, "nonce").unwrap(), "iat": now, "exp": now + 300,
    });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let id_token = key
        .sign_compact(None, claims.to_string().as_bytes())
        .unwrap();
    let body = json!({"access_token": ACCESS, "token_type": "Bearer", "id_token": id_token});
    let info = "https://idp.test/userinfo";
    let fetcher = &world.us.fetcher;
    fetcher.twist(TOKEN, 200, body.to_string());
    fetcher.twist(info, 200, json!({"sub": claims["sub"]}).to_string());
    let answer = browser.get(&back).await;
    fetcher.untwist(TOKEN);
    fetcher.untwist(info);
    if answer.status >= 400 {
        return (answer, Value::Null);
    }
    let (_, ours) = told(&mut browser, answer.clone()).await;
    (answer, ours)
}

// UP-10
#[tokio::test]
async fn keys_that_the_provider_has_since_a_moment_are_fetched_and_others_open_nothing() {
    //= test OIDC-CORE#10.1.1 an unfamiliar key makes the verifier fetch the keys again
    let world = World::start().await;
    let (old, new, stranger) = (key(), key(), key());
    publish(&world, &[&old]);
    let (_, first) = with_id_token(&world, &old, &json!({})).await;
    let fetched = |world: &World| {
        world
            .us
            .fetcher
            .asked()
            .iter()
            .filter(|u| *u == JWKS)
            .count()
    };
    let before = fetched(&world);
    let (_, again) = with_id_token(&world, &old, &json!({})).await;
    assert_eq!((&again["sub"], fetched(&world)), (&first["sub"], before));
    publish(&world, &[&new]);
    world.us.clock.advance(3);
    let (_, rotated) = with_id_token(&world, &new, &json!({})).await;
    assert_eq!(rotated["sub"], first["sub"]);
    // Who is not there after all is nobody, and so is a key that was taken back.
    for key in [&stranger, &old] {
        let (answer, _) = with_id_token(&world, key, &json!({})).await;
        world.us.clock.advance(3);
        refused(&answer, "upstream_id_token");
    }
    // A provider that publishes nothing for a while has the keys that it had.
    publish(&world, &[]);
    world.us.clock.advance(600);
    let (_, kept) = with_id_token(&world, &new, &json!({})).await;
    assert_eq!(kept["sub"], first["sub"]);
}

// UP-03
#[tokio::test]
async fn an_access_token_that_the_id_token_does_not_speak_of_is_refused() {
    //= test OIDC-CORE#3.1.3.8 at_hash ties the access token to the ID token
    let world = World::start().await;
    let key = key();
    publish(&world, &[&key]);
    let half = |token: &str| base64url::encode(&sha256(token.as_bytes())[..16]);
    let (_, first) = with_id_token(&world, &key, &json!({})).await;
    let right = json!({"at_hash": half(ACCESS)});
    assert_eq!(
        with_id_token(&world, &key, &right).await.1["sub"],
        first["sub"]
    );
    for wrong in [
        json!(half("another")),
        json!(""),
        json!(7),
        json!([half(ACCESS)]),
    ] {
        let (answer, _) = with_id_token(&world, &key, &json!({"at_hash": wrong})).await;
        refused(&answer, "upstream_id_token");
    }
}

// UP-03: what an ID token must say
#[tokio::test]
async fn an_id_token_of_the_right_key_is_of_its_provider_for_us_and_for_now() {
    let world = World::start().await;
    let key = key();
    publish(&world, &[&key]);
    let now = world.us.clock.seconds();
    for (name, value) in [
        ("iss", json!("https://other.test")),
        ("iss", json!("https://idp.test/")),
        ("iss", Value::Null),
        ("aud", json!("somebody")),
        ("aud", json!(["hallpass", "somebody"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("azp", json!("somebody")),
        ("exp", json!(now - 61)),
        ("exp", json!("tomorrow")),
        ("exp", Value::Null),
        ("iat", json!("now")),
        ("iat", Value::Null),
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("sub", json!("")),
        ("sub", json!(7)),
    ] {
        let (answer, _) = with_id_token(&world, &key, &json!({name: value})).await;
        refused(&answer, "upstream_id_token");
    }
    let both = json!({"aud": ["hallpass", "somebody"], "azp": "hallpass"});
    with_id_token(&world, &key, &both).await;
}

#[tokio::test]
async fn a_code_of_another_provider_is_of_use_to_one_browser_and_one_sign_in() {
    //= test RFC9700#2.1.1 codes are protected by PKCE or, for OpenID Connect, by nonce; here by both
    let world = World::start().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (mut browser, url) = world.away("idp").await;
        let sent = |name: &str| wire::param(&url, name).unwrap_or_default();
        assert_eq!(sent("code_challenge_method"), "S256");
        seen.extend([sent("code_challenge"), sent("nonce"), sent("state")]);
        let back = world.at("idp", &url, "alice").await;
        let answer = browser.get(&back).await;
        told(&mut browser, answer).await;
        let exchanged = world.us.fetcher.exchanged();
        let redeemed = exchanged.iter().rfind(|sent| sent.url == TOKEN).unwrap();
        let verifier = wire::param(&format!("?{}", redeemed.body), "code_verifier").unwrap();
        assert_eq!(flow::challenge(&verifier), sent("code_challenge"));
        assert!(!url.contains(&verifier));
    }
    assert!(seen.iter().all(|text| text.len() >= 22), "{seen:?}");
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all);
}

/// The request for tokens that an upstream with this authentication is sent.
async fn redeeming(world: &World) -> Posted {
    let (mut browser, url) = world.away("idp").await;
    let state = wire::param(&url, "state").unwrap();
    world.us.fetcher.twist(TOKEN, 400, "{}");
    let back = format!("/upstream/idp/callback?code=c&state={state}&iss={IDP}");
    refused(&browser.get(&back).await, "upstream_token");
    let exchanged = world.us.fetcher.exchanged();
    exchanged
        .into_iter()
        .rfind(|sent| sent.url == TOKEN)
        .unwrap()
}

#[tokio::test]
async fn signs_in_identifier_and_secret_do_not_break_the_header() {
    //= test RFC6749#2.3.1 identifier and secret are form-encoded before they become a header
    let world = World::with(|idp| {
        idp.client_id = "hall:pass 1".to_owned();
        let secret = Secret::new("a+b:c%20/d \u{e9}".to_owned());
        idp.authentication = ClientAuthentication::Basic(UpstreamSecret(secret));
    })
    .await;
    let sent = redeeming(&world).await;
    let header = sent.authorization.unwrap();
    let pair = STANDARD
        .decode(header.strip_prefix("Basic ").unwrap())
        .unwrap();
    let pair = String::from_utf8(pair).unwrap();
    assert_eq!(pair, "hall%3Apass+1:a%2Bb%3Ac%2520%2Fd+%C3%A9");
    assert!(!sent.body.contains("client_secret") && !sent.body.contains("client_id"));
}

#[tokio::test]
async fn an_assertion_for_another_provider_is_for_it_alone_and_for_once() {
    //= test RFC7523#3 the assertion names us, the endpoint, a time and a unique identifier
    let world = World::with(|idp| {
        idp.authentication = ClientAuthentication::PrivateKeyJwt(JwsAlgorithm::ES256);
    })
    .await;
    let keys = world.us.browser().send(Ask::get("/jwks")).await.json();
    let keys = Jwks::from_value(&keys, JwksPolicy::Client).unwrap();
    let now = world.us.clock.seconds();
    let mut identifiers = Vec::new();
    for _ in 0..2 {
        let sent = redeeming(&world).await;
        assert_eq!(sent.authorization, None);
        let said = |name: &str| wire::param(&format!("?{}", sent.body), name).unwrap();
        assert_eq!(
            said("client_assertion_type"),
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let assertion = said("client_assertion");
        let jws = UnverifiedJws::parse(&assertion).unwrap();
        let kid = jws.kid().map(str::to_owned);
        let candidates = keys.candidates(jws.algorithm(), kid.as_deref());
        let verified = jws.verify(&[JwsAlgorithm::ES256], candidates).unwrap();
        let claims: Value = serde_json::from_slice(verified.payload()).unwrap();
        assert_eq!(
            (&claims["iss"], &claims["sub"], &claims["aud"]),
            (&json!("hallpass"), &json!("hallpass"), &json!(TOKEN))
        );
        let (made, ends) = (
            claims["iat"].as_i64().unwrap(),
            claims["exp"].as_i64().unwrap(),
        );
        assert!(made <= now && now < ends && ends <= now + 300, "{claims}");
        identifiers.push(claims["jti"].as_str().unwrap().to_owned());
    }
    assert!(identifiers[0].len() >= 22 && identifiers[0] != identifiers[1]);
}
