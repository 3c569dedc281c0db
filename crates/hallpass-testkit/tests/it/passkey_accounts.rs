//! Accounts that begin with a passkey and have no password, and what becomes of them when it is lost.

use hallpass_core::{policy::SignUp, sign_in::Method};
use hallpass_testkit::{
    Answer, Ask, Authenticator, Browser, Op, Request, Tokens, fixture, html, wire,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::people::{mail_to, target};

const NEW: &str = "ada@new.test";
const ALICE: &str = "alice@example.test";

fn is_signed_in(answer: &Answer) -> bool {
    answer
        .header("location")
        .is_some_and(|l| wire::param(l, "code").is_some())
}

fn options(page: &str, form: &str) -> String {
    html::tags(page)
        .iter()
        .find(|tag| tag.get("id") == Some(form))
        .and_then(|tag| tag.get("data-options"))
        .map_or_else(
            || panic!("no form {form} with options: {page}"),
            html::decode,
        )
}

/// What an authenticator makes for a form, sent with it.
async fn make(
    browser: &mut Browser,
    page: &str,
    form: &str,
    more: &[(&str, &str)],
) -> (Authenticator, Answer) {
    let mut key = Authenticator::new(fixture::ISSUER);
    let made = key.create(&options(page, form));
    let answer = give(browser, page, form, &made, more).await;
    (key, answer)
}

async fn give(
    browser: &mut Browser,
    page: &str,
    form: &str,
    made: &str,
    more: &[(&str, &str)],
) -> Answer {
    let mut typed = vec![("credential", made)];
    typed.extend_from_slice(more);
    let button = if form == "passkey" {
        "use-passkey"
    } else {
        "create-passkey"
    };
    browser.press(page, form, button, &typed).await
}

async fn at(op: &Op, request: &Request) -> (Browser, String) {
    let mut browser = op.browser();
    let answer = browser.send(request.get()).await;
    let page = browser.follow(&answer).await.text();
    (browser, page)
}

fn sign_up() -> Request {
    Request::of("first", "openid email").with("prompt", "create")
}

async fn claims(browser: &mut Browser, answer: &Answer) -> Value {
    let code = wire::param(answer.location(), "code").unwrap();
    Tokens::of(&browser.redeem("first", &code).await).claims()
}

/// The passkeys on a page.
fn ids(page: &str) -> Vec<String> {
    let tags = html::tags(page);
    let ids = tags.iter().filter_map(|tag| tag.get("data-passkey-id"));
    ids.map(str::to_owned).collect()
}

async fn signs_in(op: &Op, key: &Authenticator) -> Option<Value> {
    let (mut browser, page) = at(op, &Request::of("first", "openid")).await;
    let given = key.get(&options(&page, "passkey"));
    let answer = give(&mut browser, &page, "passkey", &given, &[]).await;
    if is_signed_in(&answer) {
        Some(claims(&mut browser, &answer).await)
    } else {
        None
    }
}

async fn by_mail() -> Op {
    Op::with(|policy| {
        policy.people.sign_up = SignUp::Open;
        policy.sign_in.methods = vec![Method::Passkey];
    })
    .await
}

async fn without_mail() -> Op {
    Op::with(|policy| {
        policy.people.sign_up = SignUp::Open;
        policy.people.sign_up_without_mail = true;
        policy.people.accounts_per_network = 3;
        policy.sign_in.methods.push(Method::RecoveryCode);
    })
    .await
}

// L24
#[tokio::test]
async fn l24_who_makes_an_account_with_a_passkey_lands_back_with_a_code() {
    let op = by_mail().await;
    let (mut browser, page) = at(&op, &sign_up()).await;
    browser
        .press(&page, "sign-up", "continue", &[("email", NEW)])
        .await;
    let link = target(mail_to(&op, NEW).await[0].link()).to_owned();
    let page = browser.get(&link).await.text();
    assert!(!page.contains("type=\"password\""), "no password anywhere");
    let (key, answer) = make(&mut browser, &page, "link-passkey", &[("name", "Ada")]).await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    let told = claims(&mut browser, &answer).await;
    assert_eq!(told["amr"], json!(["hwk", "user", "mfa"]));
    let again = signs_in(&op, &key).await.expect("the key signs in");
    assert_eq!(again["sub"], told["sub"]);
    assert_eq!(browser.get(&link).await.status, 400, "used");
}

#[tokio::test]
async fn an_invited_person_makes_a_passkey_in_a_browser_that_was_never_here() {
    let op = Op::with(|policy| {
        policy.people.sign_up = SignUp::Invitation;
        policy.sign_in.methods = vec![Method::Passkey];
    })
    .await;
    let address = hallpass_types::EmailAddress::parse(NEW).unwrap();
    op.provider.invite(&address).await.unwrap();
    let link = target(mail_to(&op, NEW).await[0].link()).to_owned();
    let mut browser = op.browser();
    let page = browser.get(&link).await.text();
    let (key, answer) = make(&mut browser, &page, "link-passkey", &[]).await;
    // Nobody is signed in by another's link.
    assert_eq!(answer.status, 200);
    assert_eq!(browser.cookie("session"), None);
    assert!(signs_in(&op, &key).await.is_some());
}

// PK-01, PK-03, PK-10
#[tokio::test]
async fn what_an_authenticator_made_for_another_page_or_browser_makes_no_account() {
    let op = by_mail().await;
    let mut pages = Vec::new();
    for address in [NEW, "eve@new.test"] {
        let (mut browser, page) = at(&op, &sign_up()).await;
        browser
            .press(&page, "sign-up", "continue", &[("email", address)])
            .await;
        let link = target(mail_to(&op, address).await[0].link()).to_owned();
        let page = browser.get(&link).await.text();
        pages.push((browser, page));
    }
    let (mut other, others) = pages.pop().unwrap();
    let (mut browser, page) = pages.pop().unwrap();
    let mut key = Authenticator::new(fixture::ISSUER);
    let foreign = key.create(&options(&others, "link-passkey"));
    let offer = |page: &str| {
        let form = html::form(page, "link-passkey");
        form.field("offer").unwrap().to_owned()
    };
    let (own, theirs) = (offer(&page), offer(&others));
    for (made, sealed) in [
        (foreign.as_str(), own.as_str()),
        (&foreign, &theirs),
        ("{}", &own),
    ] {
        let answer = give(
            &mut browser,
            &page,
            "link-passkey",
            made,
            &[("offer", sealed)],
        )
        .await;
        assert!(
            answer.text().contains("data-error=\"passkey\""),
            "{}",
            answer.text()
        );
    }
    // A key of another subject than the page's.
    let mut mine = Authenticator::new(fixture::ISSUER);
    let made = mine.create(&options(&page, "link-passkey"));
    let answer = give(
        &mut browser,
        &page,
        "link-passkey",
        &made,
        &[("offer", &theirs)],
    )
    .await;
    assert!(answer.text().contains("data-error=\"passkey\""));
    op.clock.advance(301);
    let answer = give(&mut browser, &page, "link-passkey", &made, &[]).await;
    assert!(answer.text().contains("data-error=\"passkey\""), "too late");
    assert!(signs_in(&op, &mine).await.is_none());
    let answer = give(&mut other, &others, "link-passkey", "x", &[]).await;
    assert!(answer.text().contains("data-error=\"passkey\""));
}

// L24
#[tokio::test]
async fn an_account_without_mail_is_a_passkey_and_nothing_else() {
    let op = without_mail().await;
    let (mut browser, page) = at(&op, &sign_up()).await;
    let (key, answer) = make(
        &mut browser,
        &page,
        "sign-up-passkey",
        &[("name", "Ada L.")],
    )
    .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    let told = claims(&mut browser, &answer).await;
    assert_eq!(signs_in(&op, &key).await.unwrap()["sub"], told["sub"]);
    assert!(op.mailer.sent().is_empty());
    // PK-13: the only way in stays.
    let page = browser.get("/account/passkeys").await.text();
    let sealed = html::form(&page, "add-passkey")
        .field("form")
        .unwrap()
        .to_owned();
    let id = ids(&page).remove(0);
    let pairs = [("form", sealed.as_str()), ("id", &id), ("do", "remove")];
    let ask = Ask::form("/account/passkeys", &pairs).header("Origin", fixture::ISSUER);
    let answer = browser.send(ask).await;
    assert!(
        answer.text().contains("data-error=\"last_way\""),
        "{}",
        answer.text()
    );
    assert!(signs_in(&op, &key).await.is_some());
}

#[tokio::test]
async fn accounts_without_mail_are_counted_by_where_they_are_made_and_off_by_default() {
    let op = without_mail().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        let (mut browser, page) = at(&op, &sign_up()).await;
        let (_, answer) = make(&mut browser, &page, "sign-up-passkey", &[]).await;
        made.push(answer.status);
    }
    assert_eq!(made, [303, 303, 303, 429, 429]);
    let op = Op::with(|policy| policy.people.sign_up = SignUp::Open).await;
    let (mut browser, page) = at(&op, &sign_up()).await;
    assert!(!page.contains("sign-up-passkey"));
    let action = html::form(&page, "sign-up").action;
    let ask = Ask::form(&action, &[("credential", "{}"), ("offer", "x")]);
    let answer = browser.send(ask.header("Origin", fixture::ISSUER)).await;
    assert!(answer.text().contains("not_offered"), "{}", answer.text());
}

