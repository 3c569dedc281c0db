//! Configuration as code: `hallpass plan`, `hallpass apply`, `hallpass export`.

use std::process::Output;

use serde_json::{Value, json};

use crate::process::{Folder, Serving, mode};

const CONFIGURATION: &str = "protocol.signing_algs = ['ES256']\naccess.enabled = true\nserver.issuer = 'http://localhost:3000'\n";

const ACME: &str = r#"
[project]
[project.settings.lifetimes]
code = 30
[project.settings.protocol.scopes]
"orders:read" = "Read your orders"

[roles.clerk]
permissions = ["orders:read"]
[groups.shop]
roles = ["clerk"]
[organizations.north]
title = "North"

[clients.shop]
client_name = "Shop"
redirect_uris = ["https://shop.example/callback"]
scope = "openid orders:read"
token_endpoint_auth_method = "none"

[clients.worker]
grant_types = ["client_credentials"]
token_endpoint_auth_method = "client_secret_basic"

[[webhooks]]
url = "https://hooks.example/acme"
events = ["clients.*"]
"#;

pub(crate) fn home() -> Folder {
    let folder = Folder::new();
    folder.write("hallpass.toml", CONFIGURATION);
    std::fs::create_dir(folder.0.join("code")).unwrap();
    folder
}

