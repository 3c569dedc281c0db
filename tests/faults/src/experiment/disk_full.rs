//! F04: nothing is acknowledged that is not on the disk; what needs no disk goes on; space heals it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Ran;
use super::scene::{Scene, WORKERS, read};
use crate::history::Outcome;
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let mut scene = Scene::new(setup, "disk")?;
    let disk = match Disk::mount(&scene.folder.path().join("disk")) {
        Ok(disk) => disk,
        Err(reason) => return Ok(Ran::Skipped(reason)),
    };
    scene.launch = scene.launch.on(&disk.0.join("data"));
    let server = scene.launch.start()?;
    let load = scene.load(&server.demo, WORKERS).await?;
    scene.progress(40, LIMIT).await?;
    let times = setup.times(1, 10);
    let mut healed = Duration::ZERO;
    for _ in 0..times {
        let full_since = scene.history.now_us();
        let filler = disk.fill()?;
        let began = std::time::Instant::now();
        while scene.history.count(Outcome::Unavailable, full_since) < 20 {
            require(began.elapsed() < LIMIT, || {
                format!(
                    "the disk is full and nobody was told; {}",
                    scene.launch.log_end()
                )
            })?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Neither the key set nor a token that is held needs the disk.
        let issuer = &server.demo.issuer;
        read(&format!("{issuer}/.well-known/openid-configuration")).await?;
        read(&format!("{issuer}/jwks")).await?;
        read(&format!("{}/metrics", scene.launch.operations())).await?;
        std::fs::remove_file(&filler).map_err(|error| Failed::io(&filler, error))?;
        healed = healed.max(scene.progress(40, LIMIT).await?);
    }
    load.stop().await?;
    report.figure("times", times);
    report.figure("40 requests done again after, ms", healed.as_millis());
    scene.judge(&server, &mut report).await?;
    // And what is on the disk is whole.
    server.kill()?;
    let server = scene.launch.start()?;
    scene
        .judge(&server, &mut Report::new("F04", "after a restart"))
        .await?;
    drop(server);
    drop(disk);
    Ok(Ran::Done(report))
}

/// A small file system in memory.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(at).map_err(|error| error.to_string())?;
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
            .arg(at)
            .output()
            .map_err(|error| format!("mount: {error}"))?;
        if output.status.success() {
            Ok(Self(at.to_owned()))
        } else {
            let reason = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(format!("no file system can be mounted here: {reason}"))
        }
    }

    /// Uses up all space.
    fn fill(&self) -> Result<PathBuf, Failed> {
        use std::io::Write as _;
        let path = self.0.join("filler");
        let mut file = std::fs::File::create(&path).map_err(|error| Failed::io(&path, error))?;
        for size in [64 * 1024, 4096, 512] {
            let bytes = vec![7; size];
            while file.write_all(&bytes).is_ok() {}
        }
        Ok(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

const LIMIT: Duration = Duration::from_secs(30);
