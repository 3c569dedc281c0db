//! Clients as the engine holds them: parsed once, forgotten after a second, so that a change made elsewhere holds
//! everywhere within that time.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use hallpass_core::client::{Client, ClientOrigin, ClientRecord};
use hallpass_store::{Commit, Day, StoreError, Write, same_client};
use hallpass_types::{ClientId, Timestamp};

use crate::{Provider, documents::Need};

/// A change by another process is seen after this many seconds at the latest, unless the builder says otherwise.
pub(crate) const FRESH: i64 = 1;
/// More clients than this are not held at once.
const CAPACITY: usize = 10_000;
/// All clients are looked through for their origins once in this many seconds at most.
const RESCAN: i64 = 2;
/// Once in this many where that brought nothing several times.
const LONGEST_REST: i64 = 32;
/// An origin that was found is allowed for so many seconds without another look.
const ORIGIN_HELD: i64 = 60;
/// A client that cannot be read is logged once in this many seconds.
const COMPLAINT: i64 = 60;

/// Parsed clients.
#[derive(Debug, Default)]
pub(crate) struct ClientCache {
    held: RwLock<HashMap<ClientId, Held>>,
    origins: RwLock<Arc<Origins>>,
    /// Whose turn it is to look for origins.
    scan: tokio::sync::Mutex<()>,
    /// Clients that cannot be read, and when that was logged.
    unreadable: Mutex<HashMap<ClientId, Timestamp>>,
    /// Clients that registered themselves, and the day for which it is written down that they were used.
    used: Mutex<HashMap<ClientId, Day>>,
}

/// A client as it was read. It is kept when it is too old to be used, since what is in the store is mostly the same still and
/// need not be parsed again then.
#[derive(Debug)]
struct Held {
    at: Timestamp,
    client: Arc<Client>,
    /// None for one that is not in the store.
    record: Option<Arc<ClientRecord>>,
}

/// Origins of the browser applications that were there at one time.
#[derive(Clone, Debug, Default)]
struct Origins {
    /// When the look began.
    at: Timestamp,
    /// For so many seconds nobody looks again for one that was not found.
    rest: i64,
    known: HashSet<String>,
}

impl Origins {
    /// None when it takes another look to say. What is from the future, by a clock that was set back, says nothing.
    fn allows(&self, origin: &str, now: Timestamp) -> Option<bool> {
        let known = self.known.contains(origin);
        let held = if known { ORIGIN_HELD } else { self.rest };
        (0..held).contains(&now.since(self.at)).then_some(known)
    }

    /// What another look for that origin found. Whoever keeps asking for what is not there makes all clients be looked through
    /// ever more seldom, until a look brings something.
    fn next(&self, at: Timestamp, known: HashSet<String>, origin: &str) -> Self {
        let vain = self.rest > 0 && !known.contains(origin) && known == self.known;
        let rest = if vain {
            self.rest.saturating_mul(2).min(LONGEST_REST)
        } else {
            RESCAN
        };
        Self { at, rest, known }
    }
}

impl ClientCache {
    fn origins(&self) -> Arc<Origins> {
        self.origins
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether it is time to log that a client cannot be read.
    pub(crate) fn complains(&self, id: &ClientId, now: Timestamp) -> bool {
        let mut told = self
            .unreadable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = told.get(id)
            && (0..COMPLAINT).contains(&now.since(*at))
        {
            return false;
        }
        if told.len() >= CAPACITY {
            told.clear();
        }
        told.insert(id.clone(), now);
        true
    }

    /// Whether it must be written down that a client is used on this day.
    fn marks(&self, id: &ClientId, day: Day) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.get(id).is_some_and(|written| *written >= day) {
            return false;
        }
        if used.len() >= CAPACITY {
            used.clear();
        }
        used.insert(id.clone(), day);
        true
    }

    /// A client was made or changed: it need not wait for its origins as long as those who ask for nothing.
    pub(crate) fn look_again_soon(&self) {
        let mut origins = self.origins.write().unwrap_or_else(PoisonError::into_inner);
        if origins.rest > RESCAN {
            Arc::make_mut(&mut origins).rest = RESCAN;
        }
    }

    pub(crate) fn forget(&self, id: &ClientId) {
        self.look_again_soon();
        self.held
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }

