//! Security profiles.

use hallpass_core::{authorize::ResponseType, fapi::Profile};
use hallpass_jose::JwsAlgorithm;
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Prover, Request, Setup, Tokens,
    assertion::{self, JWT_BEARER},
    fixture::{self, Seed},
    flow, wire,
};
use serde_json::{Value, json};

const CB: &str = "https://fapi.test/cb";

fn seed(id: &'static str, profile: &str, more: Value) -> Seed {
    let keys = json!({"keys": [fixture::pkjwt_key().public_jwk().to_public_value()]});
    let mut metadata = json!({
        "redirect_uris": [CB], "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": keys, "fapi_profile": profile,
        "scope": "openid email offline_access", "skip_consent": true,
    });
    metadata
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    Seed {
        id,
        secret: None,
        disabled: false,
        metadata,
    }
}

async fn op() -> Op {
    Setup::default()
        .policy(|policy| {
            policy.mtls.enabled = true;
            policy.jarm = true;
            policy.response_types = ResponseType::ALL.to_vec();
            policy.lifetimes.code = 300;
        })
        .client(seed("fapi2", "fapi2-security", json!({})))
        .client(seed("fapims", "fapi2-message-signing", json!({})))
        .client(seed(
            "fapi1",
            "fapi1-advanced",
            json!({
                "response_types": ["code", "code id_token"],
                "grant_types": ["authorization_code", "implicit", "refresh_token"],
            }),
        ))
        .start()
        .await
}

/// A form with an assertion of that client.
fn signed_in(op: &Op, client: &str, path: &str, pairs: &[(&str, &str)], aud: &Value) -> Ask {
    let jti = format!("fapi-{}", Prover::claims("", "", 0)["jti"]);
    let mut claims = assertion::claims(client, op.clock.seconds(), &jti);
    claims["aud"] = aud.clone();
    let jwt = assertion::sign(fixture::pkjwt_key(), &claims);
    let mut all = pairs.to_vec();
    all.push(("client_assertion_type", JWT_BEARER));
    all.push(("client_assertion", &jwt));
    Ask::form(path, &all)
}

fn issuer() -> Value {
    json!(fixture::ISSUER)
}

fn request(client: &str) -> Vec<(String, String)> {
    Request::of("web", "openid email offline_access")
        .with("client_id", client)
        .with("redirect_uri", CB)
        .0
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect()
}

async fn push(op: &Op, browser: &mut Browser, client: &str, pairs: &[(String, String)]) -> Answer {
    let ask = signed_in(op, client, "/par", &borrowed(pairs), &issuer());
    browser.send(ask).await
}

async fn code(browser: &mut Browser, client: &str, pushed: &Answer) -> String {
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let answer = browser
        .query(
            "/authorize",
            &[("client_id", client), ("request_uri", &uri)],
        )
        .await;
    let answer = browser.through_pages("alice", answer).await;
    let location = answer.location().to_owned();
    wire::param(&location, "code").unwrap_or_else(|| panic!("no code: {location}"))
}

fn redemption(op: &Op, client: &str, code: &str) -> Ask {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CB),
        ("code_verifier", flow::VERIFIER),
    ];
    signed_in(op, client, "/token", &pairs, &issuer())
}

fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(
        (answer.status, &*answer.error()),
        (status, error),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn the_second_profile_pushes_binds_and_keeps_its_refresh_token() {
    //= test FAPI2-SP#5.3.2.1 access tokens are bound by mutual TLS or DPoP
    let op = op().await;
    let mut browser = op.browser();
    let prover = Prover::default();
    // What is not pushed is refused.
    let answer = browser
        .query("/authorize", &borrowed(&request("fapi2")))
        .await;
    assert!(
        answer.location().contains("error=invalid_request"),
        "{}",
        answer.location()
    );

    let pushed = push(&op, &mut browser, "fapi2", &request("fapi2")).await;
    assert!(pushed.json()["expires_in"].as_i64().unwrap() < 600);
    let code = code(&mut browser, "fapi2", &pushed).await;
    let now = op.clock.seconds();
    // Without a key there is no token, and the code is not used up.
    refused(
        &browser.send(redemption(&op, "fapi2", &code)).await,
        400,
        "invalid_dpop_proof",
    );
    let ask = redemption(&op, "fapi2", &code).header("DPoP", &prover.post("/token", now));
    let tokens = Tokens::of_type(&browser.send(ask).await, "DPoP");
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh()),
    ];
    let ask = signed_in(&op, "fapi2", "/token", &pairs, &issuer());
    let ask = ask.header("DPoP", &prover.post("/token", now));
    let next = Tokens::of_type(&browser.send(ask).await, "DPoP");
    assert_eq!(next.refresh(), tokens.refresh());

    let without_challenge: Vec<_> = request("fapi2")
        .into_iter()
        .filter(|(name, _)| !name.starts_with("code_challenge"))
        .collect();
    let answer = push(&op, &mut browser, "fapi2", &without_challenge).await;
    refused(&answer, 400, "invalid_request");
}

