//! Whoever has set up more than a password shows some of it before how they sign in is changed.

use hallpass_core::{policy::Policy, sign_in::SecondFactor};
use hallpass_provider::{
    browser,
    endpoints::{Removed, Visited},
};
use hallpass_store::CredentialData;
use hallpass_testkit::{Answer, Ask, Authenticator, Browser, Op, Request, fixture, html, wire};
use hallpass_types::Opaque;

use super::{
    second_factor::{code, secret_of, turn_on},
    upstream::upstream,
};

/// Every page where something is changed of how a person signs in.
const PAGES: &[&str] = &[
    "/account/passkeys",
    "/account/totp",
    "/account/recovery-codes",
    "/account/email",
    "/account/password",
    "/linked-accounts",
];

/// Nothing is asked because a browser is new: the password is all that a sign-in takes.
fn trusting(policy: &mut Policy) {
    policy.sign_in.confirm_new_device = false;
    policy.upstreams = vec![upstream("idp", "https://idp.test")];
}

fn options(page: &str, form: &str) -> String {
    html::tags(page)
        .iter()
        .find(|tag| tag.get("id") == Some(form))
        .and_then(|tag| tag.get("data-options"))
        .map_or_else(|| panic!("no form {form} with options"), html::decode)
}

/// Registers a passkey for alice, in a browser where she has shown her password alone.
async fn with_passkey(op: &Op) -> (Browser, Authenticator) {
    let mut browser = op.browser();
    let answer = browser.get("/account/passkeys").await;
    let page = browser.through_pages("alice", answer).await.text();
    let mut key = Authenticator::new(fixture::ISSUER);
    let made = key.create(&options(&page, "add-passkey"));
    let typed = [("credential", &*made)];
    let answer = browser.press(&page, "add-passkey", "create-passkey", &typed);
    assert_eq!(answer.await.status, 303);
    (browser, key)
}

/// Somebody who knows alice's password and has nothing else of hers.
async fn thief(op: &Op) -> Browser {
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    assert!(browser.cookie("session").is_some());
    browser
}

/// The page that asks for more, where `path` does not open.
async fn asked(browser: &mut Browser, path: &str) -> String {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, 303, "{path}: {}", answer.text());
    let page = browser.follow(&answer).await.text();
    assert!(!page.contains("id=\"login\""), "{path}: {page}");
    page
}

async fn show(browser: &mut Browser, page: &str, key: &Authenticator) -> Answer {
    let action = html::form(page, "passkey").action;
    let given = key.get(&options(page, "passkey"));
    let ask = Ask::form(&action, &[("credential", &given)]).header("Origin", fixture::ISSUER);
    browser.send(ask).await
}

/// A new set of recovery codes, by whoever may make it.
async fn codes(browser: &mut Browser) -> Vec<String> {
    let page = browser.get("/account/recovery-codes").await.text();
    let answer = browser.press(&page, "new-codes", "make-codes", &[]).await;
    let page = answer.text();
    let list = page.split("id=\"codes\"").nth(1).unwrap();
    let codes = list.split("<code>").skip(1);
    codes
        .map(|rest| rest.split('<').next().unwrap().to_owned())
        .collect()
}

// LG-19
#[tokio::test]
async fn a_password_alone_opens_no_page_that_changes_how_its_owner_signs_in() {
    let op = Op::with(trusting).await;
    let (_, key) = with_passkey(&op).await;
    for path in PAGES {
        let mut thief = thief(&op).await;
        // What does no harm to the account opens.
        for open in ["/account", "/account/profile", "/account/sessions"] {
            assert_eq!(thief.get(open).await.status, 200, "{open}");
        }
        let page = asked(&mut thief, path).await;
        assert!(page.contains("id=\"use-passkey\""), "{path}: {page}");
        assert!(
            !page.contains("id=\"by-code\""),
            "{path}: a mailbox is none"
        );
        // Its owner shows the key, and goes on where they wanted to.
        let answer = show(&mut thief, &page, &key).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text());
        assert!(answer.location().ends_with(path), "{}", answer.location());
        let opened = thief.get(path).await;
        assert_eq!(opened.status, 200, "{path}: {}", opened.text());
    }
}

// LG-19: a form that was made for the session is no way around, on whatever page it stood
#[tokio::test]
async fn no_form_of_another_page_changes_what_a_password_alone_does_not() {
    let op = Op::with(trusting).await;
    with_passkey(&op).await;
    let all = op.provider.credentials(op.subject("alice")).await.unwrap();
    let key = all
        .iter()
        .find(|r| matches!(r.data, CredentialData::Passkey(_)));
    let id = key.unwrap().id.to_string();
    let new = "a whole new password";
    let mut thief = thief(&op).await;
    let page = thief.get("/account/sessions").await.text();
    let form = html::form(&page, "end-sessions");
    let sealed = form.field("form").unwrap().to_owned();
    let tries: &[(&str, &[(&str, &str)])] = &[
        ("/account/passkeys", &[("do", "remove"), ("id", &id)]),
        ("/account/totp", &[("do", "remove")]),
        ("/account/recovery-codes", &[("do", "new")]),
        ("/account/password", &[("password", new), ("again", new)]),
        ("/account/email", &[("email", "thief@evil.test")]),
    ];
    for (path, typed) in tries {
        let mut pairs = vec![("form", &*sealed)];
        pairs.extend_from_slice(typed);
        let ask = Ask::form(path, &pairs).header("Origin", fixture::ISSUER);
        let answer = thief.send(ask).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text());
        assert!(answer.location().contains("/sign-in?"), "{path}");
    }
    let left = op.provider.credentials(op.subject("alice")).await.unwrap();
    assert_eq!(left, all);
    assert!(op.mailer.to("thief@evil.test").is_empty());
    // The password is the one that it was.
    self::thief(&op).await;
}

