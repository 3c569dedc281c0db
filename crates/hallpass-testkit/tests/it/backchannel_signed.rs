//! What clients register for backchannel authentication, CIBA Core §4, and the requests that they sign, §7.1.1.

use hallpass_core::policy::DeliveryMode;
use hallpass_jose::{Jwks, JwsAlgorithm, SigningKey};
use hallpass_testkit::{
    Answer, Ask, Op, Setup, assertion,
    fixture::{self, Seed},
};
use serde_json::{Value, json};

const GRANT: &str = "urn:openid:params:grant-type:ciba";
const ENDPOINT: &str = "https://bank.test/notify";
const SECRET: &str = "hpk_ciba-0123456789abcdefghijklmnopqrstuvwxy";

async fn ask(op: &Op, client: &str, pairs: &[(&str, &str)]) -> Answer {
    let ask = Ask::form("/backchannel", pairs).basic(client, SECRET);
    op.browser().send(ask).await
}

#[track_caller]
fn assert_error(answer: &Answer, error: &str) {
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, error),
        "{}",
        answer.text()
    );
}

/// A client that signs its requests, with the key of `pkjwt`.
fn signing() -> Setup {
    let keys = Jwks::from_keys([fixture::pkjwt_key().public_jwk()]).to_json();
    let keys: Value = serde_json::from_str(&keys).unwrap();
    let setup = Setup::default().policy(|policy| policy.backchannel.enabled = true);
    setup.client(Seed {
        id: "signs",
        secret: Some(SECRET),
        disabled: false,
        metadata: json!({"redirect_uris": [], "grant_types": [GRANT], "jwks": keys,
            "backchannel_token_delivery_mode": "poll",
            "backchannel_authentication_request_signing_alg": "ES256"}),
    })
}

fn claims(op: &Op, jti: &str) -> Value {
    let now = op.clock.seconds();
    json!({"iss": "signs", "aud": fixture::ISSUER, "iat": now, "nbf": now, "exp": now + 300, "jti": jti,
        "scope": "openid", "login_hint": "alice", "requested_expiry": 120})
}

async fn send_signed(op: &Op, jwt: &str) -> Answer {
    ask(op, "signs", &[("request", jwt)]).await
}

// CB-03
#[tokio::test]
async fn a_client_that_registered_an_algorithm_signs_its_requests() {
    //= test CIBA#7.1.1 a client that registered an algorithm signs its requests
    //= test CIBA#7.1.1 beside a signed request there is nothing but client authentication
    //= test CIBA#4 signed requests use an asymmetric algorithm
    let op = signing().start().await;
    let metadata = op
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .json();
    let algs = &metadata["backchannel_authentication_request_signing_alg_values_supported"];
    let algs = algs.as_array().unwrap();
    assert!(
        algs.contains(&json!("ES256"))
            && !algs.contains(&json!("HS256"))
            && !algs.contains(&json!("none"))
    );
    let plain = [("scope", "openid"), ("login_hint", "alice")];
    assert_error(&ask(&op, "signs", &plain).await, "invalid_request");
    let key = fixture::pkjwt_key();
    let good = assertion::sign(key, &claims(&op, "one"));
    for beside in [
        ("scope", "openid"),
        ("login_hint", "bob"),
        ("binding_message", "1"),
    ] {
        let mixed = [("request", &*good), beside];
        assert_error(&ask(&op, "signs", &mixed).await, "invalid_request");
    }
    let answer = send_signed(&op, &good).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["expires_in"], 120);
    assert_error(&send_signed(&op, &good).await, "invalid_request");
    let mut words = claims(&op, "words");
    words["requested_expiry"] = json!("10");
    let answer = send_signed(&op, &assertion::sign(key, &words)).await;
    assert_eq!(answer.json()["expires_in"], 10);
}

