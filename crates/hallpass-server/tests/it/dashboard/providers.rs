//! Other providers by the pages.

use crate::{
    admin::webhooks::Told,
    process::{Answer, Folder, Serving},
};

use super::{
    Desk, error,
    person::{Person, hidden, location},
};

const PAGE: &str = "/dashboard/p/acme/providers";
const PROJECT: &str = "/dashboard/p/acme/project";
const SECRET: &str = "a secret that we have there";

/// Another provider, and a desk that may ask it.
fn two() -> (Serving, Folder, Desk) {
    let folder = Folder::new();
    folder.write("hallpass.toml", "protocol.signing_algs = ['ES256']");
    let other = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let settings = "dashboard.strong_sign_in = false\n[danger]\nfetch_private_addresses = ['127.0.0.1/32', '::1/128']";
    (other, folder, Desk::open(settings))
}

fn send(desk: &Desk, person: &mut Person, form: &[(&str, &str)]) -> Answer {
    let page = person.get(&desk.server, PAGE).body;
    let revision = hidden(&page, "revision");
    let form = [&[("revision", revision.as_str())], form].concat();
    person.send_form(&desk.server, PAGE, PAGE, &form)
}

fn work<'a>(issuer: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let form = [
        ("do", "add"),
        ("id", "work"),
        ("name", "Work <b>"),
        ("issuer", issuer),
        ("client_id", "us"),
        ("client_secret", SECRET),
        ("first_time", "create"),
    ];
    [&form, more].concat()
}

fn sign_in_page(desk: &Desk) -> String {
    let mut somebody = Person::default();
    let asked = somebody.get(&desk.server, "/p/acme/account");
    let page = location(&desk.server, &asked);
    somebody.get(&desk.server, &page).body
}

// AD-08
#[test]
fn a_provider_that_answers_is_added_tried_and_removed_and_its_secret_is_never_seen() {
    let (other, _folder, desk) = two();
    let server = &desk.server;
    let issuer = other.said["issuer"].as_str().unwrap().to_owned();
    let mut admin = Person::operator(server, "acme-administrator");
    assert!(admin.get(server, PAGE).body.contains("id=\"no-providers\""));
    let added = send(&desk, &mut admin, &work(&issuer, &[]));
    assert_eq!(added.status, 303, "{}", added.body);
    assert!(location(server, &added).ends_with("?done=added"));
    let page = admin.get(server, PAGE).body;
    let redirect = "&#x2f;p&#x2f;acme&#x2f;upstream&#x2f;work&#x2f;callback";
    assert!(
        page.contains("data-provider=\"work\"") && page.contains(redirect),
        "{page}"
    );
    assert!(!page.contains("<b>"));
    assert!(sign_in_page(&desk).contains("Work &lt;b&gt;"));
    let tried = send(&desk, &mut admin, &[("do", "test"), ("upstream", "work")]);
    assert_eq!(tried.status, 200);
    assert!(tried.body.contains("id=\"answers\""), "{}", tried.body);
    // Nothing shows the secret, whoever looks and wherever.
    let settings = admin.get(server, PROJECT).body;
    assert!(settings.contains("client_secret_sealed"));
    let shown = desk.command(&["issuer", "show", "acme"]).to_string();
    let log = admin.get(server, "/dashboard/p/acme/audit").body;
    for seen in [&page, &settings, &tried.body, &shown, &log] {
        assert!(!seen.contains(SECRET));
    }
    let twice = send(&desk, &mut admin, &work(&issuer, &[]));
    assert_eq!(twice.status, 409);
    drop(other);
    let silent = send(&desk, &mut admin, &[("do", "test"), ("upstream", "work")]);
    assert!(silent.body.contains("id=\"silent\""), "{}", silent.body);
    let removed = send(&desk, &mut admin, &[("do", "remove"), ("upstream", "work")]);
    assert!(location(server, &removed).ends_with("?done=removed"));
    assert!(!sign_in_page(&desk).contains("Work"));
    let again = send(&desk, &mut admin, &[("do", "remove"), ("upstream", "work")]);
    assert_eq!((again.status, error(&again.body)), (404, Some("not_found")));
}

