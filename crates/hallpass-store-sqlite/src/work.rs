//! What is sent to the thread that writes: everything encoded, so that the thread only binds values.

use hallpass_core::{
    client::{ClientOrigin, ClientRecord},
    record::{GrantRecord, RefreshState},
};
use hallpass_store::{
    Commit, Committed, Day, IssuerDone, IssuerRecord, IssuerWork, KeyRecord, NewIssuer,
    Registration, Spend, StoreError, UserRecord, Write, encoding::encode,
};
use hallpass_types::{Bucket, ClientId, IssuerId, Subject};
use tokio::sync::oneshot;

use crate::{
    admin::{self, AdminRow},
    credentials::{ChangeRow, CredentialRow},
    place::{Id, Place},
    sql::{self, Expiring},
};

/// Work and where its outcome goes.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) reply: oneshot::Sender<Reply>,
}

impl Job {
    /// Tells who asked that it is done, and gives them the rest to hand out.
    pub(crate) fn answer(self, outcome: Outcome, rest: Rest) {
        let reply = Reply {
            outcome: Ok(outcome),
            done: Some(self.work),
            rest,
        };
        // Whoever asked may have gone; then the rest is handed out here and now.
        drop(self.reply.send(reply));
    }
}

/// The outcome of some work, and of what shared a transaction with it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) outcome: Result<Outcome, StoreError>,
    /// What was done. Its memory is given back by the thread that asked for it, which is cheaper than by another one.
    pub(crate) done: Option<Work>,
    /// Whoever gets this gives it on by dropping it.
    pub(crate) rest: Rest,
}

impl Reply {
    pub(crate) const fn failed(error: StoreError) -> Self {
        Self {
            outcome: Err(error),
            done: None,
            rest: Rest(Vec::new()),
        }
    }
}

/// Outcomes that are still to be handed out, which happens when this is dropped, wherever that is. To wake a task from another
/// thread is a call of the kernel for each; the first of a crowd wakes the others from among them.
#[derive(Debug)]
pub(crate) struct Rest(pub(crate) Vec<(Job, Outcome)>);

impl Drop for Rest {
    fn drop(&mut self) {
        for (job, outcome) in self.0.drain(..) {
            job.answer(outcome, Self(Vec::new()));
        }
    }
}

#[derive(Debug)]
pub(crate) enum Work {
    Commit(IssuerId, Vec<SpendRow>, Vec<WriteRow>),
    Issuer(String),
    CreateIssuer(Box<NewIssuer>),
    ChangeIssuer(u64, Box<IssuerRecord>),
    /// With a commit of another one.
    CommitIssuer(Box<IssuerWork>, IssuerId, Vec<SpendRow>, Vec<WriteRow>),
    EraseIssuer(IssuerId, usize),
    Purge {
        table: &'static Expiring,
        issuer: i64,
        below: Bucket,
        limit: usize,
    },
    /// Deletes initial access tokens.
    ForgetInitialAccess {
        issuer: IssuerId,
        limit: usize,
    },
    /// Gives so many free pages back to the file system.
    Vacuum(u32),
    /// A number that another process changes when it writes, and this connection does not.
    Version,
    /// Finds out whether the database can be written.
    Probe,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Committed(Committed),
    /// A number of rows, or an issuer's number.
    Number(u64),
    /// An issuer that was made; none when its name or place is taken.
    Issuer(Option<Box<IssuerRecord>>),
    IssuerDone(IssuerDone),
}

#[derive(Debug)]
pub(crate) enum SpendRow {
    Code(Place),
    Refresh {
        grant: Place,
        from: u32,
        at: i64,
        idle_expires_at: i64,
    },
    Standing(Place),
    Session(Place),
    Once(Place),
    NewWaiting(Place, Vec<u8>),
    Waiting {
        place: Place,
        revision: u32,
        /// Encoded; none consumes.
        next: Option<Vec<u8>>,
    },
    NewUser(UserRow),
    NewClient(ClientRow),
    User {
        revision: u64,
        row: UserRow,
    },
    Client {
        expected: Box<ClientRecord>,
        row: ClientRow,
    },
    DeleteUser(Subject, u64),
    NewCredential(CredentialRow),
    Credential(ChangeRow),
    NewRegistration(Box<Registration>),
    IdleClient(ClientId, Day),
    InitialAccess([u8; 32]),
    Admin(AdminRow),
    Audit(i64, Vec<u8>),
    SigningKeys(Vec<KeyRecord>),
    Directory {
        from: i64,
        revision: i64,
        record: Vec<u8>,
    },
    Root {
        from: Option<u32>,
        revision: u32,
        record: Vec<u8>,
        changed: i64,
    },
    Delivery {
        place: Place,
        attempts: u32,
        next_at: Option<i64>,
    },
}

