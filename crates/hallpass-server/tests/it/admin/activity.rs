//! What happened with accounts, for operators.

use serde_json::{Value, json};

use super::Office;

#[test]
fn s52_what_happened_is_searched_and_counted_for_a_project() {
    let office = Office::open();
    office.project("acme");
    for name in ["ann", "bob"] {
        let user = json!({"username": name, "password": "a password for now"});
        office.post("/projects/acme/users", &user);
        // What an operator demands of a person is part of their history.
        let demand = [
            "--issuer",
            "acme",
            "user",
            "set-password",
            name,
            "--generate",
            "--must-change",
        ];
        office.command(&demand);
    }
    let all = office.get("/projects/acme/activity");
    let items = all["items"].as_array().unwrap();
    assert!(items.len() >= 2, "{all}");
    let counted = office.get("/projects/acme/activity/count");
    assert_eq!(counted["total"], items.len());
    assert_eq!(counted["complete"], true);
    let sum: u64 = counted["by_what"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(sum, items.len() as u64);
    let one = items[0]["user"].as_str().unwrap();
    let theirs = office.get(&format!("/projects/acme/activity?user={one}"));
    assert!(
        theirs["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|event| event["user"] == one)
    );
    let what = items[0]["what"].as_str().unwrap();
    let same = office.get(&format!("/projects/acme/activity/count?what={what}"));
    assert_eq!(same["by_what"].as_object().unwrap().len(), 1);
    for nothing in [
        "user=nobody",
        "what=signed_on",
        "since=4000000000",
        "until=1",
        "client_id=x",
        "address=192.0.2.1",
    ] {
        assert_eq!(
            office.get(&format!("/projects/acme/activity?{nothing}"))["items"],
            json!([]),
            "{nothing}"
        );
        assert_eq!(
            office.get(&format!("/projects/acme/activity/count?{nothing}"))["total"],
            0,
            "{nothing}"
        );
    }
    let mut seen = 0;
    let mut cursor = String::new();
    for _ in 0..50 {
        let page = office.get(&format!("/projects/acme/activity?limit=1{cursor}"));
        seen += page["items"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, items.len());
    assert_eq!(office.get("/projects/default/activity")["items"], json!([]));
    let support = office.operator("support", "default", "support");
    let other = office.ask(&support, "GET", "/projects/acme/activity", &Value::Null);
    assert_eq!(other.status, 404);
}
