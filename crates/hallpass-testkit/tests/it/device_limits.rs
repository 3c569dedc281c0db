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

// DV-01: a thousand tries of one browser from a hundred addresses, of many browsers from one, and from one network
#[tokio::test]
async fn neither_addresses_nor_browsers_multiply_the_tries() {
    let browser = |number: u32| browser::Browser {
        binding: Some(format!("{number:043}")),
        ..Default::default()
    };
    for (what, one_browser, address) in [
        (
            "one browser",
            true,
            (|n| format!("198.51.{}.{}", n / 250, n % 250)) as fn(u32) -> String,
        ),
        ("one address", false, |_| "198.51.100.7".to_owned()),
        ("one home", false, |n| format!("2001:db8:1:2::{n:x}")),
        ("one address within IPv6", false, |_| {
            "::ffff:198.51.100.7".to_owned()
        }),
    ] {
        let op = start().await;
        let device = begin(&op, "openid").await;
        let mut evaluated = 0;
        for number in 0..1000 {
            let who = browser(if one_browser { 7 } else { number });
            let peer = address(if one_browser { number % 100 } else { number });
            let peer = Some(peer.parse().unwrap());
            let entered = op.provider.device_code_entered("BCDFGHJK", &who, peer);
            match entered.await.unwrap() {
                CodeEntered::Unknown => evaluated += 1,
                CodeEntered::Throttled { retry_after } => assert!(retry_after > 0, "{what}"),
                CodeEntered::Known(_) => panic!("guessed"),
            }
        }
        assert_eq!(evaluated, 10, "{what}");
        // Whoever is elsewhere is not kept out by that.
        let (own, peer) = (browser(9_999), Some("203.0.113.9".parse().unwrap()));
        let entered = op
            .provider
            .device_code_entered(&device.user_code, &own, peer);
        let known = matches!(entered.await.unwrap(), CodeEntered::Known(_));
        assert!(known, "{what}");
    }
}

// DV-02: as if it were a public client
#[tokio::test]
async fn the_code_of_a_confidential_client_is_not_fetched_by_its_name_alone() {
    let op = start().await;
    let secret = "hpk_box-0123456789abcdefghijklmnopqrstuvwxyz";
    let ask = Ask::form("/device/auth", &[("scope", "openid")]).basic("box", secret);
    let asked = op.browser().send(ask).await.json();
    let code = asked["device_code"].as_str().unwrap();
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    super::device::allow(&mut browser, asked["user_code"].as_str().unwrap()).await;
    let pairs = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", code),
    ];
    for ask in [
        poll_of("box", code),
        Ask::form("/token", &pairs),
        Ask::form("/token", &pairs).basic("box", ""),
        Ask::form("/token", &pairs).basic("box", "hpk_wrong"),
    ] {
        let answer = op.browser().send(ask).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (401, "invalid_client")
        );
    }
    let stranger = op.browser().send(poll_of("tv", code)).await;
    assert_eq!(stranger.error(), "invalid_grant");
    let owner = Ask::form("/token", &pairs).basic("box", secret);
    let answer = op.browser().send(owner).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

// DV-07: allowed twice, and denied after that
#[tokio::test]
async fn what_was_allowed_once_is_neither_allowed_again_nor_taken_back() {
    let op = start().await;
    let device = begin(&op, "openid").await;
    let mut pages = Vec::new();
    for person in ["alice", "alice", "bob"] {
        let mut browser = op.browser();
        browser.sign_in(person).await;
        let answer = browser.send(entry(&device.user_code)).await;
        let page = browser.follow(&answer).await.text();
        pages.push((browser, page));
    }
    let (browser, page) = &mut pages[0];
    let done = browser.press(page, "consent", "allow", &[]).await;
    assert!(done.location().contains("/device/done"));
    for (browser, page) in &mut pages {
        for button in ["allow", "deny"] {
            let again = browser.press(page, "consent", button, &[]).await;
            assert_eq!(again.status, 400, "{}", again.text());
        }
    }
    let answer = op.browser().send(poll_of("tv", &device.code)).await;
    let tokens = hallpass_testkit::Tokens::of(&answer);
    assert_eq!(tokens.claims()["sub"], op.subject("alice").as_str());
}

// DV-10: deleted, signed out everywhere, or with another password between the yes and the poll
#[tokio::test]
async fn a_person_who_ends_everything_meanwhile_has_no_device_connected() {
    for way in ["everything", "password", "memberships"] {
        let op = start().await;
        let device = begin(&op, "openid offline_access").await;
        let (issuer, alice) = (op.provider.issuer_id(), op.subject("alice").clone());
        let mut browser = op.browser();
        browser.sign_in("alice").await;
        super::device::allow(&mut browser, &device.user_code).await;
        match way {
            "everything" => drop(op.accounts.end_all(issuer, &alice).await.unwrap()),
            "password" => {
                let password = hallpass_types::Secret::new("another pass phrase".to_owned());
                let changed = op.accounts.set_password(issuer, &alice, &password);
                changed.await.unwrap();
            }
            _ => {
                // What changes nothing for the person ends nothing.
                let same = op.accounts.set_memberships(issuer, &alice, |_| ());
                same.await.unwrap();
                let answer = op.browser().send(poll_of("tv", &device.code)).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
                continue;
            }
        }
        let answer = op.browser().send(poll_of("tv", &device.code)).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_grant"),
            "{way}"
        );
    }
}

// DV-10, TK-21: guesses lock whoever guesses, and end nothing that the person allowed
#[tokio::test]
async fn who_guesses_a_password_connects_no_device_and_takes_none_away() {
    let op = start().await;
    let device = begin(&op, "openid offline_access").await;
    let mut alice = op.browser();
    alice.sign_in("alice").await;
    super::device::allow(&mut alice, &device.user_code).await;
    let theirs = begin(&op, "openid").await;
    let mut stranger = op.browser();
    let answer = stranger.send(entry(&theirs.user_code)).await;
    let page = stranger.follow(&answer).await.text();
    let mut statuses = Vec::new();
    for number in 0..12 {
        let guess = format!("wrong password {number}");
        let typed = [("username", "alice"), ("password", &*guess)];
        let answer = stranger.press(&page, "login", "sign-in", &typed).await;
        statuses.push(answer.status);
    }
    assert!(statuses.ends_with(&[429, 429]), "{statuses:?}");
    // The account is locked for them: nothing is looked at, not even what is right.
    let right = [
        ("username", "alice"),
        ("password", fixture::password("alice")),
    ];
    let answer = stranger.press(&page, "login", "sign-in", &right).await;
    assert_eq!(answer.status, 429);
    let answer = op.browser().send(poll_of("tv", &theirs.code)).await;
    assert_eq!(answer.error(), "authorization_pending");
    // What she allowed before, proved by her own sign-in, is not the strangers' to end.
    let answer = op.browser().send(poll_of("tv", &device.code)).await;
    let tokens = hallpass_testkit::Tokens::of(&answer);
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh()),
        ("client_id", "tv"),
    ];
    let answer = op.browser().send(Ask::form("/token", &pairs)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // An operator's lock ends it at once.
    let issuer = op.provider.issuer_id();
    let off = op.accounts.set_disabled(issuer, op.subject("alice"), true);
    off.await.unwrap();
    let again = hallpass_testkit::Tokens::of(&answer);
    let pairs = [pairs[0], ("refresh_token", again.refresh()), pairs[2]];
    let answer = op.browser().send(Ask::form("/token", &pairs)).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "invalid_grant")
    );
}
