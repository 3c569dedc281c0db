//! What the pool has done, for metrics.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the waiting-time buckets, in seconds; a last bucket holds what is longer.
pub const WAIT_BOUNDS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// Counters of a pool since it was started. Take one to render metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Jobs that wait now.
    pub depth: u64,
    /// Jobs that were computed.
    pub computed: u64,
    /// Jobs turned away because the queue was full, or displaced from it.
    pub rejected: u64,
    /// Jobs that waited beyond their deadline and were answered as busy.
    pub expired: u64,
    /// Jobs whose caller had gone before their turn.
    pub abandoned: u64,
    /// Waiting times of computed jobs: how many fell into each bucket of [`WAIT_BOUNDS`] (not cumulative).
    pub wait_buckets: [u64; WAIT_BOUNDS.len() + 1],
    /// Sum of those waiting times, in seconds.
    pub wait_seconds: f64,
    /// Mean time of a computation lately, in seconds.
    pub hash_seconds: f64,
}

/// The live counters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) rejected: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) abandoned: AtomicU64,
    computed: AtomicU64,
    buckets: [AtomicU64; WAIT_BOUNDS.len() + 1],
    wait_micros: AtomicU64,
    /// Moving mean of the computing time; zero until there is one.
    hash_micros: AtomicU64,
    /// The longest time that a hash took lately which is not one of today's.
    dearest_micros: AtomicU64,
}

impl Counters {
    pub(super) fn waited(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let at = WAIT_BOUNDS
            .iter()
            .take_while(|bound| seconds > **bound)
            .count();
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Relaxed);
        }
        self.wait_micros.fetch_add(micros(time), Relaxed);
    }

    pub(super) fn computed(&self, time: Duration) {
        self.computed.fetch_add(1, Relaxed);
        let now = micros(time);
        // Threads may overwrite each other's update; any of the results is a good enough mean.
        let before = self.hash_micros.load(Relaxed);
        let after = if before == 0 {
            now
        } else {
            before.saturating_mul(7).saturating_add(now).div_ceil(8)
        };
        self.hash_micros.store(after, Relaxed);
    }

    /// A hash that is not one of today's took so long. What took longer before is forgotten slowly, since it may have been the
    /// machine.
    pub(super) fn took_otherwise(&self, time: Duration) {
        let before = self.dearest_micros.load(Relaxed);
        let kept = before.saturating_sub(before.div_ceil(FORGOTTEN));
        self.dearest_micros.store(kept.max(micros(time)), Relaxed);
    }

    /// The longest time that such a hash took.
    pub(super) fn dearest(&self) -> Duration {
        Duration::from_micros(self.dearest_micros.load(Relaxed))
    }

    /// Mean computing time, if one was measured.
    pub(super) fn hash_time(&self) -> Option<Duration> {
        match self.hash_micros.load(Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    pub(super) fn snapshot(&self, depth: usize) -> Stats {
        let mut wait_buckets = [0; WAIT_BOUNDS.len() + 1];
        for (out, bucket) in wait_buckets.iter_mut().zip(&self.buckets) {
            *out = bucket.load(Relaxed);
        }
        Stats {
            depth: u64::try_from(depth).unwrap_or(u64::MAX),
            computed: self.computed.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            expired: self.expired.load(Relaxed),
            abandoned: self.abandoned.load(Relaxed),
            wait_buckets,
            wait_seconds: Duration::from_micros(self.wait_micros.load(Relaxed)).as_secs_f64(),
            hash_seconds: self.hash_time().map_or(0.0, |time| time.as_secs_f64()),
        }
    }
}

/// Of the longest time so small a part is forgotten with each further hash.
const FORGOTTEN: u64 = 256;

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
