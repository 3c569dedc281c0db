//! People.

use serde_json::{Value, json};

use super::{Office, kind};

const USERS: &str = "/projects/acme/users";

fn office() -> Office {
    let office = Office::open();
    office.project("acme");
    office
}

fn names(page: &Value) -> String {
    let items = page["items"].as_array().unwrap();
    let names = items.iter().map(|user| user["username"].as_str().unwrap());
    names.collect::<Vec<_>>().join(" ")
}

// L40
#[test]
fn l40_people_are_made_found_changed_and_deleted() {
    let office = office();
    let made = office.post(
        USERS,
        &json!({
            "username": "Ann",
            "generate_password": true,
            "claims": {"email": "ann@example.com", "email_verified": true, "name": "Ann"},
        }),
    );
    let subject = made["subject"].as_str().unwrap();
    assert!(made["password"].as_str().unwrap().len() >= 20);
    assert_eq!(made["must_change_password"], true);
    let path = format!("{USERS}/{subject}");
    let shown = office.get(&path);
    assert_eq!(shown["username"], "Ann");
    assert_eq!(shown["has_password"], true);
    assert_eq!(shown["last_sign_in_at"], Value::Null);
    assert!(!shown.to_string().contains("$argon2"), "no hash comes out");
    for (query, found) in [
        ("q=AN", "Ann"),
        ("q=ann", "Ann"),
        ("q=annb", ""),
        ("email=ANN@example.com", "Ann"),
        ("email=bob@example.com", ""),
        ("disabled=true", ""),
        ("disabled=false", "Ann"),
    ] {
        assert_eq!(
            names(&office.get(&format!("{USERS}?{query}"))),
            found,
            "{query}"
        );
    }
    let credentials = office.get(&format!("{path}/credentials"));
    assert_eq!(credentials["items"][0]["kind"], "email");
    assert_eq!(credentials["items"][0]["detail"], "ann@example.com");
    let changed = office.change(
        "PATCH",
        &path,
        &json!({
            "username": "anna",
            "claims": {"name": null, "nickname": "A", "email": "anna@example.com", "email_verified": true},
        }),
    );
    assert_eq!(changed["claims"].get("name"), None);
    assert_eq!(changed["claims"]["nickname"], "A");
    assert_eq!(
        names(&office.get(&format!("{USERS}?email=anna@example.com"))),
        "anna"
    );
    assert_eq!(
        names(&office.get(&format!("{USERS}?email=ann@example.com"))),
        ""
    );
    let off = office.post(&format!("{path}/disable"), &json!({}));
    assert_eq!(off["disabled"], true);
    assert_eq!(
        names(&office.get(&format!("{USERS}?disabled=true"))),
        "anna"
    );
    office.post(&format!("{path}/enable"), &json!({}));
    let other = office.post(&format!("{path}/password"), &json!({}));
    assert!(other["password"].is_string());
    let given = json!({"password": "a long enough one", "must_change_password": false});
    let given = office.post(&format!("{path}/password"), &given);
    assert_eq!(given["password"], Value::Null);
    assert_eq!(given["must_change_password"], false);
    let must = office.post(&format!("{path}/must-change-password"), &json!({}));
    assert_eq!(must["must_change_password"], true);
    office.change("DELETE", &path, &Value::Null);
    let gone = office.ask(&office.owner, "GET", &path, &Value::Null);
    assert_eq!((gone.status, kind(&gone)), (404, "not_found".to_owned()));
    assert_eq!(names(&office.get(USERS)), "");
}

#[test]
fn s26_a_subject_outlives_a_name_and_is_never_given_again() {
    let office = office();
    let named = |name: &str| {
        let made = office.post(USERS, &json!({ "username": name }));
        made["subject"].as_str().unwrap().to_owned()
    };
    let bob = named("Bob");
    let path = format!("{USERS}/{bob}");
    let changed = office.change("PATCH", &path, &json!({"username": "robert"}));
    assert_eq!(
        (changed["subject"].as_str(), changed["username"].as_str()),
        (Some(bob.as_str()), Some("robert"))
    );
    // The old name is somebody else's now, and so is the new one when its owner is gone.
    let second = named("bob");
    office.change("DELETE", &path, &Value::Null);
    let third = named("robert");
    let mut all = vec![bob, second, third];
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 3, "{all:?}");
}

