//! Committing: a few connections, each of which takes what waits and does it in one statement.

use std::{sync::Arc, time::Duration};

use hallpass_store::{Committed, StoreError, same_client, same_signing_keys};
use hallpass_types::IssuerId;
use std::sync::atomic::Ordering::Relaxed;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::types::ToSql;

use crate::{
    failure::Failure,
    kind::Kind,
    link::{Dialer, Link, Slot, Tries},
    op::{Op, Rows, Step},
    queue::{Batch, Job, Next, Queue},
    row, sql,
    statement::{Shape, of_one_kind, single, single_params},
};

/// Starts the tasks that commit. They end when the queue is closed.
pub(crate) fn start(dialer: &Arc<Dialer>, queue: &Arc<Queue>) {
    let slots = std::iter::repeat_with(|| Slot::new(Arc::clone(dialer)));
    let slots: Arc<[Slot]> = slots.take(dialer.options.writers.max(1)).collect();
    for own in 0..slots.len() {
        let writer = Writer {
            own,
            slots: Arc::clone(&slots),
            dialer: Arc::clone(dialer),
        };
        let queue = Arc::clone(queue);
        tokio::spawn(async move {
            loop {
                match queue.next(|| writer.is_fit()).await {
                    Next::Commit(batch) => writer.run(batch).await,
                    Next::Mend => writer.mend().await,
                    Next::End => break,
                }
            }
        });
    }
}

#[derive(Debug)]
struct Writer {
    /// The place of its own connection, which nobody else uses, among those of all writers.
    own: usize,
    slots: Arc<[Slot]>,
    dialer: Arc<Dialer>,
}

impl Writer {
    /// Not while it has no connection and must not try for one yet, but another writer has one. Where nobody has one, those
    /// who ask are to be told at once.
    fn is_fit(&self) -> bool {
        let paused = self.slots.get(self.own).is_some_and(Slot::is_paused);
        !paused || !self.is_any_live()
    }

    fn is_any_live(&self) -> bool {
        self.slots.iter().any(|slot| slot.current().is_some())
    }

    /// Tries for a connection until there is one, or the others have none either.
    async fn mend(&self) {
        while self.link().await.is_err() && self.is_any_live() {
            sleep(MEND).await;
        }
    }

    async fn link(&self) -> Result<Arc<Link>, Failure> {
        match self.slots.get(self.own) {
            Some(slot) => slot.link().await,
            None => Err(Failure::Busy),
        }
    }

    async fn run(&self, batch: Batch) {
        match batch {
            Batch::Together(shape, jobs) => {
                let jobs = self.in_time(jobs);
                if !jobs.is_empty() {
                    self.together(&shape, jobs).await;
                }
            }
            Batch::Alone(job) => {
                for job in self.in_time(vec![job]) {
                    self.alone(job).await;
                }
            }
        }
    }

    /// Refuses those that have waited for too long.
    fn in_time(&self, jobs: Vec<Job>) -> Vec<Job> {
        let most = self.dialer.options.acquire_timeout;
        let (fresh, late): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .partition(|job| job.since.elapsed() <= most);
        for job in late {
            self.dialer.stats.busy.fetch_add(1, Relaxed);
            job.answer(Err(StoreError::Busy { retry_after: 1 }));
        }
        fresh
    }

    async fn together(&self, shape: &Shape, mut jobs: Vec<Job>) {
        let mut outcome = self.tried(shape, &jobs).await;
        let mut late = Vec::new();
        if matches!(outcome, Err(Failure::Undone)) {
            // Whoever shows something again must not have the others go one by one.
            (late, jobs) = self.apart(jobs).await;
            if !late.is_empty() && !jobs.is_empty() {
                outcome = self.tried(shape, &jobs).await;
            }
        }
        self.answer(outcome, jobs).await;
        for job in late {
            self.alone(job).await;
        }
    }

    /// Does them in one statement, again where the database wants that.
    async fn tried(&self, shape: &Shape, jobs: &[Job]) -> Result<Vec<i64>, Failure> {
        let stats = &self.dialer.stats;
        let mut tries = Tries::default();
        loop {
            let started = Instant::now();
            let outcome = self
                .guarded(async |link| statement(link, shape, jobs).await)
                .await;
            let gave_in = matches!(outcome, Err(Failure::Again));
            if !tries.again(gave_in, stats).await {
                stats.batch_size.observe(jobs.len() as u64);
                stats.commit_micros.observe(micros(started.elapsed()));
                return outcome;
            }
        }
    }

