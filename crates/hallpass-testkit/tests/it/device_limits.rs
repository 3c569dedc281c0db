//! How much the device grant can be used for by strangers.

use std::collections::HashSet;

use hallpass_provider::{browser, endpoints::CodeEntered};
use hallpass_testkit::{Ask, fixture, html};
use serde_json::json;

use super::device::{begin, entry, poll_of, setup, start};

// DV-11
#[tokio::test]
async fn one_client_cannot_fill_the_store() {
    let op = setup()
        .policy(|policy| policy.device.per_client_per_minute = 5)
        .start()
        .await;
    let ask = |client: &'static str| {
        Ask::form(
            "/device/auth",
            &[("client_id", client), ("scope", "openid")],
        )
    };
    let mut codes = HashSet::new();
    for _ in 0..5 {
        let body = op.browser().send(ask("tv")).await.json();
        codes.insert(body["user_code"].as_str().unwrap().to_owned());
    }
    assert_eq!(codes.len(), 5);
    let answer = op.browser().send(ask("tv")).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(op.browser().send(ask("tv2")).await.status, 200);
    op.clock.advance(60);
    assert_eq!(op.browser().send(ask("tv")).await.status, 200);
}

// DV-11: whoever speaks for public clients does so from somewhere
#[tokio::test]
async fn one_address_cannot_fill_the_store_through_many_clients() {
    let op = setup()
        .policy(|policy| policy.device.per_network_per_minute = 4)
        .start()
        .await;
    let ask = |client: &'static str| Ask::form("/device/auth", &[("client_id", client)]);
    for client in ["tv", "tv2", "tv", "tv2"] {
        assert_eq!(op.browser().send(ask(client)).await.status, 200);
    }
    let answer = op.browser().send(ask("tv")).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some());
    let secret = "hpk_box-0123456789abcdefghijklmnopqrstuvwxyz";
    let proven = Ask::form("/device/auth", &[("scope", "openid")]).basic("box", secret);
    assert_eq!(op.browser().send(proven).await.status, 200);
    op.clock.advance(60);
    assert_eq!(op.browser().send(ask("tv")).await.status, 200);
}

// DV-01: an embedding program that does not say where people come from
#[tokio::test]
async fn without_address_and_cookie_codes_are_guessed_no_faster() {
    let op = start().await;
    let mut evaluated = 0;
    for number in 0..400 {
        // The cookie is new each time.
        let browser = browser::Browser {
            binding: (number % 2 == 0).then(|| format!("{number:043}")),
            ..Default::default()
        };
        let entered = op.provider.device_code_entered("BCDFGHJK", &browser, None);
        if let CodeEntered::Unknown = entered.await.unwrap() {
            evaluated += 1;
        }
    }
    assert_eq!(evaluated, 200);
}

// DV-05: where an operator wants to know who is there now
#[tokio::test]
async fn for_a_client_that_wants_a_fresh_sign_in_an_old_one_connects_no_device() {
    for (seconds, asked) in [(59, false), (61, true)] {
        let fresh = json!({"default_max_age": 60});
        let op = setup().metadata("tv", &fresh).start().await;
        let mut browser = op.browser();
        browser.sign_in("alice").await;
        op.clock.advance(seconds);
        let device = begin(&op, "openid").await;
        let answer = browser.send(entry(&device.user_code)).await;
        let page = browser.follow(&answer).await.text();
        let has = |form: &str| html::forms(&page).iter().any(|f| f.id == form);
        assert_eq!((has("login"), has("consent")), (asked, !asked), "{page}");
        if !asked {
            continue;
        }
        let refused = op.browser().send(poll_of("tv", &device.code)).await;
        assert_eq!(refused.error(), "authorization_pending");
        let typed = [
            ("username", "alice"),
            ("password", fixture::password("alice")),
        ];
        let answer = browser.press(&page, "login", "sign-in", &typed).await;
        let page = browser.follow(&answer).await.text();
        let done = browser.press(&page, "consent", "allow", &[]).await;
        assert!(done.location().contains("/device/done"), "{}", done.text());
        op.clock.advance(5);
        let answer = op.browser().send(poll_of("tv", &device.code)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}
