//! Refresh tokens: rotation, replay, and what ends them.

use hallpass_testkit::{Answer, Op, Request, Setup, Tokens, fixture};
use hallpass_types::Secret;
use serde_json::json;

#[track_caller]
fn assert_invalid_grant(answer: &Answer, what: &str) {
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_grant"),
        "{what}: {}",
        answer.text()
    );
}

const SCOPE: &str = "openid email offline_access";

// TK-13
#[tokio::test]
async fn a_parent_that_comes_back_after_its_successor_was_used_ends_the_family() {
    //= test RFC9700#4.14.2 a refresh token that was replaced ends its family when it is shown again
    let op = Op::start().await;
    let mut browser = op.browser();
    let zero = browser.code_flow("spa", SCOPE).await;
    let one = Tokens::of(&browser.refresh("spa", zero.refresh()).await);
    assert_ne!(one.refresh(), zero.refresh());
    let two = Tokens::of(&browser.refresh("spa", one.refresh()).await);
    assert_invalid_grant(
        &browser.refresh("spa", zero.refresh()).await,
        "the grandparent",
    );
    assert_invalid_grant(&browser.refresh("spa", two.refresh()).await, "the newest");
    assert_invalid_grant(
        &browser.refresh("spa", one.refresh()).await,
        "the one between",
    );
    for tokens in [&zero, &one, &two] {
        assert_eq!(browser.userinfo(&tokens.access).await.status, 401);
    }
    // G11: one revocation, and a line for each refusal.
    let told = |what: &str| {
        op.events
            .lines()
            .iter()
            .filter(|l| l.starts_with(what) && l.contains("refresh_token_reused"))
            .count()
    };
    assert_eq!((told("GrantRevoked"), told("Refused")), (1, 1));
}

// TK-13, §0.4 1: inside the window and before its use, the parent yields the same successor
#[tokio::test]
async fn a_parent_within_the_window_yields_the_same_successor() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let zero = browser.code_flow("spa", SCOPE).await;
    let one = Tokens::of(&browser.refresh("spa", zero.refresh()).await);
    op.clock.advance(59);
    let again = Tokens::of(&browser.refresh("spa", zero.refresh()).await);
    assert_eq!(again.refresh(), one.refresh());
    op.clock.advance(1);
    assert_invalid_grant(
        &browser.refresh("spa", zero.refresh()).await,
        "a second later",
    );
    assert_invalid_grant(
        &browser.refresh("spa", one.refresh()).await,
        "the family is over",
    );
}

// §0.4 1
#[tokio::test]
async fn with_the_window_switched_off_a_parent_ends_the_family_at_once() {
    let op = Op::with(|policy| policy.lifetimes.refresh_retry = 0).await;
    let mut browser = op.browser();
    let zero = browser.code_flow("spa", SCOPE).await;
    let one = Tokens::of(&browser.refresh("spa", zero.refresh()).await);
    assert_invalid_grant(&browser.refresh("spa", zero.refresh()).await, "the parent");
    assert_invalid_grant(&browser.refresh("spa", one.refresh()).await, "the family");
    assert_eq!(browser.userinfo(&one.access).await.status, 401);
}

// §0.4 1: confidential clients keep their token
#[tokio::test]
async fn a_confidential_client_keeps_its_token() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for client in ["web", "pkjwt"] {
        let first = browser.code_flow(client, SCOPE).await;
        for _ in 0..3 {
            op.clock.advance(3_700);
            let next = Tokens::of(&browser.refresh(client, first.refresh()).await);
            assert!(next.refresh.is_none_or(|r| r == first.refresh()));
        }
    }
}

// TK-17
#[tokio::test]
async fn a_stranger_can_neither_use_nor_end_a_family() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for (owner, thief) in [
        ("web", "web2"),
        ("web", "spa"),
        ("spa", "spa2"),
        ("spa", "web"),
        ("pkjwt", "web"),
    ] {
        let tokens = browser.code_flow(owner, SCOPE).await;
        for _ in 0..3 {
            assert_invalid_grant(&browser.refresh(thief, tokens.refresh()).await, thief);
        }
        let next = Tokens::of(&browser.refresh(owner, tokens.refresh()).await);
        assert_eq!(browser.userinfo(&next.access).await.status, 200);
    }
    // Nor with a token that was rotated away.
    let zero = browser.code_flow("spa", SCOPE).await;
    let one = Tokens::of(&browser.refresh("spa", zero.refresh()).await);
    let two = Tokens::of(&browser.refresh("spa", one.refresh()).await);
    assert_invalid_grant(&browser.refresh("spa2", zero.refresh()).await, "spa2");
    Tokens::of(&browser.refresh("spa", two.refresh()).await);
}

