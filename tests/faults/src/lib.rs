//! Experiments that break things under load.
//!
//! Each [`experiment`] starts the server that a [`Setup`] names, lets the workers of a [`driver`] use it, and breaks
//! something meanwhile. Every request and its outcome is an entry of a [`history`]; when the fault is over, an audit
//! asks the server what became of everything, and [`check`] compares the two. An answer that was never seen may have
//! happened or not, but must look the same to everybody from then on.
//!
//! Rows whose number begins with L are floods: whoever behaves must be served meanwhile.

pub mod check;
pub mod driver;
pub mod experiment;
pub mod history;
pub mod server;

mod abuse;
mod audit;
mod caller;
mod report;

pub use report::{Failed, Kept, Report, kept_with, page};
pub use server::Setup;
