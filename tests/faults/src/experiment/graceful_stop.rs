//! F17: what is under way is finished, nothing that was answered is lost, and the end is 0.

use std::time::{Duration, Instant};

use super::Ran;
use super::scene::{Scene, WORKERS};
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "stop")?;
    let mut server = scene.launch.start()?;
    let load = scene.load(&server.demo.clone(), WORKERS * 2).await?;
    let times = setup.times(3, 100);
    let mut slowest = Duration::ZERO;
    for time in 0..times {
        scene.progress(20, LIMIT).await?;
        let began = Instant::now();
        server.signal("TERM");
        if time % 3 == 2 {
            server.signal("TERM");
        }
        let status = server
            .end_within(LIMIT)
            .ok_or_else(|| Failed::new("it does not end"))?;
        require(status.success(), || format!("it ended with {status}"))?;
        slowest = slowest.max(began.elapsed());
        server = scene.launch.start()?;
    }
    scene.progress(5, LIMIT).await?;
    load.stop().await?;
    report.figure("stops", times);
    report.figure("slowest end, ms", slowest.as_millis());
    scene.judge(&server, &mut report).await?;
    Ok(Ran::Done(report))
}

const LIMIT: Duration = Duration::from_secs(40);
