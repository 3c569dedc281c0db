//! A store that fails when it is told to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use hallpass_store::{Answer, Around, Store, StoreError, Verb};

/// Passes everything on to another store until it is broken.
pub struct Breakable {
    store: Arc<dyn Store>,
    reads: AtomicBool,
    writes: AtomicBool,
}

impl std::fmt::Debug for Breakable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Breakable").finish_non_exhaustive()
    }
}

impl Breakable {
    /// Nothing is broken yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            store,
            reads: AtomicBool::new(false),
            writes: AtomicBool::new(false),
        })
    }

    /// From now on reads or writes fail, or they do not any more.
    pub fn set(&self, reads: bool, writes: bool) {
        self.reads.store(reads, Ordering::SeqCst);
        self.writes.store(writes, Ordering::SeqCst);
    }
}

/// The text must never reach a client.
fn failure<'a, T: Send + 'a>() -> Answer<'a, T> {
    Box::pin(async { Err(StoreError::unavailable("zq: the disk /dev/zq is gone")) })
}

impl Around for Breakable {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        verb: Verb,
        ask: impl FnOnce() -> Answer<'a, T>,
    ) -> Answer<'a, T> {
        if matches!(verb, Verb::Purge | Verb::ForgetIssued) {
            return ask();
        }
        let broken = if matches!(verb, Verb::Commit | Verb::CommitIssuer) {
            &self.writes
        } else {
            &self.reads
        };
        if broken.load(Ordering::SeqCst) {
            failure()
        } else {
            ask()
        }
    }
}
