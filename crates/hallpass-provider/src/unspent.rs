//! What authenticated the client of a request and works once. It is spent in the commit of what was asked for; when there is
//! none, by itself before the answer leaves. Either way nothing has an effect before it is spent.

use std::sync::atomic::{AtomicBool, Ordering};

use hallpass_core::{client_auth, client_auth::OnceUse};
use hallpass_store::{Commit, Committed, Spend};

use crate::{Failure, Provider};

/// Assertions and proofs that may not be spent yet.
#[derive(Debug, Default)]
pub(crate) struct Unspent {
    once: [Option<OnceUse>; 2],
    spent: AtomicBool,
}

impl Unspent {
    pub(crate) const fn new(once: [Option<OnceUse>; 2]) -> Self {
        Self {
            once,
            spent: AtomicBool::new(false),
        }
    }

    /// What is still to be spent.
    pub(crate) fn pending(&self) -> impl Iterator<Item = Spend> {
        let spent = self.spent.load(Ordering::Relaxed);
        let pending = self.once.into_iter().flatten().filter(move |_| !spent);
        pending.map(|once| Spend::Once(once.key))
    }

    /// A commit that holds them has ended.
    pub(crate) fn settle(&self) {
        self.spent.store(true, Ordering::Relaxed);
    }
}

impl Provider {
    /// Spends them now, unless they are spent.
    ///
    /// # Errors
    /// Somebody used one of them before.
    //= RFC7523#3 MUST: an assertion that was used is refused when it is shown again
    pub(crate) async fn spend(&self, unspent: &Unspent) -> Result<(), Failure> {
        let spends: Vec<Spend> = unspent.pending().collect();
        if spends.is_empty() {
            return Ok(());
        }
        let commit = Commit {
            spends,
            writes: Vec::new(),
        };
        let committed = self.commit(commit).await?;
        unspent.settle();
        if committed == Committed::Done {
            Ok(())
        } else {
            Err(client_auth::Reason::Replayed.into())
        }
    }

    /// The outcome of a request after which nothing is left unspent.
    ///
    /// # Errors
    /// The failure itself, or that the assertion was used before.
    pub(crate) async fn settled<T>(
        &self,
        unspent: &Unspent,
        outcome: Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.spend(unspent).await?;
        outcome
    }
}
