//! Bounds on how much is asked of one server, and a pause after it failed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What is in flight and what is left alone, by origin, and by URL for those that answered badly.
#[derive(Debug, Default)]
pub(crate) struct CoolDown {
    entries: Mutex<HashMap<String, Entry>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    in_flight: u32,
    failures: u32,
    /// Requests in a row that found the server and got no answer.
    silent: u32,
    until: Option<Instant>,
}

/// One request under way; ends when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    all: Arc<CoolDown>,
    origin: String,
}

/// Why a request does not go out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The last one failed just now.
    Cold,
    /// There are too many of them.
    Busy,
}

impl CoolDown {
    /// Lets a request go out, unless there are too many of them or the last one failed just now.
    pub(crate) fn enter(
        self: &Arc<Self>,
        origin: String,
        url: &str,
        most_per_origin: u32,
    ) -> Result<Ticket, Held> {
        let now = Instant::now();
        let mut entries = self.entries();
        let cold = |entry: &Entry| entry.until.is_some_and(|until| until > now);
        if entries.get(url).is_some_and(cold) || entries.get(&origin).is_some_and(cold) {
            return Err(Held::Cold);
        }
        let in_all = entries
            .values()
            .fold(0_u32, |sum, entry| sum.saturating_add(entry.in_flight));
        if entries.len() >= MOST_ENTRIES {
            entries.retain(|_, entry| entry.in_flight > 0 || cold(entry));
        }
        if in_all >= MOST_AT_ONCE || entries.len() >= MOST_ENTRIES {
            return Err(Held::Busy);
        }
        let entry = entries.entry(origin.clone()).or_default();
        if entry.in_flight >= most_per_origin {
            return Err(Held::Busy);
        }
        entry.in_flight = entry.in_flight.saturating_add(1);
        Ok(Ticket {
            all: Arc::clone(self),
            origin,
        })
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, key: &str) {
        let mut entries = self.entries();
        let entry = entries.entry(key.to_owned()).or_default();
        let pause = FIRST_PAUSE
            .saturating_mul(1 << entry.failures.min(6))
            .min(LONGEST_PAUSE);
        entry.failures = entry.failures.saturating_add(1);
        entry.until = Instant::now().checked_add(pause);
    }

    fn succeeded(&self, key: &str) {
        if let Some(entry) = self.entries().get_mut(key) {
            entry.failures = 0;
            entry.silent = 0;
            entry.until = None;
        }
    }
}

impl Ticket {
    /// There was no connection to the server.
    pub(crate) fn unreachable(&self) {
        self.all.failed(&self.origin);
    }

    /// The server could be reached, and then did not answer in time, or not as it should. Other URLs of it may be in order,
    /// and whoever named this one may have known that it is slow: the server as a whole is left alone only after several
    /// in a row.
    pub(crate) fn silent(&self, url: &str) {
        self.all.failed(url);
        let mut entries = self.all.entries();
        let entry = entries.entry(self.origin.clone()).or_default();
        entry.silent = entry.silent.saturating_add(1);
        let several = entry.silent >= SEVERAL;
        drop(entries);
        if several {
            self.all.failed(&self.origin);
        }
    }

    /// As [`Self::silent`], where what is asked differs with each person: that it took too long for one of them says little
    /// about the next, and whoever comes from there may be able to make it take long. Only several in a row, with no answer
    /// between them, are the server's fault, and then the pause is short and does not grow: who makes them cannot shut the
    /// others off.
    pub(crate) fn late(&self) {
        let mut entries = self.all.entries();
        let entry = entries.entry(self.origin.clone()).or_default();
        entry.silent = entry.silent.saturating_add(1);
        if entry.silent >= SEVERAL {
            entry.silent = 0;
            entry.until = Instant::now().checked_add(FIRST_PAUSE);
        }
    }

    /// The server answered, with something that is of no use. Other URLs of it may be in order.
    pub(crate) fn useless(&self, url: &str) {
        self.all.succeeded(&self.origin);
        self.all.failed(url);
    }

    /// The server answered, with something that is of no use and says nothing about what else is asked there.
    pub(crate) fn answered(&self) {
        self.all.succeeded(&self.origin);
    }

    /// The answer was good.
    pub(crate) fn good(&self, url: &str) {
        self.all.succeeded(&self.origin);
        self.all.entries().remove(url);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut entries = self.all.entries();
        if let Some(entry) = entries.get_mut(&self.origin) {
            entry.in_flight = entry.in_flight.saturating_sub(1);
            let cold = entry.until.is_some_and(|until| until > Instant::now());
            if entry.in_flight == 0 && entry.failures == 0 && entry.silent == 0 && !cold {
                entries.remove(&self.origin);
            }
        }
    }
}

