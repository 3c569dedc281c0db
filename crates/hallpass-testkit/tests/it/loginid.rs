//! LoginID's clients: their signed JWT in the place of a secret, revocation and introspection by whoever holds a token. Each
//! habit that is weak works where the issuer puts up with it, and nowhere else.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_core::policy::{Policy, Routes};
use hallpass_jose::{JwsAlgorithm, SigningKey, base64url};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Setup, Tokens,
    assertion::{self, JWT_BEARER},
    fixture,
    flow::VERIFIER,
};
use serde_json::{Value, json};

const HALF_A_YEAR: i64 = 180 * 86_400;

pub(crate) fn compatible(policy: &mut Policy) {
    policy.routes = Routes::profile("loginid").unwrap();
    policy.compatibility.loginid = true;
}

/// An issuer that puts up with it, and one that does not, both at LoginID's paths.
pub(crate) async fn both() -> [(bool, Op); 2] {
    let strict = |policy: &mut Policy| policy.routes = Routes::profile("loginid").unwrap();
    [
        (true, Op::with(compatible).await),
        (false, Op::with(strict).await),
    ]
}

/// The claims of LoginID's example: the host name, half a year, no `jti`.
fn claims(op: &Op) -> Value {
    let now = op.clock.seconds();
    json!({"iss": "pkjwt", "sub": "pkjwt", "aud": "op.test", "iat": now, "exp": now + HALF_A_YEAR})
}

fn signed(claims: &Value) -> String {
    assertion::sign(fixture::pkjwt_key(), claims)
}

/// What every specification wants.
fn sound(op: &Op, jti: &str) -> String {
    signed(&assertion::claims("pkjwt", op.clock.seconds(), jti))
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Post,
    Basic,
    BareBasic,
    Assertion,
}

use Form::{Assertion, BareBasic, Basic, Post};

/// A request of `pkjwt` with its JWT in one of the forms.
fn shown(form: Form, path: &str, jwt: &str, more: &[(&str, &str)]) -> Ask {
    let mut pairs = vec![("client_id", "pkjwt")];
    pairs.extend_from_slice(more);
    match form {
        Post => {
            pairs.push(("client_secret", jwt));
            Ask::form(path, &pairs)
        }
        Basic => {
            let text = STANDARD.encode(format!("pkjwt:{jwt}"));
            Ask::form(path, &pairs).header("Authorization", &format!("Basic {text}"))
        }
        BareBasic => Ask::form(path, &pairs).header("Authorization", &format!("Basic {jwt}")),
        Assertion => {
            pairs.push(("client_assertion_type", JWT_BEARER));
            pairs.push(("client_assertion", jwt));
            Ask::form(path, &pairs)
        }
    }
}

async fn token(browser: &mut Browser, form: Form, jwt: &str) -> Answer {
    let grant = [("grant_type", "client_credentials")];
    browser.send(shown(form, "/oidc/token", jwt, &grant)).await
}

#[track_caller]
fn refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    assert_eq!(answer.error(), "invalid_client", "{what}");
}

