//! Attempts to sign in, counted in memory and, from the third on, in the store, where all processes see them.
//!
//! What is written down is bounded: a row for each name or account that had three attempts within a window on one process,
//! each of which took a hash of the bounded pool (or a limit of its own), and the row goes with the window. A person who
//! mistypes once writes nothing. Names of nobody are treated as accounts are, under a keyed digest, so that neither time nor a
//! lock tells whether there is such an account.

use std::net::IpAddr;

use hallpass_store::{
    StoreError,
    attempts::{self, Most, Place},
};
use hallpass_types::{IssuerId, Timestamp};

use super::BuiltinAccounts;
use crate::throttle::{Attempt, Limits, Target, Throttled};

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
    counted: attempts::Counted,
}

impl Counted<'_> {
    /// The password was right, or was not looked at: the attempt does not count.
    pub(super) async fn give_back(self) {
        self.here.give_back();
        let Some(written) = self.written else { return };
        // It counts for a while, which is the safe side.
        let store = &*written.accounts.around.store;
        if let Err(error) = written.counted.give_back(store).await {
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
        let place = place(key, issuer, target, limits, now);
        match attempts::count(&*self.around.store, &place, here.count(), now).await {
            Ok(Ok(written)) => {
                let written = written.map(|counted| Written {
                    accounts: self,
                    counted,
                });
                Ok(Ok(Counted { here, written }))
            }
            Ok(Err(retry_after)) => {
                here.give_back();
                Ok(Err(Throttled { retry_after }))
            }
            Err(error) => {
                here.give_back();
                Err(error)
            }
        }
    }
}

/// Where the tries of somebody are written down.
fn place(
    key: &[u8; 32],
    issuer: IssuerId,
    target: Target<'_>,
    limits: Limits,
    now: Timestamp,
) -> Place {
    let (kind, browser, name): (u8, &[u8], _) = match target {
        Target::Account(subject) => (0, &[], subject.as_str()),
        Target::Nobody(name) => (1, &[], name),
        Target::Browser(subject, browser) => (2, browser, subject.as_str()),
    };
    let most = Most {
        tries: limits.per_account,
        window: limits.window,
    };
    Place::of(key, issuer, &[&[kind], browser, name.as_bytes()], most, now)
}

#[cfg(test)]
mod tests;
