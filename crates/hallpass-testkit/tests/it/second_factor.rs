//! Authenticator apps, recovery codes, forced changes, step-up.

use hallpass_core::{
    policy::Policy,
    sign_in::{Method, SecondFactor, totp},
};
use hallpass_store::{Commit, CredentialData, CredentialRecord, Spend, Totp};
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, Tokens, fixture, html, wire};
use hallpass_types::CredentialId;
use serde_json::json;
use tokio::task::JoinSet;

use super::upstream::upstream;

/// The secret of an app, as the page shows it.
pub(crate) fn secret_of(page: &str) -> Vec<u8> {
    let text = html::text_of(page, "totp-secret").unwrap();
    let mut bits = 0_u64;
    let (mut held, mut secret) = (0, Vec::new());
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        let digit = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(c).unwrap();
        bits = (bits << 5) | digit as u64;
        held += 5;
        if held >= 8 {
            held -= 8;
            secret.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    secret
}

/// Turns an app on, on the page that offers it.
pub(crate) async fn turn_on(op: &Op, browser: &mut Browser, page: &str) {
    let typed = code(op, &secret_of(page), 0);
    let answer = browser
        .press(page, "enrol", "turn-on", &[("code", &typed)])
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text());
}

pub(crate) fn code(op: &Op, secret: &[u8], steps: i64) -> String {
    let now = hallpass_types::Timestamp(op.clock.seconds() + steps * totp::PERIOD);
    String::from_utf8(totp::code(secret, totp::step_at(now)).to_vec()).unwrap()
}

/// Sets an app up for alice, and goes on to the next step, so that its codes are fresh.
pub(crate) async fn enrolled(op: &Op) -> (Browser, Vec<u8>) {
    let mut browser = op.browser();
    let answer = browser.get("/account/totp").await;
    let page = browser.through_pages("alice", answer).await.text();
    let secret = secret_of(&page);
    let answer = browser
        .press(&page, "enrol", "turn-on", &[("code", "000000")])
        .await;
    assert!(answer.text().contains("data-error=\"wrong_code\""));
    let page = answer.text();
    assert_eq!(secret_of(&page), secret, "the same offer");
    //= test RFC4226#4 the shared secret has at least 128 bits; 160 are recommended
    assert_eq!(secret.len(), 20);
    let typed = code(op, &secret, 0);
    let answer = browser
        .press(&page, "enrol", "turn-on", &[("code", &typed)])
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    op.clock.advance(2 * totp::PERIOD);
    (browser, secret)
}

/// A new set of recovery codes.
pub(crate) async fn new_codes(op: &Op, secret: &[u8]) -> Vec<String> {
    let mut browser = op.browser();
    let answer = browser.get("/account/recovery-codes").await;
    let page = browser.through_pages("alice", answer).await.text();
    let typed = code(op, secret, 0);
    let typed = [("code", &*typed)];
    browser.press(&page, "second", "send-code", &typed).await;
    let page = browser.get("/account/recovery-codes").await.text();
    assert!(html::forms(&page).iter().any(|form| form.id == "new-codes"));
    let page = browser
        .press(&page, "new-codes", "make-codes", &[])
        .await
        .text();
    op.clock.advance(60);
    let list = page.split("id=\"codes\"").nth(1).unwrap();
    let codes = list.split("<code>").skip(1);
    codes
        .map(|rest| rest.split('<').next().unwrap().to_owned())
        .collect()
}

/// A browser that has proved alice's password and is asked for more.
pub(crate) async fn after_password(op: &Op, request: &Request) -> (Browser, Answer) {
    let mut browser = op.browser();
    let answer = browser.send(request.get()).await;
    let answer = browser.through_pages("alice", answer).await;
    (browser, answer)
}

fn first() -> Request {
    Request::of("first", "openid")
}

fn is_signed_in(answer: &Answer) -> bool {
    answer
        .header("location")
        .is_some_and(|l| wire::param(l, "code").is_some())
}

