//! What a project has for itself, by the pages: settings, scopes, looks, and its end.

use crate::process::Answer;

use super::{
    Desk, error,
    person::{Person, hidden, location},
};

const PROJECT: &str = "/dashboard/p/acme/project";
const SCOPES: &str = "/dashboard/p/acme/scopes";
const LOOK: &str = "/dashboard/p/acme/appearance";

/// Sends a form of a page with the revision that it shows.
fn send(desk: &Desk, person: &mut Person, path: &str, form: &[(&str, &str)]) -> Answer {
    let page = person.get(&desk.server, path).body;
    let revision = hidden(&page, "revision");
    let form = [&[("revision", revision.as_str())], form].concat();
    person.send_form(&desk.server, path, path, &form)
}

fn saved(desk: &Desk, person: &mut Person, path: &str, form: &[(&str, &str)]) {
    let answer = send(desk, person, path, form);
    assert_eq!(answer.status, 303, "{form:?}: {}", answer.body);
    assert!(location(&desk.server, &answer).ends_with("?done=saved"));
}

/// The tag of a field.
fn field<'b>(body: &'b str, id: &str) -> &'b str {
    let mark = format!("id=\"{id}\"");
    let tag = body.split('<').find(|tag| tag.contains(&mark));
    tag.unwrap_or_else(|| panic!("no {id}: {body}"))
}

fn metadata(desk: &Desk) -> serde_json::Value {
    let path = "/p/acme/.well-known/openid-configuration";
    desk.server.get(path).json()
}

#[test]
fn settings_are_the_server_s_until_the_project_has_its_own_and_again_when_they_are_emptied() {
    let desk = Desk::open("dashboard.strong_sign_in = false\nlifetimes.session = '3d'");
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let page = admin.get(&desk.server, PROJECT).body;
    assert!(field(&page, "lifetimes-session").contains("placeholder=\"3d\""));
    assert!(field(&page, "lifetimes-session").contains("value=\"\""));
    let form = [
        ("do", "save"),
        ("lifetimes.session", "6h"),
        ("lifetimes.session_idle", "2h"),
        ("sign_up.mode", "open"),
        ("registration.enabled", "yes"),
    ];
    assert!(metadata(&desk)["registration_endpoint"].is_null());
    saved(&desk, &mut admin, PROJECT, &form);
    assert!(metadata(&desk)["registration_endpoint"].is_string());
    let page = admin.get(&desk.server, PROJECT).body;
    assert!(field(&page, "lifetimes-session").contains("value=\"6h\""));
    let raw = page
        .split_once("<textarea class=\"code\" id=\"settings\"")
        .unwrap()
        .1;
    let raw = raw.split("</textarea>").next().unwrap();
    assert!(raw.contains("open") && raw.contains("6h") && !raw.contains("sign_in"));
    saved(&desk, &mut admin, PROJECT, &[("do", "save")]);
    assert!(metadata(&desk)["registration_endpoint"].is_null());
    let page = admin.get(&desk.server, PROJECT).body;
    assert!(field(&page, "lifetimes-session").contains("value=\"\""));
    // All of them, as JSON.
    let raw = r#"{"lifetimes": {"code": 30}, "protocol": {"scopes": {"orders": "See orders"}}}"#;
    saved(
        &desk,
        &mut admin,
        PROJECT,
        &[("do", "raw"), ("settings", raw)],
    );
    let page = admin.get(&desk.server, PROJECT).body;
    assert!(field(&page, "lifetimes-code").contains("value=\"30\""));
    assert!(
        metadata(&desk)["scopes_supported"]
            .to_string()
            .contains("orders")
    );
}

