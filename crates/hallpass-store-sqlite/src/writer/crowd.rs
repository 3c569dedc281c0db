//! Whether it is worth waiting for more commits. Each transaction costs a write to the disk that is waited for, its own pages in the
//! log, and two changes of the running thread, so that many commits in one are far cheaper than each in its own. Where threads
//! share a processor, commits come one by one: the first wakes the thread that writes before the second is made.

use std::time::Duration;

/// What the last transactions were like.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    before: usize,
    /// For so many more transactions nobody is waited for.
    in_vain: u8,
}

impl Crowd {
    /// How long to wait for more, again and again as long as more come. Who is alone does not wait.
    pub(super) fn pauses(&mut self) -> impl Iterator<Item = Duration> + use<> {
        let waits = self.before >= CROWD && self.in_vain == 0;
        self.in_vain = self.in_vain.saturating_sub(1);
        let pauses = if waits { PAUSES.as_slice() } else { &[] };
        pauses.iter().copied()
    }

    /// A pause has brought so many; whether another one is worth it.
    pub(super) const fn has_grown(&mut self, by: usize) -> bool {
        // Then all who ask are there already.
        if by == 0 {
            self.in_vain = IN_VAIN;
        }
        by > 0
    }

    /// So many shared a transaction.
    pub(super) const fn was(&mut self, together: usize) {
        self.before = together;
    }
}

/// So many commits in one transaction are a crowd.
const CROWD: usize = 3;
/// Together they are shorter than what a person notices, and as long as a disk may take.
const PAUSES: [Duration; 3] = [
    Duration::from_micros(200),
    Duration::from_micros(400),
    Duration::from_micros(800),
];
/// After a pause in which nobody came, so many transactions begin without one.
const IN_VAIN: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_alone_does_not_wait() {
        let mut crowd = Crowd::default();
        for together in [0, 1, CROWD - 1] {
            crowd.was(together);
            assert_eq!(crowd.pauses().count(), 0, "{together}");
        }
        crowd.was(CROWD);
        assert_eq!(crowd.pauses().count(), PAUSES.len());
        crowd.was(1);
        assert_eq!(crowd.pauses().count(), 0);
    }

    #[test]
    fn a_crowd_that_is_complete_is_not_waited_for_each_time() {
        let mut crowd = Crowd::default();
        crowd.was(CROWD);
        assert_eq!(crowd.pauses().count(), PAUSES.len());
        assert!(crowd.has_grown(1));
        assert!(!crowd.has_grown(0));
        for _ in 0..IN_VAIN {
            crowd.was(CROWD);
            assert_eq!(crowd.pauses().count(), 0);
        }
        assert_eq!(crowd.pauses().count(), PAUSES.len());
    }

    #[test]
    fn nobody_is_kept_for_longer_than_a_disk_may_take() {
        assert!(PAUSES.iter().sum::<Duration>() < Duration::from_millis(2));
    }
}
