//! Who is let in when the store is slower than what is asked of it.
//!
//! Every question to the store that is not answered at once counts as under way. How many may be, follows from how long
//! they take: while they take longer than `GOAL` the limit shrinks, and while it is reached and they do not, it grows.
//! A new request is turned away at its door while the limit is reached, with an advice when to come back, so that those that are
//! in can be finished; work that would be given up later is not begun. Documents that need no store, and the second listener,
//! are always served.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hallpass_core::access::Directory;
use hallpass_core::client::ClientRecord;
use hallpass_core::record::{
    ActivityRecord, ConsentRecord, DeliveryRecord, FoundCode, FoundGrant, FoundWaiting,
    ParticipantRecord, SessionRecord,
};
use hallpass_store::{
    ActivityPlace, AdminKind, AdminRecord, AuditRecord, BoxFuture, CodeWithUser, Commit, Committed,
    CredentialRecord, Day, InitialAccessRecord, IssuerDone, IssuerRecord, IssuerWork, KeyRecord,
    NewIssuer, Page, RootRecord, SessionWithUser, Standing, Store, StoreError, UserRecord,
};
use hallpass_types::{
    Bucket, ClientId, Code, ContentDigest, Delivery, GrantId, IssuerId, Key, Session, Subject,
    Timestamp, TokenId, Waiting,
};
use tokio::time::Instant;

use crate::telemetry::traces;

/// What is under way, and how much may be. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    under_way: AtomicUsize,
    limit: AtomicUsize,
    /// When the limit last shrank.
    shrank: Mutex<Option<Instant>>,
    turned_away: AtomicU64,
    spread: AtomicU64,
    /// Whether requests may be traced, so that one that is learns of its questions.
    traced: AtomicBool,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            under_way: AtomicUsize::new(0),
            limit: AtomicUsize::new(BEGIN),
            shrank: Mutex::default(),
            turned_away: AtomicU64::new(0),
            spread: AtomicU64::new(0),
            traced: AtomicBool::new(false),
        }
    }
}

impl Admission {
    /// Whether one more request may begin.
    ///
    /// # Errors
    /// Seconds after which to come back, spread over the callers.
    pub fn enter(&self) -> Result<(), u32> {
        let inner = &*self.0;
        if inner.under_way.load(Ordering::Relaxed) < inner.limit.load(Ordering::Relaxed) {
            return Ok(());
        }
        inner.turned_away.fetch_add(1, Ordering::Relaxed);
        Err(self.later())
    }

    /// Questions under way, how many may be, and requests that were turned away.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, u64) {
        let inner = &*self.0;
        (
            inner.under_way.load(Ordering::Relaxed),
            inner.limit.load(Ordering::Relaxed),
            inner.turned_away.load(Ordering::Relaxed),
        )
    }

    /// Questions belong to the spans of requests from now on.
    pub fn trace(&self) {
        self.0.traced.store(true, Ordering::Relaxed);
    }

    fn later(&self) -> u32 {
        let count = self.0.spread.fetch_add(1, Ordering::Relaxed);
        let spread = count.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        u32::try_from(spread % SPREAD)
            .unwrap_or(0)
            .saturating_add(1)
    }

    /// For what comes in the middle of requests that were let in: many more may, since their work is half done.
    fn in_the_middle(&self) -> Result<(), StoreError> {
        let inner = &*self.0;
        let limit = inner.limit.load(Ordering::Relaxed);
        if inner.under_way.load(Ordering::Relaxed) < limit.saturating_mul(HEADROOM) {
            Ok(())
        } else {
            Err(StoreError::Busy {
                retry_after: self.later(),
            })
        }
    }

    fn begins(&self) -> Ticket {
        self.0.under_way.fetch_add(1, Ordering::Relaxed);
        Ticket {
            admission: self.clone(),
            since: Instant::now(),
        }
    }

    fn ended(&self, took: Duration) {
        let inner = &*self.0;
        let under_way = inner.under_way.fetch_sub(1, Ordering::Relaxed);
        let limit = inner.limit.load(Ordering::Relaxed);
        if took <= GOAL {
            if under_way >= limit.div_euclid(2) && limit < MOST {
                inner.limit.fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
        let now = Instant::now();
        let mut shrank = inner.shrank.lock().unwrap_or_else(PoisonError::into_inner);
        // Many end together; one of them says it for all.
        if shrank.is_none_or(|at| now.saturating_duration_since(at) >= GOAL) {
            *shrank = Some(now);
            let smaller = limit.min(under_way).saturating_mul(7).div_euclid(10);
            inner.limit.store(smaller.max(LEAST), Ordering::Relaxed);
        }
    }
}

/// A question that is under way.
struct Ticket {
    admission: Admission,
    since: Instant,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.admission.ended(self.since.elapsed());
    }
}

