//! No step can be skipped, repeated for somebody else, or reordered.

use crate::support::{Response, World};

fn error(response: &Response) -> Option<String> {
    response.answer("error")
}

#[tokio::test]
async fn without_interaction_the_client_learns_what_is_missing() {
    let world = World::start().await;
    let mut browser = world.browser();
    let silent = world.request(&[("prompt", "none")]);
    let answer = browser.get(&silent).await;
    assert_eq!(error(&answer).as_deref(), Some("login_required"));
    let page = browser.open(&world.request(&[])).await;
    let page = browser.sign_in(&page, "alice").await;
    let answer = browser.get(&silent).await;
    assert_eq!(error(&answer).as_deref(), Some("consent_required"));
    browser.allow(&page).await.code();
    browser.get(&silent).await.code();
    let wider = world.request(&[("prompt", "none"), ("scope", "openid email phone")]);
    let answer = browser.get(&wider).await;
    assert_eq!(error(&answer).as_deref(), Some("consent_required"));
}

#[tokio::test]
async fn a_sign_in_that_was_asked_for_cannot_be_jumped() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.settle("alice").await;
    for changes in [
        &[("prompt", "login")][..],
        &[("prompt", "login consent select_account")],
        &[("max_age", "0")],
        &[("max_age", "99")],
    ] {
        world.clock.advance(100);
        let page = browser.open(&world.request(changes)).await;
        let action = page.form("login").action;
        for (path, fields) in [
            (
                "/consent",
                &[("decision", "allow"), ("scope.email", "yes")][..],
            ),
            ("/select-account", &[("account", "current")]),
        ] {
            let address = action.replace("/sign-in", path);
            assert!(browser.get(&address).await.leads_to("/sign-in"), "{path}");
            assert!(browser.post(&address, fields).await.leads_to("/sign-in"));
        }
        // Neither with the old session nor with a sign-in that another request had asked for.
        let mut window = browser.same();
        let other = window.open(&world.request(&[("prompt", "login")])).await;
        window.sign_in(&other, "alice").await.code();
        browser.cookies = window.cookies;
        if changes.iter().any(|(name, _)| *name == "prompt") {
            let address = action.replace("/sign-in", "/consent");
            let answer = browser.post(&address, &[("decision", "allow")]).await;
            assert!(answer.leads_to("/sign-in"));
        }
        let mut shown = browser.sign_in(&page, "alice").await;
        if shown.status == 200 {
            shown = browser.allow(&shown).await;
        }
        let claims = world.redeem("web", &shown.code()).await;
        assert_eq!(claims["auth_time"], world.clock_now());
    }
    // A sign-in that is fresh enough is not asked for again.
    let page = browser.open(&world.request(&[("max_age", "99")])).await;
    page.code();
}

#[tokio::test]
async fn a_page_leads_to_the_one_that_must_come_first() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser
        .open(&world.request(&[("prompt", "select_account consent")]))
        .await;
    let sign_in = page.form("login").action;
    assert!(
        browser
            .get(&sign_in.replace("sign-in", "consent"))
            .await
            .leads_to("/sign-in")
    );
    browser.settle("alice").await;
    let page = browser
        .open(&world.request(&[("prompt", "select_account consent")]))
        .await;
    let select = page.form("select-account").action;
    let consent = select.replace("select-account", "consent");
    assert!(browser.get(&consent).await.leads_to("/select-account"));
    assert!(
        browser
            .post(&consent, &[("decision", "allow")])
            .await
            .leads_to("/select-account")
    );
    let page = browser.post(&select, &[("account", "current")]).await;
    let page = browser.follow(page).await;
    let consent = page.form("consent").action;
    assert!(
        browser
            .get(&consent.replace("consent", "select-account"))
            .await
            .leads_to("/consent")
    );
    browser.allow(&page).await.code();
}

#[tokio::test]
async fn an_account_is_chosen() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.settle("alice").await;
    let request = world.request(&[("prompt", "select_account")]);
    let page = browser.open(&request).await;
    assert!(page.body.contains(">alice<"));
    let form = page.form("select-account");
    let answer = browser
        .submit(&form.clone().set("account", "current"))
        .await;
    answer.code();

    let page = browser.open(&request).await;
    let other = page.form("select-account").set("account", "");
    let page = browser.submit(&other).await;
    assert!(page.leads_to("/sign-in"));
    let page = browser.follow(page).await;
    let page = browser.sign_in(&page, "bob").await;
    assert!(page.text("consent").trim().is_empty() && page.body.contains("bob"));
    browser.allow(&page).await.code();
}

