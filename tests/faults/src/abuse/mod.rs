//! Floods and abuse: whoever behaves is served meanwhile.
//!
//! A *golden* client refreshes, introspects and signs in with codes from an address of its own while an attack runs from
//! others. Its success and its latencies, before and during the attack, are the result.

mod bodies;
mod connections;
mod golden;
mod hot_row;
mod outgoing;
mod passkeys;
mod purge;
pub(crate) mod raw;
mod requests;
mod sign_in;
mod storm;
mod tenants;

use std::time::Duration;

use golden::Golden;
use raw::{Attackers, Tally};

use crate::experiment::Ran;
use crate::experiment::scene::Scene;
use crate::report::require;
use crate::server::Server;
use crate::{Failed, Report, Setup};

/// What attackers need to know.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) demo: crate::server::Demo,
    /// Where the issuer's paths begin.
    pub(crate) prefix: &'static str,
    pub(crate) long: bool,
}

/// Lets attackers loose beside the golden client, and judges by that one.
pub(crate) async fn run<A: Attackers>(
    setup: &Setup,
    mut report: Report,
    attackers: A,
) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "abuse")?;
    let launch = A::settings()
        .iter()
        .fold(scene.launch.clone(), |launch, (name, value)| {
            launch.with(name, value)
        });
    let server = launch.start()?;
    let target = Target {
        port: launch.port(),
        demo: server.demo.clone(),
        prefix: "",
        long: setup.long,
    };
    let mut golden = Golden::new(&server.demo).await?;
    let seconds = u64::from(setup.times(2, 60));
    let base = golden.watch(Duration::from_secs(seconds)).await;
    let rested = resident(&server);

    let (stop, stopped) = tokio::sync::watch::channel(false);
    let attack = tokio::spawn(attackers.attack(target, stopped));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let during = golden
        .watch(Duration::from_secs(u64::from(setup.times(4, 120))))
        .await;
    let most = resident(&server);
    stop.send(true)
        .map_err(|error| Failed::new(error.to_string()))?;
    let tally: Tally = attack
        .await
        .map_err(|error| Failed::new(error.to_string()))??;
    let after = golden.watch(Duration::from_secs(seconds)).await;

    tally.tell(&mut report);
    report.figure(
        "golden client: done, failed",
        format!("{}, {}", during.done, during.failed),
    );
    report.figure("told to come back later, and done then", during.came_back);
    let p99 = |watched: &golden::Watched| watched.p99().as_micros();
    report.figure(
        "its p99 before, during, after, µs",
        format!("{}, {}, {}", p99(&base), p99(&during), p99(&after)),
    );
    report.figure(
        "resident memory before, during, KiB",
        format!("{rested}, {most}"),
    );
    require(base.failed == 0, || {
        "the golden client failed without an attack".to_owned()
    })?;
    require(during.done > 10, || {
        format!("the golden client did {} things", during.done)
    })?;
    require(during.failed.saturating_mul(1000) <= during.done, || {
        format!(
            "the golden client failed {} of {} times: {}",
            during.failed, during.done, during.last
        )
    })?;
    require(during.came_back.saturating_mul(50) <= during.done, || {
        format!("{} of {} were turned away", during.came_back, during.done)
    })?;
    require(after.failed == 0, || {
        format!("afterwards the golden client fails: {}", after.last)
    })?;
    A::judge(&tally, most.saturating_sub(rested))?;
    Ok(Ran::Done(report))
}

/// KiB of the server's memory.
fn resident(server: &Server) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok())
        .unwrap_or_default()
}

macro_rules! row {
    ($name:ident $attackers:expr) => {
        pub(crate) async fn $name(setup: &Setup, report: Report) -> Result<Ran, Failed> {
            run(setup, report, $attackers).await
        }
    };
}

row!(idle_connections connections::Idle);
row!(slow_clients connections::Slow);
row!(large_bodies bodies::Large);
row!(many_names bodies::ManyNames);
row!(password_flood sign_in::Passwords);
row!(wrong_signatures requests::WrongSignatures);
row!(amplifier outgoing::Amplified);
row!(scans requests::Scans);
row!(growth requests::Growth);
row!(hot_key storm::Refreshes);
pub(crate) use hot_row::hot_row;
pub(crate) use passkeys::passkeys_in_a_flood;
pub(crate) use purge::purge;
pub(crate) use storm::outage;
pub(crate) use tenants::tenants;
