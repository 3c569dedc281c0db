//! Authorization codes: what they are bound to, and that they work once.

use hallpass_testkit::{Op, Request};

#[tokio::test]
async fn a_code_becomes_tokens_that_say_what_was_granted() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let tokens = browser
        .code_flow("web", "openid email offline_access")
        .await;
    let claims = op.verified("web", tokens.id.as_deref().unwrap());
    assert_eq!(claims["sub"], op.subject("alice").as_str());
    assert_eq!(claims["nonce"], "the-nonce");
    let info = browser.userinfo(&tokens.access).await;
    assert_eq!(info.status, 200);
    assert_eq!(info.json()["sub"], claims["sub"]);
    drop(Request::of("web", "openid"));
}
