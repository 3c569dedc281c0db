//! A person with Chromium.

use hallpass_load::browser::User;
use hallpass_load::http::encode_form;
use serde_json::json;
use url::Url;

use crate::node;
use crate::support::{Application, CHALLENGE, Http, Server, VERIFIER, WebDriver, missing};

/// The server and a browser, unless the browser is missing.
async fn start(name: &str, javascript: bool) -> Option<(Server, WebDriver)> {
    if missing("chromedriver", &["--version"]) || missing("chromium", &["--version"]) {
        return None;
    }
    Some((Server::start(name), WebDriver::start(javascript).await))
}

/// Fills the sign-in page in and sends it.
async fn sign_in(browser: &WebDriver, user: &User) {
    browser
        .find("form#login input[name=username]")
        .await
        .keys(&user.username)
        .await;
    browser
        .find("form#login input[name=password]")
        .await
        .keys(&user.password)
        .await;
    browser.find("button#sign-in").await.click().await;
}

/// Asserts that nothing has to be scrolled sideways.
pub(crate) async fn assert_fits(browser: &WebDriver, page: &str) {
    let script = "const e = document.documentElement;
        const wide = [...document.querySelectorAll('*')].filter((x) => x.getBoundingClientRect().right > innerWidth + 1);
        return [e.scrollWidth, e.clientWidth, wide.map((x) => x.outerHTML.slice(0, 80))]";
    let widths = browser.script(script).await;
    assert_eq!(widths[0], widths[1], "{page} is too wide: {}", widths[2]);
}

