//! What commands leave behind for whoever asks later who did it.

use serde_json::Value;

use crate::process::Folder;

#[test]
fn every_change_by_command_leaves_a_line_that_names_who_and_what() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(folder.0.join("hallpass-data/audit.log"));
        let text = text.unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    assert!(folder.run(&["migrate"]).status.success());
    let migrated = lines().len();
    assert!(migrated > 0 && lines().iter().all(|line| line["action"] == "migrated"));
    let user = ["user", "create", "alice", "--generate", "--json"];
    let alice: Value = serde_json::from_slice(&folder.run(&user).stdout).unwrap();
    folder.run(&["user", "disable", "alice"]);
    folder.run(&["user", "enable", "alice"]);
    folder.run_with(&["user", "set-password", "alice"], "correct horse zq\n");
    let client = [
        "client",
        "create",
        "--redirect-uri",
        "https://rp.test/cb",
        "--json",
    ];
    let client: Value = serde_json::from_slice(&folder.run(&client).stdout).unwrap();
    let id = client["client_id"].as_str().unwrap();
    assert!(folder.run(&["client", "delete", id]).status.success());
    assert!(folder.run(&["key", "rotate", "--now"]).status.success());
    let token = folder.json(&["registration-token", "create", "--json"]);
    folder.run(&[
        "registration-token",
        "revoke",
        token["id"].as_str().unwrap(),
    ]);
    // What only looks, or fails, leaves none.
    let before = lines().len();
    folder.run(&["user", "list"]);
    folder.run(&["client", "delete", id]);
    folder.run(&["user", "create", "ALICE", "--generate"]);
    assert_eq!(lines().len(), before);
    let told: Vec<String> = lines()
        .iter()
        .skip(migrated)
        .map(|line| {
            assert_eq!(line["actor.kind"], "command line");
            assert!(!line["actor.user"].as_str().unwrap().is_empty());
            assert!(line["timestamp"].is_string() && line["level"] == "INFO");
            let of = [
                "account.id",
                "client.id",
                "key.alg",
                "registration_token.id",
            ];
            let of = of.iter().find_map(|name| line[*name].as_str()).unwrap();
            format!("{} {of}", line["action"].as_str().unwrap())
        })
        .collect();
    let subject = alice["subject"].as_str().unwrap();
    for action in ["created", "disabled", "enabled", "password_set"] {
        assert!(told.contains(&format!("{action} {subject}")), "{told:?}");
    }
    assert!(told.contains(&format!("created {id}")), "{told:?}");
    assert!(told.contains(&format!("deleted {id}")), "{told:?}");
    assert!(told.contains(&"rotated ES256".to_owned()), "{told:?}");
    assert_eq!(
        told.iter()
            .filter(|line| line.starts_with("revoked "))
            .count(),
        1
    );
    let path = folder.0.join("hallpass-data/audit.log");
    let text = std::fs::read_to_string(&path).unwrap();
    let secrets = [
        &alice["password"],
        &client["client_secret"],
        &token["token"],
    ];
    for secret in secrets.iter().filter_map(|secret| secret.as_str()) {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!text.contains("correct horse zq"));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

// AD-08
#[test]
fn what_a_command_changes_stands_in_the_log_of_its_project_in_the_same_commit() {
    let folder = Folder::new();
    let made = folder.run(&["issuer", "create", "acme"]);
    assert!(made.status.success(), "{made:?}");
    let create = |more: &[&str]| {
        let client = ["client", "create", "--id", "shop"];
        let uri = ["--redirect-uri", "https://rp.test/cb"];
        folder.run(&[more, &client, &uri].concat())
    };
    let acme = ["--issuer", "acme"];
    assert!(create(&acme).status.success());
    // What is refused, or there already, leaves none.
    let again = create(&acme);
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("there is a client shop already"), "{said}");
    let unknown = folder.run(&["client", "create", "--metadata", "{\"colour\": 1}"]);
    assert!(!unknown.status.success());
    for command in [
        &["key", "rotate", "--now"][..],
        &["client", "delete", "shop"],
    ] {
        let done = folder.run(&[&acme, command].concat());
        assert!(done.status.success(), "{done:?}");
    }
    let actions = |of: &[&str]| -> Vec<String> {
        let log = folder.run(&[of, &["audit", "export"]].concat());
        let log = String::from_utf8(log.stdout).unwrap();
        let lines = log.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["actor_kind"], "command", "{line}");
            line["action"].as_str().unwrap().to_owned()
        });
        lines.collect()
    };
    assert_eq!(
        actions(&acme),
        ["clients.create", "keys.rotate", "clients.delete"]
    );
    let home = actions(&[]);
    assert!(
        home.iter().all(|action| !action.starts_with("clients.")),
        "{home:?}"
    );
    let verified = folder.json(&[&acme[..], &["audit", "verify", "--json"]].concat());
    assert_eq!(verified["intact"], true);
}
