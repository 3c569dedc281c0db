//! Full disks, locked databases, readers that do not end, damaged files.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::common::{Folder, NOW, grant, grant_id, key, once, one_of_each, session, subject, user};
use hallpass_core::record::{DeliveryContent, DeliveryRecord};
use hallpass_store::{Commit, Committed, Spend, Store as _, StoreError, Write};
use hallpass_store_sqlite::{Options, SqliteStore};
use hallpass_types::{Bucket, IssuerId};

const ISSUER: IssuerId = IssuerId(1);

fn only(writes: Vec<Write>) -> Commit {
    Commit {
        spends: Vec::new(),
        writes,
    }
}

/// Needs no more room than there is.
fn touch(n: u32) -> Write {
    Write::TouchRefresh {
        grant: grant_id(n),
        idle_expires_at: NOW.plus(1),
    }
}

/// Fills the store until it refuses; answers how many grants it has.
async fn fill(store: &SqliteStore) -> u32 {
    for n in 0.. {
        let commit = Commit {
            spends: vec![Spend::Once(key("once", n))],
            writes: vec![
                Write::Grant(Box::new(grant(n))),
                Write::Session(key("session", n), Box::new(session(n))),
            ],
        };
        match store.commit(ISSUER, commit).await {
            Ok(end) => assert_eq!(end, Committed::Done),
            Err(StoreError::Unavailable(_)) => return n,
            Err(other) => panic!("{other}"),
        }
    }
    unreachable!()
}

#[tokio::test]
async fn a_full_disk_refuses_whole_commits_and_keeps_serving_the_rest() {
    let folder = Folder::new();
    let options = Options {
        max_pages: Some(60),
        ..Options::default()
    };
    let store = SqliteStore::open(folder.file(), options).unwrap();
    let held = fill(&store).await;
    assert!(held > 10, "{held}");

    // Nothing of the refused commit is there, not even its first part.
    assert!(store.grant(ISSUER, grant_id(held)).await.unwrap().is_none());
    let gone = store.session(ISSUER, key("session", held)).await.unwrap();
    assert!(gone.is_none());
    // Reading goes on, and so does all that needs no room, such as ending things.
    for n in 0..held {
        let touch = only(vec![touch(n)]);
        assert_eq!(store.commit(ISSUER, touch).await.unwrap(), Committed::Done);
        let found = store.grant(ISSUER, grant_id(n)).await.unwrap().unwrap();
        let refresh = found.record.refresh.unwrap();
        assert_eq!(refresh.idle_expires_at, NOW.plus(1));
    }
    let end_session = only(vec![Write::EndSession(key("session", 0))]);
    let end = store.commit(ISSUER, end_session).await.unwrap();
    assert_eq!(end, Committed::Done);
    let mut revoked = 0;
    for n in 0..held {
        let revoke = only(vec![Write::RevokeGrant(grant_id(n), NOW)]);
        let done = store.commit(ISSUER, revoke).await.is_ok();
        let found = store.grant(ISSUER, grant_id(n)).await.unwrap().unwrap();
        assert_eq!(found.revoked_at.is_some(), done);
        revoked += u32::from(done);
    }
    assert!(revoked > 0);
    store.ready().await.unwrap();

    // Room comes back without a restart.
    assert!(store.purge(Bucket(u32::MAX), 200).await.unwrap() > 0);
    let end = store.commit(ISSUER, once(held)).await.unwrap();
    assert_eq!(end, Committed::Done, "and its key was not used up");
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn one_commit_that_does_not_fit_does_not_take_its_neighbours_with_it() {
    let folder = Folder::new();
    let options = Options {
        max_pages: Some(60),
        ..Options::default()
    };
    let store = Arc::new(SqliteStore::open(folder.file(), options).unwrap());
    let held = fill(&store).await;
    let mut running = tokio::task::JoinSet::new();
    for n in 0..held {
        let store = store.clone();
        running.spawn(async move {
            let mut large = grant(held + 1 + n);
            large.resources = vec!["x".repeat(100_000)];
            let large = store.commit(ISSUER, only(vec![Write::Grant(Box::new(large))]));
            let touch = store.commit(ISSUER, only(vec![touch(n)]));
            let (large, touched) = tokio::join!(large, touch);
            assert!(matches!(large, Err(StoreError::Unavailable(_))));
            assert_eq!(touched.unwrap(), Committed::Done);
        });
    }
    running.join_all().await;
    assert_eq!(store.stats().snapshot().failures, 0);
}

#[tokio::test]
async fn a_database_that_others_keep_locked_is_busy_and_readable() {
    let folder = Folder::new();
    let options = Options {
        busy_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let store = SqliteStore::open(folder.file(), options).unwrap();
    store.commit(ISSUER, one_of_each(1)).await.unwrap();
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let started = Instant::now();
    let busy = store.commit(ISSUER, once(7)).await;
    assert!(matches!(busy, Err(StoreError::Busy { .. })));
    assert!(started.elapsed() >= Duration::from_millis(50));
    let found = store.user_by_name(ISSUER, "user1").await.unwrap();
    assert_eq!(found, Some(user(1)));
    store.ready().await.unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    let end = store.commit(ISSUER, once(7)).await.unwrap();
    assert_eq!(end, Committed::Done);
}

#[tokio::test]
async fn a_write_waits_for_one_of_another_process() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file(), Options::default()).unwrap();
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let commit = once(7);
    let mut waiting = store.commit(ISSUER, commit);
    let first =
        std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending()));
    assert!(first.await);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(waiting.await.unwrap(), Committed::Done);
}

