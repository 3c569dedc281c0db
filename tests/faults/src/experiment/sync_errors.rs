//! F05: a write that may not have reached the disk is not acknowledged.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Ran;
use super::scene::{Scene, WORKERS};
use crate::history::Outcome;
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    if let Err(reason) = traceable() {
        return Ok(Ran::Skipped(reason));
    }
    let scene = Scene::new(setup, "sync")?;
    // Everything is made in peace.
    scene.launch.start()?.kill()?;
    let trace = scene.folder.path().join("trace");
    let wrapper = wrapper(&trace);
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let traced = scene.launch.clone().within(&wrapper);
    let mut failures = 0_usize;
    let rounds = setup.times(1, 20);
    for _ in 0..rounds {
        let server = traced.start()?;
        let load = scene.load(&server.demo, WORKERS).await?;
        let began = std::time::Instant::now();
        while count_injected(&trace) < 5 && began.elapsed() < LIMIT {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // It goes on by itself, or it has ended.
        tokio::time::sleep(Duration::from_millis(300)).await;
        load.stop().await?;
        failures = count_injected(&trace).saturating_add(failures);
        server.kill()?;
        drop(std::fs::remove_file(&trace));
    }
    require(failures > 0, || "no fsync failed".to_owned())?;
    let count = |outcome| scene.history.count(outcome, 0);
    let told = count(Outcome::Unavailable).saturating_add(count(Outcome::Unknown));
    require(told > 0, || {
        format!("{failures} fsyncs failed and every request was answered as if nothing were")
    })?;
    report.figure("rounds", rounds);
    report.figure("failed fsyncs", failures);
    let server = scene.launch.start()?;
    scene.judge(&server, &mut report).await?;
    Ok(Ran::Done(report))
}

/// The tracer that lets some syncs of each thread fail.
fn wrapper(trace: &Path) -> Vec<String> {
    let parts = [
        "strace",
        "--follow-forks",
        "--seccomp-bpf",
        "--quiet=all",
        "--trace=fsync,fdatasync",
        "--inject=fsync,fdatasync:error=EIO:when=40..45",
        "--output",
    ];
    let mut wrapper: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
    wrapper.push(trace.to_string_lossy().into_owned());
    wrapper
}

fn count_injected(trace: &Path) -> usize {
    let text = std::fs::read_to_string(trace).unwrap_or_default();
    text.lines()
        .filter(|line| line.contains("INJECTED"))
        .count()
}

fn traceable() -> Result<(), String> {
    let output = Command::new("strace")
        .args(["--quiet=all", "--output=/dev/null", "true"])
        .output()
        .map_err(|error| format!("strace: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err("processes cannot be traced here".to_owned())
    }
}

const LIMIT: Duration = Duration::from_secs(30);