// AD-13
#[test]
fn what_cannot_be_is_refused_at_its_field_and_what_was_typed_stays() {
    let desk = Desk::simple();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    for (id, name, value) in [
        ("lifetimes-code", "lifetimes.code", "11m"),
        ("lifetimes-code", "lifetimes.code", "-1"),
        (
            "lifetimes-access_token",
            "lifetimes.access_token",
            "a while",
        ),
        ("lifetimes-session", "lifetimes.session", "\"><script>"),
        ("sign_up-mode", "sign_up.mode", "maybe"),
    ] {
        let form = [("do", "save"), (name, value), ("lifetimes.id_token", "5m")];
        let answer = send(&desk, &mut admin, PROJECT, &form);
        assert_eq!(answer.status, 422, "{name}: {}", answer.body);
        let body = &answer.body;
        assert!(body.contains("id=\"form-error\"") && !body.contains("<script>"));
        assert!(
            field(body, id).contains("aria-invalid=\"true\""),
            "{name} {value}: {body}"
        );
        assert!(field(body, "lifetimes-id_token").contains("value=\"5m\""));
    }
    for raw in [
        "",
        "[]",
        "null",
        "{",
        r#"{"danger": {"x": true}}"#,
        r#"{"server": {"issuer": "https://evil.example"}}"#,
        r#"{"pages": {"templates_dir": "../../etc"}}"#,
        r#"{"pages": {"logo_file": "/etc/passwd"}}"#,
        r#"{"lifetimes": {"code": "1d"}}"#,
    ] {
        let form = [("do", "raw"), ("settings", raw)];
        let answer = send(&desk, &mut admin, PROJECT, &form);
        assert_eq!(answer.status, 422, "{raw}");
        assert!(
            field(&answer.body, "settings").contains("aria-invalid"),
            "{raw}"
        );
    }
    let page = admin.get(&desk.server, PROJECT).body;
    let older = [("do", "save"), ("revision", "0"), ("lifetimes.code", "30s")];
    let answer = admin.send_form(&desk.server, PROJECT, PROJECT, &older);
    assert_eq!(answer.status, 412);
    assert_eq!(
        hidden(&page, "revision"),
        hidden(&admin.get(&desk.server, PROJECT).body, "revision")
    );
}

// AD-12
#[test]
fn no_setting_names_a_file_of_this_machine() {
    let desk = Desk::simple();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    for path in ["../../x", "/etc/passwd", "..\\..\\x", "file:///etc/passwd"] {
        for (section, name) in [
            ("pages", "templates_dir"),
            ("pages", "logo_file"),
            ("pages", "icon_file"),
            ("registration", "initial_access_tokens_file"),
            ("jwt_bearer", "jwks_file"),
        ] {
            let raw = serde_json::json!({ section: { name: path } }).to_string();
            let form = [("do", "raw"), ("settings", raw.as_str())];
            let answer = send(&desk, &mut admin, PROJECT, &form);
            assert_eq!(answer.status, 422, "{section}.{name} {path}");
        }
    }
}

// L44
#[test]
fn l44_a_project_that_is_switched_off_or_deleted_by_its_page_stops_at_once() {
    let desk = Desk::simple();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let keys = || desk.server.get("/p/acme/jwks").status;
    assert_eq!(admin.get(&desk.server, PROJECT).status, 200);
    assert_eq!(keys(), 200);
    let off = send(&desk, &mut admin, PROJECT, &[("do", "disable")]);
    assert!(location(&desk.server, &off).ends_with("?done=disabled"));
    assert_eq!(keys(), 404, "at once");
    let page = admin.get(&desk.server, PROJECT);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("id=\"is-disabled\""));
    let inside = admin.get(&desk.server, "/dashboard/p/acme/applications");
    assert_eq!(
        (inside.status, error(&inside.body)),
        (409, Some("wrong_state"))
    );
    let on = send(&desk, &mut admin, PROJECT, &[("do", "enable")]);
    assert!(location(&desk.server, &on).ends_with("?done=enabled"));
    assert_eq!(keys(), 200);
    // Only an owner deletes, and only who types the name.
    assert!(
        !admin
            .get(&desk.server, PROJECT)
            .body
            .contains("id=\"delete\"")
    );
    let form = [("do", "delete"), ("confirm", "acme")];
    let refused = send(&desk, &mut admin, PROJECT, &form);
    assert_eq!(
        (refused.status, error(&refused.body)),
        (403, Some("forbidden"))
    );
    let mut owner = Person::operator(&desk.server, "acme-owner");
    for confirm in ["", "yes", "ACME", "other"] {
        let answer = send(
            &desk,
            &mut owner,
            PROJECT,
            &[("do", "delete"), ("confirm", confirm)],
        );
        assert_eq!(answer.status, 400, "{confirm}");
    }
    assert_eq!(keys(), 200);
    let gone = send(&desk, &mut owner, PROJECT, &form);
    assert_eq!(location(&desk.server, &gone), "/dashboard?done=deleted");
    assert_eq!(keys(), 404);
}

