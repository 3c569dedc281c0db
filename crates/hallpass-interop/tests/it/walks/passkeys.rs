//! Passkeys, with authenticators that the browser makes up.

use serde_json::json;

use crate::support::Authenticator;
use crate::walk::{Shop, Walk};

const ADA: &str = "ada@example.org";

/// Adds a passkey on the page for it, which is open.
async fn add(walk: &Walk, passkeys: usize) {
    walk.browser.click("button#create-passkey").await;
    let last = format!("#passkeys li:nth-child({passkeys})");
    walk.browser.find(&last).await;
}

/// Sends a person whose browser knows nobody to sign in.
async fn come_anew(walk: &Walk, shop: &Shop) {
    walk.browser.forget().await;
    shop.ask(walk, "openid", &[]).await;
}

/// Presses the button. The person was away when the page came and the browser offered passkeys beside the name, so it
/// is the button that is answered.
async fn use_passkey(walk: &Walk, authenticator: &Authenticator<'_>) {
    walk.browser.find("button#use-passkey").await;
    authenticator.person_is_there(true).await;
    walk.browser.click("button#use-passkey").await;
}

// L24, L25, L26, L27, L42
#[tokio::test]
async fn l42_a_person_adds_passkeys_signs_in_with_them_and_removes_them() {
    let settings = [
        (
            "HALLPASS__PROTOCOL__ACR_VALUES",
            r#"["urn:example:one","urn:example:two"]"#,
        ),
        // The browser forgets itself again and again here; whether it is known is tried elsewhere.
        ("HALLPASS__SIGN_IN__CONFIRM_NEW_DEVICE", "false"),
        ("HALLPASS__SIGN_UP__MODE", "open"),
        ("HALLPASS__SIGN_UP__WITHOUT_MAIL", "true"),
    ];
    let Some(walk) = Walk::start("walk-passkeys", true, &settings).await else {
        return;
    };
    let browser = &walk.browser;
    let shop = Shop::register(&walk, "Corner Shop").await;
    walk.open("/account/passkeys").await;
    walk.sign_in().await;
    browser.find("#no-passkeys").await;
    walk.look("passkeys-none").await;

    // The first one is made by the device.
    let device = browser.authenticator("internal").await;
    add(&walk, 1).await;
    let made = device.passkeys().await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["isResidentCredential"], true);
    assert_eq!(made[0]["rpId"], "localhost");
    assert!(
        made[0]["userHandle"]
            .as_str()
            .is_some_and(|h| !h.is_empty())
    );

    // One authenticator holds one passkey of a person.
    browser.click("button#create-passkey").await;
    let said = browser.text("#passkey-stopped").await;
    let exists = browser
        .script("return document.getElementById('passkey-stopped').dataset.exists")
        .await;
    assert_eq!(json!(said), exists);
    walk.look("passkeys-exists").await;
    assert_eq!(device.passkeys().await.len(), 1);

    // A name, and a second one.
    browser
        .fill("#passkeys li input[name=name]", "My telephone")
        .await;
    browser.click("#passkeys li button[value=rename]").await;
    browser.find("#passkeys input[value='My telephone']").await;
    device.person_is_there(false).await;
    let key = browser.authenticator("usb").await;
    add(&walk, 2).await;
    assert_eq!(key.passkeys().await.len(), 1);
    walk.look("passkeys-two").await;

    // L25: by the button, and it says so.
    key.person_is_there(false).await;
    come_anew(&walk, &shop).await;
    browser.find("form#login").await;
    walk.look("sign-in-passkey").await;
    use_passkey(&walk, &device).await;
    browser.click("button#allow").await;
    let claims = &shop.tokens(&walk).await["claims"];
    let amr = claims["amr"].as_array().unwrap();
    for value in ["hwk", "user", "mfa"] {
        let told = amr.contains(&json!(value)) || value == "hwk" && amr.contains(&json!("swk"));
        assert!(told, "{value}: {amr:?}");
    }
    assert_eq!(claims["acr"], "urn:example:two");
    let subject = claims["sub"].clone();

    // L25: by autofill, without a name, without a button. Who is there chooses what the browser offers.
    come_anew(&walk, &shop).await;
    let claims = &shop.tokens(&walk).await["claims"];
    assert_eq!(claims["sub"], subject);

    // L26: an authenticator whose person proves nothing to it does not sign in, and the page says so.
    device.person_is_there(false).await;
    device.verifies(false).await;
    come_anew(&walk, &shop).await;
    use_passkey(&walk, &device).await;
    browser.find("#passkey-stopped").await;
    walk.look("sign-in-passkey-stopped").await;
    device.verifies(true).await;

    // From the same page it works again, with the other one.
    device.person_is_there(false).await;
    use_passkey(&walk, &key).await;
    assert_eq!(shop.tokens(&walk).await["claims"]["sub"], subject);

    // L42: removed, it opens nothing any more; the authenticator still has it.
    walk.open("/account/passkeys").await;
    browser
        .click("#passkeys li:has(input[value='My telephone']) button[value=remove]")
        .await;
    browser.find("#passkeys li:only-child").await;
    assert!(!browser.sees("#passkeys input[value='My telephone']").await);
    assert_eq!(device.passkeys().await.len(), 1);
    key.person_is_there(false).await;
    come_anew(&walk, &shop).await;
    use_passkey(&walk, &device).await;
    browser
        .find("#sign-in-error[data-error=passkey_refused]")
        .await;
    walk.look("sign-in-passkey-removed").await;

    // L27: without any authenticator there are still the password and the way by mail.
    device.lose().await;
    key.lose().await;
    come_anew(&walk, &shop).await;
    browser.find("a#to-recover").await;
    walk.sign_in().await;
    assert_eq!(shop.tokens(&walk).await["claims"]["amr"], json!(["pwd"]));

    // L24: somebody new makes an account with nothing but a passkey, and lands back with a code.
    let phone = browser.authenticator("internal").await;
    phone.person_is_there(false).await;
    come_anew(&walk, &shop).await;
    browser.click("a#to-sign-up").await;
    browser.find("form#sign-up-passkey").await;
    walk.look("sign-up-passkey").await;
    browser.fill("form#sign-up input#email", ADA).await;
    browser.click("button#continue").await;
    browser.find("#mail-sent").await;
    let mail = walk.mail(ADA, 1).await;
    browser.open(&walk.link(&mail)).await;
    browser.find("form#link-passkey").await;
    walk.look("link-passkey").await;
    phone.person_is_there(true).await;
    browser
        .click("form#link-passkey button#create-passkey")
        .await;
    browser.click("button#allow").await;
    let ada = &shop.tokens(&walk).await["claims"];
    assert_ne!(ada["sub"], subject);
    assert_eq!(ada["acr"], "urn:example:two");
    // And is known by it.
    come_anew(&walk, &shop).await;
    assert_eq!(shop.tokens(&walk).await["claims"]["sub"], ada["sub"]);
    phone.lose().await;

    // Without an address, too.
    let tablet = browser.authenticator("internal").await;
    tablet.person_is_there(false).await;
    come_anew(&walk, &shop).await;
    browser.click("a#to-sign-up").await;
    tablet.person_is_there(true).await;
    browser
        .fill(
            "form#sign-up-passkey input[name=name]",
            "Nobody in particular",
        )
        .await;
    browser
        .click("form#sign-up-passkey button#create-passkey")
        .await;
    browser.click("button#allow").await;
    let nobody = &shop.tokens(&walk).await["claims"];
    assert_ne!(nobody["sub"], ada["sub"]);
    assert_eq!(nobody["amr"], ada["amr"]);
    // It is the last way in, so it stays.
    walk.open("/account/passkeys").await;
    browser.click("#passkeys li button[value=remove]").await;
    browser.find("#sign-in-error").await;
    walk.look("passkeys-last").await;
    browser.find("#passkeys li").await;
    tablet.lose().await;

    // L27: a browser that knows no passkeys says so, and there is a way on.
    come_anew(&walk, &shop).await;
    browser.find("button#use-passkey").await;
    assert!(!browser.sees("#passkey-unsupported").await);
    browser
        .in_every_page("delete window.PublicKeyCredential")
        .await;
    come_anew(&walk, &shop).await;
    browser.find("#passkey-unsupported").await;
    assert!(!browser.sees("button#use-passkey").await);
    browser.find("a#to-recover").await;
    walk.look("sign-in-passkey-unsupported").await;
    walk.sign_in().await;
    assert_eq!(shop.tokens(&walk).await["claims"]["amr"], json!(["pwd"]));
    walk.open("/account/passkeys").await;
    browser.find("#passkey-unsupported").await;
    assert!(!browser.sees("button#create-passkey").await);
}
