//! Issuers that were made at run time. Making and changing them is rare, and takes several questions in a transaction.

use std::sync::Arc;

use hallpass_core::access::Directory;
use hallpass_store::{
    Committed, IssuerDone, IssuerRecord, IssuerState, IssuerWork, MAX_PAGE, NewIssuer, Page,
    RootRecord, StoreError,
    encoding::{decode, encode},
};
use hallpass_types::{IssuerId, Timestamp};
use tokio::{sync::Mutex, time::timeout};
use tokio_postgres::{Row, types::ToSql};

use crate::{
    failure::Failure,
    link::{Dialer, Link, Slot, Tries},
    op::Rows,
    read::{Params, Readers, most, page},
    row::{Read, blob, int, small},
    sql,
    writer::steps,
};

/// A connection for one transaction at a time.
#[derive(Debug)]
pub(crate) struct Issuers {
    dialer: Arc<Dialer>,
    slot: Mutex<Slot>,
}

#[derive(Clone, Copy, Debug)]
enum Work<'w> {
    Create(&'w NewIssuer),
    /// What takes the place of that revision.
    Change(u64, &'w IssuerRecord),
}

/// Gives the connection up unless the transaction on it came to an end.
struct Unfinished<'l>(Option<&'l Link>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.0 {
            link.spoil();
        }
    }
}

impl Issuers {
    pub(crate) fn new(dialer: &Arc<Dialer>) -> Self {
        Self {
            dialer: Arc::clone(dialer),
            slot: Mutex::new(Slot::new(Arc::clone(dialer))),
        }
    }

    pub(crate) async fn create(&self, new: &NewIssuer) -> Read<Option<IssuerRecord>> {
        let done = self.transaction(Work::Create(new), None).await?;
        Ok(record_of(done))
    }

    pub(crate) async fn change(&self, revision: u64, next: &IssuerRecord) -> Read<bool> {
        let done = self.transaction(Work::Change(revision, next), None).await?;
        Ok(record_of(done).is_some())
    }

    pub(crate) async fn with_commit(&self, work: &IssuerWork, rows: &Rows) -> Read<IssuerDone> {
        let work = match work {
            IssuerWork::Create(new) => Work::Create(new),
            IssuerWork::Change { revision, record } => Work::Change(*revision, record),
        };
        self.transaction(work, Some(rows)).await
    }

    /// Commits where the work answers something and nothing beside it is too late.
    async fn transaction(&self, work: Work<'_>, beside: Option<&Rows>) -> Read<IssuerDone> {
        let mut tries = Tries::default();
        loop {
            let done = self.once(work, beside).await;
            let gave_in = matches!(done, Err(Failure::Again | Failure::Taken | Failure::Stale));
            if !tries.again(gave_in, &self.dialer.stats).await {
                return Ok(done?);
            }
        }
    }

    async fn once(&self, work: Work<'_>, beside: Option<&Rows>) -> Result<IssuerDone, Failure> {
        let slot = self.slot.lock().await;
        let link = slot.link().await?;
        let mut unfinished = Unfinished(Some(&link));
        let transaction = async {
            link.client.batch_execute("BEGIN").await?;
            let done = match work {
                Work::Create(new) => create(&link, new).await,
                Work::Change(revision, next) => change(&link, revision, next).await,
            };
            let done = match (done, beside) {
                (Err(failure), _) => Err(failure),
                (Ok(None), _) => Ok(IssuerDone::Late),
                (Ok(Some(record)), None) => Ok(IssuerDone::Done(Box::new(record))),
                (Ok(Some(record)), Some(rows)) => match steps(&link, rows).await {
                    Ok(Committed::Done) => Ok(IssuerDone::Done(Box::new(record))),
                    Ok(Committed::TooLate(place)) => Ok(IssuerDone::TooLate(place)),
                    Err(failure) => Err(failure),
                },
            };
            let end = match &done {
                Ok(IssuerDone::Done(_)) => "COMMIT",
                Ok(IssuerDone::Late | IssuerDone::TooLate(_)) | Err(_) => "ROLLBACK",
            };
            link.client.batch_execute(end).await?;
            done
        };
        let most = self.dialer.options.statement_timeout.saturating_mul(2);
        let done = match timeout(most, transaction).await {
            Ok(done) => done,
            Err(_) => Err(Failure::Lost("the database does not answer".to_owned())),
        };
        if !done.as_ref().is_err_and(Failure::spoils_connection) {
            unfinished.0 = None;
        }
        done
    }
}

/// Gives it the next number and the next change, unless its name or place is taken.
async fn create(link: &Link, new: &NewIssuer) -> Result<Option<IssuerRecord>, Failure> {
    // Held until the end: changes come one after the other.
    let change = next_change(link).await?;
    let (name, place) = (new.name.as_bytes(), new.place().as_bytes());
    if !ask(link, sql::ISSUER_TAKEN, &[&name, &place])
        .await?
        .is_empty()
    {
        return Ok(None);
    }
    // No name of an issuer of a configuration begins so, and no change comes twice.
    let identifier = format!("#{change}");
    let identifier = identifier.as_bytes();
    run(link, sql::NEW_ISSUER_BY_TIME, &[&identifier]).await?;
    let Some(made) = ask(link, sql::ISSUER, &[&identifier]).await?.pop() else {
        // Somebody took the number.
        return Err(Failure::Again);
    };
    let id = IssuerId(small(&made, 0).map_err(corrupt)?);
    let record = new.clone().record(id, change.cast_unsigned());
    let encoded = encoded(&record)?;
    let params: Params<'_> = &[&i64::from(id.0), &name, &place, &change, &encoded];
    run(link, sql::CREATE_ISSUER, params).await?;
    Ok(Some(record))
}

