//! What somebody who had an account in their hands once, its old mailbox, an old page or the browser after it, can still do
//! with it: nothing.

use hallpass_core::{policy::Policy, record::Activity, sign_in::Method};
use hallpass_provider::{
    browser,
    endpoints::{Removed, Visited},
    ports::MailError,
};
use hallpass_store::{Commit, CredentialData, CredentialRecord, Passkey, Spend};
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, Tokens, fixture, html, wire};
use hallpass_types::{ContentDigest, CredentialId, Opaque, Secret};

use super::{
    people::{mail_to, recovery_link, target},
    second_factor::{self, enrolled},
};

const ALICE: &str = "alice@example.test";
const NEW: &str = "alice@new.test";
const PASSWORD: &str = "another horse battery";

async fn by_mail() -> Op {
    Op::with(|policy| {
        policy.sign_in.methods = vec![Method::Password, Method::EmailCode, Method::MagicLink];
    })
    .await
}

/// Alice moves to another address.
async fn moves(op: &Op) {
    let mut browser = op.browser();
    let answer = browser.get("/account/email").await;
    let page = browser.through_pages("alice", answer).await.text();
    browser
        .press(&page, "change-email", "save", &[("email", NEW)])
        .await;
    let link = target(mail_to(op, NEW).await[0].link()).to_owned();
    let page = browser.get(&link).await.text();
    let answer = browser.press(&page, "link", "confirm", &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
}

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

fn code_in(text: &str) -> String {
    let mut lines = text.lines().map(str::trim);
    let code = lines.find(|l| l.len() == 8 && l.bytes().all(|b| b.is_ascii_digit()));
    code.unwrap().to_owned()
}

// LG-15, LG-21
#[tokio::test]
async fn a_link_in_the_mailbox_of_before_sets_no_password() {
    let op = Op::start().await;
    let link = recovery_link(&op, &mut op.browser()).await;
    let mut thief = op.browser();
    let page = thief.get(&link).await.text();
    moves(&op).await;
    assert_eq!(thief.get(&link).await.status, 400);
    let typed = [("password", PASSWORD), ("again", PASSWORD)];
    let answer = thief.press(&page, "link", "confirm", &typed).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("link_over"));
    let (mut browser, _) = at_sign_in(&op).await;
    browser.sign_in("alice").await;
}

// LG-15, LG-21
#[tokio::test]
async fn a_link_or_code_in_the_mailbox_of_before_signs_nobody_in() {
    let op = by_mail().await;
    // The thief asked for both in a browser of their own, and reads them where alice read once.
    let (mut thief, page) = at_sign_in(&op).await;
    let typed = [("username", ALICE), ("password", "")];
    thief.press(&page, "login", "by-link", &typed).await;
    let link = target(mail_to(&op, ALICE).await[0].link()).to_owned();
    let asked = thief.press(&page, "login", "by-code", &typed).await.text();
    let mails = mail_to(&op, ALICE).await;
    let code = code_in(&mails.last().unwrap().text);
    moves(&op).await;
    let page = thief.get(&link).await.text();
    let answer = thief.press(&page, "link", "confirm", &[]).await;
    assert!(!is_signed_in(&answer) && answer.status >= 400);
    let answer = thief
        .press(&asked, "mail-code", "send-code", &[("mail_code", &code)])
        .await;
    assert!(!is_signed_in(&answer) && answer.status >= 400);
    assert_eq!(thief.cookie("session"), None);
}

#[tokio::test]
async fn a_mail_that_is_sent_again_after_a_change_opens_nothing() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let page = browser.get("/recover").await.text();
    browser
        .press(&page, "recover", "continue", &[("email", ALICE)])
        .await;
    op.mailer.fail(Some(MailError::Failed));
    op.provider.deliver_due().await.unwrap();
    let issuer = op.provider.issuer_id();
    let password = Secret::new("set by the operator".to_owned());
    let reset = op
        .accounts
        .set_password(issuer, op.subject("alice"), &password);
    reset.await.unwrap();
    op.mailer.fail(None);
    op.clock.advance(600);
    op.provider.deliver_due().await.unwrap();
    assert!(op.mailer.to(ALICE).is_empty());
}

