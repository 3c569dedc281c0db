//! Commits as rows: what the writers bind, encoded on the caller's side.

use hallpass_core::{
    client::{ClientOrigin, ClientRecord},
    record::{GrantRecord, participant_tag},
};
use hallpass_store::{
    AdminKind, AdminRecord, Commit, CredentialRecord, KeyRecord, Spend, StoreError, UserRecord,
    Write,
    encoding::{Record, encode},
    operator_of_client, operator_of_person,
};
use hallpass_types::{Bucket, ClientId, GrantId, IssuerId, Key, Session};

use crate::kind::Kind;

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Value {
    Int(Option<i64>),
    Bytes(Option<Vec<u8>>),
    Bool(bool),
}

/// One change of one row: its key, then further values, as [`Kind::spec`] lists them.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    pub(crate) kind: Kind,
    pub(crate) values: Vec<Value>,
}

/// One step of a commit, in its order.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Changes or finds a row.
    Row(Op),
    /// Came too late whatever the database says.
    Never,
    /// The client must still be this record. Compared as it is read, not as bytes: an older program may have written it
    /// otherwise.
    SameClient(Box<ClientRecord>),
    /// The signing keys must be these.
    SameKeys(Vec<KeyRecord>),
}

/// A commit that is ready to be sent. `spends` holds, in order, the steps of each spend; all of them must find their
/// row.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) issuer: IssuerId,
    pub(crate) spends: Vec<Vec<Step>>,
    pub(crate) writes: Vec<Op>,
}

impl Op {
    /// The part of the values that is the key.
    pub(crate) fn key(&self) -> &[Value] {
        let length = self.kind.spec().key.len();
        self.values.get(..length).unwrap_or(&self.values)
    }
}

impl Rows {
    pub(crate) fn of(issuer: IssuerId, commit: Commit) -> Result<Self, StoreError> {
        let ends = |key: &Key<Session>| {
            let mut writes = commit.writes.iter();
            writes.any(|write| matches!(write, Write::EndSession(ended) if ended == key))
        };
        let spends = commit.spends.into_iter().map(|s| {
            if let Spend::Session(key) = s
                && ends(&key)
            {
                let row = Place::from(key).op(Kind::SessionGoes, []);
                return Ok(vec![Step::Row(row)]);
            }
            spend(issuer, s)
        });
        let spends = spends.collect::<Result<_, _>>()?;
        let mut writes = Vec::with_capacity(commit.writes.len());
        for write in commit.writes {
            push_write(issuer, write, &mut writes)?;
        }
        Ok(Self {
            issuer,
            spends,
            writes,
        })
    }
}

fn int(value: impl Into<i64>) -> Value {
    Value::Int(Some(value.into()))
}

fn bytes(value: impl AsRef<[u8]>) -> Value {
    Value::Bytes(Some(value.as_ref().to_vec()))
}

fn owned(value: Vec<u8>) -> Value {
    Value::Bytes(Some(value))
}

struct Place {
    bucket: u32,
    id: Vec<u8>,
}

impl Place {
    fn of_grant(id: GrantId) -> Self {
        Self {
            bucket: id.bucket.0,
            id: id.random.to_vec(),
        }
    }

    fn of_participant(session: Key<Session>, client: &ClientId, grant: Option<GrantId>) -> Self {
        let mut place = Self::from(session);
        place.id.extend_from_slice(&participant_tag(client, grant));
        place
    }

    fn encode<R: Record>(&self, issuer: IssuerId, record: &R) -> Result<Value, StoreError> {
        encode(issuer, &[&self.bucket.to_be_bytes(), &self.id], record).map(owned)
    }

    fn op(self, kind: Kind, rest: impl IntoIterator<Item = Value>) -> Op {
        let mut values = vec![int(self.bucket), owned(self.id)];
        values.extend(rest);
        Op { kind, values }
    }
}

