//! Codes on the telephone: a number that is confirmed, a second step by it, and what they must not cost.

use hallpass_core::{policy::TextPolicy, sign_in::Method};
use hallpass_jose::{base64url, mac::HmacSha256Key};
use hallpass_provider::TextHook;
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, Tokens, fixture, html, wire};
use hallpass_types::Secret;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::people::mail_to;

const HOOK: &str = "https://sms.test/send";
const SECRET: &str = "a secret that the service knows as well";
const NUMBER: &str = "+49 151 1234 5678";
const ALICE: &str = "alice@example.test";

async fn op(limits: TextPolicy, second: bool) -> Op {
    Setup::default()
        .policy(move |policy| {
            policy.people.texts = Some(limits);
            if second {
                policy.sign_in.second.push(Method::Sms);
            }
            policy.sign_in.confirm_new_device = false;
        })
        .build(|builder| {
            let secret = Secret::new(SECRET.to_owned());
            builder.texts(TextHook::new(HOOK.to_owned(), &secret))
        })
        .start()
        .await
}

async fn usual() -> Op {
    op(TextPolicy::default(), true).await
}

/// Everything that was handed to the service.
async fn sent(op: &Op) -> Vec<Value> {
    op.provider.deliver_due().await.unwrap();
    let posted = op.fetcher.posted();
    let ours = posted.iter().filter(|one| one.url == HOOK);
    ours.map(|one| serde_json::from_str(&one.body).unwrap())
        .collect()
}

fn code_in(message: &Value) -> String {
    let text = message["text"].as_str().unwrap();
    let code = text.split(' ').next().unwrap().to_owned();
    assert!(code.len() == 8 && code.bytes().all(|b| b.is_ascii_digit()));
    code
}

async fn at_phone(op: &Op, person: &str) -> (Browser, String) {
    let mut browser = op.browser();
    let answer = browser.get("/account/phone").await;
    let page = browser.through_pages(person, answer).await.text();
    (browser, page)
}

/// Types a number and answers the page that wants the code.
async fn ask(browser: &mut Browser, page: &str, number: &str) -> Answer {
    let typed = [("number", number)];
    browser.press(page, "phone", "send", &typed).await
}

async fn confirmed(op: &Op) -> Browser {
    let (mut browser, page) = at_phone(op, "alice").await;
    let page = ask(&mut browser, &page, NUMBER).await.text();
    let code = code_in(sent(op).await.last().unwrap());
    let typed = [("code", code.as_str())];
    let answer = browser.press(&page, "confirm-phone", "confirm", &typed);
    let answer = answer.await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    browser
}

/// A browser of alice that has shown the password.
async fn after_password(op: &Op) -> (Browser, Answer) {
    let mut browser = op.browser();
    let answer = browser.send(Request::of("first", "openid").get()).await;
    let answer = browser.through_pages("alice", answer).await;
    (browser, answer)
}

fn is_signed_in(answer: &Answer) -> bool {
    answer
        .header("location")
        .is_some_and(|l| wire::param(l, "code").is_some())
}

fn error(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("data-error=\"")?;
    rest.split('"').next()
}

#[tokio::test]
async fn s50_a_code_on_the_telephone_is_asked_for_after_the_password_and_told_in_amr() {
    let op = usual().await;
    let mut thief = op.browser();
    thief.sign_in("alice").await;
    let mut browser = confirmed(&op).await;
    let page = browser.get("/account/phone").await.text();
    assert!(page.contains("id=\"phone-on\"") && page.contains("•••78"));
    assert!(!page.contains("15112345678"), "a number is not shown whole");
    // What was signed in with less is over, and the person is told.
    let first = Request::of("first", "openid");
    assert!(!is_signed_in(&thief.send(first.get()).await));
    let told = mail_to(&op, ALICE).await;
    assert!(
        told.iter()
            .any(|mail| mail.text.contains("Telephone number confirmed"))
    );

    let before = sent(&op).await.len();
    let (mut other, answer) = after_password(&op).await;
    assert!(!is_signed_in(&answer));
    let page = answer.text();
    assert_eq!(sent(&op).await.len(), before, "only who asks gets one");
    let page = other.press(&page, "second-by-text", "by-text", &[]).await;
    let page = page.text();
    assert_eq!(other.cookie("session"), None);
    let code = code_in(sent(&op).await.last().unwrap());
    let wrong = if code == "00000000" {
        "00000001"
    } else {
        "00000000"
    };
    let typed = [("mail_code", wrong)];
    let page = other.press(&page, "mail-code", "send-code", &typed).await;
    let page = page.text();
    assert_eq!(error(&page), Some("wrong_code"));
    let typed = [("mail_code", code.as_str())];
    let answer = other.press(&page, "mail-code", "send-code", &typed).await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    let code = wire::param(answer.location(), "code").unwrap();
    let tokens = Tokens::of(&other.redeem("first", &code).await);
    assert_eq!(tokens.claims()["amr"], json!(["pwd", "sms", "mfa"]));
}

