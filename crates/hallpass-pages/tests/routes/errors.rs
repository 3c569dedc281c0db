//! Error pages and other answers of the protocol as pages.

use http::Method;

use crate::support::{CALLBACK, World};

#[tokio::test]
async fn what_cannot_be_sent_anywhere_is_a_page() {
    let world = World::start().await;
    let mut browser = world.browser();
    for (change, id, text) in [
        (
            ("client_id", "nobody"),
            "authorization_client_unknown",
            "Unknown app",
        ),
        (
            ("redirect_uri", "https://evil.test/"),
            "redirect_uri_not_registered",
            "Unsafe return address",
        ),
    ] {
        let page = browser.get(&world.request(&[change])).await;
        page.refused(400, id);
        assert!(page.location().is_none());
        assert!(page.body.contains(text));
        assert!(!page.body.contains("evil.test") && !page.body.contains("nobody"));
    }
}

#[tokio::test]
async fn nothing_out_of_an_address_is_shown() {
    let world = World::start().await;
    let mut browser = world.browser();
    let query = "?error=m4rker&error_description=m4rker%3Cscript%3E&error_uri=javascript:m4rker\
                 &handle=m4rker&kept=1&account=m4rker&return_to=//m4rker.test&next=/%5Cm4rker.test";
    for path in [
        "/",
        "/error",
        "/sign-in",
        "/select-account",
        "/consent",
        "/logout/confirm",
        "/signed-out",
        "/m4rker",
    ] {
        for page in [
            browser.get(&format!("{path}{query}")).await,
            browser.post(&format!("{path}{query}"), &[]).await,
        ] {
            assert!(!page.body.contains("m4rker"), "{path}");
            assert!(page.location().is_none());
        }
    }
}

#[tokio::test]
async fn an_answer_by_form_post_is_a_page_that_sends_itself() {
    let world = World::start().await;
    let mut browser = world.browser();
    let state = "\"><script>alert(1)</script>";
    let request = world.request(&[("response_mode", "form_post"), ("state", state)]);
    let page = browser.open(&request).await;
    let page = browser.sign_in(&page, "alice").await;
    let page = browser.allow(&page).await;
    assert_eq!(page.status, 200);
    let form = page.form("form-post");
    assert_eq!(form.action, CALLBACK);
    assert_eq!(form.value("state"), Some(state));
    assert_eq!(form.value("iss"), Some(world.issuer.as_str()));
    assert_eq!(page.body.matches("<script").count(), 1);
    assert!(
        page.header("content-security-policy")
            .contains("script-src 'sha256-")
    );
    world.redeem("web", form.value("code").unwrap()).await;

    // An error goes the same way.
    let request = world.request(&[
        ("response_mode", "form_post"),
        ("prompt", "none"),
        ("max_age", "0"),
    ]);
    let page = browser.open(&request).await;
    assert_eq!(
        page.form("form-post").value("error"),
        Some("login_required")
    );
}

#[tokio::test]
async fn other_methods_are_answered_with_those_that_are_allowed() {
    let world = World::start().await;
    let mut browser = world.browser();
    for (path, allowed) in [
        ("/", "GET, HEAD"),
        ("/signed-out", "GET, HEAD"),
        ("/favicon.ico", "GET, HEAD"),
        ("/sign-in", "GET, HEAD, POST"),
        ("/select-account", "GET, HEAD, POST"),
        ("/consent", "GET, HEAD, POST"),
        ("/logout/confirm", "GET, HEAD, POST"),
    ] {
        for method in [Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
            let answer = browser.send(method, path, &[], String::new()).await;
            answer.refused(405, "method_not_allowed");
            assert_eq!(answer.header("allow"), allowed);
        }
    }
    browser
        .post("/", &[])
        .await
        .refused(405, "method_not_allowed");
}

#[tokio::test]
async fn the_head_of_a_page_is_that_of_the_page() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let sign_in = page.form("login").action;
    for path in ["/", "/nothing-here", "/favicon.ico", sign_in.as_str()] {
        let whole = browser.get(path).await;
        let head = browser.send(Method::HEAD, path, &[], String::new()).await;
        assert_eq!(head.status, whole.status);
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-length"), whole.body.len().to_string());
        assert_eq!(
            head.header("content-security-policy"),
            whole.header("content-security-policy")
        );
    }
}

#[tokio::test]
async fn too_much_of_a_form_is_not_read() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.open(&world.request(&[])).await;
    let action = page.form("login").action;
    let long = "x".repeat(70_000);
    let answer = browser.post(&action, &[("password", &long)]).await;
    answer.refused(413, "body_too_large");
    let many: Vec<_> = (0..300).map(|n| (format!("p{n}"), "x")).collect();
    let many: Vec<_> = many.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    browser
        .post(&action, &many)
        .await
        .refused(400, "form_malformed");
    assert!(world.sign_ins().is_empty());
}
