//! Projects.

use serde_json::{Value, json};

use super::{Office, kind};

// S10, L2, L44
#[test]
fn l44_a_project_answers_at_once_and_not_any_more_when_it_is_switched_off() {
    let office = Office::open();
    let made = office.post("/projects", &json!({"name": "acme"}));
    let issuer = format!("{}/p/acme", office.issuer());
    assert_eq!(made["issuer"], issuer);
    let metadata = office
        .server
        .get("/p/acme/.well-known/openid-configuration");
    assert_eq!(metadata.json()["issuer"], issuer, "at once");
    let off = office.post("/projects/acme/disable", &json!({}));
    assert_eq!(off["state"], "disabled");
    assert_eq!(office.server.get("/p/acme/jwks").status, 404);
    let inside = office.ask(&office.owner, "GET", "/projects/acme/clients", &Value::Null);
    assert_eq!(
        (inside.status, kind(&inside)),
        (409, "wrong_state".to_owned())
    );
    office.post("/projects/acme/enable", &json!({}));
    assert_eq!(office.server.get("/p/acme/jwks").status, 200);
    office.change("DELETE", "/projects/acme", &Value::Null);
    assert_eq!(office.server.get("/p/acme/jwks").status, 404);
    let again = office.ask(&office.owner, "POST", "/projects/acme/enable", &json!({}));
    assert_eq!(
        (again.status, kind(&again)),
        (409, "wrong_state".to_owned())
    );
}

#[test]
fn a_project_is_made_once_and_as_it_may_be() {
    let office = Office::open();
    office.project("acme");
    let refused = |body: Value| {
        let answer = office.ask(&office.owner, "POST", "/projects", &body);
        (answer.status, kind(&answer))
    };
    assert_eq!(refused(json!({"name": "acme"})), (409, "taken".to_owned()));
    let unfit = (422, "unfit".to_owned());
    for body in [
        json!({"name": "Acme"}),
        json!({"name": "default"}),
        json!({"name": "x", "issuer": "http://x.example"}),
        json!({"name": "x", "settings": {"server": {"issuer": "https://evil.example"}}}),
        json!({"name": "x", "settings": {"danger": {}}}),
        json!({"name": "x", "settings": {"lifetimes": {"code": 0}}}),
    ] {
        assert_eq!(refused(body.clone()), unfit, "{body}");
    }
    let invalid = (400, "invalid_body".to_owned());
    for body in [
        json!({}),
        json!({"name": 1}),
        json!({"name": "x", "more": 1}),
    ] {
        assert_eq!(refused(body.clone()), invalid, "{body}");
    }
    let home = office.ask(&office.owner, "DELETE", "/projects/default", &Value::Null);
    assert_eq!((home.status, kind(&home)), (409, "wrong_state".to_owned()));
}

#[test]
fn settings_are_changed_by_whoever_has_seen_them() {
    let office = Office::open();
    office.project("acme");
    let seen = office.get("/projects/acme");
    let tag = seen["revision"].as_str().unwrap();
    let settings = json!({"settings": {"lifetimes": {"access_token": 77}}});
    let head = format!("if-match: \"{tag}\"\r\n");
    let set =
        |head: &str| office.ask_with(&office.owner, "PATCH", "/projects/acme", head, &settings);
    let changed = set(&head);
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert!(changed.head.contains("etag: \""), "{}", changed.head);
    let late = set(&head);
    assert_eq!(
        (late.status, kind(&late)),
        (412, "precondition_failed".to_owned())
    );
    for malformed in [
        "if-match: 1\r\n",
        "if-match: W/\"1\"\r\n",
        "if-match: \"1\", \"2\"\r\n",
    ] {
        let answer = set(malformed);
        assert_eq!(
            (answer.status, kind(&answer)),
            (400, "invalid_header".to_owned())
        );
    }
    let metadata = json!({
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_post",
    });
    let client = office.post(
        "/projects/acme/clients",
        &json!({"client_id": "c", "metadata": metadata}),
    );
    let secret = client["client_secret"].as_str().unwrap();
    let form = format!("grant_type=client_credentials&client_id=c&client_secret={secret}");
    let head = "content-type: application/x-www-form-urlencoded\r\n";
    let token = office.server.post("/p/acme/token", head, &form).json();
    assert_eq!(token["expires_in"], 77, "the new settings hold");
}

