//! What is asked of the surroundings: a way to the authorization server, and the time.

use std::{future::Future, pin::Pin, time::Duration};

use hallpass_types::Timestamp;

/// A boxed future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A request to the authorization server.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// An absolute https URL.
    pub url: &'a str,
    /// The `Accept` header.
    pub accept: &'static str,
    /// A form to POST; without one it is a GET.
    pub form: Option<&'a str>,
    /// The `Authorization` header. Never to be logged.
    pub authorization: Option<&'a str>,
    /// More bytes than this are not to be read.
    pub max_bytes: usize,
    /// The whole exchange may take so long.
    pub timeout: Duration,
}

/// A 200 answer.
#[derive(Clone, Debug)]
pub struct Received {
    /// The body.
    pub body: Vec<u8>,
    /// `max-age` of `Cache-Control` in seconds.
    pub max_age: Option<u32>,
}

/// There was no usable answer: connection, TLS, time, size, or another status than 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authorization server gave no usable answer")]
pub struct HttpError;

/// An HTTP client, made with the library of your choice. It follows no redirects and verifies certificates.
pub trait Http: Send + Sync + 'static {
    /// Sends one request.
    fn send<'a>(&'a self, request: Outgoing<'a>) -> BoxFuture<'a, Result<Received, HttpError>>;
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now, in whole seconds.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the Clock port's own implementation"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX)))
    }
}
