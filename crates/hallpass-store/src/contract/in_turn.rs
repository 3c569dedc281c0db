//! Several stores over one database.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Answer, Around, Store, Verb};

/// Several stores over one database, as nodes are: each question and each commit goes to another one than the one before,
/// so that of many at the same moment each gets its part.
#[derive(Debug)]
pub struct InTurn<S, const N: usize> {
    nodes: [S; N],
    turns: AtomicUsize,
}

impl<S, const N: usize> InTurn<S, N> {
    /// Of these, one at least.
    #[must_use]
    pub const fn new(nodes: [S; N]) -> Self {
        Self {
            nodes,
            turns: AtomicUsize::new(0),
        }
    }
}

impl<S: Store, const N: usize> Around for InTurn<S, N> {
    fn inner(&self) -> &dyn Store {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        &self.nodes[turn % N]
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        _: Verb,
        ask: impl FnOnce() -> Answer<'a, T>,
    ) -> Answer<'a, T> {
        ask()
    }
}
