//! Making an account, and getting back into one.

use hallpass_core::{policy::SignUp, sign_in::Method};
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, ports::Sent, wire};
use hallpass_types::{EmailAddress, Subject};
use serde_json::Value;

const NEW: &str = "ada@new.test";
const PASSWORD: &str = "correct horse battery";

pub(crate) async fn open() -> Op {
    Op::with(|policy| policy.people.sign_up = SignUp::Open).await
}

/// A browser on the page to make an account, within a request of the client `first`.
async fn at_sign_up(op: &Op) -> (Browser, String) {
    let mut browser = op.browser();
    let request = Request::of("first", "openid email").with("prompt", "create");
    let answer = browser.send(request.get()).await;
    let page = browser.follow(&answer).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    (browser, text)
}

async fn ask_for(browser: &mut Browser, page: &str, form: &str, address: &str) -> Answer {
    browser
        .press(page, form, "continue", &[("email", address)])
        .await
}

/// Everything that waits is sent. Answers what went to an address.
pub(crate) async fn mail_to(op: &Op, address: &str) -> Vec<Sent> {
    op.provider.deliver_due().await.unwrap();
    op.mailer.to(address)
}

pub(crate) fn target(link: &str) -> &str {
    link.strip_prefix("https://op.test").unwrap()
}

pub(crate) async fn choose(browser: &mut Browser, page: &str, password: &str) -> Answer {
    let typed = [("password", password), ("again", password)];
    browser.press(page, "link", "confirm", &typed).await
}

/// The person of the fixture whose address is verified.
const ALICE: &str = "alice@example.test";

// S51, L24
#[tokio::test]
async fn s51_who_makes_an_account_comes_back_to_the_application_in_the_same_browser() {
    //= test OIDC-PROMPT-CREATE#4.1 with prompt=create the person sees the page to make an account first
    let op = open().await;
    let (mut browser, page) = at_sign_up(&op).await;
    let sent = ask_for(&mut browser, &page, "sign-up", NEW).await;
    assert_eq!(sent.status, 200);
    let mails = mail_to(&op, NEW).await;
    assert_eq!(mails.len(), 1);
    let link = target(mails[0].link()).to_owned();
    // Looking at it, as programs do that read mail, changes nothing, from wherever.
    for _ in 0..3 {
        let seen = op.browser().get(&link).await;
        assert_eq!(seen.status, 200);
        op.browser()
            .send(Ask {
                method: "HEAD".to_owned(),
                ..Ask::get(&link)
            })
            .await;
    }
    let page = browser.get(&link).await.text();
    let answer = choose(&mut browser, &page, PASSWORD).await;
    let answer = browser.through_pages("alice", answer).await;
    let code = wire::param(answer.location(), "code").expect("a code");
    let tokens = browser.redeem("first", &code).await;
    let access = tokens.json()["access_token"].as_str().unwrap().to_owned();
    let told: Value = browser.userinfo(&access).await.json();
    assert_eq!(told["email"], NEW);
    assert_eq!(told["email_verified"], true);
    // Used once.
    let again = browser.get(&link).await;
    assert_eq!(again.status, 400);
    assert!(again.text().contains("link_over"));
}

