//! L18: one issuer of a process is flooded; people and clients of another one notice little.

use std::time::Duration;

use tokio::sync::watch;

use super::Target;
use super::golden::Golden;
use super::raw::{Attackers as _, Tally};
use super::requests::Growth;
use super::sign_in::Passwords;
use crate::experiment::Ran;
use crate::experiment::scene::{Scene, get};
use crate::report::require;
use crate::server::{Demo, Launch, Server};
use crate::{Failed, Report, Setup};

/// Passwords of nobody, authorization requests and pushed requests that nobody completes, all at the other issuer.
pub(crate) async fn tenants(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "tenants")?;
    let server = scene.launch.start()?;
    let target = other_issuer(&scene.launch, &server, setup.long).await?;
    let mut golden = Golden::new(&server.demo).await?;
    let base = golden
        .watch(Duration::from_secs(u64::from(setup.times(2, 60))))
        .await;
    let (stop, stopped) = watch::channel(false);
    let growth = tokio::spawn(Growth.attack(target.clone(), stopped.clone()));
    let passwords = tokio::spawn(Passwords.attack(target, stopped));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let during = golden
        .watch(Duration::from_secs(u64::from(setup.times(4, 120))))
        .await;
    stop.send(true)
        .map_err(|error| Failed::new(error.to_string()))?;
    let joined = |error: tokio::task::JoinError| Failed::new(error.to_string());
    let growth: Tally = growth.await.map_err(joined)??;
    let passwords: Tally = passwords.await.map_err(joined)??;
    let after = golden.watch(Duration::from_secs(2)).await;

    growth.tell(&mut report);
    passwords.tell(&mut report);
    report.figure(
        "golden client of the other issuer: done, failed",
        format!("{}, {}", during.done, during.failed),
    );
    report.figure(
        "its p99 before, during, after, µs",
        format!(
            "{}, {}, {}",
            base.p99().as_micros(),
            during.p99().as_micros(),
            after.p99().as_micros()
        ),
    );
    require(during.done > 10, || {
        format!("the golden client did {} things", during.done)
    })?;
    for (when, watched) in [("before", &base), ("during", &during), ("after", &after)] {
        require(watched.failed == 0, || {
            format!(
                "{when} the flood the golden client failed: {}",
                watched.last
            )
        })?;
    }
    Passwords::judge(&passwords, 0)?;
    Growth::judge(&growth, 0)?;
    Ok(Ran::Done(report))
}

/// Makes an issuer beside the demo's, with one client, and waits until it is served.
async fn other_issuer(launch: &Launch, server: &Server, long: bool) -> Result<Target, Failed> {
    let launch = launch
        .clone()
        .with("HALLPASS__SERVER__ISSUER", &server.demo.issuer);
    let run = |arguments: &[&str]| {
        let ended = launch.command(arguments)?;
        require(ended.success, || ended.stderr.clone())
    };
    run(&["issuer", "create", "flooded"])?;
    run(&[
        "--issuer",
        "flooded",
        "client",
        "create",
        "--id",
        "app",
        "--public",
        "--redirect-uri",
        REDIRECT,
    ])?;
    let issuer = format!("{}/p/flooded", server.demo.issuer);
    let mut waited = Duration::ZERO;
    while get(&format!("{issuer}/jwks")).await?.0 != 200 {
        require(waited < LIMIT, || "the issuer is not served".to_owned())?;
        tokio::time::sleep(PAUSE).await;
        waited = waited.saturating_add(PAUSE);
    }
    let client = serde_json::json!({ "client_id": "app", "redirect_uris": [REDIRECT] });
    let client = serde_json::from_value(client).map_err(|error| Failed::new(error.to_string()))?;
    Ok(Target {
        port: launch.port(),
        demo: Demo {
            issuer,
            user: server.demo.user.clone(),
            clients: vec![client],
        },
        prefix: "/p/flooded",
        long,
    })
}

const REDIRECT: &str = "http://127.0.0.1/callback";
const LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);