async fn claims(browser: &mut Browser, answer: &Answer) -> serde_json::Value {
    let code = wire::param(answer.location(), "code").unwrap();
    Tokens::of(&browser.redeem("first", &code).await).claims()
}

#[tokio::test]
async fn s50_a_code_of_an_app_is_asked_for_after_the_password_and_told_in_amr() {
    let op = Op::with(|p| p.acr_values = ["one", "two"].map(str::to_owned).to_vec()).await;
    let (_, secret) = enrolled(&op).await;
    let (mut browser, asked) = after_password(&op, &first()).await;
    assert_eq!(asked.status, 200);
    let page = asked.text();
    assert!(page.contains("id=\"second\"") && !page.contains("id=\"login\""));
    assert_eq!(
        browser.cookie("session"),
        None,
        "no session before all is proved"
    );
    let typed = code(&op, &secret, 0);
    let answer = browser
        .press(&page, "second", "send-code", &[("code", &typed)])
        .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    let claims = claims(&mut browser, &answer).await;
    assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(claims["acr"], "two");
}

// LG-18
// S38
#[tokio::test]
async fn s38_the_secret_of_an_app_is_sealed_in_the_store() {
    let op = Op::start().await;
    let (_, secret) = enrolled(&op).await;
    assert!(secret.len() >= 16);
    let issuer = op.provider.issuer_id();
    let all = op.provider.store().credentials(issuer, op.subject("alice"));
    let all = all.await.unwrap();
    let mut apps = 0;
    for held in &all {
        if let CredentialData::Totp(totp) = &held.data {
            apps += 1;
            assert!(totp.sealed.len() > secret.len());
        }
        let written = serde_json::to_vec(held).unwrap();
        let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|w| w == part);
        assert!(!has(&written, &secret));
        if let CredentialData::Totp(totp) = &held.data {
            assert!(!has(&totp.sealed, secret.split_at(8).0));
        }
        // Nor as a list of numbers, which is how some records are written.
        let numbers = serde_json::to_string(&secret).unwrap();
        let written = String::from_utf8_lossy(&written);
        assert!(!written.contains(numbers.trim_matches(['[', ']'])));
    }
    assert_eq!(apps, 1);
}

#[tokio::test]
async fn a_code_is_good_once_within_a_step_and_tries_are_counted_per_account() {
    let op = Op::start().await;
    let (_, secret) = enrolled(&op).await;
    let used = code(&op, &secret, 0);
    let (mut browser, asked) = after_password(&op, &first()).await;
    let page = asked.text();
    for (what, typed) in [
        ("too old", code(&op, &secret, -2)),
        ("too new", code(&op, &secret, 2)),
    ] {
        let answer = browser
            .press(&page, "second", "send-code", &[("code", &typed)])
            .await;
        assert!(
            answer.text().contains("data-error=\"wrong_code\""),
            "{what}"
        );
    }
    let answer = browser
        .press(&page, "second", "send-code", &[("code", &used)])
        .await;
    assert!(is_signed_in(&answer));
    let (mut browser, asked) = after_password(&op, &first()).await;
    let page = asked.text();
    let answer = browser
        .press(&page, "second", "send-code", &[("code", &used)])
        .await;
    assert!(
        answer.text().contains("data-error=\"wrong_code\""),
        "used before"
    );
    op.clock.advance(900);
    // Each try in a browser of its own: the account is what counts.
    let mut looked_at = 0;
    for _ in 0..20 {
        let (mut browser, asked) = after_password(&op, &first()).await;
        let page = asked.text();
        let answer = browser
            .press(&page, "second", "send-code", &[("code", "123456")])
            .await;
        looked_at += u32::from(answer.status == 200);
        assert!(!is_signed_in(&answer));
    }
    assert!(looked_at <= 5, "{looked_at}");
    let (mut browser, asked) = after_password(&op, &first()).await;
    let typed = code(&op, &secret, 0);
    let answer = browser
        .press(&asked.text(), "second", "send-code", &[("code", &typed)])
        .await;
    assert_eq!(answer.status, 429, "the right one waits, too");
}

