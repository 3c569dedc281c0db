use std::path::{Path, PathBuf};

use super::*;
use crate::{Options, connection};

const FIRST: Migration = Migration {
    name: "0001_first",
    sql: "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);",
    phase: Phase::Expand,
};
const SECOND: Migration = Migration {
    name: "0002_second",
    sql: "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;",
    phase: Phase::Expand,
};
const BROKEN: Migration = Migration {
    name: "0002_second",
    sql: "CREATE TABLE half (x INTEGER) STRICT; UPDATE a SET x = 7; INSERT INTO missing VALUES (1);",
    phase: Phase::Expand,
};

/// An empty file in a folder of the build, removed in the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hallpass-{}-{name}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        connection::create(&folder.join("db")).unwrap();
        Self(folder)
    }

    fn open(&self) -> Connection {
        open(&self.0.join("db"))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn open(path: &Path) -> Connection {
    connection::writer(path, &Options::default()).unwrap()
}

fn count(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn an_empty_file_gets_every_step_in_order_and_a_second_run_none() {
    let file = Temporary::new("empty");
    let mut db = file.open();
    assert_eq!(
        names(pending(&db, &[FIRST, SECOND]).unwrap()),
        ["0001_first", "0002_second"]
    );
    assert_eq!(
        names(migrate(&mut db, &[FIRST, SECOND]).unwrap()),
        ["0001_first", "0002_second"]
    );
    assert_eq!(count(&db, "SELECT y FROM a"), 2);
    assert!(migrate(&mut db, &[FIRST, SECOND]).unwrap().is_empty());
    assert!(pending(&db, &[FIRST, SECOND]).unwrap().is_empty());
}

#[test]
fn an_older_database_gets_only_what_it_lacks() {
    let file = Temporary::new("older");
    migrate(&mut file.open(), &[FIRST]).unwrap();
    let mut db = file.open();
    db.execute("INSERT INTO a (x) VALUES (10)", []).unwrap();
    assert_eq!(
        names(migrate(&mut db, &[FIRST, SECOND]).unwrap()),
        ["0002_second"]
    );
    assert_eq!(count(&db, "SELECT sum(y) FROM a"), 13);
}

#[test]
fn a_program_works_on_a_newer_database_and_leaves_its_schema_alone() {
    let file = Temporary::new("newer");
    migrate(&mut file.open(), &[FIRST, SECOND]).unwrap();
    assert!(migrate(&mut file.open(), &[FIRST]).unwrap().is_empty());
    assert_eq!(count(&file.open(), "SELECT count(*) FROM schema"), 2);
}

#[test]
fn a_newer_database_that_took_something_away_is_refused_and_left_alone() {
    const GONE: Migration = Migration {
        name: "0002_second",
        sql: "ALTER TABLE a ADD COLUMN y INTEGER; ALTER TABLE a DROP COLUMN x;",
        phase: Phase::Contract { oldest: 2 },
    };
    let file = Temporary::new("gone");
    migrate(&mut file.open(), &[FIRST, GONE]).unwrap();
    let refused = migrate(&mut file.open(), &[FIRST]);
    assert!(matches!(
        refused,
        Err(StoreError::Version { found: 2, known: 1 })
    ));
    assert!(pending(&file.open(), &[FIRST, GONE]).unwrap().is_empty());
}

#[test]
fn a_database_whose_books_are_those_of_a_program_of_before_is_taken_on() {
    let file = Temporary::new("books");
    let mut db = file.open();
    migrate(&mut db, &[FIRST]).unwrap();
    db.execute_batch(
        "ALTER TABLE schema DROP COLUMN phase; ALTER TABLE schema DROP COLUMN oldest;
        ALTER TABLE schema DROP COLUMN applied_at;",
    )
    .unwrap();
    assert!(pending(&db, &[FIRST]).unwrap().is_empty());
    assert_eq!(
        names(migrate(&mut db, &[FIRST, SECOND]).unwrap()),
        ["0002_second"]
    );
    let times = "SELECT count(*) FROM schema WHERE applied_at > 1700000000 AND phase = 'expand'";
    assert_eq!(count(&db, times), 1);
}

#[test]
fn a_step_that_changed_after_it_was_applied_is_refused() {
    let file = Temporary::new("changed");
    migrate(&mut file.open(), &[FIRST]).unwrap();
    const OTHER: Migration = Migration {
        name: FIRST.name,
        sql: "CREATE TABLE b (x INTEGER) STRICT;",
        phase: Phase::Expand,
    };
    assert!(matches!(
        migrate(&mut file.open(), &[OTHER, SECOND]),
        Err(StoreError::Corrupt(_))
    ));
}

#[test]
fn a_step_that_fails_leaves_nothing_behind_and_can_be_repeated() {
    let file = Temporary::new("broken");
    let mut db = file.open();
    assert!(migrate(&mut db, &[FIRST, BROKEN]).is_err());
    drop(db);
    let mut db = file.open();
    assert_eq!(count(&db, "SELECT count(*) FROM schema"), 1);
    assert_eq!(
        count(
            &db,
            "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"
        ),
        0
    );
    assert_eq!(count(&db, "SELECT x FROM a"), 1);
    assert_eq!(
        names(migrate(&mut db, &[FIRST, SECOND]).unwrap()),
        ["0002_second"]
    );
}

#[test]
fn a_process_that_dies_in_a_step_leaves_whole_steps_behind() {
    let file = Temporary::new("died");
    let mut db = file.open();
    migrate(&mut db, &[FIRST]).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    db.execute_batch(SECOND.sql).unwrap();
    // The state of the disk at this moment is what a killed process leaves.
    let left = Temporary::new("left");
    for end in ["db", "db-wal"] {
        std::fs::copy(file.0.join(end), left.0.join(end)).unwrap();
    }
    let mut db = left.open();
    assert_eq!(
        names(migrate(&mut db, &[FIRST, SECOND]).unwrap()),
        ["0002_second"]
    );
    assert_eq!(count(&db, "SELECT y FROM a"), 2);
}

#[test]
fn processes_that_migrate_at_once_apply_each_step_once() {
    let file = Temporary::new("at-once");
    let path = file.0.join("db");
    let done: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| migrate(&mut open(&path), &[FIRST, SECOND]).unwrap().len()))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(done, 2);
    assert_eq!(count(&file.open(), "SELECT y FROM a"), 2);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let file = Temporary::new("other");
    let mut db = file.open();
    db.execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(
        migrate(&mut db, &[FIRST]),
        Err(StoreError::Corrupt(_))
    ));
    assert_eq!(count(&db, "SELECT count(*) FROM sqlite_schema"), 1);
}