// CB-03
#[tokio::test]
async fn a_signed_request_that_is_not_right_in_all_is_refused() {
    //= test CIBA#7.1.1 the signed request has iss, aud, exp, iat, nbf and jti
    let op = signing().start().await;
    let key = fixture::pkjwt_key();
    let now = op.clock.seconds();
    for (name, value) in [
        ("iss", Value::Null),
        ("iss", json!("bank")),
        ("aud", Value::Null),
        ("aud", json!("https://other.test")),
        ("exp", Value::Null),
        ("exp", json!(now - 1)),
        ("exp", json!(now + 70 * 60)),
        ("iat", Value::Null),
        ("nbf", Value::Null),
        ("nbf", json!(now + 600)),
        ("nbf", json!(now - 70 * 60)),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("client_id", json!("bank")),
        ("request", json!("x.y.z")),
        ("login_hint", json!({"sub": "alice"})),
        ("binding_message", json!("\u{1f44d}")),
    ] {
        let mut spoilt = claims(&op, "spoilt");
        if value.is_null() {
            spoilt.as_object_mut().unwrap().remove(name);
        } else {
            spoilt[name] = value;
        }
        let answer = send_signed(&op, &assertion::sign(key, &spoilt)).await;
        let error = if name == "binding_message" {
            "invalid_binding_message"
        } else {
            "invalid_request"
        };
        assert_error(&answer, error);
    }
    let good = claims(&op, "good");
    let other = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let unsigned = |header: &str| {
        let encode = |text: &str| hallpass_jose::base64url::encode(text);
        format!("{}.{}.", encode(header), encode(&good.to_string()))
    };
    for bad in [
        assertion::sign(&other, &good),
        assertion::sign(fixture::rsa_key(), &good),
        assertion::sign_hmac(JwsAlgorithm::HS256, SECRET.as_bytes(), &good),
        unsigned(r#"{"alg":"none"}"#),
        "x.y.z".to_owned(),
        "a".repeat(100_000),
    ] {
        let answer = send_signed(&op, &bad).await;
        assert!(
            answer.status == 413 || answer.error() == "invalid_request",
            "{}: {}",
            answer.status,
            answer.text()
        );
    }
    assert_eq!(
        send_signed(&op, &assertion::sign(key, &good)).await.status,
        200
    );
}

#[tokio::test]
async fn clients_register_for_it_completely_or_not_at_all() {
    //= test CIBA#4 a client says how it learns of the answer
    //= test CIBA#4 the endpoint of a client that is told uses https
    //= test CIBA#7 the client authenticates
    let op = Setup::default()
        .policy(|policy| {
            policy.backchannel.enabled = true;
            policy.backchannel.delivery_modes = DeliveryMode::ALL.to_vec();
        })
        .start()
        .await;
    let register = async |changes: Value| {
        let mut metadata = json!({"grant_types": [GRANT], "response_types": [],
            "backchannel_token_delivery_mode": "ping",
            "backchannel_client_notification_endpoint": ENDPOINT});
        for (name, value) in changes.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        let ask = Ask::json("/register", &metadata).bearer(&op.initial_access_token);
        op.browser().send(ask).await
    };
    let answer = register(json!({})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["backchannel_token_delivery_mode"], "ping");
    assert_eq!(body["backchannel_client_notification_endpoint"], ENDPOINT);
    for (changes, why) in [
        (json!({"backchannel_token_delivery_mode": null}), "no mode"),
        (
            json!({"backchannel_token_delivery_mode": "shout"}),
            "an unknown mode",
        ),
        (
            json!({"backchannel_client_notification_endpoint": null}),
            "nobody to tell",
        ),
        (
            json!({"backchannel_client_notification_endpoint": "http://bank.test/"}),
            "in the clear",
        ),
        (
            json!({"backchannel_client_notification_endpoint": "http://127.0.0.1/notify"}),
            "in the clear, though on this machine",
        ),
        (
            json!({"backchannel_client_notification_endpoint": "http://localhost/notify"}),
            "in the clear, though on this machine",
        ),
        (
            json!({"backchannel_client_notification_endpoint": "http://[::1]/notify"}),
            "in the clear, though on this machine",
        ),
        (
            json!({"token_endpoint_auth_method": "none"}),
            "a public client",
        ),
        (
            json!({"backchannel_authentication_request_signing_alg": "none"}),
            "unsigned signed requests",
        ),
        (
            json!({"backchannel_authentication_request_signing_alg": "HS256"}),
            "a symmetric algorithm",
        ),
        (
            json!({"backchannel_user_code_parameter": true}),
            "codes that nobody has",
        ),
        (
            json!({"backchannel_token_delivery_mode": "push", "dpop_bound_access_tokens": true}),
            "bound tokens that are pushed",
        ),
    ] {
        let answer = register(changes).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_client_metadata"),
            "{why}"
        );
    }
}

// CB-03: the same signed request at another node, and signed anew under the same name
#[tokio::test]
async fn a_signed_request_works_once_at_whichever_node() {
    let op = signing().start().await;
    let node = signing().joining(&op).start().await;
    let key = fixture::pkjwt_key();
    let good = assertion::sign(key, &claims(&op, "one"));
    assert_eq!(send_signed(&op, &good).await.status, 200);
    let again = assertion::sign(key, &claims(&op, "one"));
    for place in [&op, &node] {
        for jwt in [&good, &again] {
            assert_error(&send_signed(place, jwt).await, "invalid_request");
        }
    }
}