// LG-18
#[tokio::test]
async fn tries_of_codes_are_counted_by_all_nodes_together() {
    let op = Op::start().await;
    let (_, secret) = enrolled(&op).await;
    op.clock.advance(900);
    let other = op.another_node().await;
    let nodes = [&op, &other];
    let mut looked_at = 0;
    for number in 0..20 {
        let (mut browser, asked) = after_password(nodes[number % 2], &first()).await;
        let typed = [("code", "123456")];
        let answer = browser
            .press(&asked.text(), "second", "send-code", &typed)
            .await;
        looked_at += u32::from(answer.status == 200);
    }
    // Each node keeps the first two to itself.
    assert!((5..=7).contains(&looked_at), "{looked_at}");
    let third = op.another_node().await;
    for node in [&op, &other, &third] {
        let (mut browser, asked) = after_password(node, &first()).await;
        let typed = code(&op, &secret, 0);
        let answer = browser
            .press(&asked.text(), "second", "send-code", &[("code", &typed)])
            .await;
        assert_eq!(answer.status, 429, "also at a node that has just started");
    }
    op.clock.advance(900);
    let (mut browser, asked) = after_password(&third, &first()).await;
    let typed = code(&op, &secret, 0);
    let answer = browser
        .press(&asked.text(), "second", "send-code", &[("code", &typed)])
        .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
}

// LG-18
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_code_at_once_on_two_nodes_opens_once() {
    let op = Op::start().await;
    let (_, secret) = enrolled(&op).await;
    let typed = code(&op, &secret, 0);
    let other = op.another_node().await;
    let mut tasks = JoinSet::new();
    for number in 0..4 {
        let node = if number % 2 == 0 { &op } else { &other };
        let (mut browser, asked) = after_password(node, &first()).await;
        let typed = typed.clone();
        tasks.spawn(async move {
            let page = asked.text();
            browser
                .press(&page, "second", "send-code", &[("code", &typed)])
                .await
        });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|a| is_signed_in(a)).count(), 1);
}

// AZ-20, LG-19
#[tokio::test]
async fn no_step_is_skipped_by_a_later_address() {
    let op = Op::start().await;
    let (_, secret) = enrolled(&op).await;
    let (mut browser, asked) = after_password(&op, &first()).await;
    let page = asked.text();
    let action = html::form(&page, "second").action;
    for path in [
        "/account",
        "/account/totp",
        "/account/passkeys",
        "/account/recovery-codes",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.location().contains("/sign-in?"), "{path}");
    }
    let (_, query) = action.split_once('?').unwrap();
    for path in ["/consent", "/select-account"] {
        let answer = browser.get(&format!("{path}?{query}")).await;
        assert!(!is_signed_in(&answer), "{path}");
    }
    for pairs in [
        &[("decision", "allow")][..],
        &[("username", "alice"), ("password", "x")],
        &[("recovery", "00000-00000")],
        &[("new_password", "a new battery horse")],
        &[("offer", "x"), ("code", "000000")],
        &[],
    ] {
        let ask = Ask::form(&action, pairs).header("Origin", fixture::ISSUER);
        let answer = browser.send(ask).await;
        assert!(!is_signed_in(&answer), "{pairs:?}");
        assert_eq!(browser.cookie("session"), None, "{pairs:?}");
    }
    // In another browser the address is worth nothing.
    let typed = code(&op, &secret, 0);
    let ask = Ask::form(&action, &[("code", &typed)]).header("Origin", fixture::ISSUER);
    let answer = op.browser().send(ask).await;
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    // Nor after ten minutes, nor twice.
    let mut late = browser.clone();
    let answer = browser
        .press(&page, "second", "send-code", &[("code", &typed)])
        .await;
    assert!(is_signed_in(&answer));
    op.clock.advance(totp::PERIOD);
    let typed = code(&op, &secret, 0);
    let answer = late
        .press(&page, "second", "send-code", &[("code", &typed)])
        .await;
    assert!(!is_signed_in(&answer), "this sign-in has begun its session");
}

