//! How the store is doing, in atomics that a metrics endpoint can read at any time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hallpass_store::{Histogram, HistogramSnapshot};

/// Counters and histograms since the store was opened.
#[derive(Debug)]
pub struct Stats {
    /// Duration of statements that commit, in microseconds.
    pub commit_micros: Histogram,
    /// Commits per statement.
    pub batch_size: Histogram,
    /// Duration of questions, in microseconds.
    pub read_micros: Histogram,
    /// Commits and questions that were refused because too many waited, or because their turn came too late.
    pub busy: AtomicU64,
    /// Statements that failed for all of their commits.
    pub failures: AtomicU64,
    /// Statements that were tried again after a deadlock or a serialization failure.
    pub retries: AtomicU64,
    /// Commits that were done one change at a time.
    pub alone: AtomicU64,
    /// Connections that were made.
    pub connects: AtomicU64,
    /// Connections that could not be made.
    pub connect_failures: AtomicU64,
    /// Commits that wait.
    pub waiting: AtomicU64,
}

/// The same as plain numbers.
#[derive(Clone, Debug)]
pub struct StatsSnapshot {
    /// See [`Stats::commit_micros`].
    pub commit_micros: HistogramSnapshot,
    /// See [`Stats::batch_size`].
    pub batch_size: HistogramSnapshot,
    /// See [`Stats::read_micros`].
    pub read_micros: HistogramSnapshot,
    /// See [`Stats::busy`].
    pub busy: u64,
    /// See [`Stats::failures`].
    pub failures: u64,
    /// See [`Stats::retries`].
    pub retries: u64,
    /// See [`Stats::alone`].
    pub alone: u64,
    /// See [`Stats::connects`].
    pub connects: u64,
    /// See [`Stats::connect_failures`].
    pub connect_failures: u64,
    /// See [`Stats::waiting`].
    pub waiting: u64,
}

impl Stats {
    /// All numbers. They are read one after the other.
    #[must_use]
    pub fn snapshot(&self) -> StatsSnapshot {
        StatsSnapshot {
            commit_micros: self.commit_micros.snapshot(),
            batch_size: self.batch_size.snapshot(),
            read_micros: self.read_micros.snapshot(),
            busy: self.busy.load(Relaxed),
            failures: self.failures.load(Relaxed),
            retries: self.retries.load(Relaxed),
            alone: self.alone.load(Relaxed),
            connects: self.connects.load(Relaxed),
            connect_failures: self.connect_failures.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
        }
    }
}

const MICROS: &[u64] = &[
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
    5_000_000,
];

impl Default for Stats {
    fn default() -> Self {
        Self {
            commit_micros: Histogram::new(MICROS),
            batch_size: Histogram::new(&[1, 2, 4, 8, 16, 32, 64, 128]),
            read_micros: Histogram::new(MICROS),
            busy: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            alone: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            connect_failures: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
        }
    }
}