#[test]
fn projects_are_listed_in_pages_and_found_by_their_names() {
    let office = Office::open();
    for name in ["a1", "a2", "b1", "b2", "b3"] {
        office.project(name);
    }
    let mut names = Vec::new();
    let mut path = "/projects?limit=2".to_owned();
    loop {
        let page = office.get(&path);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|p| p["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/projects?limit=2&cursor={next}");
    }
    assert_eq!(names, ["default", "a1", "a2", "b1", "b2", "b3"]);
    let found = office.get("/projects?q=B&limit=2");
    let names: Vec<&Value> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, ["b1", "b2"]);
    let next = found["next"].as_str().unwrap();
    let rest = office.get(&format!("/projects?q=B&limit=2&cursor={next}"));
    assert_eq!(rest["items"][0]["name"], "b3");
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    // Those whose names begin so come first, by the index, and then whoever has it elsewhere; each once.
    for name in ["shop", "shop-2", "a-shop", "z-shop-9"] {
        office.project(name);
    }
    for limit in 1..5 {
        let mut names = Vec::new();
        let mut path = format!("/projects?q=shop&limit={limit}");
        loop {
            let page = office.get(&path);
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit);
            names.extend(items.iter().map(|p| p["name"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else {
                break;
            };
            path = format!("/projects?q=shop&limit={limit}&cursor={next}");
        }
        assert_eq!(names, ["shop", "shop-2", "a-shop", "z-shop-9"], "{limit}");
    }
    // The address of all of them has the host, that of the home project too.
    let mut seen = 0;
    let (_, host) = office.issuer().split_once("//").unwrap();
    let mut path = format!("/projects?q={host}&limit=1");
    loop {
        let page = office.get(&path);
        seen += page["items"].as_array().unwrap().len();
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/projects?q={host}&limit=1&cursor={next}");
    }
    assert_eq!(seen, 10);
    for wrong in [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=*",
        "q=a&q=b",
        "sort=name",
    ] {
        let answer = office.ask(
            &office.owner,
            "GET",
            &format!("/projects?{wrong}"),
            &Value::Null,
        );
        assert_eq!(
            (answer.status, kind(&answer)),
            (400, "invalid_parameter".to_owned()),
            "{wrong}"
        );
    }
}

// AD-17, AD-22: what is written down is done, and what is not done is not written down
#[test]
fn of_many_who_make_or_change_a_project_at_once_one_does_and_one_line_says_so() {
    let office = Office::open();
    let all = |method: &str, path: &str, head: &str, body: &Value| {
        let ask = || office.ask_with(&office.owner, method, path, head, body);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
            let answers = threads.into_iter().map(|thread| thread.join().unwrap());
            answers.map(|answer| answer.status).collect::<Vec<_>>()
        })
    };
    let lines = |action: &str| {
        let log = office.get(&format!("/projects/default/audit?action={action}"));
        log["items"].as_array().unwrap().len()
    };
    let made = all("POST", "/projects", "", &json!({"name": "acme"}));
    assert_eq!(
        made.iter().filter(|status| **status == 201).count(),
        1,
        "{made:?}"
    );
    assert!(
        made.iter().all(|status| [201, 409].contains(status)),
        "{made:?}"
    );
    assert_eq!(lines("projects.create"), 1);
    let seen = "if-match: \"1\"\r\n";
    let changed = all("POST", "/projects/acme/disable", seen, &json!({}));
    assert_eq!(
        changed.iter().filter(|status| **status == 200).count(),
        1,
        "{changed:?}"
    );
    assert!(
        changed
            .iter()
            .all(|status| [200, 409, 412].contains(status)),
        "{changed:?}"
    );
    assert_eq!(lines("projects.disable"), 1);
    // The same request again and again: all are told the same, and it is done once.
    let again = all(
        "POST",
        "/projects",
        "idempotency-key: k1\r\n",
        &json!({"name": "other"}),
    );
    assert_eq!(again, [201; 6]);
    assert_eq!(lines("projects.create"), 2);
    assert_eq!(office.get("/projects/default/audit/verify")["intact"], true);
}
