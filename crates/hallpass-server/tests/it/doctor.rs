//! Everything that the doctor finds, made.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use hallpass_jose::base64url;
use hallpass_provider::ports::{Clock, SystemClock};
use hallpass_provider::roots;
use hallpass_provider::secrets::{MasterKey, Secrets};
use hallpass_store::{
    Commit, CredentialData, CredentialRecord, KeyPhase, KeyRecord, Spend, Store, Totp, Write,
};
use hallpass_store_sqlite::{Options, SqliteStore};
use hallpass_types::{CredentialId, IssuerId, Subject, Timestamp};
use serde_json::Value;

use crate::process::{Folder, Serving};

struct Patient {
    folder: Folder,
}

impl Patient {
    /// A data folder with keys in it.
    fn healthy() -> Self {
        let folder = Folder::new();
        assert!(folder.run(&["key", "list"]).status.success());
        Self { folder }
    }

    fn data(&self, name: &str) -> PathBuf {
        self.folder.0.join("hallpass-data").join(name)
    }

    /// The exit code and the identifiers of what was found.
    fn examined(&self) -> (i32, Vec<String>) {
        self.examined_with(&[])
    }

    fn examined_with(&self, environment: &[(&str, &str)]) -> (i32, Vec<String>) {
        let output = self
            .folder
            .hallpass(&["doctor", "--json"])
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let found: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let findings = found["findings"].as_array().unwrap();
        assert_eq!(found["ok"], findings.is_empty());
        let ids = findings.iter().map(|f| {
            for member in ["text", "help"] {
                assert!(!f[member].as_str().unwrap().is_empty());
            }
            f["id"].as_str().unwrap().to_owned()
        });
        (output.status.code().unwrap(), ids.collect())
    }

    fn finds(&self, code: i32, id: &str) {
        let (status, ids) = self.examined();
        assert!(ids.iter().any(|found| found == id), "{ids:?} has no {id}");
        assert_eq!(status, code, "{ids:?}");
    }

    /// Changes signing keys as no command would.
    fn with_keys(&self, change: impl FnOnce(&mut Vec<KeyRecord>, &Secrets)) {
        let text = fs::read_to_string(self.data("master.key")).unwrap();
        let master: [u8; 32] = base64url::decode(text.trim()).unwrap().try_into().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let store =
                SqliteStore::open(self.data("hallpass.sqlite"), Options::default()).unwrap();
            let issuer = IssuerId(1);
            let master = MasterKey::new(master);
            let root = roots::open(&store, issuer, &master, Timestamp(0));
            let secrets = Secrets::new(root.await.unwrap(), issuer);
            let before = store.signing_keys(issuer).await.unwrap();
            let mut after = before.clone();
            change(&mut after, &secrets);
            let gone = before
                .into_iter()
                .map(|key| Write::DeleteSigningKey(key.kid));
            let put = after
                .into_iter()
                .map(|key| Write::SigningKey(Box::new(key)));
            let commit = Commit {
                spends: Vec::new(),
                writes: gone.chain(put).collect(),
            };
            store.commit(issuer, commit).await.unwrap();
        });
    }
}

fn now() -> i64 {
    SystemClock.now().0
}

