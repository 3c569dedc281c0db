//! Tokens that are bound to the key of a proof.

use hallpass_core::policy::DpopNonce;
use hallpass_jose::{JwsAlgorithm, base64url};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Prover, Request, Setup, Tokens, fixture, fixture::Seed, flow,
};
use serde_json::{Value, json};

fn redemption(browser: &Browser, client: &str, code: &str) -> Ask {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", flow::redirect_uri(client)),
        ("code_verifier", flow::VERIFIER),
    ];
    browser.ask_as(client, "/token", &pairs)
}

fn refreshing(browser: &Browser, client: &str, token: &str) -> Ask {
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
    browser.ask_as(client, "/token", &pairs)
}

fn machine(browser: &Browser) -> Ask {
    browser.ask_as("machine", "/token", &[("grant_type", "client_credentials")])
}

fn used(token: &str, proof: &str) -> Ask {
    Ask::get("/userinfo")
        .header("Authorization", &format!("DPoP {token}"))
        .header("DPoP", proof)
}

async fn bound(op: &Op, browser: &mut Browser, client: &str, prover: &Prover) -> Tokens {
    let code = browser
        .code("alice", &Request::of(client, "openid email offline_access"))
        .await;
    let proof = prover.post("/token", op.clock.seconds());
    let ask = redemption(browser, client, &code).header("DPoP", &proof);
    Tokens::of_type(&browser.send(ask).await, "DPoP")
}

fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(
        (answer.status, &*answer.error()),
        (status, error),
        "{}",
        answer.text()
    );
}

// TK-50, UI-04, IN-06
#[tokio::test]
async fn a_proof_binds_the_token_and_only_its_key_uses_it() {
    //= test RFC9449#5 the type of a token that is bound to the key of a proof is DPoP
    //= test RFC9449#6.2 introspection of a bound token tells its key
    //= test RFC9449#7.1 a DPoP-bound token travels in the header alone
    //= test RFC9449#7.1 the challenge for a token with a proof is of the scheme DPoP and tells the algorithms
    //= test RFC9449#7.1 without a proof a DPoP-bound token is refused
    let op = Op::start().await;
    let mut browser = op.browser();
    let (prover, other) = (Prover::default(), Prover::default());
    let now = op.clock.seconds();
    let tokens = bound(&op, &mut browser, "web", &prover).await;
    let access = &tokens.access;

    let answer = browser
        .send(used(access, &prover.userinfo(access, now)))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["email"], "alice@example.test");

    // As a bearer token, in the header or in the body, it is of no use.
    let proof = prover.userinfo(access, now);
    for ask in [
        Ask::get("/userinfo").bearer(access),
        Ask::get("/userinfo").bearer(access).header("DPoP", &proof),
        Ask::form("/userinfo", &[("access_token", access)]),
    ] {
        refused(&browser.send(ask).await, 401, "invalid_token");
    }
    let without = Ask::get("/userinfo").header("Authorization", &format!("DPoP {access}"));
    let answer = browser.send(without).await;
    refused(&answer, 401, "invalid_dpop_proof");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("DPoP ") && challenge.contains("algs=\"ES256"),
        "{challenge}"
    );
    let answer = browser
        .send(used(access, &other.userinfo(access, now)))
        .await;
    refused(&answer, 401, "invalid_token");
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .starts_with("DPoP ")
    );

    // An unbound token is not used with a proof.
    let bearer = browser.code_flow("web", "openid email").await.access;
    let answer = browser
        .send(used(&bearer, &prover.userinfo(&bearer, now)))
        .await;
    refused(&answer, 401, "invalid_token");

    let told = browser
        .call("web", "/introspect", &[("token", access)])
        .await
        .json();
    assert_eq!(told["token_type"], "DPoP");
    assert_eq!(told["cnf"], json!({"jkt": prover.thumbprint()}));
    let told = browser
        .call("web", "/introspect", &[("token", &bearer)])
        .await
        .json();
    assert_eq!(
        (&told["token_type"], told.get("cnf")),
        (&json!("Bearer"), None)
    );
}

