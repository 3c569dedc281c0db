//! Clients that publish their metadata under the URL that is their identifier: fetched through the guard when they are
//! met, held in memory while they are fresh, never stored. Every node fetches for itself; none needs to know of another.
//!
//! Anybody can name a URL before anybody has authenticated. So one document is fetched once at a time, few are fetched at
//! once, and fetches that bring nothing are rationed, for each server and in all. Documents that were good before are
//! exempt: who floods us with URLs keeps new clients of a server out at most, not those that work.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hallpass_core::client::{
    Client, ClientOrigin,
    document::{self, DocumentId},
};
use hallpass_types::{ClientId, Timestamp};

use crate::{Provider, ports::FetchRequest};

/// A page of ours waits no longer for a document.
const TIMEOUT: Duration = Duration::from_secs(3);
/// So many documents are fetched at once that were good before, and so many that were not.
const MOST_AT_ONCE: usize = 16;
/// A document that was good and cannot be fetched any more still serves what was granted before, for so long after it
/// ceased to be fresh (seconds). Nothing new is granted meanwhile.
const GRACE: i64 = 600;
/// A document that was good and could not be fetched is tried again after so many seconds.
const RETRY: i64 = 5;
/// One server's documents take this part of the room at most.
const SHARE: usize = 8;
/// Fetches that bring nothing: so many at once, then one in so many seconds, for each server.
const OF_ORIGIN: Ration = Ration {
    burst: 10,
    per: 6,
    refill: 1,
};
/// The same for all servers together: four in a second.
const OF_ALL: Ration = Ration {
    burst: 120,
    per: 1,
    refill: 4,
};
/// So many servers are remembered for having brought nothing.
const MOST_ORIGINS: usize = 4096;

/// So many documents of one server are nothing out of the ordinary.
const USUAL: usize = 10;

/// How recent a document has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Something new is to be granted.
    Fresh,
    /// Something that was granted is used.
    Recent,
}

#[derive(Debug, Default)]
pub(crate) struct Documents(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    held: HashMap<ClientId, Held>,
    /// Fetches under way.
    flights: HashMap<ClientId, Arc<Flight>>,
    strangers: Rations,
    registered: Rations,
    ours: Rations,
}

/// Fetches that brought nothing, by server and in all.
#[derive(Debug, Default)]
struct Rations {
    origins: HashMap<String, Level>,
    all: Level,
}

/// Who named what is fetched. Each has rations of their own, so that those of whom less is known cannot use up the others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Anybody.
    Strangers,
    /// A client that has registered itself.
    Registered,
    /// The operator.
    Ours,
}

impl Whose {
    pub(crate) fn of(client: &Client) -> Self {
        let origin = client.origin;
        if matches!(
            origin,
            ClientOrigin::Configuration | ClientOrigin::Administration
        ) {
            Self::Ours
        } else if origin == ClientOrigin::Document {
            Self::Strangers
        } else {
            Self::Registered
        }
    }
}

#[derive(Clone, Debug)]
struct Held {
    client: Arc<Client>,
    origin: String,
    fetched_at: Timestamp,
    fresh_until: Timestamp,
    tried_at: Timestamp,
    used_at: Timestamp,
}

impl Held {
    /// What is from the future, by a clock that was set back, is stale.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now >= self.fetched_at && !self.fresh_until.is_over(now)
    }

    fn is_recent(&self, now: Timestamp) -> bool {
        now >= self.fetched_at && !self.fresh_until.plus(GRACE).is_over(now)
    }
}

/// One fetch, and those who wait for it.
#[derive(Debug, Default)]
struct Flight {
    turn: tokio::sync::Mutex<()>,
    /// How many fetches have ended.
    ended: AtomicU64,
}

/// So many at once, then `refill` within `per` seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ration {
    pub(crate) burst: i64,
    pub(crate) per: i64,
    pub(crate) refill: i64,
}

/// How much of a ration is used, in parts of `per`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Level {
    used: i64,
    at: Timestamp,
}

impl Level {
    fn settle(&mut self, ration: Ration, now: Timestamp) {
        let passed = now.since(self.at).max(0);
        self.used = self
            .used
            .saturating_sub(passed.saturating_mul(ration.refill))
            .max(0);
        self.at = now;
    }

    /// Whether there was one left, which is taken.
    pub(crate) fn take(&mut self, ration: Ration, now: Timestamp) -> bool {
        self.settle(ration, now);
        let next = self.used.saturating_add(ration.per);
        let left = next <= ration.burst.saturating_mul(ration.per);
        if left {
            self.used = next;
        }
        left
    }