// AD-08, AD-14
#[test]
fn a_secret_goes_nowhere_but_where_it_was_given_for() {
    let (other, _folder, desk) = two();
    let server = &desk.server;
    let issuer = other.said["issuer"].as_str().unwrap().to_owned();
    let mut admin = Person::operator(server, "acme-administrator");
    assert_eq!(send(&desk, &mut admin, &work(&issuer, &[])).status, 303);
    let shown = desk.command(&["issuer", "show", "acme"]);
    let mut settings = shown["settings"].clone();
    assert!(
        settings["upstreams"][0]["client_secret_sealed"].is_string(),
        "{shown}"
    );
    let save = |admin: &mut Person, settings: &serde_json::Value| {
        let revision = hidden(&admin.get(server, PROJECT).body, "revision");
        let text = settings.to_string();
        let form = [
            ("do", "raw"),
            ("revision", &*revision),
            ("settings", &*text),
        ];
        admin.send_form(server, PROJECT, PROJECT, &form)
    };
    // As it is: the provider stays.
    assert_eq!(save(&mut admin, &settings).status, 303);
    assert!(sign_in_page(&desk).contains("Work"));
    // With another address it has no secret, and is not there.
    settings["upstreams"][0]["issuer"] = "https://evil.example".into();
    assert_eq!(save(&mut admin, &settings).status, 303);
    assert!(!sign_in_page(&desk).contains("Work"));
    assert!(!admin.get(server, PAGE).body.contains("data-provider"));
    // In clear it is not taken.
    let upstream = settings["upstreams"][0].as_object_mut().unwrap();
    upstream.remove("client_secret_sealed");
    upstream.insert("client_secret".to_owned(), SECRET.into());
    let refused = save(&mut admin, &settings);
    assert_eq!(refused.status, 422);
    assert!(
        refused.body.contains("upstreams.create"),
        "{}",
        refused.body
    );
}

// S49
#[test]
fn well_known_ones_are_added_by_name_and_what_was_typed_for_another_one_is_not_theirs() {
    let desk = Desk::simple();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let form = |preset, issuer| {
        [
            ("do", "add"),
            ("preset", preset),
            ("client_id", "us"),
            ("client_secret", SECRET),
            ("id", "stray"),
            ("name", "Stray"),
            ("issuer", issuer),
        ]
    };
    for preset in ["google", "apple", "github"] {
        let answer = send(&desk, &mut admin, &form(preset, "https://stray.example"));
        assert_eq!(answer.status, 303, "{preset}: {}", answer.body);
        let page = admin.get(&desk.server, PAGE).body;
        assert!(page.contains(&format!("data-provider=\"{preset}\"")));
        assert!(!page.to_lowercase().contains("stray"), "{preset}");
    }
    let buttons = sign_in_page(&desk);
    assert!(buttons.contains("Apple") && buttons.contains("Google"));
    // Microsoft's issuer is that of a directory: it is asked for, and whether it is one.
    let missing = send(&desk, &mut admin, &form("microsoft", ""));
    assert_eq!(missing.status, 422);
    assert!(missing.body.contains("Issuer: is that of your directory"));
    let silent = send(&desk, &mut admin, &form("microsoft", "https://127.0.0.1:1"));
    assert_eq!(silent.status, 422);
    let page = admin.get(&desk.server, PAGE).body;
    assert!(!page.contains("data-provider=\"microsoft\""));
}

// AD-14
#[test]
fn what_only_the_server_reaches_is_no_provider_and_is_not_even_asked() {
    let desk = Desk::simple();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let canary = Told::listen();
    let here = canary.url.trim_end_matches("/hook").to_owned();
    for issuer in [
        here.as_str(),
        "http://169.254.169.254/latest",
        "https://127.0.0.1:1",
        "https://[::1]:1",
        "https://10.0.0.1",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "https://idp.example#x",
        "no address",
    ] {
        let answer = send(&desk, &mut admin, &work(issuer, &[]));
        assert_eq!(answer.status, 422, "{issuer}: {}", answer.body);
        assert!(!answer.body.contains(SECRET), "{issuer}");
        assert!(answer.body.contains("value=\"us\""), "what was typed stays");
    }
    assert!(canary.never(), "nobody was asked");
    for form in [
        work("", &[]),
        vec![("do", "add"), ("preset", "google"), ("client_id", "")],
        vec![("do", "add"), ("preset", "nobody"), ("client_id", "us")],
    ] {
        let answer = send(&desk, &mut admin, &form);
        assert_eq!(answer.status, 422, "{form:?}");
    }
    assert!(
        admin
            .get(&desk.server, PAGE)
            .body
            .contains("id=\"no-providers\"")
    );
    let mut support = Person::operator(&desk.server, "acme-support");
    let page = support.get(&desk.server, PAGE);
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("name=\"do\""));
}