// UI-06: a client that speaks DPoP looks for a challenge of that scheme.
#[tokio::test]
async fn what_a_bound_token_lacks_is_told_in_its_own_scheme() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let prover = Prover::default();
    let now = op.clock.seconds();
    let ask = machine(&browser).header("DPoP", &prover.post("/token", now));
    let access = Tokens::of_type(&browser.send(ask).await, "DPoP").access;
    let answer = browser
        .send(used(&access, &prover.userinfo(&access, now)))
        .await;
    refused(&answer, 403, "insufficient_scope");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("DPoP "), "{challenge}");
    for part in [
        "error=\"insufficient_scope\"",
        "scope=\"openid\"",
        "algs=\"ES256",
    ] {
        assert!(challenge.contains(part), "{challenge}");
    }
}

// UI-05
#[tokio::test]
async fn at_userinfo_a_proof_is_for_one_token_one_request_and_one_use() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let prover = Prover::default();
    let now = op.clock.seconds();
    let access = bound(&op, &mut browser, "web", &prover).await.access;
    let another = bound(&op, &mut browser, "web", &prover).await.access;
    let proof = |name: &str, value: Value| {
        let mut claims = Prover::claims("GET", "/userinfo", now);
        claims["ath"] = Prover::ath(&access).into();
        claims[name] = value;
        prover.sign(&prover.header(), &claims)
    };
    let mut without = Prover::claims("GET", "/userinfo", now);
    let without_ath = prover.sign(&prover.header(), &without);
    without["ath"] = Prover::ath(&access).into();
    let signed = prover.sign(&prover.header(), &without);
    let (head, _) = signed.rsplit_once('.').unwrap();
    for (what, proof) in [
        ("no ath", without_ath),
        (
            "of another token",
            proof("ath", Prover::ath(&another).into()),
        ),
        ("the token itself", proof("ath", access.clone().into())),
        ("nothing", proof("ath", Value::Null)),
        ("empty", proof("ath", json!(""))),
        ("another method", proof("htm", json!("POST"))),
        (
            "another address",
            proof("htu", json!("https://op.test/token")),
        ),
        (
            "another issuer",
            proof("htu", json!("https://evil.test/userinfo")),
        ),
        ("too old", proof("iat", json!(now - 3600))),
        ("from the future", proof("iat", json!(now + 3600))),
        (
            "another's signature",
            format!("{head}.{}", base64url::encode([9; 64])),
        ),
        ("another key", Prover::default().userinfo(&access, now)),
    ] {
        let answer = browser.send(used(&access, &proof)).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("DPoP "), "{what}: {challenge}");
    }
    let good = prover.userinfo(&access, now);
    assert_eq!(browser.send(used(&access, &good)).await.status, 200);
    refused(
        &browser.send(used(&access, &good)).await,
        401,
        "invalid_dpop_proof",
    );
    let two = used(&access, &prover.userinfo(&access, now))
        .header("dpop", &prover.userinfo(&access, now));
    assert_ne!(browser.send(two).await.status, 200);
}

