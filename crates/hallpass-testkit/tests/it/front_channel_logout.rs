//! Front-channel logout.

use hallpass_testkit::{Answer, Ask, Browser, Op, Request, Setup, html, wire};
use serde_json::json;

use crate::back_channel_logout::join;

const BYE: &str = "https://rp.test/bye";

/// `web` wants to know which session ended, `web2` does not.
fn setup() -> Setup {
    Setup::default()
        .metadata(
            "web",
            &json!({"frontchannel_logout_uri": "https://rp.test/out?a=b&c",
                "frontchannel_logout_session_required": true}),
        )
        .metadata(
            "web2",
            &json!({"frontchannel_logout_uri": "https://rp2.test/out"}),
        )
}

/// Signs out by a hint of `web`; answers what the browser is sent to.
async fn sign_out(browser: &mut Browser, id_token: &str) -> Answer {
    let pairs = [
        ("client_id", "web"),
        ("id_token_hint", id_token),
        ("post_logout_redirect_uri", BYE),
        ("state", "s&t"),
    ];
    browser.query("/logout", &pairs).await
}

fn frames(page: &str) -> Vec<String> {
    let tags = html::tags(page);
    let frames = tags.iter().filter(|tag| tag.name == "iframe");
    frames.map(|f| f.get("src").unwrap().to_owned()).collect()
}

fn frame_src(page: &Answer) -> Option<String> {
    let csp = page.header("content-security-policy").unwrap();
    let directive = csp.split("; ").find(|d| d.starts_with("frame-src"));
    directive.map(str::to_owned)
}

// LO-10
#[tokio::test]
async fn every_client_of_the_session_has_its_frame_and_no_other() {
    let op = setup().start().await;
    let mut browser = op.browser();
    let id = browser.code_flow("web", "openid").await.id.unwrap();
    let sid = op.verified("web", &id)["sid"].as_str().unwrap().to_owned();
    let of_web2 = browser.code_flow("web2", "openid").await;
    assert_eq!(of_web2.claims().get("sid"), None);
    browser.code_flow("spa", "openid").await;
    let answer = sign_out(&mut browser, &id).await;
    assert!(
        answer
            .location()
            .starts_with("https://op.test/signed-out?handle="),
        "{}",
        answer.location()
    );
    let page = browser.follow(&answer).await;
    assert_eq!(page.status, 200);
    let text = page.text();
    let mut found = frames(&text);
    found.sort();
    let of_web = format!("https://rp.test/out?a=b&c&iss=https%3A%2F%2Fop.test&sid={sid}");
    assert_eq!(found, [of_web.as_str(), "https://rp2.test/out"]);
    assert_eq!(
        frame_src(&page).as_deref(),
        Some("frame-src https://rp.test https://rp2.test")
    );
    let tags = html::tags(&text);
    let on = tags.iter().find(|tag| tag.get("id") == Some("continue"));
    let href = on.and_then(|tag| tag.get("href"));
    assert_eq!(href, Some("https://rp.test/bye?state=s%26t"));
    let csp = page.header("content-security-policy").unwrap();
    assert!(
        csp.contains("script-src 'sha256-") && !csp.contains("unsafe"),
        "{csp}"
    );
    // The session is over, whether or not anybody looks at the page.
    let silent = Request::of("web", "openid").with("prompt", "none").get();
    assert_eq!(browser.send(silent).await.error(), "login_required");
}

// LO-10
#[tokio::test]
async fn a_session_that_has_reached_very_many_clients_has_a_page_with_some_frames() {
    let op = setup().start().await;
    let mut browser = op.browser();
    let id = browser.code_flow("web", "openid").await.id.unwrap();
    let others: Vec<String> = (0..150).map(|n| format!("rp-{n}")).collect();
    for id in &others {
        let frame = json!({ "frontchannel_logout_uri": format!("https://rp.test/out/{id}") });
        op.knows_client(id, &frame);
    }
    let others: Vec<_> = others.iter().map(|id| (id.as_str(), 1)).collect();
    join(&op, &others).await;
    let answer = sign_out(&mut browser, &id).await;
    let page = browser.follow(&answer).await;
    assert_eq!(page.status, 200);
    let mut found = frames(&page.text());
    assert_eq!(found.len(), 100);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 100, "each once");
    assert_eq!(
        frame_src(&page).as_deref(),
        Some("frame-src https://rp.test")
    );
}