#[tokio::test]
async fn a_password_that_changes_meanwhile_proves_nothing_any_more() {
    let op = Op::start().await;
    let (_, secret) = enrolled(&op).await;
    let (mut browser, asked) = after_password(&op, &first()).await;
    let page = asked.text();
    let password = hallpass_types::Secret::new("a new battery horse".to_owned());
    let issuer = op.provider.issuer_id();
    let changed = op
        .accounts
        .set_password(issuer, op.subject("alice"), &password);
    changed.await.unwrap();
    let typed = code(&op, &secret, 0);
    let answer = browser
        .press(&page, "second", "send-code", &[("code", &typed)])
        .await;
    assert!(!is_signed_in(&answer));
    assert_eq!(browser.cookie("session"), None);
}

#[tokio::test]
async fn l27_each_recovery_code_opens_once_and_a_new_set_takes_the_place_of_the_old() {
    let op = Op::start().await;
    let (mut browser, _) = enrolled(&op).await;
    let mut sets = Vec::new();
    for _ in 0..2 {
        let page = browser.get("/account/recovery-codes").await;
        let page = page.text();
        let page = browser
            .press(&page, "new-codes", "make-codes", &[])
            .await
            .text();
        let list = page.split("id=\"codes\"").nth(1).unwrap();
        let codes: Vec<String> = list
            .split("<code>")
            .skip(1)
            .map(|rest| rest.split('<').next().unwrap().to_owned())
            .collect();
        assert_eq!(codes.len(), 10);
        sets.push(codes);
    }
    let page = browser.get("/account/recovery-codes").await.text();
    assert!(!page.contains(&sets[1][0]), "shown once");
    for (code, opens) in [
        (&sets[0][0], false),
        (&sets[1][3], true),
        (&sets[1][3], false),
        (&sets[1][4], true),
    ] {
        let (mut browser, asked) = after_password(&op, &first()).await;
        let page = asked.text();
        let answer = browser
            .press(&page, "recovery", "send-recovery", &[("recovery", code)])
            .await;
        assert_eq!(is_signed_in(&answer), opens, "{code}");
    }
    let page = browser.get("/account/recovery-codes").await.text();
    assert!(
        html::text_of(&page, "codes-left").unwrap().contains('8'),
        "{page}"
    );
}

#[tokio::test]
async fn where_everybody_needs_a_second_factor_it_is_set_up_before_anything_else() {
    let op = Op::with(|p| p.sign_in.second_factor = SecondFactor::Required).await;
    let (mut browser, asked) = after_password(&op, &first()).await;
    let page = asked.text();
    assert!(page.contains("id=\"enrol\""), "{page}");
    assert_eq!(browser.cookie("session"), None);
    let typed = code(&op, &secret_of(&page), 0);
    let answer = browser
        .press(&page, "enrol", "turn-on", &[("code", &typed)])
        .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    assert_eq!(
        claims(&mut browser, &answer).await["amr"],
        json!(["pwd", "otp", "mfa"])
    );
}

