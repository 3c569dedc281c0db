//! The rest of F07: the primary is gone for good, and its standby takes its place. Of a synchronous one nothing that was
//! answered is missing; what an asynchronous one has not received is lost, and after `hallpass invalidate` nothing of before
//! is good at any node.

use std::time::{Duration, Instant};

use hallpass_testpg::Cluster;

use super::nodes::Nodes;
use crate::audit;
use crate::check::Found;
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, report: &mut Report) -> Result<(), Failed> {
    let mut slowest = Duration::ZERO;
    let times = setup.times(1, 5);
    for _ in 0..times {
        slowest = slowest.max(synchronous(setup, report).await?);
    }
    report.figure("failovers to a synchronous standby", times);
    report.figure("40 requests done again after, ms", slowest.as_millis());
    require(slowest < HEALED, || {
        format!("it took {slowest:?} to find the standby")
    })?;
    asynchronous(setup, report).await
}

async fn pair(setup: &Setup, name: &str) -> Result<(Nodes, Cluster), Failed> {
    let primary = Cluster::start(&[]).ok_or_else(|| Failed::new("no PostgreSQL"))?;
    let standby = primary.standby();
    let address = primary.address_with(&standby);
    let nodes = Nodes::on(setup, name, 2, (primary, &address), &[]).await?;
    Ok((nodes, standby))
}

async fn synchronous(setup: &Setup, report: &mut Report) -> Result<Duration, Failed> {
    let (nodes, standby) = pair(setup, "failover").await?;
    nodes
        .cluster
        .sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    nodes.cluster.sql("SELECT pg_reload_conf()");
    until(&nodes.cluster, "sync_state = 'sync'").await?;
    let load = nodes.load().await?;
    nodes.progress(100, LIMIT).await?;
    nodes.cluster.stop();
    standby.promote();
    let healed = nodes.progress(40, LIMIT).await?;
    load.stop().await?;
    nodes.judge(report).await?;
    Ok(healed)
}

async fn asynchronous(setup: &Setup, report: &mut Report) -> Result<(), Failed> {
    let (mut nodes, standby) = pair(setup, "lost").await?;
    until(&nodes.cluster, "state = 'streaming'").await?;
    let load = nodes.load().await?;
    nodes.progress(60, LIMIT).await?;
    // From here on it receives nothing.
    standby.sql("ALTER SYSTEM SET primary_conninfo = ''");
    standby.sql("SELECT pg_reload_conf()");
    let left = "SELECT count(*) FROM pg_stat_replication";
    wait(|| nodes.cluster.sql(left) == "0").await?;
    let lost_since = nodes.history.now_us();
    nodes.progress(60, LIMIT).await?;
    nodes.cluster.stop();
    standby.promote();
    nodes.progress(20, LIMIT).await?;
    load.stop().await?;
    let lost = nodes.history.count(crate::history::Outcome::Ok, lost_since);

    let launch = nodes
        .launches
        .first()
        .ok_or_else(|| Failed::new("no node"))?;
    let ended = launch.command(&["invalidate"])?;
    require(ended.success, || ended.stderr.clone())?;
    let began = Instant::now();
    for server in &mut nodes.servers {
        let server = server.take().ok_or_else(|| Failed::new("no node"))?;
        require(server.end_within(OVER).is_some(), || {
            "a node goes on after everything was ended".to_owned()
        })?;
    }
    let took = began.elapsed();
    for node in 0..nodes.launches.len() {
        nodes.kill(node)?;
    }
    let mut found = Found::default();
    for place in &nodes.places {
        audit::tokens(place, &nodes.history, MOST, &mut found).await?;
        audit::codes(place, &nodes.history, &mut found).await?;
    }
    let alive = found.active.iter().filter(|(_, active)| *active).count();
    let redeemed = found.redeemed.iter().filter(|(_, gave)| *gave).count();
    require(alive == 0 && redeemed == 0, || {
        format!("{alive} tokens are alive and {redeemed} codes work again")
    })?;
    require(
        !found.active.is_empty() && !found.redeemed.is_empty(),
        || "there was hardly any load".to_owned(),
    )?;
    let load = nodes.load().await?;
    nodes.progress(20, LIMIT).await?;
    load.stop().await?;
    report.figure(
        "requests done while the asynchronous standby received nothing, and after",
        lost,
    );
    report.figure(
        "nodes that ended themselves after hallpass invalidate, the last after, ms",
        took.as_millis(),
    );
    report.figure(
        "tokens looked at and codes sent once more afterwards, none alive",
        found.active.len().saturating_add(found.redeemed.len()),
    );
    Ok(())
}

/// Waits until something follows the database in that way.
async fn until(primary: &Cluster, how: &str) -> Result<(), Failed> {
    let sql = format!("SELECT count(*) FROM pg_stat_replication WHERE {how}");
    wait(|| primary.sql(&sql) == "1").await
}

async fn wait(done: impl Fn() -> bool) -> Result<(), Failed> {
    let began = Instant::now();
    while !done() {
        require(began.elapsed() < LIMIT, || {
            "replication does not come about".to_owned()
        })?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

const LIMIT: Duration = Duration::from_secs(60);
/// Nodes look for the database again after less than two seconds.
const HEALED: Duration = Duration::from_secs(10);
/// Two seconds until they look, what is under way, and a machine that is busy with other things.
const OVER: Duration = Duration::from_secs(15);
const MOST: usize = 1_000;
