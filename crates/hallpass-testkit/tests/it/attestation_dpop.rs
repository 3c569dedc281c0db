//! Instances of clients that prove their key by the DPoP proof of the request.

use hallpass_core::policy::{DpopNonce, Signal};
use hallpass_jose::SigningKey;
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Prover, Request, Tokens, assertion, fixture, fixture::Seed,
    flow::VERIFIER,
};
use serde_json::{Value, json};

use crate::attestation::{HEADER, Keys, PROOF, client, form, node, signed};

const COMBINED: &str = "attest_jwt_client_auth_dpop";

/// A DPoP proof of a key.
fn dpop(key: &SigningKey, claims: &Value) -> String {
    let header =
        json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public_jwk().to_public_value()});
    assertion::sign_with_header(key, &header, claims.to_string().as_bytes())
}

async fn show(browser: &mut Browser, client: &str, attestation: &str, proof: &str) -> Answer {
    let ask = form(client).header(HEADER, attestation);
    browser.send(ask.header("DPoP", proof)).await
}

async fn metadata(op: &Op) -> Value {
    let path = "/.well-known/openid-configuration";
    op.browser().get(path).await.json()
}

#[tokio::test]
async fn one_dpop_proof_shows_the_instance_and_binds_its_tokens() {
    let keys = Keys::new();
    let op = node(&keys).client(client("wallet", COMBINED)).start().await;
    let methods = metadata(&op).await["token_endpoint_auth_methods_supported"].to_string();
    assert!(methods.contains(COMBINED), "{methods}");
    let mut browser = op.browser();
    let now = op.clock.seconds();
    let vouched = keys.vouched("wallet", &keys.instance, now);
    let proof = dpop(&keys.instance, &Prover::claims("POST", "/token", now));
    let answer = show(&mut browser, "wallet", &vouched, &proof).await;
    assert_eq!(answer.json()["token_type"], "DPoP");
    // The proof works once, at every node.
    let elsewhere = node(&keys).joining(&op).start().await;
    for browser in [&mut browser, &mut elsewhere.browser()] {
        let again = show(browser, "wallet", &vouched, &proof).await;
        assert_eq!((again.status, &*again.error()), (401, "invalid_client"));
    }
}

#[tokio::test]
async fn a_dpop_proof_that_is_not_the_instances_makes_nobody_of_the_client() {
    //= test ATTESTATION#7.3 there is no proof of its own beside the one DPoP proof, which is good as such and of the instance's key
    let keys = Keys::new();
    let op = node(&keys)
        .client(client("wallet", COMBINED))
        .client(client("other-wallet", COMBINED))
        .client(client("plain", "attest_jwt_client_auth"))
        .start()
        .await;
    let mut browser = op.browser();
    let now = op.clock.seconds();
    let good = keys.vouched("wallet", &keys.instance, now);
    let with = |name: &str, value: Value| {
        let mut claims = Prover::claims("POST", "/token", now);
        claims[name] = value;
        dpop(&keys.instance, &claims)
    };
    let fresh = with("jti", json!("p"));
    let of_other = keys.vouched("wallet", &keys.other, now);
    let mut forged = keys.vouched("wallet", &keys.instance, now);
    forged.pop();
    let claims = Prover::claims("POST", "/token", now);
    #[rustfmt::skip]
    let cases = [
        ("another client", "other-wallet", good.clone(), fresh.clone()),
        ("another instance's attestation", "wallet", of_other.clone(), fresh.clone()),
        ("another key's proof", "wallet", good.clone(), dpop(&keys.other, &claims)),
        ("a forged attestation", "wallet", forged, fresh.clone()),
        ("no attester", "wallet", signed(&keys.other, "oauth-client-attestation+jwt",
            &json!({"sub": "wallet", "exp": now + 60, "cnf": {"jwk": keys.instance.public_jwk().to_public_value()}})), fresh.clone()),
        ("another endpoint", "wallet", good.clone(), with("htu", json!("https://op.test/par"))),
        ("another server", "wallet", good.clone(), with("htu", json!("https://other.test/token"))),
        ("another method", "wallet", good.clone(), with("htm", json!("GET"))),
        ("old", "wallet", good.clone(), with("iat", json!(now - 301))),
        ("without jti", "wallet", good.clone(), with("jti", json!(""))),
        ("a proof of its own in the place of DPoP", "wallet", good.clone(),
            signed(&keys.instance, "oauth-client-attestation-pop+jwt", &json!({"aud": fixture::ISSUER, "jti": "x", "iat": now}))),
        ("a client that registered proofs of their own", "plain", keys.vouched("plain", &keys.instance, now), fresh.clone()),
    ];
    for (what, client, attestation, proof) in &cases {
        let answer = show(&mut browser, client, attestation, proof).await;
        assert_eq!(
            (answer.status, &*answer.error()),
            (401, "invalid_client"),
            "{what}"
        );
    }
    let pop = signed(
        &keys.instance,
        "oauth-client-attestation-pop+jwt",
        &json!({"aud": fixture::ISSUER, "jti": "x", "iat": now}),
    );
    for (what, ask) in [
        ("neither", form("wallet")),
        ("no proof", form("wallet").header(HEADER, &good)),
        ("no attestation", form("wallet").header("DPoP", &fresh)),
        (
            "a proof of its own",
            form("wallet").header(HEADER, &good).header(PROOF, &pop),
        ),
        (
            "both proofs",
            form("wallet")
                .header(HEADER, &good)
                .header("DPoP", &fresh)
                .header(PROOF, &pop),
        ),
    ] {
        let answer = browser.send(ask).await;
        assert_eq!(
            (answer.status, &*answer.error()),
            (401, "invalid_client"),
            "{what}"
        );
    }
    // Two headers of a kind are a mistake of the request.
    for ask in [
        form("wallet")
            .header(HEADER, &good)
            .header("DPoP", &fresh)
            .header("DPoP", &fresh),
        form("wallet")
            .header(HEADER, &good)
            .header(HEADER, &good)
            .header("DPoP", &fresh),
    ] {
        let answer = browser.send(ask).await;
        assert_eq!((answer.status, &*answer.error()), (400, "invalid_request"));
    }
    // Nothing of all that has used the proof up.
    let answer = show(&mut browser, "wallet", &good, &fresh).await;
    assert!(!Tokens::of_type(&answer, "DPoP").access.is_empty());
}

