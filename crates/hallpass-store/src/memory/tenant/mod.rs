//! What one issuer has.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_core::{
    access::Directory,
    client::{ClientOrigin, ClientRecord},
    record::{
        ActivityRecord, ConsentRecord, DeliveryRecord, FoundCode, FoundGrant, FoundWaiting,
        ParticipantRecord, RefreshState, SessionRecord, participant_tag,
    },
};
use hallpass_types::{
    Bucket, ClientId, Code, Delivery, GrantId, Key, Once, Session, Subject, Timestamp, TokenId,
    Waiting,
};

use super::{
    credentials::{self, Credentials},
    page::page,
    registrations::{self, Registrations},
};
use crate::{
    Commit, Committed, KeyRecord, MAX_PAGE, Page, RootRecord, Spend, Standing, StoreError,
    UserRecord, Write, operator_of_client, same_client, same_signing_keys,
};

mod admin;
mod fits;
mod participants;
mod people;

#[derive(Debug, Default)]
pub(super) struct Tenant {
    codes: BTreeMap<Key<Code>, FoundCode>,
    waiting: BTreeMap<Key<Waiting>, FoundWaiting>,
    grants: BTreeMap<GrantId, FoundGrant>,
    sessions: BTreeMap<Key<Session>, SessionRecord>,
    activity: BTreeMap<(Bucket, [u8; 16]), ActivityRecord>,
    denied: BTreeSet<(Bucket, TokenId)>,
    once: BTreeSet<Key<Once>>,
    consents: BTreeMap<(Subject, ClientId), ConsentRecord>,
    clients: BTreeMap<String, ClientRecord>,
    users: BTreeMap<Subject, UserRecord>,
    names: BTreeMap<String, Subject>,
    keys: BTreeMap<String, KeyRecord>,
    root: Option<RootRecord>,
    directory: Directory,
    deliveries: BTreeMap<Key<Delivery>, DeliveryRecord>,
    participants: BTreeMap<(Key<Session>, [u8; 16]), ParticipantRecord>,
    pub(super) registrations: Registrations,
    pub(super) credentials: Credentials,
    pub(super) administration: admin::Administration,
}

/// How a spend is taken back when a later one of the same commit is too late.
enum Undo {
    Nothing,
    Code(Key<Code>),
    Refresh(GrantId, RefreshState),
    NewWaiting(Key<Waiting>),
    Waiting(Key<Waiting>, Box<FoundWaiting>),
    Once(Key<Once>),
    NewUser(Subject),
    User(Box<UserRecord>),
    NewClient(ClientId),
    Client(Box<ClientRecord>),
    Delivery(Key<Delivery>, Box<DeliveryRecord>),
    Registration(registrations::Undo),
    Credential(credentials::Undo),
    Admin(admin::Undo),
    Root(Option<RootRecord>),
    Directory(Box<Directory>),
}

impl Tenant {
    pub(super) fn client(&self, id: &ClientId) -> Option<ClientRecord> {
        self.clients.get(id.as_str()).cloned()
    }

    pub(super) fn clients(&self, after: Option<&str>, limit: usize) -> Page<ClientRecord> {
        page(&self.clients, after, limit, |_, client| {
            Some(client.clone())
        })
    }

    pub(super) fn count_registered_clients(&self) -> u64 {
        let registered = |c: &&ClientRecord| matches!(c.origin, ClientOrigin::Registration);
        self.clients.values().filter(registered).count() as u64
    }

    pub(super) fn code(&self, key: Key<Code>) -> Option<FoundCode> {
        self.codes.get(&key).cloned()
    }

    pub(super) fn waiting(&self, key: Key<Waiting>) -> Option<FoundWaiting> {
        self.waiting.get(&key).cloned()
    }

    pub(super) fn grant(&self, id: GrantId) -> Option<FoundGrant> {
        self.grants.get(&id).cloned()
    }

