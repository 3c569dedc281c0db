//! The thread that writes. All jobs that wait share one transaction; each is answered when it is on the disk.

mod crowd;

use std::{
    cell::Cell,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use hallpass_store::StoreError;
use rusqlite::{Connection, ErrorCode, Result};
use tokio::sync::oneshot;

use crowd::Crowd;

use crate::{
    Options, Stats,
    apply::{apply, run},
    connection,
    due::Due,
    failure::{Failure, is_of_one_statement},
    work::{Job, Outcome, Reply, Rest, Work},
};

/// The way to the thread. The thread ends, after what waits, when this is dropped.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    healthy: Arc<AtomicBool>,
    stats: Arc<Stats>,
    due: Arc<Due>,
}

impl Writer {
    /// Starts the thread on a connection that is open already.
    pub(crate) fn start(
        path: PathBuf,
        options: Options,
        db: Connection,
        stats: Arc<Stats>,
    ) -> Result<Self, StoreError> {
        listen(&db);
        let (queue, jobs) = sync_channel(options.queue.max(1));
        let healthy = Arc::new(AtomicBool::new(true));
        let checkpoint_at = options.checkpoint_pages.max(1).into();
        let due = Arc::new(Due::default());
        let mut state = Thread {
            path,
            options,
            db: Some(db),
            healthy: healthy.clone(),
            stats: stats.clone(),
            due: due.clone(),
            checkpoint_at,
        };
        let thread = Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || state.run(&jobs))
            .map_err(connection::unavailable)?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            healthy,
            stats,
            due,
        })
    }

    /// Queues the work and waits for its outcome.
    pub(crate) async fn submit(&self, work: Work) -> Result<Outcome, StoreError> {
        let (reply, outcome) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        match queue.try_send(Job { work, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.stats.queue_full.fetch_add(1, Ordering::Relaxed);
                return Err(StoreError::Busy { retry_after: 1 });
            }
            Err(TrySendError::Disconnected(_)) => return Err(gone()),
        }
        let told = outcome.await.map_err(|_| gone())?;
        // First of all the others are told.
        drop(told.rest);
        drop(told.done);
        told.outcome
    }

    /// Who has what to purge.
    pub(crate) fn due(&self) -> &Due {
        &self.due
    }

    /// Whether the last transaction reached the disk.
    pub(crate) fn healthy(&self) -> bool {
        self.healthy.load(Ordering::Acquire)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was reported by the panic hook; here is nobody to tell.
            let _ended = thread.join();
        }
    }
}

struct Thread {
    path: PathBuf,
    options: Options,
    /// None after a transaction failed in a way that makes the connection doubtful.
    db: Option<Connection>,
    healthy: Arc<AtomicBool>,
    stats: Arc<Stats>,
    due: Arc<Due>,
    /// At how many pages of log it is copied into the database next.
    checkpoint_at: u64,
}

/// How a transaction failed. It is rolled back in every case.
enum Lost {
    /// One statement is at fault; its neighbours may try without it.
    Statement(Failure),
    /// Another process writes.
    Busy,
    /// The connection is in doubt.
    Connection(Failure),
}

impl Thread {
    fn run(&mut self, jobs: &Receiver<Job>) {
        let mut crowd = Crowd::default();
        while let Ok(first) = jobs.recv() {
            let mut batch = vec![first];
            self.take(jobs, &mut batch);
            for pause in crowd.pauses() {
                let had = batch.len();
                if had >= self.options.batch {
                    break;
                }
                std::thread::sleep(pause);
                self.take(jobs, &mut batch);
                if !crowd.has_grown(batch.len().saturating_sub(had)) {
                    break;
                }
            }
            crowd.was(batch.len());
            self.serve(batch);
            self.checkpoint();
        }
    }

    /// Adds what waits, as far as it has room in one transaction.
    fn take(&self, jobs: &Receiver<Job>, batch: &mut Vec<Job>) {
        let room = self.options.batch.saturating_sub(batch.len());
        batch.extend(jobs.try_iter().take(room));
    }

    fn serve(&mut self, batch: Vec<Job>) {
        match self.transact(&batch) {
            Ok(outcomes) => {
                let mut all = batch.into_iter().zip(outcomes);
                if let Some((job, outcome)) = all.next() {
                    job.answer(outcome, Rest(all.collect()));
                }
            }
            // Find the one that fails: each in a transaction of its own. Rare, so it may be slow.
            Err(Lost::Statement(_)) if batch.len() > 1 => {
                for job in batch {
                    self.serve(vec![job]);
                }
            }
            Err(lost) => {
                let failure = match lost {
                    Lost::Busy => Failure::Busy,
                    Lost::Statement(failure) | Lost::Connection(failure) => failure,
                };
                for job in batch {
                    // Whoever asked may have gone.
                    drop(job.reply.send(Reply::failed(failure.clone().into())));
                }
            }
        }
    }

