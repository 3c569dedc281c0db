//! Session management: what frames of clients can learn.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_testkit::{Answer, Ask, Browser, Op, Request, wire};
use hallpass_types::sha256;

const COOKIE: &str = "__Host-hallpass_state";

async fn watched() -> Op {
    Op::with(|policy| policy.logout.session_management = true).await
}

async fn authorized(browser: &mut Browser, request: &Request) -> Answer {
    let answer = browser.send(request.get()).await;
    browser.through_pages("alice", answer).await
}

/// What the page makes of the browser's cookie, for a client at an origin.
fn computed(browser: &Browser, client: &str, origin: &str, state: &str) -> bool {
    let held = browser.cookie("hallpass_state").unwrap_or_default();
    let (_, salt) = state.split_once('.').unwrap();
    let made = hallpass_core::logout::session_state::session_state(client, origin, held, salt);
    made == state
}

//= test OIDC-SESSION#2 where sessions can be watched, the answer to an authentication request has session_state
#[tokio::test]
async fn the_state_is_the_same_until_somebody_signs_out_or_in() {
    let op = watched().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid");
    let answer = authorized(&mut browser, &request).await;
    let state = wire::param(answer.location(), "session_state").unwrap();
    assert!(computed(&browser, "web", "https://rp.test", &state));
    for (client, origin) in [
        ("web2", "https://rp.test"),
        ("web", "https://rp2.test"),
        ("web", "https://op.test"),
        ("web", "https://rp.test:443"),
    ] {
        assert!(
            !computed(&browser, client, origin, &state),
            "{client} {origin}"
        );
    }
    // A later answer has another salt and says the same.
    let answer = authorized(&mut browser, &request).await;
    let later = wire::param(answer.location(), "session_state").unwrap();
    assert_ne!(state, later);
    assert!(
        answer
            .all("set-cookie")
            .all(|c| !c.contains("hallpass_state"))
    );
    for state in [&state, &later] {
        assert!(computed(&browser, "web", "https://rp.test", state));
    }
    // Another session of the same person is another state.
    let again = request.clone().with("prompt", "login");
    authorized(&mut browser, &again).await;
    assert!(!computed(&browser, "web", "https://rp.test", &state));
    let answer = authorized(&mut browser, &request).await;
    let state = wire::param(answer.location(), "session_state").unwrap();
    let question = browser.query("/logout", &[]).await;
    let page = browser.follow(&question).await.text();
    browser.press(&page, "logout", "logout-yes", &[]).await;
    assert_eq!(browser.cookie("hallpass_state"), None);
    assert!(!computed(&browser, "web", "https://rp.test", &state));
}

#[tokio::test]
async fn whoever_signs_in_where_requests_are_answered_is_watched_too() {
    let op = Op::with(|policy| {
        policy.logout.session_management = true;
        policy.backchannel.enabled = true;
    })
    .await;
    let mut browser = crate::backchannel::at_approvals(&op, "alice").await;
    let held = browser.cookie("hallpass_state").map(str::to_owned);
    assert!(held.is_some());
    let answer = authorized(&mut browser, &Request::of("web", "openid")).await;
    let state = wire::param(answer.location(), "session_state").unwrap();
    assert!(computed(&browser, "web", "https://rp.test", &state));
    assert_eq!(browser.cookie("hallpass_state"), held.as_deref());
}

#[tokio::test]
async fn a_browser_that_lost_the_state_gets_it_again() {
    let op = watched().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid");
    let answer = authorized(&mut browser, &request).await;
    let state = wire::param(answer.location(), "session_state").unwrap();
    for bad in [None, Some("x"), Some("")] {
        browser.drop_cookie("hallpass_state");
        if let Some(bad) = bad {
            browser.set_cookie(COOKIE, bad);
        }
        authorized(&mut browser, &request).await;
        assert!(computed(&browser, "web", "https://rp.test", &state));
    }
}

#[tokio::test]
async fn the_cookie_opens_nothing_and_follows_from_the_session_alone() {
    let op = watched().await;
    let mut browser = op.browser();
    let answer = authorized(&mut browser, &Request::of("web", "openid")).await;
    drop(answer);
    let state = browser.cookie("hallpass_state").unwrap().to_owned();
    let session = browser.cookie("hallpass_session").unwrap().to_owned();
    assert!(!session.contains(&state) && state.len() == 22);
    let mut thief = op.browser();
    for name in [COOKIE, "__Host-hallpass_session", "__Host-hallpass_browser"] {
        thief.set_cookie(name, &state);
    }
    let silent = Request::of("web", "openid").with("prompt", "none").get();
    assert_eq!(thief.send(silent).await.error(), "login_required");
}

#[tokio::test]
async fn only_pages_that_somebody_signs_in_to_get_a_state() {
    let op = watched().await;
    let mut browser = op.browser();
    let native = Request::of("native", "openid").with("redirect_uri", "com.example.app:/cb");
    for request in [Request::of("web", "api:read"), native] {
        let answer = authorized(&mut browser, &request).await;
        assert!(wire::param(answer.location(), "code").is_some());
        assert_eq!(wire::param(answer.location(), "session_state"), None);
    }
    let plain = Op::start().await;
    let mut browser = plain.browser();
    let answer = authorized(&mut browser, &Request::of("web", "openid")).await;
    assert_eq!(wire::param(answer.location(), "session_state"), None);
    assert_eq!(browser.cookie("hallpass_state"), None);
    let document = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(document.get("check_session_iframe"), None);
    assert_eq!(browser.get("/session/check").await.status, 404);
}

#[tokio::test]
async fn the_page_is_made_for_frames_and_runs_its_own_script_alone() {
    let op = watched().await;
    let mut browser = op.browser();
    let document = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(
        document["check_session_iframe"],
        "https://op.test/session/check"
    );
    let page = browser.get("/session/check").await;
    assert_eq!((page.status, page.media()), (200, "text/html"));
    assert_eq!(page.header("x-frame-options"), None);
    let text = page.text();
    let script = text.split("<script>").nth(1).unwrap();
    let script = script.split("</script>").next().unwrap();
    assert!(script.contains("\"__Host-hallpass_state=\""));
    let digest = STANDARD.encode(sha256(script.as_bytes()));
    let csp = page.header("content-security-policy").unwrap();
    assert!(
        csp.contains(&format!("script-src 'sha256-{digest}'")),
        "{csp}"
    );
    assert!(csp.contains("frame-ancestors *") && csp.contains("default-src 'none'"));
    // Nothing of the request, and no answer to everybody.
    let marked = browser.get("/session/check?zq=%3Csvg").await.text();
    assert_eq!(marked, text);
    assert!(!script.contains("\"*\""));
    assert_eq!(
        browser.send(Ask::form("/session/check", &[])).await.status,
        405
    );
    // Every other page stays out of frames.
    let other = browser.get("/signed-out").await;
    assert_eq!(other.header("x-frame-options"), Some("DENY"));
}
