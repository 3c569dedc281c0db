//! UserInfo: which tokens it takes, how, and what it tells.

use hallpass_jose::{JwsAlgorithm, SigningKey};
use hallpass_testkit::{
    Answer, Ask, Op, Request, Setup, Tokens, assertion, fixture, fixture::Seed, wire,
};
use hallpass_types::Secret;
use serde_json::{Value, json};

fn with_header(value: &str) -> Ask {
    Ask::get("/userinfo").header("Authorization", value)
}

#[track_caller]
fn assert_invalid_token(answer: &Answer, what: &str) {
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_token"),
        "{what}: {}",
        answer.text()
    );
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(
        challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""),
        "{what}: {challenge}"
    );
}

// UI-01
#[tokio::test]
async fn without_a_token_the_challenge_names_no_error() {
    //= test RFC6750#3.1 without any token the challenge carries no error code
    let op = Op::start().await;
    let mut browser = op.browser();
    for ask in [
        Ask::get("/userinfo"),
        Ask::form("/userinfo", &[]),
        with_header("Bearer"),
        with_header("Bearer    "),
        with_header("Basic dGVzdDp0ZXN0"),
        with_header("x"),
    ] {
        let shown = format!("{:?}", ask.headers);
        let answer = browser.send(ask).await;
        assert_eq!(answer.status, 401, "{shown}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.starts_with("Bearer ") && !challenge.contains("error"),
            "{shown}: {challenge}"
        );
        assert_eq!(answer.error(), "");
    }
}

// UI-01
#[tokio::test]
async fn garbage_is_an_invalid_token() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for text in [
        "x",
        "hpa_",
        "hpa_AAAA",
        "e30.e30.",
        "..",
        "a.b.c",
        "null",
        "\u{e9}",
        "x y",
        &"A".repeat(8_000),
        &".".repeat(8_000),
        fixture::MARKER,
    ] {
        let answer = browser.send(with_header(&format!("Bearer {text}"))).await;
        assert!(
            matches!(answer.status, 400 | 401),
            "{text:.20}: {}",
            answer.status
        );
        let answer = browser.form("/userinfo", &[("access_token", text)]).await;
        assert_invalid_token(&answer, &text[..text.len().min(10)]);
    }
    let huge = browser
        .form("/userinfo", &[("access_token", &"A".repeat(1_000_000))])
        .await;
    assert_eq!(huge.status, 413);
    let tokens = browser.code_flow("web", "openid").await;
    //= test RFC9110#11.1 the name of a scheme is compared without case
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let answer = browser
            .send(with_header(&format!("{scheme} {}", tokens.access)))
            .await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
    let token = &tokens.access;
    let mut garbled = vec![
        token[..token.len() - 1].to_owned(),
        format!("{token}A"),
        format!("{token}="),
        token.to_uppercase(),
        token.replacen("hpa_", "hpr_", 1),
        format!("{token},{token}"),
    ];
    garbled.extend((4..token.len()).step_by(7).map(|at| {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    }));
    for text in garbled {
        assert_invalid_token(&browser.userinfo(&text).await, &text);
    }
}