#[tokio::test]
async fn a_code_of_the_second_profile_lives_for_a_minute_at_most() {
    //= test FAPI2-SP#5.3.2.2 codes live for sixty seconds at most
    let op = op().await;
    let mut browser = op.browser();
    let pushed = push(&op, &mut browser, "fapi2", &request("fapi2")).await;
    let code = code(&mut browser, "fapi2", &pushed).await;
    op.clock.advance(61);
    let proof = Prover::default().post("/token", op.clock.seconds());
    let ask = redemption(&op, "fapi2", &code).header("DPoP", &proof);
    refused(&browser.send(ask).await, 400, "invalid_grant");
}

// PA-08, TK-47
#[tokio::test]
async fn a_proof_along_with_a_pushed_request_binds_its_code() {
    //= test RFC9449#10.1 a proof along with a pushed request binds its code; dpop_jkt names no other key
    let op = op().await;
    let mut browser = op.browser();
    let (prover, other) = (Prover::default(), Prover::default());
    let now = op.clock.seconds();
    let pushing = |pairs: &[(String, String)], proof: &str| {
        signed_in(&op, "fapi2", "/par", &borrowed(pairs), &issuer()).header("DPoP", proof)
    };
    let proof = prover.post("/par", now);
    let pushed = browser.send(pushing(&request("fapi2"), &proof)).await;
    let code = code(&mut browser, "fapi2", &pushed).await;
    let ask = redemption(&op, "fapi2", &code).header("DPoP", &other.post("/token", now));
    refused(&browser.send(ask).await, 400, "invalid_grant");
    let ask = redemption(&op, "fapi2", &code).header("DPoP", &prover.post("/token", now));
    Tokens::of_type(&browser.send(ask).await, "DPoP");

    refused(
        &browser.send(pushing(&request("fapi2"), &proof)).await,
        400,
        "invalid_dpop_proof",
    );
    let elsewhere = prover.post("/token", now);
    refused(
        &browser.send(pushing(&request("fapi2"), &elsewhere)).await,
        400,
        "invalid_dpop_proof",
    );
    let mut named = request("fapi2");
    named.push(("dpop_jkt".to_owned(), other.thumbprint()));
    let answer = browser
        .send(pushing(&named, &prover.post("/par", now)))
        .await;
    refused(&answer, 400, "invalid_dpop_proof");
    let answer = browser
        .send(pushing(&named, &other.post("/par", now)))
        .await;
    assert_eq!(answer.status, 201);
}

// PA-07, TK-30
#[tokio::test]
async fn the_audience_of_an_assertion_is_what_the_profile_says() {
    //= test FAPI2-SP#5.3.2.1 the audience of an assertion is the issuer, as a single text
    let op = op().await;
    let mut browser = op.browser();
    let token = json!(format!("{}/token", fixture::ISSUER));
    let par = json!(format!("{}/par", fixture::ISSUER));
    let pair = json!([fixture::ISSUER, "https://other.test"]);
    let mut pushed = async |client: &str, pairs: &[(String, String)], aud: &Value| {
        let ask = signed_in(&op, client, "/par", &borrowed(pairs), aud);
        browser.send(ask).await
    };
    for aud in [&token, &par, &pair, &json!([fixture::ISSUER])] {
        refused(
            &pushed("fapi2", &request("fapi2"), aud).await,
            401,
            "invalid_client",
        );
    }
    assert_eq!(
        pushed("fapi2", &request("fapi2"), &issuer()).await.status,
        201
    );
    for aud in [&token, &par, &pair, &issuer()] {
        // It authenticates; that its request is not signed is another matter.
        refused(
            &pushed("fapi1", &request("fapi1"), aud).await,
            400,
            "invalid_request",
        );
    }
    let foreign = json!(["https://other.test"]);
    refused(
        &pushed("fapi1", &request("fapi1"), &foreign).await,
        401,
        "invalid_client",
    );
}