#[test]
fn the_real_steps_are_numbered_and_make_the_schema() {
    for (place, step) in ALL.iter().enumerate() {
        assert!(step.name.starts_with(&format!("{:04}_", place + 1)));
    }
    let file = Temporary::new("real");
    let mut db = file.open();
    assert_eq!(migrate(&mut db, ALL).unwrap().len(), ALL.len());
    let vacuum: i64 = db
        .pragma_query_value(None, "auto_vacuum", |row| row.get(0))
        .unwrap();
    assert_eq!(vacuum, 2, "incremental");
    let loose = "SELECT count(*) FROM pragma_table_list
        WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' AND NOT strict";
    assert_eq!(count(&db, loose), 0);
}

#[test]
fn a_database_of_the_first_version_keeps_what_it_holds() {
    let file = Temporary::new("first-version");
    let mut db = file.open();
    migrate(&mut db, ALL.get(..1).unwrap()).unwrap();
    db.execute_batch(
        "INSERT INTO clients (issuer, client, registered, record) VALUES
            (1, 'own', 0, x'01'), (1, 'registered', 1, x'02'), (2, 'registered', 1, x'03');",
    )
    .unwrap();
    assert_eq!(migrate(&mut db, ALL).unwrap().len(), ALL.len() - 1);
    assert_eq!(count(&db, "SELECT count(*) FROM clients"), 3);
    // Those that registered themselves begin their time now, and nothing else does.
    let today = "SELECT count(*) FROM registrations WHERE client = 'registered'
        AND used >= CAST(strftime('%s', 'now') AS INTEGER) / 86400 - 1";
    assert_eq!(count(&db, today), 2);
    assert_eq!(count(&db, "SELECT count(*) FROM registrations"), 2);
    db.execute("DELETE FROM clients WHERE issuer = 1", [])
        .unwrap();
    assert_eq!(count(&db, "SELECT count(*) FROM registrations"), 1);
}
