//! Signing keys.

use super::{Trial, sample::signing_key};
use crate::{KeyPhase, Write};

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
