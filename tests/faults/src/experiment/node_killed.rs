//! F02: one of two nodes is killed again and again; the other goes on, and nothing is lost or used twice.

use std::time::Duration;

use super::Ran;
use super::nodes::Nodes;
use crate::server::random_below;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let Some(mut nodes) = Nodes::start(setup, "nodes", 2, (&[], &[])).await? else {
        return Ok(Ran::Skipped("PostgreSQL is not installed".to_owned()));
    };
    let load = nodes.load().await?;
    let kills = setup.times(4, 300);
    for kill in 0..kills {
        nodes.progress(10, LIMIT).await?;
        tokio::time::sleep(Duration::from_millis(random_below(600))).await;
        nodes.kill(usize::from(kill % 2 == 1))?;
    }
    nodes.progress(10, LIMIT).await?;
    load.stop().await?;
    report.figure("kills", kills);
    nodes.judge(&mut report).await?;
    Ok(Ran::Done(report))
}

const LIMIT: Duration = Duration::from_secs(30);
