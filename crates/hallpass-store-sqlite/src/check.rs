//! Reading everything, to find what is damaged.

use hallpass_core::{
    access::Directory,
    client::ClientRecord,
    record::{
        ActivityRecord, CodeRecord, ConsentRecord, DeliveryRecord, GrantRecord, ParticipantRecord,
        SessionRecord, WaitingRecord,
    },
};
use hallpass_store::{
    CredentialRecord, InitialAccessRecord, IssuerRecord, KeyRecord, RootRecord, StoreError,
    UserRecord,
    encoding::{Record, decode},
};
use hallpass_types::IssuerId;
use rusqlite::{Connection, Result, types::ValueRef};

use crate::failure::Failure;

pub(crate) fn check(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut problems = Vec::new();
    let all = |problems: &mut Vec<String>| -> Result<()> {
        structure(db, problems)?;
        records::<CodeRecord>(db, "codes", "bucket, id", problems)?;
        records::<WaitingRecord>(db, "waiting", "bucket, id", problems)?;
        records::<GrantRecord>(db, "grants", "bucket, id", problems)?;
        records::<SessionRecord>(db, "sessions", "bucket, id", problems)?;
        records::<ActivityRecord>(db, "activity", "bucket, id", problems)?;
        records::<ConsentRecord>(db, "consents", "subject, client", problems)?;
        records::<ClientRecord>(db, "clients", "client, ''", problems)?;
        records::<UserRecord>(db, "users", "subject, ''", problems)?;
        records::<CredentialRecord>(db, "credentials", "subject, id", problems)?;
        records::<ParticipantRecord>(db, "participants", "bucket, id", problems)?;
        records::<DeliveryRecord>(db, "deliveries", "bucket, id", problems)?;
        records::<InitialAccessRecord>(db, "initial_access", "id, ''", problems)?;
        records::<IssuerRecord>(db, "issuer_records", "name, ''", problems)?;
        records::<RootRecord>(db, "roots", "'', ''", problems)?;
        records::<Directory>(db, "directories", "'', ''", problems)?;
        records::<KeyRecord>(db, "signing_keys", "kid, ''", problems)
    };
    if let Err(error) = all(&mut problems) {
        // Damage can stop the reading itself.
        match Failure::of(&error) {
            Failure::Corrupt(text) => problems.push(text),
            failure @ (Failure::Busy | Failure::Unavailable(_) | Failure::Collision) => {
                return Err(failure.into());
            }
        }
    }
    Ok(problems)
}

/// Its structure alone.
pub(crate) fn structure_of(db: &Connection) -> std::result::Result<Vec<String>, StoreError> {
    let mut problems = Vec::new();
    match structure(db, &mut problems) {
        Ok(()) => Ok(problems),
        Err(error) => Err(Failure::of(&error).into()),
    }
}

fn structure(db: &Connection, problems: &mut Vec<String>) -> Result<()> {
    let mut statement = db.prepare("PRAGMA integrity_check(20)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            problems.push(line);
        }
    }
    Ok(())
}

/// Checks every record of a table against its checksum. `key` names two columns; an empty text is none.
fn records<R: Record>(
    db: &Connection,
    table: &str,
    key: &str,
    problems: &mut Vec<String>,
) -> Result<()> {
    let mut statement = db.prepare(&format!("SELECT issuer, {key}, record FROM {table}"))?;
    let mut rows = statement.query([])?;
    let mut bad = 0_u64;
    while let Some(row) = rows.next()? {
        let mut parts = Vec::with_capacity(2);
        for column in 1..=2 {
            match row.get_ref(column)? {
                ValueRef::Integer(bucket) => {
                    parts.push(u32::try_from(bucket).unwrap_or(0).to_be_bytes().to_vec());
                }
                ValueRef::Text([]) => {}
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => parts.push(bytes.to_vec()),
                ValueRef::Null | ValueRef::Real(_) => {}
            }
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let bytes = row.get_ref(3)?.as_blob().unwrap_or_default();
        if decode::<R>(IssuerId(row.get(0)?), &parts, bytes).is_err() {
            bad = bad.saturating_add(1);
        }
    }
    if bad > 0 {
        problems.push(format!("{bad} records of {table} cannot be read"));
    }
    Ok(())
}