// L22
#[test]
fn scopes_and_apis_are_made_and_deleted_and_people_and_clients_read_them() {
    let desk = Desk::simple();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let scope = [
        ("do", "scope"),
        ("name", "orders:read"),
        ("title", "Your orders"),
        ("description", "See what you <b>ordered"),
        ("claims", "customer_number"),
        ("required", "yes"),
    ];
    saved(&desk, &mut admin, SCOPES, &scope);
    assert!(
        metadata(&desk)["scopes_supported"]
            .to_string()
            .contains("orders:read")
    );
    assert!(
        metadata(&desk)["claims_supported"]
            .to_string()
            .contains("customer_number")
    );
    let page = admin.get(&desk.server, SCOPES).body;
    assert!(page.contains("data-scope=\"orders:read\"") && page.contains("Your orders"));
    assert!(!page.contains("<b>") && page.contains("cannot be left out"));
    let new = admin
        .get(&desk.server, "/dashboard/p/acme/applications/new")
        .body;
    assert!(new.contains("name=\"scope.orders:read\""));
    let api = [
        ("do", "resource"),
        ("identifier", "https://api.example.com"),
        ("name", "Orders"),
        ("scopes", "orders:read"),
        ("lifetime", "5m"),
    ];
    saved(&desk, &mut admin, SCOPES, &api);
    let page = admin.get(&desk.server, SCOPES).body;
    assert!(
        page.contains("data-resource=\"https:&#x2f;&#x2f;api.example.com\""),
        "{page}"
    );
    for (form, says) in [
        (
            vec![("do", "scope"), ("name", "two words"), ("description", "x")],
            "two words",
        ),
        (
            vec![("do", "scope"), ("name", "openid"), ("description", "x")],
            "openid",
        ),
        (
            vec![("do", "scope"), ("name", "x"), ("description", " ")],
            "Sentence",
        ),
        (
            vec![("do", "resource"), ("identifier", "no address")],
            "identifier",
        ),
        (
            vec![
                ("do", "resource"),
                ("identifier", "https://b.example"),
                ("scopes", "nothing"),
            ],
            "nothing",
        ),
        // Its API names it.
        (
            vec![("do", "delete_scope"), ("name", "orders:read")],
            "orders:read",
        ),
    ] {
        let answer = send(&desk, &mut admin, SCOPES, &form);
        assert_eq!(answer.status, 422, "{form:?}");
        assert!(answer.body.contains(says), "{form:?}: {}", answer.body);
    }
    let delete = [
        ("do", "delete_resource"),
        ("identifier", "https://api.example.com"),
    ];
    saved(&desk, &mut admin, SCOPES, &delete);
    assert!(
        admin
            .get(&desk.server, SCOPES)
            .body
            .contains("id=\"no-resources\"")
    );
    let delete = [("do", "delete_scope"), ("name", "orders:read")];
    saved(&desk, &mut admin, SCOPES, &delete);
    assert!(
        !metadata(&desk)["scopes_supported"]
            .to_string()
            .contains("orders")
    );
    let again = send(&desk, &mut admin, SCOPES, &delete);
    assert_eq!((again.status, error(&again.body)), (404, Some("not_found")));
}

fn sign_in_page(desk: &Desk) -> String {
    let mut somebody = Person::default();
    let asked = somebody.get(&desk.server, "/p/acme/account");
    let page = location(&desk.server, &asked);
    somebody.get(&desk.server, &page).body
}

