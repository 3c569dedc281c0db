//! Issuers that are made while the server runs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Answer, Folder, Serving};

/// A server with algorithms whose keys are made fast.
fn serve(folder: &Folder) -> Serving {
    let text = "protocol.signing_algs = ['ES256']\nregistration.enabled = true\n\
        [lifetimes]\naccess_token = 300\n";
    folder.write("hallpass.toml", text);
    Serving::start(folder, &["--config", "hallpass.toml"])
}

fn command(folder: &Folder, server: &Serving, arguments: &[&str]) -> Value {
    let issuer = server.said["issuer"].as_str().unwrap();
    let mut command =
        folder.hallpass(&[&["--config", "hallpass.toml", "--json"], arguments].concat());
    let output = command
        .env("HALLPASS__SERVER__ISSUER", issuer)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(folder: &Folder, arguments: &[&str]) -> String {
    let arguments = [&["--config", "hallpass.toml"], arguments].concat();
    let output = folder.hallpass(&arguments).output().unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asks until the answer is as it should be, which takes no longer than a change takes to be seen.
fn until(what: &str, ask: impl Fn() -> Answer, status: u16) -> Answer {
    let begin = Instant::now();
    loop {
        let answer = ask();
        if answer.status == status {
            return answer;
        }
        let text = format!("{what}: {} {}", answer.status, answer.body);
        assert!(begin.elapsed() < Duration::from_secs(10), "{text}");
        std::thread::yield_now();
    }
}

fn client(folder: &Folder, server: &Serving, issuer: &str, id: &str) -> String {
    let arguments = [
        "--issuer",
        issuer,
        "client",
        "create",
        "--id",
        id,
        "--grant-type",
        "client_credentials",
        "--auth-method",
        "client_secret_post",
    ];
    let made = command(folder, server, &arguments);
    made["client_secret"].as_str().unwrap().to_owned()
}

fn credentials(id: &str, secret: &str) -> String {
    format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")
}

// AS-01, AD-24, HT-12, JW-02
#[test]
fn an_issuer_that_is_made_answers_soon_at_its_path_and_nobody_else_does() {
    let folder = Folder::new();
    let server = serve(&folder);
    let base = server.said["issuer"].as_str().unwrap().to_owned();
    let host = base.strip_prefix("http://").unwrap();
    for path in [
        "/p/acme/jwks",
        "/p/acme",
        "/.well-known/openid-configuration/p/acme",
    ] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    let made = command(&folder, &server, &["issuer", "create", "acme"]);
    let issuer = format!("{base}/p/acme");
    assert_eq!(made["issuer"], issuer);
    assert_eq!(made["state"], "enabled");
    until("jwks", || server.get("/p/acme/jwks"), 200);
    let places = [
        "/p/acme/.well-known/openid-configuration",
        "/.well-known/openid-configuration/p/acme",
        "/.well-known/oauth-authorization-server/p/acme",
    ];
    for place in places {
        let metadata = server.get(place).json();
        assert_eq!(metadata["issuer"], issuer, "{place}");
        assert_eq!(metadata["token_endpoint"], format!("{issuer}/token"));
        // By whatever the machine is called; a name of the Internet that nobody has leads to nobody (HT-11).
        let metadata = server.at("hallpass:3000", "GET", place, "").json();
        assert_eq!(metadata["issuer"], issuer, "{place}");
        let stray = server.at("evil.example", "GET", place, "");
        assert_eq!(stray.status, 421, "{place}");
        assert_eq!(stray.json()["error"], "invalid_request");
        assert!(!stray.head.contains("evil") && !stray.body.contains("evil"));
    }
    let home = server.get("/p/acme/");
    assert_eq!(home.status, 200);
    assert!(
        home.body.contains("&#x2f;p&#x2f;acme&#x2f;assets&#x2f;"),
        "{}",
        home.body
    );
    // The default one is what it was.
    let metadata = server.get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["issuer"], base);
    let kids = |path| {
        let keys = server.get(path).json()["keys"].as_array().unwrap().clone();
        keys.into_iter()
            .map(|key| key["kid"].clone())
            .collect::<Vec<_>>()
    };
    assert!(
        kids("/jwks")
            .iter()
            .all(|kid| !kids("/p/acme/jwks").contains(kid))
    );
    for path in [
        "/p/acme2/jwks",
        "/p/ACME/jwks",
        "/p/acme/../jwks",
        "//p/acme/jwks",
        "/p/%61cme/jwks",
        "/p/acme;x/jwks",
        "/.well-known/openid-configuration/p/acme/",
        "/.well-known/openid-configuration/p/acme/..;/x",
        "/.well-known/webfinger/p/acme",
    ] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }

    // Disabled it is not there; enabled again it has what it had.
    let secret = client(&folder, &server, "acme", "app");
    let form = credentials("app", &secret);
    let token = || server.at(host, "POST", "/p/acme/token", &form);
    let access = until("token", token, 200).json()["access_token"].clone();
    command(&folder, &server, &["issuer", "disable", "acme"]);
    until("disabled", || server.get("/p/acme/jwks"), 404);
    for place in places {
        assert_eq!(server.get(place).status, 404, "{place}");
    }
    assert_eq!(token().status, 404);
    // TK-21: nor is anything refreshed.
    let refresh = format!(
        "client_id=app&client_secret={secret}&grant_type=refresh_token&refresh_token=hpr_x"
    );
    let turned_away = server.at(host, "POST", "/p/acme/token", &refresh);
    assert_eq!(turned_away.status, 404);
    assert_eq!(server.get("/p/acme/").status, 404);
    command(&folder, &server, &["issuer", "enable", "acme"]);
    until("enabled", token, 200);
    let inspect = format!(
        "client_id=app&client_secret={secret}&token={}",
        access.as_str().unwrap()
    );
    let active = server
        .at(host, "POST", "/p/acme/introspect", &inspect)
        .json();
    assert_eq!(active["active"], true, "{active}");

    // Deleted it is gone for good, and its name stays taken while anything of it is left.
    assert!(refused(&folder, &["issuer", "delete", "acme"]).contains("--yes"));
    command(&folder, &server, &["issuer", "delete", "acme", "--yes"]);
    until("deleted", token, 404);
    for arguments in [
        &["issuer", "enable", "acme"][..],
        &["issuer", "create", "acme"],
        &["--issuer", "acme", "user", "list"],
    ] {
        refused(&folder, arguments);
    }
    assert_eq!(server.get("/jwks").status, 200);
    server.stop();
}

