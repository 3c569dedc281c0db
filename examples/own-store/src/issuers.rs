//! Issuers: their numbers, those that are made at run time, and what goes when its time is over.

use hallpass::store::*;
use hallpass::types::{Bucket, IssuerId};
use redb::ReadableTable;

use crate::{
    commit::Writing,
    rows::{EXPIRING, Kind, NONE, Read, Rows, behind, key},
};

/// Number, revision and place among all changes, which the record does not say itself.
type IssuerRow = (IssuerId, u64, u64, IssuerRecord);

fn whole((id, revision, change, record): IssuerRow) -> IssuerRecord {
    IssuerRecord { id, revision, change, ..record }
}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Rows<T> {
    pub fn number(&self, identifier: &str) -> Read<Option<IssuerId>> {
        self.get(&key(NONE, Kind::Number, &[identifier.as_bytes()]))
    }

    pub fn numbers(&self, after: Option<IssuerId>) -> Read<Vec<(IssuerId, String)>> {
        let from = after.map_or(0, |id| id.0.saturating_add(1)).to_be_bytes();
        let rows = self.between(&key(NONE, Kind::NumberOf, &[&from]), &key(NONE, Kind::Issuer, &[]))?;
        rows.map(|row| Ok(row?.1)).collect()
    }

    pub fn issuer_named(&self, name: &str) -> Read<Option<IssuerRecord>> {
        Ok(self.get(&key(NONE, Kind::Issuer, &[name.as_bytes()]))?.map(whole))
    }

    fn records(&self) -> Read<Vec<IssuerRecord>> {
        Ok(self.all(NONE, Kind::Issuer)?.into_iter().map(|(_, row)| whole(row)).collect())
    }

    pub fn issuer_at(&self, place: &str) -> Read<Option<IssuerRecord>> {
        Ok(self.records()?.into_iter().find(|record| record.place() == place))
    }

    pub fn issuers(&self, after: Option<&str>, limit: usize) -> Read<Page<IssuerRecord>> {
        let Page { items, next } = self.page(&key(NONE, Kind::Issuer, &[]), after, limit)?;
        Ok(Page { items: items.into_iter().map(whole).collect(), next })
    }

    pub fn issuers_changed(&self, after: u64, limit: usize) -> Read<Vec<IssuerRecord>> {
        let mut changed = self.records()?;
        changed.retain(|record| record.change > after);
        changed.sort_by_key(|record| record.change);
        changed.truncate(limit.clamp(1, MAX_PAGE));
        Ok(changed)
    }
}

impl Writing<'_> {
    /// The number of an issuer, the next one for a new one. Numbers are never given back.
    pub fn numbered(&mut self, identifier: &str) -> Read<IssuerId> {
        if let Some(found) = self.number(identifier)? {
            return Ok(found);
        }
        let last = self.under::<(IssuerId, String)>(&key(NONE, Kind::NumberOf, &[]))?.next_back();
        let last = last.transpose()?.map_or(0, |(_, (id, _))| id.0);
        let id = last.checked_add(1).map(IssuerId);
        let id = id.ok_or_else(|| StoreError::unavailable("no number is left"))?;
        self.put(&key(NONE, Kind::Number, &[identifier.as_bytes()]), &id)?;
        self.put(&key(NONE, Kind::NumberOf, &[&id.0.to_be_bytes()]), &(id, identifier))?;
        Ok(id)
    }

    fn next_change(&mut self) -> Read<u64> {
        let at = key(NONE, Kind::Changes, &[]);
        let next = self.get::<u64>(&at)?.unwrap_or_default().saturating_add(1);
        self.put(&at, &next)?;
        Ok(next)
    }

    fn put_issuer(&mut self, record: &IssuerRecord) -> Read<()> {
        let row = (record.id, record.revision, record.change, record);
        self.put(&key(NONE, Kind::Issuer, &[record.name.as_bytes()]), &row)
    }

    /// None when its name or its place is taken.
    pub fn create_issuer(&mut self, new: NewIssuer) -> Read<Option<IssuerRecord>> {
        if self.issuer_named(&new.name)?.is_some() || self.issuer_at(new.place())?.is_some() {
            return Ok(None);
        }
        let change = self.next_change()?;
        // A name of its own: whoever gets the place later gets another number.
        let id = self.numbered(&format!("#{change}"))?;
        let record = new.record(id, change);
        self.put_issuer(&record)?;
        Ok(Some(record))
    }

    /// None when it has another revision.
    pub fn change_issuer(&mut self, revision: u64, next: IssuerRecord) -> Read<Option<IssuerRecord>> {
        let mut held = self.records()?.into_iter();
        let Some(held) = held.find(|held| held.id == next.id && held.revision == revision) else {
            return Ok(None);
        };
        let change = self.next_change()?;
        let IssuerRecord { id, name, identifier, .. } = held;
        let revision = revision.saturating_add(1);
        let record = IssuerRecord { id, name, identifier, revision, change, ..next };
        self.put_issuer(&record)?;
        Ok(Some(record))
    }

    pub fn commit_issuer(&mut self, work: IssuerWork, beside: IssuerId, commit: Commit) -> Read<IssuerDone> {
        let done = match work {
            IssuerWork::Create(new) => self.create_issuer(new)?,
            IssuerWork::Change { revision, record } => self.change_issuer(revision, *record)?,
        };
        let Some(done) = done else { return Ok(IssuerDone::Late) };
        match self.commit(beside, commit)? {
            Committed::Done => Ok(IssuerDone::Done(Box::new(done))),
            Committed::TooLate(index) => Ok(IssuerDone::TooLate(index)),
        }
    }

    /// How many rows of an issuer went that is being deleted; its record goes last.
    pub fn erase(&mut self, issuer: IssuerId, limit: usize) -> Read<u64> {
        let mut going = self.records()?.into_iter();
        let going = going.find(|record| record.id == issuer && record.state == IssuerState::Deleting);
        let Some(record) = going else { return Ok(0) };
        let limit = limit.max(1);
        let mut left = limit;
        let all = issuer.0.to_be_bytes();
        self.clear(&all, &behind(&all), &mut left)?;
        if left == limit {
            self.delete(&key(NONE, Kind::Issuer, &[record.name.as_bytes()]))?;
        }
        Ok((limit - left) as u64)
    }

    // [purge]
    /// Of every issuer what lies below a minute. It is the beginning of each kind.
    pub fn purge(&mut self, below: Bucket, limit: usize) -> Read<u64> {
        let mut left = limit;
        for (issuer, _) in self.numbers(None)? {
            for kind in EXPIRING {
                let end = key(issuer, kind, &[&below.0.to_be_bytes()]);
                self.clear(&key(issuer, kind, &[]), &end, &mut left)?;
            }
        }
        Ok((limit - left) as u64)
    }
    // [/purge]

    pub fn forget_issued(&mut self, issuer: IssuerId, limit: usize) -> Read<u64> {
        let mut left = limit;
        for kind in EXPIRING.into_iter().chain([Kind::InitialAccess]) {
            let all = key(issuer, kind, &[]);
            self.clear(&all, &behind(&all), &mut left)?;
        }
        Ok((limit - left) as u64)
    }
}