    fn give_back(&mut self, ration: Ration) {
        self.used = self.used.saturating_sub(ration.per).max(0);
    }
}

impl Rations {
    /// Counts a fetch before it is made, so that many at once do not pass.
    fn ration(&mut self, origin: &str, now: Timestamp) -> bool {
        if self.origins.len() >= MOST_ORIGINS && !self.origins.contains_key(origin) {
            self.origins.retain(|_, level| {
                level.settle(OF_ORIGIN, now);
                level.used > 0
            });
            if self.origins.len() >= MOST_ORIGINS {
                return false;
            }
        }
        let level = self.origins.entry(origin.to_owned()).or_default();
        if !level.take(OF_ORIGIN, now) {
            return false;
        }
        if self.all.take(OF_ALL, now) {
            return true;
        }
        level.give_back(OF_ORIGIN);
        false
    }

    fn give_back(&mut self, origin: &str) {
        self.all.give_back(OF_ALL);
        if let Some(level) = self.origins.get_mut(origin) {
            level.give_back(OF_ORIGIN);
            if level.used == 0 {
                self.origins.remove(origin);
            }
        }
    }
}

impl State {
    /// Whether as many documents of a server are held as are usual, or as there is room for.
    fn has_many(&self, origin: &str, capacity: usize) -> bool {
        let many = USUAL.min(share(capacity));
        let of_origin = self.held.values().filter(|held| held.origin == origin);
        of_origin.take(many).count() == many
    }

    fn rations(&mut self, whose: Whose) -> &mut Rations {
        match whose {
            Whose::Strangers => &mut self.strangers,
            Whose::Registered => &mut self.registered,
            Whose::Ours => &mut self.ours,
        }
    }

    fn put(&mut self, id: &ClientId, held: Held, capacity: usize, now: Timestamp) {
        if !self.held.contains_key(id) {
            let of_origin = self.held.values().filter(|h| h.origin == held.origin);
            if of_origin.count() >= share(capacity) {
                self.drop_one(now, |h| h.origin == held.origin);
            } else if self.held.len() >= capacity.max(1) {
                self.held.retain(|_, h| h.is_recent(now));
                if self.held.len() >= capacity.max(1) {
                    self.drop_one(now, |_| true);
                }
            }
        }
        self.held.insert(id.clone(), held);
    }

    /// Drops the one that was not used for the longest time.
    fn drop_one(&mut self, now: Timestamp, among: impl Fn(&Held) -> bool) {
        let oldest = self
            .held
            .iter()
            .filter(|(_, h)| among(h))
            .min_by_key(|(_, h)| (h.is_recent(now), h.used_at))
            .map(|(id, _)| id.clone());
        if let Some(id) = oldest {
            self.held.remove(&id);
        }
    }
}

/// So many documents of one server are held at most.
fn share(capacity: usize) -> usize {
    capacity.div_ceil(SHARE).max(1)
}

/// A place among those who want one document. The last one to leave clears it away, also when the request is broken off.
struct Place<'a> {
    all: &'a Documents,
    id: &'a ClientId,
    flight: Arc<Flight>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.all.state();
        // One is in the table, one is ours.
        if Arc::strong_count(&self.flight) <= 2 {
            state.flights.remove(self.id);
        }
    }
}

impl Documents {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a server may be asked for something that it may not have. Counted until it is given back.
    pub(crate) fn ration(&self, whose: Whose, origin: &str, now: Timestamp) -> bool {
        self.state().rations(whose).ration(origin, now)
    }

    /// It had it.
    pub(crate) fn give_back(&self, whose: Whose, origin: &str) {
        self.state().rations(whose).give_back(origin);
    }

    /// What may be used without a look.
    fn fresh(&self, id: &ClientId, now: Timestamp) -> Option<Arc<Client>> {
        let mut state = self.state();
        let held = state.held.get_mut(id).filter(|h| h.is_fresh(now))?;
        held.used_at = now;
        Some(held.client.clone())
    }

    /// What may be used when a look brought nothing.
    fn remaining(&self, id: &ClientId, need: Need, now: Timestamp) -> Option<Arc<Client>> {
        match need {
            Need::Fresh => self.fresh(id, now),
            Need::Recent => {
                let state = self.state();
                let held = state.held.get(id).filter(|h| h.is_recent(now))?;
                Some(held.client.clone())
            }
        }
    }

