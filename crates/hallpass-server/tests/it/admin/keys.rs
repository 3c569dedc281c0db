//! Signing keys.

use serde_json::{Value, json};

use super::{Office, kind};

/// Sixteen at once find that the keys change under their hands: each is told that they were rotated, and each rotation stands in
/// the log once.
#[test]
fn of_many_who_rotate_keys_at_once_nobody_is_turned_away() {
    let office = Office::open();
    office.project("acme");
    let active = || {
        let all = office.get("/projects/acme/keys");
        let mut items = all["items"].as_array().unwrap().iter();
        let of = items.find(|key| key["phase"] == "active" && key["alg"] == "ES256");
        of.unwrap()["kid"].as_str().unwrap().to_owned()
    };
    let before = active();
    let now = json!({"alg": "ES256", "now": true});
    let path = "/projects/acme/keys/rotate";
    let answers: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| office.ask(&office.owner, "POST", path, &now)))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(
            answer.json()["rotated"],
            json!(["ES256"]),
            "{}",
            answer.body
        );
    }
    assert_ne!(active(), before);
    let all = office.get("/projects/acme/keys");
    let retiring = all["items"].as_array().unwrap().iter();
    let retiring = retiring.filter(|key| key["phase"] == "retiring" && key["alg"] == "ES256");
    let log = office.get("/projects/acme/audit?action=keys.rotate");
    assert_eq!(log["items"].as_array().unwrap().len(), retiring.count());
    // A key that leaked goes, however many say so at once.
    let path = format!("/projects/acme/keys/{before}");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| office.ask(&office.owner, "DELETE", &path, &Value::Null)))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|a| matches!(a.status, 200 | 204 | 404)));
    assert!(answers.iter().any(|a| a.status < 300));
    assert!(!office.server.get("/p/acme/jwks").body.contains(&before));
}

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

#[test]
fn s34_the_key_set_shows_public_parts_and_nothing_else() {
    let office = Office::with("");
    office.project("acme");
    for path in ["/jwks", "/p/acme/jwks"] {
        let set = office.server.get(path).json();
        let keys = set["keys"].as_array().unwrap();
        assert!(!keys.is_empty());
        for key in keys {
            let names: Vec<&str> = key
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
                assert!(!names.contains(&private), "{path}: {names:?}");
            }
            for public in ["kty", "kid", "use"] {
                assert!(names.contains(&public), "{path}: {names:?}");
            }
        }
    }
    let listed = office.get("/projects/acme/keys");
    for key in listed["items"].as_array().unwrap() {
        let names: Vec<&str> = key
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let known = [
            "alg",
            "created_at",
            "kid",
            "phase",
            "phase_since",
            "published_until",
            "ripe_at",
            "use",
        ];
        assert_eq!(names, known);
    }
}

// AD-21
#[test]
fn s36_keys_are_for_those_who_may_and_the_one_that_signs_stays() {
    let office = Office::open();
    office.project("acme");
    let before = office.server.get("/p/acme/jwks").json();
    let now = json!({"now": true});
    let rotate = "/projects/acme/keys/rotate";
    let nobody = office.ask("hpa_nonsense", "POST", rotate, &now);
    assert_eq!(nobody.status, 401);
    for role in ["read_only", "support"] {
        let token = office.operator(role, "acme", role);
        let refused = office.ask(&token, "POST", rotate, &now);
        assert_eq!(
            (refused.status, kind(&refused)),
            (403, "forbidden".to_owned())
        );
    }
    assert_eq!(office.server.get("/p/acme/jwks").json(), before);
    // AD-17: each refusal is a line, and there is no other.
    let log = office.get("/projects/acme/audit");
    let mut lines = log["items"].as_array().unwrap().iter();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines.all(|line| line["action"] == "refused"), "{log}");
    // A key that has leaked goes at once, even the one that signs: its successor signs from then on.
    let active = || {
        let keys = office.get("/projects/acme/keys");
        let items = keys["items"].as_array().unwrap().iter();
        let active = items.filter(|key| key["phase"] == "active" && key["alg"] == "ES256");
        active
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let before = active();
    let path = format!("/projects/acme/keys/{}", before[0]);
    office.change("DELETE", &path, &Value::Null);
    let after = active();
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after);
    let published = office.server.get("/p/acme/jwks").body;
    assert!(published.contains(&after[0]) && !published.contains(&before[0]));
    // Private keys come neither in nor out.
    for (method, path) in [
        ("POST", "/projects/acme/keys"),
        ("PUT", path.as_str()),
        ("GET", path.as_str()),
    ] {
        let body = if method == "GET" {
            Value::Null
        } else {
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB"})
        };
        assert_eq!(
            office.ask(&office.owner, method, path, &body).status,
            405,
            "{method}"
        );
    }
}

#[test]
fn s37_nothing_secret_is_in_the_database_in_clear() {
    let office = Office::open();
    let symmetric = json!({
        "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_jwt",
    });
    let hashed = json!({
        "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic",
    });
    let mut secrets = Vec::new();
    for (id, metadata) in [("sym", symmetric), ("basic", hashed)] {
        let made = office.post(
            "/projects/default/clients",
            &json!({"client_id": id, "metadata": metadata}),
        );
        secrets.push(made["client_secret"].as_str().unwrap().to_owned());
    }
    let hook = json!({"url": "https://rp.test/", "events": ["x.*"]});
    let hook = office.post("/projects/default/webhooks", &hook);
    secrets.push(hook["secret"].as_str().unwrap().to_owned());
    let raw = hook["secret"]
        .as_str()
        .unwrap()
        .strip_prefix("whsec_")
        .unwrap();
    secrets.push(raw.to_owned());
    office.post(
        "/projects/default/users",
        &json!({"username": "ann", "password": "correct horse pony"}),
    );
    secrets.push("correct horse pony".to_owned());
    secrets.push("PRIVATE KEY".to_owned());
    secrets.push("\"d\":\"".to_owned());
    let mut looked = 0;
    for file in std::fs::read_dir(office.folder.0.join("hallpass-data")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("hallpass.sqlite") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        looked += bytes.len();
        for secret in &secrets {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{name} has {secret}");
        }
        // PKCS#8 of P-256 begins so.
        let pkcs8 = [
            0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 0x03, 0x01, 0x07, 0x04,
        ];
        assert!(!bytes.windows(pkcs8.len()).any(|window| window == pkcs8));
    }
    assert!(looked > 10_000);
}
