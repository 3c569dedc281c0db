//! F22: another process at the database costs time, and no request is lost or half done.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Ran;
use super::scene::{Scene, WORKERS, read};
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "locked")?;
    let server = scene.launch.start()?;
    let database = scene.launch.data().join("hallpass.sqlite");
    if Command::new("sqlite3").arg("-version").output().is_err() {
        return Ok(Ran::Skipped("sqlite3 is not installed".to_owned()));
    }
    let load = scene.load(&server.demo, WORKERS).await?;
    scene.progress(40, LIMIT).await?;
    let seconds = u64::from(setup.times(3, 30));
    let mut largest = 0;
    let began = ["BEGIN IMMEDIATE;", "BEGIN; SELECT count(*) FROM grants;"];
    for (name, statements) in ["write lock", "long reader"].into_iter().zip(began) {
        let holder = Holder::start(&database, statements)?;
        let began = std::time::Instant::now();
        let mut slowest = Duration::ZERO;
        while began.elapsed() < Duration::from_secs(seconds) {
            let issuer = &server.demo.issuer;
            slowest = slowest.max(read(&format!("{issuer}/jwks")).await?);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let wal = database.with_extension("sqlite-wal");
        largest = largest.max(std::fs::metadata(&wal).map_or(0, |file| file.len()));
        holder.end()?;
        let healed = scene.progress(40, LIMIT).await?;
        report.figure(&format!("{name}: slowest key set, ms"), slowest.as_millis());
        report.figure(
            &format!("{name}: 40 requests done again after, ms"),
            healed.as_millis(),
        );
    }
    load.stop().await?;
    report.figure("largest write-ahead log, KiB", largest / 1024);
    scene.judge(&server, &mut report).await?;
    Ok(Ran::Done(report))
}

/// Another process that has a transaction open.
struct Holder(Child);

impl Holder {
    fn start(database: &std::path::Path, statements: &str) -> Result<Self, Failed> {
        let failed = |error: std::io::Error| Failed::io(database, error);
        let mut child = Command::new("sqlite3")
            .arg("-batch")
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(failed)?;
        let text = format!(".timeout 10000\n{statements}\nSELECT 'open';\n");
        if let Some(stdin) = &mut child.stdin {
            stdin.write_all(text.as_bytes()).map_err(failed)?;
            stdin.flush().map_err(failed)?;
        }
        let mut holder = Self(child);
        let mut seen = Vec::new();
        let mut byte = [0];
        if let Some(stdout) = &mut holder.0.stdout {
            while !seen.ends_with(b"open\n") {
                stdout.read_exact(&mut byte).map_err(failed)?;
                seen.extend_from_slice(&byte);
            }
        }
        Ok(holder)
    }

    fn end(mut self) -> Result<(), Failed> {
        drop(self.0.stdin.take());
        let ended = self.0.wait();
        ended
            .map(drop)
            .map_err(|error| Failed::new(error.to_string()))
    }
}

const LIMIT: Duration = Duration::from_secs(40);
