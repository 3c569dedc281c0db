//! Signing keys.

use serde_json::{Value, json};

use super::{Office, kind};

// S34, S35, S36
#[test]
fn s35_keys_are_rotated_and_the_old_one_stays_published() {
    let office = Office::open();
    office.project("acme");
    let keys = |phase: &str| {
        let all = office.get("/projects/acme/keys");
        let items = all["items"].as_array().unwrap().clone();
        let of = items
            .into_iter()
            .filter(|key| key["phase"] == phase && key["alg"] == "ES256");
        of.map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let active = keys("active");
    assert_eq!(active.len(), 1);
    let es256 = json!({"alg": "ES256"});
    let early = office.post("/projects/acme/keys/rotate", &es256);
    assert_eq!(early["rotated"], json!([]));
    assert_eq!(keys("active"), active, "nothing changed");
    let now = json!({"alg": "ES256", "now": true});
    let forced = office.post("/projects/acme/keys/rotate", &now);
    assert_eq!(forced["rotated"], json!(["ES256"]));
    assert_ne!(keys("active"), active);
    assert_eq!(keys("retiring"), active);
    let jwks = office.server.get("/p/acme/jwks");
    assert!(jwks.body.contains(&active[0]), "{}", jwks.body);
    assert!(
        jwks.json()["keys"]
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key.get("d").is_none())
    );
    let path = format!("/projects/acme/keys/{}", active[0]);
    office.change("DELETE", &path, &Value::Null);
    assert!(!office.server.get("/p/acme/jwks").body.contains(&active[0]));
    let again = office.ask(&office.owner, "DELETE", &path, &Value::Null);
    assert_eq!((again.status, kind(&again)), (404, "not_found".to_owned()));
    let wrong = office.ask(
        &office.owner,
        "POST",
        "/projects/acme/keys/rotate",
        &json!({"alg": "RS1"}),
    );
    assert_eq!((wrong.status, kind(&wrong)), (422, "unfit".to_owned()));
    let log = office.get("/projects/acme/audit?action=keys.");
    let actions: Vec<&Value> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["action"])
        .collect();
    assert_eq!(
        actions,
        ["keys.retire", "keys.rotate"],
        "what did nothing says nothing"
    );
}
