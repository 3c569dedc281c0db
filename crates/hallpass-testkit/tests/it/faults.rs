//! What clients see when the store fails, and that nothing is lost or won by it.

use std::sync::{Arc, Mutex};

use hallpass_store::{Answer as StoreAnswer, Around, Commit, MemoryStore, Store, Verb, Write};
use hallpass_testkit::{
    Answer, Ask, Browser, Op, Request, Setup, Tokens, fault::Breakable, fixture,
};
use hallpass_types::{IssuerId, Key, Opaque, Session};
use serde_json::json;

async fn breakable() -> (Op, Arc<Breakable>) {
    let store = Breakable::new(Arc::new(MemoryStore::new()));
    (Setup::default().store(store.clone()).start().await, store)
}

/// Not now, and nothing about why. `oracle::check` demands `Retry-After`.
#[track_caller]
fn assert_unavailable(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 503, "{what}: {}", answer.text());
    assert_eq!(answer.error(), "temporarily_unavailable", "{what}");
    assert!(
        !answer.text().contains("zq") && !answer.text().contains("disk"),
        "{what}: {}",
        answer.text()
    );
}

// RV-05
#[tokio::test]
async fn a_revocation_that_could_not_be_written_is_not_confirmed() {
    let (op, store) = breakable().await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", "openid offline_access").await;
    for token in [&tokens.access, tokens.refresh()] {
        for (reads, writes) in [(false, true), (true, true)] {
            store.set(reads, writes);
            if reads && *token == tokens.access {
                // The client is held for a second, and an access token needs no read.
                op.clock.advance(1);
            }
            assert_unavailable(
                &browser.call("web", "/revoke", &[("token", token)]).await,
                "revocation",
            );
        }
        store.set(false, false);
    }
    assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
    assert_eq!(
        browser
            .call("web", "/revoke", &[("token", tokens.refresh())])
            .await
            .status,
        200
    );
    assert_eq!(browser.userinfo(&tokens.access).await.status, 401);
}

// A.5: sign before commit; what was not committed was not spent
#[tokio::test]
async fn a_code_or_refresh_token_that_could_not_be_spent_is_not_spent() {
    let (op, store) = breakable().await;
    let mut browser = op.browser();
    for client in ["web", "spa"] {
        let code = browser
            .code("alice", &Request::of(client, "openid offline_access"))
            .await;
        for (reads, writes) in [(false, true), (true, false), (true, true)] {
            store.set(reads, writes);
            assert_unavailable(&browser.redeem(client, &code).await, "code");
            store.set(false, false);
        }
        let tokens = Tokens::of(&browser.redeem(client, &code).await);
        // A token that is kept costs no write.
        let kept = client == "web";
        for (reads, writes) in [(kept, true), (true, true)] {
            store.set(reads, writes);
            let answer = browser.refresh(client, tokens.refresh()).await;
            assert_unavailable(&answer, "refresh token");
            store.set(false, false);
        }
        let next = Tokens::of(&browser.refresh(client, tokens.refresh()).await);
        assert_eq!(browser.userinfo(&next.access).await.status, 200);
    }
}

// TK-29
#[tokio::test]
async fn an_assertion_that_could_not_be_remembered_is_not_taken() {
    let (op, store) = breakable().await;
    let mut browser = op.browser();
    let ask = browser.ask_as("pkjwt", "/token", &[("grant_type", "client_credentials")]);
    store.set(false, true);
    assert_unavailable(&browser.send(ask.clone()).await, "assertion");
    store.set(false, false);
    assert_eq!(browser.send(ask.clone()).await.status, 200);
    assert_eq!(browser.send(ask).await.status, 401);
}

// IN-05, UI-07: what cannot be looked up is not said to be good
#[tokio::test]
async fn a_token_that_cannot_be_looked_up_is_neither_good_nor_bad() {
    let (op, store) = breakable().await;
    let mut browser = op.browser();
    let tokens = browser.code_flow("web", "openid offline_access").await;
    let api = browser
        .flow_of(
            "alice",
            "web",
            &Request::of("web", "openid api:read").with("resource", fixture::API1),
        )
        .await;
    store.set(true, false);
    assert_unavailable(&browser.userinfo(&tokens.access).await, "UserInfo");
    for token in [&tokens.access, tokens.refresh(), &api.access] {
        let answer = browser
            .call("web", "/introspect", &[("token", token)])
            .await;
        assert_unavailable(&answer, "introspection");
        let answer = browser
            .call("rs1", "/introspect", &[("token", token)])
            .await;
        assert!(
            answer.status == 503 || answer.body == br#"{"active":false}"#,
            "{}",
            answer.text()
        );
    }
    store.set(false, false);
    assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
}

