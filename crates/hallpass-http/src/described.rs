//! What endpoints are, for documents about them: beside the routes, so that no endpoint is without a description.

use hallpass_provider::endpoints::discovery;

use crate::{
    Route,
    dispatch::{OAUTH, OPENID, WEBFINGER},
};

/// An endpoint as documents show it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Described {
    /// Its path under the issuer, with names in braces.
    pub path: String,
    /// Methods that it answers.
    pub methods: &'static [&'static str],
    /// Its label in metrics, unique together with path and method.
    pub label: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What it belongs to: `protocol` or `pages`.
    pub tag: &'static str,
    /// What is sent.
    pub takes: Takes,
    /// What is answered when it goes well.
    pub gives: Gives,
    /// Statuses beside that of success.
    pub refuses: &'static [u16],
}

/// What is sent to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "documents show every one")]
pub enum Takes {
    /// Nothing but, maybe, parameters of the URL.
    Query,
    /// A form.
    Form,
    /// A JSON object.
    Json,
}

/// What an endpoint answers when it goes well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "documents show every one")]
pub enum Gives {
    /// JSON, or a JWT where the client wants one.
    Json,
    /// A set of keys.
    Keys,
    /// A page, or a redirection to where the browser goes next.
    Page,
    /// A file.
    File,
    /// Nothing.
    Nothing,
}

/// What endpoints for programs refuse with.
const PROGRAM: &[u16] = &[400, 401, 403, 404, 405, 413, 415, 429, 500, 503];
const DOCUMENT: &[u16] = &[400, 404, 405, 500, 503];
/// What pages refuse with.
const PAGE: &[u16] = &[400, 401, 403, 404, 405, 413, 415, 429, 500, 503];

impl Described {
    /// A page of the built-in pages, with a form where it has one.
    #[must_use]
    pub fn page(label: &'static str, path: String, summary: &'static str) -> Self {
        Self {
            path,
            methods: &["GET", "POST"],
            label,
            summary,
            tag: "pages",
            takes: Takes::Form,
            gives: Gives::Page,
            refuses: PAGE,
        }
    }

    /// A page that only shows something.
    #[must_use]
    pub fn shown(label: &'static str, path: String, summary: &'static str) -> Self {
        Self {
            methods: &["GET"],
            takes: Takes::Query,
            ..Self::page(label, path, summary)
        }
    }

    /// A file of the pages.
    #[must_use]
    pub fn file(label: &'static str, path: String, summary: &'static str) -> Self {
        Self {
            gives: Gives::File,
            ..Self::shown(label, path, summary)
        }
    }
}

