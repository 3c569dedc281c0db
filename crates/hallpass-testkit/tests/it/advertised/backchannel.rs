//! Requests that a client makes without a browser (CIBA).

use hallpass_jose::JwsAlgorithm;
use hallpass_testkit::{Answer, assertion};
use serde_json::{Value, json};

use super::desk::{Desk, Rp, key, key_set, next};

const GRANT: &str = "urn:openid:params:grant-type:ciba";

async fn registered(desk: &Desk, more: Value) -> Option<Rp> {
    let mut members = json!({
        "grant_types": [GRANT], "response_types": [], "backchannel_token_delivery_mode": "poll",
        "backchannel_client_notification_endpoint": "https://new.test/notify",
    });
    for (name, value) in more.as_object().unwrap() {
        members[name] = value.clone();
    }
    desk.register(members).await
}

async fn begun(desk: &Desk, rp: &Rp, more: &[(&str, &str)]) -> Answer {
    let token = (
        "client_notification_token",
        "8d67dc78-7faa-4d41-aabd-67707b374255",
    );
    let pairs = [&[("scope", "openid"), ("login_hint", "bob"), token], more].concat();
    desk.call(rp, "/backchannel", &pairs).await
}

pub(super) async fn delivery_mode(desk: &Desk, value: &str) -> bool {
    let mode = json!({"backchannel_token_delivery_mode": value});
    let Some(rp) = registered(desk, mode).await else {
        return false;
    };
    let answer = begun(desk, &rp, &[]).await;
    assert_eq!(answer.status, 200, "{value}: {}", answer.text());
    // Whoever is sent the tokens has nothing to ask again for.
    assert_eq!(answer.json()["interval"].is_null(), value == "push");
    rp.has("backchannel_token_delivery_mode", value)
}

/// A request without the code of the person is refused for want of it.
pub(super) async fn user_code(desk: &Desk) -> bool {
    let flag = json!({"backchannel_user_code_parameter": true});
    let Some(rp) = registered(desk, flag).await else {
        return false;
    };
    let answer = begun(desk, &rp, &[]).await;
    answer.error() == "missing_user_code"
}

pub(super) async fn algorithm(desk: &Desk, value: &str) -> bool {
    let algorithm = JwsAlgorithm::parse(value).filter(|algorithm| !algorithm.is_symmetric());
    let key_of = algorithm.unwrap_or(JwsAlgorithm::ES256);
    let members = json!({
        "backchannel_authentication_request_signing_alg": value, "jwks": key_set(key_of),
    });
    let Some(rp) = registered(desk, members).await else {
        return false;
    };
    let now = desk.op.clock.seconds();
    let claims = json!({
        "iss": rp.id, "aud": "https://op.test", "iat": now, "nbf": now, "exp": now + 60,
        "jti": format!("request-{}", next()), "scope": "openid", "login_hint": "bob",
    });
    let header = json!({"alg": value});
    let object = assertion::sign_with_header(&key(key_of), &header, claims.to_string().as_bytes());
    let answer = desk
        .call(&rp, "/backchannel", &[("request", &object)])
        .await;
    assert_eq!(answer.status, 200, "{value}: {}", answer.text());
    // Who registered an algorithm has to sign.
    assert_eq!(begun(desk, &rp, &[]).await.error(), "invalid_request");
    rp.has("backchannel_authentication_request_signing_alg", value)
}
