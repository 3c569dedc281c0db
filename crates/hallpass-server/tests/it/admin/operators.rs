//! Who may administer.

use serde_json::{Value, json};

use super::{Office, kind};

// AD-16
#[test]
fn the_first_operator_gets_a_link_to_choose_a_password_once() {
    let office = Office::open();
    let made = office.command(&["operator", "create", "boss@example.com"]);
    let link = made["link"].as_str().unwrap();
    assert!(
        link.starts_with(&format!("{}/link?token=", office.issuer())),
        "{link}"
    );
    assert_eq!(made["roles"], json!({"*": "owner"}));
    let path = link.strip_prefix(office.issuer()).unwrap();
    let page = office.server.get(path);
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("type=\"password\""), "{}", page.body);
    // There is no password that anybody could guess.
    let subject = made["id"].as_str().unwrap().strip_prefix("user:").unwrap();
    let user = office.get(&format!("/projects/default/users/{subject}"));
    assert_eq!(user["has_password"], false);
    // A second time makes no second account and shows no link.
    let again = office.command(&[
        "operator",
        "create",
        "boss@example.com",
        "--role",
        "support",
    ]);
    assert_eq!(again["id"], made["id"]);
    assert_eq!(again.get("link"), None);
    let listed = office.command(&["operator", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let id = made["id"].as_str().unwrap();
    office.command(&["operator", "remove", id]);
    assert_eq!(
        office
            .command(&["operator", "list"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

// AD-04
#[test]
fn the_owner_of_a_project_says_who_else_is_in_it_and_no_more() {
    let office = Office::open();
    office.project("acme");
    office.project("other");
    let owner = office.operator("theirs", "acme", "owner");
    office.operator("helper", "other", "support");
    let set = |path: &str, body: &Value| office.ask(&owner, "PUT", path, body);
    let given = set(
        "/projects/acme/operators/client:helper",
        &json!({"role": "read_only"}),
    );
    assert_eq!(given.status, 200, "{}", given.body);
    let view = given.json();
    assert_eq!(
        view["roles"],
        json!({"acme": "read_only"}),
        "nothing is told of other projects"
    );
    let all = office.get("/operators");
    let helper = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|o| o["id"] == "client:helper");
    assert_eq!(
        helper.unwrap()["roles"],
        json!({"acme": "read_only", "other": "support"})
    );
    let listed = office
        .ask(&owner, "GET", "/projects/acme/operators", &Value::Null)
        .json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let foreign = set(
        "/projects/other/operators/client:theirs",
        &json!({"role": "owner"}),
    );
    assert_eq!(
        (foreign.status, kind(&foreign)),
        (404, "not_found".to_owned())
    );
    let everywhere = set(
        "/operators/client:theirs",
        &json!({"roles": {"*": "owner"}}),
    );
    assert_eq!(
        (everywhere.status, kind(&everywhere)),
        (403, "forbidden".to_owned())
    );
    let gone = office.ask(
        &owner,
        "DELETE",
        "/projects/acme/operators/client:helper",
        &Value::Null,
    );
    assert_eq!(gone.status, 204, "{}", gone.body);
    let all = office.get("/operators");
    let helper = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|o| o["id"] == "client:helper");
    assert_eq!(helper.unwrap()["roles"], json!({"other": "support"}));
    for (path, status) in [
        ("/projects/acme/operators/client:nobody", 404),
        ("/projects/acme/operators/name:nobody", 404),
        ("/projects/acme/operators/nobody", 404),
    ] {
        assert_eq!(
            set(path, &json!({"role": "owner"})).status,
            status,
            "{path}"
        );
    }
    let bad = set(
        "/projects/acme/operators/client:helper",
        &json!({"role": "root"}),
    );
    assert_eq!((bad.status, kind(&bad)), (400, "invalid_body".to_owned()));
}
