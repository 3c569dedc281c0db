//! Fixtures for tests: a provider in process behind a real socket, a client that looks at every answer, a clock that
//! stands still.
//!
//! [`Op`] is the provider with the clients and people of [`fixture`]. [`Browser`] speaks HTTP/1.1 to it over TCP, keeps
//! cookies, follows nothing by itself, and holds every answer against [`oracle`]: what must be true of all of them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "this crate is used by tests only, and a test that cannot go on fails"
)]

pub mod assertion;
mod authenticator;
mod browser;
pub mod fault;
pub mod fixture;
pub mod flow;
mod folder;
pub mod html;
pub mod op;
pub mod oracle;
pub mod ports;
pub mod postgres;
mod prover;
mod stored;
pub mod wire;

pub use authenticator::{Authenticator, SelfAttestation, VERIFIED};
pub use browser::Browser;
pub use flow::{Request, Tokens};
pub use op::{App, Op, Setup};
pub use prover::Prover;
pub use wire::{Answer, Ask};
