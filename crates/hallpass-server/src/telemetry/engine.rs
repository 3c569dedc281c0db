//! Numbers that the engine and what it stands on count by themselves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hallpass_accounts::hash::WAIT_BOUNDS;
use hallpass_provider::Provider;
use hallpass_store::{HistogramSnapshot, MAX_PAGE, StoreError};
use hallpass_store_sqlite::Stats;
use hallpass_types::Bucket;

use super::metrics::{Distribution, Metrics, Observe, Reading};
use super::phase_name;
use crate::admission::Admission;
use crate::issuers::Issuers;
use crate::shared_limits::SharedLimits;
use crate::wiring::{Database, Engine};

/// Shows them among the metrics.
pub fn watch_engine(metrics: &Metrics, engine: &Engine) {
    watch_hashing(metrics, engine);
    watch_keys(metrics, engine.provider.clone());
    watch_sessions(metrics, &engine.provider);
    match &engine.database {
        Some(Database::Sqlite(stats)) => watch_database(metrics, stats),
        Some(Database::Postgres(stats)) => super::postgres::watch(metrics, stats),
        None => {}
    }
}

/// Sessions of all issuers. They are counted beside the reading, for whoever reads later, and only while somebody reads.
fn watch_sessions(metrics: &Metrics, provider: &Provider) {
    let counter = Arc::new(Sessions {
        provider: provider.clone(),
        counted: AtomicU64::new(u64::MAX),
        next: Mutex::new(None),
    });
    metrics.observe_gauge(
        "hallpass_active_sessions",
        "Sessions of people that have neither ended nor expired, of all issuers",
        move || {
            counter.count_soon();
            let counted = counter.counted.load(Ordering::Relaxed);
            (counted != u64::MAX).then(|| float(counted))
        },
    );
}

struct Sessions {
    provider: Provider,
    /// The highest number before anything was counted.
    counted: AtomicU64,
    /// When to count again; none while it has not begun, far away while it goes on.
    next: Mutex<Option<Instant>>,
}

impl Sessions {
    fn count_soon(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let now = Instant::now();
        {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            if next.is_some_and(|next| now < next) {
                return;
            }
            *next = now.checked_add(COUNTING);
        }
        let this = Arc::clone(self);
        runtime.spawn(async move {
            match this.count().await {
                Ok(counted) => this.counted.store(counted, Ordering::Relaxed),
                Err(error) => tracing::warn!(%error, "sessions cannot be counted"),
            }
            // Where it takes long it is done seldom: it has a tenth of the time of one reader at most.
            let pause = now.elapsed().saturating_mul(10).max(PAUSE);
            let mut next = this.next.lock().unwrap_or_else(PoisonError::into_inner);
            *next = Instant::now().checked_add(pause);
        });
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let store = self.provider.store();
        let from = Bucket::purgeable_below(self.provider.now());
        let mut all: u64 = 0;
        let mut after = None;
        loop {
            let numbers = store.issuer_numbers(after, MAX_PAGE).await?;
            for (issuer, _) in &numbers {
                all = all.saturating_add(store.count_sessions(*issuer, from).await?);
            }
            match numbers.last() {
                Some((last, _)) if numbers.len() >= MAX_PAGE => after = Some(*last),
                Some(_) | None => return Ok(all),
            }
        }
    }
}

const PAUSE: Duration = Duration::from_secs(15);
/// Whoever has not come back by then has failed.
const COUNTING: Duration = Duration::from_secs(600);

/// Shows who is let in.
pub fn watch_admission(metrics: &Metrics, admission: &Admission) {
    let of = admission.clone();
    let help = "Questions to the store under way";
    metrics.observe_gauge("hallpass_store_questions", help, move || {
        Some(count(of.counts().0))
    });
    let of = admission.clone();
    let help = "Questions to the store under way at which requests are turned away";
    metrics.observe_gauge("hallpass_store_questions_limit", help, move || {
        Some(count(of.counts().1))
    });
    let of = admission.clone();
    let read = move || vec![(Vec::new(), of.counts().2)];
    metrics.observe(
        "hallpass_requests_turned_away",
        "Requests turned away because the store is slower than what is asked of it",
        Observe::Counter(Box::new(read)),
    );
}

/// Shows whether limits are counted together.
pub fn watch_shared_limits(metrics: &Metrics, limits: &SharedLimits) {
    let of = limits.clone();
    metrics.observe_gauge(
        "hallpass_shared_limits_connected",
        "Whether Redis answers, where processes count together",
        move || Some(f64::from(u8::from(of.is_connected()))),
    );
    let of = limits.clone();
    let read = move || vec![(Vec::new(), of.failures())];
    metrics.observe(
        "hallpass_shared_limits_failures",
        "How often Redis did not answer",
        Observe::Counter(Box::new(read)),
    );
}

