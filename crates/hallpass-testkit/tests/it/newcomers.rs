//! What somebody meets who has just made an account, or got back into one, and whose app the issuer offers no more.

use hallpass_core::{
    policy::{Policy, SignUp},
    sign_in::Method,
};
use hallpass_testkit::{Answer, Browser, Op, Request, Setup, Tokens, html, wire};
use serde_json::{Value, json};

use super::{
    people::{mail_to, recovery_link, target},
    second_factor::{after_password, code, enrolled, new_codes, secret_of},
    upstream::{World, depart_with, told},
};

const NEW: &str = "ada@new.test";
const PASSWORD: &str = "correct horse battery";
const ALICE: &str = "alice@example.test";
const TWO: &str = r#"{"id_token":{"acr":{"essential":true,"value":"two"}}}"#;

fn classes(policy: &mut Policy) {
    policy.people.sign_up = SignUp::Open;
    policy.acr_values = ["one", "two", "key"].map(str::to_owned).to_vec();
}

/// Makes an account within a request; what the button behind the link is answered.
async fn sign_up(op: &Op, browser: &mut Browser, request: &Request) -> Answer {
    let request = request.clone().with("prompt", "create");
    let answer = browser.send(request.get()).await;
    let page = browser.follow(&answer).await.text();
    let typed = [("email", NEW)];
    browser.press(&page, "sign-up", "continue", &typed).await;
    let link = mail_to(op, NEW).await[0].link().to_owned();
    let page = browser.get(target(&link)).await.text();
    let typed = [("password", PASSWORD), ("again", PASSWORD)];
    browser.press(&page, "link", "confirm", &typed).await
}

#[tokio::test]
async fn who_makes_an_account_for_a_request_that_wants_two_factors_sets_the_second_up() {
    let op = Op::with(classes).await;
    let mut browser = op.browser();
    let request = Request::of("first", "openid email").with("claims", TWO);
    let answer = sign_up(&op, &mut browser, &request).await;
    assert_eq!(browser.cookie("session"), None, "not yet");
    let page = browser.follow(&answer).await.text();
    assert!(page.contains("id=\"enrol\""), "{page}");
    // No code, no session.
    let wrong = browser.press(&page, "enrol", "turn-on", &[("code", "000000")]);
    let page = wrong.await.text();
    assert_eq!(browser.cookie("session"), None);
    let typed = code(&op, &secret_of(&page), 0);
    let typed = [("code", typed.as_str())];
    let answer = browser.press(&page, "enrol", "turn-on", &typed).await;
    let answer = browser.through_pages("nobody", answer).await;
    let code = wire::param(answer.location(), "code").unwrap();
    let tokens = Tokens::of(&browser.redeem("first", &code).await);
    assert_eq!(tokens.claims()["acr"], "two");
    assert_eq!(tokens.claims()["amr"], json!(["pwd", "otp", "mfa"]));
}

#[tokio::test]
async fn an_app_is_not_set_up_for_what_no_app_reaches_nor_by_who_only_has_a_password() {
    let op = Op::with(classes).await;
    let key = TWO.replace("two", "key");
    let mut browser = op.browser();
    let request = Request::of("first", "openid").with("claims", &key);
    let answer = sign_up(&op, &mut browser, &request).await;
    let error = wire::param(answer.location(), "error");
    let unmet = Some("unmet_authentication_requirements");
    assert_eq!(error.as_deref(), unmet, "{}", answer.text());
    // The account is there. Its password alone sets nothing up, now that the way on which it was made is over.
    let mut thief = op.browser();
    let request = Request::of("first", "openid").with("claims", TWO);
    let answer = thief.send(request.get()).await;
    let page = thief.follow(&answer).await.text();
    let typed = [("username", NEW), ("password", PASSWORD)];
    let answer = thief.press(&page, "login", "sign-in", &typed).await;
    let error = wire::param(answer.location(), "error");
    assert_eq!(error.as_deref(), unmet, "{}", answer.text());
}

#[tokio::test]
async fn who_comes_from_another_provider_for_the_first_time_sets_up_what_is_missing() {
    let world = World::with_policy(classes).await;
    let request = Request::of("web", "openid").with("claims", TWO);
    for (page_has, error) in [
        (true, None),
        (false, Some("unmet_authentication_requirements")),
    ] {
        let mut browser = world.us.browser();
        let url = depart_with(&mut browser, "idp", &request, &[]).await;
        let back = world.at("idp", &url, "alice").await;
        let answer = browser.get(&back).await;
        assert_eq!(wire::param(answer.location(), "error").as_deref(), error);
        if page_has {
            let page = browser.follow(&answer).await.text();
            assert!(page.contains("id=\"enrol\""), "{page}");
        }
        assert_eq!(browser.cookie("session"), None);
    }
}

