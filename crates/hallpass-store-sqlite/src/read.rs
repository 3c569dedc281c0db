//! The connections that read.

use std::{
    path::PathBuf,
    sync::{Condvar, Mutex, PoisonError},
};

use hallpass_core::{
    client::ClientRecord,
    record::{
        CodeRecord, ConsentRecord, DeliveryRecord, FoundCode, FoundGrant, FoundWaiting,
        GrantRecord, RefreshState, WaitingRecord,
    },
};
use hallpass_store::{
    Day, InitialAccessRecord, KeyRecord, MAX_PAGE, Page, Standing, StoreError, UserRecord,
    encoding::{Record, decode, decode_again},
};
use hallpass_types::{
    Bucket, ClientId, Code, ContentDigest, Delivery, GrantId, IssuerId, Key, Session, Subject,
    Timestamp, TokenId, Waiting,
};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use crate::{
    Options,
    apply::cached,
    connection,
    failure::{Failure, store_error},
    people, sql,
};

/// A few connections that callers borrow for the length of one read, which is some microseconds.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    options: Options,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Connection>,
    /// How many exist, idle or lent.
    open: usize,
    /// How many wait for one.
    waiting: usize,
}

/// Gives a borrowed connection back, or makes room for another if it was lost.
struct Borrowed<'r> {
    readers: &'r Readers,
    db: Option<Connection>,
}

impl Readers {
    /// Opens the first connection; more are opened when they are needed.
    pub(crate) fn open(path: PathBuf, options: Options) -> Result<Self, StoreError> {
        let first = connection::reader(&path, &options)?;
        Ok(Self {
            path,
            options,
            pool: Mutex::new(Pool {
                idle: vec![first],
                open: 1,
                waiting: 0,
            }),
            returned: Condvar::new(),
        })
    }

    /// Asks on one of the connections.
    pub(crate) fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, ReadError>,
    ) -> Result<T, StoreError> {
        let mut borrowed = self.borrow()?;
        let Some(db) = &borrowed.db else {
            return Err(StoreError::unavailable("no connection to read with"));
        };
        match question(db) {
            Ok(answer) => Ok(answer),
            Err(ReadError::Store(error)) => Err(error),
            Err(ReadError::Sqlite(error)) => {
                // What went wrong may stick to the connection.
                borrowed.db = None;
                Err(store_error(&error))
            }
        }
    }

    fn borrow(&self) -> Result<Borrowed<'_>, StoreError> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(db) = pool.idle.pop() {
                return Ok(Borrowed {
                    readers: self,
                    db: Some(db),
                });
            }
            if pool.open < self.options.readers.max(1) {
                pool.open = pool.open.saturating_add(1);
                drop(pool);
                let mut borrowed = Borrowed {
                    readers: self,
                    db: None,
                };
                borrowed.db = Some(connection::reader(&self.path, &self.options)?);
                return Ok(borrowed);
            }
            pool.waiting = pool.waiting.saturating_add(1);
            pool = self
                .returned
                .wait(pool)
                .unwrap_or_else(PoisonError::into_inner);
            pool.waiting = pool.waiting.saturating_sub(1);
        }
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut pool = self
            .readers
            .pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match self.db.take() {
            Some(db) => pool.idle.push(db),
            None => pool.open = pool.open.saturating_sub(1),
        }
        let awaited = pool.waiting > 0;
        drop(pool);
        // To wake nobody would be a call of the kernel, too.
        if awaited {
            self.readers.returned.notify_one();
        }
    }
}

