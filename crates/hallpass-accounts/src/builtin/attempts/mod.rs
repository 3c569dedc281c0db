//! Attempts to sign in, counted in memory and, from the third on, in the store, where all processes see them.
//!
//! What is written down is bounded: a row for each name or account that had three attempts within a window on one process,
//! each of which took a hash of the bounded pool (or a limit of its own), and the row goes with the window. A person who
//! mistypes once writes nothing. Names of nobody are treated as accounts are, under a keyed digest, so that neither time nor a
//! lock tells whether there is such an account.

use std::net::IpAddr;

use hallpass_core::record::{AttemptsRecord, FoundWaiting, WaitingRecord};
use hallpass_store::{Commit, Committed, Spend, Store, StoreError};
use hallpass_types::{Bucket, IssuerId, Key, Timestamp, Waiting, sha256};

use super::BuiltinAccounts;
use crate::throttle::{Attempt, Limits, Target, Throttled};

/// So many attempts of a window are not written down by a process that sees no others.
const FREE: usize = 2;
/// So often a change is tried when others make changes at the same moment.
const TRIES: usize = 10;
/// With a limit above this a count in every process is enough.
const LARGEST: usize = 1000;

/// A key for digests of names, the same in all processes of a store.
#[derive(Clone)]
pub(super) struct Everywhere([u8; 32]);

impl std::fmt::Debug for Everywhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Everywhere(..)")
    }
}

/// An attempt that has been counted, before its password is looked at.
#[derive(Debug)]
#[must_use = "an attempt that succeeded, or was never evaluated, has to be given back"]
pub(super) struct Counted<'a> {
    here: Attempt<'a>,
    written: Option<Written<'a>>,
}

#[derive(Debug)]
struct Written<'a> {
    accounts: &'a BuiltinAccounts,
    issuer: IssuerId,
    key: Key<Waiting>,
    at: Timestamp,
    times: usize,
}

impl Counted<'_> {
    /// The password was right, or was not looked at: the attempt does not count.
    pub(super) async fn give_back(self) {
        self.here.give_back();
        let Some(written) = self.written else { return };
        // It counts for a while, which is the safe side.
        if let Err(error) = written.give_back().await {
            tracing::warn!(%error, "an attempt to sign in could not be given back");
        }
    }

    /// The password was wrong: the attempt counts. Dropping it does the same.
    pub(super) fn failed(self) {
        self.here.failed();
    }
}

impl BuiltinAccounts {
    /// Failed attempts are counted by all processes that are given the same key over the same store. Without it each counts
    /// for itself.
    #[must_use]
    pub fn with_attempts_everywhere(self, key: [u8; 32]) -> Self {
        Self {
            everywhere: Some(Everywhere(key)),
            ..self
        }
    }

    /// Counts an attempt before it is made.
    ///
    /// # Errors
    /// The store fails. Nobody signs in then.
    pub(super) async fn attempt(
        &self,
        issuer: IssuerId,
        target: Target<'_>,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Result<Counted<'_>, Throttled>, StoreError> {
        let here = match self.throttle.attempt(issuer, target, peer, now) {
            Ok(here) => here,
            Err(throttled) => return Ok(Err(throttled)),
        };
        let limits = self.throttle.limits();
        let Some(Everywhere(key)) = &self.everywhere else {
            let written = None;
            return Ok(Ok(Counted { here, written }));
        };
        if limits.per_account > LARGEST {
            let written = None;
            return Ok(Ok(Counted { here, written }));
        }
        let places = Places::of(key, issuer, target, limits, now);
        match self.write(issuer, &places, here.count(), now).await {
            Ok(Ok(written)) => Ok(Ok(Counted { here, written })),
            Ok(Err(throttled)) => {
                here.give_back();
                Ok(Err(throttled))
            }
            Err(error) => {
                here.give_back();
                Err(error)
            }
        }
    }

    async fn write(
        &self,
        issuer: IssuerId,
        places: &Places,
        count: usize,
        now: Timestamp,
    ) -> Result<Result<Option<Written<'_>>, Throttled>, StoreError> {
        let store = &*self.around.store;
        let before = read(store, issuer, places.before).await?;
        for _ in 0..TRIES {
            let held = read(store, issuer, places.now).await?;
            let counted = before
                .iter()
                .chain(&held)
                .flat_map(|(record, _)| &record.at);
            let mut counted: Vec<Timestamp> = counted
                .copied()
                .filter(|at| now.since(*at) < places.limits.window)
                .collect();
            counted.sort_unstable();
            if let Some(wait) = wait(&counted, places.limits, now) {
                return Ok(Err(Throttled { retry_after: wait }));
            }
            if counted.is_empty() && count <= FREE {
                return Ok(Ok(None));
            }
            // Those that were not written down come along when this is the first row.
            let times = if counted.is_empty() { count } else { 1 };
            let revision = held.as_ref().map(|(_, revision)| *revision);
            let mut next = held.map(|(record, _)| record).unwrap_or_default();
            next.at.extend(std::iter::repeat_n(now, times));
            if put(store, issuer, places.now, revision, next).await? {
                return Ok(Ok(Some(Written {
                    accounts: self,
                    issuer,
                    key: places.now,
                    at: now,
                    times: 1,
                })));
            }
        }
        // So many at once for one account are no person.
        Ok(Err(Throttled { retry_after: 1 }))
    }
}

