//! What people see of themselves.

use hallpass_core::record::{ActivityRecord, ConsentRecord, SessionRecord};
use hallpass_store::{MAX_PAGE, encoding::decode};
use hallpass_types::{Bucket, ClientId, IssuerId, Key, Session, Subject, Timestamp};
use rusqlite::{Connection, Result, params};

use crate::{
    apply::{any, cached, run},
    read::{Read, decode_at, record_of},
    sql,
};

pub(crate) fn session(
    db: &Connection,
    issuer: IssuerId,
    key: Key<Session>,
) -> Read<Option<SessionRecord>> {
    let values = params![issuer.0, key.bucket.0, key.digest];
    let mut statement = cached(db, sql::SESSION)?;
    let mut rows = statement.query(values)?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let record = record_of(row, 0, |bytes| {
        decode_at(issuer, key.bucket, &key.digest, bytes)
    })?;
    Ok(Some(seen(record, row.get(1)?)))
}

/// The record with the newer of the two notes of its use.
fn seen(mut record: SessionRecord, at: Option<i64>) -> SessionRecord {
    record.seen_at = record.seen_at.max(Timestamp(at.unwrap_or_default()));
    record
}

pub(crate) fn account_sessions(
    db: &Connection,
    issuer: IssuerId,
    subject: &Subject,
) -> Read<Vec<(Key<Session>, SessionRecord)>> {
    let mut statement = cached(db, sql::ACCOUNT_SESSIONS)?;
    let mut rows = statement.query(params![issuer.0, subject.as_str(), most()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let key = Key::from_parts(Bucket(row.get(0)?), row.get(1)?);
        let record = record_of(row, 2, |bytes| {
            decode_at(issuer, key.bucket, &key.digest, bytes)
        })?;
        found.push((key, seen(record, row.get(3)?)));
    }
    Ok(found)
}

pub(crate) fn consents_of(
    db: &Connection,
    issuer: IssuerId,
    subject: &Subject,
) -> Read<Vec<(ClientId, ConsentRecord)>> {
    let mut statement = cached(db, sql::CONSENTS_OF)?;
    let mut rows = statement.query(params![issuer.0, subject.as_str(), most()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let client: String = row.get(0)?;
        let record = record_of(row, 1, |bytes| {
            decode(
                issuer,
                &[subject.as_str().as_bytes(), client.as_bytes()],
                bytes,
            )
        })?;
        if let Ok(client) = ClientId::parse(&client) {
            found.push((client, record));
        }
    }
    Ok(found)
}

pub(crate) fn activity_of(
    db: &Connection,
    issuer: IssuerId,
    subject: &Subject,
    limit: usize,
) -> Read<Vec<ActivityRecord>> {
    let limit = i64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(i64::MAX);
    let mut statement = cached(db, sql::ACTIVITY_OF)?;
    let mut rows = statement.query(params![issuer.0, subject.as_str(), limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (bucket, id): (u32, [u8; 16]) = (row.get(0)?, row.get(1)?);
        found.push(record_of(row, 2, |bytes| {
            decode_at(issuer, Bucket(bucket), &id, bytes)
        })?);
    }
    Ok(found)
}

/// Whether the account was there in that revision.
pub(crate) fn delete_user(
    db: &Connection,
    issuer: u32,
    subject: &Subject,
    revision: u64,
) -> Result<bool> {
    let values = params![issuer, subject.as_str(), revision.cast_signed()];
    run(db, sql::DELETE_USER, values).map(any)
}

pub(crate) fn forget(db: &Connection, issuer: u32, subject: &Subject) -> Result<usize> {
    let mut gone = 0_usize;
    for statement in [
        sql::FORGET_CREDENTIALS,
        sql::FORGET_CONSENTS,
        sql::FORGET_ACTIVITY,
    ] {
        let rows = run(db, statement, params![issuer, subject.as_str()])?;
        gone = gone.saturating_add(rows);
    }
    Ok(gone)
}

fn most() -> i64 {
    i64::try_from(MAX_PAGE).unwrap_or(i64::MAX)
}
