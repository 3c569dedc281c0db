//! Argon2id on threads of its own, behind a bounded and fair queue.
//!
//! A computation takes about 15 ms and 19 MiB, so an unbounded number of them is a way to take the server down.
//! Here at most one per thread runs; so many wait as can be served in two seconds; everybody else is told
//! at once to come back ([`HashError::Busy`]). Nothing else of the server runs on these threads.

mod foreign;
mod phc;
mod queue;
mod stats;

use std::{
    num::NonZeroUsize,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use hallpass_types::Secret;
use tokio::sync::oneshot;

pub use foreign::{Foreign, Stored, is_bcrypt_of};
pub use phc::{Cost, Phc, SALT_LEN, UnusableHash, Verdict};
pub use queue::Lane;
pub use stats::{Stats, WAIT_BOUNDS};

use phc::Memory;
use queue::{Pushed, Queue};
use stats::Counters;

/// Longest password that is looked at, in bytes. Longer ones are refused before they are queued.
pub const MAX_PASSWORD_LEN: usize = 1024;

/// How a pool is set up.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Hashing threads; by default one fewer than there are cores, at least one.
    pub threads: Option<NonZeroUsize>,
    /// Jobs that may wait; by default what the threads compute in two seconds, as measured.
    pub queue: Option<usize>,
    /// Cost of new hashes and of the computation for accounts that do not exist.
    pub cost: Cost,
    /// A job that has waited so long is answered as busy.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: None,
            queue: None,
            cost: Cost::default(),
            patience: Duration::from_secs(5),
        }
    }
}

/// Why there is no answer to a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// The password is longer than [`MAX_PASSWORD_LEN`].
    #[error("the password is too long")]
    TooLong,
    /// Too much is waiting.
    #[error("password hashing is saturated")]
    Busy {
        /// Seconds after which to try again: one to five, spread over the callers.
        retry_after: u32,
    },
    /// The hash could not be computed: out of memory, or parameters that are out of range.
    #[error("password hashing failed")]
    Failed,
    /// The pool has been shut down.
    #[error("password hashing has ended")]
    Ended,
}

impl From<UnusableHash> for HashError {
    fn from(_: UnusableHash) -> Self {
        Self::Failed
    }
}

/// The hashing threads. Dropping it ends them; what waits is answered with [`HashError::Ended`].
#[derive(Debug)]
pub struct HashPool {
    shared: Arc<Shared>,
    patience: Duration,
    queue: Option<usize>,
    threads: usize,
    jitter: AtomicU64,
}

