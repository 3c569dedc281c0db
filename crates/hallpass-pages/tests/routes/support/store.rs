//! The memory store, counting what is written.

use std::sync::atomic::{AtomicUsize, Ordering};

use hallpass_store::{Answer, Around, MemoryStore, Store, Verb};

#[derive(Default)]
pub(crate) struct Counting {
    inner: MemoryStore,
    commits: AtomicUsize,
}

impl Counting {
    pub(crate) fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }
}

impl Around for Counting {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        verb: Verb,
        ask: impl FnOnce() -> Answer<'a, T>,
    ) -> Answer<'a, T> {
        if verb == Verb::Commit {
            self.commits.fetch_add(1, Ordering::SeqCst);
        }
        ask()
    }
}
