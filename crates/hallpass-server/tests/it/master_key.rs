//! The master key is replaced beside a running server, and whenever that is interrupted.

use std::time::{Duration, Instant};

use hallpass_jose::base64url;

use crate::backups::{is_active, post_token, posting_client};
use crate::process::{Folder, Serving, mode};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_new_master_key_changes_nothing_for_a_server_that_runs_or_starts_and_the_old_one_opens_nothing()
{
    let folder = Folder::new();
    let client = posting_client(&folder);
    let data = folder.0.join("hallpass-data");
    let old = std::fs::read_to_string(data.join("master.key")).unwrap();
    let server = Serving::start(&folder, &[]);
    let before = post_token(&server, &client);
    let output = folder.run(&["key", "rotate-master"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let new = std::fs::read_to_string(data.join("master.key")).unwrap();
    assert_ne!(new, old);
    assert_eq!(
        std::fs::read_to_string(data.join("master.key.previous")).unwrap(),
        old
    );
    for name in ["master.key", "master.key.previous"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    assert!(!data.join("master.key.next").exists());
    assert!(is_active(&server, &client, &before));
    let during = post_token(&server, &client);
    drop(server.stop());
    let server = Serving::start(&folder, &[]);
    for token in [&before, &during] {
        assert!(is_active(&server, &client, token), "sealed tokens survive");
    }
    post_token(&server, &client);
    drop(server.stop());
    std::fs::remove_file(data.join("master.key.previous")).unwrap();
    let output = folder
        .hallpass(&["key", "list"])
        .env("HALLPASS__KEYS__MASTER_KEY", old.trim())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("sealed under master key"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_key_of_the_configuration_is_replaced_with_the_old_one_beside_it() {
    let folder = Folder::new();
    let keys = [base64url::encode([1; 32]), base64url::encode([2; 32])];
    let run = |arguments: &[&str], current: usize, previous: Option<usize>| {
        let mut command = folder.hallpass(arguments);
        command.env("HALLPASS__KEYS__MASTER_KEY", &keys[current]);
        if let Some(previous) = previous {
            command.env("HALLPASS__KEYS__MASTER_KEY_PREVIOUS", &keys[previous]);
        }
        command.output().unwrap()
    };
    let ok = |arguments: &[&str], current, previous| {
        let output = run(arguments, current, previous);
        assert!(output.status.success(), "{}", stderr(&output));
    };
    ok(&["key", "list"], 0, None);
    let output = run(&["key", "rotate-master"], 0, None);
    assert!(
        stderr(&output).contains("keys.master_key_previous"),
        "{}",
        stderr(&output)
    );
    assert_eq!(run(&["key", "list"], 1, None).status.code(), Some(1));
    // Nodes with both, and nodes that have not heard of it yet.
    ok(&["key", "list"], 1, Some(0));
    ok(&["key", "list"], 0, None);
    ok(&["key", "list"], 1, None);
    ok(&["key", "rotate-master"], 1, Some(0));
    ok(&["key", "list"], 1, None);
    assert_eq!(run(&["key", "list"], 0, None).status.code(), Some(1));
    assert!(!folder.0.join("hallpass-data/master.key").exists());
}

#[test]
fn whenever_the_replacement_is_killed_the_key_in_place_opens_everything() {
    let folder = Folder::new();
    let client = posting_client(&folder);
    let data = folder.0.join("hallpass-data");
    let first = std::fs::read_to_string(data.join("master.key")).unwrap();
    let began = Instant::now();
    assert!(folder.run(&["key", "rotate-master"]).status.success());
    let whole = began.elapsed();
    for round in 0..24_u32 {
        let mut child = folder
            .hallpass(&["key", "rotate-master"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + whole.mul_f64(f64::from(round) / 22.0);
        while Instant::now() < end {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let output = folder.run(&["key", "list"]);
        assert!(
            output.status.success(),
            "round {round}: {}",
            stderr(&output)
        );
    }
    assert!(whole < Duration::from_secs(60));
    let output = folder.run(&["key", "rotate-master"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!data.join("master.key.next").exists());
    assert_ne!(
        std::fs::read_to_string(data.join("master.key")).unwrap(),
        first
    );
    let output = folder.run(&["doctor"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let server = Serving::start(&folder, &[]);
    post_token(&server, &client);
}

// An issuer that nobody had asked for until then, and one that is made afterwards.
#[test]
fn issuers_that_are_loaded_after_the_replacement_are_there_and_under_the_new_key() {
    let folder = Folder::new();
    folder.write("hallpass.toml", "protocol.signing_algs = ['ES256']\n");
    let with = |arguments: &[&str], issuer: &str| {
        let arguments = [&["--config", "hallpass.toml", "--json"], arguments].concat();
        let mut command = folder.hallpass(&arguments);
        let output = command
            .env("HALLPASS__SERVER__ISSUER", issuer)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
    };
    let server = Serving::start(&folder, &["--config", "hallpass.toml"]);
    let issuer = server.said["issuer"].as_str().unwrap().to_owned();
    with(&["issuer", "create", "before"], &issuer);
    // It gets its keys, under the first master key.
    with(&["--issuer", "before", "key", "list"], &issuer);
    with(&["key", "rotate-master"], &issuer);
    with(&["issuer", "create", "after"], &issuer);
    let there = |path: &str| {
        let began = Instant::now();
        loop {
            let answer = server.get(path);
            if answer.status == 200 {
                return;
            }
            let text = format!("{path}: {} {}", answer.status, answer.body);
            assert!(began.elapsed() < Duration::from_secs(10), "{text}");
            std::thread::yield_now();
        }
    };
    there("/p/before/jwks");
    there("/p/after/jwks");
    drop(server.stop());
    let data = folder.0.join("hallpass-data");
    std::fs::remove_file(data.join("master.key.previous")).unwrap();
    for name in ["before", "after"] {
        with(&["--issuer", name, "key", "list"], &issuer);
    }
}
