//! Logos of projects.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    admin::webhooks::Told,
    process::{Answer, Folder, Serving},
};

use super::{
    Desk, error,
    person::{Person, hidden, location},
};

const LOOK: &str = "/dashboard/p/acme/appearance";
const LOGO: &str = "/dashboard/p/acme/logo";
const DRAWING: &str =
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><path d='M0 0h8v8z'/></svg>";

fn uri(media_type: &str, bytes: &[u8]) -> String {
    format!("data:{media_type};base64,{}", STANDARD.encode(bytes))
}

fn send(desk: &Desk, person: &mut Person, form: &[(&str, &str)]) -> Answer {
    let page = person.get(&desk.server, LOOK).body;
    let revision = hidden(&page, "revision");
    let form = [&[("revision", revision.as_str())], form].concat();
    person.send_form(&desk.server, LOOK, LOOK, &form)
}

#[track_caller]
fn sign_in_page(desk: &Desk) -> String {
    let mut somebody = Person::default();
    let asked = somebody.get(&desk.server, "/p/acme/account");
    let page = location(&desk.server, &asked);
    somebody.get(&desk.server, &page).body
}

/// The address of the logo on the sign-in page.
fn logo_of(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("class=\"brand-logo\" src=\"")?;
    Some(rest.split('"').next()?.replace("&#x2f;", "/"))
}

// AD-02, AD-04, AD-13
#[test]
fn a_project_s_logo_is_on_its_pages_and_in_the_list_and_nothing_in_it_can_run() {
    let desk = Desk::simple();
    let server = &desk.server;
    let mut admin = Person::operator(server, "acme-administrator");
    assert_eq!(logo_of(&sign_in_page(&desk)), None);
    assert_eq!(admin.get(server, LOGO).status, 404);
    let drawing = uri("image/svg+xml", DRAWING.as_bytes());
    let form = [("name", "Acme"), ("logo", &*drawing)];
    let saved = send(&desk, &mut admin, &form);
    assert!(
        location(server, &saved).ends_with("?done=saved"),
        "{}",
        saved.body
    );

    let page = sign_in_page(&desk);
    let path = logo_of(&page).expect("a logo");
    assert!(
        path.starts_with("/p/acme/assets/") && page.contains("alt=\"Acme\""),
        "{page}"
    );
    let asset = server.get(&path);
    assert_eq!((asset.status, asset.body.as_str()), (200, DRAWING));
    let head = asset.head.to_lowercase();
    assert!(head.contains("content-type: image/svg+xml"), "{head}");
    assert!(
        head.contains("default-src 'none'") && head.contains("nosniff"),
        "{head}"
    );
    // Where operators see it, even less is allowed.
    let shown = admin.get(server, LOGO);
    assert_eq!((shown.status, shown.body.as_str()), (200, DRAWING));
    let head = shown.head.to_lowercase();
    for part in ["default-src 'none'", "sandbox", "nosniff", "no-store"] {
        assert!(head.contains(part), "{part}: {head}");
    }
    let list = admin.get(server, "/dashboard").body.replace("&#x2f;", "/");
    assert!(list.contains(&format!("src=\"{LOGO}\"")), "{list}");
    // Nobody else's operators see it, nor does anybody without a sign-in.
    let mut other = Person::operator(server, "other-owner");
    let refused = other.get(server, LOGO);
    assert_eq!(
        (refused.status, error(&refused.body)),
        (404, Some("not_found"))
    );
    assert_eq!(Person::default().get(server, LOGO).status, 303);

    // It stays when something else is changed, and goes when it is taken away.
    let renamed = send(&desk, &mut admin, &[("name", "Acme Ltd")]);
    assert_eq!(renamed.status, 303);
    assert!(logo_of(&sign_in_page(&desk)).is_some());
    let without = send(&desk, &mut admin, &[("name", "Acme"), ("logo_none", "yes")]);
    assert_eq!(without.status, 303);
    assert_eq!(logo_of(&sign_in_page(&desk)), None);
    assert_eq!(admin.get(server, LOGO).status, 404);
}