/// LoginID's JWT is shown again and again, in whichever form, at every endpoint; elsewhere it is refused in all of them.
async fn in_form(form: Form) {
    for (tolerant, op) in both().await {
        let mut browser = op.browser();
        let jwt = signed(&claims(&op));
        if !tolerant {
            refused(&token(&mut browser, form, &jwt).await, "without the switch");
            // The form alone is enough, however good the JWT.
            refused(
                &token(&mut browser, form, &sound(&op, "sound")).await,
                "sound",
            );
            continue;
        }
        for round in 0..3 {
            let answer = token(&mut browser, form, &jwt).await;
            assert_eq!(answer.status, 200, "{round}: {}", answer.text());
            op.clock.advance(30 * 86_400);
        }
        for path in ["/oidc/introspect", "/oidc/revoke"] {
            let answer = browser
                .send(shown(form, path, &jwt, &[("token", "x")]))
                .await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
        // The end of half a year is the end.
        op.clock.advance(90 * 86_400);
        refused(&token(&mut browser, form, &jwt).await, "at its end");
    }
}

#[tokio::test]
async fn l13_the_signed_jwt_is_taken_as_client_secret_in_the_body() {
    in_form(Post).await;
}

#[tokio::test]
async fn l14_the_signed_jwt_is_taken_behind_basic_with_and_without_an_identifier() {
    in_form(Basic).await;
    in_form(BareBasic).await;
}

#[tokio::test]
async fn l15_the_signed_jwt_is_taken_as_an_assertion_and_body_and_claims_name_one_client() {
    for (tolerant, op) in both().await {
        let mut browser = op.browser();
        let answer = token(&mut browser, Assertion, &signed(&claims(&op))).await;
        if tolerant {
            assert_eq!(answer.status, 200, "{}", answer.text());
        } else {
            refused(&answer, "aud, life and jti");
        }
        // As the specification has it, everywhere.
        let answer = token(&mut browser, Assertion, &sound(&op, "as specified")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let forms: &[Form] = if tolerant {
            &[Post, BareBasic, Assertion]
        } else {
            &[Assertion]
        };
        for form in forms {
            let mut ask = shown(
                *form,
                "/oidc/token",
                &sound(&op, "of another"),
                &[("grant_type", "client_credentials")],
            );
            let body = String::from_utf8(ask.body).unwrap();
            ask.body = body
                .replace("client_id=pkjwt", "client_id=web")
                .into_bytes();
            let answer = browser.send(ask).await;
            assert!(
                matches!(answer.status, 400 | 401),
                "{form:?}: {}",
                answer.text()
            );
        }
    }
    // An identifier in the header, too.
    let op = Op::with(compatible).await;
    let mut browser = op.browser();
    let text = STANDARD.encode(format!("web:{}", sound(&op, "web")));
    let grant = [("grant_type", "client_credentials")];
    let ask = Ask::form("/oidc/token", &grant).header("Authorization", &format!("Basic {text}"));
    assert_eq!(browser.send(ask).await.status, 400);
    // A JWT alone behind Basic needs a client_id beside it, one in the body too.
    let jwt = sound(&op, "nameless");
    let nameless =
        Ask::form("/oidc/token", &grant).header("Authorization", &format!("Basic {jwt}"));
    assert_eq!(browser.send(nameless).await.status, 400);
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_secret", &jwt),
    ];
    assert_eq!(browser.form("/oidc/token", &pairs).await.status, 400);
    // One way at a time.
    let two =
        shown(Post, "/oidc/token", &jwt, &grant).header("Authorization", &format!("Basic {jwt}"));
    let answer = browser.send(two).await;
    assert!(matches!(answer.status, 400 | 401), "{}", answer.text());
}

// TK-30, TK-31
#[tokio::test]
async fn l16_each_claim_is_checked_and_named_when_it_is_wrong() {
    for (tolerant, op) in both().await {
        let mut browser = op.browser();
        let now = op.clock.seconds();
        let longest = if tolerant { HALF_A_YEAR } else { 3600 };
        #[rustfmt::skip]
        let cases = [
            ("iss", json!("web"), "iss"), ("iss", json!(null), "iss"), ("iss", json!("https://op.test"), "iss"),
            ("sub", json!("web"), "iss"), ("sub", json!(null), "sub"), ("sub", json!(["pkjwt"]), "sub"),
            ("aud", json!(null), "aud"), ("aud", json!("evil.test"), "aud"), ("aud", json!("https://evil.test"), "aud"),
            ("aud", json!("OP.test"), "aud"), ("aud", json!("op.test."), "aud"), ("aud", json!("op"), "aud"),
            ("aud", json!(["op.test", "evil.test"]), "aud"), ("aud", json!("op.test/oidc/token"), "aud"),
            ("aud", json!("https://op.test/oidc/keys"), "aud"), ("aud", json!([]), "aud"), ("aud", json!(1), "aud"),
            ("exp", json!(null), "exp"), ("exp", json!(now), "exp"), ("exp", json!(now - 1), "exp"),
            ("exp", json!(now + longest + 1), "exp"), ("exp", json!("soon"), "exp"), ("exp", json!(1e300), "exp"),
            ("nbf", json!(now + 60), "nbf"), ("iat", json!(now + 60), "iat"), ("iat", json!("now"), "iat"),
            ("jti", json!(""), "jti"), ("jti", json!(7), "jti"), ("jti", json!("x".repeat(1000)), "jti"),
        ];
        let forms: &[Form] = if tolerant {
            &[Post, Basic, BareBasic, Assertion]
        } else {
            &[Assertion]
        };
        for form in forms {
            for (number, (name, value, told)) in cases.iter().enumerate() {
                let mut claims = assertion::claims("pkjwt", now, &format!("{form:?} {number}"));
                if value.is_null() {
                    claims.as_object_mut().unwrap().remove(*name);
                } else {
                    claims[*name] = value.clone();
                }
                let answer = token(&mut browser, *form, &signed(&claims)).await;
                let what = format!("{form:?} {name} = {value:.40}");
                refused(&answer, &what);
                let text = answer.json()["error_description"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                assert!(text.contains(told), "{what}: {text}");
                assert!(!text.contains("evil"), "{what}: {text}");
                // A client that does not exist hears the same.
                for (member, own) in [("iss", name != &"iss"), ("sub", name != &"sub")] {
                    if own {
                        claims[member] = json!("nobody");
                    }
                }
                if claims["iss"] == claims["sub"] {
                    let mut ask = shown(
                        *form,
                        "/oidc/token",
                        &signed(&claims),
                        &[("grant_type", "client_credentials")],
                    );
                    ask.body = String::from_utf8(ask.body)
                        .unwrap()
                        .replace("client_id=pkjwt", "client_id=nobody")
                        .into_bytes();
                    if !matches!(form, Basic) {
                        let of_nobody = browser.send(ask).await;
                        assert_eq!(of_nobody.json()["error_description"], text, "{what}");
                    }
                }
            }
        }
        // What each may be.
        for (number, audience) in [
            "https://op.test",
            "https://op.test/oidc/token",
            "https://op.test/token",
        ]
        .iter()
        .enumerate()
        {
            let mut claims = assertion::claims("pkjwt", now, &format!("good {number}"));
            claims["aud"] = json!(audience);
            let answer = token(&mut browser, Assertion, &signed(&claims)).await;
            assert_eq!(answer.status, 200, "{audience}: {}", answer.text());
        }
    }
}

// TK-33
#[tokio::test]
async fn l17_no_key_and_no_algorithm_but_the_registered_ones_are_taken() {
    for (tolerant, op) in both().await {
        let mut browser = op.browser();
        let forms: &[Form] = if tolerant {
            &[Post, Basic, BareBasic, Assertion]
        } else {
            &[Assertion]
        };
        let strict = |jti: &str| assertion::claims("pkjwt", op.clock.seconds(), jti);
        let key = fixture::pkjwt_key();
        let public = key.public_jwk().to_public_value();
        let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
        for form in forms {
            let good = signed(&strict(&format!("{form:?}")));
            let parts: Vec<&str> = good.split('.').collect();
            let payload = base64url::decode(parts[1]).unwrap();
            let signature = base64url::decode(parts[2]).unwrap();
            let mut flipped = signature.clone();
            flipped[7] ^= 1;
            let x = public["x"].as_str().unwrap().as_bytes().to_vec();
            let raw = base64url::decode(public["x"].as_str().unwrap()).unwrap();
            let whole = public.to_string().into_bytes();
            let mut bad = vec![
                (
                    "none",
                    assertion::compact(&json!({"alg": "none"}), &payload, b""),
                ),
                (
                    "None",
                    assertion::compact(&json!({"alg": "None"}), &payload, b""),
                ),
                (
                    "no signature",
                    assertion::compact(&json!({"alg": "ES256"}), &payload, b""),
                ),
                (
                    "zeroes",
                    assertion::compact(&json!({"alg": "ES256"}), &payload, &[0; 64]),
                ),
                (
                    "a flipped bit",
                    assertion::compact(&json!({"alg": "ES256"}), &payload, &flipped),
                ),
                (
                    "another key",
                    assertion::sign(&stranger, &strict("another key")),
                ),
                (
                    "another key's kid",
                    assertion::sign_with_header(
                        &stranger,
                        &json!({"alg": "ES256", "kid": key.public_jwk().thumbprint()}),
                        &payload,
                    ),
                ),
                (
                    "a key in the header",
                    assertion::sign_with_header(
                        &stranger,
                        &json!({"alg": "ES256", "jwk": stranger.public_jwk().to_public_value()}),
                        &payload,
                    ),
                ),
                (
                    "RS256",
                    assertion::sign(fixture::rsa_key(), &strict("RS256")),
                ),
                (
                    "no algorithm",
                    assertion::compact(&json!({"typ": "JWT"}), &payload, &signature),
                ),
                (
                    "another payload",
                    format!("{}.{}.{}", parts[0], base64url::encode(b"{}"), parts[2]),
                ),
            ];
            for (name, secret) in [
                ("HS256 with x", x),
                ("HS256 with the point", raw),
                ("HS256 with the JWK", whole),
            ] {
                if secret.len() >= 32 {
                    bad.push((
                        name,
                        assertion::sign_hmac(JwsAlgorithm::HS256, &secret, &strict(name)),
                    ));
                }
            }
            for (name, jwt) in bad {
                refused(
                    &token(&mut browser, *form, &jwt).await,
                    &format!("{form:?} {name}"),
                );
            }
            let answer = token(&mut browser, *form, &good).await;
            assert_eq!(answer.status, 200, "{form:?}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn l17_the_key_of_another_project_is_nothing_here() {
    let one = Op::with(compatible).await;
    let metadata = |key: &SigningKey| {
        let keys = json!({"keys": [key.public_jwk().to_public_value()]});
        json!({"jwks": keys})
    };
    let theirs = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let two = Setup::default()
        .metadata("pkjwt", &metadata(&theirs))
        .beside(&one, "https://two.test", "second")
        .policy(compatible)
        .start()
        .await;
    let jwt = |op: &Op, key: &SigningKey, audience: &str| {
        let mut claims = claims(op);
        claims["aud"] = json!(audience);
        assertion::sign(key, &claims)
    };
    let (mut first, mut second) = (one.browser(), two.browser());
    for form in [Post, Basic, BareBasic, Assertion] {
        // Each at home, and neither the key nor the audience of the one at the other.
        let own = jwt(&two, &theirs, "two.test");
        assert_eq!(token(&mut second, form, &own).await.status, 200, "{form:?}");
        let ours = jwt(&one, fixture::pkjwt_key(), "op.test");
        assert_eq!(token(&mut first, form, &ours).await.status, 200, "{form:?}");
        refused(
            &token(&mut first, form, &jwt(&one, &theirs, "op.test")).await,
            "key of two",
        );
        refused(&token(&mut second, form, &ours).await, "for one");
        let moved = jwt(&two, fixture::pkjwt_key(), "two.test");
        refused(&token(&mut second, form, &moved).await, "key of one");
    }
}

// TK-29
#[tokio::test]
async fn l18_without_jti_a_jwt_is_good_for_long_and_with_one_it_is_good_once() {
    for (tolerant, op) in both().await {
        let mut browser = op.browser();
        let mut with_jti = claims(&op);
        with_jti["jti"] = json!("once");
        let jwt = signed(&with_jti);
        if !tolerant {
            refused(&token(&mut browser, Assertion, &jwt).await, "too long");
            let mut short = assertion::claims("pkjwt", op.clock.seconds(), "x");
            short.as_object_mut().unwrap().remove("jti");
            refused(
                &token(&mut browser, Assertion, &signed(&short)).await,
                "no jti",
            );
            continue;
        }
        assert_eq!(token(&mut browser, Post, &jwt).await.status, 200);
        // In another form, at another endpoint, much later.
        for form in [Post, Basic, BareBasic, Assertion] {
            refused(&token(&mut browser, form, &jwt).await, "again");
        }
        refused(
            &browser
                .send(shown(Post, "/oidc/revoke", &jwt, &[("token", "x")]))
                .await,
            "elsewhere",
        );
        op.clock.advance(170 * 86_400);
        refused(
            &token(&mut browser, Assertion, &jwt).await,
            "after five months",
        );
    }
    // The longest life is the operator's to say.
    let op = Op::with(|policy| {
        compatible(policy);
        policy.compatibility.assertion_lifetime = 3600;
    })
    .await;
    let mut browser = op.browser();
    refused(
        &token(&mut browser, Post, &signed(&claims(&op))).await,
        "half a year",
    );
    let mut hour = claims(&op);
    hour["exp"] = json!(op.clock.seconds() + 3600);
    assert_eq!(token(&mut browser, Post, &signed(&hour)).await.status, 200);
}

// A client whose secret is a secret, not a key pair, has none of it.
#[tokio::test]
async fn secrets_stay_secrets_where_signed_jwts_are_taken_for_them() {
    let op = Op::with(compatible).await;
    let mut browser = op.browser();
    let grant = [("grant_type", "client_credentials")];
    assert_eq!(browser.call("web", "/oidc/token", &grant).await.status, 200);
    let mut of_web = claims(&op);
    of_web["iss"] = json!("web");
    of_web["sub"] = json!("web");
    let jwt = signed(&of_web);
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_id", "web"),
        ("client_secret", &jwt),
    ];
    refused(
        &browser.form("/oidc/token", &pairs).await,
        "a client with a secret",
    );
    of_web["iss"] = json!("spa");
    of_web["sub"] = json!("spa");
    let jwt = signed(&of_web);
    let pairs = [
        ("grant_type", "client_credentials"),
        ("client_id", "spa"),
        ("client_secret", &jwt),
    ];
    refused(
        &browser.form("/oidc/token", &pairs).await,
        "a public client",
    );
}

#[tokio::test]
async fn l19_a_public_application_needs_a_challenge_and_its_verifier() {
    let op = Op::with(compatible).await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    for request in [
        Request::of("spa", "openid")
            .without("code_challenge")
            .without("code_challenge_method"),
        Request::of("spa", "openid").with("code_challenge_method", "plain"),
        Request::of("spa", "openid").with("code_challenge", "short"),
    ] {
        let mut ask = request.get();
        ask.target = ask.target.replace("/authorize?", "/oidc/auth?");
        assert_eq!(browser.send(ask).await.error(), "invalid_request");
    }
    let code = browser.code("alice", &Request::of("spa", "openid")).await;
    let pairs = [
        ("grant_type", "authorization_code"),
        ("client_id", "spa"),
        ("code", &code),
        ("redirect_uri", fixture::SPA_CB),
        (
            "code_verifier",
            "another-verifier-of-fifty-characters-for-nothing-0",
        ),
    ];
    assert_eq!(
        browser.form("/oidc/token", &pairs).await.error(),
        "invalid_grant"
    );
}

#[tokio::test]
async fn l20_a_confidential_application_may_do_without_and_is_held_to_what_it_sends() {
    let op = Op::with(compatible).await;
    let mut browser = op.browser();
    let bare = Request::of("nopkce", "openid")
        .without("code_challenge")
        .without("code_challenge_method");
    let code = browser.code("alice", &bare).await;
    let pairs = |code: &str, verifier: Option<&str>| {
        let mut pairs = vec![
            ("grant_type".to_owned(), "authorization_code".to_owned()),
            ("code".to_owned(), code.to_owned()),
            (
                "redirect_uri".to_owned(),
                "https://nopkce.test/cb".to_owned(),
            ),
        ];
        pairs.extend(verifier.map(|v| ("code_verifier".to_owned(), v.to_owned())));
        pairs
    };
    let redeem = async |browser: &mut Browser, pairs: Vec<(String, String)>| {
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        browser.call("nopkce", "/oidc/token", &pairs).await
    };
    assert_eq!(redeem(&mut browser, pairs(&code, None)).await.status, 200);
    for (verifier, status) in [
        (None, 400),
        (
            Some("another-verifier-of-fifty-characters-for-nothing-0"),
            400,
        ),
        (Some(VERIFIER), 200),
    ] {
        let code = browser
            .code("alice", &Request::of("nopkce", "openid"))
            .await;
        let answer = redeem(&mut browser, pairs(&code, verifier)).await;
        assert_eq!(answer.status, status, "{verifier:?}: {}", answer.text());
    }
    // A verifier without a challenge is a downgrade.
    let code = browser.code("alice", &bare).await;
    let answer = redeem(&mut browser, pairs(&code, Some(VERIFIER))).await;
    assert_eq!(answer.error(), "invalid_grant");
    // One that does not say so needs it.
    let mut ask = Request::of("web", "openid")
        .without("code_challenge")
        .without("code_challenge_method")
        .get();
    ask.target = ask.target.replace("/authorize?", "/oidc/auth?");
    assert_eq!(browser.send(ask).await.error(), "invalid_request");
}

async fn tokens(op: &Op) -> Tokens {
    op.browser()
        .code_flow("web", "openid email offline_access")
        .await
}

/// Everything that came of one sign-in is over.
async fn all_over(browser: &mut Browser, tokens: &Tokens, what: &str) {
    let answer = browser
        .send(Ask::get("/oidc/userinfo").bearer(&tokens.access))
        .await;
    assert_eq!(answer.status, 401, "{what}");
    let answer = browser.refresh("web", tokens.refresh()).await;
    assert_eq!(answer.error(), "invalid_grant", "{what}");
    for token in [&tokens.access, tokens.refresh()] {
        let answer = browser
            .call("web", "/oidc/introspect", &[("token", token)])
            .await;
        assert_eq!(answer.body, br#"{"active":false}"#, "{what}");
    }
}

// RV-01
#[tokio::test]
async fn l36_either_token_ends_both_by_json_and_by_form() {
    let op = Op::with(compatible).await;
    let mut browser = op.browser();
    for by_json in [true, false] {
        for refresh in [true, false] {
            let tokens = tokens(&op).await;
            let token = if refresh {
                tokens.refresh()
            } else {
                &tokens.access
            };
            let answer = if by_json {
                browser
                    .send(Ask::json("/oidc/revoke", &json!({"token": token})))
                    .await
            } else {
                browser
                    .call("web", "/oidc/revoke", &[("token", token)])
                    .await
            };
            assert_eq!(answer.status, 200, "{}", answer.text());
            all_over(
                &mut browser,
                &tokens,
                &format!("json {by_json}, refresh {refresh}"),
            )
            .await;
            // Again is no error.
            let answer = browser
                .send(Ask::json("/oidc/revoke", &json!({"token": token})))
                .await;
            assert_eq!(answer.status, 200);
        }
    }
    // A token without a person ends alone.
    let of_client = browser
        .call(
            "web",
            "/oidc/token",
            &[("grant_type", "client_credentials")],
        )
        .await;
    let of_client = Tokens::of(&of_client).access;
    assert!(browser.is_active("web", &of_client).await);
    browser
        .send(Ask::json("/oidc/revoke", &json!({"token": of_client})))
        .await;
    assert!(!browser.is_active("web", &of_client).await);
    for unknown in ["x", "hpr_x", "eyJ.eyJ.x", ""] {
        let answer = browser
            .send(Ask::json("/oidc/revoke", &json!({"token": unknown})))
            .await;
        assert_eq!(answer.status, 200, "{unknown}");
    }
    for (body, status) in [
        ("", 400),
        ("{", 400),
        ("[]", 400),
        ("null", 400),
        ("{}", 400),
        (r#"{"token":1}"#, 400),
        (r#"{"token":["x"]}"#, 400),
        (r#"{"token":"x","token":"y"}"#, 400),
        (r#"{"a":{"b":{"c":{"d":{"e":1}}}},"token":"x"}"#, 400),
        (r#"{"token":"x","token_type_hint":"access_token"}"#, 200),
    ] {
        let answer = browser
            .send(Ask::post("/oidc/revoke", "application/json", body))
            .await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
    let long = format!(r#"{{"token":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(
        browser
            .send(Ask::post("/oidc/revoke", "application/json", long))
            .await
            .status,
        413
    );
}

// RV-01, RV-02
#[tokio::test]
async fn l37_json_is_for_whoever_holds_a_token_only_where_the_issuer_says_so() {
    for (tolerant, op) in both().await {
        let mut browser = op.browser();
        let tokens = tokens(&op).await;
        // A form is a client's, with what it has to show.
        let form = [("token", tokens.access.as_str())];
        refused(&browser.form("/oidc/revoke", &form).await, "nobody");
        let named = [("token", tokens.access.as_str()), ("client_id", "web")];
        refused(&browser.form("/oidc/revoke", &named).await, "only a name");
        // Another client's token is not its.
        assert_eq!(
            browser.call("web2", "/oidc/revoke", &form).await.status,
            200
        );
        assert!(browser.is_active("web", &tokens.access).await);
        let answer = browser
            .send(Ask::json("/oidc/revoke", &json!({"token": tokens.access})))
            .await;
        assert_eq!(answer.status, if tolerant { 200 } else { 415 });
        assert_eq!(browser.is_active("web", &tokens.access).await, !tolerant);
        // No other endpoint takes JSON.
        for path in ["/oidc/token", "/oidc/introspect"] {
            let answer = browser.send(Ask::json(path, &json!({"token": "x"}))).await;
            assert_eq!(answer.status, 415, "{path}");
        }
    }
}

#[tokio::test]
async fn l38_introspection_without_authentication_only_where_the_issuer_says_so() {
    for (tolerant, op) in both().await {
        let mut browser = op.browser();
        let tokens = tokens(&op).await;
        for token in [&tokens.access, tokens.refresh()] {
            for pairs in [
                vec![("token", token)],
                vec![("token", token), ("client_id", "spa")],
            ] {
                let answer = browser.form("/oidc/introspect", &pairs).await;
                if !tolerant {
                    refused(&answer, "nobody");
                    continue;
                }
                let body = answer.json();
                assert_eq!(
                    (answer.status, &body["active"]),
                    (200, &json!(true)),
                    "{body}"
                );
                assert_eq!(body["client_id"], "web");
                assert_eq!(body["sub"], op.subject("alice").as_str());
            }
        }
        // Who shows something is held to it.
        let wrong =
            Ask::form("/oidc/introspect", &[("token", &tokens.access)]).basic("web", "wrong");
        refused(&browser.send(wrong).await, "a wrong secret");
        let wrong = [
            ("token", tokens.access.as_str()),
            ("client_id", "web"),
            ("client_secret", "wrong"),
        ];
        refused(
            &browser.form("/oidc/introspect", &wrong).await,
            "a wrong secret in the body",
        );
        if tolerant {
            for token in ["x", "eyJ.eyJ.x"] {
                let answer = browser.form("/oidc/introspect", &[("token", token)]).await;
                assert_eq!(answer.body, br#"{"active":false}"#, "{token}");
            }
            assert_eq!(
                browser.form("/oidc/introspect", &[("x", "y")]).await.status,
                400
            );
            op.clock.advance(601);
            let answer = browser
                .form("/oidc/introspect", &[("token", &tokens.access)])
                .await;
            assert_eq!(answer.body, br#"{"active":false}"#, "expired");
        }
    }
}
