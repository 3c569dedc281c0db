//! The server over sockets.
#![cfg(test)]

mod commands;
mod front;
mod issuers;
mod listener;
mod process;
mod serving;
mod support;
mod tls;
