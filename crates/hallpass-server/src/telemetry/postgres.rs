//! Numbers of the PostgreSQL store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hallpass_store::HistogramSnapshot;
use hallpass_store_postgres::{Stats, StatsSnapshot};

use super::engine::{float, in_numbers, in_seconds};
use super::metrics::{Metrics, Observe};

/// Shows them among the metrics.
pub(super) fn watch(metrics: &Metrics, stats: &Arc<Stats>) {
    type Size = fn(StatsSnapshot) -> HistogramSnapshot;
    let times: [(&'static str, &'static str, Size); 2] = [
        (
            "hallpass_store_commit_seconds",
            "Time of a statement that commits",
            |s| s.commit_micros,
        ),
        (
            "hallpass_store_read_seconds",
            "Time of a question to the database",
            |s| s.read_micros,
        ),
    ];
    for (name, help, size) in times {
        let stats = Arc::clone(stats);
        let read = move || in_seconds(&size(stats.snapshot()));
        metrics.observe(name, help, Observe::Histogram(Box::new(read)));
    }
    let sizes = Arc::clone(stats);
    metrics.observe(
        "hallpass_store_commits_per_transaction",
        "Commits that shared a statement",
        Observe::Histogram(Box::new(move || in_numbers(&sizes.snapshot().batch_size))),
    );
    type Count = fn(&Stats) -> &AtomicU64;
    let counts: [(&'static str, &'static str, Count); 6] = [
        (
            "hallpass_store_queue_full",
            "Commits and questions refused because too many waited",
            |s| &s.busy,
        ),
        ("hallpass_store_failures", "Statements that failed", |s| {
            &s.failures
        }),
        (
            "hallpass_store_retries",
            "Statements tried again after a conflict",
            |s| &s.retries,
        ),
        (
            "hallpass_store_alone",
            "Commits that needed a transaction of their own",
            |s| &s.alone,
        ),
        ("hallpass_store_connects", "Connections made", |s| {
            &s.connects
        }),
        (
            "hallpass_store_connect_failures",
            "Connections that could not be made",
            |s| &s.connect_failures,
        ),
    ];
    for (name, help, count) in counts {
        let stats = Arc::clone(stats);
        let read = move || vec![(Vec::new(), count(&stats).load(Ordering::Relaxed))];
        metrics.observe(name, help, Observe::Counter(Box::new(read)));
    }
    let stats = Arc::clone(stats);
    metrics.observe_gauge("hallpass_store_waiting", "Commits that wait", move || {
        Some(float(stats.waiting.load(Ordering::Relaxed)))
    });
}
