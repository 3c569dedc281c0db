//! Access tokens in the header, [RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1) and
//! [RFC 9449 §7.1](https://www.rfc-editor.org/rfc/rfc9449#section-7.1).

use hallpass_core::issue::TokenType;
use http::{HeaderMap, header::AUTHORIZATION};

/// The token of an `Authorization` header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bearer<'h> {
    None,
    Token(TokenType, &'h str),
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
    //= RFC9110#11.1 MUST: the name of a scheme is compared without case
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let scheme = if scheme.eq_ignore_ascii_case("bearer") {
        TokenType::Bearer
    } else if scheme.eq_ignore_ascii_case("dpop") {
        TokenType::DPoP
    } else {
        return Bearer::None;
    };
    let token = token.trim();
    if token.is_empty() {
        Bearer::None
    } else {
        Bearer::Token(scheme, token)
    }
}
