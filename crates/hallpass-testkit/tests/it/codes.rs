//! Authorization codes: what they are bound to, and that they work once.

use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Tokens, assertion, fixture, flow, flow::VERIFIER,
};
use hallpass_types::Secret;
use serde_json::Value;

/// Redeems a code with these parameters in place of the right ones.
async fn redeem_with(
    browser: &mut Browser,
    client: &str,
    code: &str,
    changes: &[(&str, Option<&str>)],
) -> Answer {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", flow::redirect_uri(client)),
        ("code_verifier", VERIFIER),
    ];
    for (name, value) in changes {
        pairs.retain(|(n, _)| n != name);
        if let Some(value) = value {
            pairs.push((name, value));
        }
    }
    browser.call(client, "/token", &pairs).await
}

#[track_caller]
fn assert_invalid_grant(answer: &Answer, what: &str) {
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_grant"),
        "{what}: {}",
        answer.text()
    );
    assert_eq!(
        answer.json()["error_description"],
        "the grant is not valid",
        "{what}"
    );
}

/// Whether anything of a grant still lives.
async fn lives(browser: &mut Browser, client: &str, tokens: &Tokens) -> bool {
    let info = browser.userinfo(&tokens.access).await.status == 200;
    let refresh = match &tokens.refresh {
        Some(token) => browser.refresh(client, token).await.status == 200,
        None => false,
    };
    info || refresh
}

// G10
#[tokio::test]
async fn a_code_becomes_tokens_that_say_what_was_granted() {
    let op = Op::start().await;
    for client in ["web", "spa", "pkjwt", "post", "sjwt", "native", "first"] {
        let mut browser = op.browser();
        let tokens = browser
            .code_flow(client, "openid email offline_access")
            .await;
        let claims = op.verified(client, tokens.id.as_deref().unwrap());
        assert_eq!(claims["sub"], op.subject("alice").as_str());
        assert_eq!(claims["nonce"], "the-nonce");
        assert_eq!(claims["auth_time"].as_i64(), Some(op.clock.seconds()));
        let hash = hallpass_jose::left_half_hash(
            hallpass_jose::JwsAlgorithm::parse(
                assertion::header(tokens.id.as_deref().unwrap())["alg"]
                    .as_str()
                    .unwrap(),
            )
            .unwrap(),
            &tokens.access,
        );
        // It is optional in this flow (OpenID Connect Core §3.1.3.6); a wrong one would be an error.
        assert!(claims.get("at_hash").is_none_or(|told| *told == hash));
        for personal in ["email", "name", "phone_number"] {
            assert_eq!(claims.get(personal), None, "{client}");
        }
        let info = browser.userinfo(&tokens.access).await.json();
        assert_eq!(info["sub"], claims["sub"]);
        assert_eq!(info["email"], "alice@example.test");
        assert_eq!(info.get("name"), None);
        assert!(tokens.refresh.is_some(), "{client}");
    }
}

#[tokio::test]
async fn without_openid_there_is_no_id_token_and_without_offline_access_nothing_that_lasts() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", "api:read").await;
    assert_eq!(tokens.id, None);
    assert_eq!(browser.userinfo(&tokens.access).await.status, 403);
    let tokens = browser.code_flow("web", "openid").await;
    if let Some(refresh) = &tokens.refresh {
        // What there is ends with the session.
        let answer = browser
            .query(
                "/logout",
                &[("id_token_hint", tokens.id.as_deref().unwrap())],
            )
            .await;
        assert_eq!(answer.status, 303);
        assert_invalid_grant(&browser.refresh("web", refresh).await, "after signing out");
    }
}

// TK-01
#[tokio::test]
async fn s41_a_code_works_once_and_its_replay_revokes_the_family() {
    //= test RFC6749#4.1.2 a second use of a code is refused; SHOULD: what it had produced is revoked
    let op = Op::start().await;
    for (client, pause) in [
        ("web", 0),
        ("spa", 0),
        ("web", 30),
        ("spa", 30),
        ("pkjwt", 30),
        ("web", 120),
    ] {
        let mut browser = op.browser();
        let request = Request::of(client, "openid offline_access");
        let code = browser.code("alice", &request).await;
        let tokens = Tokens::of(&browser.redeem(client, &code).await);
        op.clock.advance(pause);
        if pause == 0 {
            assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
        }
        assert_invalid_grant(&browser.redeem(client, &code).await, client);
        assert!(
            !lives(&mut browser, client, &tokens).await,
            "{client} after {pause} s"
        );
        assert!(!browser.is_active("web", &tokens.access).await);
        assert_invalid_grant(&browser.redeem(client, &code).await, client);
    }
    assert!(op.events.count("GrantRevoked") >= 6);
}

