//! What operators keep, and what they did.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_types::Bucket;

use crate::{AdminKind, AdminRecord, AuditRecord, Day, MAX_PAGE, Page};

/// Which record.
type Place = (AdminKind, String);

#[derive(Debug, Default)]
pub(in crate::memory) struct Administration {
    records: BTreeMap<Place, AdminRecord>,
    audit: BTreeMap<u64, AuditRecord>,
    tallies: BTreeMap<(Bucket, String), u64>,
    active: BTreeSet<(Bucket, [u8; 16])>,
}

/// How a change is taken back.
pub(super) enum Undo {
    Record(Place, Option<Box<AdminRecord>>),
    Audit(u64),
}

impl Administration {
    pub(in crate::memory) fn record(&self, kind: AdminKind, id: &str) -> Option<AdminRecord> {
        self.records.get(&(kind, id.to_owned())).cloned()
    }

    pub(in crate::memory) fn records(
        &self,
        kind: AdminKind,
        after: Option<&str>,
        limit: usize,
    ) -> Page<AdminRecord> {
        let limit = limit.clamp(1, MAX_PAGE);
        let mut of_kind = self
            .records
            .iter()
            .filter(|((of, id), _)| *of == kind && after.is_none_or(|after| id.as_str() > after))
            .map(|(_, record)| record.clone());
        let items: Vec<_> = of_kind.by_ref().take(limit).collect();
        let next = match of_kind.next() {
            Some(_) => items.last().map(|record| record.id.clone()),
            None => None,
        };
        Page { items, next }
    }

    pub(in crate::memory) fn audit_after(&self, after: u64, limit: usize) -> Vec<AuditRecord> {
        let later = self.audit.range(after.saturating_add(1)..);
        later
            .take(limit.clamp(1, MAX_PAGE))
            .map(|(_, record)| record.clone())
            .collect()
    }

    pub(in crate::memory) fn audit_before(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Vec<AuditRecord> {
        let earlier = self.audit.range(..before.unwrap_or(u64::MAX));
        earlier
            .rev()
            .take(limit.clamp(1, MAX_PAGE))
            .map(|(_, record)| record.clone())
            .collect()
    }

    pub(in crate::memory) fn tallies(&self, from: Day, to: Day) -> Vec<(Day, String, u64)> {
        let begin = (from.tally_bucket(), String::new());
        let days = self.tallies.range(begin..);
        days.take_while(|((bucket, _), _)| *bucket <= to.tally_bucket())
            .take(100_000)
            .map(|((bucket, name), n)| (Day::of_tally(*bucket), name.clone(), *n))
            .collect()
    }

    pub(in crate::memory) fn count_active(&self, period: Bucket) -> u64 {
        self.active
            .range((period, [0; 16])..=(period, [255; 16]))
            .count() as u64
    }

    pub(super) fn tally(&mut self, day: Day, name: String, more: u64) {
        let held = self.tallies.entry((day.tally_bucket(), name)).or_default();
        *held = held.saturating_add(more);
    }

    pub(super) fn active(&mut self, period: Bucket, who: [u8; 16]) {
        self.active.insert((period, who));
    }

    pub(super) fn purge(&mut self, below: Bucket, left: &mut usize) {
        while *left > 0
            && self
                .tallies
                .first_key_value()
                .is_some_and(|((b, _), _)| *b < below)
        {
            self.tallies.pop_first();
            *left = left.saturating_sub(1);
        }
        while *left > 0 && self.active.first().is_some_and(|(b, _)| *b < below) {
            self.active.pop_first();
            *left = left.saturating_sub(1);
        }
    }

    pub(super) fn counted(&self) -> usize {
        self.tallies.len().max(self.active.len())
    }

    pub(super) fn len(&self) -> usize {
        self.records.len().max(self.audit.len())
    }

    /// None when it is too late.
    pub(super) fn change(
        &mut self,
        place: Place,
        from: Option<u64>,
        next: Option<AdminRecord>,
    ) -> Option<Undo> {
        let held = self.records.get(&place);
        if held.map(|record| record.revision) != from || (from.is_none() && next.is_none()) {
            return None;
        }
        let before = match next {
            Some(record) => self.records.insert(place.clone(), record),
            None => self.records.remove(&place),
        };
        Some(Undo::Record(place, before.map(Box::new)))
    }

    /// Whoever goes administers nothing any more.
    pub(super) fn forget_operator(&mut self, id: String) {
        self.forget(AdminKind::Operator, id);
    }

    pub(super) fn forget(&mut self, kind: AdminKind, id: String) {
        self.records.remove(&(kind, id));
    }

    /// None when there is a line of that number.
    pub(super) fn append(&mut self, record: AuditRecord) -> Option<Undo> {
        let seq = record.seq;
        if self.audit.contains_key(&seq) {
            return None;
        }
        self.audit.insert(seq, record);
        Some(Undo::Audit(seq))
    }

    pub(super) fn take_back(&mut self, undo: Undo) {
        match undo {
            Undo::Record(place, Some(before)) => drop(self.records.insert(place, *before)),
            Undo::Record(place, None) => drop(self.records.remove(&place)),
            Undo::Audit(seq) => drop(self.audit.remove(&seq)),
        }
    }
}
