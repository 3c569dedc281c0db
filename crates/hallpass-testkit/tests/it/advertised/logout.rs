//! Clients that hear of the end of a session.

use hallpass_testkit::{Browser, assertion, html, wire};
use serde_json::{Value, json};

use super::desk::{Desk, Rp};

const OUT: &str = "https://new.test/out";

/// A client that wants to be told, after bob used it and signed out; and the page that he saw last.
async fn signed_out(desk: &Desk, member: &str) -> Option<String> {
    let members = json!({
        format!("{member}_logout_uri"): OUT, format!("{member}_logout_session_required"): true,
    });
    desk.op.fetcher.answer_posts(OUT, 200);
    let rp = desk.register(members).await?;
    let mut browser = desk.op.browser();
    let id_token = id_token(desk, &rp, &mut browser).await;
    let pairs = [("client_id", rp.id.as_str()), ("id_token_hint", &id_token)];
    let answer = browser.query("/logout", &pairs).await;
    let page = browser.follow(&answer).await;
    assert_eq!(page.status, 200);
    Some(page.text())
}

async fn id_token(desk: &Desk, rp: &Rp, browser: &mut Browser) -> String {
    let answer = browser.send(desk.request(rp, "openid").get()).await;
    let answer = browser.through_pages("bob", answer).await;
    let code = wire::param(answer.location(), "code").unwrap();
    let tokens = desk.redeem(rp, &code).await;
    tokens["id_token"].as_str().unwrap().to_owned()
}

/// The claims of the token that was posted to the client.
async fn posted(desk: &Desk) -> Option<Value> {
    let before = desk.op.fetcher.posted().len();
    signed_out(desk, "backchannel").await?;
    desk.op.provider.deliver_due().await.unwrap();
    let posted = desk.op.fetcher.posted();
    let body = &posted.get(before)?.body;
    Some(assertion::payload(
        body.strip_prefix("logout_token=").unwrap(),
    ))
}

pub(super) async fn back_channel(desk: &Desk) -> bool {
    posted(desk)
        .await
        .is_some_and(|claims| claims["iss"] == "https://op.test")
}

pub(super) async fn back_channel_names_session(desk: &Desk) -> bool {
    posted(desk)
        .await
        .is_some_and(|claims| claims["sid"].is_string())
}

/// The address of the client's frame.
async fn frame(desk: &Desk) -> Option<String> {
    let page = signed_out(desk, "frontchannel").await?;
    let tags = html::tags(&page);
    let frame = tags.iter().find(|tag| tag.name == "iframe")?;
    frame.get("src").map(str::to_owned)
}

pub(super) async fn front_channel(desk: &Desk) -> bool {
    frame(desk).await.is_some_and(|src| src.starts_with(OUT))
}

pub(super) async fn front_channel_names_session(desk: &Desk) -> bool {
    let named =
        |src: String| wire::param(&src, "sid").is_some() && wire::param(&src, "iss").is_some();
    frame(desk).await.is_some_and(named)
}

/// Every answer says in which state the session is, so that a frame can watch it.
pub(super) async fn session_state(desk: &Desk, iframe: &str) -> bool {
    let rp = desk.register(json!({})).await.unwrap();
    let answer = desk.agreed(&desk.request(&rp, "openid")).await;
    let state = wire::param(answer.location(), "session_state");
    let page = desk.op.browser().get("/session/check").await;
    assert_eq!(page.status == 200, state.is_some());
    let url = if state.is_some() {
        "https://op.test/session/check"
    } else {
        ""
    };
    iframe == url
}
