//! What the services asked for that this one takes the place of, where no other test has it: each test is named after the
//! row that it shows.

use hallpass_accounts::NewUser;
use hallpass_testkit::{Ask, Browser, Op, Request, Tokens, fixture, html, wire};
use hallpass_types::Secret;
use serde_json::{Value, json};

const PASSWORD: &str = "an analytical engine";

/// Somebody with these claims.
async fn person(op: &Op, username: &str, claims: &Value) {
    let new = NewUser {
        username: username.to_owned(),
        password: Some(Secret::new(PASSWORD.to_owned())),
        must_change: false,
        claims: claims.as_object().unwrap().clone(),
    };
    let issuer = op.provider.issuer_id();
    op.accounts.create(issuer, new).await.unwrap();
}

/// A browser on the sign-in page of a request: its path, and what it shows.
async fn at_sign_in(op: &Op, request: &Request) -> (Browser, String, String) {
    let mut browser = op.browser();
    let answer = browser.send(request.get()).await;
    let target = answer.location().strip_prefix(fixture::ISSUER).unwrap();
    let target = target.to_owned();
    let page = browser.get(&target).await.text();
    (browser, target, page)
}

/// The tokens of somebody who types that name, at the client `first`, which asks for no consent.
async fn tokens_of(op: &Op, username: &str, scope: &str) -> (Browser, Tokens) {
    let (mut browser, target, _) = at_sign_in(op, &Request::of("first", scope)).await;
    let typed = [("username", username), ("password", PASSWORD)];
    let ask = Ask::form(&target, &typed).header("Origin", fixture::ISSUER);
    let answer = browser.send(ask).await;
    let code = wire::param(answer.location(), "code");
    let code = code.unwrap_or_else(|| panic!("{username}: {}", answer.text()));
    let tokens = Tokens::of(&browser.redeem("first", &code).await);
    (browser, tokens)
}

#[tokio::test]
async fn s09_a_second_request_needs_no_sign_in_and_prompt_and_max_age_are_obeyed() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let first = Request::of("first", "openid");
    let silent = first.clone().with("prompt", "none");
    let answer = browser.send(silent.get()).await;
    let error = wire::param(answer.location(), "error");
    assert_eq!(error.as_deref(), Some("login_required"));
    browser.sign_in("alice").await;
    for request in [&first, &silent, &first.clone().with("max_age", "60")] {
        let answer = browser.send(request.get()).await;
        assert!(wire::param(answer.location(), "code").is_some());
    }
    let asks = [("prompt", "login"), ("max_age", "0"), ("max_age", "60")];
    op.clock.advance(61);
    for (name, value) in asks {
        let answer = browser.send(first.clone().with(name, value).get()).await;
        let asked = answer.location().contains("/sign-in?");
        assert!(asked, "{name}={value}: {}", answer.location());
    }
    let strict = silent.with("max_age", "60");
    let answer = browser.send(strict.get()).await;
    let error = wire::param(answer.location(), "error");
    assert_eq!(error.as_deref(), Some("login_required"));
}