// UI-02, UI-03
#[tokio::test]
async fn s05_a_token_is_presented_once_by_get_or_post_and_never_in_the_address() {
    //= test RFC6750#2 a client does not use more than one way to send the token
    let op = Op::start().await;
    let mut browser = op.browser();
    let token = browser.code_flow("web", "openid").await.access;
    let form = [("access_token", token.as_str())];
    let query = format!("/userinfo?access_token={token}");
    let multipart = format!(
        "--x\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\n{token}\r\n--x--\r\n"
    );
    let mut get_with_body = Ask::form("/userinfo", &form);
    get_with_body.method = "GET".to_owned();
    for (what, ask) in [
        ("query", Ask::get(&query)),
        ("query of a POST", Ask::form(&query, &[])),
        ("body of a GET", get_with_body),
        (
            "multipart",
            Ask::post("/userinfo", "multipart/form-data; boundary=x", multipart),
        ),
        (
            "JSON",
            Ask::json("/userinfo", &json!({"access_token": token})),
        ),
        (
            "header and body",
            Ask::form("/userinfo", &form).bearer(&token),
        ),
        (
            "twice in the body",
            Ask::form("/userinfo", &[form[0], form[0]]),
        ),
        (
            "two headers",
            Ask::get("/userinfo").bearer(&token).bearer(&token),
        ),
        (
            "a cookie",
            Ask::get("/userinfo").header("Cookie", &format!("access_token={token}")),
        ),
    ] {
        let answer = browser.send(ask).await;
        assert!(
            matches!(answer.status, 400 | 401 | 415),
            "{what}: {} {}",
            answer.status,
            answer.text()
        );
        assert!(!answer.text().contains("sub"), "{what}");
        if matches!(what, "query" | "query of a POST" | "body of a GET") {
            assert_eq!(answer.status, 400, "{what}");
            assert_eq!(answer.error(), "invalid_request", "{what}");
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(challenge.contains("invalid_request"), "{what}: {challenge}");
        }
    }
    // Whoever has sent nothing is asked for a token, as before.
    for ask in [
        Ask::get("/userinfo"),
        Ask::get("/userinfo?access_tokens=x&a=access_token"),
        Ask::get("/userinfo").header("Content-Type", "application/x-www-form-urlencoded"),
    ] {
        let answer = browser.send(ask).await;
        assert_eq!((answer.status, answer.error().as_str()), (401, ""));
    }
    for ask in [
        Ask::form("/userinfo", &form),
        Ask::get("/userinfo").bearer(&token),
        Ask::form("/userinfo", &[]).bearer(&token),
    ] {
        assert_eq!(browser.send(ask).await.status, 200);
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        assert_eq!(
            browser
                .send(Ask::new(method, "/userinfo").bearer(&token))
                .await
                .status,
            405,
            "{method}"
        );
    }
}

// UI-06, TK-12
#[tokio::test]
async fn tokens_for_something_else_are_refused() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let plain = browser.code_flow("web", "api:read").await;
    let answer = browser.userinfo(&plain.access).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (403, "insufficient_scope")
    );
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .contains("insufficient_scope")
    );
    for pairs in [
        &[("grant_type", "client_credentials")][..],
        &[("grant_type", "client_credentials"), ("scope", "api:read")],
    ] {
        let own = Tokens::of(&browser.call("web", "/token", pairs).await);
        assert!(matches!(
            browser.userinfo(&own.access).await.status,
            401 | 403
        ));
    }
    for api in [fixture::API1, fixture::API2] {
        let request = Request::of("web", "openid api:read").with("resource", api);
        let tokens = browser.flow_of("alice", "web", &request).await;
        assert_invalid_token(&browser.userinfo(&tokens.access).await, api);
    }
    let tokens = browser.code_flow("web", "openid offline_access").await;
    let now = op.clock.seconds();
    let own_assertion =
        assertion::sign(fixture::pkjwt_key(), &assertion::claims("pkjwt", now, "x"));
    for (what, text) in [
        ("an ID token", tokens.id.as_deref().unwrap()),
        ("a refresh token", tokens.refresh()),
        ("an assertion", &own_assertion),
    ] {
        assert_invalid_token(&browser.userinfo(text).await, what);
    }
}

