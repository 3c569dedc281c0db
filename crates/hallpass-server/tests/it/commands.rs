//! The commands, beside a server and without one.

use serde_json::Value;

use crate::process::{Folder, Serving};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn config_check_tells_everything_that_is_wrong_and_fails() {
    let folder = Folder::new();
    assert!(folder.run(&["config", "check"]).status.success());
    folder.write("bad.toml", "[lifetimes]\ncode = 0\n\n[log]\nlevel = \"\"\n");
    let output = folder.run(&["--config", "bad.toml", "config", "check"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "bad.toml:2: lifetimes.code: must be from 1s to 10m, not 0s\nbad.toml:5: log.level: is empty\n"
    );
    let output = folder.run(&["config", "check", "--json", "--config", "bad.toml"]);
    let problems: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(problems["problems"][0]["setting"], "lifetimes.code");
    assert_eq!(problems["problems"][0]["place"], "bad.toml:2");
    let output = folder.run(&["config", "check", "--config", "missing.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).starts_with("missing.toml: cannot read the configuration"),
        "{}",
        stderr(&output)
    );
    let output = folder
        .hallpass(&["config", "check"])
        .env("HALLPASS__LIFETIMES__CODE", "0")
        .output()
        .unwrap();
    assert!(
        stderr(&output).starts_with("HALLPASS__LIFETIMES__CODE: lifetimes.code: "),
        "{}",
        stderr(&output)
    );
}

#[test]
fn s17_lifetimes_come_from_variables_and_a_bad_one_is_named_before_anything_is_served() {
    let folder = Folder::new();
    for (name, good) in [
        ("INTERACTION", "59m"),
        ("SESSION", "59m"),
        ("REFRESH_ABSOLUTE", "60d"),
        ("ID_TOKEN", "59m"),
    ] {
        let variable = format!("HALLPASS__LIFETIMES__{name}");
        let setting = format!("lifetimes.{}", name.to_lowercase());
        for value in ["", " ", "0", "-1", "soon", "12 parsecs", "100000d", "[]"] {
            let mut serving = folder.hallpass(&["serve"]);
            let output = serving.env(&variable, value).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{variable}={value}");
            let said = stderr(&output);
            let beginning = format!("{variable}: {setting}: ");
            assert!(said.starts_with(&beginning), "{variable}={value}: {said}");
        }
        let mut checking = folder.hallpass(&["config", "check"]);
        let output = checking.env(&variable, good).output().unwrap();
        assert!(output.status.success(), "{variable}: {}", stderr(&output));
    }
    // Nothing was made.
    assert!(!folder.0.join("hallpass-data").exists());
}

#[test]
fn config_schema_is_a_schema() {
    let schema = Folder::new().json(&["config", "schema"]);
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert!(schema["properties"]["clients"].is_object());
}

#[test]
fn a_command_line_that_is_not_understood_exits_with_2() {
    let folder = Folder::new();
    for arguments in [
        &["serv"][..],
        &["user"],
        &["user", "create"],
        &["serve", "--port", "1"],
    ] {
        assert_eq!(
            folder.run(arguments).status.code(),
            Some(64),
            "{arguments:?}"
        );
    }
}

#[test]
fn accounts_are_made_listed_disabled_and_given_passwords() {
    let folder = Folder::new();
    let output = folder.run_with(
        &[
            "user",
            "create",
            "alice",
            "--claim",
            "email=a@example.com",
            "--claim",
            "email_verified=true",
            "--json",
        ],
        "correct horse\n",
    );
    assert!(output.status.success(), "{output:?}");
    let alice: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(alice["claims"]["email_verified"], true);
    assert!(alice.get("password").is_none());
    let output = folder.run(&["user", "create", "bob", "--generate", "--json"]);
    let bob: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(bob["password"].as_str().unwrap().len(), 20);
    folder.write("password", "another horse\r\nignored");
    let output = folder.run(&[
        "user",
        "set-password",
        "Alice",
        "--password-file",
        "password",
    ]);
    assert!(output.status.success(), "{output:?}");
    assert!(folder.run(&["user", "disable", "bob"]).status.success());
    let users = folder.json(&["user", "list", "--json"]);
    assert_eq!(users.as_array().unwrap().len(), 2);
    assert_eq!(users[1]["disabled"], true);
    assert!(folder.run(&["user", "enable", "bob"]).status.success());
    let text = String::from_utf8(folder.run(&["user", "list"]).stdout).unwrap();
    assert!(text.starts_with("USER NAME  SUBJECT"), "{text}");
    assert!(!text.contains("disabled"), "{text}");
}

#[test]
fn accounts_that_cannot_be_made_or_found_are_refused() {
    let folder = Folder::new();
    let refused = |arguments: &[&str], input: &str, expected: &str| {
        let output = folder.run_with(arguments, input);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        assert!(!stderr(&output).contains("horse"), "{}", stderr(&output));
    };
    assert!(
        folder
            .run_with(&["user", "create", "alice"], "correct horse")
            .status
            .success()
    );
    refused(
        &["user", "create", "ALICE"],
        "correct horse",
        "the user name is taken",
    );
    refused(&["user", "create", "bob"], "", "the password is empty");
    refused(&["user", "create", "bob"], "\n", "the password is empty");
    refused(
        &["user", "create", "bob"],
        "horse\n",
        "at least 8 characters",
    );
    refused(
        &["user", "create", "b ob"],
        "correct horse",
        "a user name has 1 to 200 bytes",
    );
    refused(
        &["user", "create", "bob", "--claim", "sub=1"],
        "correct horse",
        "reserved",
    );
    refused(
        &["user", "create", "bob", "--claim", "email"],
        "correct horse",
        "is not NAME=VALUE",
    );
    refused(
        &["user", "create", "bob", "--password-file", "missing"],
        "",
        "--password-file missing",
    );
    refused(
        &["user", "set-password", "carol"],
        "correct horse",
        "there is no user \"carol\"",
    );
    refused(
        &["user", "disable", "carol"],
        "",
        "there is no user \"carol\"",
    );
}

#[test]
fn a_client_made_beside_a_running_server_works_at_once_until_it_is_deleted() {
    let folder = Folder::new();
    let server = Serving::start(&folder, &[]);
    let arguments = [
        "client",
        "create",
        "--id",
        "robot",
        "--grant-type",
        "client_credentials",
        "--json",
    ];
    let client = folder.json(&arguments);
    let secret = client["client_secret"].as_str().unwrap();
    assert!(secret.starts_with("hpk_"));
    assert_eq!(client["origin"], "command");
    let answer = server.client_credentials("robot", secret);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(server.client_credentials("robot", "hpk_wrong").status, 401);
    let shown = folder.json(&["client", "show", "robot", "--json"]);
    assert!(shown.get("client_secret").is_none());
    let again = folder.run(&arguments);
    assert!(stderr(&again).contains("there is a client robot already"));
    assert_eq!(
        folder
            .json(&["client", "list", "--json"])
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(folder.run(&["client", "delete", "robot"]).status.success());
    assert!(
        folder
            .json(&["client", "list", "--json"])
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert!(stderr(&folder.run(&["client", "show", "robot"])).contains("there is no client"));
    server.stop();
}

#[test]
fn what_a_client_lacks_for_a_profile_is_listed() {
    let folder = Folder::new();
    let uri = "https://app.example/cb";
    folder.json(&[
        "client",
        "create",
        "--id",
        "shop",
        "--redirect-uri",
        uri,
        "--json",
    ]);
    let check = [
        "client",
        "check",
        "--profile",
        "fapi2-security",
        "shop",
        "--json",
    ];
    let lacks = folder.json(&check)["lacks"].clone();
    let fields: Vec<&str> = lacks
        .as_array()
        .unwrap()
        .iter()
        .map(|lack| lack["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["token_endpoint_auth_method"]);
    let text = folder.run(&["client", "check", "--profile", "fapi2-security", "shop"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("must be private_key_jwt"), "{text}");
    for arguments in [
        &["client", "check", "shop"][..],
        &["client", "check", "--profile", "fapi3", "shop"],
        &["client", "check", "--profile", "fapi2-security", "nobody"],
    ] {
        assert!(!folder.run(arguments).status.success(), "{arguments:?}");
    }
    // Such a client is refused when it is made.
    let metadata = r#"{"fapi_profile": "fapi2-security"}"#;
    let made = folder.run(&[
        "client",
        "create",
        "--redirect-uri",
        uri,
        "--metadata",
        metadata,
    ]);
    assert!(
        stderr(&made).contains("token_endpoint_auth_method"),
        "{}",
        stderr(&made)
    );
}

#[test]
fn clients_that_would_not_work_are_refused() {
    let folder = Folder::new();
    for (arguments, expected) in [
        (
            &["client", "create"][..],
            "redirect_uris: a redirect URI is required",
        ),
        (
            &["client", "create", "--redirect-uri", "https://a.example/#x"],
            "redirect_uris: ",
        ),
        (
            &[
                "client",
                "create",
                "--public",
                "--grant-type",
                "client_credentials",
            ],
            "grant_types: ",
        ),
        (
            &["client", "create", "--metadata", "[]"],
            "--metadata is no JSON object",
        ),
        (
            &[
                "client",
                "create",
                "--redirect-uri",
                "https://a.example/",
                "--metadata",
                "{\"colour\":\"red\"}",
            ],
            "colour is not known",
        ),
        (
            &[
                "client",
                "create",
                "--redirect-uri",
                "https://a.example/",
                "--id",
                "caf\u{e9}",
            ],
            "--id must be printable",
        ),
        (&["client", "delete", "nobody"], "there is no client"),
    ] {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    assert!(
        folder
            .json(&["client", "list", "--json"])
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn registration_tokens_are_made_listed_and_revoked() {
    let folder = Folder::new();
    folder.write(
        "hallpass.toml",
        "[registration]\nenabled = true\n[registration.policy.spa]\nrequired = [\"client_name\"]\n",
    );
    let run = |arguments: &[&str]| {
        let all = [&["--config", "hallpass.toml"], arguments].concat();
        folder.run(&all)
    };
    let json = |arguments: &[&str]| -> Value {
        let all = [arguments, &["--json"]].concat();
        serde_json::from_slice(&run(&all).stdout).unwrap()
    };
    let make = [
        "registration-token",
        "create",
        "--label",
        "CI",
        "--uses",
        "2",
    ];
    let made = json(&[&make[..], &["--expires", "7d", "--policy", "spa"]].concat());
    let (id, token) = (
        made["id"].as_str().unwrap(),
        made["token"].as_str().unwrap(),
    );
    assert!(token.starts_with("hpi_") && !token.contains(id));
    assert_eq!(
        made["expires_at"].as_i64().unwrap() - made["created_at"].as_i64().unwrap(),
        7 * 86_400
    );
    let listed = json(&["registration-token", "list"]);
    assert_eq!(listed[0]["label"], "CI");
    assert_eq!(
        (&listed[0]["uses"], &listed[0]["max_uses"]),
        (&Value::from(0), &Value::from(2))
    );
    assert!(!listed.to_string().contains(token));
    for bad in [
        &["registration-token", "create", "--policy", "none"][..],
        &["registration-token", "create", "--uses", "0"],
        &["registration-token", "create", "--expires", "soon"],
        &["registration-token", "revoke", "x"],
    ] {
        assert!(!run(bad).status.success(), "{bad:?}");
    }
    assert!(run(&["registration-token", "revoke", id]).status.success());
    assert_eq!(
        json(&["registration-token", "list"]),
        Value::Array(Vec::new())
    );
}

#[test]
fn keys_are_listed_and_rotated() {
    let folder = Folder::new();
    let before = folder.json(&["key", "list", "--json"]);
    let uses = |purpose: &str| {
        let keys = before.as_array().unwrap().iter();
        keys.filter(|key| key["use"] == purpose).count()
    };
    assert_eq!((uses("sig"), uses("enc")), (2, 1));
    for _ in 0..2 {
        let early = folder.run(&["key", "rotate", "--alg", "ES256"]);
        assert_eq!(early.status.code(), Some(1), "nobody knows the next key");
        assert!(String::from_utf8_lossy(&early.stderr).contains("--now"));
    }
    let after = folder.json(&["key", "rotate", "--alg", "ES256", "--force", "--json"]);
    let phases = |alg: &str, phase: &str| {
        let keys = after.as_array().unwrap().iter();
        keys.filter(|key| key["alg"] == alg && key["phase"] == phase)
            .count()
    };
    assert_eq!(
        (
            phases("ES256", "active"),
            phases("ES256", "retiring"),
            phases("ES256", "next")
        ),
        (1, 1, 1)
    );
    assert_eq!(
        (phases("RS256", "active"), phases("RS256", "retiring")),
        (1, 0)
    );
    for alg in ["HS256", "none", "PS512"] {
        assert_eq!(
            folder.run(&["key", "rotate", "--alg", alg]).status.code(),
            Some(1),
            "{alg}"
        );
    }
}

#[test]
fn of_commands_that_rotate_at_once_none_fails() {
    let folder = Folder::new();
    let before = folder.json(&["key", "list", "--json"]);
    let rotate = || {
        let mut command = folder.hallpass(&["key", "rotate", "--alg", "ES256", "--now", "--json"]);
        command.stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let running = [rotate(), rotate(), rotate()];
    for child in running {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
    let after = folder.json(&["key", "list", "--json"]);
    let active = |keys: &Value| {
        let mut keys = keys.as_array().unwrap().iter();
        let of = keys.find(|key| key["alg"] == "ES256" && key["phase"] == "active");
        of.unwrap()["kid"].clone()
    };
    assert_ne!(active(&after), active(&before));
}

#[test]
fn migrate_says_what_it_does() {
    let folder = Folder::new();
    let planned = folder.json(&["migrate", "--dry-run", "--json"]);
    assert!(!planned["migrations"].as_array().unwrap().is_empty());
    assert!(!folder.0.join("hallpass-data").exists());
    let made = folder.json(&["migrate", "--json"]);
    assert_eq!(made["migrations"], planned["migrations"]);
    let again = folder.json(&["migrate", "--json"]);
    assert!(again["migrations"].as_array().unwrap().is_empty());
}

#[test]
fn commands_over_a_store_that_nobody_shares_are_refused() {
    let folder = Folder::new();
    for arguments in [
        &["user", "list"][..],
        &["client", "list"],
        &["key", "list"],
        &["migrate"],
    ] {
        let output = folder
            .hallpass(arguments)
            .env("HALLPASS__STORE__KIND", "memory")
            .output()
            .unwrap();
        assert!(
            stderr(&output).starts_with("hallpass: store.kind: "),
            "{}",
            stderr(&output)
        );
    }
}

// S51
#[test]
fn an_invitation_is_sent_by_the_server_and_only_where_accounts_can_be_made() {
    let folder = Folder::new();
    let refused = folder.run(&["user", "invite", "ada@example.org"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("sign_up.mode"));
    let config = folder.write("invite.toml", "[sign_up]\nmode = \"invitation\"\n");
    let config = config.to_str().unwrap().to_owned();
    let mut server = Serving::start(&folder, &["--config", &config]);
    let bad = folder.run(&["user", "invite", "ada", "--config", &config]);
    assert!(stderr(&bad).contains("not an e-mail address"));
    let invited = folder.json(&[
        "user",
        "invite",
        "ada@example.org",
        "--json",
        "--config",
        &config,
    ]);
    assert_eq!(invited["invited"], "ada@example.org");
    // The server looks for what other processes left.
    server.logs(&["mail", "invitation", "delivered"]);
    let mails = std::fs::read_dir(folder.0.join("hallpass-data/mail")).unwrap();
    let paths: Vec<_> = mails.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(paths.len(), 1, "{paths:?}");
    let mail = &paths[0];
    assert_eq!(crate::process::mode(mail), 0o600);
    let text = std::fs::read_to_string(mail).unwrap();
    assert!(text.contains("To: ada@example.org\r\n"), "{text}");
    assert!(text.contains("/link?token"), "{text}");
    server.stop();
}