// TK-45
#[tokio::test]
async fn a_proof_that_is_wrong_in_anything_gets_no_token() {
    //= test RFC9449#4.3 htu is compared with what this server is called, not with what a header says
    let op = Op::start().await;
    let mut browser = op.browser();
    let prover = Prover::default();
    let now = op.clock.seconds();
    let good = || Prover::claims("POST", "/token", now);
    let header = |name: &str, value: Value| {
        let mut header = prover.header();
        header[name] = value;
        prover.sign(&header, &good())
    };
    let claim = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        prover.sign(&prover.header(), &claims)
    };
    let without = |name: &str| {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(name);
        prover.sign(&prover.header(), &claims)
    };
    let mut private = prover.header();
    private["jwk"]["d"] = json!(base64url::encode([7; 32]));
    let signed = prover.post("/token", now);
    let (head, _) = signed.rsplit_once('.').unwrap();
    let wrong = [
        "x".to_owned(),
        "a.b.c".to_owned(),
        header("typ", json!("JWT")),
        header("typ", Value::Null),
        header("alg", json!("none")),
        header("alg", json!("HS256")),
        header("alg", json!("RS256")),
        header("alg", Value::Null),
        header("jwk", Value::Null),
        header("jwk", Prover::default().header()["jwk"].clone()),
        prover.sign(&private, &good()),
        format!("{head}.{}", base64url::encode([9; 64])),
        without("jti"),
        without("htm"),
        without("htu"),
        without("iat"),
        claim("jti", json!("")),
        claim("htm", json!("GET")),
        claim("htm", json!("post")),
        claim("htu", json!("https://op.test/userinfo")),
        claim("htu", json!("https://evil.test/token")),
        claim("htu", json!("http://op.test/token")),
        claim("htu", json!("https://op.test/token/")),
        claim("htu", json!("https://op.test//token")),
        claim("htu", json!("https://op.test/%74oken")),
        claim("htu", json!(["https://op.test/token"])),
        claim("iat", json!(now - 3600)),
        claim("iat", json!(now + 3600)),
        // TK-31: clocks are ten seconds apart, for every JWT.
        claim("iat", json!(now + 11)),
        claim("iat", json!(now + 61)),
        claim("iat", json!("now")),
    ];
    for proof in wrong {
        let answer = browser.send(machine(&browser).header("DPoP", &proof)).await;
        refused(&answer, 400, "invalid_dpop_proof");
    }
    let two = machine(&browser)
        .header("DPoP", &prover.post("/token", now))
        .header("dpop", &prover.post("/token", now));
    refused(&browser.send(two).await, 400, "invalid_dpop_proof");
    // TK-49: what is called is what the issuer says, whatever a header claims.
    for (name, value) in [("Host", "evil.test"), ("X-Forwarded-Host", "evil.test")] {
        let proof = claim("htu", json!("https://evil.test/token"));
        let ask = machine(&browser).header("DPoP", &proof).header(name, value);
        refused(&browser.send(ask).await, 400, "invalid_dpop_proof");
    }
    let right = [
        claim("htu", json!("https://op.test/token?a=b#c")),
        claim("htu", json!("HTTPS://OP.TEST:443/token")),
        claim("iat", json!(now - 10)),
        claim("iat", json!(now + 10)),
        claim("unknown", json!({})),
        header("unknown", json!(1)),
    ];
    for proof in right {
        let ask = machine(&browser).header("DPOP", &proof);
        Tokens::of_type(&browser.send(ask).await, "DPoP");
    }
    for algorithm in [JwsAlgorithm::ES384, JwsAlgorithm::EdDSA] {
        let proof = Prover::new(algorithm).post("/token", now);
        let ask = machine(&browser).header("DPoP", &proof);
        Tokens::of_type(&browser.send(ask).await, "DPoP");
    }
}

// TK-46, F03
#[tokio::test]
async fn a_proof_works_once_on_every_node_and_at_every_endpoint() {
    //= test RFC9449#11.1 a proof that was used is refused when it is shown again
    let op = Setup::default().start().await;
    let node = op.another_node().await;
    let (mut here, mut there) = (op.browser(), node.browser());
    let prover = Prover::default();
    let now = op.clock.seconds();
    let proof = prover.post("/token", now);
    let ask = machine(&here).header("DPoP", &proof);
    Tokens::of_type(&here.send(ask.clone()).await, "DPoP");
    refused(&here.send(ask.clone()).await, 400, "invalid_dpop_proof");
    refused(&there.send(ask).await, 400, "invalid_dpop_proof");

    let tokens = bound(&op, &mut here, "web", &prover).await;
    let ask = used(&tokens.access, &prover.userinfo(&tokens.access, now));
    assert_eq!(there.send(ask.clone()).await.status, 200);
    refused(&here.send(ask.clone()).await, 401, "invalid_dpop_proof");
    refused(&there.send(ask).await, 401, "invalid_dpop_proof");
    // Another key may use the same jti: nobody uses up the proofs of somebody else.
    let claims = Prover::claims("POST", "/token", now);
    for each in [Prover::default(), Prover::default()] {
        let proof = each.sign(&each.header(), &claims);
        let ask = machine(&here).header("DPoP", &proof);
        Tokens::of_type(&here.send(ask).await, "DPoP");
    }
}

