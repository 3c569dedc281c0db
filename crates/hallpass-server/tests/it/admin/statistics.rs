//! Numbers.

use serde_json::{Value, json};

use super::{Office, kind};

// L41, S52
#[test]
fn l41_what_happens_is_counted_by_day_and_by_project() {
    let office = Office::open();
    office.project("acme");
    let metadata = json!({
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_post",
    });
    let made = office.post(
        "/projects/acme/clients",
        &json!({"client_id": "shop", "metadata": metadata}),
    );
    let secret = made["client_secret"].as_str().unwrap();
    let form = format!("grant_type=client_credentials&client_id=shop&client_secret={secret}");
    let head = "content-type: application/x-www-form-urlencoded\r\n";
    for _ in 0..3 {
        assert_eq!(office.server.post("/p/acme/token", head, &form).status, 200);
    }
    let shown = office.get("/projects/acme/statistics?days=7");
    assert_eq!(shown["total"], json!({"tokens.client_credentials": 3}));
    let days = shown["days"].as_array().unwrap();
    assert_eq!(days.len(), 7);
    // The last day is today, or the day before when it ended in between.
    let counted: u64 = days
        .iter()
        .filter_map(|d| d["counts"]["tokens.client_credentials"].as_u64())
        .sum();
    assert_eq!(counted, 3);
    assert_eq!(shown["active_this_month"], 0);
    // Other settings load the project anew; what it had counted is still there.
    for _ in 0..2 {
        assert_eq!(office.server.post("/p/acme/token", head, &form).status, 200);
    }
    let settings = json!({"settings": {"lifetimes": {"code": "45s"}}});
    office.change("PATCH", "/projects/acme", &settings);
    let since = std::time::Instant::now();
    loop {
        let shown = office.get("/projects/acme/statistics?days=7");
        if shown["total"] == json!({"tokens.client_credentials": 5}) {
            break;
        }
        assert!(
            since.elapsed() < std::time::Duration::from_secs(10),
            "{shown}"
        );
    }
    let home = office.get("/projects/default/statistics?days=1");
    assert!(home["total"].get("sign_in.success").is_none());
    for wrong in ["0", "801", "x"] {
        let path = format!("/projects/acme/statistics?days={wrong}");
        let answer = office.ask(&office.owner, "GET", &path, &Value::Null);
        assert_eq!(
            (answer.status, kind(&answer)),
            (400, "invalid_parameter".to_owned())
        );
    }
}
