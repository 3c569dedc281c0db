//! Programs that nobody here wrote against the binary.
#![cfg(test)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests may stop, and say what they did"
)]

mod authlib;
mod browser;
mod gallery;
mod kill9;
mod mcp;
mod node;
mod openapi;
mod openidconnect;
mod support;
mod walk;
mod walks;
