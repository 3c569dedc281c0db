//! Changes of accounts, and what is noted of what happens with them.

use hallpass_core::record::{Activity, ActivityRecord, Visit};
use hallpass_store::{Commit, Committed, MAX_PAGE, Spend, StoreError, Write};
use hallpass_types::{Bucket, ClientId, Key, Opaque, Subject, Timestamp};

use super::{SignedIn, mailed::Reason};
use crate::{
    Failure, Provider,
    browser::Browser,
    ports::{Account, Message, Prepared},
    sessions::with_earlier,
};

impl Provider {
    /// Commits a change, beside what must be in time before it.
    pub(crate) async fn change(
        &self,
        mut spends: Vec<Spend>,
        prepared: Prepared,
        mut writes: Vec<Write>,
    ) -> Result<(), Failure> {
        let first = spends.len();
        spends.extend(prepared.spends);
        writes.extend(prepared.writes);
        match self.commit(Commit { spends, writes }).await? {
            Committed::Done => Ok(()),
            Committed::TooLate(at) if at < first => Err(Reason::LinkOver.into()),
            // Somebody changed the account in this very moment.
            Committed::TooLate(_) => Err(Failure::Unavailable { retry_after: 1 }),
        }
    }

    /// The note that something happened with an account.
    pub(crate) fn happened(
        &self,
        subject: &Subject,
        what: Activity,
        browser: &Browser,
        client: Option<&ClientId>,
    ) -> Write {
        self.inner.tallies.count("account", what.as_str());
        let now = self.now();
        let kept = now.plus(self.inner.policy.people.activity_kept);
        let record = ActivityRecord {
            subject: subject.clone(),
            at: now,
            what,
            visit: browser.visit.as_deref().cloned(),
            client: client.cloned(),
            turn: 0,
        };
        Write::Activity(Bucket::holding(kept), self.random(), Box::new(record))
    }

    pub(crate) fn password_notice(&self) -> Message {
        let recover = self.inner.policy.issuer.url("/recover");
        Message::PasswordChanged { recover }
    }

    /// The mail that tells a person what happened with their account. None where there is no address that is known to be
    /// theirs.
    pub(crate) async fn told(
        &self,
        subject: &Subject,
        message: Message,
    ) -> Result<Option<Write>, Failure> {
        let inner = &self.inner;
        let (Some(people), Some(_)) = (inner.people.as_deref(), &inner.post) else {
            return Ok(None);
        };
        let person = people.person(inner.issuer_id, subject).await?;
        let address = person
            .filter(|p| p.address_verified)
            .and_then(|p| p.address);
        let Some(address) = address else {
            return Ok(None);
        };
        self.mail(&address, message, self.now().plus(NOTICE))
            .map(Some)
    }

    /// What is written beside a change of the ways in which somebody signs in: the note of it, and the mail that tells of it.
    pub(crate) async fn ways_changed(
        &self,
        subject: &Subject,
        what: Activity,
        browser: &Browser,
    ) -> Result<Vec<Write>, Failure> {
        let account = self.inner.policy.issuer.url("/account/activity");
        let mut writes = vec![self.happened(subject, what, browser, None)];
        let message = Message::WaysChanged { what, account };
        writes.extend(self.told(subject, message).await?);
        Ok(writes)
    }

    /// The sessions of a person but the one of this browser.
    pub(crate) async fn other_sessions(
        &self,
        subject: &Subject,
        browser: &Browser,
    ) -> Result<Vec<Key<hallpass_types::Session>>, StoreError> {
        let inner = &self.inner;
        let mut kept = Vec::new();
        if let Some(own) = browser.session.as_ref().map(Opaque::key)
            && let Some(session) = inner.store.session(inner.issuer_id, own).await?
        {
            kept = with_earlier(own, &session);
        }
        loop {
            let mut keys = self.sessions_of(subject).await?;
            let whole = keys.len() < MAX_PAGE;
            keys.retain(|key| !kept.contains(key));
            if whole || keys.is_empty() {
                return Ok(keys);
            }
            // More than are read at a time: these end first.
            let (spends, writes) = (Vec::new(), self.end_sessions(keys));
            self.commit(Commit { spends, writes }).await?;
        }
    }

    /// Counts a password that is to be hashed for somebody who has not proved anything lately: by the link, or the account.
    pub(crate) fn count_hash(&self, whose: &[u8; 32]) -> Result<(), Failure> {
        let counted = self.inner.hashes.count(&[*whose], HASHES, self.now());
        counted.map_err(|retry_after| Failure::Throttled { retry_after })
    }