// TK-19
#[tokio::test]
async fn a_refresh_narrows_and_never_widens() {
    //= test RFC6749#6 a refresh never widens the scope
    let op = Op::start().await;
    let mut browser = op.browser();
    for client in ["web", "spa"] {
        let mut tokens = browser.code_flow(client, SCOPE).await;
        for scope in [
            "openid email profile",
            "openid unknown",
            "api:read",
            "openid email offline_access api:write",
            "openid\n",
            "\u{e9}",
            fixture::MARKER,
        ] {
            let pairs = [
                ("grant_type", "refresh_token"),
                ("refresh_token", tokens.refresh()),
                ("scope", scope),
            ];
            let answer = browser.call(client, "/token", &pairs).await;
            assert_eq!(
                (answer.status, answer.error().as_str()),
                (400, "invalid_scope"),
                "{client} {scope}"
            );
        }
        let pairs = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh()),
            ("scope", "openid"),
        ];
        let narrow = Tokens::of(&browser.call(client, "/token", &pairs).await);
        assert_eq!(
            browser.userinfo(&narrow.access).await.json().get("email"),
            None
        );
        tokens.refresh = narrow.refresh.or(tokens.refresh);
        // What is left out once is not lost.
        let full = Tokens::of(&browser.refresh(client, tokens.refresh()).await);
        assert_eq!(
            browser.userinfo(&full.access).await.json()["email"],
            "alice@example.test"
        );
    }
}

// TK-21, LG-31
#[tokio::test]
async fn nothing_is_refreshed_for_an_account_that_changed() {
    let op = Op::start().await;
    let (issuer, alice) = (op.provider.issuer_id(), op.subject("alice").clone());
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", SCOPE).await;
    let password = Secret::new(fixture::password("alice").to_owned());
    op.accounts
        .set_password(issuer, &alice, &password)
        .await
        .unwrap();
    assert_invalid_grant(
        &browser.refresh("web", tokens.refresh()).await,
        "password set",
    );
    let tokens = browser.code_flow("spa", SCOPE).await;
    op.accounts
        .set_disabled(issuer, &alice, true)
        .await
        .unwrap();
    assert_invalid_grant(&browser.refresh("spa", tokens.refresh()).await, "disabled");
    assert_eq!(browser.userinfo(&tokens.access).await.status, 401);
    op.accounts
        .set_disabled(issuer, &alice, false)
        .await
        .unwrap();
    assert_invalid_grant(
        &browser.refresh("spa", tokens.refresh()).await,
        "enabled again",
    );
}

// TK-21, TK-23
#[tokio::test]
async fn nothing_is_refreshed_for_a_client_that_may_not_any_more() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", SCOPE).await;
    op.change_client("web", |metadata| {
        metadata["grant_types"] = serde_json::json!(["authorization_code"]);
    })
    .await;
    let answer = browser.refresh("web", tokens.refresh()).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "unauthorized_client")
    );
    let tokens = browser.code_flow("first", SCOPE).await;
    op.disable_client("first").await;
    let answer = browser.refresh("first", tokens.refresh()).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
    assert_eq!(browser.userinfo(&tokens.access).await.status, 401);
}

// TK-22
#[tokio::test]
async fn a_family_ends_when_it_is_idle_and_at_the_latest_at_its_absolute_limit() {
    let op = Op::with(|policy| {
        policy.lifetimes.refresh_idle = 10_000;
        policy.lifetimes.refresh_absolute = 50_000;
    })
    .await;
    for client in ["web", "spa"] {
        let mut browser = op.browser();
        let idle = browser.code_flow(client, SCOPE).await;
        op.clock.advance(10_000);
        assert_invalid_grant(&browser.refresh(client, idle.refresh()).await, "idle");
        let mut tokens = browser.code_flow(client, SCOPE).await;
        for _ in 0..5 {
            op.clock.advance(9_000);
            let next = Tokens::of(&browser.refresh(client, tokens.refresh()).await);
            tokens.refresh = next.refresh.or(tokens.refresh);
        }
        // The code's own minute comes on top.
        op.clock.advance(5_060);
        assert_invalid_grant(&browser.refresh(client, tokens.refresh()).await, "absolute");
    }
}