#[tokio::test]
async fn challenges_and_nonces_go_into_the_dpop_proof() {
    //= test ATTESTATION#7.3 where challenges are handed out, nonce is one of them
    let keys = Keys::new();
    for (challenges, nonce, error) in [
        (true, DpopNonce::Never, "use_attestation_challenge"),
        (false, DpopNonce::Always, "use_dpop_nonce"),
        (true, DpopNonce::Always, "use_attestation_challenge"),
    ] {
        let op = node(&keys)
            .policy(move |policy| {
                policy.attestation.challenges = challenges;
                policy.dpop.nonce = nonce;
            })
            .client(client("wallet", COMBINED))
            .start()
            .await;
        let mut browser = op.browser();
        let now = op.clock.seconds();
        let vouched = keys.vouched("wallet", &keys.instance, now);
        for wrong in [None, Some(""), Some("made up")] {
            let mut claims = Prover::claims("POST", "/token", now);
            if let Some(nonce) = wrong {
                claims["nonce"] = json!(nonce);
            }
            let proof = dpop(&keys.instance, &claims);
            let answer = show(&mut browser, "wallet", &vouched, &proof).await;
            assert_eq!((answer.status, &*answer.error()), (400, error), "{wrong:?}");
        }
        let mut claims = Prover::claims("POST", "/token", now);
        claims["nonce"] = json!("made up");
        let proof = dpop(&keys.other, &claims);
        let answer = show(&mut browser, "wallet", "x", &proof).await;
        assert_eq!(answer.error(), "invalid_client");
        let answer = show(&mut browser, "wallet", &vouched, &proof).await;
        for header in ["oauth-client-attestation-challenge", "dpop-nonce"] {
            let Some(text) = answer.header(header) else {
                continue;
            };
            let mut claims = Prover::claims("POST", "/token", now);
            claims["nonce"] = json!(text);
            let proof = dpop(&keys.instance, &claims);
            let answer = show(&mut browser, "wallet", &vouched, &proof).await;
            assert_eq!(answer.json()["token_type"], "DPoP", "{header}");
        }
    }
}

