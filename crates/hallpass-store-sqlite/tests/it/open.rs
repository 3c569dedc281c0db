//! Opening, sharing and leaving a database.

use crate::common::{Folder, once};
use hallpass_store::{Committed, Store as _, StoreError};
use hallpass_store_sqlite::{Options, SqliteStore};
use hallpass_types::IssuerId;

const ISSUER: IssuerId = IssuerId(1);

fn open(folder: &Folder) -> SqliteStore {
    SqliteStore::open(folder.file(), Options::default()).unwrap()
}

#[tokio::test]
async fn what_was_committed_is_there_when_the_store_is_opened_again() {
    let folder = Folder::new();
    for round in 0..3 {
        let store = open(&folder);
        assert_eq!(
            store.issuer("https://op.example").await.unwrap(),
            IssuerId(1)
        );
        for earlier in 0..round {
            let end = store.commit(ISSUER, once(earlier)).await.unwrap();
            assert_eq!(end, Committed::TooLate(0));
        }
        let end = store.commit(ISSUER, once(round)).await.unwrap();
        assert_eq!(end, Committed::Done);
    }
}

#[tokio::test]
async fn a_store_that_was_closed_leaves_one_file() {
    let folder = Folder::new();
    let store = open(&folder);
    store.commit(ISSUER, once(1)).await.unwrap();
    drop(store);
    let files = std::fs::read_dir(folder.file().parent().unwrap()).unwrap();
    assert_eq!(files.count(), 1);
}

// Two processes make a database at once: one has it for a moment, and the other waits instead of giving up.
#[test]
fn a_database_that_another_process_is_making_is_waited_for() {
    let folder = Folder::new();
    std::fs::File::create(folder.file()).unwrap();
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other
        .execute_batch("CREATE TABLE t (x); DROP TABLE t; BEGIN IMMEDIATE")
        .unwrap();
    let refused = SqliteStore::open(
        folder.file(),
        Options {
            busy_timeout: std::time::Duration::from_millis(20),
            ..Options::default()
        },
    );
    assert!(matches!(refused, Err(StoreError::Busy { .. })));
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| SqliteStore::open(folder.file(), Options::default()));
        for _ in 0..1000 {
            std::thread::yield_now();
        }
        other.execute_batch("COMMIT").unwrap();
        opening.join().unwrap().unwrap();
    });
}

#[tokio::test]
async fn two_stores_on_one_file_see_each_other_at_once() {
    let folder = Folder::new();
    let (server, command) = (open(&folder), open(&folder));
    for n in 0..20 {
        let (first, second) = if n % 2 == 0 {
            (&server, &command)
        } else {
            (&command, &server)
        };
        assert_eq!(
            first.commit(ISSUER, once(n)).await.unwrap(),
            Committed::Done
        );
        assert_eq!(
            second.commit(ISSUER, once(n)).await.unwrap(),
            Committed::TooLate(0)
        );
        let name = format!("https://{n}.example");
        let number = first.issuer(&name).await.unwrap();
        assert_eq!(second.issuer(&name).await.unwrap(), number);
    }
    drop(command);
    assert_eq!(
        server.commit(ISSUER, once(99)).await.unwrap(),
        Committed::Done
    );
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let store = open(&folder);
    store.commit(ISSUER, once(1)).await.unwrap();
    let files = std::fs::read_dir(folder.file().parent().unwrap()).unwrap();
    let mut seen = 0;
    for file in files {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
        seen += 1;
    }
    assert_eq!(seen, 3, "database, log and its index");
}

#[test]
fn a_dry_run_tells_and_does_nothing() {
    let folder = Folder::new();
    let steps = SqliteStore::migrate(folder.file(), true).unwrap();
    assert_eq!(steps.first().map(|step| step.name), Some("0001_initial"));
    assert!(!folder.file().exists());
    assert_eq!(SqliteStore::migrate(folder.file(), false).unwrap(), steps);
    assert!(
        SqliteStore::migrate(folder.file(), true)
            .unwrap()
            .is_empty()
    );
    assert!(
        SqliteStore::migrate(folder.file(), false)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn an_older_database_is_refused_where_migrating_is_not_allowed() {
    let folder = Folder::new();
    let options = Options {
        migrate: false,
        ..Options::default()
    };
    let refused = SqliteStore::open(folder.file(), options.clone());
    let Err(StoreError::Version { found, known }) = refused else {
        panic!("{refused:?}");
    };
    let steps = SqliteStore::migrate(folder.file(), false).unwrap();
    assert_eq!((found, known as usize), (0, steps.len()));
    SqliteStore::open(folder.file(), options).unwrap();
}

#[test]
fn a_newer_database_that_is_not_for_this_program_is_refused() {
    let folder = Folder::new();
    drop(open(&folder));
    let db = rusqlite::Connection::open(folder.file()).unwrap();
    db.execute(
        "INSERT INTO schema (version, name, checksum, phase, oldest)
            SELECT max(version) + 1, 'of the future', x'00', 'contract', max(version) + 1 FROM schema",
        [],
    )
    .unwrap();
    drop(db);
    let too_new =
        |error| matches!(error, StoreError::Version { found, known } if found == known + 1);
    for dry_run in [true, false] {
        assert!(too_new(
            SqliteStore::migrate(folder.file(), dry_run).unwrap_err()
        ));
    }
    assert!(too_new(
        SqliteStore::open(folder.file(), Options::default()).unwrap_err()
    ));
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = Folder::new();
    std::fs::write(
        folder.file(),
        "just text, and long enough to be read".repeat(100),
    )
    .unwrap();
    assert!(matches!(
        SqliteStore::open(folder.file(), Options::default()),
        Err(StoreError::Corrupt(_))
    ));
    let text = std::fs::read(folder.file()).unwrap();
    assert!(text.starts_with(b"just text"), "left alone");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = Folder::new();
    let db = rusqlite::Connection::open(folder.file()).unwrap();
    db.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(db);
    assert!(matches!(
        SqliteStore::open(folder.file(), Options::default()),
        Err(StoreError::Corrupt(_))
    ));
}

#[test]
fn a_folder_that_does_not_exist_is_an_error() {
    let folder = Folder::new();
    let path = folder.file().with_file_name("none").join("db");
    assert!(matches!(
        SqliteStore::open(&path, Options::default()),
        Err(StoreError::Unavailable(_))
    ));
    let path = folder.file().with_file_name("none");
    std::fs::create_dir(&path).unwrap();
    assert!(SqliteStore::open(&path, Options::default()).is_err());
}

#[tokio::test]
async fn stats_tell_of_every_commit() {
    let folder = Folder::new();
    let store = open(&folder);
    for n in 0..10 {
        store.commit(ISSUER, once(n)).await.unwrap();
    }
    let stats = store.stats().snapshot();
    assert_eq!(stats.batch_size.sum, 10);
    assert_eq!(stats.commit_micros.count(), stats.batch_size.count());
    assert!(stats.commit_micros.sum > 0);
    assert_eq!((stats.queue_full, stats.failures), (0, 0));
    assert!(stats.wal_pages > 0);
}

#[tokio::test]
async fn a_sound_database_passes_its_check() {
    let folder = Folder::new();
    let store = open(&folder);
    for n in 0..10 {
        store
            .commit(ISSUER, crate::common::one_of_each(n))
            .await
            .unwrap();
    }
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}
