//! The store.

use std::sync::Arc;

use hallpass_core::{
    access::Directory,
    client::ClientRecord,
    record::{
        ActivityRecord, ConsentRecord, DeliveryRecord, FoundCode, FoundGrant, FoundWaiting,
        ParticipantRecord, SessionRecord, participant_tags,
    },
};
use hallpass_store::migration::Migration;
use hallpass_store::{
    ActivityPlace, AdminKind, AdminRecord, AuditRecord, BoxFuture, CodeWithUser, Commit, Committed,
    CredentialRecord, Day, Hint, InitialAccessRecord, IssuerDone, IssuerRecord, IssuerWork,
    KeyRecord, NewIssuer, Page, RootRecord, SessionWithUser, Spend, Standing, Store, StoreError,
    UserRecord,
};
use hallpass_types::{
    Bucket, ClientId, Code, ContentDigest, Delivery, GrantId, IssuerId, Key, Session, Subject,
    Timestamp, TokenId, Waiting,
};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    hints::Hints,
    issuers::Issuers,
    link::Dialer,
    migration,
    op::Rows,
    options::{Address, Options},
    purge::Background,
    queue::{Job, Queue},
    read::Readers,
    row::int,
    sql,
    stats::Stats,
    writer,
};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A database. Dropping it lets what was queued end by itself.
#[derive(Debug)]
pub struct PostgresStore {
    readers: Readers,
    background: Background,
    issuers: Issuers,
    hints: Hints,
    queue: Arc<Queue>,
    stats: Arc<Stats>,
}

impl PostgresStore {
    /// Opens a database, migrating it where needed (and allowed). Needs a tokio runtime, for as long as it is used.
    ///
    /// # Errors
    /// [`StoreError::Version`] when a newer program made it, or an older one and the options forbid migrating;
    /// [`StoreError::Corrupt`] when it holds something else; [`StoreError::Unavailable`] when it cannot be reached.
    pub async fn open(address: Address, options: Options) -> Result<Self, StoreError> {
        let stats = Arc::new(Stats::default());
        let dialer = Dialer::new(address, options, Arc::clone(&stats))
            .map_err(|text| StoreError::Unavailable(text.into()))?;
        let dialer = Arc::new(dialer);
        if dialer.options.migrate {
            for step in migration::migrate(&dialer, migration::ALL).await? {
                tracing::info!(
                    migration = step.name,
                    "store.migrated: the schema has changed"
                );
            }
        } else {
            migration::demand_none_pending(&dialer, migration::ALL).await?;
        }
        let (limit, batch) = (dialer.options.queue, dialer.options.batch);
        let queue = Arc::new(Queue::new(limit, batch, Arc::clone(&stats)));
        writer::start(&dialer, &queue);
        Ok(Self {
            readers: Readers::new(&dialer),
            background: Background::new(&dialer),
            issuers: Issuers::new(&dialer),
            hints: Hints::new(&dialer),
            queue,
            stats,
        })
    }

    /// Brings a database to this program's schema; answers the steps. A dry run only tells them.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn migrate(
        address: Address,
        options: Options,
        dry_run: bool,
    ) -> Result<Vec<&'static Migration>, StoreError> {
        let dialer = Dialer::new(address, options, Arc::default())
            .map_err(|text| StoreError::Unavailable(text.into()))?;
        if dry_run {
            let lacking = migration::lacking(&dialer, migration::ALL).await?;
            return Ok(lacking.iter().collect());
        }
        migration::migrate(&dialer, migration::ALL).await
    }

    /// How it is doing.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// A delivery that cannot be read is looked at again after so many seconds.
const UNREADABLE: i64 = 3600;

