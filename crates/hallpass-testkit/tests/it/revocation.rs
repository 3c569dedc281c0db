//! Revocation: whose, of what, and how far it reaches.

use hallpass_testkit::{Ask, Op, Request, Tokens, fixture};

const SCOPE: &str = "openid offline_access";

// RV-01
#[tokio::test]
async fn nobody_revokes_what_is_somebody_elses() {
    //= test RFC7009#2.1 only the client that holds a token can revoke it
    let op = Op::start().await;
    let mut browser = op.browser();
    for (owner, stranger) in [
        ("web", "web2"),
        ("web", "spa"),
        ("web", "rs1"),
        ("spa", "web"),
        ("spa", "spa2"),
    ] {
        let tokens = browser.code_flow(owner, SCOPE).await;
        for token in [
            &tokens.access,
            tokens.refresh(),
            tokens.id.as_deref().unwrap(),
        ] {
            for hint in ["access_token", "refresh_token"] {
                let answer = browser
                    .call(
                        stranger,
                        "/revoke",
                        &[("token", token), ("token_type_hint", hint)],
                    )
                    .await;
                assert!(
                    matches!(answer.status, 200 | 400),
                    "{stranger}: {}",
                    answer.status
                );
            }
        }
        assert_eq!(
            browser.userinfo(&tokens.access).await.status,
            200,
            "{owner} after {stranger}"
        );
        Tokens::of(&browser.refresh(owner, tokens.refresh()).await);
    }
}

// RV-03, RV-08
#[tokio::test]
async fn whatever_is_no_token_is_revoked_already() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let mut answers = Vec::new();
    for text in [
        "x",
        "hpa_",
        "hpr_",
        "hpc_x",
        "e30.e30.e30",
        "null",
        "\u{1f600}",
        &"A".repeat(60_000),
        fixture::MARKER,
        fixture::secret("web"),
    ] {
        for hint in [
            "",
            "access_token",
            "refresh_token",
            "device_code",
            fixture::MARKER,
        ] {
            let pairs = [
                ("token", text),
                ("token_type_hint", hint),
                ("callback", "alert"),
            ];
            let ask = browser
                .ask_as("web", "/revoke", &pairs)
                .header("Accept", "text/html");
            let mut answer = browser.send(ask).await;
            assert_eq!(answer.status, 200, "{text:.20} {hint}");
            answer.headers.retain(|(n, _)| n != "date");
            answers.push((answer.headers, answer.body));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    for (pairs, status) in [
        (&[][..], 400),
        (&[("token", "")], 400),
        (&[("token", "x"), ("token", "x")], 400),
    ] {
        assert_eq!(browser.call("web", "/revoke", pairs).await.status, status);
    }
}

// RV-04
#[tokio::test]
async fn with_a_refresh_token_everything_of_its_grant_ends() {
    //= test RFC7009#2.1 with a refresh token the access tokens of its grant end too
    let op = Op::start().await;
    let other = op.another_node().await;
    let mut browser = op.browser();
    for client in ["web", "spa"] {
        let zero = browser.code_flow(client, SCOPE).await;
        let one = Tokens::of(&browser.refresh(client, zero.refresh()).await);
        let newest = one
            .refresh
            .clone()
            .unwrap_or_else(|| zero.refresh().to_owned());
        for _ in 0..3 {
            let answer = browser
                .call(
                    client,
                    "/revoke",
                    &[("token", &newest), ("token_type_hint", "access_token")],
                )
                .await;
            assert_eq!((answer.status, answer.body.len()), (200, 0));
        }
        for access in [&zero.access, &one.access] {
            assert_eq!(other.browser().userinfo(access).await.status, 401);
            assert_eq!(browser.userinfo(access).await.status, 401);
        }
        assert_eq!(
            browser.refresh(client, &newest).await.error(),
            "invalid_grant"
        );
        assert_eq!(
            browser.refresh(client, zero.refresh()).await.error(),
            "invalid_grant"
        );
        // Another grant of the same person and client is another grant.
        let fresh = browser.code_flow(client, SCOPE).await;
        browser.call(client, "/revoke", &[("token", &newest)]).await;
        assert_eq!(browser.userinfo(&fresh.access).await.status, 200);
    }
}

// RV-04
#[tokio::test]
async fn with_an_access_token_it_alone_ends() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", SCOPE).await;
    let second = Tokens::of(&browser.refresh("web", tokens.refresh()).await);
    for _ in 0..2 {
        assert_eq!(
            browser
                .call("web", "/revoke", &[("token", &tokens.access)])
                .await
                .status,
            200
        );
    }
    assert_eq!(browser.userinfo(&tokens.access).await.status, 401);
    assert_eq!(browser.userinfo(&second.access).await.status, 200);
    Tokens::of(&browser.refresh("web", tokens.refresh()).await);
}

// RV-07
#[tokio::test]
async fn a_jwt_is_revoked_where_it_is_looked_up() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid api:read").with("resource", fixture::API1);
    let tokens = browser.flow_of("alice", "web", &request).await;
    assert!(browser.is_active("rs1", &tokens.access).await);
    assert_eq!(
        browser
            .call("web", "/revoke", &[("token", &tokens.access)])
            .await
            .status,
        200
    );
    assert!(!browser.is_active("rs1", &tokens.access).await);
    let own = [
        ("grant_type", "client_credentials"),
        ("scope", "api:read"),
        ("resource", fixture::API1),
    ];
    let own = Tokens::of(&browser.call("web", "/token", &own).await);
    assert_eq!(
        browser
            .call("web", "/revoke", &[("token", &own.access)])
            .await
            .status,
        200
    );
    assert!(!browser.is_active("rs1", &own.access).await);
}