/// Shows how many issuers there are.
pub fn watch_issuers(metrics: &Metrics, issuers: &Issuers) {
    let of = issuers.clone();
    let help = "Issuers that were made at run time and are enabled";
    metrics.observe_gauge("hallpass_issuers", help, move || Some(count(of.count().0)));
    let of = issuers.clone();
    let help = "Issuers made at run time that are in memory";
    metrics.observe_gauge("hallpass_issuers_loaded", help, move || {
        Some(count(of.count().1))
    });
}

fn count(number: usize) -> f64 {
    float(u64::try_from(number).unwrap_or(u64::MAX))
}

fn watch_hashing(metrics: &Metrics, engine: &Engine) {
    let accounts = Arc::clone(&engine.accounts);
    metrics.observe_gauge(
        "hallpass_hash_queue_depth",
        "Passwords that wait to be hashed",
        move || Some(float(accounts.pool().stats().depth)),
    );
    let accounts = Arc::clone(&engine.accounts);
    let waits = move || {
        let stats = accounts.pool().stats();
        Distribution::new(stats.wait_seconds, WAIT_BOUNDS, &stats.wait_buckets)
    };
    let help = "Wait for a hashing thread";
    metrics.observe(
        "hallpass_hash_wait_seconds",
        help,
        Observe::Histogram(Box::new(waits)),
    );
    let accounts = Arc::clone(&engine.accounts);
    let rejected = move || {
        let stats = accounts.pool().stats();
        [
            ("queue_full", stats.rejected),
            ("too_late", stats.expired),
            ("abandoned", stats.abandoned),
        ]
        .map(|(why, count)| (vec![("why", why.to_owned())], count))
        .to_vec()
    };
    let help = "Passwords that were not hashed";
    metrics.observe(
        "hallpass_hash_rejected",
        help,
        Observe::Counter(Box::new(rejected)),
    );
}

fn watch_keys(metrics: &Metrics, provider: Provider) {
    let ages = move || {
        let now = provider.now();
        let keys = provider.signing_keys();
        let reading = |alg: &'static str, phase, kid: &str, since| -> Reading<f64> {
            let labels = vec![
                ("alg", alg.to_owned()),
                ("phase", phase_name(phase).to_owned()),
                ("kid", kid.to_owned()),
            ];
            let age = float(u64::try_from(now.since(since)).unwrap_or(0));
            (labels, age)
        };
        let signing = keys.iter().map(|held| {
            let alg = held.key.algorithm().name();
            reading(alg, held.phase, held.key.kid(), held.phase_since)
        });
        let decryption = keys.decryption().map(|held| {
            let alg = held.algorithm.name();
            reading(alg, held.phase, &held.kid, held.phase_since)
        });
        signing.chain(decryption).collect()
    };
    let help = "Time since a key entered its phase";
    metrics.observe(
        "hallpass_key_age_seconds",
        help,
        Observe::Gauge(Box::new(ages)),
    );
}

fn watch_database(metrics: &Metrics, database: &Arc<Stats>) {
    let stats = Arc::clone(database);
    let commits = move || in_seconds(&stats.snapshot().commit_micros);
    let help = "Time of a durable transaction";
    metrics.observe(
        "hallpass_store_commit_seconds",
        help,
        Observe::Histogram(Box::new(commits)),
    );
    let stats = Arc::clone(database);
    let batches = move || in_numbers(&stats.snapshot().batch_size);
    let help = "Commits that shared a transaction";
    metrics.observe(
        "hallpass_store_commits_per_transaction",
        help,
        Observe::Histogram(Box::new(batches)),
    );
    type Count = fn(&Stats) -> &AtomicU64;
    let counts: [(&'static str, &'static str, Count); 4] = [
        (
            "hallpass_store_queue_full",
            "Commits refused because too many waited",
            |s| &s.queue_full,
        ),
        ("hallpass_store_failures", "Transactions that failed", |s| {
            &s.failures
        }),
        (
            "hallpass_store_checkpoints",
            "Copies of the log into the database",
            |s| &s.checkpoints,
        ),
        (
            "hallpass_store_checkpoints_held_up",
            "Such copies that a reader held up",
            |s| &s.checkpoints_held_up,
        ),
    ];
    for (name, help, count) in counts {
        let stats = Arc::clone(database);
        let read = move || vec![(Vec::new(), count(&stats).load(Ordering::Relaxed))];
        metrics.observe(name, help, Observe::Counter(Box::new(read)));
    }
    let stats = Arc::clone(database);
    metrics.observe_gauge(
        "hallpass_store_log_pages",
        "Pages in the write-ahead log",
        move || Some(float(stats.wal_pages.load(Ordering::Relaxed))),
    );
}

pub(super) fn in_numbers(snapshot: &HistogramSnapshot) -> Distribution {
    let bounds = snapshot.bounds.iter().map(|bound| float(*bound));
    Distribution::new(float(snapshot.sum), bounds, &snapshot.counts)
}

pub(super) fn in_seconds(snapshot: &HistogramSnapshot) -> Distribution {
    let bounds = snapshot.bounds.iter().map(|bound| float(*bound) / 1e6);
    Distribution::new(float(snapshot.sum) / 1e6, bounds, &snapshot.counts)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "metrics are read with fewer digits than that"
)]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}