// LG-07
#[tokio::test]
async fn a_request_for_more_asks_for_what_is_missing_alone_and_makes_a_new_session() {
    let op = Op::with(|p| {
        p.acr_values = ["one", "two"].map(str::to_owned).to_vec();
        p.sign_in.second_factor = SecondFactor::Off;
    })
    .await;
    let (_, secret) = enrolled(&op).await;
    let (mut browser, answer) = after_password(&op, &first()).await;
    assert!(is_signed_in(&answer));
    let before = browser.cookie("session").unwrap().to_owned();
    let essential = r#"{"id_token":{"acr":{"essential":true,"value":"two"}}}"#;
    let answer = browser.send(first().with("claims", essential).get()).await;
    let page = browser.follow(&answer).await.text();
    assert!(page.contains("id=\"second\"") && !page.contains("id=\"login\""));
    let typed = code(&op, &secret, 0);
    let answer = browser
        .press(&page, "second", "send-code", &[("code", &typed)])
        .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    assert_ne!(browser.cookie("session"), Some(before.as_str()));
    let claims = claims(&mut browser, &answer).await;
    assert_eq!(
        (&claims["acr"], &claims["amr"]),
        (&json!("two"), &json!(["pwd", "otp", "mfa"]))
    );
    // Whoever has nothing more to prove is told to the client.
    let mut bob = op.browser();
    bob.sign_in("bob").await;
    let answer = bob.send(first().with("claims", essential).get()).await;
    let answer = bob.follow(&answer).await;
    assert_eq!(
        wire::param(answer.location(), "error").as_deref(),
        Some("unmet_authentication_requirements")
    );
}

#[tokio::test]
async fn s30_a_password_that_somebody_else_gave_is_changed_before_any_code_is_made() {
    let op = Op::start().await;
    let issuer = op.provider.issuer_id();
    let demanded = op.accounts.demand_change(issuer, op.subject("alice"));
    demanded.await.unwrap();
    let (mut browser, asked) = after_password(&op, &first()).await;
    let page = asked.text();
    assert!(page.contains("id=\"new-password-form\""), "{page}");
    assert_eq!(browser.cookie("session"), None);
    for (problem, typed) in [
        ("too_short", "short"),
        ("unchanged", fixture::password("alice")),
    ] {
        let typed = [("new_password", typed)];
        let answer = browser
            .press(&page, "new-password-form", "save-password", &typed)
            .await;
        assert!(
            answer.text().contains(&format!("data-error=\"{problem}\"")),
            "{problem}: {answer:?}"
        );
    }
    let typed = [("new_password", "a new battery horse")];
    let answer = browser
        .press(&page, "new-password-form", "save-password", &typed)
        .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
}

// LG-19, LG-20
#[tokio::test]
async fn a_session_that_proved_too_little_by_now_changes_nothing() {
    let op = Setup::default()
        .policy(|policy| policy.upstreams = vec![upstream("idp", "https://idp.test")])
        .start()
        .await;
    let mut early = op.browser();
    early.sign_in("alice").await;
    let mut forms = Vec::new();
    for name in [
        "profile", "password", "email", "sessions", "export", "delete",
    ] {
        let page = early.get(&format!("/account/{name}")).await.text();
        let form = html::forms(&page);
        let form = form.iter().find(|form| form.field("form").is_some());
        forms.push((name, form.unwrap().clone()));
    }
    let page = early.get("/linked-accounts").await.text();
    let (_, rest) = page.split_once("/upstream/idp/link?handle=").unwrap();
    let handle = rest.split_once('"').unwrap().0.to_owned();

    // Setting an app up ends the other sessions; this one began in the very moment.
    let app = CredentialRecord {
        subject: op.subject("alice").clone(),
        id: CredentialId([7; 16]),
        data: CredentialData::Totp(Totp {
            sealed: Vec::new(),
            last_step: 0,
        }),
        lookup: None,
        name: String::new(),
        created_at: hallpass_types::Timestamp(op.clock.seconds()),
        last_used_at: None,
        revision: 0,
    };
    let commit = Commit {
        spends: vec![Spend::NewCredential(Box::new(app))],
        writes: Vec::new(),
    };
    let store = op.provider.store();
    store.commit(op.provider.issuer_id(), commit).await.unwrap();
    for (name, form) in forms {
        let pairs = [
            ("form", form.field("form").unwrap()),
            ("claim.name", "Mallory"),
            ("password", "another pass phrase of hers"),
            ("again", "another pass phrase of hers"),
            ("email", "new@new.test"),
            ("typed", "alice"),
            ("end", "others"),
        ];
        let ask = Ask::form(&form.action, &pairs).header("Origin", fixture::ISSUER);
        let answer = early.send(ask).await;
        // Some look at the visitor before they look at the form.
        let asks = answer
            .header("location")
            .is_some_and(|l| l.contains("/sign-in?"));
        let code = html::text_of(&answer.text(), "error-id");
        assert!(
            asks || code.as_deref() == Some("interaction_too_little"),
            "{name}: {}",
            answer.text()
        );
        // The page itself asks for what is missing.
        let shown = early.get(&format!("/account/{name}")).await;
        assert!(shown.location().contains("/sign-in?"), "{name}");
    }
    let target = format!("/upstream/idp/link?handle={handle}");
    let ask = Ask::form(&target, &[]).header("Origin", fixture::ISSUER);
    let page = early.send(ask).await.text();
    let code = html::text_of(&page, "error-id");
    assert_eq!(code.as_deref(), Some("interaction_too_little"), "{page}");
    let shown = early.get("/linked-accounts").await;
    assert!(shown.location().contains("/sign-in?"));
    let user = op.provider.store();
    let user = user
        .user(op.provider.issuer_id(), op.subject("alice"))
        .await;
    let user = user.unwrap().unwrap();
    assert_ne!(user.claims["name"], "Mallory");
    assert_eq!(user.epoch, 0);
}

