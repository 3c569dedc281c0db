//! Signing keys.

use super::{Trial, sample::signing_key};
use crate::{Committed, KeyPhase, Spend, Write};

/// One record per `kid`, whatever its phase.
pub async fn signing_keys_are_written_replaced_and_deleted(t: Trial) {
    let issuer = t.issuer().await;
    let all = || async {
        let mut keys = t.store.signing_keys(issuer).await.unwrap();
        keys.sort_by(|a, b| a.kid.cmp(&b.kid));
        keys
    };
    let put = |kid: &str, phase| Write::SigningKey(Box::new(signing_key(kid, phase)));
    assert!(all().await.is_empty());
    t.write(vec![put("a", KeyPhase::Active), put("b", KeyPhase::Next)])
        .await;
    t.write(vec![
        put("a", KeyPhase::Retiring),
        put("b", KeyPhase::Active),
    ])
    .await;
    assert_eq!(
        all().await,
        [
            signing_key("a", KeyPhase::Retiring),
            signing_key("b", KeyPhase::Active)
        ]
    );
    for _ in 0..2 {
        t.write(vec![Write::DeleteSigningKey("a".to_owned())]).await;
        assert_eq!(all().await, [signing_key("b", KeyPhase::Active)]);
    }
}

/// A commit that was decided on other keys than the present ones writes nothing.
pub async fn keys_that_have_changed_since_they_were_read_are_noticed(t: Trial) {
    let a = |phase| signing_key("a", phase);
    let b = || signing_key("b", KeyPhase::Next);
    let put = |key| vec![Write::SigningKey(Box::new(key))];
    let first = vec![Spend::SigningKeys(Vec::new())];
    let end = t.commit(first.clone(), put(a(KeyPhase::Active))).await;
    assert_eq!(end, Committed::Done);
    let end = t.commit(first, put(b())).await;
    assert_eq!(end, Committed::TooLate(0), "somebody else was first");
    t.write(put(b())).await;
    for other in [
        vec![a(KeyPhase::Active)],
        vec![a(KeyPhase::Retiring), b()],
        vec![a(KeyPhase::Active), b(), signing_key("c", KeyPhase::Next)],
    ] {
        let end = t.spend(Spend::SigningKeys(other)).await;
        assert_eq!(end, Committed::TooLate(0));
    }
    for same in [[a(KeyPhase::Active), b()], [b(), a(KeyPhase::Active)]] {
        let end = t.spend(Spend::SigningKeys(same.to_vec())).await;
        assert_eq!(end, Committed::Done);
    }
}
