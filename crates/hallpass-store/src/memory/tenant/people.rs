//! What people see of themselves.

use hallpass_core::record::{ActivityRecord, ConsentRecord, SessionRecord};
use hallpass_types::{Bucket, ClientId, Key, Session, Subject, Timestamp};

use super::{Tenant, Undo};
use crate::{ActivityPlace, AdminKind, MAX_PAGE, MOST_COUNTED, UserRecord, operator_of_person};

impl Tenant {
    /// Inserts or replaces a user whose name is known to be free or its own.
    pub(super) fn put_user(&mut self, user: UserRecord) {
        if let Some(old) = self.users.get(&user.subject) {
            self.names.remove(&old.username_key);
        }
        self.names
            .insert(user.username_key.clone(), user.subject.clone());
        self.users.insert(user.subject.clone(), user);
    }

    pub(in crate::memory) fn count_sessions(&self, from: Bucket) -> u64 {
        let counted = self.sessions.keys().filter(|key| key.bucket >= from);
        let most = usize::try_from(MOST_COUNTED).unwrap_or(usize::MAX);
        counted.take(most).count() as u64
    }

    pub(in crate::memory) fn account_sessions(
        &self,
        subject: &Subject,
    ) -> Vec<(Key<Session>, SessionRecord)> {
        let theirs = self.sessions.iter();
        theirs
            .filter(|(_, record)| record.subject == *subject)
            .take(MAX_PAGE)
            .map(|(key, record)| (*key, record.clone()))
            .collect()
    }

    pub(in crate::memory) fn consents_of(
        &self,
        subject: &Subject,
    ) -> Vec<(ClientId, ConsentRecord)> {
        let theirs = self.consents.iter();
        theirs
            .filter(|((whose, _), _)| whose == subject)
            .take(MAX_PAGE)
            .map(|((_, client), record)| (client.clone(), record.clone()))
            .collect()
    }

    pub(in crate::memory) fn activity_of(
        &self,
        subject: &Subject,
        limit: usize,
    ) -> Vec<ActivityRecord> {
        let mut theirs: Vec<_> = self
            .activity
            .values()
            .filter(|record| record.subject == *subject)
            .cloned()
            .collect();
        theirs.sort_by_key(|record| std::cmp::Reverse(record.at));
        theirs.truncate(limit.clamp(1, MAX_PAGE));
        theirs
    }

    pub(in crate::memory) fn activity_before(
        &self,
        before: Option<ActivityPlace>,
        limit: usize,
    ) -> Vec<(ActivityPlace, ActivityRecord)> {
        let limit = limit.clamp(1, MAX_PAGE);
        let older = self.activity.iter().rev();
        older
            .filter(|(place, _)| before.is_none_or(|before| **place < before))
            .take(limit)
            .map(|(place, record)| (*place, record.clone()))
            .collect()
    }

    /// Replaces a session. What was noted of its use stays.
    pub(super) fn put_session(&mut self, key: Key<Session>, mut record: SessionRecord) {
        if let Some(held) = self.sessions.get(&key) {
            record.seen_at = record.seen_at.max(held.seen_at);
        }
        self.sessions.insert(key, record);
    }

    pub(super) fn session_seen(&mut self, key: Key<Session>, at: Timestamp) {
        if let Some(held) = self.sessions.get_mut(&key) {
            held.seen_at = held.seen_at.max(at);
        }
    }

    pub(super) fn put_activity(&mut self, bucket: Bucket, id: [u8; 16], record: ActivityRecord) {
        self.activity.entry((bucket, id)).or_insert(record);
    }

    pub(super) fn delete_user(&mut self, subject: &Subject, revision: u64) -> Option<Undo> {
        self.users.get(subject).filter(|u| u.revision == revision)?;
        let user = self.users.remove(subject)?;
        self.names.remove(&user.username_key);
        Some(Undo::User(Box::new(user)))
    }

    pub(super) fn forget_person(&mut self, subject: &Subject) {
        self.consents.retain(|(whose, _), _| whose != subject);
        self.activity.retain(|_, record| record.subject != *subject);
        self.credentials.forget(subject);
        self.administration
            .forget_operator(operator_of_person(subject));
        self.administration
            .forget(AdminKind::Refusals, subject.as_str().to_owned());
    }
}
