//! The page at `/account`.

use hallpass_core::record::Activity;
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Tokens, fixture, html, wire};
use serde_json::Value;

use super::people::{mail_to, target};

const PASSWORD: &str = "another horse battery";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

async fn visit(browser: &mut Browser, path: &str) -> Answer {
    let ask = Ask::get(path).header("User-Agent", FIREFOX);
    browser.send(ask).await
}

/// A browser in which alice is signed in, having come by the account page.
async fn at_account(op: &Op) -> (Browser, String) {
    let mut browser = op.browser();
    let answer = visit(&mut browser, "/account").await;
    assert_eq!(answer.status, 303);
    let answer = browser.through_pages("alice", answer).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    (browser, text)
}

async fn section(browser: &mut Browser, name: &str) -> String {
    let page = visit(browser, &format!("/account/{name}")).await;
    assert_eq!(page.status, 200, "{name}: {}", page.text());
    page.text()
}

async fn is_signed_in(browser: &mut Browser) -> bool {
    let answer = browser.send(Request::of("first", "openid").get()).await;
    wire::param(answer.location(), "code").is_some()
}

fn count(page: &str, mark: &str) -> usize {
    page.matches(mark).count()
}

#[tokio::test]
async fn who_is_not_signed_in_signs_in_and_comes_back() {
    let op = Op::start().await;
    let (_, page) = at_account(&op).await;
    assert!(page.contains("id=\"sections\""));
    assert!(page.contains("alice"));
    // A page further inside, too, and nothing is granted to anybody by it.
    let mut browser = op.browser();
    let answer = browser.get("/account/sessions").await;
    let answer = browser.through_pages("alice", answer).await;
    assert!(answer.text().contains("data-current"));
    assert_eq!(op.events.count("TokensIssued"), 0);
    // Leaving the sign-in page leads nowhere else.
    let mut browser = op.browser();
    let answer = browser.get("/account").await;
    let page = browser.follow(&answer).await.text();
    assert!(!page.contains("id=\"cancel\""));
    let action = html::form(&page, "login").action;
    let ask = Ask::form(&action, &[("decision", "cancel")]).header("Origin", fixture::ISSUER);
    assert_eq!(browser.send(ask).await.location(), "https://op.test/");
}

// LG-20
#[tokio::test]
async fn what_others_could_use_needs_a_recent_sign_in() {
    let op = Op::start().await;
    let (mut browser, _) = at_account(&op).await;
    let mut forms = Vec::new();
    for name in ["password", "email", "export", "delete"] {
        let page = section(&mut browser, name).await;
        let form = html::forms(&page).remove(0);
        forms.push((name, form));
    }
    op.clock.advance(301);
    for (name, form) in forms {
        let shown = visit(&mut browser, &format!("/account/{name}")).await;
        assert_eq!(shown.status, 303, "{name}");
        assert!(shown.location().contains("/sign-in?"), "{name}");
        // A form that is still open does nothing either.
        let mut pairs: Vec<(&str, &str)> = form
            .fields
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        pairs.retain(|(n, _)| *n == "form");
        pairs.extend([
            ("password", PASSWORD),
            ("again", PASSWORD),
            ("email", "new@new.test"),
            ("typed", "alice"),
        ]);
        let ask = Ask::form(&form.action, &pairs).header("Origin", fixture::ISSUER);
        let answer = browser.send(ask).await;
        assert_eq!(answer.status, 303, "{name}: {}", answer.text());
        assert!(answer.location().contains("/sign-in?"), "{name}");
    }
    assert!(mail_to(&op, "new@new.test").await.is_empty());
    let mut other = op.browser();
    other.sign_in("alice").await;
    // What is only looked at needs none.
    for name in ["profile", "sessions", "apps", "activity"] {
        section(&mut browser, name).await;
    }
}

