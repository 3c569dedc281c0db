//! CIBA: what a client demands of its people and of their sign-ins holds for a yes on the page of approvals, too.

use hallpass_core::policy::AccessPolicy;
use hallpass_testkit::{Answer, Ask, Authenticator, Browser, Op, Tokens, fixture, html};
use serde_json::{Value, json};

use crate::{
    backchannel::{
        ENDPOINT, TOKEN, actions, answer_all, assert_error, before_approvals, begin, decide, poll,
        setup,
    },
    people::mail_to,
};

const ALICE: &str = "alice@example.test";

/// A provider whose client `bank` demands this, and with which alice has a passkey.
async fn demanding(demand: Value) -> (Op, Authenticator) {
    let op = setup().metadata("bank", &demand).start().await;
    let mut browser = op.browser();
    let answer = browser.get("/account/passkeys").await;
    let page = browser.through_pages("alice", answer).await.text();
    let mut key = Authenticator::new(fixture::ISSUER);
    let made = key.create(&options(&page, "add-passkey"));
    let typed = [("credential", made.as_str())];
    let answer = browser.press(&page, "add-passkey", "create-passkey", &typed);
    assert_eq!(answer.await.status, 303);
    (op, key)
}

fn options(page: &str, form: &str) -> String {
    let tags = html::tags(page);
    let found = tags.iter().find(|tag| tag.get("id") == Some(form));
    html::decode(found.and_then(|tag| tag.get("data-options")).unwrap())
}

/// Alice at her approvals, by her password in a browser that a code by mail confirms.
async fn confirmed_by_mail(op: &Op) -> Browser {
    let mut browser = op.browser();
    let page = before_approvals(&mut browser).await;
    let typed = [
        ("username", "alice"),
        ("password", fixture::password("alice")),
    ];
    let answer = browser.press(&page, "login", "sign-in", &typed).await;
    let page = browser.follow(&answer).await.text();
    let asked = browser.press(&page, "second-by-mail", "by-code", &[]).await;
    let waits = asked.text();
    let mails = mail_to(op, ALICE).await;
    let lines = mails.iter().rev().flat_map(|mail| mail.text.lines());
    let is_code = |line: &&str| line.len() == 8 && line.bytes().all(|b| b.is_ascii_digit());
    let code = lines.map(str::trim).find(is_code).unwrap().to_owned();
    let typed = [("mail_code", code.as_str())];
    let answer = browser.press(&waits, "mail-code", "send-code", &typed);
    assert_eq!(answer.await.location(), "https://op.test/approvals");
    browser
}

/// Alice at her approvals, by her passkey.
async fn by_passkey(op: &Op, key: &Authenticator) -> Browser {
    let mut browser = op.browser();
    let page = before_approvals(&mut browser).await;
    let given = key.get(&options(&page, "passkey"));
    let action = html::form(&page, "passkey").action;
    let ask = Ask::form(&action, &[("credential", &given)]).header("Origin", fixture::ISSUER);
    let answer = browser.send(ask).await;
    assert_eq!(answer.location(), "https://op.test/approvals");
    browser
}

/// What the client gets that asks now, when the person in this browser says yes.
async fn allowed(op: &Op, browser: &mut Browser) -> Answer {
    let id = begin(op, "bank", &[]).await;
    let action = actions(browser).await.remove(0);
    assert_eq!(browser.send(decide(&action, "allow")).await.status, 303);
    poll(op, "bank", &id).await
}

// LG-19
#[tokio::test]
async fn a_mailbox_that_confirmed_a_browser_is_no_second_factor_for_a_client_that_demands_one() {
    let (op, key) = demanding(json!({"second_factor": "required"})).await;
    let mut weak = confirmed_by_mail(&op).await;
    assert_error(&allowed(&op, &mut weak).await, "access_denied");
    let mut strong = by_passkey(&op, &key).await;
    Tokens::of(&allowed(&op, &mut strong).await);
}

#[tokio::test]
async fn a_client_gets_a_yes_of_those_alone_who_came_by_a_way_that_it_takes() {
    let (op, key) = demanding(json!({"sign_in_methods": ["passkey"]})).await;
    let mut other = confirmed_by_mail(&op).await;
    assert_error(&allowed(&op, &mut other).await, "access_denied");
    let mut right = by_passkey(&op, &key).await;
    Tokens::of(&allowed(&op, &mut right).await);
}

#[tokio::test]
async fn a_client_for_some_gets_nothing_pushed_about_others() {
    let with_groups = |policy: &mut hallpass_core::policy::Policy| {
        policy.access = AccessPolicy {
            enabled: true,
            ..AccessPolicy::default()
        };
    };
    for (restriction, told) in [
        (json!({"allowed_groups": ["staff"]}), "error"),
        (json!({}), "id_token"),
    ] {
        let setup = setup().policy(with_groups);
        let op = setup.metadata("push", &restriction).start().await;
        op.fetcher.answer_posts(ENDPOINT, 204);
        begin(&op, "push", &[("client_notification_token", TOKEN)]).await;
        answer_all(&op, "alice", "allow").await;
        op.provider.deliver_due().await.unwrap();
        let posted = op.fetcher.posted();
        let body: Value = serde_json::from_str(&posted[0].body).unwrap();
        assert!(body.get(told).is_some(), "{body}");
        assert_eq!(
            body.get("access_token").is_some(),
            told == "id_token",
            "{body}"
        );
    }
}
