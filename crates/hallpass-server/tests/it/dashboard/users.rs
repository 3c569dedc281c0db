//! People by the pages.

use super::{
    Desk, error,
    person::{PASSWORD, Person, hidden, location},
};

const NEW: &str = "/dashboard/p/acme/users/new";

/// Makes somebody: the path of their page, and the password that was shown.
pub(super) fn add(desk: &Desk, person: &mut Person, username: &str) -> (String, String) {
    let form = [
        ("username", username),
        ("claim.name", "Ada <b>"),
        ("password", "generate"),
    ];
    let made = person.send_form(&desk.server, NEW, NEW, &form);
    assert_eq!(made.status, 200, "{}", made.body);
    let after = |mark: &str| made.body.split_once(mark).unwrap().1.to_owned();
    let password = after("id=\"made-password\">")
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    let path = after("id=\"go-on\" href=\"")
        .split('"')
        .next()
        .unwrap()
        .replace("&#x2f;", "/");
    (path, password)
}

#[test]
fn somebody_is_made_found_changed_disabled_and_deleted() {
    let desk = Desk::simple();
    let server = &desk.server;
    let mut admin = Person::operator(server, "acme-administrator");
    let (path, password) = add(&desk, &mut admin, "ada@example.org");
    let page = admin.get(server, &path).body;
    assert!(
        !page.contains(&password) && page.contains("must be changed") && !page.contains("Ada <b>")
    );
    let found = admin.get(server, "/dashboard/p/acme/users?q=ada@ex").body;
    assert!(found.contains("ada@example.org"), "{found}");
    let revision = |person: &mut Person| hidden(&person.get(server, &path).body, "revision");
    for (what, form) in [
        (
            "saved",
            &[
                ("do", "profile"),
                ("username", "ada"),
                ("claim.name", "Ada L."),
            ][..],
        ),
        ("disabled", &[("do", "disable")]),
        ("enabled", &[("do", "enable")]),
        ("sessions_ended", &[("do", "end_sessions")]),
    ] {
        let now = revision(&mut admin);
        let form = [&[("revision", now.as_str())], form].concat();
        let done = admin.send_form(server, &path, &path, &form);
        assert_eq!(done.status, 303, "{what}: {}", done.body);
        assert!(
            location(server, &done).ends_with(&format!("?done={what}")),
            "{what}"
        );
    }
    assert!(admin.get(server, &path).body.contains("Ada L."));
    // Somebody else has seen something older.
    let old = admin.send_form(
        server,
        &path,
        &path,
        &[("do", "disable"), ("revision", "0")],
    );
    assert_eq!(old.status, 412);
    let now = revision(&mut admin);
    let without = admin.send_form(
        server,
        &path,
        &path,
        &[("do", "delete"), ("revision", now.as_str())],
    );
    assert_eq!(without.status, 400);
    let gone = admin.send_form(
        server,
        &path,
        &path,
        &[
            ("do", "delete"),
            ("confirm", "yes"),
            ("revision", now.as_str()),
        ],
    );
    assert_eq!(gone.status, 303, "{}", gone.body);
    assert_eq!(error(&admin.get(server, &path).body), Some("not_found"));
}

// AD-02
#[test]
fn who_helps_people_neither_makes_nor_deletes_them_and_sees_no_password() {
    let desk = Desk::simple();
    let server = &desk.server;
    let mut admin = Person::operator(server, "acme-administrator");
    let (path, _) = add(&desk, &mut admin, "ada");
    let mut support = Person::operator(server, "acme-support");
    let page = support.get(server, &path).body;
    assert!(
        page.contains("id=\"disable\"")
            && !page.contains("id=\"delete-button\"")
            && !page.contains("id=\"new-password\"")
    );
    let revision = hidden(&page, "revision");
    for form in [
        &[("do", "delete"), ("confirm", "yes")][..],
        &[("do", "password")],
        &[("do", "profile"), ("username", "evil")],
    ] {
        let form = [&[("revision", revision.as_str())], form].concat();
        let answer = support.send_form(server, &path, &path, &form);
        assert_eq!(
            (answer.status, error(&answer.body)),
            (403, Some("forbidden")),
            "{form:?}"
        );
    }
    let done = support.send_form(
        server,
        &path,
        &path,
        &[("do", "disable"), ("revision", revision.as_str())],
    );
    assert_eq!(done.status, 303);
    let mut reader = Person::operator(server, "acme-read_only");
    let form = hidden(
        &reader.get(server, "/dashboard/p/acme/users").body.replace(
            "</main>",
            "<input type=\"hidden\" name=\"form\" value=\"x\">",
        ),
        "form",
    );
    let answer = reader.post(server, &path, &[("form", form.as_str()), ("do", "enable")]);
    assert!(answer.status >= 400, "{}", answer.status);
}

