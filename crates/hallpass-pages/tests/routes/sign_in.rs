//! Signing in.

use std::sync::Arc;

use hallpass_provider::ports::{PasswordSignIn, SignInAttempt, SignInOutcome};
use hallpass_store::{BoxFuture, StoreError};
use http::Method;

use crate::support::{PASSWORD, Setup, World};

#[tokio::test]
async fn a_person_signs_in_and_the_client_gets_tokens() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let page = browser.sign_in(&page, "alice").await;
    let answer = browser.allow(&page).await;
    assert_eq!(answer.answer("state").as_deref(), Some("st"));
    assert_eq!(answer.answer("iss").as_deref(), Some(world.issuer.as_str()));
    let claims = world.redeem("web", &answer.code()).await;
    assert_eq!(claims["scope"], "openid email");
    assert_eq!(claims["amr"], serde_json::json!(["pwd"]));
    assert_eq!(world.sign_ins(), ["success"]);
}

#[tokio::test]
async fn what_was_wrong_with_a_sign_in_is_not_told() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let mut answers = Vec::new();
    for (username, password) in [
        ("alice", "wrong"),
        ("nobody", "wrong"),
        // Disabled.
        ("carol", "wrong"),
        ("carol", PASSWORD),
        // No password at all, no name at all, and more than anybody has.
        ("alice", ""),
        ("", PASSWORD),
        ("alice", &"x".repeat(5000)),
    ] {
        let form = page
            .form("login")
            .set("username", username)
            .set("password", password);
        let answer = browser.submit(&form).await;
        assert_eq!(answer.form("login").value("username"), Some(username));
        assert_eq!(answer.form("login").value("password"), Some(""));
        let mut headers = answer.headers.clone();
        headers.remove("date");
        headers.remove("content-length");
        // Where the cursor stands follows from whether there is a name.
        let body = answer
            .body
            .replace(&format!("value=\"{username}\""), "")
            .replace(" autofocus", "");
        answers.push((answer.status, format!("{headers:?}"), body));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(browser.cookies.keys().all(|name| !name.contains("session")));
    assert_eq!(world.sign_ins(), ["refused"; 7]);
}

#[tokio::test]
async fn credentials_in_the_address_are_ignored() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let address = format!(
        "{}&username=alice&password=correct+horse+battery+staple",
        page.form("login").action
    );
    let shown = browser.get(&address).await;
    assert_eq!(shown.form("login").value("username"), Some(""));
    let answer = browser.post(&address, &[]).await;
    assert_eq!(answer.text("sign-in-error"), "\n");
    assert_eq!(world.sign_ins(), ["refused"]);
}

#[tokio::test]
async fn after_too_many_failures_even_the_right_password_waits() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    for username in ["alice", "nobody"] {
        let form = page.form("login").set("username", username);
        for _ in 0..10 {
            let answer = browser.submit(&form.clone().set("password", "wrong")).await;
            assert_eq!(answer.status, 200);
        }
        world.sign_ins();
        let answer = browser
            .submit(&form.clone().set("password", PASSWORD))
            .await;
        assert_eq!(answer.status, 429);
        assert_eq!(answer.header("retry-after"), "900");
        assert_eq!(answer.form("login").value("username"), Some(username));
        assert!(
            answer.body.contains("data-error=\"throttled\""),
            "{}",
            answer.body
        );
        assert_eq!(world.sign_ins(), ["throttled"]);
    }
    world.clock.advance(901);
    browser.sign_in(&page, "alice").await;
}

/// Has no time for anybody.
struct Saturated;

impl PasswordSignIn for Saturated {
    fn sign_in<'a>(
        &'a self,
        attempt: SignInAttempt<'a>,
    ) -> BoxFuture<'a, Result<SignInOutcome, StoreError>> {
        assert!(attempt.peer.is_some_and(|peer| peer.is_loopback()));
        Box::pin(async move {
            match attempt.username {
                "broken" => Err(StoreError::unavailable("gone")),
                _ => Ok(SignInOutcome::Busy { retry_after: 7 }),
            }
        })
    }
}

#[tokio::test]
async fn when_hashing_is_saturated_the_form_is_kept() {
    let setup = Setup {
        sign_in: Some(Arc::new(Saturated)),
        ..Setup::default()
    };
    let world = World::with(setup).await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let form = page.form("login").set("password", PASSWORD);
    let answer = browser.submit(&form.clone().set("username", "alice")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), "7");
    assert_eq!(answer.form("login").value("username"), Some("alice"));
    assert_eq!(world.sign_ins(), ["busy"]);

    let answer = browser.submit(&form.set("username", "broken")).await;
    answer.refused(503, "busy");
}

