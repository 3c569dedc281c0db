//! Introspection: who may ask, and about what.

use hallpass_store::{Commit, Spend, Write};
use hallpass_testkit::{Ask, Browser, Op, Request, Tokens, fixture};
use hallpass_types::{ClientId, Secret};

async fn for_api(browser: &mut Browser, api: &str) -> Tokens {
    let request = Request::of("web", "openid api:read offline_access").with("resource", api);
    browser.flow_of("alice", "web", &request).await
}

// IN-01
#[tokio::test]
async fn only_clients_that_prove_themselves_may_ask() {
    //= test RFC7662#2.1 the caller is authorized, so that nobody can scan for tokens
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = for_api(&mut browser, fixture::API1).await;
    let form = [("token", tokens.access.as_str())];
    let named = |id: &'static str| Ask::form("/introspect", &[form[0], ("client_id", id)]);
    for (what, ask) in [
        ("nobody", Ask::form("/introspect", &form)),
        (
            "a wrong secret",
            Ask::form("/introspect", &form).basic("rs1", "x"),
        ),
        (
            "another's secret",
            Ask::form("/introspect", &form).basic("rs1", fixture::secret("rs2")),
        ),
        (
            "the token itself",
            Ask::form("/introspect", &form).bearer(&tokens.access),
        ),
        ("a public client", named("spa")),
        ("a name alone", named("rs1")),
        (
            "a client that is switched off",
            Ask::form("/introspect", &form).basic("off", fixture::secret("off")),
        ),
    ] {
        let answer = browser.send(ask).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (401, "invalid_client"),
            "{what}"
        );
        assert!(!answer.text().contains("active"), "{what}");
    }
    assert!(browser.is_active("rs1", &tokens.access).await);
}

// IN-02, G10
#[tokio::test]
async fn a_resource_server_learns_about_its_own_tokens_only() {
    //= test RFC7662#4 a resource server learns only about tokens that are meant for it
    let op = Op::start().await;
    let mut browser = op.browser();
    for (api, own, other) in [(fixture::API1, "rs1", "rs2"), (fixture::API2, "rs2", "rs1")] {
        let tokens = for_api(&mut browser, api).await;
        for hint in ["", "access_token", "refresh_token", "x"] {
            let pairs = [("token", tokens.access.as_str()), ("token_type_hint", hint)];
            for stranger in [other, "web2", "post"] {
                let answer = browser.call(stranger, "/introspect", &pairs).await;
                assert_eq!(answer.body, br#"{"active":false}"#, "{stranger} {hint}");
            }
            for friend in [own, "web"] {
                let seen = browser.call(friend, "/introspect", &pairs).await.json();
                assert_eq!(seen["active"], true, "{friend} {hint}");
                assert_eq!(seen["client_id"], "web");
                assert_eq!(seen["aud"], api);
                assert_eq!(seen["sub"], op.subject("alice").as_str());
                assert_eq!(seen["iss"], fixture::ISSUER);
                assert_eq!(seen["token_type"], "Bearer");
                assert_eq!(seen["exp"].as_i64(), Some(op.clock.seconds() + 600));
                for personal in ["email", "name", "username", "sid"] {
                    assert_eq!(seen.get(personal), None);
                }
            }
        }
    }
    // A token for the provider's own endpoints is nobody's but its holder's.
    let tokens = browser.code_flow("web", "openid").await;
    for stranger in ["rs1", "rs2", "web2"] {
        assert!(
            !browser.is_active(stranger, &tokens.access).await,
            "{stranger}"
        );
    }
    assert!(browser.is_active("web", &tokens.access).await);
}

// IN-03
#[tokio::test]
async fn what_is_no_access_token_is_inactive_for_a_resource_server() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = for_api(&mut browser, fixture::API1).await;
    let code = browser.code("alice", &Request::of("web", "openid")).await;
    let session = browser.cookie("session").unwrap().to_owned();
    let binding = browser.cookie("browser").unwrap_or("x").to_owned();
    let registration = op.initial_access_token.clone();
    for (what, text) in [
        ("refresh token", tokens.refresh()),
        ("code", &code),
        ("ID token", tokens.id.as_deref().unwrap()),
        ("session", &session),
        ("binding", &binding),
        ("initial access token", &registration),
        ("secret", fixture::secret("rs1")),
        ("PAR", "urn:ietf:params:oauth:request_uri:x"),
    ] {
        for caller in ["rs1", "rs2", "web2"] {
            assert!(
                !browser.is_active(caller, text).await,
                "{what} for {caller}"
            );
        }
    }
    // Its own client may ask about a refresh token.
    assert!(browser.is_active("web", tokens.refresh()).await);
    assert!(!browser.is_active("web", &code).await);
    assert!(
        !browser
            .is_active("web", tokens.id.as_deref().unwrap())
            .await
    );
}

