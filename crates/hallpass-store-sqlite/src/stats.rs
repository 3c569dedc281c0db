//! How the store is doing, in atomics that a metrics endpoint can read at any time.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use hallpass_store::{Histogram, HistogramSnapshot};

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