    pub(super) fn standing(
        &self,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Standing {
        let found = grant.and_then(|id| self.grant(id));
        let session_alive = match (grant, &found) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(found)) => match &found.record.session {
                Some(session) if found.record.session_bound => self.sessions.contains_key(session),
                Some(_) | None => true,
            },
        };
        Standing {
            grant: found,
            token_denied: self.denied.contains(&(Bucket::holding(expires_at), token)),
            session_alive,
        }
    }

    pub(super) fn session(&self, key: Key<Session>) -> Option<SessionRecord> {
        self.sessions.get(&key).cloned()
    }

    pub(super) fn consent(&self, subject: &Subject, client: &ClientId) -> Option<ConsentRecord> {
        self.consents
            .get(&(subject.clone(), client.clone()))
            .cloned()
    }

    pub(super) fn user(&self, subject: &Subject) -> Option<UserRecord> {
        self.users.get(subject).cloned()
    }

    pub(super) fn user_by_name(&self, username_key: &str) -> Option<UserRecord> {
        self.names.get(username_key).and_then(|s| self.user(s))
    }

    pub(super) fn users(&self, after: Option<&str>, limit: usize) -> Page<UserRecord> {
        page(&self.names, after, limit, |_, subject| self.user(subject))
    }

    pub(super) fn signing_keys(&self) -> Vec<KeyRecord> {
        self.keys.values().cloned().collect()
    }

    /// Whether a key entered its phase, or the root was changed, at or after that moment.
    pub(super) fn keys_changed(&self, since: Timestamp) -> bool {
        let mut keys = self.keys.values();
        keys.any(|key| key.changed_at() >= since)
            || self
                .root
                .as_ref()
                .is_some_and(|root| root.changed_at >= since)
    }

    pub(super) fn directory(&self) -> Directory {
        self.directory.clone()
    }

    pub(super) fn root(&self) -> Option<RootRecord> {
        self.root.clone()
    }

    pub(super) fn due_deliveries(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Vec<(Key<Delivery>, DeliveryRecord)> {
        let mut due: Vec<_> = self
            .deliveries
            .iter()
            .filter(|(_, record)| record.next_at <= now)
            .map(|(key, record)| (*key, record.clone()))
            .collect();
        due.sort_by_key(|(_, record)| record.next_at);
        due.truncate(limit.clamp(1, MAX_PAGE));
        due
    }

    pub(super) fn commit(&mut self, commit: Commit, limit: usize) -> Result<Committed, StoreError> {
        self.fits(&commit, limit)?;
        let mut undo = Vec::new();
        for (index, spend) in commit.spends.into_iter().enumerate() {
            if let Some(done) = self.spend(spend) {
                undo.push(done);
            } else {
                self.take_back(undo);
                return Ok(Committed::TooLate(index));
            }
        }
        if self.collides(&commit.writes) {
            self.take_back(undo);
            return Err(StoreError::Collision);
        }
        for write in commit.writes {
            self.write(write);
        }
        Ok(Committed::Done)
    }

    pub(super) fn purge(&mut self, below: Bucket, left: &mut usize) {
        fn below_in<K: Ord + Copy, V>(
            map: &mut BTreeMap<K, V>,
            bucket: fn(&K) -> Bucket,
            below: Bucket,
            left: &mut usize,
        ) {
            while *left > 0 {
                match map.first_entry() {
                    Some(first) if bucket(first.key()) < below => drop(first.remove()),
                    Some(_) | None => return,
                }
                *left = left.saturating_sub(1);
            }
        }
        below_in(&mut self.codes, |k| k.bucket, below, left);
        below_in(&mut self.waiting, |k| k.bucket, below, left);
        below_in(&mut self.grants, |k| k.bucket, below, left);
        below_in(&mut self.sessions, |k| k.bucket, below, left);
        below_in(&mut self.activity, |k| k.0, below, left);
        below_in(&mut self.deliveries, |k| k.bucket, below, left);
        below_in(&mut self.participants, |k| k.0.bucket, below, left);
        self.administration.purge(below, left);
        while *left > 0
            && self
                .denied
                .first()
                .is_some_and(|(bucket, _)| *bucket < below)
        {
            self.denied.pop_first();
            *left = left.saturating_sub(1);
        }
        while *left > 0 && self.once.first().is_some_and(|key| key.bucket < below) {
            self.once.pop_first();
            *left = left.saturating_sub(1);
        }
    }

    /// Whether a delivery's time has come.
    pub(super) fn has_due(&self, now: Timestamp) -> bool {
        self.deliveries.values().any(|record| record.next_at <= now)
    }

    /// Deletes at most `limit` records, whatever they are; answers how many went.
    pub(super) fn erase(&mut self, limit: usize) -> u64 {
        fn take<K: Ord, V>(map: &mut BTreeMap<K, V>, left: &mut usize) {
            while *left > 0 && map.pop_first().is_some() {
                *left = left.saturating_sub(1);
            }
        }
        let mut left = limit;
        self.purge(Bucket(u32::MAX), &mut left);
        take(&mut self.consents, &mut left);
        take(&mut self.clients, &mut left);
        take(&mut self.users, &mut left);
        take(&mut self.keys, &mut left);
        if left > 0 {
            // What is beside the records.
            *self = Self::default();
        }
        limit.saturating_sub(left) as u64
    }

    /// None when it is too late.
    fn spend(&mut self, spend: Spend) -> Option<Undo> {
        match spend {
            Spend::Code(key) => {
                let code = self.codes.get_mut(&key).filter(|code| !code.spent)?;
                code.spent = true;
                Some(Undo::Code(key))
            }
            Spend::Refresh {
                grant: id,
                from,
                at,
                idle_expires_at,
            } => {
                let grant = self.grants.get_mut(&id)?;
                let refresh = grant.record.refresh.as_mut()?;
                if grant.revoked_at.is_some() || refresh.generation != from {
                    return None;
                }
                let before = *refresh;
                *refresh = RefreshState {
                    generation: from.checked_add(1)?,
                    rotated_at: at,
                    idle_expires_at,
                };
                Some(Undo::Refresh(id, before))
            }
            Spend::Standing(id) => {
                self.grants.get(&id).filter(|g| g.revoked_at.is_none())?;
                Some(Undo::Nothing)
            }
            Spend::Session(key) => self.sessions.get(&key).map(|_| Undo::Nothing),
            Spend::Once(key) => self.once.insert(key).then_some(Undo::Once(key)),
            Spend::NewWaiting(key, record) => {
                if self.waiting.contains_key(&key) {
                    return None;
                }
                let found = FoundWaiting {
                    record: *record,
                    revision: 0,
                };
                self.waiting.insert(key, found);
                Some(Undo::NewWaiting(key))
            }
            Spend::Waiting {
                key,
                revision,
                next,
            } => {
                let held = self.waiting.get_mut(&key)?;
                if held.revision != revision {
                    return None;
                }
                let before = match next {
                    Some(record) => {
                        let changed = FoundWaiting {
                            record: *record,
                            revision: revision.checked_add(1)?,
                        };
                        std::mem::replace(held, changed)
                    }
                    None => self.waiting.remove(&key)?,
                };
                Some(Undo::Waiting(key, Box::new(before)))
            }
            Spend::NewUser(user) => {
                if self.users.contains_key(&user.subject)
                    || self.names.contains_key(&user.username_key)
                {
                    return None;
                }
                let subject = user.subject.clone();
                self.put_user(*user);
                Some(Undo::NewUser(subject))
            }
            Spend::DeleteUser { subject, revision } => self.delete_user(&subject, revision),
            Spend::NewClient(client) => {
                if self.clients.contains_key(client.client_id.as_str()) {
                    return None;
                }
                let id = client.client_id.clone();
                self.clients.insert(id.as_str().to_owned(), *client);
                Some(Undo::NewClient(id))
            }
            Spend::User { revision, record } => {
                let old = self.user(&record.subject)?;
                let holder = self.names.get(&record.username_key);
                if old.revision != revision || holder.is_some_and(|s| *s != record.subject) {
                    return None;
                }
                self.put_user(*record);
                Some(Undo::User(Box::new(old)))
            }
            Spend::Client { expected, record } => {
                let held = self.clients.get_mut(record.client_id.as_str())?;
                if !same_client(held, &expected) {
                    return None;
                }
                let old = std::mem::replace(held, *record);
                Some(Undo::Client(Box::new(old)))
            }
            Spend::NewCredential(record) => self.credentials.add(*record).map(Undo::Credential),
            Spend::Credential {
                subject,
                id,
                revision,
                next,
            } => {
                let next = next.map(|record| *record);
                let changed = self.credentials.change(subject, id, revision, next);
                changed.map(Undo::Credential)
            }
            Spend::NewRegistration(registration) => {
                let added = self.registrations.add(*registration);
                added.map(Undo::Registration)
            }
            Spend::IdleClient { client, before } => self
                .registrations
                .is_idle(&client, before)
                .then_some(Undo::Nothing),
            Spend::InitialAccess(digest) => {
                let used = self.registrations.use_access(digest);
                used.map(Undo::Registration)
            }
            Spend::SigningKeys(expected) => {
                same_signing_keys(&self.signing_keys(), &expected).then_some(Undo::Nothing)
            }
            Spend::Root { from, record } => {
                if self.root.as_ref().map(|root| root.revision) != from {
                    return None;
                }
                Some(Undo::Root(self.root.replace(*record)))
            }
            Spend::Directory { from, record } => {
                if self.directory.revision != from {
                    return None;
                }
                let before = std::mem::replace(&mut self.directory, *record);
                Some(Undo::Directory(Box::new(before)))
            }
            Spend::Admin {
                kind,
                id,
                from,
                next,
            } => {
                let next = next.map(|record| *record);
                let changed = self.administration.change((kind, id), from, next);
                changed.map(Undo::Admin)
            }
            Spend::Audit(record) => self.administration.append(*record).map(Undo::Admin),
            Spend::Delivery {
                key,
                attempts,
                next_at,
            } => {
                let held = self.deliveries.get_mut(&key)?;
                if held.attempts != attempts {
                    return None;
                }
                let before = Box::new(held.clone());
                match next_at {
                    Some(next_at) => {
                        held.attempts = attempts.checked_add(1)?;
                        held.next_at = next_at;
                    }
                    None => drop(self.deliveries.remove(&key)),
                }
                Some(Undo::Delivery(key, before))
            }
        }
    }

    fn take_back(&mut self, undo: Vec<Undo>) {
        for step in undo.into_iter().rev() {
            match step {
                Undo::Nothing => {}
                Undo::Code(key) => {
                    if let Some(code) = self.codes.get_mut(&key) {
                        code.spent = false;
                    }
                }
                Undo::Refresh(id, before) => {
                    if let Some(grant) = self.grants.get_mut(&id) {
                        grant.record.refresh = Some(before);
                    }
                }
                Undo::Once(key) => {
                    self.once.remove(&key);
                }
                Undo::NewWaiting(key) => {
                    self.waiting.remove(&key);
                }
                Undo::Waiting(key, before) => {
                    self.waiting.insert(key, *before);
                }
                Undo::NewUser(subject) => {
                    if let Some(user) = self.users.remove(&subject) {
                        self.names.remove(&user.username_key);
                    }
                }
                Undo::User(before) => self.put_user(*before),
                Undo::NewClient(id) => {
                    self.clients.remove(id.as_str());
                }
                Undo::Client(before) => {
                    self.clients
                        .insert(before.client_id.as_str().to_owned(), *before);
                }
                Undo::Root(before) => self.root = before,
                Undo::Directory(before) => self.directory = *before,
                Undo::Registration(undo) => self.registrations.take_back(undo),
                Undo::Credential(undo) => self.credentials.take_back(undo),
                Undo::Admin(undo) => self.administration.take_back(undo),
                Undo::Delivery(key, before) => {
                    self.deliveries.insert(key, *before);
                }
            }
        }
    }

    fn write(&mut self, write: Write) {
        match write {
            Write::Code(key, record) => {
                let found = FoundCode {
                    record: *record,
                    spent: false,
                };
                self.codes.insert(key, found);
            }
            Write::Grant(record) => {
                let found = FoundGrant {
                    record: *record,
                    revoked_at: None,
                };
                self.grants.insert(found.record.id, found);
            }
            Write::TouchRefresh {
                grant,
                idle_expires_at,
            } => {
                let refresh = self
                    .grants
                    .get_mut(&grant)
                    .and_then(|g| g.record.refresh.as_mut());
                if let Some(refresh) = refresh {
                    refresh.idle_expires_at = idle_expires_at;
                }
            }
            Write::RevokeGrant(id, at) => {
                if let Some(grant) = self.grants.get_mut(&id) {
                    grant.revoked_at.get_or_insert(at);
                }
            }
            Write::DenyToken(token, expires_at) => {
                self.denied.insert((Bucket::holding(expires_at), token));
            }
            Write::Session(key, record) => self.put_session(key, *record),
            Write::SessionSeen(key, at) => self.session_seen(key, at),
            Write::Activity(bucket, id, record) => self.put_activity(bucket, id, *record),
            Write::ForgetPerson(subject) => self.forget_person(&subject),
            Write::Tally(day, name, n) => self.administration.tally(day, name, n),
            Write::Active(period, who) => self.administration.active(period, who),
            Write::EndSession(key) => {
                self.sessions.remove(&key);
            }
            Write::Participant(session, record) => {
                let tag = participant_tag(&record.client_id, record.grant);
                self.participants.insert((session, tag), *record);
            }
            Write::ForgetParticipant(session, client, grant) => {
                self.participants
                    .remove(&(session, participant_tag(&client, grant)));
            }
            Write::Consent(subject, client, record) => {
                self.consents.insert((subject, client), *record);
            }
            Write::ForgetConsent(subject, client) => {
                self.consents.remove(&(subject, client));
            }
            Write::Client(record) => {
                self.clients
                    .insert(record.client_id.as_str().to_owned(), *record);
            }
            Write::DeleteClient(id) => {
                self.clients.remove(id.as_str());
                self.administration.forget_operator(operator_of_client(&id));
                self.registrations.forget(&id);
            }
            Write::ClientUsed(client, day) => self.registrations.used(&client, day),
            Write::InitialAccess(digest, record) => self.registrations.put_access(digest, *record),
            Write::DeleteInitialAccess(digest) => self.registrations.delete_access(digest),
            Write::SigningKey(record) => {
                self.keys.insert(record.kid.clone(), *record);
            }
            Write::DeleteSigningKey(kid) => {
                self.keys.remove(&kid);
            }
            Write::Delivery(key, record) => {
                self.deliveries.insert(key, *record);
            }
        }
    }
}
