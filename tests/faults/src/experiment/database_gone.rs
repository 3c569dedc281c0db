//! F07: the database crashes, or is away for a while; who needs it is told at once, and it heals by itself.

use std::time::{Duration, Instant};

use super::Ran;
use super::failover;
use super::nodes::Nodes;
use super::scene::get;
use crate::history::Outcome;
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let Some(nodes) = Nodes::start(setup, "database", 2, (&[], &[])).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    let load = nodes.load().await?;
    let (mut healed, mut told, mut documents) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let times = setup.times(2, 20);
    for time in 0..times {
        nodes.progress(40, LIMIT).await?;
        nodes.cluster.stop();
        // Everything that was under way has failed by now or is answered soon.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let gone_since = nodes.history.now_us();
        let outage = Duration::from_secs(match (setup.long, time) {
            (true, 0) => 60,
            (true, _) => 5,
            (false, _) => 2,
        });
        let began = Instant::now();
        while began.elapsed() < outage {
            documents = documents.max(nodes.documents().await?);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        require(
            nodes.history.count(Outcome::Unavailable, gone_since) > 0,
            || "nobody was told that the database is away".to_owned(),
        )?;
        require(
            nodes.history.count(Outcome::Unknown, gone_since) == 0,
            || "requests were left without an answer".to_owned(),
        )?;
        told = told.max(nodes.history.slowest(gone_since));
        for launch in &nodes.launches {
            let (live, _) = get(&format!("{}/health/live", launch.operations())).await?;
            require(live == 200, || {
                "a node without its database is not alive".to_owned()
            })?;
        }
        nodes.cluster.restart();
        healed = healed.max(nodes.progress(40, LIMIT).await?);
    }
    load.stop().await?;
    report.figure("outages", times);
    report.figure("slowest answer meanwhile, ms", told.as_millis());
    report.figure("slowest document meanwhile, ms", documents.as_millis());
    report.figure("40 requests done again after, ms", healed.as_millis());
    require(told < Duration::from_secs(2), || {
        format!("it took {told:?} to say that the database is away")
    })?;
    require(healed < Duration::from_secs(6), || {
        format!("it took {healed:?} to heal")
    })?;
    nodes.judge(&mut report).await?;
    drop(nodes);
    failover::run(setup, &mut report).await?;
    Ok(Ran::Done(report))
}

const LIMIT: Duration = Duration::from_secs(40);