#[derive(Debug)]
pub(crate) enum WriteRow {
    Code(Place, Vec<u8>),
    Grant {
        grant: Place,
        refresh: Option<RefreshState>,
        session: Option<Place>,
        record: Vec<u8>,
    },
    TouchRefresh(Place, i64),
    RevokeGrant(Place, i64),
    DenyToken(Place),
    Session(Place, Subject, Vec<u8>),
    SessionSeen(Place, i64),
    Activity(Place, Subject, i64, Vec<u8>),
    ForgetPerson(Subject),
    Tally(Place, i64),
    Active(Place),
    EndSession(Place),
    Participant(Place, Subject, Vec<u8>),
    ForgetParticipant(Place),
    Consent(Subject, ClientId, Vec<u8>),
    ForgetConsent(Subject, ClientId),
    Client(ClientRow),
    DeleteClient(ClientId),
    /// With the moment at which others have to know of it.
    SigningKey(String, Vec<u8>, i64),
    DeleteSigningKey(String),
    ClientUsed(ClientId, Day),
    InitialAccess {
        id: [u8; 32],
        uses: u32,
        max_uses: Option<u32>,
        record: Vec<u8>,
    },
    DeleteInitialAccess([u8; 32]),
    Delivery {
        place: Place,
        attempts: u32,
        next_at: i64,
        record: Vec<u8>,
    },
}

#[derive(Debug)]
pub(crate) struct UserRow {
    pub(crate) subject: Subject,
    pub(crate) username_key: String,
    pub(crate) revision: u64,
    pub(crate) record: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct ClientRow {
    pub(crate) client: ClientId,
    pub(crate) registered: bool,
    pub(crate) record: Vec<u8>,
}

impl Work {
    /// Encodes a commit.
    pub(crate) fn commit(issuer: IssuerId, commit: Commit) -> Result<Self, StoreError> {
        let spends = commit.spends.into_iter().map(|s| spend_row(issuer, s));
        let writes = commit.writes.into_iter().map(|w| write_row(issuer, w));
        Ok(Self::Commit(
            issuer,
            spends.collect::<Result<_, _>>()?,
            writes.collect::<Result<_, _>>()?,
        ))
    }
}

impl SpendRow {
    /// The statement that takes it back within its transaction, where it has made a row and nothing else.
    pub(crate) const fn taking_back(&self) -> Option<(&'static str, &Place)> {
        match self {
            Self::Once(place) => Some((sql::TAKE_BACK_ONCE, place)),
            Self::NewWaiting(place, _) => Some((sql::TAKE_BACK_NEW_WAITING, place)),
            Self::Standing(_)
            | Self::Session(_)
            | Self::SigningKeys(_)
            | Self::IdleClient(..)
            | Self::Code(_)
            | Self::Refresh { .. }
            | Self::Waiting { .. }
            | Self::NewUser(_)
            | Self::DeleteUser(..)
            | Self::NewClient(_)
            | Self::NewCredential(_)
            | Self::Credential(_)
            | Self::NewRegistration(_)
            | Self::InitialAccess(_)
            | Self::Admin(_)
            | Self::Audit(..)
            | Self::User { .. }
            | Self::Root { .. }
            | Self::Directory { .. }
            | Self::Client { .. }
            | Self::Delivery { .. } => None,
        }
    }

