//! The store.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

use hallpass_core::{
    access::Directory,
    client::ClientRecord,
    record::{
        ActivityRecord, ConsentRecord, DeliveryRecord, FoundCode, FoundGrant, FoundWaiting,
        ParticipantRecord, SessionRecord,
    },
};
use hallpass_store::migration::Migration;
use hallpass_store::{
    ActivityPlace, AdminKind, AdminRecord, AuditRecord, BoxFuture, CodeWithUser, Commit, Committed,
    CredentialRecord, Day, InitialAccessRecord, IssuerDone, IssuerRecord, IssuerWork, KeyRecord,
    NewIssuer, Page, RootRecord, SessionWithUser, Spend, Standing, Store, StoreError, UserRecord,
};
use hallpass_types::{
    Bucket, ClientId, Code, ContentDigest, Delivery, GrantId, IssuerId, Key, Session, Subject,
    Timestamp, TokenId, Waiting,
};
use rusqlite::Connection;

use crate::{
    Options, Stats, admin, check, connection, credentials, issuers, migration, people,
    purge::{forget_issued, purge},
    read::{self, ReadError, Readers},
    roots, together,
    work::{Outcome, Work},
    writer::Writer,
};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A database file. Dropping it finishes what was queued and closes the file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    // Closed first, so that the connection that writes is the last and can fold the log into the database.
    readers: Readers,
    writer: Writer,
    stats: Arc<Stats>,
}

impl SqliteStore {
    /// Opens a database, creating and migrating it where needed (and allowed). Its folder must exist. A new file
    /// can be read and written by its owner alone.
    ///
    /// # Errors
    /// [`StoreError::Version`] when a newer program made it, or an older one and the options forbid migrating;
    /// [`StoreError::Corrupt`] when it is damaged or something else; [`StoreError::Unavailable`] when the file
    /// cannot be opened or written.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let _one = connection::OPENING
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        connection::create(&path)?;
        let mut db = connection::writer(&path, &options)?;
        if options.migrate {
            for step in migration::migrate(&mut db, migration::ALL)? {
                tracing::info!(
                    migration = step.name,
                    "store.migrated: the schema has changed"
                );
            }
        } else {
            migration::demand_none(&db)?;
        }
        let readers = Readers::open(path.clone(), options.clone())?;
        let stats = Arc::new(Stats::default());
        let writer = Writer::start(path.clone(), options, db, stats.clone())?;
        Ok(Self {
            path,
            readers,
            writer,
            stats,
        })
    }

    /// Brings a database to this program's schema; answers the steps. A dry run only tells them.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn migrate(
        path: impl AsRef<Path>,
        dry_run: bool,
    ) -> Result<Vec<&'static Migration>, StoreError> {
        let (path, options) = (path.as_ref(), Options::default());
        let _one = connection::OPENING
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if dry_run {
            if !path.try_exists().map_err(connection::unavailable)? {
                return Ok(migration::ALL.iter().collect());
            }
            let db = connection::reader(path, &options)?;
            return migration::pending(&db, migration::ALL).map(|steps| steps.iter().collect());
        }
        connection::create(path)?;
        migration::migrate(&mut connection::writer(path, &options)?, migration::ALL)
    }

    /// Reads the whole database and answers what is wrong with it, in sentences; nothing when it is sound. This
    /// takes as long as reading the file does, on the calling thread.
    ///
    /// # Errors
    /// [`StoreError`] when the check itself cannot be made.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        check::check(&connection::reader(&self.path, &Options::default())?)
    }

    /// How it is doing.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        self.stats.clone()
    }

    fn read<'a, T: Send + 'a>(
        &'a self,
        question: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(async move { self.readers.ask(question) })
    }

    async fn number(&self, work: Work) -> Result<u64, StoreError> {
        match self.writer.submit(work).await? {
            Outcome::Number(number) => Ok(number),
            Outcome::Committed(_) | Outcome::Issuer(_) | Outcome::IssuerDone(_) => {
                Err(other_outcome())
            }
        }
    }
}

/// A delivery that cannot be read is looked at again after so many seconds.
const UNREADABLE: i64 = 3600;

