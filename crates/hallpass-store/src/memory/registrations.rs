//! What an issuer knows of registrations.

use std::{collections::BTreeMap, ops::Bound};

use hallpass_types::{ClientId, ContentDigest};

use crate::{Day, InitialAccessRecord, MAX_PAGE, Registration};

#[derive(Debug, Default)]
pub(super) struct Registrations {
    clients: BTreeMap<String, Registration>,
    access: BTreeMap<[u8; 32], InitialAccessRecord>,
}

/// How a spend is taken back.
pub(super) enum Undo {
    New(ClientId),
    Access([u8; 32]),
}

impl Registrations {
    pub(super) fn len(&self) -> usize {
        self.clients.len().max(self.access.len())
    }

    pub(super) fn of_software(&self, software: &[u8; 32]) -> u64 {
        let same = |r: &&Registration| r.software.as_ref() == Some(software);
        self.clients.values().filter(same).count() as u64
    }

    pub(super) fn folded(&self, fold: &[u8; 32]) -> Option<ClientId> {
        let same = |r: &&Registration| r.fold.as_ref() == Some(fold);
        self.clients.values().find(same).map(|r| r.client.clone())
    }

    pub(super) fn idle(&self, before: Day, limit: usize) -> Vec<ClientId> {
        let mut idle: Vec<&Registration> =
            self.clients.values().filter(|r| r.used < before).collect();
        idle.sort_by_key(|r| r.used);
        idle.into_iter()
            .take(limit.clamp(1, MAX_PAGE))
            .map(|r| r.client.clone())
            .collect()
    }

    /// Deletes initial access tokens while `left` lasts.
    pub(super) fn forget_access(&mut self, left: &mut usize) {
        while *left > 0 && self.access.pop_first().is_some() {
            *left = left.saturating_sub(1);
        }
    }

    pub(super) fn access(&self, digest: ContentDigest) -> Option<InitialAccessRecord> {
        self.access.get(&digest.0).cloned()
    }

    pub(super) fn accesses(
        &self,
        after: Option<ContentDigest>,
        limit: usize,
    ) -> Vec<(ContentDigest, InitialAccessRecord)> {
        let begin = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.0));
        self.access
            .range((begin, Bound::Unbounded))
            .take(limit.clamp(1, MAX_PAGE))
            .map(|(digest, record)| (ContentDigest(*digest), record.clone()))
            .collect()
    }

    /// None when there is one for that client, or of that metadata.
    pub(super) fn add(&mut self, registration: Registration) -> Option<Undo> {
        let id = registration.client.as_str().to_owned();
        let taken = registration.fold.as_ref().and_then(|f| self.folded(f));
        if taken.is_some() || self.clients.contains_key(&id) {
            return None;
        }
        let client = registration.client.clone();
        self.clients.insert(id, registration);
        Some(Undo::New(client))
    }

    pub(super) fn is_idle(&self, client: &ClientId, before: Day) -> bool {
        let held = self.clients.get(client.as_str());
        held.is_some_and(|held| held.used < before)
    }

    /// None when it is unknown or used up.
    pub(super) fn use_access(&mut self, digest: ContentDigest) -> Option<Undo> {
        let held = self.access.get_mut(&digest.0)?;
        if held.max_uses.is_some_and(|max| held.uses >= max) {
            return None;
        }
        held.uses = held.uses.saturating_add(1);
        Some(Undo::Access(digest.0))
    }

    pub(super) fn take_back(&mut self, undo: Undo) {
        match undo {
            Undo::New(client) => drop(self.clients.remove(client.as_str())),
            Undo::Access(digest) => {
                if let Some(held) = self.access.get_mut(&digest) {
                    held.uses = held.uses.saturating_sub(1);
                }
            }
        }
    }

    pub(super) fn used(&mut self, client: &ClientId, day: Day) {
        if let Some(held) = self.clients.get_mut(client.as_str()) {
            held.used = held.used.max(day);
        }
    }

    pub(super) fn put_access(&mut self, digest: ContentDigest, record: InitialAccessRecord) {
        self.access.insert(digest.0, record);
    }

    pub(super) fn delete_access(&mut self, digest: ContentDigest) {
        self.access.remove(&digest.0);
    }

    pub(super) fn forget(&mut self, client: &ClientId) {
        self.clients.remove(client.as_str());
    }
}
