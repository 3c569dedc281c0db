//! Numbers of days, for operators: counted in memory, added to those of the store every now and then.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use hallpass_store::{Commit, Day, StoreError, Write};
use hallpass_types::{Bucket, Subject, Timestamp, sha256};

use crate::{Provider, ports::Event};

/// What was counted since the last time it was written down.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    counted: Mutex<HashMap<Name, u64>>,
    /// How many sessions there were, and when that was.
    sessions: Mutex<Option<(Timestamp, u64)>>,
}

/// For so many seconds sessions are not counted again.
const HELD: i64 = 60;

/// A number is called `KIND.DETAIL`.
type Name = (&'static str, &'static str);

impl Tallies {
    pub(crate) fn count(&self, kind: &'static str, detail: &'static str) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let n = counted.entry((kind, detail)).or_default();
        *n = n.saturating_add(1);
    }

    pub(crate) fn hear(&self, event: &Event<'_>) {
        match event {
            Event::TokensIssued { grant_type, .. } => self.count("tokens", grant_type),
            Event::SignIn { outcome, .. } => self.count("sign_in", outcome),
            Event::SignedOut => self.count("sign_out", "all"),
            Event::ClientChanged { action, .. } => self.count("client", action),
            Event::RequestAccepted { .. }
            | Event::Asked { .. }
            | Event::Answered { .. }
            | Event::Authorized { .. }
            | Event::Pushed { .. }
            | Event::Waiting { .. }
            | Event::Decided { .. }
            | Event::SessionBegan { .. }
            | Event::TokenRevoked { .. }
            | Event::Refused { .. }
            | Event::GrantRevoked { .. }
            | Event::Delivery { .. }
            | Event::Webhook { .. }
            | Event::Mail { .. }
            | Event::Account { .. }
            | Event::Unavailable { .. }
            | Event::Internal { .. } => {}
        }
    }

    fn is_empty(&self) -> bool {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.is_empty()
    }

    fn take(&self) -> Vec<(Name, u64)> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.drain().collect()
    }

    fn held_sessions(&self, now: Timestamp) -> Option<u64> {
        let held = *self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = held.filter(|(at, _)| (0..HELD).contains(&now.since(*at)));
        fresh.map(|(_, n)| n)
    }

    fn hold_sessions(&self, now: Timestamp, n: u64) {
        *self.sessions.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, n));
    }

    fn give_back(&self, taken: Vec<(Name, u64)>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, more) in taken {
            let n = counted.entry(name).or_default();
            *n = n.saturating_add(more);
        }
    }
}

impl Provider {
    /// Whether something was counted that [`Self::keep_tallies`] has not written down yet.
    #[must_use]
    pub fn has_tallies(&self) -> bool {
        !self.inner.tallies.is_empty()
    }

    /// Writes down what was counted since the last time. What this process counts until it is killed is lost.
    ///
    /// # Errors
    /// The store fails; what was counted is kept then.
    pub async fn keep_tallies(&self) -> Result<(), StoreError> {
        let taken = self.inner.tallies.take();
        if taken.is_empty() {
            return Ok(());
        }
        let day = Day::of(self.now());
        let writes = taken.iter().map(|((kind, detail), n)| {
            let name = format!("{kind}.{detail}");
            Write::Tally(day, name, *n)
        });
        let commit = Commit {
            spends: Vec::new(),
            writes: writes.collect(),
        };
        match self.commit(commit).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.inner.tallies.give_back(taken);
                Err(error)
            }
        }
    }

    /// Notes that somebody was there today, and this month.
    pub(crate) fn was_active(&self, subject: &Subject) -> [Write; 2] {
        let digest = sha256(subject.as_str().as_bytes());
        let mut who = [0; 16];
        who.copy_from_slice(digest.split_at(16).0);
        let now = self.now();
        [month(now), day(now)].map(|period| Write::Active(period, who))
    }

    /// How many people signed in on the day of that moment.
    ///
    /// # Errors
    /// The store fails.
    pub async fn active_on(&self, at: Timestamp) -> Result<u64, StoreError> {
        let inner = &self.inner;
        inner.store.count_active(inner.issuer_id, day(at)).await
    }

    /// How many sessions of people there are that have neither ended nor expired, as it was at most a minute ago.
    ///
    /// # Errors
    /// The store fails.
    pub async fn count_sessions(&self) -> Result<u64, StoreError> {
        let inner = &self.inner;
        let now = self.now();
        if let Some(held) = inner.tallies.held_sessions(now) {
            return Ok(held);
        }
        let from = Bucket::purgeable_below(now);
        let counted = inner.store.count_sessions(inner.issuer_id, from).await?;
        inner.tallies.hold_sessions(now, counted);
        Ok(counted)
    }

    /// When the month of a moment begins (UTC).
    #[must_use]
    pub fn first_of_month(&self, at: Timestamp) -> Timestamp {
        first_of_month(at)
    }

    /// How many people signed in during the month of that moment.
    ///
    /// # Errors
    /// The store fails.
    pub async fn active_people(&self, at: Timestamp) -> Result<u64, StoreError> {
        let inner = &self.inner;
        inner.store.count_active(inner.issuer_id, month(at)).await
    }
}