#[tokio::test]
async fn weak_algorithms_are_of_no_use_to_a_profile() {
    let op = Setup::default()
        .client(seed(
            "rsa",
            "fapi2-security",
            json!({"jwks": {"keys": [fixture::rsa_key().public_jwk().to_public_value()]}}),
        ))
        .client(seed("fapi2", "fapi2-security", json!({})))
        .start()
        .await;
    let mut browser = op.browser();
    let claims = assertion::claims("rsa", op.clock.seconds(), "weak");
    let jwt = assertion::sign(fixture::rsa_key(), &claims);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &jwt),
    ];
    refused(&browser.form("/token", &form).await, 401, "invalid_client");
    let proof = Prover::new(JwsAlgorithm::ES384).post("/token", op.clock.seconds());
    let grant = [("grant_type", "client_credentials")];
    let ask = signed_in(&op, "fapi2", "/token", &grant, &issuer()).header("DPoP", &proof);
    refused(&browser.send(ask).await, 400, "invalid_dpop_proof");
    let proof = Prover::new(JwsAlgorithm::EdDSA).post("/token", op.clock.seconds());
    let ask = signed_in(&op, "fapi2", "/token", &grant, &issuer()).header("DPoP", &proof);
    Tokens::of_type(&browser.send(ask).await, "DPoP");
}

