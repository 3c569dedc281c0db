//! The waiting line in front of the hashing threads. Pure: it neither hashes nor blocks.

use std::collections::{HashMap, VecDeque};

/// Who waits, for fairness: jobs of one lane wait for each other, lanes take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lane {
    key: u64,
    trusted: bool,
}

impl Lane {
    /// A lane for callers of whom nothing is known, keyed by the network that they come from.
    pub const fn anonymous(key: u64) -> Self {
        Self {
            key,
            trusted: false,
        }
    }

    /// A lane for a caller who has shown something that floods do not have (a cookie from an earlier
    /// sign-in), keyed by that. It goes before the anonymous ones.
    pub const fn trusted(key: u64) -> Self {
        Self { key, trusted: true }
    }
}

/// What became of a job that was offered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed<T> {
    /// It waits.
    Queued,
    /// It waits; this job of a longer lane lost its place.
    Displaced(T),
    /// The queue is full, and no lane is longer than this one.
    Refused(T),
}

/// A bounded queue of lanes.
#[derive(Debug)]
pub(super) struct Queue<T> {
    trusted: Turns<T>,
    anonymous: Turns<T>,
    /// Trusted jobs taken since the last anonymous one.
    streak: u32,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            trusted: Turns::default(),
            anonymous: Turns::default(),
            streak: 0,
        }
    }
}

impl<T> Queue<T> {
    /// After so many trusted jobs in a row an anonymous one has its turn.
    const STREAK: u32 = 4;

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.trusted.len.saturating_add(self.anonymous.len)
    }

    /// Offers a job to a queue of at most `capacity`.
    pub(super) fn push(&mut self, lane: Lane, job: T, capacity: usize) -> Pushed<T> {
        let full = self.len() >= capacity;
        let (own, other) = if lane.trusted {
            (&mut self.trusted, &mut self.anonymous)
        } else {
            (&mut self.anonymous, &mut self.trusted)
        };
        if !full {
            own.push(lane.key, job);
            return Pushed::Queued;
        }
        let displaced = if lane.trusted && other.len > 0 {
            other.shorten(0)
        } else {
            // Worth it only if the other lane is still as long as ours afterwards.
            own.shorten(own.length(lane.key).saturating_add(2))
        };
        match displaced {
            Some(displaced) => {
                own.push(lane.key, job);
                Pushed::Displaced(displaced)
            }
            None => Pushed::Refused(job),
        }
    }

    /// Takes the job whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let anonymous_turn = self.streak >= Self::STREAK || self.trusted.len == 0;
        let job = if anonymous_turn {
            self.anonymous.pop()
        } else {
            None
        };
        match job {
            Some(job) => {
                self.streak = 0;
                Some(job)
            }
            None => {
                self.streak = self.streak.saturating_add(1);
                self.trusted.pop()
            }
        }
    }

    /// Takes out every job that is not worth keeping.
    pub(super) fn drop_unless(&mut self, keep: impl Fn(&T) -> bool) -> Vec<T> {
        let mut dropped = self.trusted.drop_unless(&keep);
        dropped.append(&mut self.anonymous.drop_unless(&keep));
        dropped
    }
}

/// Lanes that take turns. A lane is present exactly while it has jobs.
#[derive(Debug)]
struct Turns<T> {
    lanes: HashMap<u64, VecDeque<T>>,
    order: VecDeque<u64>,
    len: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            lanes: HashMap::new(),
            order: VecDeque::new(),
            len: 0,
        }
    }
}

impl<T> Turns<T> {
    fn length(&self, key: u64) -> usize {
        self.lanes.get(&key).map_or(0, VecDeque::len)
    }

    fn push(&mut self, key: u64, job: T) {
        let lane = self.lanes.entry(key).or_default();
        if lane.is_empty() {
            self.order.push_back(key);
        }
        lane.push_back(job);
        self.len = self.len.saturating_add(1);
    }

    fn pop(&mut self) -> Option<T> {
        let key = self.order.pop_front()?;
        let lane = self.lanes.get_mut(&key)?;
        let job = lane.pop_front();
        if lane.is_empty() {
            self.lanes.remove(&key);
        } else {
            self.order.push_back(key);
        }
        self.len = self.len.saturating_sub(usize::from(job.is_some()));
        job
    }

    /// Takes the newest job of the longest lane, if that has at least `minimum`.
    fn shorten(&mut self, minimum: usize) -> Option<T> {
        let (&key, lane) = self.lanes.iter_mut().max_by_key(|(_, lane)| lane.len())?;
        if lane.len() < minimum {
            return None;
        }
        let job = lane.pop_back();
        if lane.is_empty() {
            self.lanes.remove(&key);
            self.order.retain(|other| *other != key);
        }
        self.len = self.len.saturating_sub(usize::from(job.is_some()));
        job
    }

