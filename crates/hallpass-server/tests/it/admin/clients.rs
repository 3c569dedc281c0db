//! Applications.

use serde_json::{Value, json};

use super::{Office, kind};

const CLIENTS: &str = "/projects/acme/clients";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

fn office() -> Office {
    let office = Office::open();
    office.project("acme");
    office
}

fn machine(id: &str) -> Value {
    json!({"client_id": id, "metadata": {
        "client_name": format!("Shop {id}"),
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_post",
    }})
}

fn token(office: &Office, id: &str, secret: &str) -> u16 {
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    office.server.post("/p/acme/token", FORM, &form).status
}

// S10, L44
#[test]
fn s10_a_client_is_made_changed_and_deleted_with_effect_at_once() {
    let office = office();
    let made = office.post(CLIENTS, &machine("shop"));
    let secret = made["client_secret"].as_str().unwrap();
    assert!(secret.starts_with("hpk_"));
    assert_eq!(token(&office, "shop", secret), 200);
    let shown = office.get(&format!("{CLIENTS}/shop"));
    assert_eq!(shown["has_secret"], true);
    assert!(
        !shown.to_string().contains(secret),
        "a secret never comes back"
    );
    let off = office.change(
        "PATCH",
        &format!("{CLIENTS}/shop"),
        &json!({"disabled": true}),
    );
    assert_eq!(off["client_secret"], Value::Null);
    assert_eq!(token(&office, "shop", secret), 401);
    office.change(
        "PATCH",
        &format!("{CLIENTS}/shop"),
        &json!({"disabled": false}),
    );
    assert_eq!(token(&office, "shop", secret), 200);
    let other = office.post(&format!("{CLIENTS}/shop/secret"), &json!({}));
    assert_eq!(token(&office, "shop", secret), 401, "the old one is over");
    let secret = other["client_secret"].as_str().unwrap();
    assert_eq!(token(&office, "shop", secret), 200);
    office.change("DELETE", &format!("{CLIENTS}/shop"), &Value::Null);
    assert_eq!(token(&office, "shop", secret), 401);
    // An application of people: what is added, edited and switched off counts with the next request for authorization.
    let begins = |uri: &str| {
        let challenge =
            "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
        let query =
            format!("client_id=web&response_type=code&scope=openid&redirect_uri={uri}&{challenge}");
        office
            .server
            .get(&format!("/p/acme/authorize?{query}"))
            .status
    };
    let uris = |uri: &str| json!({"redirect_uris": [uri], "token_endpoint_auth_method": "none"});
    let (first, second) = ("https://web.test/cb", "https://web.test/other");
    assert_eq!(begins(first), 400);
    office.post(
        CLIENTS,
        &json!({"client_id": "web", "metadata": uris(first)}),
    );
    assert_eq!((begins(first), begins(second)), (303, 400));
    let web = format!("{CLIENTS}/web");
    office.change(
        "PATCH",
        &web,
        &json!({"metadata": {"redirect_uris": [second]}}),
    );
    assert_eq!((begins(first), begins(second)), (400, 303));
    office.change("PATCH", &web, &json!({"disabled": true}));
    assert_eq!(begins(second), 400);
    let gone = office.ask(
        &office.owner,
        "GET",
        &format!("{CLIENTS}/shop"),
        &Value::Null,
    );
    assert_eq!((gone.status, kind(&gone)), (404, "not_found".to_owned()));
}