#[tokio::test]
async fn too_many_waiting_commits_are_refused_at_once() {
    let folder = Folder::new();
    let options = Options {
        queue: 1,
        batch: 1,
        ..Options::default()
    };
    let store = Arc::new(SqliteStore::open(folder.file(), options).unwrap());
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting = Vec::new();
    let mut refused = 0;
    for n in 0..10 {
        let mut commit = store.commit(ISSUER, once(n));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(commit.as_mut().poll(cx)));
        match polled.await {
            std::task::Poll::Pending => waiting.push(commit),
            std::task::Poll::Ready(Err(StoreError::Busy { .. })) => refused += 1,
            std::task::Poll::Ready(other) => panic!("{other:?}"),
        }
    }
    // One is with the thread, unless that was slow, and one waits.
    assert!((8..=9).contains(&refused), "{refused}");
    assert_eq!(store.stats().snapshot().queue_full, refused);
    other.execute_batch("COMMIT").unwrap();
    for commit in waiting {
        assert_eq!(commit.await.unwrap(), Committed::Done);
    }
}

#[tokio::test]
async fn a_reader_that_does_not_end_makes_the_log_grow_only_until_it_ends() {
    let folder = Folder::new();
    let options = Options {
        checkpoint_pages: 20,
        ..Options::default()
    };
    let store = SqliteStore::open(folder.file(), options).unwrap();
    store.commit(ISSUER, one_of_each(0)).await.unwrap();
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN").unwrap();
    let old: i64 = other
        .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
        .unwrap();
    for n in 1..100 {
        store.commit(ISSUER, one_of_each(n)).await.unwrap();
    }
    let grown = store.stats().snapshot();
    assert!(grown.wal_pages > 200, "{}", grown.wal_pages);
    assert!(grown.checkpoints_held_up > 0);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(old, 1);
    for n in 100..110 {
        store.commit(ISSUER, one_of_each(n)).await.unwrap();
    }
    let after = store.stats().snapshot();
    assert!(after.wal_pages < 100, "{}", after.wal_pages);
    assert!(after.checkpoints > grown.checkpoints);
}

#[tokio::test]
async fn free_pages_go_back_to_the_file_system() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file(), Options::default()).unwrap();
    for n in 0..300 {
        let mut large = grant(n);
        large.resources = vec!["x".repeat(4000)];
        store
            .commit(ISSUER, only(vec![Write::Grant(Box::new(large))]))
            .await
            .unwrap();
    }
    let pages = || -> i64 {
        let db = rusqlite::Connection::open(folder.file()).unwrap();
        db.pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap()
    };
    let before = pages();
    while store.purge(Bucket(u32::MAX), 100).await.unwrap() > 0 {}
    assert!(pages() < before / 2, "{before} {}", pages());
}

