//! Stores that ask another store, with something of their own around every question.

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
    ActivityPlace, AdminKind, AdminRecord, AuditRecord, BoxFuture, CodeWithUser, Commit, Committed,
    CredentialRecord, Day, Hint, InitialAccessRecord, IssuerDone, IssuerRecord, IssuerWork,
    KeyRecord, NewIssuer, Page, RootRecord, SessionWithUser, Standing, Store, StoreError,
    UserRecord,
};

/// What a question to a store is answered with.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A store that asks another one. Whoever implements this is a [`Store`].
pub trait Around: Send + Sync + 'static {
    /// The one that is asked.
    fn inner(&self) -> &dyn Store;

    /// Asks, or does something else. `ask` is the question, which begins when it is called.
    fn around<'a, T: Send + 'a>(
        &'a self,
        verb: Verb,
        ask: impl FnOnce() -> Answer<'a, T>,
    ) -> Answer<'a, T>;
}

macro_rules! verbs {
    ($($kind:ident $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)+) => {
        /// The questions to a [`Store`], each named as its method.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Verb {
            $(
                #[doc = concat!("[`Store::", stringify!($name), "`].")]
                $kind,
            )+
        }

        impl Verb {
            /// The name of the method.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($name),)+
                }
            }
        }

        impl<S: Around> Store for S {
            // It waits for others, and asks nothing.
            fn hint(&self) -> BoxFuture<'_, Hint> {
                self.inner().hint()
            }

            $(
                fn $name<'a>(&'a self, $($arg: $type),*) -> Answer<'a, $answer> {
                    self.around(Verb::$kind, || self.inner().$name($($arg),*))
                }
            )+
        }
    };
}

