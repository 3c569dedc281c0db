use std::{sync::atomic::AtomicU32, task::Poll};

use hallpass_store::{Commit, Committed, Spend};
use hallpass_types::{Bucket, IssuerId, Key};

use super::*;
use crate::migration;

fn once(n: u8) -> Work {
    let commit = Commit {
        spends: vec![Spend::Once(Key::from_parts(Bucket(1), [n; 32]))],
        writes: Vec::new(),
    };
    Work::commit(IssuerId(1), commit).unwrap()
}

/// Runs a writer whose first connection fails to commit as often as `failures` says.
fn with_failing_commits(name: &str, failures: u32, test: impl AsyncFnOnce(&Writer)) {
    let folder = std::env::temp_dir().join(format!("hallpass-{}-{name}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("db");
    connection::create(&path).unwrap();
    let mut db = connection::writer(&path, &Options::default()).unwrap();
    migration::migrate(&mut db, migration::ALL).unwrap();
    let left = AtomicU32::new(failures);
    let fails = move || {
        let one_less = |n: u32| n.checked_sub(1);
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    };
    db.commit_hook(Some(fails)).unwrap();
    let writer = Writer::start(path, Options::default(), db, Arc::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(test(&writer));
    drop(writer);
    drop(std::fs::remove_dir_all(&folder));
}

#[test]
fn a_commit_that_fails_is_not_acknowledged_and_the_next_one_finds_a_new_connection() {
    with_failing_commits("recovers", 1, async |writer| {
        let failed = writer.submit(once(1)).await;
        assert!(matches!(failed, Err(StoreError::Unavailable(_))));
        assert!(!writer.healthy());
        assert_eq!(writer.stats.snapshot().failures, 1);
        // In time, since nothing of the first attempt is left.
        let again = writer.submit(once(1)).await.unwrap();
        assert_eq!(again, Outcome::Committed(Committed::Done));
        assert!(writer.healthy());
        let late = writer.submit(once(1)).await.unwrap();
        assert_eq!(late, Outcome::Committed(Committed::TooLate(0)));
    });
}

#[test]
fn a_probe_tells_when_the_database_can_be_written_again() {
    with_failing_commits("probe", 1, async |writer| {
        assert!(writer.submit(Work::Probe).await.is_err());
        assert!(!writer.healthy());
        writer.submit(Work::Probe).await.unwrap();
        assert!(writer.healthy());
    });
}

#[test]
fn every_commit_of_a_transaction_that_fails_gets_the_failure() {
    with_failing_commits("all", 1, async |writer| {
        // Queued before the thread looks again, some of them share the transaction that fails.
        let first = writer.submit(once(0));
        let second = writer.submit(once(1));
        let third = writer.submit(once(2));
        let ends = tokio::join!(first, second, third);
        let ends = [ends.0, ends.1, ends.2];
        let failed: Vec<usize> = (0..3).filter(|n| ends[*n].is_err()).collect();
        assert!(!failed.is_empty());
        for n in 0..3_u8 {
            let again = writer.submit(once(n)).await.unwrap();
            let expected = if failed.contains(&usize::from(n)) {
                Committed::Done
            } else {
                Committed::TooLate(0)
            };
            assert_eq!(again, Outcome::Committed(expected), "{n}");
        }
    });
}

#[test]
fn outcomes_reach_everybody_though_whoever_was_to_hand_them_out_has_gone() {
    let (first, first_asked) = oneshot::channel();
    let (second, mut second_asked) = oneshot::channel();
    let (third, third_asked) = oneshot::channel();
    drop(third_asked);
    let job = |reply| Job {
        work: once(1),
        reply,
    };
    let rest = Rest(vec![
        (job(third), Outcome::Number(3)),
        (job(second), Outcome::Number(2)),
    ]);
    job(first).answer(Outcome::Number(1), rest);
    assert!(second_asked.try_recv().is_err());
    // It was told, and does not look.
    drop(first_asked);
    let second = second_asked.try_recv().unwrap();
    assert_eq!(second.outcome.unwrap(), Outcome::Number(2));
    // What was asked for comes back to who asked.
    assert!(matches!(second.done, Some(Work::Commit(..))));
}

#[test]
fn commits_that_nobody_waits_for_any_more_keep_nobody_else_from_an_answer() {
    with_failing_commits("gone", 0, async |writer| {
        for round in 0..20_u8 {
            let all: Vec<u8> = (0..8).map(|n| round * 8 + n).collect();
            let mut asked: Vec<_> = all
                .iter()
                .map(|n| (Box::pin(writer.submit(once(*n))), None))
                .collect();
            // All are queued; then every second one goes, the first among them.
            std::future::poll_fn(|context| {
                for (one, outcome) in &mut asked {
                    *outcome = match one.as_mut().poll(context) {
                        Poll::Ready(outcome) => Some(outcome),
                        Poll::Pending => None,
                    };
                }
                Poll::Ready(())
            })
            .await;
            let staying = asked.into_iter().skip(1).step_by(2);
            for (one, outcome) in staying {
                let outcome = match outcome {
                    Some(outcome) => outcome,
                    None => one.await,
                };
                assert_eq!(outcome.unwrap(), Outcome::Committed(Committed::Done));
            }
        }
    });
}