// LG-06
#[tokio::test]
async fn l27_nothing_tells_a_stranger_whether_an_address_has_an_account() {
    let op = open().await;
    for form in ["sign-up", "recover"] {
        let mut pages = Vec::new();
        for address in [ALICE, "nobody@new.test", "bob@example.test"] {
            let (mut browser, page) = if form == "sign-up" {
                at_sign_up(&op).await
            } else {
                let mut browser = op.browser();
                let page = browser.get("/recover").await.text();
                (browser, page)
            };
            let answer = ask_for(&mut browser, &page, form, address).await;
            let text = answer.text().replace(address, "ADDRESS");
            // The way back to the request is another one for each.
            let text: String = text
                .split("handle=")
                .map(|piece| piece.split_once('"').map_or(piece, |(_, rest)| rest))
                .collect();
            pages.push((answer.status, text, answer.all("set-cookie").count()));
        }
        assert_eq!(pages[0], pages[1], "{form}");
        assert_eq!(pages[0], pages[2], "{form}");
    }
    // What is in the store is the same, too: one mail and one link for each.
    let issuer = op.provider.issuer_id();
    let now = op.provider.now();
    let store = op.provider.store();
    let waiting = store.due_deliveries(issuer, now, 50).await.unwrap();
    assert_eq!(waiting.len(), 6);
    let lengths: std::collections::BTreeSet<usize> = waiting
        .iter()
        .filter(|(_, record)| format!("{record:?}").contains("recover"))
        .map(|(_, record)| serde_json::to_string(record).unwrap().len() / 64)
        .collect();
    assert!(lengths.len() <= 2, "{lengths:?}");
    // The owner alone is told.
    let owner = mail_to(&op, ALICE).await;
    assert!(owner.iter().any(|mail| mail.text.contains("already")));
    assert_eq!(
        mail_to(&op, "nobody@new.test").await.len(),
        1,
        "only to sign up"
    );
    // An address that nobody has confirmed is nobody's.
    assert_eq!(mail_to(&op, "bob@example.test").await.len(), 1);
}

// LG-15: login CSRF by a link
#[tokio::test]
async fn a_link_to_sign_up_signs_nobody_in_who_did_not_begin_here() {
    let op = open().await;
    let (mut mallory, page) = at_sign_up(&op).await;
    ask_for(&mut mallory, &page, "sign-up", NEW).await;
    let link = target(mail_to(&op, NEW).await[0].link()).to_owned();
    let mut victim = op.browser();
    let page = victim.get(&link).await.text();
    let answer = choose(&mut victim, &page, PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("link-done"));
    assert_eq!(victim.cookie("session"), None);
    assert_eq!(mallory.cookie("session"), None);
    // The account is there, and its password is known to whoever read the mail.
    let answer = victim.send(Request::of("first", "openid").get()).await;
    let page = victim.follow(&answer).await.text();
    let typed = [("username", NEW), ("password", PASSWORD)];
    let answer = victim.press(&page, "login", "sign-in", &typed).await;
    assert!(wire::param(answer.location(), "code").is_some());
}

#[tokio::test]
async fn of_many_that_use_a_link_at_once_one_makes_the_account() {
    let op = open().await;
    let (mut browser, page) = at_sign_up(&op).await;
    ask_for(&mut browser, &page, "sign-up", NEW).await;
    let link = target(mail_to(&op, NEW).await[0].link()).to_owned();
    let other = op.another_node().await;
    let mut tries = tokio::task::JoinSet::new();
    for number in 0..8 {
        let mut browser = if number % 2 == 0 {
            op.browser()
        } else {
            other.browser()
        };
        let link = link.clone();
        tries.spawn(async move {
            let page = browser.get(&link).await;
            if page.status != 200 {
                return false;
            }
            let answer = choose(&mut browser, &page.text(), PASSWORD).await;
            answer.status == 200 && answer.text().contains("link-done")
        });
    }
    let made = tries
        .join_all()
        .await
        .into_iter()
        .filter(|done| *done)
        .count();
    assert_eq!(made, 1);
}

