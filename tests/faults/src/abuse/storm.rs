//! L15 and L17: more refreshes than the disk takes, and everybody at once after an outage.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Target;
use super::golden::Golden;
use super::raw::{Attackers, Tally, all};
use crate::caller::{Caller, Place};
use crate::experiment::Ran;
use crate::experiment::scene::Scene;
use crate::history::Outcome;
use crate::report::require;
use crate::{Failed, Report, Setup};

/// Refreshes without a pause, each a family of its own.
pub(crate) struct Refreshes;

impl Attackers for Refreshes {
    async fn attack(self, target: Target, stopped: watch::Receiver<bool>) -> Result<Tally, Failed> {
        let place = Place::of(&target.demo).await?;
        let number = if target.long { 128 } else { 24 };
        let mut families = Vec::new();
        let mut browser = place.browser()?;
        for _ in 0..number {
            let mut caller = Caller::new(&place, place.public()?)?;
            let user = &target.demo.user;
            let (_, code) = caller
                .code(&mut browser, user, "openid offline_access")
                .await;
            let (_, tokens) = caller.exchange(&code.unwrap_or_default()).await;
            let refresh = tokens.and_then(|tokens| tokens.refresh);
            families.push((caller, refresh.ok_or_else(|| Failed::new("no family"))?));
        }
        let families = std::sync::Mutex::new(families);
        all(number, |_| {
            let family = families
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .pop();
            let stopped = stopped.clone();
            async move {
                let mut tally = Tally::default();
                let Some((mut caller, mut refresh)) = family else {
                    return tally;
                };
                while !*stopped.borrow() {
                    let (outcome, tokens) = caller.refresh(&refresh).await;
                    tally.note(format!("{outcome:?}"));
                    if let Some(next) = tokens.and_then(|tokens| tokens.refresh) {
                        refresh = next;
                    }
                }
                tally
            }
        })
        .await
    }

    fn judge(tally: &Tally, _grown: u64) -> Result<(), Failed> {
        let lost = tally
            .count("Refused")
            .saturating_add(tally.count("Unknown"));
        require(lost == 0, || {
            format!("{lost} families came to an end or had no answer")
        })?;
        require(tally.count("Ok") > 50, || "hardly any refresh".to_owned())
    }
}

/// The server is away for a while, everybody tries again without a pause, and it is back.
pub(crate) async fn outage(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "outage")?;
    let server = scene.launch.start()?;
    let mut golden = Golden::new(&server.demo).await?;
    let base = golden.watch(Duration::from_secs(2)).await;
    let load = scene
        .load(&server.demo, if setup.long { 64 } else { 16 })
        .await?;
    scene.progress(40, LIMIT).await?;
    server.kill()?;
    tokio::time::sleep(Duration::from_secs(u64::from(setup.times(2, 30)))).await;
    let began = Instant::now();
    let server = scene.launch.start()?;
    let back = scene.progress(100, LIMIT).await?;
    let settled = loop {
        let watched = golden.watch(Duration::from_secs(1)).await;
        if watched.failed == 0 && watched.done > 0 {
            break began.elapsed();
        }
        require(began.elapsed() < LIMIT, || {
            format!("it does not settle: {}", watched.last)
        })?;
    };
    load.stop().await?;
    report.figure("golden client's p99 before, µs", base.p99().as_micros());
    report.figure("100 requests done again after, ms", back.as_millis());
    report.figure(
        "the golden client is served again after, ms",
        settled.as_millis(),
    );
    require(base.failed == 0, || {
        "the golden client failed before".to_owned()
    })?;
    require(scene.history.count(Outcome::Ok, 0) > 100, || {
        "hardly any load".to_owned()
    })?;
    scene.judge(&server, &mut report).await?;
    Ok(Ran::Done(report))
}

const LIMIT: Duration = Duration::from_secs(30);
