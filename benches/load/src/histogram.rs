//! Counts of durations, in buckets whose width grows with the value.

use std::time::Duration;

/// How often each duration was seen, exact to 1.6 %, from a nanosecond to over a minute.
///
/// Up to 64 ns there is one bucket for each nanosecond; above, each doubling is cut into 64 parts.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    largest: u64,
}

impl Histogram {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
            largest: 0,
        }
    }

    /// Adds one duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let index = bucket(nanos).min(BUCKETS.saturating_sub(1));
        if let Some(count) = self.counts.get_mut(index) {
            *count = count.saturating_add(1);
        }
        self.total = self.total.saturating_add(1);
        self.largest = self.largest.max(nanos);
    }

    /// Adds everything that another histogram counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
        self.total = self.total.saturating_add(other.total);
        self.largest = self.largest.max(other.largest);
    }

    /// How many durations were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The duration that the given share of all stays at or below, in milliseconds; 0 when empty.
    ///
    /// `share` is between 0 and 1.
    #[must_use]
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let wanted = share * as_f64(self.total);
        let mut seen = 0_u64;
        for (index, count) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if *count > 0 && as_f64(seen) >= wanted {
                return as_f64(upper_end(index).min(self.largest)) / 1e6;
            }
        }
        as_f64(self.largest) / 1e6
    }

    /// The longest duration, in milliseconds.
    #[must_use]
    pub fn largest_ms(&self) -> f64 {
        as_f64(self.largest) / 1e6
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// Which bucket a number of nanoseconds falls in.
const fn bucket(nanos: u64) -> usize {
    let exponent = exponent(nanos);
    // Below 2^SUB_BITS the value is the index; above, the leading bits choose the part.
    let part = (nanos >> exponent) as usize;
    (exponent as usize)
        .saturating_mul(PARTS)
        .saturating_add(part)
}

/// How many low bits of the value the bucket ignores.
const fn exponent(nanos: u64) -> u32 {
    let bits = u64::BITS.saturating_sub(nanos.leading_zeros());
    bits.saturating_sub(SUB_BITS.saturating_add(1))
}

/// The largest number of nanoseconds in a bucket.
const fn upper_end(index: usize) -> u64 {
    let exponent = (index / PARTS).saturating_sub(1);
    let part = index.saturating_sub(exponent.saturating_mul(PARTS)) as u64;
    part.saturating_add(1)
        .saturating_mul(1_u64 << exponent)
        .saturating_sub(1)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and nanoseconds stay far below 2^52"
)]
const fn as_f64(value: u64) -> f64 {
    value as f64
}

const SUB_BITS: u32 = 6;
const PARTS: usize = 1 << SUB_BITS;
/// Enough for 2^36 ns, a little over a minute; longer ones are counted in the last bucket.
const BUCKETS: usize = PARTS * 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_in_a_bucket_whose_upper_end_is_within_two_percent() {
        let mut nanos = 1_u64;
        while nanos < 60_000_000_000 {
            let end = upper_end(bucket(nanos));
            assert!(end >= nanos, "{nanos} is above {end}");
            assert!(as_f64(end) <= as_f64(nanos) * 1.02 + 1.0, "{nanos} {end}");
            nanos += 1 + nanos / 97;
        }
    }

    #[test]
    fn neighbouring_values_never_go_back_a_bucket() {
        let buckets: Vec<_> = (0..100_000).map(bucket).collect();
        assert!(buckets.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn quantiles_of_a_ramp_are_where_they_should_be() {
        let mut histogram = Histogram::new();
        for micros in 1..=1000 {
            histogram.record(Duration::from_micros(micros));
        }
        assert!((histogram.quantile_ms(0.5) - 0.5).abs() < 0.01);
        assert!((histogram.quantile_ms(0.99) - 0.99).abs() < 0.02);
        assert!((histogram.quantile_ms(1.0) - 1.0).abs() < 1e-9);
        assert_eq!(histogram.total(), 1000);
    }

    #[test]
    fn an_empty_histogram_answers_zero() {
        assert!(Histogram::new().quantile_ms(0.99).abs() < 1e-9);
    }

    #[test]
    fn a_duration_beyond_the_last_bucket_is_counted_and_not_lost() {
        let mut histogram = Histogram::new();
        histogram.record(Duration::from_secs(10_000));
        assert_eq!(histogram.total(), 1);
        assert!((histogram.largest_ms() - 1e7).abs() < 1.0);
    }

    #[test]
    fn merging_adds_counts_and_keeps_the_largest() {
        let (mut left, mut right) = (Histogram::new(), Histogram::new());
        left.record(Duration::from_micros(10));
        right.record(Duration::from_micros(30));
        left.merge(&right);
        assert_eq!(left.total(), 2);
        assert!((left.largest_ms() - 0.03).abs() < 1e-9);
    }
}
