//! What other providers say about themselves, as it is held.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use hallpass_core::upstream::Metadata;
use hallpass_types::Timestamp;

/// One entry for each issuer that the operator configured, so it stays small.
#[derive(Debug, Default)]
pub(crate) struct UpstreamMetadata(Mutex<HashMap<String, Held>>);

#[derive(Debug, Default)]
struct Held {
    metadata: Option<(Metadata, Timestamp)>,
    failed_at: Option<Timestamp>,
}

/// After a failure nobody asks again for so many seconds.
const PAUSE: i64 = 5;
/// What an issuer said is good for so many seconds at most, when it says nothing any more.
const OLDEST: i64 = 86_400;

impl UpstreamMetadata {
    /// What is held of an issuer, and since when; and whether it just failed to answer.
    pub(crate) fn get(
        &self,
        issuer: &str,
        now: Timestamp,
    ) -> (Option<(Metadata, Timestamp)>, bool) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = all.get(issuer) else {
            return (None, false);
        };
        let metadata = held.metadata.clone();
        let good = metadata.filter(|(_, at)| now.since(*at) < OLDEST);
        let failed = held.failed_at;
        let failed = failed.is_some_and(|at| (0..PAUSE).contains(&now.since(at)));
        (good, failed)
    }

    pub(crate) fn put(&self, issuer: &str, metadata: &Metadata, at: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = Held {
            metadata: Some((metadata.clone(), at)),
            failed_at: None,
        };
        all.insert(issuer.to_owned(), held);
    }

    /// The issuer did not answer, or not with what it should.
    pub(crate) fn failed(&self, issuer: &str, at: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(issuer.to_owned()).or_default().failed_at = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://idp.test";

    fn metadata() -> Metadata {
        Metadata {
            authorization: "https://idp.test/authorize".to_owned(),
            token: "https://idp.test/token".to_owned(),
            jwks: "https://idp.test/jwks".to_owned(),
            userinfo: None,
            names_itself: true,
        }
    }

    #[test]
    fn an_issuer_that_failed_is_left_alone_for_a_while() {
        let held = UpstreamMetadata::default();
        let at = Timestamp(1_000_000);
        assert_eq!(held.get(ISSUER, at), (None, false));
        held.failed(ISSUER, at);
        assert_eq!(held.get(ISSUER, at.plus(PAUSE - 1)), (None, true));
        assert_eq!(held.get(ISSUER, at.plus(PAUSE)), (None, false));
        assert_eq!(held.get("https://other.test", at), (None, false));
        held.put(ISSUER, &metadata(), at.plus(PAUSE));
        assert!(!held.get(ISSUER, at.plus(PAUSE)).1);
    }

    #[test]
    fn what_an_issuer_said_goes_on_for_a_day_while_it_is_silent() {
        let held = UpstreamMetadata::default();
        let at = Timestamp(1_000_000);
        held.put(ISSUER, &metadata(), at);
        held.failed(ISSUER, at.plus(700));
        let (found, failed) = held.get(ISSUER, at.plus(701));
        assert_eq!((found, failed), (Some((metadata(), at)), true));
        assert!(held.get(ISSUER, at.plus(OLDEST - 1)).0.is_some());
        assert_eq!(held.get(ISSUER, at.plus(OLDEST)), (None, false));
    }
}