#[tokio::test]
async fn a_mailed_code_belongs_to_the_request_in_which_it_was_asked_for() {
    let op = by_mail().await;
    let (mut browser, page) = at_sign_in(&op).await;
    let typed = [("username", ALICE), ("password", "")];
    let asked = browser
        .press(&page, "login", "by-code", &typed)
        .await
        .text();
    let code = code_in(&mail_to(&op, ALICE).await[0].text);
    // Another application's request, in the same browser.
    let mut tab = browser.clone();
    let answer = tab.send(Request::of("web", "openid").get()).await;
    let other = html::form(&tab.follow(&answer).await.text(), "login").action;
    let form = html::form(&asked, "mail-code");
    let waiting = form.field("waiting").unwrap();
    let pairs = [("mail_code", code.as_str()), ("waiting", waiting)];
    let ask = Ask::form(&other, &pairs).header("Origin", fixture::ISSUER);
    let answer = tab.send(ask).await;
    assert!(answer.text().contains("link_over"), "{}", answer.text());
    assert_eq!(tab.cookie("session"), None);
    // In its own it is still good.
    let answer = browser
        .press(&asked, "mail-code", "send-code", &[("mail_code", &code)])
        .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
}

/// A browser in which bob is used and alice waits.
async fn two_accounts(op: &Op) -> Browser {
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let request = Request::of("first", "openid").with("prompt", "select_account");
    let answer = browser.send(request.get()).await;
    let page = browser.follow(&answer).await.text();
    let action = html::form(&page, "select-account").action;
    let ask = Ask::form(&action, &[("account", "")]).header("Origin", fixture::ISSUER);
    let answer = browser.send(ask).await;
    let answer = browser.through_pages("bob", answer).await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    assert!(browser.cookie("others").is_some());
    browser
}

async fn sessions_of(op: &Op, name: &str) -> usize {
    let store = op.provider.store();
    let issuer = op.provider.issuer_id();
    let all = store.account_sessions(issuer, op.subject(name)).await;
    all.unwrap().len()
}

// LO-08: whoever uses the browser next
#[tokio::test]
async fn signing_out_leaves_no_account_behind_in_the_browser() {
    for way in ["logout", "everywhere", "one", "delete"] {
        let op = Op::start().await;
        let mut browser = two_accounts(&op).await;
        let waiting = browser.cookie("others").unwrap().to_owned();
        match way {
            "logout" => {
                let answer = browser.get("/logout").await;
                let page = browser.follow(&answer).await.text();
                let form = html::forms(&page).remove(0);
                let pairs = [("decision", "everywhere"), ("logout", "yes")];
                let ask = Ask::form(&form.action, &pairs).header("Origin", fixture::ISSUER);
                browser.send(ask).await;
            }
            "everywhere" => {
                let page = browser.get("/account").await.text();
                browser
                    .press(&page, "everywhere", "sign-out-everywhere", &[])
                    .await;
            }
            "one" => {
                let page = browser.get("/account/sessions").await.text();
                let form = html::form(&page, "end-sessions");
                let issuer = op.provider.issuer_id();
                let store = op.provider.store();
                let all = store.account_sessions(issuer, op.subject("bob")).await;
                let sid = all.unwrap()[0].1.sid.as_str().to_owned();
                let pairs = [
                    ("form", form.field("form").unwrap()),
                    ("session", &sid),
                    ("end", "one"),
                ];
                let ask = Ask::form("/account/sessions", &pairs);
                browser.send(ask.header("Origin", fixture::ISSUER)).await;
            }
            _ => {
                let page = browser.get("/account/delete").await.text();
                browser
                    .press(&page, "delete", "delete-account", &[("typed", "bob")])
                    .await;
            }
        }
        assert_eq!(browser.cookie("session"), None, "{way}");
        assert_eq!(browser.cookie("others"), None, "{way}");
        assert_eq!(sessions_of(&op, "alice").await, 0, "{way}");
        // Nor does the cookie open anything that somebody kept.
        browser.set_cookie("__Host-hallpass_others", &waiting);
        let request = Request::of("first", "openid").with("prompt", "select_account");
        let answer = browser.send(request.get()).await;
        let page = browser.follow(&answer).await.text();
        assert!(page.contains("id=\"login\""), "{way}: {page}");
    }
}