    /// Runs the jobs in one durable transaction.
    fn transact(&mut self, batch: &[Job]) -> Result<Vec<Outcome>, Lost> {
        let started = Instant::now();
        let ended = match self.connection() {
            Ok(db) => transaction(db, batch),
            Err(failure) => Err(Lost::Connection(failure)),
        };
        // Once it can be read, and even if it is not sure that it can: nobody would look for it otherwise.
        self.due.made(batch.iter().map(|job| &job.work));
        match &ended {
            Ok(_) => {
                self.stats.committed(batch.len(), started.elapsed());
                self.stats.wal_pages.store(wal_pages(), Ordering::Relaxed);
            }
            Err(Lost::Busy) => {
                tracing::warn!("store.busy: another process keeps the database locked");
            }
            Err(Lost::Statement(_)) => {}
            Err(Lost::Connection(failure)) => {
                self.stats.failures.fetch_add(1, Ordering::Relaxed);
                self.healthy.store(false, Ordering::Release);
                self.db = None;
                tracing::error!(error = ?failure, "store.write_failed: a transaction did not reach the disk");
            }
        }
        ended
    }

    /// The connection. After a failure a new one, proved by a write: that write also takes the place of whatever
    /// the failed transaction left in the log, so that no later recovery takes it for committed.
    fn connection(&mut self) -> Result<&Connection, Failure> {
        if self.db.is_none() {
            let db = connection::writer(&self.path, &self.options)
                .map_err(|e| Failure::Unavailable(e.to_string()))?;
            listen(&db);
            transaction_of(&db, |db| apply(db, &Work::Probe)).map_err(|e| Failure::of(&e))?;
            self.healthy.store(true, Ordering::Release);
            self.db = Some(db);
            tracing::info!("store.recovered: the database can be written again");
        }
        match &self.db {
            Some(db) => Ok(db),
            None => Err(Failure::Unavailable("no connection".to_owned())),
        }
    }

    /// Copies the log into the database when it has grown, so that it starts again. Readers are waited for a
    /// moment, which is long for ours; a long one of another process is met again after as many pages.
    fn checkpoint(&mut self) {
        let Some(db) = &self.db else { return };
        let pages = wal_pages();
        if pages < self.checkpoint_at {
            return;
        }
        let due = u64::from(self.options.checkpoint_pages).max(1);
        match copy_log(db, &self.options) {
            Ok(true) => {
                self.stats.checkpoints.fetch_add(1, Ordering::Relaxed);
                WAL_PAGES.set(0);
                self.checkpoint_at = due;
            }
            Ok(false) => {
                self.stats
                    .checkpoints_held_up
                    .fetch_add(1, Ordering::Relaxed);
                self.checkpoint_at = pages.saturating_add(due);
            }
            Err(error) => {
                // The log keeps everything; the next transaction will tell whether the disk is at fault.
                tracing::warn!(%error, wal.pages = pages, "store.checkpoint_failed: the log grows");
                self.checkpoint_at = pages.saturating_add(due);
            }
        }
    }
}

fn transaction(db: &Connection, batch: &[Job]) -> Result<Vec<Outcome>, Lost> {
    if let Err(error) = run(db, "BEGIN IMMEDIATE", []) {
        return Err(match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => Lost::Busy,
            _ => Lost::Connection(Failure::of(&error)),
        });
    }
    let jobs = batch.iter().map(|job| apply(db, &job.work));
    let outcomes = jobs.collect::<Result<Vec<_>>>().map_err(|error| {
        let rolled_back = roll_back(db);
        let failure = Failure::of(&error);
        if rolled_back && is_of_one_statement(&error) {
            Lost::Statement(failure)
        } else {
            Lost::Connection(failure)
        }
    })?;
    match run(db, "COMMIT", []) {
        Ok(_) => Ok(outcomes),
        Err(error) => {
            roll_back(db);
            Err(Lost::Connection(Failure::of(&error)))
        }
    }
}

fn transaction_of<T>(db: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    run(db, "BEGIN IMMEDIATE", [])?;
    let done = work(db)?;
    run(db, "COMMIT", [])?;
    Ok(done)
}

/// Whether no transaction is open any more.
fn roll_back(db: &Connection) -> bool {
    db.is_autocommit() || run(db, "ROLLBACK", []).is_ok()
}

/// Whether the whole log was copied and starts again.
fn copy_log(db: &Connection, options: &Options) -> Result<bool> {
    db.busy_timeout(READERS_WAIT)?;
    let copied = db.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| {
        row.get::<_, i64>(0).map(|busy| busy == 0)
    });
    db.busy_timeout(options.busy_timeout)?;
    copied
}

/// Has the connection tell how long the log is after each transaction.
fn listen(db: &Connection) {
    db.wal_hook(Some(|_, pages| {
        WAL_PAGES.set(u64::try_from(pages).unwrap_or(0));
        Ok(())
    }));
}

fn wal_pages() -> u64 {
    WAL_PAGES.get()
}

thread_local! {
    /// Pages in the log, as the hook of this thread's connection saw it last.
    static WAL_PAGES: Cell<u64> = const { Cell::new(0) };
}

fn gone() -> StoreError {
    StoreError::unavailable("the thread that writes has ended")
}

const READERS_WAIT: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests;
