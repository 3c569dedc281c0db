//! F11: others take every connection of the database and end ours; it heals when there is room.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Ran;
use super::nodes::Nodes;
use crate::history::Outcome;
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let few = [
        "max_connections=24",
        "superuser_reserved_connections=0",
        // So that a place is free again when whoever took it is gone.
        "client_connection_check_interval=100ms",
    ];
    let Some(nodes) = Nodes::start(setup, "taken", 1, (&few, &[])).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    let load = nodes.load().await?;
    let mut healed = Duration::ZERO;
    let times = setup.times(2, 20);
    for _ in 0..times {
        nodes.progress(40, LIMIT).await?;
        let others = Others::take(&nodes)?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let since = nodes.history.now_us();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let told = nodes.history.count(Outcome::Unavailable, since);
        let done = nodes.history.count(Outcome::Ok, since);
        require(told > 0 || done > 0, || {
            "no request was answered".to_owned()
        })?;
        nodes.documents().await?;
        drop(others);
        healed = healed.max(nodes.progress(40, LIMIT).await?);
    }
    load.stop().await?;
    report.figure("times", times);
    report.figure("40 requests done again after, ms", healed.as_millis());
    require(healed < Duration::from_secs(6), || {
        format!("it took {healed:?} to heal")
    })?;
    nodes.judge(&mut report).await?;
    Ok(Ran::Done(report))
}

/// Connections of somebody else.
struct Others(Vec<Child>);

impl Others {
    /// Ends ours and takes every place while they are away.
    fn take(nodes: &Nodes) -> Result<Self, Failed> {
        let mut others = Self(Vec::new());
        for _ in 0..40 {
            let child = Command::new("psql")
                .args(["-X", "-q", &nodes.cluster.address()])
                .args(["-c", END_OURS, "-c", "SELECT pg_sleep(60)"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .map_err(|error| Failed::new(format!("psql: {error}")))?;
            others.0.push(child);
        }
        Ok(others)
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

const END_OURS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name <> 'psql' AND backend_type = 'client backend'";
const LIMIT: Duration = Duration::from_secs(40);
