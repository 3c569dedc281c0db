//! Issuers that were made at run time.

use std::collections::BTreeMap;

use hallpass_types::{IssuerId, Timestamp};

use super::{State, full, page::page};
use crate::{
    Commit, Committed, IssuerDone, IssuerRecord, IssuerState, IssuerWork, MAX_PAGE, NewIssuer,
    Page, StoreError,
};

#[derive(Clone, Debug, Default)]
pub(super) struct Issuers {
    /// By their names.
    records: BTreeMap<String, IssuerRecord>,
    /// The latest change.
    change: u64,
}

impl Issuers {
    pub(super) fn named(&self, name: &str) -> Option<IssuerRecord> {
        self.records.get(name).cloned()
    }

    pub(super) fn at(&self, place: &str) -> Option<IssuerRecord> {
        self.records
            .values()
            .find(|record| record.place() == place)
            .cloned()
    }

    pub(super) fn page(&self, after: Option<&str>, limit: usize) -> Page<IssuerRecord> {
        page(&self.records, after, limit, |_, record| {
            Some(record.clone())
        })
    }

    pub(super) fn changed(&self, after: u64, limit: usize) -> Vec<IssuerRecord> {
        let later = self.records.values().filter(|r| r.change > after);
        let mut changed: Vec<_> = later.cloned().collect();
        changed.sort_by_key(|record| record.change);
        changed.truncate(limit.clamp(1, MAX_PAGE));
        changed
    }

    fn next(&mut self) -> u64 {
        self.change = self.change.saturating_add(1);
        self.change
    }
}

impl State {
    pub(super) fn create_issuer(
        &mut self,
        new: NewIssuer,
        limit: usize,
    ) -> Result<Option<IssuerRecord>, StoreError> {
        let held = &self.issuers;
        if held.records.contains_key(&new.name) || held.at(new.place()).is_some() {
            return Ok(None);
        }
        if held.records.len() >= limit {
            return Err(full());
        }
        let change = self.issuers.next();
        let id = self.number(&format!("#{change}"), limit)?;
        let record = new.record(id, change);
        let name = record.name.clone();
        self.issuers.records.insert(name, record.clone());
        Ok(Some(record))
    }

    pub(super) fn change_issuer(&mut self, revision: u64, record: IssuerRecord) -> bool {
        let change = self.issuers.next();
        let held = self.issuers.records.values_mut();
        let mut held = held.filter(|held| held.id == record.id && held.revision == revision);
        let Some(held) = held.next() else {
            return false;
        };
        *held = IssuerRecord {
            id: held.id,
            name: held.name.clone(),
            identifier: held.identifier.clone(),
            revision: revision.saturating_add(1),
            change,
            ..record
        };
        true
    }

    /// Both or nothing.
    pub(super) fn commit_issuer(
        &mut self,
        work: IssuerWork,
        beside: IssuerId,
        commit: Commit,
        limit: usize,
    ) -> Result<IssuerDone, StoreError> {
        let before = self.issuers.clone();
        let done = match work {
            IssuerWork::Create(new) => self.create_issuer(new, limit)?,
            IssuerWork::Change { revision, record } => {
                let id = record.id;
                let changed = self.change_issuer(revision, *record);
                let mut all = self.issuers.records.values();
                all.find(|held| changed && held.id == id).cloned()
            }
        };
        let Some(done) = done else {
            return Ok(IssuerDone::Late);
        };
        let tenant = self.tenants.entry(beside).or_default();
        match tenant.commit(commit, limit) {
            Ok(Committed::Done) => Ok(IssuerDone::Done(Box::new(done))),
            Ok(Committed::TooLate(place)) => {
                self.issuers = before;
                Ok(IssuerDone::TooLate(place))
            }
            Err(error) => {
                self.issuers = before;
                Err(error)
            }
        }
    }

    pub(super) fn erase_issuer(&mut self, issuer: IssuerId, limit: usize) -> u64 {
        let records = self.issuers.records.iter();
        let going =
            |(_, r): &(_, &IssuerRecord)| r.id == issuer && r.state == IssuerState::Deleting;
        let Some(name) = records.clone().find(going).map(|(name, _)| name.clone()) else {
            return 0;
        };
        let gone = match self.tenants.get_mut(&issuer) {
            Some(tenant) => tenant.erase(limit.max(1)),
            None => 0,
        };
        if gone == 0 {
            self.tenants.remove(&issuer);
            self.issuers.records.remove(&name);
        }
        gone
    }

    pub(super) fn due_issuers(
        &self,
        now: Timestamp,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Vec<IssuerId> {
        let later = self.tenants.iter();
        later
            .filter(|(id, tenant)| after.is_none_or(|after| **id > after) && tenant.has_due(now))
            .map(|(id, _)| *id)
            .take(limit.clamp(1, MAX_PAGE))
            .collect()
    }

    pub(super) fn keys_changed(&self, since: Timestamp, after: Option<IssuerId>) -> Vec<IssuerId> {
        let later = self.tenants.iter();
        later
            .filter(|(id, tenant)| {
                after.is_none_or(|after| **id > after) && tenant.keys_changed(since)
            })
            .map(|(id, _)| *id)
            .take(MAX_PAGE)
            .collect()
    }
}