// TK-01: a replay of a code that a rotation is far behind
#[tokio::test]
async fn a_replayed_code_revokes_what_was_refreshed_since() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let code = browser
        .code("alice", &Request::of("spa", "openid offline_access"))
        .await;
    let mut tokens = Tokens::of(&browser.redeem("spa", &code).await);
    for _ in 0..3 {
        tokens = Tokens::of(&browser.refresh("spa", tokens.refresh()).await);
    }
    assert_invalid_grant(&browser.redeem("spa", &code).await, "replay");
    assert!(!lives(&mut browser, "spa", &tokens).await);
}

// TK-03
#[tokio::test]
async fn a_code_of_another_client_is_worth_nothing_and_stays_good_for_its_own() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for (owner, thief) in [
        ("web", "web2"),
        ("web", "spa"),
        ("web", "post"),
        ("spa", "web"),
        ("spa", "spa2"),
        ("native", "spa"),
        ("pkjwt", "web"),
    ] {
        let code = browser.code("alice", &Request::of(owner, "openid")).await;
        let uri = Some(flow::redirect_uri(owner));
        assert_invalid_grant(
            &redeem_with(&mut browser, thief, &code, &[("redirect_uri", uri)]).await,
            thief,
        );
        assert_invalid_grant(&redeem_with(&mut browser, thief, &code, &[]).await, thief);
        let wrong = [("redirect_uri", uri), ("code_verifier", Some("x"))];
        assert_invalid_grant(
            &redeem_with(&mut browser, thief, &code, &wrong).await,
            thief,
        );
        let tokens = Tokens::of(&browser.redeem(owner, &code).await);
        // Nor does a stranger's replay hurt.
        assert_invalid_grant(
            &redeem_with(&mut browser, thief, &code, &[("redirect_uri", uri)]).await,
            thief,
        );
        assert_eq!(
            browser.userinfo(&tokens.access).await.status,
            200,
            "{owner} after {thief}"
        );
    }
    let code = browser.code("alice", &Request::of("web", "openid")).await;
    let answer = redeem_with(&mut browser, "web", &code, &[("client_id", Some("web2"))]).await;
    assert!(matches!(
        answer.error().as_str(),
        "invalid_request" | "invalid_client" | "invalid_grant"
    ));
}

// TK-05
#[tokio::test]
async fn the_redirect_uri_is_the_one_of_the_request() {
    //= test RFC6749#4.1.3 the redirect_uri sent here is the one the authorization request used
    let op = Op::start().await;
    let mut browser = op.browser();
    for client in ["web", "spa", "native"] {
        let good = flow::redirect_uri(client);
        for uri in [
            None,
            Some(""),
            Some("https://rp2.test/cb"),
            Some(&*format!("{good}/")),
            Some(&*good.to_uppercase()),
            Some(&*format!("{good}?")),
            Some("https://rp.test/q?a=1&b=2"),
            Some("http://127.0.0.1:51005/cb"),
            Some("http://127.0.0.1/cb"),
        ] {
            let code = browser.code("alice", &Request::of(client, "openid")).await;
            let answer = redeem_with(&mut browser, client, &code, &[("redirect_uri", uri)]).await;
            assert_invalid_grant(&answer, &format!("{client} {uri:?}"));
        }
    }
}

// TK-06, TK-08
#[tokio::test]
async fn without_the_verifier_there_is_no_token_and_a_wrong_one_burns_the_code() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let challenge = flow::challenge(VERIFIER);
    let other = "another-verifier-of-fifty-characters-for-a-flow-00";
    for client in ["web", "spa"] {
        for verifier in [
            None,
            Some(""),
            Some("x"),
            Some(&*challenge),
            Some(other),
            Some(&VERIFIER[..42]),
            Some(&*format!("{VERIFIER} ")),
            Some(&*VERIFIER.to_uppercase()),
            Some(&*"a".repeat(129)),
            Some("\u{e9}\u{1f600}"),
            Some(&*"a".repeat(50_000)),
            Some(fixture::MARKER),
        ] {
            let code = browser.code("alice", &Request::of(client, "openid")).await;
            let answer =
                redeem_with(&mut browser, client, &code, &[("code_verifier", verifier)]).await;
            assert_eq!(answer.status, 400, "{client} {verifier:.20?}");
            assert!(matches!(
                answer.error().as_str(),
                "invalid_grant" | "invalid_request"
            ));
            assert_invalid_grant(
                &browser.redeem(client, &code).await,
                &format!("{client}, after {verifier:.20?}"),
            );
        }
    }
    let code = browser.code("alice", &Request::of("spa", "openid")).await;
    let huge = redeem_with(
        &mut browser,
        "spa",
        &code,
        &[("code_verifier", Some(&"a".repeat(1_000_000)))],
    )
    .await;
    assert_eq!(huge.status, 413);
}

