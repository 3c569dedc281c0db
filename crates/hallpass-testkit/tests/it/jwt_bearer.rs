//! Assertions of trusted issuers as grants (RFC 7523 §2.1) from outside.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use hallpass_core::policy::TrustedIssuer;
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Setup, Tokens, assertion, fixture, fixture::Seed,
};
use hallpass_types::Scope;
use serde_json::{Value, json};

const TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const SECRET: &str = "hpk_shop-0123456789abcdefghijklmnopqrstuvwxy";
const PARTNER: &str = "https://partner.test";
const JWKS_URI: &str = "https://partner.test/jwks";

fn partner_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(JwsAlgorithm::ES256).unwrap())
}

fn set_of(key: &SigningKey) -> Jwks {
    Jwks::from_keys([key.public_jwk()])
}

fn setup(change: impl FnOnce(&mut TrustedIssuer) + Send + 'static) -> Setup {
    let seed = |id: &'static str, grants: Value| Seed {
        id,
        secret: Some(SECRET),
        disabled: false,
        metadata: json!({"redirect_uris": [], "response_types": [], "grant_types": grants}),
    };
    Setup::default()
        .policy(move |policy| {
            let mut entry = TrustedIssuer {
                issuer: PARTNER.to_owned(),
                jwks: Some(Arc::new(set_of(partner_key()))),
                jwks_uri: None,
                algs: vec![JwsAlgorithm::ES256, JwsAlgorithm::RS256],
                clients: vec!["shop".to_owned(), "mute".to_owned()],
                subjects: None,
                scopes: Scope::parse("api:read").unwrap(),
                resources: vec![fixture::API1.to_owned(), fixture::API2.to_owned()],
                max_lifetime: 300,
            };
            change(&mut entry);
            policy.jwt_bearer.push(entry);
            policy.grant_types.push(TYPE.to_owned());
        })
        .client(seed("shop", json!([TYPE])))
        .client(seed("mute", json!(["client_credentials"])))
        .client(seed("other", json!([TYPE])))
}

fn claims(op: &Op, jti: &str) -> Value {
    let now = op.clock.seconds();
    json!({"iss": PARTNER, "sub": op.subject("alice").as_str(), "aud": fixture::ISSUER,
        "iat": now, "exp": now + 60, "jti": jti})
}

/// The setup whose client `shop` has this metadata, too.
pub(crate) fn setup_for(metadata: &Value) -> Setup {
    setup(|_| ()).metadata("shop", metadata)
}

/// The client `shop` presents a good assertion about alice.
pub(crate) async fn present_new(op: &Op, jti: &str) -> Answer {
    let jwt = assertion::sign(partner_key(), &claims(op, jti));
    present(&mut op.browser(), "shop", &jwt).await
}

async fn present(browser: &mut Browser, client: &str, jwt: &str) -> Answer {
    let pairs = [
        ("grant_type", TYPE),
        ("assertion", jwt),
        ("resource", fixture::API2),
    ];
    browser
        .send(Ask::form("/token", &pairs).basic(client, SECRET))
        .await
}

#[track_caller]
fn assert_refused(answer: &Answer, error: &str, what: &str) {
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, error),
        "{what}"
    );
    assert_eq!(answer.json().get("access_token"), None, "{what}");
}

#[tokio::test]
async fn a_partners_word_yields_a_token_and_works_once() {
    let op = setup(|_| ()).start().await;
    let mut browser = op.browser();
    let jwt = assertion::sign(partner_key(), &claims(&op, "one"));
    let answer = present(&mut browser, "shop", &jwt).await;
    let body = answer.json();
    assert_eq!(body["scope"], "api:read", "{body}");
    assert_eq!(
        (body.get("refresh_token"), body.get("id_token")),
        (None, None)
    );
    let access = Tokens::of(&answer).access;
    let seen = browser
        .call("rs2", "/introspect", &[("token", &access)])
        .await
        .json();
    assert_eq!(seen["active"], true);
    assert_eq!(seen["sub"], op.subject("alice").as_str());
    assert_eq!(seen["client_id"], "shop");
    assert_eq!(
        (seen.get("auth_time"), seen.get("acr")),
        (None, None),
        "nobody signed in here"
    );
    assert_refused(
        &present(&mut browser, "shop", &jwt).await,
        "invalid_grant",
        "a second time",
    );
    assert!(browser.is_active("rs2", &access).await);
}

// TK-54
#[tokio::test]
async fn of_many_at_once_one_yields_a_token() {
    let op = setup(|_| ()).start().await;
    let jwt = assertion::sign(partner_key(), &claims(&op, "race"));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (mut browser, jwt) = (op.browser(), jwt.clone());
        tasks.spawn(async move { present(&mut browser, "shop", &jwt).await.status });
    }
    let statuses = tasks.join_all().await;
    assert_eq!(
        statuses.iter().filter(|s| **s == 200).count(),
        1,
        "{statuses:?}"
    );
}

