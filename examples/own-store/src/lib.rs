//! A store in redb, an embedded database that has ordered keys and transactions, and nothing else that matters here.
//!
//! Any database with these two can be had in the same way: FoundationDB, LMDB, a key-value service with transactions. What a
//! store promises is said by [`Store`] and tried by its contract suite, which `tests/contract.rs` runs.

mod commit;
mod issuers;
mod read;
mod rows;

use std::{future::ready, path::Path, sync::Arc};

use hallpass::store::record::*;
use hallpass::store::*;
use hallpass::types::*;
use redb::{Database, ReadOnlyTable, ReadableDatabase};

use commit::Writing;
use rows::{Kind, NONE, Read, Rows, TABLE, failed, key, of_person, place};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;
type Reading = Rows<ReadOnlyTable<&'static [u8], &'static [u8]>>;

/// A store in a file.
pub struct OwnStore {
    db: Arc<Database>,
}

// [transactions]
impl OwnStore {
    /// Opens a file, or makes it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::of(Database::create(path).map_err(failed)?)
    }

    /// Takes a database, empty or written by this before.
    pub fn of(db: Database) -> Result<Self, StoreError> {
        let made = db.begin_write().map_err(failed)?;
        made.open_table(TABLE).map_err(failed)?;
        made.commit().map_err(failed)?;
        Ok(Self { db: Arc::new(db) })
    }

    /// Answers from what is committed now. Readers wait for nobody.
    fn read<'a, T: Send + 'a>(&'a self, question: impl FnOnce(&Reading) -> Read<T>) -> Answer<'a, T> {
        let rows = self.db.begin_read().map_err(failed);
        let rows = rows.and_then(|now| now.open_table(TABLE).map_err(failed));
        Box::pin(ready(rows.and_then(|rows| question(&Rows(rows)))))
    }

    /// Does it in a transaction of its own, one after the other, and keeps it if `keep` says so; durable then. The thread is one
    /// that may wait: for others, and for the disk.
    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writing<'_>) -> Read<T> + Send + 'static,
        keep: fn(&T) -> bool,
    ) -> Answer<'_, T> {
        let db = Arc::clone(&self.db);
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || {
                let transaction = db.begin_write().map_err(failed)?;
                let done = work(&mut Rows(transaction.open_table(TABLE).map_err(failed)?));
                match done {
                    Ok(done) if keep(&done) => transaction.commit().map_err(failed).map(|()| done),
                    // Dropped, it takes everything back.
                    Ok(_) | Err(_) => done,
                }
            });
            done.await.map_err(|error| StoreError::Unavailable(error.into()))?
        })
    }
}
// [/transactions]

impl Store for OwnStore {
    fn client<'a>(&'a self, issuer: IssuerId, id: &'a ClientId) -> Answer<'a, Option<ClientRecord>> {
        self.read(|rows| rows.client(issuer, id))
    }

    fn clients<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<ClientRecord>> {
        self.read(|rows| rows.page(&key(issuer, Kind::Client, &[]), after, limit))
    }