// TK-07
#[tokio::test]
async fn a_verifier_where_there_was_no_challenge_is_a_downgrade() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("nopkce", "openid")
        .without("code_challenge")
        .without("code_challenge_method");
    let code = browser.code("alice", &request).await;
    assert_invalid_grant(
        &redeem_with(&mut browser, "nopkce", &code, &[]).await,
        "with a verifier",
    );
    assert_invalid_grant(
        &redeem_with(&mut browser, "nopkce", &code, &[("code_verifier", None)]).await,
        "burnt",
    );
    let code = browser.code("alice", &request).await;
    let answer = redeem_with(&mut browser, "nopkce", &code, &[("code_verifier", None)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Such a client may use PKCE, and then it counts.
    let code = browser
        .code("alice", &Request::of("nopkce", "openid"))
        .await;
    assert_invalid_grant(
        &redeem_with(&mut browser, "nopkce", &code, &[("code_verifier", None)]).await,
        "left out",
    );
}

// TK-09
#[tokio::test]
async fn a_code_is_over_after_a_minute() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid");
    let code = browser.code("alice", &request).await;
    op.clock.advance(59);
    Tokens::of(&browser.redeem("web", &code).await);
    for late in [60, 61, 3_600, 86_400 * 400] {
        let code = browser.code("alice", &request).await;
        op.clock.advance(late);
        assert_invalid_grant(&browser.redeem("web", &code).await, &format!("{late} s"));
    }
}

// TK-10, TK-11
#[tokio::test]
async fn a_code_is_taken_whole_and_in_its_own_place_only() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let code = browser
        .code("alice", &Request::of("web", "openid offline_access"))
        .await;
    let last = code.chars().next_back().unwrap();
    let sibling = char::from(u8::try_from(last).unwrap() ^ 1);
    let mut garbled: Vec<String> = vec![
        code[..code.len() - 1].to_owned(),
        format!("{code}A"),
        format!("{code}="),
        format!("{code} "),
        code.to_uppercase(),
        code.replacen("hpc_", "hpr_", 1),
        code.replacen("hpc_", "hpa_", 1),
        code.replacen("hpc_", "", 1),
        code.replacen("hpc_", "HPC_", 1),
        format!("{}{sibling}", &code[..code.len() - 1]),
    ];
    garbled.extend((4..code.len()).step_by(5).map(|at| {
        let mut bytes = code.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    }));
    for text in &garbled {
        assert_invalid_grant(&browser.redeem("web", text).await, text);
        assert_invalid_grant(&browser.refresh("web", text).await, text);
    }
    assert_invalid_grant(&browser.refresh("web", &code).await, "as a refresh token");
    assert_eq!(browser.userinfo(&code).await.status, 401);
    assert!(!browser.is_active("web", &code).await);
    assert_eq!(
        browser
            .call("web", "/revoke", &[("token", &code)])
            .await
            .status,
        200
    );
    let tokens = Tokens::of(&browser.redeem("web", &code).await);
    assert_invalid_grant(
        &browser.redeem("web", tokens.refresh()).await,
        "a refresh token as a code",
    );
    assert_invalid_grant(
        &browser.redeem("web", &tokens.access).await,
        "an access token as a code",
    );
    assert_invalid_grant(
        &browser.refresh("web", &tokens.access).await,
        "an access token as a refresh token",
    );
}