// UI-07, LG-31
#[tokio::test]
async fn a_token_is_over_with_the_very_next_request() {
    let op = Op::start().await;
    let other = op.another_node().await;
    let (issuer, alice) = (op.provider.issuer_id(), op.subject("alice").clone());
    let mut browser = op.browser();
    let mut elsewhere = other.browser();
    for what in [
        "revoked",
        "refresh token revoked",
        "signed out",
        "password set",
        "disabled",
        "expired",
    ] {
        let tokens = browser.code_flow("web", "openid offline_access").await;
        let bound = browser.code_flow("web", "openid").await;
        assert_eq!(elsewhere.userinfo(&tokens.access).await.status, 200);
        let mut gone = vec![bound.access.clone()];
        match what {
            "revoked" => {
                for token in [&tokens.access, &bound.access] {
                    assert_eq!(
                        browser
                            .call("web", "/revoke", &[("token", token)])
                            .await
                            .status,
                        200
                    );
                }
                gone.push(tokens.access);
            }
            "refresh token revoked" => {
                assert_eq!(
                    browser
                        .call("web", "/revoke", &[("token", tokens.refresh())])
                        .await
                        .status,
                    200
                );
                gone = vec![tokens.access];
            }
            // What is meant to last longer than the session is not touched by its end.
            "signed out" => drop(
                browser
                    .query(
                        "/logout",
                        &[("id_token_hint", bound.id.as_deref().unwrap())],
                    )
                    .await,
            ),
            "password set" => {
                let password = Secret::new(fixture::password("alice").to_owned());
                op.accounts
                    .set_password(issuer, &alice, &password)
                    .await
                    .unwrap();
                gone.push(tokens.access);
            }
            "disabled" => {
                op.accounts
                    .set_disabled(issuer, &alice, true)
                    .await
                    .unwrap();
                op.accounts
                    .set_disabled(issuer, &alice, false)
                    .await
                    .unwrap();
                gone.push(tokens.access);
            }
            _ => {
                op.clock.advance(600);
                gone.push(tokens.access);
            }
        }
        for token in &gone {
            assert_invalid_token(&elsewhere.userinfo(token).await, what);
            assert_invalid_token(&browser.userinfo(token).await, what);
            assert!(!elsewhere.is_active("web", token).await, "{what}");
        }
    }
}

// UI-08
#[tokio::test]
async fn a_forged_jwt_is_no_access_token() {
    //= test RFC9068#4 only a JWT whose typ is at+jwt is an access token
    let op = Op::start().await;
    let mut browser = op.browser();
    let keys = op.provider.signing_keys();
    let active = keys.active(JwsAlgorithm::ES256).unwrap();
    let now = op.clock.seconds();
    let subject = op.subject("alice").as_str();
    let good = json!({
        "iss": fixture::ISSUER, "sub": subject, "aud": fixture::ISSUER, "client_id": "web", "scope": "openid", "iat": now, "exp": now + 600,
        "jti": "AAAAAAAAAAAAAAAAAAAAAA",
    });
    let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let head = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid, "typ": "at+jwt"});
    let change = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims.to_string()
    };
    let ours = |payload: &str| {
        assertion::sign_with_header(active, &head("ES256", active.kid()), payload.as_bytes())
    };
    let mut embedded = head("ES256", stranger.kid());
    embedded["jwk"] = stranger.public_jwk().to_public_value();
    let public = active.public_jwk().to_public_value().to_string();
    #[rustfmt::skip]
    let mut forged = vec![
        ("none", assertion::compact(&head("none", ""), good.to_string().as_bytes(), b"")),
        ("HMAC with the public key", {
            let claims: Value = good.clone();
            assertion::sign_hmac(JwsAlgorithm::HS256, public.as_bytes(), &claims)
        }),
        ("a stranger under our kid", assertion::sign_with_header(&stranger, &head("ES256", active.kid()), good.to_string().as_bytes())),
        ("a stranger", assertion::sign_with_header(&stranger, &head("ES256", stranger.kid()), good.to_string().as_bytes())),
        ("a key in the header", assertion::sign_with_header(&stranger, &embedded, good.to_string().as_bytes())),
        ("our key, but no access token", assertion::sign_with_header(active, &json!({"alg": "ES256", "kid": active.kid()}), good.to_string().as_bytes())),
    ];
    // Our own signature, over claims that we never sign.
    for (name, value) in [
        ("exp", json!("9999999999")),
        ("exp", json!(1e300)),
        ("exp", json!(-1)),
        ("exp", json!(null)),
        ("aud", json!([fixture::ISSUER, null])),
        ("aud", json!({})),
        ("iss", json!("https://other.test")),
        ("iss", json!(null)),
        ("nbf", json!(now + 1000)),
        ("scope", json!(["openid"])),
        ("client_id", json!("nobody")),
        ("client_id", json!(1)),
        ("sub", json!(null)),
        ("jti", json!(null)),
        ("grant", json!("x")),
    ] {
        forged.push((name, ours(&change(name, value))));
    }
    for (what, token) in &forged {
        let answer = browser.userinfo(token).await;
        assert!(
            matches!(answer.status, 401 | 403),
            "{what}: {} {}",
            answer.status,
            answer.text()
        );
        assert!(!browser.is_active("rs1", token).await, "{what}");
    }
}

