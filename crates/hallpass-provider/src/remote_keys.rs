//! Key sets that clients publish (`jwks_uri`): fetched through the guard, held while they are good.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hallpass_jose::{Jwks, JwksPolicy};
use hallpass_types::Timestamp;

use crate::{Provider, ports::FetchRequest};

/// Shortest and longest time for which a fetched key set is held, and the time between two tries (seconds).
const MIN_AGE: i64 = 60;
const MAX_AGE: i64 = 3600;
const COOL_DOWN: i64 = 2;
const MAX_BYTES: usize = 65_536;
const CAPACITY: usize = 1000;

#[derive(Debug, Default)]
pub(crate) struct RemoteKeys(Mutex<HashMap<String, Arc<Slot>>>);

/// One address: what is held, and whose turn it is to fetch.
#[derive(Debug, Default)]
struct Slot {
    held: Mutex<Option<Held>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Held {
    keys: Option<Arc<Jwks>>,
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
            all.clear();
        }
        all.entry(uri.to_owned()).or_default().clone()
    }
}

impl Slot {
    fn usable(&self, now: Timestamp, again: bool) -> Option<Option<Arc<Jwks>>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref()
            .filter(|h| usable(h, now, again))
            .map(|h| h.keys.clone())
    }
}

impl Provider {
    /// The key set at `uri`. With `again` a set that is held is fetched anew, unless that was tried a moment ago.
    /// A failed fetch leaves what was held.
    pub(crate) async fn remote_keys(&self, uri: &str, again: bool) -> Option<Arc<Jwks>> {
        let slot = self.inner.remote_keys.slot(uri);
        if let Some(keys) = slot.usable(self.now(), again) {
            return keys;
        }
        let _turn = slot.turn.lock().await;
        let now = self.now();
        // Somebody else may have fetched it while this request waited.
        if let Some(keys) = slot.usable(now, again) {
            return keys;
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
            Jwks::parse(&f.body, JwksPolicy::Client)
                .ok()
                .map(|keys| (Arc::new(keys), age))
        });
        let mut held = slot.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (keys, age) = match parsed {
            Some((keys, age)) => (Some(keys), age),
            None => (held.as_ref().and_then(|h| h.keys.clone()), 0),
        };
        *held = Some(Held {
            keys: keys.clone(),
            fresh_until: now.plus(age),
            tried_at: now,
        });
        keys
    }
}

fn usable(held: &Held, now: Timestamp, again: bool) -> bool {
    let cooling = now.since(held.tried_at) < COOL_DOWN;
    cooling || (!again && !held.fresh_until.is_over(now))
}