#[tokio::test]
async fn a_pushed_request_binds_its_code_and_the_family_to_the_instance() {
    //= test ATTESTATION#9.3 one that is bound to an instance is used by that instance
    let keys = Keys::new();
    let mut seed = client("wallet", COMBINED);
    seed.metadata = json!({
        "redirect_uris": ["https://wallet.test/cb"], "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": COMBINED,
    });
    let op = node(&keys).client(seed).start().await;
    let mut browser = op.browser();
    let now = op.clock.seconds();
    let as_instance = |path: &str, key: &SigningKey, pairs: &[(&str, &str)]| {
        let proof = dpop(key, &Prover::claims("POST", path, now));
        Ask::form(path, &[pairs, &[("client_id", "wallet")]].concat())
            .header(HEADER, &keys.vouched("wallet", key, now))
            .header("DPoP", &proof)
    };
    let mut codes = Vec::new();
    for _ in 0..2 {
        let request = Request::of("web", "openid offline_access")
            .with("client_id", "wallet")
            .with("redirect_uri", "https://wallet.test/cb");
        let pairs: Vec<(&str, &str)> = request
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| *name != "client_id")
            .collect();
        let pushed = browser
            .send(as_instance("/par", &keys.instance, &pairs))
            .await;
        assert_eq!(pushed.status, 201, "{}", pushed.text());
        let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
        let request = Request(vec![
            ("client_id".to_owned(), "wallet".to_owned()),
            ("request_uri".to_owned(), uri),
        ]);
        codes.push(browser.code("alice", &request).await);
    }
    let ask = |key: &SigningKey, code: &str| {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", "https://wallet.test/cb"),
            ("code_verifier", VERIFIER),
        ];
        as_instance("/token", key, &pairs)
    };
    let stolen = browser.send(ask(&keys.other, &codes[0])).await;
    assert_eq!(stolen.status, 400, "{}", stolen.text());
    let tokens = Tokens::of_type(&browser.send(ask(&keys.instance, &codes[1])).await, "DPoP");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh()),
    ];
    let stolen = browser
        .send(as_instance("/token", &keys.other, &refresh))
        .await;
    assert_eq!((stolen.status, &*stolen.error()), (400, "invalid_grant"));
    let own = browser
        .send(as_instance("/token", &keys.instance, &refresh))
        .await;
    assert_eq!(own.json()["token_type"], "DPoP");
}

#[tokio::test]
async fn beside_a_secret_the_dpop_proof_is_proof_enough() {
    //= test ATTESTATION#7 the header of a proof of its own decides which rules there are
    let keys = Keys::new();
    let op = node(&keys)
        .policy(|policy| policy.attestation.signal = Signal::Demanded)
        .client(Seed {
            id: "shop",
            secret: Some("secret-of-web-client"),
            disabled: false,
            metadata: json!({"redirect_uris": [], "response_types": [], "grant_types": ["client_credentials"]}),
        })
        .start()
        .await;
    let mut browser = op.browser();
    let now = op.clock.seconds();
    let ask = |key: &SigningKey| {
        Ask::form("/token", &[("grant_type", "client_credentials")])
            .basic("shop", "secret-of-web-client")
            .header(HEADER, &keys.vouched("shop", &keys.instance, now))
            .header("DPoP", &dpop(key, &Prover::claims("POST", "/token", now)))
    };
    let answer = browser.send(ask(&keys.other)).await;
    assert_eq!(answer.error(), "invalid_client_attestation");
    let good = ask(&keys.instance);
    let answer = browser.send(good.clone()).await;
    assert_eq!(answer.json()["token_type"], "DPoP");
    assert_eq!(browser.send(good).await.error(), "invalid_client");
    // A proof of its own is looked at wherever there is one, and the DPoP proof is then one of DPoP alone.
    let beside = |proof: &str, jti: &str| {
        let mut claims = Prover::claims("POST", "/token", now);
        claims["jti"] = json!(jti);
        Ask::form("/token", &[("grant_type", "client_credentials")])
            .basic("shop", "secret-of-web-client")
            .header(HEADER, &keys.vouched("shop", &keys.instance, now))
            .header("DPoP", &dpop(&keys.instance, &claims))
            .header(PROOF, proof)
    };
    let own = |key: &SigningKey| {
        let claims = json!({"aud": fixture::ISSUER, "jti": "own", "iat": now});
        signed(key, "oauth-client-attestation-pop+jwt", &claims)
    };
    for wrong in [own(&keys.other), "x".to_owned()] {
        let answer = browser.send(beside(&wrong, "wrong")).await;
        assert_eq!(answer.error(), "invalid_client_attestation");
    }
    let answer = browser.send(beside(&own(&keys.instance), "right")).await;
    assert_eq!(answer.json()["token_type"], "DPoP", "{}", answer.text());
}

#[tokio::test]
async fn without_dpop_there_is_no_such_method() {
    let keys = Keys::new();
    let op = node(&keys)
        .policy(|policy| {
            policy.dpop.enabled = false;
            policy.attestation.signal = Signal::Demanded;
        })
        .start()
        .await;
    let told = metadata(&op).await;
    let methods = told["token_endpoint_auth_methods_supported"].to_string();
    assert!(!methods.contains(COMBINED) && methods.contains("attest_jwt_client_auth"));
    let proofs = &told["client_attestation_pop_methods_supported"];
    assert_eq!(proofs, &json!(["attestation_pop_jwt"]));
}
