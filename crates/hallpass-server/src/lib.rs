//! The server: configuration, command line, listeners, TLS, telemetry and wiring, behind the `hallpass` binary.

pub mod config;
