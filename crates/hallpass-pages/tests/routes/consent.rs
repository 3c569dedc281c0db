//! Consent.

use crate::support::World;

#[tokio::test]
async fn what_was_allowed_is_not_asked_again() {
    let world = World::start().await;
    let mut browser = world.browser();
    browser.settle("alice").await;
    browser.get(&world.request(&[])).await.code();
    browser
        .get(&world.request(&[("scope", "openid")]))
        .await
        .code();
    let page = browser.open(&world.request(&[("prompt", "consent")])).await;
    browser.allow(&page).await.code();
    let page = browser
        .open(&world.request(&[("scope", "openid phone")]))
        .await;
    page.form("consent");
}

#[tokio::test]
async fn the_page_shows_who_asks_for_what() {
    let world = World::start().await;
    let mut browser = world.browser();
    let claims =
        r#"{"userinfo":{"birthdate":null,"acr":null},"id_token":{"auth_time":{"essential":true}}}"#;
    let request = world.request(&[
        ("scope", "openid email offline_access unheard-of"),
        ("claims", claims),
    ]);
    let page = browser.open(&request).await;
    let page = browser.sign_in(&page, "alice").await;
    let form = page.form("consent");
    let ticked: Vec<_> = form.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        ticked,
        ["scope.email", "scope.offline_access", "claim.birthdate"]
    );
    assert!(page.body.contains("Date of birth"));
    assert!(!page.body.contains("auth_time") && !page.body.contains("unheard-of"));
    assert!(page.text("lifetime").contains("90 days"));
    assert!(page.body.contains("rp.test"));
    assert!(!page.body.contains("id=\"unverified\""));

    let stranger = world.request(&[("client_id", "stranger")]);
    let page = browser.open(&stranger).await;
    assert!(page.body.contains("id=\"unverified\""));
}

#[tokio::test]
async fn only_what_stayed_ticked_is_granted() {
    let world = World::start().await;
    let mut browser = world.browser();
    let request = world.request(&[("scope", "openid email phone")]);
    let page = browser.open(&request).await;
    let page = browser.sign_in(&page, "alice").await;
    let form = page
        .form("consent")
        .without("scope.phone")
        .set("decision", "allow");
    let answer = browser.submit(&form).await;
    let claims = world.redeem("web", &answer.code()).await;
    assert_eq!(claims["scope"], "openid email");
    // What was left out is not asked for again.
    let answer = browser.get(&request).await;
    assert_eq!(
        world.redeem("web", &answer.code()).await["scope"],
        "openid email"
    );
}

#[tokio::test]
async fn a_form_cannot_widen_what_was_asked_for() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[("scope", "openid")])).await;
    let page = browser.sign_in(&page, "alice").await;
    let form = page
        .form("consent")
        .set("scope.email", "yes")
        .set("scope.offline_access", "yes")
        .set("scope", "openid email")
        .set("claims", r#"{"userinfo":{"email":null}}"#)
        .set("resource", "https://api.test")
        .set("client_id", "trusted")
        .set("redirect_uri", "https://evil.test/")
        .set("decision", "allow");
    let answer = browser.submit(&form).await;
    let claims = world.redeem("web", &answer.code()).await;
    assert_eq!(claims["scope"], "openid");
    assert!(claims.get("email").is_none());
}

#[tokio::test]
async fn whoever_denies_goes_back_and_the_page_is_used_up() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let page = browser.sign_in(&page, "alice").await;
    let form = page.form("consent");
    let answer = browser.submit(&form.clone().set("decision", "deny")).await;
    assert_eq!(answer.answer("error").as_deref(), Some("access_denied"));
    assert_eq!(answer.answer("state").as_deref(), Some("st"));
    assert_eq!(answer.answer("iss").as_deref(), Some(world.issuer.as_str()));
    assert_eq!(answer.answer("code"), None);
    // Allowing after that asks once more instead.
    let answer = browser.submit(&form.clone().set("decision", "allow")).await;
    assert!(answer.leads_to("/consent"), "{answer:?}");
    let silent = world.request(&[("prompt", "none")]);
    let answer = browser.get(&silent).await;
    assert_eq!(answer.answer("error").as_deref(), Some("consent_required"));
}

#[tokio::test]
async fn a_button_pressed_twice_does_no_harm() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let page = browser.sign_in(&page, "alice").await;
    let form = page.form("consent").set("decision", "allow");
    let codes = [
        browser.submit(&form).await.code(),
        browser.submit(&form).await.code(),
    ];
    assert_ne!(codes[0], codes[1]);
}

#[tokio::test]
async fn a_form_without_a_decision_decides_nothing() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let page = browser.sign_in(&page, "alice").await;
    let form = page.form("consent");
    browser.submit(&form).await.refused(400, "decision_missing");
    for decision in ["", "yes", "ALLOW"] {
        let answer = browser
            .submit(&form.clone().set("decision", decision))
            .await;
        answer.refused(400, "decision_missing");
    }
    let twice = [("decision", "deny"), ("decision", "allow")];
    let answer = browser.post(&form.action, &twice).await;
    answer.refused(400, "decision_missing");
}

#[tokio::test]
async fn consent_of_another_site_or_browser_is_refused() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let page = browser.sign_in(&page, "alice").await;
    let form = page.form("consent");
    let fields = [("decision", "allow")];
    let headers = [("origin", "https://evil.test")];
    let answer = browser.post_from(&headers, &form.action, &fields).await;
    answer.refused(403, "cross_site_form");
    // The session alone is not enough: the cookie that binds the request is another one.
    let mut other = browser.same();
    other.cookies.remove("hallpass_browser");
    let answer = other.post(&form.action, &fields).await;
    answer.refused(403, "interaction_other_browser");
    // Nor is the binding without the session.
    let mut other = browser.same();
    other.cookies.remove("hallpass_session");
    assert!(other.post(&form.action, &fields).await.leads_to("/sign-in"));
}

#[tokio::test]
async fn a_client_that_needs_no_consent_gets_its_code_after_the_sign_in() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser
        .open(&world.request(&[("client_id", "trusted")]))
        .await;
    browser.sign_in(&page, "alice").await.code();
}
