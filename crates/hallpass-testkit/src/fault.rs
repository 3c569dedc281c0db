//! A store that fails when it is told to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use hallpass_core::{
    access::Directory,
    client::ClientRecord,
    record::{
        ActivityRecord, ConsentRecord, DeliveryRecord, FoundCode, FoundGrant, FoundWaiting,
        ParticipantRecord, SessionRecord,
    },
};
use hallpass_store::{
    ActivityPlace, AdminKind, AdminRecord, AuditRecord, BoxFuture, Commit, Committed,
    CredentialRecord, Day, InitialAccessRecord, IssuerDone, IssuerRecord, IssuerWork, KeyRecord,
    NewIssuer, Page, RootRecord, Standing, Store, StoreError, UserRecord,
};
use hallpass_types::{
    Bucket, ClientId, Code, ContentDigest, Delivery, GrantId, IssuerId, Key, Session, Subject,
    Timestamp, TokenId, Waiting,
};

/// Passes everything on to another store until it is broken.
pub struct Breakable {
    store: Arc<dyn Store>,
    reads: AtomicBool,
    writes: AtomicBool,
}

impl std::fmt::Debug for Breakable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Breakable").finish_non_exhaustive()
    }
}

impl Breakable {
    /// Nothing is broken yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            store,
            reads: AtomicBool::new(false),
            writes: AtomicBool::new(false),
        })
    }

    /// From now on reads or writes fail, or they do not any more.
    pub fn set(&self, reads: bool, writes: bool) {
        self.reads.store(reads, Ordering::SeqCst);
        self.writes.store(writes, Ordering::SeqCst);
    }

    fn read<'a, T: 'a>(
        &self,
        answer: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        if self.reads.load(Ordering::SeqCst) {
            failure()
        } else {
            answer
        }
    }
}

/// The text must never reach a client.
fn failure<'a, T>() -> BoxFuture<'a, Result<T, StoreError>> {
    Box::pin(async { Err(StoreError::unavailable("zq: the disk /dev/zq is gone")) })
}