// UI-10
#[tokio::test]
async fn each_scope_releases_its_claims_and_nothing_else() {
    let op = Op::start().await;
    #[rustfmt::skip]
    let cases: &[(&str, &[&str])] = &[
        ("openid", &["sub"]), ("openid email", &["sub", "email", "email_verified"]), ("openid phone", &["sub", "phone_number"]),
        ("openid profile", &["sub", "name", "preferred_username", "updated_at"]), ("openid address", &["sub"]), ("openid api:read", &["sub"]),
        ("openid email phone", &["sub", "email", "email_verified", "phone_number"]), ("openid offline_access", &["sub"]),
    ];
    for (scope, names) in cases {
        let mut browser = op.browser();
        let tokens = browser.code_flow("web", scope).await;
        let info = browser.userinfo(&tokens.access).await.json();
        let mut told: Vec<&str> = info
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut names = names.to_vec();
        told.sort_unstable();
        names.sort_unstable();
        assert_eq!(told, names, "{scope}");
    }
    // An address that nobody has verified is not said to be.
    let mut browser = op.browser();
    let tokens = browser
        .flow_of("bob", "web", &Request::of("web", "openid email"))
        .await;
    assert_eq!(
        browser.userinfo(&tokens.access).await.json()["email_verified"],
        false
    );
}

// UI-10
#[tokio::test]
async fn the_claims_parameter_releases_what_was_asked_for_by_name() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let claims = json!({"userinfo": {"email": null, "nickname": {"essential": true}, "password": null, "iss": null, "scope": {"value": "admin"}}});
    let request = Request::of("web", "openid").with("claims", &claims.to_string());
    let tokens = browser.flow_of("alice", "web", &request).await;
    let info = browser.userinfo(&tokens.access).await.json();
    assert_eq!(info["email"], "alice@example.test");
    for name in ["password", "iss", "scope", "nickname", "name"] {
        assert_eq!(info.get(name), None, "{name}");
    }
}

// UI-11, IN-08
#[tokio::test]
async fn a_pairwise_subject_is_the_same_everywhere_and_nobody_elses() {
    let second = Seed {
        id: "pair2",
        secret: Some("hpk_pair2-0123456789abcdefghijklmnopqrstuvwx"),
        disabled: false,
        metadata: json!({"redirect_uris": ["https://pair2.test/cb"], "grant_types": ["authorization_code"], "subject_type": "pairwise",
            "skip_consent": true}),
    };
    let op = Setup::default().client(second).start().await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("pair", "openid offline_access").await;
    let pairwise = tokens.claims()["sub"].as_str().unwrap().to_owned();
    assert_ne!(pairwise, op.subject("alice").as_str());
    assert_eq!(
        browser.userinfo(&tokens.access).await.json()["sub"],
        pairwise.as_str()
    );
    for token in [&tokens.access, tokens.refresh()] {
        let seen = browser
            .call("pair", "/introspect", &[("token", token)])
            .await
            .json();
        assert_eq!(seen["sub"], pairwise.as_str());
    }
    let next = Tokens::of(&browser.refresh("pair", tokens.refresh()).await);
    assert_eq!(
        browser.userinfo(&next.access).await.json()["sub"],
        pairwise.as_str()
    );
    let bobs = op
        .browser()
        .flow_of("bob", "pair", &Request::of("pair", "openid"))
        .await;
    assert_ne!(bobs.claims()["sub"], pairwise.as_str());
    let request = Request::of("pair", "openid")
        .with("redirect_uri", "https://pair2.test/cb")
        .with("client_id", "pair2");
    let answer = browser.send(request.get()).await;
    let code = wire::param(answer.location(), "code").unwrap();
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "https://pair2.test/cb"),
        ("code_verifier", hallpass_testkit::flow::VERIFIER),
    ];
    let ask =
        Ask::form("/token", &pairs).basic("pair2", "hpk_pair2-0123456789abcdefghijklmnopqrstuvwx");
    let others = Tokens::of(&browser.send(ask).await);
    assert_ne!(others.claims()["sub"], pairwise.as_str());
}

