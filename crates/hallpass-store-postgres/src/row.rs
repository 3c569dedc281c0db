//! Rows as records.

use hallpass_core::{
    client::ClientRecord,
    record::{CodeRecord, FoundCode, FoundGrant, GrantRecord, RefreshState},
};
use hallpass_store::{
    InitialAccessRecord, KeyRecord, StoreError, UserRecord,
    encoding::{Record, decode, decode_again},
};
use hallpass_types::{Bucket, ClientId, Code, ContentDigest, GrantId, IssuerId, Key, Timestamp};
use tokio_postgres::{Row, types::FromSql};

use crate::failure::describe;

pub(crate) type Read<T> = Result<T, StoreError>;

/// A column.
pub(crate) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: usize) -> Read<T> {
    row.try_get(column)
        .map_err(|error| StoreError::Corrupt(describe(&error).into()))
}

pub(crate) fn int(row: &Row, column: usize) -> Read<i64> {
    get(row, column)
}

pub(crate) fn flag(row: &Row, column: usize) -> Read<bool> {
    get(row, column)
}

pub(crate) fn blob(row: &Row, column: usize) -> Read<&[u8]> {
    get(row, column)
}

pub(crate) fn optional_blob(row: &Row, column: usize) -> Read<Option<&[u8]>> {
    get(row, column)
}

/// A number of 32 bits.
pub(crate) fn small(row: &Row, column: usize) -> Read<u32> {
    u32::try_from(int(row, column)?)
        .map_err(|_| StoreError::corrupt("a number is larger than this program writes"))
}

pub(crate) fn digest(row: &Row, column: usize) -> Read<[u8; 32]> {
    blob(row, column)?
        .try_into()
        .map_err(|_| StoreError::corrupt("a key has another length than this program writes"))
}

pub(crate) fn decode_at<R: Record>(
    issuer: IssuerId,
    bucket: Bucket,
    id: &[u8],
    bytes: &[u8],
) -> Read<R> {
    decode(issuer, &[&bucket.0.to_be_bytes(), id], bytes)
}

/// A record whose key is the bytes in the first column.
fn keyed<R: Record>(issuer: IssuerId, row: &Row) -> Read<R> {
    decode(issuer, &[blob(row, 0)?], blob(row, 1)?)
}

pub(crate) fn client_of(issuer: IssuerId, row: &Row) -> Read<ClientRecord> {
    keyed(issuer, row)
}

pub(crate) fn user_of(issuer: IssuerId, row: &Row) -> Read<UserRecord> {
    keyed(issuer, row)
}

pub(crate) fn key_of(issuer: IssuerId, row: &Row) -> Read<KeyRecord> {
    keyed(issuer, row)
}

pub(crate) fn client_id(row: &Row) -> Read<ClientId> {
    let unreadable = || StoreError::corrupt("a client identifier cannot be read");
    let text = std::str::from_utf8(blob(row, 0)?).map_err(|_| unreadable())?;
    ClientId::parse(text).map_err(|_| unreadable())
}

pub(crate) fn access_of(issuer: IssuerId, row: &Row) -> Read<(ContentDigest, InitialAccessRecord)> {
    let id = digest(row, 0)?;
    let mut record: InitialAccessRecord = decode(issuer, &[&id], blob(row, 1)?)?;
    record.uses = small(row, 2)?;
    Ok((ContentDigest(id), record))
}

/// From `spent, record`.
pub(crate) fn code_of(issuer: IssuerId, key: Key<Code>, row: &Row) -> Read<FoundCode> {
    let record: CodeRecord = decode_at(issuer, key.bucket, &key.digest, blob(row, 1)?)?;
    Ok(FoundCode {
        record,
        spent: flag(row, 0)?,
    })
}

/// From `revoked_at, generation, rotated_at, idle_expires_at, record`.
pub(crate) fn found_grant(issuer: IssuerId, id: GrantId, row: &Row) -> Read<FoundGrant> {
    let key: [&[u8]; 2] = [&id.bucket.0.to_be_bytes(), &id.random];
    let mut record: GrantRecord = decode_again(issuer, &key, blob(row, 4)?)?;
    let generation: Option<i64> = get(row, 1)?;
    record.refresh = match (generation, get(row, 2)?, get(row, 3)?) {
        (Some(_), Some(rotated_at), Some(idle_expires_at)) => Some(RefreshState {
            generation: small(row, 1)?,
            rotated_at: Timestamp(rotated_at),
            idle_expires_at: Timestamp(idle_expires_at),
        }),
        _ => None,
    };
    Ok(FoundGrant {
        record,
        revoked_at: get::<Option<i64>>(row, 0)?.map(Timestamp),
    })
}
