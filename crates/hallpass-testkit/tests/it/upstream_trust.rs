//! How far another provider is believed: when it saw somebody, whose address it has checked, and what follows from its word.

use hallpass_core::{
    sign_in::Method,
    upstream::{ClaimSource, Endpoints},
};
use hallpass_jose::base64url;
use hallpass_testkit::{Ask, Browser, Request, Setup, fixture, wire};
use hallpass_types::Subject;
use serde_json::json;

use super::{
    people::mail_to,
    second_factor::{code, enrolled},
    upstream::{IDP, OTHER, SECRET, WANTED, World, depart_for, provider, refused, told, upstream},
};

const HOUR: i64 = 3600;

/// A browser in which alice signed in at the other provider an hour ago.
async fn known_there(world: &World) -> Browser {
    let mut browser = world.idp.browser();
    browser.sign_in("alice").await;
    for op in [&world.us, &world.idp] {
        op.clock.advance(HOUR);
    }
    browser
}

/// Where somebody comes back who is let through there without a question.
async fn silently(there: &mut Browser, url: &str) -> String {
    let answer = there.get(url.strip_prefix(IDP).unwrap()).await;
    let back = answer.location().strip_prefix("https://op.test");
    back.unwrap_or_else(|| panic!("{}", answer.location()))
        .to_owned()
}

/// The address without a parameter, as somebody changes it in the browser's address bar.
fn without(url: &str, name: &str) -> String {
    let (path, query) = url.split_once('?').unwrap();
    let kept = query
        .split('&')
        .filter(|pair| !pair.starts_with(&format!("{name}=")));
    format!("{path}?{}", kept.collect::<Vec<_>>().join("&"))
}

// LG-20: whoever sits at the browser is let through at the other provider
#[tokio::test]
async fn who_must_sign_in_again_is_asked_again_there_and_a_silent_return_is_refused() {
    //= test OIDC-CORE#3.1.2.1 who wants a sign-in of late says so, and gets to know when it was
    //= test OIDC-CORE#3.1.3.7 where max_age was sent, auth_time decides whether the person must sign in again
    let world = World::start().await;
    let mut there = known_there(&world).await;
    let again = Request::of("web", WANTED).with("prompt", "login");
    let fresh = Request::of("web", WANTED).with("max_age", "600");
    for (request, age) in [(&again, "0"), (&fresh, "600")] {
        let mut browser = world.us.browser();
        let url = depart_for(&mut browser, "idp", request).await;
        assert_eq!(wire::param(&url, "max_age").as_deref(), Some(age));
        let prompt = wire::param(&url, "prompt");
        assert_eq!(prompt.as_deref() == Some("login"), age == "0");
        // Left as it is, the other provider asks.
        let answer = there.get(url.strip_prefix(IDP).unwrap()).await;
        assert!(
            answer.location().contains("/sign-in?"),
            "{}",
            answer.location()
        );
        // Changed on the way, it does not: nobody says when the person signed in, or it was long ago.
        for more in ["", "&max_age=7200"] {
            let url = depart_for(&mut browser, "idp", request).await;
            let bent = without(&without(&url, "prompt"), "max_age") + more;
            let back = silently(&mut there, &bent).await;
            let answer = browser.get(&back).await;
            refused(&answer, "upstream_not_fresh");
            assert_eq!(browser.cookie("session"), None);
        }
    }
    // Who signs in there is let in here, and the time is that of the sign-in there.
    let mut browser = world.us.browser();
    let url = depart_for(&mut browser, "idp", &fresh).await;
    let mut elsewhere = world.idp.browser();
    elsewhere.sign_in("alice").await;
    let signed_in_at = world.idp.clock.seconds();
    for op in [&world.us, &world.idp] {
        op.clock.advance(200);
    }
    let back = silently(&mut elsewhere, &url).await;
    let answer = browser.get(&back).await;
    let (_, id_token) = told(&mut browser, answer).await;
    assert_eq!(id_token["auth_time"], signed_in_at);
}