// TK-59
#[tokio::test]
async fn a_code_dies_with_the_account_or_the_session_behind_it() {
    let op = Op::start().await;
    let (issuer, alice) = (op.provider.issuer_id(), op.subject("alice").clone());
    let mut browser = op.browser();
    let request = Request::of("web", "openid");
    let code = browser.code("alice", &request).await;
    let password = Secret::new(fixture::password("alice").to_owned());
    op.accounts
        .set_password(issuer, &alice, &password)
        .await
        .unwrap();
    assert_invalid_grant(&browser.redeem("web", &code).await, "password set");
    let code = browser.code("alice", &request).await;
    op.accounts
        .set_disabled(issuer, &alice, true)
        .await
        .unwrap();
    assert_invalid_grant(&browser.redeem("web", &code).await, "disabled");
    op.accounts
        .set_disabled(issuer, &alice, false)
        .await
        .unwrap();
    assert_invalid_grant(
        &browser.redeem("web", &code).await,
        "disabled and enabled again",
    );
    let tokens = browser.flow_of("alice", "web", &request).await;
    let code = browser.code("alice", &request).await;
    browser
        .query(
            "/logout",
            &[("id_token_hint", tokens.id.as_deref().unwrap())],
        )
        .await;
    assert_invalid_grant(&browser.redeem("web", &code).await, "signed out");
}

// TK-20, AZ-27
#[tokio::test]
async fn a_token_is_for_the_resource_that_was_granted() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request =
        Request::of("web", "openid api:read offline_access").with("resource", fixture::API1);
    let code = browser.code("alice", &request).await;
    let tokens = Tokens::of(&browser.redeem("web", &code).await);
    let claims = assertion::payload(&tokens.access);
    assert_eq!(claims["aud"], fixture::API1);
    assert_eq!(claims["sub"], op.subject("alice").as_str());
    assert_eq!(
        browser.userinfo(&tokens.access).await.status,
        401,
        "a token for an API is none for UserInfo"
    );
    for resource in [
        fixture::API2,
        "https://op.test",
        "https://api3.test",
        "x",
        "https://api1.test#x",
    ] {
        let code = browser.code("alice", &request).await;
        let answer = redeem_with(&mut browser, "web", &code, &[("resource", Some(resource))]).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_target"),
            "{resource}"
        );
        let pairs = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh()),
            ("resource", resource),
        ];
        let answer = browser.call("web", "/token", &pairs).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_target"),
            "{resource}"
        );
    }
    // Nor is it for one that nobody asked the person about.
    let code = browser
        .code("alice", &Request::of("web", "openid api:read"))
        .await;
    let answer = redeem_with(
        &mut browser,
        "web",
        &code,
        &[("resource", Some(fixture::API1))],
    )
    .await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_target")
    );
    let again = Tokens::of(&browser.refresh("web", tokens.refresh()).await);
    assert_eq!(
        assertion::payload(&again.access)["aud"],
        Value::from(fixture::API1)
    );
}

// TK-06: of another flow
#[tokio::test]
async fn the_verifier_of_another_flow_is_as_wrong_as_any() {
    const OTHER: &str = "another-verifier-of-fifty-characters-for-a-flow-00";
    let op = Op::start().await;
    let mut browser = op.browser();
    for client in ["web", "spa"] {
        let mine = Request::of(client, "openid");
        let theirs = mine.clone().with("code_challenge", &flow::challenge(OTHER));
        for (taken, wrong, right) in [(&mine, OTHER, VERIFIER), (&theirs, VERIFIER, OTHER)] {
            let code = browser.code("alice", taken).await;
            let unused = browser.code("alice", taken).await;
            for verifier in [wrong, right] {
                let change = [("code_verifier", Some(verifier))];
                let answer = redeem_with(&mut browser, client, &code, &change).await;
                assert_invalid_grant(&answer, client);
            }
            let change = [("code_verifier", Some(right))];
            let answer = redeem_with(&mut browser, client, &unused, &change).await;
            assert_eq!(answer.status, 200, "{client}: {}", answer.text());
        }
    }
}