/// Why a read failed: the database, or what is in it.
#[derive(Debug)]
pub(crate) enum ReadError {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub(crate) type Read<T> = Result<T, ReadError>;

pub(crate) fn client(
    db: &Connection,
    issuer: IssuerId,
    id: &ClientId,
) -> Read<Option<ClientRecord>> {
    one_record(db, sql::CLIENT, params![issuer.0, id.as_str()], |bytes| {
        decode(issuer, &[id.as_str().as_bytes()], bytes)
    })
}

pub(crate) fn clients(
    db: &Connection,
    issuer: IssuerId,
    after: Option<&str>,
    limit: usize,
) -> Read<Page<ClientRecord>> {
    let rows = listing(db, [sql::CLIENTS_FIRST, sql::CLIENTS], issuer, after, limit)?;
    page(rows, limit, |client: &ClientRecord| {
        client.client_id.as_str().to_owned()
    })
}

pub(crate) fn count_registered_clients(db: &Connection, issuer: IssuerId) -> Read<u64> {
    let n: Option<u32> = cached(db, sql::COUNT_REGISTERED)?
        .query_row([issuer.0], |row| row.get(0))
        .optional()?;
    Ok(n.unwrap_or(0).into())
}

pub(crate) fn count_clients_of_software(
    db: &Connection,
    issuer: IssuerId,
    software: [u8; 32],
) -> Read<u64> {
    let n: u32 = cached(db, sql::COUNT_OF_SOFTWARE)?
        .query_row(params![issuer.0, software], |row| row.get(0))?;
    Ok(n.into())
}

pub(crate) fn folded_client(
    db: &Connection,
    issuer: IssuerId,
    fold: [u8; 32],
) -> Read<Option<ClientId>> {
    let found: Option<String> = cached(db, sql::FOLDED_CLIENT)?
        .query_row(params![issuer.0, fold], |row| row.get(0))
        .optional()?;
    found.as_deref().map(client_id).transpose()
}

pub(crate) fn idle_clients(
    db: &Connection,
    issuer: IssuerId,
    before: Day,
    limit: usize,
) -> Read<Vec<ClientId>> {
    let limit = i64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(i64::MAX);
    let mut statement = cached(db, sql::IDLE_CLIENTS)?;
    let mut rows = statement.query(params![issuer.0, before.0, limit])?;
    let mut clients = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        clients.push(client_id(&text)?);
    }
    Ok(clients)
}

fn client_id(text: &str) -> Read<ClientId> {
    ClientId::parse(text)
        .map_err(|_| StoreError::corrupt("a client identifier cannot be read").into())
}

pub(crate) fn initial_access(
    db: &Connection,
    issuer: IssuerId,
    digest: ContentDigest,
) -> Read<Option<InitialAccessRecord>> {
    let mut statement = cached(db, sql::INITIAL_ACCESS)?;
    let mut rows = statement.query(params![issuer.0, digest.0])?;
    match rows.next()? {
        Some(row) => Ok(Some(access_of(issuer, row)?.1)),
        None => Ok(None),
    }
}

pub(crate) fn initial_accesses(
    db: &Connection,
    issuer: IssuerId,
    after: Option<ContentDigest>,
    limit: usize,
) -> Read<Vec<(ContentDigest, InitialAccessRecord)>> {
    let mut statement = cached(db, sql::INITIAL_ACCESSES)?;
    let most = i64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(i64::MAX);
    // Nothing at all comes before every digest.
    let after = after.map_or_else(Vec::new, |after| after.0.to_vec());
    let mut rows = statement.query(params![issuer.0, after, most])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(access_of(issuer, row)?);
    }
    Ok(found)
}

fn access_of(issuer: IssuerId, row: &Row<'_>) -> Read<(ContentDigest, InitialAccessRecord)> {
    let id: [u8; 32] = row.get(0)?;
    let mut record: InitialAccessRecord = record_of(row, 1, |bytes| decode(issuer, &[&id], bytes))?;
    record.uses = row.get(2)?;
    Ok((ContentDigest(id), record))
}

pub(crate) fn code(db: &Connection, issuer: IssuerId, key: Key<Code>) -> Read<Option<FoundCode>> {
    code_and(db, issuer, key, Ok)
}

/// A code and what else is read at the same moment.
pub(crate) fn code_and<T>(
    db: &Connection,
    issuer: IssuerId,
    key: Key<Code>,
    and: impl FnOnce(FoundCode) -> Read<T>,
) -> Read<Option<T>> {
    let mut statement = cached(db, sql::CODE)?;
    let mut rows = statement.query(params![issuer.0, key.bucket.0, key.digest])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let record: CodeRecord = record_of(row, 1, |bytes| {
        decode_at(issuer, key.bucket, &key.digest, bytes)
    })?;
    let spent = row.get(0)?;
    and(FoundCode { record, spent }).map(Some)
}

pub(crate) fn waiting(
    db: &Connection,
    issuer: IssuerId,
    key: Key<Waiting>,
) -> Read<Option<FoundWaiting>> {
    let mut statement = cached(db, sql::WAITING)?;
    let mut rows = statement.query(params![issuer.0, key.bucket.0, key.digest])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let record: WaitingRecord = record_of(row, 1, |bytes| {
        decode_at(issuer, key.bucket, &key.digest, bytes)
    })?;
    Ok(Some(FoundWaiting {
        record,
        revision: row.get(0)?,
    }))
}

pub(crate) fn grant(db: &Connection, issuer: IssuerId, id: GrantId) -> Read<Option<FoundGrant>> {
    let mut statement = cached(db, sql::GRANT)?;
    let mut rows = statement.query(params![issuer.0, id.bucket.0, id.random])?;
    match rows.next()? {
        Some(row) => found_grant(issuer, id, row).map(Some),
        None => Ok(None),
    }
}

