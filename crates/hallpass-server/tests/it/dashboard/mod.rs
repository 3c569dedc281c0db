//! The operators' dashboard over sockets.

mod applications;
mod attacks;
mod first_run;
mod logos;
mod many;
mod operators;
mod pages;
pub(crate) mod person;
mod providers;
mod settings;
mod users;
mod webhooks;

use std::time::{Duration, Instant};

use crate::process::{Folder, Serving};

use person::{PASSWORD, Person, hidden, location};

/// A server with operators of every role: in all projects (`owner`, …), in `acme` alone (`acme-owner`, …), in `other`, and
/// somebody who is none.
pub(crate) struct Desk {
    pub(crate) folder: Folder,
    pub(crate) server: Serving,
}

pub(crate) const ROLES: [&str; 4] = ["read_only", "support", "administrator", "owner"];

impl Desk {
    pub(crate) fn open(settings: &str) -> Self {
        let folder = Folder::new();
        let mut people = vec![
            "nobody".to_owned(),
            "owner".to_owned(),
            "other-owner".to_owned(),
        ];
        people.extend(ROLES.map(|role| format!("acme-{role}")));
        let users: String = people
            .iter()
            .map(|name| format!("[[users]]\nusername = '{name}'\npassword = '{PASSWORD}'\n"))
            .collect();
        let text = format!("protocol.signing_algs = ['ES256']\n{settings}\n{users}");
        folder.write("hallpass.toml", &text);
        let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
        let desk = Self { folder, server };
        desk.command(&["operator", "set", "name:owner"]);
        for project in ["acme", "other"] {
            desk.command(&["issuer", "create", project]);
        }
        desk.command(&["operator", "set", "name:other-owner", "--project", "other"]);
        for role in ROLES {
            let name = format!("name:acme-{role}");
            desk.command(&[
                "operator",
                "set",
                &name,
                "--role",
                role,
                "--project",
                "acme",
            ]);
        }
        // What another process made is known here a second later at most.
        let since = Instant::now();
        while ["acme", "other"].map(|name| desk.server.get(&format!("/p/{name}/jwks")).status)
            != [200, 200]
        {
            assert!(since.elapsed() < Duration::from_secs(10));
        }
        desk
    }

