//! Requests that did not succeed, on the wire.

use std::sync::atomic::{AtomicU32, Ordering};

use hallpass_provider::{Failure, Refusal};
use hallpass_types::ErrorCode;
use http::{
    HeaderValue, StatusCode,
    header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{Onward, RenderPages, Response, headers};

/// Stands with a response to whoever named a code, a token or an assertion that is none, or none any more: who tries many may
/// be guessing.
#[derive(Clone, Copy, Debug)]
pub struct NoSuchToken;

/// An error response in the making.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: ErrorCode,
    id: &'static str,
    text: String,
    retry_after: Option<u32>,
    allow: Option<&'static str>,
    challenge: Option<HeaderValue>,
}

impl Problem {
    /// A refusal with a status of its own.
    #[must_use]
    pub fn refused(status: u16, code: ErrorCode, id: &'static str, text: &str) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
            code,
            id,
            text: text.to_owned(),
            retry_after: None,
            allow: None,
            challenge: None,
        }
    }

    /// 405 with the methods that are allowed.
    #[must_use]
    pub fn method(allow: &'static str) -> Self {
        let mut problem = Self::refused(
            405,
            ErrorCode::InvalidRequest,
            "method_not_allowed",
            "this method is not allowed here",
        );
        problem.allow = Some(allow);
        problem
    }

    /// Adds `WWW-Authenticate`.
    #[must_use]
    pub fn challenged(mut self, challenge: HeaderValue) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Makes it a 401 with that challenge.
    #[must_use]
    pub fn unauthorized(mut self, challenge: HeaderValue) -> Self {
        self.status = StatusCode::UNAUTHORIZED;
        self.challenged(challenge)
    }

    /// The same as the answer to a form: one that was not made for this browser and session, or is over, is no form of ours
    /// (403). A page that is only asked for says that the address is none (400).
    #[must_use]
    pub fn of_form(mut self) -> Self {
        if self.status == StatusCode::BAD_REQUEST && NO_FORM_OF_OURS.contains(&self.id) {
            self.status = StatusCode::FORBIDDEN;
        }
        self
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The error code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The stable identifier of the reason.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// The JSON response (RFC 6749 §5.2).
    #[must_use]
    pub fn json(self) -> Response {
        let body = serde_json::json!({
            "error": self.code.as_str(),
            "error_description": self.text,
        });
        let mut response = headers::json(self.status, body.to_string());
        self.extra(&mut response);
        response
    }

    /// The HTML response.
    #[must_use]
    pub fn page(self, pages: &dyn RenderPages) -> Response {
        let rendered = pages.error(self.status.as_u16(), self.code, self.id, &self.text);
        let mut response = headers::html(self.status, rendered);
        self.extra(&mut response);
        response
    }

    /// The HTML response, from which a person may go on to `next`.
    #[must_use]
    pub(crate) fn page_before(self, pages: &dyn RenderPages, next: Option<Onward<'_>>) -> Response {
        let Some(next) = next else {
            return self.page(pages);
        };
        let status = self.status.as_u16();
        let rendered = pages.error_before(status, self.code, self.id, &self.text, next);
        let mut response = headers::html(self.status, rendered);
        self.extra(&mut response);
        response
    }

    fn extra(&self, response: &mut Response) {
        if self.code == ErrorCode::InvalidGrant {
            response.extensions_mut().insert(NoSuchToken);
        }
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(challenge) = &self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = refusal.code.status();
        let mut problem = Self::refused(status, refusal.code, refusal.id, refusal.text);
        // Whoever is turned away for a while is told for how long.
        problem.retry_after = (status == 503).then_some(LATER);
        problem
    }
}

/// Up to three seconds, so that those who were told to come back do not come together.
fn spread() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    count.wrapping_mul(0x9E37_79B9).wrapping_shr(30)
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Unavailable { retry_after } => {
                let text = "the server is busy, try again soon";
                let mut problem =
                    Self::refused(503, ErrorCode::TemporarilyUnavailable, "busy", text);
                // Whoever says more has spread it already.
                let more = if retry_after <= 1 { spread() } else { 0 };
                problem.retry_after = Some(retry_after.max(1).saturating_add(more));
                problem
            }
            Failure::Throttled { retry_after } => {
                let text = "too many requests, try again later";
                let mut problem =
                    Self::refused(429, ErrorCode::TemporarilyUnavailable, "throttled", text);
                problem.retry_after = Some(retry_after.max(1));
                problem
            }
            Failure::Internal(error) => {
                tracing::error!(error, "a request failed");
                Self::refused(
                    500,
                    ErrorCode::ServerError,
                    "internal",
                    "something went wrong on our side",
                )
            }
        }
    }
}

/// Why what a form carries does not show that a page of ours was shown to this browser and for this session.
const NO_FORM_OF_OURS: &[&str] = &[
    "page_without_request",
    "interaction_unknown",
    "interaction_expired",
    "interaction_other_browser",
    "interaction_other_session",
    "upstream_form",
];

/// Seconds after which it may be worth to come back to something that is full.
const LATER: u32 = 300;

/// A failure as a page.
#[must_use]
pub fn failure_page(failure: Failure, pages: &dyn RenderPages) -> Response {
    Problem::from(failure).page(pages)
}