#[tokio::test]
async fn a_confirmed_number_is_told_as_verified_and_one_that_is_gone_is_not_told() {
    let op = op(TextPolicy::default(), false).await;
    let subject = op.subject("alice").clone();
    let user = async || {
        let store = op.provider.store();
        let user = store.user(op.provider.issuer_id(), &subject).await;
        user.unwrap().unwrap()
    };
    let mut browser = confirmed(&op).await;
    let held = user().await;
    assert_eq!(held.claims["phone_number"], "+4915112345678");
    assert_eq!(held.claims["phone_number_verified"], true);
    assert_eq!(held.epoch, 0, "nothing that was granted ends");
    // It is no second step where the operator does not list it.
    let (_, answer) = after_password(&op).await;
    assert!(!answer.text().contains("second-by-text"));
    let page = browser.get("/account/phone").await.text();
    browser.press(&page, "remove-phone", "remove", &[]).await;
    let held = user().await;
    assert!(held.claims.get("phone_number").is_none());
    assert!(held.claims.get("phone_number_verified").is_none());
    let page = browser.get("/account/phone").await.text();
    assert!(page.contains("id=\"phone-none\""), "{page}");
}

// PK-13: what has a page of its own is told of in claims, which go with it there
#[tokio::test]
async fn the_form_that_removes_passkeys_removes_no_number_no_address_and_no_codes() {
    let op = op(TextPolicy::default(), true).await;
    let subject = op.subject("alice").clone();
    let mut browser = confirmed(&op).await;
    let page = browser.get("/account/recovery-codes").await.text();
    let made = browser.press(&page, "new-codes", "make-codes", &[]).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let kinds = async || {
        let held = op.provider.credentials(&subject).await.unwrap();
        let mut kinds: Vec<&str> = held.iter().map(|one| one.data.kind()).collect();
        kinds.sort_unstable();
        (kinds.join(" "), held.clone())
    };
    let (before, held) = kinds().await;
    assert_eq!(before, "email phone recovery_codes");
    for credential in &held {
        for does in ["remove", "rename"] {
            let page = browser.get("/account/passkeys").await.text();
            let sealed = html::form(&page, "add-passkey")
                .field("form")
                .unwrap()
                .to_owned();
            let id = credential.id.to_string();
            let pairs = [
                ("form", sealed.as_str()),
                ("id", &id),
                ("name", "mine"),
                ("do", does),
            ];
            let ask = Ask::form("/account/passkeys", &pairs).header("Origin", fixture::ISSUER);
            browser.send(ask).await;
        }
    }
    let (after, held) = kinds().await;
    assert_eq!(after, before);
    assert!(held.iter().all(|one| one.name.is_empty()));
}

#[tokio::test]
async fn the_service_gets_a_signed_request_and_a_text_that_browsers_bind_to_this_host() {
    let op = usual().await;
    let (mut browser, page) = at_phone(&op, "alice").await;
    ask(&mut browser, &page, NUMBER).await;
    op.provider.deliver_due().await.unwrap();
    let posted = op.fetcher.posted();
    let [one] = posted.as_slice() else {
        panic!("{posted:?}")
    };
    let body: Value = serde_json::from_str(&one.body).unwrap();
    assert_eq!(body["to"], "+4915112345678");
    assert_eq!(body["issuer"], fixture::ISSUER);
    let code = code_in(&body);
    let text = body["text"].as_str().unwrap();
    assert!(text.ends_with(&format!("\n\n@op.test #{code}")), "{text}");
    let given = one.authorization.as_deref().unwrap();
    let part = |name: &str| {
        let (_, rest) = given.split_once(name).unwrap();
        rest.split(',').next().unwrap().to_owned()
    };
    let (id, at) = (part("id="), part("t="));
    assert_eq!(body["id"], id.as_str());
    assert_eq!(at, op.clock.seconds().to_string());
    let key = HmacSha256Key::new(SECRET.as_bytes());
    let right = key.sign(format!("{id}.{at}.{}", one.body).as_bytes());
    assert_eq!(part("v1="), base64url::encode(right));
    // Nothing of it lies open in the page.
    let page = browser.get("/account/phone").await.text();
    assert!(!page.contains(&code));
}

