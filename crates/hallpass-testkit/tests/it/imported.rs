//! Passwords that another system hashed, and passwords that others guess.

use hallpass_accounts::NewUser;
use hallpass_store::UserRecord;
use hallpass_testkit::{Answer, Op, Request, fixture, wire};
use hallpass_types::Secret;
use serde_json::Map;

const PASSWORD: &str = "correct horse battery";
const BCRYPT: &str = "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.";
const PBKDF2: &str =
    "$pbkdf2-sha256$i=1000,l=32$c2l4dGVlbiBieXRlIHNsdA$FR9Zs8h7eX6Y7D3B+m3Zepk5DP6mMXNac85I63StulE";

async fn imported(op: &Op, name: &str, hash: &str) -> UserRecord {
    let new = NewUser {
        username: name.to_owned(),
        password: None,
        must_change: false,
        claims: Map::new(),
    };
    let issuer = op.provider.issuer_id();
    let user = op
        .accounts
        .import(issuer, new, Some(hash.to_owned()), false);
    user.await.unwrap()
}

async fn sign_in(op: &Op, name: &str, password: &str) -> Answer {
    let mut browser = op.browser();
    let answer = browser.send(Request::of("first", "openid").get()).await;
    let page = browser.follow(&answer).await.text();
    let typed = [("username", name), ("password", password)];
    browser.press(&page, "login", "sign-in", &typed).await
}

fn is_signed_in(answer: &Answer) -> bool {
    answer
        .header("location")
        .is_some_and(|l| wire::param(l, "code").is_some())
}

async fn stored(op: &Op, user: &UserRecord) -> String {
    let issuer = op.provider.issuer_id();
    let held = op
        .provider
        .store()
        .user(issuer, &user.subject)
        .await
        .unwrap();
    held.unwrap().password.unwrap()
}

#[tokio::test]
async fn s54_an_imported_hash_is_verified_and_made_anew_at_the_next_sign_in() {
    let op = Op::start().await;
    for (name, hash) in [("ada", BCRYPT), ("bea", PBKDF2)] {
        let user = imported(&op, name, hash).await;
        for wrong in ["", "correct horse batter", "correct horse battery "] {
            assert!(!is_signed_in(&sign_in(&op, name, wrong).await), "{wrong}");
        }
        assert_eq!(stored(&op, &user).await, hash);
        assert!(is_signed_in(&sign_in(&op, name, PASSWORD).await));
        let anew = stored(&op, &user).await;
        assert!(anew.starts_with("$argon2id$"), "{anew}");
        assert!(is_signed_in(&sign_in(&op, name, PASSWORD).await));
        assert!(!is_signed_in(&sign_in(&op, name, "another").await));
    }
}

#[tokio::test]
async fn a_hash_that_would_take_minutes_is_not_imported() {
    let op = Op::start().await;
    for hash in [
        BCRYPT.replace("$05$", "$31$"),
        PBKDF2.replace("1000", "9999999"),
        "x".repeat(100),
    ] {
        let new = NewUser {
            username: "eve".to_owned(),
            password: None,
            must_change: false,
            claims: Map::new(),
        };
        let issuer = op.provider.issuer_id();
        assert!(
            op.accounts
                .import(issuer, new, Some(hash), false)
                .await
                .is_err()
        );
    }
    assert!(
        op.accounts
            .by_name(op.provider.issuer_id(), "eve")
            .await
            .unwrap()
            .is_none()
    );
}

// LG-14
#[tokio::test]
async fn a_password_that_others_guess_is_not_taken() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let answer = browser.get("/account/password").await;
    let mut page = browser.through_pages("alice", answer).await.text();
    for guessed in [
        "password1",
        "Sunshine99",
        "alice@example.test",
        "aaaaaaaaaa",
        "1234567890",
    ] {
        let typed = [("password", guessed), ("again", guessed)];
        let answer = browser
            .press(&page, "change-password", "save", &typed)
            .await;
        page = answer.text();
        assert!(page.contains("data-error=\"weak\""), "{guessed}: {page}");
    }
    let issuer = op.provider.issuer_id();
    let subject = op.subject("bob").clone();
    op.accounts.demand_change(issuer, &subject).await.unwrap();
    let mut browser = op.browser();
    let answer = browser.send(Request::of("first", "openid").get()).await;
    let page = browser.through_pages("bob", answer).await.text();
    let typed = [("new_password", "football1")];
    let answer = browser
        .press(&page, "new-password-form", "save-password", &typed)
        .await;
    assert!(!is_signed_in(&answer));
    assert_eq!(browser.cookie("session"), None);
    let old = Secret::new(fixture::password("bob").to_owned());
    assert!(!old.expose().is_empty());
}