async fn change(
    link: &Link,
    revision: u64,
    next: &IssuerRecord,
) -> Result<Option<IssuerRecord>, Failure> {
    let id = i64::from(next.id.0);
    let change = next_change(link).await?;
    let held = ask(link, sql::ISSUER_BY_ID, &[&id]).await?;
    let held = held.first().and_then(|row| issuer_of(row).ok());
    let Some(held) = held.filter(|held| held.revision == revision) else {
        return Ok(None);
    };
    let record = IssuerRecord {
        revision: revision.saturating_add(1),
        change: change.cast_unsigned(),
        name: held.name,
        identifier: held.identifier,
        ..next.clone()
    };
    let deleting = record.state == IssuerState::Deleting;
    let encoded = encoded(&record)?;
    let revision = revision.cast_signed();
    let params: Params<'_> = &[&id, &revision, &deleting, &change, &encoded];
    let changed = run(link, sql::CHANGE_ISSUER, params).await?;
    Ok((changed > 0).then_some(record))
}

/// None where nothing was done.
fn record_of(done: IssuerDone) -> Option<IssuerRecord> {
    match done {
        IssuerDone::Done(record) => Some(*record),
        IssuerDone::Late | IssuerDone::TooLate(_) => None,
    }
}

async fn next_change(link: &Link) -> Result<i64, Failure> {
    let rows = ask(link, sql::NEXT_CHANGE, &[]).await?;
    match rows.first() {
        Some(row) => int(row, 0).map_err(corrupt),
        None => Err(Failure::Corrupt("no change has a number".to_owned())),
    }
}

async fn ask(link: &Link, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
    let statement = link.prepared(sql).await?;
    Ok(link.client.query(&statement, params).await?)
}

async fn run(link: &Link, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Failure> {
    let statement = link.prepared(sql).await?;
    Ok(link.client.execute(&statement, params).await?)
}

fn encoded(record: &IssuerRecord) -> Result<Vec<u8>, Failure> {
    encode(record.id, &[record.name.as_bytes()], record).map_err(corrupt)
}

fn corrupt(error: StoreError) -> Failure {
    Failure::Corrupt(error.to_string())
}

/// From `issuer, revision, change, record, name`.
fn issuer_of(row: &Row) -> Read<IssuerRecord> {
    let id = IssuerId(small(row, 0)?);
    let record: IssuerRecord = decode(id, &[blob(row, 4)?], blob(row, 3)?)?;
    Ok(IssuerRecord {
        id,
        revision: int(row, 1)?.cast_unsigned(),
        change: int(row, 2)?.cast_unsigned(),
        ..record
    })
}

impl Readers {
    pub(crate) async fn issuer_named(&self, name: &str) -> Read<Option<IssuerRecord>> {
        self.one(sql::ISSUER_NAMED, &[&name.as_bytes()], issuer_of)
            .await
    }

    pub(crate) async fn issuer_at(&self, place: &str) -> Read<Option<IssuerRecord>> {
        self.one(sql::ISSUER_AT, &[&place.as_bytes()], issuer_of)
            .await
    }

    pub(crate) async fn issuers(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Read<Page<IssuerRecord>> {
        let more = most(limit).saturating_add(1);
        let rows = match after {
            Some(after) => self.ask(sql::ISSUERS, &[&after.as_bytes(), &more]).await?,
            None => self.ask(sql::ISSUERS_FIRST, &[&more]).await?,
        };
        page(&rows, limit, issuer_of, |record: &IssuerRecord| {
            record.name.clone()
        })
    }

    pub(crate) async fn issuers_changed(
        &self,
        after: u64,
        limit: usize,
    ) -> Read<Vec<IssuerRecord>> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        self.all(sql::ISSUERS_CHANGED, &[&after, &most(limit)], issuer_of)
            .await
    }

    pub(crate) async fn keys_changed(
        &self,
        since: Timestamp,
        after: Option<IssuerId>,
    ) -> Read<Vec<IssuerId>> {
        let last = after.map_or(-1, |IssuerId(id)| i64::from(id));
        let params: Params<'_> = &[&since.0, &last, &most(MAX_PAGE)];
        self.all(sql::KEYS_CHANGED, params, |row| small(row, 0).map(IssuerId))
            .await
    }

    pub(crate) async fn due_issuers(
        &self,
        now: Timestamp,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Read<Vec<IssuerId>> {
        let last = after.map_or(-1, |IssuerId(id)| i64::from(id));
        let limit = most(limit.min(MAX_PAGE));
        self.all(sql::DUE_ISSUERS, &[&last, &now.0, &limit], |row| {
            small(row, 0).map(IssuerId)
        })
        .await
    }

    pub(crate) async fn directory(&self, issuer: IssuerId) -> Read<Directory> {
        let found = self
            .one(sql::DIRECTORY, &[&i64::from(issuer.0)], |row| {
                decode(issuer, &[], blob(row, 0)?)
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    pub(crate) async fn root(&self, issuer: IssuerId) -> Read<Option<RootRecord>> {
        self.one(sql::ROOT, &[&i64::from(issuer.0)], |row| {
            decode(issuer, &[], blob(row, 0)?)
        })
        .await
    }

    pub(crate) async fn issuer_numbers(
        &self,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Read<Vec<(IssuerId, String)>> {
        let last = after.map_or(-1, |IssuerId(id)| i64::from(id));
        self.all(sql::ISSUER_NUMBERS, &[&last, &most(limit)], |row| {
            let name = String::from_utf8(blob(row, 1)?.to_vec());
            let name = name.map_err(|_| StoreError::corrupt("an issuer's name is no text"))?;
            Ok((IssuerId(small(row, 0)?), name))
        })
        .await
    }
}
