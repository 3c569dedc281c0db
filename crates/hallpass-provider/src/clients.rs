//! Clients as the engine holds them: parsed once, forgotten after a second, so that a change made elsewhere holds
//! everywhere within that time.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use hallpass_core::client::Client;
use hallpass_store::StoreError;
use hallpass_types::{ClientId, Timestamp};

use crate::Provider;

/// A change by another process is seen after this many seconds at the latest.
const FRESH: i64 = 1;
/// More clients than this are not held at once.
const CAPACITY: usize = 10_000;

/// Parsed clients.
#[derive(Debug, Default)]
pub(crate) struct ClientCache {
    held: RwLock<HashMap<ClientId, (Timestamp, Arc<Client>)>>,
    origins: RwLock<(Timestamp, Arc<std::collections::HashSet<String>>)>,
}

impl ClientCache {
    pub(crate) fn forget(&self, id: &ClientId) {
        self.held
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }

    fn get(&self, id: &ClientId, now: Timestamp) -> Option<Arc<Client>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let (at, client) = held.get(id)?;
        (now.since(*at) < FRESH && now >= *at).then(|| client.clone())
    }

    fn put(&self, client: &Arc<Client>, now: Timestamp) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CAPACITY {
            held.clear();
        }
        held.insert(client.id.clone(), (now, client.clone()));
    }
}

impl Provider {
    /// The client with that identifier; none when it is unknown or disabled.
    ///
    /// # Errors
    /// The store fails, or the stored metadata cannot be read.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        let now = self.now();
        if let Some(client) = self.inner.clients.get(id, now) {
            return Ok(Some(client));
        }
        let Some(record) = self.inner.store.client(self.inner.issuer_id, id).await? else {
            return Ok(None);
        };
        if record.disabled {
            return Ok(None);
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
        let client = Client::from_record(&record, &self.inner.policy, plain)
            .map_err(|e| StoreError::Corrupt(format!("client {id}: {e}").into()))?;
        let client = Arc::new(client);
        self.inner.clients.put(&client, now);
        Ok(Some(client))
    }

    /// Whether a browser application at `origin` belongs to a registered public client.
    ///
    /// # Errors
    /// The store fails.
    pub async fn origin_allowed(&self, origin: &str) -> Result<bool, StoreError> {
        let now = self.now();
        let (at, known) = {
            let held = self
                .inner
                .clients
                .origins
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            (held.0, held.1.clone())
        };
        if known.contains(origin) && now.since(at) < 60 {
            return Ok(true);
        }
        if now.since(at) < FRESH {
            return Ok(known.contains(origin));
        }
        let mut origins = std::collections::HashSet::new();
        let mut after: Option<String> = None;
        for _ in 0..CAPACITY.div_euclid(500) {
            let page = self
                .inner
                .store
                .clients(self.inner.issuer_id, after.as_deref(), 500)
                .await?;
            for record in page.items.iter().filter(|r| !r.disabled) {
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
        let found = origins.contains(origin);
        *self
            .inner
            .clients
            .origins
            .write()
            .unwrap_or_else(PoisonError::into_inner) = (now, Arc::new(origins));
        Ok(found)
    }
}