    fn count_registered_clients(&self, issuer: IssuerId) -> Answer<'_, u64> {
        self.read(|rows| {
            let all = rows.all::<ClientRecord>(issuer, Kind::Client)?.into_iter();
            Ok(all.filter(|(_, client)| matches!(client.origin, ClientOrigin::Registration)).count() as u64)
        })
    }

    fn count_clients_of_software(&self, issuer: IssuerId, software: [u8; 32]) -> Answer<'_, u64> {
        self.read(|rows| {
            let all = rows.registrations(issuer)?.into_iter();
            Ok(all.filter(|(_, row)| row.1 == Some(software)).count() as u64)
        })
    }

    fn folded_client(&self, issuer: IssuerId, fold: [u8; 32]) -> Answer<'_, Option<ClientId>> {
        self.read(|rows| rows.folded(issuer, fold))
    }

    fn idle_clients(&self, issuer: IssuerId, before: Day, limit: usize) -> Answer<'_, Vec<ClientId>> {
        self.read(|rows| rows.idle(issuer, before, limit))
    }

    fn initial_access(
        &self,
        issuer: IssuerId,
        digest: ContentDigest,
    ) -> Answer<'_, Option<InitialAccessRecord>> {
        self.read(|rows| rows.get(&key(issuer, Kind::InitialAccess, &[&digest.0])))
    }

    fn initial_accesses(
        &self,
        issuer: IssuerId,
        after: Option<ContentDigest>,
        limit: usize,
    ) -> Answer<'_, Vec<(ContentDigest, InitialAccessRecord)>> {
        self.read(move |rows| rows.initial_accesses(issuer, after, limit))
    }

    fn code(&self, issuer: IssuerId, code: Key<Code>) -> Answer<'_, Option<FoundCode>> {
        self.read(|rows| rows.code(issuer, code))
    }

    fn waiting(&self, issuer: IssuerId, handle: Key<Waiting>) -> Answer<'_, Option<FoundWaiting>> {
        self.read(|rows| rows.waiting(issuer, handle))
    }

    fn grant(&self, issuer: IssuerId, id: GrantId) -> Answer<'_, Option<FoundGrant>> {
        self.read(|rows| rows.grant(issuer, id))
    }

    fn standing(
        &self,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Answer<'_, Standing> {
        self.read(|rows| rows.standing(issuer, grant, token, expires_at))
    }

    fn session(&self, issuer: IssuerId, session: Key<Session>) -> Answer<'_, Option<SessionRecord>> {
        self.read(|rows| rows.get(&place(issuer, Kind::Session, session)))
    }

    fn consent<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        client: &'a ClientId,
    ) -> Answer<'a, Option<ConsentRecord>> {
        self.read(|rows| rows.get(&of_person(issuer, Kind::Consent, subject, client.as_str().as_bytes())))
    }

    fn user_by_name<'a>(&'a self, issuer: IssuerId, name: &'a str) -> Answer<'a, Option<UserRecord>> {
        self.read(|rows| rows.user_by_name(issuer, name))
    }

    fn user<'a>(&'a self, issuer: IssuerId, subject: &'a Subject) -> Answer<'a, Option<UserRecord>> {
        self.read(|rows| rows.user(issuer, subject))
    }

    fn users<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<UserRecord>> {
        self.read(|rows| rows.users(issuer, after, limit))
    }

    fn credentials<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<CredentialRecord>> {
        self.read(|rows| rows.credentials(issuer, subject))
    }

    fn credential_by_lookup(
        &self,
        issuer: IssuerId,
        lookup: ContentDigest,
    ) -> Answer<'_, Option<CredentialRecord>> {
        self.read(|rows| rows.credential_by_lookup(issuer, lookup))
    }

    fn directory(&self, issuer: IssuerId) -> Answer<'_, Directory> {
        self.read(|rows| rows.directory(issuer))
    }

    fn admin_record<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        id: &'a str,
    ) -> Answer<'a, Option<AdminRecord>> {
        self.read(|rows| rows.get(&key(issuer, Kind::Admin, &[&[kind.number()], id.as_bytes()])))
    }

    fn admin_records<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<AdminRecord>> {
        self.read(|rows| rows.page(&key(issuer, Kind::Admin, &[&[kind.number()]]), after, limit))
    }

    fn audit_after(&self, issuer: IssuerId, after: u64, limit: usize) -> Answer<'_, Vec<AuditRecord>> {
        self.read(|rows| rows.audit_after(issuer, after, limit))
    }

    fn audit_before(
        &self,
        issuer: IssuerId,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<AuditRecord>> {
        self.read(|rows| rows.audit_before(issuer, before, limit))
    }

    fn tallies(&self, issuer: IssuerId, from: Day, to: Day) -> Answer<'_, Vec<(Day, String, u64)>> {
        self.read(|rows| rows.tallies(issuer, from, to))
    }

    fn count_active(&self, issuer: IssuerId, period: Bucket) -> Answer<'_, u64> {
        self.read(|rows| rows.count_active(issuer, period))
    }

    fn count_sessions(&self, issuer: IssuerId, from: Bucket) -> Answer<'_, u64> {
        self.read(|rows| rows.count_sessions(issuer, from))
    }

    fn root(&self, issuer: IssuerId) -> Answer<'_, Option<RootRecord>> {
        self.read(|rows| rows.get(&key(issuer, Kind::Root, &[])))
    }

    fn issuer_numbers(&self, after: Option<IssuerId>, limit: usize) -> Answer<'_, Vec<(IssuerId, String)>> {
        self.read(|rows| Ok(rows.numbers(after)?.into_iter().take(limit.clamp(1, MAX_PAGE)).collect()))
    }

    fn signing_keys(&self, issuer: IssuerId) -> Answer<'_, Vec<KeyRecord>> {
        self.read(|rows| rows.signing_keys(issuer))
    }

    fn keys_changed(&self, since: Timestamp, after: Option<IssuerId>) -> Answer<'_, Vec<IssuerId>> {
        self.read(|rows| rows.keys_changed(since, after))
    }

    fn participants<'a>(
        &'a self,
        issuer: IssuerId,
        session: Key<Session>,
        client: &'a ClientId,
    ) -> Answer<'a, Vec<ParticipantRecord>> {
        self.read(|rows| rows.participants(issuer, session, client))
    }

    fn participating<'a>(
        &'a self,
        issuer: IssuerId,
        session: Key<Session>,
        after: Option<&'a ClientId>,
    ) -> Answer<'a, Vec<ParticipantRecord>> {
        self.read(|rows| rows.participating(issuer, session, after))
    }

    fn sessions_of<'a>(&'a self, issuer: IssuerId, subject: &'a Subject) -> Answer<'a, Vec<Key<Session>>> {
        self.read(|rows| rows.sessions_of(issuer, subject))
    }

    fn account_sessions<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<(Key<Session>, SessionRecord)>> {
        self.read(|rows| rows.account_sessions(issuer, subject))
    }

    fn consents_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<(ClientId, ConsentRecord)>> {
        self.read(|rows| rows.consents_of(issuer, subject))
    }

    fn activity_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        limit: usize,
    ) -> Answer<'a, Vec<ActivityRecord>> {
        self.read(|rows| {
            let all = rows.activity(issuer)?.into_iter().map(|(_, record)| record);
            let mut theirs: Vec<_> = all.filter(|record| record.subject == *subject).collect();
            theirs.sort_by_key(|record| std::cmp::Reverse(record.at));
            theirs.truncate(limit.clamp(1, MAX_PAGE));
            Ok(theirs)
        })
    }

    fn activity_before(
        &self,
        issuer: IssuerId,
        before: Option<ActivityPlace>,
        limit: usize,
    ) -> Answer<'_, Vec<(ActivityPlace, ActivityRecord)>> {
        self.read(|rows| rows.activity_before(issuer, before, limit))
    }

    fn due_deliveries(
        &self,
        issuer: IssuerId,
        now: Timestamp,
        limit: usize,
    ) -> Answer<'_, Vec<(Key<Delivery>, DeliveryRecord)>> {
        self.read(|rows| {
            let mut due = rows.due(issuer, now)?;
            due.truncate(limit.clamp(1, MAX_PAGE));
            Ok(due)
        })
    }

    fn issuer<'a>(&'a self, identifier: &'a str) -> Answer<'a, IssuerId> {
        let identifier = identifier.to_owned();
        self.write(move |rows| rows.numbered(&identifier), |_| true)
    }

    fn issuer_named<'a>(&'a self, name: &'a str) -> Answer<'a, Option<IssuerRecord>> {
        self.read(|rows| rows.issuer_named(name))
    }

    fn issuer_at<'a>(&'a self, place: &'a str) -> Answer<'a, Option<IssuerRecord>> {
        self.read(|rows| rows.issuer_at(place))
    }

    fn issuers<'a>(&'a self, after: Option<&'a str>, limit: usize) -> Answer<'a, Page<IssuerRecord>> {
        self.read(|rows| rows.issuers(after, limit))
    }

    fn issuers_changed(&self, after: u64, limit: usize) -> Answer<'_, Vec<IssuerRecord>> {
        self.read(|rows| rows.issuers_changed(after, limit))
    }

    fn create_issuer(&self, new: NewIssuer) -> Answer<'_, Option<IssuerRecord>> {
        self.write(|rows| rows.create_issuer(new), Option::is_some)
    }

    fn change_issuer(&self, revision: u64, record: IssuerRecord) -> Answer<'_, bool> {
        self.write(move |rows| Ok(rows.change_issuer(revision, record)?.is_some()), |done| *done)
    }

    fn commit_issuer(&self, work: IssuerWork, beside: IssuerId, commit: Commit) -> Answer<'_, IssuerDone> {
        self.write(
            move |rows| rows.commit_issuer(work, beside, commit),
            |done| matches!(done, IssuerDone::Done(_)),
        )
    }

    fn erase_issuer(&self, issuer: IssuerId, limit: usize) -> Answer<'_, u64> {
        self.write(move |rows| rows.erase(issuer, limit), |_| true)
    }

    fn due_issuers(
        &self,
        now: Timestamp,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Answer<'_, Vec<IssuerId>> {
        self.read(|rows| {
            let mut due = Vec::new();
            for (issuer, _) in rows.numbers(after)? {
                if due.len() < limit.clamp(1, MAX_PAGE) && !rows.due(issuer, now)?.is_empty() {
                    due.push(issuer);
                }
            }
            Ok(due)
        })
    }

    // [commit]
    fn commit(&self, issuer: IssuerId, commit: Commit) -> Answer<'_, Committed> {
        self.write(move |rows| rows.commit(issuer, commit), |done| *done == Committed::Done)
    }
    // [/commit]

    fn purge(&self, below: Bucket, limit: usize) -> Answer<'_, u64> {
        self.write(move |rows| rows.purge(below, limit), |_| true)
    }

    fn forget_issued(&self, issuer: IssuerId, limit: usize) -> Answer<'_, u64> {
        self.write(move |rows| rows.forget_issued(issuer, limit), |_| true)
    }

    fn ready(&self) -> Answer<'_, ()> {
        self.read(|rows| rows.has(&key(NONE, Kind::Changes, &[])).map(drop))
    }
}
