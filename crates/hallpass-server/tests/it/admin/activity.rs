//! What happened with accounts, for operators.

use serde_json::{Value, json};

use super::Office;
use crate::dashboard::person::{Person, location};

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

/// A sign-in with a password, at the account page of a project: the browser.
fn signs_in(office: &Office, name: &str, password: &str) -> Person {
    let mut person = Person::default();
    let asked = person.get(&office.server, "/p/acme/account");
    let page = location(&office.server, &asked);
    let form = [("username", name), ("password", password)];
    let agent =
        "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n";
    let done = person.post_with(&office.server, &page, agent, &form);
    assert_eq!(done.status, 303, "{}", done.body);
    assert_eq!(location(&office.server, &done), "/p/acme/account");
    person
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the server is another process, which goes by the clock of the machine"
)]
fn s52_sign_ins_and_sign_outs_are_listed_with_when_whence_and_in_what_and_people_are_counted_by_day_and_month()
 {
    let office = Office::open();
    office.project("acme");
    let began = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let password = "correct horse battery";
    let mut subjects = Vec::new();
    for name in ["ann", "bob"] {
        let user = json!({"username": name, "password": password, "must_change_password": false});
        let made = office.post("/projects/acme/users", &user);
        subjects.push(made["subject"].as_str().unwrap().to_owned());
    }
    // Ann signs in, again in another browser, and out there; Bob signs in.
    signs_in(&office, "ann", password);
    let mut again = signs_in(&office, "ann", password);
    let asked = again.get(&office.server, "/p/acme/logout");
    let page = location(&office.server, &asked);
    let shown = again.get(&office.server, &page).body;
    let hidden = shown.split("type=\"hidden\" name=\"").skip(1);
    let mut form: Vec<(&str, &str)> = hidden
        .filter_map(|field| field.split_once("\" value=\""))
        .map(|(name, rest)| (name, rest.split('"').next().unwrap()))
        .collect();
    form.push(("logout", "yes"));
    let action = shown
        .split("id=\"logout\" method=\"post\" action=\"")
        .nth(1);
    let action = action.unwrap().split('"').next().unwrap();
    let action = action.replace("&#x2f;", "/").replace("&#x3d;", "=");
    let out = again.post(&office.server, &action, &form);
    assert!(matches!(out.status, 200 | 303), "{}", out.body);
    signs_in(&office, "bob", password);

    let of = |query: &str| -> Vec<Value> {
        let found = office.get(&format!("/projects/acme/activity?{query}"));
        found["items"].as_array().unwrap().clone()
    };
    let all = of("what=signed_in");
    assert_eq!(all.len(), 3, "{all:?}");
    for one in &all {
        assert_eq!(one["address"], "127.0.0.1", "{one}");
        assert!(one["device"].as_str().unwrap().contains("Firefox"), "{one}");
        let at = one["at"].as_u64().unwrap();
        assert!((began..began + 600).contains(&at), "{one}");
    }
    let anns = format!("what=signed_in&user={}", subjects[0]);
    assert_eq!(of(&anns).len(), 2);
    assert_eq!(of("what=signed_out").len(), 1);
    assert_eq!(of("what=signed_in&address=127.0.0.1").len(), 3);
    assert_eq!(of("what=signed_in&address=192.0.2.1").len(), 0);
    assert_eq!(of(&format!("what=signed_in&until={began}")).len(), 0);
    assert_eq!(of(&format!("what=signed_in&since={began}")).len(), 3);
    let count = |query: &str| office.get(&format!("/projects/acme/activity/count?{query}"));
    assert_eq!(count(&anns)["total"], 2);
    assert_eq!(count("what=signed_in")["by_what"], json!({"signed_in": 3}));
    // Two people, however often they came.
    let shown = office.get("/projects/acme/statistics?days=2");
    assert_eq!(shown["active_this_month"], 2, "{shown}");
    let days = shown["days"].as_array().unwrap().iter();
    let active: u64 = days.filter_map(|day| day["active"].as_u64()).sum();
    assert_eq!(active, 2, "{shown}");
    assert_eq!(shown["total"]["sign_in.success"], 3, "{shown}");
}
