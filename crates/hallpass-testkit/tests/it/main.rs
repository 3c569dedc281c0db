//! The provider from outside: the endpoints over sockets, one file each.
//!
//! Letters and numbers such as `TK-01` name the rows of the project's catalogue of attacks.
#![cfg(test)]
#![expect(clippy::string_slice, reason = "a test that slices wrongly fails")]

mod client_assertions;
mod client_secrets;
mod codes;
mod discovery;
mod registered_clients;
mod registration;
mod registration_uris;
mod token_requests;