// OIDC Core §5.3.2, TK-12
#[tokio::test]
async fn a_signed_answer_is_for_its_client_and_is_nothing_else() {
    //= test OIDC-CORE#5.3.2 a signed response carries iss and aud
    let seed = |id: &'static str, algorithm: &str| Seed {
        id,
        secret: Some("hpk_signed-0123456789abcdefghijklmnopqrstuvw"),
        disabled: false,
        metadata: json!({"redirect_uris": ["https://signed.test/cb"], "grant_types": ["authorization_code"], "skip_consent": true,
            "userinfo_signed_response_alg": algorithm}),
    };
    let op = Setup::default()
        .client(seed("signed", "RS256"))
        .client(seed("signed-ec", "ES256"))
        .start()
        .await;
    for id in ["signed", "signed-ec"] {
        let mut browser = op.browser();
        let request = Request::of("web", "openid email")
            .with("client_id", id)
            .with("redirect_uri", "https://signed.test/cb");
        let answer = browser.send(request.get()).await;
        let answer = browser.through_pages("alice", answer).await;
        let code = wire::param(answer.location(), "code").unwrap();
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", "https://signed.test/cb"),
            ("code_verifier", hallpass_testkit::flow::VERIFIER),
        ];
        let ask =
            Ask::form("/token", &pairs).basic(id, "hpk_signed-0123456789abcdefghijklmnopqrstuvw");
        let tokens = Tokens::of(&browser.send(ask).await);
        let info = browser.userinfo(&tokens.access).await;
        assert_eq!((info.status, info.media()), (200, "application/jwt"));
        let claims = assertion::payload(&info.text());
        assert_eq!(
            (claims["iss"].as_str(), claims["aud"].as_str()),
            (Some(fixture::ISSUER), Some(id))
        );
        assert_eq!(claims["sub"], tokens.claims()["sub"]);
        assert_eq!(claims["email"], "alice@example.test");
        assert_invalid_token(&browser.userinfo(&info.text()).await, "as a bearer token");
        assert!(!browser.is_active("web", &info.text()).await);
    }
}

// UI-07: ended by an operator or by the person at another browser, seen at another node
#[tokio::test]
async fn a_token_of_a_session_ends_with_all_sessions_and_any_with_everything() {
    let op = Op::start().await;
    let other = op.another_node().await;
    let (issuer, alice) = (op.provider.issuer_id(), op.subject("alice").clone());
    let mut elsewhere = other.browser();
    for (way, lasting_ends) in [("sessions", false), ("everything", true)] {
        let mut browser = op.browser();
        let bound = browser.code_flow("web", "openid").await;
        let lasting = browser.code_flow("web", "openid offline_access").await;
        let mut bob = op.browser();
        let bobs = bob
            .flow_of("bob", "web", &Request::of("web", "openid"))
            .await;
        for token in [&bound, &lasting, &bobs] {
            assert_eq!(elsewhere.userinfo(&token.access).await.status, 200);
        }
        match way {
            "sessions" => {
                assert_eq!(op.provider.end_sessions_of(&alice).await.unwrap(), 1);
            }
            _ => drop(op.accounts.end_all(issuer, &alice).await.unwrap()),
        }
        for node in [&other, &op] {
            let mut browser = node.browser();
            assert_invalid_token(&browser.userinfo(&bound.access).await, way);
            assert!(!browser.is_active("web", &bound.access).await, "{way}");
            let lives = browser.userinfo(&lasting.access).await.status == 200;
            assert_eq!(lives, !lasting_ends, "{way}");
            let renewed = browser.refresh("web", lasting.refresh()).await;
            assert_eq!(renewed.status == 200, !lasting_ends, "{way}");
            assert_eq!(browser.userinfo(&bobs.access).await.status, 200, "{way}");
        }
        // The session itself opens nothing more.
        let silent = Request::of("web", "openid").with("prompt", "none");
        assert_eq!(browser.send(silent.get()).await.error(), "login_required");
    }
}