fn chmod(path: &PathBuf, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_healthy_server_has_nothing_and_nothing_is_changed_by_looking() {
    let patient = Patient::healthy();
    assert_eq!(patient.examined(), (0, Vec::new()));
    let server = Serving::start(&patient.folder, &[]);
    assert_eq!(patient.examined(), (0, Vec::new()), "beside a server");
    drop(server.stop());
    let empty = Folder::new();
    let patient = Patient { folder: empty };
    patient.finds(3, "database_missing");
    assert!(!patient.folder.0.join("hallpass-data").exists());
    let said = patient.folder.run(&["doctor"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.starts_with("warning  database_missing"), "{said}");
}

#[test]
fn the_configuration() {
    let patient = Patient::healthy();
    let (code, ids) = patient.examined_with(&[("HALLPASS__LIFETIMES__CODE", "0")]);
    assert_eq!((code, ids), (1, vec!["configuration".to_owned()]));
    let danger = [(
        "HALLPASS__DANGER__FETCH_PRIVATE_ADDRESSES",
        "[\"127.0.0.1/32\"]",
    )];
    let (code, ids) = patient.examined_with(&danger);
    assert_eq!((code, ids), (3, vec!["danger".to_owned()]));
    let (code, ids) = patient.examined_with(&[("HALLPASS__STORE__KIND", "memory")]);
    assert_eq!((code, ids), (3, vec!["store_memory".to_owned()]));
}

#[test]
fn files() {
    let patient = Patient::healthy();
    chmod(&patient.data("hallpass.sqlite"), 0o644);
    patient.finds(1, "permissions");
    chmod(&patient.data("hallpass.sqlite"), 0o600);
    chmod(&patient.data(""), 0o777);
    patient.finds(1, "permissions");
    chmod(&patient.data(""), 0o700);
    chmod(&patient.data("master.key"), 0o644);
    patient.finds(1, "master_key_file");
    chmod(&patient.data("master.key"), 0o600);
    let key = fs::read(patient.data("master.key")).unwrap();
    fs::write(patient.data("master.key"), "garbage").unwrap();
    patient.finds(1, "master_key_file");
    fs::remove_file(patient.data("master.key")).unwrap();
    patient.finds(1, "master_key_missing");
    assert!(!patient.data("master.key").exists(), "none is made");
    fs::write(patient.data("master.key"), &key).unwrap();
    chmod(&patient.data("master.key"), 0o600);
    fs::copy(patient.data("master.key"), patient.data("master.key.next")).unwrap();
    patient.finds(3, "master_key_unfinished");
}

#[test]
fn another_master_key() {
    let patient = Patient::healthy();
    let other = base64url::encode([5; 32]);
    let (code, ids) = patient.examined_with(&[("HALLPASS__KEYS__MASTER_KEY", &other)]);
    assert_eq!((code, ids), (1, vec!["master_key_wrong".to_owned()]));
    // Two at once is what a replacement leaves behind until it is finished.
    let old = fs::read_to_string(patient.data("master.key")).unwrap();
    let both = [
        ("HALLPASS__KEYS__MASTER_KEY", other.as_str()),
        ("HALLPASS__KEYS__MASTER_KEY_PREVIOUS", old.trim()),
    ];
    let output = patient
        .folder
        .hallpass(&["key", "list"])
        .envs(both)
        .output()
        .unwrap();
    assert!(output.status.success());
    let (code, ids) = patient.examined_with(&both);
    assert_eq!((code, ids), (3, vec!["master_key_unfinished".to_owned()]));
}

// F21
#[test]
fn the_database() {
    let patient = Patient::healthy();
    let file = patient.data("hallpass.sqlite");
    let whole = fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    let at = damaged.len() / 2;
    for byte in &mut damaged[at..] {
        *byte ^= 0x5a;
    }
    fs::write(&file, &damaged).unwrap();
    patient.finds(1, "database_corrupt");
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    patient.finds(1, "database_corrupt");
    fs::write(&file, "no database at all, but long enough to be looked at").unwrap();
    patient.finds(1, "database_corrupt");
    // One byte of one record.
    let place = whole
        .windows(12)
        .position(|window| window == b"\"created_at\"")
        .unwrap();
    let mut record = whole.clone();
    record[place] = b'x';
    fs::write(&file, &record).unwrap();
    patient.finds(1, "database_corrupt");
    fs::write(&file, &whole).unwrap();
    assert_eq!(patient.examined().0, 0, "it was this file");
}

#[test]
fn migrations() {
    let patient = Patient::healthy();
    let change = |sql: &str| {
        let output = std::process::Command::new("sqlite3")
            .arg(patient.data("hallpass.sqlite"))
            .arg(sql)
            .output();
        output.is_ok_and(|output| output.status.success())
    };
    let later = "INSERT INTO schema (version, name, checksum, phase, oldest)
        SELECT max(version) + 1, 'later', x'00', 'contract', 999 FROM schema";
    if !change(later) {
        // This machine has no tool for that; the store's own tests look at the same.
        return;
    }
    patient.finds(1, "migrations_unknown");
    assert!(change("DELETE FROM schema WHERE name = 'later'"));
    assert!(change(
        "UPDATE schema SET checksum = x'00' WHERE version = 1"
    ));
    patient.finds(1, "database_corrupt");
}

#[test]
fn keys_in_wrong_phases() {
    let patient = Patient::healthy();
    let active = |keys: &mut Vec<KeyRecord>| {
        let at = keys
            .iter()
            .position(|key| key.phase == KeyPhase::Active && key.alg == "ES256");
        at.unwrap()
    };
    patient.with_keys(|keys, _| {
        let at = active(keys);
        keys[at].phase_since = Timestamp(now() - 200 * 86_400);
        keys[at].created_at = keys[at].phase_since;
    });
    patient.finds(3, "key_overdue");
    patient.with_keys(|keys, _| {
        let at = active(keys);
        keys[at].phase_since = Timestamp(now() + 3600);
    });
    patient.finds(1, "clock_behind");
    patient.with_keys(|keys, _| {
        let at = active(keys);
        keys[at].phase_since = Timestamp(now());
        keys[at].phase = KeyPhase::Next;
    });
    patient.finds(1, "key_none_active");
    assert!(patient.folder.run(&["key", "list"]).status.success());
    assert_eq!(patient.examined().0, 0, "a start makes what is missing");
    patient.with_keys(|keys, _| {
        let next = keys.iter_mut().find(|key| key.phase == KeyPhase::Next);
        next.unwrap().phase = KeyPhase::Active;
    });
    patient.finds(1, "key_many_active");
    patient.with_keys(|keys, _| {
        let at = active(keys);
        keys[at].sealed[20] ^= 1;
    });
    patient.finds(1, "key_unreadable");
    patient.with_keys(|keys, _| keys[0].alg = "XS999".to_owned());
    patient.finds(1, "key_unknown");
}

#[test]
fn an_app_that_is_not_offered_any_more() {
    let patient = Patient::healthy();
    let made = [
        "user",
        "create",
        "ada@example.org",
        "--no-password",
        "--json",
    ];
    let made = patient.folder.run(&made);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let subject = made["subject"].as_str().unwrap().to_owned();
    let link = made["link"].as_str().unwrap();
    assert!(link.contains("/link?token="), "{link}");
    let second = ("HALLPASS__SIGN_IN__SECOND", r#"["passkey"]"#);
    assert_eq!(patient.examined_with(&[second]), (0, Vec::new()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(patient.data("hallpass.sqlite"), Options::default()).unwrap();
        let app = CredentialRecord {
            subject: Subject::parse(&subject).unwrap(),
            id: CredentialId([7; 16]),
            data: CredentialData::Totp(Totp {
                sealed: Vec::new(),
                last_step: 0,
            }),
            lookup: None,
            name: String::new(),
            created_at: Timestamp(now()),
            last_used_at: None,
            revision: 0,
        };
        let commit = Commit {
            spends: vec![Spend::NewCredential(Box::new(app))],
            writes: Vec::new(),
        };
        store.commit(IssuerId(1), commit).await.unwrap();
    });
    assert_eq!(patient.examined(), (0, Vec::new()));
    let (code, found) = patient.examined_with(&[second]);
    assert_eq!((code, found), (3, vec!["factor_not_offered".to_owned()]));
}

#[test]
fn a_clock_that_is_behind_the_database() {
    let patient = Patient::healthy();
    let file = fs::File::options()
        .append(true)
        .open(patient.data("hallpass.sqlite"))
        .unwrap();
    let set = |at: i64| {
        let since = Duration::from_secs(at.try_into().unwrap());
        file.set_modified(SystemTime::UNIX_EPOCH + since).unwrap();
    };
    set(now() + 7200);
    patient.finds(1, "clock_behind");
    set(now());
    assert_eq!(patient.examined().0, 0);
}
