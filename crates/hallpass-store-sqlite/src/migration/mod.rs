//! Migrations: numbered files that are in the program, applied in order, each in a transaction of its own.

use hallpass_store::{
    StoreError,
    migration::{self, Applied, Migration, Phase},
};
use rusqlite::{Connection, TransactionBehavior, params};

use crate::failure::store_error;

macro_rules! migrations {
    ($($name:literal $phase:expr),+ $(,)?) => {
        /// All steps; a step's version is its place, counted from one.
        pub(crate) const ALL: &[Migration] = &[$(Migration {
            name: $name,
            sql: include_str!(concat!("../../migrations/", $name, ".sql")),
            phase: $phase,
        }),+];
    };
}

migrations!(
    "0001_initial" Phase::Expand,
    "0002_waiting" Phase::Expand,
    "0003_deliveries" Phase::Expand,
    "0004_participants" Phase::Expand,
    "0005_registrations" Phase::Expand,
    "0006_credentials" Phase::Expand,
    "0007_issuers" Phase::Expand,
    "0008_roots" Phase::Expand,
    "0009_people" Phase::Expand,
    "0010_directories" Phase::Expand,
    "0011_admin" Phase::Expand,
    "0012_tallies" Phase::Expand,
    "0013_key_changes" Phase::Expand
);

/// The steps that a database still lacks.
///
/// # Errors
/// As [`migration::pending`], and [`StoreError::Corrupt`] when it is not a database of this program.
pub(crate) fn pending<'m>(
    db: &Connection,
    all: &'m [Migration],
) -> Result<&'m [Migration], StoreError> {
    migration::pending(all, &applied(db)?)
}

/// Whether a database lacks nothing.
///
/// # Errors
/// [`StoreError::Version`], and as [`pending`].
pub(crate) fn demand_none(db: &Connection) -> Result<(), StoreError> {
    let known = ALL.len();
    match pending(db, ALL)?.len() {
        0 => Ok(()),
        lacking => Err(StoreError::Version {
            found: u32::try_from(known.saturating_sub(lacking)).unwrap_or(u32::MAX),
            known: u32::try_from(known).unwrap_or(u32::MAX),
        }),
    }
}

/// Applies what is lacking; answers the steps. A process that is killed meanwhile leaves whole steps behind.
///
/// # Errors
/// As [`pending`], and whatever a step itself runs into.
pub(crate) fn migrate(
    db: &mut Connection,
    all: &'static [Migration],
) -> Result<Vec<&'static Migration>, StoreError> {
    let mut done = Vec::new();
    while !pending(db, all)?.is_empty() {
        // Looked at again inside: another process may have been faster.
        let step = db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|e| store_error(&e))?;
        let lacking = pending(&step, all)?;
        let Some(next) = lacking.first() else { break };
        let version = all.len().saturating_sub(lacking.len()).saturating_add(1);
        let checksum = next.checksum();
        let apply = || {
            if version == 1 {
                step.execute_batch(SCHEMA)?;
                step.pragma_update(None, "application_id", APPLICATION_ID)?;
            }
            if !has_phases(&step)? {
                step.execute_batch(PHASES)?;
            }
            step.execute_batch(next.sql)?;
            let version = u32::try_from(version).unwrap_or(u32::MAX);
            let (phase, oldest) = (next.phase.name(), next.phase.oldest());
            step.execute(
                WRITE_DOWN,
                params![version, next.name, checksum, phase, oldest],
            )
        };
        apply().map_err(|e| store_error(&e))?;
        step.commit().map_err(|e| store_error(&e))?;
        done.push(next);
    }
    Ok(done)
}

/// Everything at once, for tests that look at the schema alone.
#[cfg(test)]
pub(crate) fn schema() -> String {
    ALL.iter().map(|step| step.sql).collect()
}

/// The names of some steps.
#[cfg(test)]
fn names<'m>(steps: impl IntoIterator<Item = &'m Migration>) -> Vec<&'static str> {
    steps.into_iter().map(|step| step.name).collect()
}

/// The steps that were applied.
fn applied(db: &Connection) -> Result<Vec<Applied>, StoreError> {
    let read = || -> rusqlite::Result<_> {
        let tables: u32 =
            db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables == 0 {
            return Ok(Some(Vec::new()));
        }
        let id: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
        if id != APPLICATION_ID {
            return Ok(None);
        }
        // A program of before knew no phases, and all of its steps were such that others can go on.
        let oldest = if has_phases(db)? { "oldest" } else { "0" };
        let sql = format!("SELECT version, checksum, {oldest} FROM schema ORDER BY version");
        let mut rows = db.prepare(&sql)?;
        let rows = rows.query_map([], |row| {
            Ok(Applied {
                version: row.get(0)?,
                checksum: row.get(1)?,
                oldest: row.get(2)?,
            })
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>().map(Some)
    };
    match read() {
        Ok(Some(applied)) => Ok(applied),
        Ok(None) => Err(StoreError::corrupt(
            "the file is a database of another program",
        )),
        Err(e) => Err(store_error(&e)),
    }
}

fn has_phases(db: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM pragma_table_info('schema') WHERE name = 'oldest'";
    db.prepare(sql)?.exists([])
}

/// Marks the file as ours: "Hall" in ASCII.
const APPLICATION_ID: i32 = 0x4861_6C6C;

const SCHEMA: &str = "CREATE TABLE schema (
    version  INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    checksum BLOB NOT NULL
) STRICT";

const PHASES: &str = "ALTER TABLE schema ADD COLUMN phase TEXT NOT NULL DEFAULT 'expand';
    ALTER TABLE schema ADD COLUMN oldest INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE schema ADD COLUMN applied_at INTEGER";

const WRITE_DOWN: &str = "INSERT INTO schema (version, name, checksum, phase, oldest, applied_at)
    VALUES (?1, ?2, ?3, ?4, ?5, CAST(strftime('%s', 'now') AS INTEGER))";

#[cfg(test)]
mod tests;