/// A question that counts as under way from the moment on that it is not answered at once.
struct Asked<'a, T> {
    answer: BoxFuture<'a, Result<T, StoreError>>,
    admission: &'a Admission,
    ticket: Option<Ticket>,
    begun: bool,
    verb: &'static str,
}

impl<T> Future for Asked<'_, T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.begun {
            this.begun = true;
            if let Err(busy) = this.admission.in_the_middle() {
                return Poll::Ready(Err(busy));
            }
        }
        match this.answer.as_mut().poll(cx) {
            Poll::Ready(answer) => {
                if let Some(ticket) = this.ticket.take()
                    && ticket.admission.0.traced.load(Ordering::Relaxed)
                {
                    traces::asked(this.verb, ticket.since.into_std());
                }
                Poll::Ready(answer)
            }
            Poll::Pending => {
                if this.ticket.is_none() {
                    this.ticket = Some(this.admission.begins());
                }
                Poll::Pending
            }
        }
    }
}

/// A store whose questions are counted.
pub struct Counted {
    store: Arc<dyn Store>,
    admission: Admission,
}

impl Counted {
    /// Counts there.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, admission: Admission) -> Self {
        Self { store, admission }
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted")
            .field("admission", &self.admission)
            .finish_non_exhaustive()
    }
}

macro_rules! counted {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)+) => {$(
        fn $name<'a>(&'a self, $($arg: $kind),*) -> BoxFuture<'a, Result<$answer, StoreError>> {
            Box::pin(Asked {
                answer: self.store.$name($($arg),*),
                admission: &self.admission,
                ticket: None,
                begun: false,
                verb: stringify!($name),
            })
        }
    )+};
}

/// What the server and its operators ask of the store by themselves, and what tells whether it is there.
macro_rules! uncounted {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)+) => {$(
        fn $name<'a>(&'a self, $($arg: $kind),*) -> BoxFuture<'a, Result<$answer, StoreError>> {
            self.store.$name($($arg),*)
        }
    )+};
}