pub(crate) fn run(folder: &Folder, arguments: &[&str]) -> Output {
    folder.run(&[&["--config", "hallpass.toml"], arguments].concat())
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn json_of(folder: &Folder, arguments: &[&str]) -> (i32, Value) {
    let output = run(folder, &[&["--json"], arguments].concat());
    let value = serde_json::from_slice(&output.stdout);
    (
        code(&output),
        value.unwrap_or_else(|_| panic!("{output:?}")),
    )
}

pub(crate) fn applied(folder: &Folder, arguments: &[&str]) -> Value {
    let (code, value) = json_of(folder, &[&["apply", "code"], arguments].concat());
    assert_eq!(code, 0, "{value}");
    value
}

/// The folder is refused with this, and nothing was changed by it.
pub(crate) fn refused(folder: &Folder, says: &str) {
    let output = run(folder, &["apply", "code"]);
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(code(&output), 1, "{output:?}");
    assert!(text.contains(says), "{says}: {text}");
}

pub(crate) fn changes(value: &Value) -> Vec<String> {
    let steps = value["changes"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    steps
        .map(|s| {
            format!(
                "{} {} {}",
                word(&s["action"]),
                word(&s["kind"]),
                word(&s["id"])
            )
        })
        .collect()
}

#[test]
fn a_folder_becomes_a_project_once() {
    let folder = home();
    folder.write("code/acme.toml", ACME);
    let output = run(&folder, &["plan", "code"]);
    assert_eq!(code(&output), 2, "{output:?}");
    let text = said(&output);
    for line in [
        "project acme\n",
        "  + project acme  (acme.toml:2)\n",
        "      issuer: \"http://localhost:3000/p/acme\"\n",
        "      lifetimes.code: 30\n",
        "      protocol.scopes.orders:read: \"Read your orders\"\n",
        "  + client shop  (acme.toml:15)\n",
        "7 to make, 0 to change, 0 to delete\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "colours are for terminals");
    let listed = folder.json(&["--config", "hallpass.toml", "--json", "issuer", "list"]);
    assert!(
        !listed.to_string().contains("acme"),
        "a plan changes nothing"
    );

    let done = applied(&folder, &[]);
    let expected = [
        "create project acme",
        "create role clerk",
        "create group shop",
        "create organization north",
        "create client shop",
        "create client worker",
        "create webhook https://hooks.example/acme",
    ];
    assert_eq!(changes(&done), expected);
    let secret = done["changes"][5]["client_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        done["changes"][6]["webhook_key"]
            .as_str()
            .unwrap()
            .starts_with("whsec_")
    );
    assert!(
        done["changes"][4]["client_secret"].is_null(),
        "it needs none"
    );

    let (again, value) = json_of(&folder, &["plan", "code"]);
    assert_eq!((again, changes(&value)), (0, Vec::new()), "{value}");
    assert_eq!(changes(&applied(&folder, &[])), Vec::<String>::new());
    assert_eq!(
        said(&run(&folder, &["plan", "code"])),
        "nothing would change\n"
    );

    // Every step left its line, by whom it was.
    let log = run(&folder, &["--issuer", "acme", "audit", "export"]);
    let log = said(&log);
    for action in [
        "roles.set",
        "groups.set",
        "organizations.set",
        "clients.create",
        "webhooks.create",
    ] {
        assert!(log.contains(&format!("\"{action}\"")), "{action}: {log}");
    }
    assert!(log.contains("\"command\""), "{log}");
    assert!(!log.contains(&secret), "{log}");
    let verified = folder.json(&[
        "--config",
        "hallpass.toml",
        "--json",
        "--issuer",
        "acme",
        "audit",
        "verify",
    ]);
    assert_eq!(verified["intact"], true);

    let mut command = folder.hallpass(&["--config", "hallpass.toml", "serve", "--json"]);
    let server = Serving::spawn(&mut command);
    let form = format!("grant_type=client_credentials&client_id=worker&client_secret={secret}");
    let answer = server.at("localhost:3000", "POST", "/p/acme/token", &form);
    assert_eq!(answer.status, 401, "by a method that it has not registered");
    let basic = |secret: &str| {
        use hallpass_jose::base64url::encode;
        let text = encode(format!("worker:{secret}"));
        let padding = "=".repeat(text.len().wrapping_neg() % 4);
        let head = format!(
            "POST /p/acme/token HTTP/1.1\r\nauthorization: Basic {}{padding}\r\ncontent-type: application/x-www-form-urlencoded\r\n",
            text.replace('-', "+").replace('_', "/")
        );
        server.send(&head, "grant_type=client_credentials").status
    };
    assert_eq!(basic(&secret), 200);
    assert_eq!(basic("another secret that is wrong"), 401);
    server.stop();
}

#[test]
fn a_difference_is_shown_and_nothing_else_is_touched() {
    let folder = home();
    folder.write("code/acme.toml", ACME);
    applied(&folder, &[]);
    let other = ACME
        .replace("\"Shop\"", "\"The shop\"")
        .replace("callback\"]", "callback\", \"https://shop.example/other\"]")
        .replace("code = 30", "code = 40")
        .replace(
            "scope = \"openid orders:read\"
",
            "",
        )
        .replace(
            "[\"clients.*\"]",
            "[\"clients.*\", \"users.*\"]\ndescription = \"d\"",
        );
    folder.write("code/acme.toml", &other);
    let output = run(&folder, &["plan", "code"]);
    let text = said(&output);
    for line in [
        "lifetimes.code: 30 → 40",
        "client_name: \"Shop\" → \"The shop\"",
        "        + \"https://shop.example/other\"",
        "0 to make, 3 to change, 0 to delete",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let kinds: Vec<String> = changes(&applied(&folder, &[]));
    assert_eq!(
        kinds,
        [
            "change project acme",
            "change client shop",
            "change webhook https://hooks.example/acme"
        ]
    );
    assert_eq!(json_of(&folder, &["plan", "code"]).0, 0);
}

// Whoever disables something in a hurry does not find it enabled by the next run.
#[test]
fn what_was_switched_off_elsewhere_stays_off_until_the_folder_says_otherwise() {
    let folder = home();
    folder.write("code/acme.toml", ACME);
    applied(&folder, &[]);
    folder.json(&[
        "--config",
        "hallpass.toml",
        "--json",
        "issuer",
        "disable",
        "acme",
    ]);
    folder.json(&[
        "--config",
        "hallpass.toml",
        "--json",
        "--issuer",
        "acme",
        "organization",
        "set",
        "north",
        "--name",
        "North",
        "--disable",
    ]);
    assert_eq!(json_of(&folder, &["plan", "code"]).0, 0);
    let on = ACME
        .replace("[project]\n", "[project]\ndisabled = false\n")
        .replace("title = \"North\"", "title = \"North\"\ndisabled = false");
    folder.write("code/acme.toml", &on);
    let done = applied(&folder, &[]);
    assert_eq!(
        changes(&done),
        ["change project acme", "change organization north"]
    );
    let off = on.replace("disabled = false", "disabled = true");
    folder.write(
        "code/acme.toml",
        &off.replace("[clients.shop]", "[clients.shop]\ndisabled = true"),
    );
    let done = applied(&folder, &[]);
    assert_eq!(
        changes(&done),
        [
            "change organization north",
            "change client shop",
            "change project acme"
        ],
        "the project goes off last"
    );
    assert_eq!(json_of(&folder, &["plan", "code"]).0, 0);
}

#[test]
fn nothing_is_deleted_unless_it_is_said_and_then_only_what_the_files_speak_of() {
    let folder = home();
    folder.write("code/acme.toml", ACME);
    folder.write(
        "code/other.toml",
        "[project]\n[clients.stays]\nredirect_uris = ['https://a.example/']\n",
    );
    applied(&folder, &[]);
    std::fs::remove_file(folder.0.join("code/other.toml")).unwrap();
    folder.write(
        "code/acme.toml",
        "[project]\n[clients]\n[roles]\n[groups]\n",
    );
    let (status, plan) = json_of(&folder, &["plan", "code"]);
    assert_eq!((status, changes(&plan)), (0, vec![]), "{plan}");
    assert_eq!(plan["not_in_folder"].as_array().unwrap().len(), 4, "{plan}");
    let text = said(&run(&folder, &["plan", "code"]));
    assert!(
        text.contains("not in the folder, and stays: client shop of project acme"),
        "{text}"
    );
    let (status, plan) = json_of(&folder, &["plan", "code", "--prune"]);
    let expected = [
        "delete client worker",
        "delete client shop",
        "delete group shop",
        "delete role clerk",
    ];
    assert_eq!(
        (status, changes(&plan)),
        (2, expected.map(str::to_owned).to_vec())
    );
    applied(&folder, &["--prune"]);
    let settings = folder.json(&[
        "--config",
        "hallpass.toml",
        "--json",
        "issuer",
        "show",
        "acme",
    ]);
    assert_eq!(
        settings["settings"]["lifetimes"]["code"], 30,
        "nothing was said of them"
    );
    let list = |what: &str, of: &str| {
        folder.json(&[
            "--config",
            "hallpass.toml",
            "--json",
            "--issuer",
            of,
            what,
            "list",
        ])
    };
    assert_eq!(list("client", "acme"), json!([]));
    assert_eq!(
        list("organization", "acme").as_array().unwrap().len(),
        1,
        "nobody spoke of them"
    );
    assert_eq!(
        list("client", "other").as_array().unwrap().len(),
        1,
        "projects are never pruned"
    );
}

#[test]
fn what_is_exported_and_applied_changes_nothing_and_holds_no_secret() {
    let folder = home();
    let more = "[clients.jar]\nredirect_uris = ['https://jar.example/']\ntoken_endpoint_auth_method = 'private_key_jwt'\n\
        [[clients.jar.jwks.keys]]\nkty = 'EC'\ncrv = 'P-256'\nx = 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU'\n\
        y = 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'\nuse = 'sig'\nalg = 'ES256'\nkid = 'k1'\n\
        [clients.off]\nredirect_uris = ['https://off.example/']\ndisabled = true\n\
        [clients.symmetric]\ntoken_endpoint_auth_method = 'client_secret_jwt'\nredirect_uris = ['https://s.example/']\n\
        [[webhooks]]\nurl = 'https://hooks.example/acme'\nevents = ['*']\nenabled = false\ndescription = 'two of one URL'\n";
    folder.write("code/acme.toml", &format!("{ACME}{more}"));
    folder.write(
        "code/default.json",
        "{\"clients\": {\"own \\u00fc\": {\"redirect_uris\": [\"https://own.example/\"]}}}",
    );
    refused(&folder, "the identifier of a client is");
    folder.write(
        "code/default.json",
        "{\"clients\": {\"own\": {\"redirect_uris\": [\"https://own.example/\"], \"client_name\": \"\\\"ü\\\"\"}}, \"roles\": {\"a/b\": {\"description\": \"d\"}}}",
    );
    let done = applied(&folder, &["--secrets", "secrets.toml"]);
    assert!(!done.to_string().contains("hpk_"), "they are in the file");
    let secrets = std::fs::read_to_string(folder.0.join("secrets.toml")).unwrap();
    assert_eq!(mode(&folder.0.join("secrets.toml")), 0o600);
    // One that registers itself is its own, and no operator's.
    let exported = run(&folder, &["export", "out"]);
    assert_eq!(said(&exported), "2 projects with 6 clients are in out\n");
    let (status, plan) = json_of(&folder, &["plan", "out", "--prune"]);
    assert_eq!((status, changes(&plan)), (0, vec![]), "{plan}");
    assert_eq!(plan["not_in_folder"], json!([]));
    assert_eq!(
        changes(&json_of(&folder, &["apply", "out", "--prune"]).1),
        Vec::<String>::new()
    );
    let secret_values: Vec<&str> = secrets
        .lines()
        .filter_map(|line| line.split(" = \"").nth(1))
        .collect();
    assert_eq!(secret_values.len(), 6, "{secrets}");
    for file in [
        "acme/clients.toml",
        "acme/webhooks.toml",
        "acme/project.toml",
        "acme/access.toml",
        "default/clients.toml",
    ] {
        let text = std::fs::read_to_string(folder.0.join("out").join(file)).unwrap();
        for secret in &secret_values {
            assert!(!text.contains(secret.trim_end_matches('"')), "{file}");
        }
        assert!(
            !text.contains("secret_sealed") && !text.contains("whsec_"),
            "{text}"
        );
    }
    assert!(
        !folder.0.join("out/default/project.toml").exists(),
        "it stands in the configuration"
    );
    // It is not written over by accident.
    let again = run(&folder, &["export", "out"]);
    assert_eq!(code(&again), 1);
    assert!(
        run(&folder, &["export", "out", "--replace"])
            .status
            .success()
    );

    // Elsewhere it makes the same.
    let other = home();
    let mut copy = std::process::Command::new("cp");
    copy.arg("-r").arg(folder.0.join("out"));
    let copied = copy.arg(other.0.join("in")).status();
    assert!(copied.unwrap().success());
    let (status, _) = json_of(&other, &["apply", "in", "--secrets", "secrets.toml"]);
    assert_eq!(status, 0);
    let (status, plan) = json_of(&other, &["plan", "in"]);
    assert_eq!(status, 0, "{plan}");
    assert!(run(&other, &["export", "out"]).status.success());
    for file in [
        "acme/clients.toml",
        "acme/project.toml",
        "acme/access.toml",
        "default/clients.toml",
    ] {
        let read =
            |folder: &Folder| std::fs::read_to_string(folder.0.join("out").join(file)).unwrap();
        assert_eq!(read(&folder), read(&other), "{file}");
    }
}

#[test]
fn secrets_are_kept_beside_the_folder_and_given_again() {
    let folder = home();
    let text = "[clients.worker]\ngrant_types = ['client_credentials']\n";
    folder.write("code/default.toml", text);
    applied(&folder, &["--secrets", "secrets.toml"]);
    let kept = std::fs::read_to_string(folder.0.join("secrets.toml")).unwrap();
    assert!(
        kept.contains("[clients.\"default\"]\n\"worker\" = \"hpk_"),
        "{kept}"
    );
    let own = "clients.default.worker = \"one that was agreed upon\"\n";
    folder.write("secrets.toml", own);
    let (status, plan) = json_of(&folder, &["plan", "code", "--secrets", "secrets.toml"]);
    assert_eq!(status, 2);
    assert!(!plan.to_string().contains("agreed"), "{plan}");
    assert_eq!(plan["changes"][0]["members"][0]["name"], "client_secret");
    assert_eq!(
        json_of(&folder, &["plan", "code"]).0,
        0,
        "who says nothing of secrets changes none"
    );
    applied(&folder, &["--secrets", "secrets.toml"]);
    assert_eq!(
        json_of(&folder, &["plan", "code", "--secrets", "secrets.toml"]).0,
        0
    );
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    assert_eq!(
        server.client_credentials("worker", "one%20that").status,
        401
    );
    assert_eq!(
        server
            .client_credentials("worker", "one+that+was+agreed+upon")
            .status,
        200
    );
    server.stop();
    for (text, says) in [
        (
            "clients.default.worker = \"short\"\n",
            "secrets.toml:1: the secret is 16 to 512",
        ),
        (
            "clients.default = 5\n",
            "secrets.toml:1: is not of the form",
        ),
        (
            "[clientz]\n",
            "secrets.toml:1: there are clients, providers and webhooks alone",
        ),
        (
            "clients.default.worker = \"one that was agreed upon\n",
            "secrets.toml:1: is no TOML",
        ),
    ] {
        folder.write("secrets.toml", text);
        let output = run(&folder, &["apply", "code", "--secrets", "secrets.toml"]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(says) && !error.contains("agreed"), "{error}");
    }
    folder.write("secrets.toml", own);
    let path = folder.0.join("secrets.toml");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&path, open).unwrap();
    let output = run(&folder, &["apply", "code", "--secrets", "secrets.toml"]);
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("chmod 600")
    );
}

#[test]
fn a_secret_that_was_written_down_before_its_client_was_made_is_used() {
    let folder = home();
    folder.write(
        "code/default.toml",
        "[clients.worker]\ngrant_types = ['client_credentials']\n",
    );
    // As after an end between the two.
    folder.write_own(
        "secrets.toml",
        "clients.default.worker = \"hpk_written_down_before\"\n",
    );
    let done = applied(&folder, &["--secrets", "secrets.toml"]);
    assert_eq!(changes(&done), ["create client worker"]);
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    assert_eq!(
        server
            .client_credentials("worker", "hpk_written_down_before")
            .status,
        200
    );
    server.stop();
}

#[test]
fn everything_that_is_wrong_is_said_with_its_place_before_anything_changes() {
    let folder = home();
    let text = "[project]\n[project.settings.lifetimes]\ncode = 9999\n";
    folder.write("code/acme.toml", text);
    refused(&folder, "code/acme.toml:1: settings: ");
    folder.write(
        "code/acme.toml",
        "[project]\n[roles.ok]\n[groups.g]\nroles = ['nobody']\n[clients.a]\nredirect_uris = ['https://x.example/#f']\n\
         [clients.b]\nredirect_uri = ['https://x.example/']\n[[webhooks]]\nurl = 'http://inside/'\nevents = ['*']\n",
    );
    let output = run(&folder, &["--json", "plan", "code"]);
    assert_eq!(code(&output), 1);
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    let places: Vec<&str> = error["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["place"].as_str().unwrap())
        .collect();
    assert_eq!(
        places,
        ["acme.toml:3", "acme.toml:5", "acme.toml:7", "acme.toml:9"],
        "{error}"
    );
    assert!(
        !folder
            .json(&["--config", "hallpass.toml", "--json", "issuer", "list"])
            .to_string()
            .contains("acme")
    );
    for (text, says) in [
        (
            "[clients.a]\nredirect_uris = ['https://a.example/']\n",
            "there is no project acme",
        ),
        (
            "[project]\nissuer = 'https://login.example/?q'\n",
            "acme.toml:1: issuer",
        ),
        (
            "[project]\nsettings.server.listen = 'x'\n",
            "acme.toml:1: settings: server",
        ),
        (
            "[project]\nsettings.pages.logo_file = '/etc/passwd'\n",
            "names a file",
        ),
        (
            "[clients.a]\nclient_secret = 'a secret in the folder'\n",
            "acme.toml:2: clients.\"a\": client_secret does not belong",
        ),
    ] {
        folder.write("code/acme.toml", text);
        refused(&folder, says);
    }
    folder.write("code/acme.toml", "[project]\n");
    folder.write("code/Acme!.toml", "[project]\n");
    refused(&folder, "a name has 1 to 63 of");
    std::fs::remove_file(folder.0.join("code/Acme!.toml")).unwrap();
    folder.write("code/default.toml", "[project]\n");
    refused(&folder, "the project of the configuration is changed there");
    std::fs::remove_file(folder.0.join("code/default.toml")).unwrap();
    assert_eq!(changes(&applied(&folder, &[])), ["create project acme"]);
    folder.write(
        "code/acme.toml",
        "[project]\nissuer = 'http://localhost:3000/p/elsewhere'\n",
    );
    refused(&folder, "and never changes");
}

#[test]
fn clients_of_others_are_not_the_folders() {
    let folder = home();
    let text = format!(
        "{CONFIGURATION}registration.enabled = true\ndanger.open_registration = true\n[[clients]]\nclient_id = 'fixed'\nredirect_uris = ['https://f.example/']\ntoken_endpoint_auth_method = 'none'\n"
    );
    folder.write("hallpass.toml", &text);
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let answer = server.post(
        "/register",
        "content-type: application/json\r\n",
        "{\"redirect_uris\":[\"https://r.example/\"]}",
    );
    assert_eq!(answer.status, 201, "{}", answer.body);
    let registered = answer.json()["client_id"].as_str().unwrap().to_owned();
    folder.write("code/default.toml", "[clients]\n");
    let (status, plan) = json_of(&folder, &["plan", "code", "--prune"]);
    assert_eq!((status, &plan["changes"]), (0, &json!([])));
    folder.write(
        "code/default.toml",
        "[clients.fixed]\nredirect_uris = ['https://f.example/']\n",
    );
    refused(&folder, "stands in the configuration");
    folder.write(
        "code/default.toml",
        &format!("[clients.{registered}]\nredirect_uris = ['https://evil.example/']\n"),
    );
    refused(&folder, "has registered itself");
    server.stop();
}

#[test]
fn a_folder_leads_nowhere_else() {
    use std::os::unix::fs::symlink;
    let folder = home();
    folder.write(
        "outside.toml",
        "[clients.evil]\nredirect_uris = ['https://evil.example/']\n",
    );
    let link = folder.0.join("code/default.toml");
    symlink("../outside.toml", &link).unwrap();
    refused(&folder, "default.toml: is a symbolic link");
    std::fs::remove_file(&link).unwrap();
    // A folder by another name is nobody's project.
    std::fs::create_dir(folder.0.join("elsewhere")).unwrap();
    folder.write(
        "elsewhere/clients.toml",
        "[clients.evil]\nredirect_uris = ['https://evil.example/']\n",
    );
    symlink("../elsewhere", folder.0.join("code/default")).unwrap();
    folder.write("code/README.md", "about this");
    folder.write("code/.hidden.toml", "[");
    refused(&folder, "there is no file of a project");
    folder.write("code/acme.toml", "[project]\n");
    let (_, plan) = json_of(&folder, &["plan", "code"]);
    assert_eq!(plan["passed_over"], json!(["README.md", "default"]));
    assert_eq!(changes(&plan), ["create project acme"]);
    // What is written goes nowhere else, either.
    std::fs::create_dir(folder.0.join("out")).unwrap();
    symlink("../elsewhere", folder.0.join("out/default")).unwrap();
    let output = run(&folder, &["export", "out", "--replace"]);
    assert_eq!(code(&output), 1);
    assert!(!folder.0.join("elsewhere/access.toml").exists());
    std::fs::remove_file(folder.0.join("out/default")).unwrap();
    std::fs::create_dir(folder.0.join("out/default")).unwrap();
    symlink(
        "../../outside.toml",
        folder.0.join("out/default/clients.toml"),
    )
    .unwrap();
    let output = run(&folder, &["export", "out", "--replace"]);
    assert_eq!(code(&output), 1);
    let outside = std::fs::read_to_string(folder.0.join("outside.toml")).unwrap();
    assert!(outside.contains("evil"), "{outside}");
}

#[test]
fn a_file_that_is_none_or_too_large_is_refused_at_once() {
    let folder = home();
    let made = std::process::Command::new("mkfifo")
        .arg(folder.0.join("code/default.toml"))
        .status();
    assert!(made.unwrap().success());
    refused(&folder, "default.toml: is no file");
    std::fs::remove_file(folder.0.join("code/default.toml")).unwrap();
    folder.write("code/default.toml", &"#".repeat((4 << 20) + 1));
    refused(&folder, "default.toml: is larger than 4 MiB");
    std::fs::write(folder.0.join("code/default.toml"), b"a = '\xff'").unwrap();
    refused(&folder, "default.toml: is not in UTF-8");
    folder.write("code/default.toml", &format!("a = {}", "[".repeat(100_000)));
    refused(&folder, "default.toml:1: ");
    std::fs::remove_file(folder.0.join("code/default.toml")).unwrap();
    folder.write("code/default.json", &"{\"a\":".repeat(100_000));
    refused(&folder, "default.json:1: ");
}

#[test]
fn an_end_in_the_middle_leaves_the_rest_to_the_next_run() {
    let folder = home();
    let clients: String = (0..40)
        .map(|n| format!("[clients.c{n:02}]\nredirect_uris = ['https://a.example/{n}']\n"))
        .collect();
    folder.write("code/acme.toml", &format!("{ACME}{clients}"));
    let mut command = folder.hallpass(&[
        "--config",
        "hallpass.toml",
        "apply",
        "code",
        "--secrets",
        "secrets.toml",
    ]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    for _ in 0..8 {
        std::io::BufRead::read_line(&mut told, &mut line).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let (status, plan) = json_of(&folder, &["plan", "code", "--secrets", "secrets.toml"]);
    let left = changes(&plan).len();
    assert!(status == 2 && left > 0 && left <= 39, "{left}");
    let done = applied(&folder, &["--secrets", "secrets.toml"]);
    assert_eq!(changes(&done).len(), left);
    assert_eq!(
        json_of(&folder, &["plan", "code", "--secrets", "secrets.toml"]).0,
        0
    );
    let verified = folder.json(&[
        "--config",
        "hallpass.toml",
        "--json",
        "--issuer",
        "acme",
        "audit",
        "verify",
    ]);
    assert_eq!(
        (&verified["intact"], &verified["lines"]),
        (&json!(true), &json!(46))
    );
}

#[test]
fn one_project_of_a_folder_can_be_meant() {
    let folder = home();
    folder.write("code/acme.toml", "[project]\n");
    folder.write("code/other.toml", "[project]\n");
    let (_, plan) = json_of(&folder, &["--issuer", "acme", "plan", "code"]);
    assert_eq!(changes(&plan), ["create project acme"]);
    let output = run(&folder, &["--issuer", "nobody", "plan", "code"]);
    assert_eq!(
        code(&output),
        1,
        "and not 2, which says that something would change"
    );
}
