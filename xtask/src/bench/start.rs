//! How long a server takes to its first answer.

use std::path::Path;
use std::time::Duration;

use super::Result;
use super::build::Built;
use super::report::Start;
use super::target::{Recipe, Target};

/// Starts a server several times, on nothing and on what an earlier start has left.
///
/// # Errors
/// It does not start.
pub(crate) fn start(target: Target, built: &Built, folder: &Path) -> Result<Start> {
    let (mut first, mut next) = (Duration::MAX, Duration::MAX);
    for attempt in 0..ATTEMPTS {
        let folder = folder.join(format!("start-{attempt}"));
        let recipe = Recipe::new(target, built, &folder, false)?;
        first = first.min(once(&recipe)?);
        for _ in 0..2 {
            next = next.min(once(&recipe)?);
        }
    }
    Ok(Start {
        first: millis(first),
        next: millis(next),
    })
}

fn once(recipe: &Recipe) -> Result<Duration> {
    let (running, took) = recipe.start()?;
    running.stop();
    Ok(took)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

const ATTEMPTS: u32 = 3;
