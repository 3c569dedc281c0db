//! `fragment`, [RFC 6749 §4.2.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.2.2).

pub(super) fn location(uri: &str, params: &[(&'static str, String)]) -> String {
    let base = super::without_fragment(uri);
    format!("{base}#{}", super::encode(params))
}
