//! One job inside the transaction that it shares with others.

use hallpass_store::{
    Committed, IssuerDone, IssuerWork, operator_of_client, same_client, same_signing_keys,
};
use hallpass_types::IssuerId;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Result, params};

use crate::{
    admin, credentials, issuers, people,
    place::Place,
    read::{self, ReadError},
    sql,
    work::{ClientRow, Outcome, SpendRow, UserRow, Work, WriteRow},
};

/// Does the work. When it fails, what it did so far is still in the transaction.
pub(crate) fn apply(db: &Connection, work: &Work) -> Result<Outcome> {
    match work {
        Work::Commit(issuer, spends, writes) => {
            commit(db, *issuer, spends, writes).map(Outcome::Committed)
        }
        Work::Issuer(identifier) => {
            run(db, sql::NEW_ISSUER, [identifier])?;
            let found = cached(db, sql::ISSUER)?.query_row([identifier], |row| row.get(0))?;
            Ok(Outcome::Number(u32::into(found)))
        }
        Work::CreateIssuer(new) => issuers::create(db, new),
        Work::ChangeIssuer(revision, record) => issuers::change(db, *revision, record),
        Work::CommitIssuer(work, beside, spends, writes) => {
            with_issuer(db, work, (*beside, spends, writes)).map(Outcome::IssuerDone)
        }
        Work::EraseIssuer(issuer, limit) => issuers::erase(db, *issuer, *limit),
        Work::Purge {
            table,
            issuer,
            below,
            limit,
        } => {
            let offset = i64::try_from(*limit).unwrap_or(i64::MAX);
            let boundary = cached(db, table.boundary)?
                .query_row(params![issuer, below.0, offset], |row| {
                    Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?))
                })
                .optional()?;
            let gone = match boundary {
                Some((bucket, id)) => run(db, table.delete_before, params![issuer, bucket, id])?,
                None => run(db, table.delete_all, params![issuer, below.0])?,
            };
            Ok(Outcome::Number(gone as u64))
        }
        Work::ForgetInitialAccess {
            issuer: IssuerId(issuer),
            limit,
        } => {
            let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
            let gone = run(db, sql::FORGET_INITIAL_ACCESS, params![issuer, limit])?;
            Ok(Outcome::Number(gone as u64))
        }
        Work::Vacuum(pages) => {
            // One step gives one page back.
            let mut vacuum = db.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
            let mut steps = vacuum.query([])?;
            while steps.next()?.is_some() {}
            Ok(Outcome::Number(0))
        }
        Work::Version => {
            let version = cached(db, sql::VERSION)?.query_row([], |row| row.get(0))?;
            Ok(Outcome::Number(i64::cast_unsigned(version)))
        }
        Work::Probe => run(db, sql::PROBE, []).map(|rows| Outcome::Number(rows as u64)),
    }
}

/// Both or nothing.
fn with_issuer(
    db: &Connection,
    work: &IssuerWork,
    (beside, spends, writes): (IssuerId, &[SpendRow], &[WriteRow]),
) -> Result<IssuerDone> {
    run(db, "SAVEPOINT issuer", [])?;
    let done = match work {
        IssuerWork::Create(new) => issuers::made(db, new)?,
        IssuerWork::Change { revision, record } => issuers::changed_to(db, *revision, record)?,
    };
    let ended = match done {
        None => IssuerDone::Late,
        Some(record) => match commit(db, beside, spends, writes)? {
            Committed::Done => IssuerDone::Done(Box::new(record)),
            Committed::TooLate(place) => IssuerDone::TooLate(place),
        },
    };
    if !matches!(ended, IssuerDone::Done(_)) {
        run(db, "ROLLBACK TO issuer", [])?;
    }
    run(db, "RELEASE issuer", [])?;
    Ok(ended)
}