    /// Those that use a key that is used already, and the others. Where that cannot be found out, nobody does.
    async fn apart(&self, jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
        let used = self.guarded(async |link| used(link, &jobs).await).await;
        let used = used.unwrap_or_default();
        let (late, rest): (Vec<_>, Vec<_>) =
            (0_i64..).zip(jobs).partition(|(n, _)| used.contains(n));
        let alone = |jobs: Vec<(i64, Job)>| jobs.into_iter().map(|(_, job)| job).collect();
        (alone(late), alone(rest))
    }

    async fn answer(&self, outcome: Result<Vec<i64>, Failure>, jobs: Vec<Job>) {
        match outcome {
            Ok(done) => {
                for (n, job) in (0_i64..).zip(jobs) {
                    if done.binary_search(&n).is_ok() {
                        job.answer(Ok(Committed::Done));
                    } else if job.rows.spends.len() == 1 {
                        job.answer(Ok(Committed::TooLate(0)));
                    } else {
                        // Which of its spends it was is found out one by one.
                        self.alone(job).await;
                    }
                }
            }
            // Nothing has happened, and it is the fault of one of them.
            Err(
                Failure::Undone
                | Failure::Taken
                | Failure::Refused(_)
                | Failure::Again
                | Failure::Stale
                | Failure::Corrupt(_),
            ) => {
                for job in jobs {
                    self.alone(job).await;
                }
            }
            Err(failure @ (Failure::Busy | Failure::Lost(_))) => {
                self.dialer.stats.failures.fetch_add(1, Relaxed);
                for job in jobs {
                    job.answer(Err(failure.clone().into()));
                }
            }
        }
    }

    /// One commit in a transaction, change by change.
    async fn alone(&self, job: Job) {
        self.dialer.stats.alone.fetch_add(1, Relaxed);
        let stats = &self.dialer.stats;
        let mut tries = Tries::default();
        let outcome = loop {
            let started = Instant::now();
            let outcome = self
                .guarded(async |link| transaction(link, &job).await)
                .await;
            let gave_in = matches!(outcome, Err(Failure::Again | Failure::Stale));
            if !tries.again(gave_in, stats).await {
                stats.batch_size.observe(1);
                stats.commit_micros.observe(micros(started.elapsed()));
                break outcome;
            }
        };
        if outcome.is_err() {
            self.dialer.stats.failures.fetch_add(1, Relaxed);
        }
        job.answer(outcome.map_err(StoreError::from));
    }

    /// Runs something on the connection, within the time that it has. When it fails so that nobody knows what state the
    /// connection is in, there will be another.
    async fn guarded<T>(
        &self,
        work: impl AsyncFnOnce(&Link) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let link = self.link().await?;
        // The database's own limit comes first and says that nothing was written.
        let most = self.dialer.options.statement_timeout.saturating_add(GRACE);
        let outcome = match timeout(most, work(&link)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Lost("the database does not answer".to_owned())),
        };
        if outcome.as_ref().is_err_and(Failure::spoils_connection) {
            link.spoil();
        }
        outcome
    }
}

const MEND: Duration = Duration::from_millis(25);
const GRACE: Duration = Duration::from_secs(1);

pub(crate) fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// The places of the jobs that are done, in order.
async fn statement(link: &Link, shape: &Shape, jobs: &[Job]) -> Result<Vec<i64>, Failure> {
    let statement = link.prepared(&shape.sql()).await?;
    let spends: Vec<Vec<&Op>> = jobs
        .iter()
        .map(|job| job.spends().unwrap_or_default())
        .collect();
    let rows = (0_i64..).zip(jobs.iter().zip(&spends));
    let rows = rows.flat_map(|(n, (job, spends))| {
        let issuer = i64::from(job.rows.issuer.0);
        let ops = spends.iter().copied().chain(&job.rows.writes);
        ops.map(move |op| (n, issuer, op))
    });
    let params = shape.params(rows);
    let row = link.client.query_one(&statement, &params.as_sql()).await?;
    if shape.spends.is_empty() {
        return Ok((0..).take(jobs.len()).collect());
    }
    let mut done: Vec<i64> = row.try_get(0)?;
    done.sort_unstable();
    Ok(done)
}