#[tokio::test]
async fn a_service_that_is_away_gets_the_code_later_and_none_that_is_over() {
    let op = usual().await;
    op.fetcher.answer_posts(HOOK, 503);
    let (mut browser, page) = at_phone(&op, "alice").await;
    ask(&mut browser, &page, NUMBER).await;
    let first = sent(&op).await;
    assert_eq!(first.len(), 1);
    op.fetcher.answer_posts(HOOK, 200);
    op.clock.advance(120);
    let again = sent(&op).await;
    assert_eq!(again.len(), 2);
    assert_eq!(again[0], again[1], "the same message, by its id");
    op.fetcher.answer_posts(HOOK, 503);
    ask(&mut browser, &page, NUMBER).await;
    let before = sent(&op).await.len();
    op.fetcher.answer_posts(HOOK, 200);
    op.clock.advance(3600);
    assert_eq!(sent(&op).await.len(), before);
}

// LG-17, LG-19: one code is one sign-in, of one page, browser and account
#[tokio::test]
async fn a_code_opens_once_and_only_where_it_was_asked_for() {
    let op = usual().await;
    confirmed(&op).await;
    op.clock.advance(5);
    let (mut browser, answer) = after_password(&op).await;
    let page = answer.text();
    let page = browser.press(&page, "second-by-text", "by-text", &[]).await;
    let page = page.text();
    let code = code_in(sent(&op).await.last().unwrap());
    // Another sign-in of the same person, in another browser.
    let (mut stranger, answer) = after_password(&op).await;
    let action = html::form(&answer.text(), "second-by-text").action;
    let sealed = html::form(&page, "mail-code");
    let sealed = sealed.field("text").unwrap().to_owned();
    let pairs = [("text", sealed.as_str()), ("mail_code", code.as_str())];
    let tried = Ask::form(&action, &pairs).header("Origin", fixture::ISSUER);
    let answer = stranger.send(tried).await;
    let refused = html::text_of(&answer.text(), "error-code");
    assert!(refused.is_some(), "{}", answer.text());
    assert_eq!(stranger.cookie("session"), None);
    // Twice at once: one of them signs in.
    let action = html::form(&page, "mail-code").action;
    let mut both = JoinSet::new();
    for _ in 0..4 {
        let mut copy = op.browser();
        for (name, value) in browser.cookies() {
            copy.set_cookie(name, value);
        }
        // So that the copy knows the client, too.
        copy.send(Request::of("first", "openid").get()).await;
        let tried = Ask::form(&action, &pairs).header("Origin", fixture::ISSUER);
        both.spawn(async move {
            copy.send(tried).await;
            u32::from(copy.cookie("session").is_some())
        });
    }
    let began: u32 = both.join_all().await.into_iter().sum();
    assert_eq!(began, 1);
}

#[tokio::test]
async fn a_code_of_the_account_page_is_no_second_step_and_a_changed_number_takes_no_old_code() {
    let op = usual().await;
    let mut owner = confirmed(&op).await;
    let (mut browser, answer) = after_password(&op).await;
    let page = answer.text();
    let page = browser.press(&page, "second-by-text", "by-text", &[]).await;
    let page = page.text();
    let old = code_in(sent(&op).await.last().unwrap());
    // The owner asks for a code for another number, which is not yet theirs.
    let at_account = owner.get("/account/phone").await.text();
    let asked = ask(&mut owner, &at_account, "+43 660 1234567").await.text();
    let messages = sent(&op).await;
    let fresh = code_in(messages.last().unwrap());
    assert_eq!(messages.last().unwrap()["to"], "+436601234567");
    let offer = html::form(&asked, "confirm-phone");
    let offer = offer.field("offer").unwrap().to_owned();
    let action = html::form(&page, "mail-code").action;
    let pairs = [("text", offer.as_str()), ("mail_code", fresh.as_str())];
    let tried = Ask::form(&action, &pairs).header("Origin", fixture::ISSUER);
    browser.send(tried).await;
    assert_eq!(browser.cookie("session"), None);
    let typed = [("code", fresh.as_str())];
    let answer = owner
        .press(&asked, "confirm-phone", "confirm", &typed)
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    // What was sent to the number that was the person's before opens nothing.
    let typed = [("mail_code", old.as_str())];
    browser.press(&page, "mail-code", "send-code", &typed).await;
    assert_eq!(browser.cookie("session"), None);
}