// S11
#[test]
fn s11_an_identifier_is_given_once_and_whoever_takes_it_again_is_told_so() {
    let office = office();
    let made = office.post(CLIENTS, &machine("shop"));
    let secret = made["client_secret"].as_str().unwrap();
    for _ in 0..2 {
        let again = office.ask(&office.owner, "POST", CLIENTS, &machine("shop"));
        assert_eq!((again.status, kind(&again)), (409, "taken".to_owned()));
        assert!(!again.body.contains("client_secret"));
    }
    assert_eq!(
        token(&office, "shop", secret),
        200,
        "the first one is as it was"
    );
    // By the command neither; another case is another identifier, and so is another project's.
    let folder = &office.folder;
    let issuer = office.server.said["issuer"].as_str().unwrap();
    let mut command = folder.hallpass(&[
        "--config",
        "hallpass.toml",
        "--issuer",
        "acme",
        "client",
        "create",
        "--id",
        "shop",
        "--grant-type",
        "client_credentials",
    ]);
    let output = command.env("HALLPASS__SERVER__ISSUER", issuer).output();
    let output = output.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("shop"), "{told}");
    office.post(CLIENTS, &machine("Shop"));
    office.project("other-one");
    office.post("/projects/other-one/clients", &machine("shop"));
    assert_eq!(token(&office, "shop", secret), 200);
}

// S4
#[test]
fn s04_every_way_to_authenticate_can_be_given_to_a_client() {
    let office = office();
    let key = json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]});
    for (method, secret) in [
        ("client_secret_basic", true),
        ("client_secret_post", true),
        ("client_secret_jwt", true),
        ("private_key_jwt", false),
        ("none", false),
    ] {
        let mut metadata = json!({
            "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": method,
        });
        if method == "private_key_jwt" {
            metadata["jwks"] = key.clone();
        }
        let made = office.post(CLIENTS, &json!({"metadata": metadata}));
        assert_eq!(made["metadata"]["token_endpoint_auth_method"], method);
        assert_eq!(made["client_secret"].is_string(), secret, "{method}");
        assert_eq!(
            made["client_id"].as_str().unwrap().len(),
            24,
            "128 bits behind c_"
        );
    }
}

// S12, S13, L8
#[test]
fn s13_what_a_client_cannot_be_is_refused_with_the_member_that_is_wrong() {
    let office = office();
    for (metadata, field) in [
        (
            json!({"redirect_uris": ["http://app.example/cb"]}),
            "metadata.redirect_uris",
        ),
        (
            json!({"redirect_uris": ["https://app.example/cb#x"]}),
            "metadata.redirect_uris",
        ),
        (
            json!({"redirect_uris": "https://app.example"}),
            "metadata.redirect_uris",
        ),
        (
            json!({"redirect_uris": ["https://a.example"], "token_endpoint_auth_method": "tele"}),
            "metadata.token_endpoint_auth_method",
        ),
        (
            json!({"redirect_uris": ["https://a.example"], "colour": "red"}),
            "metadata",
        ),
    ] {
        let answer = office.ask(
            &office.owner,
            "POST",
            CLIENTS,
            &json!({"metadata": metadata}),
        );
        assert_eq!(
            (answer.status, kind(&answer)),
            (422, "unfit".to_owned()),
            "{metadata}"
        );
        assert_eq!(answer.json()["field"], field, "{metadata}");
    }
    let id = json!({"client_id": "a b\u{7}", "metadata": {"redirect_uris": ["https://a.example"]}});
    let answer = office.ask(&office.owner, "POST", CLIENTS, &id);
    assert_eq!(answer.status, 422, "{}", answer.body);
}

#[test]
fn what_a_client_is_told_goes_to_an_https_address() {
    //= test CIBA#4 the endpoint of a client that is told uses https
    let settings = "protocol.backchannel = { enabled = true, delivery_modes = ['ping'] }\n";
    let office = Office::with(settings);
    office.project("acme");
    let metadata = |url: &str| {
        json!({"metadata": {
            "grant_types": ["urn:openid:params:grant-type:ciba"], "response_types": [], "redirect_uris": [],
            "backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": url,
        }})
    };
    let made = office.post(CLIENTS, &metadata("https://client.example/notify"));
    let path = format!("{CLIENTS}/{}", made["client_id"].as_str().unwrap());
    for url in [
        "http://127.0.0.1/notify",
        "http://localhost/notify",
        "http://[::1]/notify",
        "http://client.example/notify",
    ] {
        for (method, path) in [("POST", CLIENTS), ("PATCH", path.as_str())] {
            let answer = office.ask(&office.owner, method, path, &metadata(url));
            assert_eq!(answer.status, 422, "{method} {url}: {}", answer.body);
            let field = "metadata.backchannel_client_notification_endpoint";
            assert_eq!(answer.json()["field"], field, "{method} {url}");
        }
    }
}