#[tokio::test]
async fn a_provider_that_cannot_ask_again_signs_nobody_in_again_for_a_client() {
    let world = World::with(|idp| {
        idp.endpoints = Endpoints::OAuth {
            authorization: "https://oauth.test/authorize".to_owned(),
            token: "https://oauth.test/token".to_owned(),
            userinfo: "https://oauth.test/user".to_owned(),
        };
        idp.subject_claim = "id".to_owned();
    })
    .await;
    let fetcher = &world.us.fetcher;
    let tokens = json!({"access_token": "tok", "token_type": "bearer"}).to_string();
    fetcher.twist("https://oauth.test/token", 200, tokens);
    fetcher.twist("https://oauth.test/user", 200, json!({"id": 7}).to_string());
    let plain = Request::of("web", WANTED);
    for (request, opens) in [
        (plain.clone(), true),
        (plain.clone().with("max_age", "600"), false),
        (plain.with("prompt", "login"), false),
    ] {
        let mut browser = world.us.browser();
        let url = depart_for(&mut browser, "idp", &request).await;
        let state = wire::param(&url, "state").unwrap();
        let back = format!("/upstream/idp/callback?code=c&state={state}");
        let answer = browser.get(&back).await;
        if opens {
            told(&mut browser, answer).await;
        } else {
            refused(&answer, "upstream_not_fresh");
        }
    }
}

// UP-07: another account for somebody who is kept out
#[tokio::test]
async fn a_disabled_person_does_not_come_back_as_somebody_else() {
    let world = World::with(|idp| idp.link_by_email = true).await;
    let issuer = world.us.provider.issuer_id();
    let alice = world.us.subject("alice").clone();
    let disabled = world.us.accounts.set_disabled(issuer, &alice, true);
    disabled.await.unwrap();
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    refused(&answer, "upstream_disabled");
    let enabled = world.us.accounts.set_disabled(issuer, &alice, false);
    enabled.await.unwrap();
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    assert_eq!(told(&mut browser, answer).await.0["sub"], alice.as_str());
}

// UP-04, UP-16: an address is verified because we say so, not because somebody elsewhere does
#[tokio::test]
async fn clients_are_not_told_that_an_address_is_verified_by_a_provider_that_is_not_believed() {
    for believed in [false, true] {
        let world = World::with(move |idp| {
            idp.link_by_email = believed;
            idp.claims.push(ClaimSource {
                name: "email_verified".to_owned(),
                from: "email_verified".to_owned(),
            });
        })
        .await;
        if believed {
            // Here nobody has the address, so that the believed provider brings a new account.
            let issuer = world.us.provider.issuer_id();
            let store = world.us.provider.store();
            let alice = world.us.subject("alice");
            for held in store.credentials(issuer, alice).await.unwrap() {
                let spend = hallpass_store::Spend::Credential {
                    subject: alice.clone(),
                    id: held.id,
                    revision: held.revision,
                    next: None,
                };
                let commit = hallpass_store::Commit {
                    spends: vec![spend],
                    writes: Vec::new(),
                };
                store.commit(issuer, commit).await.unwrap();
            }
        }
        let mut browser = world.us.browser();
        let answer = world.signs_in(&mut browser, "idp", "alice").await;
        let (info, _) = told(&mut browser, answer).await;
        assert_ne!(info["sub"], world.us.subject("alice").as_str());
        assert_eq!(info["email"], "alice@example.test");
        assert_eq!(info["email_verified"], believed);
    }
}

async fn identities(world: &World, subject: &Subject) -> usize {
    let store = world.us.provider.store();
    let issuer = world.us.provider.issuer_id();
    let all = store.credentials(issuer, subject).await.unwrap();
    all.iter()
        .filter(|held| matches!(held.data, hallpass_store::CredentialData::Upstream(_)))
        .count()
}

