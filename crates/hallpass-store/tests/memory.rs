//! The in-memory store keeps the contract, and its own bounds.

use std::sync::Arc;

use hallpass_store::{Commit, Committed, MemoryStore, Spend, Store, StoreError, Write};
use hallpass_types::{Bucket, Key, Timestamp, TokenId};

async fn empty() -> (Arc<dyn Store>, ()) {
    (Arc::new(MemoryStore::new()), ())
}

mod contract {
    hallpass_store::contract_tests!(1000, super::empty);
}

#[tokio::test]
async fn the_suite_also_runs_without_a_harness() {
    hallpass_store::contract::run_all(10, empty).await;
}

#[tokio::test]
async fn a_full_store_refuses_what_is_new_and_takes_it_after_a_purge() {
    let store = MemoryStore::with_limit(3);
    let issuer = store.issuer("https://op.example").await.unwrap();
    let use_key = async |n: u8| {
        let key = Key::from_parts(Bucket(5), [n; 32]);
        let commit = Commit {
            spends: vec![Spend::Once(key)],
            writes: Vec::new(),
        };
        store.commit(issuer, commit).await
    };
    for n in 0..3 {
        assert_eq!(use_key(n).await.unwrap(), Committed::Done);
    }
    assert!(matches!(use_key(3).await, Err(StoreError::Unavailable(_))));
    // Another kind has room of its own, so a token can still be revoked.
    let deny = Commit {
        spends: Vec::new(),
        writes: vec![Write::DenyToken(TokenId([1; 16]), Timestamp(1))],
    };
    assert_eq!(store.commit(issuer, deny).await.unwrap(), Committed::Done);
    assert_eq!(store.purge(Bucket(6), 10).await.unwrap(), 4);
    assert_eq!(use_key(3).await.unwrap(), Committed::Done);
    for n in 0..2 {
        store.issuer(&format!("https://{n}.example")).await.unwrap();
    }
    assert!(matches!(
        store.issuer("https://more.example").await,
        Err(StoreError::Unavailable(_))
    ));
}
