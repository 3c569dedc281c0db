//! The second listener: `/health/live`, `/health/ready`, `/metrics`.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use hallpass_http::ClientAddr;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;

use crate::listen::{Answer, App, RequestBody};
use crate::shutdown::Shutdown;
use crate::telemetry::metrics::Metrics;

/// What operators ask.
#[derive(Clone, Debug)]
pub struct Operations {
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
    checks: Arc<[Check]>,
}

/// Something that must hold for the server to be ready.
pub struct Check {
    name: &'static str,
    holds: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Check {
    /// A condition with its name. It is asked often and must answer at once.
    pub fn new(name: &'static str, holds: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            name,
            holds: Box::new(holds),
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Operations {
    /// Ready while every check holds and the end has not begun.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, shutdown: Shutdown, checks: Vec<Check>) -> Self {
        Self {
            metrics,
            shutdown,
            checks: checks.into(),
        }
    }

    fn answer_to(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let known = matches!(path, "/health/live" | "/health/ready" | "/metrics");
        if known && method != Method::GET && method != Method::HEAD {
            let mut response = text(
                StatusCode::METHOD_NOT_ALLOWED,
                "method not allowed\n".to_owned(),
            );
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/health/live" => text(StatusCode::OK, "live\n".to_owned()),
            "/health/ready" => self.ready(),
            "/metrics" => self.numbers(),
            _ => text(StatusCode::NOT_FOUND, "not found\n".to_owned()),
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        if self.shutdown.has_begun() {
            return text(
                StatusCode::SERVICE_UNAVAILABLE,
                "not ready: draining\n".to_owned(),
            );
        }
        match self.checks.iter().find(|check| !(check.holds)()) {
            Some(check) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not ready: {}\n", check.name),
            ),
            None => text(StatusCode::OK, "ready\n".to_owned()),
        }
    }

    fn numbers(&self) -> Response<Full<Bytes>> {
        match self.metrics.text() {
            Ok(numbers) => {
                let mut response = text(StatusCode::OK, numbers);
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, OPENMETRICS);
                response
            }
            Err(error) => {
                tracing::error!(%error, "metrics cannot be shown");
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "metrics cannot be shown\n".to_owned(),
                )
            }
        }
    }
}

impl App for Operations {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<RequestBody>, _: ClientAddr) -> Answer<Full<Bytes>> {
        let response = self.answer_to(request.method(), request.uri().path());
        Answer {
            response,
            endpoint: "operations",
        }
    }
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
