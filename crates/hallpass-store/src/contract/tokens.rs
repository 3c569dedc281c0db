//! Denied tokens and keys that are used once.

use hallpass_types::{Bucket, Key, Once, Timestamp};

use super::{
    Trial,
    sample::{NOW, key, token_id},
};
use crate::{Committed, Spend, Write};

async fn denied(t: &Trial, name: &str, expires_at: Timestamp) -> bool {
    let issuer = t.issuer().await;
    let answer = t.store.standing(issuer, None, token_id(name), expires_at);
    answer.await.unwrap().token_denied
}

/// A token is denied together with its expiry.
pub async fn a_denied_token_is_denied_and_no_other(t: Trial) {
    let until = NOW.plus(600);
    t.write(vec![Write::DenyToken(token_id("a"), until)]).await;
    assert!(denied(&t, "a", until).await);
    assert!(!denied(&t, "b", until).await);
}

/// A second revocation of the same token is no error.
pub async fn denying_twice_is_once(t: Trial) {
    let deny = || Write::DenyToken(token_id("a"), NOW);
    t.write(vec![deny(), deny()]).await;
    t.write(vec![deny()]).await;
    assert!(denied(&t, "a", NOW).await);
}

/// The bucket is part of the key.
pub async fn a_key_is_used_once(t: Trial) {
    let k: Key<Once> = key("a");
    assert_eq!(t.spend(Spend::Once(k)).await, Committed::Done);
    assert_eq!(t.spend(Spend::Once(k)).await, Committed::TooLate(0));
    assert_eq!(t.spend(Spend::Once(key("b"))).await, Committed::Done);
    let later = Key::from_parts(Bucket(k.bucket.0 + 1), k.digest);
    assert_eq!(t.spend(Spend::Once(later)).await, Committed::Done);
}
