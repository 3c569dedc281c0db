//! The server over sockets.
#![cfg(test)]

mod commands;
mod front;
mod issuers;
mod listener;
mod postgres;
mod process;
mod serving;
mod support;
mod tls;
