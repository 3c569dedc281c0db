//! Clients whose instances an attester vouches for, from outside.

use std::sync::Arc;

use hallpass_core::policy::{Attester, Signal};
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Setup, Tokens, assertion, fixture, fixture::Seed,
    flow::VERIFIER,
};
use serde_json::{Value, json};

use crate::backchannel::answer_all;

const ATTESTER: &str = "https://attester.test";
pub(super) const HEADER: &str = "OAuth-Client-Attestation";
pub(super) const PROOF: &str = "OAuth-Client-Attestation-PoP";

/// An attester, an instance of the client, and somebody else.
pub(super) struct Keys {
    attester: SigningKey,
    pub(super) instance: SigningKey,
    pub(super) other: SigningKey,
}

impl Keys {
    pub(super) fn new() -> Self {
        let key = || SigningKey::generate(JwsAlgorithm::ES256).unwrap();
        Self {
            attester: key(),
            instance: key(),
            other: key(),
        }
    }

    /// What the attester says of a key of a client.
    pub(super) fn vouched(&self, client: &str, key: &SigningKey, now: i64) -> String {
        let claims = json!({
            "sub": client, "exp": now + 3600, "cnf": {"jwk": key.public_jwk().to_public_value()},
        });
        attested(&self.attester, &claims)
    }
}

/// A node that trusts the attester.
pub(super) fn node(keys: &Keys) -> Setup {
    let attester = Attester {
        issuer: ATTESTER.to_owned(),
        jwks: Arc::new(Jwks::from_keys([keys.attester.public_jwk()])),
    };
    Setup::default().policy(|policy| policy.attesters.push(attester))
}

/// A client for itself.
pub(super) fn client(id: &'static str, method: &str) -> Seed {
    Seed {
        id,
        secret: None,
        disabled: false,
        metadata: json!({"redirect_uris": [], "response_types": [], "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": method}),
    }
}

fn wallet(id: &'static str) -> Seed {
    client(id, "attest_jwt_client_auth")
}

async fn start(keys: &Keys) -> Op {
    node(keys)
        .client(wallet("wallet"))
        .client(wallet("other-wallet"))
        .start()
        .await
}

fn attestation(keys: &Keys, now: i64) -> Value {
    json!({
        "iss": ATTESTER, "sub": "wallet", "exp": now + 3600,
        "cnf": {"jwk": keys.instance.public_jwk().to_public_value()},
    })
}

fn proof(now: i64, jti: &str) -> Value {
    json!({"aud": fixture::ISSUER, "jti": jti, "iat": now})
}

pub(super) fn signed(key: &SigningKey, typ: &str, claims: &Value) -> String {
    let header = json!({"alg": "ES256", "typ": typ});
    assertion::sign_with_header(key, &header, claims.to_string().as_bytes())
}

fn attested(key: &SigningKey, claims: &Value) -> String {
    signed(key, "oauth-client-attestation+jwt", claims)
}

fn proved(key: &SigningKey, claims: &Value) -> String {
    signed(key, "oauth-client-attestation-pop+jwt", claims)
}

pub(super) fn form(client: &str) -> Ask {
    let pairs = [("client_id", client), ("grant_type", "client_credentials")];
    Ask::form("/token", &pairs)
}

async fn show(browser: &mut Browser, client: &str, attestation: &str, proof: &str) -> Answer {
    let ask = form(client).header(HEADER, attestation);
    browser.send(ask.header(PROOF, proof)).await
}

