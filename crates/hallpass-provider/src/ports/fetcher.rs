//! Outgoing requests: one guarded way out.

use std::time::Duration;

use hallpass_store::BoxFuture;

/// A GET request to somebody else's server.
#[derive(Clone, Debug)]
pub struct FetchRequest<'a> {
    /// An absolute URL.
    pub url: &'a str,
    /// The `Accept` header.
    pub accept: &'static str,
    /// More bytes than this end the request.
    pub max_bytes: usize,
    /// The whole request may take so long.
    pub timeout: Duration,
}

/// A 200 answer.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The body.
    pub body: Vec<u8>,
    /// `max-age` of `Cache-Control`, in seconds.
    pub max_age: Option<u32>,
    /// `Content-Type`, lower case, without parameters.
    pub content_type: Option<String>,
}

/// A POST request to somebody else's server. Only the status of the answer is of interest.
#[derive(Clone)]
pub struct PostRequest<'a> {
    /// An absolute URL.
    pub url: &'a str,
    /// `Content-Type`.
    pub content_type: &'a str,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// Headers beside these.
    pub headers: &'a [(&'static str, &'a str)],
    /// The body.
    pub body: &'a str,
    /// The whole request may take so long.
    pub timeout: Duration,
}

impl std::fmt::Debug for PostRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostRequest")
            .field("url", &self.url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A question to a provider at which people sign in: a form that is posted, or a document that a token opens.
#[derive(Clone)]
pub struct ExchangeRequest<'a> {
    /// An absolute URL.
    pub url: &'a str,
    /// Posted as `application/x-www-form-urlencoded`; without one it is a GET.
    pub form: Option<&'a str>,
    /// The `Accept` header.
    pub accept: &'static str,
    /// `Authorization`.
    pub authorization: Option<&'a str>,
    /// More bytes than this end the request.
    pub max_bytes: usize,
    /// The whole request may take so long.
    pub timeout: Duration,
}

/// Form and header are secrets and are not printed.
impl std::fmt::Debug for ExchangeRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExchangeRequest")
            .field("url", &self.url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// An answer, whatever its status.
#[derive(Clone)]
pub struct Exchanged {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// The body holds tokens and is not printed.
impl std::fmt::Debug for Exchanged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchanged")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Nothing was fetched. The text is the same for every blocked target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The target is not allowed.
    #[error("the address is not allowed")]
    Blocked,
    /// No good answer in time: connection, TLS, status, size or deadline.
    #[error("no usable answer")]
    Failed,
    /// Too many requests are under way; this one was not made.
    #[error("too many requests are under way")]
    Busy,
}

/// Fetches documents that clients name (`jwks_uri`, `sector_identifier_uri`), and tells clients what they asked to be told.
pub trait Fetcher: Send + Sync + 'static {
    /// Fetches one document. Follows no redirect, uses no proxy, and dials only allowed addresses.
    fn fetch<'a>(&'a self, request: FetchRequest<'a>)
    -> BoxFuture<'a, Result<Fetched, FetchError>>;

    /// Sends something and answers the status, whatever it is. Follows no redirect and dials only allowed addresses.
    fn post<'a>(&'a self, request: PostRequest<'a>) -> BoxFuture<'a, Result<u16, FetchError>> {
        let _ = request;
        Box::pin(async { Err(FetchError::Blocked) })
    }

    /// Asks something and answers what came back. Follows no redirect and dials only allowed addresses.
    fn exchange<'a>(
        &'a self,
        request: ExchangeRequest<'a>,
    ) -> BoxFuture<'a, Result<Exchanged, FetchError>> {
        let _ = request;
        Box::pin(async { Err(FetchError::Blocked) })
    }

    /// Whether the URL may be fetched from, as far as that can be said without connecting. Asked when a client names it,
    /// so that a bad address is refused at once; every fetch decides again.
    fn permits<'a>(&'a self, url: &'a str) -> BoxFuture<'a, bool> {
        let _ = url;
        Box::pin(async { true })
    }
}

/// Fetches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFetcher;

impl Fetcher for NoFetcher {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async { Err(FetchError::Blocked) })
    }
}