// LG-19: whatever an embedding program's own pages do
#[tokio::test]
async fn the_engine_changes_nothing_for_a_session_that_owes_something() {
    let op = Op::with(trusting).await;
    with_passkey(&op).await;
    let provider = &op.provider;
    let all = provider.credentials(op.subject("alice")).await.unwrap();
    let thief = thief(&op).await;
    let cookies = browser::Browser {
        session: thief.cookie("session").and_then(Opaque::parse),
        binding: thief.cookie("browser").map(str::to_owned),
        ..browser::Browser::default()
    };
    let visited = provider.visit(&cookies, "/account/totp", true).await;
    let Visited::Here(visitor) = visited.unwrap().0 else {
        panic!("the session is a good one");
    };
    let session = visitor.session_name().to_owned();
    let offer = provider.offer_totp(visitor.account(), &session, "Example");
    let offer = offer.unwrap();
    let shown = format!("<p id=\"totp-secret\">{}</p>", offer.secret);
    let typed = code(&op, &secret_of(&shown), 0);
    let given = (&*offer.sealed, &*typed);
    assert!(provider.add_totp(&visitor, given, &cookies).await.is_err());
    let options = provider.passkey_offer(visitor.account(), &session, "Example", &cookies);
    let mut key = Authenticator::new(fixture::ISSUER);
    let made = key.create(&options.await.unwrap().unwrap());
    let added = provider.add_passkey(&visitor, &cookies, &made).await;
    assert!(added.is_err(), "{added:?}");
    assert!(
        provider
            .new_recovery_codes(&visitor, &cookies)
            .await
            .is_err()
    );
    for held in &all {
        let removed = provider.remove_credential(&visitor, held.id, &cookies);
        assert!(!matches!(removed.await, Ok(Removed::Done)), "{held:?}");
    }
    assert!(provider.remove_phone(&visitor, &cookies).await.is_err());
    let left = provider.credentials(op.subject("alice")).await.unwrap();
    assert_eq!(left, all);
}

#[tokio::test]
async fn who_has_nothing_begins_with_a_password_and_what_was_set_up_counts_as_shown() {
    let op = Op::with(trusting).await;
    let (mut browser, _) = with_passkey(&op).await;
    // Nobody is asked at once for the key that they made a moment ago.
    for path in PAGES {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    let page = browser.get("/account/totp").await.text();
    turn_on(&op, &mut browser, &page).await;
    assert_eq!(codes(&mut browser).await.len(), 10);
}

#[tokio::test]
async fn a_recovery_code_opens_what_a_lost_passkey_would() {
    let op = Op::with(trusting).await;
    let (mut browser, _) = with_passkey(&op).await;
    let codes = codes(&mut browser).await;
    // Who signs in with a password is signed in, as before.
    let mut owner = op.browser();
    let answer = owner.send(Request::of("first", "openid").get()).await;
    let answer = owner.through_pages("alice", answer).await;
    assert!(wire::param(answer.location(), "code").is_some());
    let page = asked(&mut owner, "/account/passkeys").await;
    let wrong = [("recovery", "aaaaa-aaaaa")];
    let answer = owner.press(&page, "recovery", "send-recovery", &wrong);
    let answer = answer.await;
    assert!(answer.text().contains("data-error=\"wrong_code\""));
    let typed = [("recovery", &*codes[0])];
    let page = answer.text();
    let answer = owner.press(&page, "recovery", "send-recovery", &typed);
    let answer = answer.await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let page = owner.get("/account/passkeys").await.text();
    let id = page.split("data-passkey-id=\"").nth(1).unwrap();
    let id = id.split('"').next().unwrap();
    let sealed = page.split("name=\"form\" value=\"").nth(1).unwrap();
    let sealed = html::decode(sealed.split('"').next().unwrap());
    let pairs = [("form", &*sealed), ("do", "remove"), ("id", id)];
    let ask = Ask::form("/account/passkeys", &pairs).header("Origin", fixture::ISSUER);
    let answer = owner.send(ask).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let left = op.provider.credentials(op.subject("alice")).await.unwrap();
    let is_key = |data: &CredentialData| matches!(data, CredentialData::Passkey(_));
    assert!(!left.iter().any(|record| is_key(&record.data)));
}

// LG-19
#[tokio::test]
async fn a_second_factor_that_everybody_needs_is_the_passkey_of_who_has_one() {
    let op = Op::with(|policy| {
        trusting(policy);
        policy.sign_in.second_factor = SecondFactor::Required;
    })
    .await;
    // Made in the middle of the first sign-in, as is demanded; then the app is taken away and a key is left.
    let mut browser = op.browser();
    let answer = browser.get("/account/totp").await;
    let page = browser.through_pages("alice", answer).await.text();
    turn_on(&op, &mut browser, &page).await;
    let page = browser.get("/account/passkeys").await.text();
    let mut key = Authenticator::new(fixture::ISSUER);
    let made = key.create(&options(&page, "add-passkey"));
    let typed = [("credential", &*made)];
    let answer = browser.press(&page, "add-passkey", "create-passkey", &typed);
    assert_eq!(answer.await.status, 303);
    let page = browser.get("/account/totp").await.text();
    let answer = browser.press(&page, "turn-off-totp", "turn-off", &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let mut thief = op.browser();
    let answer = thief.send(Request::of("first", "openid").get()).await;
    let page = thief.through_pages("alice", answer).await.text();
    assert!(page.contains("id=\"use-passkey\""), "{page}");
    assert!(!page.contains("totp-secret"), "{page}");
    assert_eq!(thief.cookie("session"), None);
    let answer = show(&mut thief, &page, &key).await;
    assert!(wire::param(answer.location(), "code").is_some());
}
