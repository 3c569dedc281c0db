//! Time as the protocol counts it: whole seconds since the epoch.

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant `seconds` later, saturating.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` until `self`; negative when `earlier` lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether something that expires at `self` is over at `now`. The boundary counts as over.
    #[must_use]
    pub const fn is_over(self, now: Self) -> bool {
        now.0 >= self.0
    }

    /// Whether somebody else's `iat` or `nbf` lies further ahead than their clock may be ([`MAX_AHEAD`]). The same for every
    /// JWT that is taken.
    #[must_use]
    pub const fn is_ahead(self, now: Self) -> bool {
        self.since(now) > MAX_AHEAD
    }
}

/// The clock of whoever signed something may be ahead of ours by so many seconds.
pub const MAX_AHEAD: i64 = 10;

/// The minute in which a record may be purged. It stands in front of a record's key and inside the
/// value that a client holds, so that expired rows are one contiguous range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bucket(pub u32);

impl Bucket {
    /// Seconds per bucket. Short, so that records of one lifetime are inserted nearly in order and leave soon.
    pub const SECONDS: i64 = 60;

    /// The first bucket that starts at or after `expires`: when it has begun, the record is over.
    #[must_use]
    pub fn holding(expires: Timestamp) -> Self {
        let up = expires.0.saturating_add(Self::SECONDS.saturating_sub(1));
        Self(
            u32::try_from(up.div_euclid(Self::SECONDS)).unwrap_or(if up < 0 {
                0
            } else {
                u32::MAX
            }),
        )
    }

    /// Every bucket below this one holds only records that are over at `now`.
    #[must_use]
    pub fn purgeable_below(now: Timestamp) -> Self {
        Self(u32::try_from(now.0.div_euclid(Self::SECONDS)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boundary_counts_as_expired() {
        assert!(Timestamp(10).is_over(Timestamp(10)));
        assert!(!Timestamp(10).is_over(Timestamp(9)));
    }

    #[test]
    fn a_clock_may_be_ten_seconds_ahead_and_no_more() {
        let now = Timestamp(1000);
        for fine in [i64::MIN, 0, 999, 1000, 1010] {
            assert!(!Timestamp(fine).is_ahead(now), "{fine}");
        }
        for ahead in [1011, 1061, i64::MAX] {
            assert!(Timestamp(ahead).is_ahead(now), "{ahead}");
        }
        assert!(Timestamp(0).is_ahead(Timestamp(i64::MIN)));
    }

    #[test]
    fn a_bucket_is_never_purgeable_while_a_record_in_it_lives() {
        for expires in [0, 1, 3599, 3600, 3601, 1_800_000_000] {
            let bucket = Bucket::holding(Timestamp(expires));
            let alive = Timestamp(expires.max(1) - 1);
            assert!(
                bucket >= Bucket::purgeable_below(alive),
                "expires {expires}"
            );
            assert!(bucket < Bucket::purgeable_below(Timestamp(expires + 2 * Bucket::SECONDS)));
        }
    }
}