// LG-17
#[tokio::test]
async fn a_forced_change_of_password_ends_what_was_there_and_is_told() {
    let op = Op::start().await;
    let mut other = op.browser();
    other.sign_in("alice").await;
    let issuer = op.provider.issuer_id();
    let demanded = op.accounts.demand_change(issuer, op.subject("alice"));
    demanded.await.unwrap();
    let (mut browser, page) = at_sign_in(&op).await;
    let typed = [
        ("username", "alice"),
        ("password", fixture::password("alice")),
    ];
    let answer = browser.press(&page, "login", "sign-in", &typed).await;
    let page = browser.follow(&answer).await.text();
    let typed = [("new_password", PASSWORD)];
    let answer = browser
        .press(&page, "new-password-form", "save-password", &typed)
        .await;
    assert!(is_signed_in(&answer), "{}", answer.text());
    assert_eq!(sessions_of(&op, "alice").await, 1, "the new one alone");
    let answer = other.send(Request::of("first", "openid").get()).await;
    assert!(!is_signed_in(&answer));
    let told = mail_to(&op, ALICE).await;
    assert!(told.iter().any(|mail| mail.subject.contains("password")));
    let noted = op
        .provider
        .store()
        .activity_of(issuer, op.subject("alice"), 9);
    let noted = noted.await.unwrap();
    assert!(noted.iter().any(|a| a.what == Activity::PasswordChanged));
}

// LG-20
#[tokio::test]
async fn a_page_to_choose_a_password_is_over_when_an_operator_sets_one() {
    let op = Op::start().await;
    let issuer = op.provider.issuer_id();
    let demanded = op.accounts.demand_change(issuer, op.subject("alice"));
    demanded.await.unwrap();
    let (mut thief, page) = at_sign_in(&op).await;
    let typed = [
        ("username", "alice"),
        ("password", fixture::password("alice")),
    ];
    let answer = thief.press(&page, "login", "sign-in", &typed).await;
    let page = thief.follow(&answer).await.text();
    let reset = Secret::new("set by the operator".to_owned());
    let set = op
        .accounts
        .set_password(issuer, op.subject("alice"), &reset);
    let set = set.await.unwrap();
    let typed = [("new_password", PASSWORD)];
    let answer = thief
        .press(&page, "new-password-form", "save-password", &typed)
        .await;
    assert!(!is_signed_in(&answer));
    let store = op.provider.store();
    let now = store.user(issuer, op.subject("alice")).await.unwrap();
    assert_eq!(now.unwrap().password, set.password);
}

#[tokio::test]
async fn a_new_device_is_told_to_whoever_was_away_for_long() {
    let op = Op::start().await;
    op.browser().sign_in("alice").await;
    assert!(mail_to(&op, ALICE).await.is_empty(), "the very first");
    op.clock.advance(91 * 86_400 + 7200);
    while op.provider.purge().await.unwrap() > 0 {}
    op.browser().sign_in("alice").await;
    assert_eq!(mail_to(&op, ALICE).await.len(), 1);
}

/// A browser at a page of alice's account, and what it shows.
async fn at(op: &Op, path: &str) -> (Browser, String) {
    let mut browser = op.browser();
    let answer = browser.get(path).await;
    let page = browser.through_pages("alice", answer).await.text();
    (browser, page)
}

