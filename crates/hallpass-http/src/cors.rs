//! Cross-origin requests: public documents for everybody, token and UserInfo endpoints for registered browser
//! applications only, registration for these and, where anybody may register, for every page, the authorization endpoint
//! for nobody. Never with credentials.

use hallpass_provider::Provider;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
    },
};

use crate::{Response, headers::no_store};

/// The origin of a request, when it is one that may read the answer.
pub(crate) async fn allowed(provider: &Provider, headers: &HeaderMap) -> Option<HeaderValue> {
    let (value, origin) = named(headers)?;
    match provider.origin_allowed(origin).await {
        Ok(true) => Some(value.clone()),
        Ok(false) | Err(_) => None,
    }
}

/// The same at the registration endpoint and for registered clients.
pub(crate) async fn registers(provider: &Provider, headers: &HeaderMap) -> Option<HeaderValue> {
    let (value, origin) = named(headers)?;
    match provider.origin_may_register(origin).await {
        Ok(true) => Some(value.clone()),
        Ok(false) | Err(_) => None,
    }
}

/// The origin of a request that names one.
fn named(headers: &HeaderMap) -> Option<(&HeaderValue, &str)> {
    let mut all = headers.get_all(ORIGIN).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return None;
    };
    let origin = value.to_str().ok().filter(|o| *o != "null")?;
    Some((value, origin))
}

/// Lets the origin read the answer.
pub(crate) fn permit(response: &mut Response, origin: Option<HeaderValue>) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static(
                "DPoP-Nonce, OAuth-Client-Attestation-Challenge, WWW-Authenticate",
            ),
        );
    }
}

/// The answer to a preflight request.
pub(crate) fn preflight(origin: Option<HeaderValue>, methods: &'static str) -> Response {
    let mut response = no_store(StatusCode::NO_CONTENT, "text/plain; charset=utf-8", "");
    let known = origin.is_some();
    permit(&mut response, origin);
    if known {
        let headers = response.headers_mut();
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(methods),
        );
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(
                "Authorization, Content-Type, DPoP, OAuth-Client-Attestation, OAuth-Client-Attestation-PoP",
            ),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}
