//! Repeating work on many connections for a while.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::browser::Cookie;
use crate::flow::pushed_code::Named;
use crate::flow::{self, Flow, Laps, Prepared};
use crate::histogram::Histogram;
use crate::http::{Authority, Connection, Failure};
use crate::job::{Job, Work, parse};
use crate::process;

/// What came out of a [`Job`].
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Outcome {
    /// How often the work was done while it was counted.
    pub count: u64,
    /// The same for each second.
    pub per_second: f64,
    /// Half of them took at most this long.
    pub p50_ms: f64,
    /// All but one in a hundred took at most this long.
    pub p99_ms: f64,
    /// The slowest one.
    pub max_ms: f64,
    /// How often it failed, the warm-up included.
    pub errors: u64,
    /// The first failure.
    pub first_error: Option<String>,
    /// Each step by itself.
    pub steps: Vec<StepOutcome>,
    /// Share of one core that the generator used while it counted; near 1, it was the limit.
    pub generator_busy: Option<f64>,
    /// What the server used.
    pub server: Option<ServerUse>,
    /// The cookies that the next job must use for its visitor; empty where none have changed.
    pub browsers: Vec<Vec<Cookie>>,
}

/// One step of the work.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct StepOutcome {
    /// Its name.
    pub name: String,
    /// Half of them took at most this long.
    pub p50_ms: f64,
    /// All but one in a hundred took at most this long.
    pub p99_ms: f64,
}

/// What a server used while the work was counted.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ServerUse {
    /// Processor time in each second.
    pub busy: f64,
    /// The most memory that was seen, in MiB.
    pub resident_mb: f64,
}

/// Does a job.
///
/// # Errors
/// Whatever keeps the work from being prepared; failures during the work are counted instead.
pub async fn run(job: Job) -> Result<Outcome, Failure> {
    prepared(&job, Repeat(&job)).await
}

/// Takes a job's work when it is ready.
pub(crate) trait Take: Send {
    /// What comes out of it.
    type Answer;

    /// Does something with the work.
    fn take<F: Flow + 'static>(
        self,
        prepared: Prepared<F>,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}

struct Repeat<'a>(&'a Job);

impl Take for Repeat<'_> {
    type Answer = Outcome;

    async fn take<F: Flow + 'static>(self, prepared: Prepared<F>) -> Result<Outcome, Failure> {
        repeat(self.0, prepared).await
    }
}

/// Makes a job's work ready and hands it over.
pub(crate) async fn prepared<T: Take>(job: &Job, taker: T) -> Result<T::Answer, Failure> {
    let endpoints = job.server.endpoints().await?;
    match &job.work {
        Work::Discovery => {
            let prepared = flow::read::prepare(&endpoints.discovery, job)?;
            taker.take(prepared).await
        }
        Work::Jwks => {
            let prepared = flow::read::prepare(&endpoints.jwks_uri, job)?;
            taker.take(prepared).await
        }
        Work::ClientCredentials { resource, token } => {
            let wanted = (resource.as_deref(), *token);
            let prepared = flow::client_credentials::prepare(&endpoints, job, wanted)?;
            taker.take(prepared).await
        }
        Work::Introspection => {
            let prepared = flow::introspection::prepare(&endpoints, job).await?;
            taker.take(prepared).await
        }
        Work::Userinfo => {
            let prepared = flow::userinfo::prepare(&endpoints, job).await?;
            taker.take(prepared).await
        }
        Work::Refresh => {
            let prepared = flow::refresh::prepare(&endpoints, job).await?;
            taker.take(prepared).await
        }
        Work::Code => {
            let prepared = flow::code::prepare(&endpoints, job)?;
            taker.take(prepared).await
        }
        Work::CodeParDpopPrivateKeyJwt => {
            let named = Named::ByProof;
            let prepared = flow::pushed_code::prepare(&endpoints, job, named).await?;
            taker.take(prepared).await
        }
        Work::CodeParDpopJkt => {
            let named = Named::ByThumbprint;
            let prepared = flow::pushed_code::prepare(&endpoints, job, named).await?;
            taker.take(prepared).await
        }
    }
}

/// When counting begins and ends.
#[derive(Clone, Copy, Debug)]
struct Window {
    begin: Instant,
    end: Instant,
}