#[tokio::test]
async fn s18_the_sign_in_form_has_the_hint_and_says_one_thing_about_every_error() {
    let op = Op::start().await;
    person(
        &op,
        "ada",
        &json!({ "email": "ada@example.test", "email_verified": true }),
    )
    .await;
    let hinted = Request::of("first", "openid").with("login_hint", "ada@example.test");
    let (mut browser, target, page) = at_sign_in(&op, &hinted).await;
    assert_eq!(
        html::form(&page, "login").field("username"),
        Some("ada@example.test")
    );
    let mut said = Vec::new();
    for (name, password) in [
        ("ada@example.test", "wrong"),
        ("ada", "wrong"),
        ("nobody", PASSWORD),
        ("nobody@example.test", PASSWORD),
        ("carol", fixture::password("carol")),
        ("carol", "wrong"),
    ] {
        let typed = [("username", name), ("password", password)];
        let ask = Ask::form(&target, &typed).header("Origin", fixture::ISSUER);
        let answer = browser.send(ask).await;
        assert_eq!(answer.status, 200, "{name}");
        let page = answer.text();
        // The form is there again with the name, and without the password.
        let form = html::form(&page, "login");
        assert_eq!(form.field("username"), Some(name));
        assert!(!page.contains(password), "{name}");
        let alert = page.split_once("id=\"sign-in-error\"").expect(name).1;
        said.push(alert.split_once("</div>").unwrap().0.to_owned());
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    // By the address as well as by the name.
    for name in ["ada", "ada@example.test"] {
        tokens_of(&op, name, "openid").await;
    }
}

#[tokio::test]
async fn s20_a_password_from_elsewhere_is_not_even_looked_at() {
    let op = Op::start().await;
    let (_, target, _) = at_sign_in(&op, &Request::of("first", "openid")).await;
    let mut answers = Vec::new();
    for password in [fixture::password("alice"), "wrong password"] {
        let typed = [("username", "alice"), ("password", password)];
        let own = Ask::form(&target, &typed).header("Origin", fixture::ISSUER);
        let foreign = Ask::form(&target, &typed).header("Origin", "https://evil.test");
        let bare = Ask::form("/sign-in", &typed).header("Origin", fixture::ISSUER);
        for (what, ask) in [
            ("no cookie", own),
            ("elsewhere", foreign),
            ("no request", bare),
        ] {
            let answer = op.browser().send(ask).await;
            assert!(
                matches!(answer.status, 400 | 403),
                "{what}: {}",
                answer.status
            );
            assert!(!answer.text().contains("sign-in-error"), "{what}");
            answers.push((what, answer.status));
        }
    }
    let (right, wrong) = answers.split_at(3);
    assert_eq!(right, wrong);
    // Nobody's tries were counted.
    assert_eq!(op.events.count("SignIn"), 0, "{:?}", op.events.lines());
}

#[tokio::test]
async fn s26_a_subject_is_the_same_however_the_name_is_written_and_nobody_elses() {
    let op = Op::start().await;
    person(
        &op,
        "Bob.Example",
        &json!({ "email": "bob.lee@example.test", "email_verified": true }),
    )
    .await;
    let mut subjects = Vec::new();
    for name in [
        "Bob.Example",
        "bob.example",
        "BOB.EXAMPLE",
        "Bob.Lee@example.test",
    ] {
        let (_, tokens) = tokens_of(&op, name, "openid").await;
        subjects.push(tokens.claims()["sub"].as_str().unwrap().to_owned());
    }
    subjects.dedup();
    assert_eq!(subjects.len(), 1);
    // It says nothing, and is nobody else's.
    assert!(!subjects[0].to_lowercase().contains("bob"));
    assert!(subjects[0].len() >= 22, "{}", subjects[0]);
    person(&op, "bob.lee", &json!({})).await;
    let (_, other) = tokens_of(&op, "bob.lee", "openid").await;
    assert_ne!(other.claims()["sub"], subjects[0]);
    let issuer = op.provider.issuer_id();
    let user = op
        .accounts
        .by_name(issuer, "bob.example")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(user.subject.as_str(), subjects[0]);
}

#[tokio::test]
async fn s27_each_scope_tells_the_claims_that_are_its_own() {
    let op = Op::start().await;
    let claims = json!({
        "given_name": "Ada", "family_name": "Lovelace", "middle_name": "King", "name": "Ada Lovelace",
        "email": "ada@example.test", "email_verified": true, "phone_number": "+44 20 7946 0000",
        "birthdate": "1815-12-10", "gender": "female", "locale": "en-GB",
        "picture": "https://example.test/ada.png", "preferred_username": "ada",
        "address": { "formatted": "St James's Square" },
    });
    person(&op, "ada", &claims).await;
    let profile = [
        "birthdate",
        "family_name",
        "gender",
        "given_name",
        "locale",
        "middle_name",
        "name",
        "picture",
        "preferred_username",
    ];
    for (scope, own) in [
        ("openid", &[][..]),
        ("openid profile", &profile[..]),
        ("openid email", &["email", "email_verified"][..]),
        ("openid phone", &["phone_number"][..]),
        ("openid address", &["address"][..]),
    ] {
        let (mut browser, tokens) = tokens_of(&op, "ada", scope).await;
        let told = browser.userinfo(&tokens.access).await.json();
        let told = told.as_object().unwrap();
        let names: Vec<&str> = told
            .keys()
            .map(String::as_str)
            .filter(|n| !matches!(*n, "sub" | "updated_at"))
            .collect();
        assert_eq!(names, own, "{scope}");
        for name in own {
            assert_eq!(told[*name], claims[*name], "{scope}: {name}");
        }
        assert_eq!(told["sub"], tokens.claims()["sub"]);
    }
}

#[tokio::test]
async fn s28_claims_are_told_under_the_names_that_old_clients_know() {
    let op = Op::with(|policy| {
        let names = [
            ("firstName", "given_name"),
            ("lastName", "family_name"),
            ("photo", "picture"),
        ];
        policy.claim_sources = names.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        let legacy = hallpass_core::policy::ScopeSpec {
            name: "legacy".to_owned(),
            description: None,
            title: None,
            required: false,
            claims: ["firstName", "lastName", "photo"]
                .map(str::to_owned)
                .to_vec(),
        };
        policy.scopes.push(legacy);
    })
    .await;
    let claims = json!({ "given_name": "Ada", "family_name": "Lovelace", "lastName": "King" });
    person(&op, "ada", &claims).await;
    let (mut browser, tokens) = tokens_of(&op, "ada", "openid legacy").await;
    let told = browser.userinfo(&tokens.access).await.json();
    assert_eq!(told["firstName"], "Ada");
    // Their own comes first, and what there is not is not made up.
    assert_eq!(told["lastName"], "King");
    assert_eq!(told.as_object().unwrap().len(), 3, "{told}");
    // Nobody is told without the scope, nor told the claims that these are taken from.
    let (mut browser, tokens) = tokens_of(&op, "ada", "openid").await;
    let told = browser.userinfo(&tokens.access).await.json();
    assert_eq!(told.as_object().unwrap().len(), 1, "{told}");
    // Asked for one by one, in the ID token too, and offered.
    let wish = json!({ "id_token": { "firstName": null, "photo": null } }).to_string();
    let request = Request::of("first", "openid").with("claims", &wish);
    let answer = browser.send(request.get()).await;
    let code = wire::param(answer.location(), "code").unwrap();
    let claims = Tokens::of(&browser.redeem("first", &code).await).claims();
    assert_eq!(claims["firstName"], "Ada");
    assert_eq!(claims.get("photo"), None);
    let metadata = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    let offered = metadata["claims_supported"].as_array().unwrap();
    assert!(offered.contains(&json!("firstName")), "{offered:?}");
}

// IN-05, TK-21, UI-07: a person who is switched off
#[tokio::test]
async fn s29_whoever_is_switched_off_is_refused_everywhere_at_once() {
    let op = Op::start().await;
    person(
        &op,
        "ada",
        &json!({ "email": "ada@example.test", "email_verified": true }),
    )
    .await;
    let scope = "openid email offline_access";
    let request = Request::of("first", scope).with("prompt", "consent");
    let (mut browser, target, _) = at_sign_in(&op, &request).await;
    let typed = [("username", "ada"), ("password", PASSWORD)];
    let ask = Ask::form(&target, &typed).header("Origin", fixture::ISSUER);
    let answer = browser.send(ask).await;
    let answer = browser.through_pages("ada", answer).await;
    let code = wire::param(answer.location(), "code").expect("a code");
    let tokens = Tokens::of(&browser.redeem("first", &code).await);
    assert_eq!(browser.userinfo(&tokens.access).await.status, 200);
    assert!(browser.is_active("first", &tokens.access).await);
    // A code that nobody has redeemed yet.
    let waiting = browser.send(Request::of("first", "openid").get()).await;
    let waiting = wire::param(waiting.location(), "code").expect("a code");

    let issuer = op.provider.issuer_id();
    let ada = op.accounts.by_name(issuer, "ada").await.unwrap().unwrap();
    op.accounts
        .set_disabled(issuer, &ada.subject, true)
        .await
        .unwrap();
    assert_eq!(browser.userinfo(&tokens.access).await.status, 401);
    assert!(!browser.is_active("first", &tokens.access).await);
    for (what, answer) in [
        ("refresh", browser.refresh("first", tokens.refresh()).await),
        ("code", browser.redeem("first", &waiting).await),
    ] {
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_grant"),
            "{what}"
        );
    }
    let silent = Request::of("first", "openid").with("prompt", "none");
    assert_eq!(browser.send(silent.get()).await.error(), "login_required");
    let (mut other, target, _) = at_sign_in(&op, &Request::of("first", "openid")).await;
    let ask = Ask::form(&target, &typed).header("Origin", fixture::ISSUER);
    let answer = other.send(ask).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("data-error=\"refused\""));
    assert_eq!(other.cookie("session"), None);
}

#[tokio::test]
async fn l23_a_scope_of_ones_own_stands_in_the_token_response_and_in_introspection() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid api:read api:write").with("resource", fixture::API2);
    let code = browser.code("alice", &request).await;
    let answer = browser.redeem("web", &code).await.json();
    assert_eq!(answer["scope"], "api:read api:write");
    let token = answer["access_token"].as_str().unwrap();
    let ask = Ask::form("/introspect", &[("token", token)]).basic("rs2", fixture::secret("rs2"));
    let told = browser.send(ask).await.json();
    assert_eq!(told["active"], true);
    // At the resource, what means something there.
    assert_eq!(told["scope"], "api:read api:write");
    assert_eq!(told["client_id"], "web");
}