// AD-24, OP
#[test]
fn issuers_have_hosts_settings_and_people_of_their_own() {
    let folder = Folder::new();
    let server = serve(&folder);
    let base = server.said["issuer"].as_str().unwrap().to_owned();
    let host = base.strip_prefix("http://").unwrap();
    let create = [
        "issuer",
        "create",
        "b",
        "--url",
        "https://b.example",
        "--set",
        "lifetimes.access_token=77",
        "--set",
        "protocol.scopes={\"read\":\"Read\"}",
    ];
    command(&folder, &server, &create);
    let both = ["issuer", "create", "c", "--url", "https://b.example/p/c"];
    command(&folder, &server, &both);
    let at = |path| server.at("b.example", "GET", path, "");
    // It was made after the other one, so both are known then.
    let place = "/p/c/.well-known/openid-configuration";
    let metadata = until("c", || at(place), 200).json();
    assert_eq!(metadata["issuer"], "https://b.example/p/c");
    let metadata = at("/.well-known/openid-configuration").json();
    assert_eq!(metadata["issuer"], "https://b.example");
    // Now that hosts tell issuers apart, one that nobody has is nobody's.
    for unknown in [
        "x.example",
        "b.example.evil.example",
        "127.0.0.1",
        "b.example:8443",
    ] {
        let answer = server.at(unknown, "GET", "/jwks", "");
        assert_eq!(answer.status, 421, "{unknown}");
    }
    assert_eq!(server.at("B.EXAMPLE:443", "GET", "/jwks", "").status, 200);
    assert_eq!(server.at(host, "GET", "/jwks", "").status, 200);
    assert_eq!(server.at(host, "GET", "/p/c/jwks", "").status, 404);

    // The same identifiers everywhere, and nothing in common.
    let issuers = [
        ("default", host, ""),
        ("b", "b.example", ""),
        ("c", "b.example", "/p/c"),
    ];
    let mut secrets = Vec::new();
    for (name, ..) in issuers {
        secrets.push(client(&folder, &server, name, "app"));
        let user = ["--issuer", name, "user", "create", "alice", "--generate"];
        command(&folder, &server, &user);
    }
    let subject =
        |name| command(&folder, &server, &["--issuer", name, "user", "list"])[0]["subject"].clone();
    assert_ne!(subject("b"), subject("c"));
    assert_ne!(subject("b"), subject("default"));
    for (index, (name, host, path)) in issuers.iter().enumerate() {
        for (other, secret) in secrets.iter().enumerate() {
            let form = credentials("app", secret);
            let token = server.at(host, "POST", &format!("{path}/token"), &form);
            if index == other {
                let lifetime = if *name == "b" { 77 } else { 300 };
                assert_eq!(token.json()["expires_in"], lifetime, "{name}");
            } else {
                assert_eq!(token.status, 401, "{name}");
                assert_eq!(token.json()["error"], "invalid_client");
            }
        }
    }
    // Settings change while it runs.
    command(
        &folder,
        &server,
        &["issuer", "set", "b", "--set", "lifetimes.access_token=78"],
    );
    let form = credentials("app", &secrets[1]);
    let begin = Instant::now();
    loop {
        let token = server.at("b.example", "POST", "/token", &form).json();
        if token["expires_in"] == 78 {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{token}");
    }
    let unset = ["issuer", "set", "b", "--unset", "lifetimes.access_token"];
    let shown = command(&folder, &server, &unset);
    assert_eq!(
        shown["settings"],
        json!({"protocol": {"scopes": {"read": "Read"}}})
    );
    server.stop();
}

#[test]
fn issuers_that_would_not_work_are_refused() {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        "protocol.signing_algs = ['ES256']\nserver.issuer = 'https://op.example'\n",
    );
    for (arguments, says) in [
        (&["issuer", "create", "Acme"][..], "name"),
        (&["issuer", "create", "default"], "name"),
        (
            &["issuer", "create", "a", "--url", "https://op.example"],
            "host",
        ),
        (
            &["issuer", "create", "a", "--url", "https://a.example/x"],
            "/p/NAME",
        ),
        (
            &["issuer", "create", "a", "--url", "http://a.example"],
            "https",
        ),
        (
            &["issuer", "create", "a", "--set", "lifetimes.code=601"],
            "lifetimes.code",
        ),
        (
            &["issuer", "create", "a", "--set", "lifetimes.cod=60"],
            "lifetimes.cod",
        ),
        (
            &["issuer", "create", "a", "--set", "store.kind=memory"],
            "store",
        ),
        (
            &[
                "issuer",
                "create",
                "a",
                "--set",
                "danger.open_registration=true",
            ],
            "danger",
        ),
        (&["issuer", "create", "a", "--set", "lifetimes"], "SECTION"),
        (&["issuer", "show", "a"], "no issuer"),
        (
            &["issuer", "set", "a", "--set", "lifetimes.code=6"],
            "no issuer",
        ),
        (&["--issuer", "a", "user", "list"], "no issuer"),
        (&["--issuer", "a", "issuer", "list"], "--issuer"),
        (&["--issuer", "a", "serve"], "--issuer"),
    ] {
        let text = refused(&folder, arguments);
        assert!(text.contains(says), "{arguments:?}: {text}");
    }
}