// CB-04, CB-08
#[tokio::test]
async fn nothing_but_plain_short_words_and_the_registered_address_gets_through() {
    use super::backchannel::{TOKEN, answer_all, begin};
    let op = super::backchannel::setup().start().await;
    for message in [
        "a\nb",
        "a\r\nX-Inj: 1",
        "a\tb",
        "a\u{7f}b",
        "a\u{202e}b",
        "a\u{200b}b",
        "a\u{2028}b",
        "\u{1f600}",
        "<b>",
        "a&amp;b",
        "a\"b",
        "{{7*7}}",
        &"a".repeat(10_000),
    ] {
        let pairs = [
            ("scope", "openid"),
            ("login_hint", "alice"),
            ("binding_message", message),
        ];
        let answer = super::backchannel::ask(&op, "bank", &pairs).await;
        assert_error(&answer, "invalid_binding_message");
    }
    let pairs = [
        ("scope", "openid"),
        ("login_hint", "alice"),
        ("binding_message", "a\u{0}b"),
    ];
    let answer = super::backchannel::ask(&op, "bank", &pairs).await;
    assert_error(&answer, "invalid_request");
    // Where to, and with which word, is what was registered and what came with the request.
    let evil = "https://evil.test/notify";
    for url in [evil, super::backchannel::ENDPOINT] {
        op.fetcher.answer_posts(url, 204);
    }
    let changes = [
        ("client_notification_token", TOKEN),
        ("backchannel_client_notification_endpoint", evil),
        ("client_notification_endpoint", evil),
        ("notification_uri", evil),
    ];
    for client in ["ping", "push"] {
        begin(&op, client, &changes).await;
        answer_all(&op, "alice", "allow").await;
        op.provider.deliver_due().await.unwrap();
    }
    let posted = op.fetcher.posted();
    assert_eq!(posted.len(), 2);
    for one in &posted {
        assert_eq!(one.url, super::backchannel::ENDPOINT);
        let bearer = format!("Bearer {TOKEN}");
        assert_eq!(one.authorization.as_deref(), Some(&*bearer));
        assert!(!one.body.contains(TOKEN));
    }
    // An answer that leads elsewhere is not followed, and nobody else hears the word.
    op.fetcher.answer_posts(super::backchannel::ENDPOINT, 302);
    begin(&op, "ping", &changes).await;
    answer_all(&op, "alice", "allow").await;
    op.provider.deliver_due().await.unwrap();
    op.clock.advance(3600);
    op.provider.deliver_due().await.unwrap();
    assert!(op.fetcher.posted().iter().all(|one| one.url != evil));
}

// CB-06
#[tokio::test]
async fn who_polls_too_fast_is_slowed_down_on_every_node() {
    use super::backchannel::{begin, poll, setup};
    let op = setup().start().await;
    let node = setup().joining(&op).start().await;
    let id = begin(&op, "bank", &[]).await;
    assert_error(&poll(&op, "bank", &id).await, "authorization_pending");
    op.clock.advance(1);
    assert_error(&poll(&node, "bank", &id).await, "slow_down");
    // Five seconds more, and remembered by all.
    op.clock.advance(6);
    assert_error(&poll(&op, "bank", &id).await, "slow_down");
    op.clock.advance(16);
    assert_error(&poll(&node, "bank", &id).await, "authorization_pending");
}

// CB-09: twenty requests from five clients within a minute
#[tokio::test]
async fn one_person_is_asked_three_times_whoever_asks() {
    use super::backchannel::{actions, ask, at_approvals, bank, setup};
    let mut setup = setup();
    for id in ["b3", "b4", "b5"] {
        setup = setup.client(bank(id, "poll"));
    }
    let op = setup.start().await;
    let pairs = [("scope", "openid"), ("login_hint", "alice")];
    let mut taken = 0;
    for number in 0..20 {
        let client = ["bank", "bank2", "b3", "b4", "b5"][number % 5];
        let answer = ask(&op, client, &pairs).await;
        match answer.status {
            200 => taken += 1,
            status => assert_eq!(status, 429, "{}", answer.text()),
        }
        op.clock.advance(3);
    }
    assert_eq!(taken, 3);
    let mut alice = at_approvals(&op, "alice").await;
    assert_eq!(actions(&mut alice).await.len(), 3);
}