/// So many requests in a row that found the server and got no answer are its fault as a whole.
const SEVERAL: u32 = 5;
const MOST_AT_ONCE: u32 = 64;
/// Of what strangers may have named.
pub(crate) const MOST_PER_ORIGIN: u32 = 4;
/// Of providers that operators have set up, of whom every sign-in asks something: half of what there is room for.
pub(crate) const MOST_PER_PROVIDER: u32 = 32;
const MOST_ENTRIES: usize = 4096;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(all: &Arc<CoolDown>, origin: &str, url: &str) -> Option<Ticket> {
        all.enter(origin.to_owned(), url, MOST_PER_ORIGIN).ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_failed_is_left_alone_for_longer_and_longer() {
        let all = Arc::new(CoolDown::default());
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            enter(&all, "a", "a/1").unwrap().unreachable();
            assert!(enter(&all, "a", "a/2").is_none());
            tokio::time::advance(Duration::from_secs(pause) - Duration::from_millis(1)).await;
            assert!(enter(&all, "a", "a/2").is_none(), "{pause}");
            tokio::time::advance(Duration::from_millis(2)).await;
        }
        enter(&all, "a", "a/1").unwrap().good("a/1");
        assert!(enter(&all, "a", "a/1").is_some());
        assert!(all.entries().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_document_does_not_shut_off_its_neighbours() {
        let all = Arc::new(CoolDown::default());
        enter(&all, "a", "a/1").unwrap().useless("a/1");
        assert!(enter(&all, "a", "a/1").is_none());
        assert!(enter(&all, "a", "a/2").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_answer_in_time_is_left_alone_only_after_several() {
        let all = Arc::new(CoolDown::default());
        for number in 0..4 {
            let url = format!("a/{number}");
            enter(&all, "a", &url).unwrap().silent(&url);
            assert!(enter(&all, "a", &url).is_none(), "that URL is left alone");
        }
        enter(&all, "a", "a/good").unwrap().good("a/good");
        for number in 4..9 {
            let url = format!("a/{number}");
            enter(&all, "a", &url).unwrap().silent(&url);
        }
        assert!(enter(&all, "a", "a/good").is_none(), "five in a row");
        tokio::time::advance(Duration::from_secs(2)).await;
        enter(&all, "a", "a/good").unwrap().good("a/good");
        assert!(enter(&all, "a", "a/good").is_some());
    }

    // UP-09
    #[tokio::test(start_paused = true)]
    async fn who_makes_answers_late_shuts_nobody_else_off_for_long() {
        let all = Arc::new(CoolDown::default());
        // One after the other, with an answer for somebody else between them.
        for _ in 0..20 {
            for _ in 0..4 {
                enter(&all, "a", "a/1").unwrap().late();
            }
            enter(&all, "a", "a/1").unwrap().answered();
        }
        assert!(enter(&all, "a", "a/1").is_some());
        // With none between them the server has a rest, which does not grow.
        for _ in 0..10 {
            for _ in 0..5 {
                enter(&all, "a", "a/1").unwrap().late();
            }
            assert!(enter(&all, "a", "a/1").is_none());
            tokio::time::advance(Duration::from_millis(1001)).await;
        }
        enter(&all, "a", "a/1").unwrap().good("a/1");
        assert!(all.entries().is_empty());
    }

    #[test]
    fn one_server_gets_few_requests_at_once_and_all_together_a_bounded_number() {
        let all = Arc::new(CoolDown::default());
        let tickets: Vec<_> = (0..10).filter_map(|_| enter(&all, "a", "a/1")).collect();
        assert_eq!(tickets.len(), 4);
        let more: Vec<_> = (0..100)
            .filter_map(|n| enter(&all, &n.to_string(), "x"))
            .collect();
        assert_eq!(more.len(), 60);
        drop(tickets);
        drop(more);
        assert!(enter(&all, "a", "a/1").is_some());
    }

    #[test]
    fn the_table_is_bounded() {
        let all = Arc::new(CoolDown::default());
        for number in 0..5000 {
            if let Some(ticket) = enter(&all, &number.to_string(), "x") {
                ticket.unreachable();
            }
        }
        assert!(all.entries().len() <= MOST_ENTRIES);
    }
}