impl Store for Breakable {
    fn client<'a>(
        &'a self,
        issuer: IssuerId,
        id: &'a ClientId,
    ) -> BoxFuture<'a, Result<Option<ClientRecord>, StoreError>> {
        self.read(self.store.client(issuer, id))
    }

    fn clients<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<ClientRecord>, StoreError>> {
        self.read(self.store.clients(issuer, after, limit))
    }

    fn count_registered_clients(&self, issuer: IssuerId) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.read(self.store.count_registered_clients(issuer))
    }

    fn count_clients_of_software(
        &self,
        issuer: IssuerId,
        software: [u8; 32],
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.read(self.store.count_clients_of_software(issuer, software))
    }

    fn folded_client(
        &self,
        issuer: IssuerId,
        fold: [u8; 32],
    ) -> BoxFuture<'_, Result<Option<ClientId>, StoreError>> {
        self.read(self.store.folded_client(issuer, fold))
    }

    fn idle_clients(
        &self,
        issuer: IssuerId,
        before: Day,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<ClientId>, StoreError>> {
        self.read(self.store.idle_clients(issuer, before, limit))
    }

    fn initial_access(
        &self,
        issuer: IssuerId,
        digest: ContentDigest,
    ) -> BoxFuture<'_, Result<Option<InitialAccessRecord>, StoreError>> {
        self.read(self.store.initial_access(issuer, digest))
    }

    fn initial_accesses(
        &self,
        issuer: IssuerId,
    ) -> BoxFuture<'_, Result<Vec<(ContentDigest, InitialAccessRecord)>, StoreError>> {
        self.read(self.store.initial_accesses(issuer))
    }

    fn code(
        &self,
        issuer: IssuerId,
        key: Key<Code>,
    ) -> BoxFuture<'_, Result<Option<FoundCode>, StoreError>> {
        self.read(self.store.code(issuer, key))
    }

    fn waiting(
        &self,
        issuer: IssuerId,
        key: Key<Waiting>,
    ) -> BoxFuture<'_, Result<Option<FoundWaiting>, StoreError>> {
        self.read(self.store.waiting(issuer, key))
    }

    fn grant(
        &self,
        issuer: IssuerId,
        id: GrantId,
    ) -> BoxFuture<'_, Result<Option<FoundGrant>, StoreError>> {
        self.read(self.store.grant(issuer, id))
    }

    fn standing(
        &self,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> BoxFuture<'_, Result<Standing, StoreError>> {
        self.read(self.store.standing(issuer, grant, token, expires_at))
    }

    fn session(
        &self,
        issuer: IssuerId,
        key: Key<Session>,
    ) -> BoxFuture<'_, Result<Option<SessionRecord>, StoreError>> {
        self.read(self.store.session(issuer, key))
    }

    fn consent<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        client: &'a ClientId,
    ) -> BoxFuture<'a, Result<Option<ConsentRecord>, StoreError>> {
        self.read(self.store.consent(issuer, subject, client))
    }

    fn user_by_name<'a>(
        &'a self,
        issuer: IssuerId,
        username_key: &'a str,
    ) -> BoxFuture<'a, Result<Option<UserRecord>, StoreError>> {
        self.read(self.store.user_by_name(issuer, username_key))
    }

    fn user<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Option<UserRecord>, StoreError>> {
        self.read(self.store.user(issuer, subject))
    }

    fn users<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<UserRecord>, StoreError>> {
        self.read(self.store.users(issuer, after, limit))
    }

    fn credentials<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<CredentialRecord>, StoreError>> {
        self.read(self.store.credentials(issuer, subject))
    }

    fn credential_by_lookup(
        &self,
        issuer: IssuerId,
        lookup: ContentDigest,
    ) -> BoxFuture<'_, Result<Option<CredentialRecord>, StoreError>> {
        self.read(self.store.credential_by_lookup(issuer, lookup))
    }

    fn directory(&self, issuer: IssuerId) -> BoxFuture<'_, Result<Directory, StoreError>> {
        self.read(self.store.directory(issuer))
    }

    fn admin_record<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<AdminRecord>, StoreError>> {
        self.read(self.store.admin_record(issuer, kind, id))
    }

    fn admin_records<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<AdminRecord>, StoreError>> {
        self.read(self.store.admin_records(issuer, kind, after, limit))
    }

    fn audit_after(
        &self,
        issuer: IssuerId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<AuditRecord>, StoreError>> {
        self.read(self.store.audit_after(issuer, after, limit))
    }

    fn audit_before(
        &self,
        issuer: IssuerId,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<AuditRecord>, StoreError>> {
        self.read(self.store.audit_before(issuer, before, limit))
    }

    fn tallies(
        &self,
        issuer: IssuerId,
        from: Day,
        to: Day,
    ) -> BoxFuture<'_, Result<Vec<(Day, String, u64)>, StoreError>> {
        self.read(self.store.tallies(issuer, from, to))
    }

    fn count_active(
        &self,
        issuer: IssuerId,
        period: Bucket,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.read(self.store.count_active(issuer, period))
    }

    fn root(&self, issuer: IssuerId) -> BoxFuture<'_, Result<Option<RootRecord>, StoreError>> {
        self.read(self.store.root(issuer))
    }

    fn issuer_numbers(
        &self,
        after: Option<IssuerId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(IssuerId, String)>, StoreError>> {
        self.read(self.store.issuer_numbers(after, limit))
    }

    fn forget_issued(
        &self,
        issuer: IssuerId,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.store.forget_issued(issuer, limit)
    }

    fn signing_keys(&self, issuer: IssuerId) -> BoxFuture<'_, Result<Vec<KeyRecord>, StoreError>> {
        self.read(self.store.signing_keys(issuer))
    }

    fn participants(
        &self,
        issuer: IssuerId,
        session: Key<Session>,
    ) -> BoxFuture<'_, Result<Vec<ParticipantRecord>, StoreError>> {
        self.read(self.store.participants(issuer, session))
    }

    fn participating(
        &self,
        issuer: IssuerId,
        session: Key<Session>,
    ) -> BoxFuture<'_, Result<Vec<ParticipantRecord>, StoreError>> {
        self.read(self.store.participating(issuer, session))
    }

    fn sessions_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<Key<Session>>, StoreError>> {
        self.read(self.store.sessions_of(issuer, subject))
    }

    fn account_sessions<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<(Key<Session>, SessionRecord)>, StoreError>> {
        self.read(self.store.account_sessions(issuer, subject))
    }

    fn consents_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<(ClientId, ConsentRecord)>, StoreError>> {
        self.read(self.store.consents_of(issuer, subject))
    }

    fn activity_before(
        &self,
        issuer: IssuerId,
        before: Option<ActivityPlace>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(ActivityPlace, ActivityRecord)>, StoreError>> {
        self.read(self.store.activity_before(issuer, before, limit))
    }

    fn activity_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<ActivityRecord>, StoreError>> {
        self.read(self.store.activity_of(issuer, subject, limit))
    }

    fn due_deliveries(
        &self,
        issuer: IssuerId,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(Key<Delivery>, DeliveryRecord)>, StoreError>> {
        self.read(self.store.due_deliveries(issuer, now, limit))
    }

    fn issuer_named<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<IssuerRecord>, StoreError>> {
        self.read(self.store.issuer_named(name))
    }

    fn issuer_at<'a>(
        &'a self,
        place: &'a str,
    ) -> BoxFuture<'a, Result<Option<IssuerRecord>, StoreError>> {
        self.read(self.store.issuer_at(place))
    }

    fn issuers<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page<IssuerRecord>, StoreError>> {
        self.read(self.store.issuers(after, limit))
    }

    fn issuers_changed(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<IssuerRecord>, StoreError>> {
        self.read(self.store.issuers_changed(after, limit))
    }

    fn create_issuer(
        &self,
        new: NewIssuer,
    ) -> BoxFuture<'_, Result<Option<IssuerRecord>, StoreError>> {
        self.read(self.store.create_issuer(new))
    }

    fn commit_issuer(
        &self,
        work: IssuerWork,
        beside: IssuerId,
        commit: Commit,
    ) -> BoxFuture<'_, Result<IssuerDone, StoreError>> {
        if self.writes.load(Ordering::SeqCst) {
            failure()
        } else {
            self.store.commit_issuer(work, beside, commit)
        }
    }

    fn change_issuer(
        &self,
        revision: u64,
        record: IssuerRecord,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.read(self.store.change_issuer(revision, record))
    }

    fn erase_issuer(
        &self,
        issuer: IssuerId,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.read(self.store.erase_issuer(issuer, limit))
    }

    fn due_issuers(
        &self,
        now: Timestamp,
        after: Option<IssuerId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<IssuerId>, StoreError>> {
        self.read(self.store.due_issuers(now, after, limit))
    }

    fn issuer<'a>(&'a self, identifier: &'a str) -> BoxFuture<'a, Result<IssuerId, StoreError>> {
        self.read(self.store.issuer(identifier))
    }

    fn commit(
        &self,
        issuer: IssuerId,
        commit: Commit,
    ) -> BoxFuture<'_, Result<Committed, StoreError>> {
        if self.writes.load(Ordering::SeqCst) {
            failure()
        } else {
            self.store.commit(issuer, commit)
        }
    }

    fn purge(&self, below: Bucket, limit: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.store.purge(below, limit)
    }

    fn clock(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.read(self.store.clock())
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.read(self.store.ready())
    }
}