impl HashPool {
    /// Starts the threads. They take memory when they have something to compute and give it back when idle.
    ///
    /// # Errors
    /// A thread could not be started, or the cost is not [usable](Cost::is_usable).
    pub fn start(options: Options) -> std::io::Result<Self> {
        let Options {
            threads,
            queue,
            cost,
            patience,
        } = options;
        if !cost.is_usable() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                UnusableHash,
            ));
        }
        let threads = threads.map_or_else(default_threads, NonZeroUsize::get);
        let pool = Self {
            shared: Arc::new(Shared::default()),
            patience,
            queue,
            threads,
            jitter: AtomicU64::new(0),
        };
        for number in 0..threads {
            let shared = Arc::clone(&pool.shared);
            std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || shared.work(cost))?;
        }
        Ok(pool)
    }

    /// Hashes a password, exactly as it is.
    ///
    /// # Errors
    /// [`HashError`]
    pub async fn hash(
        &self,
        lane: Lane,
        password: &Secret,
        salt: [u8; SALT_LEN],
    ) -> Result<Phc, HashError> {
        let (reply, answer) = oneshot::channel();
        self.submit(lane, password, Task::Hash { salt, reply })?;
        answer.await.unwrap_or(Err(HashError::Ended))
    }

    /// Verifies a password, exactly as it is, against the stored hash. For an account that does not exist (or may
    /// not sign in) pass none: it waits and computes as long as for one that does, and the verdict is no.
    ///
    /// # Errors
    /// [`HashError`]
    pub async fn verify(
        &self,
        lane: Lane,
        password: &Secret,
        stored: Option<&Phc>,
    ) -> Result<Verdict, HashError> {
        let (reply, answer) = oneshot::channel();
        let stored = stored.cloned();
        self.submit(lane, password, Task::Verify { stored, reply })?;
        answer.await.unwrap_or(Err(HashError::Ended))
    }

    /// The same for a hash of either kind.
    ///
    /// # Errors
    /// [`HashError`]
    pub async fn verify_stored(
        &self,
        lane: Lane,
        password: &Secret,
        stored: Option<&Stored>,
    ) -> Result<Verdict, HashError> {
        let foreign = match stored {
            None => return self.verify(lane, password, None).await,
            Some(Stored::Own(phc)) => return self.verify(lane, password, Some(phc)).await,
            Some(Stored::Foreign(foreign)) => foreign.clone(),
        };
        let (reply, answer) = oneshot::channel();
        self.submit(lane, password, Task::Foreign { foreign, reply })?;
        answer.await.unwrap_or(Err(HashError::Ended))
    }

    /// What the pool has done so far.
    pub fn stats(&self) -> Stats {
        self.shared
            .counters
            .snapshot(self.shared.lock().queue.len())
    }

    /// The longest time that a hash took lately which is not one that would be made today: of another system, or of another cost.
    pub fn dearest(&self) -> Duration {
        self.shared.counters.dearest()
    }

    /// How many jobs may wait now.
    pub fn capacity(&self) -> usize {
        self.queue.unwrap_or_else(|| {
            let each = self.shared.counters.hash_time().unwrap_or(ASSUMED_TIME);
            let rounds = TARGET_WAIT.as_micros().div_ceil(each.as_micros().max(1));
            usize::try_from(rounds)
                .unwrap_or(usize::MAX)
                .saturating_mul(self.threads)
                .clamp(self.threads.saturating_mul(4), MAX_QUEUE)
        })
    }

    fn submit(&self, lane: Lane, password: &Secret, task: Task) -> Result<(), HashError> {
        if password.expose().len() > MAX_PASSWORD_LEN {
            return Err(HashError::TooLong);
        }
        let now = Instant::now();
        let job = Job {
            password: password.clone(),
            task,
            since: now,
            deadline: now.checked_add(self.patience).unwrap_or(now),
        };
        let capacity = self.capacity();
        let counters = &self.shared.counters;
        let mut waiting = self.shared.lock();
        if waiting.ended {
            return Err(HashError::Ended);
        }
        if waiting.queue.len() >= capacity {
            let gone = waiting.queue.drop_unless(|job| !job.task.is_abandoned());
            counters
                .abandoned
                .fetch_add(u64::try_from(gone.len()).unwrap_or(0), Relaxed);
        }
        let pushed = waiting.queue.push(lane, job, capacity);
        drop(waiting);
        match pushed {
            Pushed::Queued => {}
            Pushed::Displaced(other) => {
                counters.rejected.fetch_add(1, Relaxed);
                other.task.fail(self.busy());
            }
            Pushed::Refused(_) => {
                counters.rejected.fetch_add(1, Relaxed);
                return Err(self.busy());
            }
        }
        self.shared.arrived.notify_one();
        Ok(())
    }

    /// Spreads the callers over the next five seconds, so that they do not come back together.
    fn busy(&self) -> HashError {
        busy(self.jitter.fetch_add(1, Relaxed))
    }
}

impl Drop for HashPool {
    fn drop(&mut self) {
        let mut waiting = self.shared.lock();
        waiting.ended = true;
        let left = waiting.queue.drop_unless(|_| false);
        drop(waiting);
        // Dropping a job drops its reply, which answers `Ended`.
        drop(left);
        self.shared.arrived.notify_all();
    }
}