// LG-25
#[tokio::test]
async fn nobody_makes_an_account_where_that_is_not_offered() {
    let closed = Op::start().await;
    let mut browser = closed.browser();
    let request = Request::of("first", "openid").with("prompt", "create");
    let answer = browser.send(request.get()).await;
    let error = wire::param(answer.location(), "error");
    assert_eq!(error.as_deref(), Some("invalid_request"));
    let answer = browser.send(Request::of("first", "openid").get()).await;
    let sign_in = browser.follow(&answer).await.text();
    assert!(!sign_in.contains("to-sign-up"));
    let handle = answer
        .location()
        .split_once("handle=")
        .unwrap()
        .1
        .to_owned();
    // A handle of another page does not open it, nor does a direct POST.
    for ask in [
        Ask::get(&format!("/sign-up?handle={handle}")),
        Ask::form(&format!("/sign-up?handle={handle}"), &[("email", NEW)])
            .header("Origin", "https://op.test"),
    ] {
        assert_eq!(browser.send(ask).await.status, 404);
    }
    closed.provider.deliver_due().await.unwrap();
    assert!(closed.mailer.sent().is_empty());
    // By invitation it is as closed to strangers.
    let invited = Op::with(|policy| policy.people.sign_up = SignUp::Invitation).await;
    let address = EmailAddress::parse(NEW).unwrap();
    invited.provider.invite(&address).await.unwrap();
    let mut browser = invited.browser();
    assert_eq!(
        browser
            .get(&format!("/sign-up?handle={handle}"))
            .await
            .status,
        404
    );
    let link = target(mail_to(&invited, NEW).await[0].link()).to_owned();
    let page = browser.get(&link).await.text();
    let answer = choose(&mut browser, &page, PASSWORD).await;
    assert!(answer.text().contains("link-done"), "{}", answer.text());
}

// LG-26
#[tokio::test]
async fn a_form_to_sign_up_takes_nothing_but_what_it_asks_for() {
    let op = open().await;
    let (mut browser, page) = at_sign_up(&op).await;
    ask_for(&mut browser, &page, "sign-up", NEW).await;
    let link = target(mail_to(&op, NEW).await[0].link()).to_owned();
    let page = browser.get(&link).await.text();
    let typed = [
        ("password", PASSWORD),
        ("again", PASSWORD),
        ("name", "Ada <b>"),
        ("username", "alice"),
        ("email", ALICE),
        ("sub", "chosen"),
        ("role", "admin"),
        ("claim.groups", "admin"),
        ("is_admin", "true"),
    ];
    browser.press(&page, "link", "confirm", &typed).await;
    let issuer = op.provider.issuer_id();
    let store = op.provider.store();
    let user = store.user_by_name(issuer, NEW).await.unwrap().unwrap();
    assert_ne!(user.subject, Subject::parse("chosen").unwrap());
    let mut names: Vec<_> = user.claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["email", "email_verified", "name"]);
}

// LG-10
#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let op = open().await;
    let (mut browser, page) = at_sign_up(&op).await;
    ask_for(&mut browser, &page, "sign-up", NEW).await;
    let link = target(mail_to(&op, NEW).await[0].link()).to_owned();
    let action = hallpass_testkit::html::form(&page, "sign-up").action;
    for (target, pairs) in [
        (action.as_str(), vec![("email", "x@new.test")]),
        ("/recover", vec![("email", ALICE)]),
        (
            link.as_str(),
            vec![
                ("confirm", "yes"),
                ("password", PASSWORD),
                ("again", PASSWORD),
            ],
        ),
    ] {
        for origin in ["https://evil.test", "null"] {
            let ask = Ask::form(target, &pairs).header("Origin", origin);
            assert_eq!(browser.send(ask).await.status, 403, "{target} {origin}");
        }
    }
    assert_eq!(mail_to(&op, ALICE).await.len(), 0);
    assert_eq!(browser.get(&link).await.status, 200, "the link still works");
}

// LG-23
#[tokio::test]
async fn what_is_no_address_is_mailed_nothing() {
    let op = open().await;
    let (mut browser, page) = at_sign_up(&op).await;
    for typed in [
        "a@b.test\r\nBcc: x@y.test",
        "a@b.test,c@d.test",
        "a@@b.test",
        "\"a b\"@c.test",
        "a@b",
        "",
    ] {
        let answer = ask_for(&mut browser, &page, "sign-up", typed).await;
        assert!(
            answer.text().contains("data-error=\"address\""),
            "{typed:?}"
        );
    }
    let long = format!("{}@b.test", "a".repeat(1000));
    let answer = ask_for(&mut browser, &page, "sign-up", &long).await;
    assert!(answer.text().contains("data-error=\"address\""));
    op.provider.deliver_due().await.unwrap();
    assert!(op.mailer.sent().is_empty());
}

