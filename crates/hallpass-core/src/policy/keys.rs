//! How keys are published, and what a restored backup has ended.

use hallpass_types::Timestamp;

/// How keys are published, and from when on things are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// The published key set may be kept for so many seconds (`max-age`). No key signs before everybody who keeps the
    /// set for that long must have seen it.
    pub max_age: i64,
    /// Nothing that was issued before this moment is good: the database was restored from a backup then, and knows
    /// nothing of what was used or revoked meanwhile. The engine sets it.
    pub valid_from: Timestamp,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            max_age: 300,
            valid_from: Timestamp(0),
        }
    }
}

impl KeyPolicy {
    /// Seconds between the publication of a key and its first signature: those that the set may be kept, and what nodes
    /// and clocks need.
    #[must_use]
    pub const fn ripe(&self) -> i64 {
        self.max_age.saturating_add(10)
    }

    /// Whether something that can be used once may have been used before the moment from which things are good. Where it
    /// does not say when it was made, its end tells: it lives `longest` seconds at most.
    #[must_use]
    pub fn may_be_used(
        &self,
        issued_at: Option<Timestamp>,
        expires_at: Timestamp,
        longest: i64,
    ) -> bool {
        if self.valid_from.0 <= 0 {
            return false;
        }
        match issued_at {
            Some(issued_at) => issued_at < self.valid_from,
            None => expires_at.since(self.valid_from) <= longest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_restored_backup_nothing_is_from_before() {
        let policy = KeyPolicy::default();
        assert!(!policy.may_be_used(Some(Timestamp(-5)), Timestamp(0), 60));
        assert!(!policy.may_be_used(None, Timestamp(0), 60));
    }

    #[test]
    fn what_was_made_before_may_be_used_and_what_does_not_say_when_is_judged_by_its_end() {
        let policy = KeyPolicy {
            valid_from: Timestamp(1000),
            ..KeyPolicy::default()
        };
        for (issued_at, expires_at, used) in [
            (Some(999), 5000, true),
            (Some(1000), 5000, false),
            (Some(1001), 1002, false),
            (None, 1060, true),
            (None, 1061, false),
            (None, 900, true),
        ] {
            let issued = issued_at.map(Timestamp);
            assert_eq!(
                policy.may_be_used(issued, Timestamp(expires_at), 60),
                used,
                "{issued_at:?} {expires_at}"
            );
        }
    }
}
