//! What operators keep, and what they did.

use hallpass_store::{
    AdminKind, AdminRecord, AuditRecord, Day, MAX_PAGE, Page, StoreError,
    encoding::{decode, encode},
};
use hallpass_types::{Bucket, IssuerId};
use rusqlite::{Connection, Result, params};

use crate::{
    apply::{any, cached, run},
    read::{Read, record_of},
    sql,
};

/// A change of one record, encoded.
#[derive(Debug)]
pub(crate) struct AdminRow {
    kind: u8,
    id: String,
    from: Option<i64>,
    /// Revision and record; none deletes.
    next: Option<(i64, Vec<u8>)>,
}

impl AdminRow {
    pub(crate) fn of(
        issuer: IssuerId,
        kind: AdminKind,
        id: String,
        from: Option<u64>,
        next: Option<Box<AdminRecord>>,
    ) -> std::result::Result<Self, StoreError> {
        let next = match next {
            Some(record) => {
                let encoded = encode(issuer, &[&[kind.number()], id.as_bytes()], &*record)?;
                Some((record.revision.cast_signed(), encoded))
            }
            None => None,
        };
        Ok(Self {
            kind: kind.number(),
            id,
            from: from.map(u64::cast_signed),
            next,
        })
    }
}

/// Whether it was in time.
pub(crate) fn change(db: &Connection, issuer: u32, row: &AdminRow) -> Result<bool> {
    let AdminRow {
        kind,
        id,
        from,
        next,
    } = row;
    match (from, next) {
        (None, None) => Ok(false),
        (None, Some((revision, record))) => {
            let values = params![issuer, kind, id, revision, record];
            run(db, sql::SPEND_NEW_ADMIN, values).map(any)
        }
        (Some(from), Some((revision, record))) => {
            let values = params![issuer, kind, id, from, revision, record];
            run(db, sql::SPEND_ADMIN, values).map(any)
        }
        (Some(from), None) => run(db, sql::DELETE_ADMIN, params![issuer, kind, id, from]).map(any),
    }
}

/// Whoever goes administers nothing any more.
pub(crate) fn forget_operator(db: &Connection, issuer: u32, id: &str) -> Result<usize> {
    forget(db, issuer, AdminKind::Operator, id)
}

pub(crate) fn forget(db: &Connection, issuer: u32, kind: AdminKind, id: &str) -> Result<usize> {
    run(db, sql::FORGET_ADMIN, params![issuer, kind.number(), id])
}

/// Whether nobody has written a line of that number.
pub(crate) fn append(db: &Connection, issuer: u32, seq: i64, record: &[u8]) -> Result<bool> {
    run(db, sql::SPEND_AUDIT, params![issuer, seq, record]).map(any)
}

/// The number of a line, and the line encoded.
pub(crate) fn line(
    issuer: IssuerId,
    record: &AuditRecord,
) -> std::result::Result<(i64, Vec<u8>), StoreError> {
    let encoded = encode(issuer, &[&record.seq.to_be_bytes()], record)?;
    Ok((record.seq.cast_signed(), encoded))
}

pub(crate) fn record(
    db: &Connection,
    issuer: IssuerId,
    kind: AdminKind,
    id: &str,
) -> Read<Option<AdminRecord>> {
    let kind = kind.number();
    let mut statement = cached(db, sql::ADMIN_RECORD)?;
    let mut rows = statement.query(params![issuer.0, kind, id])?;
    let row = rows.next()?;
    row.map(|row| {
        record_of(row, 0, |bytes| {
            decode(issuer, &[&[kind], id.as_bytes()], bytes)
        })
    })
    .transpose()
}

pub(crate) fn records(
    db: &Connection,
    issuer: IssuerId,
    kind: AdminKind,
    after: Option<&str>,
    limit: usize,
) -> Read<Page<AdminRecord>> {
    let kind = kind.number();
    let limit = limit.clamp(1, MAX_PAGE);
    let ask = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut statement = cached(db, sql::ADMIN_RECORDS)?;
    // No identifier is empty.
    let values = params![issuer.0, kind, after.unwrap_or_default(), ask];
    let mut rows = statement.query(values)?;
    let mut items: Vec<AdminRecord> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        items.push(record_of(row, 1, |bytes| {
            decode(issuer, &[&[kind], id.as_bytes()], bytes)
        })?);
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.id.clone());
    Ok(Page { items, next })
}

pub(crate) fn audit_after(
    db: &Connection,
    issuer: IssuerId,
    after: u64,
    limit: usize,
) -> Read<Vec<AuditRecord>> {
    lines(db, issuer, sql::AUDIT_AFTER, after, limit)
}

pub(crate) fn audit_before(
    db: &Connection,
    issuer: IssuerId,
    before: Option<u64>,
    limit: usize,
) -> Read<Vec<AuditRecord>> {
    lines(
        db,
        issuer,
        sql::AUDIT_BEFORE,
        before.unwrap_or(u64::MAX),
        limit,
    )
}

fn lines(
    db: &Connection,
    issuer: IssuerId,
    sql: &str,
    beside: u64,
    limit: usize,
) -> Read<Vec<AuditRecord>> {
    let beside = i64::try_from(beside).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(i64::MAX);
    let mut statement = cached(db, sql)?;
    let mut rows = statement.query(params![issuer.0, beside, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        found.push(record_of(row, 1, |bytes| {
            decode(issuer, &[&seq.to_be_bytes()], bytes)
        })?);
    }
    Ok(found)
}

pub(crate) fn tallies(
    db: &Connection,
    issuer: IssuerId,
    from: Day,
    to: Day,
) -> Read<Vec<(Day, String, u64)>> {
    let values = params![issuer.0, from.tally_bucket().0, to.tally_bucket().0];
    let mut statement = cached(db, sql::TALLIES)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (bucket, name, n): (u32, Vec<u8>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let name = String::from_utf8_lossy(&name).into_owned();
        found.push((Day::of_tally(Bucket(bucket)), name, n.unsigned_abs()));
    }
    Ok(found)
}

pub(crate) fn count_active(db: &Connection, issuer: IssuerId, period: Bucket) -> Read<u64> {
    let mut statement = cached(db, sql::COUNT_ACTIVE)?;
    let n: i64 = statement.query_row(params![issuer.0, period.0], |row| row.get(0))?;
    Ok(n.unsigned_abs())
}
