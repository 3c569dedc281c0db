//! The page at `check_session_iframe`,
//! [OpenID Connect Session Management §3](https://openid.net/specs/openid-connect-session-1_0.html#ChangeNotification).
//!
//! Clients load it in a frame and ask it whether the session is still the one of their sign-in. It answers from a cookie
//! alone, to the origin that asked and to nobody else; an origin that asks with another one's state learns that
//! something has changed, always.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hallpass_types::sha256;
use http::{HeaderMap, Method, Request, StatusCode, header::X_FRAME_OPTIONS};

use crate::{Endpoints, Html, Problem, Response, headers};

/// Takes the name of the cookie.
const SCRIPT: &str = include_str!("check_session.js");

pub(crate) fn page<B>(endpoints: &Endpoints, request: &Request<B>) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::method("GET, HEAD").page(&*endpoints.pages);
    }
    let script = SCRIPT.replace("COOKIE", endpoints.cookies.state());
    let digest = STANDARD.encode(sha256(script.as_bytes()));
    let mut response = headers::html(
        StatusCode::OK,
        Html {
            body: format!(
                "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Session</title></head>\
                 <body><script>{script}</script></body></html>\n"
            ),
            csp: format!(
                "default-src 'none'; script-src 'sha256-{digest}'; frame-ancestors *; base-uri 'none'; \
                 form-action 'none'; object-src 'none'"
            ),
        },
    );
    if *request.method() == Method::HEAD {
        *response.body_mut() = http_body_util::Full::default();
    }
    response
}

/// This one page shows nothing that could be clicked.
pub(crate) fn may_be_framed(headers: &mut HeaderMap) {
    headers.remove(X_FRAME_OPTIONS);
}