    fn drop_unless(&mut self, keep: impl Fn(&T) -> bool) -> Vec<T> {
        let mut dropped = Vec::new();
        for lane in self.lanes.values_mut() {
            let (kept, mut gone): (VecDeque<T>, Vec<T>) = lane.drain(..).fold(
                (VecDeque::new(), Vec::new()),
                |(mut kept, mut gone), job| {
                    if keep(&job) {
                        kept.push_back(job);
                    } else {
                        gone.push(job);
                    }
                    (kept, gone)
                },
            );
            *lane = kept;
            dropped.append(&mut gone);
        }
        self.lanes.retain(|_, lane| !lane.is_empty());
        let lanes = &self.lanes;
        self.order.retain(|key| lanes.contains_key(key));
        self.len = self.len.saturating_sub(dropped.len());
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut Queue<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    fn filled(jobs: &[(Lane, &'static str)]) -> Queue<&'static str> {
        let mut queue = Queue::default();
        for (lane, job) in jobs {
            assert_eq!(queue.push(*lane, *job, 100), Pushed::Queued);
        }
        queue
    }

    const A: Lane = Lane {
        key: 1,
        trusted: false,
    };
    const B: Lane = Lane {
        key: 2,
        trusted: false,
    };
    const KNOWN: Lane = Lane {
        key: 1,
        trusted: true,
    };

    #[test]
    fn one_lane_is_served_in_order_of_arrival() {
        let mut queue = filled(&[(A, "1"), (A, "2"), (A, "3")]);
        assert_eq!(drain(&mut queue), ["1", "2", "3"]);
        assert_eq!(queue.len(), 0);
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn lanes_take_turns_however_many_jobs_one_of_them_has() {
        let mut queue = filled(&[
            (A, "a1"),
            (A, "a2"),
            (A, "a3"),
            (A, "a4"),
            (B, "b1"),
            (B, "b2"),
        ]);
        assert_eq!(drain(&mut queue), ["a1", "b1", "a2", "b2", "a3", "a4"]);
    }

    #[test]
    fn a_full_queue_refuses_the_lane_that_filled_it() {
        let mut queue = filled(&[(A, "a1"), (A, "a2")]);
        assert_eq!(queue.push(A, "a3", 2), Pushed::Refused("a3"));
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn a_newcomer_takes_the_last_place_of_the_longest_lane() {
        let mut queue = filled(&[(A, "a1"), (A, "a2"), (A, "a3")]);
        assert_eq!(queue.push(B, "b1", 3), Pushed::Displaced("a3"));
        assert_eq!(queue.push(B, "b2", 3), Pushed::Refused("b2"));
        assert_eq!(drain(&mut queue), ["a1", "b1", "a2"]);
    }

    #[test]
    fn a_queue_of_single_jobs_displaces_none_of_them() {
        let mut queue = filled(&[(A, "a"), (B, "b")]);
        assert_eq!(queue.push(Lane::anonymous(3), "c", 2), Pushed::Refused("c"));
    }

    #[test]
    fn a_queue_of_no_places_refuses_everything() {
        let mut queue = Queue::default();
        assert_eq!(queue.push(A, "a", 0), Pushed::Refused("a"));
        assert_eq!(queue.push(KNOWN, "k", 0), Pushed::Refused("k"));
    }

    #[test]
    fn a_trusted_caller_goes_first_and_finds_a_place_in_a_full_queue() {
        let mut queue = filled(&[(A, "a"), (B, "b")]);
        assert!(matches!(
            queue.push(KNOWN, "k", 2),
            Pushed::Displaced("a" | "b")
        ));
        assert_eq!(queue.pop(), Some("k"));
    }

    #[test]
    fn trusted_callers_do_not_starve_the_others() {
        let mut queue = filled(&[(A, "a")]);
        for job in ["1", "2", "3", "4", "5", "6"] {
            assert_eq!(queue.push(KNOWN, job, 100), Pushed::Queued);
        }
        assert_eq!(drain(&mut queue), ["1", "2", "3", "4", "a", "5", "6"]);
    }

    #[test]
    fn a_trusted_flood_displaces_no_other_trusted_caller() {
        let mut queue = filled(&[(KNOWN, "1"), (KNOWN, "2")]);
        assert_eq!(queue.push(Lane::trusted(9), "9", 2), Pushed::Displaced("2"));
        assert_eq!(queue.push(KNOWN, "3", 2), Pushed::Refused("3"));
        assert_eq!(drain(&mut queue), ["1", "9"]);
    }

    #[test]
    fn jobs_that_are_not_worth_keeping_leave_without_a_trace() {
        let mut queue = filled(&[(A, "a1"), (A, "x"), (B, "x"), (KNOWN, "x"), (KNOWN, "k")]);
        assert_eq!(queue.drop_unless(|job| *job != "x").len(), 3);
        assert_eq!(queue.len(), 2);
        assert_eq!(drain(&mut queue), ["k", "a1"]);
    }
}
