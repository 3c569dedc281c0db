//! What is written, all or nothing.

use hallpass_core::{
    access::Directory,
    client::ClientRecord,
    record::{
        ActivityRecord, CodeRecord, ConsentRecord, DeliveryRecord, GrantRecord, ParticipantRecord,
        SessionRecord, WaitingRecord,
    },
};
use hallpass_types::{
    Bucket, ClientId, Code, ContentDigest, CredentialId, Delivery, GrantId, Key, Once, Session,
    Subject, Timestamp, TokenId, Waiting,
};

use crate::{
    AdminKind, AdminRecord, AuditRecord, CredentialRecord, Day, InitialAccessRecord, KeyRecord,
    Registration, RootRecord, UserRecord,
};

/// Spends and writes that happen together or not at all, durable when acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// What may happen only once. If one of them is too late, nothing is written.
    pub spends: Vec<Spend>,
    /// What is written when all spends succeed.
    pub writes: Vec<Write>,
}

/// Something that may happen once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Spend {
    /// Redeems (or burns) a code: too late when it is unknown or spent.
    Code(Key<Code>),
    /// Rotates a refresh family from one generation to the next: too late when the grant is unknown or revoked, or its
    /// generation is not `from`.
    Refresh {
        /// The grant.
        grant: GrantId,
        /// The generation that is replaced; the new one is one higher.
        from: u32,
        /// When.
        at: Timestamp,
        /// The family's new idle limit.
        idle_expires_at: Timestamp,
    },
    /// Asserts that the grant stands (known and not revoked) at the moment of the commit.
    Standing(GrantId),
    /// Asserts that the session is there at the moment of the commit: too late when it has ended.
    Session(Key<Session>),
    /// Inserts the key if it is absent: too late when it is there.
    Once(Key<Once>),
    /// Inserts what waits under a handle, at revision 0: too late when the handle is taken.
    NewWaiting(Key<Waiting>, Box<WaitingRecord>),
    /// Changes or consumes what waits if its revision is still this one: too late when it is unknown, consumed or has
    /// another revision.
    Waiting {
        /// The handle.
        key: Key<Waiting>,
        /// Expected current revision.
        revision: u32,
        /// What waits from now on, one revision higher; nothing when this consumes it.
        next: Option<Box<WaitingRecord>>,
    },
    /// Inserts a user if name and subject are free: too late when one is taken.
    NewUser(Box<UserRecord>),
    /// Inserts a client if the identifier is free: too late when it is taken.
    NewClient(Box<ClientRecord>),
    /// Inserts what stands beside a client that registered itself: too late when there is one for that client, or the
    /// digest of the metadata is taken.
    NewRegistration(Box<Registration>),
    /// Asserts that a client that registered itself was not used since a day: too late when it was, or is unknown.
    IdleClient {
        /// The client.
        client: ClientId,
        /// It was last used before this day.
        before: Day,
    },
    /// Uses an initial access token once more: too late when it is unknown or used up.
    InitialAccess(ContentDigest),
    /// Replaces the user of the same subject if its revision is still this one: too late when the user is unknown,
    /// has another revision, or the new name is somebody else's.
    User {
        /// Expected current revision.
        revision: u64,
        /// The new record; its revision is one higher.
        record: Box<UserRecord>,
    },
    /// Inserts a credential: too late when the person has one of that identity, or its `lookup` is taken.
    NewCredential(Box<CredentialRecord>),
    /// Changes or deletes a credential if its revision is still this one: too late when it is unknown or has another
    /// revision, or the new `lookup` is that of another credential.
    Credential {
        /// Whose.
        subject: Subject,
        /// Which.
        id: CredentialId,
        /// Expected current revision.
        revision: u64,
        /// The new record, of the same person and identity; its revision is one higher. None deletes.
        next: Option<Box<CredentialRecord>>,
    },
    /// Deletes the account of that subject if its revision is still this one: too late when it is unknown or has
    /// another one. Its name is free from then on; what else there is about the person goes with
    /// [`Write::ForgetPerson`].
    DeleteUser {
        /// Whose account.
        subject: Subject,
        /// Expected current revision.
        revision: u64,
    },
    /// Replaces a client that is still what it was when it was read: too late when it is unknown or has changed
    /// ([`same_client`]).
    Client {
        /// What was read.
        expected: Box<ClientRecord>,
        /// What takes its place, under the same identifier.
        record: Box<ClientRecord>,
    },
    /// Asserts that the signing keys are these and no others at the moment of the commit, in any order.
    SigningKeys(Vec<KeyRecord>),
    /// Inserts the root of the issuer's secrets, or changes it if its revision is still this one: too late when there is
    /// one already, or another.
    Root {
        /// Expected current revision; none when there is no root yet.
        from: Option<u32>,
        /// The new record.
        record: Box<RootRecord>,
    },
    /// Writes the roles, groups and organizations of the issuer if nobody did meanwhile: too late when the revision is
    /// another one.
    Directory {
        /// Expected current revision; zero when there are none yet.
        from: u64,
        /// The new ones; their revision is one higher.
        record: Box<Directory>,
    },
    /// Inserts, changes or deletes a record of administration: too late when it is there already, or its revision is another
    /// one.
    Admin {
        /// Of which kind it is.
        kind: AdminKind,
        /// Which of them.
        id: String,
        /// Expected current revision; none when there must be none yet.
        from: Option<u64>,
        /// The new record, of the same identifier; none deletes.
        next: Option<Box<AdminRecord>>,
    },
    /// Appends a line to the audit log: too late when somebody else has written a line of that number.
    Audit(Box<AuditRecord>),
    /// Claims a delivery, or finishes it: too late when it is unknown or somebody claimed it since it was read.
    Delivery {
        /// Which.
        key: Key<Delivery>,
        /// How often it had been claimed when it was read.
        attempts: u32,
        /// Until when nobody else takes it (it has one attempt more from then on); none deletes it.
        next_at: Option<Timestamp>,
    },
}

