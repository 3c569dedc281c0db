//! A browser that was not seen before: whoever has set up more than a password is asked for more.

use hallpass_core::{
    record::Activity,
    sign_in::{Method, SecondFactor},
};
use hallpass_store::{Commit, CredentialData, CredentialRecord, RecoveryCodes, Spend};
use hallpass_testkit::{
    Answer, Ask, Authenticator, Browser, Op, Request, Tokens, fixture, html, wire,
};
use hallpass_types::ContentDigest;
use serde_json::json;

use crate::people::mail_to;

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
        .map_or_else(|| panic!("no form {form} with options"), html::decode)
}

/// A passkey of somebody, and the browser in which it was registered.
async fn with_passkey(op: &Op, person: &str) -> (Browser, Authenticator) {
    let mut browser = op.browser();
    let answer = browser.get("/account/passkeys").await;
    let page = browser.through_pages(person, answer).await.text();
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
    (browser, key)
}

async fn after_password(browser: &mut Browser, person: &str) -> Answer {
    let request = Request::of("first", "openid").with("prompt", "login");
    let answer = browser.send(request.get()).await;
    browser.through_pages(person, answer).await
}

fn code_in(op: &Op) -> String {
    let mails = op.mailer.to(ALICE);
    // Other mails may be sent at the same time.
    let mut lines = mails
        .iter()
        .rev()
        .flat_map(|mail| mail.text.lines())
        .map(str::trim);
    let code = lines.find(|l| l.len() == 8 && l.bytes().all(|b| b.is_ascii_digit()));
    code.unwrap().to_owned()
}

#[tokio::test]
async fn a_new_browser_is_confirmed_by_another_proof_and_known_from_then_on() {
    let op = Op::start().await;
    let (mut known, key) = with_passkey(&op, "alice").await;
    assert!(is_signed_in(&after_password(&mut known, "alice").await));
    let mut fresh = op.browser();
    let page = after_password(&mut fresh, "alice").await.text();
    assert!(
        page.contains("id=\"by-code\"") && page.contains("id=\"use-passkey\""),
        "{page}"
    );
    assert_eq!(fresh.cookie("session"), None);
    let action = html::form(&page, "passkey").action;
    let given = key.get(&options(&page, "passkey"));
    let ask = Ask::form(&action, &[("credential", &given)]).header("Origin", fixture::ISSUER);
    assert!(is_signed_in(&fresh.send(ask).await));
    assert!(is_signed_in(&after_password(&mut fresh, "alice").await));
}

#[tokio::test]
async fn a_code_by_mail_confirms_a_new_browser_and_is_no_second_factor() {
    let op = Op::with(|p| p.acr_values = ["one", "two"].map(str::to_owned).to_vec()).await;
    with_passkey(&op, "alice").await;
    let mut fresh = op.browser();
    let page = after_password(&mut fresh, "alice").await.text();
    let asked = fresh.press(&page, "second-by-mail", "by-code", &[]).await;
    let waits = asked.text();
    mail_to(&op, ALICE).await;
    let code = code_in(&op);
    let wrong = if code == "00000000" { "1" } else { "00000000" };
    let answer = fresh
        .press(&waits, "mail-code", "send-code", &[("mail_code", wrong)])
        .await;
    assert!(answer.text().contains("data-error=\"wrong_code\""));
    // Nobody else's browser can use it, and nobody's second time.
    let mut other = op.browser();
    let others = after_password(&mut other, "alice").await.text();
    let waiting = html::form(&waits, "mail-code")
        .field("waiting")
        .unwrap()
        .to_owned();
    let typed = [("mail_code", code.as_str()), ("waiting", waiting.as_str())];
    let action = html::form(&others, "second-by-mail").action;
    let ask = Ask::form(&action, &typed).header("Origin", fixture::ISSUER);
    assert!(other.send(ask).await.status >= 400);
    let answer = fresh
        .press(&waits, "mail-code", "send-code", &[("mail_code", &code)])
        .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    let grant = wire::param(answer.location(), "code").unwrap();
    let claims = Tokens::of(&fresh.redeem("first", &grant).await).claims();
    assert_eq!(
        (&claims["acr"], &claims["amr"]),
        (&json!("one"), &json!(["pwd", "otp"]))
    );
}