// TK-40, TK-54
#[tokio::test]
async fn assertions_that_are_not_good_are_refused() {
    //= test RFC7523#3 it is the issuer or the token endpoint, alone; an assertion for several servers is refused
    //= test RFC8725#3.1 the algorithm is one that the entry takes, not one that the token chooses
    let op = setup(|_| ()).start().await;
    let mut browser = op.browser();
    let sign = |change: &dyn Fn(&mut Value)| {
        let mut claims = claims(&op, "never");
        change(&mut claims);
        assertion::sign(partner_key(), &claims)
    };
    let good = claims(&op, "never");
    let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let public = set_of(partner_key()).to_json();
    let carol = op.subject("carol").as_str().to_owned();
    let now = op.clock.seconds();
    #[rustfmt::skip]
    let cases = [
        ("text", "x".to_owned()),
        ("none", assertion::compact(&json!({"alg": "none"}), good.to_string().as_bytes(), b"")),
        ("another's key", assertion::sign(&stranger, &good)),
        ("our own key", assertion::sign(fixture::rsa_key(), &good)),
        ("the public key as a secret", assertion::sign_hmac(JwsAlgorithm::HS256, public.as_bytes(), &good)),
        ("an access token", assertion::sign_with_header(partner_key(), &json!({"alg": "ES256", "typ": "at+jwt"}), good.to_string().as_bytes())),
        ("an unknown issuer", sign(&|c| c["iss"] = json!("https://other.test"))),
        ("ourselves", sign(&|c| c["iss"] = json!(fixture::ISSUER))),
        ("for somebody else", sign(&|c| c["aud"] = json!("https://other.test"))),
        ("for several", sign(&|c| c["aud"] = json!([fixture::ISSUER, "https://other.test"]))),
        ("over", sign(&|c| c["exp"] = json!(now))),
        ("for too long", sign(&|c| c["exp"] = json!(now + 301))),
        ("not yet", sign(&|c| c["nbf"] = json!(now + 60))),
        ("without jti", sign(&|c| c["jti"] = json!(null))),
        ("an unknown person", sign(&|c| c["sub"] = json!("nobody"))),
        ("a person who is switched off", sign(&|c| c["sub"] = json!(carol))),
        ("a client", sign(&|c| c["sub"] = json!("client:shop"))),
    ];
    for (what, jwt) in &cases {
        assert_refused(
            &present(&mut browser, "shop", jwt).await,
            "invalid_grant",
            what,
        );
    }
    let jwt = assertion::sign(partner_key(), &good);
    assert_refused(
        &present(&mut browser, "mute", &jwt).await,
        "unauthorized_client",
        "no grant type",
    );
    assert_refused(
        &present(&mut browser, "other", &jwt).await,
        "unauthorized_client",
        "not named",
    );
    // None of that has used it up.
    assert_eq!(present(&mut browser, "shop", &jwt).await.status, 200);
}

#[tokio::test]
async fn a_token_of_an_assertion_ends_with_its_account() {
    let op = setup(|_| ()).start().await;
    let mut browser = op.browser();
    let jwt = assertion::sign(partner_key(), &claims(&op, "one"));
    let access = Tokens::of(&present(&mut browser, "shop", &jwt).await).access;
    assert!(browser.is_active("rs2", &access).await);
    let alice = op.subject("alice").clone();
    op.accounts
        .set_disabled(op.provider.issuer_id(), &alice, true)
        .await
        .unwrap();
    assert!(!browser.is_active("rs2", &access).await);
}

#[tokio::test]
async fn no_keys_are_fetched_for_a_client_that_may_not_show_the_assertion() {
    let op = setup(|entry| {
        entry.jwks = None;
        entry.jwks_uri = Some(JWKS_URI.to_owned());
    });
    let op = op.start().await;
    let mut browser = op.browser();
    let jwt = assertion::sign(partner_key(), &claims(&op, "one"));
    let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let forged = assertion::sign(&stranger, &claims(&op, "two"));
    for jwt in [&jwt, &forged] {
        let answer = present(&mut browser, "other", jwt).await;
        assert_refused(&answer, "unauthorized_client", "not named");
    }
    assert!(op.fetcher.asked().is_empty());
    present(&mut browser, "shop", &jwt).await;
    assert!(!op.fetcher.asked().is_empty());
}

#[tokio::test]
async fn a_partners_published_keys_are_fetched_again_when_they_change() {
    let op = setup(|entry| {
        entry.jwks = None;
        entry.jwks_uri = Some(JWKS_URI.to_owned());
        entry.subjects = Some(BTreeMap::from([("a-17".to_owned(), "nobody".to_owned())]));
    })
    .start()
    .await;
    let mut browser = op.browser();
    let jwt = assertion::sign(partner_key(), &claims(&op, "one"));
    assert_refused(
        &present(&mut browser, "shop", &jwt).await,
        "invalid_grant",
        "no keys",
    );
    let old = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    op.fetcher.put(JWKS_URI, set_of(&old).to_json());
    op.clock.advance(3);
    assert_refused(
        &present(&mut browser, "shop", &jwt).await,
        "invalid_grant",
        "other keys",
    );
    op.fetcher.put(JWKS_URI, set_of(partner_key()).to_json());
    op.clock.advance(3);
    // The signature is good now; the table of subjects does not have this one.
    assert_eq!(op.events.count("account_gone"), 0);
    let answer = present(&mut browser, "shop", &jwt).await;
    assert_refused(&answer, "invalid_grant", "not in the table");
    assert_eq!(op.events.count("account_gone"), 1);
}
