//! How many pushed requests of each client wait, as far as this process knows: a bound on what one client can store, and
//! on what all those can that anybody makes by publishing a document.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use hallpass_core::client::{Client, ClientOrigin};
use hallpass_types::{Bucket, ClientId};

/// More clients than this are not counted at once.
const CAPACITY: usize = 10_000;

/// A client of a document may have this part of what all of them may have together.
const PART: u32 = 10;

#[derive(Debug, Default)]
pub(crate) struct Outstanding(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    clients: HashMap<ClientId, Waiting>,
    /// All clients of documents together.
    documents: Waiting,
}

#[derive(Debug, Default)]
struct Waiting(BTreeMap<Bucket, u32>);

impl Waiting {
    /// How many wait, without those that are purged by now.
    fn sum(&mut self, current: Bucket) -> u32 {
        self.0.retain(|bucket, _| *bucket >= current);
        self.0
            .values()
            .fold(0_u32, |sum, count| sum.saturating_add(*count))
    }

    fn add(&mut self, bucket: Bucket) {
        let count = self.0.entry(bucket).or_default();
        *count = count.saturating_add(1);
    }

    fn remove(&mut self, bucket: Bucket) {
        if let Some(count) = self.0.get_mut(&bucket) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(&bucket);
            }
        }
    }
}

/// Whose requests are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose<'a> {
    id: &'a ClientId,
    of_document: bool,
}

impl<'a> From<&'a Client> for Whose<'a> {
    fn from(client: &'a Client) -> Self {
        Self {
            id: &client.id,
            of_document: client.origin == ClientOrigin::Document,
        }
    }
}

impl Outstanding {
    /// Counts one more, that is purged in `bucket`, unless `limit` wait already. `current` is the bucket of now.
    pub(crate) fn add(
        &self,
        whose: Whose<'_>,
        bucket: Bucket,
        current: Bucket,
        limit: u32,
    ) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { clients, documents } = &mut *counts;
        let mut own = limit;
        if whose.of_document {
            if documents.sum(current) >= limit {
                return false;
            }
            own = (limit / PART).max(1);
        }
        if clients.len() >= CAPACITY && !clients.contains_key(whose.id) {
            clients.retain(|_, waiting| waiting.sum(current) > 0);
            if clients.len() >= CAPACITY {
                clients.clear();
            }
        }
        let waiting = clients.entry(whose.id.clone()).or_default();
        if waiting.sum(current) >= own {
            return false;
        }
        waiting.add(bucket);
        if whose.of_document {
            documents.add(bucket);
        }
        true
    }

    /// One was consumed, or was not stored after all.
    pub(crate) fn remove(&self, whose: Whose<'_>, bucket: Bucket) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if whose.of_document {
            counts.documents.remove(bucket);
        }
        let Some(waiting) = counts.clients.get_mut(whose.id) else {
            return;
        };
        waiting.remove(bucket);
        if waiting.0.is_empty() {
            counts.clients.remove(whose.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClientId {
        ClientId::parse(text).unwrap()
    }

    const fn known(id: &ClientId) -> Whose<'_> {
        Whose {
            id,
            of_document: false,
        }
    }

    const fn stranger(id: &ClientId) -> Whose<'_> {
        Whose {
            id,
            of_document: true,
        }
    }

    #[test]
    fn a_client_is_held_to_its_limit_and_no_other_client_feels_it() {
        let counted = Outstanding::default();
        let [a, b] = ["a", "b"].map(id);
        assert!(counted.add(known(&a), Bucket(70), Bucket(10), 2));
        assert!(counted.add(known(&a), Bucket(71), Bucket(10), 2));
        assert!(!counted.add(known(&a), Bucket(71), Bucket(10), 2));
        assert!(counted.add(known(&b), Bucket(71), Bucket(10), 2));
        counted.remove(known(&a), Bucket(70));
        assert!(counted.add(known(&a), Bucket(71), Bucket(10), 2));
        assert!(!counted.add(known(&a), Bucket(71), Bucket(10), 2));
    }

    #[test]
    fn what_has_expired_counts_no_more() {
        let counted = Outstanding::default();
        let a = id("a");
        assert!(counted.add(known(&a), Bucket(70), Bucket(10), 1));
        assert!(!counted.add(known(&a), Bucket(80), Bucket(70), 1));
        assert!(counted.add(known(&a), Bucket(80), Bucket(71), 1));
        counted.remove(known(&a), Bucket(70));
        assert!(!counted.add(known(&a), Bucket(80), Bucket(71), 1));
    }

    #[test]
    fn all_clients_of_documents_have_no_more_together_than_one_other_client() {
        let counted = Outstanding::default();
        let push = |client: &ClientId, current| {
            counted.add(stranger(client), Bucket(70), Bucket(current), 20)
        };
        for number in 0..10 {
            let client = id(&format!("https://{number}.test/app"));
            assert!(push(&client, 10));
            assert!(push(&client, 10));
            assert!(!push(&client, 10), "a tenth for each");
        }
        assert!(!push(&id("https://more.test/app"), 10));
        assert!(counted.add(known(&id("a")), Bucket(70), Bucket(10), 20));
        counted.remove(stranger(&id("https://3.test/app")), Bucket(70));
        assert!(push(&id("https://more.test/app"), 10));
        assert!(!push(&id("https://most.test/app"), 10));
        assert!(push(&id("https://most.test/app"), 71), "they are purged");
    }
}