// TK-04, TK-18: what is real gets no further without a credential, or with one of another method, and is not used up
#[tokio::test]
async fn a_real_code_or_refresh_token_is_no_credential() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let wrong_secret = "hpk_wrong-0123456789abcdefghijklmnopqrstuvwx";
    for client in ["web", "post", "sjwt", "pkjwt"] {
        let tokens = browser.code_flow(client, "openid offline_access").await;
        let request = Request::of(client, "openid");
        let code = browser.code("alice", &request).await;
        let redemption = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", flow::redirect_uri(client)),
            ("code_verifier", VERIFIER),
        ];
        let refreshing = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh()),
        ];
        for pairs in [&redemption[..], &refreshing] {
            let named = [pairs, &[("client_id", client)]].concat();
            let secret = match client {
                "pkjwt" => wrong_secret,
                _ => fixture::secret(client),
            };
            let posted = [&named[..], &[("client_secret", secret)]].concat();
            let mut asks = vec![
                ("nobody", Ask::form("/token", pairs)),
                ("a name alone", Ask::form("/token", &named)),
                ("no secret", Ask::form("/token", pairs).basic(client, "")),
                (
                    "a wrong secret",
                    Ask::form("/token", pairs).basic(client, wrong_secret),
                ),
            ];
            if client != "web" {
                let ask = Ask::form("/token", pairs).basic(client, secret);
                asks.push(("the header", ask));
            }
            if client != "post" {
                asks.push(("the body", Ask::form("/token", &posted)));
            }
            for (what, ask) in asks {
                let answer = browser.send(ask).await;
                assert_eq!(
                    (answer.status, answer.error().as_str()),
                    (401, "invalid_client"),
                    "{client}: {what}"
                );
            }
        }
        Tokens::of(&browser.redeem(client, &code).await);
        Tokens::of(&browser.refresh(client, tokens.refresh()).await);
    }
}

// TK-57, G10
#[tokio::test]
async fn what_a_grant_does_not_declare_changes_nothing_of_its_tokens() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let extra = [
        ("expires_in", "999999"),
        ("exp", "9999999999"),
        ("sub", op.subject("bob").as_str()),
        ("aud", fixture::API2),
        ("cnf", r#"{"jkt":"x"}"#),
        ("iss", "https://evil.test"),
        ("acr", "high"),
        ("amr", "hwk"),
        ("auth_time", "1"),
        ("nonce", "another"),
        ("sid", "x"),
        ("token_type", "N_A"),
        ("claims", r#"{"id_token":{"email":null}}"#),
        ("username", "bob"),
        ("subject", "bob"),
    ];
    let request =
        Request::of("web", "openid api:read offline_access").with("resource", fixture::API1);
    let code = browser.code("alice", &request).await;
    let changes: Vec<_> = extra.iter().map(|(n, v)| (*n, Some(*v))).collect();
    let first = redeem_with(&mut browser, "web", &code, &changes).await;
    let refresh = Tokens::of(&first).refresh().to_owned();
    let mut pairs = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
    ];
    pairs.extend(extra);
    let second = browser.call("web", "/token", &pairs).await;
    let now = op.clock.seconds();
    for answer in [&first, &second] {
        let tokens = Tokens::of(answer);
        assert_eq!(answer.json()["expires_in"], 600);
        let access = assertion::payload(&tokens.access);
        assert_eq!(access["exp"].as_i64(), Some(now + 600));
        assert_eq!(access["aud"], fixture::API1);
        assert_eq!(access["iss"], fixture::ISSUER);
        assert_eq!(access.get("cnf"), None);
        let id = op.verified("web", tokens.id.as_deref().unwrap());
        for claims in [&access, &id] {
            assert_eq!(claims["sub"], op.subject("alice").as_str());
            assert_ne!(claims["auth_time"], 1);
            assert_ne!(claims["acr"], "high");
        }
        assert!(id.get("nonce").is_none_or(|n| n == "the-nonce"), "{id}");
        assert_eq!(id.get("email"), None);
    }
}

// TK-59: signed out everywhere, by themselves or by an operator
#[tokio::test]
async fn a_code_dies_with_every_session_of_its_person() {
    let op = Op::start().await;
    let node = op.another_node().await;
    let alice = op.subject("alice").clone();
    let (mut browser, mut elsewhere) = (op.browser(), node.browser());
    for way in ["sessions", "everything", "another session"] {
        let request = Request::of("web", "openid");
        let code = browser.code("alice", &request).await;
        match way {
            "sessions" => drop(op.provider.end_sessions_of(&alice).await.unwrap()),
            "everything" => {
                let issuer = op.provider.issuer_id();
                op.accounts.end_all(issuer, &alice).await.unwrap();
            }
            _ => {
                let mut other = op.browser();
                let tokens = other.code_flow("web", "openid").await;
                let hint = tokens.id.unwrap();
                other.query("/logout", &[("id_token_hint", &hint)]).await;
                assert_eq!(elsewhere.redeem("web", &code).await.status, 200, "{way}");
                continue;
            }
        }
        assert_invalid_grant(&elsewhere.redeem("web", &code).await, way);
    }
}
