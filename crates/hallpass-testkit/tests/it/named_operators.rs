//! What the services asked for of clients and keys that this one takes the place of, as their applications see it: each test
//! is named after the row that it shows.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_jose::JwsAlgorithm;
use hallpass_provider::keys::Rotate;
use hallpass_testkit::{
    Ask, Browser, Op, Request, Setup, Tokens,
    assertion::{self, JWT_BEARER},
    fixture, wire,
};
use serde_json::Value;

/// How a client shows who it is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    Basic,
    Post,
    SecretJwt,
    KeyJwt,
    Nothing,
}

const SHOWN: [Shown; 5] = [
    Shown::Basic,
    Shown::Post,
    Shown::SecretJwt,
    Shown::KeyJwt,
    Shown::Nothing,
];

/// The secret of a client, and one that nobody has where it has none.
fn secret(client: &str) -> &'static str {
    match client {
        "spa" | "pkjwt" => "hpk_nobody-0123456789abcdefghijklmnopqrstuvwxyz",
        client => fixture::secret(client),
    }
}

/// A request of a client at the token endpoint, shown that way.
fn asked(op: &Op, client: &str, shown: Shown, jti: &str, form: &[(&str, &str)]) -> Ask {
    let claims = assertion::claims(client, op.clock.seconds(), jti);
    let jwt = match shown {
        Shown::SecretJwt => {
            assertion::sign_hmac(JwsAlgorithm::HS256, secret(client).as_bytes(), &claims)
        }
        Shown::KeyJwt => assertion::sign(fixture::pkjwt_key(), &claims),
        Shown::Basic | Shown::Post | Shown::Nothing => String::new(),
    };
    let mut pairs = form.to_vec();
    if shown != Shown::Basic {
        pairs.push(("client_id", client));
    }
    match shown {
        Shown::Post => pairs.push(("client_secret", secret(client))),
        Shown::SecretJwt | Shown::KeyJwt => {
            pairs.push(("client_assertion_type", JWT_BEARER));
            pairs.push(("client_assertion", &jwt));
        }
        Shown::Basic | Shown::Nothing => {}
    }
    let ask = Ask::form("/token", &pairs);
    if shown != Shown::Basic {
        return ask;
    }
    let text = STANDARD.encode(format!("{client}:{}", secret(client)));
    ask.header("Authorization", &format!("Basic {text}"))
}

#[tokio::test]
async fn s04_each_client_authenticates_in_its_own_way_and_in_no_other() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let told = browser.get("/.well-known/openid-configuration").await;
    let told = told.json()["token_endpoint_auth_methods_supported"].clone();
    for (client, own, method) in [
        ("web", Shown::Basic, "client_secret_basic"),
        ("post", Shown::Post, "client_secret_post"),
        ("sjwt", Shown::SecretJwt, "client_secret_jwt"),
        ("pkjwt", Shown::KeyJwt, "private_key_jwt"),
        ("spa", Shown::Nothing, "none"),
    ] {
        let told = told.as_array().unwrap();
        assert!(told.iter().any(|known| known == method), "{method}");
        for shown in SHOWN {
            let code = browser.code("alice", &Request::of(client, "openid")).await;
            let form = [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", hallpass_testkit::flow::redirect_uri(client)),
                ("code_verifier", hallpass_testkit::flow::VERIFIER),
            ];
            let jti = format!("{client} {shown:?}");
            let answer = browser.send(asked(&op, client, shown, &jti, &form)).await;
            if shown == own {
                let tokens = Tokens::of(&answer);
                assert!(tokens.id.is_some(), "{jti}");
            } else {
                let said = (answer.status, answer.error());
                assert_eq!(said, (401, "invalid_client".to_owned()), "{jti}");
            }
        }
    }
}

async fn begins(browser: &mut Browser, client: &str, uri: &str) -> bool {
    let request = Request::of(client, "openid").with("redirect_uri", uri);
    let answer = browser.send(request.get()).await;
    if answer.status == 400 {
        assert_eq!(answer.header("location"), None, "{client} {uri}");
        return false;
    }
    let answer = browser.through_pages("alice", answer).await;
    let location = answer.location().to_owned();
    assert!(location.starts_with(uri), "{location}");
    wire::param(&location, "code").is_some()
}

#[tokio::test]
async fn s13_an_answer_goes_to_a_registered_address_alone_and_only_on_this_machine_to_any_port() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for (client, uri, good) in [
        ("web", "https://rp.test/cb", true),
        ("web", "https://rp.test/cb/", false),
        ("web", "https://rp.test/CB", false),
        ("web", "https://rp.test/cb?x=1", false),
        ("web", "https://rp.test:443/cb", false),
        ("web", "http://rp.test/cb", false),
        ("native", "http://127.0.0.1:49152/cb", true),
        ("native", "http://[::1]:1/cb", true),
        ("native", "http://127.0.0.1:49152/other", false),
        ("native", "http://192.0.2.1:49152/cb", false),
        ("native", "https://127.0.0.1:49152/cb", false),
        ("loop", "http://127.0.0.1:8000/cb", true),
        ("loop", "http://127.0.0.1:8001/cb", false),
    ] {
        assert_eq!(
            begins(&mut browser, client, uri).await,
            good,
            "{client} {uri}"
        );
    }
}

