//! Two issuers in one store, under one master key: nothing of the one is anything to the other.

use hallpass_testkit::{Ask, Browser, Op, Request, Setup, Tokens, assertion, fixture, wire};

async fn both() -> [Op; 2] {
    let one = Op::start().await;
    let two = Setup::default()
        .beside(&one, "https://two.test", "second")
        .start()
        .await;
    [one, two]
}

/// Goes through the pages of an issuer; its browser knows where it is.
async fn tokens(browser: &mut Browser, client: &str) -> Tokens {
    browser
        .flow_of(
            "alice",
            client,
            &Request::of(client, "openid email offline_access"),
        )
        .await
}

// TK-11, UI-08
#[tokio::test]
async fn codes_and_tokens_of_one_issuer_are_garbage_to_the_other() {
    let [one, two] = both().await;
    let (mut first, mut second) = (one.browser(), two.browser());
    for client in ["web", "spa"] {
        let code = first.code("alice", &Request::of(client, "openid")).await;
        assert_eq!(
            second.redeem(client, &code).await.error(),
            "invalid_grant",
            "{client}"
        );
        let ours = tokens(&mut first, client).await;
        let theirs = tokens(&mut second, client).await;
        for (token, home, away) in [(&ours, &mut first, &mut second)] {
            assert_eq!(
                away.refresh(client, token.refresh()).await.error(),
                "invalid_grant"
            );
            assert_eq!(away.userinfo(&token.access).await.status, 401);
            assert!(!away.is_active("web", &token.access).await);
            assert!(!away.is_active("web", token.refresh()).await);
            for text in [&token.access, token.refresh()] {
                assert_eq!(
                    away.call(client, "/revoke", &[("token", text)])
                        .await
                        .status,
                    200
                );
            }
            assert_eq!(home.userinfo(&token.access).await.status, 200);
        }
        assert_eq!(first.userinfo(&theirs.access).await.status, 401);
        // A JWT of the other issuer has another issuer and another key.
        let request = Request::of(client, "openid api:read").with("resource", fixture::API1);
        let jwt = second.flow_of("alice", client, &request).await.access;
        assert_eq!(assertion::payload(&jwt)["iss"], "https://two.test");
        assert!(!first.is_active("rs1", &jwt).await);
        assert!(second.is_active("rs1", &jwt).await);
        // The code still works at home.
        assert_eq!(first.redeem(client, &code).await.status, 200);
    }
}

// LG-09
#[tokio::test]
async fn cookies_and_pages_of_one_issuer_are_nothing_to_the_other() {
    let [one, two] = both().await;
    let mut first = one.browser();
    first.sign_in("alice").await;
    let mut second = two.browser();
    for (name, value) in first.cookies() {
        second.set_cookie(name, value);
    }
    let silent = Request::of("first", "openid").with("prompt", "none");
    assert_eq!(second.send(silent.get()).await.error(), "login_required");
    // A page of a request at the one, at the other, with the same binding cookie.
    let answer = first.send(Request::of("web", "openid").get()).await;
    let target = answer.location().strip_prefix("https://op.test").unwrap();
    let answer = second.get(target).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_request")
    );
    // And hints.
    let hint = tokens(&mut one.browser(), "first").await.id.unwrap();
    let answer = second.send(silent.with("id_token_hint", &hint).get()).await;
    assert_eq!(wire::param(answer.location(), "code"), None);
}

// TK-29, TK-30
#[tokio::test]
async fn an_assertion_is_for_one_issuer() {
    let [one, two] = both().await;
    let ask = |audience: &str, jti: &str| {
        let mut claims = assertion::claims("pkjwt", one.clock.seconds(), jti);
        claims["aud"] = audience.into();
        let jwt = assertion::sign(fixture::pkjwt_key(), &claims);
        let pairs = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", assertion::JWT_BEARER),
            ("client_assertion", jwt.as_str()),
        ];
        Ask::form("/token", &pairs)
    };
    let (mut first, mut second) = (one.browser(), two.browser());
    for (audience, good, bad) in [("https://op.test", &mut first, &mut second)] {
        for url in [audience.to_owned(), format!("{audience}/token")] {
            assert_eq!(
                bad.send(ask(&url, &format!("bad {url}"))).await.status,
                401,
                "{url}"
            );
            assert_eq!(
                good.send(ask(&url, &format!("good {url}"))).await.status,
                200,
                "{url}"
            );
        }
    }
    // The same jti at each of them is two assertions.
    assert_eq!(first.send(ask("https://op.test", "same")).await.status, 200);
    assert_eq!(
        second.send(ask("https://two.test", "same")).await.status,
        200
    );
}

// AD-class: an account of one issuer is unknown to the other, whatever its name
#[tokio::test]
async fn people_and_their_consent_belong_to_one_issuer() {
    let [one, two] = both().await;
    assert_ne!(one.subject("alice"), two.subject("alice"));
    let mut first = one.browser();
    first.code("alice", &Request::of("web", "openid")).await;
    let mut second = two.browser();
    second.sign_in("alice").await;
    let answer = second.send(Request::of("web", "openid").get()).await;
    assert!(
        answer.location().starts_with("https://two.test/consent?"),
        "{}",
        answer.location()
    );
    two.accounts
        .set_disabled(two.provider.issuer_id(), two.subject("alice"), true)
        .await
        .unwrap();
    let silent = Request::of("web", "openid").with("prompt", "none");
    let answer = first.send(silent.get()).await;
    assert!(
        wire::param(answer.location(), "code").is_some(),
        "{}",
        answer.location()
    );
    // A client that one of them switches off.
    two.disable_client("web").await;
    assert_eq!(
        first
            .call("web", "/token", &[("grant_type", "client_credentials")])
            .await
            .status,
        200
    );
    assert_eq!(
        second
            .call("web", "/token", &[("grant_type", "client_credentials")])
            .await
            .status,
        401
    );
}
