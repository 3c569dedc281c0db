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

use hallpass_store::{Answer, Around, Store, StoreError, Verb};
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
    answer: Answer<'a, T>,
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

impl Around for Counted {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        verb: Verb,
        ask: impl FnOnce() -> Answer<'a, T>,
    ) -> Answer<'a, T> {
        if !is_counted(verb) {
            return ask();
        }
        Box::pin(Asked {
            answer: ask(),
            admission: &self.admission,
            ticket: None,
            begun: false,
            verb: verb.as_str(),
        })
    }
}

/// Not what the server and its operators ask of the store by themselves, and what tells whether it is there.
const fn is_counted(verb: Verb) -> bool {
    match verb {
        Verb::Client
        | Verb::Clients
        | Verb::CountRegisteredClients
        | Verb::CountClientsOfSoftware
        | Verb::FoldedClient
        | Verb::IdleClients
        | Verb::InitialAccess
        | Verb::InitialAccesses
        | Verb::Code
        | Verb::Waiting
        | Verb::Grant
        | Verb::Standing
        | Verb::CodeWithUser
        | Verb::StandingWithUser
        | Verb::SessionWithUser
        | Verb::Session
        | Verb::Consent
        | Verb::UserByName
        | Verb::User
        | Verb::Users
        | Verb::Credentials
        | Verb::CredentialByLookup
        | Verb::Directory
        | Verb::AdminRecord
        | Verb::AdminRecords
        | Verb::AuditAfter
        | Verb::AuditBefore
        | Verb::Tallies
        | Verb::CountActive
        | Verb::CountSessions
        | Verb::Root
        | Verb::Participants
        | Verb::Participating
        | Verb::SessionsOf
        | Verb::AccountSessions
        | Verb::ConsentsOf
        | Verb::ActivityOf
        | Verb::ActivityBefore
        | Verb::Commit => true,
        Verb::SigningKeys
        | Verb::KeysChanged
        | Verb::DueDeliveries
        | Verb::Issuer
        | Verb::IssuerNumbers
        | Verb::IssuerNamed
        | Verb::IssuerAt
        | Verb::Issuers
        | Verb::IssuersChanged
        | Verb::CreateIssuer
        | Verb::ChangeIssuer
        | Verb::CommitIssuer
        | Verb::EraseIssuer
        | Verb::DueIssuers
        | Verb::Purge
        | Verb::Clock
        | Verb::ForgetIssued
        | Verb::Ready => false,
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
