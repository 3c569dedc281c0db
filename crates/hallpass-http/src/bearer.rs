//! Bearer tokens in requests, [RFC 6750 §2](https://www.rfc-editor.org/rfc/rfc6750#section-2).

use http::{HeaderMap, header::AUTHORIZATION};

/// The token of an `Authorization: Bearer` header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bearer<'h> {
    None,
    Token(&'h str),
    /// Two headers, or a header that is not readable.
    Malformed,
}

/// Reads the header. Another scheme counts as none.
pub(crate) fn of(headers: &HeaderMap) -> Bearer<'_> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let value = match (all.next(), all.next()) {
        (None, _) => return Bearer::None,
        (Some(value), None) => value,
        (Some(_), Some(_)) => return Bearer::Malformed,
    };
    let Ok(text) = value.to_str() else {
        return Bearer::Malformed;
    };
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Bearer::None;
    }
    let token = token.trim();
    if token.is_empty() {
        Bearer::None
    } else {
        Bearer::Token(token)
    }
}