// UI-08: names of keys that lead elsewhere, and headers that say how to read
#[tokio::test]
async fn a_forged_header_finds_no_key() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid api:read").with("resource", fixture::API1);
    let real = browser.flow_of("alice", "web", &request).await.access;
    let keys = op.provider.signing_keys();
    let active = keys.active(JwsAlgorithm::ES256).unwrap();
    let stranger = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
    let claims = assertion::payload(&real).to_string();
    let header = |name: &str, value: Value| {
        let mut header = json!({"alg": "ES256", "kid": active.kid(), "typ": "at+jwt"});
        header[name] = value;
        header
    };
    assert!(browser.is_active("rs1", &real).await);
    let own = |header: &Value| assertion::sign_with_header(active, header, claims.as_bytes());
    let theirs = |header: &Value| assertion::sign_with_header(&stranger, header, claims.as_bytes());
    let jwk = stranger.public_jwk().to_public_value();
    let mut forged = Vec::new();
    for (name, value) in [
        ("kid", json!("../../../dev/null")),
        ("kid", json!("' UNION SELECT 'AAAA'--")),
        ("kid", json!("")),
        ("kid", json!([active.kid()])),
        ("kid", json!({"kid": active.kid()})),
        ("kid", json!("k".repeat(5_000))),
        ("jku", json!("https://evil.test/jwks")),
        ("x5u", json!("https://169.254.169.254/")),
        ("x5c", json!(["MIIB"])),
        ("jwk", jwk),
    ] {
        forged.push((format!("{name} {value:.40}"), theirs(&header(name, value))));
    }
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("typ", json!("JWT")),
        ("typ", json!("at+jwt+x")),
        ("typ", json!(["at+jwt"])),
        ("alg", json!("ES384")),
        ("alg", json!("es256")),
        ("alg", json!("RS256")),
        ("kid", json!("another")),
        ("zip", json!("DEF")),
    ] {
        forged.push((format!("{name} {value:.40}"), own(&header(name, value))));
    }
    for (what, token) in &forged {
        assert_ne!(*token, real);
        assert_invalid_token(&browser.userinfo(token).await, what);
        assert!(!browser.is_active("rs1", token).await, "{what}");
    }
    assert_eq!(op.fetcher.asked(), Vec::<String>::new());
    // The real one, cut and joined.
    let parts: Vec<&str> = real.split('.').collect();
    for text in [
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}..{}", parts[0], parts[2]),
        format!("{real}.{}", parts[2]),
        format!("{real}="),
        format!("{}.{}.{}", parts[0], parts[2], parts[1]),
    ] {
        assert!(!browser.is_active("rs1", &text).await, "{text}");
    }
}

