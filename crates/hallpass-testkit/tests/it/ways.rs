//! Which ways to sign in there are, for the issuer and for single clients, and whether a browser keeps the session.

use hallpass_core::sign_in::{Method, Remember, SecondFactor};
use hallpass_testkit::{
    Answer, Ask, Authenticator, Browser, Op, Request, Setup, fixture, html, wire,
};
use serde_json::json;

fn is_signed_in(answer: &Answer) -> bool {
    answer
        .header("location")
        .is_some_and(|l| wire::param(l, "code").is_some())
}

async fn at_sign_in(browser: &mut Browser, client: &str) -> String {
    let answer = browser.send(Request::of(client, "openid").get()).await;
    browser.follow(&answer).await.text()
}

/// The passkey that alice registers on her account page.
async fn passkey_of_alice(op: &Op) -> Authenticator {
    let mut browser = op.browser();
    let answer = browser.get("/account/passkeys").await;
    let page = browser.through_pages("alice", answer).await.text();
    let mut key = Authenticator::new(fixture::ISSUER);
    let made = key.create(&options(&page, "add-passkey"));
    let answer = browser
        .press(
            &page,
            "add-passkey",
            "create-passkey",
            &[("credential", &made)],
        )
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    key
}

fn options(page: &str, form: &str) -> String {
    html::tags(page)
        .iter()
        .find(|tag| tag.get("id") == Some(form))
        .and_then(|tag| tag.get("data-options"))
        .map_or_else(|| panic!("no form {form} with options"), html::decode)
}

async fn use_key(
    browser: &mut Browser,
    page: &str,
    key: &Authenticator,
    more: &[(&str, &str)],
) -> Answer {
    let credential = key.get(&options(page, "passkey"));
    let mut pairs = vec![("credential", credential.as_str())];
    pairs.extend_from_slice(more);
    let action = html::form(page, "passkey").action;
    let ask = Ask::form(&action, &pairs).header("Origin", fixture::ISSUER);
    browser.send(ask).await
}

#[tokio::test]
async fn the_page_offers_what_the_issuer_has_in_its_order() {
    let op = Op::with(|policy| {
        policy.sign_in.methods = vec![Method::Passkey, Method::EmailCode];
    })
    .await;
    let page = at_sign_in(&mut op.browser(), "first").await;
    let place = |id: &str| page.find(&format!("id=\"{id}\"")).unwrap();
    assert!(place("use-passkey") < place("by-code"));
    assert!(!page.contains("name=\"password\""));
    // A password that is posted all the same is not looked at.
    let mut browser = op.browser();
    let page = at_sign_in(&mut browser, "first").await;
    let action = html::form(&page, "login").action;
    let password = fixture::password("alice");
    let pairs = [("username", "alice"), ("password", password)];
    let ask = Ask::form(&action, &pairs).header("Origin", fixture::ISSUER);
    let answer = browser.send(ask).await;
    assert!(
        answer.text().contains("data-error=\"refused\""),
        "{}",
        answer.text()
    );
    assert_eq!(browser.cookie("session"), None);
}

#[tokio::test]
async fn a_client_that_takes_passkeys_alone_is_not_reached_by_a_session_of_a_password() {
    let only = json!({"sign_in_methods": ["passkey"]});
    let op = Setup::default().metadata("first", &only).start().await;
    let key = passkey_of_alice(&op).await;
    let mut browser = op.browser();
    let answer = browser.send(Request::of("nopkce", "openid").get()).await;
    browser.through_pages("alice", answer).await;
    let silent = Request::of("first", "openid").with("prompt", "none");
    let answer = browser.send(silent.get()).await;
    let error = wire::param(answer.location(), "error");
    assert_eq!(error.as_deref(), Some("login_required"));
    let page = at_sign_in(&mut browser, "first").await;
    assert!(page.contains("id=\"use-passkey\"") && !page.contains("name=\"password\""));
    let answer = use_key(&mut browser, &page, &key, &[]).await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    // And now it is, everywhere.
    let answer = browser.send(silent.get()).await;
    assert!(is_signed_in(&answer), "{}", answer.location());
    let other = Request::of("nopkce", "openid").with("prompt", "none");
    assert!(is_signed_in(&browser.send(other.get()).await));
}

