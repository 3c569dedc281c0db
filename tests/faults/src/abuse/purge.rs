//! L13: rows that have expired are deleted while people and clients go on.

use std::time::{Duration, Instant};

use super::golden::{Golden, Watched};
use crate::experiment::Ran;
use crate::experiment::expired::{Expired, scans};
use crate::experiment::nodes::Nodes;
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(crate) async fn purge(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let Some(nodes) = Nodes::start(setup, "purge", 1, (&["autovacuum_naptime=5s"], &[])).await?
    else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    let demo = nodes
        .servers
        .iter()
        .flatten()
        .map(|server| server.demo.clone())
        .next()
        .ok_or_else(|| Failed::new("no node"))?;
    let mut golden = Golden::new(&demo).await?;
    let base = golden
        .watch(Duration::from_secs(u64::from(setup.times(3, 30))))
        .await;
    let rows = u64::from(setup.times(30_000, 10_000_000));
    let expired = tokio::task::block_in_place(|| Expired::put(&nodes.cluster, rows));
    golden.reconnect();
    let scanned = scans(&nodes.cluster);
    let began = Instant::now();
    let mut during = Watched::default();
    while expired.is_left(&nodes.cluster) {
        during.add(golden.watch(Duration::from_millis(500)).await);
        require(began.elapsed() < LIMIT, || {
            "expired rows are not deleted".to_owned()
        })?;
    }
    let took = began.elapsed();
    let scanned_after = scans(&nodes.cluster);

    report.figure("expired rows", rows);
    report.figure(
        "gone after, ms (a node looks 15 s after its start)",
        took.as_millis(),
    );
    report.figure(
        "golden client: done, failed",
        format!("{}, {}", during.done, during.failed),
    );
    report.figure(
        "its p99 before, during, µs",
        format!("{}, {}", base.p99().as_micros(), during.p99().as_micros()),
    );
    let size = "SELECT pg_size_pretty(sum(pg_total_relation_size(relid)))
        FROM pg_stat_user_tables WHERE relname IN ('codes', 'grants', 'once_keys')";
    report.figure("size of the tables afterwards", nodes.cluster.sql(size));
    let lost = expired.lost(&nodes.cluster)?;
    report.figure("rows that had not expired and are gone", lost);
    require(lost == 0, || {
        format!("{lost} rows that had not expired are gone")
    })?;
    require(base.failed == 0 && during.failed == 0, || {
        format!("the golden client failed: {}{}", base.last, during.last)
    })?;
    require(scanned == scanned_after, || {
        format!("a whole table was read: {scanned} and then {scanned_after} times")
    })?;
    Ok(Ran::Done(report))
}

const LIMIT: Duration = Duration::from_secs(3600);
