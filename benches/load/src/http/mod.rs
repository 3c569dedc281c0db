//! A small HTTP/1.1 client: one request at a time on a connection that stays open.
//!
//! A general client costs more per request than the fastest servers that are measured here, and
//! would then measure itself. This one writes prepared bytes and reads the head and the body.

mod connection;
mod request;

pub use connection::{Connection, Response};
pub use request::{Authority, Template, basic, encode_form};

/// Why an exchange, or a flow made of several, did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The connection could not be made, or broke.
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
    /// The server closed the connection in the middle of an answer.
    #[error("the server closed the connection")]
    Closed,
    /// The answer is not HTTP/1.1.
    #[error("not an HTTP/1.1 answer: {0}")]
    Malformed(&'static str),
    /// The address is not one that this client can use.
    #[error("not a plain http address: {0}")]
    Address(String),
    /// The server answered, but with something else than the flow needs.
    #[error("{step}: {what}")]
    Unexpected {
        /// The step of the flow.
        step: &'static str,
        /// Status and beginning of the body.
        what: String,
    },
}

impl Failure {
    /// The failure of a step that was answered with the wrong thing.
    #[must_use]
    pub fn unexpected(step: &'static str, response: &Response<'_>) -> Self {
        let body = String::from_utf8_lossy(response.body);
        let body: String = body.chars().take(300).collect();
        let location = response.header("location").unwrap_or_default();
        Self::Unexpected {
            step,
            what: format!("{} {location} {body}", response.status),
        }
    }

    /// The failure of a step, in words.
    #[must_use]
    pub fn step(step: &'static str, what: impl Into<String>) -> Self {
        Self::Unexpected {
            step,
            what: what.into(),
        }
    }
}
