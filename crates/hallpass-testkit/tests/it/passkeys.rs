//! Passkeys, with an authenticator in software.

use hallpass_store::{Commit, Committed, Spend, UserRecord};
use hallpass_testkit::{
    Answer, Ask, Authenticator, Browser, Op, Request, SelfAttestation, Tokens, fixture, html, wire,
};
use serde_json::json;
use tokio::task::JoinSet;

/// What a page asks an authenticator for.
fn options(page: &str, form: &str) -> String {
    html::tags(page)
        .iter()
        .find(|tag| tag.get("id") == Some(form))
        .and_then(|tag| tag.get("data-options"))
        .map_or_else(|| panic!("no form {form} with options"), html::decode)
}

async fn send(browser: &mut Browser, page: &str, form: &str, credential: &str) -> Answer {
    let action = html::form(page, form).action;
    let mut pairs = vec![("credential", credential)];
    let sealed = html::form(page, form).field("form").map(str::to_owned);
    if let Some(sealed) = &sealed {
        pairs.push(("form", sealed));
    }
    let ask = Ask::form(&action, &pairs).header("Origin", fixture::ISSUER);
    browser.send(ask).await
}

/// A browser in which alice is signed in, on the page with her passkeys.
async fn at_passkeys(op: &Op) -> (Browser, String) {
    let mut browser = op.browser();
    let answer = browser.get("/account/passkeys").await;
    let answer = browser.through_pages("alice", answer).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.text();
    (browser, page)
}

/// The same of alice, who has a passkey already, and shows it for that.
async fn at_passkeys_with(op: &Op, key: &Authenticator) -> (Browser, String) {
    let (mut browser, page) = at_passkeys(op).await;
    let said = key.get(&options(&page, "passkey"));
    let answer = send(&mut browser, &page, "passkey", &said).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let page = browser.get("/account/passkeys").await.text();
    (browser, page)
}

/// A passkey of alice's, who had none.
async fn registered(op: &Op) -> Authenticator {
    let (browser, page) = at_passkeys(op).await;
    registered_at(browser, &page).await
}

async fn registered_at(mut browser: Browser, page: &str) -> Authenticator {
    let mut key = Authenticator::new(fixture::ISSUER);
    let made = key.create(&options(page, "add-passkey"));
    let answer = send(&mut browser, page, "add-passkey", &made).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    key
}

/// A browser on the sign-in page of a client.
async fn at_sign_in(op: &Op) -> (Browser, String) {
    let mut browser = op.browser();
    let answer = browser.send(Request::of("first", "openid").get()).await;
    let page = browser.follow(&answer).await.text();
    (browser, page)
}

fn is_signed_in(answer: &Answer) -> bool {
    answer
        .header("location")
        .is_some_and(|l| wire::param(l, "code").is_some())
}

