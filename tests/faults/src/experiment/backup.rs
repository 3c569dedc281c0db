//! F13: a backup under load is whole and knows everything that was acknowledged before it began. F14: an old one that is made
//! safe brings nothing back of what was used, revoked or handed out since, and says so where it is not made safe.

use std::time::Duration;

use super::Ran;
use super::scene::{Scene, WORKERS};
use crate::audit;
use crate::caller::Place;
use crate::check::{Found, check};
use crate::report::require;
use crate::server::Server;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "backup")?;
    let server = scene.launch.start()?;
    let load = scene.load(&server.demo, WORKERS).await?;
    let times = setup.times(3, 40);
    for number in 0..times {
        scene.progress(20, LIMIT).await?;
        // The command reads the copy again and fails if it is not sound.
        done(
            &scene,
            &["backup", &file(&scene, &format!("under-load-{number}"))],
        )?;
    }
    scene.progress(20, LIMIT).await?;
    load.stop().await?;
    done(&scene, &["backup", &file(&scene, "last")])?;
    let refused = scene.launch.command(&["restore", &file(&scene, "last")])?;
    require(!refused.success, || "it restored under a server".to_owned())?;
    server.kill()?;
    for name in [
        "hallpass.sqlite",
        "hallpass.sqlite-wal",
        "hallpass.sqlite-shm",
    ] {
        drop(std::fs::remove_file(scene.launch.data().join(name)));
    }
    done(&scene, &["restore", &file(&scene, "last")])?;
    let server = scene.launch.start()?;
    // Everything that was acknowledged is there, and nothing is there twice.
    scene.judge(&server, &mut report).await?;
    report.figure("backups under load, each read again", times);
    Ok(Ran::Done(report))
}

pub(super) async fn old(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "old-backup")?;
    let mut server = scene.launch.start()?;
    let rounds = setup.times(1, 20);
    let (mut tokens, mut codes) = (0_usize, 0_usize);
    let mut wrong = 0_usize;
    for round in 0..rounds {
        let load = scene.load(&server.demo, WORKERS).await?;
        scene.progress(40, LIMIT).await?;
        done(&scene, &["backup", &file(&scene, &format!("old-{round}"))])?;
        // What is used, rotated and revoked now is not in it.
        scene.progress(80, LIMIT).await?;
        load.stop().await?;
        stop(server)?;
        let old = file(&scene, &format!("old-{round}"));
        // As it is, the command warns of it, and the checker finds what is wrong with it.
        let said = done(&scene, &["restore", &old])?;
        require(said.contains("WARNING"), || {
            format!("nobody is warned: {said}")
        })?;
        let again = scene.launch.start()?;
        let found = look(&scene, &again).await?;
        wrong = wrong.saturating_add(check(&scene.history.snapshot(), &found).len());
        stop(again)?;
        done(&scene, &["restore", &old, "--after"])?;
        server = scene.launch.start()?;
        let found = look(&scene, &server).await?;
        let alive = found.active.iter().filter(|(_, active)| *active).count();
        let redeemed = found.redeemed.iter().filter(|(_, gave)| *gave).count();
        require(alive == 0 && redeemed == 0, || {
            format!("{alive} tokens are alive and {redeemed} codes work again")
        })?;
        tokens = tokens.saturating_add(found.active.len());
        codes = codes.saturating_add(found.redeemed.len());
    }
    // It goes on.
    let load = scene.load(&server.demo, 2).await?;
    scene.progress(20, LIMIT).await?;
    load.stop().await?;
    require(wrong > 0, || {
        "nothing is wrong with an old backup: that proves nothing".to_owned()
    })?;
    report.figure("old backups restored", rounds);
    report.figure("tokens looked at after it was made safe", tokens);
    report.figure("codes sent to it once more", codes);
    report.figure("of these alive", 0);
    report.figure("violations where it was restored and not made safe", wrong);
    Ok(Ran::Done(report))
}

fn file(scene: &Scene, name: &str) -> String {
    scene.folder.path().join(name).display().to_string()
}

/// Runs a command, which must succeed; what it says.
fn done(scene: &Scene, arguments: &[&str]) -> Result<String, Failed> {
    let ended = scene.launch.command(arguments)?;
    require(ended.success, || format!("{arguments:?}: {}", ended.stderr))?;
    Ok(ended.stdout)
}

fn stop(server: Server) -> Result<(), Failed> {
    server.signal("TERM");
    let ended = server.end_within(LIMIT);
    ended
        .map(drop)
        .ok_or_else(|| Failed::new("it does not end"))
}

async fn look(scene: &Scene, server: &Server) -> Result<Found, Failed> {
    let place = Place::of(&server.demo).await?;
    let mut found = Found::default();
    audit::tokens(&place, &scene.history, MOST, &mut found).await?;
    audit::codes(&place, &scene.history, &mut found).await?;
    Ok(found)
}
const LIMIT: Duration = Duration::from_secs(60);
const MOST: usize = 4_000;
