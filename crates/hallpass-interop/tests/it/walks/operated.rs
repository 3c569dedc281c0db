//! What people meet because an operator said so: no sign-up, a password to change, organizations, codes on the telephone.

use hallpass_load::browser::User;
use serde_json::{Value, json};

use crate::support::Application;
use crate::walk::{Shop, Walk};

const SESSION: &str = "hallpass_session";
const CHOSEN: &str = "seven grey herons";

/// The code of the next message to a telephone.
fn code(telephones: &Application) -> String {
    let message: Value = serde_json::from_str(&telephones.posted()).unwrap();
    let text = message["text"].as_str().unwrap();
    text.split(' ').next().unwrap().to_owned()
}

// S30, S31, S33, S50
#[tokio::test]
async fn s30_s33_people_are_led_through_what_the_operator_wants_of_them() {
    let telephones = Application::start();
    let service = telephones.url("/send");
    let more = "scope = \"openid profile roles\", skip_consent = true";
    let (shop, clients) = Shop::configured("Shop", more);
    let settings = [
        ("HALLPASS__SIGN_UP__MODE", "closed"),
        ("HALLPASS__ACCESS__ENABLED", "true"),
        ("HALLPASS__ACCESS__IN_ID_TOKEN", "true"),
        ("HALLPASS__SMS__URL", &service),
        (
            "HALLPASS__SMS__SECRET",
            "what the service and the server both know",
        ),
        (
            "HALLPASS__SIGN_IN__SECOND",
            r#"["passkey", "totp", "sms", "recovery_code"]"#,
        ),
        (
            "HALLPASS__DANGER__FETCH_PRIVATE_ADDRESSES",
            r#"["127.0.0.0/8"]"#,
        ),
        ("HALLPASS__CLIENTS", &clients),
    ];
    let Some(walk) = Walk::start("walk-operated", true, &settings).await else {
        return;
    };
    let (browser, server) = (&walk.browser, &walk.server);

    // Nobody makes an account, neither by a link nor by its address.
    shop.ask(&walk, "openid", &[]).await;
    browser.find("form#login").await;
    assert!(!browser.sees("a#to-sign-up").await);
    walk.open("/sign-up").await;
    browser.find("#error-code").await;
    walk.look("sign-up-closed").await;

    // S30: a password that somebody else knows is good for one thing.
    let made = server.json(&["user", "create", "eve", "--generate", "--must-change"]);
    let mut eve = User {
        username: "eve".to_owned(),
        password: made["password"].as_str().unwrap().to_owned(),
    };
    shop.ask(&walk, "openid", &[]).await;
    walk.sign_in_as(&eve).await;
    browser.find("form#new-password-form").await;
    walk.look("new-password").await;
    for (weak, error) in [("short", "too_short"), ("password123", "too_common")] {
        browser.fill("input#new-password", weak).await;
        browser.click("button#save-password").await;
        let said = format!("#password-error[data-error={error}]");
        browser.find(&said).await;
    }
    walk.look("new-password-refused").await;
    // Away and back: the change is still wanted.
    shop.ask(&walk, "openid", &[("prompt", "none")]).await;
    let answer = shop.answer(&walk).await;
    assert!(answer.as_str().contains("error=login_required"), "{answer}");
    shop.ask(&walk, "openid", &[]).await;
    walk.sign_in_as(&eve).await;
    browser.fill("input#new-password", CHOSEN).await;
    browser.click("button#save-password").await;
    let subject = shop.tokens(&walk).await["claims"]["sub"].clone();
    browser.forget().await;
    shop.ask(&walk, "openid", &[]).await;
    walk.sign_in_as(&eve).await;
    browser.find("#sign-in-error[data-error=refused]").await;
    eve.password = CHOSEN.to_owned();

    // Closed with the browser, or kept: as the person says.
    walk.sign_in_as(&eve).await;
    assert_eq!(shop.tokens(&walk).await["claims"]["sub"], subject);
    walk.open("/account").await;
    assert_eq!(browser.keeps_until(SESSION).await, None);
    browser.forget().await;
    shop.ask(&walk, "openid", &[]).await;
    browser.click("input[name=remember]").await;
    walk.sign_in_as(&eve).await;
    let signed_in = shop.tokens(&walk).await["claims"]["auth_time"].as_i64();
    walk.open("/account").await;
    let kept = browser.keeps_until(SESSION).await;
    assert!(kept > signed_in.map(|at| at + 86_400), "{kept:?}");

    // S33: for one organization, and then for another one.
    for (id, name) in [("acme", "Acme Bakery"), ("zenith", "Zenith Club")] {
        server.command(&["organization", "set", id, "--name", name]);
        let role = format!("{id}-role");
        server.command(&["role", "set", &role]);
        let member = ["member", "set", "eve", "--organization", id, "--role"];
        server.command(&[&member[..], &[&role]].concat());
    }
    let scope = "openid roles";
    shop.ask(&walk, scope, &[]).await;
    browser.find("form#organization li:nth-child(2)").await;
    walk.look("organization").await;
    browser
        .click("form#organization button[value=zenith]")
        .await;
    let claims = &shop.tokens(&walk).await["claims"];
    assert_eq!(claims["organization_name"], "Zenith Club");
    assert_eq!(claims["roles"], json!(["zenith-role"]));
    shop.ask(&walk, scope, &[("organization", "acme")]).await;
    let claims = &shop.tokens(&walk).await["claims"];
    assert_eq!(claims["organization"], "acme");
    assert_eq!(claims["roles"], json!(["acme-role"]));
    shop.ask(&walk, scope, &[("organization", "nowhere")]).await;
    let answer = shop.answer(&walk).await;
    assert!(answer.as_str().contains("error=access_denied"), "{answer}");

    // S50: a number, which is theirs when they have its code.
    walk.open("/account/phone").await;
    browser.find("#phone-none").await;
    walk.look("phone-none").await;
    browser.fill("input#number", "12").await;
    browser.click("button#send").await;
    browser.find("#sign-in-error[data-error=number]").await;
    browser.fill("input#number", "+49 151 1234 5678").await;
    browser.click("button#send").await;
    browser.find("#phone-sent").await;
    walk.look("phone-sent").await;
    let sent = code(&telephones);
    let wrong = if sent == "00000000" { "1" } else { "00000000" };
    browser.fill("input#code", wrong).await;
    browser.click("button#confirm").await;
    browser.find("#sign-in-error[data-error=wrong_code]").await;
    walk.look("phone-wrong").await;
    browser.fill("input#code", &sent).await;
    browser.click("button#confirm").await;
    browser.find("#phone-on").await;
    walk.look("phone-on").await;

    // From now on the password is not enough.
    browser.forget().await;
    shop.ask(&walk, "openid", &[]).await;
    walk.sign_in_as(&eve).await;
    browser.find("form#second-by-text").await;
    walk.look("second-step-phone").await;
    browser.click("button#by-text").await;
    browser.find("form#mail-code").await;
    walk.look("second-step-phone-sent").await;
    browser.fill("input#code", wrong).await;
    browser.click("button#send-code").await;
    browser.find("#sign-in-error[data-error=wrong_code]").await;
    browser.fill("input#code", &code(&telephones)).await;
    browser.click("button#send-code").await;
    let claims = &shop.tokens(&walk).await["claims"];
    assert_eq!(claims["amr"], json!(["pwd", "sms", "mfa"]));
    assert_eq!(claims["sub"], subject);
}
