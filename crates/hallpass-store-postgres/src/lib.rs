//! The PostgreSQL store, for any number of nodes, and whatever database speaks its protocol.
//!
//! Whatever may happen once is one statement whose number of changed rows decides. Commits of one shape share a statement;
//! questions share connections. Nothing is cached between calls, and nothing here needs a sequence, a notification or a
//! lock that is not a row; notifications are used for hints, where there are any.

mod admin;
mod failure;
mod hints;
mod issuers;
mod kind;
mod link;
mod migration;
mod op;
mod options;
mod people;
mod places;
mod purge;
mod queue;
mod read;
mod row;
mod source;
mod sql;
mod statement;
mod stats;
mod store;
mod tls;
mod together;
mod writer;

pub use options::{Address, InvalidAddress, Options, Tls};
pub use source::{Source, SourceError};
pub use stats::{Stats, StatsSnapshot};
pub use store::PostgresStore;
