//! Questions about one issuer, for readers and inside commits.
//!
//! What lists of people and operators need, and what jobs look for every few seconds, is found by looking at all rows of its
//! kind. A store for very many people keeps an index for each of these, as [`Kind::UserName`] is one.

use hallpass::store::record::*;
use hallpass::store::*;
use hallpass::types::*;
use redb::ReadableTable;

use crate::{
    commit::RegistrationRow,
    rows::{HEAD, Kind, Read, Rows, key, of_person, place, placed},
};

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Rows<T> {
    pub fn client(&self, of: IssuerId, id: &ClientId) -> Read<Option<ClientRecord>> {
        self.get(&key(of, Kind::Client, &[id.as_str().as_bytes()]))
    }

    pub fn code(&self, of: IssuerId, code: Key<Code>) -> Read<Option<FoundCode>> {
        let found = self.get(&place(of, Kind::Code, code))?;
        Ok(found.map(|(record, spent)| FoundCode { record, spent }))
    }

    pub fn waiting(&self, of: IssuerId, handle: Key<Waiting>) -> Read<Option<FoundWaiting>> {
        let found = self.get(&place(of, Kind::Waiting, handle))?;
        Ok(found.map(|(record, revision)| FoundWaiting { record, revision }))
    }

    pub fn grant(&self, of: IssuerId, grant: GrantId) -> Read<Option<FoundGrant>> {
        let found = self.get(&key(of, Kind::Grant, &[&grant.to_bytes()]))?;
        Ok(found.map(|(record, revoked_at)| FoundGrant { record, revoked_at }))
    }

    pub fn standing(
        &self,
        of: IssuerId,
        grant: Option<GrantId>,
        token: TokenId,
        expires_at: Timestamp,
    ) -> Read<Standing> {
        let bucket = Bucket::holding(expires_at).0.to_be_bytes();
        let token_denied = self.has(&key(of, Kind::Denied, &[&bucket, &token.0]))?;
        let Some(grant) = grant else {
            return Ok(Standing { grant: None, token_denied, session_alive: true });
        };
        let grant = self.grant(of, grant)?;
        let session_alive = match grant.as_ref().map(|found| &found.record) {
            Some(GrantRecord { session: Some(session), session_bound: true, .. }) => {
                self.has(&place(of, Kind::Session, *session))?
            }
            Some(_) => true,
            None => false,
        };
        Ok(Standing { grant, token_denied, session_alive })
    }

    pub fn user(&self, of: IssuerId, subject: &Subject) -> Read<Option<UserRecord>> {
        self.get(&of_person(of, Kind::User, subject, &[]))
    }

    pub fn user_by_name(&self, of: IssuerId, name: &str) -> Read<Option<UserRecord>> {
        match self.get(&key(of, Kind::UserName, &[name.as_bytes()]))? {
            Some(subject) => self.user(of, &subject),
            None => Ok(None),
        }
    }

    pub fn users(&self, of: IssuerId, after: Option<&str>, limit: usize) -> Read<Page<UserRecord>> {
        let Page { items, next } = self.page::<Subject>(&key(of, Kind::UserName, &[]), after, limit)?;
        let users = items.iter().filter_map(|subject| self.user(of, subject).transpose());
        Ok(Page { items: users.collect::<Read<_>>()?, next })
    }

    pub fn registrations(&self, of: IssuerId) -> Read<Vec<(ClientId, RegistrationRow)>> {
        let rows = self.all::<RegistrationRow>(of, Kind::Registration)?.into_iter();
        let named = rows.map(|(at, row)| {
            let id = str::from_utf8(&at[HEAD..]).ok().and_then(|id| ClientId::parse(id).ok());
            id.map(|id| (id, row)).ok_or_else(|| StoreError::corrupt("a key names no client"))
        });
        named.collect()
    }

    pub fn folded(&self, of: IssuerId, fold: [u8; 32]) -> Read<Option<ClientId>> {
        let mut all = self.registrations(of)?.into_iter();
        Ok(all.find(|(_, row)| row.2 == Some(fold)).map(|(id, _)| id))
    }

    pub fn idle(&self, of: IssuerId, before: Day, limit: usize) -> Read<Vec<ClientId>> {
        let mut idle = self.registrations(of)?;
        idle.retain(|(_, (used, _, _))| *used < before.0);
        idle.sort_by_key(|(_, (used, _, _))| *used);
        Ok(idle.into_iter().map(|(id, _)| id).take(limit.clamp(1, MAX_PAGE)).collect())
    }

    pub fn initial_accesses(
        &self,
        of: IssuerId,
        after: Option<ContentDigest>,
        limit: usize,
    ) -> Read<Vec<(ContentDigest, InitialAccessRecord)>> {
        let rows = self.all(of, Kind::InitialAccess)?.into_iter();
        let rows = rows.filter(|(at, _)| after.is_none_or(|after| at[HEAD..] > after.0[..]));
        let digest = |at: Vec<u8>| at[HEAD..].try_into().map_err(|_| StoreError::corrupt("no digest"));
        let rows = rows.take(limit.clamp(1, MAX_PAGE));
        rows.map(|(at, record)| Ok((ContentDigest(digest(at)?), record))).collect()
    }

    pub fn signing_keys(&self, of: IssuerId) -> Read<Vec<KeyRecord>> {
        Ok(self.all(of, Kind::SigningKey)?.into_iter().map(|(_, record)| record).collect())
    }

    pub fn keys_changed(&self, since: Timestamp, after: Option<IssuerId>) -> Read<Vec<IssuerId>> {
        let mut changed = Vec::new();
        for (of, _) in self.numbers(after)? {
            let root = self.get::<RootRecord>(&key(of, Kind::Root, &[]))?;
            let keys = self.signing_keys(of)?;
            if root.is_some_and(|root| root.changed_at >= since)
                || keys.iter().any(|key| key.changed_at() >= since)
            {
                changed.push(of);
            }
        }
        changed.truncate(MAX_PAGE);
        Ok(changed)
    }

    pub fn directory(&self, of: IssuerId) -> Read<Directory> {
        Ok(self.get(&key(of, Kind::Directory, &[]))?.unwrap_or_default())
    }

    pub fn credentials(&self, of: IssuerId, subject: &Subject) -> Read<Vec<CredentialRecord>> {
        let rows = self.under(&of_person(of, Kind::Credential, subject, &[]))?.take(MAX_PAGE);
        rows.map(|row| Ok(row?.1)).collect()
    }

    pub fn credential_by_lookup(
        &self,
        of: IssuerId,
        lookup: ContentDigest,
    ) -> Read<Option<CredentialRecord>> {
        match self.get::<(Subject, CredentialId)>(&key(of, Kind::Lookup, &[&lookup.0]))? {
            Some((subject, id)) => self.get(&of_person(of, Kind::Credential, &subject, &id.0)),
            None => Ok(None),
        }
    }

    pub fn audit_after(&self, of: IssuerId, after: u64, limit: usize) -> Read<Vec<AuditRecord>> {
        let from = key(of, Kind::Audit, &[&after.saturating_add(1).to_be_bytes()]);
        let end = key(of, Kind::Audit, &[&u64::MAX.to_be_bytes()]);
        let lines = self.between(&from, &end)?.take(limit.clamp(1, MAX_PAGE));
        lines.map(|line| Ok(line?.1)).collect()
    }

    pub fn audit_before(&self, of: IssuerId, before: Option<u64>, limit: usize) -> Read<Vec<AuditRecord>> {
        let end = key(of, Kind::Audit, &[&before.unwrap_or(u64::MAX).to_be_bytes()]);
        let lines = self.between(&key(of, Kind::Audit, &[]), &end)?.rev();
        lines.take(limit.clamp(1, MAX_PAGE)).map(|line| Ok(line?.1)).collect()
    }

    pub fn tallies(&self, of: IssuerId, from: Day, to: Day) -> Read<Vec<(Day, String, u64)>> {
        let day = |day: Day| key(of, Kind::Tally, &[&day.tally_bucket().0.to_be_bytes()]);
        let rows = self.between::<u64>(&day(from), &crate::rows::behind(&day(to)))?.take(100_000);
        let read = rows.map(|row| {
            let (at, n) = row?;
            let (bucket, name) = at[HEAD..].split_at(4);
            let bucket = Bucket(u32::from_be_bytes(bucket.try_into().unwrap_or_default()));
            Ok((Day::of_tally(bucket), String::from_utf8_lossy(name).into_owned(), n))
        });
        read.collect()
    }

    pub fn count_active(&self, of: IssuerId, period: Bucket) -> Read<u64> {
        let rows = self.under::<()>(&key(of, Kind::Active, &[&period.0.to_be_bytes()]))?;
        rows.map(|row| row.map(|_| 1)).sum()
    }

    pub fn count_sessions(&self, of: IssuerId, from: Bucket) -> Read<u64> {
        let first = key(of, Kind::Session, &[&from.0.to_be_bytes()]);
        let rows =
            self.between::<SessionRecord>(&first, &crate::rows::behind(&key(of, Kind::Session, &[])))?;
        rows.take(1_000_000).map(|row| row.map(|_| 1)).sum()
    }

    pub fn participants(
        &self,
        of: IssuerId,
        session: Key<Session>,
        client: &ClientId,
    ) -> Read<Vec<ParticipantRecord>> {
        // The tag begins with eight bytes that stand for the client.
        let [first, _] = participant_tags(client);
        let mut theirs = place(of, Kind::Participant, session);
        theirs.extend_from_slice(&first[..8]);
        self.under(&theirs)?.take(MAX_PAGE).map(|row| Ok(row?.1)).collect()
    }

    pub fn participating(
        &self,
        of: IssuerId,
        session: Key<Session>,
        after: Option<&ClientId>,
    ) -> Read<Vec<ParticipantRecord>> {
        let behind = after.map(|client| participant_tags(client)[1]);
        let mut found: Vec<ParticipantRecord> = Vec::new();
        for row in self.under::<ParticipantRecord>(&place(of, Kind::Participant, session))? {
            let (_, record) = row?;
            // Those of a client lie together.
            let again = found.last().is_some_and(|last| last.client_id == record.client_id);
            let tag = participant_tag(&record.client_id, record.grant);
            if !again && behind.is_none_or(|behind| tag > behind) {
                found.push(record);
            }
            if found.len() == MAX_PAGE {
                break;
            }
        }
        Ok(found)
    }

    pub fn sessions_of(&self, of: IssuerId, subject: &Subject) -> Read<Vec<Key<Session>>> {
        let mut rows = self.all::<ParticipantRecord>(of, Kind::Participant)?;
        rows.retain(|(_, record)| record.subject == *subject);
        let mut sessions: Vec<_> =
            rows.iter().map(|(at, _)| placed(&at[..HEAD + 36])).collect::<Read<_>>()?;
        sessions.dedup();
        sessions.truncate(MAX_PAGE);
        Ok(sessions)
    }

    pub fn account_sessions(
        &self,
        of: IssuerId,
        subject: &Subject,
    ) -> Read<Vec<(Key<Session>, SessionRecord)>> {
        let mut rows = self.all::<SessionRecord>(of, Kind::Session)?;
        rows.retain(|(_, record)| record.subject == *subject);
        rows.into_iter().take(MAX_PAGE).map(|(at, record)| Ok((placed(&at)?, record))).collect()
    }

    pub fn consents_of(&self, of: IssuerId, subject: &Subject) -> Read<Vec<(ClientId, ConsentRecord)>> {
        let theirs = of_person(of, Kind::Consent, subject, &[]);
        let rows = self.under(&theirs)?.take(MAX_PAGE);
        let named = rows.map(|row| {
            let (at, record) = row?;
            let id = str::from_utf8(&at[theirs.len()..]).ok().and_then(|id| ClientId::parse(id).ok());
            id.map(|id| (id, record)).ok_or_else(|| StoreError::corrupt("a key names no client"))
        });
        named.collect()
    }

    pub fn activity(&self, of: IssuerId) -> Read<Vec<(Vec<u8>, ActivityRecord)>> {
        self.all(of, Kind::Activity)
    }

    pub fn activity_before(
        &self,
        of: IssuerId,
        before: Option<ActivityPlace>,
        limit: usize,
    ) -> Read<Vec<(ActivityPlace, ActivityRecord)>> {
        let all = key(of, Kind::Activity, &[]);
        let end = match before {
            Some((bucket, id)) => key(of, Kind::Activity, &[&bucket.0.to_be_bytes(), &id]),
            None => crate::rows::behind(&all),
        };
        let rows = self.between(&all, &end)?.rev().take(limit.clamp(1, MAX_PAGE));
        let placed = rows.map(|row| {
            let (at, record) = row?;
            let (bucket, id) = at[HEAD..].split_at(4);
            let bucket = Bucket(u32::from_be_bytes(bucket.try_into().unwrap_or_default()));
            let id = id.try_into().map_err(|_| StoreError::corrupt("a key is cut short"))?;
            Ok(((bucket, id), record))
        });
        placed.collect()
    }

    /// All deliveries that are due, those that wait longest first.
    pub fn due(&self, of: IssuerId, now: Timestamp) -> Read<Vec<(Key<Delivery>, DeliveryRecord)>> {
        let mut due = self.all::<DeliveryRecord>(of, Kind::Delivery)?;
        due.retain(|(_, record)| record.next_at <= now);
        due.sort_by_key(|(_, record)| record.next_at);
        due.into_iter().map(|(at, record)| Ok((placed(&at)?, record))).collect()
    }
}