impl<K> From<Key<K>> for Place {
    fn from(key: Key<K>) -> Self {
        Self {
            bucket: key.bucket.0,
            id: key.digest.to_vec(),
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum may grow, and this store then says that it does not know"
)]
fn spend(issuer: IssuerId, spend: Spend) -> Result<Vec<Step>, StoreError> {
    let step = match spend {
        Spend::Code(key) => Step::Row(Place::from(key).op(Kind::SpendCode, [])),
        Spend::Refresh {
            grant,
            from,
            at,
            idle_expires_at,
        } => match from.checked_add(1) {
            None => Step::Never,
            Some(next) => Step::Row(Place::of_grant(grant).op(
                Kind::SpendRefresh,
                [int(from), int(next), int(at.0), int(idle_expires_at.0)],
            )),
        },
        Spend::Standing(grant) => Step::Row(Place::of_grant(grant).op(Kind::Standing, [])),
        Spend::Session(key) => Step::Row(Place::from(key).op(Kind::SessionThere, [])),
        Spend::Once(key) => Step::Row(Place::from(key).op(Kind::Once, [])),
        Spend::NewWaiting(key, record) => {
            let place = Place::from(key);
            let record = place.encode(issuer, &*record)?;
            Step::Row(place.op(Kind::NewWaiting, [record]))
        }
        Spend::Waiting {
            key,
            revision,
            next: None,
        } => Step::Row(Place::from(key).op(Kind::ConsumeWaiting, [int(revision)])),
        Spend::Waiting {
            key,
            revision,
            next: Some(record),
        } => match revision.checked_add(1) {
            None => Step::Never,
            Some(higher) => {
                let place = Place::from(key);
                let record = place.encode(issuer, &*record)?;
                let rest = [int(revision), int(higher), record];
                Step::Row(place.op(Kind::ChangeWaiting, rest))
            }
        },
        Spend::NewUser(record) => Step::Row(user(issuer, Kind::NewUser, None, &record)?),
        Spend::User { revision, record } => {
            Step::Row(user(issuer, Kind::ChangeUser, Some(revision), &record)?)
        }
        Spend::DeleteUser { subject, revision } => Step::Row(Op {
            kind: Kind::DeleteUser,
            values: vec![bytes(subject.as_str()), int(revision.cast_signed())],
        }),
        Spend::NewCredential(record) => {
            Step::Row(credential(issuer, Kind::NewCredential, None, &record)?)
        }
        Spend::Credential {
            subject,
            id,
            revision,
            next: None,
        } => Step::Row(Op {
            kind: Kind::DeleteCredential,
            values: vec![
                bytes(subject.as_str()),
                bytes(id.0),
                int(revision.cast_signed()),
            ],
        }),
        Spend::Credential {
            subject,
            id,
            revision,
            next: Some(record),
        } => {
            if record.subject == subject && record.id == id {
                let kind = Kind::ChangeCredential;
                Step::Row(credential(issuer, kind, Some(revision), &record)?)
            } else {
                Step::Never
            }
        }
        Spend::Root { from, record } => {
            let encoded = owned(encode(issuer, &[], &*record)?);
            let (revision, changed) = (int(record.revision), int(record.changed_at.0));
            Step::Row(match from {
                None => Op {
                    kind: Kind::NewRoot,
                    values: vec![revision, encoded, changed],
                },
                Some(from) => Op {
                    kind: Kind::ChangeRoot,
                    values: vec![int(from), revision, encoded, changed],
                },
            })
        }
        Spend::Directory { from, record } => {
            let encoded = owned(encode(issuer, &[], &*record)?);
            let number = |n: u64| Value::Int(Some(i64::try_from(n).unwrap_or(i64::MAX)));
            let revision = number(record.revision);
            Step::Row(match from {
                0 => Op {
                    kind: Kind::NewDirectory,
                    values: vec![revision, encoded],
                },
                from => Op {
                    kind: Kind::ChangeDirectory,
                    values: vec![number(from), revision, encoded],
                },
            })
        }
        Spend::NewClient(record) => Step::Row(client(issuer, Kind::NewClient, &record)?),
        Spend::Client { expected, record } => {
            let put = client(issuer, Kind::PutClient, &record)?;
            return Ok(vec![Step::SameClient(expected), Step::Row(put)]);
        }
        Spend::NewRegistration(registration) => {
            let digest = |d: Option<[u8; 32]>| Value::Bytes(d.map(|d| d.to_vec()));
            Step::Row(Op {
                kind: Kind::NewRegistration,
                values: vec![
                    bytes(registration.client.as_str()),
                    int(registration.used.0),
                    digest(registration.software),
                    digest(registration.fold),
                ],
            })
        }
        Spend::IdleClient { client, before } => Step::Row(Op {
            kind: Kind::IdleClient,
            values: vec![bytes(client.as_str()), int(before.0)],
        }),
        Spend::InitialAccess(digest) => Step::Row(Op {
            kind: Kind::UseInitialAccess,
            values: vec![bytes(digest.0)],
        }),
        Spend::Admin {
            kind,
            id,
            from,
            next,
        } => admin(issuer, kind, &id, from, next.as_deref())?,
        Spend::Audit(record) => Step::Row(Op {
            kind: Kind::NewAudit,
            values: vec![
                int(record.seq.cast_signed()),
                owned(encode(issuer, &[&record.seq.to_be_bytes()], &*record)?),
            ],
        }),
        Spend::SigningKeys(expected) => Step::SameKeys(expected),
        Spend::Delivery {
            key,
            attempts,
            next_at: None,
        } => Step::Row(Place::from(key).op(Kind::FinishDelivery, [int(attempts)])),
        Spend::Delivery {
            key,
            attempts,
            next_at: Some(next_at),
        } => match attempts.checked_add(1) {
            None => Step::Never,
            Some(next) => Step::Row(Place::from(key).op(
                Kind::ClaimDelivery,
                [int(attempts), int(next), int(next_at.0)],
            )),
        },
        _ => return Err(unknown()),
    };
    Ok(vec![step])
}

fn admin(
    issuer: IssuerId,
    kind: AdminKind,
    id: &str,
    from: Option<u64>,
    next: Option<&AdminRecord>,
) -> Result<Step, StoreError> {
    let mut values = vec![int(kind.number()), bytes(id)];
    values.extend(from.map(|from| int(from.cast_signed())));
    if let Some(record) = next {
        let encoded = encode(issuer, &[&[kind.number()], id.as_bytes()], record)?;
        values.extend([int(record.revision.cast_signed()), owned(encoded)]);
    }
    let kind = match (from, next) {
        (None, None) => return Ok(Step::Never),
        (None, Some(_)) => Kind::NewAdmin,
        (Some(_), Some(_)) => Kind::ChangeAdmin,
        (Some(_), None) => Kind::DeleteAdmin,
    };
    Ok(Step::Row(Op { kind, values }))
}

/// Whoever goes administers nothing any more.
fn forget_operator(id: &str) -> Op {
    forget_admin(AdminKind::Operator, id)
}

fn forget_admin(kind: AdminKind, id: &str) -> Op {
    Op {
        kind: Kind::ForgetAdmin,
        values: vec![int(kind.number()), bytes(id)],
    }
}

fn push_write(issuer: IssuerId, write: Write, out: &mut Vec<Op>) -> Result<(), StoreError> {
    let op = match write {
        Write::Code(key, record) => {
            let place = Place::from(key);
            let grant = &record.grant;
            let encoded = place.encode(issuer, &*record)?;
            place.op(Kind::PutCode, belonging(grant).into_iter().chain([encoded]))
        }
        Write::Grant(record) => put_grant(issuer, *record)?,
        Write::TouchRefresh {
            grant,
            idle_expires_at,
        } => Place::of_grant(grant).op(Kind::TouchRefresh, [int(idle_expires_at.0)]),
        Write::RevokeGrant(grant, at) => Place::of_grant(grant).op(Kind::RevokeGrant, [int(at.0)]),
        Write::DenyToken(token, expires_at) => Place {
            bucket: Bucket::holding(expires_at).0,
            id: token.0.to_vec(),
        }
        .op(Kind::DenyToken, []),
        Write::Session(key, record) => {
            let place = Place::from(key);
            let encoded = place.encode(issuer, &*record)?;
            place.op(Kind::PutSession, [bytes(record.subject.as_str()), encoded])
        }
        Write::SessionSeen(key, at) => Place::from(key).op(Kind::SessionSeen, [int(at.0)]),
        Write::Activity(bucket, id, record) => {
            let place = Place {
                bucket: bucket.0,
                id: id.to_vec(),
            };
            let encoded = place.encode(issuer, &*record)?;
            let rest = [bytes(record.subject.as_str()), int(record.at.0), encoded];
            place.op(Kind::PutActivity, rest)
        }
        Write::ForgetPerson(subject) => {
            let forget = |kind| Op {
                kind,
                values: vec![bytes(subject.as_str())],
            };
            out.push(forget(Kind::ForgetCredentials));
            out.push(forget(Kind::ForgetConsents));
            out.push(forget_operator(&operator_of_person(&subject)));
            out.push(forget_admin(AdminKind::Refusals, subject.as_str()));
            forget(Kind::ForgetActivity)
        }
        Write::Tally(day, name, n) => Place {
            bucket: day.tally_bucket().0,
            id: name.into_bytes(),
        }
        .op(Kind::AddTally, [Value::Int(i64::try_from(n).ok())]),
        Write::Active(bucket, id) => Place {
            bucket: bucket.0,
            id: id.to_vec(),
        }
        .op(Kind::PutActive, []),
        Write::EndSession(key) => Place::from(key).op(Kind::EndSession, []),
        Write::Participant(session, record) => {
            let place = Place::of_participant(session, &record.client_id, record.grant);
            let encoded = place.encode(issuer, &*record)?;
            let subject = bytes(record.subject.as_str());
            place.op(Kind::PutParticipant, [subject, encoded])
        }
        Write::ForgetParticipant(session, client, grant) => {
            Place::of_participant(session, &client, grant).op(Kind::ForgetParticipant, [])
        }
        Write::Consent(subject, client, record) => {
            let key = [subject.as_str().as_bytes(), client.as_str().as_bytes()];
            let record = encode(issuer, &key, &*record)?;
            Op {
                kind: Kind::PutConsent,
                values: vec![
                    bytes(subject.as_str()),
                    bytes(client.as_str()),
                    owned(record),
                ],
            }
        }
        Write::ForgetConsent(subject, client) => Op {
            kind: Kind::ForgetConsent,
            values: vec![bytes(subject.as_str()), bytes(client.as_str())],
        },
        Write::Client(record) => client(issuer, Kind::PutClient, &record)?,
        Write::DeleteClient(client) => {
            out.push(forget_operator(&operator_of_client(&client)));
            out.push(Op {
                kind: Kind::DeleteRegistration,
                values: vec![bytes(client.as_str())],
            });
            Op {
                kind: Kind::DeleteClient,
                values: vec![bytes(client.as_str())],
            }
        }
        Write::ClientUsed(client, day) => Op {
            kind: Kind::ClientUsed,
            values: vec![bytes(client.as_str()), int(day.0)],
        },
        Write::InitialAccess(digest, mut record) => {
            // In a column, since it changes.
            let uses = std::mem::take(&mut record.uses);
            Op {
                kind: Kind::PutInitialAccess,
                values: vec![
                    bytes(digest.0),
                    int(uses),
                    Value::Int(record.max_uses.map(i64::from)),
                    owned(encode(issuer, &[&digest.0], &*record)?),
                ],
            }
        }
        Write::DeleteInitialAccess(digest) => Op {
            kind: Kind::DeleteInitialAccess,
            values: vec![bytes(digest.0)],
        },
        Write::SigningKey(record) => Op {
            kind: Kind::PutSigningKey,
            values: vec![
                bytes(&record.kid),
                owned(encode(issuer, &[record.kid.as_bytes()], &*record)?),
                int(record.changed_at().0),
            ],
        },
        Write::DeleteSigningKey(kid) => Op {
            kind: Kind::DeleteSigningKey,
            values: vec![bytes(kid)],
        },
        Write::Delivery(key, record) => {
            let place = Place::from(key);
            let encoded = place.encode(issuer, &*record)?;
            let rest = [int(record.attempts), int(record.next_at.0), encoded];
            place.op(Kind::PutDelivery, rest)
        }
        _ => return Err(unknown()),
    };
    out.push(op);
    Ok(())
}

/// Whose a grant is: subject and session.
fn belonging(grant: &GrantRecord) -> [Value; 3] {
    let session = grant.session.map(Place::from);
    [
        bytes(grant.subject.as_str()),
        Value::Int(session.as_ref().map(|s| s.bucket.into())),
        Value::Bytes(session.map(|s| s.id)),
    ]
}

fn put_grant(issuer: IssuerId, mut record: GrantRecord) -> Result<Op, StoreError> {
    let place = Place::of_grant(record.id);
    // In columns, since they change.
    let refresh = record.refresh.take();
    let mut rest = vec![
        Value::Int(refresh.map(|r| r.generation.into())),
        Value::Int(refresh.map(|r| r.rotated_at.0)),
        Value::Int(refresh.map(|r| r.idle_expires_at.0)),
    ];
    rest.extend(belonging(&record));
    rest.push(place.encode(issuer, &record)?);
    Ok(place.op(Kind::PutGrant, rest))
}

fn user(
    issuer: IssuerId,
    kind: Kind,
    expected: Option<u64>,
    record: &UserRecord,
) -> Result<Op, StoreError> {
    let subject = record.subject.as_str();
    let encoded = encode(issuer, &[subject.as_bytes()], record)?;
    let mut values = vec![bytes(subject)];
    values.extend(expected.map(|revision| int(revision.cast_signed())));
    values.push(bytes(&record.username_key));
    values.push(int(record.revision.cast_signed()));
    values.push(owned(encoded));
    Ok(Op { kind, values })
}

fn credential(
    issuer: IssuerId,
    kind: Kind,
    expected: Option<u64>,
    record: &CredentialRecord,
) -> Result<Op, StoreError> {
    let subject = record.subject.as_str();
    let encoded = encode(issuer, &[subject.as_bytes(), &record.id.0], record)?;
    let mut values = vec![bytes(subject), bytes(record.id.0)];
    values.extend(expected.map(|revision| int(revision.cast_signed())));
    values.push(Value::Bytes(record.lookup.map(|lookup| lookup.0.to_vec())));
    values.push(int(record.revision.cast_signed()));
    values.push(owned(encoded));
    Ok(Op { kind, values })
}

fn client(issuer: IssuerId, kind: Kind, record: &ClientRecord) -> Result<Op, StoreError> {
    let id = record.client_id.as_str();
    let encoded = encode(issuer, &[id.as_bytes()], record)?;
    let registered = matches!(record.origin, ClientOrigin::Registration);
    Ok(Op {
        kind,
        values: vec![bytes(id), Value::Bool(registered), owned(encoded)],
    })
}

fn unknown() -> StoreError {
    StoreError::unavailable("this store does not know what it is asked to write")
}