// TK-46
#[tokio::test]
async fn a_proof_of_a_request_that_came_to_nothing_was_shown_all_the_same() {
    //= test RFC9449#11.1 a proof that was used is refused when it is shown again
    let op = Setup::default().start().await;
    let node = op.another_node().await;
    let (mut here, mut there) = (op.browser(), node.browser());
    let now = op.clock.seconds();
    let failing: [(&str, &[(&str, &str)]); 6] = [
        // Neither is what grants it looked for any further.
        ("web", &[("grant_type", "unheard-of")]),
        ("web", &[]),
        ("machine", &[("grant_type", "password")]),
        (
            "web",
            &[("grant_type", "authorization_code"), ("code", "x")],
        ),
        (
            "web",
            &[("grant_type", "refresh_token"), ("refresh_token", "x")],
        ),
        (
            "machine",
            &[
                ("grant_type", "client_credentials"),
                ("scope", "unheard-of"),
            ],
        ),
    ];
    for (client, pairs) in failing {
        let proof = Prover::default().post("/token", now);
        let ask = here.ask_as(client, "/token", pairs).header("DPoP", &proof);
        let answer = here.send(ask.clone()).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_ne!(answer.error(), "invalid_dpop_proof", "{pairs:?}");
        refused(&there.send(ask).await, 400, "invalid_dpop_proof");
        let right = machine(&there).header("DPoP", &proof);
        refused(&there.send(right).await, 400, "invalid_dpop_proof");
    }
    // Who did not authenticate uses up nothing.
    let proof = Prover::default().post("/token", now);
    let wrong = Ask::form("/token", &[("grant_type", "client_credentials")])
        .basic("machine", "wrong")
        .header("DPoP", &proof);
    refused(&here.send(wrong).await, 401, "invalid_client");
    let unproved = here
        .ask_as(
            "spa",
            "/token",
            &[("grant_type", "refresh_token"), ("refresh_token", "x")],
        )
        .header("DPoP", &proof);
    refused(&here.send(unproved).await, 400, "invalid_grant");
    Tokens::of_type(
        &here.send(machine(&here).header("DPoP", &proof)).await,
        "DPoP",
    );
}

// TK-46
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thirty_requests_with_one_proof_at_once_one_gets_a_token() {
    let op = Setup::default().start().await;
    let prover = Prover::default();
    for _ in 0..5 {
        let proof = prover.post("/token", op.clock.seconds());
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..30 {
            let mut browser = op.browser();
            let ask = machine(&browser).header("DPoP", &proof);
            all.spawn(async move { browser.send(ask).await.status });
        }
        let statuses = all.join_all().await;
        assert_eq!(
            statuses.iter().filter(|s| **s == 200).count(),
            1,
            "{statuses:?}"
        );
    }
}

// TK-47
#[tokio::test]
async fn a_code_that_is_bound_to_a_key_is_redeemed_with_it_alone() {
    //= test RFC9449#10 the key that the authorization request names is the one that is proved later
    //= test RFC9449#10 a code that is bound to a key is redeemed with a proof of that key
    let op = Op::start().await;
    let mut browser = op.browser();
    let (prover, other) = (Prover::default(), Prover::default());
    let now = op.clock.seconds();
    for client in ["web", "spa"] {
        let request = Request::of(client, "openid").with("dpop_jkt", &prover.thumbprint());
        let code = browser.code("alice", &request).await;
        refused(&browser.redeem(client, &code).await, 400, "invalid_grant");
        let ask = redemption(&browser, client, &code).header("DPoP", &other.post("/token", now));
        refused(&browser.send(ask).await, 400, "invalid_grant");
        // Whoever lacks the key has not used the code up.
        let ask = redemption(&browser, client, &code).header("DPoP", &prover.post("/token", now));
        Tokens::of_type(&browser.send(ask).await, "DPoP");
    }
    let request = Request::of("web", "openid").with("dpop_jkt", "x");
    let answer = browser.send(request.get()).await;
    assert!(answer.location().contains("error=invalid_request"));
}

// TK-47
#[tokio::test]
async fn a_public_clients_refresh_token_works_with_its_key_alone_and_stays() {
    //= test RFC9449#5 refresh tokens of public clients are bound to the key of the proof
    //= test RFC9449#5 a refresh token that is bound to a key is used with a proof of that key
    let op = Op::start().await;
    let mut browser = op.browser();
    let (prover, other) = (Prover::default(), Prover::default());
    let now = op.clock.seconds();
    let tokens = bound(&op, &mut browser, "spa", &prover).await;
    let refresh = tokens.refresh();
    refused(&browser.refresh("spa", refresh).await, 400, "invalid_grant");
    let ask = refreshing(&browser, "spa", refresh);
    let theirs = ask.clone().header("DPoP", &other.post("/token", now));
    refused(&browser.send(theirs).await, 400, "invalid_grant");
    for _ in 0..3 {
        let own = ask.clone().header("DPoP", &prover.post("/token", now));
        let next = Tokens::of_type(&browser.send(own).await, "DPoP");
        assert_eq!(next.refresh(), refresh, "a bound token does not rotate");
    }
    // A confidential client's is not bound: it may take another key, or none.
    let tokens = bound(&op, &mut browser, "web", &prover).await;
    let ask = refreshing(&browser, "web", tokens.refresh());
    let next = ask.clone().header("DPoP", &other.post("/token", now));
    Tokens::of_type(&browser.send(next).await, "DPoP");
    Tokens::of(&browser.send(ask).await);
}