// TK-10, TK-12
#[tokio::test]
async fn a_refresh_token_is_good_at_its_own_place_only() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", SCOPE).await;
    let refresh = tokens.refresh().to_owned();
    assert_eq!(browser.userinfo(&refresh).await.status, 401);
    assert_eq!(
        browser.userinfo(tokens.id.as_deref().unwrap()).await.status,
        401
    );
    for (what, text) in [
        ("cut", refresh[..refresh.len() - 1].to_owned()),
        ("longer", format!("{refresh}A")),
        ("padded", format!("{refresh}=")),
        ("upper case", refresh.to_uppercase()),
        ("space", format!(" {refresh}")),
        ("prefix", refresh.replacen("hpr_", "hpa_", 1)),
    ] {
        assert_invalid_grant(&browser.refresh("web", &text).await, what);
    }
    for at in (4..refresh.len()).step_by(3) {
        let mut bytes = refresh.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let text = String::from_utf8(bytes).unwrap();
        assert_invalid_grant(&browser.refresh("web", &text).await, &text);
    }
    Tokens::of(&browser.refresh("web", &refresh).await);
}

// R3.3, OIDC Core §12.2
#[tokio::test]
async fn an_id_token_of_a_refresh_speaks_of_the_same_person_and_sign_in() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let begin = op.clock.seconds();
    let first = browser.code_flow("web", SCOPE).await;
    op.clock.advance(500);
    let next = Tokens::of(&browser.refresh("web", first.refresh()).await);
    let Some(id) = &next.id else { return };
    let (old, new) = (first.claims(), op.verified("web", id));
    for name in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(old[name], new[name], "{name}");
    }
    assert_eq!(new["auth_time"].as_i64(), Some(begin));
    assert_eq!(new["iat"].as_i64(), Some(begin + 500));
}

// TK-21: consent that is taken back
#[tokio::test]
async fn a_family_survives_signing_out_only_with_offline_access() {
    let op = Op::start().await;
    for (scope, survives) in [("openid offline_access", true), ("openid", false)] {
        let mut browser = op.browser();
        let tokens = browser
            .flow_of("alice", "spa", &Request::of("spa", scope))
            .await;
        let hint = tokens.id.clone().unwrap();
        browser.query("/logout", &[("id_token_hint", &hint)]).await;
        if let Some(refresh) = &tokens.refresh {
            let status = browser.refresh("spa", refresh).await.status;
            assert_eq!(status == 200, survives, "{scope}");
        }
        assert_eq!(
            browser.userinfo(&tokens.access).await.status == 200,
            survives,
            "{scope}"
        );
    }
}

// S14
#[tokio::test]
async fn s14_a_client_has_lifetimes_of_its_own_and_nobody_elses_change() {
    let own = json!({
        "code_lifetime": 20, "access_token_lifetime": 60, "id_token_lifetime": 90, "refresh_token_lifetime": 3600,
    });
    let op = Setup::default().metadata("web", &own).start().await;
    let mut browser = op.browser();
    let answered = |answer: &Answer| answer.json()["expires_in"].as_i64().unwrap();
    let code = browser.code("alice", &Request::of("web", SCOPE)).await;
    op.clock.advance(19);
    let answer = browser.redeem("web", &code).await;
    assert_eq!(answered(&answer), 60);
    let tokens = Tokens::of(&answer);
    let id = op.verified("web", tokens.id.as_deref().unwrap());
    let lives = id["exp"].as_i64().unwrap() - id["iat"].as_i64().unwrap();
    assert_eq!(lives, 90);
    op.clock.advance(59);
    assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
    op.clock.advance(2);
    assert_eq!(browser.userinfo(&tokens.access).await.status, 401);
    let answer = browser.refresh("web", tokens.refresh()).await;
    assert_eq!(answered(&answer), 60);
    op.clock.advance(3_600);
    let over = browser.refresh("web", tokens.refresh()).await;
    assert_invalid_grant(&over, "an hour after the sign-in");
    // A code of this client is over sooner, one of another is not.
    let code = browser.code("alice", &Request::of("web", SCOPE)).await;
    let other = browser.code("alice", &Request::of("spa", SCOPE)).await;
    op.clock.advance(21);
    assert_invalid_grant(&browser.redeem("web", &code).await, "after 21 seconds");
    let answer = browser.redeem("spa", &other).await;
    assert!(answered(&answer) > 60, "{}", answer.text());
}

