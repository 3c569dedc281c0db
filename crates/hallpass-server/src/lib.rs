//! The server: configuration, command line, listeners, TLS, telemetry and wiring, behind the `hallpass` binary.

pub mod client_addr;
pub mod config;
pub mod listen;
pub mod operations;
pub mod server;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