#[test]
fn a_project_looks_as_its_page_says_and_what_nobody_could_read_is_refused() {
    let desk = Desk::simple();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    for (field_id, form) in [
        ("accent", ("accent", "red")),
        ("accent", ("accent", "#ffff00")),
        ("dark_accent", ("dark_accent", "#000001")),
        ("radius", ("radius", "99")),
        ("radius", ("radius", "-1")),
    ] {
        let answer = send(&desk, &mut admin, LOOK, &[form, ("name", "Acme")]);
        assert_eq!(answer.status, 422, "{form:?}");
        assert!(
            field(&answer.body, field_id).contains("aria-invalid"),
            "{form:?}"
        );
        assert!(field(&answer.body, "name").contains("value=\"Acme\""));
    }
    for form in [("font", "x;}"), ("name", &*"x".repeat(65))] {
        assert_eq!(
            send(&desk, &mut admin, LOOK, &[form]).status,
            422,
            "{form:?}"
        );
    }
    let form = [
        ("name", "Acme <i>"),
        ("accent", "#0b5fff"),
        ("radius", "4"),
        ("language.de", "yes"),
        ("language.en", "yes"),
        ("first", "de"),
    ];
    saved(&desk, &mut admin, LOOK, &form);
    let page = sign_in_page(&desk);
    assert!(
        page.contains("<html lang=\"de\"") && page.contains("Acme &lt;i&gt;"),
        "{page}"
    );
    let style = page.split('"').find(|part| part.contains(".css")).unwrap();
    let style = desk.server.get(&style.replace("&#x2f;", "/")).body;
    assert!(style.contains("#0b5fff"), "{style}");
    let page = admin.get(&desk.server, LOOK).body;
    assert!(field(&page, "accent").contains("value=\"#0b5fff\""));
    saved(&desk, &mut admin, LOOK, &[("name", " ")]);
    let page = sign_in_page(&desk);
    assert!(!page.contains("Acme"));
}

// AD-02
#[test]
fn who_only_looks_and_who_is_elsewhere_change_no_setting() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "owner");
    for name in ["acme-read_only", "acme-support", "other-owner"] {
        let mut person = Person::operator(&desk.server, name);
        for path in [PROJECT, SCOPES, LOOK] {
            let page = person.get(&desk.server, path);
            let expected = if name == "other-owner" { 404 } else { 200 };
            assert_eq!(page.status, expected, "{name} {path}");
            assert!(!page.body.contains("name=\"do\"") && !page.body.contains("id=\"save"));
        }
    }
    // What they see holds no sealed form, so that they take one from a page of theirs which has one.
    let mut support = Person::operator(&desk.server, "acme-support");
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let (user, _) = super::users::add(&desk, &mut admin, "ann");
    let sealed = hidden(&support.get(&desk.server, &user).body, "form");
    for (path, what) in [
        (PROJECT, "save"),
        (PROJECT, "raw"),
        (PROJECT, "disable"),
        (SCOPES, "scope"),
        (LOOK, ""),
    ] {
        let form = [
            ("form", sealed.as_str()),
            ("do", what),
            ("settings", "{}"),
            ("name", "evil"),
            ("description", "evil"),
        ];
        let answer = support.post(&desk.server, path, &form);
        assert_eq!(
            (answer.status, error(&answer.body)),
            (403, Some("forbidden")),
            "{path} {what}"
        );
    }
    // The configuration's own project is changed in its file alone.
    for page in ["project", "scopes", "appearance"] {
        let path = format!("/dashboard/p/default/{page}");
        let shown = owner.get(&desk.server, &path).body;
        assert!(shown.contains("id=\"is-configured\""), "{page}");
        assert!(!shown.contains("name=\"do\""), "{page}");
    }
    let sealed = hidden(
        &owner.get(&desk.server, "/dashboard/new?type=oidc").body,
        "form",
    );
    let form = [
        ("form", sealed.as_str()),
        ("do", "save"),
        ("lifetimes.code", "30s"),
    ];
    let answer = owner.post(&desk.server, "/dashboard/p/default/project", &form);
    assert_eq!(answer.status, 409);
}