impl Store for PostgresStore {
    fn client<'a>(
        &'a self,
        issuer: IssuerId,
        id: &'a ClientId,
    ) -> Answer<'a, Option<ClientRecord>> {
        Box::pin(self.readers.client(issuer, id))
    }

    fn clients<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<ClientRecord>> {
        Box::pin(self.readers.clients(issuer, after, limit))
    }

    fn count_registered_clients(&self, issuer: IssuerId) -> Answer<'_, u64> {
        Box::pin(async move {
            let issuer = i64::from(issuer.0);
            self.readers.count(sql::COUNT_REGISTERED, &[&issuer]).await
        })
    }

    fn count_clients_of_software(&self, issuer: IssuerId, software: [u8; 32]) -> Answer<'_, u64> {
        Box::pin(async move {
            let issuer = i64::from(issuer.0);
            self.readers
                .count(sql::COUNT_OF_SOFTWARE, &[&issuer, &software.as_slice()])
                .await
        })
    }

    fn folded_client(&self, issuer: IssuerId, fold: [u8; 32]) -> Answer<'_, Option<ClientId>> {
        Box::pin(self.readers.folded_client(issuer, fold))
    }

    fn idle_clients(
        &self,
        issuer: IssuerId,
        before: Day,
        limit: usize,
    ) -> Answer<'_, Vec<ClientId>> {
        Box::pin(self.readers.idle_clients(issuer, before, limit))
    }

    fn initial_access(
        &self,
        issuer: IssuerId,
        digest: ContentDigest,
    ) -> Answer<'_, Option<InitialAccessRecord>> {
        Box::pin(self.readers.initial_access(issuer, digest))
    }

    fn initial_accesses(
        &self,
        issuer: IssuerId,
        after: Option<ContentDigest>,
        limit: usize,
    ) -> Answer<'_, Vec<(ContentDigest, InitialAccessRecord)>> {
        Box::pin(self.readers.initial_accesses(issuer, after, limit))
    }

    fn code(&self, issuer: IssuerId, key: Key<Code>) -> Answer<'_, Option<FoundCode>> {
        Box::pin(self.readers.code(issuer, key))
    }

    fn waiting(&self, issuer: IssuerId, key: Key<Waiting>) -> Answer<'_, Option<FoundWaiting>> {
        Box::pin(self.readers.waiting(issuer, key))
    }

    fn grant(&self, issuer: IssuerId, id: GrantId) -> Answer<'_, Option<FoundGrant>> {
        Box::pin(self.readers.grant(issuer, id))
    }

    fn standing(
        &self,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Answer<'_, Standing> {
        Box::pin(self.readers.standing(issuer, grant, token, expires_at))
    }

    fn code_with_user(&self, issuer: IssuerId, key: Key<Code>) -> Answer<'_, Option<CodeWithUser>> {
        Box::pin(self.readers.code_with_user(issuer, key))
    }

    fn standing_with_user(
        &self,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Answer<'_, (Standing, Option<UserRecord>)> {
        Box::pin(
            self.readers
                .standing_with_user(issuer, grant, token, expires_at),
        )
    }

    fn session_with_user<'a>(
        &'a self,
        issuer: IssuerId,
        key: Key<Session>,
        client: Option<&'a ClientId>,
    ) -> Answer<'a, Option<SessionWithUser>> {
        Box::pin(self.readers.session_with_user(issuer, key, client))
    }

    fn session(&self, issuer: IssuerId, key: Key<Session>) -> Answer<'_, Option<SessionRecord>> {
        Box::pin(self.readers.session(issuer, key))
    }

    fn consent<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        client: &'a ClientId,
    ) -> Answer<'a, Option<ConsentRecord>> {
        Box::pin(self.readers.consent(issuer, subject, client))
    }

    fn user_by_name<'a>(
        &'a self,
        issuer: IssuerId,
        username_key: &'a str,
    ) -> Answer<'a, Option<UserRecord>> {
        Box::pin(self.readers.user_by_name(issuer, username_key))
    }

    fn user<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Option<UserRecord>> {
        Box::pin(self.readers.user(issuer, subject))
    }

    fn users<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<UserRecord>> {
        Box::pin(self.readers.users(issuer, after, limit))
    }

    fn credentials<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<CredentialRecord>> {
        Box::pin(self.readers.credentials(issuer, subject))
    }

    fn credential_by_lookup(
        &self,
        issuer: IssuerId,
        lookup: ContentDigest,
    ) -> Answer<'_, Option<CredentialRecord>> {
        Box::pin(self.readers.credential_by_lookup(issuer, lookup))
    }

    fn signing_keys(&self, issuer: IssuerId) -> Answer<'_, Vec<KeyRecord>> {
        Box::pin(self.readers.signing_keys(issuer))
    }

    fn participants<'a>(
        &'a self,
        issuer: IssuerId,
        session: Key<Session>,
        client: &'a ClientId,
    ) -> Answer<'a, Vec<ParticipantRecord>> {
        let tags = participant_tags(client);
        let readers = &self.readers;
        Box::pin(readers.participants(sql::PARTICIPANTS, issuer, session, tags))
    }

    fn participating<'a>(
        &'a self,
        issuer: IssuerId,
        session: Key<Session>,
        after: Option<&'a ClientId>,
    ) -> Answer<'a, Vec<ParticipantRecord>> {
        let first = after.map_or([0; 16], |client| participant_tags(client)[1]);
        let readers = &self.readers;
        Box::pin(readers.participants(sql::PARTICIPATING, issuer, session, [first, [u8::MAX; 16]]))
    }

    fn sessions_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<Key<Session>>> {
        Box::pin(self.readers.sessions_of(issuer, subject))
    }

    fn account_sessions<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<(Key<Session>, SessionRecord)>> {
        Box::pin(self.readers.account_sessions(issuer, subject))
    }

    fn consents_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<(ClientId, ConsentRecord)>> {
        Box::pin(self.readers.consents_of(issuer, subject))
    }

    fn activity_before(
        &self,
        issuer: IssuerId,
        before: Option<ActivityPlace>,
        limit: usize,
    ) -> Answer<'_, Vec<(ActivityPlace, ActivityRecord)>> {
        Box::pin(self.readers.activity_before(issuer, before, limit))
    }

    fn activity_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        limit: usize,
    ) -> Answer<'a, Vec<ActivityRecord>> {
        Box::pin(self.readers.activity_of(issuer, subject, limit))
    }

    fn due_deliveries(
        &self,
        issuer: IssuerId,
        now: Timestamp,
        limit: usize,
    ) -> Answer<'_, Vec<(Key<Delivery>, DeliveryRecord)>> {
        Box::pin(async move {
            loop {
                let due = self.readers.due_deliveries(issuer, now, limit).await?;
                // They would stand before all others for ever. Somebody may mend them until they expire.
                let none = due.unreadable.is_empty();
                for (key, attempts, error) in due.unreadable {
                    tracing::error!(%error, delivery.id = ?key, "a delivery cannot be read and is put off");
                    let put_off = Spend::Delivery {
                        key,
                        attempts,
                        next_at: Some(now.plus(UNREADABLE)),
                    };
                    let commit = Commit {
                        spends: vec![put_off],
                        writes: Vec::new(),
                    };
                    self.commit(issuer, commit).await?;
                }
                if none || !due.readable.is_empty() {
                    return Ok(due.readable);
                }
            }
        })
    }

    fn issuer<'a>(&'a self, identifier: &'a str) -> Answer<'a, IssuerId> {
        Box::pin(async move {
            for _ in 0..MOST_TRIES {
                if let Some(number) = self.readers.issuer(identifier).await? {
                    return Ok(number);
                }
                self.background
                    .execute(sql::NEW_ISSUER, &[&identifier.as_bytes()])
                    .await?;
            }
            Err(StoreError::Busy { retry_after: 1 })
        })
    }

    fn issuer_named<'a>(&'a self, name: &'a str) -> Answer<'a, Option<IssuerRecord>> {
        Box::pin(self.readers.issuer_named(name))
    }

    fn issuer_at<'a>(&'a self, place: &'a str) -> Answer<'a, Option<IssuerRecord>> {
        Box::pin(self.readers.issuer_at(place))
    }

    fn issuers<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<IssuerRecord>> {
        Box::pin(self.readers.issuers(after, limit))
    }

    fn issuers_changed(&self, after: u64, limit: usize) -> Answer<'_, Vec<IssuerRecord>> {
        Box::pin(self.readers.issuers_changed(after, limit))
    }

    fn create_issuer(&self, new: NewIssuer) -> Answer<'_, Option<IssuerRecord>> {
        Box::pin(async move {
            let made = self.issuers.create(&new).await?;
            if made.is_some() {
                self.hints.tell(&self.readers, &[Hint::Issuers]).await;
            }
            Ok(made)
        })
    }

    fn change_issuer(&self, revision: u64, record: IssuerRecord) -> Answer<'_, bool> {
        Box::pin(async move {
            let changed = self.issuers.change(revision, &record).await?;
            if changed {
                self.hints.tell(&self.readers, &[Hint::Issuers]).await;
            }
            Ok(changed)
        })
    }

    fn commit_issuer(
        &self,
        work: IssuerWork,
        beside: IssuerId,
        commit: Commit,
    ) -> Answer<'_, IssuerDone> {
        Box::pin(async move {
            let mut hints = Hint::of(beside, &commit);
            hints.push(Hint::Issuers);
            let rows = Rows::of(beside, commit)?;
            let done = self.issuers.with_commit(&work, &rows).await?;
            if let IssuerDone::Done(_) = &done {
                self.hints.tell(&self.readers, &hints).await;
            }
            Ok(done)
        })
    }

    fn erase_issuer(&self, issuer: IssuerId, limit: usize) -> Answer<'_, u64> {
        Box::pin(self.background.erase(issuer, limit))
    }

    fn keys_changed(&self, since: Timestamp, after: Option<IssuerId>) -> Answer<'_, Vec<IssuerId>> {
        Box::pin(self.readers.keys_changed(since, after))
    }

    fn due_issuers(
        &self,
        now: Timestamp,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Answer<'_, Vec<IssuerId>> {
        Box::pin(self.readers.due_issuers(now, after, limit))
    }

    fn directory(&self, issuer: IssuerId) -> Answer<'_, Directory> {
        Box::pin(self.readers.directory(issuer))
    }

    fn admin_record<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        id: &'a str,
    ) -> Answer<'a, Option<AdminRecord>> {
        Box::pin(self.readers.admin_record(issuer, kind, id))
    }

    fn admin_records<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<AdminRecord>> {
        Box::pin(self.readers.admin_records(issuer, kind, after, limit))
    }

    fn audit_after(
        &self,
        issuer: IssuerId,
        after: u64,
        limit: usize,
    ) -> Answer<'_, Vec<AuditRecord>> {
        Box::pin(self.readers.audit_after(issuer, after, limit))
    }

    fn audit_before(
        &self,
        issuer: IssuerId,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<AuditRecord>> {
        Box::pin(self.readers.audit_before(issuer, before, limit))
    }

    fn tallies(&self, issuer: IssuerId, from: Day, to: Day) -> Answer<'_, Vec<(Day, String, u64)>> {
        Box::pin(self.readers.tallies(issuer, from, to))
    }

    fn count_active(&self, issuer: IssuerId, period: Bucket) -> Answer<'_, u64> {
        Box::pin(self.readers.count_active(issuer, period))
    }

    fn count_sessions(&self, issuer: IssuerId, from: Bucket) -> Answer<'_, u64> {
        Box::pin(self.readers.count_sessions(issuer, from))
    }

    fn root(&self, issuer: IssuerId) -> Answer<'_, Option<RootRecord>> {
        Box::pin(self.readers.root(issuer))
    }

    fn issuer_numbers(
        &self,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Answer<'_, Vec<(IssuerId, String)>> {
        Box::pin(self.readers.issuer_numbers(after, limit))
    }

    fn forget_issued(&self, issuer: IssuerId, limit: usize) -> Answer<'_, u64> {
        Box::pin(self.background.forget_issued(issuer, limit))
    }

    fn commit(&self, issuer: IssuerId, commit: Commit) -> Answer<'_, Committed> {
        Box::pin(async move {
            if commit.spends.is_empty() && commit.writes.is_empty() {
                return Ok(Committed::Done);
            }
            let hints = Hint::of(issuer, &commit);
            let rows = Rows::of(issuer, commit)?;
            let (reply, outcome) = oneshot::channel();
            self.queue.push(Job {
                rows,
                reply,
                since: Instant::now(),
            });
            let done = outcome.await.unwrap_or_else(|_| {
                Err(StoreError::unavailable("the tasks that commit have ended"))
            })?;
            if done == Committed::Done && !hints.is_empty() {
                self.hints.tell(&self.readers, &hints).await;
            }
            Ok(done)
        })
    }

    fn purge(&self, below: Bucket, limit: usize) -> Answer<'_, u64> {
        Box::pin(self.background.purge(below, limit))
    }

    fn hint(&self) -> BoxFuture<'_, Hint> {
        Box::pin(self.hints.next())
    }

    fn clock(&self) -> Answer<'_, Option<Timestamp>> {
        Box::pin(
            self.readers
                .one(sql::CLOCK, &[], |row| int(row, 0).map(Timestamp)),
        )
    }

    fn ready(&self) -> Answer<'_, ()> {
        Box::pin(self.readers.alive())
    }
}

/// How often a number is tried for an issuer when others take numbers at the same time.
const MOST_TRIES: u32 = 100;
