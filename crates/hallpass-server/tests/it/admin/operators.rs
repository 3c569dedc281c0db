//! Who may administer.

use serde_json::{Value, json};

use super::{Office, kind};

// AD-19
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

/// Identifiers of all who may anything.
fn operators(office: &Office) -> Vec<String> {
    let all = office.get("/operators");
    let all = all["items"].as_array().unwrap().iter();
    all.map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

// AD-16, AD-23
#[test]
fn a_role_goes_with_the_client_or_the_person_who_has_it() {
    let office = Office::open();
    office.project("acme");
    let token = office.operator("helper", "acme", "owner");
    let path = "/projects/acme/clients";
    assert_eq!(office.ask(&token, "GET", path, &Value::Null).status, 200);
    office.change("DELETE", "/projects/default/clients/helper", &Value::Null);
    assert_eq!(operators(&office), ["client:robot"]);
    assert_eq!(office.ask(&token, "GET", path, &Value::Null).status, 401);
    // Whoever is called so from now on is somebody else.
    let metadata = json!({
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_post",
        "scope": "hallpass:admin hallpass:admin:read",
    });
    let heir = json!({"client_id": "helper", "metadata": metadata});
    let heir = office.post("/projects/default/clients", &heir);
    let secret = heir["client_secret"].as_str().unwrap();
    let token = office.token("helper", secret, "hallpass:admin");
    let refused = office.ask(&token, "GET", path, &Value::Null);
    assert!(matches!(refused.status, 403 | 404), "{}", refused.status);
    // The same by a command.
    office.command(&["operator", "set", "client:helper", "--project", "acme"]);
    assert_eq!(operators(&office), ["client:helper", "client:robot"]);
    office.command(&["client", "delete", "helper"]);
    assert_eq!(operators(&office), ["client:robot"]);

    let made = office.command(&["operator", "create", "boss@example.com"]);
    let id = made["id"].as_str().unwrap();
    assert_eq!(operators(&office), ["client:robot", id]);
    let subject = id.strip_prefix("user:").unwrap();
    // One of that name elsewhere is another one.
    office.post(
        "/projects/acme/users",
        &json!({"username": "boss@example.com"}),
    );
    let elsewhere = office.get("/projects/acme/users");
    let elsewhere = elsewhere["items"][0]["subject"].as_str().unwrap();
    office.change(
        "DELETE",
        &format!("/projects/acme/users/{elsewhere}"),
        &Value::Null,
    );
    assert_eq!(operators(&office), ["client:robot", id]);
    office.change(
        "DELETE",
        &format!("/projects/default/users/{subject}"),
        &Value::Null,
    );
    assert_eq!(operators(&office), ["client:robot"]);
    let log = office.get("/projects/default/audit?action=users.delete");
    assert_eq!(log["items"][0]["target_id"], subject);
    let set = json!({"roles": {"*": "owner"}});
    let gone = office.ask(&office.owner, "PUT", &format!("/operators/{id}"), &set);
    assert_eq!((gone.status, kind(&gone)), (404, "not_found".to_owned()));
}

// AD-19
#[test]
fn an_account_that_is_there_is_no_operator_because_somebody_wanted_to_make_one() {
    let office = Office::open();
    let made = office.post("/projects/default/users", &json!({"username": "ann"}));
    let config = ["--config", "hallpass.toml", "--json"];
    let create = ["operator", "create", "ann", "--generate"];
    let mut command = office.folder.hallpass(&[&config[..], &create].concat());
    let output = command
        .env("HALLPASS__SERVER__ISSUER", office.issuer())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("operator set"), "{said}");
    assert_eq!(operators(&office), ["client:robot"]);
    let id = format!("user:{}", made["subject"].as_str().unwrap());
    office.command(&["operator", "set", "name:ann"]);
    assert_eq!(operators(&office), ["client:robot", id.as_str()]);
    // Whoever is one already is no surprise.
    office.command(&["operator", "create", "ann"]);
}

