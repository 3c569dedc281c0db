//! Pages that an operator has made their own, in every language.

use std::fs;

use hallpass_load::browser::User;
use serde_json::json;

use crate::support::Folder;
use crate::walk::{Shop, Walk};

const LOGO: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32"><rect width="120" height="32" rx="6" fill="#5b2a86"/></svg>"##;

// S25
#[tokio::test]
async fn s25_pages_have_the_operators_colours_words_and_templates_in_every_language() {
    let folder = Folder::new("templates");
    let path = folder.path();
    fs::write(path.join("logo.svg"), LOGO).unwrap();
    let templates = path.join("templates");
    fs::create_dir_all(&templates).unwrap();
    fs::write(
        templates.join("home.html"),
        "{% extends \"layout.html\" %}{% block title %}Home{% endblock %}\
         {% block main %}<h1 id=\"own\">{{ chrome.name }}</h1>{% endblock %}",
    )
    .unwrap();
    let (logo, templates) = (path.join("logo.svg"), templates);
    let settings = [
        ("HALLPASS__SIGN_UP__MODE", "invitation"),
        ("HALLPASS__PAGES__NAME", "Aurora"),
        ("HALLPASS__PAGES__LOGO_FILE", logo.to_str().unwrap()),
        (
            "HALLPASS__PAGES__TEMPLATES_DIR",
            templates.to_str().unwrap(),
        ),
        ("HALLPASS__PAGES__RELOAD_TEMPLATES", "true"),
        ("HALLPASS__PAGES__COLORS", "{ accent = \"#5b2a86\" }"),
        ("HALLPASS__PAGES__DARK_COLORS", "{ accent = \"#cfa8f0\" }"),
        (
            "HALLPASS__PAGES__TEXTS__EN",
            "{ sign_in.title = \"Come in\" }",
        ),
    ];
    let Some(walk) = Walk::start("walk-looks", true, &settings).await else {
        return;
    };
    let browser = &walk.browser;
    let shop = Shop::register(&walk, "Corner Shop").await;

    // S25: a template of the operator's, without building anything, and changed while the server runs.
    walk.open("/").await;
    assert_eq!(browser.text("h1#own").await, "Aurora");
    walk.look("own-home").await;
    let home = templates.join("home.html");
    let changed = fs::read_to_string(&home)
        .unwrap()
        .replace("id=\"own\"", "id=\"changed\"");
    fs::write(&home, changed).unwrap();
    walk.open("/").await;
    browser.find("h1#changed").await;

    // Words, colours and a picture.
    shop.ask(&walk, "openid", &[]).await;
    assert_eq!(browser.text("main h1").await, "Come in");
    browser.find("img.brand-logo[alt=Aurora]").await;
    walk.look("own-sign-in").await;
    // Nobody makes an account without being asked to.
    assert!(!browser.sees("a#to-sign-up").await);
    let colour = browser
        .script("return getComputedStyle(document.getElementById('sign-in')).backgroundColor")
        .await;
    assert_eq!(colour, json!("rgb(91, 42, 134)"));

    // The application's wish comes first, then the browser's.
    browser.languages("fr-CA, en;q=0.5").await;
    for (wish, language, direction) in [
        ("", "fr", "ltr"),
        ("de-AT", "de", "ltr"),
        ("es", "es", "ltr"),
        ("xx ar", "ar", "rtl"),
    ] {
        let wishes = [("ui_locales", wish)];
        let wishes = if wish.is_empty() {
            &[][..]
        } else {
            &wishes[..]
        };
        shop.ask(&walk, "openid", wishes).await;
        browser.find("form#login").await;
        let spoken = browser
            .script("const { lang, dir } = document.documentElement; return [lang, dir]")
            .await;
        assert_eq!(spoken, json!([language, direction]), "{wish}");
        walk.look(&format!("sign-in-{language}")).await;
    }
    // The language goes with the person through the pages of the request.
    walk.sign_in().await;
    browser.find("form#consent").await;
    let spoken = browser.script("return document.documentElement.dir").await;
    assert_eq!(spoken, json!("rtl"));
    walk.look("consent-ar").await;

    // S51: who was invited makes an account.
    browser.forget().await;
    browser.languages("en").await;
    let guest = "guest@example.org";
    walk.server.command(&["user", "invite", guest]);
    let mail = walk.mail(guest, 1).await;
    browser.open(&walk.link(&mail)).await;
    browser.find("form#link").await;
    walk.look("link-invitation").await;
    browser.fill("input#name", "A Guest").await;
    for field in ["password", "again"] {
        let field = format!("input[name={field}]");
        browser.fill(&field, "a bottle of wine").await;
    }
    browser.click("button#confirm").await;
    browser.find("#link-done").await;
    walk.look("done-invitation").await;
    browser.click("a#next").await;
    let guest = User {
        username: guest.to_owned(),
        password: "a bottle of wine".to_owned(),
    };
    if browser.sees("form#login").await {
        walk.sign_in_as(&guest).await;
    }
    browser.find("#sections").await;
}
