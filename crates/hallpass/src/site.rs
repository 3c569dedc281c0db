//! One issuer, or several, as a service.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hallpass_http::{Endpoints, Problem, Response, secure};
use hallpass_provider::Provider;
use hallpass_types::{ErrorCode, Issuer};
use http::{Request, header::HOST};
use http_body::Body;

type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Everything of one issuer: the protocol's endpoints, and the built-in pages where they are used. Cheap to clone.
///
/// The address from which a request comes is expected among its extensions as [`ClientAddr`](crate::ClientAddr); limits that
/// count by address count nothing without it. A router for axum takes it from the connection.
#[derive(Clone, Debug)]
pub struct Site {
    endpoints: Endpoints,
    #[cfg(feature = "pages")]
    pages: Option<hallpass_pages::PageRoutes>,
}

impl Site {
    /// The endpoints alone: pages are the program's own.
    #[must_use]
    pub fn new(provider: Provider) -> Self {
        Self::of(Endpoints::new(provider))
    }

    /// The endpoints as they are, with error pages of one's own for instance.
    #[must_use]
    pub fn of(endpoints: Endpoints) -> Self {
        Self {
            endpoints,
            #[cfg(feature = "pages")]
            pages: None,
        }
    }

    /// The endpoints and the built-in pages; the same pages say where the provider sends people.
    #[cfg(feature = "pages")]
    #[must_use]
    pub fn with_pages(
        provider: Provider,
        pages: hallpass_pages::BuiltinPages,
        sign_in: Arc<dyn hallpass_provider::ports::PasswordSignIn>,
    ) -> Self {
        let endpoints = Endpoints::new(provider).with_pages(Arc::new(pages.clone()));
        let routes = hallpass_pages::PageRoutes::new(endpoints.clone(), pages, sign_in);
        Self {
            endpoints,
            pages: Some(routes),
        }
    }

    /// The endpoints, for pages of one's own: they read the cookies of a request and answer what a page reports.
    #[must_use]
    pub const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The provider.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        self.endpoints.provider()
    }

    fn issuer(&self) -> &Issuer {
        &self.provider().policy().issuer
    }

    /// Answers a request, or gives it back when its path is not one of this issuer's.
    ///
    /// # Errors
    /// The request itself, untouched.
    pub async fn handle<B>(&self, request: Request<B>) -> Result<Response, Request<B>>
    where
        B: Body + Send,
        B::Data: Send,
    {
        #[cfg(feature = "pages")]
        let request = match &self.pages {
            Some(pages) => match pages.handle(request).await {
                Ok(response) => return Ok(response),
                Err(request) => request,
            },
            None => request,
        };
        self.endpoints.handle(request).await
    }

    /// The answer to a request for what is not there.
    fn nothing<B>(&self, request: &Request<B>) -> Response {
        #[cfg(feature = "pages")]
        if let Some(pages) = &self.pages {
            return pages.nothing(request);
        }
        let _: &Request<B> = request;
        let mut response = nothing();
        secure(response.headers_mut(), self.issuer().is_https());
        response
    }

    /// A router that answers this issuer and nothing else. Its routes stand at the places that the issuer says: merge it, or
    /// make it the fallback of another router; do not nest it.
    #[cfg(feature = "axum")]
    pub fn into_router(self) -> axum::Router {
        axum::Router::new().fallback_service(axum_mount::FromConnection(self))
    }
}

fn nothing() -> Response {
    let text = "there is nothing here";
    Problem::refused(404, ErrorCode::InvalidRequest, "not_found", text).json()
}

impl<B> tower_service::Service<Request<B>> for Site
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let site = self.clone();
        Box::pin(async move {
            let answered = site.handle(request).await;
            Ok(answered.unwrap_or_else(|request| site.nothing(&request)))
        })
    }
}

/// Several issuers of one program, told apart by host and path. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Sites(Arc<Vec<Site>>);

impl Sites {
    /// These. Of two that could answer, the one with the longer path does.
    #[must_use]
    pub fn new(mut sites: Vec<Site>) -> Self {
        sites.sort_by_key(|site| std::cmp::Reverse(site.issuer().path().len()));
        Self(Arc::new(sites))
    }

