//! What people see of themselves.

use hallpass_core::record::{
    ActivityRecord, ConsentRecord, GrantRecord, ParticipantRecord, SessionRecord, participant_tag,
    participant_tags,
};
use hallpass_store::{
    ActivityPlace, AdminKind, MAX_PAGE, MOST_COUNTED, encoding::decode, operator_of_person,
};
use hallpass_types::{Bucket, ClientId, IssuerId, Key, Session, Subject, Timestamp};
use rusqlite::{Connection, Result, params};

use crate::{
    admin,
    apply::{any, cached, run},
    read::{Read, decode_at, record_of},
    sql,
};

pub(crate) fn session(
    db: &Connection,
    issuer: IssuerId,
    key: Key<Session>,
) -> Read<Option<SessionRecord>> {
    session_and(db, issuer, key, Ok)
}

/// Whether a session is there.
/// Whether the session that a grant is bound to is there, or it is bound to none: then the pages where sessions are stay unread.
pub(crate) fn is_session_alive(
    db: &Connection,
    issuer: IssuerId,
    grant: &GrantRecord,
) -> Read<bool> {
    let Some(key) = grant.session.filter(|_| grant.session_bound) else {
        return Ok(true);
    };
    let values = params![issuer.0, key.bucket.0, key.digest];
    Ok(cached(db, sql::SESSION)?.exists(values)?)
}

/// A session and what else is read at the same moment.
pub(crate) fn session_and<T>(
    db: &Connection,
    issuer: IssuerId,
    key: Key<Session>,
    and: impl FnOnce(SessionRecord) -> Read<T>,
) -> Read<Option<T>> {
    let values = params![issuer.0, key.bucket.0, key.digest];
    let mut statement = cached(db, sql::SESSION)?;
    let mut rows = statement.query(values)?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let record = record_of(row, 0, |bytes| {
        decode_at(issuer, key.bucket, &key.digest, bytes)
    })?;
    and(seen(record, row.get(1)?)).map(Some)
}

/// The record with the newer of the two notes of its use.
fn seen(mut record: SessionRecord, at: Option<i64>) -> SessionRecord {
    record.seen_at = record.seen_at.max(Timestamp(at.unwrap_or_default()));
    record
}

/// The place of a participation: its session, then its tag.
fn place_of(session: Key<Session>, tag: &[u8; 16]) -> [u8; 48] {
    let mut place = [0; 48];
    let (head, tail) = place.split_at_mut(32);
    head.copy_from_slice(&session.digest);
    tail.copy_from_slice(tag);
    place
}

pub(crate) fn participants(
    db: &Connection,
    issuer: IssuerId,
    session: Key<Session>,
    client: &ClientId,
) -> Read<Vec<ParticipantRecord>> {
    let [first, last] = participant_tags(client).map(|tag| place_of(session, &tag));
    let mut statement = cached(db, sql::PARTICIPANTS)?;
    let mut rows = statement.query(params![issuer.0, session.bucket.0, first, last, most()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id: [u8; 48] = row.get(0)?;
        found.push(record_of(row, 1, |bytes| {
            decode_at(issuer, session.bucket, &id, bytes)
        })?);
    }
    Ok(found)
}

/// One participation of each client: one look for each, however many it has.
pub(crate) fn participating(
    db: &Connection,
    issuer: IssuerId,
    session: Key<Session>,
    after: Option<&ClientId>,
) -> Read<Vec<ParticipantRecord>> {
    let last = place_of(session, &[u8::MAX; 16]);
    let first = |tag: [u8; 16]| place_of(session, &tag);
    let mut next = match after {
        Some(client) => behind(first(participant_tag(client, None))),
        None => Some(first([0; 16])),
    };
    let mut statement = cached(db, sql::NEXT_PARTICIPANT)?;
    let mut found = Vec::new();
    while let Some(first) = next
        && found.len() < MAX_PAGE
    {
        let mut rows = statement.query(params![issuer.0, session.bucket.0, first, last])?;
        let Some(row) = rows.next()? else { break };
        let id: [u8; 48] = row.get(0)?;
        found.push(record_of(row, 1, |bytes| {
            decode_at(issuer, session.bucket, &id, bytes)
        })?);
        next = behind(id);
    }
    Ok(found)
}

/// The first place behind those of the same client. Behind the session comes what stands for the client, in eight bytes, then
/// what stands for its grant.
fn behind(mut place: [u8; 48]) -> Option<[u8; 48]> {
    let (_, tag) = place.split_at_mut(32);
    let (client, grant) = tag.split_at_mut(8);
    let bytes: &[u8] = client;
    let next = u64::from_be_bytes(bytes.try_into().ok()?).checked_add(1)?;
    client.copy_from_slice(&next.to_be_bytes());
    grant.fill(0);
    Some(place)
}

pub(crate) fn count_sessions(db: &Connection, issuer: IssuerId, from: Bucket) -> Read<u64> {
    let mut statement = cached(db, sql::COUNT_SESSIONS)?;
    let values = params![issuer.0, from.0, MOST_COUNTED];
    let n: i64 = statement.query_row(values, |row| row.get(0))?;
    Ok(n.unsigned_abs())
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

pub(crate) fn activity_before(
    db: &Connection,
    issuer: IssuerId,
    before: Option<ActivityPlace>,
    limit: usize,
) -> Read<Vec<(ActivityPlace, ActivityRecord)>> {
    let limit = i64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(i64::MAX);
    // No bucket is that one, and no identifier is longer.
    let (bucket, id) = before.map_or((i64::MAX, [0; 16]), |(Bucket(bucket), id)| {
        (i64::from(bucket), id)
    });
    let mut statement = cached(db, sql::ACTIVITY_BEFORE)?;
    let mut rows = statement.query(params![issuer.0, bucket, id, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (bucket, id): (u32, [u8; 16]) = (row.get(0)?, row.get(1)?);
        let record = record_of(row, 2, |bytes| {
            decode_at(issuer, Bucket(bucket), &id, bytes)
        })?;
        found.push(((Bucket(bucket), id), record));
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
    let rows = admin::forget_operator(db, issuer, &operator_of_person(subject))?;
    let refusals = admin::forget(db, issuer, AdminKind::Refusals, subject.as_str())?;
    Ok(gone.saturating_add(rows).saturating_add(refusals))
}

fn most() -> i64 {
    i64::try_from(MAX_PAGE).unwrap_or(i64::MAX)
}
