//! Issuers that were made at run time.

use hallpass_store::{
    IssuerRecord, IssuerState, MAX_PAGE, NewIssuer, Page,
    encoding::{decode, encode},
};
use hallpass_types::{IssuerId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Params, Result, Row, params};

use crate::{
    apply::{cached, run},
    read::ReadError,
    sql,
    work::Outcome,
};

/// Gives it the next number and the next change, unless its name or place is taken.
pub(crate) fn create(db: &Connection, new: &NewIssuer) -> Result<Outcome> {
    let made = made(db, new)?;
    Ok(Outcome::Issuer(made.map(Box::new)))
}

/// None: its name or place is taken.
pub(crate) fn made(db: &Connection, new: &NewIssuer) -> Result<Option<IssuerRecord>> {
    if cached(db, sql::ISSUER_TAKEN)?.exists([new.name.as_str(), new.place()])? {
        return Ok(None);
    }
    let change = next_change(db)?;
    // No name of an issuer of a configuration begins so, and no change comes twice.
    let identifier = format!("#{change}");
    run(db, sql::NEW_ISSUER, [&identifier])?;
    let id = cached(db, sql::ISSUER)?.query_row([&identifier], |row| row.get(0))?;
    let record = new.clone().record(IssuerId(id), change.cast_unsigned());
    let encoded = encoded(&record)?;
    let values = params![id, record.name, record.place(), change, encoded];
    run(db, sql::CREATE_ISSUER, values)?;
    Ok(Some(record))
}

/// Changes it if its revision is still that one: the number of rows that changed.
pub(crate) fn change(db: &Connection, revision: u64, next: &IssuerRecord) -> Result<Outcome> {
    let changed = changed_to(db, revision, next)?;
    Ok(Outcome::Number(u64::from(changed.is_some())))
}

/// None: it has another revision.
pub(crate) fn changed_to(
    db: &Connection,
    revision: u64,
    next: &IssuerRecord,
) -> Result<Option<IssuerRecord>> {
    let IssuerId(id) = next.id;
    let held = cached(db, sql::ISSUER_BY_ID)?
        .query_row([id], raw)
        .optional()?;
    let held = match held.map(record).transpose() {
        Ok(held) => held.filter(|held| held.revision == revision),
        Err(ReadError::Sqlite(error)) => return Err(error),
        Err(ReadError::Store(_)) => None,
    };
    let Some(held) = held else {
        return Ok(None);
    };
    let change = next_change(db)?;
    let record = IssuerRecord {
        revision: revision.saturating_add(1),
        change: change.cast_unsigned(),
        name: held.name,
        identifier: held.identifier,
        ..next.clone()
    };
    let encoded = encoded(&record)?;
    let deleting = record.state == IssuerState::Deleting;
    let values = params![id, revision.cast_signed(), deleting, change, encoded];
    let changed = run(db, sql::CHANGE_ISSUER, values)? > 0;
    Ok(changed.then_some(record))
}

/// Deletes some rows of it, or at last its record: the number of rows that went.
pub(crate) fn erase(db: &Connection, issuer: IssuerId, limit: usize) -> Result<Outcome> {
    if !cached(db, sql::ISSUER_GOES)?.exists([issuer.0])? {
        return Ok(Outcome::Number(0));
    }
    let limit = limit.max(1);
    let mut gone = 0_usize;
    for sql in sql::ERASING {
        let left = limit.saturating_sub(gone);
        if left == 0 {
            break;
        }
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        gone = gone.saturating_add(run(db, sql, params![issuer.0, left])?);
    }
    if gone == 0 {
        run(db, sql::DELETE_ISSUER, [issuer.0])?;
    }
    Ok(Outcome::Number(gone as u64))
}

fn next_change(db: &Connection) -> Result<i64> {
    cached(db, sql::NEXT_CHANGE)?.query_row([], |row| row.get(0))
}

fn encoded(record: &IssuerRecord) -> Result<Vec<u8>> {
    encode(record.id, &[record.name.as_bytes()], record)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

type Read<T> = std::result::Result<T, ReadError>;

/// A row as it is read: number, revision, change, record, name.
type Raw = (u32, i64, i64, Vec<u8>, String);

fn raw(row: &Row<'_>) -> Result<Raw> {
    let (id, revision, change) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok((id, revision, change, row.get(3)?, row.get(4)?))
}

fn record((id, revision, change, bytes, name): Raw) -> Read<IssuerRecord> {
    let id = IssuerId(id);
    let record: IssuerRecord = decode(id, &[name.as_bytes()], &bytes)?;
    Ok(IssuerRecord {
        id,
        revision: revision.cast_unsigned(),
        change: change.cast_unsigned(),
        ..record
    })
}

pub(crate) fn named(db: &Connection, name: &str) -> Read<Option<IssuerRecord>> {
    one(db, sql::ISSUER_NAMED, name)
}

pub(crate) fn at(db: &Connection, place: &str) -> Read<Option<IssuerRecord>> {
    one(db, sql::ISSUER_AT, place)
}

fn one(db: &Connection, sql: &str, key: &str) -> Read<Option<IssuerRecord>> {
    let found = cached(db, sql)?.query_row([key], raw).optional()?;
    found.map(record).transpose()
}

pub(crate) fn page(db: &Connection, after: Option<&str>, limit: usize) -> Read<Page<IssuerRecord>> {
    let limit = limit.clamp(1, MAX_PAGE);
    let ask = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut items = match after {
        Some(after) => many(db, sql::ISSUERS, params![after, ask])?,
        None => many(db, sql::ISSUERS_FIRST, [ask])?,
    };
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more);
    let next = last.map(|record| record.name.clone());
    Ok(Page { items, next })
}

pub(crate) fn changed(db: &Connection, after: u64, limit: usize) -> Read<Vec<IssuerRecord>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(i64::MAX);
    many(db, sql::ISSUERS_CHANGED, params![after, limit])
}

fn many(db: &Connection, sql: &str, values: impl Params) -> Read<Vec<IssuerRecord>> {
    let mut statement = cached(db, sql)?;
    let rows = statement.query_map(values, raw)?;
    let mut records = Vec::new();
    for row in rows {
        records.push(record(row?)?);
    }
    Ok(records)
}

/// Issuers with something due. One look for each that has deliveries at all.
pub(crate) fn due(
    db: &Connection,
    now: Timestamp,
    after: Option<IssuerId>,
    limit: usize,
) -> Read<Vec<IssuerId>> {
    let mut last = after.map_or(-1, |IssuerId(id)| i64::from(id));
    let mut due = Vec::new();
    let mut next = cached(db, sql::DUE_ISSUER)?;
    while due.len() < limit.clamp(1, MAX_PAGE) {
        let found = next.query_row([last], |row| Ok((row.get::<_, u32>(0)?, row.get(1)?)));
        let Some((id, at)) = found.optional()? else {
            break;
        };
        last = i64::from(id);
        if Timestamp(at) <= now {
            due.push(IssuerId(id));
        }
    }
    Ok(due)
}