impl Store for SqliteStore {
    fn client<'a>(
        &'a self,
        issuer: IssuerId,
        id: &'a ClientId,
    ) -> Answer<'a, Option<ClientRecord>> {
        self.read(move |db| read::client(db, issuer, id))
    }

    fn clients<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<ClientRecord>> {
        self.read(move |db| read::clients(db, issuer, after, limit))
    }

    fn count_registered_clients(&self, issuer: IssuerId) -> Answer<'_, u64> {
        self.read(move |db| read::count_registered_clients(db, issuer))
    }

    fn count_clients_of_software(&self, issuer: IssuerId, software: [u8; 32]) -> Answer<'_, u64> {
        self.read(move |db| read::count_clients_of_software(db, issuer, software))
    }

    fn folded_client(&self, issuer: IssuerId, fold: [u8; 32]) -> Answer<'_, Option<ClientId>> {
        self.read(move |db| read::folded_client(db, issuer, fold))
    }

    fn idle_clients(
        &self,
        issuer: IssuerId,
        before: Day,
        limit: usize,
    ) -> Answer<'_, Vec<ClientId>> {
        self.read(move |db| read::idle_clients(db, issuer, before, limit))
    }

    fn initial_access(
        &self,
        issuer: IssuerId,
        digest: ContentDigest,
    ) -> Answer<'_, Option<InitialAccessRecord>> {
        self.read(move |db| read::initial_access(db, issuer, digest))
    }

    fn initial_accesses(
        &self,
        issuer: IssuerId,
        after: Option<ContentDigest>,
        limit: usize,
    ) -> Answer<'_, Vec<(ContentDigest, InitialAccessRecord)>> {
        self.read(move |db| read::initial_accesses(db, issuer, after, limit))
    }

    fn code(&self, issuer: IssuerId, key: Key<Code>) -> Answer<'_, Option<FoundCode>> {
        self.read(move |db| read::code(db, issuer, key))
    }

    fn waiting(&self, issuer: IssuerId, key: Key<Waiting>) -> Answer<'_, Option<FoundWaiting>> {
        self.read(move |db| read::waiting(db, issuer, key))
    }

    fn grant(&self, issuer: IssuerId, id: GrantId) -> Answer<'_, Option<FoundGrant>> {
        self.read(move |db| read::grant(db, issuer, id))
    }

    fn standing(
        &self,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Answer<'_, Standing> {
        self.read(move |db| read::standing(db, issuer, grant, token, expires_at))
    }

    fn code_with_user(&self, issuer: IssuerId, key: Key<Code>) -> Answer<'_, Option<CodeWithUser>> {
        self.read(move |db| together::code(db, issuer, key))
    }

    fn standing_with_user(
        &self,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Answer<'_, (Standing, Option<UserRecord>)> {
        self.read(move |db| together::standing(db, issuer, grant, token, expires_at))
    }

    fn session_with_user<'a>(
        &'a self,
        issuer: IssuerId,
        key: Key<Session>,
        client: Option<&'a ClientId>,
    ) -> Answer<'a, Option<SessionWithUser>> {
        self.read(move |db| together::session(db, issuer, key, client))
    }

    fn session(&self, issuer: IssuerId, key: Key<Session>) -> Answer<'_, Option<SessionRecord>> {
        self.read(move |db| people::session(db, issuer, key))
    }

    fn consent<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        client: &'a ClientId,
    ) -> Answer<'a, Option<ConsentRecord>> {
        self.read(move |db| read::consent(db, issuer, subject, client))
    }

    fn user_by_name<'a>(
        &'a self,
        issuer: IssuerId,
        username_key: &'a str,
    ) -> Answer<'a, Option<UserRecord>> {
        self.read(move |db| read::user_by_name(db, issuer, username_key))
    }

    fn user<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Option<UserRecord>> {
        self.read(move |db| read::user(db, issuer, subject))
    }

    fn users<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<UserRecord>> {
        self.read(move |db| read::users(db, issuer, after, limit))
    }

    fn credentials<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<CredentialRecord>> {
        self.read(move |db| credentials::credentials(db, issuer, subject))
    }

    fn credential_by_lookup(
        &self,
        issuer: IssuerId,
        lookup: ContentDigest,
    ) -> Answer<'_, Option<CredentialRecord>> {
        self.read(move |db| credentials::by_lookup(db, issuer, lookup))
    }

    fn directory(&self, issuer: IssuerId) -> Answer<'_, Directory> {
        self.read(move |db| roots::directory(db, issuer))
    }

    fn admin_record<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        id: &'a str,
    ) -> Answer<'a, Option<AdminRecord>> {
        self.read(move |db| admin::record(db, issuer, kind, id))
    }

    fn admin_records<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<AdminRecord>> {
        self.read(move |db| admin::records(db, issuer, kind, after, limit))
    }

    fn audit_after(
        &self,
        issuer: IssuerId,
        after: u64,
        limit: usize,
    ) -> Answer<'_, Vec<AuditRecord>> {
        self.read(move |db| admin::audit_after(db, issuer, after, limit))
    }

    fn audit_before(
        &self,
        issuer: IssuerId,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<AuditRecord>> {
        self.read(move |db| admin::audit_before(db, issuer, before, limit))
    }

    fn tallies(&self, issuer: IssuerId, from: Day, to: Day) -> Answer<'_, Vec<(Day, String, u64)>> {
        self.read(move |db| admin::tallies(db, issuer, from, to))
    }

    fn count_active(&self, issuer: IssuerId, period: Bucket) -> Answer<'_, u64> {
        self.read(move |db| admin::count_active(db, issuer, period))
    }

    fn count_sessions(&self, issuer: IssuerId, from: Bucket) -> Answer<'_, u64> {
        self.read(move |db| people::count_sessions(db, issuer, from))
    }

    fn root(&self, issuer: IssuerId) -> Answer<'_, Option<RootRecord>> {
        self.read(move |db| roots::root(db, issuer))
    }

    fn issuer_numbers(
        &self,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Answer<'_, Vec<(IssuerId, String)>> {
        self.read(move |db| roots::numbers(db, after, limit))
    }

    fn signing_keys(&self, issuer: IssuerId) -> Answer<'_, Vec<KeyRecord>> {
        self.read(move |db| read::signing_keys(db, issuer))
    }

    fn participants<'a>(
        &'a self,
        issuer: IssuerId,
        session: Key<Session>,
        client: &'a ClientId,
    ) -> Answer<'a, Vec<ParticipantRecord>> {
        self.read(move |db| people::participants(db, issuer, session, client))
    }

    fn participating<'a>(
        &'a self,
        issuer: IssuerId,
        session: Key<Session>,
        after: Option<&'a ClientId>,
    ) -> Answer<'a, Vec<ParticipantRecord>> {
        self.read(move |db| people::participating(db, issuer, session, after))
    }

    fn sessions_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<Key<Session>>> {
        self.read(move |db| read::sessions_of(db, issuer, subject))
    }

    fn account_sessions<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<(Key<Session>, SessionRecord)>> {
        self.read(move |db| people::account_sessions(db, issuer, subject))
    }

    fn consents_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<(ClientId, ConsentRecord)>> {
        self.read(move |db| people::consents_of(db, issuer, subject))
    }

    fn activity_before(
        &self,
        issuer: IssuerId,
        before: Option<ActivityPlace>,
        limit: usize,
    ) -> Answer<'_, Vec<(ActivityPlace, ActivityRecord)>> {
        self.read(move |db| people::activity_before(db, issuer, before, limit))
    }

    fn activity_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        limit: usize,
    ) -> Answer<'a, Vec<ActivityRecord>> {
        self.read(move |db| people::activity_of(db, issuer, subject, limit))
    }

    fn due_deliveries(
        &self,
        issuer: IssuerId,
        now: Timestamp,
        limit: usize,
    ) -> Answer<'_, Vec<(Key<Delivery>, DeliveryRecord)>> {
        Box::pin(async move {
            loop {
                let due = self
                    .readers
                    .ask(|db| read::due_deliveries(db, issuer, now, limit))?;
                if due.unreadable.is_empty() {
                    return Ok(due.readable);
                }
                // They would stand before all others for ever. Somebody may mend them until they expire.
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
                if !due.readable.is_empty() {
                    return Ok(due.readable);
                }
            }
        })
    }

    fn issuer<'a>(&'a self, identifier: &'a str) -> Answer<'a, IssuerId> {
        Box::pin(async move {
            if let Some(number) = self.readers.ask(|db| read::issuer(db, identifier))? {
                return Ok(number);
            }
            match self
                .writer
                .submit(Work::Issuer(identifier.to_owned()))
                .await?
            {
                Outcome::Number(number) => match u32::try_from(number) {
                    Ok(number) => Ok(IssuerId(number)),
                    Err(_) => Err(StoreError::corrupt("an issuer's number is too large")),
                },
                Outcome::Committed(_) | Outcome::Issuer(_) | Outcome::IssuerDone(_) => {
                    Err(other_outcome())
                }
            }
        })
    }

    fn issuer_named<'a>(&'a self, name: &'a str) -> Answer<'a, Option<IssuerRecord>> {
        self.read(move |db| issuers::named(db, name))
    }

    fn issuer_at<'a>(&'a self, place: &'a str) -> Answer<'a, Option<IssuerRecord>> {
        self.read(move |db| issuers::at(db, place))
    }

    fn issuers<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<IssuerRecord>> {
        self.read(move |db| issuers::page(db, after, limit))
    }

    fn issuers_changed(&self, after: u64, limit: usize) -> Answer<'_, Vec<IssuerRecord>> {
        self.read(move |db| issuers::changed(db, after, limit))
    }

    fn create_issuer(&self, new: NewIssuer) -> Answer<'_, Option<IssuerRecord>> {
        Box::pin(async move {
            match self
                .writer
                .submit(Work::CreateIssuer(Box::new(new)))
                .await?
            {
                Outcome::Issuer(made) => Ok(made.map(|made| *made)),
                Outcome::Committed(_) | Outcome::Number(_) | Outcome::IssuerDone(_) => {
                    Err(other_outcome())
                }
            }
        })
    }

    fn change_issuer(&self, revision: u64, record: IssuerRecord) -> Answer<'_, bool> {
        Box::pin(async move {
            let work = Work::ChangeIssuer(revision, Box::new(record));
            self.number(work).await.map(|rows| rows > 0)
        })
    }

    fn commit_issuer(
        &self,
        work: IssuerWork,
        beside: IssuerId,
        commit: Commit,
    ) -> Answer<'_, IssuerDone> {
        Box::pin(async move {
            let Work::Commit(beside, spends, writes) = Work::commit(beside, commit)? else {
                return Err(other_outcome());
            };
            let work = Work::CommitIssuer(Box::new(work), beside, spends, writes);
            match self.writer.submit(work).await? {
                Outcome::IssuerDone(done) => Ok(done),
                Outcome::Committed(_) | Outcome::Number(_) | Outcome::Issuer(_) => {
                    Err(other_outcome())
                }
            }
        })
    }

    fn erase_issuer(&self, issuer: IssuerId, limit: usize) -> Answer<'_, u64> {
        Box::pin(self.number(Work::EraseIssuer(issuer, limit)))
    }

    fn keys_changed(&self, since: Timestamp, after: Option<IssuerId>) -> Answer<'_, Vec<IssuerId>> {
        self.read(move |db| roots::keys_changed(db, since, after))
    }

    fn due_issuers(
        &self,
        now: Timestamp,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Answer<'_, Vec<IssuerId>> {
        self.read(move |db| issuers::due(db, now, after, limit))
    }

    fn commit(&self, issuer: IssuerId, commit: Commit) -> Answer<'_, Committed> {
        Box::pin(async move {
            // Encoded here, on the caller's thread.
            let work = Work::commit(issuer, commit)?;
            match self.writer.submit(work).await? {
                Outcome::Committed(committed) => Ok(committed),
                Outcome::Number(_) | Outcome::Issuer(_) | Outcome::IssuerDone(_) => {
                    Err(other_outcome())
                }
            }
        })
    }

    fn purge(&self, below: Bucket, limit: usize) -> Answer<'_, u64> {
        Box::pin(purge(&self.readers, &self.writer, below, limit))
    }

    fn forget_issued(&self, issuer: IssuerId, limit: usize) -> Answer<'_, u64> {
        Box::pin(forget_issued(&self.writer, issuer, limit))
    }

    fn ready(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.readers.ask(read::alive)?;
            if !self.writer.healthy() {
                self.writer.submit(Work::Probe).await?;
            }
            Ok(())
        })
    }
}

fn other_outcome() -> StoreError {
    StoreError::unavailable("the thread that writes answered something else")
}