#[tokio::test]
async fn without_frames_the_browser_goes_straight_on() {
    let op = setup().start().await;
    let mut browser = op.browser();
    let first = browser.code_flow("spa", "openid").await;
    drop(first);
    // A hint of an earlier session of a client that took no part in this one.
    let mut other = op.browser();
    let id = other.code_flow("web", "openid").await.id.unwrap();
    let answer = sign_out(&mut browser, &id).await;
    assert_eq!(answer.location(), "https://rp.test/bye?state=s%26t");
}

// LO-10
#[tokio::test]
async fn the_page_tells_nothing_in_another_browser_or_later_or_to_guesses() {
    let op = setup().start().await;
    let mut browser = op.browser();
    let id = browser.code_flow("web", "openid").await.id.unwrap();
    let answer = sign_out(&mut browser, &id).await;
    let target = answer.location().strip_prefix("https://op.test").unwrap();
    let handle = target.split_once('=').unwrap().1;
    let mut thief = op.browser();
    let plain = |page: &Answer| {
        assert_eq!(page.status, 200);
        assert!(frames(&page.text()).is_empty());
        assert_eq!(frame_src(page), None);
        assert!(!page.text().contains("rp.test"), "{}", page.text());
    };
    plain(&thief.get(target).await);
    for bad in [
        "/signed-out",
        "/signed-out?handle=",
        "/signed-out?handle=x",
        &format!("/signed-out?handle={handle}&handle={handle}"),
        &format!("/signed-out?handle={}", &handle[1..]),
    ] {
        plain(&browser.get(bad).await);
    }
    // What was sealed for another page is nothing here.
    let asked = browser.send(Request::of("web", "openid").get()).await;
    let other = asked.location().split_once("handle=").unwrap().1.to_owned();
    plain(&browser.get(&format!("/signed-out?handle={other}")).await);
    assert_eq!(frames(&browser.get(target).await.text()).len(), 1);
    let posted = browser.send(Ask::form(target, &[])).await;
    assert_eq!(posted.status, 405);
    op.clock.advance(3600);
    plain(&browser.get(target).await);
}

#[tokio::test]
async fn one_client_that_is_left_alone_has_the_only_frame() {
    let op = setup().start().await;
    let mut browser = op.browser();
    browser.code_flow("web", "openid").await;
    browser.code_flow("web2", "openid").await;
    let pairs = [("client_id", "web2")];
    let answer = browser.query("/logout", &pairs).await;
    let page = browser.follow(&answer).await.text();
    let answer = browser.press(&page, "logout", "logout-client", &[]).await;
    let page = browser.follow(&answer).await;
    assert_eq!(frames(&page.text()), ["https://rp2.test/out"]);
    assert!(page.text().contains("still-signed-in"));
    assert_eq!(
        frame_src(&page).as_deref(),
        Some("frame-src https://rp2.test")
    );
    let silent = Request::of("web", "openid").with("prompt", "none").get();
    let answer = browser.send(silent).await;
    assert!(wire::param(answer.location(), "code").is_some());
}

// LO-10
//= test OIDC-FRONTCHANNEL#2 scheme, host and port are those of a redirect URI
#[tokio::test]
async fn a_frame_of_another_origin_cannot_be_registered() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for (uri, good) in [
        ("https://rp9.test/out", true),
        ("https://rp9.test/out?x=y", true),
        ("https://rp9.test:8443/out", false),
        ("http://rp9.test/out", false),
        ("https://evil.test/out", false),
        ("https://rp9.test@evil.test/out", false),
        ("https://rp9.test/out#x", false),
        ("javascript:alert(1)", false),
        ("data:text/html,x", false),
        ("//rp9.test/out", false),
    ] {
        let metadata = json!({
            "redirect_uris": ["https://rp9.test/cb"],
            "frontchannel_logout_uri": uri,
        });
        let ask = Ask::json("/register", &metadata).bearer(&op.initial_access_token);
        let answer = browser.send(ask).await;
        assert_eq!(answer.status == 201, good, "{uri}: {}", answer.text());
    }
}

#[tokio::test]
async fn where_it_is_switched_off_there_are_no_frames() {
    let op = setup()
        .policy(|policy| policy.logout.front_channel = false)
        .start()
        .await;
    let mut browser = op.browser();
    let id = browser.code_flow("web", "openid").await.id.unwrap();
    assert_eq!(op.verified("web", &id).get("sid"), None);
    let answer = sign_out(&mut browser, &id).await;
    assert_eq!(answer.location(), "https://rp.test/bye?state=s%26t");
    let document = browser
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(document.get("frontchannel_logout_supported"), None);
}