#[tokio::test]
async fn a_client_can_demand_a_second_factor_that_others_do_not() {
    let more = json!({"second_factor": "required"});
    let op = Setup::default().metadata("first", &more).start().await;
    let mut browser = op.browser();
    let answer = browser.send(Request::of("nopkce", "openid").get()).await;
    let answer = browser.through_pages("alice", answer).await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    let page = at_sign_in(&mut browser, "first").await;
    assert!(page.contains("id=\"enrol\""), "{page}");
}

// PK-15, LG-19
#[tokio::test]
async fn a_session_of_a_client_that_asks_for_less_opens_no_other_client_and_no_account() {
    let less = json!({"second_factor": "off"});
    let setup = Setup::default().metadata("first", &less);
    let op = setup
        .policy(|policy| policy.sign_in.second_factor = SecondFactor::Required)
        .start()
        .await;
    let mut browser = op.browser();
    let answer = browser.send(Request::of("first", "openid").get()).await;
    let answer = browser.through_pages("alice", answer).await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    let again = Request::of("first", "openid").with("prompt", "none");
    assert!(is_signed_in(&browser.send(again.get()).await));
    let silent = Request::of("nopkce", "openid").with("prompt", "none");
    let answer = browser.send(silent.get()).await;
    let error = wire::param(answer.location(), "error");
    assert_eq!(error.as_deref(), Some("login_required"));
    let page = at_sign_in(&mut browser, "nopkce").await;
    assert!(page.contains("id=\"enrol\""), "{page}");
    let answer = browser.get("/account").await;
    let page = browser.through_pages("alice", answer).await.text();
    assert!(page.contains("id=\"enrol\""), "{page}");
}

/// The attributes with which the session cookie was set.
fn session_cookie(answer: &Answer) -> String {
    let mut set = answer.all("set-cookie");
    let cookie = set.find(|cookie| cookie.contains("hallpass_session="));
    cookie.expect("a session cookie").to_owned()
}

#[tokio::test]
async fn a_browser_keeps_a_session_only_when_the_person_says_so() {
    let op = Op::start().await;
    for (more, kept) in [(&[][..], false), (&[("remember", "yes")][..], true)] {
        let mut browser = op.browser();
        let page = at_sign_in(&mut browser, "first").await;
        assert!(page.contains("id=\"remember\""));
        let password = fixture::password("alice");
        let mut typed = vec![("username", "alice"), ("password", password)];
        typed.extend_from_slice(more);
        let answer = browser.press(&page, "login", "sign-in", &typed).await;
        assert!(is_signed_in(&answer), "{}", answer.text());
        let cookie = session_cookie(&answer);
        assert_eq!(cookie.contains("Max-Age"), kept, "{cookie}");
    }
    let key = passkey_of_alice(&op).await;
    let mut browser = op.browser();
    let page = at_sign_in(&mut browser, "first").await;
    let answer = use_key(&mut browser, &page, &key, &[("remember", "yes")]).await;
    assert!(session_cookie(&answer).contains("Max-Age"));
}

// LG-29
#[tokio::test]
async fn a_session_that_the_browser_forgets_can_end_sooner() {
    let op = Op::with(|policy| policy.sign_in.unremembered_lifetime = Some(3600)).await;
    for (more, lasts) in [(&[][..], false), (&[("remember", "yes")][..], true)] {
        let mut browser = op.browser();
        let page = at_sign_in(&mut browser, "first").await;
        let mut typed = vec![
            ("username", "alice"),
            ("password", fixture::password("alice")),
        ];
        typed.extend_from_slice(more);
        browser.press(&page, "login", "sign-in", &typed).await;
        let silent = Request::of("first", "openid").with("prompt", "none");
        assert!(is_signed_in(&browser.send(silent.get()).await));
        op.clock.advance(3601);
        // The cookie is presented all the same.
        assert_eq!(is_signed_in(&browser.send(silent.get()).await), lasts);
    }
}

#[tokio::test]
async fn nobody_is_asked_where_the_issuer_has_decided() {
    for (remember, kept) in [(Remember::Always, true), (Remember::Never, false)] {
        let op = Op::with(move |policy| policy.sign_in.remember = remember).await;
        let mut browser = op.browser();
        let page = at_sign_in(&mut browser, "first").await;
        assert!(!page.contains("id=\"remember\""));
        let typed = [
            ("username", "alice"),
            ("password", fixture::password("alice")),
            ("remember", "yes"),
        ];
        let answer = browser.press(&page, "login", "sign-in", &typed).await;
        assert_eq!(session_cookie(&answer).contains("Max-Age"), kept);
    }
}