#[tokio::test]
async fn nobody_is_flooded_with_mail_and_nobody_is_told() {
    let op = Op::with(|policy| policy.people.mails_per_network = 8).await;
    let mut answers = Vec::new();
    for _ in 0..10 {
        let mut browser = op.browser();
        let page = browser.get("/recover").await.text();
        let answer = ask_for(&mut browser, &page, "recover", ALICE).await;
        answers.push((answer.status, answer.header("retry-after").is_some()));
    }
    assert!(
        answers[..8].iter().all(|a| *a == (200, false)),
        "{answers:?}"
    );
    assert!(
        answers[8..].iter().all(|a| *a == (429, true)),
        "{answers:?}"
    );
    assert_eq!(mail_to(&op, ALICE).await.len(), 5);
    op.clock.advance(3600);
    let mut browser = op.browser();
    let page = browser.get("/recover").await.text();
    ask_for(&mut browser, &page, "recover", ALICE).await;
    assert_eq!(mail_to(&op, ALICE).await.len(), 6);
}

#[tokio::test]
async fn nodes_count_mails_together() {
    let op = Op::start().await;
    let other = op.another_node().await;
    for number in 0..20 {
        let node = [&op, &other][number % 2];
        let mut browser = node.browser();
        let page = browser.get("/recover").await.text();
        ask_for(&mut browser, &page, "recover", ALICE).await;
    }
    // Each node keeps the first two to itself.
    let sent = mail_to(&op, ALICE).await.len();
    assert!((5..=7).contains(&sent), "{sent}");
}

/// A link with which alice sets a new password, asked for in that browser.
pub(crate) async fn recovery_link(op: &Op, browser: &mut Browser) -> String {
    let page = browser.get("/recover").await.text();
    ask_for(browser, &page, "recover", ALICE).await;
    let mails = mail_to(op, ALICE).await;
    let mail = mails.iter().rev().find(|mail| mail.text.contains("/link?"));
    target(mail.unwrap().link()).to_owned()
}

// LG-15, LG-17
#[tokio::test]
async fn s51_recovery_sets_a_password_once_and_ends_everything_from_before() {
    let op = Op::start().await;
    let mut thief = op.browser();
    let tokens = thief.code_flow("web", "openid offline_access").await;
    let mut browser = op.browser();
    let link = recovery_link(&op, &mut browser).await;
    let second = recovery_link(&op, &mut browser).await;
    assert_ne!(link, second);
    // On the telephone, where the mail is read.
    let mut phone = op.browser();
    let page = phone.get(&second).await.text();
    let typed = [("password", PASSWORD), ("again", "another")];
    let answer = phone.press(&page, "link", "confirm", &typed).await;
    assert!(answer.text().contains("data-error=\"mismatch\""));
    let answer = choose(&mut phone, &page, "short").await;
    assert!(answer.text().contains("data-error=\"too_short\""));
    let answer = choose(&mut phone, &page, PASSWORD).await;
    assert!(answer.text().contains("link-done"), "{}", answer.text());
    // Nobody is signed in by it: whatever else is asked at sign-in still is.
    assert_eq!(phone.cookie("session"), None);
    // Used up, and so is every other one from before.
    for link in [&link, &second] {
        let answer = phone.get(link).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        let pairs = [
            ("confirm", "yes"),
            ("password", "one more password"),
            ("again", "one more password"),
        ];
        let ask = Ask::form(link, &pairs).header("Origin", "https://op.test");
        assert_eq!(phone.send(ask).await.status, 400);
    }
    assert_eq!(thief.refresh("web", tokens.refresh()).await.status, 400);
    assert!(!thief.is_active("web", &tokens.access).await);
    let answer = thief.send(Request::of("first", "openid").get()).await;
    assert!(
        answer.location().contains("/sign-in?"),
        "the session is over"
    );
    let told = mail_to(&op, ALICE).await;
    assert!(told.last().unwrap().subject.contains("password"));
}