// AD-12, AD-13
#[test]
fn what_is_no_picture_or_more_than_one_is_refused_by_the_page_and_in_the_settings() {
    let desk = Desk::simple();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let large = vec![b' '; 33 * 1024];
    let active = DRAWING.replace("<path", "<script>alert(1)</script><path");
    for (wrong, why) in [
        ("https://cdn.example/logo.png".to_owned(), "is no SVG"),
        (
            uri("image/svg+xml", b"<html><body>x</body></html>"),
            "is no SVG",
        ),
        (uri("image/png", DRAWING.as_bytes()), "is no SVG"),
        (uri("text/html", DRAWING.as_bytes()), "is no SVG"),
        (uri("image/svg+xml", active.as_bytes()), "scripts"),
        (
            uri(
                "image/svg+xml",
                DRAWING.replace("<path", "<path onclick='x'").as_bytes(),
            ),
            "scripts",
        ),
    ] {
        let answer = send(&desk, &mut admin, &[("name", "Acme"), ("logo", &*wrong)]);
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.body);
        assert!(answer.body.contains(why), "{wrong}: {}", answer.body);
        assert!(
            answer.body.contains("value=\"Acme\""),
            "what was typed stays"
        );
        // Neither by the settings as they are written down.
        let path = "/dashboard/p/acme/project";
        let revision = hidden(&admin.get(&desk.server, path).body, "revision");
        let text = serde_json::json!({ "pages": { "logo": wrong } }).to_string();
        let form = [
            ("do", "raw"),
            ("revision", &*revision),
            ("settings", &*text),
        ];
        let answer = admin.send_form(&desk.server, path, path, &form);
        assert_eq!(answer.status, 422, "{wrong}");
        assert!(answer.body.contains("pages.logo"), "{}", answer.body);
    }
    // Everything that a form may be is less than what is too large for one.
    let large = uri("image/png", &large);
    let answer = send(&desk, &mut admin, &[("logo", &*large)]);
    assert!(matches!(answer.status, 413 | 422), "{}", answer.status);
    assert_eq!(logo_of(&sign_in_page(&desk)), None);
}

// AD-14
#[test]
fn a_logo_is_fetched_once_from_where_everybody_can_reach_it_and_kept() {
    let folder = Folder::new();
    folder.write("hallpass.toml", "protocol.signing_algs = ['ES256']");
    let other = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let issuer = other.said["issuer"].as_str().unwrap().to_owned();
    let icon = format!("{issuer}/favicon.ico");
    let settings = "dashboard.strong_sign_in = false\n[danger]\nfetch_private_addresses = ['127.0.0.1/32', '::1/128']";
    let desk = Desk::open(settings);
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    for wrong in ["/jwks", "/nothing", "/"] {
        let address = format!("{issuer}{wrong}");
        let answer = send(&desk, &mut admin, &[("logo_url", &*address)]);
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.body);
        assert!(answer.body.contains("aria-invalid"), "{wrong}");
    }
    let saved = send(&desk, &mut admin, &[("logo_url", &*icon)]);
    assert_eq!(saved.status, 303, "{}", saved.body);
    drop(other);
    let path = logo_of(&sign_in_page(&desk)).expect("a logo");
    assert!(desk.server.get(&path).body.contains("<svg"));

    // Without that switch nobody in here is asked.
    let desk = Desk::simple();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let canary = Told::listen();
    let here = canary.url.trim_end_matches("/hook").to_owned();
    for address in [
        format!("{here}/logo.svg"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://[::1]/logo.svg".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
        "no address".to_owned(),
    ] {
        let answer = send(&desk, &mut admin, &[("logo_url", &*address)]);
        assert_eq!(answer.status, 422, "{address}: {}", answer.body);
    }
    assert!(canary.never(), "nobody was asked");
    // Nor for somebody who only looks.
    let mut support = Person::operator(&desk.server, "acme-support");
    let page = support.get(&desk.server, LOOK);
    assert!(!page.body.contains("logo-file"));
}
