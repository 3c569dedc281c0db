//! What waits for its second half.

use hallpass_core::record::FoundWaiting;
use hallpass_types::{Bucket, Code, Key, Once, Waiting};

use super::{
    Trial,
    sample::{code, key, waiting},
};
use crate::{Commit, Committed, Spend, Write};

fn new(name: &str) -> Spend {
    Spend::NewWaiting(key(name), Box::new(waiting(name)))
}

fn change(name: &str, revision: u32, state: &str) -> Spend {
    Spend::Waiting {
        key: key(name),
        revision,
        next: Some(Box::new(waiting(state))),
    }
}

fn consume(name: &str, revision: u32) -> Spend {
    Spend::Waiting {
        key: key(name),
        revision,
        next: None,
    }
}

async fn found(t: &Trial, name: &str) -> Option<FoundWaiting> {
    let issuer = t.issuer().await;
    t.store.waiting(issuer, key(name)).await.unwrap()
}

/// Digest and bucket together are the handle.
pub async fn what_waits_is_found_by_its_handle_alone(t: Trial) {
    let issuer = t.issuer().await;
    assert_eq!(found(&t, "a").await, None);
    assert_eq!(t.spend(new("a")).await, Committed::Done);
    let expected = FoundWaiting {
        record: waiting("a"),
        revision: 0,
    };
    assert_eq!(found(&t, "a").await, Some(expected));
    assert_eq!(found(&t, "b").await, None);
    let k: Key<Waiting> = key("a");
    let elsewhere = Key::from_parts(Bucket(k.bucket.0 + 1), k.digest);
    assert_eq!(t.store.waiting(issuer, elsewhere).await.unwrap(), None);
    let other = t.store.issuer("https://other.example").await.unwrap();
    assert_eq!(t.store.waiting(other, k).await.unwrap(), None);
    let code_key: Key<Code> = key("a");
    assert!(t.store.code(issuer, code_key).await.unwrap().is_none());
}

/// The second insertion is too late and changes nothing.
pub async fn a_handle_is_given_once(t: Trial) {
    assert_eq!(t.spend(new("a")).await, Committed::Done);
    let again = Spend::NewWaiting(key("a"), Box::new(waiting("other")));
    assert_eq!(t.spend(again).await, Committed::TooLate(0));
    assert_eq!(found(&t, "a").await.unwrap().record, waiting("a"));
}

/// Every change names what it changes.
pub async fn what_waits_changes_when_the_revision_is_current(t: Trial) {
    assert_eq!(t.spend(change("a", 0, "x")).await, Committed::TooLate(0));
    t.spend(new("a")).await;
    assert_eq!(t.spend(change("a", 1, "x")).await, Committed::TooLate(0));
    for revision in 0..3 {
        let state = format!("s{revision}");
        let end = t.spend(change("a", revision, &state)).await;
        assert_eq!(end, Committed::Done);
        let end = t.spend(change("a", revision, "late")).await;
        assert_eq!(end, Committed::TooLate(0));
        let expected = FoundWaiting {
            record: waiting(&state),
            revision: revision + 1,
        };
        assert_eq!(found(&t, "a").await, Some(expected));
    }
}

/// Nobody consumes it twice, and nobody revives it with a late change.
pub async fn what_was_consumed_is_unknown_and_consumed_once(t: Trial) {
    assert_eq!(t.spend(consume("a", 0)).await, Committed::TooLate(0));
    t.spend(new("a")).await;
    t.spend(new("b")).await;
    assert_eq!(t.spend(consume("a", 1)).await, Committed::TooLate(0));
    assert_eq!(t.spend(consume("a", 0)).await, Committed::Done);
    assert_eq!(found(&t, "a").await, None);
    assert_eq!(t.spend(consume("a", 0)).await, Committed::TooLate(0));
    assert_eq!(t.spend(change("a", 0, "x")).await, Committed::TooLate(0));
    assert_eq!(found(&t, "b").await.unwrap().record, waiting("b"));
}

/// Revisions do not wrap around to one that somebody read long ago.
pub async fn the_last_revision_is_the_end(t: Trial) {
    t.spend(new("a")).await;
    let end = t.spend(change("a", u32::MAX, "x")).await;
    assert_eq!(end, Committed::TooLate(0));
    assert_eq!(found(&t, "a").await.unwrap().revision, 0);
}

/// All or nothing holds for inserting, changing and consuming.
pub async fn a_change_is_taken_back_when_a_later_spend_is_too_late(t: Trial) {
    let once: Key<Once> = key("once");
    t.spend(Spend::Once(once)).await;
    t.spend(new("changed")).await;
    t.spend(new("consumed")).await;
    let spends = vec![
        new("inserted"),
        change("changed", 0, "x"),
        consume("consumed", 0),
        Spend::Once(once),
    ];
    let end = t.commit(spends, Vec::new()).await;
    assert_eq!(end, Committed::TooLate(3));
    assert_eq!(found(&t, "inserted").await, None);
    for name in ["changed", "consumed"] {
        let expected = FoundWaiting {
            record: waiting(name),
            revision: 0,
        };
        assert_eq!(found(&t, name).await, Some(expected));
    }
}

/// One wins, and what it writes is there alone.
pub async fn of_many_that_change_or_consume_one_succeeds(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.div_ceil(4) {
        let name = format!("r{round}");
        assert_eq!(t.spend(new(&name)).await, Committed::Done);
        let act = |task: u8| {
            let spend = if task.is_multiple_of(2) {
                consume(&name, 0)
            } else {
                change(&name, 0, &format!("t{task}"))
            };
            let code_key = key(&format!("{name} {task}"));
            std::future::ready(Commit {
                spends: vec![spend],
                writes: vec![Write::Code(code_key, Box::new(code("c")))],
            })
        };
        assert_eq!(t.race(8, act).await, 1, "round {round}");
        let mut made = Vec::new();
        for task in 0..8_u8 {
            let code_key: Key<Code> = key(&format!("{name} {task}"));
            if t.store.code(issuer, code_key).await.unwrap().is_some() {
                made.push(task);
            }
        }
        let left = found(&t, &name).await.map(|f| (f.record, f.revision));
        let expected = (made[0] % 2 == 1).then(|| (waiting(&format!("t{}", made[0])), 1));
        assert_eq!((made.len(), left), (1, expected), "round {round}");
    }
}

/// Of many who put something under one handle, one does, and what is there is theirs.
pub async fn a_handle_that_many_take_is_taken_once(t: Trial) {
    let issuer = t.issuer().await;
    for round in 0..t.rounds.div_ceil(4) {
        let name = format!("r{round}");
        let take = |task: u8| {
            let record = Box::new(waiting(&format!("t{task}")));
            let code_key = key(&format!("{name} {task}"));
            std::future::ready(Commit {
                spends: vec![Spend::NewWaiting(key(&name), record)],
                writes: vec![Write::Code(code_key, Box::new(code("c")))],
            })
        };
        assert_eq!(t.race(8, take).await, 1, "round {round}");
        let mut made = Vec::new();
        for task in 0..8_u8 {
            let code_key: Key<Code> = key(&format!("{name} {task}"));
            if t.store.code(issuer, code_key).await.unwrap().is_some() {
                made.push(waiting(&format!("t{task}")));
            }
        }
        let left = found(&t, &name).await.unwrap();
        assert_eq!((made, left.revision), (vec![left.record], 0));
    }
}
