//! Tries that all processes of a store count together.
//!
//! What is written down is bounded: a row for each place that had three tries within a window in one process, and the row
//! goes with the window. Whoever errs once writes nothing. A place is known by a keyed digest of what it is about.

use hallpass_core::record::{AttemptsRecord, FoundWaiting, WaitingRecord};
use hallpass_types::{Bucket, IssuerId, Key, Timestamp, Waiting, sha256};

use crate::{Commit, Committed, Spend, Store, StoreError};

/// So many tries of a window are not written down by a process that sees no others.
pub const FREE: usize = 2;
/// So often a change is tried when others make changes at the same moment.
const ROUNDS: usize = 10;

/// How many tries there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// So many within the window.
    pub tries: usize,
    /// Seconds.
    pub window: i64,
}

/// Where the tries of this window and of the one before are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    issuer: IssuerId,
    now: Key<Waiting>,
    before: Key<Waiting>,
    most: Most,
}

impl Place {
    /// The place of something, which `parts` say together: only the last of them may vary in length. `key` is a secret of all
    /// processes, so that what the place is about cannot be found by guessing.
    #[must_use]
    pub fn of(
        key: &[u8; 32],
        issuer: IssuerId,
        parts: &[&[u8]],
        most: Most,
        now: Timestamp,
    ) -> Self {
        let window = most.window.max(1);
        let period = now.0.div_euclid(window);
        let place = |period: i64| {
            let mut text = Vec::with_capacity(128);
            text.extend_from_slice(key);
            text.extend_from_slice(&issuer.0.to_be_bytes());
            text.extend_from_slice(&window.to_be_bytes());
            text.extend_from_slice(&period.to_be_bytes());
            for part in parts {
                text.extend_from_slice(part);
            }
            // Its tries count until the end of the next one.
            let ends = Timestamp(period.saturating_add(2).saturating_mul(window));
            Key::from_parts(Bucket::holding(ends), sha256(&text))
        };
        Self {
            issuer,
            now: place(period),
            before: place(period.saturating_sub(1)),
            most,
        }
    }
}

/// A try that was written down.
#[derive(Debug)]
#[must_use = "a try that was right, or was never looked at, has to be given back"]
pub struct Counted {
    issuer: IssuerId,
    key: Key<Waiting>,
    at: Timestamp,
}

/// Counts a try before it is looked at. `here` is how many of the window this process has counted for itself, this one among
/// them. None when there is nothing to write down yet; the error is the number of seconds to wait.
///
/// # Errors
/// The store fails.
pub async fn count(
    store: &dyn Store,
    place: &Place,
    here: usize,
    now: Timestamp,
) -> Result<Result<Option<Counted>, u32>, StoreError> {
    let Place {
        issuer,
        most: Most { tries, window },
        ..
    } = *place;
    let before = read(store, issuer, place.before).await?;
    for _ in 0..ROUNDS {
        let held = read(store, issuer, place.now).await?;
        let counted = before
            .iter()
            .chain(&held)
            .flat_map(|(record, _)| &record.at);
        let mut counted: Vec<Timestamp> = counted
            .copied()
            .filter(|at| now.since(*at) < window)
            .collect();
        counted.sort_unstable();
        if let Some(wait) = wait(&counted, place.most, now) {
            return Ok(Err(wait));
        }
        if counted.is_empty() && here <= FREE {
            return Ok(Ok(None));
        }
        // Those that were not written down come along when this is the first row.
        let times = if counted.is_empty() { here } else { 1 };
        let revision = held.as_ref().map(|(_, revision)| *revision);
        let mut next = held.map(|(record, _)| record).unwrap_or_default();
        next.at.extend(std::iter::repeat_n(now, times.min(tries)));
        if put(store, issuer, place.now, revision, next).await? {
            return Ok(Ok(Some(Counted {
                issuer,
                key: place.now,
                at: now,
            })));
        }
    }
    // So many at once for one place are no person.
    Ok(Err(1))
}

impl Counted {
    /// The try was right, or was not looked at: it does not count.
    ///
    /// # Errors
    /// The store fails. Then it counts for a while, which is the safe side.
    pub async fn give_back(self, store: &dyn Store) -> Result<(), StoreError> {
        let Self { issuer, key, at } = self;
        for _ in 0..ROUNDS {
            let Some((mut record, revision)) = read(store, issuer, key).await? else {
                return Ok(());
            };
            if let Some(index) = record.at.iter().rposition(|other| *other == at) {
                record.at.remove(index);
            }
            if put(store, issuer, key, Some(revision), record).await? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Seconds until there are less than the limit; none when there are.
fn wait(counted: &[Timestamp], most: Most, now: Timestamp) -> Option<u32> {
    let at = counted.len().checked_sub(most.tries)?;
    let left = match counted.get(at) {
        Some(oldest) => most.window.saturating_sub(now.since(*oldest)),
        None => 1,
    };
    Some(u32::try_from(left.clamp(1, most.window.max(1))).unwrap_or(u32::MAX))
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
mod tests {
    use super::*;

    #[test]
    fn places_are_apart_by_key_issuer_window_and_what_they_are_about() {
        let most = Most {
            tries: 5,
            window: 900,
        };
        let now = Timestamp(1_800_000_000);
        let of = |key, issuer, parts: &[&[u8]], window| {
            let most = Most { window, ..most };
            Place::of(&[key; 32], IssuerId(issuer), parts, most, now)
        };
        let one = of(1, 1, &[b"a", b"b"], 900);
        assert_eq!(one, of(1, 1, &[b"a", b"b"], 900));
        for other in [
            of(2, 1, &[b"a", b"b"], 900),
            of(1, 2, &[b"a", b"b"], 900),
            of(1, 1, &[b"a", b"c"], 900),
            of(1, 1, &[b"a", b"b"], 901),
        ] {
            assert!(one.now != other.now && one.before != other.before);
        }
        let next = Place::of(&[1; 32], IssuerId(1), &[b"a", b"b"], most, now.plus(900));
        assert_eq!(one.now, next.before);
    }
}