// L12
#[test]
fn keys_of_a_client_are_added_and_taken_away() {
    let office = office();
    let key = |kid: &str| {
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid,
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
    };
    let metadata = json!({
        "redirect_uris": ["https://app.example/cb"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key("1")]},
    });
    let made = office.post(CLIENTS, &json!({"client_id": "k", "metadata": metadata}));
    assert_eq!(made["client_secret"], Value::Null);
    let path = format!("{CLIENTS}/k");
    let two = json!({"metadata": {"jwks": {"keys": [key("1"), key("2")]}}});
    let changed = office.change("PATCH", &path, &two);
    assert_eq!(
        changed["metadata"]["jwks"]["keys"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let mut private = key("3");
    private["d"] = json!("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
    let private = json!({"metadata": {"jwks": {"keys": [private]}}});
    let refused = office.ask(&office.owner, "PATCH", &path, &private);
    assert_eq!(
        refused.status, 422,
        "a private key is not taken: {}",
        refused.body
    );
    // To a secret and back.
    let secret =
        json!({"metadata": {"token_endpoint_auth_method": "client_secret_basic", "jwks": null}});
    let changed = office.change("PATCH", &path, &secret);
    assert!(changed["client_secret"].is_string());
    let public = json!({"metadata": {"token_endpoint_auth_method": "none"}});
    let changed = office.change("PATCH", &path, &public);
    assert_eq!(changed["has_secret"], false);
    let none = office.ask(&office.owner, "POST", &format!("{path}/secret"), &json!({}));
    assert_eq!((none.status, kind(&none)), (409, "wrong_state".to_owned()));
}

// AD-09
#[test]
fn a_request_that_is_sent_again_is_done_once_and_gets_the_same_answer() {
    let office = office();
    let body = json!({"metadata": machine("x")["metadata"]});
    let send = |key: &str, body: &Value| {
        let head = format!("idempotency-key: {key}\r\n");
        office.ask_with(&office.owner, "POST", CLIENTS, &head, body)
    };
    let first = send("one", &body);
    assert_eq!(first.status, 201, "{}", first.body);
    let again = send("one", &body);
    assert_eq!((again.status, again.json()), (201, first.json()));
    let other = send("two", &body);
    assert_ne!(other.json()["client_id"], first.json()["client_id"]);
    let reused = send("one", &machine("y"));
    assert_eq!(
        (reused.status, kind(&reused)),
        (422, "idempotency_key_reused".to_owned())
    );
    let listed = office.get(CLIENTS);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    // Somebody else's key is another key, and many at once are one.
    let helper = office.operator("helper", "acme", "administrator");
    let head = "idempotency-key: one\r\n";
    let theirs = office.ask_with(&helper, "POST", CLIENTS, head, &body);
    assert_ne!(theirs.json()["client_id"], first.json()["client_id"]);
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| send("many", &body).json()))
            .collect();
        tries.into_iter().map(|t| t.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(office.get(CLIENTS)["items"].as_array().unwrap().len(), 4);
    for wrong in ["a b", "", &"x".repeat(256)] {
        let answer = send(wrong, &body);
        assert_eq!(
            (answer.status, kind(&answer)),
            (400, "invalid_header".to_owned()),
            "{wrong:?}"
        );
    }
}

#[test]
fn clients_are_listed_in_pages_and_searched() {
    let office = office();
    for id in ["a", "b", "c", "d", "e"] {
        office.post(CLIENTS, &machine(id));
    }
    office.change("PATCH", &format!("{CLIENTS}/d"), &json!({"disabled": true}));
    let ids = |path: &str| {
        let page = office.get(path);
        let items = page["items"].as_array().unwrap().clone();
        let ids = items
            .iter()
            .map(|c| c["client_id"].as_str().unwrap().to_owned());
        (
            ids.collect::<String>(),
            page["next"].as_str().map(str::to_owned),
        )
    };
    let (first, next) = ids(&format!("{CLIENTS}?limit=2"));
    assert_eq!(first, "ab");
    let (second, next) = ids(&format!("{CLIENTS}?limit=2&cursor={}", next.unwrap()));
    assert_eq!(second, "cd");
    let (third, next) = ids(&format!("{CLIENTS}?limit=2&cursor={}", next.unwrap()));
    assert_eq!((third.as_str(), next), ("e", None));
    assert_eq!(ids(&format!("{CLIENTS}?q=SHOP%20c")).0, "c");
    assert_eq!(ids(&format!("{CLIENTS}?disabled=true")).0, "d");
    assert_eq!(ids(&format!("{CLIENTS}?origin=registration")).0, "");
    let (page, next) = ids(&format!("{CLIENTS}?q=shop&limit=3"));
    assert_eq!(page, "abc");
    assert_eq!(
        ids(&format!(
            "{CLIENTS}?q=shop&limit=3&cursor={}",
            next.unwrap()
        ))
        .0,
        "de"
    );
    // Nothing of another project.
    assert_eq!(ids("/projects/default/clients").0, "robot");
}

#[test]
fn a_client_is_told_what_it_lacks_for_a_profile() {
    let office = office();
    office.post(CLIENTS, &machine("weak"));
    let checked = office.get(&format!("{CLIENTS}/weak/check"));
    assert_eq!(checked["profile"], "fapi2-security");
    let lacks = checked["lacks"].to_string();
    assert!(lacks.contains("token_endpoint_auth_method"), "{lacks}");
    let wrong = format!("{CLIENTS}/weak/check?profile=fapi9");
    let answer = office.ask(&office.owner, "GET", &wrong, &Value::Null);
    assert_eq!(answer.status, 400, "{}", answer.body);
}

// HT-20
#[test]
fn bodies_that_are_no_json_objects_are_refused() {
    let office = office();
    let head = format!(
        "POST /admin/v1{CLIENTS} HTTP/1.1\r\nauthorization: Bearer {}\r\n",
        office.owner
    );
    let send = |media: &str, body: &str| {
        let head = format!("{head}content-type: {media}\r\n");
        office.server.send(&head, body)
    };
    for body in ["[]", "1", "{", "{\"metadata\": {}} x", "\u{0}"] {
        let answer = send("application/json", body);
        assert_eq!(
            (answer.status, kind(&answer)),
            (400, "invalid_body".to_owned()),
            "{body}"
        );
    }
    let answer = send("text/plain", "{}");
    assert_eq!(answer.status, 415);
    let large = format!(
        "{{\"metadata\": {{\"client_name\": \"{}\"}}}}",
        "x".repeat(200_000)
    );
    assert_eq!(send("application/json", &large).status, 413);
    // A body on a list is not looked at; another method is not there.
    let answer = office.ask(&office.owner, "PUT", CLIENTS, &json!({}));
    assert_eq!(
        (answer.status, kind(&answer)),
        (405, "method_not_allowed".to_owned())
    );
    assert!(answer.head.contains("allow: GET, POST"), "{}", answer.head);
}

// HT-09: whoever looks at the first of two members and whoever looks at the last see two requests
#[test]
fn a_member_that_is_there_twice_is_refused_at_every_level() {
    let office = Office::open();
    office.project("acme");
    let head = format!(
        "POST /admin/v1/projects/acme/clients HTTP/1.1\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\n",
        office.owner
    );
    for body in [
        r#"{"client_id":"twice","metadata":{"redirect_uris":["https://a.test/cb"],"redirect_uris":["https://b.test/cb"]}}"#,
        r#"{"client_id":"twice","client_id":"thrice","metadata":{"redirect_uris":["https://a.test/cb"]}}"#,
        r#"{"client_id":"twice","metadata":{"redirect_uris":["https://a.test/cb"],"redirect\u005furis":[]}}"#,
    ] {
        let answer = office.server.send(&head, body);
        assert_eq!(
            (answer.status, kind(&answer)),
            (400, "invalid_body".to_owned()),
            "{body}"
        );
    }
    let deep = format!(
        r#"{{"client_id":"deep","metadata":{}{}}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    let answer = office.server.send(&head, &deep);
    assert_eq!(
        (answer.status, kind(&answer)),
        (400, "invalid_body".to_owned())
    );
    assert_eq!(
        office.get("/projects/acme/clients")["items"],
        serde_json::json!([])
    );
}

// RG-11, R8.4
#[test]
fn what_an_operator_decided_is_not_undone_by_the_client_itself() {
    //= test RFC7592#2.2 the server puts values of its own in the place of those that were sent
    let office = Office::with(
        "registration = { enabled = true, initial_access_tokens = ['let-me-in-0123456789abcdef0123456789'] }",
    );
    let managed = |method: &str, path: &str, bearer: &str, body: &Value| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nauthorization: Bearer {bearer}\r\n\
             content-type: application/json\r\n"
        );
        let answer = office.server.send(&head, &body.to_string());
        assert!(answer.status < 300, "{} {}", answer.status, answer.body);
        answer.json()
    };
    let wanted = json!({
        "redirect_uris": ["https://new.test/cb"],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "scope": "openid profile email offline_access",
        "client_name": "First",
        "policy_uri": "https://new.test/policy",
    });
    let made = managed(
        "POST",
        "/register",
        "let-me-in-0123456789abcdef0123456789",
        &wanted,
    );
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let (id, token) = (text("client_id"), text("registration_access_token"));
    let own = format!("/register/{id}");
    let path = format!("/projects/default/clients/{id}");
    office.change(
        "PATCH",
        &path,
        &json!({"metadata": {
            "scope": "openid",
            "grant_types": ["authorization_code"],
            "policy_uri": null,
        }}),
    );
    let mut update = wanted.clone();
    update["client_id"] = json!(id);
    update["client_name"] = json!("Second");
    for _ in 0..2 {
        let changed = managed("PUT", &own, &token, &update);
        assert_eq!(changed["client_name"], "Second", "the rest is the client's");
        assert_eq!(changed["scope"], "openid");
        assert_eq!(changed["grant_types"], json!(["authorization_code"]));
        assert_eq!(changed.get("policy_uri"), None);
        assert_eq!(office.get(&path)["metadata"]["scope"], "openid");
    }
    // Left out is as good as another value.
    update.as_object_mut().unwrap().remove("scope");
    assert_eq!(managed("PUT", &own, &token, &update)["scope"], "openid");
    // Another decision takes the place of the one before.
    office.change(
        "PATCH",
        &path,
        &json!({"metadata": {"scope": "openid email"}}),
    );
    assert_eq!(
        managed("PUT", &own, &token, &update)["scope"],
        "openid email"
    );
    // Handed back, a member is the client's again; until it says something it stays as it is.
    assert_eq!(
        office.get(&path)["decided"],
        json!(["grant_types", "policy_uri", "scope"])
    );
    for more in [json!(["scope", "client_name"]), json!(["x"])] {
        let refused = office.ask(&office.owner, "PATCH", &path, &json!({"decided": more}));
        assert_eq!(refused.status, 422, "{}", refused.body);
    }
    let left = office.change(
        "PATCH",
        &path,
        &json!({"decided": ["policy_uri", "grant_types"]}),
    );
    assert_eq!(left["decided"], json!(["grant_types", "policy_uri"]));
    assert_eq!(left["metadata"]["scope"], "openid email");
    update["scope"] = json!("openid profile");
    let changed = managed("PUT", &own, &token, &update);
    assert_eq!(changed["scope"], "openid profile");
    assert_eq!(changed["grant_types"], json!(["authorization_code"]));
    let all = office.change("PATCH", &path, &json!({"decided": []}));
    assert_eq!(all["decided"], json!([]));
    let changed = managed("PUT", &own, &token, &update);
    assert_eq!(changed["policy_uri"], "https://new.test/policy");
    let line = office.get("/projects/default/audit?limit=200").to_string();
    assert!(line.contains("given_back"), "{line}");
    // One who has nothing decided about them does as they like.
    let other = managed(
        "POST",
        "/register",
        "let-me-in-0123456789abcdef0123456789",
        &json!({"redirect_uris": ["https://new.test/cb"], "scope": "openid"}),
    );
    let mut update = wanted;
    update["client_id"] = other["client_id"].clone();
    let changed = managed(
        "PUT",
        &format!("/register/{}", other["client_id"].as_str().unwrap()),
        other["registration_access_token"].as_str().unwrap(),
        &update,
    );
    assert_eq!(changed["scope"], "openid profile email offline_access");
}

