//! Backups that are made beside a running server, and what is left of the time after them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use hallpass_jose::base64url;
use hallpass_provider::secrets::{MasterKey, Secrets};
use hallpass_store::{
    Commit, Committed, CredentialData, CredentialRecord, RecoveryCodes, Spend, Store,
};
use hallpass_store_sqlite::SqliteStore;
use hallpass_types::{ContentDigest, CredentialId, IssuerId, Timestamp};
use serde_json::Value;

use crate::process::{Folder, Serving, mode};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A client that acts for itself, and its secret.
pub(crate) fn client(folder: &Folder) -> (String, String) {
    let made = folder.json(&[
        "client",
        "create",
        "--id",
        "worker",
        "--grant-type",
        "client_credentials",
        "--json",
    ]);
    let secret = made["client_secret"].as_str().unwrap().to_owned();
    ("worker".to_owned(), secret)
}

fn call(server: &Serving, path: &str, (id, secret): &(String, String), token: &str) -> Value {
    let head = "content-type: application/x-www-form-urlencoded\r\naccept: application/json\r\n";
    let body = format!("client_id={id}&client_secret={secret}&token={token}");
    let answer = server.post(path, head, &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_default()
}

pub(crate) fn is_active(server: &Serving, client: &(String, String), token: &str) -> bool {
    call(server, "/introspect", client, token)["active"] == true
}

fn revoke(server: &Serving, client: &(String, String), token: &str) {
    call(server, "/revoke", client, token);
}

/// A client that says who it is in the body.
pub(crate) fn posting_client(folder: &Folder) -> (String, String) {
    let made = folder.json(&[
        "client",
        "create",
        "--id",
        "worker",
        "--grant-type",
        "client_credentials",
        "--auth-method",
        "client_secret_post",
        "--json",
    ]);
    let secret = made["client_secret"].as_str().unwrap().to_owned();
    ("worker".to_owned(), secret)
}

pub(crate) fn post_token(server: &Serving, (id, secret): &(String, String)) -> String {
    let head = "content-type: application/x-www-form-urlencoded\r\n";
    let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let answer = server.post("/token", head, &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

// F13: consistent, at a moment not before the command, under load
#[test]
fn a_backup_under_load_is_whole_private_and_restores() {
    let folder = Folder::new();
    let client = posting_client(&folder);
    let server = Serving::start(&folder, &[]);
    let (stop, revoked) = (AtomicBool::new(false), AtomicU32::new(0));
    let before = post_token(&server, &client);
    revoke(&server, &client, &before);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let token = post_token(&server, &client);
                    revoke(&server, &client, &token);
                    revoked.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for number in 0..5 {
            let so_far = revoked.load(Ordering::SeqCst);
            while revoked.load(Ordering::SeqCst) < so_far + 3 {
                std::thread::yield_now();
            }
            let name = format!("backup-{number}");
            let output = folder.run(&["backup", &name]);
            assert!(output.status.success(), "{}", stderr(&output));
            let file = folder.0.join(&name);
            assert_eq!(mode(&file), 0o600);
            let found = SqliteStore::inspect(&file).unwrap();
            assert!(found.problems.is_empty(), "{:?}", found.problems);
        }
        stop.store(true, Ordering::SeqCst);
    });
    let again = folder.run(&["backup", "backup-0"]);
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten");
    let refused = folder.run(&["restore", "backup-4"]);
    assert!(
        stderr(&refused).contains("in use by another server"),
        "{}",
        stderr(&refused)
    );
    drop(server.stop());
    let output = folder.run(&["restore", "backup-4"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let server = Serving::start(&folder, &[]);
    assert!(
        !is_active(&server, &client, &before),
        "revoked before the backup"
    );
    post_token(&server, &client);
    let left: Vec<_> = std::fs::read_dir(folder.0.join("hallpass-data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("restor") || name.contains("unfinished"))
        .collect();
    assert!(
        left.len() == 1 && left[0].starts_with("hallpass.sqlite.before-restore-"),
        "{left:?}"
    );
}

// F14, I3
#[test]
fn what_was_revoked_after_the_backup_stays_dead_when_it_is_restored_with_after() {
    let folder = Folder::new();
    let client = posting_client(&folder);
    let server = Serving::start(&folder, &[]);
    let (revoked, kept) = (post_token(&server, &client), post_token(&server, &client));
    assert!(folder.run(&["backup", "old"]).status.success());
    revoke(&server, &client, &revoked);
    assert!(!is_active(&server, &client, &revoked));
    drop(server.stop());
    // As it was: the revocation is forgotten, and the command says so.
    let output = folder.run(&["restore", "old"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("WARNING") && said.contains("hallpass invalidate"),
        "{said}"
    );
    let server = Serving::start(&folder, &[]);
    assert!(is_active(&server, &client, &revoked), "this is the danger");
    let refused = folder.run(&["invalidate"]);
    assert!(stderr(&refused).contains("in use by another server"));
    drop(server.stop());
    for arguments in [&["restore", "old", "--after"][..], &["invalidate"]] {
        let output = folder.run(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        let server = Serving::start(&folder, &[]);
        for token in [&revoked, &kept] {
            assert!(!is_active(&server, &client, token), "{arguments:?}");
        }
        let fresh = post_token(&server, &client);
        assert!(is_active(&server, &client, &fresh));
        drop(server.stop());
    }
}

/// What the database says of a person.
async fn person(folder: &Folder, name: &str) -> hallpass_store::UserRecord {
    let path = folder.0.join("hallpass-data/hallpass.sqlite");
    let store = SqliteStore::open(path, hallpass_store_sqlite::Options::default()).unwrap();
    let found = Store::user_by_name(&store, IssuerId(1), name).await;
    found.unwrap().unwrap()
}

// F14, I3: what was taken from somebody after the backup
#[tokio::test]
async fn whoever_lost_something_after_the_backup_does_not_get_it_back() {
    let folder = Folder::new();
    let leaked = posting_client(&folder);
    for name in ["ada", "bob", "dora"] {
        let made = folder.run_with(&["user", "create", name], "correct horse zq\n");
        assert!(made.status.success(), "{}", stderr(&made));
    }
    for arguments in [
        &["operator", "set", "name:bob"][..],
        &["operator", "set", "name:dora"],
        &["backup", "old"],
        &["user", "disable", "ada"],
        &["client", "delete", "worker"],
        &["key", "rotate", "--now"],
    ] {
        let output = folder.run(arguments);
        assert!(output.status.success(), "{arguments:?} {}", stderr(&output));
    }
    let operators = folder.json(&["operator", "list", "--json"]);
    let mut all = operators.as_array().unwrap().iter();
    let dora = all.find(|one| one["name"] == "dora").unwrap()["id"].as_str();
    let removed = folder.run(&["operator", "remove", dora.unwrap()]);
    assert!(removed.status.success(), "{}", stderr(&removed));
    let operators = folder.json(&["operator", "list", "--json"]);
    let changed = folder.run_with(&["user", "set-password", "bob"], "another horse zq\n");
    assert!(changed.status.success(), "{}", stderr(&changed));
    let client = posting_client(&folder);
    let password = person(&folder, "bob").await.password;
    let keys = folder.json(&["key", "list", "--json"]);
    let restored = folder.json(&["restore", "old", "--after", "--json"]);
    assert_eq!(restored["unknown"], serde_json::json!([]), "{restored}");
    assert_eq!(restored["carried"]["accounts"], 2, "{restored}");
    assert!(person(&folder, "ada").await.disabled);
    let (bob, dora) = (person(&folder, "bob").await, person(&folder, "dora").await);
    assert!(bob.password == password && !bob.disabled && !dora.disabled);
    assert_eq!(folder.json(&["operator", "list", "--json"]), operators);
    assert_eq!(folder.json(&["key", "list", "--json"]), keys);
    let server = Serving::start(&folder, &[]);
    post_token(&server, &client);
    let head = "content-type: application/x-www-form-urlencoded\r\n";
    let (id, secret) = &leaked;
    let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    assert_eq!(server.post("/token", head, &body).status, 401);
    drop(server.stop());

    // On a new machine nobody knows, and that is told.
    let elsewhere = Folder::new();
    let data = elsewhere.0.join("hallpass-data");
    elsewhere.run(&["user", "list"]);
    std::fs::remove_file(data.join("hallpass.sqlite")).unwrap();
    std::fs::copy(
        folder.0.join("hallpass-data/master.key"),
        data.join("master.key"),
    )
    .unwrap();
    let old = folder.0.join("old");
    let arguments = ["restore", old.to_str().unwrap(), "--after"];
    let output = elsewhere.run(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("WARNING") && said.contains("disabled"),
        "{said}"
    );
    assert!(!person(&elsewhere, "ada").await.disabled);
}

// F14: a backup of a database that is restored with its own tools does not know which of them were used since
#[tokio::test]
async fn recovery_codes_end_by_invalidate_when_that_is_said_and_not_otherwise() {
    let folder = Folder::new();
    let made = folder.run_with(&["user", "create", "ada"], "correct horse zq\n");
    assert!(made.status.success(), "{}", stderr(&made));
    let subject = person(&folder, "ada").await.subject;
    let open = || -> Arc<dyn Store> {
        let path = folder.0.join("hallpass-data/hallpass.sqlite");
        let store = SqliteStore::open(path, hallpass_store_sqlite::Options::default());
        Arc::new(store.unwrap())
    };
    let codes = RecoveryCodes {
        left: vec![ContentDigest([1; 32])],
        of: 2,
    };
    let spend = Spend::NewCredential(Box::new(CredentialRecord {
        subject: subject.clone(),
        id: CredentialId([1; 16]),
        data: CredentialData::RecoveryCodes(codes),
        lookup: None,
        name: String::new(),
        created_at: Timestamp(1),
        last_used_at: None,
        revision: 1,
    }));
    let commit = Commit {
        spends: vec![spend],
        writes: Vec::new(),
    };
    let done = open().commit(IssuerId(1), commit).await.unwrap();
    assert_eq!(done, Committed::Done);
    for (arguments, ended, left) in [
        (&["invalidate", "--json"][..], 0, 1),
        (&["invalidate", "--recovery-codes", "--json"], 1, 0),
        (&["invalidate", "--recovery-codes", "--json"], 0, 0),
    ] {
        assert_eq!(folder.json(arguments)["recovery_codes"], ended);
        let held = open().credentials(IssuerId(1), &subject).await.unwrap();
        assert_eq!(held.len(), left, "{arguments:?}");
    }
    assert!(person(&folder, "ada").await.password.is_some());
}

#[test]
fn a_backup_that_is_damaged_or_under_another_master_key_changes_nothing() {
    let folder = Folder::new();
    let client = posting_client(&folder);
    let server = Serving::start(&folder, &[]);
    assert!(folder.run(&["backup", "good"]).status.success());
    let token = post_token(&server, &client);
    drop(server.stop());
    let bytes = std::fs::read(folder.0.join("good")).unwrap();
    let mut flipped = bytes.clone();
    // The beginning of every page but the first: whatever is empty, some of it is in use.
    for page in flipped.chunks_mut(4096).skip(1) {
        for byte in page.iter_mut().take(16) {
            *byte ^= 0x55;
        }
    }
    std::fs::write(folder.0.join("flipped"), &flipped).unwrap();
    std::fs::write(folder.0.join("cut"), &bytes[..bytes.len() / 3]).unwrap();
    folder.write(
        "text",
        "this is no database, it only looks like a file of some length",
    );
    for name in ["flipped", "cut", "text", "missing"] {
        let output = folder.run(&["restore", name, "--after"]);
        assert_eq!(output.status.code(), Some(1), "{name}");
    }
    let other = base64url::encode([9; 32]);
    let output = folder
        .hallpass(&["restore", "good"])
        .env("HALLPASS__KEYS__MASTER_KEY", &other)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("master key"),
        "{}",
        stderr(&output)
    );
    let server = Serving::start(&folder, &[]);
    assert!(is_active(&server, &client, &token), "all is as it was");
}

#[test]
fn a_moment_is_read_and_nonsense_is_not() {
    let folder = Folder::new();
    drop(client(&folder));
    for moment in ["2020-01-01T00:00:00Z", "1577836800", "now"] {
        let argument = format!("--after={moment}");
        let output = folder.run(&["invalidate", &argument]);
        assert!(output.status.success(), "{moment}: {}", stderr(&output));
    }
    for moment in [
        "yesterday",
        "2020-13-01T00:00:00Z",
        "-1",
        "999999999999",
        "",
    ] {
        let argument = format!("--after={moment}");
        let output = folder.run(&["invalidate", &argument]);
        assert_eq!(output.status.code(), Some(64), "{moment}");
    }
    // Nothing would work for years.
    let output = folder.run(&["invalidate", "--after=9999-01-01T00:00:00Z"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("a day ahead"),
        "{}",
        stderr(&output)
    );
}

// G6: nothing private is in a backup or in the log at its most talkative
#[tokio::test]
async fn private_keys_are_in_no_backup_and_no_log() {
    let folder = Folder::new();
    let client = posting_client(&folder);
    let mut command = folder.hallpass(&["serve", "--json"]);
    command.env("HALLPASS__LOG__LEVEL", "trace");
    let server = Serving::spawn(&mut command);
    post_token(&server, &client);
    for arguments in [
        &["key", "rotate", "--now"][..],
        &["key", "rotate-master"],
        &["key", "list", "--json"],
        &["backup", "file"],
        &["doctor"],
    ] {
        let output = folder.run(arguments);
        assert!(output.status.success(), "{arguments:?} {}", stderr(&output));
    }
    post_token(&server, &client);
    let log = server.stop();
    assert!(log.len() > 500, "it talks: {log}");
    let data = folder.0.join("hallpass-data");
    let text = std::fs::read_to_string(data.join("master.key")).unwrap();
    let old = std::fs::read_to_string(data.join("master.key.previous")).unwrap();
    let mut private: Vec<Vec<u8>> = Vec::new();
    for key in [&text, &old] {
        private.push(key.trim().as_bytes().to_vec());
        private.push(base64url::decode(key.trim()).unwrap());
    }
    let master: [u8; 32] = private[1].clone().try_into().unwrap();
    let store = SqliteStore::open(
        data.join("hallpass.sqlite"),
        hallpass_store_sqlite::Options::default(),
    );
    let store: Arc<dyn Store> = Arc::new(store.unwrap());
    let issuer = IssuerId(1);
    let master = MasterKey::new(master);
    let root = hallpass_provider::roots::open(&*store, issuer, &master, Timestamp(0));
    let secrets = Secrets::new(root.await.unwrap(), issuer);
    let keys = store.signing_keys(issuer).await.unwrap();
    assert!(keys.len() >= 3, "{}", keys.len());
    for key in keys {
        let pkcs8 = secrets.open_signing_key(&key.kid, &key.sealed).unwrap();
        // The last bytes are the key; what comes before is the same in every such document.
        private.push(pkcs8[pkcs8.len() - 24..].to_vec());
        private.push(base64url::encode(&*pkcs8).into_bytes());
        private.push(format!("{:?}", &pkcs8[pkcs8.len() - 12..]).into_bytes());
    }
    private.push(secrets.pairwise_salt().to_vec());
    let backup = std::fs::read(folder.0.join("file")).unwrap();
    for (place, bytes) in [("the backup", &backup), ("the log", &log.into_bytes())] {
        for secret in &private {
            let there = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!there, "{place} has {secret:?}");
        }
    }
}

#[test]
fn the_master_key_goes_along_only_when_that_is_asked_for_loudly() {
    let folder = Folder::new();
    drop(client(&folder));
    assert!(folder.run(&["backup", "plain"]).status.success());
    assert!(!folder.0.join("plain.master-key").exists());
    let output = folder.run(&["backup", "both", "--dangerously-with-master-key"]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("WARNING"), "{said}");
    let beside = folder.0.join("both.master-key");
    assert_eq!(mode(&beside), 0o600);
    let key = folder.0.join("hallpass-data/master.key");
    assert_eq!(std::fs::read(beside).unwrap(), std::fs::read(key).unwrap());
}