impl Store for Counted {
    counted! {
        client(issuer: IssuerId, id: &'a ClientId) -> Option<ClientRecord>;
        clients(issuer: IssuerId, after: Option<&'a str>, limit: usize) -> Page<ClientRecord>;
        count_registered_clients(issuer: IssuerId) -> u64;
        count_clients_of_software(issuer: IssuerId, software: [u8; 32]) -> u64;
        folded_client(issuer: IssuerId, fold: [u8; 32]) -> Option<ClientId>;
        idle_clients(issuer: IssuerId, before: Day, limit: usize) -> Vec<ClientId>;
        initial_access(issuer: IssuerId, digest: ContentDigest) -> Option<InitialAccessRecord>;
        initial_accesses(issuer: IssuerId) -> Vec<(ContentDigest, InitialAccessRecord)>;
        code(issuer: IssuerId, key: Key<Code>) -> Option<FoundCode>;
        waiting(issuer: IssuerId, key: Key<Waiting>) -> Option<FoundWaiting>;
        grant(issuer: IssuerId, id: GrantId) -> Option<FoundGrant>;
        standing(issuer: IssuerId, grant: Option<GrantId>, token: TokenId, expires_at: Timestamp) -> Standing;
        code_with_user(issuer: IssuerId, key: Key<Code>) -> Option<CodeWithUser>;
        standing_with_user(issuer: IssuerId, grant: Option<GrantId>, token: TokenId, expires_at: Timestamp)
            -> (Standing, Option<UserRecord>);
        session_with_user(issuer: IssuerId, key: Key<Session>, client: Option<&'a ClientId>) -> Option<SessionWithUser>;
        session(issuer: IssuerId, key: Key<Session>) -> Option<SessionRecord>;
        consent(issuer: IssuerId, subject: &'a Subject, client: &'a ClientId) -> Option<ConsentRecord>;
        user_by_name(issuer: IssuerId, username_key: &'a str) -> Option<UserRecord>;
        user(issuer: IssuerId, subject: &'a Subject) -> Option<UserRecord>;
        users(issuer: IssuerId, after: Option<&'a str>, limit: usize) -> Page<UserRecord>;
        credentials(issuer: IssuerId, subject: &'a Subject) -> Vec<CredentialRecord>;
        credential_by_lookup(issuer: IssuerId, lookup: ContentDigest) -> Option<CredentialRecord>;
        directory(issuer: IssuerId) -> Directory;
        admin_record(issuer: IssuerId, kind: AdminKind, id: &'a str) -> Option<AdminRecord>;
        admin_records(issuer: IssuerId, kind: AdminKind, after: Option<&'a str>, limit: usize) -> Page<AdminRecord>;
        audit_after(issuer: IssuerId, after: u64, limit: usize) -> Vec<AuditRecord>;
        audit_before(issuer: IssuerId, before: Option<u64>, limit: usize) -> Vec<AuditRecord>;
        tallies(issuer: IssuerId, from: Day, to: Day) -> Vec<(Day, String, u64)>;
        count_active(issuer: IssuerId, period: Bucket) -> u64;
        root(issuer: IssuerId) -> Option<RootRecord>;
        participants(issuer: IssuerId, session: Key<Session>) -> Vec<ParticipantRecord>;
        participating(issuer: IssuerId, session: Key<Session>) -> Vec<ParticipantRecord>;
        sessions_of(issuer: IssuerId, subject: &'a Subject) -> Vec<Key<Session>>;
        account_sessions(issuer: IssuerId, subject: &'a Subject) -> Vec<(Key<Session>, SessionRecord)>;
        consents_of(issuer: IssuerId, subject: &'a Subject) -> Vec<(ClientId, ConsentRecord)>;
        activity_of(issuer: IssuerId, subject: &'a Subject, limit: usize) -> Vec<ActivityRecord>;
        activity_before(issuer: IssuerId, before: Option<ActivityPlace>, limit: usize) -> Vec<(ActivityPlace, ActivityRecord)>;
        commit(issuer: IssuerId, commit: Commit) -> Committed;
    }

    uncounted! {
        signing_keys(issuer: IssuerId) -> Vec<KeyRecord>;
        due_deliveries(issuer: IssuerId, now: Timestamp, limit: usize) -> Vec<(Key<Delivery>, DeliveryRecord)>;
        issuer(identifier: &'a str) -> IssuerId;
        issuer_numbers(after: Option<IssuerId>, limit: usize) -> Vec<(IssuerId, String)>;
        issuer_named(name: &'a str) -> Option<IssuerRecord>;
        issuer_at(place: &'a str) -> Option<IssuerRecord>;
        issuers(after: Option<&'a str>, limit: usize) -> Page<IssuerRecord>;
        issuers_changed(after: u64, limit: usize) -> Vec<IssuerRecord>;
        create_issuer(new: NewIssuer) -> Option<IssuerRecord>;
        change_issuer(revision: u64, record: IssuerRecord) -> bool;
        commit_issuer(work: IssuerWork, beside: IssuerId, commit: Commit) -> IssuerDone;
        erase_issuer(issuer: IssuerId, limit: usize) -> u64;
        due_issuers(now: Timestamp, after: Option<IssuerId>, limit: usize) -> Vec<IssuerId>;
        purge(below: Bucket, limit: usize) -> u64;
        clock() -> Option<Timestamp>;
        forget_issued(issuer: IssuerId, limit: usize) -> u64;
        ready() -> ();
    }
}

/// So long a question may take before the limit shrinks.
const GOAL: Duration = Duration::from_millis(500);
const BEGIN: usize = 512;
const LEAST: usize = 16;
const MOST: usize = 8192;
/// So many times the limit may be under way in the middle of requests.
const HEADROOM: usize = 4;
/// Those who are turned away come back within so many seconds.
const SPREAD: u64 = 8;

#[cfg(test)]
mod tests;
