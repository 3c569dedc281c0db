//! Responses with the headers that all of them carry.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, Entry, LOCATION, ORIGIN,
        REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use http_body_util::Full;

use crate::{Html, Response};

/// The policy of everything that is no page.
pub const CSP_NONE: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'";

/// A response with `Cache-Control: no-store`.
#[must_use]
pub fn no_store(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response {
    let mut response = http::Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(12);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A JSON response that is not stored.
#[must_use]
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response {
    no_store(status, "application/json", body)
}

/// A page that is not stored.
#[must_use]
pub fn html(status: StatusCode, page: Html) -> Response {
    let mut response = no_store(status, "text/html; charset=utf-8", page.body);
    if let Ok(csp) = HeaderValue::from_str(&page.csp) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, csp);
    }
    // With "no-referrer" browsers send "Origin: null" along with our own forms.
    response
        .headers_mut()
        .insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// A 303 redirect. A location that cannot stand in a header becomes a plain 500.
#[must_use]
pub fn redirect(location: &str) -> Response {
    //= RFC9700#4.12 MUST: after credentials were posted, the redirect turns into a GET without them
    let mut response = no_store(
        StatusCode::SEE_OTHER,
        "text/plain; charset=utf-8",
        Bytes::new(),
    );
    match HeaderValue::from_str(location) {
        Ok(value) => {
            response.headers_mut().insert(LOCATION, value);
        }
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    response
}

/// Adds what every response carries, where it is not there yet.
pub fn secure(headers: &mut HeaderMap, https: bool) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Only pages have a policy of their own.
    let framed = match headers.entry(CONTENT_SECURITY_POLICY) {
        Entry::Occupied(own) => may_be_framed(own.get()),
        Entry::Vacant(none) => {
            none.insert(HeaderValue::from_static(CSP_NONE));
            false
        }
    };
    if !framed {
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    headers
        .entry(REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("no-referrer"));
    if https {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000; includeSubDomains"),
        );
    }
}

/// Whether the page's own policy names an origin that may embed it. `X-Frame-Options` has no word for that.
fn may_be_framed(policy: &HeaderValue) -> bool {
    policy
        .to_str()
        .is_ok_and(|csp| csp.contains("frame-ancestors http"))
}

/// Whether a form post comes from a page of our own origin. Requests that say nothing about where they come from are
/// let through: the sealed state and its cookie decide about those.
#[must_use]
pub fn same_origin(headers: &HeaderMap, origin: &str) -> bool {
    if let Some(site) = headers.get("sec-fetch-site")
        && !matches!(site.as_bytes(), b"same-origin" | b"none")
    {
        return false;
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(value), None) => value.as_bytes() == origin.as_bytes(),
        (Some(_), Some(_)) => false,
    }
}