    fn place<'a>(&'a self, id: &'a ClientId) -> Option<Place<'a>> {
        let mut state = self.state();
        if !state.flights.contains_key(id) {
            // What was good before has room of its own, which nobody takes by naming other URLs.
            let known = state.held.contains_key(id);
            let alike = state.flights.keys();
            let alike = alike.filter(|other| state.held.contains_key(*other) == known);
            if alike.count() >= MOST_AT_ONCE {
                return None;
            }
        }
        let flight = state.flights.entry(id.clone()).or_default().clone();
        drop(state);
        Some(Place {
            all: self,
            id,
            flight,
        })
    }

    /// Whether the document may be fetched now; if it was good before, without counting.
    fn admit(&self, id: &DocumentId, now: Timestamp) -> Option<Counted> {
        let mut state = self.state();
        if let Some(held) = state.held.get_mut(id.id()) {
            if (0..RETRY).contains(&now.since(held.tried_at)) {
                return None;
            }
            held.tried_at = now;
            return Some(Counted(false));
        }
        let counted = state.strangers.ration(id.origin(), now);
        counted.then_some(Counted(true))
    }
}

/// Whether a fetch was taken off the ration.
#[derive(Clone, Copy, Debug)]
struct Counted(bool);

impl Provider {
    /// The client whose document is at its identifier. None when there is no such document, or it makes no client.
    pub(crate) async fn document_client(&self, id: &DocumentId, need: Need) -> Option<Arc<Client>> {
        let documents = &self.inner.documents;
        if let Some(client) = documents.fresh(id.id(), self.now()) {
            return Some(client);
        }
        let Some(place) = documents.place(id.id()) else {
            return documents.remaining(id.id(), need, self.now());
        };
        let ended = place.flight.ended.load(Ordering::Acquire);
        let turn = place.flight.turn.lock().await;
        // Who waited for somebody else's fetch takes what it brought, however it ended.
        if place.flight.ended.load(Ordering::Acquire) == ended
            && let Some(counted) = documents.admit(id, self.now())
        {
            self.fetch_document(id, counted).await;
            place.flight.ended.fetch_add(1, Ordering::Release);
        }
        drop(turn);
        documents.remaining(id.id(), need, self.now())
    }

