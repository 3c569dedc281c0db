//! Everything that needs no script, with scripts switched off.

use hallpass_load::browser::User;
use serde_json::json;

use crate::walk::{Shop, Walk};

const DEMO: &str = "demo@example.com";
const ADDRESS: &str = "grace@example.org";
const PASSWORD: &str = "nanoseconds of wire";

/// The code of a mail: the one line of it that is nothing but digits.
fn code(mail: &str) -> &str {
    let is_code =
        |line: &&str| line.len() >= 6 && line.bytes().all(|b| b.is_ascii_digit() || b == b' ');
    mail.lines()
        .map(str::trim)
        .find(is_code)
        .unwrap_or_else(|| panic!("no code: {mail}"))
}

// S50, S51, L24
#[tokio::test]
async fn l24_without_scripts_people_sign_up_sign_in_by_mail_and_recover() {
    let settings = [("HALLPASS__ACCOUNT__MAIL_SIGN_IN", "both")];
    let Some(walk) = Walk::start("walk-plain", false, &settings).await else {
        return;
    };
    let browser = &walk.browser;
    let shop = Shop::register(&walk, "Corner Shop").await;

    // Cancelled, and begun again.
    shop.ask(&walk, "openid email", &[("login_hint", DEMO)])
        .await;
    browser.find("form#login").await;
    walk.look("plain-sign-in").await;
    browser.click("button#cancel").await;
    let refused = shop.answer(&walk).await;
    assert!(
        refused.as_str().contains("error=access_denied"),
        "{refused}"
    );

    // By a code.
    shop.ask(&walk, "openid email", &[("login_hint", DEMO)])
        .await;
    browser.click("button#by-code").await;
    browser.find("form#mail-code").await;
    walk.look("mail-code").await;
    browser.fill("input#code", "00000000").await;
    browser.click("button#send-code").await;
    browser.find("#sign-in-error[data-error=wrong_code]").await;
    walk.look("mail-code-wrong").await;
    let mail = walk.mail(DEMO, 1).await;
    browser.fill("input#code", code(&mail)).await;
    browser.click("button#send-code").await;
    browser.click("button#allow").await;
    let claims = &shop.tokens(&walk).await["claims"];
    assert_eq!(claims["amr"], json!(["otp"]));
    let subject = claims["sub"].clone();

    // By a link, in the browser that asked.
    browser.forget().await;
    shop.ask(&walk, "openid email", &[("login_hint", DEMO)])
        .await;
    browser.click("button#by-link").await;
    browser.find("#mail-sent").await;
    walk.look("mail-sent-sign-in").await;
    let mail = walk.mail(DEMO, 2).await;
    browser.open(&walk.link(&mail)).await;
    browser.find("form#link").await;
    walk.look("link-sign-in").await;
    browser.click("button#confirm").await;
    let claims = &shop.tokens(&walk).await["claims"];
    assert_eq!(claims["sub"], subject);

    // L24: an account, within the request of an application.
    browser.forget().await;
    shop.ask(&walk, "openid email", &[]).await;
    walk.sign_up(ADDRESS, "Grace Hopper", PASSWORD).await;
    browser.find("form#consent").await;
    walk.look("plain-consent").await;
    browser.click("button#allow").await;
    let grace = shop.tokens(&walk).await["claims"]["sub"].clone();
    assert_ne!(grace, subject);

    // The account page, and out.
    walk.open("/account").await;
    browser.find("#sections").await;
    walk.look("plain-account").await;
    walk.open("/account/passkeys").await;
    browser.find("#no-passkeys").await;
    walk.look("plain-passkeys").await;
    walk.sign_out().await;

    // S51: forgotten, and found again.
    walk.open("/account").await;
    browser.click("a#to-recover").await;
    browser.fill("form#recover input#email", ADDRESS).await;
    browser.click("button#continue").await;
    browser.find("#mail-sent").await;
    let mail = walk.mail(ADDRESS, 2).await;
    browser.open(&walk.link(&mail)).await;
    browser.fill("input[name=password]", "another wire").await;
    browser.fill("input[name=again]", "another wire").await;
    browser.click("button#confirm").await;
    browser.click("a#next").await;
    let user = User {
        username: ADDRESS.to_owned(),
        password: "another wire".to_owned(),
    };
    walk.sign_in_as(&user).await;
    browser.find("#sections").await;
    // The link is used up.
    browser.open(&walk.link(&mail)).await;
    browser.find("#error-code").await;
    walk.look("link-over").await;
}
