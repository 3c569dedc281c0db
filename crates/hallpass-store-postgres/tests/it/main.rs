//! The PostgreSQL store from outside.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod again;
mod common;
mod contract;
mod faults;
mod hints;
mod migrations;
mod portable;