// TK-23
#[tokio::test]
async fn where_offline_access_was_taken_away_an_old_token_is_of_no_use() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for client in ["web", "spa"] {
        let lasting = browser.code_flow(client, SCOPE).await;
        let before = "openid profile email address phone offline_access api:read api:write";
        for (scope, status) in [("openid email", 400), (before, 200), ("openid email", 400)] {
            op.change_client(client, |metadata| {
                metadata.insert("scope".to_owned(), json!(scope));
            })
            .await;
            let answer = browser.refresh(client, lasting.refresh()).await;
            assert_eq!(answer.status, status, "{client} {scope}: {}", answer.text());
            if status == 400 {
                assert_invalid_grant(&answer, scope);
            }
        }
    }
}

// TK-19, TK-21: a scope that the client lost is not refreshed, and what is left is
#[tokio::test]
async fn a_scope_that_the_client_lost_is_left_out() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", SCOPE).await;
    op.change_client("web", |metadata| {
        metadata["scope"] = json!("openid offline_access");
    })
    .await;
    let next = Tokens::of(&browser.refresh("web", tokens.refresh()).await);
    assert_eq!(next.scope.as_deref(), Some("openid offline_access"));
    let told = browser.userinfo(&next.access).await.json();
    assert_eq!(told.get("email"), None, "{told}");
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh()),
        ("scope", "openid email"),
    ];
    let answer = browser.call("web", "/token", &pairs).await;
    assert_eq!(answer.error(), "invalid_scope");
}

// TK-20
#[tokio::test]
async fn an_api_that_is_gone_or_no_longer_the_clients_gets_no_new_tokens() {
    let own = json!({"resources": [fixture::API1, fixture::API2]});
    let op = Setup::default().metadata("web", &own).start().await;
    // A node whose configuration does not have the first API any more.
    let without = |policy: &mut hallpass_core::policy::Policy| {
        policy.resources.retain(|r| r.identifier != fixture::API1);
    };
    let later = Setup::default().policy(without).joining(&op).start().await;
    let mut browser = op.browser();
    let request =
        Request::of("web", "openid api:read offline_access").with("resource", fixture::API1);
    let tokens = browser.flow_of("alice", "web", &request).await;
    let plain = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh()),
    ];
    let named = [plain[0], plain[1], ("resource", fixture::API1)];
    Tokens::of(&browser.call("web", "/token", &named).await);
    for pairs in [&plain[..], &named] {
        let answer = later.browser().call("web", "/token", pairs).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_target"),
            "the API is gone"
        );
    }
    op.change_client("web", |metadata| {
        metadata["resources"] = json!([fixture::API2]);
    })
    .await;
    for pairs in [&plain[..], &named] {
        let answer = browser.call("web", "/token", pairs).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_target"),
            "it is another client's"
        );
    }
}

// TK-21: the person or the client is gone
#[tokio::test]
async fn nothing_is_refreshed_for_who_was_deleted() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", SCOPE).await;
    let of_client = browser.code_flow("first", SCOPE).await;
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let gone = hallpass_types::ClientId::parse("first").unwrap();
    let commit = hallpass_store::Commit {
        spends: Vec::new(),
        writes: vec![hallpass_store::Write::DeleteClient(gone)],
    };
    store.commit(issuer, commit).await.unwrap();
    op.clock.advance(1);
    let answer = browser.refresh("first", of_client.refresh()).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (401, "invalid_client")
    );
    assert_eq!(browser.userinfo(&of_client.access).await.status, 401);
    assert!(!browser.is_active("web", &of_client.access).await);
    // Their own account page takes the person away.
    let page = browser.get("/account/delete").await.text();
    let typed = [("typed", "alice")];
    let deleted = browser
        .press(&page, "delete", "delete-account", &typed)
        .await;
    assert!(deleted.status < 400, "{}", deleted.text());
    let answer = browser.refresh("web", tokens.refresh()).await;
    assert_invalid_grant(&answer, "deleted");
    assert_eq!(browser.userinfo(&tokens.access).await.status, 401);
    assert!(!browser.is_active("web", &tokens.access).await);
}
