//! Signing out.

use crate::support::{Browser, World};

/// Signed in at the client "web", with the ID token.
async fn signed_in(world: &World) -> (Browser<'_>, String) {
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[("prompt", "consent")])).await;
    let page = browser.sign_in(&page, "alice").await;
    let code = browser.allow(&page).await.code();
    let claims = world.redeem("web", &code).await;
    (browser, claims["raw"].as_str().unwrap().to_owned())
}

async fn is_signed_in(browser: &Browser<'_>) -> bool {
    let request = browser.world.request(&[("prompt", "none")]);
    browser.same().get(&request).await.answer("code").is_some()
}

#[tokio::test]
async fn without_a_hint_the_person_is_asked() {
    let world = World::start().await;
    let (mut browser, _) = signed_in(&world).await;
    let before = browser.same();
    let page = browser.open("/logout").await;
    assert!(page.body.contains("alice"));
    assert!(is_signed_in(&before).await);
    let form = page.form("logout").set("logout", "yes");
    let answer = browser.submit(&form).await;
    assert!(answer.leads_to("/signed-out"));
    assert!(!browser.cookies.contains_key("hallpass_session"));
    let page = browser.follow(answer).await;
    assert!(page.body.contains("id=\"signed-out\""));
    // The old cookie is worth nothing.
    assert!(!is_signed_in(&before).await);
}

#[tokio::test]
async fn whoever_stays_stays_signed_in() {
    let world = World::start().await;
    let (mut browser, _) = signed_in(&world).await;
    let page = browser.open("/logout").await;
    let form = page.form("logout").set("logout", "no");
    let page = browser.submit(&form).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("id=\"still-signed-in\""));
    assert!(is_signed_in(&browser).await);
}

#[tokio::test]
async fn with_a_hint_the_person_is_signed_out_at_once_and_goes_back() {
    let world = World::start().await;
    let (mut browser, hint) = signed_in(&world).await;
    let before = browser.same();
    let address = format!(
        "/logout?id_token_hint={hint}&post_logout_redirect_uri=https://rp.test/bye&state=a%20b"
    );
    let answer = browser.get(&address).await;
    assert_eq!(
        answer.location().as_deref(),
        Some("https://rp.test/bye?state=a%20b")
    );
    assert!(!is_signed_in(&before).await);
}

#[tokio::test]
async fn after_being_asked_the_person_goes_back_to_the_client() {
    let world = World::start().await;
    for decision in ["yes", "no"] {
        let (mut browser, _) = signed_in(&world).await;
        let page = browser
            .open("/logout?client_id=web&post_logout_redirect_uri=https://rp.test/bye&state=s")
            .await;
        assert!(page.body.contains("Web &lt;b&gt;App"));
        let form = page.form("logout").set("logout", decision);
        let answer = browser.submit(&form).await;
        assert_eq!(
            answer.location().as_deref(),
            Some("https://rp.test/bye?state=s")
        );
        assert_eq!(is_signed_in(&browser).await, decision == "no");
    }
}

#[tokio::test]
async fn an_address_that_is_not_registered_is_no_redirect() {
    let world = World::start().await;
    let (mut browser, hint) = signed_in(&world).await;
    for uri in [
        "https://evil.test/",
        "https://rp.test/bye?x=1",
        "//evil.test",
        "javascript:alert(1)",
    ] {
        let uri: String = form_urlencoded::byte_serialize(uri.as_bytes()).collect();
        let address = format!("/logout?id_token_hint={hint}&post_logout_redirect_uri={uri}");
        let answer = browser.get(&address).await;
        answer.refused(400, "post_logout_redirect_uri_not_registered");
    }
    assert!(is_signed_in(&browser).await);
}

#[tokio::test]
async fn a_yes_of_another_site_or_browser_does_nothing() {
    let world = World::start().await;
    let (mut browser, _) = signed_in(&world).await;
    let page = browser.open("/logout").await;
    let action = page.form("logout").action;
    let fields = [("logout", "yes")];
    for headers in [
        &[("origin", "https://evil.test")][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
    ] {
        let answer = browser.post_from(headers, &action, &fields).await;
        answer.refused(403, "cross_site_form");
    }
    browser
        .post("/logout/confirm", &fields)
        .await
        .refused(403, "page_without_request");
    let (mut other, _) = signed_in(&world).await;
    other
        .get(&action)
        .await
        .refused(400, "interaction_other_browser");
    let answer = other.post(&action, &fields).await;
    answer.refused(403, "interaction_other_browser");
    assert!(is_signed_in(&browser).await && is_signed_in(&other).await);
    for fields in [
        &[][..],
        &[("logout", "maybe")],
        &[("logout", "yes"), ("logout", "yes")],
    ] {
        browser
            .post(&action, fields)
            .await
            .refused(400, "decision_missing");
    }
    world.clock.advance(3600);
    browser
        .post(&action, &fields)
        .await
        .refused(403, "interaction_expired");
    assert!(is_signed_in(&browser).await);
}

#[tokio::test]
async fn a_yes_does_not_end_a_later_session() {
    let world = World::start().await;
    let (mut browser, _) = signed_in(&world).await;
    let page = browser.open("/logout").await;
    let form = page.form("logout").set("logout", "yes");
    assert!(browser.submit(&form).await.leads_to("/signed-out"));
    // Pressed twice it is still answered.
    assert!(browser.submit(&form).await.leads_to("/signed-out"));
    let page = browser.open(&world.request(&[])).await;
    browser.sign_in(&page, "alice").await.code();
    let answer = browser.submit(&form).await;
    answer.refused(403, "interaction_other_session");
    assert!(is_signed_in(&browser).await);
}
