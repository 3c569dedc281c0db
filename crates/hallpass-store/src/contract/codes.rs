//! Codes.

use hallpass_core::record::{CodeRecord, FoundCode};
use hallpass_types::{Bucket, Code, Key};

use super::{
    Trial,
    sample::{code, key},
};
use crate::{Committed, Spend, StoreError, Write};

/// A replay must find the grant to revoke, so a spent code stays.
pub async fn a_code_is_found_until_and_after_it_is_spent(t: Trial) {
    let issuer = t.issuer().await;
    let k: Key<Code> = key("a");
    assert!(t.store.code(issuer, k).await.unwrap().is_none());
    t.write(vec![Write::Code(k, Box::new(code("a")))]).await;
    for spent in [false, true] {
        let expected = FoundCode {
            record: code("a"),
            spent,
        };
        assert_eq!(t.store.code(issuer, k).await.unwrap(), Some(expected));
        if !spent {
            assert_eq!(t.spend(Spend::Code(k)).await, Committed::Done);
        }
    }
    let elsewhere = Key::from_parts(Bucket(k.bucket.0 + 1), k.digest);
    assert!(t.store.code(issuer, elsewhere).await.unwrap().is_none());
}

/// The second redemption is too late, and stays so.
pub async fn a_code_is_spent_once(t: Trial) {
    let k: Key<Code> = key("a");
    t.write(vec![Write::Code(k, Box::new(code("a")))]).await;
    assert_eq!(t.spend(Spend::Code(k)).await, Committed::Done);
    for _ in 0..3 {
        assert_eq!(t.spend(Spend::Code(k)).await, Committed::TooLate(0));
    }
}

/// Nobody redeems what was never issued.
pub async fn an_unknown_code_is_too_late(t: Trial) {
    t.write(vec![Write::Code(key("a"), Box::new(code("a")))])
        .await;
    assert_eq!(t.spend(Spend::Code(key("b"))).await, Committed::TooLate(0));
}

/// With broken randomness two people could get the same code; the second is refused, and a spent code is not revived.
pub async fn a_code_key_that_is_taken_is_a_collision_and_changes_nothing(t: Trial) {
    let issuer = t.issuer().await;
    let k: Key<Code> = key("a");
    t.write(vec![Write::Code(k, Box::new(code("a")))]).await;
    assert_eq!(t.spend(Spend::Code(k)).await, Committed::Done);
    let other = CodeRecord {
        nonce: None,
        ..code("b")
    };
    let again = vec![Write::Code(k, Box::new(other.clone()))];
    assert!(matches!(
        t.try_commit(Vec::new(), again).await,
        Err(StoreError::Collision)
    ));
    let found = t.store.code(issuer, k).await.unwrap().unwrap();
    assert_eq!((found.record, found.spent), (code("a"), true));
    let twice = vec![
        Write::Code(key("c"), Box::new(code("c"))),
        Write::Code(key("c"), Box::new(other)),
    ];
    assert!(matches!(
        t.try_commit(Vec::new(), twice).await,
        Err(StoreError::Collision)
    ));
    assert!(t.store.code(issuer, key("c")).await.unwrap().is_none());
}
