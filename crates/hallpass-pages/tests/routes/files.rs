//! Home, demo, files.

use http::Method;

use crate::support::{Setup, World};

/// Values of `href` and `src` on a page.
fn links(page: &str) -> Vec<String> {
    ["href=\"", "src=\""]
        .iter()
        .flat_map(|start| page.split(start).skip(1))
        .filter_map(|rest| rest.split_once('"'))
        .map(|(link, _)| link.replace("&#x2f;", "/"))
        .collect()
}

#[tokio::test]
async fn what_the_pages_load_is_cached_for_ever() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.get("/").await;
    let files: Vec<_> = links(&page.body)
        .into_iter()
        .filter(|link| link.starts_with("/assets/"))
        .collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let whole = browser.get(&file).await;
        assert_eq!(whole.status, 200);
        assert!(!whole.body.is_empty());
        assert_eq!(
            whole.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        let tag = whole.header("etag").to_owned();
        for tags in [tag.clone(), format!("\"x\", {tag}")] {
            let headers = [("if-none-match", tags.as_str())];
            let again = browser
                .send(Method::GET, &file, &headers, String::new())
                .await;
            assert_eq!(again.status, 304);
            assert!(again.body.is_empty());
            assert_eq!(again.header("etag"), tag);
        }
    }
    for missing in ["/assets/", "/assets/0.css", "/assets/../Cargo.toml"] {
        browser.get(missing).await.refused(404, "not_found");
    }
    let icon = browser.get("/favicon.ico").await;
    assert_eq!(icon.header("content-type"), "image/svg+xml");
}

#[tokio::test]
async fn the_home_page_leads_to_the_metadata() {
    let world = World::start().await;
    let mut browser = world.browser();
    let page = browser.get("/").await;
    assert_eq!(page.text("issuer"), world.issuer.as_str());
    let documents: Vec<_> = links(&page.body)
        .into_iter()
        .filter(|link| link.starts_with(world.issuer.as_str()))
        .collect();
    assert_eq!(documents.len(), 2);
    for document in documents {
        assert_eq!(browser.get(&document).await.status, 200, "{document}");
    }
    assert!(!page.body.contains("/demo"));
    browser.get("/demo").await.refused(404, "not_found");
}

#[tokio::test]
async fn the_demo_is_there_when_it_is_wanted() {
    let setup = Setup {
        demo: true,
        ..Setup::default()
    };
    let world = World::with(setup).await;
    let mut browser = world.browser();
    assert!(browser.get("/").await.body.contains("id=\"demo\""));
    let page = browser.get("/demo?code=m4rker&state=m4rker").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert!(page.body.contains("data-client-id=\"demo\""));
    assert!(!page.body.contains("m4rker"));
    let script = links(&page.body)
        .into_iter()
        .find(|link| link.ends_with(".js"))
        .unwrap();
    let script = browser.get(&script).await;
    assert!(script.header("content-type").starts_with("text/javascript"));
}

#[tokio::test]
async fn an_issuer_with_a_path_has_its_pages_there() {
    let setup = Setup {
        path: "/t1",
        demo: true,
        ..Setup::default()
    };
    let world = World::with(setup).await;
    let mut browser = world.browser();
    for path in [
        "/t1",
        "/t1/",
        "/t1/demo",
        "/t1/signed-out",
        "/t1/favicon.ico",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        for link in links(&page.body) {
            assert_eq!(browser.get(&link).await.status, 200, "{link}");
        }
    }
    for path in ["/", "/demo", "/sign-in", "/favicon.ico", "/t1x"] {
        browser.get(path).await.refused(404, "not_found");
    }
    let page = browser.open(&world.request(&[])).await;
    assert!(page.form("login").action.starts_with("/t1/sign-in?"));
    let page = browser.sign_in(&page, "alice").await;
    browser.allow(&page).await.code();
    let page = browser.open("/t1/logout").await;
    let answer = browser
        .submit(&page.form("logout").set("logout", "yes"))
        .await;
    assert!(answer.leads_to("/t1/signed-out"));
}