#[tokio::test]
async fn people_see_a_page_and_can_go_on_afterwards() {
    let (op, store) = breakable().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid email");
    store.set(true, true);
    assert_unavailable(&browser.send(request.get()).await, "authorization");
    store.set(false, false);
    let answer = browser.send(request.get()).await;
    let target = answer
        .location()
        .strip_prefix("https://op.test")
        .unwrap()
        .to_owned();
    let page = browser.get(&target).await.text();
    let typed = [
        ("username", "alice"),
        ("password", fixture::password("alice")),
    ];
    for (reads, writes) in [(false, true), (true, false), (true, true)] {
        store.set(reads, writes);
        op.clock.advance(1);
        if reads {
            assert_unavailable(&browser.get(&target).await, "sign-in page");
        }
        assert_unavailable(
            &browser.press(&page, "login", "sign-in", &typed).await,
            "sign-in",
        );
        assert_eq!(browser.cookie("session"), None);
    }
    store.set(false, false);
    let answer = browser.press(&page, "login", "sign-in", &typed).await;
    let consent = browser.follow(&answer).await.text();
    store.set(false, true);
    assert_unavailable(
        &browser.press(&consent, "consent", "allow", &[]).await,
        "consent",
    );
    store.set(false, false);
    let answer = browser.press(&consent, "consent", "allow", &[]).await;
    let code = hallpass_testkit::wire::param(answer.location(), "code").unwrap();
    let tokens = Tokens::of(&browser.redeem("web", &code).await);
    let hint = [("id_token_hint", tokens.id.as_deref().unwrap())];
    store.set(false, true);
    let mut leaving = browser.clone();
    assert_unavailable(&leaving.query("/logout", &hint).await, "logout");
    store.set(false, false);
    assert_eq!(
        browser.userinfo(&tokens.access).await.status,
        200,
        "nobody is signed out"
    );
    assert!(leaving.cookie("session").is_some());
}

// RG-13
#[tokio::test]
async fn a_registration_that_could_not_be_written_is_not_confirmed() {
    let (op, store) = breakable().await;
    let mut browser = op.browser();
    let metadata = json!({"redirect_uris": ["https://new.test/cb"]});
    let ask = Ask::json("/register", &metadata).bearer(&op.initial_access_token);
    store.set(false, true);
    assert_unavailable(&browser.send(ask.clone()).await, "registration");
    store.set(false, false);
    let client = browser.send(ask).await.json();
    let path = format!("/register/{}", client["client_id"].as_str().unwrap());
    let token = client["registration_access_token"].as_str().unwrap();
    let update =
        json!({"client_id": client["client_id"], "redirect_uris": ["https://new.test/other"]});
    for (reads, writes) in [(false, true), (true, true)] {
        store.set(reads, writes);
        let put = Ask::json(&path, &update).method("PUT").bearer(token);
        assert_unavailable(&browser.send(put).await, "update");
        assert_unavailable(
            &browser.send(Ask::new("DELETE", &path).bearer(token)).await,
            "deletion",
        );
    }
    store.set(false, false);
    let read = browser.send(Ask::get(&path).bearer(token)).await.json();
    assert_eq!(read["redirect_uris"], json!(["https://new.test/cb"]));
}

// The documents are held in memory: applications can go on verifying tokens.
#[tokio::test]
async fn public_documents_need_no_store() {
    let (op, store) = breakable().await;
    store.set(true, true);
    let mut browser: Browser = op.browser();
    for path in [
        "/.well-known/openid-configuration",
        "/jwks",
        "/",
        "/signed-out",
    ] {
        assert_eq!(browser.get(path).await.status, 200, "{path}");
    }
}

/// A store in which somebody else ends sessions before everything that is written.
struct Leaving {
    store: MemoryStore,
    ends: Mutex<Vec<(IssuerId, Key<Session>)>>,
}

impl Around for Leaving {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        verb: Verb,
        ask: impl FnOnce() -> StoreAnswer<'a, T>,
    ) -> StoreAnswer<'a, T> {
        let ends = match verb == Verb::Commit {
            true => self.ends.lock().unwrap().clone(),
            false => Vec::new(),
        };
        let asked = ask();
        Box::pin(async move {
            for (issuer, key) in ends {
                let commit = Commit {
                    spends: Vec::new(),
                    writes: vec![Write::EndSession(key)],
                };
                self.store.commit(issuer, commit).await?;
            }
            asked.await
        })
    }
}

#[tokio::test]
async fn a_sign_out_in_another_window_does_not_turn_away_who_signs_in_at_that_moment() {
    let store = Arc::new(Leaving {
        store: MemoryStore::new(),
        ends: Mutex::new(Vec::new()),
    });
    let op = Setup::default().store(store.clone()).start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let held = browser.cookie("session").unwrap().to_owned();
    let key = Opaque::<Session>::parse(&held).unwrap().key();
    let again = Request::of("first", "openid").with("prompt", "login");
    let answer = browser.send(again.get()).await;
    let page = browser.follow(&answer).await.text();
    let password = fixture::password("alice");
    // They read the page with one session, and the sign-out comes between their reading and their writing.
    store
        .ends
        .lock()
        .unwrap()
        .push((op.provider.issuer_id(), key));
    let typed = [("username", "alice"), ("password", password)];
    let answer = browser.press(&page, "login", "sign-in", &typed).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let code = answer.location();
    assert!(code.contains("code="), "{code}");
    let now = browser.cookie("session").unwrap();
    assert_ne!(now, held);
    // What was ended stays ended, and what began is there.
    let issuer = op.provider.issuer_id();
    let inner = &store.store;
    assert_eq!(inner.session(issuer, key).await.unwrap(), None);
    let new = Opaque::<Session>::parse(now).unwrap().key();
    assert!(inner.session(issuer, new).await.unwrap().is_some());
}
