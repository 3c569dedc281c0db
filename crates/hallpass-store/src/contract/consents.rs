//! Remembered consent.

use super::{
    Trial,
    sample::{client_id, consent, subject},
};
use crate::Write;

/// The latest decision counts.
pub async fn consent_is_remembered_replaced_and_forgotten(t: Trial) {
    let issuer = t.issuer().await;
    let (s, c) = (subject("alice"), client_id("web"));
    let found = || async { t.store.consent(issuer, &s, &c).await.unwrap() };
    assert_eq!(found().await, None);
    for scope in ["openid", "openid email"] {
        let record = Box::new(consent(scope));
        t.write(vec![Write::Consent(s.clone(), c.clone(), record)])
            .await;
        assert_eq!(found().await, Some(consent(scope)));
    }
    for _ in 0..2 {
        t.write(vec![Write::ForgetConsent(s.clone(), c.clone())])
            .await;
        assert_eq!(found().await, None);
    }
}

/// Neither half of the key is enough, and the halves do not run into each other.
pub async fn consent_is_for_one_subject_and_one_client(t: Trial) {
    let issuer = t.issuer().await;
    let record = Box::new(consent("openid"));
    t.write(vec![Write::Consent(subject("ab"), client_id("c"), record)])
        .await;
    for (s, c) in [("ab", "d"), ("a", "bc"), ("abc", "c"), ("AB", "c")] {
        let found = t.store.consent(issuer, &subject(s), &client_id(c)).await;
        assert_eq!(found.unwrap(), None, "{s} {c}");
    }
}
