//! Storage ports in protocol verbs, the in-memory store and the contract suite for adapters.
//!
//! A store is the truth: whatever may happen once is decided by one atomic [`Store::commit`].

mod commit;
mod error;
mod port;

pub use commit::{Commit, Committed, Spend, Write};
pub use error::StoreError;
pub use port::{BoxFuture, KeyPhase, KeyRecord, Page, Standing, Store, UserRecord};