    /// Where a password is enough.
    pub(crate) fn simple() -> Self {
        Self::open("dashboard.strong_sign_in = false")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> serde_json::Value {
        let arguments = [&["--config", "hallpass.toml", "--json"], arguments].concat();
        let issuer = self.server.said["issuer"].as_str().unwrap();
        let mut command = self.folder.hallpass(&arguments);
        let output = command
            .env("HALLPASS__SERVER__ISSUER", issuer)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The identifier on a page of an error.
pub(crate) fn error(body: &str) -> Option<&str> {
    body.split_once("id=\"error-id\">")?.1.split('<').next()
}

// AD-18
#[test]
fn whoever_is_not_signed_in_learns_nothing_and_signs_in_first() {
    let desk = Desk::simple();
    for path in [
        "/dashboard",
        "/dashboard/p/acme",
        "/dashboard/p/no-such",
        "/dashboard/nothing",
    ] {
        let answer = Person::default().get(&desk.server, path);
        assert_eq!(answer.status, 303, "{path}");
        assert!(
            location(&desk.server, &answer).starts_with("/sign-in?"),
            "{path}"
        );
    }
    let posted = Person::default().post(&desk.server, "/dashboard/new", &[("name", "evil")]);
    assert_eq!(posted.status, 303);
    assert!(location(&desk.server, &posted).starts_with("/sign-in?"));
}

#[test]
fn somebody_with_an_account_and_no_role_sees_nothing() {
    let desk = Desk::simple();
    let mut nobody = Person::operator(&desk.server, "nobody");
    for path in ["/dashboard", "/dashboard/p/acme", "/dashboard/nothing"] {
        let answer = nobody.get(&desk.server, path);
        assert_eq!(
            (answer.status, error(&answer.body)),
            (403, Some("no_operator")),
            "{path}"
        );
    }
}

// AD-02, AD-07
#[test]
fn a_form_of_another_site_or_of_nobody_s_page_changes_nothing() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "owner");
    let page = owner.get(&desk.server, "/dashboard/new?type=oidc");
    let sealed = hidden(&page.body, "form");
    let form = [
        ("form", sealed.as_str()),
        ("name", "evil"),
        ("confirm", "yes"),
    ];
    for head in [
        "origin: https://evil.example\r\n",
        "origin: null\r\n",
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
    ] {
        let answer = owner.post_with(&desk.server, "/dashboard/new", head, &form);
        assert_eq!(
            (answer.status, error(&answer.body)),
            (403, Some("cross_site_form")),
            "{head}"
        );
    }
    // Neither does a request that is a form by a name alone, or one that a header wants to be another.
    let cookies: Vec<String> = owner.cookies().collect();
    let cookies = cookies.join("; ");
    let body = format!("form={sealed}&name=evil&confirm=yes");
    let raw = |head: &str, body: &str| {
        let head = format!("{head}cookie: {cookies}\r\n");
        desk.server.send(&head, body)
    };
    for media in [
        "text/plain",
        "application/json",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let media = if media.is_empty() {
            String::new()
        } else {
            format!("content-type: {media}\r\n")
        };
        let answer = raw(&format!("POST /dashboard/new HTTP/1.1\r\n{media}"), &body);
        assert!(
            matches!(answer.status, 400 | 415),
            "{media}: {}",
            answer.status
        );
    }
    for over in [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ] {
        let head = format!("GET /dashboard/new?{body}&_method=POST HTTP/1.1\r\n{over}: POST\r\n");
        assert_eq!(raw(&head, "").status, 200, "{over}");
    }
    for method in ["PUT", "PATCH", "DELETE"] {
        let head = format!(
            "{method} /dashboard/new HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        );
        assert_eq!(raw(&head, &body).status, 405, "{method}");
    }
    let nobody = Person::default().post(&desk.server, "/dashboard/new", &form);
    assert!(
        location(&desk.server, &nobody).starts_with("/sign-in?"),
        "without the cookie"
    );
    let without = [("name", "evil"), ("confirm", "yes")];
    let answer = owner.post(&desk.server, "/dashboard/new", &without);
    assert_eq!(
        (answer.status, error(&answer.body)),
        (403, Some("form_over"))
    );
    let mut other = Person::operator(&desk.server, "owner");
    let answer = other.post(&desk.server, "/dashboard/new", &form);
    assert_eq!(
        (answer.status, error(&answer.body)),
        (403, Some("form_over")),
        "of another browser"
    );
    let listed = owner.get(&desk.server, "/dashboard?q=evil");
    assert!(listed.body.contains("id=\"no-projects\""));
    let answer = owner.post(&desk.server, "/dashboard/new", &form);
    assert_eq!(
        location(&desk.server, &answer),
        "/dashboard/p/evil/settings?created=yes"
    );
}

#[test]
fn who_changes_something_has_shown_more_than_a_password_unless_the_settings_say_otherwise() {
    let desk = Desk::open("");
    let mut owner = Person::operator(&desk.server, "owner");
    assert_eq!(owner.get(&desk.server, "/dashboard").status, 200);
    let page = owner.get(&desk.server, "/dashboard/new");
    assert_eq!(
        (page.status, error(&page.body)),
        (403, Some("sign_in_too_weak"))
    );
    let form = [("name", "evil"), ("confirm", "yes")];
    let answer = owner.post(&desk.server, "/dashboard/new", &form);
    assert_eq!(
        (answer.status, error(&answer.body)),
        (403, Some("sign_in_too_weak"))
    );
}

#[test]
fn a_role_that_is_taken_away_is_gone_with_the_next_page() {
    let desk = Desk::simple();
    let mut support = Person::operator(&desk.server, "acme-support");
    assert_eq!(support.get(&desk.server, "/dashboard/p/acme").status, 200);
    let operators = desk.command(&["operator", "list"]);
    let operators = operators.as_array().unwrap();
    let one = operators
        .iter()
        .find(|one| one["name"] == "acme-support")
        .unwrap();
    desk.command(&["operator", "remove", one["id"].as_str().unwrap()]);
    let answer = support.get(&desk.server, "/dashboard/p/acme");
    assert_eq!(
        (answer.status, error(&answer.body)),
        (403, Some("no_operator"))
    );
}

#[test]
fn what_is_set_weakly_is_shown_to_operators_of_all_projects_and_to_no_others() {
    let settings = "dashboard.strong_sign_in = false\ndanger.open_registration = true\n\
                    registration.enabled = true";
    let desk = Desk::open(settings);
    let mut owner = Person::operator(&desk.server, "owner");
    let page = owner.get(&desk.server, "/dashboard").body;
    assert!(page.contains("id=\"weak\"") && page.contains("danger.open_registration"));
    let mut admin = Person::operator(&desk.server, "acme-owner");
    assert!(
        !admin
            .get(&desk.server, "/dashboard")
            .body
            .contains("danger.")
    );
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "owner");
    assert!(
        !owner
            .get(&desk.server, "/dashboard")
            .body
            .contains("id=\"weak\"")
    );
}

#[test]
fn the_dashboard_can_be_switched_off() {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        "dashboard.enabled = false\nprotocol.signing_algs = ['ES256']",
    );
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    assert!(server.said["dashboard"].is_null());
    assert_eq!(server.get("/dashboard").status, 404);
}

#[test]
fn the_first_load_is_small_and_its_files_may_be_kept() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "owner");
    let page = owner.get(&desk.server, "/dashboard");
    let mut bytes = page.body.len();
    let plain = page.body.replace("&#x2f;", "/");
    let files = plain
        .split('"')
        .filter(|part| part.starts_with("/dashboard/assets/"));
    let mut count = 0;
    for file in files {
        let answer = owner.get(&desk.server, file);
        assert_eq!(answer.status, 200, "{file}");
        assert!(answer.head.contains("immutable"), "{file}");
        bytes += answer.body.len();
        count += 1;
    }
    assert_eq!(count, 3);
    // Not even compressed.
    assert!(bytes < 300 * 1024, "{bytes}");
}
