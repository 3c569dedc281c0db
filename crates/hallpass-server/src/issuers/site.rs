//! The program behind the public listener when there may be many issuers.

use bytes::Bytes;
use hallpass_admin::AdminApi;
use hallpass_dashboard::Dashboard;
use hallpass_http::{ClientAddr, Problem, secure};
use hallpass_types::ErrorCode;
use http::header::{HOST, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response};
use http_body_util::Full;

use super::{FORGETS, Issuers, Where};
use crate::app::NOTHING;
use crate::listen::{Answer, App, RequestBody};

/// Gives each request to the issuer that it is for.
#[derive(Clone, Debug)]
pub struct Site(Issuers, Option<AdminApi>, Option<Dashboard>);

impl Site {
    /// For these issuers and that of the configuration.
    #[must_use]
    pub fn new(issuers: Issuers) -> Self {
        Self(issuers, None, None)
    }

    /// With administration over HTTP at the issuer of the configuration.
    #[must_use]
    pub fn with_admin(self, api: AdminApi) -> Self {
        Self(self.0, Some(api), self.2)
    }

    /// With the dashboard at the issuer of the configuration.
    #[must_use]
    pub fn with_dashboard(self, dashboard: Dashboard) -> Self {
        Self(self.0, self.1, Some(dashboard))
    }

    /// The issuer of a request. Its host says where the request goes and nothing else: no URL is ever made of it.
    async fn find(&self, request: &Request<RequestBody>) -> Result<Where, ()> {
        if self.looks_each_time() && self.0.look().await.is_err() {
            return Err(());
        }
        Ok(self.place(request))
    }

    fn looks_each_time(&self) -> bool {
        self.0.0.config.cache.bound.0 == 0
    }

    /// Whose request it is, by what is known.
    fn place<B>(&self, request: &Request<B>) -> Where {
        // The form was looked at when the request came in; there is one of them, or both say the same.
        let header = || request.headers().get(HOST)?.to_str().ok();
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let host = authority.or_else(header);
        let path = request.uri().path();
        self.0.directory(|directory| directory.find(host, path))
    }

    fn nowhere(&self) -> Answer<Full<Bytes>> {
        let text = "there is nothing at this address";
        let problem = Problem::refused(404, ErrorCode::InvalidRequest, "not_found", text);
        self.finished(problem.json())
    }

    // RFC 9110 §15.5.20: whoever came by a connection for another host may come again by one of its own.
    fn misdirected(&self) -> Answer<Full<Bytes>> {
        let text = "this server does not answer for that host";
        let problem = Problem::refused(421, ErrorCode::InvalidRequest, "host_unknown", text);
        self.finished(problem.json())
    }

    fn busy(&self) -> Answer<Full<Bytes>> {
        let text = "this issuer cannot answer now";
        let id = "issuer_busy";
        let problem = Problem::refused(503, ErrorCode::TemporarilyUnavailable, id, text);
        let mut response = problem.json();
        let seconds = HeaderValue::from(self.0.later());
        response.headers_mut().insert(RETRY_AFTER, seconds);
        self.finished(response)
    }

    fn finished(&self, mut response: Response<Full<Bytes>>) -> Answer<Full<Bytes>> {
        let default = self.0.default_issuer().provider();
        secure(response.headers_mut(), default.policy().issuer.is_https());
        Answer {
            response,
            endpoint: NOTHING,
        }
    }
}

impl App for Site {
    type Body = Full<Bytes>;

    fn at_once<B>(&self, request: &Request<B>) -> Option<Answer<Full<Bytes>>> {
        if *request.method() != Method::GET || self.looks_each_time() {
            return None;
        }
        match self.place(request) {
            Where::Default => self.0.default_issuer().at_once(request),
            Where::Other(_) | Where::Nowhere | Where::OtherHost => None,
        }
    }

    async fn answer(
        &self,
        request: Request<RequestBody>,
        client: ClientAddr,
    ) -> Answer<Full<Bytes>> {
        match self.find(&request).await {
            Ok(Where::Default) => {
                let default = self.0.default_issuer();
                let path = request.uri().path();
                if let Some(api) = self.1.as_ref().filter(|api| api.has(path)) {
                    return default.administer(api, request, client).await;
                }
                match self.2.as_ref().filter(|pages| pages.has(path)) {
                    Some(pages) => default.dashboard(pages, request, client).await,
                    None => default.answer(request, client).await,
                }
            }
            Ok(Where::Nowhere) => self.nowhere(),
            Ok(Where::OtherHost) => self.misdirected(),
            Ok(Where::Other(known)) => {
                // Whoever was disabled or deleted since then must not answer.
                if self.0.age() > FORGETS {
                    return self.busy();
                }
                match self.0.get(known).await {
                    Ok(Some(issuer)) => issuer.answer(request, client).await,
                    Ok(None) => self.nowhere(),
                    Err(_) => self.busy(),
                }
            }
            Err(()) => self.busy(),
        }
    }
}