pub(crate) fn standing(
    db: &Connection,
    issuer: IssuerId,
    grant: Option<GrantId>,
    token: TokenId,
    expires_at: Timestamp,
) -> Read<Standing> {
    standing_and(db, issuer, (grant, token, expires_at), Ok)
}

/// A standing and what else is read at the same moment.
pub(crate) fn standing_and<T>(
    db: &Connection,
    issuer: IssuerId,
    (grant, token, expires_at): (Option<GrantId>, TokenId, Timestamp),
    and: impl FnOnce(Standing) -> Read<T>,
) -> Read<T> {
    let token_bucket = Bucket::holding(expires_at);
    let denied = || cached(db, sql::DENIED)?.exists(params![issuer.0, token_bucket.0, token.0]);
    let Some(id) = grant else {
        return and(Standing {
            grant: None,
            token_denied: denied()?,
            session_alive: true,
        });
    };
    let mut statement = cached(db, sql::STANDING)?;
    let values = params![issuer.0, id.bucket.0, id.random, token_bucket.0, token.0];
    let mut rows = statement.query(values)?;
    let Some(row) = rows.next()? else {
        return and(Standing {
            grant: None,
            token_denied: denied()?,
            session_alive: false,
        });
    };
    let found = found_grant(issuer, id, row)?;
    and(Standing {
        session_alive: people::is_session_alive(db, issuer, &found.record)?,
        grant: Some(found),
        token_denied: row.get(5)?,
    })
}

pub(crate) fn consent(
    db: &Connection,
    issuer: IssuerId,
    subject: &Subject,
    client: &ClientId,
) -> Read<Option<ConsentRecord>> {
    let (subject, client) = (subject.as_str(), client.as_str());
    let values = params![issuer.0, subject, client];
    one_record(db, sql::CONSENT, values, |bytes| {
        decode(issuer, &[subject.as_bytes(), client.as_bytes()], bytes)
    })
}

pub(crate) fn user(
    db: &Connection,
    issuer: IssuerId,
    subject: &Subject,
) -> Read<Option<UserRecord>> {
    one_user(db, issuer, sql::USER, subject.as_str())
}

pub(crate) fn user_by_name(
    db: &Connection,
    issuer: IssuerId,
    username_key: &str,
) -> Read<Option<UserRecord>> {
    let found = one_user(db, issuer, sql::USER_BY_NAME, username_key)?;
    // The index is not under the record's checksum.
    if found
        .as_ref()
        .is_some_and(|u| u.username_key != username_key)
    {
        return Err(StoreError::corrupt("a name leads to another user").into());
    }
    Ok(found)
}

pub(crate) fn users(
    db: &Connection,
    issuer: IssuerId,
    after: Option<&str>,
    limit: usize,
) -> Read<Page<UserRecord>> {
    let rows = listing(db, [sql::USERS_FIRST, sql::USERS], issuer, after, limit)?;
    page(rows, limit, |user: &UserRecord| user.username_key.clone())
}

pub(crate) fn signing_keys(db: &Connection, issuer: IssuerId) -> Read<Vec<KeyRecord>> {
    let mut statement = cached(db, sql::SIGNING_KEYS)?;
    let mut rows = statement.query([issuer.0])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(keyed_record(issuer, row)?);
    }
    Ok(keys)
}

pub(crate) fn sessions_of(
    db: &Connection,
    issuer: IssuerId,
    subject: &Subject,
) -> Read<Vec<Key<Session>>> {
    let limit = i64::try_from(MAX_PAGE).unwrap_or(i64::MAX);
    let mut statement = cached(db, sql::SESSIONS_OF)?;
    let mut rows = statement.query(params![issuer.0, subject.as_str(), limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Key::from_parts(Bucket(row.get(0)?), row.get(1)?));
    }
    Ok(found)
}

pub(crate) fn due_deliveries(
    db: &Connection,
    issuer: IssuerId,
    now: Timestamp,
    limit: usize,
) -> Read<Due> {
    let limit = i64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(i64::MAX);
    let mut statement = cached(db, sql::DUE_DELIVERIES)?;
    let mut rows = statement.query(params![issuer.0, now.0, limit])?;
    let mut due = Due::default();
    while let Some(row) = rows.next()? {
        let (bucket, id): (_, [u8; 32]) = (Bucket(row.get(0)?), row.get(1)?);
        let (key, attempts) = (Key::from_parts(bucket, id), row.get(2)?);
        match record_of::<DeliveryRecord>(row, 4, |b| decode_at(issuer, bucket, &id, b)) {
            Ok(mut record) => {
                record.attempts = attempts;
                record.next_at = Timestamp(row.get(3)?);
                due.readable.push((key, record));
            }
            Err(ReadError::Store(error)) => due.unreadable.push((key, attempts, error)),
            Err(error @ ReadError::Sqlite(_)) => return Err(error),
        }
    }
    Ok(due)
}

