//! Questions.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use hallpass_core::{
    client::ClientRecord,
    record::{
        ConsentRecord, DeliveryRecord, FoundCode, FoundGrant, FoundWaiting, ParticipantRecord,
        WaitingRecord,
    },
};
use hallpass_store::{
    CredentialRecord, Day, InitialAccessRecord, KeyRecord, MAX_PAGE, Page, Standing, StoreError,
    UserRecord, encoding::decode,
};
use hallpass_types::{
    Bucket, ClientId, Code, ContentDigest, Delivery, GrantId, IssuerId, Key, Session, Subject,
    Timestamp, TokenId, Waiting,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};
use tokio_postgres::{Row, types::ToSql};

use crate::{
    failure::Failure,
    link::{Dialer, Link, Slot, Tries},
    row::{
        Read, access_of, blob, client_id, client_of, code_of, decode_at, digest, flag, found_grant,
        get, int, key_of, optional_blob, small, user_of,
    },
    sql,
    writer::micros,
};

pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A few connections; each carries many questions at once.
#[derive(Debug)]
pub(crate) struct Readers {
    dialer: Arc<Dialer>,
    slots: Vec<Arc<Slot>>,
    next: AtomicUsize,
    room: Semaphore,
}

impl Readers {
    pub(crate) fn new(dialer: &Arc<Dialer>) -> Self {
        let count = dialer.options.readers.max(1);
        let slots = std::iter::repeat_with(|| Arc::new(Slot::new(Arc::clone(dialer))));
        Self {
            dialer: Arc::clone(dialer),
            slots: slots.take(count).collect(),
            next: AtomicUsize::new(0),
            room: Semaphore::new(count.saturating_mul(AT_ONCE)),
        }
    }

    /// Asks, once more where the connection turned out to be a dead one, and again where the database wants that.
    pub(crate) async fn ask(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Failure> {
        let options = &self.dialer.options;
        let Ok(Ok(_room)) = timeout(options.acquire_timeout, self.room.acquire()).await else {
            self.dialer.stats.busy.fetch_add(1, Relaxed);
            return Err(Failure::Busy);
        };
        let started = Instant::now();
        let deadline = started
            .checked_add(options.statement_timeout)
            .unwrap_or(started);
        let mut tries = Tries::default();
        let asked = loop {
            let asked = match self.once(sql, params, deadline).await {
                Err(Failure::Lost(_) | Failure::Stale) => self.once(sql, params, deadline).await,
                asked => asked,
            };
            let gave_in = matches!(asked, Err(Failure::Again));
            if !tries.again(gave_in, &self.dialer.stats).await {
                break asked;
            }
        };
        self.dialer
            .stats
            .read_micros
            .observe(micros(started.elapsed()));
        asked
    }

    async fn once(
        &self,
        sql: &str,
        params: Params<'_>,
        deadline: Instant,
    ) -> Result<Vec<Row>, Failure> {
        let turn = self.next.fetch_add(1, Relaxed);
        let place = turn.checked_rem(self.slots.len()).unwrap_or(0);
        let Some(slot) = self.slots.get(place) else {
            return Err(Failure::Busy);
        };
        let link = match self.live(slot) {
            Some(link) => link,
            None => slot.link().await?,
        };
        let asking = async {
            let statement = link.prepared(sql).await?;
            Ok(link.client.query(&statement, params).await?)
        };
        let asked = match timeout_at(deadline, asking).await {
            Ok(asked) => asked,
            Err(_) => Err(Failure::Lost("the database does not answer".to_owned())),
        };
        if asked.as_ref().is_err_and(Failure::spoils_connection) {
            link.spoil();
        }
        asked
    }

    /// The connection whose turn it is, or another one while that is lost: after an outage they do not come back at once.
    fn live(&self, slot: &Arc<Slot>) -> Option<Arc<Link>> {
        slot.live()
            .or_else(|| self.slots.iter().find_map(|slot| slot.current()))
    }

    pub(crate) async fn one<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        read: impl FnOnce(&Row) -> Read<T>,
    ) -> Read<Option<T>> {
        self.ask(sql, params).await?.first().map(read).transpose()
    }

    pub(crate) async fn all<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        read: impl Fn(&Row) -> Read<T>,
    ) -> Read<Vec<T>> {
        self.ask(sql, params).await?.iter().map(read).collect()
    }
}

/// What is due.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) readable: Vec<(Key<Delivery>, DeliveryRecord)>,
    /// With the number of attempts that was made.
    pub(crate) unreadable: Vec<(Key<Delivery>, u32, StoreError)>,
}