#[tokio::test]
async fn an_answer_counts_for_the_person_who_was_asked() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let alices = browser.sign_in(&page, "alice").await;
    let page = browser
        .open(&world.request(&[("prompt", "select_account")]))
        .await;
    let alice = page.form("select-account").set("account", "current");

    // In another window of the same browser, Bob signs in.
    let mut window = browser.same();
    let page = window.open(&world.request(&[("prompt", "login")])).await;
    window.sign_in(&page, "bob").await;
    browser.cookies = window.cookies;

    let form = alices.form("consent").set("decision", "allow");
    let answer = browser.submit(&form).await;
    assert!(answer.leads_to("/consent"), "{answer:?}");
    let page = browser.follow(answer).await;
    assert!(page.body.contains("bob") && !page.body.contains("alice"));
    let answer = browser.submit(&alice).await;
    assert!(answer.leads_to("/select-account"));
    let page = browser.follow(answer).await;
    assert!(page.body.contains(">bob<") && !page.body.contains(">alice<"));
}

#[tokio::test]
async fn somebody_else_than_the_client_means_gets_no_code() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let page = browser.sign_in(&page, "alice").await;
    let code = browser.allow(&page).await.code();
    let hint = world.redeem("web", &code).await["raw"]
        .as_str()
        .unwrap()
        .to_owned();

    let mut browser = world.browser();
    let page = browser
        .open(&world.request(&[("id_token_hint", &hint)]))
        .await;
    let answer = browser.sign_in(&page, "bob").await;
    assert_eq!(error(&answer).as_deref(), Some("login_required"));
    let page = browser
        .open(&world.request(&[("id_token_hint", &hint)]))
        .await;
    browser.sign_in(&page, "alice").await.code();
}

#[tokio::test]
async fn a_handle_that_is_changed_old_or_missing_says_what_to_do() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let action = page.form("login").action;
    let (path, handle) = action.split_once('=').unwrap();
    for changed in [
        "x",
        "%00",
        handle.get(1..).unwrap(),
        handle.get(..handle.len() - 1).unwrap(),
        &format!("{handle}A"),
        &"A".repeat(handle.len()),
        &"A".repeat(60_000),
    ] {
        for path in [
            path,
            "/select-account?handle",
            "/consent?handle",
            "/logout/confirm?handle",
        ] {
            let answer = browser.get(&format!("{path}={changed}")).await;
            answer.refused(400, "interaction_unknown");
            assert!(answer.body.contains("Go back to the app"));
        }
    }
    // What is sealed for one purpose is not good for another.
    let confirm = action.replace("sign-in", "logout/confirm");
    browser
        .get(&confirm)
        .await
        .refused(400, "interaction_unknown");
    for path in [
        "/sign-in",
        "/select-account?x=y",
        "/consent?handle=",
        "/logout/confirm",
    ] {
        browser.get(path).await.refused(400, "page_without_request");
        browser
            .post(path, &[])
            .await
            .refused(403, "page_without_request");
    }
    let twice = format!("{action}&handle={handle}");
    browser
        .get(&twice)
        .await
        .refused(400, "page_without_request");
    world.clock.advance(3600);
    browser
        .get(&action)
        .await
        .refused(400, "interaction_expired");
    let fields = [
        ("username", "alice"),
        ("password", crate::support::PASSWORD),
    ];
    browser
        .post(&action, &fields)
        .await
        .refused(403, "interaction_expired");
    assert!(world.sign_ins().is_empty());
}

#[tokio::test]
async fn nothing_is_written_for_somebody_who_has_not_signed_in() {
    let world = World::start().await;
    let before = world.commits();
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let form = page.form("login");
    for fields in [
        &[("username", "alice"), ("password", "wrong")][..],
        &[("username", "nobody"), ("password", "wrong")],
        &[("decision", "cancel")],
    ] {
        browser.post(&form.action, fields).await;
    }
    for (path, fields) in [
        ("/consent", &[("decision", "allow")][..]),
        ("/consent", &[("decision", "deny")]),
        ("/select-account", &[("account", "current")]),
        ("/select-account", &[("account", "")]),
    ] {
        let address = form.action.replace("/sign-in", path);
        browser.get(&address).await;
        browser.post(&address, fields).await;
    }
    browser.open("/logout").await;
    browser.get("/").await;
    assert_eq!(world.commits(), before);
    browser.sign_in(&page, "alice").await;
    assert_eq!(world.commits(), before + 1);
}