#[tokio::test]
async fn an_instance_shows_its_attestation_and_proves_its_key_once() {
    let keys = Keys::new();
    let op = start(&keys).await;
    let mut browser = op.browser();
    let now = op.clock.seconds();
    let vouched = attested(&keys.attester, &attestation(&keys, now));
    let first = proved(&keys.instance, &proof(now, "1"));
    let answer = show(&mut browser, "wallet", &vouched, &first).await;
    assert!(!Tokens::of(&answer).access.is_empty());
    // The attestation lasts, the proof does not, here and at every other node.
    let node = node(&keys).joining(&op).start().await;
    let mut elsewhere = node.browser();
    for browser in [&mut browser, &mut elsewhere] {
        let again = show(browser, "wallet", &vouched, &first).await;
        assert_eq!((again.status, &*again.error()), (401, "invalid_client"));
    }
    let second = proved(&keys.instance, &proof(now, "2"));
    let answer = show(&mut elsewhere, "wallet", &vouched, &second).await;
    assert!(!Tokens::of(&answer).access.is_empty());
}

#[tokio::test]
async fn whatever_is_wrong_with_either_of_the_two_the_client_is_nobody() {
    //= test ATTESTATION#7.4 whose attestation is too old is told so
    let keys = Keys::new();
    let op = start(&keys).await;
    let mut browser = op.browser();
    let now = op.clock.seconds();
    let with = |mut claims: Value, name: &str, value: Value| {
        claims[name] = value;
        claims
    };
    let vouched = |name: &str, value: Value| {
        attested(&keys.attester, &with(attestation(&keys, now), name, value))
    };
    let shown =
        |name: &str, value: Value| proved(&keys.instance, &with(proof(now, "p"), name, value));
    let good = attested(&keys.attester, &attestation(&keys, now));
    let fresh = proved(&keys.instance, &proof(now, "p"));
    let none = |typ: &str, claims: &Value| {
        assertion::compact(
            &json!({"alg": "none", "typ": typ}),
            claims.to_string().as_bytes(),
            b"",
        )
    };
    let mut other_key = attestation(&keys, now);
    other_key["cnf"] = json!({"jwk": keys.other.public_jwk().to_public_value()});
    #[rustfmt::skip]
    let cases = [
        ("another client", "other-wallet", good.clone(), fresh.clone()),
        ("of another client", "wallet", vouched("sub", json!("other-wallet")), fresh.clone()),
        ("another attester", "wallet", vouched("iss", json!("https://evil.test")), fresh.clone()),
        ("without an end", "wallet", vouched("exp", Value::Null), fresh.clone()),
        ("not yet", "wallet", vouched("nbf", json!(now + 60)), fresh.clone()),
        ("without a key", "wallet", vouched("cnf", json!({})), fresh.clone()),
        ("its own attester", "wallet", attested(&keys.other, &attestation(&keys, now)), fresh.clone()),
        ("its own attester for its own key", "wallet", attested(&keys.other, &other_key), proved(&keys.other, &proof(now, "p"))),
        ("unsigned", "wallet", none("oauth-client-attestation+jwt", &attestation(&keys, now)), fresh.clone()),
        ("of another type", "wallet", signed(&keys.attester, "JWT", &attestation(&keys, now)), fresh.clone()),
        ("another key's proof", "wallet", good.clone(), proved(&keys.other, &proof(now, "p"))),
        ("an unsigned proof", "wallet", good.clone(), none("oauth-client-attestation-pop+jwt", &proof(now, "p"))),
        ("a proof for somebody else", "wallet", good.clone(), shown("aud", json!("https://other.test"))),
        ("an old proof", "wallet", good.clone(), shown("iat", json!(now - 300))),
        ("a proof from the future", "wallet", good.clone(), shown("iat", json!(now + 60))),
        ("a proof without jti", "wallet", good.clone(), shown("jti", json!(""))),
        ("a proof of another type", "wallet", good.clone(), signed(&keys.instance, "dpop+jwt", &proof(now, "p"))),
        ("the attestation twice", "wallet", good.clone(), good.clone()),
    ];
    for (what, client, attestation, proof) in &cases {
        let answer = show(&mut browser, client, attestation, proof).await;
        assert_eq!(
            (answer.status, &*answer.error()),
            (401, "invalid_client"),
            "{what}"
        );
    }
    // One that was right and is over is told apart: there may be a fresh one.
    let old = vouched("exp", json!(now));
    let answer = show(&mut browser, "wallet", &old, &fresh).await;
    assert_eq!(
        (answer.status, &*answer.error()),
        (400, "use_fresh_attestation")
    );
    let mut forged = attestation(&keys, now);
    forged["exp"] = json!(now);
    let forged = attested(&keys.other, &forged);
    let answer = show(&mut browser, "wallet", &forged, &fresh).await;
    assert_eq!(answer.error(), "invalid_client");
    // One of the two alone, or none.
    for ask in [
        form("wallet"),
        form("wallet").header(HEADER, &good),
        form("wallet").header(PROOF, &fresh),
    ] {
        assert_eq!(browser.send(ask).await.error(), "invalid_client");
    }
    // Nothing of all that has used the proof up.
    let answer = show(&mut browser, "wallet", &good, &fresh).await;
    assert!(!Tokens::of(&answer).access.is_empty());
}

