//! The SQLite store: one file that is the truth, for one process that serves and others that administer.
//!
//! Writes go to one thread that puts all commits that wait into one durable transaction. Reads run on the calling
//! thread, since a point read is shorter than the way to another thread. Nothing is cached between calls, so what
//! another process wrote is seen at once.

mod admin;
mod apply;
mod backup;
mod check;
mod connection;
mod credentials;
mod due;
mod failure;
mod issuers;
mod migration;
mod options;
mod people;
mod place;
mod purge;
mod read;
mod roots;
mod sql;
mod stats;
mod store;
mod together;
mod work;
mod writer;

pub use backup::{Copied, Inspected};
pub use hallpass_store::{Histogram, HistogramSnapshot};
pub use options::Options;
pub use stats::{Stats, StatsSnapshot};
pub use store::SqliteStore;
