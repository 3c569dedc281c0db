//! Algorithms of what we sign for a client: it registers one and gets it.

use hallpass_testkit::Ask;
use serde_json::json;

use super::{
    desk::{Desk, Rp},
    endpoints::algorithm,
};

async fn registered(desk: &Desk, member: &str, value: &str) -> Option<Rp> {
    let rp = desk.register(json!({member: value})).await?;
    rp.has(member, value).then_some(rp)
}

pub(super) async fn id_token(desk: &Desk, value: &str) -> bool {
    let Some(rp) = registered(desk, "id_token_signed_response_alg", value).await else {
        return false;
    };
    let tokens = desk.tokens(&rp, &desk.request(&rp, "openid")).await;
    let token = tokens["id_token"].as_str().unwrap();
    let claims = desk.op.verified(&rp.id, token);
    assert_eq!(algorithm(token), value);
    claims["sub"] == desk.op.subject("alice").as_str()
}

pub(super) async fn userinfo(desk: &Desk, value: &str) -> bool {
    let Some(rp) = registered(desk, "userinfo_signed_response_alg", value).await else {
        return false;
    };
    let tokens = desk.tokens(&rp, &desk.request(&rp, "openid")).await;
    let token = tokens["access_token"].as_str().unwrap();
    let ask = Ask::get("/userinfo").bearer(token);
    let answer = desk.op.browser().send(ask).await;
    assert_eq!(answer.media(), "application/jwt", "{}", answer.text());
    algorithm(&answer.text()) == value
}