#[test]
fn roles_groups_and_operators_are_set_by_those_who_may() {
    let desk = Desk::open("dashboard.strong_sign_in = false\naccess.enabled = true");
    let server = &desk.server;
    let mut owner = Person::operator(server, "acme-owner");
    let roles = "/dashboard/p/acme/roles";
    let revision = hidden(&owner.get(server, roles).body, "revision");
    let form = [
        ("do", "role"),
        ("revision", revision.as_str()),
        ("name", "editor"),
        ("permissions", "articles:write\narticles:read"),
    ];
    assert_eq!(owner.send_form(server, roles, roles, &form).status, 303);
    assert!(
        owner
            .get(server, roles)
            .body
            .contains("data-role=\"editor\"")
    );
    let (path, _) = add(&desk, &mut owner, "ada");
    let page = owner.get(server, &path).body;
    let form = [
        ("do", "roles"),
        ("revision", &hidden(&page, "revision")),
        ("role.editor", "yes"),
    ];
    let done = owner.send_form(server, &path, &path, &form);
    assert_eq!(done.status, 303, "{}", done.body);
    let page = owner.get(server, &path).body;
    assert!(
        page.contains("name=\"role.editor\" value=\"yes\" checked"),
        "{page}"
    );
    // An owner of the project says who else may; an administrator does not.
    let operators = "/dashboard/p/acme/operators";
    let form = [("do", "set"), ("username", "nobody"), ("role", "support")];
    assert_eq!(
        owner.send_form(server, operators, operators, &form).status,
        303
    );
    let listed = owner.get(server, operators).body;
    assert!(listed.contains("nobody"));
    let unknown = [
        ("do", "set"),
        ("username", "no-such-person"),
        ("role", "owner"),
    ];
    assert_eq!(
        owner
            .send_form(server, operators, operators, &unknown)
            .status,
        422
    );
    let mut helper = Person::operator(server, "nobody");
    assert_eq!(helper.get(server, "/dashboard/p/acme/users").status, 200);
    assert_eq!(helper.get(server, "/dashboard/p/other/users").status, 404);
    assert!(!PASSWORD.is_empty());
}

// AD-21
#[test]
fn keys_are_rotated_with_a_warning_and_retired_with_a_box() {
    let desk = Desk::simple();
    let server = &desk.server;
    let mut owner = Person::operator(server, "acme-owner");
    let keys = "/dashboard/p/acme/keys";
    let page = owner.get(server, keys).body;
    assert!(page.contains("data-phase=\"active\""), "{page}");
    let early = owner.send_form(server, keys, keys, &[("do", "rotate")]);
    assert_eq!(
        location(server, &early),
        "/dashboard/p/acme/keys?done=waiting"
    );
    let forced = owner.send_form(server, keys, keys, &[("do", "rotate"), ("now", "yes")]);
    assert_eq!(
        location(server, &forced),
        "/dashboard/p/acme/keys?done=rotated"
    );
    let page = owner.get(server, keys).body;
    assert!(page.contains("data-phase=\"retiring\""), "{page}");
    let kid = page
        .split_once("data-kid=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let without = owner.send_form(
        server,
        keys,
        keys,
        &[("do", "retire"), ("kid", kid.as_str())],
    );
    assert_eq!(without.status, 400);
    // Nothing private is on the page.
    for word in ["PRIVATE", "\"d\"", "&quot;d&quot;"] {
        assert!(!page.contains(word), "{word}");
    }
}