#[tokio::test]
async fn five_wrong_codes_end_the_trying_with_a_fresh_code_too() {
    let op = usual().await;
    confirmed(&op).await;
    let (mut browser, answer) = after_password(&op).await;
    let second = answer.text();
    let page = browser
        .press(&second, "second-by-text", "by-text", &[])
        .await;
    let mut page = page.text();
    for _ in 0..5 {
        let typed = [("mail_code", "1")];
        let answer = browser.press(&page, "mail-code", "send-code", &typed).await;
        page = answer.text();
        assert_eq!(error(&page), Some("wrong_code"));
    }
    let answer = browser
        .press(&second, "second-by-text", "by-text", &[])
        .await;
    let fresh = code_in(sent(&op).await.last().unwrap());
    let typed = [("mail_code", fresh.as_str())];
    let page = answer.text();
    let answer = browser.press(&page, "mail-code", "send-code", &typed).await;
    assert_eq!(error(&answer.text()), Some("throttled"));
    assert_eq!(browser.cookie("session"), None);
}

// LG-04: messages cost money
#[tokio::test]
async fn no_number_account_network_or_crowd_runs_up_a_bill() {
    let limits = TextPolicy {
        per_number: 3,
        per_day: 4,
        prefixes: vec!["+49".to_owned()],
    };
    let op = op(limits, true).await;
    let (mut alice, page) = at_phone(&op, "alice").await;
    for number in ["0151 12345678", "+1 900 555 0100", "+49", "nobody"] {
        let answer = ask(&mut alice, &page, number).await;
        assert_eq!(error(&answer.text()), Some("number"), "{number}");
    }
    assert!(sent(&op).await.is_empty());
    for _ in 0..3 {
        assert_eq!(ask(&mut alice, &page, NUMBER).await.status, 200);
    }
    let answer = ask(&mut alice, &page, "+49 151 87654321").await;
    assert_eq!(answer.status, 429, "the account");
    let (mut bob, page) = at_phone(&op, "bob").await;
    assert_eq!(ask(&mut bob, &page, NUMBER).await.status, 429, "the number");
    assert_eq!(sent(&op).await.len(), 3);
    let answer = ask(&mut bob, &page, "+49 151 87654321").await;
    assert_eq!(answer.status, 200);
    let answer = ask(&mut bob, &page, "+49 151 87654322").await;
    assert_eq!(answer.status, 429, "all together");
    assert_eq!(sent(&op).await.len(), 4);
}

#[tokio::test]
async fn without_a_service_there_is_no_page_and_no_way() {
    let op = Op::with(|policy| {
        policy.people.texts = Some(TextPolicy::default());
        policy.sign_in.second.push(Method::Sms);
    })
    .await;
    let mut browser = op.browser();
    let answer = browser.get("/account").await;
    let page = browser.through_pages("alice", answer).await.text();
    assert!(!page.contains("data-section=\"phone\""), "{page}");
    let page = browser.get("/account/phone").await;
    let code = html::text_of(&page.text(), "error-id");
    assert_eq!(code.as_deref(), Some("not_offered"), "{}", page.text());
}

// LG-17: a passkey is two factors, and a mailbox is but one
#[tokio::test]
async fn a_mailed_link_adds_no_passkey_where_a_telephone_is_the_second_factor() {
    for second in [true, false] {
        let op = op(TextPolicy::default(), second).await;
        confirmed(&op).await;
        let mut found = op.browser();
        let page = found.get("/recover").await.text();
        found
            .press(&page, "recover", "continue", &[("email", ALICE)])
            .await;
        let mails = mail_to(&op, ALICE).await;
        let links = mails
            .iter()
            .rev()
            .filter_map(|mail| mail.text.split_once("https://op.test/link?"));
        let link = links
            .map(|(_, rest)| rest.split_whitespace().next().unwrap())
            .next()
            .unwrap();
        let page = found.get(&format!("/link?{link}")).await.text();
        assert!(page.contains("id=\"link\""), "{page}");
        assert_eq!(page.contains("link-passkey"), !second, "{second}");
    }
}
