//! F06: what stands in the files at any instant is whole, and holds everything that was answered before; what had not been
//! written to its end is not looked at.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use super::Ran;
use super::scene::{Scene, WORKERS};
use crate::audit;
use crate::caller::Place;
use crate::check::{Found, check};
use crate::history::History;
use crate::report::{refuse, require};
use crate::server::{Launch, random_below};
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "power")?;
    let server = scene.launch.start()?;
    let mut load = scene.load(&server.demo, WORKERS).await?;
    let place = Place::of(&server.demo).await?;
    let cuts = setup.times(4, 200);
    let mut looked_at = 0_usize;
    for cut in 0..cuts {
        scene.progress(20, LIMIT).await?;
        tokio::time::sleep(Duration::from_millis(random_below(200))).await;
        let folder = setup.folder("power-copy")?;
        let copy = folder.path().join("data");
        server.freeze()?;
        let moment = scene.history.now_us();
        let copied = super::corruption::copy(scene.launch.data(), &copy);
        server.signal("CONT");
        copied?;
        // Until everything that was under way has its answer: nobody is still waiting who has asked before.
        scene.progress(20, LIMIT).await?;
        scene.past(moment, LIMIT).await?;
        // What others do while a copy is looked at says nothing about it, and makes looking longer each time.
        let workers = load.stop().await?;
        let before = scene.history.at(moment);
        if cut % 2 == 1 {
            tear(&copy.join("hallpass.sqlite-wal"))?;
        }
        let launch = Launch::new(setup, folder.path())
            .on(&copy)
            .with("HALLPASS__SERVER__ISSUER", &server.demo.issuer);
        let after = launch.start()?;
        let place = place.through(launch.port());
        let (entries, mut found) = (History::of(before.clone()), Found::default());
        audit::tokens(&place, &entries, MOST_TOKENS, &mut found).await?;
        audit::codes(&place, &entries, &mut found).await?;
        looked_at = looked_at.saturating_add(found.active.len());
        let violations = check(&before, &found);
        if !violations.is_empty() {
            let path = std::env::temp_dir().join(format!("{}-history.jsonl", report.experiment));
            drop(History::of(before).write(&path));
        }
        refuse(&violations)?;
        require(!found.active.is_empty(), || "there was no load".to_owned())?;
        after.kill()?;
        load = workers.start();
    }
    load.stop().await?;
    report.figure("copies in the middle of the load", cuts);
    report.figure("access tokens looked at, in all copies", looked_at);
    scene.judge(&server, &mut report).await?;
    Ok(Ran::Done(report))
}

/// Half of a write that did not get to its end.
fn tear(log: &std::path::Path) -> Result<(), Failed> {
    let Ok(mut file) = File::options().append(true).open(log) else {
        return Ok(());
    };
    let length = usize::try_from(random_below(6_000)).unwrap_or_default();
    let bytes: Vec<u8> =
        std::iter::repeat_with(|| u8::try_from(random_below(256)).unwrap_or_default())
            .take(length)
            .collect();
    file.write_all(&bytes)
        .map_err(|error| Failed::io(log, error))
}

const LIMIT: Duration = Duration::from_secs(40);
const MOST_TOKENS: usize = 1_000;
