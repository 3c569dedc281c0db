//! The in-memory store: everything is lost when the process ends. For tests and for trying things out.

mod credentials;
mod issuers;
mod page;
mod registrations;
mod tenant;

use std::{
    collections::BTreeMap,
    future::ready,
    sync::{Mutex, MutexGuard},
};

use hallpass_core::{
    access::Directory,
    client::ClientRecord,
    record::{
        ActivityRecord, ConsentRecord, DeliveryRecord, FoundCode, FoundGrant, FoundWaiting,
        ParticipantRecord, SessionRecord,
    },
};
use hallpass_types::{
    Bucket, ClientId, Code, ContentDigest, Delivery, GrantId, IssuerId, Key, Session, Subject,
    Timestamp, TokenId, Waiting,
};

use crate::{
    ActivityPlace, AdminKind, AdminRecord, AuditRecord, BoxFuture, Commit, Committed,
    CredentialRecord, Day, InitialAccessRecord, IssuerDone, IssuerRecord, IssuerWork, KeyRecord,
    MAX_PAGE, NewIssuer, Page, RootRecord, Standing, Store, StoreError, UserRecord,
};
use tenant::Tenant;

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A store in the memory of this process, bounded in the number of its records.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    numbers: BTreeMap<String, IssuerId>,
    tenants: BTreeMap<IssuerId, Tenant>,
    issuers: issuers::Issuers,
}

impl State {
    fn number(&mut self, identifier: &str, limit: usize) -> Result<IssuerId, StoreError> {
        if let Some(found) = self.numbers.get(identifier) {
            return Ok(*found);
        }
        if self.numbers.len() >= limit {
            return Err(full());
        }
        let next = u32::try_from(self.numbers.len().saturating_add(1)).map_err(|_| full())?;
        self.numbers.insert(identifier.to_owned(), IssuerId(next));
        Ok(IssuerId(next))
    }
}

