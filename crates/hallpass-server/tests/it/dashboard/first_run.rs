//! Who is there at first, and what is no way in.

use std::path::Path;

use super::{
    Desk, error,
    operators::{console, token},
    person::Person,
};
use crate::process::{Answer, Folder, Serving};

const HERE: &str = "server.issuer = 'http://localhost:9999'\nprotocol.signing_algs = ['ES256']\n\
                    dashboard.strong_sign_in = false\n";

fn fresh() -> (Folder, Serving) {
    let folder = Folder::new();
    folder.write("hallpass.toml", HERE);
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    (folder, server)
}

fn command(folder: &Folder, arguments: &[&str]) -> serde_json::Value {
    let config = ["--config", "hallpass.toml", "--json"];
    folder.json(&[&config[..], arguments].concat())
}

/// What comes of a name and a password at the dashboard's sign-in.
fn tried(server: &Serving, username: &str, password: &str) -> Answer {
    let mut person = Person::default();
    let asked = person.get(server, "/dashboard");
    let page = super::person::location(server, &asked);
    let form = [("username", username), ("password", password)];
    person.post(server, &page, &form)
}

// AD-19
#[test]
fn at_first_nobody_is_there_and_nobody_becomes_an_operator_by_being_the_first() {
    let (folder, server) = fresh();
    assert_eq!(
        command(&folder, &["operator", "list"]),
        serde_json::json!([])
    );
    assert_eq!(command(&folder, &["user", "list"]), serde_json::json!([]));
    for (username, password) in [
        ("admin", "admin"),
        ("admin", "password"),
        ("root", "root"),
        ("hallpass", "hallpass"),
        ("demo", "demo"),
    ] {
        let answer = tried(&server, username, password);
        assert_ne!(answer.status, 303, "{username} {password}");
    }
    let stranger = |path: &str| Person::default().get(&server, path);
    let ways = ["setup", "install", "bootstrap", "first-run", "register"];
    for way in ways {
        let answer = stranger(&format!("/dashboard/{way}"));
        assert_eq!(answer.status, 303, "{way}");
        assert_eq!(stranger(&format!("/{way}")).status, 404, "{way}");
    }
    // The first account is one like all others.
    folder.write("password", super::person::PASSWORD);
    command(
        &folder,
        &["user", "create", "bob", "--password-file", "password"],
    );
    let mut bob = Person::operator(&server, "bob");
    for way in ["", "/new", "/operators", "/setup", "/p/default/operators"] {
        let path = format!("/dashboard{way}");
        let form = [("do", "set"), ("username", "bob"), ("role", "owner")];
        for answer in [bob.get(&server, &path), bob.post(&server, &path, &form)] {
            let said = (answer.status, error(&answer.body));
            assert_eq!(said, (403, Some("no_operator")), "{path}");
        }
    }
    assert_eq!(
        command(&folder, &["operator", "list"]),
        serde_json::json!([])
    );
    // What is secret was drawn here, and is another one elsewhere.
    let (other, second) = fresh();
    let key = |folder: &Folder| std::fs::read(folder.0.join("hallpass-data/master.key")).unwrap();
    assert_ne!(key(&folder), key(&other));
    assert_ne!(server.get("/jwks").body, second.get("/jwks").body);
}

/// Chooses a password by a link.
fn choose(server: &Serving, link: &str, password: &str) -> Answer {
    let mut person = Person::default();
    let page = person.get(server, link);
    if page.status != 200 {
        return page;
    }
    let form = [
        ("confirm", "yes"),
        ("password", password),
        ("again", password),
    ];
    person.post(server, link, &form)
}

