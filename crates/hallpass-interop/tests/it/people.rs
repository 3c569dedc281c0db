//! A person with Chromium makes an account, looks after it, and gets back into it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::browser::{assert_accessible, assert_fits, assert_no_complaints, sign_in, start};
use crate::node;
use crate::support::{Server, WebDriver, missing};
use hallpass_load::browser::User;

const ADDRESS: &str = "grace.hopper@example.org";

/// The link in the newest mail but so many, which the server writes to a folder.
async fn link(server: &Server, mails: usize) -> String {
    let folder = server.data().join("mail");
    for _ in 0..200 {
        let mut names: Vec<PathBuf> = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "eml"))
            .collect();
        if names.len() >= mails {
            names.sort_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap());
            let text = std::fs::read_to_string(names.last().unwrap()).unwrap();
            assert!(text.contains(&format!("To: {ADDRESS}")), "{text}");
            let plain = text.replace("=\r\n", "").replace("=3D", "=");
            let start = plain.find("/link?token=").unwrap();
            let token = plain.split_at(start).1.split_whitespace().next().unwrap();
            return server.url(token);
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("no mail in {}", folder.display());
}

async fn type_into(browser: &WebDriver, field: &str, text: &str) {
    browser.find(field).await.keys(text).await;
}

async fn choose_password(browser: &WebDriver, password: &str) {
    type_into(browser, "form#link input[name=password]", password).await;
    type_into(browser, "form#link input[name=again]", password).await;
    browser.find("button#confirm").await.click().await;
}

#[tokio::test]
async fn l24_a_person_makes_an_account_looks_after_it_and_recovers_it() {
    if missing("npm", &["--version"]) {
        return;
    }
    let Some((server, browser)) = start("browser-people", true).await else {
        return;
    };
    let axe = node::packages().join("node_modules/axe-core/axe.min.js");
    browser
        .in_every_page(&std::fs::read_to_string(axe).unwrap())
        .await;
    let look = async |name: &str| {
        for (wide, size) in [(false, "phone"), (true, "desktop")] {
            if wide {
                browser.size(1280, 900, false).await;
            } else {
                browser.size(375, 667, true).await;
            }
            for (dark, scheme) in [(false, "light"), (true, "dark")] {
                browser.dark(dark).await;
                browser
                    .screenshot(&format!("people-{name}-{size}-{scheme}"))
                    .await;
                assert_fits(&browser, name).await;
                assert_accessible(&browser, &format!("{name}, {size}, {scheme}")).await;
            }
        }
        browser.dark(false).await;
    };
    // Sign up within the request of an application.
    browser.open(&server.url("/demo")).await;
    browser.find("button#start").await.click().await;
    browser.find("form#login").await;
    look("sign-in").await;
    browser.find("a#to-sign-up").await.click().await;
    browser.find("form#sign-up").await;
    look("sign-up").await;
    type_into(&browser, "input#email", ADDRESS).await;
    browser.find("button#continue").await.click().await;
    browser.find("#mail-sent").await;
    look("mail-sent").await;
    browser.open(&link(&server, 1).await).await;
    browser.find("form#link").await;
    look("link-sign-up").await;
    type_into(&browser, "input#name", "Grace Hopper").await;
    choose_password(&browser, "correct horse battery").await;
    // Back where it began.
    browser.find("form#consent").await;
    browser.find("button#allow").await.click().await;
    browser.find("#demo[data-state=signed-in]").await;
    let userinfo = browser.find("#userinfo").await.text().await;
    let userinfo: serde_json::Value = serde_json::from_str(&userinfo).unwrap();
    assert_eq!(userinfo["email"], ADDRESS);
    assert_eq!(userinfo["email_verified"], json!(true));
    assert_no_complaints(&browser, "signing up").await;

    // The account, section by section.
    browser.open(&server.url("/account")).await;
    browser.find("#sections").await;
    look("account").await;
    for section in [
        "profile", "email", "password", "sessions", "apps", "activity", "export", "delete",
    ] {
        let page = format!("/account/{section}");
        browser.open(&server.url(&page)).await;
        browser.find("a#account").await;
        look(&format!("account-{section}")).await;
    }
    browser.open(&server.url("/account/sessions")).await;
    browser.find("#sessions [data-current]").await;
    browser
        .find("form#end-sessions button#sign-out-everywhere")
        .await
        .click()
        .await;
    browser.find("#signed-out").await;
    browser.open(&server.url("/account")).await;
    browser.find("form#login").await;

    // And back into it.
    browser.find("a#to-recover").await.click().await;
    browser.find("form#recover").await;
    look("recover").await;
    type_into(&browser, "input#email", ADDRESS).await;
    browser.find("button#continue").await.click().await;
    browser.find("#mail-sent").await;
    browser.open(&link(&server, 2).await).await;
    browser.find("form#link").await;
    look("link-recover").await;
    choose_password(&browser, "another horse battery").await;
    browser.find("#link-done").await;
    look("done-recover").await;
    browser.find("a#next").await.click().await;
    let user = User {
        username: ADDRESS.to_owned(),
        password: "another horse battery".to_owned(),
    };
    sign_in(&browser, &user).await;
    browser.find("#sections").await;
    assert_no_complaints(&browser, "the account").await;
}
