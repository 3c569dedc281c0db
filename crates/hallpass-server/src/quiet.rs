//! What a server does when nobody asks it anything: it gives back the memory of code that it does not need now.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Looks now and then how many requests there were. When none came for a whole pause, code that the start and earlier requests have
/// needed is given back to the kernel, once: what the jobs of a quiet server need comes back by itself, and stays.
pub(crate) async fn keep(requests: impl Fn() -> u64) {
    let now = Instant::now();
    let mut ticks = interval_at(now.checked_add(PAUSE).unwrap_or(now), PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rest = Rest::default();
    loop {
        ticks.tick().await;
        if rest.begins(requests()) {
            match hallpass_resident::give_back() {
                Ok(bytes) => tracing::debug!(bytes, "code that is not needed now is given back"),
                Err(error) => {
                    tracing::debug!(%error, "code that is not needed now cannot be given back");
                    return;
                }
            }
        }
    }
}

/// Tells when a server comes to rest.
#[derive(Debug, Default)]
struct Rest {
    seen: u64,
    resting: bool,
}

impl Rest {
    /// Whether nothing came since the last look, and that is new.
    fn begins(&mut self, requests: u64) -> bool {
        let nothing_came = requests == self.seen;
        self.seen = requests;
        let begins = nothing_came && !self.resting;
        self.resting = nothing_came;
        begins
    }
}

/// Longer than anything that a server does soon after its start.
const PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_begins_once_after_the_start_and_after_whatever_was_asked() {
        let mut rest = Rest::default();
        let looks = [0, 0, 0, 3, 3, 3, 4, 5, 5, 5];
        let begins = looks.map(|requests| rest.begins(requests));
        assert_eq!(
            begins,
            [
                true, false, false, false, true, false, false, false, true, false
            ]
        );
    }

    #[test]
    fn a_server_that_is_asked_all_the_time_never_rests() {
        let mut rest = Rest::default();
        assert!((1..100).all(|requests| !rest.begins(requests)));
    }
}
