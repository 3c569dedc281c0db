//! F21: a damaged database is refused or tells of errors; it never makes anybody somebody else.

use std::path::Path;

use super::Ran;
use super::scene::Scene;
use crate::caller::{Caller, Place};
use crate::history::Outcome;
use crate::report::require;
use crate::server::random_below;
use crate::{Failed, Report, Setup};

pub(super) async fn run(setup: &Setup, mut report: Report) -> Result<Ran, Failed> {
    let scene = Scene::new(setup, "corruption")?;
    let server = scene.launch.start()?;
    let load = scene.load(&server.demo, 2).await?;
    scene.progress(100, LIMIT).await?;
    load.stop().await?;
    let place = Place::of(&server.demo).await?;
    let mut caller = Caller::new(&place, place.confidential()?)?;
    let mut browser = place.browser()?;
    let (_, code) = caller.code(&mut browser, &server.demo.user, "openid").await;
    let (_, tokens) = caller.exchange(&code.unwrap_or_default()).await;
    let token = tokens
        .map(|tokens| tokens.access)
        .ok_or_else(|| Failed::new("no token"))?;
    let subject = caller.subject(&token).await?;
    server.signal("TERM");
    server
        .end_within(LIMIT)
        .ok_or_else(|| Failed::new("it does not end"))?;

    let whole = scene.folder.path().join("whole");
    copy(scene.launch.data(), &whole)?;
    let rounds = setup.times(12, 400);
    let (mut refused, mut served) = (0_u32, 0_u32);
    for round in 0..rounds {
        restore(&whole, scene.launch.data())?;
        damage(&scene.launch.data().join("hallpass.sqlite"), round)?;
        let Ok(server) = scene.launch.start() else {
            refused = refused.saturating_add(1);
            continue;
        };
        served = served.saturating_add(1);
        caller.reset();
        // Whatever it answers, it knows this token as that person's or not at all.
        if let Ok(found) = caller.subject(&token).await {
            require(found.is_none() || found == subject, || {
                format!("the token of {subject:?} is {found:?}'s")
            })?;
        }
        let mut browser = place.browser()?;
        let (outcome, _) = caller.code(&mut browser, &server.demo.user, "openid").await;
        require(outcome != Outcome::Unknown, || {
            format!(
                "a damaged database made it break off; {}",
                scene.launch.log_end()
            )
        })?;
    }
    report.figure("bytes flipped or files cut", rounds);
    report.figure("refused to start", refused);
    report.figure("started", served);

    restore(&whole, scene.launch.data())?;
    let key = scene.launch.data().join("master.key");
    require(key.exists(), || {
        "the master key is not where it was".to_owned()
    })?;
    let other = scene.launch.clone().with(
        "HALLPASS__KEYS__MASTER_KEY",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    );
    require(other.start().is_err(), || {
        "it started with another master key".to_owned()
    })?;
    report.figure("another master key", "refused to start");
    let server = scene.launch.start()?;
    scene.judge(&server, &mut report).await?;
    Ok(Ran::Done(report))
}

/// Flips a byte somewhere, or cuts the end off.
fn damage(file: &Path, round: u32) -> Result<(), Failed> {
    let failed = |error| Failed::io(file, error);
    let mut bytes = std::fs::read(file).map_err(failed)?;
    let length = u64::try_from(bytes.len()).unwrap_or_default();
    let at = usize::try_from(random_below(length)).unwrap_or_default();
    if round % 6 == 5 {
        bytes.truncate(at);
    } else {
        // A page is mostly empty; several flips hit something now and then.
        for _ in 0..8 {
            let at = usize::try_from(random_below(length)).unwrap_or_default();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random_below(8);
            }
        }
    }
    std::fs::write(file, bytes).map_err(failed)
}

fn restore(from: &Path, to: &Path) -> Result<(), Failed> {
    std::fs::remove_dir_all(to).map_err(|error| Failed::io(to, error))?;
    copy(from, to)
}

/// Copies a folder with its permissions.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), Failed> {
    let output = std::process::Command::new("cp")
        .arg("-a")
        .arg("--")
        .args([from, to])
        .output()
        .map_err(|error| Failed::io(from, error))?;
    require(output.status.success(), || {
        String::from_utf8_lossy(&output.stderr).into_owned()
    })
}

const LIMIT: std::time::Duration = std::time::Duration::from_secs(40);
