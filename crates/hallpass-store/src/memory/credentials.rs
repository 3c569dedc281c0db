//! What people prove who they are with.

use std::collections::BTreeMap;

use hallpass_types::{ContentDigest, CredentialId, Subject};

use crate::{CredentialRecord, MAX_PAGE};

#[derive(Debug, Default)]
pub(super) struct Credentials {
    records: BTreeMap<(Subject, CredentialId), CredentialRecord>,
    lookups: BTreeMap<[u8; 32], (Subject, CredentialId)>,
}

/// How a spend is taken back.
pub(super) enum Undo {
    New(Subject, CredentialId),
    Changed(Box<CredentialRecord>),
}

impl Credentials {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn of(&self, subject: &Subject) -> Vec<CredentialRecord> {
        let first = (subject.clone(), CredentialId([0; 16]));
        let last = (subject.clone(), CredentialId([255; 16]));
        let theirs = self.records.range(first..=last);
        theirs.take(MAX_PAGE).map(|(_, r)| r.clone()).collect()
    }

    pub(super) fn by_lookup(&self, lookup: ContentDigest) -> Option<CredentialRecord> {
        let place = self.lookups.get(&lookup.0)?;
        self.records.get(place).cloned()
    }

    /// None when its identity or its lookup is taken.
    pub(super) fn add(&mut self, record: CredentialRecord) -> Option<Undo> {
        let place = (record.subject.clone(), record.id);
        if self.records.contains_key(&place) || !self.is_free(&record) {
            return None;
        }
        self.put(record);
        Some(Undo::New(place.0, place.1))
    }

    /// None when it is unknown, has another revision, or the new lookup is taken.
    pub(super) fn change(
        &mut self,
        subject: Subject,
        id: CredentialId,
        revision: u64,
        next: Option<CredentialRecord>,
    ) -> Option<Undo> {
        let place = (subject, id);
        let held = self.records.get(&place)?.clone();
        let fits = |next: &CredentialRecord| {
            next.subject == place.0 && next.id == place.1 && self.is_free(next)
        };
        if held.revision != revision || !next.as_ref().is_none_or(fits) {
            return None;
        }
        self.remove(&place);
        if let Some(next) = next {
            self.put(next);
        }
        Some(Undo::Changed(Box::new(held)))
    }

    pub(super) fn take_back(&mut self, undo: Undo) {
        match undo {
            Undo::New(subject, id) => self.remove(&(subject, id)),
            Undo::Changed(before) => {
                self.remove(&(before.subject.clone(), before.id));
                self.put(*before);
            }
        }
    }

    /// Whether nobody else has its lookup.
    fn is_free(&self, record: &CredentialRecord) -> bool {
        let holder = record.lookup.and_then(|lookup| self.lookups.get(&lookup.0));
        holder.is_none_or(|(subject, id)| *subject == record.subject && *id == record.id)
    }

    fn put(&mut self, record: CredentialRecord) {
        let place = (record.subject.clone(), record.id);
        if let Some(lookup) = record.lookup {
            self.lookups.insert(lookup.0, place.clone());
        }
        self.records.insert(place, record);
    }

    pub(super) fn forget(&mut self, subject: &Subject) {
        let theirs: Vec<_> = self
            .records
            .keys()
            .filter(|(s, _)| s == subject)
            .cloned()
            .collect();
        for place in theirs {
            self.remove(&place);
        }
    }

    fn remove(&mut self, place: &(Subject, CredentialId)) {
        if let Some(lookup) = self.records.remove(place).and_then(|record| record.lookup) {
            self.lookups.remove(&lookup.0);
        }
    }
}