async fn published(browser: &mut Browser) -> Vec<Value> {
    let told = browser.get("/.well-known/openid-configuration").await;
    let at = told.json()["jwks_uri"].as_str().unwrap().to_owned();
    let answer = browser.get(at.strip_prefix(fixture::ISSUER).unwrap()).await;
    assert_eq!(answer.status, 200);
    answer.json()["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn s34_the_published_keys_are_those_of_es256_and_rs256_without_a_private_part() {
    let op = Setup::default()
        .policy(|policy| policy.signing_algs = vec![JwsAlgorithm::ES256, JwsAlgorithm::RS256])
        .metadata(
            "web2",
            &serde_json::json!({"id_token_signed_response_alg": "RS256"}),
        )
        .start()
        .await;
    let mut browser = op.browser();
    let keys = published(&mut browser).await;
    for (client, alg, kty) in [("web", "ES256", "EC"), ("web2", "RS256", "RSA")] {
        let tokens = browser.code_flow(client, "openid").await;
        let header = assertion::header(tokens.id.as_deref().unwrap());
        assert_eq!(header["alg"], alg);
        let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
        assert_eq!((&key["alg"], &key["kty"]), (&alg.into(), &kty.into()));
    }
    for key in keys {
        let members = key.as_object().unwrap();
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(!members.contains_key(private), "{private}: {key}");
        }
    }
}

/// Identifiers of the keys for ES256 that are published.
async fn kids(browser: &mut Browser) -> Vec<String> {
    let keys = published(browser).await.into_iter();
    let signing = keys.filter(|key| key["alg"] == "ES256");
    signing
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

async fn signs(browser: &mut Browser) -> (String, String) {
    let id_token = browser.code_flow("first", "openid").await.id.unwrap();
    let kid = assertion::header(&id_token)["kid"].clone();
    (kid.as_str().unwrap().to_owned(), id_token)
}

#[tokio::test]
async fn s35_on_its_schedule_a_key_is_published_before_it_signs_and_until_its_last_token_is_over() {
    const DAY: i64 = 86_400;
    let op = Setup::default()
        .policy(|policy| {
            policy.signing_algs = vec![JwsAlgorithm::ES256];
            policy.encryption.own.clear();
            policy.keys.max_age = 300;
        })
        .start()
        .await;
    let mut browser = op.browser();
    let (first, hint) = signs(&mut browser).await;
    // The job of every hour, for keys of a month.
    let tend = async || {
        op.provider.keep_next_keys(30 * DAY).await.unwrap();
        let rotated = op.provider.rotate_keys(None, Rotate::Older(30 * DAY)).await;
        op.provider.purge().await.unwrap();
        rotated.unwrap().done.len()
    };
    let mut before = Vec::new();
    let mut hours = 0;
    while tend().await == 0 {
        before = kids(&mut browser).await;
        assert_eq!(signs(&mut op.browser()).await.0, first, "hour {hours}");
        op.clock.advance(3600);
        hours += 1;
        assert!(hours <= 30 * 24 + 1, "no rotation");
    }
    assert!(hours >= 30 * 24 - 1, "{hours}");
    // The one that signs now was published, and the one before still is.
    let (second, _) = signs(&mut op.browser()).await;
    assert_ne!(second, first);
    assert!(before.contains(&second), "{second} of {before:?}");
    let both = kids(&mut browser).await;
    assert!(both.contains(&first) && both.contains(&second), "{both:?}");
    let silent = Request::of("first", "openid")
        .with("prompt", "none")
        .with("id_token_hint", &hint);
    let answer = op.browser().send(silent.get()).await;
    assert_eq!(answer.error(), "login_required", "the old token is known");
    // When nothing that it signed is good any more it goes, so that there are never more than have something to verify.
    let lifetimes = op.provider.policy().lifetimes;
    op.clock.advance(
        lifetimes
            .access_token
            .max(lifetimes.id_token)
            .saturating_add(3600),
    );
    assert_eq!(tend().await, 0);
    let left = kids(&mut browser).await;
    assert!(!left.contains(&first) && left.contains(&second), "{left:?}");
    assert!(left.len() <= 2, "{left:?}");
    // By hand it is the same, at once.
    op.provider.rotate_keys(None, Rotate::Forced).await.unwrap();
    let (third, _) = signs(&mut op.browser()).await;
    assert_ne!(third, second);
    assert!(kids(&mut browser).await.contains(&second));
}
