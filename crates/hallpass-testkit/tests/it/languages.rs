//! The language of pages: as the client asks, else as the browser says.

use hallpass_testkit::{Answer, Ask, Op, Request};

/// Whether a page is in a language, and turned with it.
fn assert_speaks(answer: &Answer, lang: &str, dir: &str) {
    let text = answer.text();
    let start = format!("<html lang=\"{lang}\" dir=\"{dir}\">");
    assert!(text.contains(&start), "{lang}: {text:.200}");
}

#[tokio::test]
async fn the_client_says_which_language_its_pages_speak_before_the_browser_does() {
    let op = Op::start().await;
    for (locales, accept, lang, dir, words) in [
        ("", "", "en", "ltr", "Sign in"),
        ("", "fr-CA, en;q=0.5", "fr", "ltr", "Se connecter"),
        ("xx de-AT", "fr", "de", "ltr", "Anmelden"),
        ("ar", "de", "ar", "rtl", "تسجيل الدخول"),
    ] {
        let mut browser = op.browser();
        let request = Request::of("web", "openid").with("ui_locales", locales);
        let answer = browser.send(request.get()).await;
        let page = Ask::get(answer.location()).header("Accept-Language", accept);
        let page = browser.send(page).await;
        assert_speaks(&page, lang, dir);
        assert!(page.text().contains(words), "{lang}");
    }
}

#[tokio::test]
async fn pages_without_a_request_speak_the_language_of_the_browser() {
    let op = Op::start().await;
    let mut browser = op.browser();
    for path in [
        "/",
        "/nothing/here",
        "/signed-out",
        "/sign-in",
        "/authorize?client_id=x",
    ] {
        let page = browser
            .send(Ask::get(path).header("Accept-Language", "es;q=0.9, zq"))
            .await;
        assert_speaks(&page, "es", "ltr");
    }
    let wanted = "/authorize?client_id=x&ui_locales=zq%20ar";
    assert_speaks(&browser.send(Ask::get(wanted)).await, "ar", "rtl");
    browser.sign_in("alice").await;
    let wanted = "/logout?ui_locales=ar";
    let answer = browser.send(Ask::get(wanted)).await;
    assert_speaks(&browser.follow(&answer).await, "ar", "rtl");
}

#[tokio::test]
async fn the_languages_that_are_offered_are_those_that_are_advertised() {
    let op = Op::start().await;
    let answer = op.browser().get("/.well-known/openid-configuration").await;
    assert_eq!(
        answer.json()["ui_locales_supported"],
        serde_json::json!(["en", "de", "fr", "es", "ar"])
    );
}