// F08: what a clock that is wrong for a while deletes cannot be brought back by setting it right.
#[tokio::test]
async fn a_clock_that_jumps_lets_nothing_back_in() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let own = [("grant_type", "client_credentials"), ("scope", "api:read")];
    let own = Tokens::of(&browser.call("web", "/token", &own).await);
    browser
        .call("web", "/revoke", &[("token", &own.access)])
        .await;
    let before = op.provider.now();
    // Less than the doubt that there always is, and much more for one whose job does not believe it.
    op.clock.advance(3600);
    op.provider.purge().await.unwrap();
    op.clock.advance(86_400);
    op.provider.purge_at(before.plus(1800)).await.unwrap();
    op.clock.advance(-90_000);
    assert_eq!(op.provider.now(), before);
    assert!(!browser.is_active("web", &own.access).await);
    // When it is certain, it goes.
    op.clock.advance(90_000);
    // A database whose clock stands still beside that of the test never lets it.
    let certain = op.provider.store().clock().await.unwrap().is_none();
    assert_eq!(op.provider.purge().await.unwrap() > 0, certain);
}

// Nobody needs more than the token's own client to give it up, and a public one can do so, too.
#[tokio::test]
async fn a_public_client_revokes_its_own_tokens_by_naming_itself() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("spa", SCOPE).await;
    let answer = browser
        .send(Ask::form(
            "/revoke",
            &[("token", tokens.refresh()), ("client_id", "spa")],
        ))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(browser.userinfo(&tokens.access).await.status, 401);
}

// RV-01, RV-02: a JWT, a token of a person's own API, and tokens that a stranger shows beside the owner's name
#[tokio::test]
async fn a_token_outlives_whatever_strangers_send() {
    let op = Op::start().await;
    let node = op.another_node().await;
    let mut browser = op.browser();
    let scope = "openid api:read offline_access";
    for (api, rs) in [(fixture::API1, "rs1"), (fixture::API2, "rs2")] {
        let request = Request::of("web", scope).with("resource", api);
        let tokens = browser.flow_of("alice", "web", &request).await;
        for token in [&tokens.access, tokens.refresh()] {
            let pairs = [("token", token)];
            let named = [pairs[0], ("client_id", "web")];
            let both = [pairs[0], ("client_id", "web"), ("client_secret", "x")];
            let web2 = fixture::secret("web2");
            for (what, ask, status) in [
                ("nobody", Ask::form("/revoke", &pairs), 401),
                ("the owner's name", Ask::form("/revoke", &named), 401),
                ("a wrong secret", Ask::form("/revoke", &both), 401),
                (
                    "a wrong secret in the header",
                    Ask::form("/revoke", &pairs).basic("web", web2),
                    401,
                ),
                (
                    "the token itself",
                    Ask::form("/revoke", &pairs).bearer(token),
                    401,
                ),
                (
                    "one client's secret, another's name",
                    Ask::form("/revoke", &named).basic("web2", web2),
                    401,
                ),
                (
                    "switched off",
                    Ask::form("/revoke", &pairs).basic("off", fixture::secret("off")),
                    401,
                ),
            ] {
                let answer = browser.send(ask).await;
                assert!(
                    answer.status == status || answer.status == 400,
                    "{what}: {}",
                    answer.status
                );
            }
            // The API itself is no owner of it.
            for stranger in [rs, "web2", "pkjwt", "machine"] {
                let answer = browser.call(stranger, "/revoke", &pairs).await;
                assert!(matches!(answer.status, 200 | 400), "{stranger}");
            }
        }
        assert!(browser.is_active(rs, &tokens.access).await, "{api}");
        Tokens::of(&browser.refresh("web", tokens.refresh()).await);
        // RV-04, RV-07: and with its refresh token it ends, at each node.
        let pairs = [("token", tokens.refresh())];
        let answer = browser.call("web", "/revoke", &pairs).await;
        assert_eq!(answer.status, 200);
        for mut browser in [op.browser(), node.browser()] {
            for caller in [rs, "web"] {
                assert!(!browser.is_active(caller, &tokens.access).await, "{api}");
            }
            assert!(!browser.is_active("web", tokens.refresh()).await, "{api}");
        }
    }
}

// RV-08, G4: an error is JSON, too, and no script
#[tokio::test]
async fn no_answer_is_a_script_or_a_page() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let callback = ("callback", "alert(1)//");
    for path in ["/revoke", "/introspect", "/token"] {
        let target = format!("{path}?callback=alert(1)//&jsonp=x");
        for pairs in [
            &[callback][..],
            &[callback, ("token", "")],
            &[callback, ("token", fixture::MARKER)],
            &[callback, ("grant_type", fixture::MARKER)],
        ] {
            let asks = [
                Ask::form(&target, pairs),
                Ask::form(&target, pairs).basic("web", "wrong"),
                Ask::form(&target, pairs).basic("web", fixture::secret("web")),
            ];
            for ask in asks {
                let ask = ask.header("Accept", "text/html, application/javascript");
                let answer = browser.send(ask).await;
                let empty = answer.status == 200 && answer.body.is_empty();
                assert!(empty || answer.media() == "application/json", "{path}");
                assert!(!answer.text().contains("alert"), "{path}");
                assert!(empty || answer.json().is_object(), "{path}");
            }
        }
    }
}
