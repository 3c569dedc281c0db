//! The store port.

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin};

use hallpass_core::{
    access::{Directory, Membership},
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
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    AdminKind, AdminRecord, AuditRecord, CodeWithUser, Commit, Committed, CredentialRecord, Day,
    Hint, InitialAccessRecord, IssuerDone, IssuerRecord, IssuerWork, NewIssuer, RootRecord,
    SessionWithUser, StoreError, together,
};

/// A boxed future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// A built-in account. Prints without its password hash and claims.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct UserRecord {
    /// Never reassigned.
    pub subject: Subject,
    /// As the person writes it.
    pub username: String,
    /// The form under which it is unique.
    pub username_key: String,
    /// Password hash in PHC form.
    #[serde(default)]
    pub password: Option<String>,
    /// The password was given by somebody else: the person must choose another one at the next sign-in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_change_password: bool,
    /// Claims by their OpenID Connect names.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// Clients that the person has disconnected, and when: what they were granted until then is over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub disconnected: BTreeMap<ClientId, Timestamp>,
    /// What the person is and may do in the issuer and its organizations. Whoever takes something away raises the epoch too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memberships: Vec<Membership>,
    /// A disabled account cannot sign in, and nothing it granted works.
    #[serde(default)]
    pub disabled: bool,
    /// Raised when credentials change; sessions and grants of an earlier epoch are over.
    pub epoch: u32,
    /// Raised with every change of this record.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subject,
            username,
            username_key: _,
            password,
            must_change_password,
            claims: _,
            disconnected: _,
            memberships: _,
            disabled,
            epoch,
            revision,
            created_at,
            updated_at,
        } = self;
        f.debug_struct("UserRecord")
            .field("subject", subject)
            .field("username", username)
            .field("password", &password.as_ref().map(|_| "[redacted]"))
            .field("must_change_password", must_change_password)
            .field("disabled", disabled)
            .field("epoch", epoch)
            .field("revision", revision)
            .field("created_at", created_at)
            .field("updated_at", updated_at)
            .finish_non_exhaustive()
    }
}

/// A signing key at rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its identifier (RFC 7638 thumbprint).
    pub kid: String,
    /// The JWS algorithm it signs with.
    pub alg: String,
    /// Where it stands in its life.
    pub phase: KeyPhase,
    /// PKCS#8, sealed under the master key.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it entered its phase.
    pub phase_since: Timestamp,
    /// For a retiring key: until when something that it signed can be good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Timestamp>,
}

impl KeyRecord {
    /// When others have to know of it: when it was made or entered its phase.
    #[must_use]
    pub fn changed_at(&self) -> Timestamp {
        self.phase_since.max(self.created_at)
    }
}

/// The life of a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPhase {
    /// Published, does not sign yet.
    Next,
    /// Signs.
    Active,
    /// Published until the last token that it signed has expired.
    Retiring,
}

/// What introspection and UserInfo need to know about a token, in one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// Its grant, when it names one and the store has it.
    pub grant: Option<FoundGrant>,
    /// Whether the token itself was revoked.
    pub token_denied: bool,
    /// Whether the session that the grant is bound to is still there; true when no grant was asked for or it is bound to
    /// none, false when the grant is unknown.
    pub session_alive: bool,
}

/// One page of a listing.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows in key order.
    pub items: Vec<T>,
    /// What the next page comes `after`; none at the end.
    pub next: Option<String>,
}

/// Where something is among what happened: when it is forgotten, and which of those it is.
pub type ActivityPlace = (Bucket, [u8; 16]);

/// The most rows that one page holds.
pub const MAX_PAGE: usize = 500;

/// Where [`Store::count_sessions`] stops.
pub const MOST_COUNTED: u32 = 1_000_000;

