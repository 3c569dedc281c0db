use std::{path::PathBuf, sync::Arc};

use hallpass_types::Subject;
use rusqlite::StatementStatus;

use super::*;
use crate::{
    Options, Stats, connection, migration,
    place::{Id, Place},
    work::{SpendRow, WriteRow},
};

/// A database with one reader, so that what it is asked can be counted.
struct Scene {
    folder: PathBuf,
    readers: Readers,
    writer: Writer,
    stats: Arc<Stats>,
}

impl Scene {
    /// With a code and a grant of each of so many issuers, both in that bucket.
    fn new(name: &str, issuers: u32, bucket: u32) -> Self {
        let folder = std::env::temp_dir().join(format!("hallpass-{}-{name}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("db");
        let options = Options {
            readers: 1,
            // The version stays the same when the log is copied, too.
            checkpoint_pages: 1,
            ..Options::default()
        };
        connection::create(&path).unwrap();
        let mut db = connection::writer(&path, &options).unwrap();
        migration::migrate(&mut db, migration::ALL).unwrap();
        db.execute_batch(&format!(
            "BEGIN; CREATE TEMP TABLE numbers AS
                WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT {issuers}) SELECT n FROM n;
            INSERT INTO codes (issuer, bucket, id, record) SELECT n, {bucket}, zeroblob(32), x'00' FROM numbers;
            INSERT INTO grants (issuer, bucket, id, record) SELECT n, {bucket}, zeroblob(12), x'00' FROM numbers;
            COMMIT"
        ))
        .unwrap();
        let readers = Readers::open(path.clone(), options.clone()).unwrap();
        let stats = Arc::new(Stats::default());
        let writer = Writer::start(path, options, db, stats.clone()).unwrap();
        Self {
            folder,
            readers,
            writer,
            stats,
        }
    }

    async fn purge(&self, below: u32) -> u64 {
        let purged = purge(&self.readers, &self.writer, Bucket(below), 5_000);
        purged.await.unwrap()
    }

    async fn write(&self, issuer: u32, spends: Vec<SpendRow>, writes: Vec<WriteRow>) {
        let work = Work::Commit(IssuerId(issuer), spends, writes);
        let outcome = self.writer.submit(work).await.unwrap();
        assert!(matches!(outcome, Outcome::Committed(_)));
    }

    /// How often a purge has asked a reader so far: for the next issuer, and for what an issuer has left.
    fn asked(&self) -> [i32; 2] {
        let runs = |db: &Connection, sql| cached(db, sql).unwrap().get_status(StatementStatus::Run);
        let sum = |statement: fn(&Expiring) -> &'static str| {
            let asked = self
                .readers
                .ask(|db| Ok(EXPIRING.iter().map(|t| runs(db, statement(t))).sum()));
            asked.unwrap()
        };
        [sum(|table| table.next_issuer), sum(|table| table.lowest)]
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn at(bucket: u32, length: usize) -> Place {
    Place {
        bucket,
        id: Id::Other(vec![7; length]),
    }
}

fn code(bucket: u32) -> Vec<WriteRow> {
    vec![WriteRow::Code(at(bucket, 32), vec![0])]
}

#[tokio::test]
async fn issuers_with_nothing_to_purge_are_not_asked() {
    for issuers in [10, 10_000] {
        let scene = Scene::new("many-issuers", issuers, 500);
        // The first purge of a process walks through all of them.
        assert_eq!(scene.purge(100).await, 0);
        let walked = scene.asked();
        let tables = i32::try_from(EXPIRING.len()).unwrap();
        let rows = i32::try_from(2 * issuers).unwrap();
        assert_eq!(walked, [rows + tables, 0]);
        let commits = scene.stats.snapshot().batch_size.sum;
        for (n, issuer) in [3, 7].into_iter().enumerate() {
            scene.write(issuer, Vec::new(), code(101)).await;
            assert_eq!(scene.purge(102).await, 1);
            assert_eq!(scene.purge(102).await, 0);
            let looked = i32::try_from(n + 1).unwrap();
            assert_eq!(scene.asked(), [walked[0], looked]);
        }
        // The code; the bite in which it goes, pages that are given back, and for each purge the version.
        let more = scene.stats.snapshot().batch_size.sum - commits;
        assert_eq!(more, 2 * 5);
    }
}

#[tokio::test]
async fn what_another_process_wrote_goes_too() {
    let scene = Scene::new("another-process", 10, 500);
    assert_eq!(scene.purge(100).await, 0);
    let another = connection::writer(&scene.folder.join("db"), &Options::default()).unwrap();
    let old = "INSERT INTO codes (issuer, bucket, id, record) VALUES (99, 1, zeroblob(32), x'00')";
    another.execute(old, []).unwrap();
    assert_eq!(scene.purge(100).await, 1);
    let walked = scene.asked()[0];
    assert_eq!(scene.purge(501).await, 20);
    assert_eq!(scene.asked()[0], walked);
    another.execute(old, []).unwrap();
    assert_eq!(scene.purge(501).await, 1);
}

#[tokio::test]
async fn a_row_of_any_kind_is_noted_when_it_is_made() {
    let scene = Scene::new("every-kind", 1, 500);
    assert_eq!(scene.purge(100).await, 0);
    let walked = scene.asked()[0];
    let subject = || Subject::parse("alice").unwrap();
    let spends = vec![
        SpendRow::Once(at(5, 32)),
        SpendRow::NewWaiting(at(5, 32), vec![0]),
    ];
    let grant = WriteRow::Grant {
        grant: at(5, 12),
        refresh: None,
        session: None,
        record: vec![0],
    };
    let delivery = WriteRow::Delivery {
        place: at(5, 32),
        attempts: 0,
        next_at: 0,
        record: vec![0],
    };
    let writes = vec![
        WriteRow::Code(at(5, 32), vec![0]),
        grant,
        WriteRow::DenyToken(at(5, 16)),
        WriteRow::Session(at(5, 32), subject(), vec![0]),
        WriteRow::Activity(at(5, 16), subject(), 0, vec![0]),
        WriteRow::Tally(at(5, 9), 1),
        WriteRow::Active(at(5, 16)),
        WriteRow::Participant(at(5, 48), subject(), vec![0]),
        delivery,
    ];
    let made = spends.len() + writes.len();
    assert_eq!(made, EXPIRING.len());
    scene.write(44, spends, writes).await;
    assert_eq!(scene.purge(100).await, made as u64);
    assert_eq!(scene.asked()[0], walked);
}

#[tokio::test]
async fn who_was_purged_is_due_again_when_its_next_rows_are() {
    let scene = Scene::new("due-again", 10, 30);
    scene.write(3, Vec::new(), code(10)).await;
    assert_eq!(scene.purge(20).await, 1);
    scene.write(3, Vec::new(), code(21)).await;
    assert_eq!(scene.purge(25).await, 1);
    assert_eq!(scene.purge(31).await, 20);
}

#[test]
fn a_turn_that_was_not_finished_comes_again() {
    let due = Due::default();
    due.note(2, 8, 30);
    due.note(2, 9, 20);
    due.note(2, 9, 40);
    assert!(due.next(1, Bucket(50)).is_none());
    assert!(due.next(2, Bucket(20)).is_none());
    drop(due.next(2, Bucket(50)));
    let turn = due.next(2, Bucket(50)).unwrap();
    assert_eq!(turn.issuer, 9);
    // What is made meanwhile is not lost, and not known twice.
    due.note(2, 9, 45);
    turn.over(None);
    let mut order = Vec::new();
    while let Some(turn) = due.next(2, Bucket(50)) {
        order.push(turn.issuer);
        turn.over(None);
    }
    assert_eq!(order, [8, 9]);
}
