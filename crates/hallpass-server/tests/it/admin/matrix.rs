//! Every operation, every role, in the own project and in another one.

use hallpass_admin::{Place, v1::OPERATIONS};
use hallpass_core::admin::Role;
use serde_json::{Value, json};

use super::{Office, kind};

/// Something that no operation takes: whoever may is told that, and nothing happens.
fn try_it(office: &Office, token: &str, method: &str, path: &str) -> (u16, String) {
    let body = matches!(method, "POST" | "PUT" | "PATCH");
    let answer = if body {
        office.ask(token, method, path, &json!({"no such member": 1}))
    } else {
        let path = format!("{path}?no-such-parameter=1");
        office.ask(token, method, &path, &Value::Null)
    };
    let kind = kind(&answer);
    (answer.status, kind)
}

fn placed(path: &str, project: &str) -> String {
    let path = path.replace("{project}", project);
    let parts = path.split('/').map(|part| {
        if part.starts_with('{') {
            "some-thing"
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

// AD-02, AD-04
#[test]
fn every_operation_is_for_the_roles_that_it_names_and_for_their_project_alone() {
    let office = Office::open();
    office.project("acme");
    office.project("other");
    for role in Role::ALL {
        let name = role.as_str();
        let token = office.operator(&format!("in-acme-{name}"), "acme", name);
        for operation in OPERATIONS {
            let info = operation.info;
            let method = info.method.as_str();
            let own = try_it(&office, &token, method, &placed(info.path, "acme"));
            let may = match info.place {
                Place::Anybody => true,
                Place::Platform => false,
                Place::Record | Place::Settings | Place::Project => role.may(info.needs),
            };
            let said = format!("{} as {name}: {own:?}", info.id);
            if may {
                assert_eq!(own.0, 400, "{said}");
            } else {
                assert_eq!(own, (403, "forbidden".to_owned()), "{said}");
            }
            if matches!(info.place, Place::Record | Place::Settings | Place::Project) {
                for foreign in ["other", "default", "no-such-project", "*"] {
                    let path = placed(info.path, foreign);
                    let there = try_it(&office, &token, method, &path);
                    let nothing = (404, "not_found".to_owned());
                    assert_eq!(there, nothing, "{} in {foreign} as {name}", info.id);
                }
            }
        }
        let list = office.ask(&token, "GET", "/projects", &Value::Null).json();
        let names: Vec<&str> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|project| project["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["acme"], "{name} sees no other project");
    }
}

// AD-02
#[test]
fn a_role_for_all_projects_is_good_in_each_and_for_what_is_about_all() {
    let office = Office::open();
    office.project("acme");
    for role in Role::ALL {
        let name = role.as_str();
        let token = office.operator(&format!("everywhere-{name}"), "*", name);
        for operation in OPERATIONS {
            let info = operation.info;
            let path = placed(info.path, "acme");
            let found = try_it(&office, &token, info.method.as_str(), &path);
            let may = info.place == Place::Anybody || role.may(info.needs);
            let expected = if may { 400 } else { 403 };
            assert_eq!(found.0, expected, "{} as {name}: {found:?}", info.id);
        }
    }
}

// AD-02
#[test]
fn a_token_that_only_looks_changes_nothing_in_the_hands_of_an_owner() {
    let office = Office::open();
    office.project("acme");
    let made = office.command(&["client", "show", "robot"]);
    assert!(made.get("client_secret").is_none());
    let rotated = office.post("/projects/default/clients/robot/secret", &json!({}));
    let secret = rotated["client_secret"].as_str().unwrap();
    let looks = office.token("robot", secret, "hallpass:admin:read");
    for operation in OPERATIONS {
        let info = operation.info;
        let path = placed(info.path, "acme");
        let found = try_it(&office, &looks, info.method.as_str(), &path);
        let expected = if info.needs.only_looks() { 400 } else { 403 };
        assert_eq!(found.0, expected, "{}: {found:?}", info.id);
        if expected == 403 {
            assert_eq!(found.1, "scope_missing");
        }
    }
}

// AD-05
#[test]
fn an_administrator_of_the_home_project_does_not_become_an_owner() {
    let office = Office::open();
    let token = office.operator("admin", "default", "administrator");
    let forbidden = |method: &str, path: &str, body: &Value| {
        let answer = office.ask(&token, method, path, body);
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
    };
    // Neither by a client that administers, new or old, nor by its own role.
    let admin = json!({"client_id": "more", "metadata": {
        "grant_types": ["client_credentials"], "scope": "hallpass:admin",
    }});
    forbidden("POST", "/projects/default/clients", &admin);
    forbidden("POST", "/projects/default/clients/robot/secret", &json!({}));
    let redirect = json!({"metadata": {"client_name": "evil"}});
    forbidden("PATCH", "/projects/default/clients/robot", &redirect);
    forbidden("DELETE", "/projects/default/clients/robot", &Value::Null);
    forbidden(
        "PUT",
        "/operators/client:admin",
        &json!({"roles": {"*": "owner"}}),
    );
    let own = json!({"role": "owner"});
    forbidden("PUT", "/projects/default/operators/client:admin", &own);
    // What is no part of administration is theirs.
    let plain =
        json!({"client_id": "app", "metadata": {"redirect_uris": ["https://app.example/cb"]}});
    let made = office.ask(&token, "POST", "/projects/default/clients", &plain);
    assert_eq!(made.status, 201, "{}", made.body);
    let scope = json!({"metadata": {"scope": "openid hallpass:admin"}});
    forbidden("PATCH", "/projects/default/clients/app", &scope);
}
