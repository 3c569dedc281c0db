//! How long a server takes to its first answer.

use std::path::Path;
use std::time::Duration;

use super::Result;
use super::build::Built;
use super::machine::resident_mb;
use super::report::Start;
use super::rest::settle;
use super::target::{Recipe, Target};

/// Starts a server several times, on nothing and on what an earlier start has left. Answers the times and the memory
/// of one that nobody has asked anything, without the demo's user whose password it would hash.
///
/// # Errors
/// It does not start.
pub(crate) fn start(target: Target, built: &Built, folder: &Path) -> Result<(Start, Option<f64>)> {
    let (mut first, mut next) = (Duration::MAX, Duration::MAX);
    let mut rest_mb = None;
    for attempt in 0..ATTEMPTS {
        let folder = folder.join(format!("start-{attempt}"));
        let recipe = Recipe::new(target, built, &folder, false)?;
        first = first.min(once(&recipe)?);
        next = next.min(once(&recipe)?);
        if next < LONG {
            next = next.min(once(&recipe)?);
        }
        if attempt == 0 {
            let (running, _) = recipe.start()?;
            std::thread::sleep(REST);
            settle(running.pid());
            rest_mb = resident_mb(running.pid());
            running.stop();
        }
        if first > LONG {
            break;
        }
    }
    let times = Start {
        first: millis(first),
        next: millis(next),
    };
    Ok((times, rest_mb))
}

fn once(recipe: &Recipe) -> Result<Duration> {
    let (running, took) = recipe.start()?;
    running.stop();
    Ok(took)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Longer than what the server waits for before it gives anything back.
const REST: Duration = Duration::from_secs(45);
/// Of a server that takes this long, one start is enough to know.
const LONG: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 3;