// PK-01: one key, fifty times at once.
#[tokio::test]
async fn a_passkey_makes_one_account_however_often_it_is_sent() {
    let op = without_mail().await;
    let (mut browser, page) = at(&op, &sign_up()).await;
    let mut key = Authenticator::new(fixture::ISSUER);
    let made = key.create(&options(&page, "sign-up-passkey"));
    let form = html::form(&page, "sign-up-passkey");
    let sealed = form.field("offer").unwrap().to_owned();
    let pairs = [("credential", made.as_str()), ("offer", sealed.as_str())];
    let ask = Ask::form(&form.action, &pairs).header("Origin", fixture::ISSUER);
    let mut tries = JoinSet::new();
    for _ in 0..50 {
        let (mut other, ask) = (browser.clone(), ask.clone());
        tries.spawn(async move { is_signed_in(&other.send(ask).await) });
    }
    let mut opened = 0;
    while let Some(done) = tries.join_next().await {
        opened += usize::from(done.unwrap());
    }
    assert_eq!(opened, 1);
    assert!(signs_in(&op, &key).await.is_some());
    let again = browser.send(ask).await;
    assert!(!is_signed_in(&again));
}

// L27
#[tokio::test]
async fn l27_who_lost_the_authenticator_gets_in_by_mail_and_makes_another() {
    let op = by_mail().await;
    let (mut browser, page) = at(&op, &sign_up()).await;
    browser
        .press(&page, "sign-up", "continue", &[("email", NEW)])
        .await;
    let link = target(mail_to(&op, NEW).await[0].link()).to_owned();
    let page = browser.get(&link).await.text();
    let (_, answer) = make(&mut browser, &page, "link-passkey", &[]).await;
    let told = claims(&mut browser, &answer).await;
    let mut found = op.browser();
    let page = found.get("/recover").await.text();
    found
        .press(&page, "recover", "continue", &[("email", NEW)])
        .await;
    let link = target(mail_to(&op, NEW).await.last().unwrap().link()).to_owned();
    let page = found.get(&link).await.text();
    let (key, answer) = make(&mut found, &page, "link-passkey", &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(signs_in(&op, &key).await.unwrap()["sub"], told["sub"]);
    // What was open is closed.
    let silent = Request::of("first", "openid").with("prompt", "none");
    assert!(!is_signed_in(&browser.send(silent.get()).await));
}

// LG-17
#[tokio::test]
async fn a_mailed_link_adds_no_passkey_where_a_second_factor_is_set_up() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let answer = browser.get("/account/totp").await;
    let page = browser.through_pages("alice", answer).await.text();
    crate::second_factor::turn_on(&op, &mut browser, &page).await;
    let mut found = op.browser();
    let page = found.get("/recover").await.text();
    found
        .press(&page, "recover", "continue", &[("email", ALICE)])
        .await;
    let mails = mail_to(&op, ALICE).await;
    let mut links = mails.iter().rev().map(|mail| target(mail.link()));
    let link = links
        .find(|link| link.starts_with("/link"))
        .unwrap()
        .to_owned();
    let page = found.get(&link).await.text();
    assert!(page.contains("id=\"link\"") && !page.contains("link-passkey"));
    let action = html::form(&page, "link").action;
    let pairs = [("confirm", "yes"), ("credential", "{}"), ("offer", "")];
    let ask = Ask::form(&action, &pairs).header("Origin", fixture::ISSUER);
    let answer = found.send(ask).await;
    assert!(
        answer.text().contains("data-error=\"passkey\""),
        "{}",
        answer.text()
    );
}

