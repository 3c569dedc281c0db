//! What is sent to break things: sizes, nesting, names, forged cursors, headers, and what nobody signed in may see.

use serde_json::{Value, json};

use super::{Office, kind};

// AD-10
#[test]
fn deep_and_large_bodies_and_patterns_are_refused_and_break_nothing() {
    let office = Office::open();
    office.project("acme");
    let clients = "/projects/acme/clients";
    let raw = |body: &str| {
        let head = format!(
            "POST /admin/v1{clients} HTTP/1.1\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n",
            office.owner
        );
        office.server.send(&head, body)
    };
    for depth in [200, 20_000] {
        let deep = format!(
            "{{\"metadata\":{}1{}}}",
            "{\"a\":".repeat(depth),
            "}".repeat(depth)
        );
        let answer = raw(&deep);
        assert!(
            [400, 413].contains(&answer.status),
            "{depth}: {}",
            answer.status
        );
        let deep = format!(
            "{{\"metadata\":{}{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        assert!([400, 413].contains(&raw(&deep).status));
    }
    let large = json!({"metadata": {"client_name": "x".repeat(2_000_000)}});
    assert_eq!(raw(&large.to_string()).status, 413);
    for body in [
        "",
        "null",
        "[]",
        "1",
        "\"x\"",
        "{",
        "{\"metadata\":{}}x",
        "{\"metadata\":{},\"metadata\":{}}",
    ] {
        let answer = raw(body);
        assert!(
            [400, 422].contains(&answer.status),
            "{body}: {} {}",
            answer.status,
            answer.body
        );
    }
    // Wildcards are letters like others.
    office.post("/projects/acme/users", &json!({"username": "ann"}));
    let many = "%25".repeat(2_000);
    for q in [
        many.as_str(),
        "_",
        "%2525",
        "(a%2B)%2B%24",
        "'%20OR%201%3D1--",
    ] {
        let found = office.ask(
            &office.owner,
            "GET",
            &format!("/projects/acme/users?q={q}"),
            &Value::Null,
        );
        assert!([200, 400].contains(&found.status), "{q}: {}", found.status);
        if found.status == 200 {
            assert_eq!(found.json()["items"], json!([]), "{q}");
        }
    }
    assert_eq!(
        office.get("/projects/acme/users?q=ann")["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

// AD-09, AD-11
#[test]
fn numbers_and_cursors_that_nobody_gave_out_are_refused() {
    let office = Office::open();
    office.project("acme");
    office.project("other");
    let lists = [
        "/projects",
        "/operators",
        "/audit",
        "/projects/acme/clients",
        "/projects/acme/users",
        "/projects/acme/audit",
        "/projects/acme/activity",
    ];
    for list in lists {
        for limit in [
            "0",
            "-1",
            "201",
            "1000000000",
            "9223372036854775808",
            "99999999999999999999",
            "abc",
            "1.5",
            "",
            "%00",
        ] {
            let answer = office.ask(
                &office.owner,
                "GET",
                &format!("{list}?limit={limit}"),
                &Value::Null,
            );
            let refused = (400, "invalid_parameter".to_owned());
            assert_eq!((answer.status, kind(&answer)), refused, "{list} {limit}");
        }
        for cursor in ["*", "a%20b", "AA", "%27--", "_____w"] {
            let answer = office.ask(
                &office.owner,
                "GET",
                &format!("{list}?cursor={cursor}"),
                &Value::Null,
            );
            assert!(
                [200, 400].contains(&answer.status),
                "{list} {cursor}: {}",
                answer.body
            );
        }
        let twice = office.ask(
            &office.owner,
            "GET",
            &format!("{list}?limit=1&limit=2"),
            &Value::Null,
        );
        assert_eq!(twice.status, 400, "{list}");
    }
    // A cursor is a place in an order, and opens nothing: another project's leads to one's own things.
    for name in ["a", "b", "c"] {
        office.post("/projects/other/users", &json!({"username": name}));
    }
    let page = office.get("/projects/other/users?limit=1");
    let cursor = page["next"].as_str().unwrap();
    let mine = office.get(&format!("/projects/acme/users?cursor={cursor}"));
    assert_eq!(mine["items"], json!([]));
    for days in ["0", "801", "4294967296"] {
        let path = format!("/projects/acme/statistics?days={days}");
        assert_eq!(
            office.ask(&office.owner, "GET", &path, &Value::Null).status,
            400
        );
    }
}

// AD-17
#[test]
fn each_write_leaves_one_line_and_a_refused_one_another_whatever_it_is_called() {
    let office = Office::open();
    office.project("acme");
    let looks = office.operator("looks", "acme", "read_only");
    let lines = || {
        office.get("/projects/acme/audit")["items"]
            .as_array()
            .unwrap()
            .len()
    };
    let users = "/projects/acme/users";
    let refused = office.ask(&looks, "POST", users, &json!({"username": "eve"}));
    assert_eq!((refused.status, lines()), (403, 1));
    let line = office.get("/projects/acme/audit")["items"][0].clone();
    assert_eq!(line["action"], "refused");
    assert_eq!(line["actor"], "looks");
    assert_eq!(
        line["details"],
        json!({"operation": "users.create", "reason": "forbidden"})
    );
    // Nothing that was sent is in it, and to look is to change nothing.
    assert!(!line.to_string().contains("eve"), "{line}");
    office.ask(&looks, "GET", "/projects/acme/operators", &Value::Null);
    office.ask(&looks, "GET", "/projects/acme/nothing", &Value::Null);
    assert_eq!(lines(), 1);
    // Where they have no role it is the operators of all who read of it.
    let foreign = office.ask(&looks, "POST", "/projects", &json!({"name": "evil"}));
    assert_eq!(foreign.status, 403);
    let home = office.get("/projects/default/audit?action=refused");
    assert_eq!(home["items"].as_array().unwrap().len(), 1, "{home}");
    assert_eq!(home["items"][0]["details"]["operation"], "projects.create");
    // Nobody fills the log so.
    for _ in 0..50 {
        office.ask(&looks, "POST", users, &json!({"username": "eve"}));
    }
    let refused = lines();
    assert!((10..=41).contains(&refused), "{refused}");
    // Neither a line of a terminal nor a new line of the log can be written by a name.
    let evil = "eve\u{1b}[2J\r\nactor=root";
    let made = office.ask(&office.owner, "POST", users, &json!({"username": evil}));
    assert_eq!(made.status, 422, "{}", made.body);
    let client = json!({"client_id": "app", "metadata": {
        "client_name": "a\u{1b}[31m\u{202e}b", "redirect_uris": ["https://app.test/cb"],
    }});
    let made = office.ask(&office.owner, "POST", "/projects/acme/clients", &client);
    let log = office.ask(
        &office.owner,
        "GET",
        "/projects/acme/audit/export",
        &Value::Null,
    );
    assert!(!log.body.contains('\u{1b}'), "{}", log.body);
    let expected = refused + usize::from(made.status == 201);
    assert_eq!(log.body.lines().count(), expected);
    office.post(users, &json!({"username": "ann"}));
    assert_eq!(lines(), expected + 1);
    // Nobody changes the log: there is nothing at its place but to look.
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let body = if method == "DELETE" {
            Value::Null
        } else {
            json!({})
        };
        for path in [
            "/projects/acme/audit",
            "/projects/acme/audit/1",
            "/projects/acme/audit/export",
        ] {
            let answer = office.ask(&office.owner, method, path, &body);
            assert!([404, 405].contains(&answer.status), "{method} {path}");
        }
    }
    assert_eq!(lines(), expected + 1);
}

// AD-18
#[test]
fn strangers_see_the_document_and_nothing_of_what_is_here() {
    let office = Office::open();
    office.project("hidden-project");
    office.post(
        "/projects/hidden-project/users",
        &json!({"username": "hidden-person"}),
    );
    for path in [
        "/metrics",
        "/health",
        "/health/live",
        "/health/ready",
        "/debug",
        "/debug/pprof",
        "/admin",
        "/admin/v1",
        "/admin/v1/",
        "/.env",
        "/server-status",
    ] {
        let answer = office.server.get(path);
        assert!(
            [401, 404].contains(&answer.status) || (300..400).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        for word in ["hidden-p", "sqlite", "hallpass-data"] {
            assert!(!answer.body.contains(word), "{path}");
        }
    }
    let document = office.server.get("/admin/v1/openapi.json");
    assert_eq!(document.status, 200);
    for word in ["hidden-project", "hidden-person", "robot"] {
        assert!(!document.body.contains(word), "{word}");
    }
    for path in [
        "/jwks",
        "/.well-known/openid-configuration",
        "/admin/v1/openapi.json",
        "/nothing",
    ] {
        let head = office.server.get(path).head.to_ascii_lowercase();
        for header in ["\r\nserver:", "x-powered-by"] {
            assert!(!head.contains(header), "{path}: {head}");
        }
    }
    // What is measured names projects and people no more than addresses.
    let numbers = office.server.operations("/metrics").body;
    assert!(!numbers.contains("hidden-p"));
}

// AD-19
#[test]
fn nobody_becomes_the_first_operator_from_outside() {
    let office = Office::open();
    for path in [
        "/setup",
        "/install",
        "/bootstrap",
        "/admin/setup",
        "/admin/v1/setup",
        "/admin/v1/operators",
        "/first-run",
    ] {
        for method in ["GET", "POST"] {
            let answer = office.server.send(
                &format!("{method} {path} HTTP/1.1\r\ncontent-type: application/json\r\n"),
                if method == "POST" { "{}" } else { "" },
            );
            assert!(
                [401, 404, 405].contains(&answer.status),
                "{method} {path}: {}",
                answer.status
            );
        }
    }
    office.project("acme");
    // The command may be run again, and takes nothing from whoever is there.
    let made = office.command(&["operator", "create", "boss@example.org"]);
    let link = made["link"].as_str().unwrap().to_owned();
    let again = office.command(&[
        "operator",
        "create",
        "boss@example.org",
        "--role",
        "read_only",
        "--project",
        "acme",
    ]);
    assert!(again.get("link").is_none(), "{again}");
    assert!(again.get("password").is_none());
    assert!(link.starts_with(office.issuer()));
    let all = office.get("/operators");
    let boss = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|o| o["name"] == "boss@example.org");
    assert_eq!(boss.unwrap()["roles"]["*"], "owner");
}

// AD-22
#[test]
fn of_two_who_change_what_they_both_have_seen_one_is_told_so() {
    //= test RFC9110#13.1.1 weak tags never match
    let office = Office::open();
    office.project("acme");
    let client = json!({"client_id": "app", "metadata": {"redirect_uris": ["https://a.test/cb", "https://old.test/cb"]}});
    let made = office.post("/projects/acme/clients", &client);
    let path = "/projects/acme/clients/app";
    let seen = format!("if-match: \"{}\"\r\n", made["revision"].as_str().unwrap());
    let removal = json!({"metadata": {"redirect_uris": ["https://a.test/cb"]}});
    let first = office.ask_with(&office.owner, "PATCH", path, &seen, &removal);
    assert_eq!(first.status, 200, "{}", first.body);
    let addition = json!({"metadata": {"redirect_uris": ["https://a.test/cb", "https://old.test/cb", "https://b.test/cb"]}});
    let second = office.ask_with(&office.owner, "PATCH", path, &seen, &addition);
    assert_eq!(
        (second.status, kind(&second)),
        (412, "precondition_failed".to_owned())
    );
    let uris = &office.get(path)["metadata"]["redirect_uris"];
    assert_eq!(uris, &json!(["https://a.test/cb"]));
    for wrong in [
        "if-match: W/\"x\"\r\n",
        "if-match: x\r\n",
        "if-match: \"a\", \"b\"\r\n",
    ] {
        let answer = office.ask_with(&office.owner, "PATCH", path, wrong, &removal);
        assert_eq!(
            (answer.status, kind(&answer)),
            (400, "invalid_header".to_owned()),
            "{wrong}"
        );
    }
}

// AD-23, AD-16
#[test]
fn a_token_goes_as_far_as_its_operator_at_the_moment_and_only_in_its_header() {
    let office = Office::open();
    office.project("acme");
    let token = office.operator("helper", "acme", "administrator");
    let user = json!({"username": "ann"});
    assert_eq!(
        office
            .ask(&token, "POST", "/projects/acme/users", &user)
            .status,
        201
    );
    for path in [
        format!("/admin/v1/me?access_token={token}"),
        format!("/admin/v1/me?token={token}"),
    ] {
        let answer = office.server.get(&path);
        assert!([400, 401].contains(&answer.status), "{}", answer.status);
    }
    let form = format!("access_token={token}");
    let head = "content-type: application/x-www-form-urlencoded\r\n";
    assert_eq!(
        office
            .server
            .post("/admin/v1/projects/acme/users", head, &form)
            .status,
        401
    );
    // The operator is less from now on, and the same token with them.
    let less = json!({"roles": {"acme": "read_only"}});
    office.change("PUT", "/operators/client:helper", &less);
    let refused = office.ask(
        &token,
        "POST",
        "/projects/acme/users",
        &json!({"username": "bob"}),
    );
    assert_eq!(
        (refused.status, kind(&refused)),
        (403, "forbidden".to_owned())
    );
    assert_eq!(
        office
            .ask(&token, "GET", "/projects/acme/users", &Value::Null)
            .status,
        200
    );
    office.change("DELETE", "/operators/client:helper", &Value::Null);
    assert_eq!(
        office
            .ask(&token, "GET", "/projects/acme/users", &Value::Null)
            .status,
        403
    );
    office.change(
        "PATCH",
        "/projects/default/clients/helper",
        &json!({"disabled": true}),
    );
    let gone = office.ask(&token, "GET", "/me", &Value::Null);
    assert_eq!(gone.status, 401, "{}", gone.body);
}

#[test]
fn methods_that_nothing_has_are_refused_and_none_is_a_failure_of_ours() {
    let office = Office::open();
    for path in [
        "/admin/v1/me",
        "/admin/v1/projects",
        "/admin/v1/openapi.json",
        "/token",
        "/jwks",
        "/authorize",
        "/sign-in",
        "/nothing",
    ] {
        for method in ["TRACE", "CONNECT", "PROPFIND", "QUERY", "LINK"] {
            let head = format!(
                "{method} {path} HTTP/1.1\r\nauthorization: Bearer {}\r\n",
                office.owner
            );
            let answer = office.server.send(&head, "");
            assert!(
                [400, 404, 405].contains(&answer.status),
                "{method} {path}: {}",
                answer.status
            );
        }
    }
}