// UP-05: whoever reads the mail is not the person yet
#[tokio::test]
async fn an_identity_becomes_an_accounts_when_everything_is_proved_and_not_before() {
    let world = World::with(|idp| idp.link_by_email = true).await;
    let alice = world.us.subject("alice").clone();
    let (_, secret) = enrolled(&world.us).await;
    world.idp.clock.advance(60);
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    let page = browser.follow(&answer).await.text();
    assert!(page.contains("id=\"second\""), "{page}");
    assert_eq!(identities(&world, &alice).await, 0);
    let wrong = browser
        .press(&page, "second", "send-code", &[("code", "000000")])
        .await;
    assert!(wrong.text().contains("data-error=\"wrong_code\""));
    assert_eq!(identities(&world, &alice).await, 0);
    let typed = code(&world.us, &secret, 0);
    let answer = browser
        .press(&page, "second", "send-code", &[("code", &typed)])
        .await;
    assert_eq!(told(&mut browser, answer).await.0["sub"], alice.as_str());
    assert_eq!(identities(&world, &alice).await, 1);
}

/// The code of the newest mail to alice.
async fn mailed_code(world: &World) -> String {
    let mails = mail_to(&world.us, "alice@example.test").await;
    let lines = mails.iter().rev().flat_map(|mail| mail.text.lines());
    let is_code = |line: &&str| line.len() == 8 && line.bytes().all(|b| b.is_ascii_digit());
    lines.map(str::trim).find(is_code).unwrap().to_owned()
}

// LG-19: who has somebody's account elsewhere, with the mailbox in it, proves one thing however often
#[tokio::test]
async fn a_mailbox_and_an_identity_elsewhere_confirm_no_new_browser_for_each_other() {
    let world = World::changed(
        |idp| idp.link_by_email = true,
        |policy| policy.sign_in.methods.push(Method::EmailCode),
    )
    .await;
    let mut owner = world.us.browser();
    let answer = owner.get("/account/recovery-codes").await;
    let page = owner.through_pages("alice", answer).await.text();
    let made = owner.press(&page, "new-codes", "make-codes", &[]).await;
    assert_eq!(made.status, 200, "{}", made.text());

    let mut thief = world.us.browser();
    let asked = thief.send(Request::of("web", WANTED).get()).await;
    let form = [("username", "alice@example.test"), ("way", "email_code")];
    let target = asked.location().strip_prefix("https://op.test").unwrap();
    thief.follow(&asked).await;
    let ask = Ask::form(target, &form).header("Origin", fixture::ISSUER);
    let waits = thief.send(ask).await.text();
    let code = mailed_code(&world).await;
    let typed = [("mail_code", code.as_str())];
    let answer = thief.press(&waits, "mail-code", "send-code", &typed).await;
    let page = thief.follow(&answer).await.text();
    assert!(page.contains("name=\"recovery\""), "{page}");
    let handle = wire::param(answer.location(), "handle").unwrap();
    let ask = Ask::form(&format!("/upstream/idp?handle={handle}"), &[]);
    let away = thief.send(ask.header("Origin", fixture::ISSUER)).await;
    let back = world.at("idp", away.location(), "alice").await;
    let answer = thief.get(&back).await;
    assert_eq!(thief.cookie("session"), None, "{}", answer.text());
    let page = thief.follow(&answer).await.text();
    assert!(page.contains("name=\"recovery\""), "{page}");
}

// Calls that strangers make us make
#[tokio::test]
async fn answers_that_come_to_nothing_are_counted_and_then_nobody_is_called() {
    let world = World::start().await;
    let mut browser = world.us.browser();
    let mut statuses = Vec::new();
    for _ in 0..12 {
        let url = depart_for(&mut browser, "idp", &Request::of("web", WANTED)).await;
        let state = wire::param(&url, "state").unwrap();
        let made_up = format!("/upstream/idp/callback?code=x&state={state}&iss={IDP}");
        statuses.push(browser.get(&made_up).await.status);
    }
    assert!(statuses[..10].iter().all(|s| *s == 400), "{statuses:?}");
    assert!(statuses[10..].iter().all(|s| *s == 429), "{statuses:?}");
    assert_eq!(world.us.fetcher.exchanged().len(), 10);
    // Somebody else is not kept from it.
    let mut other = world.us.browser();
    let answer = world.signs_in(&mut other, "idp", "alice").await;
    told(&mut other, answer).await;
}

