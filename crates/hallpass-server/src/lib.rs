//! The server: configuration, command line, listeners, TLS, telemetry and wiring, behind the `hallpass` binary.

pub mod admission;
pub mod app;
mod audit;
pub mod cli;
pub mod client_addr;
pub mod client_certificate;
pub mod commands;
pub mod config;
pub mod data_folder;
pub mod demo;
pub mod events;
pub mod failure;
pub mod issuers;
pub mod jobs;
pub mod limits;
pub mod listen;
mod moment;
pub mod operations;
pub mod output;
pub mod server;
pub mod shared_limits;
pub mod shutdown;
pub mod signers;
mod steady;
pub mod telemetry;
pub mod tls;
pub mod wiring;