// LG-10, LG-28
#[tokio::test]
async fn forms_are_for_one_browser_one_session_and_one_person() {
    let op = Op::start().await;
    let (mut alice, _) = at_account(&op).await;
    let page = section(&mut alice, "sessions").await;
    let form = html::form(&page, "end-sessions");
    let sealed = form.field("form").unwrap().to_owned();
    let mut bob = op.browser();
    let answer = bob.get("/account/sessions").await;
    let bobs = bob.through_pages("bob", answer).await.text();
    let bobs_form = html::form(&bobs, "end-sessions")
        .field("form")
        .unwrap()
        .to_owned();
    let send = |sealed: String, more: Vec<(&'static str, String)>, origin: &'static str| {
        let mut pairs = vec![("form".to_owned(), sealed)];
        pairs.extend(more.into_iter().map(|(n, v)| (n.to_owned(), v)));
        let pairs: Vec<(String, String)> = pairs;
        let borrowed: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        Ask::form("/account/sessions", &borrowed).header("Origin", origin)
    };
    let everywhere = || vec![("end", "everywhere".to_owned())];
    // Another site, no form, another's form, another browser.
    let evil = send(sealed.clone(), everywhere(), "https://evil.test");
    assert_eq!(alice.send(evil).await.status, 403);
    let bare = send(String::new(), everywhere(), fixture::ISSUER);
    assert_eq!(alice.send(bare).await.status, 403);
    for ask in [
        send(bobs_form.clone(), everywhere(), fixture::ISSUER),
        send("x".to_owned(), everywhere(), fixture::ISSUER),
    ] {
        assert!(matches!(alice.send(ask).await.status, 400 | 403));
    }
    let planted = send(sealed.clone(), everywhere(), fixture::ISSUER);
    assert!(matches!(bob.send(planted).await.status, 400 | 403));
    // Somebody else's session has a name that ends nothing.
    let subject = op.subject("bob");
    let issuer = op.provider.issuer_id();
    let theirs = op
        .provider
        .store()
        .account_sessions(issuer, subject)
        .await
        .unwrap();
    let sid = theirs[0].1.sid.as_str().to_owned();
    let foreign = vec![("end", "one".to_owned()), ("session", sid)];
    let answer = alice.send(send(sealed, foreign, fixture::ISSUER)).await;
    assert_eq!(answer.status, 400);
    assert!(is_signed_in(&mut bob).await);
    assert!(is_signed_in(&mut alice).await);
}

// S51, LG-07
#[tokio::test]
async fn s51_a_new_password_ends_the_other_sessions_and_this_one_goes_on_under_a_new_name() {
    let op = Op::start().await;
    let (mut browser, _) = at_account(&op).await;
    let mut other = op.browser();
    let tokens = other.code_flow("web", "openid offline_access").await;
    let before = browser.cookie("session").unwrap().to_owned();
    let page = section(&mut browser, "password").await;
    let typed = [("password", PASSWORD), ("again", PASSWORD)];
    let answer = browser
        .press(&page, "change-password", "save", &typed)
        .await;
    let shown = browser.follow(&answer).await;
    assert!(shown.text().contains("account-done"), "{}", shown.text());
    let after = browser.cookie("session").unwrap().to_owned();
    assert_ne!(before, after);
    assert!(is_signed_in(&mut browser).await);
    assert!(!is_signed_in(&mut other).await);
    assert_eq!(other.refresh("web", tokens.refresh()).await.status, 400);
    // The old value opens nothing.
    let mut old = op.browser();
    old.set_cookie("__Host-hallpass_session", &before);
    assert!(!is_signed_in(&mut old).await);
    let told = mail_to(&op, "alice@example.test").await;
    assert!(told.last().unwrap().text.contains("password"));
}

#[tokio::test]
async fn sessions_are_listed_with_where_they_are_and_ended_on_every_node() {
    let op = Op::start().await;
    let other_node = op.another_node().await;
    let (mut browser, _) = at_account(&op).await;
    let mut telephone = other_node.browser();
    telephone.sign_in("alice").await;
    let page = section(&mut browser, "sessions").await;
    assert_eq!(count(&page, "data-session"), 2);
    assert!(page.contains("127.0.0.1"));
    let answer = browser.press(&page, "session-2", "end-2", &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(!is_signed_in(&mut telephone).await);
    assert!(is_signed_in(&mut browser).await);
    // All others.
    let mut more = Vec::new();
    for _ in 0..3 {
        let mut one = other_node.browser();
        one.sign_in("alice").await;
        more.push(one);
    }
    let page = section(&mut browser, "sessions").await;
    assert_eq!(count(&page, "data-session"), 4);
    browser
        .press(&page, "end-sessions", "end-others", &[])
        .await;
    for one in &mut more {
        assert!(!is_signed_in(one).await);
    }
    assert!(is_signed_in(&mut browser).await);
    let page = section(&mut browser, "sessions").await;
    assert_eq!(count(&page, "data-session"), 1);
}

// IN-05: signed out everywhere
#[tokio::test]
async fn s53_signing_out_everywhere_ends_sessions_and_what_applications_have() {
    let op = Op::start().await;
    let (mut browser, page) = at_account(&op).await;
    let mut other = op.browser();
    let tokens = other.code_flow("web", "openid offline_access").await;
    assert!(other.is_active("web", &tokens.access).await);
    let answer = browser
        .press(&page, "everywhere", "sign-out-everywhere", &[])
        .await;
    assert_eq!(answer.location(), "https://op.test/signed-out");
    assert_eq!(browser.cookie("session"), None);
    assert!(!is_signed_in(&mut other).await);
    assert!(!other.is_active("web", &tokens.access).await);
    assert_eq!(other.refresh("web", tokens.refresh()).await.status, 400);
    // Where the policy leaves grants alone, only sessions end.
    let op = Op::with(|policy| policy.people.sign_out_ends_grants = false).await;
    let (mut browser, page) = at_account(&op).await;
    let mut other = op.browser();
    let tokens = other.code_flow("web", "openid offline_access").await;
    browser
        .press(&page, "everywhere", "sign-out-everywhere", &[])
        .await;
    assert!(!is_signed_in(&mut other).await);
    assert_eq!(other.refresh("web", tokens.refresh()).await.status, 200);
}

async fn connected(browser: &mut Browser, client: &str) -> Tokens {
    let scope = "openid email offline_access";
    browser
        .flow_of("alice", client, &Request::of(client, scope))
        .await
}

// IN-05, TK-21, UI-07: consent taken back
#[tokio::test]
async fn an_application_that_is_disconnected_has_nothing_any_more_and_others_keep_theirs() {
    let op = Op::start().await;
    let node = op.another_node().await;
    let (mut browser, _) = at_account(&op).await;
    let tokens = connected(&mut browser, "web").await;
    let kept = connected(&mut browser, "web2").await;
    op.clock.advance(5);
    let page = section(&mut browser, "apps").await;
    assert_eq!(count(&page, "data-app="), 2);
    let place = html::forms(&page)
        .iter()
        .position(|form| form.field("client") == Some("web"))
        .unwrap();
    let (form, button) = (
        format!("app-{}", place + 1),
        format!("disconnect-{}", place + 1),
    );
    let answer = browser.press(&page, &form, &button, &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let mut elsewhere = node.browser();
    assert!(!elsewhere.is_active("web", &tokens.access).await);
    assert_eq!(elsewhere.refresh("web", tokens.refresh()).await.status, 400);
    assert_eq!(elsewhere.userinfo(&tokens.access).await.status, 401);
    assert!(elsewhere.is_active("web2", &kept.access).await);
    assert_eq!(elsewhere.refresh("web2", kept.refresh()).await.status, 200);
    let page = section(&mut browser, "apps").await;
    assert_eq!(count(&page, "data-app="), 1);
    // It is asked about again, and what it gets then works.
    op.clock.advance(5);
    let answer = browser
        .send(Request::of("web", "openid email offline_access").get())
        .await;
    assert!(
        answer.location().contains("/consent?"),
        "{}",
        answer.location()
    );
    let again = connected(&mut browser, "web").await;
    assert!(elsewhere.is_active("web", &again.access).await);
    // One that has nothing cannot be disconnected.
    let page = section(&mut browser, "apps").await;
    let sealed = html::form(&page, "app-1").field("form").unwrap().to_owned();
    let ask = Ask::form("/account/apps", &[("form", &sealed), ("client", "spa")]);
    let answer = browser.send(ask.header("Origin", fixture::ISSUER)).await;
    assert_eq!(answer.status, 400);
}

// LG-21
#[tokio::test]
async fn a_profile_holds_what_the_person_says_and_nothing_that_must_be_proved() {
    let op = Op::start().await;
    let (mut browser, _) = at_account(&op).await;
    let page = section(&mut browser, "profile").await;
    let typed = [
        ("claim.name", "Alice <i>Liddell</i>"),
        ("claim.birthdate", "1999-12-31"),
        ("claim.email", "evil@evil.test"),
        ("claim.email_verified", "true"),
        ("claim.phone_number_verified", "true"),
        ("claim.sub", "bob"),
        ("claim.groups", "admin"),
    ];
    let answer = browser.press(&page, "profile", "save", &typed).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let issuer = op.provider.issuer_id();
    let user = op.provider.store().user(issuer, op.subject("alice")).await;
    let claims = user.unwrap().unwrap().claims;
    assert_eq!(claims["name"], "Alice <i>Liddell</i>");
    assert_eq!(claims["birthdate"], "1999-12-31");
    assert_eq!(claims["email"], "alice@example.test");
    assert!(!claims.contains_key("groups") && !claims.contains_key("sub"));
    assert!(!claims.contains_key("phone_number_verified"));
    let page = section(&mut browser, "profile").await;
    assert!(!page.contains("<i>Liddell"), "escaped");
    // What cannot be is shown again as it was typed, and nothing is written.
    let typed = [("claim.name", ""), ("claim.birthdate", "yesterday")];
    let answer = browser.press(&page, "profile", "save", &typed).await;
    assert!(answer.text().contains("data-error=\"field\""));
    assert!(answer.text().contains("yesterday"));
    let page = section(&mut browser, "profile").await;
    assert!(page.contains("Liddell"));
}

#[tokio::test]
async fn another_address_is_taken_when_its_owner_confirms_it_in_the_persons_session() {
    let op = Op::start().await;
    let (mut browser, _) = at_account(&op).await;
    let page = section(&mut browser, "email").await;
    let typed = [("email", "alice@new.test")];
    let answer = browser.press(&page, "change-email", "save", &typed).await;
    assert!(answer.text().contains("data-purpose=\"new_address\""));
    let link = target(mail_to(&op, "alice@new.test").await[0].link()).to_owned();
    let issuer = op.provider.issuer_id();
    let store = op.provider.store();
    let email = || async {
        let user = store
            .user(issuer, op.subject("alice"))
            .await
            .unwrap()
            .unwrap();
        user.claims["email"].clone()
    };
    assert_eq!(
        email().await,
        "alice@example.test",
        "nothing is changed yet"
    );
    // Whoever owns the address does not confirm it into another's account by a mere click.
    let mut owner = op.browser();
    let answer = owner.get(&link).await;
    assert!(answer.location().contains("/sign-in?"));
    let answer = owner.through_pages("bob", answer).await;
    let text = answer.text();
    let answer = owner.press(&text, "link", "confirm", &[]).await;
    assert!(answer.status >= 400 && answer.text().contains("link_other_account"));
    assert_eq!(email().await, "alice@example.test");
    let page = browser.get(&link).await.text();
    let answer = browser.press(&page, "link", "confirm", &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(email().await, "alice@new.test");
    let told = mail_to(&op, "alice@example.test").await;
    assert!(told.last().unwrap().text.contains("another address"));
    assert!(!told.last().unwrap().text.contains("alice@new.test"));
    // The old address gets nobody in any more, the new one does.
    for (address, mails) in [("alice@example.test", 1), ("alice@new.test", 2)] {
        let mut stranger = op.browser();
        let page = stranger.get("/recover").await.text();
        stranger
            .press(&page, "recover", "continue", &[("email", address)])
            .await;
        assert_eq!(mail_to(&op, address).await.len(), mails, "{address}");
    }
}

// S52
#[tokio::test]
async fn s52_what_happened_is_listed_with_where_it_came_from() {
    let op = Op::start().await;
    let (mut browser, _) = at_account(&op).await;
    op.clock.advance(1);
    let page = section(&mut browser, "profile").await;
    browser
        .press(&page, "profile", "save", &[("claim.name", "A")])
        .await;
    let page = section(&mut browser, "activity").await;
    assert_eq!(count(&page, "data-what=\"signed_in\""), 1);
    assert_eq!(count(&page, "data-what=\"profile_changed\""), 1);
    let issuer = op.provider.issuer_id();
    let store = op.provider.store();
    let all = store
        .activity_of(issuer, op.subject("alice"), 9)
        .await
        .unwrap();
    assert_eq!(all.last().unwrap().what, Activity::SignedIn);
    // It is kept for a time.
    op.clock.advance(91 * 86_400 + 7200);
    while op.provider.purge().await.unwrap() > 0 {}
    let all = store
        .activity_of(issuer, op.subject("alice"), 9)
        .await
        .unwrap();
    assert!(all.is_empty());
}

#[tokio::test]
async fn a_sign_in_from_a_new_device_is_told_and_one_from_a_known_is_not() {
    let op = Op::start().await;
    let mut first = op.browser();
    first.sign_in("alice").await;
    assert!(
        mail_to(&op, "alice@example.test").await.is_empty(),
        "the very first"
    );
    let mut second = op.browser();
    second.sign_in("alice").await;
    let told = mail_to(&op, "alice@example.test").await;
    assert_eq!(told.len(), 1);
    assert!(told[0].text.contains("127.0.0.1"));
    first.drop_cookie("session");
    first.sign_in("alice").await;
    second.drop_cookie("session");
    second.sign_in("alice").await;
    assert_eq!(mail_to(&op, "alice@example.test").await.len(), 1);
    // Nobody has shown to read bob's address.
    op.browser().sign_in("bob").await;
    op.browser().sign_in("bob").await;
    assert!(mail_to(&op, "bob@example.test").await.is_empty());
}

#[tokio::test]
async fn everything_about_the_person_can_be_taken_along() {
    let op = Op::start().await;
    let (mut browser, _) = at_account(&op).await;
    connected(&mut browser, "web").await;
    let page = section(&mut browser, "export").await;
    let answer = browser.press(&page, "export", "download", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let disposition = answer.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment"));
    let all: Value = answer.json();
    assert_eq!(all["account"]["email"], "alice@example.test");
    assert_eq!(all["applications"][0]["client_id"], "web");
    assert_eq!(all["sessions"].as_array().unwrap().len(), 1);
    let text = answer.text();
    assert!(!text.contains("argon2") && !text.contains("\"password\""));
}

// LG-31
#[tokio::test]
async fn a_deleted_account_is_gone_with_everything_and_its_name_is_free() {
    let op = Op::start().await;
    let node = op.another_node().await;
    let (mut browser, _) = at_account(&op).await;
    let tokens = connected(&mut browser, "web").await;
    let mut other = node.browser();
    other.sign_in("alice").await;
    let page = section(&mut browser, "delete").await;
    let answer = browser
        .press(&page, "delete", "delete-account", &[("typed", "bob")])
        .await;
    assert!(answer.text().contains("data-error=\"confirm\""));
    let page = section(&mut browser, "delete").await;
    let answer = browser
        .press(&page, "delete", "delete-account", &[("typed", "alice")])
        .await;
    assert_eq!(
        answer.location(),
        "https://op.test/signed-out",
        "{}",
        answer.text()
    );
    assert_eq!(browser.cookie("session"), None);
    assert!(!is_signed_in(&mut other).await);
    assert!(!other.is_active("web", &tokens.access).await);
    assert_eq!(other.refresh("web", tokens.refresh()).await.status, 400);
    let issuer = op.provider.issuer_id();
    let store = op.provider.store();
    let subject = op.subject("alice");
    assert!(store.user(issuer, subject).await.unwrap().is_none());
    assert!(store.credentials(issuer, subject).await.unwrap().is_empty());
    assert!(store.consents_of(issuer, subject).await.unwrap().is_empty());
    assert!(
        store
            .activity_of(issuer, subject, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .account_sessions(issuer, subject)
            .await
            .unwrap()
            .is_empty()
    );
    // Whoever gets the name is somebody else.
    let new = hallpass_accounts::NewUser {
        username: "alice".to_owned(),
        password: None,
        must_change: false,
        claims: serde_json::Map::new(),
    };
    let heir = op.accounts.create(issuer, new).await.unwrap();
    assert_ne!(heir.subject, *subject);
    assert!(!other.is_active("web", &tokens.access).await);
}

// LG-08, LG-12
#[tokio::test]
async fn pages_of_accounts_are_not_framed_not_kept_and_tell_no_other_site() {
    let op = Op::start().await;
    let (mut browser, _) = at_account(&op).await;
    for path in [
        "/account",
        "/account/sessions",
        "/account/export",
        "/recover",
    ] {
        let page = visit(&mut browser, path).await;
        let csp = page.header("content-security-policy").unwrap();
        assert!(csp.contains("frame-ancestors 'none'") && csp.contains("form-action 'self'"));
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(
            page.header("referrer-policy"),
            Some("same-origin"),
            "{path}"
        );
    }
}

/// A browser on the page to choose an account.
async fn choose(browser: &mut Browser) -> String {
    let request = Request::of("first", "openid").with("prompt", "select_account");
    let answer = browser.send(request.get()).await;
    assert!(
        answer.location().contains("/select-account?"),
        "{}",
        answer.location()
    );
    browser.follow(&answer).await.text()
}

async fn pick(browser: &mut Browser, page: &str, account: &str) -> Answer {
    let action = html::form(page, "select-account").action;
    let ask = Ask::form(&action, &[("account", account)]).header("Origin", fixture::ISSUER);
    browser.send(ask).await
}

/// What the button of the account in that place says, the one that is used being the first.
fn button(page: &str, place: usize) -> String {
    let tags = html::tags(page);
    let mut choices = tags.iter().filter(|tag| tag.get("class") == Some("choice"));
    let value = choices.nth(place).and_then(|tag| tag.get("value"));
    value.unwrap().to_owned()
}

async fn whose(op: &Op, browser: &mut Browser, answer: &Answer) -> String {
    let code = wire::param(answer.location(), "code").expect("a code");
    let tokens = browser.redeem("first", &code).await.json();
    let claims = op.verified("first", tokens["id_token"].as_str().unwrap());
    claims["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn s9_several_people_are_signed_in_in_one_browser_and_one_is_chosen() {
    let op = Op::start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let page = choose(&mut browser).await;
    assert_eq!(
        count(&page, "class=\"choice\""),
        2,
        "alice, and somebody else"
    );
    let answer = pick(&mut browser, &page, "").await;
    let answer = browser.through_pages("bob", answer).await;
    let (alice, bob) = (op.subject("alice").as_str(), op.subject("bob").as_str());
    assert_eq!(whose(&op, &mut browser, &answer).await, bob);
    // Alice is still there.
    let page = choose(&mut browser).await;
    assert_eq!(count(&page, "class=\"choice\""), 3);
    let first_page = page.clone();
    let answer = pick(&mut browser, &page, &button(&page, 1)).await;
    assert_eq!(whose(&op, &mut browser, &answer).await, alice);
    // And stays, without being asked for a password, while bob waits.
    let answer = browser.send(Request::of("first", "openid").get()).await;
    assert_eq!(whose(&op, &mut browser, &answer).await, alice);
    // A page from before, on which bob was the one that is used, makes nobody else of the button that says alice.
    let late = pick(&mut browser, &first_page, &button(&first_page, 1)).await;
    assert!(late.status >= 400, "{}", late.status);
    let page = choose(&mut browser).await;
    let answer = pick(&mut browser, &page, &button(&page, 1)).await;
    assert_eq!(whose(&op, &mut browser, &answer).await, bob);
    // A place is nobody's name, and one that nobody has is nobody's.
    let page = choose(&mut browser).await;
    for odd in ["0", "7", "AAAAAAAAAAAAAAAAAAAAAA"] {
        assert!(pick(&mut browser, &page, odd).await.status >= 400, "{odd}");
    }
    let waiting = button(&page, 1);
    // Who waits is signed out like anybody else.
    let subject = op.subject("alice").clone();
    op.provider.end_sessions_of(&subject).await.unwrap();
    let issuer = op.provider.issuer_id();
    for (key, _) in op
        .provider
        .store()
        .account_sessions(issuer, &subject)
        .await
        .unwrap()
    {
        let commit = hallpass_store::Commit {
            spends: Vec::new(),
            writes: vec![hallpass_store::Write::EndSession(key)],
        };
        op.provider.store().commit(issuer, commit).await.unwrap();
    }
    let page = choose(&mut browser).await;
    assert_eq!(count(&page, "class=\"choice\""), 2);
    assert!(pick(&mut browser, &page, &waiting).await.status >= 400);
}

#[tokio::test]
async fn somebody_else_who_signs_in_without_choosing_takes_the_place_of_who_was_there() {
    let op = Op::start().await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let before = browser.cookie("session").unwrap().to_owned();
    let request = Request::of("first", "openid").with("prompt", "login");
    let answer = browser.send(request.get()).await;
    browser.through_pages("bob", answer).await;
    assert_eq!(browser.cookie("others"), None);
    let mut old = op.browser();
    old.set_cookie("__Host-hallpass_session", &before);
    assert!(!is_signed_in(&mut old).await);
    // What does not come from us waits for nothing.
    browser.set_cookie("__Host-hallpass_others", "x.y.z");
    let page = choose(&mut browser).await;
    assert_eq!(count(&page, "class=\"choice\""), 2);
}