// LG-17
#[tokio::test]
async fn an_app_that_is_set_up_ends_the_sessions_from_before_and_is_told() {
    let op = Op::start().await;
    let mut thief = op.browser();
    thief.sign_in("alice").await;
    let before = mail_to(&op, ALICE).await.len();
    let (mut browser, _) = enrolled(&op).await;
    let answer = thief.send(Request::of("first", "openid").get()).await;
    assert!(!is_signed_in(&answer), "{}", answer.location());
    let answer = browser.send(Request::of("first", "openid").get()).await;
    assert!(
        is_signed_in(&answer),
        "the one in which it was set up stays"
    );
    // Both were shown in it: nothing more is asked, and clients are told.
    let page = browser.get("/account/totp").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let code = wire::param(answer.location(), "code").unwrap();
    let told = Tokens::of(&browser.redeem("first", &code).await).claims();
    assert_eq!(told["amr"], serde_json::json!(["pwd", "otp", "mfa"]));
    let told = mail_to(&op, ALICE).await;
    let told = told[before..].iter().map(|mail| mail.text.as_str());
    assert!(
        told.into_iter()
            .any(|text| text.contains("Authenticator app set up"))
    );
}

#[tokio::test]
async fn new_recovery_codes_are_told_to_the_person_and_to_nobody_whose_address_is_not_confirmed() {
    let op = Op::start().await;
    let (mut browser, page) = at(&op, "/account/recovery-codes").await;
    browser.press(&page, "new-codes", "make-codes", &[]).await;
    let told = mail_to(&op, ALICE).await;
    let last = &told.last().unwrap().text;
    assert!(last.contains("New recovery codes made"), "{last}");
    assert!(last.contains("https://op.test/account/activity"), "{last}");
    let mut bob = op.browser();
    let answer = bob.get("/account/recovery-codes").await;
    let page = bob.through_pages("bob", answer).await.text();
    bob.press(&page, "new-codes", "make-codes", &[]).await;
    op.provider.deliver_due().await.unwrap();
    assert!(op.mailer.to("bob@example.test").is_empty());
}

// LG-04: what a stranger can keep the owner of an address from
#[tokio::test]
async fn who_uses_up_the_mails_of_an_address_keeps_nobody_from_signing_in_or_being_invited() {
    let op = by_mail().await;
    for address in [ALICE, NEW] {
        for _ in 0..6 {
            let mut stranger = op.browser();
            let page = stranger.get("/recover").await.text();
            let typed = [("email", address)];
            stranger.press(&page, "recover", "continue", &typed).await;
        }
    }
    assert_eq!(mail_to(&op, ALICE).await.len(), 5);
    assert!(mail_to(&op, NEW).await.is_empty());
    let (mut browser, page) = at_sign_in(&op).await;
    let typed = [("username", ALICE), ("password", "")];
    browser.press(&page, "login", "by-code", &typed).await;
    assert_eq!(mail_to(&op, ALICE).await.len(), 6);
    let address = hallpass_types::EmailAddress::parse(NEW).unwrap();
    for number in 1..=6 {
        op.provider.invite(&address).await.unwrap();
        assert_eq!(mail_to(&op, NEW).await.len(), number);
    }
}

// LG-04: where the owner signed in before, strangers use nothing up
#[tokio::test]
async fn the_owner_of_an_address_has_mails_left_where_they_signed_in_before() {
    let op = by_mail().await;
    let asked = async |browser: &mut Browser| {
        let page = browser.get("/recover").await.text();
        let typed = [("email", ALICE)];
        let answer = browser.press(&page, "recover", "continue", &typed).await;
        (answer.text(), mail_to(&op, ALICE).await.len())
    };
    let mut alice = op.browser();
    alice.sign_in("alice").await;
    let mut bob = op.browser();
    bob.sign_in("bob").await;
    let mut strange = op.browser();
    for _ in 0..5 {
        asked(&mut op.browser()).await;
    }
    let sent = mail_to(&op, ALICE).await.len();
    let (page, number) = asked(&mut strange).await;
    assert_eq!(number, sent, "it was used up");
    let own = alice.cookie("known").unwrap().to_owned();
    for mut other in [bob, {
        let mut flipped = own.clone().into_bytes();
        flipped[30] ^= 1;
        let mut browser = op.browser();
        let flipped = String::from_utf8_lossy(&flipped).into_owned();
        browser.set_cookie("__Host-hallpass_known", &flipped);
        browser
    }] {
        assert_eq!(
            asked(&mut other).await.1,
            sent,
            "nor is there one for others"
        );
    }
    for more in 1..=5 {
        let (own, number) = asked(&mut alice).await;
        assert_eq!(number, sent + more);
        // What is shown does not tell whether anything is sent.
        assert_eq!(words(&own), words(&page));
    }
    assert_eq!(asked(&mut alice).await.1, sent + 5, "there is an end");
}