#[tokio::test]
async fn the_hint_is_filled_in_and_stays_text() {
    let world = World::start().await;
    let mut browser = world.browser();
    let hint = "\"><script>alert(1)</script>";
    let page = browser
        .open(&world.request(&[("login_hint", hint), ("prompt", "login")]))
        .await;
    assert_eq!(page.form("login").value("username"), Some(hint));
    assert!(!page.body.contains("<script"));
    assert!(page.body.contains("Web &lt;b&gt;App&lt;&#x2f;b&gt;"));
    assert!(page.body.contains("https:&#x2f;&#x2f;rp.test&#x2f;policy"));
}

#[tokio::test]
async fn whoever_cancels_goes_back_to_the_client() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let form = page
        .form("login")
        .set("username", "alice")
        .set("password", PASSWORD)
        .set("decision", "cancel");
    let answer = browser.submit(&form).await;
    assert_eq!(answer.answer("error").as_deref(), Some("access_denied"));
    assert_eq!(answer.answer("code"), None);
    assert!(world.sign_ins().is_empty());
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let form = page.form("login");
    let own = world.issuer.origin();
    let fields = [("username", "alice"), ("password", PASSWORD)];
    for headers in [
        &[("origin", "https://evil.test")][..],
        &[("origin", "null")],
        &[("origin", own), ("sec-fetch-site", "cross-site")],
        &[("origin", own), ("sec-fetch-site", "same-site")],
        &[("origin", own), ("origin", own)],
        &[("sec-fetch-site", "cross-site")],
    ] {
        let answer = browser.post_from(headers, &form.action, &fields).await;
        answer.refused(403, "cross_site_form");
    }
    for media in ["text/plain", "application/json", "multipart/form-data"] {
        let headers = [("origin", own), ("content-type", media)];
        let body = format!("username=alice&password={PASSWORD}");
        let answer = browser
            .send(Method::POST, &form.action, &headers, body)
            .await;
        answer.refused(415, "content_type");
    }
    assert!(world.sign_ins().is_empty());
    // A browser that says nothing about where a form comes from still has its cookie.
    let answer = browser.post_from(&[], &form.action, &fields).await;
    assert!(answer.leads_to("/consent"));
}

#[tokio::test]
async fn a_request_belongs_to_the_browser_that_started_it() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let form = page.form("login");
    let mut other = world.browser();
    other
        .get(&form.action)
        .await
        .refused(400, "interaction_other_browser");
    // Neither with its own cookie nor with its own session.
    other.settle("bob").await;
    world.sign_ins();
    other
        .get(&form.action)
        .await
        .refused(400, "interaction_other_browser");
    let fields = [("username", "alice"), ("password", PASSWORD)];
    let answer = other.post(&form.action, &fields).await;
    answer.refused(403, "interaction_other_browser");
    assert!(world.sign_ins().is_empty());
    for path in ["select-account", "consent"] {
        let action = form.action.replace("sign-in", path);
        let fields = [("account", "current"), ("decision", "allow")];
        let answer = other.post(&action, &fields).await;
        answer.refused(403, "interaction_other_browser");
    }
}

#[tokio::test]
async fn every_sign_in_makes_a_new_session_and_ends_the_old_one() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.settle("alice").await;
    let old = browser.same();
    let page = browser.open(&world.request(&[("prompt", "login")])).await;
    browser.sign_in(&page, "alice").await.code();
    let session = |b: &crate::support::Browser<'_>| b.cookies["hallpass_session"].clone();
    assert_ne!(session(&old), session(&browser));

    let silent = world.request(&[("prompt", "none")]);
    let mut old = old;
    assert_eq!(
        old.get(&silent).await.answer("error").as_deref(),
        Some("login_required")
    );
    browser.get(&silent).await.code();

    // A cookie that somebody else put there is not taken over.
    let mut victim = world.browser();
    let fixed = session(&browser);
    victim
        .cookies
        .insert("hallpass_session".to_owned(), fixed.clone());
    let page = victim.open(&world.request(&[("prompt", "login")])).await;
    victim.sign_in(&page, "bob").await;
    assert_ne!(session(&victim), fixed);
    assert_eq!(
        browser.get(&silent).await.answer("error").as_deref(),
        Some("login_required")
    );
}

#[tokio::test]
async fn cookies_that_are_not_of_our_making_count_as_absent() {
    let world = World::start().await;
    for value in ["", "x", "hps_", "a; hallpass_session=b", "\u{7f}"] {
        let mut browser = world.browser();
        for name in ["hallpass_session", "hallpass_browser"] {
            browser.cookies.insert(name.to_owned(), value.to_owned());
        }
        if value == "\u{7f}" {
            browser.cookies.clear();
            let long = "x".repeat(8000);
            browser.cookies.insert("hallpass_session".to_owned(), long);
        }
        let page = browser.open(&world.request(&[])).await;
        browser.sign_in(&page, "alice").await;
    }
}
