//! Rows: one table of bytes by bytes, in order. What is typed lies above it, what is durable below.

use std::ops::Bound;

use hallpass::store::{MAX_PAGE, Page, StoreError};
use hallpass::types::{Bucket, IssuerId, Key, Subject};
use redb::{ReadableTable, Table, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};

pub type Read<T> = Result<T, StoreError>;
pub const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");

// [kinds]
/// What a row is. Those up to [`Kind::Active`] go on with the minute from which they may be purged.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Kind {
    Code = 1,
    Waiting,
    Grant,
    Session,
    Activity,
    Denied,
    Once,
    Delivery,
    Participant,
    Tally,
    Active,
    InitialAccess = 32,
    Client,
    Registration,
    User,
    UserName,
    Credential,
    Lookup,
    Consent,
    SigningKey,
    Root,
    Directory,
    Admin,
    Audit,
    // Of no issuer.
    Number = 64,
    NumberOf,
    Issuer,
    Changes,
}

pub const EXPIRING: [Kind; 11] = {
    use Kind::*;
    [Code, Waiting, Grant, Session, Activity, Denied, Once, Delivery, Participant, Tally, Active]
};

/// The issuer leads every key, so that nothing of one is ever found by another, and all of it is one range.
pub fn key(issuer: IssuerId, kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = issuer.0.to_be_bytes().to_vec();
    key.push(kind as u8);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}
// [/kinds]

/// Where what a bearer value stands for lies.
pub fn place<K>(issuer: IssuerId, kind: Kind, of: Key<K>) -> Vec<u8> {
    key(issuer, kind, &[&of.bucket.0.to_be_bytes(), &of.digest])
}

/// That key again.
pub fn placed<K>(key: &[u8]) -> Read<Key<K>> {
    let rest = key.get(HEAD..).unwrap_or_default();
    let (Some(bucket), Some(digest)) = (rest.first_chunk(), rest.get(4..).and_then(|d| d.try_into().ok()))
    else {
        return Err(StoreError::corrupt("a key is cut short"));
    };
    Ok(Key::from_parts(Bucket(u32::from_be_bytes(*bucket)), digest))
}

/// What begins with somebody's subject: its length comes first, so that none is the beginning of another.
pub fn of_person(issuer: IssuerId, kind: Kind, subject: &Subject, rest: &[u8]) -> Vec<u8> {
    let subject = subject.as_str().as_bytes();
    let length = (subject.len() as u32).to_be_bytes();
    key(issuer, kind, &[&length, subject, rest])
}

pub const HEAD: usize = 5;
/// The issuer of what belongs to none; the first issuer has the number 1.
pub const NONE: IssuerId = IssuerId(0);

/// What follows all keys that begin so.
pub fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0xFF; HEAD]
}

pub fn failed(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Unavailable(Box::new(error.into()))
}

fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt(error.into())
}

/// The rows as one transaction sees them.
pub struct Rows<T>(pub T);

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Rows<T> {
    pub fn get<R: DeserializeOwned>(&self, key: &[u8]) -> Read<Option<R>> {
        let found = self.0.get(key).map_err(failed)?;
        found.map(|row| serde_json::from_slice(row.value()).map_err(unreadable)).transpose()
    }

    pub fn has(&self, key: &[u8]) -> Read<bool> {
        Ok(self.0.get(key).map_err(failed)?.is_some())
    }

    /// Rows from one key to before another, in order or from behind.
    pub fn between<'r, R: DeserializeOwned>(
        &'r self,
        from: &[u8],
        to: &[u8],
    ) -> Read<impl DoubleEndedIterator<Item = Read<(Vec<u8>, R)>> + use<'r, T, R>> {
        let range = (Bound::Included(from), Bound::Excluded(to.max(from)));
        let rows = self.0.range::<&[u8]>(range).map_err(failed)?;
        Ok(rows.map(|row| {
            let (key, value) = row.map_err(failed)?;
            let record = serde_json::from_slice(value.value()).map_err(unreadable)?;
            Ok((key.value().to_vec(), record))
        }))
    }

    /// Everything that begins so.
    pub fn under<'r, R: DeserializeOwned>(
        &'r self,
        prefix: &[u8],
    ) -> Read<impl DoubleEndedIterator<Item = Read<(Vec<u8>, R)>> + use<'r, T, R>> {
        self.between(prefix, &behind(prefix))
    }

    /// All of one kind.
    pub fn all<R: DeserializeOwned>(&self, issuer: IssuerId, kind: Kind) -> Read<Vec<(Vec<u8>, R)>> {
        self.under(&key(issuer, kind, &[]))?.collect()
    }

    /// The rows whose keys go on with a text, behind that text, in its order.
    pub fn page<R: DeserializeOwned>(
        &self,
        prefix: &[u8],
        after: Option<&str>,
        limit: usize,
    ) -> Read<Page<R>> {
        let limit = limit.clamp(1, MAX_PAGE);
        let from = match after {
            // The next text after one is that one with a zero behind.
            Some(after) => [prefix, after.as_bytes(), &[0]].concat(),
            None => prefix.to_vec(),
        };
        let rows = self.between::<R>(&from, &behind(prefix))?;
        let mut rows: Vec<(Vec<u8>, R)> = rows.take(limit + 1).collect::<Read<_>>()?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next = last.map(|(key, _)| String::from_utf8_lossy(&key[prefix.len()..]).into_owned());
        Ok(Page { items: rows.into_iter().map(|(_, record)| record).collect(), next })
    }
}

impl Rows<Table<'_, &'static [u8], &'static [u8]>> {
    pub fn put<R: Serialize>(&mut self, key: &[u8], record: &R) -> Read<()> {
        let bytes = serde_json::to_vec(record).map_err(unreadable)?;
        self.0.insert(key, bytes.as_slice()).map_err(failed)?;
        Ok(())
    }

    /// Whether it was free.
    pub fn add<R: Serialize>(&mut self, key: &[u8], record: &R) -> Read<bool> {
        if self.has(key)? {
            return Ok(false);
        }
        self.put(key, record)?;
        Ok(true)
    }

    /// Whether it was there.
    pub fn delete(&mut self, key: &[u8]) -> Read<bool> {
        Ok(self.0.remove(key).map_err(failed)?.is_some())
    }

    /// Deletes from one key to before another while `left` lasts.
    pub fn clear(&mut self, from: &[u8], to: &[u8], left: &mut usize) -> Read<()> {
        let range = (Bound::Included(from), Bound::Excluded(to.max(from)));
        let rows = self.0.range::<&[u8]>(range).map_err(failed)?.take(*left);
        let keys = rows.map(|row| row.map(|(key, _)| key.value().to_vec()));
        let keys: Vec<Vec<u8>> = keys.collect::<Result<_, _>>().map_err(failed)?;
        for key in keys {
            self.delete(&key)?;
            *left -= 1;
        }
        Ok(())
    }
}