impl Written<'_> {
    async fn give_back(self) -> Result<(), StoreError> {
        let Self {
            accounts,
            issuer,
            key,
            at,
            times,
        } = self;
        let store = &*accounts.around.store;
        for _ in 0..TRIES {
            let Some((mut record, revision)) = read(store, issuer, key).await? else {
                return Ok(());
            };
            for _ in 0..times {
                if let Some(index) = record.at.iter().rposition(|other| *other == at) {
                    record.at.remove(index);
                }
            }
            if put(store, issuer, key, Some(revision), record).await? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Where the attempts of this window and of the one before are.
struct Places {
    now: Key<Waiting>,
    before: Key<Waiting>,
    limits: Limits,
}

impl Places {
    fn of(
        key: &[u8; 32],
        issuer: IssuerId,
        target: Target<'_>,
        limits: Limits,
        now: Timestamp,
    ) -> Self {
        let window = limits.window.max(1);
        let period = now.0.div_euclid(window);
        let (kind, name) = match target {
            Target::Account(subject) => (0, subject.as_str()),
            Target::Nobody(name) => (1, name),
        };
        let place = |period: i64| {
            let mut text = Vec::with_capacity(name.len().saturating_add(64));
            text.extend_from_slice(key);
            text.extend_from_slice(&issuer.0.to_be_bytes());
            text.extend_from_slice(&window.to_be_bytes());
            text.extend_from_slice(&period.to_be_bytes());
            text.push(kind);
            text.extend_from_slice(name.as_bytes());
            // Its attempts count until the end of the next one.
            let ends = Timestamp(period.saturating_add(2).saturating_mul(window));
            Key::from_parts(Bucket::holding(ends), sha256(&text))
        };
        Self {
            now: place(period),
            before: place(period.saturating_sub(1)),
            limits,
        }
    }
}

/// Seconds until there are less than the limit; none when there are.
fn wait(counted: &[Timestamp], limits: Limits, now: Timestamp) -> Option<u32> {
    let at = counted.len().checked_sub(limits.per_account)?;
    let left = match counted.get(at) {
        Some(oldest) => limits.window.saturating_sub(now.since(*oldest)),
        None => 1,
    };
    Some(u32::try_from(left.clamp(1, limits.window.max(1))).unwrap_or(u32::MAX))
}

async fn read(
    store: &dyn Store,
    issuer: IssuerId,
    key: Key<Waiting>,
) -> Result<Option<(AttemptsRecord, u32)>, StoreError> {
    Ok(match store.waiting(issuer, key).await? {
        Some(FoundWaiting {
            record: WaitingRecord::Attempts(record),
            revision,
        }) => Some((record, revision)),
        Some(_) | None => None,
    })
}

/// Whether nobody else was faster.
async fn put(
    store: &dyn Store,
    issuer: IssuerId,
    key: Key<Waiting>,
    revision: Option<u32>,
    record: AttemptsRecord,
) -> Result<bool, StoreError> {
    let empty = record.at.is_empty();
    let record = Box::new(WaitingRecord::Attempts(record));
    let spend = match revision {
        None => Spend::NewWaiting(key, record),
        Some(revision) => Spend::Waiting {
            key,
            revision,
            next: (!empty).then_some(record),
        },
    };
    let commit = Commit {
        spends: vec![spend],
        writes: Vec::new(),
    };
    Ok(store.commit(issuer, commit).await? == Committed::Done)
}

#[cfg(test)]
mod tests;