/// Whether two client records say the same.
#[must_use]
pub fn same_client(a: &ClientRecord, b: &ClientRecord) -> bool {
    let ClientRecord {
        client_id,
        metadata,
        secret,
        secret_sealed,
        secret_expires_at,
        registration_token,
        origin,
        policies,
        vouched,
        decided,
        disabled,
        created_at,
        updated_at,
    } = a;
    *client_id == b.client_id
        && *metadata == b.metadata
        && *secret == b.secret
        && *secret_sealed == b.secret_sealed
        && *secret_expires_at == b.secret_expires_at
        && *registration_token == b.registration_token
        && *origin == b.origin
        && *policies == b.policies
        && *vouched == b.vouched
        && *decided == b.decided
        && *disabled == b.disabled
        && *created_at == b.created_at
        && *updated_at == b.updated_at
}

/// Whether two lists hold the same signing keys, in any order.
#[must_use]
pub fn same_signing_keys(a: &[KeyRecord], b: &[KeyRecord]) -> bool {
    // A `kid` stands once in a list.
    a.len() == b.len() && a.iter().all(|key| b.contains(key))
}

/// Something that is written whatever is there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Write {
    /// Inserts a code. A key that is taken is a [`StoreError::Collision`](crate::StoreError::Collision).
    Code(Key<Code>, Box<CodeRecord>),
    /// Inserts a grant. An identity that is taken is a [`StoreError::Collision`](crate::StoreError::Collision).
    Grant(Box<GrantRecord>),
    /// Moves a grant's idle limit without a rotation.
    TouchRefresh {
        /// The grant.
        grant: GrantId,
        /// The family's new idle limit.
        idle_expires_at: Timestamp,
    },
    /// Revokes a grant and with it every token of it. Idempotent; the first time stands.
    RevokeGrant(GrantId, Timestamp),
    /// Refuses one access token until it would have expired.
    DenyToken(TokenId, Timestamp),
    /// Inserts or replaces a session. To renew one without reviving one that has ended, spend
    /// [`Spend::Session`] in the same commit.
    Session(Key<Session>, Box<SessionRecord>),
    /// Notes when a session was used last. Never goes back; nothing for one that has ended.
    SessionSeen(Key<Session>, Timestamp),
    /// Notes what happened with an account, until the bucket is over.
    Activity(Bucket, [u8; 16], Box<ActivityRecord>),
    /// Deletes what a person allowed, what they prove who they are with, what happened with their account, what they
    /// may administer ([`operator_of_person`](crate::operator_of_person)), and by whom they do not want to be asked
    /// ([`AdminKind::Refusals`]). Their account, sessions and grants end by
    /// themselves or by writes of their own.
    ForgetPerson(Subject),
    /// Adds to a number of a day. The place is that of [`Day::tally_bucket`].
    Tally(Day, String, u64),
    /// Notes that somebody was there in a period, which ends with the bucket. Once is enough.
    Active(Bucket, [u8; 16]),
    /// Ends a session: it is unknown from then on.
    EndSession(Key<Session>),
    /// Remembers that a client takes part in a session, or what it got there since. Spend [`Spend::Session`] in the same
    /// commit, so that whoever ends the session knows everybody who took part.
    Participant(Key<Session>, Box<ParticipantRecord>),
    /// Forgets that a client takes part in a session by that grant, or beside grants that end with it.
    ForgetParticipant(Key<Session>, ClientId, Option<GrantId>),
    /// Remembers consent.
    Consent(Subject, ClientId, Box<ConsentRecord>),
    /// Forgets consent.
    ForgetConsent(Subject, ClientId),
    /// Inserts or replaces a client.
    Client(Box<ClientRecord>),
    /// Deletes a client, what stands beside it, and what it may administer
    /// ([`operator_of_client`](crate::operator_of_client)). Its grants die with it, since every use looks the client up.
    DeleteClient(ClientId),
    /// A client that registered itself was used on that day. Never goes back; nothing for one that is unknown.
    ClientUsed(ClientId, Day),
    /// Inserts or replaces an initial access token.
    InitialAccess(ContentDigest, Box<InitialAccessRecord>),
    /// Deletes an initial access token.
    DeleteInitialAccess(ContentDigest),
    /// Inserts or replaces a signing key by its `kid`.
    SigningKey(Box<KeyRecord>),
    /// Deletes a signing key.
    DeleteSigningKey(String),
    /// Inserts a delivery. A key that is taken is a [`StoreError::Collision`](crate::StoreError::Collision).
    Delivery(Key<Delivery>, Box<DeliveryRecord>),
}

/// How a commit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// Everything is written and durable.
    Done,
    /// Nothing is written: the spend at this index came too late.
    TooLate(usize),
}
