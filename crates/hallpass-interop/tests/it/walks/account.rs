//! Somebody makes an account, and looks after it section by section.

use hallpass_load::browser::User;
use serde_json::{Value, json};

use crate::support::Folder;
use crate::walk::{Shop, Walk};

const ADDRESS: &str = "ada@example.org";
const NEW_ADDRESS: &str = "ada.lovelace@example.org";
const FIRST: &str = "an analytical engine";
const SECOND: &str = "a difference engine no. 2";

fn ada(username: &str, password: &str) -> User {
    User {
        username: username.to_owned(),
        password: password.to_owned(),
    }
}

// S9, S22, S24, S51, S52, S53
#[tokio::test]
async fn s51_a_person_looks_after_every_section_of_the_account() {
    let Some(walk) = Walk::start("walk-account", true, &[]).await else {
        return;
    };
    let browser = &walk.browser;
    let shop = Shop::register(&walk, "Corner Shop").await;
    let wanted = "openid profile email offline_access";
    let consent = [("prompt", "consent")];

    // S24: what is unticked is not granted.
    shop.ask(&walk, wanted, &consent).await;
    walk.sign_up(ADDRESS, "Ada Lovelace", FIRST).await;
    browser.find("form#consent").await;
    walk.look("consent").await;
    browser.click("input[name='scope.email']").await;
    browser.click("button#allow").await;
    let tokens = shop.tokens(&walk).await;
    let granted: Vec<&str> = tokens["scope"].as_str().unwrap().split(' ').collect();
    assert!(
        !granted.contains(&"email") && granted.contains(&"profile"),
        "{granted:?}"
    );
    let subject = tokens["claims"]["sub"].clone();

    // S22: whoever says no sends that to the application.
    shop.ask(&walk, wanted, &consent).await;
    browser.click("button#deny").await;
    let refused = shop.answer(&walk).await;
    let said: Vec<(String, String)> = refused.query_pairs().into_owned().collect();
    for (name, value) in [("error", "access_denied"), ("state", "a state")] {
        assert!(
            said.contains(&(name.to_owned(), value.to_owned())),
            "{refused}"
        );
    }

    // S9: somebody else in the same browser, who chooses.
    shop.ask(&walk, "openid", &[("prompt", "select_account")])
        .await;
    browser.find("form#select-account").await;
    walk.look("select-account").await;
    browser.click("button#other-account").await;
    walk.sign_in().await;
    browser.click("button#allow").await;
    let other = shop.tokens(&walk).await;
    assert_ne!(other["claims"]["sub"], subject);
    shop.ask(&walk, "openid", &[("prompt", "select_account")])
        .await;
    browser.find("#select-account li:nth-child(3)").await;
    walk.look("select-account-two").await;
    browser
        .click("form#select-account ul.choices li:nth-child(2) button")
        .await;
    assert_eq!(shop.tokens(&walk).await["claims"]["sub"], subject);

    // What is told, with what does not fit.
    walk.open("/account/profile").await;
    browser
        .fill("input[name='claim.birthdate']", "some day")
        .await;
    browser.click("button#save").await;
    browser.find("#people-error").await;
    walk.look("account-profile-refused").await;
    browser
        .fill("input[name='claim.birthdate']", "1815-12-10")
        .await;
    browser.click("button#save").await;
    browser.find("#account-done").await;
    walk.look("account-profile").await;

    // Another address counts when its owner says so.
    walk.open("/account/email").await;
    browser.fill("input#email", NEW_ADDRESS).await;
    browser.click("button#save").await;
    browser.find("#mail-sent").await;
    walk.look("mail-sent-new-address").await;
    let mail = walk.mail(NEW_ADDRESS, 1).await;
    browser.open(&walk.link(&mail)).await;
    browser.find("form#link").await;
    walk.look("link-new-address").await;
    browser.click("button#confirm").await;
    walk.open("/account/email").await;
    assert_eq!(browser.text("#address").await, NEW_ADDRESS);

    // S53: of two sessions one ends the other.
    browser.forget().await;
    walk.open("/account/sessions").await;
    walk.sign_in_as(&ada(NEW_ADDRESS, FIRST)).await;
    browser.find("#sessions li:nth-child(2)").await;
    walk.look("account-sessions").await;
    browser.click("button#end-others").await;
    browser.find("#account-done").await;
    browser.find("#sessions li:only-child").await;

    // S51: a new password, twice the same.
    walk.open("/account/password").await;
    browser.fill("input[name=password]", SECOND).await;
    browser.fill("input[name=again]", FIRST).await;
    browser.click("button#save").await;
    browser.find("#people-error[data-error=mismatch]").await;
    walk.look("account-password").await;
    browser.fill("input[name=password]", SECOND).await;
    browser.fill("input[name=again]", SECOND).await;
    browser.click("button#save").await;
    browser.find("#account-done").await;

    // What applications may do, until they may not.
    walk.open("/account/apps").await;
    browser.find("section[data-app]").await;
    walk.look("account-apps").await;
    let (status, _) = shop.refresh(&walk, &tokens).await;
    browser.click("section[data-app] button").await;
    browser.find("#no-apps").await;
    walk.look("account-no-apps").await;
    let (after, error) = shop.refresh(&walk, &tokens).await;
    assert_eq!(
        (after, &error["error"]),
        (400, &json!("invalid_grant")),
        "before: {status}"
    );

    // S52: what happened.
    walk.open("/account/activity").await;
    browser.find("#activity").await;
    walk.look("account-activity").await;
    let script =
        "return [...document.querySelectorAll('#activity [data-what]')].map((x) => x.dataset.what)";
    let happened = browser.script(script).await;
    for what in ["signed_in", "password_changed", "disconnected"] {
        assert!(
            happened.as_array().unwrap().contains(&json!(what)),
            "{happened}"
        );
    }

    // The data, as a file.
    let folder = Folder::new("downloads");
    browser.downloads_to(folder.path()).await;
    walk.open("/account/export").await;
    walk.look("account-export").await;
    browser.find("button#download").await.tap().await;
    let data: Value = serde_json::from_str(&folder.file("account.json").await).unwrap();
    assert!(data.to_string().contains(NEW_ADDRESS), "{data}");

    // S53: out of everything.
    walk.open("/account/sessions").await;
    browser.click("button#sign-out-everywhere").await;
    browser.find("#signed-out").await;

    // And the end.
    walk.open("/account/delete").await;
    walk.sign_in_as(&ada(NEW_ADDRESS, SECOND)).await;
    browser.fill("input#typed", "somebody else").await;
    browser.click("button#delete-account").await;
    browser.find("#people-error").await;
    walk.look("account-delete").await;
    let name = browser.text("form#delete label strong").await;
    browser.fill("input#typed", &name).await;
    browser.click("button#delete-account").await;
    browser.find("#signed-out").await;
    walk.look("signed-out").await;
    walk.open("/account").await;
    walk.sign_in_as(&ada(NEW_ADDRESS, SECOND)).await;
    browser.find("#sign-in-error[data-error=refused]").await;
}