    /// A client that was read less than `bound` seconds ago.
    fn get(&self, id: &ClientId, now: Timestamp, bound: i64) -> Option<Arc<Client>> {
        if bound == 0 {
            return None;
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let Held { at, client, .. } = held.get(id)?;
        (now.since(*at) < bound && now >= *at).then(|| client.clone())
    }

    /// The client that was made of the same record before, which holds from now on again.
    fn renewed(&self, record: &ClientRecord, now: Timestamp) -> Option<Arc<Client>> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let held = held.get_mut(&record.client_id)?;
        let same = held
            .record
            .as_deref()
            .is_some_and(|held| same_client(held, record));
        same.then(|| {
            held.at = now;
            held.client.clone()
        })
    }

    fn put(&self, client: &Arc<Client>, record: Option<ClientRecord>, now: Timestamp) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.clear();
        }
        let new = Held {
            at: now,
            client: client.clone(),
            record: record.map(Arc::new),
        };
        held.insert(client.id.clone(), new);
    }
}

impl Provider {
    /// The client with that identifier; none when it is unknown or disabled, or asks for what the policy no longer
    /// offers.
    ///
    /// # Errors
    /// The store fails, or its secret cannot be opened.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        self.find_client(id, Need::Recent).await
    }

    /// Reads a client anew when it is asked for the next time.
    pub fn forget_client(&self, id: &ClientId) {
        self.inner.clients.forget(id);
    }

    /// The client with that identifier, which wants something new. One whose metadata cannot be had now gets nothing.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub(crate) async fn client_now(
        &self,
        id: &ClientId,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        self.find_client(id, Need::Fresh).await
    }

    async fn find_client(
        &self,
        id: &ClientId,
        need: Need,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        let now = self.now();
        if let Some(client) = self.inner.clients.get(id, now, self.inner.cache_bound) {
            return Ok(Some(client));
        }
        self.look_for_client(id, need).await
    }

    /// As [`Self::client`], and whether it was held, so that nobody looked for it.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub(crate) async fn client_or_held(
        &self,
        id: &ClientId,
    ) -> Result<(Option<Arc<Client>>, bool), StoreError> {
        let held = self
            .inner
            .clients
            .get(id, self.now(), self.inner.cache_bound);
        match held {
            Some(client) => Ok((Some(client), true)),
            None => Ok((self.look_for_client(id, Need::Recent).await?, false)),
        }
    }

    /// The look that a client which is held was spared, so that the time of a refusal does not say that there is one.
    ///
    /// # Errors
    /// The store fails.
    pub(crate) async fn look_in_vain(&self, id: &ClientId) -> Result<(), StoreError> {
        let inner = &self.inner;
        inner.store.client(inner.issuer_id, id).await.map(drop)
    }

    async fn look_for_client(
        &self,
        id: &ClientId,
        need: Need,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        let now = self.now();
        if let Some(client) = self.own_client_of_program(id, now).await? {
            return Ok(Some(client));
        }
        // Who has a record under the URL of a document is what the record says.
        let Some(record) = self.inner.store.client(self.inner.issuer_id, id).await? else {
            return Ok(match self.inner.policy.client_documents.admits(id) {
                Some(document) => self.document_client(&document, need).await,
                None => None,
            });
        };
        if record.disabled {
            return Ok(None);
        }
        if let Some(client) = self.inner.clients.renewed(&record, now) {
            return Ok(Some(client));
        }
        let plain = match &record.secret_sealed {
            Some(sealed) => {
                let opened = self.inner.secrets.open_client_secret(id.as_str(), sealed);
                Some(opened.ok_or_else(|| {
                    StoreError::Corrupt("a client secret cannot be opened".into())
                })?)
            }
            None => None,
        };
        let client = match Client::from_record(&record, &self.inner.policy, plain) {
            Ok(client) => Arc::new(client),
            Err(error) => {
                if self.inner.clients.complains(id, now) {
                    let client = id.as_str();
                    tracing::warn!(client.id = client, %error, "a client does not fit the policy");
                }
                return Ok(None);
            }
        };
        self.inner.clients.put(&client, Some(record), now);
        Ok(Some(client))
    }

    /// The client that the embedding program knows by that identifier.
    async fn own_client_of_program(
        &self,
        id: &ClientId,
        now: Timestamp,
    ) -> Result<Option<Arc<Client>>, StoreError> {
        let inner = &self.inner;
        if let Some(client) = inner.own_clients.named.get(id) {
            return Ok(Some(Arc::clone(client)));
        }
        let Some(port) = &inner.own_clients.asked else {
            return Ok(None);
        };
        let Some(spec) = port.client(inner.issuer_id, id).await? else {
            return Ok(None);
        };
        let client = match spec.check(&inner.policy, &inner.secrets) {
            // What is answered under another name would be held under that name.
            Ok(client) if client.id == *id => Arc::new(client),
            Ok(_) => {
                tracing::error!(
                    client.id = id.as_str(),
                    "the program answered with another client"
                );
                return Ok(None);
            }
            Err(error) => {
                if inner.clients.complains(id, now) {
                    tracing::warn!(client.id = id.as_str(), %error, "a client of the program cannot be used");
                }
                return Ok(None);
            }
        };
        inner.clients.put(&client, None, now);
        Ok(Some(client))
    }

    /// Remembers that a client that registered itself is in use: once a day at most, so that it costs nothing.
    pub(crate) async fn client_used(&self, client: &Client) {
        if client.origin != ClientOrigin::Registration
            || self.inner.policy.registration.unused_days == 0
        {
            return;
        }
        let day = Day::of(self.now());
        if !self.inner.clients.marks(&client.id, day) {
            return;
        }
        let commit = Commit {
            spends: Vec::new(),
            writes: vec![Write::ClientUsed(client.id.clone(), day)],
        };
        // What was asked for is done already. The next use of another day tries again.
        if let Err(error) = self.commit(commit).await {
            tracing::warn!(%error, "the use of a client could not be remembered");
        }
    }

    /// Whether a browser application at `origin` belongs to a registered public client. With clients that publish their
    /// metadata every origin may be one.
    ///
    /// # Errors
    /// The store fails.
    pub async fn origin_allowed(&self, origin: &str) -> Result<bool, StoreError> {
        if self.inner.policy.client_documents.enabled && is_web_origin(origin) {
            return Ok(true);
        }
        if self.inner.policy.choices.allows_origin(origin) {
            return Ok(true);
        }
        let cache = &self.inner.clients;
        let before = cache.origins();
        if let Some(allowed) = before.allows(origin, self.now()) {
            return Ok(allowed);
        }
        let _turn = cache.scan.lock().await;
        let held = cache.origins();
        // Who waited for somebody else's look takes what it found.
        if !Arc::ptr_eq(&held, &before) {
            return Ok(held.known.contains(origin));
        }
        let at = self.now();
        let known = self.find_origins().await?;
        let found = known.contains(origin);
        let next = held.next(at, known, origin);
        *cache
            .origins
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(found)
    }

    /// Whether a page at `origin` may call the registration endpoint, and manage what it registered. Where anybody may
    /// register, every origin of the web may; where a token is needed, those of [`Self::origin_allowed`].
    ///
    /// # Errors
    /// The store fails.
    pub async fn origin_may_register(&self, origin: &str) -> Result<bool, StoreError> {
        if self.inner.policy.registration.open && is_web_origin(origin) {
            return Ok(true);
        }
        self.origin_allowed(origin).await
    }

    async fn find_origins(&self) -> Result<HashSet<String>, StoreError> {
        let mut origins = HashSet::new();
        for client in self.inner.own_clients.named.values() {
            if client.is_public() {
                origins.extend(client.cors_origins.iter().cloned());
            }
        }
        let mut after: Option<String> = None;
        for _ in 0..CAPACITY.div_euclid(500) {
            let page = self
                .inner
                .store
                .clients(self.inner.issuer_id, after.as_deref(), 500)
                .await?;
            // Only those that can be public are read in full: anybody may have this looked up again.
            let public = |record: &&ClientRecord| {
                let method = record.metadata.get("token_endpoint_auth_method");
                !record.disabled && method.is_some_and(|method| method == "none")
            };
            for record in page.items.iter().filter(public) {
                let Ok(client) = Client::from_record(record, &self.inner.policy, None) else {
                    continue;
                };
                if client.is_public() {
                    origins.extend(client.cors_origins.iter().cloned());
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(origins)
    }
}

/// An https origin, or an http one on this machine.
fn is_web_origin(origin: &str) -> bool {
    url::Url::parse(origin).is_ok_and(|url| match url.scheme() {
        "https" => true,
        "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
        _ => false,
    } && url.origin().ascii_serialization() == origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_held_and_unknown_ones_are_looked_for_every_other_second() {
        let origins = Origins {
            at: Timestamp(1000),
            rest: RESCAN,
            known: HashSet::from(["https://app.example".to_owned()]),
        };
        let asks = |origin, at| origins.allows(origin, Timestamp(at));
        assert_eq!(asks("https://app.example", 1059), Some(true));
        assert_eq!(asks("https://app.example", 1060), None);
        assert_eq!(asks("https://app.example", 999), None, "a clock set back");
        assert_eq!(asks("https://other.example", 1001), Some(false));
        assert_eq!(asks("https://other.example", 1002), None);
        assert_eq!(asks("https://other.example", 999), None, "a clock set back");
    }

    #[test]
    fn who_asks_for_origins_that_are_not_there_has_all_clients_looked_through_ever_more_seldom() {
        let app = || HashSet::from(["https://app.example".to_owned()]);
        let mut origins = Origins::default();
        let mut rests = Vec::new();
        for number in 0..7 {
            let origin = format!("https://{number}.example");
            origins = origins.next(Timestamp(1000), app(), &origin);
            rests.push(origins.rest);
        }
        assert_eq!(rests, [2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(
            origins.allows("https://x.example", Timestamp(1031)),
            Some(false)
        );
        assert_eq!(origins.allows("https://x.example", Timestamp(1032)), None);
        // What is found ends it, and so does any change.
        let found = origins.next(Timestamp(2000), app(), "https://app.example");
        assert_eq!(found.rest, RESCAN);
        let changed = origins.next(Timestamp(2000), HashSet::new(), "https://x.example");
        assert_eq!(changed.rest, RESCAN);
    }

    #[test]
    fn a_client_is_held_for_the_bound_and_with_none_not_at_all() {
        let cache = ClientCache::default();
        let issuer = hallpass_types::Issuer::parse("https://op.example").unwrap();
        let policy = hallpass_core::policy::Policy::new(issuer, Arc::new([0; 32]));
        let metadata = serde_json::json!({
            "redirect_uris": ["https://rp.example/cb"],
            "token_endpoint_auth_method": "none",
        });
        let metadata = hallpass_core::client::metadata::normalize(
            metadata.as_object().unwrap(),
            ClientOrigin::Administration,
            &policy,
        );
        let record = ClientRecord {
            client_id: ClientId::parse("a").unwrap(),
            metadata: metadata.unwrap(),
            secret: None,
            secret_sealed: None,
            secret_expires_at: None,
            vouched: false,
            decided: serde_json::Map::new(),
            registration_token: None,
            policies: Vec::new(),
            origin: ClientOrigin::Administration,
            disabled: false,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        let client = Client::from_record(&record, &policy, None).unwrap();
        cache.put(&Arc::new(client), Some(record.clone()), Timestamp(1000));
        let held = |at, bound| cache.get(&record.client_id, Timestamp(at), bound).is_some();
        assert!(held(1000, 1) && held(1004, 5));
        assert!(!held(1001, 1) && !held(1005, 5));
        assert!(!held(999, 1), "a clock set back");
        assert!(!held(1000, 0));
        // Read again and the same: what was made of it holds from then on.
        let first = cache.get(&record.client_id, Timestamp(1000), 1).unwrap();
        let again = cache.renewed(&record, Timestamp(2000)).unwrap();
        assert!(Arc::ptr_eq(&first, &again) && held(2000, 1));
        // Anything else is made anew, however little differs.
        for other in [
            ClientRecord {
                updated_at: Timestamp(1),
                ..record.clone()
            },
            ClientRecord {
                secret: Some(hallpass_types::ContentDigest([1; 32])),
                ..record.clone()
            },
            ClientRecord {
                client_id: ClientId::parse("b").unwrap(),
                ..record.clone()
            },
        ] {
            assert!(cache.renewed(&other, Timestamp(3000)).is_none());
        }
        assert!(!held(3000, 1));
        cache.forget(&record.client_id);
        assert!(cache.renewed(&record, Timestamp(2000)).is_none());
    }

    #[test]
    fn that_a_client_is_used_is_written_once_a_day() {
        let cache = ClientCache::default();
        let [a, b] = ["a", "b"].map(|id| ClientId::parse(id).unwrap());
        assert!(cache.marks(&a, Day(5)));
        assert!(!cache.marks(&a, Day(5)));
        assert!(!cache.marks(&a, Day(4)), "a clock set back");
        assert!(cache.marks(&b, Day(5)));
        assert!(cache.marks(&a, Day(6)));
    }

    #[test]
    fn a_client_that_cannot_be_read_is_complained_about_once_a_minute() {
        let cache = ClientCache::default();
        let [a, b] = ["a", "b"].map(|id| ClientId::parse(id).unwrap());
        assert!(cache.complains(&a, Timestamp(1000)));
        assert!(!cache.complains(&a, Timestamp(1059)));
        assert!(cache.complains(&b, Timestamp(1059)));
        assert!(cache.complains(&a, Timestamp(1060)));
    }
}
