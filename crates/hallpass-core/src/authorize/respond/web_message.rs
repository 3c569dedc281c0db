//! `web_message`: by script, to the window that opened or embeds ours,
//! [draft-sakimura-oauth-wmrm-00 §3](https://datatracker.ietf.org/doc/html/draft-sakimura-oauth-wmrm-00). Only its simple
//! mode; there is no relay. `web_message.jwt`, which that draft does not have, is the same with the one parameter of a signed
//! answer (JARM §2.3 leaves further modes to others).

use super::json_object;

/// An answer on its way to another window.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The only origin that gets it: that of the redirect URI.
    pub origin: String,
    /// The parameters as a JSON object.
    pub response: String,
}

/// It may hold a code: only where it goes is printed.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// The origin of a redirect URI; none when it is not one of the web.
pub(crate) fn origin(uri: &str) -> Option<String> {
    let url = url::Url::parse(uri).ok()?;
    matches!(url.scheme(), "https" | "http").then(|| url.origin().ascii_serialization())
}

//= RFC9700#4.17 MUST: an answer between windows goes to the exact origin of the client, never to any
pub(super) fn message(uri: &str, params: &[(&'static str, String)]) -> Option<Message> {
    let mut response = String::from("{");
    json_object(&mut response, params);
    response.push('}');
    Some(Message {
        origin: origin(uri)?,
        response,
    })
}