/// What a page says, without its markup.
fn words(page: &str) -> String {
    let parts = page.split('<').skip(1);
    parts
        .filter_map(|part| part.split_once('>'))
        .map(|(_, text)| text.trim())
        .collect()
}

// LG-21: a link to an address that the person does not want any more
#[tokio::test]
async fn a_link_to_confirm_an_address_is_over_once_another_one_was_confirmed() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let answer = browser.get("/account/email").await;
    let mut page = browser.through_pages("alice", answer).await.text();
    let mut links = Vec::new();
    for address in ["mistyped@new.test", NEW] {
        op.clock.advance(1);
        let typed = [("email", address)];
        browser.press(&page, "change-email", "save", &typed).await;
        links.push(target(mail_to(&op, address).await[0].link()).to_owned());
        page = browser.get("/account/email").await.text();
    }
    // Nobody else confirms it, however often they look.
    let mut stranger = op.browser();
    let pressed = Ask::form(&links[0], &[("confirm", "yes")]);
    let answer = stranger.send(pressed.header("Origin", fixture::ISSUER));
    assert_ne!(answer.await.status, 200);
    op.clock.advance(1);
    let old = browser.get(&links[0]).await.text();
    let shown = browser.get(&links[1]).await.text();
    let answer = browser.press(&shown, "link", "confirm", &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let answer = browser.press(&old, "link", "confirm", &[]).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let page = browser.get("/account/email").await.text();
    assert!(page.contains(NEW) && !page.contains("mistyped"), "{page}");
}

// LG-27: as at sign-in, so on every other page of it
#[tokio::test]
async fn no_parameter_of_recovery_sign_up_or_a_second_step_leads_away() {
    let op = Op::with(|policy| {
        policy.people.sign_up = hallpass_core::policy::SignUp::Open;
    })
    .await;
    enrolled(&op).await;
    let (mut browser, page) = at_sign_in(&op).await;
    let password = fixture::password("alice");
    let typed = [("username", "alice"), ("password", password)];
    let second = browser.press(&page, "login", "sign-in", &typed).await;
    let second = target(second.location()).to_owned();
    let sign_up = page.split_once("id=\"to-sign-up\" href=\"").unwrap().1;
    let sign_up = html::decode(sign_up.split('"').next().unwrap());
    let sign_up = sign_up.trim_start_matches(fixture::ISSUER).to_owned();
    let link = recovery_link(&op, &mut op.browser()).await;
    for path in ["/recover", &sign_up, &second, &link, "/account", "/logout"] {
        let joined = if path.contains('?') { '&' } else { '?' };
        for place in [
            "//evil.test",
            "https://evil.test",
            "/\\evil.test",
            "https:evil.test",
        ] {
            for name in ["return_to", "next", "continue", "redirect", "url", "back"] {
                let extra = wire::encode(&[(name, place)]);
                let asked = format!("{path}{joined}{extra}");
                let typed = [(name, place), ("email", ALICE), ("code", "000000")];
                let form = Ask::form(&asked, &typed).header("Origin", fixture::ISSUER);
                for ask in [Ask::get(&asked), form] {
                    let answer = browser.clone().send(ask).await;
                    let location = answer.header("location").unwrap_or_default();
                    assert!(!location.contains("evil"), "{path}: {location}");
                    assert!(
                        !answer.text().contains("evil.test"),
                        "{path}: {name}={place}"
                    );
                }
            }
        }
    }
}

