//! A load generator for authorization servers, and the handlers that show what a server could
//! reach at most.
//!
//! [`run`] repeats one kind of [`Work`] on a number of open connections and counts how often it
//! succeeded, how long each step took and how often something went wrong. [`limit`] serves the
//! least that a token endpoint must do, and [`floor`] does the least of a flow whose client signs and of a refresh, to compare
//! with.

pub mod browser;
mod counted;
pub mod floor;
pub mod flow;
pub mod histogram;
pub mod html;
pub mod http;
mod job;
mod key;
pub mod limit;
mod process;
mod run;
mod sign_in;

pub use counted::{Counted, Meter, Plan, counted};
pub use job::{Client, Endpoints, Job, Server, TokenKind, Visitor, Work};
pub use key::{Assertions, ClientKey, Proofs};
pub use run::{Outcome, ServerUse, StepOutcome, run};
pub use sign_in::{SignedIn, sign_in};