fn commit(
    db: &Connection,
    issuer: IssuerId,
    spends: &[SpendRow],
    writes: &[WriteRow],
) -> Result<Committed> {
    // One spend alone changes nothing when it is too late. Only before a further one is there something to undo.
    let earlier = spends.split_last().map(|(_, earlier)| earlier);
    let earlier = earlier.unwrap_or_default();
    // To take a new row back is cheap, and hardly ever done. A savepoint copies every page that changes, every time.
    let by_hand = |row: &SpendRow| !row.changes() || row.taking_back().is_some();
    let savepoint = !earlier.iter().all(by_hand);
    if savepoint {
        run(db, "SAVEPOINT spends", [])?;
    }
    for (index, row) in spends.iter().enumerate() {
        if spend(db, issuer, row)? {
            continue;
        }
        if savepoint {
            run(db, "ROLLBACK TO spends", [])?;
            run(db, "RELEASE spends", [])?;
        } else {
            let made = spends.iter().take(index).filter_map(SpendRow::taking_back);
            for (statement, Place { bucket, id }) in made {
                run(db, statement, params![issuer.0, bucket, id])?;
            }
        }
        return Ok(Committed::TooLate(index));
    }
    if savepoint {
        run(db, "RELEASE spends", [])?;
    }
    for row in writes {
        write(db, issuer, row)?;
    }
    Ok(Committed::Done)
}

/// Whether it was in time.
fn spend(db: &Connection, id: IssuerId, spend: &SpendRow) -> Result<bool> {
    let IssuerId(issuer) = id;
    match spend {
        SpendRow::Code(Place { bucket, id }) => {
            run(db, sql::SPEND_CODE, params![issuer, bucket, id]).map(any)
        }
        SpendRow::Refresh {
            grant: Place { bucket, id },
            from,
            at,
            idle_expires_at,
        } => {
            let Some(next) = from.checked_add(1) else {
                return Ok(false);
            };
            let values = params![issuer, bucket, id, from, next, at, idle_expires_at];
            run(db, sql::SPEND_REFRESH, values).map(any)
        }
        SpendRow::Standing(Place { bucket, id }) => {
            cached(db, sql::SPEND_STANDING)?.exists(params![issuer, bucket, id])
        }
        SpendRow::Session(Place { bucket, id }) => {
            cached(db, sql::SPEND_SESSION)?.exists(params![issuer, bucket, id])
        }
        SpendRow::Once(Place { bucket, id }) => {
            run(db, sql::SPEND_ONCE, params![issuer, bucket, id]).map(any)
        }
        SpendRow::NewWaiting(Place { bucket, id }, record) => {
            let values = params![issuer, bucket, id, record];
            run(db, sql::SPEND_NEW_WAITING, values).map(any)
        }
        SpendRow::Waiting {
            place: Place { bucket, id },
            revision,
            next: Some(record),
        } => {
            let Some(higher) = revision.checked_add(1) else {
                return Ok(false);
            };
            let values = params![issuer, bucket, id, revision, higher, record];
            run(db, sql::SPEND_WAITING, values).map(any)
        }
        SpendRow::Waiting {
            place: Place { bucket, id },
            revision,
            next: None,
        } => {
            let values = params![issuer, bucket, id, revision];
            run(db, sql::CONSUME_WAITING, values).map(any)
        }
        SpendRow::NewUser(UserRow {
            subject,
            username_key,
            revision,
            record,
        }) => {
            let revision = revision.cast_signed();
            let values = params![issuer, subject.as_str(), username_key, revision, record];
            run(db, sql::SPEND_NEW_USER, values).map(any)
        }
        SpendRow::NewClient(ClientRow {
            client,
            registered,
            record,
        }) => {
            let values = params![issuer, client.as_str(), registered, record];
            run(db, sql::SPEND_NEW_CLIENT, values).map(any)
        }
        SpendRow::User { revision, row } => {
            let values = params![
                issuer,
                row.subject.as_str(),
                revision.cast_signed(),
                row.username_key,
                row.revision.cast_signed(),
                row.record
            ];
            run(db, sql::SPEND_USER, values).map(any)
        }
        // Records are compared as they are read, not as bytes: an older program may have written them otherwise.
        SpendRow::Client {
            expected,
            row:
                ClientRow {
                    client,
                    registered,
                    record,
                },
        } => {
            let held = readable(read::client(db, id, client))?.flatten();
            if !held.is_some_and(|held| same_client(&held, expected)) {
                return Ok(false);
            }
            let values = params![issuer, client.as_str(), registered, record];
            run(db, sql::PUT_CLIENT, values).map(any)
        }
        SpendRow::DeleteUser(subject, revision) => {
            people::delete_user(db, issuer, subject, *revision)
        }
        SpendRow::NewCredential(row) => credentials::add(db, issuer, row),
        SpendRow::Credential(change) => credentials::change(db, issuer, change),
        SpendRow::NewRegistration(registration) => {
            let values = params![
                issuer,
                registration.client.as_str(),
                registration.used.0,
                registration.software,
                registration.fold
            ];
            run(db, sql::SPEND_NEW_REGISTRATION, values).map(any)
        }
        SpendRow::IdleClient(client, before) => {
            let values = params![issuer, client.as_str(), before.0];
            cached(db, sql::SPEND_IDLE_CLIENT)?.exists(values)
        }
        SpendRow::InitialAccess(id) => {
            run(db, sql::SPEND_INITIAL_ACCESS, params![issuer, id]).map(any)
        }
        SpendRow::Admin(row) => admin::change(db, issuer, row),
        SpendRow::Audit(seq, record) => admin::append(db, issuer, *seq, record),
        SpendRow::SigningKeys(expected) => {
            let held = readable(read::signing_keys(db, id))?;
            Ok(held.is_some_and(|held| same_signing_keys(&held, expected)))
        }
        SpendRow::Root {
            from: None,
            revision,
            record,
            changed,
        } => run(
            db,
            sql::SPEND_NEW_ROOT,
            params![issuer, revision, record, changed],
        )
        .map(any),
        SpendRow::Root {
            from: Some(from),
            revision,
            record,
            changed,
        } => run(
            db,
            sql::SPEND_ROOT,
            params![issuer, from, revision, record, changed],
        )
        .map(any),
        SpendRow::Directory {
            from: 0,
            revision,
            record,
        } => run(
            db,
            sql::SPEND_NEW_DIRECTORY,
            params![issuer, revision, record],
        )
        .map(any),
        SpendRow::Directory {
            from,
            revision,
            record,
        } => run(
            db,
            sql::SPEND_DIRECTORY,
            params![issuer, from, revision, record],
        )
        .map(any),
        SpendRow::Delivery {
            place: Place { bucket, id },
            attempts,
            next_at,
        } => {
            let Some(next_at) = next_at else {
                let values = params![issuer, bucket, id, attempts];
                return run(db, sql::FINISH_DELIVERY, values).map(any);
            };
            let Some(next) = attempts.checked_add(1) else {
                return Ok(false);
            };
            let values = params![issuer, bucket, id, attempts, next, next_at];
            run(db, sql::CLAIM_DELIVERY, values).map(any)
        }
    }
}