async fn repeat<F: Flow + 'static>(job: &Job, prepared: Prepared<F>) -> Result<Outcome, Failure> {
    let authority = Authority::of(&parse(&prepared.server)?)?;
    let seconds = Duration::try_from_secs_f64(job.seconds).unwrap_or_default();
    let warmup = Duration::try_from_secs_f64(job.warmup_seconds).unwrap_or_default();
    let begin = later(Instant::now(), warmup);
    let window = Window {
        begin,
        end: later(begin, seconds),
    };

    let authority = Arc::new(authority);
    let mut workers = JoinSet::new();
    for flow in prepared.flows {
        let connection = Connection::new(Authority::clone(&authority));
        let _handle = workers.spawn(work(flow, connection, window));
    }
    let watch = tokio::spawn(watch(job.server_pid, window));

    let mut all = Tally::new(F::STEPS);
    let patience = later(window.end, PATIENCE);
    loop {
        match tokio::time::timeout_at(patience.into(), workers.join_next()).await {
            Ok(Some(Ok(tally))) => all.merge(&tally),
            Ok(Some(Err(error))) => all.fail(&error.to_string()),
            Ok(None) => break,
            Err(_) => {
                for _ in 0..workers.len() {
                    all.fail("no answer");
                }
                break;
            }
        }
    }
    let (generator_busy, server) = watch.await.unwrap_or_default();
    let count = all.whole.total();
    Ok(Outcome {
        count,
        per_second: rate(count, seconds),
        p50_ms: all.whole.quantile_ms(0.5),
        p99_ms: all.whole.quantile_ms(0.99),
        max_ms: all.whole.largest_ms(),
        errors: all.errors,
        first_error: all.first_error,
        steps: F::STEPS
            .iter()
            .zip(&all.steps)
            .map(|(name, step)| StepOutcome {
                name: (*name).to_owned(),
                p50_ms: step.quantile_ms(0.5),
                p99_ms: step.quantile_ms(0.99),
            })
            .collect(),
        generator_busy,
        server,
        browsers: prepared.browsers,
    })
}

/// Repeats the flow on one connection until the window ends.
async fn work<F: Flow>(mut flow: F, mut connection: Connection, window: Window) -> Tally {
    let mut tally = Tally::new(F::STEPS);
    let mut laps = Laps::default();
    let mut failures_in_a_row = 0_u32;
    loop {
        let started = laps.start();
        if started >= window.end {
            return tally;
        }
        match flow.once(&mut connection, &mut laps).await {
            Ok(()) => {
                failures_in_a_row = 0;
                let finished = Instant::now();
                if window.begin <= finished && finished < window.end {
                    tally.succeed(finished.saturating_duration_since(started), &laps);
                }
            }
            Err(failure) => {
                tally.fail(&failure.to_string());
                connection.reset();
                failures_in_a_row = failures_in_a_row.saturating_add(1);
                if failures_in_a_row >= GIVE_UP_AFTER {
                    return tally;
                }
            }
        }
    }
}

/// Watches both processes while the work is counted.
async fn watch(server_pid: Option<u32>, window: Window) -> (Option<f64>, Option<ServerUse>) {
    let both = || {
        let server = server_pid.and_then(|pid| process::processor_time(Some(pid)));
        (process::processor_time(None), server)
    };
    tokio::time::sleep_until(window.begin.into()).await;
    let (mine_before, server_before) = both();
    let before = Instant::now();
    let mut resident_mb = 0.0_f64;
    while Instant::now() < window.end {
        let next = later(Instant::now(), SAMPLE_EVERY).min(window.end);
        tokio::time::sleep_until(next.into()).await;
        let now = server_pid.and_then(|pid| process::resident_mb(Some(pid)));
        resident_mb = resident_mb.max(now.unwrap_or_default());
    }
    let (mine_after, server_after) = both();
    let passed = before.elapsed().as_secs_f64().max(0.001);
    let busy = |before: Option<Duration>, after: Option<Duration>| {
        Some(after?.saturating_sub(before?).as_secs_f64() / passed)
    };
    let server = busy(server_before, server_after).map(|busy| ServerUse { busy, resident_mb });
    (busy(mine_before, mine_after), server)
}

/// What one connection, or all of them, counted.
#[derive(Debug)]
struct Tally {
    whole: Histogram,
    steps: Vec<Histogram>,
    errors: u64,
    first_error: Option<String>,
}

impl Tally {
    fn new(steps: &[&str]) -> Self {
        Self {
            whole: Histogram::new(),
            steps: vec![Histogram::new(); steps.len()],
            errors: 0,
            first_error: None,
        }
    }

    fn succeed(&mut self, duration: Duration, laps: &Laps) {
        self.whole.record(duration);
        for (step, lap) in self.steps.iter_mut().zip(laps.durations()) {
            step.record(*lap);
        }
    }

    fn fail(&mut self, what: &str) {
        self.errors = self.errors.saturating_add(1);
        if self.first_error.is_none() {
            self.first_error = Some(what.to_owned());
        }
    }

    fn merge(&mut self, other: &Self) {
        self.whole.merge(&other.whole);
        for (mine, theirs) in self.steps.iter_mut().zip(&other.steps) {
            mine.merge(theirs);
        }
        self.errors = self.errors.saturating_add(other.errors);
        if self.first_error.is_none() {
            self.first_error.clone_from(&other.first_error);
        }
    }
}

fn later(instant: Instant, duration: Duration) -> Instant {
    instant.checked_add(duration).unwrap_or(instant)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn rate(count: u64, duration: Duration) -> f64 {
    count as f64 / duration.as_secs_f64().max(0.001)
}

const SAMPLE_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(30);
const GIVE_UP_AFTER: u32 = 10;