const CHALLENGE: &str = "oauth-client-attestation-challenge";

#[tokio::test]
async fn where_challenges_are_handed_out_a_proof_without_one_does_not_count() {
    //= test ATTESTATION#6.1 where challenges are handed out is told
    //= test ATTESTATION#6.1 a POST is answered with the challenge as JSON, which nobody keeps
    //= test ATTESTATION#6.2 a fresh challenge comes with any answer
    //= test ATTESTATION#7.2 where challenges are handed out the proof holds one of them
    //= test ATTESTATION#7.4 a proof without one is answered with use_attestation_challenge
    let keys = Keys::new();
    let challenging = || node(&keys).policy(|policy| policy.attestation.challenges = true);
    let op = challenging().client(wallet("wallet")).start().await;
    let mut browser = op.browser();
    let metadata = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata["challenge_endpoint"], "https://op.test/challenge");
    let answer = browser.send(Ask::form("/challenge", &[])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control").unwrap(), "no-store");
    assert_eq!(answer.header("access-control-allow-origin").unwrap(), "*");
    let challenge = answer.json()["attestation_challenge"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(browser.get("/challenge").await.status, 405);

    let now = op.clock.seconds();
    let vouched = attested(&keys.attester, &attestation(&keys, now));
    let with = |jti: &str, challenge: Value| {
        let mut claims = proof(now, jti);
        claims["challenge"] = challenge;
        proved(&keys.instance, &claims)
    };
    let nonce = Setup::default()
        .policy(|policy| policy.dpop.nonce = hallpass_core::policy::DpopNonce::Always)
        .start()
        .await
        .provider
        .dpop_nonce()
        .unwrap();
    for wrong in [
        json!(null),
        json!(""),
        json!("made up"),
        json!(nonce),
        json!(format!("{challenge}A")),
    ] {
        let shown = with("c", wrong.clone());
        let answer = show(&mut browser, "wallet", &vouched, &shown).await;
        assert_eq!(
            (answer.status, &*answer.error()),
            (400, "use_attestation_challenge"),
            "{wrong}"
        );
        assert_eq!(answer.header(CHALLENGE).unwrap(), challenge);
    }
    // Somebody else's proof learns nothing of it.
    let mut foreign = proof(now, "c");
    foreign["challenge"] = json!(challenge);
    let foreign = proved(&keys.other, &foreign);
    let answer = show(&mut browser, "wallet", &vouched, &foreign).await;
    assert_eq!(answer.error(), "invalid_client");
    // Nothing of that has used the proof's name up, every node takes the challenge, and a proof still works once.
    let shown = with("c", json!(challenge));
    let elsewhere = challenging().joining(&op).start().await;
    let answer = show(&mut elsewhere.browser(), "wallet", &vouched, &shown).await;
    assert!(!Tokens::of(&answer).access.is_empty());
    assert_eq!(answer.header(CHALLENGE).unwrap(), challenge);
    assert_eq!(answer.header("cache-control").unwrap(), "no-store");
    let again = show(&mut browser, "wallet", &vouched, &shown).await;
    assert_eq!(again.error(), "invalid_client");
    // It gets old, and the answer has the next one.
    op.clock.advance(300);
    let now = op.clock.seconds();
    let mut late = proof(now, "d");
    late["challenge"] = json!(challenge);
    let answer = show(
        &mut browser,
        "wallet",
        &vouched,
        &proved(&keys.instance, &late),
    )
    .await;
    assert_eq!(answer.error(), "use_attestation_challenge");
    late["challenge"] = json!(answer.header(CHALLENGE).unwrap());
    let answer = show(
        &mut browser,
        "wallet",
        &vouched,
        &proved(&keys.instance, &late),
    )
    .await;
    assert!(!Tokens::of(&answer).access.is_empty());
}

#[tokio::test]
async fn without_challenges_there_is_no_endpoint_and_no_header() {
    let keys = Keys::new();
    let op = start(&keys).await;
    let mut browser = op.browser();
    assert_eq!(browser.send(Ask::form("/challenge", &[])).await.status, 404);
    let metadata = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert!(metadata.get("challenge_endpoint").is_none());
    assert!(
        metadata
            .get("client_attestation_pop_methods_supported")
            .is_none()
    );
    let answer = browser.send(form("wallet")).await;
    assert!(answer.header(CHALLENGE).is_none());
    // Nobody who vouches: nothing of it is there.
    let op = Setup::default()
        .policy(|policy| policy.attestation.challenges = true)
        .start()
        .await;
    assert_eq!(
        op.browser().send(Ask::form("/challenge", &[])).await.status,
        404
    );
}

/// A request of a client that authenticates by its secret.
fn secretly(client: &str) -> Ask {
    Ask::form("/token", &[("grant_type", "client_credentials")])
        .basic(client, "secret-of-web-client")
}

#[tokio::test]
async fn an_attestation_beside_a_secret_counts_where_the_issuer_looks_at_it() {
    //= test ATTESTATION#7.6 an attestation stands beside another method, as a signal of its own
    //= test ATTESTATION#7.6 a method that is not accepted is not told
    let keys = Keys::new();
    let seed = || Seed {
        id: "shop",
        secret: Some("secret-of-web-client"),
        disabled: false,
        metadata: json!({"redirect_uris": [], "response_types": [], "grant_types": ["client_credentials"]}),
    };
    for (signal, told, plain, wrong) in [
        (Signal::Ignored, json!(null), 200, 200),
        (
            Signal::Accepted,
            json!(["attestation_pop_jwt", "dpop_combined", "none"]),
            200,
            400,
        ),
        (
            Signal::Demanded,
            json!(["attestation_pop_jwt", "dpop_combined"]),
            400,
            400,
        ),
    ] {
        let op = node(&keys)
            .policy(move |policy| policy.attestation.signal = signal)
            .client(seed())
            .client(wallet("wallet"))
            .start()
            .await;
        let mut browser = op.browser();
        let metadata = browser
            .get("/.well-known/openid-configuration")
            .await
            .json();
        assert_eq!(metadata["client_attestation_pop_methods_supported"], told);
        assert_eq!(
            browser.send(secretly("shop")).await.status,
            plain,
            "{signal:?}"
        );
        let now = op.clock.seconds();
        let mut claims = attestation(&keys, now);
        claims["sub"] = json!("shop");
        let good = attested(&keys.attester, &claims);
        let of_another = attested(&keys.attester, &attestation(&keys, now));
        let pop = |jti: &str| proved(&keys.instance, &proof(now, jti));
        for (attestation, proof) in [
            (of_another.as_str(), pop("w")),
            ("x", pop("w")),
            (good.as_str(), proved(&keys.other, &proof(now, "w"))),
        ] {
            let ask = secretly("shop")
                .header(HEADER, attestation)
                .header(PROOF, &proof);
            let answer = browser.send(ask).await;
            assert_eq!(answer.status, wrong, "{signal:?} {}", answer.text());
            if wrong != 200 {
                assert_eq!(answer.error(), "invalid_client_attestation");
            }
        }
        let ask = || {
            secretly("shop")
                .header(HEADER, &good)
                .header(PROOF, &pop("1"))
        };
        assert!(!Tokens::of(&browser.send(ask()).await).access.is_empty());
        // Its proof works once, on whatever node.
        let again = browser.send(ask()).await;
        let used = if signal == Signal::Ignored { 200 } else { 401 };
        assert_eq!(again.status, used, "{signal:?} {}", again.text());
        // It is no way around the secret, and a client that has no other way needs no second one.
        let guess =
            Ask::form("/token", &[("grant_type", "client_credentials")]).basic("shop", "wrong");
        let ask = guess.header(HEADER, &good).header(PROOF, &pop("2"));
        assert_eq!(browser.send(ask).await.error(), "invalid_client");
        let vouched = attested(&keys.attester, &attestation(&keys, now));
        let answer = show(&mut browser, "wallet", &vouched, &pop("3")).await;
        assert!(!Tokens::of(&answer).access.is_empty());
    }
}

#[tokio::test]
async fn a_refresh_token_of_an_instance_is_of_no_use_to_another_instance() {
    //= test ATTESTATION#9.3 refresh tokens of a client that authenticates by attestation are bound to its instance's key
    //= test ATTESTATION#9.3 one that is bound to an instance is used by that instance
    let keys = Keys::new();
    let mut seed = wallet("wallet");
    seed.metadata = json!({
        "redirect_uris": ["https://wallet.test/cb"], "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "attest_jwt_client_auth",
    });
    let op = node(&keys).client(seed).start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid offline_access")
        .with("client_id", "wallet")
        .with("redirect_uri", "https://wallet.test/cb");
    let code = browser.code("alice", &request).await;
    let now = op.clock.seconds();
    let as_instance = |key: &SigningKey, pairs: &[(&str, &str)], jti: &str| {
        Ask::form("/token", &[pairs, &[("client_id", "wallet")]].concat())
            .header(HEADER, &keys.vouched("wallet", key, now))
            .header(PROOF, &proved(key, &proof(now, jti)))
    };
    let redeem = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "https://wallet.test/cb"),
        ("code_verifier", VERIFIER),
    ];
    let tokens = Tokens::of(
        &browser
            .send(as_instance(&keys.instance, &redeem, "1"))
            .await,
    );
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh()),
    ];
    let answer = browser.send(as_instance(&keys.other, &refresh, "2")).await;
    assert_eq!((answer.status, &*answer.error()), (400, "invalid_grant"));
    Tokens::of(
        &browser
            .send(as_instance(&keys.instance, &refresh, "3"))
            .await,
    );
}

