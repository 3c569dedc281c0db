//! F13, F14: a backup under load is whole and knows everything that was acknowledged before it began; an old one that is
//! made safe brings nothing back.

use std::time::Duration;

use super::Ran;
use super::scene::{Scene, WORKERS};
use crate::audit;
use crate::caller::Place;
use crate::check::Found;
use crate::report::require;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "backup")?;
    let server = scene.launch.start()?;
    let load = scene.load(&server.demo, WORKERS).await?;
    let folder = scene.folder.path().to_owned();
    let file = |name: &str| folder.join(name).display().to_string();
    let done = |arguments: &[&str]| {
        let ended = scene.launch.command(arguments)?;
        require(ended.success, || format!("{arguments:?}: {}", ended.stderr))
    };
    let times = setup.times(3, 40);
    for number in 0..times {
        scene.progress(20, LIMIT).await?;
        // The command reads the copy again and fails if it is not sound.
        done(&["backup", &file(&format!("under-load-{number}"))])?;
    }
    scene.progress(20, LIMIT).await?;
    load.stop().await?;
    done(&["backup", &file("last")])?;
    let refused = scene.launch.command(&["restore", &file("last")])?;
    require(!refused.success, || "it restored under a server".to_owned())?;
    server.kill()?;
    for name in [
        "hallpass.sqlite",
        "hallpass.sqlite-wal",
        "hallpass.sqlite-shm",
    ] {
        drop(std::fs::remove_file(scene.launch.data().join(name)));
    }
    done(&["restore", &file("last")])?;
    let server = scene.launch.start()?;
    // Everything that was acknowledged is there, and nothing is there twice.
    scene.judge(&server, &mut report).await?;
    report.figure("backups under load, each read again", times);

    // An old one, which does not know of most.
    server.signal("TERM");
    server
        .end_within(LIMIT)
        .ok_or_else(|| Failed::new("it does not end"))?;
    done(&["restore", &file("under-load-0"), "--after"])?;
    let server = scene.launch.start()?;
    let place = Place::of(&server.demo).await?;
    let mut found = Found::default();
    audit::tokens(&place, &scene.history, MOST, &mut found).await?;
    audit::codes(&place, &scene.history, &mut found).await?;
    let alive = found.active.iter().filter(|(_, active)| *active).count();
    let redeemed = found.redeemed.iter().filter(|(_, gave)| *gave).count();
    require(alive == 0 && redeemed == 0, || {
        format!("{alive} tokens are alive and {redeemed} codes work again")
    })?;
    report.figure(
        "tokens looked at after an old backup was made safe",
        found.active.len(),
    );
    report.figure("codes sent to it once more", found.redeemed.len());
    report.figure("of these alive", 0);
    // It goes on.
    let load = scene.load(&server.demo, 2).await?;
    scene.progress(20, LIMIT).await?;
    load.stop().await?;
    Ok(Ran::Done(report))
}

const LIMIT: Duration = Duration::from_secs(60);
const MOST: usize = 4_000;