impl Route<'_> {
    /// Every endpoint of the protocol once, in the order of [`Self::LABELS`].
    pub const ALL: &'static [Route<'static>] = &[
        Route::Metadata,
        Route::Jwks,
        Route::Authorize,
        Route::Token,
        Route::UserInfo,
        Route::Introspect,
        Route::Revoke,
        Route::PushedAuthorization,
        Route::Register,
        Route::Client("{client_id}"),
        Route::Logout,
        Route::CheckSession,
        Route::WebFinger,
        Route::Challenge,
        Route::DeviceAuthorization,
        Route::Initiate,
        Route::BackchannelAuthentication,
        Route::BackchannelAnswer,
    ];

    /// What it is, for documents. The metadata document is at several places.
    #[must_use]
    pub fn described(self) -> Vec<Described> {
        use Gives::{Json, Keys, Nothing, Page};
        use Takes::{Form, Query};
        let one = |path: &str, methods, takes, gives, summary| Described {
            path: path.to_owned(),
            methods,
            label: self.label(),
            summary,
            tag: "protocol",
            takes,
            gives,
            refuses: match (gives, takes) {
                (Page, _) => PAGE,
                (Json | Keys | Gives::File | Nothing, Query) if methods == GET => DOCUMENT,
                (Json | Keys | Gives::File | Nothing, _) => PROGRAM,
            },
        };
        const GET: &[&str] = &["GET"];
        const POST: &[&str] = &["POST"];
        const BOTH: &[&str] = &["GET", "POST"];
        let own =
            |path, methods, takes, gives, summary| vec![one(path, methods, takes, gives, summary)];
        match self {
            Self::Metadata => [OPENID, OAUTH]
                .map(|path| {
                    let summary =
                        "Answers the metadata document (OpenID Connect Discovery §4, RFC 8414 §3).";
                    one(path, GET, Query, Json, summary)
                })
                .into(),
            Self::Jwks => own(
                discovery::JWKS,
                GET,
                Query,
                Keys,
                "Answers the public keys (RFC 7517 §5).",
            ),
            Self::Authorize => own(
                discovery::AUTHORIZATION,
                BOTH,
                Form,
                Page,
                "The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3): a browser comes with a request and leaves with its answer.",
            ),
            Self::Token => own(
                discovery::TOKEN,
                POST,
                Form,
                Json,
                "The token endpoint (RFC 6749 §3.2): exchanges a grant for tokens.",
            ),
            Self::UserInfo => vec![Described {
                refuses: PROGRAM,
                ..one(
                    discovery::USERINFO,
                    BOTH,
                    Form,
                    Json,
                    "Answers claims about the person that an access token is for (OpenID Connect Core §5.3).",
                )
            }],
            Self::Introspect => own(
                discovery::INTROSPECTION,
                POST,
                Form,
                Json,
                "Says whether a token stands, and what it is (RFC 7662).",
            ),
            Self::Revoke => own(
                discovery::REVOCATION,
                POST,
                Form,
                Nothing,
                "Revokes a token (RFC 7009).",
            ),
            Self::PushedAuthorization => own(
                discovery::PUSHED_AUTHORIZATION,
                POST,
                Form,
                Json,
                "Takes an authorization request in advance (RFC 9126).",
            ),
            Self::Register => own(
                discovery::REGISTRATION,
                POST,
                Takes::Json,
                Json,
                "Registers a client (RFC 7591), where the project allows that.",
            ),
            Self::Client(_) => vec![Described {
                path: format!("{}/{{client_id}}", discovery::REGISTRATION),
                refuses: PROGRAM,
                ..one(
                    "",
                    &["GET", "PUT", "DELETE"],
                    Takes::Json,
                    Json,
                    "Shows, replaces or deletes a client that has registered itself (RFC 7592).",
                )
            }],
            Self::Logout => own(
                discovery::END_SESSION,
                BOTH,
                Form,
                Page,
                "Signs a person out at the wish of a client (OpenID Connect RP-Initiated Logout).",
            ),
            Self::CheckSession => own(
                discovery::CHECK_SESSION,
                GET,
                Query,
                Page,
                "The frame that says whether a session has changed (OpenID Connect Session Management §3.3).",
            ),
            Self::WebFinger => own(
                WEBFINGER,
                GET,
                Query,
                Json,
                "Says which issuer somebody has (RFC 7033).",
            ),
            Self::Challenge => own(
                discovery::CHALLENGE,
                POST,
                Form,
                Json,
                "Answers a challenge for proofs of client attestations.",
            ),
            Self::DeviceAuthorization => own(
                discovery::DEVICE_AUTHORIZATION,
                POST,
                Form,
                Json,
                "Begins the authorization of a device without a browser (RFC 8628).",
            ),
            Self::Initiate => own(
                discovery::INITIATE,
                BOTH,
                Form,
                Page,
                "Has a client begin a sign-in at the wish of a third party (OpenID Connect Core §4).",
            ),
            Self::BackchannelAuthentication => own(
                discovery::BACKCHANNEL_AUTHENTICATION,
                POST,
                Form,
                Json,
                "Begins a sign-in on another device (OpenID Connect CIBA).",
            ),
            Self::BackchannelAnswer => own(
                discovery::BACKCHANNEL_ANSWER,
                BOTH,
                Form,
                Nothing,
                "Answers such a request without its person, for tests alone.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hallpass_core::policy::Policy;
    use hallpass_types::Issuer;

    use super::*;
    use crate::route;

    // S45
    #[test]
    fn every_endpoint_is_described_where_it_is() {
        let issuer = Issuer::parse("https://op.example").unwrap();
        let policy = Policy::new(issuer, Arc::new([0; 32]));
        let labels: Vec<&str> = Route::ALL.iter().map(|route| route.label()).collect();
        assert_eq!(labels, Route::LABELS);
        for one in Route::ALL {
            let described = one.described();
            assert!(!described.is_empty());
            for described in described {
                let found = route(&policy, &described.path).map(Route::label);
                assert_eq!(found, Some(one.label()), "{}", described.path);
                assert!(described.summary.ends_with('.'));
                assert!(!described.methods.is_empty());
            }
        }
    }
}
