//! Clients whose instances an attester vouches for, from outside.

use std::sync::Arc;

use hallpass_core::policy::Attester;
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Setup, Tokens, assertion, fixture, fixture::Seed,
};
use serde_json::{Value, json};

const ATTESTER: &str = "https://attester.test";
const HEADER: &str = "OAuth-Client-Attestation";
const PROOF: &str = "OAuth-Client-Attestation-PoP";

/// An attester, an instance of the client, and somebody else.
struct Keys {
    attester: SigningKey,
    instance: SigningKey,
    other: SigningKey,
}

impl Keys {
    fn new() -> Self {
        let key = || SigningKey::generate(JwsAlgorithm::ES256).unwrap();
        Self {
            attester: key(),
            instance: key(),
            other: key(),
        }
    }
}

/// A node that trusts the attester.
fn node(keys: &Keys) -> Setup {
    let attester = Attester {
        issuer: ATTESTER.to_owned(),
        jwks: Arc::new(Jwks::from_keys([keys.attester.public_jwk()])),
    };
    Setup::default().policy(|policy| policy.attesters.push(attester))
}

async fn start(keys: &Keys) -> Op {
    let seed = |id: &'static str| Seed {
        id,
        secret: None,
        disabled: false,
        metadata: json!({"redirect_uris": [], "response_types": [], "grant_types": ["client_credentials"],
            "token_endpoint_auth_method": "attest_jwt_client_auth"}),
    };
    node(keys)
        .client(seed("wallet"))
        .client(seed("other-wallet"))
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

fn signed(key: &SigningKey, typ: &str, claims: &Value) -> String {
    let header = json!({"alg": "ES256", "typ": typ});
    assertion::sign_with_header(key, &header, claims.to_string().as_bytes())
}

fn attested(key: &SigningKey, claims: &Value) -> String {
    signed(key, "oauth-client-attestation+jwt", claims)
}

fn proved(key: &SigningKey, claims: &Value) -> String {
    signed(key, "oauth-client-attestation-pop+jwt", claims)
}

fn form(client: &str) -> Ask {
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
        ("over", "wallet", vouched("exp", json!(now)), fresh.clone()),
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