/// What the pool and its threads share.
#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Waiting {
    queue: Queue<Job>,
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of a hashing thread.
    fn work(&self, cost: Cost) {
        yield_to_others();
        let mut memory = Memory::default();
        while let Some(job) = self.next(&mut memory) {
            self.serve(job, &mut memory, cost);
        }
    }

    fn serve(&self, job: Job, memory: &mut Memory, cost: Cost) {
        let now = Instant::now();
        if job.task.is_abandoned() {
            self.counters.abandoned.fetch_add(1, Relaxed);
        } else if now >= job.deadline {
            let count = self.counters.expired.fetch_add(1, Relaxed);
            job.task.fail(busy(count));
        } else {
            self.counters
                .waited(now.saturating_duration_since(job.since));
            let password = job.password.expose().as_bytes();
            // The caller may go meanwhile; then nobody wants the answer, and sending it fails.
            match job.task {
                Task::Hash { salt, reply } => {
                    let answer = guarded(memory, |memory| memory.hash(cost, password, &salt));
                    self.counters.computed(now.elapsed());
                    let _ = reply.send(answer);
                }
                Task::Foreign { foreign, reply } => {
                    let answer = guarded(memory, |_| foreign.verify(password));
                    self.counters.took_otherwise(now.elapsed());
                    let _ = reply.send(answer);
                }
                Task::Verify { stored, reply } => {
                    let answer = guarded(memory, |memory| {
                        memory.verify(cost, password, stored.as_ref())
                    });
                    self.counters.computed(now.elapsed());
                    if stored.is_some_and(|stored| stored.cost() != cost) {
                        self.counters.took_otherwise(now.elapsed());
                    }
                    let _ = reply.send(answer);
                }
            }
        }
    }

    /// Waits for the next job; none when the pool has ended. Memory that was not needed for a while is given back.
    fn next(&self, memory: &mut Memory) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if waiting.ended {
                return None;
            }
            if let Some(job) = waiting.queue.pop() {
                return Some(job);
            }
            waiting = if memory.is_empty() {
                self.arrived
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner)
            } else {
                let (waiting, timeout) = self
                    .arrived
                    .wait_timeout(waiting, IDLE)
                    .unwrap_or_else(PoisonError::into_inner);
                if timeout.timed_out() {
                    memory.release();
                }
                waiting
            };
        }
    }
}

#[derive(Debug)]
struct Job {
    password: Secret,
    task: Task,
    since: Instant,
    deadline: Instant,
}

#[derive(Debug)]
enum Task {
    Hash {
        salt: [u8; SALT_LEN],
        reply: oneshot::Sender<Result<Phc, HashError>>,
    },
    Verify {
        stored: Option<Phc>,
        reply: oneshot::Sender<Result<Verdict, HashError>>,
    },
    Foreign {
        foreign: Foreign,
        reply: oneshot::Sender<Result<Verdict, HashError>>,
    },
}

impl Task {
    /// Whether the caller no longer waits.
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Hash { salt: _, reply } => reply.is_closed(),
            Self::Verify { stored: _, reply } | Self::Foreign { foreign: _, reply } => {
                reply.is_closed()
            }
        }
    }

    fn fail(self, error: HashError) {
        match self {
            Self::Hash { salt: _, reply } => {
                let _ = reply.send(Err(error));
            }
            Self::Verify { stored: _, reply } | Self::Foreign { foreign: _, reply } => {
                let _ = reply.send(Err(error));
            }
        }
    }
}

/// Computes; a panic ends the computation but not the thread.
fn guarded<T>(
    memory: &mut Memory,
    compute: impl FnOnce(&mut Memory) -> Result<T, UnusableHash>,
) -> Result<T, HashError> {
    let done = std::panic::catch_unwind(AssertUnwindSafe(|| compute(memory)));
    done.unwrap_or(Err(UnusableHash)).map_err(HashError::from)
}

/// Hashing takes what the rest leaves of the processors: a flood of false passwords fills its queue and delays nobody else. Where
/// the system has one priority for the whole process, or allows no change, all share as before.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        let now = rustix::process::getpriority_process(None).unwrap_or_default();
        let lower = now.saturating_add(NICER).min(19);
        if let Err(error) = rustix::process::setpriority_process(None, lower) {
            tracing::debug!(%error, "hashing threads keep the priority of the others");
        }
    }
}

fn busy(count: u64) -> HashError {
    let spread = count.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_shr(61) % 5;
    HashError::Busy {
        retry_after: u32::try_from(spread).unwrap_or(0).saturating_add(1),
    }
}

fn default_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    cores.saturating_sub(1).max(1)
}

/// What waits is served within about this time.
const TARGET_WAIT: Duration = Duration::from_secs(2);
/// Time of one computation as long as none was measured.
const ASSUMED_TIME: Duration = Duration::from_millis(15);
/// So much is the niceness of a hashing thread above that of the others: a tenth of their share where both want the processor.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;
/// Longest queue that is chosen by measurement.
const MAX_QUEUE: usize = 4096;
/// A thread without work gives its memory back after this time.
const IDLE: Duration = Duration::from_secs(10);

#[cfg(test)]
pub(crate) mod tests;