// TK-50
#[tokio::test]
async fn a_client_that_registered_bound_tokens_gets_no_others() {
    let op = Setup::default()
        .client(Seed {
            id: "machine2",
            secret: Some("hpk_machine2-0123456789abcdefghijklmnopqrst"),
            disabled: false,
            metadata: json!({
                "redirect_uris": [], "response_types": [], "grant_types": ["client_credentials"],
                "dpop_bound_access_tokens": true,
            }),
        })
        .start()
        .await;
    let mut browser = op.browser();
    let ask = Ask::form("/token", &[("grant_type", "client_credentials")])
        .basic("machine2", "hpk_machine2-0123456789abcdefghijklmnopqrst");
    refused(&browser.send(ask.clone()).await, 400, "invalid_dpop_proof");
    let proof = Prover::default().post("/token", op.clock.seconds());
    Tokens::of_type(&browser.send(ask.header("DPoP", &proof)).await, "DPoP");
}

// TK-48
#[tokio::test]
async fn where_nonces_are_needed_the_answer_brings_one_that_every_node_takes() {
    //= test RFC9449#8.2 a server supplies a new nonce in any answer
    let setup = Setup::default().policy(|policy| policy.dpop.nonce = DpopNonce::Always);
    let op = setup.start().await;
    let mut browser = op.browser();
    let prover = Prover::default();
    let now = op.clock.seconds();
    let with = |nonce: Value| {
        let mut claims = Prover::claims("POST", "/token", now);
        claims["nonce"] = nonce;
        prover.sign(&prover.header(), &claims)
    };
    let ask = machine(&browser);
    let answer = browser
        .send(ask.clone().header("DPoP", &prover.post("/token", now)))
        .await;
    refused(&answer, 400, "use_dpop_nonce");
    let nonce = answer.header("dpop-nonce").unwrap().to_owned();
    for bad in ["", "x", &nonce[1..], &"A".repeat(27)] {
        let answer = browser
            .send(ask.clone().header("DPoP", &with(json!(bad))))
            .await;
        refused(&answer, 400, "use_dpop_nonce");
        assert_eq!(answer.header("dpop-nonce"), Some(&*nonce));
    }
    let answer = browser
        .send(ask.clone().header("DPoP", &with(json!(nonce))))
        .await;
    assert_eq!(
        answer.header("dpop-nonce"),
        Some(&*nonce),
        "the newest is always told"
    );
    Tokens::of_type(&answer, "DPoP");
    // Without a proof there is nothing to say, and nothing to demand.
    let answer = browser.send(ask).await;
    assert_eq!(answer.header("dpop-nonce"), None);
    Tokens::of(&answer);

    let code = browser.code("alice", &Request::of("web", "openid")).await;
    let ask = redemption(&browser, "web", &code).header("DPoP", &with(json!(nonce)));
    let access = Tokens::of_type(&browser.send(ask).await, "DPoP").access;
    let answer = browser
        .send(used(&access, &prover.userinfo(&access, now)))
        .await;
    refused(&answer, 401, "use_dpop_nonce");
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .contains("error=\"use_dpop_nonce\"")
    );
    let nonce = answer.header("dpop-nonce").unwrap();
    let mut claims = Prover::claims("GET", "/userinfo", now);
    claims["ath"] = json!(Prover::ath(&access));
    claims["nonce"] = json!(nonce);
    let proof = prover.sign(&prover.header(), &claims);
    assert_eq!(browser.send(used(&access, &proof)).await.status, 200);
    // Half an hour later it is too old.
    op.clock.advance(1800);
    let mut claims = Prover::claims("POST", "/token", op.clock.seconds());
    claims["nonce"] = json!(nonce);
    let proof = prover.sign(&prover.header(), &claims);
    let answer = browser.send(machine(&browser).header("DPoP", &proof)).await;
    refused(&answer, 400, "use_dpop_nonce");
    assert_ne!(answer.header("dpop-nonce"), Some(nonce));
}