/// Questions on one connection before further ones wait.
const AT_ONCE: usize = 64;

impl Readers {
    pub(crate) async fn client(
        &self,
        issuer: IssuerId,
        id: &ClientId,
    ) -> Read<Option<ClientRecord>> {
        let name = id.as_str().as_bytes();
        self.one(sql::CLIENT, &[&number(issuer), &name], |row| {
            client_of(issuer, row)
        })
        .await
    }

    pub(crate) async fn clients(
        &self,
        issuer: IssuerId,
        after: Option<&str>,
        limit: usize,
    ) -> Read<Page<ClientRecord>> {
        let rows = self
            .listing([sql::CLIENTS_FIRST, sql::CLIENTS], issuer, after, limit)
            .await?;
        page(
            &rows,
            limit,
            |row| client_of(issuer, row),
            |client| client.client_id.as_str().to_owned(),
        )
    }

    pub(crate) async fn count(&self, sql: &str, params: Params<'_>) -> Read<u64> {
        let n = self.one(sql, params, |row| int(row, 0)).await?;
        Ok(n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
    }

    pub(crate) async fn folded_client(
        &self,
        issuer: IssuerId,
        fold: [u8; 32],
    ) -> Read<Option<ClientId>> {
        let params: Params<'_> = &[&number(issuer), &fold.as_slice()];
        self.one(sql::FOLDED_CLIENT, params, client_id).await
    }

    pub(crate) async fn idle_clients(
        &self,
        issuer: IssuerId,
        before: Day,
        limit: usize,
    ) -> Read<Vec<ClientId>> {
        let params: Params<'_> = &[&number(issuer), &i64::from(before.0), &most(limit)];
        self.all(sql::IDLE_CLIENTS, params, client_id).await
    }

    pub(crate) async fn initial_access(
        &self,
        issuer: IssuerId,
        digest: ContentDigest,
    ) -> Read<Option<InitialAccessRecord>> {
        let params: Params<'_> = &[&number(issuer), &digest.0.as_slice()];
        self.one(sql::INITIAL_ACCESS, params, |row| {
            access_of(issuer, row).map(|(_, record)| record)
        })
        .await
    }

    pub(crate) async fn initial_accesses(
        &self,
        issuer: IssuerId,
        after: Option<ContentDigest>,
        limit: usize,
    ) -> Read<Vec<(ContentDigest, InitialAccessRecord)>> {
        // Nothing at all comes before every digest.
        let after = after.map_or_else(Vec::new, |after| after.0.to_vec());
        let params: Params<'_> = &[&number(issuer), &after, &most(limit)];
        self.all(sql::INITIAL_ACCESSES, params, |row| access_of(issuer, row))
            .await
    }

    pub(crate) async fn code(&self, issuer: IssuerId, key: Key<Code>) -> Read<Option<FoundCode>> {
        let place = Place::of(issuer, key);
        self.one(sql::CODE, &place.params(), |row| code_of(issuer, key, row))
            .await
    }

    pub(crate) async fn waiting(
        &self,
        issuer: IssuerId,
        key: Key<Waiting>,
    ) -> Read<Option<FoundWaiting>> {
        let place = Place::of(issuer, key);
        self.one(sql::WAITING, &place.params(), |row| {
            let record: WaitingRecord = decode_at(issuer, key.bucket, &key.digest, blob(row, 1)?)?;
            let revision = small(row, 0)?;
            Ok(FoundWaiting { record, revision })
        })
        .await
    }

    pub(crate) async fn grant(&self, issuer: IssuerId, id: GrantId) -> Read<Option<FoundGrant>> {
        let place = Place::of_grant(issuer, id);
        self.one(sql::GRANT, &place.params(), |row| {
            found_grant(issuer, id, row)
        })
        .await
    }

    pub(crate) async fn standing(
        &self,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Read<Standing> {
        let row = self
            .standing_row(sql::STANDING, issuer, grant, token, expires_at)
            .await?;
        standing_of(issuer, grant, &row)
    }

    /// The one row that it always answers.
    pub(crate) async fn standing_row(
        &self,
        sql: &str,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Read<Row> {
        // Without a grant this one finds none.
        let id = grant.unwrap_or(GrantId {
            bucket: Bucket(0),
            random: [0; 12],
        });
        let place = Place::of_grant(issuer, id);
        let token_bucket = i64::from(Bucket::holding(expires_at).0);
        let params: Params<'_> = &[
            &place.issuer,
            &place.bucket,
            &place.id,
            &token_bucket,
            &token.0.as_slice(),
        ];
        let row = self.ask(sql, params).await?.pop();
        row.ok_or_else(|| StoreError::unavailable("the database did not answer a row"))
    }

    pub(crate) async fn consent(
        &self,
        issuer: IssuerId,
        subject: &Subject,
        client: &ClientId,
    ) -> Read<Option<ConsentRecord>> {
        let (subject, client) = (subject.as_str().as_bytes(), client.as_str().as_bytes());
        let params: Params<'_> = &[&number(issuer), &subject, &client];
        self.one(sql::CONSENT, params, |row| {
            decode(issuer, &[subject, client], blob(row, 0)?)
        })
        .await
    }

    pub(crate) async fn user(
        &self,
        issuer: IssuerId,
        subject: &Subject,
    ) -> Read<Option<UserRecord>> {
        let params: Params<'_> = &[&number(issuer), &subject.as_str().as_bytes()];
        self.one(sql::USER, params, |row| user_of(issuer, row))
            .await
    }

    pub(crate) async fn user_by_name(
        &self,
        issuer: IssuerId,
        username_key: &str,
    ) -> Read<Option<UserRecord>> {
        let params: Params<'_> = &[&number(issuer), &username_key.as_bytes()];
        let found = self
            .one(sql::USER_BY_NAME, params, |row| user_of(issuer, row))
            .await?;
        // The index is not under the record's checksum.
        if found
            .as_ref()
            .is_some_and(|u| u.username_key != username_key)
        {
            return Err(StoreError::corrupt("a name leads to another user"));
        }
        Ok(found)
    }

    pub(crate) async fn users(
        &self,
        issuer: IssuerId,
        after: Option<&str>,
        limit: usize,
    ) -> Read<Page<UserRecord>> {
        let rows = self
            .listing([sql::USERS_FIRST, sql::USERS], issuer, after, limit)
            .await?;
        page(
            &rows,
            limit,
            |row| user_of(issuer, row),
            |user| user.username_key.clone(),
        )
    }

    pub(crate) async fn credentials(
        &self,
        issuer: IssuerId,
        subject: &Subject,
    ) -> Read<Vec<CredentialRecord>> {
        let subject = subject.as_str().as_bytes();
        let params: Params<'_> = &[&number(issuer), &subject, &most(MAX_PAGE)];
        self.all(sql::CREDENTIALS, params, |row| {
            decode(issuer, &[subject, blob(row, 0)?], blob(row, 1)?)
        })
        .await
    }

    pub(crate) async fn credential_by_lookup(
        &self,
        issuer: IssuerId,
        lookup: ContentDigest,
    ) -> Read<Option<CredentialRecord>> {
        let params: Params<'_> = &[&number(issuer), &lookup.0.as_slice()];
        let found = self.one(sql::CREDENTIAL_BY_LOOKUP, params, |row| {
            let record: CredentialRecord =
                decode(issuer, &[blob(row, 2)?, blob(row, 0)?], blob(row, 1)?)?;
            Ok(record)
        });
        let found = found.await?;
        // The index is not under the record's checksum.
        if found.as_ref().is_some_and(|c| c.lookup != Some(lookup)) {
            return Err(StoreError::corrupt("a digest leads to another credential"));
        }
        Ok(found)
    }

    pub(crate) async fn signing_keys(&self, issuer: IssuerId) -> Read<Vec<KeyRecord>> {
        self.all(sql::SIGNING_KEYS, &[&number(issuer)], |row| {
            key_of(issuer, row)
        })
        .await
    }

    /// Those between two tags that `sql` chooses.
    pub(crate) async fn participants(
        &self,
        sql: &str,
        issuer: IssuerId,
        session: Key<Session>,
        tags: [[u8; 16]; 2],
    ) -> Read<Vec<ParticipantRecord>> {
        let [first, last] = tags.map(|tag| [&session.digest[..], &tag].concat());
        let params: Params<'_> = &[
            &number(issuer),
            &i64::from(session.bucket.0),
            &first,
            &last,
            &most(MAX_PAGE),
        ];
        self.all(sql, params, |row| {
            decode_at(issuer, session.bucket, blob(row, 0)?, blob(row, 1)?)
        })
        .await
    }

    pub(crate) async fn sessions_of(
        &self,
        issuer: IssuerId,
        subject: &Subject,
    ) -> Read<Vec<Key<Session>>> {
        let params: Params<'_> = &[
            &number(issuer),
            &subject.as_str().as_bytes(),
            &most(MAX_PAGE),
        ];
        self.all(sql::SESSIONS_OF, params, |row| {
            Ok(Key::from_parts(Bucket(small(row, 0)?), digest(row, 1)?))
        })
        .await
    }