/// A wallet with a browser, at a node that knows devices.
fn with_flows(keys: &Keys) -> Setup {
    let mut seed = wallet("wallet");
    seed.metadata = json!({
        "redirect_uris": ["https://wallet.test/cb"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "token_endpoint_auth_method": "attest_jwt_client_auth",
    });
    node(keys)
        .policy(|policy| policy.device.enabled = true)
        .client(seed)
}

#[tokio::test]
async fn what_an_instance_has_asked_for_is_given_to_no_other_instance() {
    //= test ATTESTATION#9.4 a code of a request that an instance has pushed is that instance's
    //= test ATTESTATION#9.4 what an instance asked for is given to that instance alone
    let keys = Keys::new();
    let op = with_flows(&keys).start().await;
    let mut browser = op.browser();
    let now = op.clock.seconds();
    let as_instance = |path: &str, key: &SigningKey, pairs: &[(&str, &str)], jti: &str| {
        Ask::form(path, &[pairs, &[("client_id", "wallet")]].concat())
            .header(HEADER, &keys.vouched("wallet", key, now))
            .header(PROOF, &proved(key, &proof(now, jti)))
    };
    let request = Request::of("web", "openid offline_access")
        .with("redirect_uri", "https://wallet.test/cb")
        .without("client_id");
    let pairs: Vec<(&str, &str)> = request
        .0
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let pushed = browser
        .send(as_instance("/par", &keys.instance, &pairs, "p"))
        .await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let request = Request(vec![
        ("client_id".to_owned(), "wallet".to_owned()),
        ("request_uri".to_owned(), uri),
    ]);
    let code = browser.code("alice", &request).await;
    let redeem = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "https://wallet.test/cb"),
        ("code_verifier", VERIFIER),
    ];
    let stolen = as_instance("/token", &keys.other, &redeem, "1");
    let answer = browser.send(stolen).await;
    assert_eq!((answer.status, &*answer.error()), (400, "invalid_grant"));
    // Whoever is another instance has not used the code up.
    let own = as_instance("/token", &keys.instance, &redeem, "2");
    Tokens::of(&browser.send(own).await);

    let scope = [("scope", "openid")];
    let ask = as_instance("/device/auth", &keys.instance, &scope, "3");
    let device = browser.send(ask).await.json();
    let poll = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device["device_code"].as_str().unwrap()),
    ];
    for (key, jti, error) in [
        (&keys.other, "4", "invalid_grant"),
        (&keys.instance, "5", "authorization_pending"),
    ] {
        let answer = browser.send(as_instance("/token", key, &poll, jti)).await;
        assert_eq!((answer.status, &*answer.error()), (400, error));
    }
}

