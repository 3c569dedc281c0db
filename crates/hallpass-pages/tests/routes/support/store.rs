//! The memory store, counting what is written.

use std::sync::atomic::{AtomicUsize, Ordering};

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
    MemoryStore, NewIssuer, Page, RootRecord, Standing, Store, StoreError, UserRecord,
};
use hallpass_types::{
    Bucket, ClientId, Code, ContentDigest, Delivery, GrantId, IssuerId, Key, Session, Subject,
    Timestamp, TokenId, Waiting,
};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

#[derive(Default)]
pub(crate) struct Counting {
    inner: MemoryStore,
    commits: AtomicUsize,
}

impl Counting {
    pub(crate) fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }
}

macro_rules! pass {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)+) => {$(
        fn $name<'a>(&'a self, $($arg: $kind),*) -> Answer<'a, $answer> {
            self.inner.$name($($arg),*)
        }
    )+};
}

impl Store for Counting {
    pass! {
        client(issuer: IssuerId, id: &'a ClientId) -> Option<ClientRecord>;
        clients(issuer: IssuerId, after: Option<&'a str>, limit: usize) -> Page<ClientRecord>;
        count_registered_clients(issuer: IssuerId) -> u64;
        count_clients_of_software(issuer: IssuerId, software: [u8; 32]) -> u64;
        folded_client(issuer: IssuerId, fold: [u8; 32]) -> Option<ClientId>;
        idle_clients(issuer: IssuerId, before: Day, limit: usize) -> Vec<ClientId>;
        initial_access(issuer: IssuerId, digest: ContentDigest) -> Option<InitialAccessRecord>;
        initial_accesses(issuer: IssuerId) -> Vec<(ContentDigest, InitialAccessRecord)>;
        code(issuer: IssuerId, key: Key<Code>) -> Option<FoundCode>;
        waiting(issuer: IssuerId, key: Key<Waiting>) -> Option<FoundWaiting>;
        grant(issuer: IssuerId, id: GrantId) -> Option<FoundGrant>;
        standing(issuer: IssuerId, grant: Option<GrantId>, token: TokenId, expires_at: Timestamp) -> Standing;
        session(issuer: IssuerId, key: Key<Session>) -> Option<SessionRecord>;
        consent(issuer: IssuerId, subject: &'a Subject, client: &'a ClientId) -> Option<ConsentRecord>;
        user_by_name(issuer: IssuerId, username_key: &'a str) -> Option<UserRecord>;
        user(issuer: IssuerId, subject: &'a Subject) -> Option<UserRecord>;
        users(issuer: IssuerId, after: Option<&'a str>, limit: usize) -> Page<UserRecord>;
        credentials(issuer: IssuerId, subject: &'a Subject) -> Vec<CredentialRecord>;
        credential_by_lookup(issuer: IssuerId, lookup: ContentDigest) -> Option<CredentialRecord>;
        directory(issuer: IssuerId) -> Directory;
        admin_record(issuer: IssuerId, kind: AdminKind, id: &'a str) -> Option<AdminRecord>;
        admin_records(issuer: IssuerId, kind: AdminKind, after: Option<&'a str>, limit: usize) -> Page<AdminRecord>;
        audit_after(issuer: IssuerId, after: u64, limit: usize) -> Vec<AuditRecord>;
        audit_before(issuer: IssuerId, before: Option<u64>, limit: usize) -> Vec<AuditRecord>;
        tallies(issuer: IssuerId, from: Day, to: Day) -> Vec<(Day, String, u64)>;
        count_active(issuer: IssuerId, period: Bucket) -> u64;
        root(issuer: IssuerId) -> Option<RootRecord>;
        issuer_numbers(after: Option<IssuerId>, limit: usize) -> Vec<(IssuerId, String)>;
        forget_issued(issuer: IssuerId, limit: usize) -> u64;
        signing_keys(issuer: IssuerId) -> Vec<KeyRecord>;
        participants(issuer: IssuerId, session: Key<Session>) -> Vec<ParticipantRecord>;
        participating(issuer: IssuerId, session: Key<Session>) -> Vec<ParticipantRecord>;
        account_sessions(issuer: IssuerId, subject: &'a Subject) -> Vec<(Key<Session>, SessionRecord)>;
        consents_of(issuer: IssuerId, subject: &'a Subject) -> Vec<(ClientId, ConsentRecord)>;
        activity_of(issuer: IssuerId, subject: &'a Subject, limit: usize) -> Vec<ActivityRecord>;
        activity_before(issuer: IssuerId, before: Option<ActivityPlace>, limit: usize) -> Vec<(ActivityPlace, ActivityRecord)>;
        sessions_of(issuer: IssuerId, subject: &'a Subject) -> Vec<Key<Session>>;
        due_deliveries(issuer: IssuerId, now: Timestamp, limit: usize) -> Vec<(Key<Delivery>, DeliveryRecord)>;
        issuer(identifier: &'a str) -> IssuerId;
        issuer_named(name: &'a str) -> Option<IssuerRecord>;
        issuer_at(place: &'a str) -> Option<IssuerRecord>;
        issuers(after: Option<&'a str>, limit: usize) -> Page<IssuerRecord>;
        issuers_changed(after: u64, limit: usize) -> Vec<IssuerRecord>;
        create_issuer(new: NewIssuer) -> Option<IssuerRecord>;
        change_issuer(revision: u64, record: IssuerRecord) -> bool;
        commit_issuer(work: IssuerWork, beside: IssuerId, commit: Commit) -> IssuerDone;
        erase_issuer(issuer: IssuerId, limit: usize) -> u64;
        due_issuers(now: Timestamp, after: Option<IssuerId>, limit: usize) -> Vec<IssuerId>;
        purge(below: Bucket, limit: usize) -> u64;
        clock() -> Option<Timestamp>;
        ready() -> ();
    }

    fn commit(&self, issuer: IssuerId, commit: Commit) -> Answer<'_, Committed> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.inner.commit(issuer, commit)
    }
}