// LG-20, LG-31: the session was looked at before the owner ended it, and the change arrives after
#[tokio::test]
async fn what_is_sent_in_a_session_that_ends_meanwhile_adds_no_way_to_sign_in() {
    let op = Op::start().await;
    let mut thief = op.browser();
    thief.sign_in("alice").await;
    let cookies = browser::Browser {
        session: thief.cookie("session").and_then(Opaque::parse),
        binding: thief.cookie("browser").map(str::to_owned),
        ..browser::Browser::default()
    };
    let provider = &op.provider;
    let visited = provider.visit(&cookies, "/account/totp", true).await;
    let Visited::Here(visitor) = visited.unwrap().0 else {
        panic!("the thief's session is a good one");
    };
    let session = visitor.session_name();
    let offer = provider.offer_totp(visitor.account(), session, "Example");
    let offer = offer.unwrap();
    let shown = format!("<p id=\"totp-secret\">{}</p>", offer.secret);
    let typed = second_factor::code(&op, &second_factor::secret_of(&shown), 0);

    let mut owner = op.browser();
    let answer = owner.get("/account").await;
    let page = owner.through_pages("alice", answer).await.text();
    let answer = owner.press(&page, "everywhere", "sign-out-everywhere", &[]);
    assert_eq!(answer.await.status, 303);

    let given = (&*offer.sealed, &*typed);
    let added = provider.add_totp(&visitor, given, &cookies).await;
    assert!(!matches!(added, Ok(Ok(_))), "{added:?}");
    let made = provider.new_recovery_codes(&visitor, &cookies).await;
    assert!(made.is_err(), "{made:?}");
    let key = CredentialRecord {
        id: CredentialId([1; 16]),
        lookup: Some(ContentDigest([1; 32])),
        data: CredentialData::Passkey(Box::new(Passkey {
            credential_id: vec![1; 16],
            public_key: vec![1],
            algorithm: -7,
            counter: 0,
            aaguid: [0; 16],
            transports: Vec::new(),
            backup_eligible: false,
            backed_up: false,
            cloned_at: None,
        })),
        ..provider.totp_from_elsewhere(op.subject("alice"), &[1; 20])
    };
    let commit = Commit {
        spends: vec![Spend::NewCredential(Box::new(key.clone()))],
        writes: Vec::new(),
    };
    provider.commit_change(commit).await.unwrap();
    let all = provider.credentials(op.subject("alice")).await.unwrap();
    assert!(all.contains(&key));
    for held in &all {
        let removed = provider.remove_credential(&visitor, held.id, &cookies);
        assert!(!matches!(removed.await, Ok(Removed::Done)), "{held:?}");
        let renamed = provider.rename_credential(&visitor, held.id, "mine", &cookies);
        assert!(!matches!(renamed.await, Ok(true)), "{held:?}");
    }
    let left = provider.credentials(op.subject("alice")).await.unwrap();
    assert_eq!(left, all);
    assert_eq!(thief.get("/account").await.status, 303);
}