// L3
#[test]
fn l03_the_same_name_in_two_projects_is_two_people() {
    let office = office();
    office.project("other");
    let ann = json!({"username": "ann"});
    let one = office.post(USERS, &ann);
    let two = office.post("/projects/other/users", &ann);
    assert_ne!(one["subject"], two["subject"]);
    let foreign = format!("/projects/other/users/{}", one["subject"].as_str().unwrap());
    let answer = office.ask(&office.owner, "GET", &foreign, &Value::Null);
    assert_eq!(answer.status, 404);
    let answer = office.ask(&office.owner, "DELETE", &foreign, &Value::Null);
    assert_eq!(answer.status, 404);
    assert_eq!(names(&office.get(USERS)), "ann");
    // An application of the one is unknown at the other, and no key is the key of both.
    let client = json!({"client_id": "shop", "metadata": {
        "redirect_uris": ["https://shop.test/cb"], "token_endpoint_auth_method": "none",
    }});
    office.post("/projects/acme/clients", &client);
    let begins = |project: &str| {
        let query = "client_id=shop&response_type=code&scope=openid&redirect_uri=https://shop.test/cb\
            &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
        office
            .server
            .get(&format!("/p/{project}/authorize?{query}"))
    };
    assert_eq!((begins("acme").status, begins("other").status), (303, 400));
    let kids = |project: &str| -> std::collections::BTreeSet<String> {
        let set = office.server.get(&format!("/p/{project}/jwks")).json();
        let keys = set["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    };
    let (ours, theirs) = (kids("acme"), kids("other"));
    assert!(
        !ours.is_empty() && ours.is_disjoint(&theirs),
        "{ours:?} {theirs:?}"
    );
    // Nor are the cookies of the one those of the other.
    let begun = begins("acme");
    let cookies = begun
        .head
        .lines()
        .filter_map(|line| line.strip_prefix("set-cookie: "));
    let names: Vec<&str> = cookies
        .filter_map(|cookie| cookie.split('=').next())
        .collect();
    assert!(!names.is_empty(), "{}", begun.head);
    assert!(
        names.iter().all(|name| name.ends_with(".p.acme")),
        "{names:?}"
    );
}

#[test]
fn what_a_person_cannot_be_is_refused_with_the_member_that_is_wrong() {
    let office = office();
    office.post(
        USERS,
        &json!({"username": "ann", "claims": {"email": "a@x.example", "email_verified": true}}),
    );
    let bob = office.post(USERS, &json!({"username": "bob"}));
    let path = format!("{USERS}/{}", bob["subject"].as_str().unwrap());
    let refused = |method: &str, path: &str, body: &Value| {
        let answer = office.ask(&office.owner, method, path, body);
        let field = answer.json()["field"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        format!("{} {} {field}", answer.status, kind(&answer))
    };
    for (body, says) in [
        (json!({"username": "ANN"}), "409 taken "),
        (json!({"username": "a b"}), "422 unfit username"),
        (json!({"username": ""}), "422 unfit username"),
        (
            json!({"username": "x", "password": "short"}),
            "422 unfit password",
        ),
        (
            json!({"username": "x", "claims": {"sub": "y"}}),
            "422 unfit claims",
        ),
        (
            json!({"username": "x", "password": "long enough it is", "generate_password": true}),
            "422 unfit generate_password",
        ),
        (json!({"username": "x", "admin": true}), "400 invalid_body "),
        (json!({"username": 7}), "400 invalid_body "),
    ] {
        assert_eq!(refused("POST", USERS, &body), says, "{body}");
    }
    for (body, says) in [
        (json!({"username": "ann"}), "409 taken "),
        (
            json!({"claims": {"email": "a@x.example", "email_verified": true}}),
            "409 taken ",
        ),
        (json!({"claims": {"iss": "x"}}), "422 unfit claims"),
        (json!({"memberships": [{}, {}]}), "422 unfit memberships"),
        (
            json!({"memberships": [], "username": "y"}),
            "422 unfit memberships",
        ),
    ] {
        assert_eq!(refused("PATCH", &path, &body), says, "{body}");
    }
    let late = office.ask_with(
        &office.owner,
        "PATCH",
        &path,
        "if-match: \"99\"\r\n",
        &json!({"username": "c"}),
    );
    assert_eq!(
        (late.status, kind(&late)),
        (412, "precondition_failed".to_owned())
    );
}

#[test]
fn people_are_listed_in_pages_by_the_beginning_of_their_names() {
    let office = office();
    for name in ["ab", "ab1", "ab2", "ab3", "b"] {
        office.post(USERS, &json!({"username": name}));
    }
    let mut found = Vec::new();
    let mut path = format!("{USERS}?q=AB&limit=2");
    loop {
        let page = office.get(&path);
        found.push(names(&page));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("{USERS}?q=AB&limit=2&cursor={next}");
    }
    assert_eq!(found.join(" ").trim(), "ab ab1 ab2 ab3");
}

// AD-05
#[test]
fn an_account_of_an_operator_is_the_owners_to_change() {
    let office = Office::open();
    let made = office.post("/projects/default/users", &json!({"username": "boss"}));
    let subject = made["subject"].as_str().unwrap();
    office.change(
        "PUT",
        "/operators/name:Boss",
        &json!({"roles": {"*": "owner"}}),
    );
    let helper = office.operator("helper", "default", "administrator");
    let path = format!("/projects/default/users/{subject}");
    for (method, path) in [
        ("POST", format!("{path}/password")),
        ("POST", format!("{path}/disable")),
        ("DELETE", format!("{path}/sessions")),
        ("DELETE", path.clone()),
        ("PATCH", path.clone()),
    ] {
        let body = if method == "DELETE" {
            Value::Null
        } else {
            json!({})
        };
        let answer = office.ask(&helper, method, &path, &body);
        assert_eq!(
            (answer.status, kind(&answer)),
            (403, "forbidden".to_owned()),
            "{method} {path}"
        );
    }
    office.post(&format!("{path}/disable"), &json!({}));
}

// S29, S54
#[test]
fn s29_an_account_that_is_switched_off_is_over_for_clients_too() {
    let office = office();
    let ann = json!({"username": "ann", "password": "correct horse battery", "must_change_password": false});
    let ann = office.post(USERS, &ann);
    let path = format!("{USERS}/{}", ann["subject"].as_str().unwrap());
    let sessions = office.get(&format!("{path}/sessions"));
    assert_eq!(sessions["items"], json!([]));
    let before = office.get(&path)["revision"].clone();
    office.change("DELETE", &format!("{path}/sessions"), &Value::Null);
    // LG-17: whoever is on the way to a session has none, either: it is another epoch of the account.
    assert_ne!(office.get(&path)["revision"], before);
    let none = office.ask(
        &office.owner,
        "DELETE",
        &format!("{path}/sessions/nope"),
        &Value::Null,
    );
    assert_eq!((none.status, kind(&none)), (404, "not_found".to_owned()));
    let none = office.ask(
        &office.owner,
        "DELETE",
        &format!("{path}/credentials/nope"),
        &Value::Null,
    );
    assert_eq!((none.status, kind(&none)), (404, "not_found".to_owned()));
    // The person sees in their history what was done, and nothing of what was not.
    let happened = office.get(&format!("{path}/activity"));
    let what: Vec<&Value> = happened["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["what"])
        .collect();
    assert_eq!(what, ["signed_out_everywhere"]);
}

// LG-21, AD-05: an address that somebody typed was not proved, though the one before was
#[test]
fn what_was_proved_of_an_address_or_a_number_is_not_said_of_another_one() {
    //= test OIDC-CORE#5.1 email_verified and phone_number_verified are true of what was proved alone
    let office = office();
    let made = office.post(
        USERS,
        &json!({
            "username": "ann",
            "claims": {
                "email": "ann@example.com", "email_verified": true,
                "phone_number": "+491511234567", "phone_number_verified": true,
            },
        }),
    );
    let path = format!("{USERS}/{}", made["subject"].as_str().unwrap());
    let change = |claims: Value| office.change("PATCH", &path, &json!({"claims": claims}));
    let is_found = |address: &str| names(&office.get(&format!("{USERS}?email={address}")));
    let same = change(json!({"email": "Ann@Example.com", "nickname": "A"}));
    assert_eq!(same["claims"]["email_verified"], true);
    let other = change(json!({"email": "eve@example.com"}));
    assert_eq!(other["claims"]["email_verified"], false);
    assert_eq!(other["claims"]["phone_number_verified"], true);
    assert_eq!(is_found("eve@example.com"), "");
    assert_eq!(is_found("ann@example.com"), "");
    let credentials = office.get(&format!("{path}/credentials"));
    assert_eq!(credentials["items"], json!([]));
    let number = change(json!({"phone_number": "+491517654321"}));
    assert_eq!(number["claims"]["phone_number_verified"], false);
    // An operator who knows it says so.
    let said = change(json!({"email": "bob@example.com", "email_verified": true}));
    assert_eq!(said["claims"]["email_verified"], true);
    assert_eq!(is_found("bob@example.com"), "ann");
    let gone = change(json!({"email": null, "phone_number": null}));
    assert_eq!(gone["claims"].get("email_verified"), None);
    assert_eq!(gone["claims"].get("phone_number_verified"), None);
}