    /// Answers a request, or gives it back when it is for none of the issuers.
    ///
    /// # Errors
    /// The request itself, untouched.
    pub async fn handle<B>(&self, mut request: Request<B>) -> Result<Response, Request<B>>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let Some(host) = host_of(&request).map(str::to_ascii_lowercase) else {
            return Err(request);
        };
        let sites = self.0.iter().filter(|site| is_at(site.issuer(), &host));
        for site in sites {
            request = match site.handle(request).await {
                Ok(response) => return Ok(response),
                Err(request) => request,
            };
        }
        Err(request)
    }

    /// A router that answers these issuers and nothing else.
    #[cfg(feature = "axum")]
    pub fn into_router(self) -> axum::Router {
        axum::Router::new().fallback_service(axum_mount::FromConnection(self))
    }
}

/// The host that a request names, with its port; none when it names none or two.
fn host_of<B>(request: &Request<B>) -> Option<&str> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str());
    }
    let mut named = request.headers().get_all(HOST).iter();
    match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None | Some(_), _) => None,
    }
}

/// Whether an issuer is at that host. The port of the scheme may be named or not.
fn is_at(issuer: &Issuer, host: &str) -> bool {
    let origin = issuer.origin();
    let own = origin.split_once("://").map_or(origin, |(_, host)| host);
    let usual = if issuer.is_https() { ":443" } else { ":80" };
    own == host.strip_suffix(usual).unwrap_or(host)
}

impl<B> tower_service::Service<Request<B>> for Sites
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let sites = self.clone();
        Box::pin(async move {
            let answered = sites.handle(request).await;
            Ok(answered.unwrap_or_else(|_| {
                let mut response = nothing();
                secure(response.headers_mut(), false);
                response
            }))
        })
    }
}

#[cfg(feature = "axum")]
mod axum_mount {
    use std::{
        convert::Infallible,
        net::SocketAddr,
        task::{Context, Poll},
    };

    use axum::extract::ConnectInfo;
    use hallpass_http::{ClientAddr, Response};
    use http::Request;
    use tower_service::Service;

    /// Takes the address of the connection for that of the person, where nothing before it knew better.
    #[derive(Clone, Debug)]
    pub(super) struct FromConnection<S>(pub(super) S);

    impl<B, S> Service<Request<B>> for FromConnection<S>
    where
        S: Service<Request<B>, Response = Response, Error = Infallible>,
    {
        type Response = Response;
        type Error = Infallible;
        type Future = S::Future;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.0.poll_ready(cx)
        }

        fn call(&mut self, mut request: Request<B>) -> S::Future {
            let extensions = request.extensions_mut();
            if extensions.get::<ClientAddr>().is_none()
                && let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>()
            {
                let peer = ClientAddr(peer.ip());
                extensions.insert(peer);
            }
            self.0.call(request)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_at_its_own_host_alone() {
        let at = |issuer, host| is_at(&Issuer::parse(issuer).unwrap(), host);
        assert!(at("https://op.example", "op.example"));
        assert!(at("https://op.example", "op.example:443"));
        assert!(at("https://op.example/t1", "op.example"));
        assert!(at("http://localhost:3000", "localhost:3000"));
        for (issuer, host) in [
            ("https://op.example", "other.example"),
            ("https://op.example", "op.example:80"),
            ("https://op.example", "op.example:8443"),
            ("https://op.example:8443", "op.example"),
            ("https://op.example", "x.op.example"),
            ("https://op.example", "op.example.evil.example"),
            ("https://op.example", ""),
        ] {
            assert!(!at(issuer, host), "{issuer} {host}");
        }
    }

    #[test]
    fn a_request_that_names_two_hosts_names_none() {
        let request = Request::builder().uri("/token").header(HOST, "a");
        let one = request.body(()).unwrap();
        assert_eq!(host_of(&one), Some("a"));
        let request = Request::builder().uri("/token").header(HOST, "a");
        let two = request.header(HOST, "b").body(()).unwrap();
        assert_eq!(host_of(&two), None);
        assert_eq!(host_of(&Request::new(())), None);
    }
}
