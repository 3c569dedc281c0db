//! Every page that there is. The pages name their samples themselves, so that a new one is looked at, too.

use hallpass_pages::Lang;
use serde_json::json;

use crate::browser::{assert_accessible, assert_fits};
use crate::node;
use crate::support::{Gallery, WebDriver, missing};

async fn start() -> Option<(Gallery, WebDriver)> {
    for program in ["chromedriver", "chromium", "npm"] {
        if missing(program, &["--version"]) {
            return None;
        }
    }
    let gallery = Gallery::start(&[Lang::En, Lang::Ar]);
    let browser = WebDriver::start(true).await;
    Some((gallery, browser))
}

#[tokio::test]
async fn axe_finds_no_barrier_on_any_page_and_nothing_is_too_wide() {
    let Some((gallery, browser)) = start().await else {
        return;
    };
    let axe = node::packages().join("node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(axe).unwrap();
    browser.in_every_page(&axe).await;
    assert!(gallery.names().len() > 60, "{:?}", gallery.names());
    for lang in [Lang::En, Lang::Ar] {
        browser.size(375, 667, true).await;
        for sample in gallery.names() {
            browser.open(&gallery.url(lang, sample)).await;
            let shown = browser
                .script(
                    "return [document.documentElement.dir, !!document.querySelector('main h1')]",
                )
                .await;
            let direction = if lang == Lang::Ar { "rtl" } else { "ltr" };
            assert_eq!(shown, json!([direction, true]), "{sample}");
            let name = format!("{} {sample}", lang.tag());
            assert_fits(&browser, &name).await;
            for (dark, scheme) in [(false, "light"), (true, "dark")] {
                browser.dark(dark).await;
                assert_accessible(&browser, &format!("{name}, {scheme}")).await;
            }
            let mut complaints = browser.complaints().await;
            // The demo looks for its server, and what sends itself away is kept from it.
            let alone = !matches!(*sample, "demo" | "form-post");
            complaints.retain(|complaint| alone && complaint.contains("Security Policy"));
            assert!(complaints.is_empty(), "{name}: {complaints:?}");
        }
    }
}

/// For people who look: `cargo test -p hallpass-interop every_page_has_its_picture_taken -- --ignored` writes to
/// `screenshots/gallery` in the target folder.
#[tokio::test]
#[ignore = "writes pictures for people to look at"]
async fn every_page_has_its_picture_taken() {
    let Some((gallery, browser)) = start().await else {
        return;
    };
    for (size, width, height) in [("phone", 375, 667), ("desktop", 1280, 900)] {
        browser.size(width, height, size == "phone").await;
        for lang in [Lang::En, Lang::Ar] {
            for name in gallery.names() {
                browser.open(&gallery.url(lang, name)).await;
                for (dark, scheme) in [(false, "light"), (true, "dark")] {
                    browser.dark(dark).await;
                    let picture = format!("gallery/{}-{name}-{size}-{scheme}", lang.tag());
                    browser.screenshot(&picture).await;
                }
            }
        }
    }
}