#[tokio::test]
async fn who_gets_back_in_sees_what_else_the_account_has_and_nothing_by_name() {
    let op = Op::start().await;
    let (mut owner, secret) = enrolled(&op).await;
    new_codes(&op, &secret).await;
    drop(owner.get("/account").await);
    let mut browser = op.browser();
    let link = recovery_link(&op, &mut browser).await;
    let page = browser.get(&link).await.text();
    assert!(!page.contains("id=\"ways\""), "not before it is used");
    let typed = [("password", PASSWORD), ("again", PASSWORD)];
    let done = browser.press(&page, "link", "confirm", &typed).await.text();
    assert!(done.contains("id=\"ways\""), "{done}");
    for (way, there) in [
        ("totp", true),
        ("recovery", true),
        ("passkeys", false),
        ("linked", false),
    ] {
        let row = format!("data-way=\"{way}\"");
        assert_eq!(done.contains(&row), there, "{way}");
    }
    // Whoever has nothing else sees no list.
    let op = Op::start().await;
    let mut browser = op.browser();
    let link = recovery_link(&op, &mut browser).await;
    let page = browser.get(&link).await.text();
    let done = browser.press(&page, "link", "confirm", &typed).await.text();
    assert!(done.contains("link-done") && !done.contains("id=\"ways\""));
}

#[tokio::test]
async fn an_app_is_asked_for_also_when_the_issuer_offers_apps_no_more() {
    let op = Op::start().await;
    let (_, secret) = enrolled(&op).await;
    let without = |policy: &mut Policy| policy.sign_in.second = vec![Method::Passkey];
    let strict = Setup::default().policy(without).joining(&op).start().await;
    let first = Request::of("first", "openid");
    let (mut browser, answer) = after_password(&strict, &first).await;
    let page = answer.text();
    assert!(page.contains("id=\"second\""), "{page}");
    assert_eq!(browser.cookie("session"), None, "never dropped");
    let typed = code(&op, &secret, 0);
    let typed = [("code", typed.as_str())];
    let answer = browser.press(&page, "second", "send-code", &typed).await;
    assert!(wire::param(answer.location(), "code").is_some());
    // It can be turned off, and no other one is set up.
    let page = browser.get("/account/totp").await.text();
    assert!(page.contains("id=\"totp-gone\"") && page.contains("id=\"turn-off\""));
    let answer = browser.press(&page, "turn-off-totp", "turn-off", &[]).await;
    assert_eq!(answer.status, 303);
    let page = browser.get("/account/totp").await.text();
    assert!(page.contains("id=\"totp-gone\"") && !page.contains("id=\"totp-secret\""));
    assert!(!html::forms(&page).iter().any(|form| form.id == "enrol"));
    let (_, answer) = after_password(&strict, &first).await;
    assert!(wire::param(answer.location(), "code").is_some());
    // Nor by a form of a page from before.
    let mut other = op.browser();
    let asked = other.get("/account/totp").await;
    let page = other.through_pages("alice", asked).await.text();
    let typed = code(&op, &secret_of(&page), 0);
    let mut late = strict.browser();
    for (name, value) in other.cookies() {
        late.set_cookie(name, value);
    }
    let answer = late
        .press(&page, "enrol", "turn-on", &[("code", &typed)])
        .await;
    assert!(answer.status >= 400 && answer.text().contains("not_offered"));
}

/// Whether the session cookie outlives the browser.
fn is_kept(answer: &Answer) -> bool {
    let mut set = answer.all("set-cookie");
    let cookie = set.find(|cookie| cookie.contains("hallpass_session="));
    cookie.expect("a session cookie").contains("Max-Age")
}

#[tokio::test]
async fn a_link_by_mail_keeps_the_session_of_who_asked_to_stay_signed_in() {
    let op = Op::with(|policy| {
        policy.sign_in.methods = vec![Method::Password, Method::MagicLink];
        policy.people.new_device_mail = false;
    })
    .await;
    for (count, more) in [(1, &[][..]), (2, &[("remember", "yes")][..])] {
        let mut browser = op.browser();
        let answer = browser.send(Request::of("first", "openid").get()).await;
        let page = browser.follow(&answer).await.text();
        let mut typed = vec![("username", ALICE), ("password", "")];
        typed.extend_from_slice(more);
        browser.press(&page, "login", "by-link", &typed).await;
        let mails = mail_to(&op, ALICE).await;
        assert_eq!(mails.len(), count);
        let link = mails.last().unwrap().link().to_owned();
        let page = browser.get(target(&link)).await.text();
        let answer = browser.press(&page, "link", "confirm", &[]).await;
        assert_eq!(is_kept(&answer), !more.is_empty(), "{}", answer.text());
    }
}

#[tokio::test]
async fn who_comes_back_from_another_provider_stays_signed_in_as_they_said() {
    let world = World::start().await;
    let request = Request::of("web", "openid");
    let mut subjects: Vec<Value> = Vec::new();
    for more in [
        &[][..],
        &[("remember", "yes")][..],
        &[("remember", "no")][..],
    ] {
        let mut browser = world.us.browser();
        let url = depart_with(&mut browser, "idp", &request, more).await;
        let back = world.at("idp", &url, "alice").await;
        let answer = browser.get(&back).await;
        assert_eq!(is_kept(&answer), more == [("remember", "yes")], "{more:?}");
        subjects.push(told(&mut browser, answer).await.1["sub"].clone());
    }
    assert!(subjects.iter().all(|subject| *subject == subjects[0]));
}