/// The places of the jobs that use a key that is used already.
async fn used(link: &Link, jobs: &[Job]) -> Result<Vec<i64>, Failure> {
    let spends: Vec<_> = jobs
        .iter()
        .map(|job| job.spends().unwrap_or_default())
        .collect();
    let rows: Vec<_> = (0_i64..)
        .zip(jobs.iter().zip(&spends))
        .flat_map(|(n, (job, spends))| {
            let issuer = i64::from(job.rows.issuer.0);
            let once = spends.iter().filter(|op| op.kind == Kind::Once);
            once.map(move |op| (n, issuer, *op))
        })
        .collect();
    let params = of_one_kind(Kind::Once, &rows);
    let found = held(link, sql::USED, &params.as_sql()).await?;
    found.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn transaction(link: &Link, job: &Job) -> Result<Committed, Failure> {
    link.client.batch_execute("BEGIN").await?;
    match steps(link, &job.rows).await {
        Ok(Committed::Done) => {
            // Whoever does not hear of the end of this does not know it.
            link.client.batch_execute("COMMIT").await?;
            Ok(Committed::Done)
        }
        Ok(late @ Committed::TooLate(_)) => {
            roll_back(link).await;
            Ok(late)
        }
        Err(failure) => {
            roll_back(link).await;
            Err(failure)
        }
    }
}

async fn roll_back(link: &Link) {
    if link.client.batch_execute("ROLLBACK").await.is_err() {
        link.spoil();
    }
}

/// The changes of a commit, one by one, inside of a transaction. Too late: whoever began that must roll it back.
pub(crate) async fn steps(link: &Link, rows: &Rows) -> Result<Committed, Failure> {
    let issuer = rows.issuer;
    for (index, steps) in rows.spends.iter().enumerate() {
        for step in steps {
            let in_time = match step {
                Step::Never => false,
                Step::Row(op) => match change(link, issuer, op).await {
                    // A name that is somebody else's.
                    Err(Failure::Taken) => false,
                    changed => changed? > 0,
                },
                Step::SameClient(expected) => {
                    let id = expected.client_id.as_str().as_bytes();
                    let held = held(link, sql::LOCK_CLIENT, &[&i64::from(issuer.0), &id]).await?;
                    let held = held
                        .first()
                        .and_then(|found| row::client_of(issuer, found).ok());
                    held.is_some_and(|held| same_client(&held, expected))
                }
                Step::SameKeys(expected) => {
                    let issuer_number = i64::from(issuer.0);
                    held(link, sql::LOCK_ISSUER, &[&issuer_number]).await?;
                    let rows = held(link, sql::SIGNING_KEYS, &[&issuer_number]).await?;
                    let keys = rows.iter().map(|found| row::key_of(issuer, found));
                    let keys: Result<Vec<_>, _> = keys.collect();
                    keys.is_ok_and(|keys| same_signing_keys(&keys, expected))
                }
            };
            if !in_time {
                return Ok(Committed::TooLate(index));
            }
        }
    }
    for op in in_order(&rows.writes) {
        change(link, issuer, op).await?;
    }
    Ok(Committed::Done)
}

/// Table by table, in the order in which statements of several kinds take their locks, and row by row: two that want the same
/// rows do not wait for each other in a circle. What concerns one row stays in its order.
fn in_order(writes: &[Op]) -> Vec<&Op> {
    let mut all: Vec<&Op> = writes.iter().collect();
    if all.iter().any(|op| op.kind.is_of_many()) {
        return all;
    }
    let mut tables: Vec<(&str, Kind)> = Vec::new();
    for op in writes {
        let table = op.kind.spec().table;
        match tables.iter_mut().find(|(name, _)| *name == table) {
            Some((_, first)) => *first = (*first).min(op.kind),
            None => tables.push((table, op.kind)),
        }
    }
    let turn = |op: &Op| {
        let table = op.kind.spec().table;
        let of_table = tables.iter().find(|(name, _)| *name == table);
        of_table.map(|(_, first)| *first)
    };
    all.sort_by(|a, b| (turn(a), a.key()).cmp(&(turn(b), b.key())));
    all
}

async fn change(link: &Link, issuer: IssuerId, op: &Op) -> Result<u64, Failure> {
    let statement = link.prepared(&single(op.kind)).await?;
    let params = single_params(i64::from(issuer.0), op);
    Ok(link.client.execute(&statement, &params.as_sql()).await?)
}

async fn held(
    link: &Link,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>, Failure> {
    let statement = link.prepared(sql).await?;
    Ok(link.client.query(&statement, params).await?)
}