// JW-08
#[tokio::test]
async fn where_it_is_off_it_is_not_advertised_and_binds_nothing() {
    let op = Op::with(|policy| policy.dpop.enabled = false).await;
    let mut browser = op.browser();
    let metadata = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(metadata.get("dpop_signing_alg_values_supported"), None);
    let proof = Prover::default().post("/token", op.clock.seconds());
    Tokens::of(&browser.send(machine(&browser).header("DPoP", &proof)).await);
    let challenge = browser.get("/userinfo").await;
    assert_eq!(challenge.all("www-authenticate").count(), 1);

    let on = Op::start().await;
    let challenge = on.browser().get("/userinfo").await;
    assert_eq!(challenge.all("www-authenticate").count(), 2);
}

#[tokio::test]
async fn a_token_that_is_no_good_here_uses_no_proof_up() {
    // Otherwise whoever once had a token could write to the store for ever.
    let op = Op::start().await;
    let mut browser = op.browser();
    let prover = Prover::default();
    let request = Request::of("web", "openid api:read").with("resource", fixture::API1);
    let code = browser.code("alice", &request).await;
    let ask = redemption(&browser, "web", &code);
    let ask = ask.header("DPoP", &prover.post("/token", op.clock.seconds()));
    let access = Tokens::of_type(&browser.send(ask).await, "DPoP").access;
    let proof = prover.userinfo(&access, op.clock.seconds());
    for _ in 0..2 {
        let answer = browser.send(used(&access, &proof)).await;
        refused(&answer, 401, "invalid_token");
    }
}