    /// Every session of a person that is still good for anything.
    pub(crate) async fn sessions_of(
        &self,
        subject: &Subject,
    ) -> Result<Vec<Key<hallpass_types::Session>>, StoreError> {
        let inner = &self.inner;
        let all = inner
            .store
            .account_sessions(inner.issuer_id, subject)
            .await?;
        let mut keys: Vec<_> = all.into_iter().map(|(key, _)| key).collect();
        // Those of before sessions were listed are found by the clients that take part in them.
        for key in inner.store.sessions_of(inner.issuer_id, subject).await? {
            if !keys.contains(&key) && inner.store.session(inner.issuer_id, key).await?.is_some() {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    /// What a sign-in from a device that was not seen before adds: the note of it, and the mail that tells of it.
    pub(crate) async fn noted_sign_in(
        &self,
        account: &Account,
        browser: &Browser,
    ) -> Result<Vec<Write>, Failure> {
        let inner = &self.inner;
        let Some(visit) = browser.visit.as_deref() else {
            return Ok(Vec::new());
        };
        let mut writes = vec![self.happened(&account.subject, Activity::SignedIn, browser, None)];
        writes.extend(self.was_active(&account.subject));
        if !inner.policy.people.new_device_mail || self.inner.post.is_none() {
            return Ok(writes);
        }
        let Some(people) = inner.people.as_deref() else {
            return Ok(writes);
        };
        let history = inner
            .store
            .activity_of(inner.issuer_id, &account.subject, HISTORY)
            .await?;
        let signed_in: Vec<&Visit> = history
            .iter()
            .filter(|a| matches!(a.what, Activity::SignedIn | Activity::SignedUp))
            .filter_map(|a| a.visit.as_ref())
            .collect();
        let known =
            visit.known_by.is_some() && signed_in.iter().any(|v| v.known_by == visit.known_by);
        if known {
            return Ok(writes);
        }
        let person = people.person(inner.issuer_id, &account.subject).await?;
        // Of the very first sign-in nobody needs to be told.
        let noted_all = |since| self.notes_reach(since, history.len());
        if let Some(person) = person.filter(|p| p.address_verified)
            && !(signed_in.is_empty() && noted_all(person.created_at))
            && let Some(address) = &person.address
        {
            let message = Message::NewDevice {
                device: visit.device.clone(),
                address: visit.address.clone(),
                at: self.now(),
                account: inner.policy.issuer.url("/account/sessions"),
            };
            writes.push(self.mail(address, message, self.now().plus(NOTICE))?);
        }
        Ok(writes)
    }

    /// Whether somebody signed in before, or may have, and never from this browser as far as that is noted.
    pub(crate) async fn is_new_device(
        &self,
        subject: &Subject,
        browser: &Browser,
    ) -> Result<bool, StoreError> {
        let Some(visit) = browser.visit.as_deref() else {
            return Ok(false);
        };
        let inner = &self.inner;
        let history = inner
            .store
            .activity_of(inner.issuer_id, subject, HISTORY)
            .await?;
        let signed_in: Vec<&Visit> = history
            .iter()
            .filter(|a| matches!(a.what, Activity::SignedIn | Activity::SignedUp))
            .filter_map(|a| a.visit.as_ref())
            .collect();
        if !signed_in.is_empty() {
            let by = visit.known_by;
            return Ok(by.is_none() || !signed_in.iter().any(|visit| visit.known_by == by));
        }
        // It may be the very first, which is none to wonder about.
        let person = match inner.people.as_deref() {
            Some(people) => people.person(inner.issuer_id, subject).await?,
            None => None,
        };
        let first = |since| self.notes_reach(since, history.len());
        Ok(person.is_some_and(|person| !first(person.created_at)))
    }

    /// Whether everything is noted that happened since then, of which so much is. What is not noted any more may have been a sign-in.
    fn notes_reach(&self, since: Timestamp, noted: usize) -> bool {
        let age = self.now().since(since);
        age < self.inner.policy.people.activity_kept && noted < HISTORY
    }

    /// Notes that something happened with an account, where nothing else is written.
    ///
    /// # Errors
    /// The store fails.
    pub async fn note(&self, subject: &Subject, what: Activity) -> Result<(), StoreError> {
        let happened = self.noted(subject, what);
        self.changed(Vec::new(), vec![happened]).await.map(drop)
    }

    /// The write that notes that something happened with an account, from no browser.
    #[must_use]
    pub fn noted(&self, subject: &Subject, what: Activity) -> Write {
        self.happened(subject, what, &Browser::default(), None)
    }

    pub(crate) fn is_recent(&self, signed_in: &SignedIn) -> bool {
        self.is_within(signed_in, self.inner.policy.people.recent_sign_in)
    }

    /// Whether the person signed in not longer ago than so many seconds.
    pub(crate) fn is_within(&self, signed_in: &SignedIn, seconds: i64) -> bool {
        let at = signed_in.session.authentication.auth_time;
        self.now().since(at) <= seconds
    }
}

/// So much of what happened is looked at to know a device again.
const HISTORY: usize = 100;
/// So many passwords are hashed for one link or account within a quarter of an hour.
const HASHES: u32 = 10;
/// A notice that could not be sent for a day is of no use any more.
pub(super) const NOTICE: i64 = 86_400;
