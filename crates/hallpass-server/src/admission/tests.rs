//! A slow store under more load than it can take, in simulated time.
#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use std::sync::atomic::AtomicBool;

use hallpass_store::{Commit, MemoryStore};
use hallpass_types::{Bucket, IssuerId, Key, sha256};
use tokio::sync::Semaphore;
use tokio::time::{sleep, sleep_until};

use super::*;

/// So many questions at a time, each so long: 160 a second. Questions queue without end.
struct Slow {
    inner: MemoryStore,
    connections: Semaphore,
    /// Nothing is answered while it is down.
    down: AtomicBool,
}

const CONNECTIONS: usize = 8;
const EACH: Duration = Duration::from_millis(50);
/// Two questions for each request.
const CAPACITY: f64 = 80.0;

impl Slow {
    fn new() -> Self {
        Self {
            inner: MemoryStore::new(),
            connections: Semaphore::new(CONNECTIONS),
            down: AtomicBool::new(false),
        }
    }
}

impl Around for Slow {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        _: Verb,
        ask: impl FnOnce() -> Answer<'a, T>,
    ) -> Answer<'a, T> {
        let answer = ask();
        Box::pin(async move {
            let _connection = self.connections.acquire().await.unwrap();
            while self.down.load(Ordering::Relaxed) {
                sleep(EACH).await;
            }
            sleep(EACH).await;
            answer.await
        })
    }
}

/// How requests ended: when, after how long, and whether well.
#[derive(Clone, Copy, Debug)]
enum Ended {
    Well { at: Duration, after: Duration },
    TurnedAway { retry: u32 },
    Busy,
}

/// A client gives up after this time; what comes later is of no use to it.
const PATIENCE: Duration = Duration::from_secs(5);

struct World {
    slow: Arc<Slow>,
    store: Arc<dyn Store>,
    admission: Option<Admission>,
    begin: Instant,
}

impl World {
    fn new(guarded: bool) -> Arc<Self> {
        let slow = Arc::new(Slow::new());
        let admission = guarded.then(Admission::default);
        let store: Arc<dyn Store> = match &admission {
            Some(admission) => Arc::new(Counted::new(slow.clone(), admission.clone())),
            None => slow.clone(),
        };
        Arc::new(Self {
            slow,
            store,
            admission,
            begin: Instant::now(),
        })
    }

    /// Looks something up, then writes.
    async fn request(self: Arc<Self>, number: u64) -> Ended {
        let since = Instant::now();
        if let Some(admission) = &self.admission
            && let Err(retry) = admission.enter()
        {
            return Ended::TurnedAway { retry };
        }
        let key = Key::from_parts(Bucket(1), sha256(&number.to_be_bytes()));
        let found = self.store.code(IssuerId(1), key).await;
        let commit = self.store.commit(IssuerId(1), Commit::default());
        match (found, commit.await) {
            (Ok(_), Ok(_)) => Ended::Well {
                at: self.begin.elapsed(),
                after: since.elapsed(),
            },
            (Err(_), _) | (_, Err(_)) => Ended::Busy,
        }
    }

    /// So many a second for so long, evenly.
    async fn load(self: &Arc<Self>, rate: u32, length: Duration) -> Vec<Ended> {
        let mut running = tokio::task::JoinSet::new();
        let begin = Instant::now();
        let mut number = 0_u32;
        loop {
            let at = Duration::from_secs(1).checked_div(rate).unwrap() * number;
            if at >= length {
                break;
            }
            sleep_until(begin + at).await;
            running.spawn(Arc::clone(self).request(number.into()));
            number += 1;
        }
        // Nobody waits for the rest of a queue without end.
        let mut all = Vec::new();
        let rest = sleep(PATIENCE);
        tokio::pin!(rest);
        loop {
            tokio::select! {
                ended = running.join_next() => match ended {
                    Some(ended) => all.push(ended.unwrap()),
                    None => return all,
                },
                () = &mut rest => return all,
            }
        }
    }
}