// UP-19: there is no way in for the sign-out of another provider.
#[tokio::test]
async fn no_other_provider_ends_a_session() {
    let world = World::start().await;
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    let answer = browser.through_pages("nobody", answer).await;
    assert!(wire::param(answer.location(), "code").is_some());
    let claims = json!({"iss": IDP, "aud": "hallpass", "sub": "x", "jti": "1",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
    let none = base64url::encode(br#"{"alg":"none"}"#);
    let token = format!(
        "{}.{}.",
        none.as_str(),
        base64url::encode(claims.to_string()).as_str()
    );
    for path in [
        "/upstream/idp",
        "/upstream/idp/callback",
        "/upstream/idp/logout",
        "/upstream/idp/backchannel_logout",
        "/logout",
    ] {
        let ask = Ask::form(path, &[("logout_token", &token)]);
        let mut stranger = world.us.browser();
        let answer = stranger.send(ask.header("Origin", IDP)).await;
        assert!(answer.status >= 300, "{path}: {}", answer.status);
    }
    let silent = Request::of("web", WANTED).with("prompt", "none");
    let answer = browser.send(silent.get()).await;
    assert!(
        wire::param(answer.location(), "code").is_some(),
        "the session stays"
    );
}

// UP-17
#[tokio::test]
async fn a_fragment_does_not_reach_a_host_whose_name_begins_like_ours() {
    const LIKE: &str = "https://op.test.example/cb";
    let world = World::start().await;
    world
        .us
        .change_client("first", |metadata| {
            metadata.insert("redirect_uris".to_owned(), json!([LIKE]));
        })
        .await;
    let leads_to = [LIKE, "https://idp.test/authorize"];
    world
        .us
        .knows_client("first", &json!({"redirect_uris": leads_to}));
    let mut browser = world.us.browser();
    let request = Request::of("first", "openid").with("redirect_uri", LIKE);
    let url = depart_for(&mut browser, "idp", &request).await;
    let back = world.at("idp", &url, "alice").await;
    let answer = browser.get(&back).await;
    let location = answer.location();
    assert!(location.starts_with(&format!("{LIKE}?")), "{location}");
    assert!(location.ends_with('#'), "{location}");
}

// UP-18
#[tokio::test]
async fn what_the_other_provider_hands_out_is_not_kept() {
    let idp = provider("idp", IDP).await;
    let us = Setup::default()
        .policy(|policy| policy.upstreams = vec![upstream("idp", IDP)])
        .sqlite()
        .start()
        .await;
    us.fetcher.reach(IDP, idp.address());
    us.knows_client(
        "web",
        &json!({"redirect_uris": [fixture::WEB_CB, "https://idp.test/authorize"]}),
    );
    let other = provider("other", OTHER).await;
    let world = World { us, idp, other };
    let mut browser = world.us.browser();
    let answer = world.signs_in(&mut browser, "idp", "alice").await;
    told(&mut browser, answer).await;
    let events = world.us.events.lines().join("\n");
    let mut files = 0;
    for entry in std::fs::read_dir(world.us.folder().unwrap()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        // Its access and refresh tokens, any JWT, and the secret with which we ask there.
        for kept in [
            "hpa_",
            "hpr_",
            "eyJhbGciOi",
            "eyJ0eXAiOi",
            "eyJraWQiOi",
            SECRET,
        ] {
            let found = bytes.windows(kept.len()).any(|w| w == kept.as_bytes());
            assert!(!found, "{kept}");
            assert!(!events.contains(kept), "{kept}");
        }
        files += usize::from(bytes.len() > 4096);
    }
    assert!(files > 0);
    let page = browser.get("/linked-accounts").await.text();
    assert!(!page.contains(SECRET) && !page.contains("hpa_"));
}