    pub(crate) async fn due_deliveries(
        &self,
        issuer: IssuerId,
        now: Timestamp,
        limit: usize,
    ) -> Read<Due> {
        let params: Params<'_> = &[&number(issuer), &now.0, &most(limit)];
        let rows = self.ask(sql::DUE_DELIVERIES, params).await?;
        let mut due = Due::default();
        for row in &rows {
            let (bucket, id) = (Bucket(small(row, 0)?), digest(row, 1)?);
            let (attempts, next_at) = (small(row, 2)?, Timestamp(int(row, 3)?));
            let key = Key::from_parts(bucket, id);
            match decode_at::<DeliveryRecord>(issuer, bucket, &id, blob(row, 4)?) {
                Ok(record) => due.readable.push((
                    key,
                    DeliveryRecord {
                        attempts,
                        next_at,
                        ..record
                    },
                )),
                Err(error) => due.unreadable.push((key, attempts, error)),
            }
        }
        Ok(due)
    }

    pub(crate) async fn issuer(&self, identifier: &str) -> Read<Option<IssuerId>> {
        self.one(sql::ISSUER, &[&identifier.as_bytes()], |row| {
            small(row, 0).map(IssuerId)
        })
        .await
    }

    /// Whether it answers, and can be written.
    pub(crate) async fn alive(&self) -> Read<()> {
        let read_only: Option<String> = self.one(sql::ALIVE, &[], |row| get(row, 0)).await?;
        match read_only.as_deref() {
            Some("off") => Ok(()),
            Some(_) | None => Err(StoreError::unavailable("the database is read-only")),
        }
    }