/// Where everything lives that must survive. Adapters pass the contract suite; what only stands before another store is an
/// [`Around`](crate::Around).
///
/// Reads answer what was committed before they began. Expired records may be answered: the rules compare times.
/// A listing answers at least one and at most [`MAX_PAGE`] rows, whatever `limit` says.
pub trait Store: Send + Sync + 'static {
    /// A client.
    fn client<'a>(&'a self, issuer: IssuerId, id: &'a ClientId)
    -> Answer<'a, Option<ClientRecord>>;
    /// Clients in order of their identifiers, after `after`.
    fn clients<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<ClientRecord>>;
    /// How many dynamically registered clients there are.
    fn count_registered_clients(&self, issuer: IssuerId) -> Answer<'_, u64>;
    /// How many of them are counted under that digest of a `software_id`.
    fn count_clients_of_software(&self, issuer: IssuerId, software: [u8; 32]) -> Answer<'_, u64>;
    /// The client that everybody gets who registers metadata of that digest.
    fn folded_client(&self, issuer: IssuerId, fold: [u8; 32]) -> Answer<'_, Option<ClientId>>;
    /// Dynamically registered clients that were last used before a day, the longest unused first.
    fn idle_clients(
        &self,
        issuer: IssuerId,
        before: Day,
        limit: usize,
    ) -> Answer<'_, Vec<ClientId>>;
    /// An initial access token, used up or not.
    fn initial_access(
        &self,
        issuer: IssuerId,
        digest: ContentDigest,
    ) -> Answer<'_, Option<InitialAccessRecord>>;
    /// Initial access tokens by their digests, those behind `after`; at most [`MAX_PAGE`].
    fn initial_accesses(
        &self,
        issuer: IssuerId,
        after: Option<ContentDigest>,
        limit: usize,
    ) -> Answer<'_, Vec<(ContentDigest, InitialAccessRecord)>>;
    /// A code, spent or not.
    fn code(&self, issuer: IssuerId, key: Key<Code>) -> Answer<'_, Option<FoundCode>>;
    /// What waits under a handle; none once it was consumed.
    fn waiting(&self, issuer: IssuerId, key: Key<Waiting>) -> Answer<'_, Option<FoundWaiting>>;
    /// A grant, revoked or not.
    fn grant(&self, issuer: IssuerId, id: GrantId) -> Answer<'_, Option<FoundGrant>>;
    /// Everything about the standing of an access token that expires at `expires_at`.
    fn standing(
        &self,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Answer<'_, Standing>;
    /// A code with its user and whether its session is there. Overridden where that is one question.
    fn code_with_user(&self, issuer: IssuerId, key: Key<Code>) -> Answer<'_, Option<CodeWithUser>> {
        Box::pin(together::code(self, issuer, key))
    }
    /// [`Self::standing`] with the user whom the grant is for. Overridden where that is one question.
    fn standing_with_user(
        &self,
        issuer: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Answer<'_, (Standing, Option<UserRecord>)> {
        Box::pin(together::standing(self, issuer, grant, token, expires_at))
    }
    /// A browser session with its user and what the user allowed a client. Overridden where that is one question.
    fn session_with_user<'a>(
        &'a self,
        issuer: IssuerId,
        key: Key<Session>,
        client: Option<&'a ClientId>,
    ) -> Answer<'a, Option<SessionWithUser>> {
        Box::pin(together::session(self, issuer, key, client))
    }
    /// A browser session.
    fn session(&self, issuer: IssuerId, key: Key<Session>) -> Answer<'_, Option<SessionRecord>>;
    /// Remembered consent.
    fn consent<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        client: &'a ClientId,
    ) -> Answer<'a, Option<ConsentRecord>>;
    /// The account with that name (in its unique form).
    fn user_by_name<'a>(
        &'a self,
        issuer: IssuerId,
        username_key: &'a str,
    ) -> Answer<'a, Option<UserRecord>>;
    /// The account with that subject.
    fn user<'a>(&'a self, issuer: IssuerId, subject: &'a Subject)
    -> Answer<'a, Option<UserRecord>>;
    /// Accounts in order of their names, after `after`.
    fn users<'a>(
        &'a self,
        issuer: IssuerId,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<UserRecord>>;
    /// What a person can prove who they are with, at most [`MAX_PAGE`], in any order.
    fn credentials<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<CredentialRecord>>;
    /// The credential that is found under that digest.
    fn credential_by_lookup(
        &self,
        issuer: IssuerId,
        lookup: ContentDigest,
    ) -> Answer<'_, Option<CredentialRecord>>;
    /// Roles, groups and organizations; empty ones where nobody has made any.
    fn directory(&self, issuer: IssuerId) -> Answer<'_, Directory>;
    /// A record of administration.
    fn admin_record<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        id: &'a str,
    ) -> Answer<'a, Option<AdminRecord>>;
    /// Records of administration of one kind in order of their identifiers, after `after`.
    fn admin_records<'a>(
        &'a self,
        issuer: IssuerId,
        kind: AdminKind,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<AdminRecord>>;
    /// Lines of the audit log in their order, after that of the number `after`.
    fn audit_after(
        &self,
        issuer: IssuerId,
        after: u64,
        limit: usize,
    ) -> Answer<'_, Vec<AuditRecord>>;
    /// Lines of the audit log, the newest first: those before that of the number `before`, or all.
    fn audit_before(
        &self,
        issuer: IssuerId,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<AuditRecord>>;
    /// The numbers of days, from one to another with both, in order; at most 100,000.
    fn tallies(&self, issuer: IssuerId, from: Day, to: Day) -> Answer<'_, Vec<(Day, String, u64)>>;
    /// How many were there in a period ([`Write::Active`](crate::Write::Active)).
    fn count_active(&self, issuer: IssuerId, period: Bucket) -> Answer<'_, u64>;
    /// How many sessions there are in this bucket and later ones: with [`Bucket::purgeable_below`] of now those that have neither
    /// ended nor expired. Superseded ones count. Nobody counts further than [`MOST_COUNTED`].
    fn count_sessions(&self, issuer: IssuerId, from: Bucket) -> Answer<'_, u64>;
    /// The root of an issuer's secrets.
    fn root(&self, issuer: IssuerId) -> Answer<'_, Option<RootRecord>>;
    /// Every number that an issuer ever got, with its name in the store, in order, after `after`; at most [`MAX_PAGE`].
    fn issuer_numbers(
        &self,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Answer<'_, Vec<(IssuerId, String)>>;
    /// All signing keys.
    fn signing_keys(&self, issuer: IssuerId) -> Answer<'_, Vec<KeyRecord>>;
    /// Issuers of which a signing key entered its phase, or whose root was changed, at or after `since` by the clock of who
    /// wrote that; in order of their numbers, after `after`, at most [`MAX_PAGE`]. A key that was deleted leaves no trace
    /// here.
    fn keys_changed(&self, since: Timestamp, after: Option<IssuerId>) -> Answer<'_, Vec<IssuerId>>;
    /// What a client got in a session, or did before that ended, in any order; at most [`MAX_PAGE`], and fewer where no
    /// more are left. There may be very many: one for each grant.
    fn participants<'a>(
        &'a self,
        issuer: IssuerId,
        session: Key<Session>,
        client: &'a ClientId,
    ) -> Answer<'a, Vec<ParticipantRecord>>;
    /// The clients that take part in a session, with one of the participations of each, in an order of the store's own that
    /// stays; those behind `after`, at most [`MAX_PAGE`], and fewer where no more are left.
    fn participating<'a>(
        &'a self,
        issuer: IssuerId,
        session: Key<Session>,
        after: Option<&'a ClientId>,
    ) -> Answer<'a, Vec<ParticipantRecord>>;
    /// The sessions of a person in which clients take part, in any order; at most [`MAX_PAGE`].
    fn sessions_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<Key<Session>>>;
    /// The sessions of a person, superseded ones too, in any order; at most [`MAX_PAGE`]. Sessions of before this was
    /// noted are not among them.
    fn account_sessions<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<(Key<Session>, SessionRecord)>>;
    /// What a person allowed clients, in any order; at most [`MAX_PAGE`].
    fn consents_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
    ) -> Answer<'a, Vec<(ClientId, ConsentRecord)>>;
    /// What happened with an account, the newest first.
    fn activity_of<'a>(
        &'a self,
        issuer: IssuerId,
        subject: &'a Subject,
        limit: usize,
    ) -> Answer<'a, Vec<ActivityRecord>>;
    /// What happened with accounts, the newest first as far as minutes go: what comes after that place in this order, or all.
    fn activity_before(
        &self,
        issuer: IssuerId,
        before: Option<ActivityPlace>,
        limit: usize,
    ) -> Answer<'_, Vec<(ActivityPlace, ActivityRecord)>>;
    /// Deliveries whose time has come (`next_at` is not after `now`), those that wait longest first.
    fn due_deliveries(
        &self,
        issuer: IssuerId,
        now: Timestamp,
        limit: usize,
    ) -> Answer<'_, Vec<(Key<Delivery>, DeliveryRecord)>>;
    /// The number of an issuer, made on first sight.
    fn issuer<'a>(&'a self, identifier: &'a str) -> Answer<'a, IssuerId>;
    /// The issuer that was made at run time under that name.
    fn issuer_named<'a>(&'a self, name: &'a str) -> Answer<'a, Option<IssuerRecord>>;
    /// The issuer that was made at run time for that [place](IssuerRecord::place).
    fn issuer_at<'a>(&'a self, place: &'a str) -> Answer<'a, Option<IssuerRecord>>;
    /// Issuers that were made at run time, in order of their names, after `after`.
    fn issuers<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Page<IssuerRecord>>;
    /// The latest change of each issuer whose latest change came after `after`, in order of
    /// [`IssuerRecord::change`]. Whoever has seen all changes up to one misses none that was made later. At most
    /// `limit`, and at most [`MAX_PAGE`].
    fn issuers_changed(&self, after: u64, limit: usize) -> Answer<'_, Vec<IssuerRecord>>;
    /// Makes an issuer, with a number that nobody ever had; none when its name or its place is taken.
    fn create_issuer(&self, new: NewIssuer) -> Answer<'_, Option<IssuerRecord>>;
    /// Replaces state, settings and time of an issuer if its revision is still `revision`; whether it was. Revision and
    /// change of the new record are the store's to set, name and identifier stay what they were.
    fn change_issuer(&self, revision: u64, record: IssuerRecord) -> Answer<'_, bool>;
    /// Makes or changes an issuer, as [`Self::create_issuer`] and [`Self::change_issuer`] do, together with a commit of `beside`:
    /// both happen, or nothing.
    fn commit_issuer(
        &self,
        work: IssuerWork,
        beside: IssuerId,
        commit: Commit,
    ) -> Answer<'_, IssuerDone>;
    /// Deletes at most `limit` rows of an issuer in the state [`Deleting`](crate::IssuerState::Deleting) and answers how many went. When
    /// it has none left its record goes as well, and the answer is 0, as it is for any other issuer.
    fn erase_issuer(&self, issuer: IssuerId, limit: usize) -> Answer<'_, u64>;
    /// Issuers with a delivery whose time has come, in order of their numbers, after `after`; at most `limit`.
    fn due_issuers(
        &self,
        now: Timestamp,
        after: Option<IssuerId>,
        limit: usize,
    ) -> Answer<'_, Vec<IssuerId>>;
    /// Spends and writes, all or nothing; durable when it answers [`Committed::Done`]. Later spends and writes see
    /// the earlier ones of the same commit. Once polled it may happen even if the future is dropped.
    fn commit(&self, issuer: IssuerId, commit: Commit) -> Answer<'_, Committed>;
    /// Deletes at most `limit` records whose bucket lies below `below`; answers how many went. Call again while
    /// it answers `limit`.
    fn purge(&self, below: Bucket, limit: usize) -> Answer<'_, u64>;
    /// Deletes at most `limit` records of everything that an issuer ever handed out or promised: codes, grants,
    /// sessions, what waits, used keys, denied tokens, deliveries, initial access tokens; answers how many went. Call
    /// again until it answers 0. For a database that was restored from a backup: accounts, clients, consent and
    /// keys stay.
    fn forget_issued(&self, issuer: IssuerId, limit: usize) -> Answer<'_, u64>;
    /// What time the database has, where that is a clock of its own which all nodes share. None where it is that of this
    /// machine.
    fn clock(&self) -> Answer<'_, Option<Timestamp>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// The next [`Hint`] of a change by another process; for one who asks, again and again. Where a store has none this never
    /// ends: nothing may depend on it.
    fn hint(&self) -> BoxFuture<'_, Hint> {
        Box::pin(std::future::pending())
    }
    /// Fails when the store cannot serve.
    fn ready(&self) -> Answer<'_, ()>;
}