#[track_caller]
fn assert_refused(answer: &Answer, browser: &Browser, what: &str) {
    assert!(!is_signed_in(answer), "{what}");
    assert_eq!(browser.cookie("session"), None, "{what}");
    assert!(
        answer.text().contains("data-error=\"passkey_refused\""),
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
}

#[tokio::test]
async fn l25_a_passkey_signs_in_without_a_name_and_says_so_in_amr() {
    let op = Op::with(|policy| {
        policy.acr_values = ["one", "two", "key"].map(str::to_owned).to_vec();
    })
    .await;
    let key = registered(&op).await;
    let (mut browser, page) = at_sign_in(&op).await;
    assert!(page.contains("autocomplete=\"username webauthn\""));
    let answer = send(
        &mut browser,
        &page,
        "passkey",
        &key.get(&options(&page, "passkey")),
    )
    .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    let code = wire::param(answer.location(), "code").unwrap();
    let claims = Tokens::of(&browser.redeem("first", &code).await).claims();
    assert_eq!(claims["amr"], json!(["hwk", "user", "mfa"]));
    assert_eq!(claims["acr"], "key");
    assert_eq!(claims["sub"], op.subject("alice").as_str());
}

// PK-12
#[tokio::test]
async fn before_something_is_proved_no_key_is_named() {
    let op = Op::start().await;
    registered(&op).await;
    let (_, page) = at_sign_in(&op).await;
    let asked: serde_json::Value = serde_json::from_str(&options(&page, "passkey")).unwrap();
    assert_eq!(asked["allowCredentials"], json!([]));
    assert_eq!(asked["userVerification"], "required");
    assert_eq!(asked["rpId"], "op.test");
}

// PK-06, PK-07, PK-14
#[tokio::test]
async fn l26_whatever_is_wrong_with_an_assertion_it_is_refused() {
    //= test WEBAUTHN#7.2 whether a key may be backed up is what it was at registration
    //= test WEBAUTHN#7.2 where user verification is required, the flag says that it happened
    //= test WEBAUTHN#7.2 the user handle, where there is one, is that of the key's owner
    //= test WEBAUTHN#7.2 the origin is one of the relying party's
    //= test WEBAUTHN#6.1 a key that is backed up may be backed up
    let op = Op::start().await;
    let good = registered(&op).await;
    let changed = |change: &dyn Fn(&mut Authenticator)| {
        let mut key = good.clone();
        change(&mut key);
        key
    };
    let stranger = Authenticator::new(fixture::ISSUER);
    let cases: Vec<(&str, Authenticator)> = vec![
        (
            "another origin",
            changed(&|k| k.origin = "https://op.test.evil.test".to_owned()),
        ),
        (
            "another port",
            changed(&|k| k.origin = "https://op.test:8443".to_owned()),
        ),
        (
            "another host",
            changed(&|k| k.rp_id = "evil.test".to_owned()),
        ),
        ("nobody there", changed(&|k| k.flags = 0b100)),
        ("nobody verified", changed(&|k| k.flags = 0b001)),
        (
            "backed up but not eligible",
            changed(&|k| k.flags = 0b1_0101),
        ),
        ("eligible since", changed(&|k| k.flags = 0b1101)),
        ("reserved bits", changed(&|k| k.flags = 0b111)),
        (
            "extensions that are not there",
            changed(&|k| k.flags = 0b1000_0101),
        ),
        (
            "the other ceremony",
            changed(&|k| k.kind = Some("webauthn.create".to_owned())),
        ),
        (
            "in a frame",
            changed(&|k| k.more = json!({"crossOrigin": true})),
        ),
        (
            "in a frame of somebody",
            changed(&|k| k.more = json!({"topOrigin": "https://op.test"})),
        ),
        (
            "another's handle",
            changed(&|k| k.user = Some("AAAA".to_owned())),
        ),
        ("no handle", changed(&|k| k.user = None)),
        ("an unknown key", changed(&|k| k.id = vec![9; 32])),
        ("another key", {
            let mut key = stranger;
            key.id.clone_from(&good.id);
            key.user.clone_from(&good.user);
            key
        }),
    ];
    for (what, key) in cases {
        let (mut browser, page) = at_sign_in(&op).await;
        let said = key.get(&options(&page, "passkey"));
        let answer = send(&mut browser, &page, "passkey", &said).await;
        assert_refused(&answer, &browser, what);
    }
    for odd in ["{}", "null", "[]", "{\"id\":1}", &"x".repeat(30_000)] {
        let (mut browser, page) = at_sign_in(&op).await;
        let answer = send(&mut browser, &page, "passkey", odd).await;
        assert_refused(&answer, &browser, "odd");
    }
    let (mut browser, page) = at_sign_in(&op).await;
    let said = good.get(&options(&page, "passkey"));
    assert!(is_signed_in(
        &send(&mut browser, &page, "passkey", &said).await
    ));
}

// PK-01, PK-03
#[tokio::test]
async fn l26_a_challenge_is_for_one_page_of_one_browser_for_five_minutes_once() {
    let op = Op::start().await;
    let key = registered(&op).await;
    let (mut one, page) = at_sign_in(&op).await;
    let said = key.get(&options(&page, "passkey"));
    // Another browser, and another request of the same browser.
    let (mut other, elsewhere) = at_sign_in(&op).await;
    let answer = send(&mut other, &elsewhere, "passkey", &said).await;
    assert_refused(&answer, &other, "another browser");
    let again = one.send(Request::of("first", "openid").get()).await;
    let second = one.follow(&again).await.text();
    let answer = send(&mut one, &second, "passkey", &said).await;
    assert_refused(&answer, &one, "another page");
    // A challenge that nobody gave.
    let made_up =
        key.get_for("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let answer = send(&mut one, &page, "passkey", &made_up).await;
    assert_refused(&answer, &one, "made up");
    op.clock.advance(299);
    let fresh = one.clone();
    assert!(is_signed_in(&send(&mut one, &page, "passkey", &said).await));
    let mut late = fresh;
    let answer = send(&mut late, &page, "passkey", &said).await;
    assert_refused(&answer, &late, "used before");
    let (mut late, page) = at_sign_in(&op).await;
    let said = key.get(&options(&page, "passkey"));
    op.clock.advance(301);
    let answer = send(&mut late, &page, "passkey", &said).await;
    assert_refused(&answer, &late, "too late");
}

// PK-01
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_assertion_that_is_sent_fifty_times_at_once_signs_in_once() {
    let op = Op::start().await;
    let key = registered(&op).await;
    let (browser, page) = at_sign_in(&op).await;
    let said = key.get(&options(&page, "passkey"));
    let mut tasks = JoinSet::new();
    for _ in 0..50 {
        let (mut browser, page, said) = (browser.clone(), page.clone(), said.clone());
        tasks.spawn(async move { send(&mut browser, &page, "passkey", &said).await });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|a| is_signed_in(a)).count(), 1);
}

// PK-07
#[tokio::test]
async fn a_key_that_counts_backwards_opens_nothing_ever_again() {
    //= test WEBAUTHN#7.2 a counter that does not grow is a sign that there are two of the key
    let op = Op::start().await;
    let mut key = registered(&op).await;
    for (counter, opens) in [(5, true), (6, true), (6, false), (7, false)] {
        key.counter = counter;
        let (mut browser, page) = at_sign_in(&op).await;
        let said = key.get(&options(&page, "passkey"));
        let answer = send(&mut browser, &page, "passkey", &said).await;
        assert_eq!(is_signed_in(&answer), opens, "{counter}");
    }
    let (_, page) = at_passkeys(&op).await;
    assert!(page.contains("tag-bad"), "its person is told");
}

// LG-31
#[tokio::test]
async fn the_passkey_of_a_disabled_account_opens_nothing() {
    let op = Op::start().await;
    let key = registered(&op).await;
    let issuer = op.provider.issuer_id();
    let disabled = op.accounts.set_disabled(issuer, op.subject("alice"), true);
    disabled.await.unwrap();
    let (mut browser, page) = at_sign_in(&op).await;
    let said = key.get(&options(&page, "passkey"));
    let answer = send(&mut browser, &page, "passkey", &said).await;
    assert_refused(&answer, &browser, "disabled");
}

// PK-09, PK-10
#[tokio::test]
async fn a_key_is_registered_for_one_person_by_somebody_who_just_proved_who_they_are() {
    let op = Op::with(|policy| policy.sign_in.confirm_new_device = false).await;
    let key = registered(&op).await;
    // The same key again, by its owner: excluded, and refused if a browser does it all the same.
    let (mut browser, page) = at_passkeys_with(&op, &key).await;
    let asked = options(&page, "add-passkey");
    let offered: serde_json::Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(offered["excludeCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(offered["authenticatorSelection"]["residentKey"], "required");
    let answer = send(
        &mut browser,
        &page,
        "add-passkey",
        &key.clone().create(&asked),
    )
    .await;
    assert!(answer.text().contains("data-error=\"passkey_refused\""));
    // Wrong in every way.
    type Wrong = (&'static str, Box<dyn Fn(&mut Authenticator)>);
    let wrong: Vec<Wrong> = vec![
        (
            "origin",
            Box::new(|k| k.origin = "https://evil.test".to_owned()),
        ),
        ("host", Box::new(|k| k.rp_id = "evil.test".to_owned())),
        ("unverified", Box::new(|k| k.flags = 1)),
        (
            "ceremony",
            Box::new(|k| k.kind = Some("webauthn.get".to_owned())),
        ),
        ("RS1", Box::new(|k| k.algorithm = -65535)),
        ("confused algorithm", Box::new(|k| k.algorithm = -8)),
        ("endless identifier", Box::new(|k| k.id = vec![1; 2000])),
        //= test WEBAUTHN#8.2 a self attestation is signed with the new key, by its own algorithm
        (
            "attested under another algorithm",
            Box::new(|k| k.vouches = Some(SelfAttestation::OtherAlgorithm)),
        ),
        (
            "attested over something else",
            Box::new(|k| k.vouches = Some(SelfAttestation::OtherData)),
        ),
        (
            "attested by another key",
            Box::new(|k| k.vouches = Some(SelfAttestation::OtherKey)),
        ),
    ];
    for (what, change) in wrong {
        let page = browser.get("/account/passkeys").await.text();
        let mut other = Authenticator::new(fixture::ISSUER);
        change(&mut other);
        let made = other.create(&options(&page, "add-passkey"));
        let answer = send(&mut browser, &page, "add-passkey", &made).await;
        assert!(
            answer.text().contains("data-error=\"passkey_refused\""),
            "{what}"
        );
    }
    assert_eq!(
        browser
            .get("/account/passkeys")
            .await
            .text()
            .matches("data-passkey-id")
            .count(),
        1
    );
    let page = browser.get("/account/passkeys").await.text();
    let mut vouching = Authenticator::new(fixture::ISSUER);
    vouching.vouches = Some(SelfAttestation::Right);
    let made = vouching.create(&options(&page, "add-passkey"));
    let answer = send(&mut browser, &page, "add-passkey", &made).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    // Somebody who signed in long ago proves it again first.
    let page = browser.get("/account/passkeys").await.text();
    let mut other = Authenticator::new(fixture::ISSUER);
    let made = other.create(&options(&page, "add-passkey"));
    op.clock.advance(3000);
    let answer = send(&mut browser, &page, "add-passkey", &made).await;
    assert_eq!(answer.status, 303);
    assert!(
        answer.location().contains("/sign-in?"),
        "{}",
        answer.location()
    );
}

// PK-13
#[tokio::test]
async fn l42_a_passkey_is_named_and_removed_and_then_opens_nothing() {
    let op = Op::with(|policy| policy.sign_in.confirm_new_device = false).await;
    let key = registered(&op).await;
    let (mut browser, page) = at_passkeys_with(&op, &key).await;
    let id = html::tags(&page)
        .iter()
        .find_map(|tag| tag.get("data-passkey-id").map(str::to_owned))
        .unwrap();
    let sealed = html::form(&page, "add-passkey")
        .field("form")
        .unwrap()
        .to_owned();
    for (name, does) in [("My <b>key</b>", "rename"), ("", "remove")] {
        let pairs = [
            ("form", sealed.as_str()),
            ("id", &id),
            ("name", name),
            ("do", does),
        ];
        let ask = Ask::form("/account/passkeys", &pairs).header("Origin", fixture::ISSUER);
        assert_eq!(browser.send(ask).await.status, 303);
        let page = browser.get("/account/passkeys").await.text();
        assert_eq!(page.contains("My &lt;b&gt;key&lt;"), does == "rename");
    }
    let (mut browser, page) = at_sign_in(&op).await;
    let said = key.get(&options(&page, "passkey"));
    let answer = send(&mut browser, &page, "passkey", &said).await;
    assert_refused(&answer, &browser, "removed");
}

/// Whose key it is named in the page with her passkeys.
fn ids(page: &str) -> Vec<String> {
    let tags = html::tags(page);
    let ids = tags.iter().filter_map(|tag| tag.get("data-passkey-id"));
    ids.map(str::to_owned).collect()
}

async fn remove(browser: &mut Browser, page: &str, id: &str) -> Answer {
    let sealed = html::form(page, "add-passkey")
        .field("form")
        .unwrap()
        .to_owned();
    let pairs = [("form", sealed.as_str()), ("id", id), ("do", "remove")];
    let ask = Ask::form("/account/passkeys", &pairs).header("Origin", fixture::ISSUER);
    browser.send(ask).await
}

// PK-13
#[tokio::test]
async fn the_last_way_to_sign_in_is_not_removed_not_even_by_two_at_once() {
    let op = Op::with(|policy| {
        policy.people.recovery = false;
        policy.sign_in.confirm_new_device = false;
    })
    .await;
    let key = registered(&op).await;
    let (browser, page) = at_passkeys_with(&op, &key).await;
    registered_at(browser, &page).await;
    let (mut browser, page) = at_passkeys_with(&op, &key).await;
    let [one, other] = ids(&page).try_into().unwrap();
    // From now on alice has no password.
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let user = store
        .user(issuer, op.subject("alice"))
        .await
        .unwrap()
        .unwrap();
    let spend = Spend::User {
        revision: user.revision,
        record: Box::new(UserRecord {
            password: None,
            revision: user.revision + 1,
            ..user
        }),
    };
    let commit = Commit {
        spends: vec![spend],
        writes: Vec::new(),
    };
    assert_eq!(store.commit(issuer, commit).await.unwrap(), Committed::Done);
    let mut tasks = JoinSet::new();
    for id in [one, other] {
        let (mut browser, page) = (browser.clone(), page.clone());
        tasks.spawn(async move { remove(&mut browser, &page, &id).await });
    }
    let answers = tasks.join_all().await;
    let refused = |answer: &&Answer| answer.text().contains("data-error=\"last_way\"");
    assert_eq!(answers.iter().filter(refused).count(), 1);
    let page = browser.get("/account/passkeys").await.text();
    let left = ids(&page);
    assert_eq!(left.len(), 1);
    let answer = remove(&mut browser, &page, &left[0]).await;
    assert!(refused(&&answer), "{}", answer.text());
    assert_eq!(ids(&browser.get("/account/passkeys").await.text()), left);
}

// PK-08
#[tokio::test]
async fn a_key_of_one_person_does_not_speak_for_another() {
    let op = Op::start().await;
    let alice = registered(&op).await;
    let mut browser = op.browser();
    let answer = browser.get("/account/passkeys").await;
    let page = browser.through_pages("bob", answer).await.text();
    //= test WEBAUTHN#7.1 the identifier of a key is not registered for anybody yet
    let taken = alice.clone().create(&options(&page, "add-passkey"));
    let answer = send(&mut browser, &page, "add-passkey", &taken).await;
    assert!(answer.text().contains("data-error=\"passkey_refused\""));
    let page = browser.get("/account/passkeys").await.text();
    let mut bob = Authenticator::new(fixture::ISSUER);
    let made = bob.create(&options(&page, "add-passkey"));
    let answer = send(&mut browser, &page, "add-passkey", &made).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    for (what, change) in [
        (
            "bob's key with alice's handle",
            (alice.user.clone(), bob.id.clone()),
        ),
        (
            "alice's identifier with bob's key",
            (bob.user.clone(), alice.id.clone()),
        ),
        (
            "both are alice's but for the key",
            (alice.user.clone(), alice.id.clone()),
        ),
    ] {
        let mut key = bob.clone();
        (key.user, key.id) = change;
        let (mut browser, page) = at_sign_in(&op).await;
        let said = key.get(&options(&page, "passkey"));
        let answer = send(&mut browser, &page, "passkey", &said).await;
        assert_refused(&answer, &browser, what);
    }
}

// PK-15: what proves less does not stand for a verified key
#[tokio::test]
async fn where_a_key_is_demanded_nothing_less_is_taken() {
    let op = Op::with(|policy| {
        policy.acr_values = ["one", "two", "key"].map(str::to_owned).to_vec();
        policy.sign_in.confirm_new_device = false;
    })
    .await;
    let key = registered(&op).await;
    let request = || {
        Request::of("first", "openid").with(
            "claims",
            r#"{"id_token":{"acr":{"essential":true,"values":["key"]}}}"#,
        )
    };
    // A password is not enough: the key is asked for, and the session that began without it does not help.
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let answer = browser.send(request().get()).await;
    assert!(!is_signed_in(&answer));
    let page = browser.follow(&answer).await.text();
    let mut unverified = key.clone();
    unverified.flags = 1;
    let said = unverified.get(&options(&page, "passkey"));
    let answer = send(&mut browser, &page, "passkey", &said).await;
    assert!(!is_signed_in(&answer), "nobody verified");
    let page = answer.text();
    let answer = send(
        &mut browser,
        &page,
        "passkey",
        &key.get(&options(&page, "passkey")),
    )
    .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    // Silently it is an error, and so it is for whoever has no key.
    let mut bob = op.browser();
    bob.sign_in("bob").await;
    for silent in [true, false] {
        let asked = if silent {
            request().with("prompt", "none")
        } else {
            request()
        };
        let answer = bob.send(asked.get()).await;
        assert!(!is_signed_in(&answer));
        let error = answer
            .header("location")
            .and_then(|l| wire::param(l, "error"));
        let expected = if silent {
            vec![
                "login_required",
                "interaction_required",
                "unmet_authentication_requirements",
            ]
        } else {
            vec!["unmet_authentication_requirements"]
        };
        let shown = match error {
            Some(error) => error,
            None => {
                let asked = bob.follow(&answer).await;
                let page = bob.through_pages("bob", asked).await;
                wire::param(page.location(), "error").unwrap()
            }
        };
        assert!(expected.contains(&shown.as_str()), "{shown}");
    }
}

// LG-21: whoever holds a key that an operator takes away may be signed in by it.
#[tokio::test]
async fn a_key_that_an_operator_takes_away_takes_every_session_along() {
    let op = Op::with(|policy| policy.sign_in.confirm_new_device = false).await;
    registered(&op).await;
    let (mut listed, _) = at_passkeys(&op).await;
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let held = store
        .credentials(issuer, op.subject("alice"))
        .await
        .unwrap();
    let key = held.iter().find(|r| r.data.kind() == "passkey").unwrap();
    let (spends, writes) = op.provider.removing_credential(key).await.unwrap();
    let commit = Commit { spends, writes };
    let sessions = store.account_sessions(issuer, op.subject("alice")).await;
    assert_eq!(
        store.commit(issuer, commit.clone()).await.unwrap(),
        Committed::Done
    );
    // Whoever signed in by it in that very moment wrote their session afterwards.
    let late = sessions.unwrap().into_iter();
    let late = late.map(|(key, record)| hallpass_store::Write::Session(key, Box::new(record)));
    let late = Commit {
        spends: Vec::new(),
        writes: late.collect(),
    };
    store.commit(issuer, late).await.unwrap();
    let answer = listed.get("/account/passkeys").await;
    assert_ne!(answer.status, 200, "the session is over");
    let silent = Request::of("web", "openid").with("prompt", "none");
    let answer = listed.send(silent.get()).await;
    assert_eq!(
        wire::param(answer.location(), "error").as_deref(),
        Some("login_required")
    );
    // It goes once.
    assert_ne!(store.commit(issuer, commit).await.unwrap(), Committed::Done);
}

// PK-11, PK-16: no authenticator is trusted for what it says of itself, and no option of the page is the browser's to choose
#[tokio::test]
async fn the_server_alone_decides_about_a_ceremony() {
    let op = Op::with(|policy| policy.sign_in.confirm_new_device = false).await;
    let key = registered(&op).await;
    let (_, page) = at_passkeys_with(&op, &key).await;
    let asked: serde_json::Value = serde_json::from_str(&options(&page, "add-passkey")).unwrap();
    assert!(
        matches!(asked["attestation"].as_str(), None | Some("none")),
        "{asked}"
    );
    // A page that was changed in the browser, to need no verification or to be of a related origin.
    let (mut browser, page) = at_sign_in(&op).await;
    let mut asked: serde_json::Value = serde_json::from_str(&options(&page, "passkey")).unwrap();
    asked["userVerification"] = json!("discouraged");
    asked["allowCredentials"] = json!([]);
    for (flags, origin) in [(1, fixture::ISSUER), (5, "https://related.test")] {
        let mut key = key.clone();
        key.flags = flags;
        key.origin = origin.to_owned();
        let said = key.get(&asked.to_string());
        let answer = send(&mut browser, &page, "passkey", &said).await;
        assert_refused(&answer, &browser, origin);
    }
    let answer = browser.get("/.well-known/webauthn").await;
    assert_eq!(answer.status, 404, "no related origins are told");
}