// RG-10, R8.2
#[test]
fn clients_that_came_before_a_policy_and_have_more_are_listed() {
    const OPEN: &str = "danger.open_registration = true\n";
    const BOUND: &str = "danger.open_registration = true\nregistration.policies = ['small']\n\
        [registration.policy.small]\nallowed = { scope = ['openid', 'email'] }\n";
    let office = Office::with(OPEN);
    let register = |metadata: &Value| {
        let head = "POST /register HTTP/1.1\r\ncontent-type: application/json\r\n";
        let answer = office.server.send(head, &metadata.to_string());
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()["client_id"].as_str().unwrap().to_owned()
    };
    let with = |scope: Value| json!({"redirect_uris": ["https://new.test/cb"], "scope": scope});
    let all = register(&json!({"redirect_uris": ["https://new.test/cb"]}));
    let wide = register(&with(json!("openid phone")));
    let narrow = register(&with(json!("openid")));
    let decided = register(&with(json!("openid phone")));
    let path = format!("/projects/default/clients/{decided}");
    let set = json!({"metadata": {"scope": "openid profile"}});
    office.change("PATCH", &path, &set);
    let listed = |query: &str| {
        let found = office.get(&format!("/projects/default/clients?{query}"));
        found["items"].as_array().unwrap().len()
    };
    assert_eq!(
        listed("exceeds=true"),
        0,
        "without a policy nobody has more"
    );
    assert!(listed("exceeds=false") >= 4);
    let exceeding = || -> Vec<(String, Value)> {
        let head = ["--config", "hallpass.toml", "--json"];
        let command = ["client", "list", "--exceeding"];
        let output = office.folder.run(&[&head[..], &command].concat());
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        let list = list.as_array().unwrap().iter();
        let pair = |c: &Value| {
            (
                c["client_id"].as_str().unwrap().to_owned(),
                c["exceeds"].clone(),
            )
        };
        list.map(pair).collect()
    };
    assert_eq!(exceeding(), []);
    // The operator makes a policy. What was there before stays, and is listed: a client that may have every scope, and one with
    // another. What the operator has decided is no news to them.
    let bound = format!("protocol.signing_algs = ['ES256']\n{BOUND}");
    office.folder.write("hallpass.toml", &bound);
    let mut expected = [(all, json!(["scope"])), (wide, json!(["scope"]))];
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    let mut found = exceeding();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, expected);
    assert!(found.iter().all(|(id, _)| *id != narrow && *id != decided));
}