#[tokio::test]
async fn a_link_dies_with_its_time_and_with_a_change_of_the_account() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let link = recovery_link(&op, &mut browser).await;
    op.clock.advance(1800);
    assert_eq!(browser.get(&link).await.status, 400);
    let link = recovery_link(&op, &mut browser).await;
    let subject = op.subject("alice").clone();
    let password = hallpass_types::Secret::new("set by the operator".to_owned());
    let issuer = op.provider.issuer_id();
    op.accounts
        .set_password(issuer, &subject, &password)
        .await
        .unwrap();
    assert_eq!(browser.get(&link).await.status, 400);
    // A token of another kind, a bent one, and none.
    for odd in [
        "/link?token=x",
        "/link",
        "/link?token=",
        "/link?token=a&token=b",
    ] {
        let answer = browser.get(odd).await;
        assert_eq!(answer.status, 400, "{odd}");
        assert!(answer.text().contains("link_over"), "{odd}");
    }
}

// LG-15
#[tokio::test]
async fn links_follow_the_issuer_whatever_the_request_says() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let ask = Ask::form("/recover", &[("email", ALICE)])
        .header("Origin", "https://op.test")
        .header("X-Forwarded-Host", "evil.test")
        .header("Forwarded", "host=evil.test;proto=http");
    browser.send(ask).await;
    let mails = mail_to(&op, ALICE).await;
    assert!(mails[0].link().starts_with("https://op.test/link?token="));
    assert!(!mails[0].html.contains("evil"));
}

#[tokio::test]
async fn a_disabled_account_gets_no_link() {
    let op = Op::start().await;
    let issuer = op.provider.issuer_id();
    let subject = op.subject("alice").clone();
    op.accounts
        .set_disabled(issuer, &subject, true)
        .await
        .unwrap();
    let mut browser = op.browser();
    let page = browser.get("/recover").await.text();
    ask_for(&mut browser, &page, "recover", ALICE).await;
    assert!(mail_to(&op, ALICE).await.is_empty());
}

#[tokio::test]
async fn a_code_is_for_one_browser_one_use_and_five_tries() {
    let op = Op::start().await;
    let (browser, handle) = {
        let mut browser = op.browser();
        let answer = browser.send(Request::of("first", "openid").get()).await;
        let handle = answer
            .location()
            .split_once("handle=")
            .unwrap()
            .1
            .to_owned();
        (browser, handle)
    };
    let cookies = hallpass_provider::browser::Browser {
        binding: browser.cookie("browser").map(str::to_owned),
        ..Default::default()
    };
    let address = EmailAddress::parse(ALICE).unwrap();
    let asked = op
        .provider
        .sign_in_code_asked(&handle, &cookies, &address, None);
    let waiting = asked.await.unwrap().unwrap();
    let mails = mail_to(&op, ALICE).await;
    let code = mails[0].text.lines().map(str::trim).find(|l| l.len() == 8);
    let code = code.unwrap().to_owned();
    let elsewhere = hallpass_provider::browser::Browser {
        binding: Some("AAAAAAAAAAAAAAAAAAAAAA".to_owned()),
        ..Default::default()
    };
    let enter = |typed: String, browser| {
        let (provider, waiting) = (op.provider.clone(), waiting.clone());
        let handle = handle.clone();
        async move {
            provider
                .sign_in_code_entered(&handle, &waiting, browser, &typed)
                .await
        }
    };
    assert!(enter(code.clone(), &elsewhere).await.is_err());
    let wrong = if code == "00000000" {
        "00000001"
    } else {
        "00000000"
    };
    // Many at once are no more tries than one after the other.
    let tries = [1, 2, 3, 4].map(|_| enter(wrong.to_owned(), &cookies));
    for answer in tries {
        assert!(answer.await.unwrap().is_none());
    }
    let spaced = format!("{} {}", &code[..4], &code[4..]);
    let account = enter(spaced, &cookies).await.unwrap().unwrap();
    assert_eq!(account.subject, *op.subject("alice"));
    assert!(enter(code, &cookies).await.is_err(), "once");

    // The fifth wrong one uses it up.
    let asked = op
        .provider
        .sign_in_code_asked(&handle, &cookies, &address, None);
    let waiting = asked.await.unwrap().unwrap();
    let code = {
        let mails = mail_to(&op, ALICE).await;
        let last = mails.last().unwrap().text.clone();
        last.lines()
            .map(str::trim)
            .find(|l| l.len() == 8)
            .unwrap()
            .to_owned()
    };
    let mut tries = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (provider, waiting) = (op.provider.clone(), waiting.clone());
        let handle = handle.clone();
        let binding = cookies.binding.clone();
        let typed = format!("{number:08}");
        let typed = if typed == code {
            "99999999".to_owned()
        } else {
            typed
        };
        tries.spawn(async move {
            let browser = hallpass_provider::browser::Browser {
                binding,
                ..Default::default()
            };
            provider
                .sign_in_code_entered(&handle, &waiting, &browser, &typed)
                .await
                .is_ok()
        });
    }
    let evaluated = tries.join_all().await.into_iter().filter(|ok| *ok).count();
    assert!(evaluated <= 5, "{evaluated}");
    let late = op
        .provider
        .sign_in_code_entered(&handle, &waiting, &cookies, &code)
        .await;
    assert!(late.is_err());
}

