//! What people answer for a device, and for an application that asks them from elsewhere.

use hallpass_load::http::encode_form;
use serde_json::Value;

use crate::walk::{Shop, Walk};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const BACKCHANNEL: &str = "urn:openid:params:grant-type:ciba";
const SECRET: &str = "hpk_elsewhere-0123456789abcdefghijklmnopqrst";

/// Sends a form as the client.
async fn post(walk: &Walk, shop: &Shop, path: &str, pairs: &[(&str, &str)]) -> (u16, Value) {
    let own = [("client_id", "television"), ("client_secret", SECRET)];
    let body = encode_form(own.iter().chain(pairs).copied());
    shop.post(walk, path, &body).await
}

/// Asks until an answer is there: the first question may come too early.
async fn poll(walk: &Walk, shop: &Shop, pairs: &[(&str, &str)]) -> (u16, Value) {
    for _ in 0..20 {
        let (status, answer) = post(walk, shop, "/token", pairs).await;
        if answer["error"] != "slow_down" {
            return (status, answer);
        }
        let a_while = std::time::Duration::from_secs(6);
        tokio::time::sleep(a_while).await;
    }
    panic!("it is always too early");
}

#[tokio::test]
async fn people_answer_for_devices_and_for_who_asks_them_from_elsewhere() {
    let (shop, clients) = Shop::configured("Television", "");
    let metadata = format!(
        "grant_types = [\"authorization_code\", \"{DEVICE}\", \"{BACKCHANNEL}\"], \
         backchannel_token_delivery_mode = \"poll\", scope = \"openid profile email\", \
         token_endpoint_auth_method = \"client_secret_post\", client_secret = \"{SECRET}\","
    );
    let clients = clients.replace("token_endpoint_auth_method = \"none\",", &metadata);
    let settings = [
        ("HALLPASS__PROTOCOL__DEVICE__ENABLED", "true"),
        ("HALLPASS__PROTOCOL__BACKCHANNEL__ENABLED", "true"),
        ("HALLPASS__CLIENTS", clients.as_str()),
    ];
    let Some(walk) = Walk::start("walk-elsewhere", true, &settings).await else {
        return;
    };
    let browser = &walk.browser;

    // A device shows a code, which its person types elsewhere.
    let scope = ("scope", "openid profile");
    let (status, device) = post(&walk, &shop, "/device/auth", &[scope]).await;
    assert_eq!(status, 200, "{device}");
    walk.open("/device").await;
    browser.find("form#device").await;
    walk.look("device").await;
    browser.fill("input#user-code", "BCDF-GHJK").await;
    browser.click("button#device-continue").await;
    browser.find("#device-error[data-error=unknown]").await;
    walk.look("device-unknown").await;
    let typed = device["user_code"].as_str().unwrap();
    browser.fill("input#user-code", &typed.to_lowercase()).await;
    browser.click("button#device-continue").await;
    walk.sign_in().await;
    browser.find("form#consent").await;
    walk.look("device-consent").await;
    browser.click("button#allow").await;
    browser.find("#device-allowed").await;
    walk.look("device-allowed").await;
    let code = device["device_code"].as_str().unwrap();
    let grant = [("grant_type", DEVICE), ("device_code", code)];
    let (status, tokens) = poll(&walk, &shop, &grant).await;
    assert_eq!(status, 200, "{tokens}");

    // By the address that it shows as a picture; and the person says no.
    let (_, device) = post(&walk, &shop, "/device/auth", &[scope]).await;
    let complete = device["verification_uri_complete"].as_str().unwrap();
    browser.open(complete).await;
    browser.find("#qr svg").await;
    walk.look("device-carried").await;
    browser.click("button#device-continue").await;
    browser.click("button#deny").await;
    browser.find("#device-denied").await;
    walk.look("device-denied").await;
    let code = device["device_code"].as_str().unwrap();
    let grant = [("grant_type", DEVICE), ("device_code", code)];
    let (_, refused) = poll(&walk, &shop, &grant).await;
    assert_eq!(refused["error"], "access_denied");

    // An application names a person, who answers here.
    walk.open("/approvals").await;
    browser.find("a#refresh").await;
    walk.look("approvals-none").await;
    let asked = [
        ("scope", "openid email"),
        ("login_hint", "demo"),
        ("binding_message", "Seven of clubs"),
    ];
    let (status, first) = post(&walk, &shop, "/backchannel", &asked).await;
    assert_eq!(status, 200, "{first}");
    browser.click("a#refresh").await;
    let message = browser.text("[data-binding-message]").await;
    assert_eq!(message, "Seven of clubs");
    walk.look("approvals").await;
    browser.click(".approval-form button[value=allow]").await;
    browser.find("a#refresh").await;
    assert!(!browser.sees(".approval-form").await);
    let request = first["auth_req_id"].as_str().unwrap();
    let grant = [("grant_type", BACKCHANNEL), ("auth_req_id", request)];
    let (status, tokens) = poll(&walk, &shop, &grant).await;
    assert_eq!(status, 200, "{tokens}");

    // And no to the next one.
    let (_, second) = post(&walk, &shop, "/backchannel", &asked).await;
    walk.open("/approvals").await;
    browser.click(".approval-form button[value=deny]").await;
    browser.find("a#refresh").await;
    let request = second["auth_req_id"].as_str().unwrap();
    let grant = [("grant_type", BACKCHANNEL), ("auth_req_id", request)];
    let (_, refused) = poll(&walk, &shop, &grant).await;
    assert_eq!(refused["error"], "access_denied");
}
