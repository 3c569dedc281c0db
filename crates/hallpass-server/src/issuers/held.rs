//! The issuers that are in memory: loaded by the first request, together with those that come meanwhile; let go when they
//! are idle, or when too many are held.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use hallpass_types::IssuerId;
use tokio::sync::{Notify, OnceCell, Semaphore};
use tokio::time::Instant;

use super::directory::Known;
use crate::app::Hallpass;
use crate::failure::Failure;

/// An issuer that is in memory; none when it turned out not to be there.
pub type Loaded = Option<Hallpass>;

/// An issuer cannot be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

#[derive(Debug)]
pub(super) struct Held {
    slots: RwLock<HashMap<IssuerId, Arc<Slot>>>,
    most: usize,
    start: Instant,
    /// So many load at once, since keys may have to be made.
    loading: Arc<Semaphore>,
    /// So many wait for that at most.
    waiting: Arc<Semaphore>,
    /// Those that were let go and have counted something that is not written down yet.
    left: Mutex<Vec<Hallpass>>,
    leaves: Notify,
}

#[derive(Debug)]
struct Slot {
    change: u64,
    cell: OnceCell<Loaded>,
    /// When it was last asked for, in milliseconds since the start.
    used: AtomicU64,
    /// Until when nobody tries again.
    failed: Mutex<Option<Instant>>,
}

impl Held {
    pub(super) fn new(most: usize) -> Self {
        Self {
            slots: RwLock::default(),
            most: most.max(1),
            start: Instant::now(),
            loading: Arc::new(Semaphore::new(LOADING)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            left: Mutex::default(),
            leaves: Notify::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.read(HashMap::len)
    }

    /// From memory, if it is there as it is known to be.
    pub(super) fn get(&self, known: Known) -> Option<Loaded> {
        self.read(|slots| {
            let slot = slots.get(&known.id)?;
            if slot.change != known.change {
                return None;
            }
            let loaded = slot.cell.get()?.clone();
            slot.used.store(self.now(), Ordering::Relaxed);
            Some(loaded)
        })
    }

    /// Some of those that are in memory now.
    pub(super) fn those(&self, wanted: impl Fn(IssuerId) -> bool) -> Vec<Hallpass> {
        self.read(|slots| {
            let some = slots.iter().filter(|(id, _)| wanted(**id));
            let loaded = some.filter_map(|(_, slot)| slot.cell.get());
            loaded.filter_map(Clone::clone).collect()
        })
    }

    /// Those that are in memory now.
    pub(super) fn all(&self) -> Vec<Hallpass> {
        self.read(|slots| {
            let loaded = slots.values().filter_map(|slot| slot.cell.get());
            loaded.filter_map(Clone::clone).collect()
        })
    }

    /// Loads it once for all who ask meanwhile. Whoever goes away does not stop the others.
    pub(super) async fn load<F>(
        &self,
        known: Known,
        load: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Loaded, Busy>
    where
        F: Future<Output = Result<Loaded, Failure>> + Send + 'static,
    {
        let slot = self.slot(known);
        if let Some(loaded) = slot.cell.get() {
            return Ok(loaded.clone());
        }
        if slot.rests() {
            return Err(Busy);
        }
        let waiting = Arc::clone(&self.waiting).try_acquire_owned();
        let waiting = waiting.map_err(|_| Busy)?;
        let loading = Arc::clone(&self.loading);
        let loaded = tokio::spawn(async move {
            let _waiting = waiting;
            let once = || async {
                if slot.rests() {
                    return Err(Busy);
                }
                let _turn = loading.acquire().await.map_err(|_| Busy)?;
                // Making keys takes a while, so it happens beside the threads that serve.
                let handle = tokio::runtime::Handle::current();
                let work = move || handle.block_on(load());
                match tokio::task::spawn_blocking(work).await {
                    Ok(Ok(loaded)) => Ok(loaded),
                    Ok(Err(failure)) => Err(slot.fails(&failure.to_string())),
                    Err(error) => Err(slot.fails(&error.to_string())),
                }
            };
            slot.cell.get_or_try_init(once).await.cloned()
        });
        loaded.await.unwrap_or(Err(Busy))
    }

    /// The slot of this state; one of another state goes.
    fn slot(&self, known: Known) -> Arc<Slot> {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let held = slots.get(&known.id);
        if let Some(slot) = held.filter(|slot| slot.change == known.change) {
            slot.used.store(self.now(), Ordering::Relaxed);
            return Arc::clone(slot);
        }
        if slots.len() >= self.most && !slots.contains_key(&known.id) {
            let used = |slot: &Slot| slot.used.load(Ordering::Relaxed);
            let oldest = slots.iter().min_by_key(|(_, slot)| used(slot));
            if let Some(id) = oldest.map(|(id, _)| *id)
                && let Some(slot) = slots.remove(&id)
            {
                self.leaves(&slot);
            }
        }
        let slot = Arc::new(Slot {
            change: known.change,
            cell: OnceCell::new(),
            used: AtomicU64::new(self.now()),
            failed: Mutex::default(),
        });
        if let Some(before) = slots.insert(known.id, Arc::clone(&slot)) {
            self.leaves(&before);
        }
        slot
    }

    /// Whoever asks next has it loaded anew.
    pub(super) fn let_go(&self, id: IssuerId) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.remove(&id) {
            self.leaves(&slot);
        }
    }

    pub(super) fn unload_idle(&self, idle: Duration) {
        let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        let before = self.now().saturating_sub(idle);
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| {
            let stays = slot.used.load(Ordering::Relaxed) >= before;
            if !stays {
                self.leaves(slot);
            }
            stays
        });
    }

    /// Takes those that were let go and have something to write down.
    pub(super) fn left(&self) -> Vec<Hallpass> {
        std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What one counted outlives it: a project is loaded anew whenever its settings change.
    fn leaves(&self, slot: &Slot) {
        let Some(Some(loaded)) = slot.cell.get() else {
            return;
        };
        if !loaded.provider().has_tallies() {
            return;
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        // Where many come and go they are not kept for that: numbers of the first are given up.
        if left.len() >= LEFT {
            left.remove(0);
        }
        left.push(loaded.clone());
        self.leaves.notify_one();
    }

    /// Until there are [`Self::left`] ones.
    pub(super) async fn leaving(&self) {
        self.leaves.notified().await;
    }

    fn read<T>(&self, look: impl FnOnce(&HashMap<IssuerId, Arc<Slot>>) -> T) -> T {
        look(&self.slots.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Slot {
    fn rests(&self) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|until| Instant::now() < until)
    }

    fn fails(&self, why: &str) -> Busy {
        tracing::error!(error = why, "an issuer cannot be loaded");
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed = Instant::now().checked_add(RESTS);
        Busy
    }
}

const LOADING: usize = 4;
/// So many wait at most for what they counted to be written down.
const LEFT: usize = 256;
const WAITING: usize = 1024;
/// So long after a failure nobody tries again.
const RESTS: Duration = Duration::from_secs(1);
