//! How the store is doing, in atomics that a metrics endpoint can read at any time.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Counters and histograms since the store was opened.
#[derive(Debug)]
pub struct Stats {
    /// Duration of transactions from begin to durable, in microseconds.
    pub commit_micros: Histogram,
    /// Commits per transaction.
    pub batch_size: Histogram,
    /// Commits that were refused because too many waited.
    pub queue_full: AtomicU64,
    /// Transactions that failed as a whole.
    pub failures: AtomicU64,
    /// Copies of the write-ahead log into the database.
    pub checkpoints: AtomicU64,
    /// Times that a reader kept the log from being copied whole.
    pub checkpoints_held_up: AtomicU64,
    /// Pages in the write-ahead log after the last transaction.
    pub wal_pages: AtomicU64,
}

/// The same as plain numbers.
#[derive(Clone, Debug)]
pub struct StatsSnapshot {
    /// See [`Stats::commit_micros`].
    pub commit_micros: HistogramSnapshot,
    /// See [`Stats::batch_size`].
    pub batch_size: HistogramSnapshot,
    /// See [`Stats::queue_full`].
    pub queue_full: u64,
    /// See [`Stats::failures`].
    pub failures: u64,
    /// See [`Stats::checkpoints`].
    pub checkpoints: u64,
    /// See [`Stats::checkpoints_held_up`].
    pub checkpoints_held_up: u64,
    /// See [`Stats::wal_pages`].
    pub wal_pages: u64,
}

impl Stats {
    /// All numbers. They are read one after the other.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        StatsSnapshot {
            commit_micros: self.commit_micros.snapshot(),
            batch_size: self.batch_size.snapshot(),
            queue_full: self.queue_full.load(Relaxed),
            failures: self.failures.load(Relaxed),
            checkpoints: self.checkpoints.load(Relaxed),
            checkpoints_held_up: self.checkpoints_held_up.load(Relaxed),
            wal_pages: self.wal_pages.load(Relaxed),
        }
    }

    pub(crate) fn committed(&self, jobs: usize, took: Duration) {
        self.batch_size.observe(jobs as u64);
        self.commit_micros
            .observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            commit_micros: Histogram::new(&[
                50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
                1_000_000, 5_000_000,
            ]),
            batch_size: Histogram::new(&[1, 2, 4, 8, 16, 32, 64, 128, 256, 512]),
            queue_full: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            checkpoints: AtomicU64::new(0),
            checkpoints_held_up: AtomicU64::new(0),
            wal_pages: AtomicU64::new(0),
        }
    }
}

/// A histogram with fixed upper bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One more than bounds: the last counts what lies above all of them.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram as plain numbers.
#[derive(Clone, Debug)]
pub struct HistogramSnapshot {
    /// Inclusive upper bounds.
    pub bounds: &'static [u64],
    /// Observations at or below each bound and above the one before; one more for the rest. Not cumulative.
    pub counts: Vec<u64>,
    /// Sum of all observed values.
    pub sum: u64,
}

impl Histogram {
    fn new(bounds: &'static [u64]) -> Self {
        let counts = std::iter::repeat_with(AtomicU64::default);
        Self {
            bounds,
            counts: counts.take(bounds.len().saturating_add(1)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    fn observe(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Relaxed);
            self.sum.fetch_add(value, Relaxed);
        }
    }

    fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            bounds: self.bounds,
            counts: self.counts.iter().map(|c| c.load(Relaxed)).collect(),
            sum: self.sum.load(Relaxed),
        }
    }
}

impl HistogramSnapshot {
    /// How many values were observed.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_belongs_below_it() {
        let histogram = Histogram::new(&[1, 10]);
        for value in [0, 1, 2, 10, 11, u64::from(u32::MAX)] {
            histogram.observe(value);
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.counts, [2, 2, 2]);
        assert_eq!(snapshot.count(), 6);
        assert_eq!(snapshot.sum, 24 + u64::from(u32::MAX));
    }
}