/// What comes of a recovery code as the first proof.
async fn recover(browser: &mut Browser, name: &str, typed: &str) -> Answer {
    let answer = browser.send(first().get()).await;
    let page = browser.follow(&answer).await.text();
    let typed = [("username", name), ("recovery", typed)];
    browser
        .press(&page, "recovery", "send-recovery", &typed)
        .await
}

fn with_recovery(policy: &mut Policy) {
    policy.sign_in.methods = vec![Method::Password, Method::RecoveryCode];
}

// LG-04, LG-18
#[tokio::test]
async fn a_recovery_code_opens_where_the_person_was_before_however_much_strangers_guess() {
    let op = Op::with(with_recovery).await;
    let (_, secret) = enrolled(&op).await;
    let codes = new_codes(&op, &secret).await;
    let (mut alice, page) = after_password(&op, &first()).await;
    let typed = code(&op, &secret, 0);
    let typed = [("code", &*typed)];
    let answer = alice
        .press(&page.text(), "second", "send-code", &typed)
        .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    alice.drop_cookie("session");
    for _ in 0..8 {
        recover(&mut op.browser(), "alice", "00000-00000").await;
    }
    let strange = recover(&mut op.browser(), "alice", &codes[0]).await;
    assert_eq!(strange.status, 429, "the right one as well");
    let answer = recover(&mut alice, "alice", &codes[0]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let page = alice.follow(&answer).await.text();
    assert!(html::forms(&page).iter().any(|form| form.id == "second"));
    // Nor are there more tries there than elsewhere.
    for _ in 0..5 {
        let answer = recover(&mut alice, "alice", "00000-00000").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let answer = recover(&mut alice, "alice", &codes[1]).await;
    assert_eq!(answer.status, 429);
}

// LG-03, LG-18
#[tokio::test]
async fn one_network_tries_so_many_recovery_codes_whosever_they_are() {
    let op = Op::with(with_recovery).await;
    let mut browser = op.browser();
    let answer = browser.send(first().get()).await;
    let page = browser.follow(&answer).await.text();
    let mut looked_at = 0;
    for number in 0..130 {
        let name = format!("nobody-{}", number / 4);
        let typed = [("username", &*name), ("recovery", "00000-00000")];
        let answer = browser
            .press(&page, "recovery", "send-recovery", &typed)
            .await;
        match answer.status {
            200 => looked_at += 1,
            status => assert_eq!(status, 429, "{}", answer.text()),
        }
    }
    assert_eq!(looked_at, 100);
    op.clock.advance(900);
    let answer = recover(&mut browser, "nobody", "00000-00000").await;
    assert_eq!(answer.status, 200);
}
