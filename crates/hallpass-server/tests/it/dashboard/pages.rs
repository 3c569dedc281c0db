//! Every page, every role, in the own project and in another one.

use hallpass_admin::Place;
use hallpass_core::admin::Role;
use hallpass_dashboard::PAGES;

use super::{Desk, ROLES, error, person::Person};

/// A path of a page in a project. What is not there is named by `some-thing`.
fn placed(path: &str, project: &str) -> String {
    let path = path.replace("{project}", project);
    let parts = path.split('/').map(|part| {
        if part.starts_with('{') {
            "some-thing"
        } else {
            part
        }
    });
    format!("/dashboard{}", parts.collect::<Vec<_>>().join("/"))
}

// AD-02, AD-04
#[test]
fn every_page_is_for_the_roles_that_it_names_and_for_their_project_alone() {
    let desk = Desk::simple();
    for name in ROLES {
        let role = Role::parse(name).unwrap();
        let mut person = Person::operator(&desk.server, &format!("acme-{name}"));
        for page in PAGES {
            let own = person.get(&desk.server, &placed(page.path, "acme"));
            let may = match page.place {
                Place::Anybody => true,
                Place::Platform => false,
                Place::Record | Place::Settings | Place::Project => role.may(page.needs),
            };
            let said = format!(
                "{} as {name}: {} {:?}",
                page.id,
                own.status,
                error(&own.body)
            );
            // There is no logo, either.
            let names_something =
                page.id == "logo" || page.path.replace("{project}", "").contains('{');
            match (may, names_something) {
                (true, false) => assert_eq!(own.status, 200, "{said}"),
                (true, true) => assert_eq!(error(&own.body), Some("not_found"), "{said}"),
                (false, _) => assert_eq!(error(&own.body), Some("forbidden"), "{said}"),
            }
            if matches!(page.place, Place::Record | Place::Settings | Place::Project) {
                for foreign in ["other", "default", "no-such-project", "*", "%2A"] {
                    let there = person.get(&desk.server, &placed(page.path, foreign));
                    assert_eq!(
                        (there.status, error(&there.body)),
                        (404, Some("not_found")),
                        "{} in {foreign}",
                        page.id
                    );
                    assert!(!there.body.contains("data-nav"), "{} in {foreign}", page.id);
                }
            }
        }
        let projects = person.get(&desk.server, "/dashboard").body;
        assert!(projects.contains("data-project=\"acme\""), "{name}");
        assert!(
            !projects.contains("data-project=\"other\"")
                && !projects.contains("data-project=\"default\""),
            "{name}"
        );
    }
}

// AD-02
#[test]
fn no_form_does_more_than_the_role_of_whoever_sends_it() {
    let desk = Desk::simple();
    for name in ["read_only", "support"] {
        let mut person = Person::operator(&desk.server, &format!("acme-{name}"));
        for page in PAGES.iter().filter(|page| page.changes) {
            let role = Role::parse(name).unwrap();
            if page.place != Place::Platform && role.may(page.needs) {
                continue;
            }
            let form = [("name", "evil"), ("confirm", "yes")];
            let answer = person.post(&desk.server, &placed(page.path, "acme"), &form);
            assert_eq!(
                (answer.status, error(&answer.body)),
                (403, Some("forbidden")),
                "{} as {name}",
                page.id
            );
        }
    }
}

#[test]
fn every_page_says_what_it_may_load_and_is_not_kept_by_anybody() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "owner");
    for page in PAGES {
        let path = placed(page.path, "acme");
        let answer = owner.get(&desk.server, &path);
        let head = answer.head.to_lowercase();
        for part in [
            "cache-control: no-store",
            "x-frame-options: deny",
            "x-content-type-options: nosniff",
            "frame-ancestors 'none'",
            "script-src 'self'",
            "default-src 'none'",
            "form-action 'self'",
        ] {
            assert!(head.contains(part), "{path}: {part}\n{head}");
        }
        assert!(!head.contains("unsafe-"), "{path}");
        // Nothing stands inline, and the page was rendered to its end.
        assert!(
            !answer.body.contains("<style") && !answer.body.contains(" style="),
            "{path}"
        );
        assert!(
            answer.body.contains("</html>") && answer.body.contains("id=\"main\""),
            "{path}: {}",
            answer.body
        );
    }
}

// AD-09, AD-10, AD-11, AD-13
#[test]
fn whatever_stands_in_a_query_no_page_breaks_or_repeats_it_as_markup() {
    let desk = Desk::simple();
    let mut owner = Person::operator(&desk.server, "owner");
    let values = [
        "%25".repeat(1000),
        "%5B".repeat(1000),
        "(".repeat(1000),
        "%22%3E%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        "%27%20OR%201%3D1--".to_owned(),
        "%7B%7B7*7%7D%7D%24%7Benv.HOME%7D".to_owned(),
        "..%2f..%2fetc%2fpasswd%00".to_owned(),
        "-1".to_owned(),
        "99999999999999999999".to_owned(),
        "%FF%FE".to_owned(),
    ];
    let names = [
        "q", "cursor", "action", "actor", "target", "state", "days", "profile", "show", "done",
        "verify", "created", "type",
    ];
    for page in PAGES {
        let path = placed(page.path, "acme");
        for value in &values {
            for names in names.chunks(7) {
                let pairs: Vec<String> =
                    names.iter().map(|name| format!("{name}={value}")).collect();
                let answer = owner.get(&desk.server, &format!("{path}?{}", pairs.join("&")));
                let shown: String = value.chars().take(30).collect();
                assert!(
                    matches!(answer.status, 200 | 400 | 404 | 414 | 422 | 431),
                    "{path} {shown}: {}",
                    answer.status
                );
                let body = &answer.body;
                assert!(!body.contains("<script>alert"), "{path} {shown}");
                assert!(
                    !body.contains(">49<") && !body.contains("root:"),
                    "{path} {shown}"
                );
            }
        }
    }
    assert_eq!(owner.get(&desk.server, "/dashboard").status, 200);
}
