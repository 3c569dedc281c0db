//! The program behind a listener.

use std::error::Error as StdError;
use std::future::Future;

use bytes::Bytes;
use hallpass_http::ClientAddr;
use http::{Request, Response};
use hyper::body::Body;

use super::body::RequestBody;

/// Answers requests.
pub trait App: Clone + Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn StdError + Send + Sync>>> + Send + 'static;

    /// Answers a request for which nothing has to be awaited, if it is one. Everything else is left to [`Self::answer`].
    fn at_once<B>(&self, request: &Request<B>) -> Option<Answer<Self::Body>> {
        let _ = request;
        None
    }

    /// Answers one request of a client at that address.
    fn answer(
        &self,
        request: Request<RequestBody>,
        client: ClientAddr,
    ) -> impl Future<Output = Answer<Self::Body>> + Send;
}

/// An answer, and the name of the endpoint that gave it, for the metrics.
#[derive(Debug)]
pub struct Answer<B> {
    /// The answer.
    pub response: Response<B>,
    /// The endpoint.
    pub endpoint: &'static str,
}