impl MemoryStore {
    /// An empty store that holds at most a million records of each kind per issuer.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(1_000_000)
    }

    /// An empty store that holds at most `limit` records of each kind per issuer, and as many issuers. A commit
    /// that would exceed it ends in [`StoreError::Unavailable`].
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            limit,
        }
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        // A panic under the lock could have left half a commit behind.
        self.state
            .lock()
            .map_err(|_| StoreError::unavailable("the in-memory store is in an unknown state"))
    }

    /// Answers a question about one issuer. An issuer that nobody wrote to has nothing.
    fn read<'a, T: Send + 'a>(
        &'a self,
        issuer: IssuerId,
        question: impl FnOnce(&Tenant) -> T,
    ) -> Answer<'a, T> {
        let answer = self.lock().map(|state| match state.tenants.get(&issuer) {
            Some(tenant) => question(tenant),
            None => question(&Tenant::default()),
        });
        Box::pin(ready(answer))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn client<'a>(
        &'a self,
        issuer: IssuerId,
        id: &'a ClientId,
    ) -> Answer<'a, Option<ClientRecord>> {
        self.read(issuer, |t| t.client(id))
    }

    fn clients<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<ClientRecord>> {
        self.read(issuer, |t| t.clients(after, limit))
    }

    fn count_registered_clients(&self, issuer: IssuerId) -> Answer<'_, u64> {
        self.read(issuer, Tenant::count_registered_clients)
    }

    fn count_clients_of_software(&self, issuer: IssuerId, software: [u8; 32]) -> Answer<'_, u64> {
        self.read(issuer, move |t| t.registrations.of_software(&software))
    }

    fn folded_client(&self, issuer: IssuerId, fold: [u8; 32]) -> Answer<'_, Option<ClientId>> {
        self.read(issuer, move |t| t.registrations.folded(&fold))
    }

    fn idle_clients(
        &self,
        issuer: IssuerId,
        before: Day,
        limit: usize,
    ) -> Answer<'_, Vec<ClientId>> {
        self.read(issuer, move |t| t.registrations.idle(before, limit))
    }

    fn initial_access(
        &self,
        issuer: IssuerId,
        digest: ContentDigest,
    ) -> Answer<'_, Option<InitialAccessRecord>> {
        self.read(issuer, move |t| t.registrations.access(digest))
    }

    fn initial_accesses(
        &self,
        issuer: IssuerId,
        after: Option<ContentDigest>,
        limit: usize,
    ) -> Answer<'_, Vec<(ContentDigest, InitialAccessRecord)>> {
        self.read(issuer, move |t| t.registrations.accesses(after, limit))
    }

    fn code(&self, issuer: IssuerId, key: Key<Code>) -> Answer<'_, Option<FoundCode>> {
        self.read(issuer, |t| t.code(key))
    }

    fn waiting(&self, issuer: IssuerId, key: Key<Waiting>) -> Answer<'_, Option<FoundWaiting>> {
        self.read(issuer, |t| t.waiting(key))
    }

    fn grant(&self, issuer: IssuerId, id: GrantId) -> Answer<'_, Option<FoundGrant>> {
        self.read(issuer, |t| t.grant(id))
    }

    fn standing(
        &self,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Answer<'_, Standing> {
        self.read(issuer, |t| t.standing(grant, token, expires_at))
    }

    fn session(&self, issuer: IssuerId, key: Key<Session>) -> Answer<'_, Option<SessionRecord>> {
        self.read(issuer, |t| t.session(key))
    }

    fn consent<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        client: &'a ClientId,
    ) -> Answer<'a, Option<ConsentRecord>> {
        self.read(issuer, |t| t.consent(subject, client))
    }

    fn user_by_name<'a>(
        &'a self,
        issuer: IssuerId,
        username_key: &'a str,
    ) -> Answer<'a, Option<UserRecord>> {
        self.read(issuer, |t| t.user_by_name(username_key))
    }

    fn user<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Option<UserRecord>> {
        self.read(issuer, |t| t.user(subject))
    }

    fn users<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<UserRecord>> {
        self.read(issuer, |t| t.users(after, limit))
    }

    fn credentials<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<CredentialRecord>> {
        self.read(issuer, |t| t.credentials.of(subject))
    }

    fn credential_by_lookup(
        &self,
        issuer: IssuerId,
        lookup: ContentDigest,
    ) -> Answer<'_, Option<CredentialRecord>> {
        self.read(issuer, move |t| t.credentials.by_lookup(lookup))
    }

    fn directory(&self, issuer: IssuerId) -> Answer<'_, Directory> {
        self.read(issuer, Tenant::directory)
    }

    fn admin_record<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        id: &'a str,
    ) -> Answer<'a, Option<AdminRecord>> {
        self.read(issuer, move |t| t.administration.record(kind, id))
    }

    fn admin_records<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<AdminRecord>> {
        self.read(issuer, move |t| {
            t.administration.records(kind, after, limit)
        })
    }

    fn audit_after(
        &self,
        issuer: IssuerId,
        after: u64,
        limit: usize,
    ) -> Answer<'_, Vec<AuditRecord>> {
        self.read(issuer, move |t| t.administration.audit_after(after, limit))
    }

    fn audit_before(
        &self,
        issuer: IssuerId,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<AuditRecord>> {
        self.read(issuer, move |t| {
            t.administration.audit_before(before, limit)
        })
    }

    fn tallies(&self, issuer: IssuerId, from: Day, to: Day) -> Answer<'_, Vec<(Day, String, u64)>> {
        self.read(issuer, move |t| t.administration.tallies(from, to))
    }

    fn count_active(&self, issuer: IssuerId, period: Bucket) -> Answer<'_, u64> {
        self.read(issuer, move |t| t.administration.count_active(period))
    }

    fn count_sessions(&self, issuer: IssuerId, from: Bucket) -> Answer<'_, u64> {
        self.read(issuer, move |t| t.count_sessions(from))
    }

    fn root(&self, issuer: IssuerId) -> Answer<'_, Option<RootRecord>> {
        self.read(issuer, Tenant::root)
    }

    fn issuer_numbers(
        &self,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Answer<'_, Vec<(IssuerId, String)>> {
        let found = self.lock().map(|state| {
            let names = state.numbers.iter();
            let mut all: Vec<_> = names
                .filter(|(_, number)| after.is_none_or(|after| **number > after))
                .map(|(name, number)| (*number, name.clone()))
                .collect();
            all.sort_unstable();
            all.truncate(limit.clamp(1, MAX_PAGE));
            all
        });
        Box::pin(ready(found))
    }

    fn signing_keys(&self, issuer: IssuerId) -> Answer<'_, Vec<KeyRecord>> {
        self.read(issuer, Tenant::signing_keys)
    }

    fn participants<'a>(
        &'a self,
        issuer: IssuerId,
        session: Key<Session>,
        client: &'a ClientId,
    ) -> Answer<'a, Vec<ParticipantRecord>> {
        self.read(issuer, |t| t.participants(session, client))
    }

    fn participating<'a>(
        &'a self,
        issuer: IssuerId,
        session: Key<Session>,
        after: Option<&'a ClientId>,
    ) -> Answer<'a, Vec<ParticipantRecord>> {
        self.read(issuer, |t| t.participating(session, after))
    }

    fn sessions_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<Key<Session>>> {
        self.read(issuer, |t| t.sessions_of(subject))
    }

    fn account_sessions<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<(Key<Session>, SessionRecord)>> {
        self.read(issuer, |t| t.account_sessions(subject))
    }

    fn consents_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<(ClientId, ConsentRecord)>> {
        self.read(issuer, |t| t.consents_of(subject))
    }

    fn activity_before(
        &self,
        issuer: IssuerId,
        before: Option<ActivityPlace>,
        limit: usize,
    ) -> Answer<'_, Vec<(ActivityPlace, ActivityRecord)>> {
        self.read(issuer, move |t| t.activity_before(before, limit))
    }

    fn activity_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        limit: usize,
    ) -> Answer<'a, Vec<ActivityRecord>> {
        self.read(issuer, move |t| t.activity_of(subject, limit))
    }

    fn due_deliveries(
        &self,
        issuer: IssuerId,
        now: Timestamp,
        limit: usize,
    ) -> Answer<'_, Vec<(Key<Delivery>, DeliveryRecord)>> {
        self.read(issuer, |t| t.due_deliveries(now, limit))
    }

    fn issuer<'a>(&'a self, identifier: &'a str) -> Answer<'a, IssuerId> {
        let number = |mut state: MutexGuard<'_, State>| state.number(identifier, self.limit);
        Box::pin(ready(self.lock().and_then(number)))
    }

    fn issuer_named<'a>(&'a self, name: &'a str) -> Answer<'a, Option<IssuerRecord>> {
        Box::pin(ready(self.lock().map(|state| state.issuers.named(name))))
    }

    fn issuer_at<'a>(&'a self, place: &'a str) -> Answer<'a, Option<IssuerRecord>> {
        Box::pin(ready(self.lock().map(|state| state.issuers.at(place))))
    }

    fn issuers<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<IssuerRecord>> {
        let page = self.lock().map(|state| state.issuers.page(after, limit));
        Box::pin(ready(page))
    }

    fn issuers_changed(&self, after: u64, limit: usize) -> Answer<'_, Vec<IssuerRecord>> {
        let changed = self.lock().map(|state| state.issuers.changed(after, limit));
        Box::pin(ready(changed))
    }

    fn create_issuer(&self, new: NewIssuer) -> Answer<'_, Option<IssuerRecord>> {
        Box::pin(async move { self.lock()?.create_issuer(new, self.limit) })
    }

    fn commit_issuer(
        &self,
        work: IssuerWork,
        beside: IssuerId,
        commit: Commit,
    ) -> Answer<'_, IssuerDone> {
        Box::pin(async move { self.lock()?.commit_issuer(work, beside, commit, self.limit) })
    }

    fn change_issuer(&self, revision: u64, record: IssuerRecord) -> Answer<'_, bool> {
        Box::pin(async move { Ok(self.lock()?.change_issuer(revision, record)) })
    }

    fn erase_issuer(&self, issuer: IssuerId, limit: usize) -> Answer<'_, u64> {
        Box::pin(async move { Ok(self.lock()?.erase_issuer(issuer, limit)) })
    }

    fn keys_changed(&self, since: Timestamp, after: Option<IssuerId>) -> Answer<'_, Vec<IssuerId>> {
        let changed = self.lock().map(|state| state.keys_changed(since, after));
        Box::pin(ready(changed))
    }

    fn due_issuers(
        &self,
        now: Timestamp,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Answer<'_, Vec<IssuerId>> {
        let due = self
            .lock()
            .map(|state| state.due_issuers(now, after, limit));
        Box::pin(ready(due))
    }

    fn commit(&self, issuer: IssuerId, commit: Commit) -> Answer<'_, Committed> {
        // Inside the future: nothing happens before it is polled.
        Box::pin(async move {
            let mut state = self.lock()?;
            state
                .tenants
                .entry(issuer)
                .or_default()
                .commit(commit, self.limit)
        })
    }

    fn purge(&self, below: Bucket, limit: usize) -> Answer<'_, u64> {
        Box::pin(async move {
            let mut left = limit;
            for tenant in self.lock()?.tenants.values_mut() {
                tenant.purge(below, &mut left);
            }
            Ok(limit.saturating_sub(left) as u64)
        })
    }

    fn forget_issued(&self, issuer: IssuerId, limit: usize) -> Answer<'_, u64> {
        Box::pin(async move {
            let mut left = limit;
            if let Some(tenant) = self.lock()?.tenants.get_mut(&issuer) {
                tenant.purge(Bucket(u32::MAX), &mut left);
                tenant.registrations.forget_access(&mut left);
            }
            Ok(limit.saturating_sub(left) as u64)
        })
    }

    fn ready(&self) -> Answer<'_, ()> {
        Box::pin(ready(self.lock().map(drop)))
    }
}

fn full() -> StoreError {
    StoreError::unavailable("the in-memory store is full")
}
