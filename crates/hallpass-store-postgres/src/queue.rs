//! Commits that wait, by shape.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use hallpass_store::{Committed, StoreError};
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use crate::{
    kind::Kind,
    op::{Op, Rows, Step, Value},
    statement::Shape,
    stats::Stats,
};

/// A commit and where its outcome goes.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) rows: Rows,
    pub(crate) reply: oneshot::Sender<Result<Committed, StoreError>>,
    pub(crate) since: Instant,
}

impl Job {
    pub(crate) fn answer(self, outcome: Result<Committed, StoreError>) {
        // Whoever asked may have gone.
        let _gone = self.reply.send(outcome);
    }

    /// The rows of its spends, if they are nothing but rows.
    pub(crate) fn spends(&self) -> Option<Vec<&Op>> {
        let steps = self.rows.spends.iter().flatten();
        steps
            .map(|step| match step {
                Step::Row(op) => Some(op),
                Step::Never | Step::SameClient(_) | Step::SameKeys(_) => None,
            })
            .collect()
    }

    fn shape(&self) -> Option<Shape> {
        // A spend of several steps is looked at step by step.
        if self.rows.spends.iter().any(|steps| steps.len() != 1) {
            return None;
        }
        Shape::of(&self.spends()?, &self.rows.writes)
    }
}

/// What a writer does next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Commits.
    Commit(Batch),
    /// It leaves them to the others, for it has no connection and they do.
    Mend,
    /// Nothing, for ever.
    End,
}

/// Commits that are done at once.
#[derive(Debug)]
pub(crate) enum Batch {
    /// Commits of one shape that touch no row twice.
    Together(Arc<Shape>, Vec<Job>),
    /// One commit that one statement cannot do.
    Alone(Job),
}

#[derive(Debug)]
pub(crate) struct Queue {
    limit: usize,
    batch: usize,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    closed: AtomicBool,
    stats: Arc<Stats>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// None is the shape of those that go alone.
    shapes: HashMap<Option<Arc<Shape>>, VecDeque<Job>>,
    /// Shapes that have jobs, in the order of their turn.
    turn: VecDeque<Option<Arc<Shape>>>,
    count: usize,
}

impl Queue {
    pub(crate) fn new(limit: usize, batch: usize, stats: Arc<Stats>) -> Self {
        Self {
            limit,
            batch: batch.max(1),
            waiting: Mutex::default(),
            arrived: Notify::new(),
            closed: AtomicBool::new(false),
            stats,
        }
    }

    /// Refuses a job when too many wait.
    pub(crate) fn push(&self, job: Job) {
        let shape = job.shape().map(Arc::new);
        let refused = {
            let mut waiting = self.lock();
            if waiting.count >= self.limit {
                Some(job)
            } else {
                waiting.count = waiting.count.saturating_add(1);
                let of_shape = waiting.shapes.entry(shape.clone()).or_default();
                let first = of_shape.is_empty();
                of_shape.push_back(job);
                if first {
                    waiting.turn.push_back(shape);
                }
                None
            }
        };
        match refused {
            Some(job) => {
                self.stats.busy.fetch_add(1, Relaxed);
                job.answer(Err(StoreError::Busy { retry_after: 1 }));
            }
            None => {
                self.stats.waiting.fetch_add(1, Relaxed);
                self.arrived.notify_one();
            }
        }
    }

    /// Waits for work, which is left to others by those who are not fit for it.
    pub(crate) async fn next(&self, fit: impl Fn() -> bool) -> Next {
        loop {
            let arrived = self.arrived.notified();
            if !fit() {
                self.arrived.notify_one();
                return Next::Mend;
            }
            if let Some((batch, more)) = self.take() {
                let taken = match &batch {
                    Batch::Together(_, jobs) => jobs.len() as u64,
                    Batch::Alone(_) => 1,
                };
                self.stats.waiting.fetch_sub(taken, Relaxed);
                if more {
                    self.arrived.notify_one();
                }
                return Next::Commit(batch);
            }
            if self.closed.load(Relaxed) {
                // The next one ends too.
                self.arrived.notify_one();
                return Next::End;
            }
            arrived.await;
        }
    }

    /// Lets the writers end when nothing waits any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Relaxed);
        self.arrived.notify_one();
    }

    fn take(&self) -> Option<(Batch, bool)> {
        let mut waiting = self.lock();
        let turn = waiting.turn.pop_front()?;
        let of_shape = waiting.shapes.get_mut(&turn)?;
        let (batch, taken) = match &turn {
            None => (Batch::Alone(of_shape.pop_front()?), 1),
            Some(shape) => {
                let jobs = together(of_shape, self.batch);
                let taken = jobs.len();
                (Batch::Together(Arc::clone(shape), jobs), taken)
            }
        };
        if of_shape.is_empty() {
            waiting.shapes.remove(&turn);
        } else {
            waiting.turn.push_back(turn);
        }
        waiting.count = waiting.count.saturating_sub(taken);
        let more = !waiting.turn.is_empty();
        Some((batch, more))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes jobs from the front, up to the first that touches a row that another of them touches.
fn together(of_shape: &mut VecDeque<Job>, most: usize) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut touched: HashSet<(Kind, u32, Vec<Value>)> = HashSet::new();
    while jobs.len() < most {
        let Some(job) = of_shape.front() else { break };
        let spends = job.spends().unwrap_or_default();
        let rows: Vec<_> = spends
            .into_iter()
            .chain(&job.rows.writes)
            .filter(|op| !op.kind.is_assertion())
            .map(|op| (op.kind, job.rows.issuer.0, op.key().to_vec()))
            .collect();
        if rows.iter().any(|row| touched.contains(row)) {
            break;
        }
        touched.extend(rows);
        jobs.extend(of_shape.pop_front());
    }
    jobs
}