/// Requests a second that ended well and in time, from some moment on.
#[expect(clippy::cast_precision_loss, reason = "a rate of a test")]
fn goodput(all: &[Ended], from: Duration, until: Duration) -> f64 {
    let good = all.iter().filter(|ended| match ended {
        Ended::Well { at, after } => *after <= PATIENCE && (from..until).contains(at),
        Ended::TurnedAway { .. } | Ended::Busy => false,
    });
    good.count() as f64 / (until - from).as_secs_f64()
}

fn slowest(all: &[Ended], from: Duration) -> Duration {
    let times = all.iter().filter_map(|ended| match ended {
        Ended::Well { at, after } if *at >= from => Some(*after),
        Ended::Well { .. } | Ended::TurnedAway { .. } | Ended::Busy => None,
    });
    times.max().unwrap_or_default()
}

const LONG: Duration = Duration::from_secs(120);
/// By then the limit has found its size.
const SETTLED: Duration = Duration::from_secs(30);

// L15
#[tokio::test(start_paused = true)]
async fn beyond_saturation_as_much_is_done_and_soon_enough_as_at_it() {
    for rate in [160, 400] {
        let world = World::new(true);
        let all = world.load(rate, LONG).await;
        let done = goodput(&all, SETTLED, LONG);
        assert!(
            done >= CAPACITY * 0.8,
            "{rate}/s: {done:.0}/s of {CAPACITY}"
        );
        let slowest = slowest(&all, SETTLED);
        assert!(slowest < Duration::from_secs(3), "{rate}/s: {slowest:?}");
        let cut = all
            .iter()
            .filter(|ended| matches!(ended, Ended::Busy))
            .count();
        assert!(
            cut * 50 < all.len(),
            "{rate}/s: {cut} were cut off in the middle"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_it_nothing_is_done_in_time() {
    let world = World::new(false);
    let all = world.load(160, LONG).await;
    let done = goodput(&all, SETTLED, LONG);
    assert!(done < CAPACITY * 0.2, "{done:.0}/s");
}

#[tokio::test(start_paused = true)]
async fn below_saturation_nobody_is_turned_away() {
    let world = World::new(true);
    let all = world.load(70, LONG).await;
    let well = |ended: &Ended| matches!(ended, Ended::Well { .. });
    assert!(all.iter().all(well));
}

// L17
#[tokio::test(start_paused = true)]
async fn after_an_outage_the_storm_of_those_who_come_back_is_over_soon() {
    let world = World::new(true);
    let rate = 30;
    world.load(rate, Duration::from_secs(10)).await;
    world.slow.down.store(true, Ordering::Relaxed);
    let begin = Instant::now();
    // Everybody who is turned away comes back when the answer says.
    let outage = Duration::from_secs(30);
    let mut running = tokio::task::JoinSet::new();
    for number in 0..rate * 90 {
        let at = Duration::from_secs(1).checked_div(rate).unwrap() * number;
        sleep_until(begin + at).await;
        if at >= outage {
            world.slow.down.store(false, Ordering::Relaxed);
        }
        let world = Arc::clone(&world);
        running.spawn(async move {
            loop {
                match Arc::clone(&world).request(number.into()).await {
                    Ended::TurnedAway { retry } => sleep(Duration::from_secs(retry.into())).await,
                    Ended::Busy => sleep(Duration::from_secs(1)).await,
                    Ended::Well { after, .. } => return (begin.elapsed(), after),
                }
            }
        });
    }
    let all = running.join_all().await;
    let base = Duration::from_secs(1);
    let back = outage + Duration::from_secs(30);
    let late: Vec<_> = all
        .iter()
        .filter(|(at, after)| *at > back && *after > base)
        .collect();
    assert!(
        late.is_empty(),
        "{} are slow half a minute later",
        late.len()
    );
}

#[test]
fn advice_when_to_come_back_is_spread() {
    let admission = Admission::default();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        seen.insert(admission.later());
    }
    assert_eq!(seen.len(), 8);
    assert!(seen.iter().all(|seconds| (1..=8).contains(seconds)));
}
