//! The tower layer.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{BoxFuture, Demand, ResourceServer};

/// Puts a [`Guard`] in front of a service.
#[derive(Clone, Debug)]
pub struct GuardLayer {
    server: ResourceServer,
    demand: Demand,
}

impl GuardLayer {
    pub(crate) const fn new(server: ResourceServer, demand: Demand) -> Self {
        Self { server, demand }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard {
            server: self.server.clone(),
            demand: self.demand.clone(),
            inner,
        }
    }
}

/// Lets requests through whose token meets the demand, with the [`AccessToken`](crate::AccessToken) among their extensions.
/// Others are answered with a challenge and an empty body.
#[derive(Clone, Debug)]
pub struct Guard<S> {
    server: ResourceServer,
    demand: Demand,
    inner: S,
}

impl<S, In, Out> Service<Request<In>> for Guard<S>
where
    S: Service<Request<In>, Response = Response<Out>> + Clone + Send + 'static,
    S::Future: Send,
    In: Send + 'static,
    Out: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        // The one that is ready is used up; the next request gets the other.
        let other = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, other);
        let (server, demand) = (self.server.clone(), self.demand.clone());
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match server.check(&parts, &demand).await {
                Ok(token) => {
                    parts.extensions.insert(token);
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(rejected) => {
                    let mut response = Response::new(Out::default());
                    *response.status_mut() = rejected.status;
                    *response.headers_mut() = rejected.headers;
                    Ok(response)
                }
            }
        })
    }
}