fn object(op: &Op, client: &str, change: impl FnOnce(&mut Value)) -> String {
    let now = op.clock.seconds();
    let mut claims: Value = request(client)
        .into_iter()
        .map(|(name, value)| (name, Value::from(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    claims["iss"] = json!(client);
    claims["aud"] = issuer();
    claims["iat"] = json!(now);
    claims["nbf"] = json!(now);
    claims["exp"] = json!(now + 300);
    change(&mut claims);
    assertion::sign(fixture::pkjwt_key(), &claims)
}

#[tokio::test]
async fn message_signing_wants_the_request_signed_and_the_answer_too() {
    let op = op().await;
    let mut browser = op.browser();
    let mut pushed = async |object: &str| {
        let pairs = [("request".to_owned(), object.to_owned())];
        push(&op, &mut browser, "fapims", &pairs).await
    };
    let signed = |change: fn(&mut Value)| {
        object(&op, "fapims", |claims| {
            claims["response_mode"] = json!("jwt");
            change(claims);
        })
    };
    assert_eq!(pushed(&signed(|_| {})).await.status, 201);
    for wrong in [
        signed(|claims| claims["response_mode"] = json!("query")),
        signed(|claims| drop(claims.as_object_mut().unwrap().remove("response_mode"))),
    ] {
        refused(&pushed(&wrong).await, 400, "invalid_request");
    }
    for wrong in [
        signed(|claims| drop(claims.as_object_mut().unwrap().remove("nbf"))),
        signed(|claims| drop(claims.as_object_mut().unwrap().remove("exp"))),
        signed(|claims| claims["exp"] = json!(claims["nbf"].as_i64().unwrap() + 3700)),
    ] {
        refused(&pushed(&wrong).await, 400, "invalid_request_object");
    }
    let mut plain = request("fapims");
    plain.push(("response_mode".to_owned(), "jwt".to_owned()));
    let answer = push(&op, &mut browser, "fapims", &plain).await;
    refused(&answer, 400, "invalid_request");
}

#[tokio::test]
async fn the_first_profile_wants_a_signed_request_and_a_protected_answer() {
    //= test FAPI1-ADV#5.2.2 a pushed request uses PKCE with S256
    //= test FAPI1-ADV#5.2.2 only parameters in the signed request are used
    //= test FAPI1-BASE#5.2.2.2 a request with openid has a nonce
    let op = op().await;
    let mut browser = op.browser();
    let hybrid = |claims: &mut Value| claims["response_type"] = json!("code id_token");
    let mut asked = async |object: &str| {
        let answer = browser
            .query(
                "/authorize",
                &[
                    ("client_id", "fapi1"),
                    ("request", object),
                    ("response_type", "code id_token"),
                    ("scope", "openid"),
                ],
            )
            .await;
        let answer = browser.through_pages("alice", answer).await;
        answer.location().to_owned()
    };
    let location = asked(&object(&op, "fapi1", hybrid)).await;
    assert!(
        location.contains("#") && location.contains("id_token="),
        "{location}"
    );
    // Without a challenge, too: the request is signed and has a nonce.
    let bare = object(&op, "fapi1", |claims| {
        hybrid(claims);
        let members = claims.as_object_mut().unwrap();
        members.retain(|name, _| !name.starts_with("code_challenge"));
    });
    let location = asked(&bare).await;
    assert!(location.contains("id_token="), "{location}");
    let no_nonce = object(&op, "fapi1", |claims| {
        hybrid(claims);
        drop(claims.as_object_mut().unwrap().remove("nonce"));
    });
    let location = asked(&no_nonce).await;
    assert!(location.contains("error=invalid_request"), "{location}");
    //= test FAPI1-ADV#5.2.2 only what the request object says counts, so a scope must stand in it
    let no_scope = object(&op, "fapi1", |claims| {
        hybrid(claims);
        drop(claims.as_object_mut().unwrap().remove("scope"));
    });
    let location = asked(&no_scope).await;
    assert!(location.contains("error=invalid_request&"), "{location}");
    // A pushed request needs it.
    let pairs = [("request".to_owned(), bare)];
    let answer = push(&op, &mut browser, "fapi1", &pairs).await;
    refused(&answer, 400, "invalid_request");
    // An unprotected code, and an unsigned request.
    let plain = object(&op, "fapi1", |_| {});
    let ask = [("client_id", "fapi1"), ("request", &*plain)];
    let answer = browser.query("/authorize", &ask).await;
    assert!(
        answer.location().contains("error=invalid_request&"),
        "{}",
        answer.location()
    );
    let mut unsigned = request("fapi1");
    unsigned.retain(|(name, _)| name != "response_type");
    unsigned.push(("response_type".to_owned(), "code id_token".to_owned()));
    let answer = browser.query("/authorize", &borrowed(&unsigned)).await;
    assert!(
        answer.location().contains("error="),
        "{}",
        answer.location()
    );
    //= test FAPI1-BASE#5.2.2.3 a request without openid has a state
    for (state, right) in [(Some("s"), true), (None, false)] {
        let plain = object(&op, "fapi1", |claims| {
            claims["scope"] = json!("email");
            claims["response_mode"] = json!("jwt");
            let members = claims.as_object_mut().unwrap();
            members.remove("state");
            if let Some(state) = state {
                members.insert("state".to_owned(), json!(state));
            }
        });
        let ask = [("client_id", "fapi1"), ("request", &*plain)];
        let answer = browser.query("/authorize", &ask).await;
        let answer = browser.through_pages("alice", answer).await;
        let jwt = wire::param(answer.location(), "response").unwrap();
        let told = assertion::payload(&jwt);
        assert_eq!(told.get("code").is_some(), right, "{told}");
    }
}

// JW-08
#[tokio::test]
async fn an_issuer_of_a_profile_advertises_what_is_left() {
    let op = Setup::default()
        .policy(|policy| policy.fapi_profile = Profile::parse("fapi2-security"))
        .without_clients()
        .client(seed("fapi2", "fapi2-security", json!({})))
        .start()
        .await;
    let mut browser = op.browser();
    let metadata = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    assert_eq!(
        metadata["token_endpoint_auth_methods_supported"],
        json!(["private_key_jwt"])
    );
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    for name in [
        "id_token_signing_alg_values_supported",
        "token_endpoint_auth_signing_alg_values_supported",
        "dpop_signing_alg_values_supported",
    ] {
        for alg in metadata[name].as_array().unwrap() {
            assert!(
                ["PS256", "ES256", "EdDSA"].contains(&alg.as_str().unwrap()),
                "{name}: {alg}"
            );
        }
    }
    // A client with a secret is no client here.
    let answer = browser
        .call("machine", "/token", &[("grant_type", "client_credentials")])
        .await;
    refused(&answer, 401, "invalid_client");
}

// PA-01, PA-05, PA-07, PA-09
#[tokio::test]
async fn a_client_of_the_profile_pushes_with_its_key_and_as_the_profile_says() {
    let op = op().await;
    let mut browser = op.browser();
    let all = request("fapi2");
    let pairs = borrowed(&all);
    let key = fixture::pkjwt_key();
    let stranger = hallpass_jose::SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let now = op.clock.seconds();
    let with = |jwt: &str| {
        let mut all = pairs.clone();
        all.push(("client_assertion_type", JWT_BEARER));
        all.push(("client_assertion", jwt));
        Ask::form("/par", &all)
    };
    let claims = |jti: &str, change: &dyn Fn(&mut Value)| {
        let mut claims = assertion::claims("fapi2", now, jti);
        claims["aud"] = issuer();
        change(&mut claims);
        claims
    };
    let signed = |jti: &str, change: &dyn Fn(&mut Value)| {
        let claims = claims(jti, change);
        assertion::sign(key, &claims)
    };
    let others = assertion::sign(&stranger, &claims("stranger", &|_| ()));
    let unsigned = claims("unsigned", &|_| ()).to_string();
    let unsigned = assertion::compact(&json!({"alg": "none"}), unsigned.as_bytes(), b"");
    for (what, ask) in [
        ("its name alone", Ask::form("/par", &pairs)),
        ("a secret", Ask::form("/par", &pairs).basic("fapi2", "x")),
        ("nothing", Ask::form("/par", &[])),
        ("a stranger's key", with(&others)),
        ("no signature", with(&unsigned)),
        ("over", with(&signed("over", &|c| c["exp"] = json!(now)))),
        (
            "for another",
            with(&signed("another", &|c| {
                c["aud"] = json!("https://op.test/");
            })),
        ),
        (
            "of another",
            with(&signed("of", &|c| c["sub"] = json!("fapi1"))),
        ),
    ] {
        let answer = browser.send(ask).await;
        refused(&answer, 401, "invalid_client");
        assert!(answer.json().get("request_uri").is_none(), "{what}");
    }
    for (name, value) in [
        ("redirect_uri", None),
        ("redirect_uri", Some("https://fapi.test/cb/")),
        ("redirect_uri", Some("https://evil.test/cb")),
        ("code_challenge_method", Some("plain")),
        ("code_challenge_method", None),
        ("code_challenge", None),
        ("code_challenge", Some("x")),
        ("client_id", Some("fapi1")),
        ("request_uri", Some("urn:ietf:params:oauth:request_uri:x")),
    ] {
        let mut changed = all.clone();
        changed.retain(|(n, _)| n != name);
        changed.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        let answer = push(&op, &mut browser, "fapi2", &changed).await;
        refused(&answer, 400, "invalid_request");
    }
    let answer = push(&op, &mut browser, "fapi2", &all).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

// PA-01: where the issuer's profile wants clients that prove themselves
#[tokio::test]
async fn a_public_client_is_no_client_of_an_issuer_with_a_profile() {
    let profile = |policy: &mut hallpass_core::policy::Policy| {
        policy.fapi_profile = Profile::parse("fapi2-security");
    };
    let before = Op::start().await;
    let op = Setup::default()
        .joining(&before)
        .policy(profile)
        .start()
        .await;
    let pairs = Request::of("spa", "openid").0;
    let pairs = borrowed(&pairs);
    let mut browser = op.browser();
    refused(&browser.form("/par", &pairs).await, 401, "invalid_client");
    let answer = browser.call("web", "/par", &pairs[1..]).await;
    refused(&answer, 401, "invalid_client");
    let answer = browser.send(Request::of("spa", "openid").get()).await;
    assert_eq!(answer.status, 400, "{:?}", answer.header("location"));
}
