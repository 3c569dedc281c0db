//! What a server does when nobody asks it anything: it gives back the memory of code that it does not need now.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Looks now and then how many requests there were. When none came between several looks, code that the start and earlier requests have
/// needed is given back to the kernel, once: what the jobs of a quiet server need comes back by itself, and stays.
pub(crate) async fn keep(requests: impl Fn() -> u64) {
    let now = Instant::now();
    let mut ticks = interval_at(now.checked_add(LOOK).unwrap_or(now), LOOK);
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
    /// Looks in a row at which nothing had come.
    quiet: u8,
}

impl Rest {
    /// Whether nothing came for so many looks, and that is new.
    fn begins(&mut self, requests: u64) -> bool {
        let before = self.quiet;
        self.quiet = if requests == self.seen {
            LOOKS.min(before.saturating_add(1))
        } else {
            0
        };
        self.seen = requests;
        self.quiet == LOOKS && before < LOOKS
    }
}

/// How often it looks. What came between two looks puts the rest off no longer than that.
const LOOK: Duration = Duration::from_secs(10);
/// So many of them are longer than anything that a server does soon after its start.
const LOOKS: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_begins_once_after_the_start_and_after_whatever_was_asked() {
        let mut rest = Rest::default();
        let looks = [0, 0, 0, 0, 3, 3, 3, 4, 4, 4, 4, 4, 5];
        let begins: Vec<_> = (0..)
            .zip(looks.map(|requests| rest.begins(requests)))
            .filter_map(|(look, begins)| begins.then_some(look))
            .collect();
        assert_eq!(begins, [2, 10]);
    }

    #[test]
    fn one_request_at_the_start_puts_the_rest_off_by_no_more_than_one_look() {
        let mut rest = Rest::default();
        let begins = [1, 1, 1, 1, 1].map(|requests| rest.begins(requests));
        assert_eq!(begins, [false, false, false, true, false]);
    }

    #[test]
    fn a_server_that_is_asked_all_the_time_never_rests() {
        let mut rest = Rest::default();
        assert!((1..100).all(|requests| !rest.begins(requests)));
    }
}