/// Deliveries that are due, and those whose records nobody can read.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) readable: Vec<(Key<Delivery>, DeliveryRecord)>,
    pub(crate) unreadable: Vec<(Key<Delivery>, u32, StoreError)>,
}

pub(crate) fn issuer(db: &Connection, identifier: &str) -> Read<Option<IssuerId>> {
    let number = cached(db, sql::ISSUER)?
        .query_row([identifier], |row| row.get(0))
        .optional()?;
    Ok(number.map(IssuerId))
}

pub(crate) fn alive(db: &Connection) -> Read<()> {
    cached(db, sql::ALIVE)?.query_row([], |_| Ok(()))?;
    Ok(())
}

fn found_grant(issuer: IssuerId, id: GrantId, row: &Row<'_>) -> Read<FoundGrant> {
    let mut record: GrantRecord = record_of(row, 4, |bytes| {
        decode_again(issuer, &[&id.bucket.0.to_be_bytes(), &id.random], bytes)
    })?;
    record.refresh = match (row.get(1)?, row.get(2)?, row.get(3)?) {
        (Some(generation), Some(rotated_at), Some(idle_expires_at)) => Some(RefreshState {
            generation,
            rotated_at: Timestamp(rotated_at),
            idle_expires_at: Timestamp(idle_expires_at),
        }),
        _ => None,
    };
    Ok(FoundGrant {
        record,
        revoked_at: row.get::<_, Option<i64>>(0)?.map(Timestamp),
    })
}

fn one_user(db: &Connection, issuer: IssuerId, sql: &str, key: &str) -> Read<Option<UserRecord>> {
    let mut statement = cached(db, sql)?;
    let mut rows = statement.query(params![issuer.0, key])?;
    match rows.next()? {
        Some(row) => {
            let key = row.get_ref(0)?.as_bytes().map_err(mistyped)?;
            record_of(row, 1, |bytes| decode_again(issuer, &[key], bytes)).map(Some)
        }
        None => Ok(None),
    }
}

fn one_record<R>(
    db: &Connection,
    sql: &str,
    values: impl Params,
    decode: impl FnOnce(&[u8]) -> Result<R, StoreError>,
) -> Read<Option<R>> {
    let mut statement = cached(db, sql)?;
    let mut rows = statement.query(values)?;
    match rows.next()? {
        Some(row) => record_of(row, 0, decode).map(Some),
        None => Ok(None),
    }
}

/// One row more than asked for, to know whether there is a next page.
fn listing<R: Record>(
    db: &Connection,
    [first, further]: [&str; 2],
    issuer: IssuerId,
    after: Option<&str>,
    limit: usize,
) -> Read<Vec<R>> {
    let more = i64::try_from(limit.clamp(1, MAX_PAGE).saturating_add(1)).unwrap_or(i64::MAX);
    let mut statement = cached(db, if after.is_some() { further } else { first })?;
    let mut rows = match after {
        Some(after) => statement.query(params![issuer.0, after, more])?,
        None => statement.query(params![issuer.0, more])?,
    };
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(keyed_record(issuer, row)?);
    }
    Ok(items)
}

fn page<R>(mut items: Vec<R>, limit: usize, name: impl Fn(&R) -> String) -> Read<Page<R>> {
    let limit = limit.clamp(1, MAX_PAGE);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(name);
    Ok(Page { items, next })
}

/// A record whose key is the text in the first column.
fn keyed_record<R: Record>(issuer: IssuerId, row: &Row<'_>) -> Read<R> {
    let key = row.get_ref(0)?.as_bytes().map_err(mistyped)?;
    record_of(row, 1, |bytes| decode(issuer, &[key], bytes))
}

pub(crate) fn record_of<R>(
    row: &Row<'_>,
    column: usize,
    decode: impl FnOnce(&[u8]) -> Result<R, StoreError>,
) -> Read<R> {
    let bytes = row.get_ref(column)?.as_blob().map_err(mistyped)?;
    Ok(decode(bytes)?)
}

pub(crate) fn decode_at<R: Record>(
    issuer: IssuerId,
    bucket: Bucket,
    id: &[u8],
    bytes: &[u8],
) -> Result<R, StoreError> {
    decode(issuer, &[&bucket.0.to_be_bytes(), id], bytes)
}

fn mistyped(error: rusqlite::types::FromSqlError) -> ReadError {
    ReadError::Store(Failure::Corrupt(error.to_string()).into())
}