fn write(db: &Connection, IssuerId(issuer): IssuerId, write: &WriteRow) -> Result<usize> {
    match write {
        WriteRow::Code(Place { bucket, id }, record) => {
            run(db, sql::PUT_CODE, params![issuer, bucket, id, record])
        }
        WriteRow::Grant {
            grant: Place { bucket, id },
            refresh,
            session,
            record,
        } => {
            let values = params![
                issuer,
                bucket,
                id,
                refresh.map(|r| r.generation),
                refresh.map(|r| r.rotated_at.0),
                refresh.map(|r| r.idle_expires_at.0),
                session.as_ref().map(|s| s.bucket),
                session.as_ref().map(|s| &s.id),
                record
            ];
            run(db, sql::PUT_GRANT, values)
        }
        WriteRow::TouchRefresh(Place { bucket, id }, idle_expires_at) => {
            let values = params![issuer, bucket, id, idle_expires_at];
            run(db, sql::TOUCH_REFRESH, values)
        }
        WriteRow::RevokeGrant(Place { bucket, id }, at) => {
            run(db, sql::REVOKE_GRANT, params![issuer, bucket, id, at])
        }
        WriteRow::DenyToken(Place { bucket, id }) => {
            run(db, sql::DENY_TOKEN, params![issuer, bucket, id])
        }
        WriteRow::Session(Place { bucket, id }, subject, record) => {
            let values = params![issuer, bucket, id, subject.as_str(), record];
            run(db, sql::PUT_SESSION, values)
        }
        WriteRow::SessionSeen(Place { bucket, id }, at) => {
            run(db, sql::SESSION_SEEN, params![issuer, bucket, id, at])
        }
        WriteRow::Activity(Place { bucket, id }, subject, at, record) => {
            let values = params![issuer, bucket, id, subject.as_str(), at, record];
            run(db, sql::PUT_ACTIVITY, values)
        }
        WriteRow::ForgetPerson(subject) => people::forget(db, issuer, subject),
        WriteRow::Tally(Place { bucket, id }, n) => {
            run(db, sql::ADD_TALLY, params![issuer, bucket, id, n])
        }
        WriteRow::Active(Place { bucket, id }) => {
            run(db, sql::PUT_ACTIVE, params![issuer, bucket, id])
        }
        WriteRow::EndSession(Place { bucket, id }) => {
            run(db, sql::END_SESSION, params![issuer, bucket, id])
        }
        WriteRow::Participant(Place { bucket, id }, subject, record) => {
            let values = params![issuer, bucket, id, subject.as_str(), record];
            run(db, sql::PUT_PARTICIPANT, values)
        }
        WriteRow::ForgetParticipant(Place { bucket, id }) => {
            run(db, sql::FORGET_PARTICIPANT, params![issuer, bucket, id])
        }
        WriteRow::Consent(subject, client, record) => {
            let values = params![issuer, subject.as_str(), client.as_str(), record];
            run(db, sql::PUT_CONSENT, values)
        }
        WriteRow::ForgetConsent(subject, client) => {
            let values = params![issuer, subject.as_str(), client.as_str()];
            run(db, sql::FORGET_CONSENT, values)
        }
        WriteRow::Client(ClientRow {
            client,
            registered,
            record,
        }) => {
            let values = params![issuer, client.as_str(), registered, record];
            run(db, sql::PUT_CLIENT, values)
        }
        WriteRow::DeleteClient(client) => {
            // The trigger sees to clients that are still known as registered ones, not to one that an operator replaced.
            admin::forget_operator(db, issuer, &operator_of_client(client))?;
            let client = client.as_str();
            run(db, sql::DELETE_REGISTRATION, params![issuer, client])?;
            run(db, sql::DELETE_CLIENT, params![issuer, client])
        }
        WriteRow::SigningKey(kid, record, changed) => run(
            db,
            sql::PUT_SIGNING_KEY,
            params![issuer, kid, record, changed],
        ),
        WriteRow::ClientUsed(client, day) => {
            let values = params![issuer, client.as_str(), day.0];
            run(db, sql::CLIENT_USED, values)
        }
        WriteRow::InitialAccess {
            id,
            uses,
            max_uses,
            record,
        } => {
            let values = params![issuer, id, uses, max_uses, record];
            run(db, sql::PUT_INITIAL_ACCESS, values)
        }
        WriteRow::DeleteInitialAccess(id) => {
            run(db, sql::DELETE_INITIAL_ACCESS, params![issuer, id])
        }
        WriteRow::DeleteSigningKey(kid) => run(db, sql::DELETE_SIGNING_KEY, params![issuer, kid]),
        WriteRow::Delivery {
            place: Place { bucket, id },
            attempts,
            next_at,
            record,
        } => {
            let values = params![issuer, bucket, id, attempts, next_at, record];
            run(db, sql::PUT_DELIVERY, values)
        }
    }
}

/// None for records that cannot be read: they are not what anybody expects.
fn readable<T>(read: std::result::Result<T, ReadError>) -> Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(ReadError::Sqlite(error)) => Err(error),
        Err(ReadError::Store(_)) => Ok(None),
    }
}

pub(crate) fn cached<'db>(db: &'db Connection, sql: &str) -> Result<CachedStatement<'db>> {
    db.prepare_cached(sql)
}

/// How many rows changed.
pub(crate) fn run(db: &Connection, sql: &str, values: impl Params) -> Result<usize> {
    cached(db, sql)?.execute(values)
}

pub(crate) const fn any(rows: usize) -> bool {
    rows > 0
}
