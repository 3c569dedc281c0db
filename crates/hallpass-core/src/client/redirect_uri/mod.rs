//! Redirect URIs: which may be registered, and which request matches a registered one.
//! [RFC 6749 §3.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.1.2),
//! [RFC 8252 §7](https://www.rfc-editor.org/rfc/rfc8252#section-7),
//! [RFC 9700 §4.1.3](https://www.rfc-editor.org/rfc/rfc9700#section-4.1.3).

#[cfg(test)]
mod tests;

use super::{ApplicationType, Client, MetadataReason, uri};

/// What answers of the authorization endpoint bring to a redirect URI.
const ANSWERS: &[&str] = &[
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_uri",
    "response",
    "id_token",
    "access_token",
    "token_type",
    "expires_in",
    "scope",
    "session_state",
];

/// What the answer after a sign-out brings.
const GOODBYES: &[&str] = &["state"];

/// More redirect URIs than this in one client are refused.
pub const MAX_COUNT: usize = 100;

/// Whether a client may be redirected to this URI: it is registered, byte for byte.
///
/// The one exception is the port of a native client's loopback IP address.
#[must_use]
pub fn matches(client: &Client, uri: &str) -> bool {
    is_registered(client, &client.redirect_uris, uri)
}

/// Whether a client may be redirected to this URI after signing out; the rule is that of [`matches()`].
//= OIDC-RPINITIATED#2 MUST: post_logout_redirect_uri equals a registered one
#[must_use]
pub fn matches_post_logout(client: &Client, uri: &str) -> bool {
    is_registered(client, &client.post_logout_redirect_uris, uri)
}

/// Whether a stored URI has a scheme by which a browser goes somewhere, and runs or shows nothing.
#[must_use]
pub(crate) fn is_place(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default();
    matches!(scheme, "https" | "http") || scheme.contains('.')
}

fn is_registered(client: &Client, registered: &[String], uri: &str) -> bool {
    //= RFC9700#4.1.3 MUST: redirect URIs are compared as strings, nothing is normalised
    if registered.iter().any(|r| r == uri) {
        return true;
    }
    match client.application_type {
        ApplicationType::Web => false,
        //= RFC8252#7.3 MUST: any port is allowed for loopback IP redirect URIs of native apps
        ApplicationType::Native => without_loopback_port(uri).is_some_and(|asked| {
            registered
                .iter()
                .any(|r| without_loopback_port(r) == Some(asked))
        }),
    }
}

/// An `http` URI of a loopback IP address as what stands before and behind its port. Nothing is decoded: text
/// that is not exactly such a URI has no port to leave out.
fn without_loopback_port(uri: &str) -> Option<(&'static str, &str)> {
    ["http://127.0.0.1", "http://[::1]"]
        .into_iter()
        .find_map(|before| {
            let behind = uri.strip_prefix(before)?;
            let behind = match behind.strip_prefix(':') {
                None => behind,
                Some(rest) => {
                    let end = rest.find(['/', '?']).unwrap_or(rest.len());
                    let (port, rest) = rest.split_at_checked(end)?;
                    if !uri::is_port(port) {
                        return None;
                    }
                    rest
                }
            };
            (behind.is_empty() || behind.starts_with(['/', '?'])).then_some((before, behind))
        })
}

/// Checks a redirect URI at registration.
///
/// Accepted are `https`; `http` on a loopback host (`localhost`, `127.0.0.1`, `[::1]`), with any kind of
/// application, for development; and for native applications schemes of their own that contain a dot.
///
/// # Errors
/// [`MetadataReason::RedirectUriFragment`], [`MetadataReason::RedirectUriScheme`],
/// [`MetadataReason::RedirectUriParameter`], or [`MetadataReason::RedirectUriMalformed`] for whatever is not an
/// absolute URI in plain form: user information, wildcards, white space, backslashes, control characters, more
/// than 2048 bytes.
pub fn validate(text: &str, application_type: ApplicationType) -> Result<(), MetadataReason> {
    plain(text, application_type)?;
    //= RFC6749#3.1 MUST: no parameter of an answer stands in it twice, so a redirect URI brings none of them
    without(text, ANSWERS)
}

/// The same for a URI to go to after signing out.
///
/// # Errors
/// Those of [`validate`].
pub(crate) fn validate_post_logout(
    text: &str,
    application_type: ApplicationType,
) -> Result<(), MetadataReason> {
    plain(text, application_type)?;
    without(text, GOODBYES)
}

fn without(text: &str, names: &[&str]) -> Result<(), MetadataReason> {
    if brings_any(text, names) {
        Err(MetadataReason::RedirectUriParameter)
    } else {
        Ok(())
    }
}

/// Whether the query of a URI has one of these parameters. Names are compared as its reader understands them, decoded.
pub(super) fn brings_any(text: &str, names: &[&str]) -> bool {
    let (_, query) = text.split_once('?').unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| names.contains(&&*name))
}

fn plain(text: &str, application_type: ApplicationType) -> Result<(), MetadataReason> {
    let parts = uri::parse(text).map_err(|uri::Malformed| MetadataReason::RedirectUriMalformed)?;
    //= RFC6749#3.1.2 MUST: a redirect URI has no fragment, not even an empty one
    if parts.fragment.is_some() {
        return Err(MetadataReason::RedirectUriFragment);
    }
    let allowed = match parts.scheme {
        //= OIDC-REG#2 MUST: web clients use https
        //= OIDC-REG#2 exception: http on a loopback host is taken for development, with any kind of client
        "http" | "https" => parts.is_web(),
        //= RFC8252#7.1 MUST: a private-use scheme is a reversed domain name of the app's owner
        //= RFC8252#8.4 SHOULD: a private-use scheme without a dot is refused
        own => application_type == ApplicationType::Native && own.contains('.'),
    };
    allowed
        .then_some(())
        .ok_or(MetadataReason::RedirectUriScheme)
}

/// Whether a URI that [`validate`] accepted leads to another machine, by https.
#[must_use]
pub fn is_remote(text: &str) -> bool {
    text.starts_with("https:") && host(text).is_some_and(|host| host != "localhost")
}

/// The host of a URI that [`validate`] accepted; none for schemes of an application's own.
#[must_use]
pub fn host(text: &str) -> Option<&str> {
    uri::parse(text)
        .ok()
        .filter(uri::Parts::is_web)
        .map(|parts| parts.host)
}