/// Asserts that axe finds no barrier: contrast, names, landmarks, sizes of targets and the like.
pub(crate) async fn assert_accessible(browser: &WebDriver, page: &str) {
    let script = "const [done] = arguments;
        axe.run(document, { rules: { 'target-size': { enabled: true } } }).then(
            ({ violations }) => done(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html)}`)),
            (error) => done([String(error)]))";
    let found = browser.promise(script).await;
    assert_eq!(found, json!([]), "{page}");
}

async fn assert_no_complaints(browser: &WebDriver, page: &str) {
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{page}: {complaints:#?}");
}

#[tokio::test]
async fn a_person_signs_in_at_the_demo_and_sees_tokens() {
    if missing("npm", &["--version"]) {
        return;
    }
    let Some((server, browser)) = start("browser-demo", true).await else {
        return;
    };
    let axe = node::packages().join("node_modules/axe-core/axe.min.js");
    browser
        .in_every_page(&std::fs::read_to_string(axe).unwrap())
        .await;
    browser.open(&server.url("/")).await;
    browser.find("a#demo").await;
    browser.screenshot("home").await;
    browser.open(&server.url("/demo")).await;
    browser.find("button#start").await;
    browser.screenshot("demo-start").await;
    browser.find("button#start").await.click().await;

    browser.find("form#login").await;
    browser.screenshot("sign-in").await;
    sign_in(&browser, &server.demo.user).await;
    browser.find("form#consent").await;
    browser.screenshot("consent").await;
    browser.find("button#allow").await.click().await;

    browser.find("#demo[data-state=signed-in]").await;
    browser.screenshot("demo-tokens").await;
    let verified = browser.find("#id-token-status").await.text().await;
    assert!(verified.starts_with("Verified"), "{verified}");
    let claims = browser.find("#id-token-claims").await.text().await;
    let claims: serde_json::Value = serde_json::from_str(&claims).unwrap();
    assert_eq!(claims["iss"], server.demo.issuer);
    let userinfo = browser.find("#userinfo").await.text().await;
    let userinfo: serde_json::Value = serde_json::from_str(&userinfo).unwrap();
    assert_eq!(userinfo["sub"], claims["sub"]);
    assert_eq!(userinfo["preferred_username"], server.demo.user.username);
    let first = browser.find("#access-token").await.text().await;
    assert!(!first.is_empty());
    assert_no_complaints(&browser, "the demo").await;
    browser.size(375, 667, true).await;
    assert_fits(&browser, "the demo with tokens").await;
    for dark in [false, true] {
        browser.dark(dark).await;
        assert_accessible(&browser, "the demo with tokens").await;
    }

    browser.find("button#refresh").await.click().await;
    browser.find("#steps li:nth-child(6)").await;
    let second = browser.find("#access-token").await.text().await;
    assert_ne!(first, second);

    browser.find("button#sign-out").await.click().await;
    browser.find("#demo[data-state=signed-out]").await;
    assert_no_complaints(&browser, "signing out").await;
    browser.find("button#start").await.click().await;
    browser.find("form#login").await;

    // The complaints above were none because nothing was wrong, not because nobody listened.
    let forbidden = "try {
            const script = document.createElement('script');
            script.textContent = 'document.title = 1';
            document.body.append(script);
        } catch (error) {
            // The text of a script is not even taken.
        }
        return document.title";
    assert_ne!(browser.script(forbidden).await, json!("1"));
    let complaints = browser.complaints().await;
    assert!(
        complaints[0].contains("Content Security Policy")
            || complaints[0].contains("TrustedScript"),
        "{complaints:?}"
    );
}

#[tokio::test]
async fn a_person_without_javascript_signs_in_and_the_application_gets_its_code() {
    let Some((server, browser)) = start("browser-no-script", false).await else {
        return;
    };
    let application = Application::start();
    let callback = application.url("/callback");
    let client = register(&server, &callback).await;
    let begin = async |response_mode: &str| {
        let authorize = authorization(&server, &client, &callback, response_mode);
        application.show(&format!("<a id=sign-in href='{authorize}'>Sign in</a>"));
        browser.open(&application.url("/")).await;
        browser.find("a#sign-in").await.click().await;
    };
    begin("query").await;
    sign_in(&browser, &server.demo.user).await;
    browser.find("button#allow").await.click().await;
    browser.find("#arrived").await;
    let answer = application.answer();
    let parameter = |wanted: &str| {
        let mut pairs = answer.query_pairs();
        pairs.find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
    };
    assert_eq!(parameter("state").as_deref(), Some("a state"));
    let issuer = server.demo.issuer.as_str();
    assert_eq!(parameter("iss").as_deref(), Some(issuer));
    let body = encode_form([
        ("grant_type", "authorization_code"),
        ("code", &parameter("code").unwrap()),
        ("redirect_uri", &callback),
        ("client_id", &client),
        ("code_verifier", VERIFIER),
    ]);
    let token = Url::parse(&server.url("/token")).unwrap();
    let tokens = Http::form(&token, &body).send().await.unwrap();
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    assert!(tokens.json()["id_token"].is_string());

    // Signed in and allowed before. Without a script the form is sent by hand.
    begin("form_post").await;
    browser.find("button#continue").await;
    browser.screenshot("form-post-no-script").await;
    browser.find("button#continue").await.click().await;
    browser.find("#arrived").await;
    assert_eq!(application.answer().query(), None);
    assert_no_complaints(&browser, "without JavaScript").await;
}

#[tokio::test]
async fn a_keyboard_is_enough() {
    let Some((server, browser)) = start("browser-keyboard", true).await else {
        return;
    };
    browser.open(&server.url("/demo")).await;
    browser.find("button#start").await;
    tab_to(&browser, "start").await;
    browser.press(ENTER).await;
    browser.find("form#login").await;
    // The first field has the focus; nothing has to be found first.
    assert_eq!(browser.focused().await, "username");
    browser.press(&server.demo.user.username).await;
    tab_to(&browser, "password").await;
    browser.press(&server.demo.user.password).await;
    browser.press(ENTER).await;
    browser.find("form#consent").await;
    tab_to(&browser, "allow").await;
    browser.screenshot("keyboard-focus").await;
    browser.press(ENTER).await;
    browser.find("#demo[data-state=signed-in]").await;
}

#[tokio::test]
async fn a_wrong_password_is_said_and_the_password_has_the_focus() {
    let Some((server, browser)) = start("browser-wrong", true).await else {
        return;
    };
    browser.open(&server.url("/demo")).await;
    browser.find("button#start").await.click().await;
    let wrong = User {
        username: server.demo.user.username.clone(),
        password: "not the password".to_owned(),
    };
    sign_in(&browser, &wrong).await;
    browser.find("#sign-in-error[role=alert]").await;
    browser.screenshot("sign-in-wrong").await;
    assert_eq!(browser.focused().await, "password");
    let state = browser
        .script(
            "const [u, p] = ['username', 'password'].map((id) => document.getElementById(id));
             return [u.value, p.value, p.getAttribute('aria-invalid'), p.getAttribute('aria-describedby')]",
        )
        .await;
    assert_eq!(state, json!([wrong.username, "", "true", "sign-in-error"]));
    // And the right one still works from here.
    browser.press(&server.demo.user.password).await;
    browser.press(ENTER).await;
    browser.find("form#consent").await;
    browser.find("button#deny").await.click().await;
    let error = browser.find("#demo-error").await.text().await;
    assert!(error.contains("access_denied"), "{error}");
    browser.screenshot("demo-denied").await;
}

/// Presses Tab until that element has the focus.
async fn tab_to(browser: &WebDriver, id: &str) {
    let mut passed = Vec::new();
    for _ in 0..20 {
        let focused = browser.focused().await;
        if focused == id {
            return;
        }
        passed.push(focused);
        browser.press(TAB).await;
    }
    panic!("Tab does not reach {id}, only {passed:?}");
}

/// A public client that registers itself; answers its identifier.
async fn register(server: &Server, redirect_uri: &str) -> String {
    let metadata = json!({
        "client_name": "Corner Shop",
        "redirect_uris": [redirect_uri],
        "token_endpoint_auth_method": "none",
    });
    let url = Url::parse(&server.url("/register")).unwrap();
    let answer = Http::json(&url, &metadata.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    let client = answer.json();
    client["client_id"].as_str().unwrap().to_owned()
}

/// The address of an authorization request of that client.
fn authorization(server: &Server, client: &str, redirect_uri: &str, response_mode: &str) -> Url {
    let mut url = Url::parse(&server.url("/authorize")).unwrap();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", client)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("response_mode", response_mode)
        .append_pair("scope", "openid profile")
        .append_pair("state", "a state")
        .append_pair("code_challenge", CHALLENGE)
        .append_pair("code_challenge_method", "S256");
    url
}

// WebDriver's names of keys.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