    /// One row more than asked for, to know whether there is a next page.
    async fn listing(
        &self,
        [first, further]: [&str; 2],
        issuer: IssuerId,
        after: Option<&str>,
        limit: usize,
    ) -> Read<Vec<Row>> {
        let (issuer, more) = (number(issuer), most(limit).saturating_add(1));
        Ok(match after {
            Some(after) => {
                let params: Params<'_> = &[&issuer, &after.as_bytes(), &more];
                self.ask(further, params).await?
            }
            None => self.ask(first, &[&issuer, &more]).await?,
        })
    }
}

pub(crate) fn standing_of(issuer: IssuerId, grant: Option<GrantId>, row: &Row) -> Read<Standing> {
    let found = match grant {
        Some(id) if optional_blob(row, 4)?.is_some() => Some(found_grant(issuer, id, row)?),
        Some(_) | None => None,
    };
    Ok(Standing {
        session_alive: match (grant, &found) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(found)) => !found.record.session_bound || flag(row, 5)?,
        },
        grant: found,
        token_denied: flag(row, 6)?,
    })
}

/// The key of an expiring row.
pub(crate) struct Place {
    pub(crate) issuer: i64,
    pub(crate) bucket: i64,
    pub(crate) id: Vec<u8>,
}

impl Place {
    pub(crate) fn of<K>(issuer: IssuerId, key: Key<K>) -> Self {
        Self {
            issuer: number(issuer),
            bucket: key.bucket.0.into(),
            id: key.digest.to_vec(),
        }
    }

    fn of_grant(issuer: IssuerId, id: GrantId) -> Self {
        Self {
            issuer: number(issuer),
            bucket: id.bucket.0.into(),
            id: id.random.to_vec(),
        }
    }

    pub(crate) fn params(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.issuer, &self.bucket, &self.id]
    }
}

pub(crate) fn number(issuer: IssuerId) -> i64 {
    issuer.0.into()
}

pub(crate) fn most(limit: usize) -> i64 {
    i64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(i64::MAX)
}

pub(crate) fn page<R>(
    rows: &[Row],
    limit: usize,
    read: impl Fn(&Row) -> Read<R>,
    name: impl Fn(&R) -> String,
) -> Read<Page<R>> {
    let limit = limit.clamp(1, MAX_PAGE);
    let items: Vec<R> = rows
        .iter()
        .take(limit)
        .map(read)
        .collect::<Result<_, _>>()?;
    let next = items.last().filter(|_| rows.len() > limit).map(name);
    Ok(Page { items, next })
}