// AD-16: nobody could say any more who may do what
#[test]
fn the_last_owner_of_all_projects_stays_one_also_when_two_take_it_from_each_other() {
    let office = Office::open();
    let nobody = json!({"roles": {}});
    let less = json!({"roles": {"*": "administrator"}});
    for (method, body) in [("DELETE", &Value::Null), ("PUT", &nobody), ("PUT", &less)] {
        let answer = office.ask(&office.owner, method, "/operators/client:robot", body);
        assert_eq!(
            (answer.status, kind(&answer)),
            (409, "wrong_state".to_owned()),
            "{method}"
        );
    }
    for round in 0..4 {
        let name = format!("second{round}");
        let second = office.operator(&name, "*", "owner");
        let of_second = format!("/operators/client:{name}");
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(|| office.ask(&office.owner, "DELETE", &of_second, &Value::Null));
            let two = office.ask(&second, "DELETE", "/operators/client:robot", &Value::Null);
            (one.join().unwrap().status, two.status)
        });
        assert!(one == 204 || two == 204, "{one} {two}");
        assert!(one != 204 || two != 204, "nobody is left: {one} {two}");
        if two == 204 {
            // The second one is the owner now, and gives it back.
            let set = json!({"roles": {"*": "owner"}});
            let given = office.ask(&second, "PUT", "/operators/client:robot", &set);
            assert_eq!(given.status, 200, "{}", given.body);
            office.change("DELETE", &of_second, &Value::Null);
        }
    }
}

// AD-16
#[test]
fn the_account_of_the_last_owner_of_all_projects_is_not_deleted() {
    let office = Office::open();
    let made = office.command(&["operator", "create", "boss@example.com"]);
    let id = made["id"].as_str().unwrap();
    let subject = id.strip_prefix("user:").unwrap();
    // Nobody but the boss is left.
    office.change("DELETE", "/operators/client:robot", &Value::Null);
    let arguments = [
        "--config",
        "hallpass.toml",
        "user",
        "delete",
        "boss@example.com",
        "--yes",
    ];
    let refused = office
        .folder
        .hallpass(&arguments)
        .env("HALLPASS__SERVER__ISSUER", office.issuer())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("last owner of all projects"), "{said}");
    let listed = office.command(&["operator", "list"]);
    assert_eq!(listed[0]["id"], id);
    assert_eq!(office.command(&["user", "list"])[0]["subject"], subject);
    // Beside another owner it is an account like others.
    office.command(&["operator", "create", "second@example.com"]);
    let deleted = office.command(&["user", "delete", "boss@example.com", "--yes"]);
    assert_eq!(deleted["deleted"], true);
    let arguments = [&arguments[..4], &["second@example.com", "--yes"]].concat();
    let late = office
        .folder
        .hallpass(&arguments)
        .env("HALLPASS__SERVER__ISSUER", office.issuer())
        .output()
        .unwrap();
    assert_eq!(
        late.status.code(),
        Some(1),
        "a role without an account is no owner"
    );
}

// AD-04, AD-22
#[test]
fn the_owner_of_a_project_sees_nothing_of_others_and_overwrites_nothing_unseen() {
    let office = Office::open();
    office.project("acme");
    office.project("other");
    let owner = office.operator("theirs", "acme", "owner");
    office.operator("a-stranger", "other", "support");
    office.operator("helper", "other", "support");
    office.operator("z-stranger", "other", "support");
    let path = "/projects/acme/operators/client:helper";
    let body = json!({"role": "read_only"});
    // What is answered to the same request once more is what was answered first.
    let head = "idempotency-key: one\r\n";
    let first = office.ask_with(&owner, "PUT", path, head, &body);
    let again = office.ask_with(&owner, "PUT", path, head, &body);
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.json(), again.json());
    assert!(!again.body.contains("other"), "{}", again.body);
    // Whoever has seen another one changes nothing.
    for (method, body) in [("PUT", &body), ("DELETE", &Value::Null)] {
        let late = office.ask_with(&owner, method, path, "if-match: \"77\"\r\n", body);
        assert_eq!(
            (late.status, kind(&late)),
            (412, "precondition_failed".to_owned()),
            "{method}"
        );
    }
    // No page of the list names who is of other projects.
    let mut shown = Vec::new();
    let mut path = "/projects/acme/operators?limit=1".to_owned();
    loop {
        let page = office.ask(&owner, "GET", &path, &Value::Null).json();
        let items = page["items"].as_array().unwrap().iter();
        shown.extend(items.map(|one| one["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        let named = hallpass_jose::base64url::decode(next).unwrap();
        let named = String::from_utf8(named).unwrap();
        assert!(shown.contains(&named), "{named}");
        path = format!("/projects/acme/operators?limit=1&cursor={next}");
    }
    assert_eq!(shown, ["client:helper", "client:theirs"]);
    let seen = first.json()["revision"].as_str().unwrap().to_owned();
    let head = format!("if-match: \"{seen}\"\r\n");
    let path = "/projects/acme/operators/client:helper";
    let gone = office.ask_with(&owner, "DELETE", path, &head, &Value::Null);
    assert_eq!(gone.status, 204, "{}", gone.body);
}