    /// Whether it changes anything, so that it must be undone when a later spend is too late.
    pub(crate) const fn changes(&self) -> bool {
        match self {
            Self::Standing(_) | Self::Session(_) | Self::SigningKeys(_) | Self::IdleClient(..) => {
                false
            }
            Self::Code(_)
            | Self::Refresh { .. }
            | Self::Once(_)
            | Self::NewWaiting(..)
            | Self::Waiting { .. }
            | Self::NewUser(_)
            | Self::DeleteUser(..)
            | Self::NewClient(_)
            | Self::NewCredential(_)
            | Self::Credential(_)
            | Self::NewRegistration(_)
            | Self::InitialAccess(_)
            | Self::Admin(_)
            | Self::Audit(..)
            | Self::User { .. }
            | Self::Root { .. }
            | Self::Directory { .. }
            | Self::Client { .. }
            | Self::Delivery { .. } => true,
        }
    }
}

fn spend_row(issuer: IssuerId, spend: Spend) -> Result<SpendRow, StoreError> {
    Ok(match spend {
        Spend::Code(key) => SpendRow::Code(key.into()),
        Spend::Refresh {
            grant,
            from,
            at,
            idle_expires_at,
        } => SpendRow::Refresh {
            grant: Place::of_grant(grant),
            from,
            at: at.0,
            idle_expires_at: idle_expires_at.0,
        },
        Spend::Standing(grant) => SpendRow::Standing(Place::of_grant(grant)),
        Spend::Session(key) => SpendRow::Session(key.into()),
        Spend::Once(key) => SpendRow::Once(key.into()),
        Spend::NewWaiting(key, record) => {
            let place = Place::from(key);
            let record = place.encode(issuer, &*record)?;
            SpendRow::NewWaiting(place, record)
        }
        Spend::Waiting {
            key,
            revision,
            next,
        } => {
            let place = Place::from(key);
            let next = match next {
                Some(record) => Some(place.encode(issuer, &*record)?),
                None => None,
            };
            SpendRow::Waiting {
                place,
                revision,
                next,
            }
        }
        Spend::NewUser(record) => SpendRow::NewUser(user_row(issuer, *record)?),
        Spend::NewClient(record) => SpendRow::NewClient(client_row(issuer, &record)?),
        Spend::User { revision, record } => SpendRow::User {
            revision,
            row: user_row(issuer, *record)?,
        },
        Spend::Client { expected, record } => SpendRow::Client {
            expected,
            row: client_row(issuer, &record)?,
        },
        Spend::DeleteUser { subject, revision } => SpendRow::DeleteUser(subject, revision),
        Spend::NewCredential(record) => {
            SpendRow::NewCredential(CredentialRow::of(issuer, *record)?)
        }
        Spend::Credential {
            subject,
            id,
            revision,
            next,
        } => {
            let next = next.map(|record| *record);
            SpendRow::Credential(ChangeRow::of(issuer, subject, id, revision, next)?)
        }
        Spend::NewRegistration(registration) => SpendRow::NewRegistration(registration),
        Spend::IdleClient { client, before } => SpendRow::IdleClient(client, before),
        Spend::InitialAccess(digest) => SpendRow::InitialAccess(digest.0),
        Spend::Admin {
            kind,
            id,
            from,
            next,
        } => SpendRow::Admin(AdminRow::of(issuer, kind, id, from, next)?),
        Spend::Audit(record) => {
            let (seq, encoded) = admin::line(issuer, &record)?;
            SpendRow::Audit(seq, encoded)
        }
        Spend::SigningKeys(expected) => SpendRow::SigningKeys(expected),
        Spend::Directory { from, record } => SpendRow::Directory {
            from: i64::try_from(from).unwrap_or(i64::MAX),
            revision: i64::try_from(record.revision).unwrap_or(i64::MAX),
            record: encode(issuer, &[], &*record)?,
        },
        Spend::Root { from, record } => SpendRow::Root {
            from,
            revision: record.revision,
            record: encode(issuer, &[], &*record)?,
            changed: record.changed_at.0,
        },
        Spend::Delivery {
            key,
            attempts,
            next_at,
        } => SpendRow::Delivery {
            place: key.into(),
            attempts,
            next_at: next_at.map(|at| at.0),
        },
        _ => return Err(unknown()),
    })
}

fn write_row(issuer: IssuerId, write: Write) -> Result<WriteRow, StoreError> {
    Ok(match write {
        Write::Code(key, record) => {
            let place = Place::from(key);
            let record = place.encode(issuer, &*record)?;
            WriteRow::Code(place, record)
        }
        Write::Grant(record) => grant_row(issuer, *record)?,
        Write::TouchRefresh {
            grant,
            idle_expires_at,
        } => WriteRow::TouchRefresh(Place::of_grant(grant), idle_expires_at.0),
        Write::RevokeGrant(grant, at) => WriteRow::RevokeGrant(Place::of_grant(grant), at.0),
        Write::DenyToken(token, expires_at) => WriteRow::DenyToken(Place {
            bucket: Bucket::holding(expires_at).0,
            id: Id::Other(token.0.to_vec()),
        }),
        Write::Session(key, record) => {
            let place = Place::from(key);
            let encoded = place.encode(issuer, &*record)?;
            WriteRow::Session(place, record.subject, encoded)
        }
        Write::SessionSeen(key, at) => WriteRow::SessionSeen(key.into(), at.0),
        Write::Activity(bucket, id, record) => {
            let place = Place {
                bucket: bucket.0,
                id: Id::Other(id.to_vec()),
            };
            let encoded = place.encode(issuer, &*record)?;
            WriteRow::Activity(place, record.subject, record.at.0, encoded)
        }
        Write::ForgetPerson(subject) => WriteRow::ForgetPerson(subject),
        Write::Tally(day, name, n) => {
            let place = Place {
                bucket: day.tally_bucket().0,
                id: Id::Other(name.into_bytes()),
            };
            WriteRow::Tally(place, i64::try_from(n).unwrap_or(i64::MAX))
        }
        Write::Active(bucket, id) => WriteRow::Active(Place {
            bucket: bucket.0,
            id: Id::Other(id.to_vec()),
        }),
        Write::EndSession(key) => WriteRow::EndSession(key.into()),
        Write::Participant(session, record) => {
            let place = Place::of_participant(session, &record.client_id, record.grant);
            let encoded = place.encode(issuer, &*record)?;
            WriteRow::Participant(place, record.subject, encoded)
        }
        Write::ForgetParticipant(session, client, grant) => {
            WriteRow::ForgetParticipant(Place::of_participant(session, &client, grant))
        }
        Write::Consent(subject, client, record) => {
            let key = [subject.as_str().as_bytes(), client.as_str().as_bytes()];
            let record = encode(issuer, &key, &*record)?;
            WriteRow::Consent(subject, client, record)
        }
        Write::ForgetConsent(subject, client) => WriteRow::ForgetConsent(subject, client),
        Write::Client(record) => WriteRow::Client(client_row(issuer, &record)?),
        Write::DeleteClient(client) => WriteRow::DeleteClient(client),
        Write::SigningKey(record) => {
            let encoded = encode(issuer, &[record.kid.as_bytes()], &*record)?;
            let changed = record.changed_at().0;
            WriteRow::SigningKey(record.kid, encoded, changed)
        }
        Write::DeleteSigningKey(kid) => WriteRow::DeleteSigningKey(kid),
        Write::ClientUsed(client, day) => WriteRow::ClientUsed(client, day),
        Write::InitialAccess(digest, mut record) => {
            // In a column, since it changes.
            let uses = std::mem::take(&mut record.uses);
            WriteRow::InitialAccess {
                id: digest.0,
                uses,
                max_uses: record.max_uses,
                record: encode(issuer, &[&digest.0], &*record)?,
            }
        }
        Write::DeleteInitialAccess(digest) => WriteRow::DeleteInitialAccess(digest.0),
        Write::Delivery(key, record) => {
            let place = Place::from(key);
            WriteRow::Delivery {
                attempts: record.attempts,
                next_at: record.next_at.0,
                record: place.encode(issuer, &*record)?,
                place,
            }
        }
        _ => return Err(unknown()),
    })
}

fn grant_row(issuer: IssuerId, mut record: GrantRecord) -> Result<WriteRow, StoreError> {
    let grant = Place::of_grant(record.id);
    // In columns, since they change and are joined.
    let refresh = record.refresh.take();
    Ok(WriteRow::Grant {
        refresh,
        session: record.session.map(Place::from),
        record: grant.encode(issuer, &record)?,
        grant,
    })
}

fn user_row(issuer: IssuerId, record: UserRecord) -> Result<UserRow, StoreError> {
    Ok(UserRow {
        record: encode(issuer, &[record.subject.as_str().as_bytes()], &record)?,
        subject: record.subject,
        username_key: record.username_key,
        revision: record.revision,
    })
}

fn client_row(issuer: IssuerId, record: &ClientRecord) -> Result<ClientRow, StoreError> {
    Ok(ClientRow {
        record: encode(issuer, &[record.client_id.as_str().as_bytes()], record)?,
        registered: matches!(record.origin, ClientOrigin::Registration),
        client: record.client_id.clone(),
    })
}

fn unknown() -> StoreError {
    StoreError::unavailable("this store does not know what it is asked to write")
}
