//! Migrations: numbered files that are in the program, applied in order, each in a transaction of its own.

use hallpass_store::StoreError;
use hallpass_types::sha256;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::failure::store_error;

/// One step of the schema. A step that was released never changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    name: &'static str,
    sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        /// All steps; a step's version is its place, counted from one.
        pub(crate) const ALL: &[Migration] = &[$(Migration {
            name: $name,
            sql: include_str!(concat!("../../migrations/", $name, ".sql")),
        }),+];
    };
}

migrations!(
    "0001_initial",
    "0002_waiting",
    "0003_deliveries",
    "0004_participants",
    "0005_registrations",
    "0006_credentials",
    "0007_issuers",
    "0008_roots",
    "0009_people"
);

/// The names of the steps that a database still lacks.
///
/// # Errors
/// [`StoreError::Version`] when it has steps that are not in `all`, [`StoreError::Corrupt`] when it is not a database
/// of this program or a step in it was another one.
pub(crate) fn pending<'m>(
    db: &Connection,
    all: &'m [Migration],
) -> Result<&'m [Migration], StoreError> {
    let applied = applied(db)?;
    let known = all.len();
    if applied.len() > known {
        return Err(StoreError::Version {
            found: u32::try_from(applied.len()).unwrap_or(u32::MAX),
            known: u32::try_from(known).unwrap_or(u32::MAX),
        });
    }
    for (place, (step, (version, checksum))) in all.iter().zip(&applied).enumerate() {
        if usize::try_from(*version) != Ok(place.saturating_add(1))
            || checksum.as_slice() != sha256(step.sql.as_bytes())
        {
            return Err(StoreError::corrupt(
                "the database was made by migrations that this program does not know",
            ));
        }
    }
    Ok(all.get(applied.len()..).unwrap_or_default())
}

/// Applies what is lacking; answers the names. A process that is killed meanwhile leaves whole steps behind.
///
/// # Errors
/// As [`pending`], and whatever a step itself runs into.
pub(crate) fn migrate(
    db: &mut Connection,
    all: &'static [Migration],
) -> Result<Vec<String>, StoreError> {
    let mut done = Vec::new();
    while !pending(db, all)?.is_empty() {
        // Looked at again inside: another process may have been faster.
        let step = db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|e| store_error(&e))?;
        let lacking = pending(&step, all)?;
        let Some(next) = lacking.first() else { break };
        let version = all.len().saturating_sub(lacking.len()).saturating_add(1);
        let checksum = sha256(next.sql.as_bytes());
        let apply = || {
            if version == 1 {
                step.execute_batch(SCHEMA)?;
                step.pragma_update(None, "application_id", APPLICATION_ID)?;
            }
            step.execute_batch(next.sql)?;
            let version = u32::try_from(version).unwrap_or(u32::MAX);
            let row = params![version, next.name, checksum];
            step.execute(
                "INSERT INTO schema (version, name, checksum) VALUES (?1, ?2, ?3)",
                row,
            )
        };
        apply().map_err(|e| store_error(&e))?;
        step.commit().map_err(|e| store_error(&e))?;
        done.push(next.name.to_owned());
    }
    Ok(done)
}

/// Everything at once, for tests that look at the schema alone.
#[cfg(test)]
pub(crate) fn schema() -> String {
    ALL.iter().map(|step| step.sql).collect()
}

/// The names of some steps.
pub(crate) fn names(steps: &[Migration]) -> Vec<String> {
    steps.iter().map(|step| step.name.to_owned()).collect()
}

/// Version and checksum of the steps that were applied.
fn applied(db: &Connection) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
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
        let mut rows = db.prepare("SELECT version, checksum FROM schema ORDER BY version")?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
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

/// Marks the file as ours: "Hall" in ASCII.
const APPLICATION_ID: i32 = 0x4861_6C6C;

const SCHEMA: &str = "CREATE TABLE schema (
    version  INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    checksum BLOB NOT NULL
) STRICT";

#[cfg(test)]
mod tests;
