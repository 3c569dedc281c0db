//! Reading what there is once for an issuer, and which issuers there are.

use std::collections::BTreeSet;

use hallpass_core::access::Directory;
use hallpass_store::{MAX_PAGE, RootRecord, encoding::decode};
use hallpass_types::{IssuerId, Timestamp};
use rusqlite::{Connection, params};

use crate::{
    apply::cached,
    read::{Read, record_of},
    sql,
};

pub(crate) fn root(db: &Connection, issuer: IssuerId) -> Read<Option<RootRecord>> {
    let mut statement = cached(db, sql::ROOT)?;
    let mut rows = statement.query([issuer.0])?;
    let row = rows.next()?;
    row.map(|row| record_of(row, 0, |bytes| decode(issuer, &[], bytes)))
        .transpose()
}

pub(crate) fn directory(db: &Connection, issuer: IssuerId) -> Read<Directory> {
    let mut statement = cached(db, sql::DIRECTORY)?;
    let mut rows = statement.query([issuer.0])?;
    match rows.next()? {
        Some(row) => record_of(row, 0, |bytes| decode(issuer, &[], bytes)),
        None => Ok(Directory::default()),
    }
}

pub(crate) fn numbers(
    db: &Connection,
    after: Option<IssuerId>,
    limit: usize,
) -> Read<Vec<(IssuerId, String)>> {
    let after = after.map_or(-1, |after| i64::from(after.0));
    let limit = i64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(i64::MAX);
    let mut statement = cached(db, sql::ISSUER_NUMBERS)?;
    let mut rows = statement.query(params![after, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((IssuerId(row.get(0)?), row.get(1)?));
    }
    Ok(found)
}

pub(crate) fn keys_changed(
    db: &Connection,
    since: Timestamp,
    after: Option<IssuerId>,
) -> Read<Vec<IssuerId>> {
    let after = after.map_or(-1, |after| i64::from(after.0));
    let limit = i64::try_from(MAX_PAGE).unwrap_or(i64::MAX);
    let mut found = BTreeSet::new();
    for sql in [sql::KEYS_CHANGED, sql::ROOTS_CHANGED] {
        let mut statement = cached(db, sql)?;
        let mut rows = statement.query(params![since.0, after, limit])?;
        while let Some(row) = rows.next()? {
            found.insert(IssuerId(row.get(0)?));
        }
    }
    Ok(found.into_iter().take(MAX_PAGE).collect())
}