// L27
#[tokio::test]
async fn l27_a_recovery_code_opens_an_account_without_mail_once() {
    let op = without_mail().await;
    let (mut browser, page) = at(&op, &sign_up()).await;
    let (_, answer) = make(&mut browser, &page, "sign-up-passkey", &[("name", "Ada")]).await;
    let told = claims(&mut browser, &answer).await;
    let page = browser.get("/account/recovery-codes").await.text();
    let page = browser
        .press(&page, "new-codes", "make-codes", &[])
        .await
        .text();
    let code = page
        .split("<code>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    let code = code.to_owned();
    let name = format!("ada-{}", &told["sub"].as_str().unwrap()[..8]);
    let (mut lost, page) = at(&op, &Request::of("first", "openid")).await;
    for (name, typed) in [
        ("nobody", code.as_str()),
        (&name, "00000-00000"),
        ("alice", &code),
    ] {
        let typed = [("username", name), ("recovery", typed)];
        let answer = lost.press(&page, "recovery", "send-recovery", &typed).await;
        assert!(
            answer.text().contains("data-error=\"wrong_code\""),
            "{}",
            answer.text()
        );
    }
    let typed = [("username", name.as_str()), ("recovery", code.as_str())];
    let answer = lost.press(&page, "recovery", "send-recovery", &typed).await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    assert_eq!(claims(&mut lost, &answer).await["amr"], json!(["otp"]));
    let (mut again, page) = at(&op, &Request::of("first", "openid")).await;
    let answer = again
        .press(&page, "recovery", "send-recovery", &typed)
        .await;
    assert!(answer.text().contains("data-error=\"wrong_code\""));
    // And no more than a few tries.
    let mut last = answer;
    for _ in 0..6 {
        let page = last.text();
        last = again
            .press(&page, "recovery", "send-recovery", &typed)
            .await;
    }
    assert_eq!(last.status, 429);
}

// PK-13
#[tokio::test]
async fn of_two_passkeys_that_are_removed_at_once_one_stays() {
    let op = without_mail().await;
    let (mut browser, page) = at(&op, &sign_up()).await;
    let (first, _) = make(&mut browser, &page, "sign-up-passkey", &[]).await;
    let page = browser.get("/account/passkeys").await.text();
    let (second, answer) = make(&mut browser, &page, "add-passkey", &[]).await;
    assert_eq!(answer.status, 303);
    let page = browser.get("/account/passkeys").await.text();
    let ids = ids(&page);
    assert_eq!(ids.len(), 2);
    let sealed = html::form(&page, "add-passkey")
        .field("form")
        .unwrap()
        .to_owned();
    let mut tries = JoinSet::new();
    for id in ids.iter().cycle().take(8) {
        let pairs = [("form", sealed.as_str()), ("id", id), ("do", "remove")];
        let ask = Ask::form("/account/passkeys", &pairs).header("Origin", fixture::ISSUER);
        let mut other = browser.clone();
        tries.spawn(async move { other.send(ask).await.status });
    }
    while let Some(done) = tries.join_next().await {
        assert!(done.unwrap() < 504);
    }
    let left = [signs_in(&op, &first).await, signs_in(&op, &second).await];
    assert_eq!(left.iter().flatten().count(), 1);
}
