//! Commands about what people sign in with, and accounts from elsewhere.

use serde_json::{Value, json};

use crate::process::Folder;

const HASH: &str = "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.";

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn accounts_of_another_system_are_imported_once_and_all_or_none_of_a_bad_file() {
    let folder = Folder::new();
    let ada = json!({"username": "ada", "password_hash": HASH,
        "claims": {"email": "ada@a.test", "email_verified": true}});
    let bob = json!({"username": "bob", "disabled": true, "must_change": true});
    folder.write("good.jsonl", &format!("{ada}\n{bob}\n"));
    let hostile = json!({"username": "eve", "password_hash": HASH.replace("$05$", "$31$")});
    folder.write("bad.jsonl", &format!("{ada}\n{hostile}\n"));
    let output = folder.run(&["user", "import", "bad.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("line 2: password_hash"),
        "{}",
        stderr(&output)
    );
    assert!(!stderr(&output).contains("$31$"));
    let tried = folder.json(&["user", "import", "good.jsonl", "--dry-run", "--json"]);
    assert_eq!(tried, json!({"would_import": 2, "already_there": 0}));
    assert_eq!(folder.json(&["user", "list", "--json"]), json!([]));
    let told = folder.json(&["user", "import", "good.jsonl", "--json"]);
    assert_eq!(told, json!({"imported": 2, "already_there": 0}));
    let told = folder.json(&["user", "import", "good.jsonl", "--json"]);
    assert_eq!(told, json!({"imported": 0, "already_there": 2}));
    let tried = folder.json(&["user", "import", "good.jsonl", "--dry-run", "--json"]);
    assert_eq!(tried, json!({"would_import": 0, "already_there": 2}));
    folder.write(
        "more.csv",
        &format!("username,password_hash,name\ncarol,{HASH},\"Carol, C.\"\n"),
    );
    let told = folder.json(&["user", "import", "more.csv", "--json"]);
    assert_eq!(told["imported"], 1);
    let users = folder.json(&["user", "list", "--json"]);
    let carol = users
        .as_array()
        .unwrap()
        .iter()
        .find(|u| u["username"] == "carol");
    assert_eq!(carol.unwrap()["claims"]["name"], "Carol, C.");
    let held = folder.json(&["user", "credential", "list", "ada", "--json"]);
    let kinds: Vec<&Value> = held
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["kind"])
        .collect();
    assert_eq!(kinds, ["password", "email"]);
    assert!(!held.to_string().contains("$2b$"), "no hash is told");
}

/// Whom clients know by a `sub`, they go on to know by it; nobody becomes somebody else who is here.
#[test]
fn people_keep_the_subject_that_they_had() {
    let folder = Folder::new();
    let line = |username: &str, subject: &str| {
        json!({"username": username, "subject": subject}).to_string()
    };
    let write = |lines: &[String]| drop(folder.write("people.jsonl", &lines.join("\n")));
    let import = ["import", "users", "people.jsonl", "--json"];
    write(&[line("ada", "23121d3c"), line("bob", "legacy|7")]);
    assert_eq!(
        folder.json(&import),
        json!({"imported": 2, "already_there": 0})
    );
    let subjects = || {
        let users = folder.json(&["user", "list", "--json"]);
        let all = users.as_array().unwrap().clone();
        let pairs = all
            .iter()
            .map(|user| format!("{} {}", user["username"], user["subject"]));
        pairs.collect::<Vec<_>>()
    };
    let before = subjects();
    assert!(
        before.contains(&"\"ada\" \"23121d3c\"".to_owned()),
        "{before:?}"
    );
    // Another name for somebody who is there, and another person with a name that is there.
    write(&[
        line("eve", "23121d3c"),
        line("ada", "other"),
        line("carol", "c-1"),
    ]);
    let output = folder.run(&import);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["imported"], &told["already_there"]),
        (&json!(1), &json!(1)),
        "{told}"
    );
    assert_eq!(told["refused"][0]["line"], 2, "{told}");
    assert!(stderr(&output).contains("line 2: the name belongs to another account"));
    let after = subjects();
    assert!(
        before.iter().all(|known| after.contains(known)),
        "{after:?}"
    );
    // R9.9: nobody's token is taken for a client's.
    write(&[line("mallory", "client:robot")]);
    let output = folder.run(&import);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("line 1: subject"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn an_operator_looks_after_credentials_sessions_and_links() {
    let folder = Folder::new();
    let make = [
        "user",
        "create",
        "alice",
        "--claim",
        "email=a@a.test",
        "--must-change",
        "--json",
    ];
    assert!(
        folder
            .run_with(&make, "correct horse battery\n")
            .status
            .success()
    );
    let held = folder.json(&["user", "credential", "list", "alice", "--json"]);
    assert_eq!(held[0]["must_change"], true);
    let set = [
        "user",
        "set-password",
        "alice",
        "--generate",
        "--must-change",
        "--json",
    ];
    assert!(folder.run(&set).status.success());
    let held = folder.json(&["user", "credential", "list", "alice", "--json"]);
    assert_eq!(held[0]["must_change"], true);
    for (arguments, says) in [
        (
            &["user", "credential", "remove", "alice", "x"][..],
            "no credential's id",
        ),
        (
            &[
                "user",
                "credential",
                "remove",
                "alice",
                "AAAAAAAAAAAAAAAAAAAAAA",
            ],
            "has no credential",
        ),
        (
            &["user", "credential", "list", "nobody"],
            "there is no user",
        ),
        (&["user", "sessions", "nobody"], "there is no user"),
        (&["user", "invite", "b@b.test", "--print"], "sign_up.mode"),
    ] {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
    assert_eq!(
        folder.json(&["user", "sessions", "alice", "--json"]),
        json!([])
    );
    assert!(
        folder
            .run(&["user", "end-sessions", "alice"])
            .status
            .success()
    );
    let link = folder.json(&["user", "link", "alice", "--json"]);
    assert!(
        link["link"].as_str().unwrap().contains("/link?token="),
        "{link}"
    );
    folder.write("open.toml", "sign_up.mode = 'invitation'");
    let invite = [
        "--config",
        "open.toml",
        "user",
        "invite",
        "b@b.test",
        "--print",
        "--json",
    ];
    let told = folder.json(&invite);
    assert!(
        told["link"].as_str().unwrap().contains("/link?token="),
        "{told}"
    );
    let log = std::fs::read_to_string(folder.0.join("hallpass-data/audit.log")).unwrap();
    for action in ["change_demanded", "sessions_ended", "link_made"] {
        assert!(log.contains(action), "{action}");
    }
    let secret = link["link"]
        .as_str()
        .unwrap()
        .split("token=")
        .nth(1)
        .unwrap();
    assert!(!log.contains(secret), "no link in the log");
}

#[test]
fn config_check_says_how_people_sign_in() {
    let folder = Folder::new();
    folder.write(
        "keys.toml",
        "sign_in.methods = ['passkey']\nsign_in.second_factor = 'required'",
    );
    let told = folder.json(&["--config", "keys.toml", "config", "check", "--json"]);
    let said = told["sign_in"].as_str().unwrap();
    assert!(said.starts_with("people sign in by passkey; "), "{said}");
}