/// Where it is kept who was there in the month of a moment: for two years after its first day. A month has thirty-one days
/// here at most, so that two months have two places.
fn month(at: Timestamp) -> Bucket {
    Day::of(first_of_month(at)).tally_bucket()
}

/// Where it is kept who was there on the day of a moment: beside the place of a month that begins on that day.
fn day(at: Timestamp) -> Bucket {
    Bucket(Day::of(at).tally_bucket().0.saturating_add(1))
}

/// When the month of a moment begins (UTC).
fn first_of_month(at: Timestamp) -> Timestamp {
    let days = at.0.div_euclid(86_400);
    let first = days.saturating_sub(day_of_month(days).saturating_sub(1));
    Timestamp(first.saturating_mul(86_400))
}

/// The day of the month, from 1 on, of a day counted from 1970-01-01.
fn day_of_month(days: i64) -> i64 {
    // Counted from the first of March of year 0, in eras of four hundred years.
    let shifted = days.saturating_add(719_468);
    let of_era = shifted.rem_euclid(146_097);
    let year = of_era
        .saturating_sub(of_era.div_euclid(1460))
        .saturating_add(of_era.div_euclid(36_524))
        .saturating_sub(of_era.div_euclid(146_096))
        .div_euclid(365);
    let begins = year
        .saturating_mul(365)
        .saturating_add(year.div_euclid(4))
        .saturating_sub(year.div_euclid(100));
    let of_year = of_era.saturating_sub(begins);
    let month = of_year.saturating_mul(5).saturating_add(2).div_euclid(153);
    of_year
        .saturating_sub(month.saturating_mul(153).saturating_add(2).div_euclid(5))
        .saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_one_place_from_its_first_day_to_its_last() {
        // 2024-02-01, 2024-02-29, 2024-03-01, 2023-12-31, 2024-01-01.
        let at = |seconds| month(Timestamp(seconds));
        assert_eq!(at(1_706_745_600), at(1_709_251_199));
        assert_ne!(at(1_709_251_199), at(1_709_251_200));
        assert_ne!(at(1_704_067_199), at(1_704_067_200));
        for (days, day) in [(0, 1), (30, 31), (31, 1), (19_782, 29), (19_783, 1)] {
            assert_eq!(day_of_month(days), day, "{days}");
        }
    }

    #[test]
    fn sessions_are_counted_again_after_a_minute_and_when_the_clock_goes_back() {
        let tallies = Tallies::default();
        assert_eq!(tallies.held_sessions(Timestamp(100)), None);
        tallies.hold_sessions(Timestamp(100), 7);
        for (now, held) in [(100, Some(7)), (159, Some(7)), (160, None), (99, None)] {
            assert_eq!(tallies.held_sessions(Timestamp(now)), held, "{now}");
        }
    }

    #[test]
    fn what_was_counted_is_taken_once() {
        let tallies = Tallies::default();
        tallies.count("sign_in", "success");
        tallies.count("sign_in", "success");
        let taken = tallies.take();
        assert_eq!(taken, [(("sign_in", "success"), 2)]);
        assert!(tallies.take().is_empty());
        tallies.give_back(taken);
        tallies.count("sign_in", "success");
        assert_eq!(tallies.take(), [(("sign_in", "success"), 3)]);
    }
}
