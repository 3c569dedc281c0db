//! `query`, [RFC 6749 §4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2).

//= RFC6749#3.1.2 MUST: a query that the redirect URI has is kept when parameters are added
pub(super) fn location(uri: &str, params: &[(&'static str, String)]) -> String {
    super::with_query(uri, params)
}
