//! Doing work a number of times instead of for a while, for what is counted and not timed.

use crate::browser::Cookie;
use crate::flow::{Flow, Laps, Prepared};
use crate::http::{Authority, Connection, Failure};
use crate::job::{Job, parse};
use crate::run::{Take, prepared};

/// How often work is done.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "written by who counts")]
pub struct Plan {
    /// Before anything is counted: buffers have grown by then, and clients are known.
    pub first: u32,
    /// Pieces of work that are counted together.
    pub together: u32,
    /// How often that is done.
    pub times: u32,
}

/// What is told around the pieces that are counted together.
pub trait Meter: Send {
    /// They begin now.
    ///
    /// # Errors
    /// A sentence about why nothing can be counted.
    fn begin(&mut self) -> Result<(), String>;

    /// They are done; answers what was counted since.
    ///
    /// # Errors
    /// A sentence about why nothing was counted.
    fn end(&mut self) -> Result<u64, String>;
}

/// What was counted.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Counted {
    /// For the pieces that were counted together, each time.
    pub each_time: Vec<u64>,
    /// The cookies that the next job must use for its visitor; empty where none have changed.
    pub browsers: Vec<Vec<Cookie>>,
}

/// Does a job's work on one connection, one piece after the other.
///
/// # Errors
/// Whatever keeps the work from being prepared, done or counted.
pub async fn counted(job: &Job, plan: Plan, meter: &mut dyn Meter) -> Result<Counted, Failure> {
    let one = Job {
        concurrency: 1,
        ..job.clone()
    };
    prepared(&one, One { plan, meter }).await
}

struct One<'a> {
    plan: Plan,
    meter: &'a mut dyn Meter,
}

impl Take for One<'_> {
    type Answer = Counted;

    async fn take<F: Flow + 'static>(self, prepared: Prepared<F>) -> Result<Counted, Failure> {
        let Self { plan, meter } = self;
        let mut connection = Connection::new(Authority::of(&parse(&prepared.server)?)?);
        let mut laps = Laps::default();
        let Some(mut flow) = prepared.flows.into_iter().next() else {
            return Err(Failure::step("count", "there is no work"));
        };
        let mut counted = Counted {
            each_time: Vec::new(),
            browsers: prepared.browsers,
        };
        for _ in 0..plan.first {
            laps.start();
            flow.once(&mut connection, &mut laps).await?;
        }
        let told = |why: String| Failure::step("count", &why);
        for _ in 0..plan.times {
            meter.begin().map_err(told)?;
            for _ in 0..plan.together {
                laps.start();
                flow.once(&mut connection, &mut laps).await?;
            }
            counted.each_time.push(meter.end().map_err(told)?);
        }
        Ok(counted)
    }
}
