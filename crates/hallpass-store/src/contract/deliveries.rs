//! Requests to clients that wait to be sent.

use hallpass_core::record::{DeliveryContent, DeliveryRecord};
use hallpass_types::{Bucket, Delivery, Key, sha256};

use super::{
    Trial,
    sample::{NOW, client_id, key},
};
use crate::{Commit, Committed, Spend, StoreError, Write};

pub(super) fn delivery(after: i64) -> DeliveryRecord {
    DeliveryRecord {
        content: DeliveryContent::Request {
            client_id: client_id("c"),
            kind: "test".to_owned(),
            url: "https://rp.example/\u{0}".to_owned(),
            sealed: vec![0, 255],
        },
        attempts: 0,
        put_off: 0,
        next_at: NOW.plus(after),
        expires_at: NOW.plus(600),
    }
}

fn put(name: &str, after: i64) -> Write {
    Write::Delivery(key(name), Box::new(delivery(after)))
}

fn claim(name: &str, attempts: u32, after: i64) -> Spend {
    Spend::Delivery {
        key: key(name),
        attempts,
        next_at: Some(NOW.plus(after)),
    }
}

fn finish(name: &str, attempts: u32) -> Spend {
    Spend::Delivery {
        key: key(name),
        attempts,
        next_at: None,
    }
}

async fn due(t: &Trial, after: i64, limit: usize) -> Vec<(Key<Delivery>, DeliveryRecord)> {
    let issuer = t.issuer().await;
    let due = t.store.due_deliveries(issuer, NOW.plus(after), limit).await;
    due.unwrap()
}

/// Nothing is due before its time; the longest wait comes first; no more than asked for.
pub async fn deliveries_are_due_in_order_from_their_time_on(t: Trial) {
    assert!(due(&t, 99, 10).await.is_empty());
    t.write(vec![put("b", 2), put("a", 1), put("c", 3)]).await;
    assert!(due(&t, 0, 10).await.is_empty());
    assert_eq!(due(&t, 1, 10).await, [(key("a"), delivery(1))]);
    let two = [(key("a"), delivery(1)), (key("b"), delivery(2))];
    assert_eq!(due(&t, 2, 10).await, two);
    assert_eq!(due(&t, 99, 2).await, two);
    assert_eq!(due(&t, 99, 0).await.len(), 1, "at least one");
    assert_eq!(due(&t, 99, usize::MAX).await.len(), 3);
}

/// Who claims moves the time and the number of attempts, and both are answered.
pub async fn a_claimed_delivery_is_not_due_until_its_new_time(t: Trial) {
    t.write(vec![put("a", 0)]).await;
    assert_eq!(t.spend(claim("a", 0, 15)).await, Committed::Done);
    assert!(due(&t, 14, 10).await.is_empty());
    let claimed = DeliveryRecord {
        attempts: 1,
        ..delivery(15)
    };
    assert_eq!(due(&t, 15, 10).await, [(key("a"), claimed)]);
    for stale in [claim("a", 0, 99), claim("a", 2, 99), finish("a", 0)] {
        assert_eq!(t.spend(stale).await, Committed::TooLate(0));
    }
    assert_eq!(t.spend(claim("a", 1, 60)).await, Committed::Done);
    assert_eq!(t.spend(finish("a", 2)).await, Committed::Done);
    assert!(due(&t, 999, 10).await.is_empty());
    for gone in [claim("a", 2, 99), finish("a", 2), finish("never", 0)] {
        assert_eq!(t.spend(gone).await, Committed::TooLate(0));
    }
}

/// What was claimed can be given back under its key, with the number of attempts that it had.
pub async fn a_delivery_can_be_written_anew_where_it_is_finished(t: Trial) {
    t.write(vec![put("a", 0)]).await;
    assert_eq!(t.spend(claim("a", 0, 15)).await, Committed::Done);
    let given_back = || DeliveryRecord {
        put_off: 1,
        ..delivery(1)
    };
    let again = || vec![Write::Delivery(key("a"), Box::new(given_back()))];
    let stale = t.commit(vec![finish("a", 0)], again()).await;
    assert_eq!(stale, Committed::TooLate(0));
    let done = t.commit(vec![finish("a", 1)], again()).await;
    assert_eq!(done, Committed::Done);
    assert!(due(&t, 0, 10).await.is_empty());
    assert_eq!(due(&t, 1, 10).await, [(key("a"), given_back())]);
    assert_eq!(t.spend(claim("a", 0, 15)).await, Committed::Done);
}

/// All or nothing, as with every spend.
pub async fn a_claim_is_taken_back_with_its_commit(t: Trial) {
    t.write(vec![put("a", 0), put("b", 0)]).await;
    let spends = vec![claim("a", 0, 15), finish("b", 0), finish("never", 0)];
    assert_eq!(t.commit(spends, Vec::new()).await, Committed::TooLate(2));
    let mut found = due(&t, 0, 10).await;
    found.sort_by_key(|(key, _)| *key);
    let mut expected = vec![(key("a"), delivery(0)), (key("b"), delivery(0))];
    expected.sort_by_key(|(key, _)| *key);
    assert_eq!(found, expected);
}

/// Two of them under one key would be one too few.
pub async fn a_delivery_key_that_is_taken_is_a_collision(t: Trial) {
    t.write(vec![put("a", 1)]).await;
    for writes in [vec![put("a", 2)], vec![put("b", 0), put("b", 1)]] {
        let end = t.try_commit(Vec::new(), writes).await;
        assert!(matches!(end, Err(StoreError::Collision)), "{end:?}");
    }
    assert_eq!(due(&t, 99, 10).await, [(key("a"), delivery(1))]);
}

/// Each attempt is one node's.
pub async fn a_delivery_that_many_claim_is_claimed_once(t: Trial) {
    t.write(vec![put("a", 0)]).await;
    for attempts in 0..t.rounds.div_ceil(10) {
        let one = |_| {
            std::future::ready(Commit {
                spends: vec![claim("a", attempts, 0)],
                writes: Vec::new(),
            })
        };
        assert_eq!(t.race(8, one).await, 1, "attempt {attempts}");
    }
}

/// An issuer sees and claims its own.
pub async fn deliveries_of_two_issuers_are_apart(t: Trial) {
    let other = t.store.issuer("https://other.example").await.unwrap();
    t.write(vec![put("a", 0)]).await;
    assert!(
        t.store
            .due_deliveries(other, NOW, 9)
            .await
            .unwrap()
            .is_empty()
    );
    let commit = Commit {
        spends: vec![finish("a", 0)],
        writes: Vec::new(),
    };
    let end = t.store.commit(other, commit).await.unwrap();
    assert_eq!(end, Committed::TooLate(0));
    assert_eq!(due(&t, 0, 9).await.len(), 1);
}

/// Whatever happened to it, it goes with its bucket.
pub async fn a_delivery_is_purged_with_its_bucket(t: Trial) {
    for (bucket, name) in [(Bucket(10), "old"), (Bucket(11), "new")] {
        let key = Key::from_parts(bucket, sha256(name.as_bytes()));
        let write = Write::Delivery(key, Box::new(delivery(0)));
        t.write(vec![write]).await;
    }
    assert_eq!(t.store.purge(Bucket(11), 100).await.unwrap(), 1);
    let left = due(&t, 0, 9).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].0.bucket, Bucket(11));
}