    //= CIMD#5.2 MUST: neither errors nor malformed documents are cached
    async fn fetch_document(&self, id: &DocumentId, counted: Counted) {
        let inner = &self.inner;
        let policy = &inner.policy.client_documents;
        //= CIMD#5 MUST: nothing but 200 is a document, and no redirect is followed
        //= CIMD#8.6 MUST: no document is fetched from a special-use address
        let request = FetchRequest {
            url: id.id().as_str(),
            accept: "application/json",
            max_bytes: document::MAX_BYTES,
            timeout: TIMEOUT,
        };
        let read = match inner.fetcher.fetch(request).await {
            Ok(fetched) => {
                let media = fetched.content_type.as_deref();
                let age = policy.age(fetched.max_age);
                document::read(id, media, &fetched.body, &inner.policy, self.now())
                    .map(|client| (Arc::new(client), age))
                    .map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        let now = self.now();
        match read {
            Ok((client, age)) => {
                let held = Held {
                    client,
                    origin: id.origin().to_owned(),
                    fetched_at: now,
                    fresh_until: now.plus(age),
                    tried_at: now,
                    used_at: now,
                };
                let mut state = inner.documents.state();
                // A fetch that brought something does not count, but for servers that have many documents: behind one there
                // may be as many as are asked for.
                if counted.0 && !state.has_many(id.origin(), policy.capacity) {
                    state.strangers.give_back(id.origin());
                }
                state.put(id.id(), held, policy.capacity, now);
            }
            Err(error) => {
                if inner.clients.complains(id.id(), now) {
                    let client = id.id().as_str();
                    tracing::info!(
                        client.id = client,
                        error,
                        "a client's document is of no use"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    #[test]
    fn fetches_that_bring_nothing_are_rationed_for_each_server() {
        let mut state = Rations::default();
        let first = (0..100)
            .filter(|_| state.ration("https://a.test", NOW))
            .count();
        assert_eq!(first, 10);
        assert!(
            state.ration("https://b.test", NOW),
            "another server is not affected"
        );
        assert!(!state.ration("https://a.test", NOW.plus(5)));
        assert!(state.ration("https://a.test", NOW.plus(6)));
        assert!(!state.ration("https://a.test", NOW.plus(6)));
        let busy = (7..67)
            .filter(|s| state.ration("https://a.test", NOW.plus(*s)))
            .count();
        let back = NOW.plus(-1000);
        assert!(!state.ration("https://a.test", back), "a clock set back");
        assert!(
            (9..=10).contains(&busy),
            "ten in a minute, however often it is asked: {busy}"
        );
    }

    #[test]
    fn fetches_that_bring_nothing_are_rationed_in_all() {
        let mut state = Rations::default();
        let origins = |state: &mut Rations, at: Timestamp| {
            let tried = (0..1000).map(|n| format!("https://{at:?}-{n}.test"));
            tried.filter(|o| state.ration(o, at)).count()
        };
        assert_eq!(origins(&mut state, NOW), 120);
        assert_eq!(origins(&mut state, NOW.plus(1)), 4);
        for second in 2..10_000 {
            state.ration(&format!("https://{second}.test"), NOW.plus(second));
        }
        assert!(state.origins.len() <= MOST_ORIGINS);
    }

    #[test]
    fn strangers_take_nothing_off_the_rations_of_clients_that_have_a_record() {
        let documents = Documents::default();
        let all = |whose: Whose| {
            let tried = (0..1000).map(|n| format!("https://{n}.test"));
            tried.filter(|o| documents.ration(whose, o, NOW)).count()
        };
        assert_eq!(all(Whose::Strangers), 120);
        let known = "https://known.test";
        while documents.ration(Whose::Registered, known, NOW) {}
        assert!(!documents.ration(Whose::Strangers, known, NOW));
        assert!(documents.ration(Whose::Ours, known, NOW));
        documents.give_back(Whose::Ours, known);
        assert_eq!(all(Whose::Ours), 120);
    }

    #[test]
    fn what_brought_a_document_is_not_counted() {
        let mut state = Rations::default();
        for _ in 0..1000 {
            assert!(state.ration("https://a.test", NOW));
            state.give_back("https://a.test");
        }
        assert!(state.origins.is_empty());
    }

    #[test]
    fn strangers_take_no_room_from_documents_that_were_good_before() {
        let policy = hallpass_types::Issuer::parse("https://op.test").unwrap();
        let policy = hallpass_core::policy::Policy::new(policy, Arc::new([0; 32]));
        let id = |host: &str| {
            let id = ClientId::parse(&format!("https://{host}.test/app")).unwrap();
            DocumentId::parse(&id).unwrap()
        };
        let documents = Documents::default();
        let known = id("known");
        let text = serde_json::json!({"client_id": known.id().as_str(), "client_name": "App",
            "redirect_uris": ["https://known.test/cb"]});
        let media = Some("application/json");
        let client = document::read(&known, media, text.to_string().as_bytes(), &policy, NOW);
        let held = Held {
            client: Arc::new(client.unwrap()),
            origin: known.origin().to_owned(),
            fetched_at: NOW,
            fresh_until: NOW,
            tried_at: NOW,
            used_at: NOW,
        };
        documents.state().put(known.id(), held, 10, NOW);
        let strangers: Vec<_> = (0..40).map(|n| id(&format!("s{n}"))).collect();
        let places: Vec<_> = strangers
            .iter()
            .filter_map(|id| documents.place(id.id()))
            .collect();
        assert_eq!(places.len(), MOST_AT_ONCE);
        assert!(documents.place(known.id()).is_some());
        drop(places);
        assert!(documents.state().flights.is_empty());
    }

    #[test]
    fn a_server_with_many_documents_is_one_whose_fetches_count() {
        let policy = hallpass_types::Issuer::parse("https://op.test").unwrap();
        let policy = hallpass_core::policy::Policy::new(policy, Arc::new([0; 32]));
        let mut state = State::default();
        for number in 0..12 {
            let id = ClientId::parse(&format!("https://many.test/{number}")).unwrap();
            let id = DocumentId::parse(&id).unwrap();
            let text = serde_json::json!({"client_id": id.id().as_str(), "client_name": "App",
                "redirect_uris": ["https://many.test/cb"]});
            let media = Some("application/json");
            let client = document::read(&id, media, text.to_string().as_bytes(), &policy, NOW);
            assert_eq!(state.has_many(id.origin(), 100), number >= 10, "{number}");
            let held = Held {
                client: Arc::new(client.unwrap()),
                origin: id.origin().to_owned(),
                fetched_at: NOW,
                fresh_until: NOW,
                tried_at: NOW,
                used_at: NOW,
            };
            state.put(id.id(), held, 100, NOW);
        }
        assert!(!state.has_many("https://few.test", 100));
        assert!(state.has_many("https://many.test", 1));
        assert!(!state.has_many("https://few.test", 1));
    }
}
