//! Key sets that clients publish (`jwks_uri`): fetched through the guard, held while they are good.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hallpass_jose::{Jwks, JwksPolicy};
use hallpass_types::Timestamp;

use crate::{Provider, documents::Whose, ports::FetchRequest};

/// Shortest and longest time for which a fetched key set is held, and the time between two tries (seconds).
const MIN_AGE: i64 = 60;
const MAX_AGE: i64 = 3600;
const COOL_DOWN: i64 = 2;
/// A key set that cannot be fetched anew is used no longer than this after it was fetched (seconds).
const KEPT: i64 = 86_400;
const MAX_BYTES: usize = 65_536;
const CAPACITY: usize = 1000;

#[derive(Debug, Default)]
pub(crate) struct RemoteKeys(Mutex<HashMap<String, Arc<Slot>>>);

/// One address: what is held, and whose turn it is to fetch.
#[derive(Debug, Default)]
struct Slot {
    held: Mutex<Option<Held>>,
    turn: tokio::sync::Mutex<()>,
    /// How many fetches have ended.
    ended: AtomicU64,
}

#[derive(Clone, Debug)]
struct Held {
    keys: Option<Arc<Jwks>>,
    /// When these keys came.
    fetched_at: Timestamp,
    fresh_until: Timestamp,
    tried_at: Timestamp,
}

impl RemoteKeys {
    fn slot(&self, uri: &str) -> Arc<Slot> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = all.get(uri) {
            return slot.clone();
        }
        if all.len() >= CAPACITY {
            // Addresses that brought nothing make room for those that may.
            all.retain(|_, slot| slot.held().is_some());
            if all.len() >= CAPACITY {
                all.clear();
            }
        }
        all.entry(uri.to_owned()).or_default().clone()
    }
}

impl Slot {
    fn held(&self) -> Option<Arc<Jwks>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().and_then(|h| h.keys.clone())
    }

    fn usable(&self, now: Timestamp, again: bool) -> Option<Option<Arc<Jwks>>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()
            .filter(|h| usable(h, now, again))
            .map(|h| h.keys.clone())
    }
}

impl Provider {
    /// The key set at `uri`. With `again` a set that is held is fetched anew, unless that was tried a moment ago.
    /// A failed fetch leaves what was held. `whose` address it is says who is kept from naming too many.
    pub(crate) async fn remote_keys(
        &self,
        whose: Whose,
        uri: &str,
        again: bool,
    ) -> Option<Arc<Jwks>> {
        let slot = self.inner.remote_keys.slot(uri);
        if let Some(keys) = slot.usable(self.now(), again) {
            return keys;
        }
        let ended = slot.ended.load(Ordering::Acquire);
        let _turn = slot.turn.lock().await;
        // Who waited for somebody else's fetch takes what it brought, however it ended.
        if slot.ended.load(Ordering::Acquire) != ended {
            return slot.held();
        }
        if let Some(keys) = slot.usable(self.now(), again) {
            return keys;
        }
        // Who it is can name any address here. One that was good before is not held up by that.
        let counted = slot.held().is_none().then(|| origin(uri));
        if let Some(origin) = &counted
            && !self.inner.documents.ration(whose, origin, self.now())
        {
            return None;
        }
        let request = FetchRequest {
            url: uri,
            accept: "application/jwk-set+json, application/json",
            max_bytes: MAX_BYTES,
            timeout: Duration::from_secs(5),
        };
        let fetched = self.inner.fetcher.fetch(request).await.ok();
        let parsed = fetched.and_then(|f| {
            let age = i64::from(f.max_age.unwrap_or(300)).clamp(MIN_AGE, MAX_AGE);
            let keys = Jwks::parse(&f.body, JwksPolicy::Client).ok()?;
            // A set without keys is what a broken server publishes.
            (!keys.is_empty()).then(|| (Arc::new(keys), age))
        });
        if let (Some(origin), Some(_)) = (&counted, &parsed) {
            self.inner.documents.give_back(whose, origin);
        }
        let mut held = slot.held.lock().unwrap_or_else(PoisonError::into_inner);
        // The fetch may have taken seconds.
        let next = after_fetch(held.as_ref(), parsed, self.now());
        let keys = next.keys.clone();
        *held = Some(next);
        slot.ended.fetch_add(1, Ordering::Release);
        keys
    }
}

/// Whom a fetch burdens.
pub(crate) fn origin(uri: &str) -> String {
    url::Url::parse(uri).map_or_else(|_| uri.to_owned(), |url| url.origin().ascii_serialization())
}

/// What is held after a fetch that ended now. One that brought nothing leaves what was held, for a day.
fn after_fetch(held: Option<&Held>, fetched: Option<(Arc<Jwks>, i64)>, now: Timestamp) -> Held {
    if let Some((keys, age)) = fetched {
        return Held {
            keys: Some(keys),
            fetched_at: now,
            fresh_until: now.plus(age),
            tried_at: now,
        };
    }
    let kept = held.filter(|h| now.since(h.fetched_at) <= KEPT);
    Held {
        keys: kept.and_then(|h| h.keys.clone()),
        // With a clock that was set back the day begins now.
        fetched_at: kept.map_or(now, |h| h.fetched_at.min(now)),
        fresh_until: now,
        tried_at: now,
    }
}

/// What is from the future, by a clock that was set back, is stale.
fn usable(held: &Held, now: Timestamp, again: bool) -> bool {
    let cooling = (0..COOL_DOWN).contains(&now.since(held.tried_at));
    let fresh = now >= held.fetched_at && !held.fresh_until.is_over(now);
    cooling || (!again && fresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Arc<Jwks> {
        Arc::new(Jwks::default())
    }

    fn fetched(at: i64) -> Held {
        after_fetch(None, Some((keys(), 300)), Timestamp(at))
    }

    #[test]
    fn keys_are_fresh_for_their_time_and_not_before_they_came() {
        let held = fetched(1000);
        assert!(usable(&held, Timestamp(1299), false));
        assert!(!usable(&held, Timestamp(1301), false));
        assert!(!usable(&held, Timestamp(999), false), "a clock set back");
    }

    #[test]
    fn a_second_look_is_answered_from_what_is_held_for_a_moment_only() {
        let held = fetched(1000);
        assert!(usable(&held, Timestamp(1001), true));
        assert!(!usable(&held, Timestamp(1002), true));
        assert!(!usable(&held, Timestamp(999), true), "a clock set back");
    }

    #[test]
    fn failed_fetches_keep_old_keys_for_a_day() {
        let mut held = fetched(0);
        for at in [KEPT / 2, KEPT] {
            held = after_fetch(Some(&held), None, Timestamp(at));
            assert!(held.keys.is_some(), "{at}");
        }
        held = after_fetch(Some(&held), None, Timestamp(KEPT + 1));
        assert!(held.keys.is_none());
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_lengthen_the_day() {
        let held = after_fetch(Some(&fetched(KEPT * 9)), None, Timestamp(0));
        assert!(held.keys.is_some());
        let held = after_fetch(Some(&held), None, Timestamp(KEPT + 1));
        assert!(held.keys.is_none());
    }
}