// TK-45: what is not there at all, and keys that are worth nothing
#[tokio::test]
async fn a_proof_that_lacks_something_or_has_a_worthless_key_gets_no_token() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let prover = Prover::default();
    let now = op.clock.seconds();
    let good = || Prover::claims("POST", "/token", now);
    let mut wrong = Vec::new();
    for name in ["typ", "alg", "jwk"] {
        let mut header = prover.header();
        header.as_object_mut().unwrap().remove(name);
        wrong.push((name, prover.sign(&header, &good())));
    }
    let jwk = prover.header()["jwk"].clone();
    let swapped = json!({"kty": "EC", "crv": "P-256", "x": jwk["y"], "y": jwk["x"]});
    for (what, name, value) in [
        ("typ without its end", "typ", json!("dpop")),
        ("typ of an access token", "typ", json!("at+jwt")),
        ("typ twice", "typ", json!("dpop+jwt, dpop+jwt")),
        ("alg in small letters", "alg", json!("es256")),
        ("another curve", "alg", json!("ES384")),
        ("extension", "crit", json!(["x"])),
        ("unencoded", "b64", json!(false)),
        (
            "no curve",
            "jwk",
            json!({"kty": "EC", "x": jwk["x"], "y": jwk["y"]}),
        ),
        ("off the curve", "jwk", swapped),
        (
            "a secret",
            "jwk",
            json!({"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
        ),
        ("a list", "jwk", json!([jwk])),
        ("text", "jwk", json!(jwk.to_string())),
        ("a set", "jwk", json!({"keys": [jwk]})),
        (
            "small order",
            "jwk",
            json!({"kty": "OKP", "crv": "Ed25519",
            "x": base64url::encode([0; 32])}),
        ),
        (
            "short RSA",
            "jwk",
            json!({"kty": "RSA", "e": "AQAB", "n": base64url::encode([0xc3; 128])}),
        ),
    ] {
        let mut header = prover.header();
        header[name] = value;
        wrong.push((what, prover.sign(&header, &good())));
    }
    for (what, name, value) in [
        ("jti is a number", "jti", json!(1)),
        ("jti is a list", "jti", json!(["x"])),
        ("jti without end", "jti", json!("x".repeat(10_000))),
        ("htm is a list", "htm", json!(["POST"])),
        ("htm is null", "htm", Value::Null),
        ("htu is an object", "htu", json!({"a": 1})),
        ("htu is null", "htu", Value::Null),
        ("htu is empty", "htu", json!("")),
        ("htu is a path", "htu", json!("/token")),
        (
            "htu has a name in it",
            "htu",
            json!("https://a@op.test/token"),
        ),
        (
            "htu of another port",
            "htu",
            json!("https://op.test:8443/token"),
        ),
        ("iat is a text of digits", "iat", json!(now.to_string())),
        ("iat is null", "iat", Value::Null),
        ("iat is huge", "iat", json!(1e300)),
        ("iat is before time", "iat", json!(-1)),
    ] {
        let mut claims = good();
        claims[name] = value;
        wrong.push((what, prover.sign(&prover.header(), &claims)));
    }
    let proof = prover.post("/token", now);
    wrong.push(("padded", format!("{proof}=")));
    wrong.push(("four parts", format!("{proof}.x")));
    wrong.push(("two proofs in one header", format!("{proof}, {proof}")));
    wrong.push(("an empty header", String::new()));
    wrong.push(("long", "a".repeat(7_000)));
    for (what, proof) in wrong {
        let answer = browser.send(machine(&browser).header("DPoP", &proof)).await;
        assert_eq!(
            (answer.status, &*answer.error()),
            (400, "invalid_dpop_proof"),
            "{what}: {}",
            answer.text()
        );
    }
    // None of that has used up the good one.
    let answer = browser.send(machine(&browser).header("DPoP", &proof)).await;
    Tokens::of_type(&answer, "DPoP");
}

// TK-46: a process that starts again has forgotten nothing
#[tokio::test]
async fn a_proof_stays_used_until_it_is_too_old_whoever_is_asked() {
    let op = Setup::default().sqlite().start().await;
    let prover = Prover::default();
    let mut browser = op.browser();
    let proof = prover.post("/token", op.clock.seconds());
    let ask = machine(&browser).header("DPoP", &proof);
    Tokens::of_type(&browser.send(ask.clone()).await, "DPoP");
    for seconds in [0, 5, 60, 234, 1, 1, 3600] {
        op.clock.advance(seconds);
        op.provider.purge().await.unwrap();
        let later = op.another_node().await;
        refused(
            &later.browser().send(ask.clone()).await,
            400,
            "invalid_dpop_proof",
        );
    }
}

// TK-48: old ones, other nodes', other clients', other issuers'
#[tokio::test]
async fn a_nonce_is_good_at_every_node_of_its_issuer_for_a_while_and_for_every_client() {
    let setup = || Setup::default().policy(|policy| policy.dpop.nonce = DpopNonce::Always);
    let op = setup().start().await;
    let node = setup().joining(&op).start().await;
    let other = setup()
        .beside(&op, "https://other.test", "other")
        .start()
        .await;
    let prover = Prover::default();
    let nonce = async |op: &Op| {
        let mut browser = op.browser();
        let mut claims = Prover::claims("POST", "/token", op.clock.seconds());
        claims["htu"] = json!(format!("{}/token", op.provider.policy().issuer.as_str()));
        let proof = prover.sign(&prover.header(), &claims);
        let answer = browser.send(machine(&browser).header("DPoP", &proof)).await;
        refused(&answer, 400, "use_dpop_nonce");
        answer.header("dpop-nonce").unwrap().to_owned()
    };
    let with = |nonce: &str| {
        let mut claims = Prover::claims("POST", "/token", op.clock.seconds());
        claims["nonce"] = json!(nonce);
        prover.sign(&prover.header(), &claims)
    };
    let first = nonce(&op).await;
    assert_eq!(nonce(&node).await, first, "every node says the same");
    let foreign = nonce(&other).await;
    for client in ["machine", "web"] {
        for place in [&op, &node] {
            let mut browser = place.browser();
            let grant = [("grant_type", "client_credentials")];
            let ask = browser.ask_as(client, "/token", &grant);
            let answer = browser.send(ask.header("DPoP", &with(&first))).await;
            Tokens::of_type(&answer, "DPoP");
            let ask = browser.ask_as(client, "/token", &grant);
            let answer = browser.send(ask.header("DPoP", &with(&foreign))).await;
            refused(&answer, 400, "use_dpop_nonce");
        }
    }
    // The one before is still taken when there is a newer one, and ends at every node with the same second.
    let mut newest = first.clone();
    let mut lived = 0;
    while lived < 1800 {
        op.clock.advance(30);
        lived += 30;
        let mut browser = node.browser();
        let answer = browser
            .send(machine(&browser).header("DPoP", &with(&first)))
            .await;
        newest = answer.header("dpop-nonce").unwrap().to_owned();
        if answer.status != 200 {
            refused(&answer, 400, "use_dpop_nonce");
            let mut browser = op.browser();
            let ask = machine(&browser).header("DPoP", &with(&first));
            refused(&browser.send(ask).await, 400, "use_dpop_nonce");
            break;
        }
    }
    assert!((300..1800).contains(&lived), "{lived} s");
    assert_ne!(newest, first);
}