#[tokio::test]
async fn an_account_is_offered_in_the_metadata_where_people_can_make_one() {
    for (op, offered) in [(open().await, true), (Op::start().await, false)] {
        let metadata = op
            .browser()
            .get("/.well-known/openid-configuration")
            .await
            .json();
        let prompts = metadata["prompt_values_supported"].as_array().unwrap();
        assert_eq!(prompts.contains(&"create".into()), offered);
    }
    let silent = Request::of("first", "openid").with("prompt", "none create");
    let answer = open().await.browser().send(silent.get()).await;
    let error = wire::param(answer.location(), "error");
    assert_eq!(error.as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn who_has_an_account_signs_in_instead_or_with_the_address() {
    let op = open().await;
    let (mut browser, page) = at_sign_up(&op).await;
    let tags = hallpass_testkit::html::tags(&page);
    let link = tags
        .iter()
        .find(|tag| tag.get("id") == Some("to-sign-in"))
        .unwrap();
    let page = browser.get(link.get("href").unwrap()).await.text();
    let typed = [
        ("username", ALICE),
        ("password", hallpass_testkit::fixture::password("alice")),
    ];
    let answer = browser.press(&page, "login", "sign-in", &typed).await;
    let answer = browser.through_pages("alice", answer).await;
    assert!(
        wire::param(answer.location(), "code").is_some(),
        "{}",
        answer.location()
    );
}

#[tokio::test]
async fn without_mail_or_changeable_accounts_nothing_is_offered() {
    // The engine alone, as a program embeds it.
    let op = Setup::default().policy(|policy| policy.people = policy.people.clone().nothing());
    let op = op.start().await;
    let mut browser = op.browser();
    for path in [
        "/recover",
        "/account",
        "/account/delete",
        "/link?token=x",
        "/sign-up",
    ] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
}

async fn by_mail() -> Op {
    Op::with(|policy| {
        policy.sign_in.methods = vec![Method::Password, Method::EmailCode, Method::MagicLink];
    })
    .await
}

async fn at_sign_in(op: &Op) -> (Browser, String) {
    let mut browser = op.browser();
    let answer = browser.send(Request::of("first", "openid").get()).await;
    let page = browser.follow(&answer).await.text();
    (browser, page)
}

fn code_in(mail: &Sent) -> String {
    let mut lines = mail.text.lines().map(str::trim);
    let code = lines.find(|l| l.len() == 8 && l.bytes().all(|b| b.is_ascii_digit()));
    code.unwrap().to_owned()
}

// S50
#[tokio::test]
async fn s50_a_code_by_mail_signs_in_and_says_so() {
    let op = by_mail().await;
    let mut pages = Vec::new();
    for address in ["nobody@new.test", ALICE] {
        let (mut browser, page) = at_sign_in(&op).await;
        let typed = [("username", address), ("password", "")];
        let answer = browser.press(&page, "login", "by-code", &typed).await;
        assert_eq!(answer.status, 200);
        pages.push((browser, answer.text()));
    }
    assert!(mail_to(&op, "nobody@new.test").await.is_empty());
    let code = code_in(&mail_to(&op, ALICE).await[0]);
    // The code is worth nothing in the browser of somebody else, who asked for one as well.
    let (mut other, others) = pages.remove(0);
    let (mut browser, page) = pages.remove(0);
    assert!(others.contains("form id=\"mail-code\""));
    let answer = other
        .press(&others, "mail-code", "send-code", &[("mail_code", &code)])
        .await;
    assert!(answer.text().contains("data-error=\"wrong_code\""));
    let waiting = hallpass_testkit::html::form(&page, "mail-code");
    let waiting = waiting.field("waiting").unwrap().to_owned();
    let typed = [("mail_code", code.as_str()), ("waiting", waiting.as_str())];
    let answer = other.press(&others, "mail-code", "send-code", &typed).await;
    assert!(answer.status >= 400, "{}", answer.text());
    assert_eq!(other.cookie("session"), None);
    let wrong = if code == "00000000" { "1" } else { "00000000" };
    let answer = browser
        .press(&page, "mail-code", "send-code", &[("mail_code", wrong)])
        .await;
    assert!(answer.text().contains("data-error=\"wrong_code\""));
    let page = answer.text();
    let answer = browser
        .press(&page, "mail-code", "send-code", &[("mail_code", &code)])
        .await;
    let code = wire::param(answer.location(), "code").expect("signed in");
    let tokens = browser.redeem("first", &code).await.json();
    let claims = op.verified("first", tokens["id_token"].as_str().unwrap());
    assert_eq!(claims["sub"], op.subject("alice").as_str());
    assert_eq!(claims["amr"], serde_json::json!(["otp"]));
}

#[tokio::test]
async fn a_link_by_mail_signs_in_where_it_was_asked_for_and_nowhere_else() {
    let op = by_mail().await;
    let (mut browser, page) = at_sign_in(&op).await;
    let typed = [("username", ALICE), ("password", "")];
    let answer = browser.press(&page, "login", "by-link", &typed).await;
    assert!(answer.text().contains("data-purpose=\"sign_in\""));
    let link = target(mail_to(&op, ALICE).await[0].link()).to_owned();
    // Whoever reads the mail elsewhere, or is sent the link, gets nothing by it, and it is not used up.
    let mut elsewhere = op.browser();
    let page = elsewhere.get(&link).await.text();
    let answer = elsewhere.press(&page, "link", "confirm", &[]).await;
    assert!(answer.status >= 400);
    assert_eq!(elsewhere.cookie("session"), None);
    let page = browser.get(&link).await.text();
    let answer = browser.press(&page, "link", "confirm", &[]).await;
    assert!(
        wire::param(answer.location(), "code").is_some(),
        "{}",
        answer.text()
    );
    assert_eq!(browser.get(&link).await.status, 400, "once");
}

#[tokio::test]
async fn mail_signs_nobody_in_where_that_is_not_offered() {
    let op = Op::start().await;
    let (mut browser, page) = at_sign_in(&op).await;
    assert!(!page.contains("by-code") && !page.contains("by-link"));
    let action = hallpass_testkit::html::form(&page, "login").action;
    for way in ["email_code", "magic_link"] {
        let pairs = [("username", ALICE), ("way", way)];
        let ask = Ask::form(&action, &pairs).header("Origin", "https://op.test");
        let answer = browser.send(ask).await;
        assert!(answer.text().contains("data-error=\"refused\""));
    }
    op.provider.deliver_due().await.unwrap();
    assert!(op.mailer.sent().is_empty());
    // Where it is, a name is no address.
    let op = by_mail().await;
    let (mut browser, page) = at_sign_in(&op).await;
    let typed = [("username", "alice"), ("password", "")];
    let answer = browser.press(&page, "login", "by-code", &typed).await;
    assert!(answer.text().contains("data-error=\"address\""));
}
