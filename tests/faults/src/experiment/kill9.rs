//! F01: what was acknowledged survives, what was used stays used, and the start needs no repair.

use std::time::Duration;

use super::Ran;
use super::scene::{Scene, WORKERS};
use crate::report::require;
use crate::server::random_below;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "kill9")?;
    let mut server = scene.launch.start()?;
    let first = server.demo.clone();
    let load = scene.load(&first, WORKERS).await?;
    let kills = setup.times(6, 500);
    let mut slowest = Duration::ZERO;
    for _ in 0..kills {
        scene.progress(5, LIMIT).await?;
        let longest = if setup.long { 4_000 } else { 400 };
        tokio::time::sleep(Duration::from_millis(random_below(longest))).await;
        server.kill()?;
        server = scene.launch.start()?;
        slowest = slowest.max(server.started_in);
        require(server.demo.issuer == first.issuer, || {
            "another issuer after a restart".to_owned()
        })?;
    }
    scene.progress(5, LIMIT).await?;
    load.stop().await?;
    report.figure("kills", kills);
    report.figure("slowest start, ms", slowest.as_millis());
    scene.judge(&server, &mut report).await?;
    Ok(Ran::Done(report))
}

const LIMIT: Duration = Duration::from_secs(30);
