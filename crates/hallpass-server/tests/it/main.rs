//! The server over sockets.
#![cfg(test)]

mod front;
mod listener;
mod support;
mod tls;
