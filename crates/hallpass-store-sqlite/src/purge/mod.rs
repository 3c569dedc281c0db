//! Purging: expired rows lie together, so they go in ranges.

use hallpass_store::StoreError;
use hallpass_types::{Bucket, IssuerId};
use rusqlite::{Connection, OptionalExtension as _};

use crate::{
    apply::cached,
    due::Due,
    read::{ReadError, Readers},
    sql::{EXPIRING, Expiring},
    work::{Outcome, Work},
    writer::Writer,
};

/// Deletes at most `limit` rows below a bucket. Each bite is a job among the others that wait, so commits go on. Only issuers that
/// have such rows are asked, unless another process has written.
pub(crate) async fn purge(
    readers: &Readers,
    writer: &Writer,
    below: Bucket,
    limit: usize,
) -> Result<u64, StoreError> {
    let due = writer.due();
    if limit > 0
        && let Outcome::Number(version) = writer.submit(Work::Version).await?
        && !due.is_whole(version)
    {
        walk(readers, due).await?;
        due.walked(version);
    }
    let mut left = limit;
    for (place, table) in EXPIRING.iter().enumerate() {
        while left > 0 {
            let Some(turn) = due.next(place, below) else {
                break;
            };
            let issuer = i64::from(turn.issuer);
            left = purge_one(writer, table, issuer, below, left).await?;
            if left > 0 {
                turn.over(readers.ask(|db| lowest(db, table, issuer))?);
            }
        }
    }
    let gone = limit.saturating_sub(left);
    // Pages are given back as fast as rows go, a few at a time.
    for _ in 0..gone.div_ceil(VACUUMED) {
        writer.submit(Work::Vacuum(VACUUM_PAGES)).await?;
    }
    Ok(gone as u64)
}

/// Notes the lowest bucket of every issuer in every table.
async fn walk(readers: &Readers, due: &Due) -> Result<(), StoreError> {
    for (place, table) in EXPIRING.iter().enumerate() {
        let mut after = BEFORE_ALL;
        while let Some((issuer, bucket)) = readers.ask(|db| next_issuer(db, table, after))? {
            after = issuer.into();
            due.note(place, issuer, bucket);
            // Issuers may be many, and looking is not waiting.
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// Deletes at most `limit` rows of what an issuer has handed out, whenever it expires.
pub(crate) async fn forget_issued(
    writer: &Writer,
    issuer: IssuerId,
    limit: usize,
) -> Result<u64, StoreError> {
    let mut left = limit;
    for table in EXPIRING {
        left = purge_one(writer, table, issuer.0.into(), Bucket(u32::MAX), left).await?;
    }
    if left > 0 {
        let work = Work::ForgetInitialAccess {
            issuer,
            limit: left,
        };
        if let Outcome::Number(gone) = writer.submit(work).await? {
            left = left.saturating_sub(usize::try_from(gone).unwrap_or(usize::MAX));
        }
    }
    Ok(limit.saturating_sub(left) as u64)
}

/// Answers what is left of the limit.
async fn purge_one(
    writer: &Writer,
    table: &'static Expiring,
    issuer: i64,
    below: Bucket,
    mut left: usize,
) -> Result<usize, StoreError> {
    while left > 0 {
        let bite = left.min(BITE);
        let work = Work::Purge {
            table,
            issuer,
            below,
            limit: bite,
        };
        let Outcome::Number(gone) = writer.submit(work).await? else {
            break;
        };
        let gone = usize::try_from(gone).unwrap_or(usize::MAX);
        left = left.saturating_sub(gone);
        if gone < bite {
            break;
        }
    }
    Ok(left)
}

fn next_issuer(
    db: &Connection,
    table: &Expiring,
    after: i64,
) -> Result<Option<(u32, u32)>, ReadError> {
    let found = cached(db, table.next_issuer)?
        .query_row([after], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found)
}

fn lowest(db: &Connection, table: &Expiring, issuer: i64) -> Result<Option<u32>, ReadError> {
    let found = cached(db, table.lowest)?
        .query_row([issuer], |row| row.get(0))
        .optional()?;
    Ok(found)
}

const BEFORE_ALL: i64 = -1;
/// Rows per transaction: about a millisecond.
const BITE: usize = 500;
/// Rows for which pages are given back at once.
const VACUUMED: usize = 1000;
const VACUUM_PAGES: u32 = 256;

#[cfg(test)]
mod tests;