// LG-19: whoever comes after a long time, or after much has happened, is no safer than who comes the next day
#[tokio::test]
async fn a_new_browser_is_confirmed_also_when_no_sign_in_is_noted_any_more() {
    const DAY: i64 = 86_400;
    let asked = async |op: &Op| {
        let page = after_password(&mut op.browser(), "alice").await.text();
        page.contains("id=\"use-passkey\"")
    };
    let op = Op::start().await;
    with_passkey(&op, "alice").await;
    op.clock.advance(91 * DAY);
    while op.provider.purge().await.unwrap() > 0 {}
    assert!(asked(&op).await, "after what is noted is over");
    // Links that strangers ask for are noted, too.
    let op = Op::start().await;
    with_passkey(&op, "alice").await;
    for _ in 0..100 {
        let subject = op.subject("alice");
        let noted = Activity::RecoveryAsked;
        op.clock.advance(1);
        op.provider.note(subject, noted).await.unwrap();
    }
    assert!(asked(&op).await, "behind much else");
}

#[tokio::test]
async fn the_very_first_sign_in_is_none_to_wonder_about() {
    let op = Op::start().await;
    let subject = op.subject("alice");
    let codes = op.provider.totp_from_elsewhere(subject, &[1; 20]);
    let codes = CredentialRecord {
        data: CredentialData::RecoveryCodes(RecoveryCodes {
            left: vec![ContentDigest([1; 32])],
            of: 1,
        }),
        ..codes
    };
    let commit = Commit {
        spends: vec![Spend::NewCredential(Box::new(codes))],
        writes: Vec::new(),
    };
    op.provider.commit_change(commit).await.unwrap();
    let mut browser = op.browser();
    assert!(is_signed_in(&after_password(&mut browser, "alice").await));
    let page = after_password(&mut op.browser(), "alice").await.text();
    assert!(page.contains("name=\"recovery\""), "{page}");
}

#[tokio::test]
async fn who_has_nothing_but_a_password_is_not_asked_nor_anybody_where_it_is_off() {
    let op = Op::start().await;
    assert!(is_signed_in(
        &after_password(&mut op.browser(), "alice").await
    ));
    assert!(is_signed_in(
        &after_password(&mut op.browser(), "alice").await
    ));
    type Change = fn(&mut hallpass_core::policy::Policy);
    let cases: [Change; 2] = [
        |policy| policy.sign_in.confirm_new_device = false,
        |policy| policy.sign_in.second_factor = SecondFactor::Off,
    ];
    for change in cases {
        let op = Op::with(change).await;
        with_passkey(&op, "alice").await;
        assert!(is_signed_in(
            &after_password(&mut op.browser(), "alice").await
        ));
    }
}

#[tokio::test]
async fn a_code_by_mail_is_a_second_factor_where_the_issuer_takes_it_for_one() {
    let op = Op::with(|policy| {
        policy.acr_values = ["one", "two"].map(str::to_owned).to_vec();
        policy.sign_in.second_factor = SecondFactor::Required;
        policy.sign_in.second = vec![Method::EmailCode, Method::Totp];
    })
    .await;
    let mut browser = op.browser();
    let page = after_password(&mut browser, "alice").await.text();
    let waits = browser
        .press(&page, "second-by-mail", "by-code", &[])
        .await
        .text();
    mail_to(&op, ALICE).await;
    let code = code_in(&op);
    let answer = browser
        .press(&waits, "mail-code", "send-code", &[("mail_code", &code)])
        .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    let grant = wire::param(answer.location(), "code").unwrap();
    let claims = Tokens::of(&browser.redeem("first", &grant).await).claims();
    assert_eq!(
        (&claims["acr"], &claims["amr"]),
        (&json!("two"), &json!(["pwd", "otp", "mfa"]))
    );
}
