//! Roles, groups and organizations, and what tokens can be good for.

use serde_json::{Value, json};

use super::{Office, kind};

const ACCESS: &str = "/projects/acme/access";

// S32, S33
#[test]
fn s32_roles_groups_and_organizations_are_kept_and_given() {
    let office = Office::with("access.enabled = true");
    office.project("acme");
    let role =
        json!({"description": "Sells", "permissions": ["order:read", "order:write", "order:read"]});
    let made = office.change("PUT", "/projects/acme/roles/seller", &role);
    assert_eq!(made["permissions"], json!(["order:read", "order:write"]));
    office.change(
        "PUT",
        "/projects/acme/groups/shop",
        &json!({"roles": ["seller"]}),
    );
    let lost = office.ask(
        &office.owner,
        "PUT",
        "/projects/acme/groups/x",
        &json!({"roles": ["boss"]}),
    );
    assert_eq!((lost.status, kind(&lost)), (422, "unfit".to_owned()));
    office.change(
        "PUT",
        "/projects/acme/organizations/o1",
        &json!({"title": "Company One"}),
    );
    let shown = office.get(ACCESS);
    assert_eq!(
        shown["organizations"],
        json!([{"name": "o1", "title": "Company One", "disabled": false}])
    );
    assert_eq!(shown["groups"][0]["roles"], json!(["seller"]));
    let ann = office.post("/projects/acme/users", &json!({"username": "ann"}));
    let path = format!("/projects/acme/users/{}", ann["subject"].as_str().unwrap());
    let memberships = json!({"memberships": [
        {"groups": ["shop"]},
        {"organization": "o1", "roles": ["seller"], "denied": ["order:write"]},
    ]});
    let changed = office.change("PATCH", &path, &memberships);
    assert_eq!(changed["memberships"][1]["organization"], "o1");
    office.change("DELETE", "/projects/acme/roles/seller", &Value::Null);
    let gone = office.ask(
        &office.owner,
        "DELETE",
        "/projects/acme/roles/seller",
        &Value::Null,
    );
    assert_eq!((gone.status, kind(&gone)), (404, "not_found".to_owned()));
    // Whoever looked at an older list changes nothing.
    let head = "if-match: \"1\"\r\n";
    let late = office.ask_with(
        &office.owner,
        "PUT",
        "/projects/acme/roles/r",
        head,
        &json!({}),
    );
    assert_eq!(
        (late.status, kind(&late)),
        (412, "precondition_failed".to_owned())
    );
    let name = office.ask(
        &office.owner,
        "PUT",
        "/projects/acme/roles/a%20b",
        &json!({}),
    );
    assert_eq!((name.status, kind(&name)), (422, "unfit".to_owned()));
}

#[test]
fn scopes_and_resources_are_shown_with_what_they_release() {
    let office = Office::with("[protocol.scopes]\n'api:read' = 'Read everything'\n");
    office.project("acme");
    let shown = office.get("/projects/acme/scopes");
    let scopes = shown["scopes"].as_array().unwrap();
    let of = |name: &str| scopes.iter().find(|scope| scope["name"] == name);
    assert_eq!(of("api:read").unwrap()["description"], "Read everything");
    assert_eq!(
        of("email").unwrap()["claims"],
        json!(["email", "email_verified"])
    );
    // Administration is about the home project.
    assert!(of("hallpass:admin").is_none());
    let home = office.get("/projects/default/scopes");
    assert_eq!(home["resources"][0]["format"], "sealed");
}
