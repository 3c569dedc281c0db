//! The rules of OAuth 2.0 and OpenID Connect as pure functions.