// UI-10: what stands beside the standard claims is told to nobody who was not given it
#[tokio::test]
async fn what_no_scope_names_is_told_to_nobody() {
    let op = Op::start().await;
    let issuer = op.provider.issuer_id();
    let claims = json!({
        "email": "dora@example.test", "email_verified": true, "groups": ["admin"], "roles": ["root"],
        "organization": "acme", "org_id": 7, "password_hash": "x", "tenant": "t1", "entitlements": ["all"],
        "is_admin": true,
    });
    let new = |claims: &Value| hallpass_accounts::NewUser {
        username: "dora".to_owned(),
        password: Some(Secret::new("one more long pass phrase".to_owned())),
        must_change: false,
        claims: claims.as_object().unwrap().clone(),
    };
    // What the protocol says cannot even be stored.
    for (name, value) in [
        ("sub", json!("another")),
        ("iss", json!("https://evil.test")),
        ("aud", json!("x")),
        ("exp", json!(1)),
        ("act", json!({"sub": "x"})),
        ("cnf", json!({"jkt": "x"})),
        ("scope", json!("admin")),
        ("client_id", json!("x")),
        ("acr", json!("high")),
        ("amr", json!(["hwk"])),
        ("auth_time", json!(1)),
        ("nonce", json!("x")),
        ("sid", json!("x")),
    ] {
        let mut reserved = claims.clone();
        reserved[name] = value;
        let refused = op.accounts.create(issuer, new(&reserved)).await;
        assert!(refused.is_err(), "{name}");
    }
    let dora = op
        .accounts
        .create(issuer, new(&claims))
        .await
        .unwrap()
        .subject;
    let mut browser = op.browser();
    let wish = json!({"userinfo": {"groups": null, "roles": {"essential": true}, "org_id": null, "scope": null, "act": null},
        "id_token": {"groups": null, "roles": null, "is_admin": null, "cnf": null, "act": null, "iss": null}});
    let request = Request::of(
        "web",
        "openid profile email address phone api:read offline_access",
    )
    .with("claims", &wish.to_string());
    let answer = browser.send(request.get()).await;
    let page = browser.follow(&answer).await.text();
    let typed = [
        ("username", "dora"),
        ("password", "one more long pass phrase"),
    ];
    let answer = browser.press(&page, "login", "sign-in", &typed).await;
    let answer = browser.through_pages("dora", answer).await;
    let code = wire::param(answer.location(), "code").unwrap();
    let tokens = Tokens::of(&browser.redeem("web", &code).await);
    let info = browser.userinfo(&tokens.access).await.json();
    let id = op.verified("web", tokens.id.as_deref().unwrap());
    assert_eq!(info["email"], "dora@example.test");
    for (what, told) in [("UserInfo", &info), ("ID token", &id)] {
        assert_eq!(told["sub"], dora.as_str(), "{what}");
        for name in [
            "groups",
            "roles",
            "organization",
            "org_id",
            "password_hash",
            "tenant",
            "entitlements",
            "is_admin",
            "act",
            "scope",
        ] {
            assert_eq!(told.get(name), None, "{what}: {name}");
        }
    }
}

// UI-11, IN-08: nor does an API learn the local identifier of a person whom it knows by a pairwise client
#[tokio::test]
async fn a_pairwise_clients_tokens_for_an_api_name_nobody_by_the_local_identifier() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let own = browser.code_flow("pair", "openid").await.claims()["sub"].clone();
    let local = op.subject("alice").as_str();
    for (api, rs) in [(fixture::API1, "rs1"), (fixture::API2, "rs2")] {
        let request = Request::of("pair", "openid api:read").with("resource", api);
        let answer = browser.send(request.get()).await;
        let Some(code) = wire::param(answer.location(), "code") else {
            panic!("{api}: {}", answer.location());
        };
        let token = Tokens::of(&browser.redeem("pair", &code).await).access;
        let mut told = Vec::new();
        for caller in [rs, "pair"] {
            let pairs = [("token", token.as_str())];
            let seen = browser.call(caller, "/introspect", &pairs).await;
            assert!(!seen.text().contains(local), "{caller} at {api}");
            assert!(!seen.text().contains("alice"), "{caller} at {api}");
            assert_eq!(seen.json()["active"], true, "{caller} at {api}");
            told.push(seen.json()["sub"].clone());
        }
        assert_eq!(told[1], own, "its own client");
        if api == fixture::API1 {
            assert!(!assertion::payload(&token).to_string().contains(local));
        }
    }
}
