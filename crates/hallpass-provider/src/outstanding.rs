//! How many pushed requests of each client wait, as far as this process knows: a bound on what one client can store.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use hallpass_types::{Bucket, ClientId};

/// More clients than this are not counted at once.
const CAPACITY: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Outstanding(Mutex<HashMap<ClientId, BTreeMap<Bucket, u32>>>);

impl Outstanding {
    /// Counts one more, that is purged in `bucket`, unless `limit` wait already. `current` is the bucket of now.
    pub(crate) fn add(
        &self,
        client: &ClientId,
        bucket: Bucket,
        current: Bucket,
        limit: u32,
    ) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CAPACITY && !all.contains_key(client) {
            all.retain(|_, waiting| waiting.keys().any(|bucket| *bucket >= current));
            if all.len() >= CAPACITY {
                all.clear();
            }
        }
        let waiting = all.entry(client.clone()).or_default();
        waiting.retain(|bucket, _| *bucket >= current);
        let sum = waiting
            .values()
            .fold(0_u32, |sum, n| sum.saturating_add(*n));
        if sum >= limit {
            return false;
        }
        let count = waiting.entry(bucket).or_default();
        *count = count.saturating_add(1);
        true
    }

    /// One was consumed, or was not stored after all.
    pub(crate) fn remove(&self, client: &ClientId, bucket: Bucket) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = all.get_mut(client) else {
            return;
        };
        if let Some(count) = waiting.get_mut(&bucket) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                waiting.remove(&bucket);
            }
        }
        if waiting.is_empty() {
            all.remove(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_held_to_its_limit_and_no_other_client_feels_it() {
        let counted = Outstanding::default();
        let [a, b] = ["a", "b"].map(|id| ClientId::parse(id).unwrap());
        assert!(counted.add(&a, Bucket(70), Bucket(10), 2));
        assert!(counted.add(&a, Bucket(71), Bucket(10), 2));
        assert!(!counted.add(&a, Bucket(71), Bucket(10), 2));
        assert!(counted.add(&b, Bucket(71), Bucket(10), 2));
        counted.remove(&a, Bucket(70));
        assert!(counted.add(&a, Bucket(71), Bucket(10), 2));
        assert!(!counted.add(&a, Bucket(71), Bucket(10), 2));
    }

    #[test]
    fn what_has_expired_counts_no_more() {
        let counted = Outstanding::default();
        let a = ClientId::parse("a").unwrap();
        assert!(counted.add(&a, Bucket(70), Bucket(10), 1));
        assert!(!counted.add(&a, Bucket(80), Bucket(70), 1));
        assert!(counted.add(&a, Bucket(80), Bucket(71), 1));
        counted.remove(&a, Bucket(70));
        assert!(!counted.add(&a, Bucket(80), Bucket(71), 1));
    }
}