/// Whatever single byte is damaged: what is answered is what was written, or an error, or nothing.
#[tokio::test]
async fn a_damaged_file_never_answers_with_somebody_else() {
    const USERS: u32 = 60;
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file(), Options::default()).unwrap();
    for n in 0..USERS {
        store.commit(ISSUER, one_of_each(n)).await.unwrap();
    }
    drop(store);
    let sound = std::fs::read(folder.file()).unwrap();
    let mut random = 1_u64;
    let mut next = |below: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(random >> 33).unwrap() % below
    };
    let (mut refused, mut noticed) = (0, 0);
    for _ in 0..150 {
        let mut damaged = sound.clone();
        let place = next(damaged.len());
        damaged[place] ^= 1 << next(8);
        std::fs::write(folder.file(), &damaged).unwrap();
        let Ok(store) = SqliteStore::open(folder.file(), Options::default()) else {
            refused += 1;
            continue;
        };
        let mut errors = 0;
        for n in 0..USERS {
            match store.user_by_name(ISSUER, &format!("user{n}")).await {
                Ok(found) => assert!(found.is_none_or(|u| u == user(n)), "byte {place}"),
                Err(_) => errors += 1,
            }
            match store.user(ISSUER, &subject(n)).await {
                Ok(found) => assert!(found.is_none_or(|u| u == user(n)), "byte {place}"),
                Err(_) => errors += 1,
            }
            match store.grant(ISSUER, grant_id(n)).await {
                Ok(Some(found)) => {
                    let mut record = found.record;
                    record.refresh = grant(n).refresh;
                    assert_eq!(record, grant(n), "byte {place}");
                }
                Ok(None) => {}
                Err(_) => errors += 1,
            }
            match store.session(ISSUER, key("session", n)).await {
                Ok(found) => assert!(found.is_none_or(|s| s == session(n)), "byte {place}"),
                Err(_) => errors += 1,
            }
        }
        if errors > 0 {
            noticed += 1;
            // The check finds what a reader met.
            let problems = store.check().unwrap();
            assert!(!problems.is_empty(), "byte {place}");
        }
    }
    assert!(refused > 0 || noticed > 0);
    assert!(noticed > 10, "{noticed} of 150 were noticed in reading");
}

/// A power cut loses the end of the log that was not on the disk yet, and may leave garbage there.
#[tokio::test]
async fn a_log_that_is_cut_keeps_all_that_was_acknowledged_before_the_cut() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file(), Options::default()).unwrap();
    let log = folder.file().with_extension("sqlite-wal");
    let mut acknowledged = Vec::new();
    for n in 0..40 {
        store.commit(ISSUER, one_of_each(n)).await.unwrap();
        acknowledged.push(std::fs::metadata(&log).unwrap().len());
    }
    let copies = (
        std::fs::read(folder.file()).unwrap(),
        std::fs::read(&log).unwrap(),
    );
    let after = Folder::new();
    for (cut, garbage) in (0..60_usize).map(|n| (copies.1.len() * n / 60 + n * 7, n % 2 == 0)) {
        let mut left = copies.1.clone();
        let cut = cut.min(left.len());
        left.truncate(cut);
        if garbage {
            left.resize(copies.1.len(), 0x5A);
        }
        std::fs::write(after.file(), &copies.0).unwrap();
        std::fs::write(after.file().with_extension("sqlite-wal"), &left).unwrap();
        let store = SqliteStore::open(after.file(), Options::default()).unwrap();
        let mut ended = false;
        for (n, length) in (0..).zip(&acknowledged) {
            let there = store
                .user_by_name(ISSUER, &format!("user{n}"))
                .await
                .unwrap();
            let whole = store.grant(ISSUER, grant_id(n)).await.unwrap();
            assert_eq!(there.is_some(), whole.is_some(), "all or nothing");
            if *length <= cut as u64 {
                assert!(there.is_some(), "{n} was acknowledged before byte {cut}");
            }
            assert!(!(ended && there.is_some()), "no gaps");
            ended = there.is_none();
        }
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
    }
}

fn delivery(n: u32) -> DeliveryRecord {
    DeliveryRecord {
        content: DeliveryContent::SessionsEnded {
            sessions: vec![key("session", n)],
            after: None,
        },
        attempts: 0,
        put_off: 0,
        next_at: NOW.plus(i64::from(n)),
        expires_at: NOW.plus(600),
    }
}

#[tokio::test]
async fn a_delivery_that_nobody_can_read_does_not_hold_up_those_behind_it() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file(), Options::default()).unwrap();
    for n in 0..4 {
        let write = Write::Delivery(key("delivery", n), Box::new(delivery(n)));
        store.commit(ISSUER, only(vec![write])).await.unwrap();
    }
    {
        let db = rusqlite::Connection::open(folder.file()).unwrap();
        let damage = "UPDATE deliveries SET record = x'00' WHERE next_at < ?1 + 3";
        assert_eq!(db.execute(damage, [NOW.0]).unwrap(), 3);
    }
    let now = NOW.plus(9);
    let due = store.due_deliveries(ISSUER, now, 1).await.unwrap();
    assert_eq!(due, [(key("delivery", 3), delivery(3))]);
    // The others are not forgotten.
    let db = rusqlite::Connection::open(folder.file()).unwrap();
    let later = "SELECT count(*) FROM deliveries WHERE next_at > ?1";
    let count = db.query_row(later, [now.0], |row| row.get::<_, u32>(0));
    assert_eq!(count.unwrap(), 3);
}