// IN-05
#[tokio::test]
async fn a_token_that_is_over_is_inactive() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for api in [fixture::API1, fixture::API2] {
        let rs = if api == fixture::API1 { "rs1" } else { "rs2" };
        let expired = for_api(&mut browser, api).await;
        op.clock.advance(600);
        assert!(!browser.is_active(rs, &expired.access).await, "expired");
        let revoked = for_api(&mut browser, api).await;
        browser
            .call("web", "/revoke", &[("token", &revoked.access)])
            .await;
        assert!(!browser.is_active(rs, &revoked.access).await, "revoked");
        let family = for_api(&mut browser, api).await;
        browser
            .call("web", "/revoke", &[("token", family.refresh())])
            .await;
        assert!(
            !browser.is_active(rs, &family.access).await,
            "family revoked"
        );
        assert!(
            !browser.is_active("web", family.refresh()).await,
            "refresh token"
        );
    }
    let orphan = for_api(&mut browser, fixture::API1).await;
    op.disable_client("web").await;
    assert!(
        !browser.is_active("rs1", &orphan.access).await,
        "client switched off"
    );
}

// IN-05: rotated away
#[tokio::test]
async fn a_refresh_token_that_was_rotated_away_is_inactive() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let zero = browser.code_flow("spa", "openid offline_access").await;
    let one = Tokens::of(&browser.refresh("spa", zero.refresh()).await);
    Tokens::of(&browser.refresh("spa", one.refresh()).await);
    for caller in ["web", "rs1"] {
        assert!(!browser.is_active(caller, zero.refresh()).await);
    }
}

// IN-07
#[tokio::test]
async fn garbage_is_inactive_or_refused() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for text in [
        "x",
        "..",
        "e30.e30.e30",
        "hpa_",
        "hpr_",
        "null",
        "\u{1f600}",
        &"A".repeat(60_000),
        &".".repeat(50_000),
        fixture::MARKER,
    ] {
        assert!(!browser.is_active("rs1", text).await);
    }
    for (what, ask, status) in [
        ("missing", Ask::form("/introspect", &[]), 400),
        ("empty", Ask::form("/introspect", &[("token", "")]), 400),
        ("in the query", Ask::form("/introspect?token=x", &[]), 400),
        (
            "JSON",
            Ask::post("/introspect", "application/json", r#"{"token":"x"}"#),
            415,
        ),
        (
            "too long",
            Ask::form("/introspect", &[("token", &"A".repeat(1_000_000))]),
            413,
        ),
        ("GET", Ask::get("/introspect?token=x"), 405),
    ] {
        let answer = browser.send(ask.basic("rs1", fixture::secret("rs1"))).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
    }
    // A thousand guesses get a thousand equal answers.
    for number in 0..200 {
        assert!(
            !browser
                .is_active("rs1", &format!("hpa_{number:0>100}"))
                .await
        );
    }
}

// IN-05, TK-21: a client that was deleted, and made anew under its old name with its old secret
#[tokio::test]
async fn what_a_client_had_is_not_what_its_successor_of_the_same_name_has() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let api = for_api(&mut browser, fixture::API1).await;
    let own = browser.code_flow("web", "openid offline_access").await;
    let code = browser.code("alice", &Request::of("web", "openid")).await;
    let machine = [
        ("grant_type", "client_credentials"),
        ("scope", "api:read"),
        ("resource", fixture::API1),
    ];
    let machine = Tokens::of(&browser.call("web", "/token", &machine).await).access;
    let request = Request::of("web", "openid").0;
    let pairs: Vec<(&str, &str)> = request[1..]
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let pushed = browser.call("web", "/par", &pairs).await.json();
    let pushed = pushed["request_uri"].as_str().unwrap().to_owned();

    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let id = ClientId::parse("web").unwrap();
    let record = store.client(issuer, &id).await.unwrap().unwrap();
    op.clock.advance(5);
    let gone = Commit {
        spends: Vec::new(),
        writes: vec![Write::DeleteClient(id.clone())],
    };
    store.commit(issuer, gone).await.unwrap();
    op.clock.advance(5);
    let secret = Secret::new(fixture::secret("web").to_owned());
    let (metadata, origin) = (record.metadata, record.origin);
    let (_, anew) = op.provider.new_record(id, metadata, Some(&secret), origin);
    let made = Commit {
        spends: vec![Spend::NewClient(Box::new(anew))],
        writes: Vec::new(),
    };
    store.commit(issuer, made).await.unwrap();
    op.clock.advance(2);

    for (caller, token) in [
        ("rs1", &api.access),
        ("web", &api.access),
        ("rs1", &machine),
        ("web", &machine),
        ("web", &own.access),
    ] {
        assert!(!browser.is_active(caller, token).await, "{caller}");
    }
    for refresh in [api.refresh(), own.refresh()] {
        assert!(!browser.is_active("web", refresh).await);
        let answer = browser.refresh("web", refresh).await;
        assert_eq!(answer.error(), "invalid_grant", "{}", answer.text());
    }
    assert_eq!(browser.userinfo(&own.access).await.status, 401);
    assert_eq!(browser.redeem("web", &code).await.error(), "invalid_grant");
    let bring = Ask::query(
        "/authorize",
        &[("client_id", "web"), ("request_uri", &pushed)],
    );
    let answer = browser.send(bring).await;
    assert_eq!(answer.status, 400, "{:?}", answer.header("location"));
    // Nor is it what the person agreed to.
    let silent = Request::of("web", "openid offline_access").with("prompt", "none");
    let answer = browser.send(silent.get()).await;
    assert_eq!(answer.error(), "consent_required");
    let fresh = browser.code_flow("web", "openid offline_access").await;
    Tokens::of(&browser.refresh("web", fresh.refresh()).await);
}