#[tokio::test]
async fn what_is_pushed_to_an_instance_is_refreshed_by_that_instance_alone() {
    //= test ATTESTATION#9.3 a refresh token that is pushed is bound to the instance that asked, too
    const ENDPOINT: &str = "https://wallet.test/pushed";
    let keys = Keys::new();
    let mut seed = wallet("wallet");
    seed.metadata = json!({
        "redirect_uris": [], "response_types": [],
        "grant_types": ["urn:openid:params:grant-type:ciba", "refresh_token"],
        "backchannel_token_delivery_mode": "push", "backchannel_client_notification_endpoint": ENDPOINT,
        "token_endpoint_auth_method": "attest_jwt_client_auth",
    });
    let setup = node(&keys).policy(|policy| {
        policy.backchannel.enabled = true;
        policy.backchannel.delivery_modes = vec![hallpass_core::policy::DeliveryMode::Push];
    });
    let op = setup.client(seed).start().await;
    op.fetcher.answer_posts(ENDPOINT, 204);
    let now = op.clock.seconds();
    let as_instance = |path: &str, key: &SigningKey, pairs: &[(&str, &str)], jti: &str| {
        Ask::form(path, &[pairs, &[("client_id", "wallet")]].concat())
            .header(HEADER, &keys.vouched("wallet", key, now))
            .header(PROOF, &proved(key, &proof(now, jti)))
    };
    let asked = [
        ("scope", "openid offline_access"),
        ("login_hint", "alice"),
        ("client_notification_token", "notify-0123456789abcdefghij"),
    ];
    let mut browser = op.browser();
    let ask = as_instance("/backchannel", &keys.instance, &asked, "1");
    let answer = browser.send(ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer_all(&op, "alice", "allow").await;
    op.provider.deliver_due().await.unwrap();
    let pushed: Value = serde_json::from_str(&op.fetcher.posted()[0].body).unwrap();
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", pushed["refresh_token"].as_str().unwrap()),
    ];
    let stolen = as_instance("/token", &keys.other, &refresh, "2");
    let answer = browser.send(stolen).await;
    assert_eq!((answer.status, &*answer.error()), (400, "invalid_grant"));
    let own = as_instance("/token", &keys.instance, &refresh, "3");
    Tokens::of(&browser.send(own).await);
}
