//! F10: the database answers nothing for a while; requests end at their deadline and do not pile up.

use std::time::{Duration, Instant};

use super::Ran;
use super::nodes::Nodes;
use crate::history::Outcome;
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let limits = [
        ("HALLPASS__STORE__POSTGRES__STATEMENT_TIMEOUT", "2"),
        ("HALLPASS__STORE__POSTGRES__ACQUIRE_TIMEOUT", "1"),
    ];
    let Some(nodes) = Nodes::start(setup, "hangs", 1, (&[], &limits)).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    let load = nodes.load().await?;
    let (mut healed, mut slowest, mut documents) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let times = setup.times(1, 10);
    for _ in 0..times {
        nodes.progress(40, LIMIT).await?;
        let since = nodes.history.now_us();
        nodes.cluster.freeze();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(6) {
            documents = documents.max(nodes.documents().await?);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let told = nodes.history.count(Outcome::Unavailable, since);
        nodes.cluster.thaw();
        require(told > 0, || {
            "nobody was told that the database hangs".to_owned()
        })?;
        slowest = slowest.max(nodes.history.slowest(since));
        healed = healed.max(nodes.progress(40, LIMIT).await?);
    }
    // And each statement takes its time: the nodes go on, more slowly.
    let since = nodes.history.now_us();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(u64::from(setup.times(3, 30))) {
        nodes.cluster.freeze();
        tokio::time::sleep(Duration::from_millis(60)).await;
        nodes.cluster.thaw();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let slow = nodes.history.count(Outcome::Ok, since);
    require(slow > 10, || {
        format!("only {slow} requests on a slow database")
    })?;
    load.stop().await?;
    report.figure("times", times);
    report.figure("slowest answer, ms", slowest.as_millis());
    report.figure("slowest document meanwhile, ms", documents.as_millis());
    report.figure("40 requests done again after, ms", healed.as_millis());
    report.figure(
        "requests done while three quarters of the time were lost",
        slow,
    );
    // Signing in is several requests, each with two seconds for a statement.
    require(slowest < Duration::from_secs(8), || {
        format!("it took {slowest:?}")
    })?;
    require(documents < Duration::from_secs(1), || {
        format!("a document took {documents:?}")
    })?;
    nodes.judge(&mut report).await?;
    Ok(Ran::Done(report))
}

const LIMIT: Duration = Duration::from_secs(40);
