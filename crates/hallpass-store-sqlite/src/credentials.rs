//! What people prove who they are with.

use hallpass_store::{
    CredentialRecord, MAX_PAGE, StoreError,
    encoding::{decode, encode},
};
use hallpass_types::{ContentDigest, CredentialId, IssuerId, Subject};
use rusqlite::{Connection, Result, Row, params};

use crate::{
    apply::{any, cached, run},
    read::{Read, record_of},
    sql,
};

#[derive(Debug)]
pub(crate) struct CredentialRow {
    subject: Subject,
    id: CredentialId,
    lookup: Option<[u8; 32]>,
    revision: u64,
    record: Vec<u8>,
}

/// A change: which, of which revision, and what takes its place.
#[derive(Debug)]
pub(crate) struct ChangeRow {
    subject: Subject,
    id: CredentialId,
    revision: u64,
    next: Option<CredentialRow>,
}

impl CredentialRow {
    pub(crate) fn of(issuer: IssuerId, record: CredentialRecord) -> Result<Self, StoreError> {
        let key = [record.subject.as_str().as_bytes(), &record.id.0];
        Ok(Self {
            record: encode(issuer, &key, &record)?,
            lookup: record.lookup.map(|lookup| lookup.0),
            revision: record.revision,
            id: record.id,
            subject: record.subject,
        })
    }
}

impl ChangeRow {
    pub(crate) fn of(
        issuer: IssuerId,
        subject: Subject,
        id: CredentialId,
        revision: u64,
        next: Option<CredentialRecord>,
    ) -> Result<Self, StoreError> {
        let next = next.map(|record| CredentialRow::of(issuer, record));
        Ok(Self {
            subject,
            id,
            revision,
            next: next.transpose()?,
        })
    }
}

pub(crate) fn add(db: &Connection, issuer: u32, row: &CredentialRow) -> Result<bool> {
    let values = params![
        issuer,
        row.subject.as_str(),
        row.id.0,
        row.lookup,
        row.revision.cast_signed(),
        row.record
    ];
    run(db, sql::SPEND_NEW_CREDENTIAL, values).map(any)
}

pub(crate) fn change(db: &Connection, issuer: u32, change: &ChangeRow) -> Result<bool> {
    let ChangeRow {
        subject,
        id,
        revision,
        next,
    } = change;
    let revision = revision.cast_signed();
    let Some(next) = next else {
        let values = params![issuer, subject.as_str(), id.0, revision];
        return run(db, sql::DELETE_CREDENTIAL, values).map(any);
    };
    if next.subject != *subject || next.id != *id {
        return Ok(false);
    }
    let values = params![
        issuer,
        subject.as_str(),
        id.0,
        revision,
        next.lookup,
        next.revision.cast_signed(),
        next.record
    ];
    run(db, sql::SPEND_CREDENTIAL, values).map(any)
}

pub(crate) fn credentials(
    db: &Connection,
    issuer: IssuerId,
    subject: &Subject,
) -> Read<Vec<CredentialRecord>> {
    let most = i64::try_from(MAX_PAGE).unwrap_or(i64::MAX);
    let mut statement = cached(db, sql::CREDENTIALS)?;
    let mut rows = statement.query(params![issuer.0, subject.as_str(), most])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(one(issuer, subject.as_str(), row)?);
    }
    Ok(found)
}

pub(crate) fn by_lookup(
    db: &Connection,
    issuer: IssuerId,
    lookup: ContentDigest,
) -> Read<Option<CredentialRecord>> {
    let mut statement = cached(db, sql::CREDENTIAL_BY_LOOKUP)?;
    let mut rows = statement.query(params![issuer.0, lookup.0])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let subject: String = row.get(2)?;
    let found = one(issuer, &subject, row)?;
    // The index is not under the record's checksum.
    if found.lookup != Some(lookup) {
        return Err(StoreError::corrupt("a digest leads to another credential").into());
    }
    Ok(Some(found))
}

fn one(issuer: IssuerId, subject: &str, row: &Row<'_>) -> Read<CredentialRecord> {
    let id: [u8; 16] = row.get(0)?;
    record_of(row, 1, |bytes| {
        decode(issuer, &[subject.as_bytes(), &id], bytes)
    })
}