// LG-29
#[tokio::test]
async fn a_session_that_nobody_uses_ends_and_one_that_is_used_ends_with_its_time() {
    const HOUR: i64 = 3600;
    let short = |policy: &mut Policy| {
        policy.lifetimes.session = 12 * HOUR;
        policy.lifetimes.session_idle = 3 * HOUR;
    };
    let op = Op::with(short).await;
    let other = Setup::default().policy(short).joining(&op).start().await;
    let mut idle = op.browser();
    idle.sign_in("alice").await;
    let mut used = op.browser();
    used.sign_in("alice").await;
    let mut looked = op.browser();
    looked.sign_in("alice").await;
    let stolen = used.cookie("session").unwrap().to_owned();
    for hour in 1..=11 {
        op.clock.advance(HOUR);
        let answer = used.send(Request::of("first", "openid").get()).await;
        assert!(is_signed_in(&answer), "{hour}");
        let page = looked.get("/account/sessions").await;
        assert_eq!(page.status, 200, "{hour}");
        // On another node, too, and even though nobody signed it out.
        if hour == 3 {
            let silent = Request::of("first", "openid").with("prompt", "none");
            let mut elsewhere = other.browser();
            let value = idle.cookie("session").unwrap();
            elsewhere.set_cookie("__Host-hallpass_session", value);
            let answer = elsewhere.send(silent.get()).await;
            let error = wire::param(answer.location(), "error");
            assert_eq!(error.as_deref(), Some("login_required"));
            assert_eq!(page.text().matches("data-session").count(), 2);
        }
    }
    op.clock.advance(HOUR);
    let answer = used.send(Request::of("first", "openid").get()).await;
    assert!(!is_signed_in(&answer), "its time is over");
    let mut late = op.browser();
    late.set_cookie("__Host-hallpass_session", &stolen);
    assert_eq!(late.get("/account").await.status, 303);
}

#[tokio::test]
async fn one_link_lets_so_many_passwords_be_hashed_and_no_more() {
    let op = Op::start().await;
    let link = recovery_link(&op, &mut op.browser()).await;
    let mut browser = op.browser();
    let page = browser.get(&link).await.text();
    let mut busy = 0;
    for _ in 0..12 {
        let typed = [("password", "short"), ("again", "short")];
        let answer = browser.press(&page, "link", "confirm", &typed).await;
        busy += u32::from(answer.status == 429);
    }
    assert_eq!(busy, 2);
}

/// So many more sessions of a person as one read of the store answers, and another.
async fn crowded(op: &Op, name: &str) {
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let all = store.account_sessions(issuer, op.subject(name)).await;
    let (key, record) = all.unwrap().remove(0);
    let mut writes = Vec::new();
    for n in 0..=hallpass_store::MAX_PAGE {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&u64::try_from(n).unwrap().to_be_bytes());
        let more = hallpass_types::Key::from_parts(key.bucket, id);
        let mut record = record.clone();
        record.earlier = Vec::new();
        record.sid = hallpass_types::Sid::parse(&format!("more-{n}")).unwrap();
        writes.push(hallpass_store::Write::Session(more, Box::new(record)));
    }
    let commit = Commit {
        spends: Vec::new(),
        writes,
    };
    store.commit(issuer, commit).await.unwrap();
}

// LG-17: however many sessions there are
#[tokio::test]
async fn signing_out_everywhere_ends_more_sessions_than_are_read_at_a_time() {
    for grants_end in [true, false] {
        let op = Op::with(move |policy| policy.people.sign_out_ends_grants = grants_end).await;
        let mut browser = op.browser();
        browser.sign_in("alice").await;
        crowded(&op, "alice").await;
        let page = browser.get("/account").await.text();
        browser
            .press(&page, "everywhere", "sign-out-everywhere", &[])
            .await;
        assert_eq!(sessions_of(&op, "alice").await, 0);
    }
}

// LG-17
#[tokio::test]
async fn ending_all_other_sessions_leaves_this_one_alone_however_many_there_are() {
    let op = Op::start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    crowded(&op, "alice").await;
    let page = browser.get("/account/sessions").await.text();
    let form = html::form(&page, "end-sessions");
    let pairs = [("form", form.field("form").unwrap()), ("end", "others")];
    let ask = Ask::form("/account/sessions", &pairs).header("Origin", fixture::ISSUER);
    browser.send(ask).await;
    assert_eq!(sessions_of(&op, "alice").await, 1);
    assert_eq!(browser.get("/account").await.status, 200);
    // An operator's word ends that one, too.
    crowded(&op, "alice").await;
    let ended = op.provider.end_sessions_of(op.subject("alice")).await;
    assert_eq!(ended.unwrap(), hallpass_store::MAX_PAGE + 2);
    assert_eq!(sessions_of(&op, "alice").await, 0);
}