verbs! {
    Client client(issuer: IssuerId, id: &'a ClientId) -> Option<ClientRecord>;
    Clients clients(issuer: IssuerId, after: Option<&'a str>, limit: usize) -> Page<ClientRecord>;
    CountRegisteredClients count_registered_clients(issuer: IssuerId) -> u64;
    CountClientsOfSoftware count_clients_of_software(issuer: IssuerId, software: [u8; 32]) -> u64;
    FoldedClient folded_client(issuer: IssuerId, fold: [u8; 32]) -> Option<ClientId>;
    IdleClients idle_clients(issuer: IssuerId, before: Day, limit: usize) -> Vec<ClientId>;
    InitialAccess initial_access(issuer: IssuerId, digest: ContentDigest) -> Option<InitialAccessRecord>;
    InitialAccesses initial_accesses(issuer: IssuerId, after: Option<ContentDigest>, limit: usize) -> Vec<(ContentDigest, InitialAccessRecord)>;
    Code code(issuer: IssuerId, key: Key<Code>) -> Option<FoundCode>;
    Waiting waiting(issuer: IssuerId, key: Key<Waiting>) -> Option<FoundWaiting>;
    Grant grant(issuer: IssuerId, id: GrantId) -> Option<FoundGrant>;
    Standing standing(issuer: IssuerId, grant: Option<GrantId>, token: TokenId, expires_at: Timestamp) -> Standing;
    CodeWithUser code_with_user(issuer: IssuerId, key: Key<Code>) -> Option<CodeWithUser>;
    StandingWithUser standing_with_user(issuer: IssuerId, grant: Option<GrantId>, token: TokenId, expires_at: Timestamp) -> (Standing, Option<UserRecord>);
    SessionWithUser session_with_user(issuer: IssuerId, key: Key<Session>, client: Option<&'a ClientId>) -> Option<SessionWithUser>;
    Session session(issuer: IssuerId, key: Key<Session>) -> Option<SessionRecord>;
    Consent consent(issuer: IssuerId, subject: &'a Subject, client: &'a ClientId) -> Option<ConsentRecord>;
    UserByName user_by_name(issuer: IssuerId, username_key: &'a str) -> Option<UserRecord>;
    User user(issuer: IssuerId, subject: &'a Subject) -> Option<UserRecord>;
    Users users(issuer: IssuerId, after: Option<&'a str>, limit: usize) -> Page<UserRecord>;
    Credentials credentials(issuer: IssuerId, subject: &'a Subject) -> Vec<CredentialRecord>;
    CredentialByLookup credential_by_lookup(issuer: IssuerId, lookup: ContentDigest) -> Option<CredentialRecord>;
    Directory directory(issuer: IssuerId) -> Directory;
    AdminRecord admin_record(issuer: IssuerId, kind: AdminKind, id: &'a str) -> Option<AdminRecord>;
    AdminRecords admin_records(issuer: IssuerId, kind: AdminKind, after: Option<&'a str>, limit: usize) -> Page<AdminRecord>;
    AuditAfter audit_after(issuer: IssuerId, after: u64, limit: usize) -> Vec<AuditRecord>;
    AuditBefore audit_before(issuer: IssuerId, before: Option<u64>, limit: usize) -> Vec<AuditRecord>;
    Tallies tallies(issuer: IssuerId, from: Day, to: Day) -> Vec<(Day, String, u64)>;
    CountActive count_active(issuer: IssuerId, period: Bucket) -> u64;
    CountSessions count_sessions(issuer: IssuerId, from: Bucket) -> u64;
    Root root(issuer: IssuerId) -> Option<RootRecord>;
    Participants participants(issuer: IssuerId, session: Key<Session>, client: &'a ClientId) -> Vec<ParticipantRecord>;
    Participating participating(issuer: IssuerId, session: Key<Session>, after: Option<&'a ClientId>) -> Vec<ParticipantRecord>;
    SessionsOf sessions_of(issuer: IssuerId, subject: &'a Subject) -> Vec<Key<Session>>;
    AccountSessions account_sessions(issuer: IssuerId, subject: &'a Subject) -> Vec<(Key<Session>, SessionRecord)>;
    ConsentsOf consents_of(issuer: IssuerId, subject: &'a Subject) -> Vec<(ClientId, ConsentRecord)>;
    ActivityOf activity_of(issuer: IssuerId, subject: &'a Subject, limit: usize) -> Vec<ActivityRecord>;
    ActivityBefore activity_before(issuer: IssuerId, before: Option<ActivityPlace>, limit: usize) -> Vec<(ActivityPlace, ActivityRecord)>;
    Commit commit(issuer: IssuerId, commit: Commit) -> Committed;
    SigningKeys signing_keys(issuer: IssuerId) -> Vec<KeyRecord>;
    KeysChanged keys_changed(since: Timestamp, after: Option<IssuerId>) -> Vec<IssuerId>;
    DueDeliveries due_deliveries(issuer: IssuerId, now: Timestamp, limit: usize) -> Vec<(Key<Delivery>, DeliveryRecord)>;
    Issuer issuer(identifier: &'a str) -> IssuerId;
    IssuerNumbers issuer_numbers(after: Option<IssuerId>, limit: usize) -> Vec<(IssuerId, String)>;
    IssuerNamed issuer_named(name: &'a str) -> Option<IssuerRecord>;
    IssuerAt issuer_at(place: &'a str) -> Option<IssuerRecord>;
    Issuers issuers(after: Option<&'a str>, limit: usize) -> Page<IssuerRecord>;
    IssuersChanged issuers_changed(after: u64, limit: usize) -> Vec<IssuerRecord>;
    CreateIssuer create_issuer(new: NewIssuer) -> Option<IssuerRecord>;
    ChangeIssuer change_issuer(revision: u64, record: IssuerRecord) -> bool;
    CommitIssuer commit_issuer(work: IssuerWork, beside: IssuerId, commit: Commit) -> IssuerDone;
    EraseIssuer erase_issuer(issuer: IssuerId, limit: usize) -> u64;
    DueIssuers due_issuers(now: Timestamp, after: Option<IssuerId>, limit: usize) -> Vec<IssuerId>;
    Purge purge(below: Bucket, limit: usize) -> u64;
    Clock clock() -> Option<Timestamp>;
    ForgetIssued forget_issued(issuer: IssuerId, limit: usize) -> u64;
    Ready ready() -> ();
}
