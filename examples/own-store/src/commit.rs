//! Spends and writes, inside one transaction: whatever ends it early takes all of it back.

use hallpass::store::record::{
    CodeRecord, DeliveryRecord, GrantRecord, SessionRecord, WaitingRecord, participant_tag,
};
use hallpass::store::*;
use hallpass::types::*;
use redb::Table;

use crate::rows::{Kind, Read, Rows, failed, key, of_person, place};

/// A grant with the time of its revocation.
type GrantRow = (GrantRecord, Option<Timestamp>);
/// When a client that registered itself was used last, and the digests of its software and its metadata.
pub type RegistrationRow = (u32, Option<[u8; 32]>, Option<[u8; 32]>);

pub type Writing<'t> = Rows<Table<'t, &'static [u8], &'static [u8]>>;

impl Writing<'_> {
    // [commit]
    pub fn commit(&mut self, issuer: IssuerId, commit: Commit) -> Read<Committed> {
        for (index, spend) in commit.spends.into_iter().enumerate() {
            if !self.spend(issuer, spend)? {
                return Ok(Committed::TooLate(index));
            }
        }
        for write in commit.writes {
            self.write(issuer, write)?;
        }
        Ok(Committed::Done)
    }

    /// Whether it was in time.
    fn spend(&mut self, of: IssuerId, spend: Spend) -> Read<bool> {
        match spend {
            Spend::Code(code) => {
                let at = place(of, Kind::Code, code);
                match self.get::<(CodeRecord, bool)>(&at)? {
                    Some((record, false)) => self.put(&at, &(record, true)).map(|()| true),
                    Some((_, true)) | None => Ok(false),
                }
            }
            // [/commit]
            Spend::Refresh { grant, from, at: rotated_at, idle_expires_at } => {
                let at = key(of, Kind::Grant, &[&grant.to_bytes()]);
                let Some((mut record, None)) = self.get::<GrantRow>(&at)? else {
                    return Ok(false);
                };
                let refresh = record.refresh.as_mut().filter(|refresh| refresh.generation == from);
                let (Some(refresh), Some(generation)) = (refresh, from.checked_add(1)) else {
                    return Ok(false);
                };
                (refresh.generation, refresh.rotated_at) = (generation, rotated_at);
                refresh.idle_expires_at = idle_expires_at;
                self.put(&at, &(record, None::<Timestamp>)).map(|()| true)
            }
            Spend::Standing(grant) => {
                let found = self.get::<GrantRow>(&key(of, Kind::Grant, &[&grant.to_bytes()]))?;
                Ok(found.is_some_and(|(_, revoked)| revoked.is_none()))
            }
            Spend::Session(session) => self.has(&place(of, Kind::Session, session)),
            Spend::Once(once) => self.add(&place(of, Kind::Once, once), &()),
            Spend::NewWaiting(handle, record) => self.add(&place(of, Kind::Waiting, handle), &(record, 0)),
            Spend::Waiting { key: handle, revision, next } => {
                let at = place(of, Kind::Waiting, handle);
                let held = self.get::<(WaitingRecord, u32)>(&at)?;
                if held.is_none_or(|(_, held)| held != revision) {
                    return Ok(false);
                }
                match (next, revision.checked_add(1)) {
                    (None, _) => self.delete(&at),
                    (Some(next), Some(higher)) => self.put(&at, &(next, higher)).map(|()| true),
                    (Some(_), None) => Ok(false),
                }
            }
            Spend::NewUser(user) => {
                let free = !self.has(&of_person(of, Kind::User, &user.subject, &[]))?
                    && !self.has(&key(of, Kind::UserName, &[user.username_key.as_bytes()]))?;
                if free {
                    self.put_user(of, &user)?;
                }
                Ok(free)
            }
            Spend::User { revision, record } => {
                let Some(held) = self.user(of, &record.subject)? else {
                    return Ok(false);
                };
                let holder = self.get(&key(of, Kind::UserName, &[record.username_key.as_bytes()]))?;
                if held.revision != revision || holder.is_some_and(|subject: Subject| subject != held.subject)
                {
                    return Ok(false);
                }
                self.delete(&key(of, Kind::UserName, &[held.username_key.as_bytes()]))?;
                self.put_user(of, &record)?;
                Ok(true)
            }
            Spend::DeleteUser { subject, revision } => {
                let held = self.user(of, &subject)?.filter(|held| held.revision == revision);
                let Some(held) = held else { return Ok(false) };
                self.delete(&key(of, Kind::UserName, &[held.username_key.as_bytes()]))?;
                self.delete(&of_person(of, Kind::User, &subject, &[]))
            }
            Spend::NewCredential(record) => {
                let at = of_person(of, Kind::Credential, &record.subject, &record.id.0);
                Ok(!self.has(&at)? && self.put_credential(of, &record)?)
            }
            Spend::Credential { subject, id, revision, next } => {
                let at = of_person(of, Kind::Credential, &subject, &id.0);
                let held = self.get::<CredentialRecord>(&at)?.filter(|held| held.revision == revision);
                let Some(held) = held else { return Ok(false) };
                self.delete_credential(of, &held)?;
                match next {
                    Some(next) => self.put_credential(of, &next),
                    None => Ok(true),
                }
            }
            Spend::NewClient(record) => {
                self.add(&key(of, Kind::Client, &[record.client_id.as_str().as_bytes()]), &record)
            }
            Spend::Client { expected, record } => {
                let at = key(of, Kind::Client, &[record.client_id.as_str().as_bytes()]);
                let same = self.get(&at)?.is_some_and(|held| same_client(&held, &expected));
                if same {
                    self.put(&at, &record)?;
                }
                Ok(same)
            }
            Spend::NewRegistration(new) => {
                if let Some(fold) = new.fold
                    && self.folded(of, fold)?.is_some()
                {
                    return Ok(false);
                }
                let row: RegistrationRow = (new.used.0, new.software, new.fold);
                self.add(&key(of, Kind::Registration, &[new.client.as_str().as_bytes()]), &row)
            }
            Spend::IdleClient { client, before } => {
                let held = self.get(&key(of, Kind::Registration, &[client.as_str().as_bytes()]))?;
                Ok(held.is_some_and(|(used, _, _): RegistrationRow| used < before.0))
            }
            Spend::InitialAccess(digest) => {
                let at = key(of, Kind::InitialAccess, &[&digest.0]);
                let held = self.get::<InitialAccessRecord>(&at)?;
                let held = held.filter(|held| held.max_uses.is_none_or(|max| held.uses < max));
                let Some(mut held) = held else { return Ok(false) };
                held.uses = held.uses.saturating_add(1);
                self.put(&at, &held).map(|()| true)
            }
            Spend::SigningKeys(expected) => Ok(same_signing_keys(&self.signing_keys(of)?, &expected)),
            Spend::Root { from, record } => {
                let at = key(of, Kind::Root, &[]);
                let fits = self.get::<RootRecord>(&at)?.map(|held| held.revision) == from;
                if fits {
                    self.put(&at, &record)?;
                }
                Ok(fits)
            }
            Spend::Directory { from, record } => {
                let fits = self.directory(of)?.revision == from;
                if fits {
                    self.put(&key(of, Kind::Directory, &[]), &record)?;
                }
                Ok(fits)
            }
            Spend::Admin { kind, id, from, next } => {
                let at = key(of, Kind::Admin, &[&[kind.number()], id.as_bytes()]);
                if self.get::<AdminRecord>(&at)?.map(|held| held.revision) != from {
                    return Ok(false);
                }
                match next {
                    Some(next) => self.put(&at, &next).map(|()| true),
                    None => self.delete(&at),
                }
            }
            Spend::Audit(line) => self.add(&key(of, Kind::Audit, &[&line.seq.to_be_bytes()]), &line),
            Spend::Delivery { key: which, attempts, next_at } => {
                let at = place(of, Kind::Delivery, which);
                let held = self.get::<DeliveryRecord>(&at)?.filter(|held| held.attempts == attempts);
                match (held, next_at, attempts.checked_add(1)) {
                    (Some(_), None, _) => self.delete(&at),
                    (Some(held), Some(next_at), Some(attempts)) => {
                        self.put(&at, &DeliveryRecord { attempts, next_at, ..held }).map(|()| true)
                    }
                    (None, ..) | (Some(_), Some(_), None) => Ok(false),
                }
            }
            // [unknown]
            // A later version may ask for more. What is not understood must not look as if it were done.
            _ => Err(StoreError::unavailable("this store does not know that spend")),
            // [/unknown]
        }
    }

    fn write(&mut self, of: IssuerId, write: Write) -> Read<()> {
        let fresh = |free: bool| if free { Ok(()) } else { Err(StoreError::Collision) };
        match write {
            Write::Code(code, record) => {
                self.add(&place(of, Kind::Code, code), &(record, false)).and_then(fresh)
            }
            Write::Grant(record) => {
                let at = key(of, Kind::Grant, &[&record.id.to_bytes()]);
                self.add(&at, &(record, None::<Timestamp>)).and_then(fresh)
            }
            Write::TouchRefresh { grant, idle_expires_at } => {
                let at = key(of, Kind::Grant, &[&grant.to_bytes()]);
                let Some((mut record, revoked)) = self.get::<GrantRow>(&at)? else { return Ok(()) };
                if let Some(refresh) = record.refresh.as_mut() {
                    refresh.idle_expires_at = idle_expires_at;
                }
                self.put(&at, &(record, revoked))
            }
            Write::RevokeGrant(grant, when) => {
                let at = key(of, Kind::Grant, &[&grant.to_bytes()]);
                match self.get::<GrantRow>(&at)? {
                    Some((record, None)) => self.put(&at, &(record, Some(when))),
                    Some((_, Some(_))) | None => Ok(()),
                }
            }
            Write::DenyToken(token, expires_at) => {
                let bucket = Bucket::holding(expires_at).0.to_be_bytes();
                self.put(&key(of, Kind::Denied, &[&bucket, &token.0]), &())
            }
            Write::Session(session, mut record) => {
                let at = place(of, Kind::Session, session);
                if let Some(held) = self.get::<SessionRecord>(&at)? {
                    record.seen_at = record.seen_at.max(held.seen_at);
                }
                self.put(&at, &record)
            }
            Write::SessionSeen(session, when) => {
                let at = place(of, Kind::Session, session);
                match self.get::<SessionRecord>(&at)? {
                    Some(held) if held.seen_at < when => {
                        self.put(&at, &SessionRecord { seen_at: when, ..held })
                    }
                    Some(_) | None => Ok(()),
                }
            }
            Write::EndSession(session) => self.delete(&place(of, Kind::Session, session)).map(drop),
            Write::Activity(bucket, id, record) => {
                let at = key(of, Kind::Activity, &[&bucket.0.to_be_bytes(), &id]);
                self.add(&at, &record).map(drop)
            }
            Write::ForgetPerson(subject) => self.forget(of, &subject),
            Write::Tally(day, name, more) => {
                let bucket = day.tally_bucket().0.to_be_bytes();
                let at = key(of, Kind::Tally, &[&bucket, name.as_bytes()]);
                let held = self.get::<u64>(&at)?.unwrap_or_default();
                self.put(&at, &held.saturating_add(more))
            }
            Write::Active(period, who) => {
                self.put(&key(of, Kind::Active, &[&period.0.to_be_bytes(), &who]), &())
            }
            Write::Participant(session, record) => {
                let tag = participant_tag(&record.client_id, record.grant);
                self.put(&[place(of, Kind::Participant, session).as_slice(), &tag].concat(), &record)
            }
            Write::ForgetParticipant(session, client, grant) => {
                let tag = participant_tag(&client, grant);
                self.delete(&[place(of, Kind::Participant, session).as_slice(), &tag].concat()).map(drop)
            }
            Write::Consent(subject, client, record) => {
                self.put(&of_person(of, Kind::Consent, &subject, client.as_str().as_bytes()), &record)
            }
            Write::ForgetConsent(subject, client) => {
                self.delete(&of_person(of, Kind::Consent, &subject, client.as_str().as_bytes())).map(drop)
            }
            Write::Client(record) => {
                self.put(&key(of, Kind::Client, &[record.client_id.as_str().as_bytes()]), &record)
            }
            Write::DeleteClient(client) => {
                self.delete(&key(of, Kind::Registration, &[client.as_str().as_bytes()]))?;
                self.delete_admin(of, AdminKind::Operator, &operator_of_client(&client))?;
                self.delete(&key(of, Kind::Client, &[client.as_str().as_bytes()])).map(drop)
            }
            Write::ClientUsed(client, day) => {
                let at = key(of, Kind::Registration, &[client.as_str().as_bytes()]);
                match self.get::<RegistrationRow>(&at)? {
                    Some((used, software, fold)) if used < day.0 => self.put(&at, &(day.0, software, fold)),
                    Some(_) | None => Ok(()),
                }
            }
            Write::InitialAccess(digest, record) => {
                self.put(&key(of, Kind::InitialAccess, &[&digest.0]), &record)
            }
            Write::DeleteInitialAccess(digest) => {
                self.delete(&key(of, Kind::InitialAccess, &[&digest.0])).map(drop)
            }
            Write::SigningKey(record) => {
                self.put(&key(of, Kind::SigningKey, &[record.kid.as_bytes()]), &record)
            }
            Write::DeleteSigningKey(kid) => {
                self.delete(&key(of, Kind::SigningKey, &[kid.as_bytes()])).map(drop)
            }
            Write::Delivery(delivery, record) => {
                self.add(&place(of, Kind::Delivery, delivery), &record).and_then(fresh)
            }
            _ => Err(StoreError::unavailable("this store does not know that write")),
        }
    }

    fn put_user(&mut self, of: IssuerId, user: &UserRecord) -> Read<()> {
        self.put(&key(of, Kind::UserName, &[user.username_key.as_bytes()]), &user.subject)?;
        self.put(&of_person(of, Kind::User, &user.subject, &[]), user)
    }

    /// Whether its digest was free.
    fn put_credential(&mut self, of: IssuerId, record: &CredentialRecord) -> Read<bool> {
        if let Some(lookup) = record.lookup {
            let whose = (&record.subject, record.id);
            if !self.add(&key(of, Kind::Lookup, &[&lookup.0]), &whose)? {
                return Ok(false);
            }
        }
        self.put(&of_person(of, Kind::Credential, &record.subject, &record.id.0), record)?;
        Ok(true)
    }

    fn delete_credential(&mut self, of: IssuerId, record: &CredentialRecord) -> Read<()> {
        if let Some(lookup) = record.lookup {
            self.delete(&key(of, Kind::Lookup, &[&lookup.0]))?;
        }
        self.delete(&of_person(of, Kind::Credential, &record.subject, &record.id.0)).map(drop)
    }

    fn delete_admin(&mut self, of: IssuerId, kind: AdminKind, id: &str) -> Read<()> {
        self.delete(&key(of, Kind::Admin, &[&[kind.number()], id.as_bytes()])).map(drop)
    }

    fn forget(&mut self, of: IssuerId, subject: &Subject) -> Read<()> {
        self.delete_admin(of, AdminKind::Operator, &operator_of_person(subject))?;
        self.delete_admin(of, AdminKind::Refusals, subject.as_str())?;
        for record in self.credentials(of, subject)? {
            self.delete_credential(of, &record)?;
        }
        let consents = of_person(of, Kind::Consent, subject, &[]);
        self.0
            .retain_in::<&[u8], _>(consents.as_slice()..crate::rows::behind(&consents).as_slice(), |_, _| {
                false
            })
            .map_err(failed)?;
        for (at, record) in self.activity(of)? {
            if record.subject == *subject {
                self.delete(&at)?;
            }
        }
        Ok(())
    }
}
