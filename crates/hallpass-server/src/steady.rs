//! A clock for what cannot be taken back.

use std::time::Duration;

use hallpass_types::Timestamp;
use tokio::time::Instant;

/// Never ahead of the clock of the machine, and slow to believe one that jumps forward: it takes half as long as the jump was.
/// So a clock that is wrong for a while deletes nothing.
#[derive(Debug)]
pub(crate) struct Steady {
    believed: Timestamp,
    at: Instant,
}

impl Steady {
    /// Believes what the clock says at the beginning.
    #[must_use]
    pub(crate) fn new(wall: Timestamp, at: Instant) -> Self {
        Self { believed: wall, at }
    }

    /// What is believed now that the clock says `wall`.
    pub(crate) fn now(&mut self, wall: Timestamp, at: Instant) -> Timestamp {
        let passed = at.saturating_duration_since(self.at).as_secs();
        // Whole seconds; what is left of one counts the next time.
        if let Some(at) = self.at.checked_add(Duration::from_secs(passed)) {
            self.at = at;
        }
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let most = self.believed.plus(passed.saturating_mul(CATCHES_UP));
        self.believed = wall.min(most);
        if wall.since(self.believed) > TOLD {
            tracing::warn!(
                ahead = wall.since(self.believed),
                "the clock has jumped forward: what expires is kept until that is certain"
            );
        }
        self.believed
    }
}

const CATCHES_UP: i64 = 3;
/// Smaller jumps are not worth a word (seconds).
const TOLD: i64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start.checked_add(Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn it_follows_a_clock_that_runs_and_one_that_is_set_back() {
        let start = Instant::now();
        let mut steady = Steady::new(Timestamp(1000), start);
        for n in 1..100 {
            let now = Timestamp(1000).plus(i64::try_from(n).unwrap() * 600);
            assert_eq!(steady.now(now, after(start, n * 600)), now);
        }
        assert_eq!(steady.now(Timestamp(7), after(start, 60_000)), Timestamp(7));
    }

    #[test]
    fn a_jump_is_believed_after_half_its_length() {
        let start = Instant::now();
        let mut steady = Steady::new(Timestamp(0), start);
        let jump = 7200;
        let mut believed = None;
        for n in 1..=10_u64 {
            let passed = i64::try_from(n * 600).unwrap();
            let now = steady.now(Timestamp(passed + jump), after(start, n * 600));
            assert!(now <= Timestamp(passed * 3));
            if now == Timestamp(passed + jump) && believed.is_none() {
                believed = Some(n);
            }
        }
        assert_eq!(believed, Some(6), "an hour for two");
        // Set right again before: nothing has been believed.
        let mut steady = Steady::new(Timestamp(0), start);
        let wrong = steady.now(Timestamp(600 + 86_400), after(start, 600));
        assert!(wrong <= Timestamp(1800));
        let right = steady.now(Timestamp(1200), after(start, 1200));
        assert_eq!(right, Timestamp(1200));
    }

    #[test]
    fn looking_often_does_not_make_it_faster_or_slower() {
        let start = Instant::now();
        let mut steady = Steady::new(Timestamp(0), start);
        let mut last = Timestamp(0);
        for n in 1..=100_u64 {
            let at = start + Duration::from_millis(n * 300);
            last = steady.now(Timestamp(1_000_000), at);
        }
        assert_eq!(last, Timestamp(90));
    }
}