// AD-19
#[test]
fn the_link_of_the_first_operator_works_once_and_nothing_that_is_set_again_takes_their_place() {
    let (folder, server) = fresh();
    let made = command(&folder, &["operator", "create", "boss@example.org"]);
    let link = made["link"].as_str().unwrap();
    let link = link.strip_prefix("http://localhost:9999").unwrap();
    // To look is not to use it: programs that read mail do.
    for _ in 0..2 {
        assert_eq!(Person::default().get(&server, link).status, 200);
    }
    let chosen = choose(&server, link, super::person::PASSWORD);
    assert!(matches!(chosen.status, 200 | 303), "{}", chosen.body);
    let again = choose(&server, link, "a password of somebody else");
    assert!(again.status >= 400, "{}", again.body);
    assert!(again.body.contains("id=\"error-id\""), "{}", again.body);
    let signed_in = |server: &Serving, password: &str| {
        tried(server, "boss@example.org", password).status == 303
    };
    assert!(!signed_in(&server, "a password of somebody else"));
    let mut boss = Person::operator(&server, "boss@example.org");
    assert_eq!(boss.get(&server, "/dashboard/new").status, 200);
    drop(server.stop());

    // A start with other settings gives nobody a password and nobody a role.
    let users = "[[users]]\nusername = 'boss@example.org'\npassword = 'another password of the file'\n\
                 [[users]]\nusername = 'eve'\npassword = 'a password for the newcomer'\n";
    folder.write("hallpass.toml", &format!("{HERE}{users}"));
    let start = || {
        let arguments = ["--config", "hallpass.toml", "serve", "--json"];
        let mut command = folder.hallpass(&arguments);
        for name in ["USERNAME", "PASSWORD"] {
            command.env(format!("HALLPASS_ADMIN_{name}"), "eve");
        }
        Serving::spawn(&mut command)
    };
    let server = start();
    assert!(!signed_in(&server, "another password of the file"));
    assert!(signed_in(&server, super::person::PASSWORD));
    let operators = command(&folder, &["operator", "list"]);
    assert_eq!(operators.as_array().unwrap().len(), 1, "{operators}");
    let eve = tried(&server, "eve", "a password for the newcomer");
    assert_eq!(eve.status, 303);
    // A role that was taken away does not come back.
    let heir = ["operator", "set", "name:eve"];
    command(&folder, &heir);
    let id = operators[0]["id"].as_str().unwrap();
    command(&folder, &["operator", "remove", id]);
    drop(server.stop());
    let server = start();
    let operators = command(&folder, &["operator", "list"]);
    assert_eq!(operators.as_array().unwrap().len(), 1, "{operators}");
    assert_eq!(operators[0]["name"], "eve");
    drop(server.stop());
    // Another master key opens nothing that is here.
    let mut other = folder.hallpass(&["--config", "hallpass.toml", "serve"]);
    other.env(
        "HALLPASS__KEYS__MASTER_KEY",
        "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA",
    );
    assert_eq!(other.output().unwrap().status.code(), Some(1));
}

/// Whether one of these bytes is in a file of the database.
fn kept(folder: &Path, secret: &str) -> bool {
    let files = std::fs::read_dir(folder.join("hallpass-data")).unwrap();
    let bytes = files.map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default());
    bytes
        .filter(|bytes| bytes.len() >= secret.len())
        .any(|bytes| {
            let mut windows = bytes.windows(secret.len());
            windows.any(|window| window == secret.as_bytes())
        })
}

// AD-23
#[test]
fn no_token_opens_a_page_and_a_session_goes_no_further_than_its_person_at_the_moment() {
    let desk = Desk::simple();
    let server = &desk.server;
    console(&desk);
    let token = token(&desk, "owner");
    for head in [
        format!("GET /dashboard HTTP/1.1\r\nauthorization: Bearer {token}\r\n"),
        format!("GET /dashboard?access_token={token} HTTP/1.1\r\n"),
        format!("GET /dashboard HTTP/1.1\r\ncookie: access_token={token}\r\n"),
    ] {
        let answer = server.send(&head, "");
        assert_eq!(answer.status, 303, "{head}");
        assert!(!answer.body.contains("data-project"), "{head}");
    }
    // Neither is a session good where tokens are asked for, not even in their place.
    let mut admin = Person::operator(server, "acme-administrator");
    let cookies: Vec<String> = admin.secrets().map(str::to_owned).collect();
    assert!(
        cookies.iter().any(|cookie| cookie.len() >= 22),
        "{cookies:?}"
    );
    assert_eq!(admin.get(server, "/admin/v1/projects").status, 401);
    for cookie in &cookies {
        let head = format!("GET /admin/v1/projects HTTP/1.1\r\nauthorization: Bearer {cookie}\r\n");
        assert_eq!(server.send(&head, "").status, 401);
    }
    // What the database has of either does not open anything.
    for secret in cookies.iter().filter(|cookie| cookie.len() >= 22) {
        assert!(!kept(&desk.folder.0, secret), "{secret}");
    }
    assert!(!kept(&desk.folder.0, &token));

    // A form that was open when its operator became less is refused, and is a line of the log.
    let new = "/dashboard/p/acme/users/new";
    let open = super::person::hidden(&admin.get(server, new).body, "form");
    let less = [
        "operator",
        "set",
        "name:acme-administrator",
        "--project",
        "acme",
    ];
    desk.command(&[&less[..], &["--role", "read_only"]].concat());
    let form = [
        ("form", open.as_str()),
        ("username", "eve"),
        ("password", "generate"),
    ];
    let refused = admin.post(server, new, &form);
    let said = (refused.status, error(&refused.body));
    assert_eq!(said, (403, Some("forbidden")));
    assert!(!refused.body.contains("made-password"));
    let users = admin.get(server, "/dashboard/p/acme/users");
    assert_eq!(users.status, 200, "they look on");
    assert!(!users.body.contains("id=\"add-user\""));
    let log = "/dashboard/p/acme/audit?action=refused";
    let log = Person::operator(server, "acme-owner").get(server, log).body;
    assert_eq!(log.matches("data-line=").count(), 1, "{log}");
    // An account that is switched off has no session any more, and none that is switched on again has it back.
    for off in [true, false] {
        let verb = if off { "disable" } else { "enable" };
        desk.command(&["user", verb, "acme-administrator"]);
        assert_eq!(
            admin.get(server, "/dashboard/p/acme/users").status,
            303,
            "{verb}"
        );
    }
}
