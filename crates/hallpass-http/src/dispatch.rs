//! Which endpoint a path names. Paths are compared as they are sent: nothing is decoded or normalised.

use hallpass_core::policy::{Place, Policy};
use hallpass_provider::endpoints::discovery;

/// An endpoint of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route<'p> {
    /// The metadata document.
    Metadata,
    /// The key set.
    Jwks,
    /// The authorization endpoint.
    Authorize,
    /// The token endpoint.
    Token,
    /// UserInfo.
    UserInfo,
    /// Introspection.
    Introspect,
    /// Revocation.
    Revoke,
    /// Pushed authorization requests.
    PushedAuthorization,
    /// Registration.
    Register,
    /// One registered client, by its percent-encoded identifier.
    Client(&'p str),
    /// RP-initiated logout.
    Logout,
    /// The page that says whether a session has changed.
    CheckSession,
    /// WebFinger.
    WebFinger,
    /// Challenges for proofs of client attestations.
    Challenge,
    /// Device authorization.
    DeviceAuthorization,
    /// Login that a third party starts.
    Initiate,
    /// Backchannel authentication.
    BackchannelAuthentication,
    /// An answer to it without its person, for tests.
    BackchannelAnswer,
}

impl Route<'_> {
    /// Every [`Self::label`].
    pub const LABELS: &'static [&'static str] = &[
        "metadata",
        "jwks",
        "authorize",
        "token",
        "userinfo",
        "introspect",
        "revoke",
        "par",
        "register",
        "client",
        "logout",
        "check_session",
        "webfinger",
        "challenge",
        "device_authorization",
        "initiate",
        "backchannel_authentication",
        "backchannel_answer",
    ];

    /// The same without what it borrows from the path.
    #[must_use]
    pub fn nameless(self) -> Route<'static> {
        match self {
            Self::Client(_) => Route::Client(""),
            Self::Metadata => Route::Metadata,
            Self::Jwks => Route::Jwks,
            Self::Authorize => Route::Authorize,
            Self::Token => Route::Token,
            Self::UserInfo => Route::UserInfo,
            Self::Introspect => Route::Introspect,
            Self::Revoke => Route::Revoke,
            Self::PushedAuthorization => Route::PushedAuthorization,
            Self::Register => Route::Register,
            Self::Logout => Route::Logout,
            Self::DeviceAuthorization => Route::DeviceAuthorization,
            Self::Initiate => Route::Initiate,
            Self::BackchannelAuthentication => Route::BackchannelAuthentication,
            Self::BackchannelAnswer => Route::BackchannelAnswer,
            Self::CheckSession => Route::CheckSession,
            Self::WebFinger => Route::WebFinger,
            Self::Challenge => Route::Challenge,
        }
    }

    /// What is at a place.
    const fn of(place: Place) -> Self {
        match place {
            Place::Authorization => Self::Authorize,
            Place::Token => Self::Token,
            Place::UserInfo => Self::UserInfo,
            Place::Jwks => Self::Jwks,
            Place::Introspection => Self::Introspect,
            Place::Revocation => Self::Revoke,
            Place::EndSession => Self::Logout,
            Place::PushedAuthorization => Self::PushedAuthorization,
            Place::Registration => Self::Register,
            Place::DeviceAuthorization => Self::DeviceAuthorization,
            Place::BackchannelAuthentication => Self::BackchannelAuthentication,
            Place::CheckSession => Self::CheckSession,
            Place::Challenge => Self::Challenge,
            Place::Metadata => Self::Metadata,
        }
    }

    /// A label for metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Jwks => "jwks",
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::UserInfo => "userinfo",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::PushedAuthorization => "par",
            Self::Register => "register",
            Self::Client(_) => "client",
            Self::Logout => "logout",
            Self::CheckSession => "check_session",
            Self::WebFinger => "webfinger",
            Self::Challenge => "challenge",
            Self::DeviceAuthorization => "device_authorization",
            Self::Initiate => "initiate",
            Self::BackchannelAuthentication => "backchannel_authentication",
            Self::BackchannelAnswer => "backchannel_answer",
        }
    }
}

/// RFC 7033 §4: always at the root.
pub(crate) const WEBFINGER: &str = "/.well-known/webfinger";
pub(crate) const OPENID: &str = "/.well-known/openid-configuration";
pub(crate) const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// The endpoint of a path, none when it is not one of the protocol's.
#[must_use]
pub fn route<'p>(policy: &Policy, path: &'p str) -> Option<Route<'p>> {
    let issuer = &policy.issuer;
    // RFC 8414 §3.1 puts the well-known part between host and path, OpenID Connect Discovery §4 behind the path.
    if let Some(rest) = path
        .strip_prefix(OPENID)
        .or_else(|| path.strip_prefix(OAUTH))
    {
        return (rest == issuer.path()).then_some(Route::Metadata);
    }
    if path == WEBFINGER {
        return Some(Route::WebFinger);
    }
    let own = path.strip_prefix(issuer.path())?;
    match own {
        discovery::TOKEN => Some(Route::Token),
        discovery::INTROSPECTION => Some(Route::Introspect),
        discovery::USERINFO => Some(Route::UserInfo),
        discovery::AUTHORIZATION => Some(Route::Authorize),
        discovery::JWKS => Some(Route::Jwks),
        discovery::REVOCATION => Some(Route::Revoke),
        discovery::END_SESSION => Some(Route::Logout),
        discovery::CHECK_SESSION => Some(Route::CheckSession),
        discovery::CHALLENGE => Some(Route::Challenge),
        discovery::PUSHED_AUTHORIZATION => Some(Route::PushedAuthorization),
        discovery::REGISTRATION => Some(Route::Register),
        discovery::DEVICE_AUTHORIZATION => Some(Route::DeviceAuthorization),
        discovery::INITIATE => Some(Route::Initiate),
        discovery::BACKCHANNEL_AUTHENTICATION => Some(Route::BackchannelAuthentication),
        discovery::BACKCHANNEL_ANSWER => Some(Route::BackchannelAnswer),
        OPENID => Some(Route::Metadata),
        own => match policy.routes.find(own) {
            Some(place) => Some(Route::of(place)),
            None => {
                let mut places = policy.routes.all(Place::Registration);
                let id = places.find_map(|at| own.strip_prefix(at)?.strip_prefix('/'))?;
                (!id.is_empty() && !id.contains('/')).then_some(Route::Client(id))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hallpass_core::policy::Routes;
    use hallpass_types::Issuer;

    use super::*;

    fn policy(issuer: &str) -> Policy {
        Policy::new(Issuer::parse(issuer).unwrap(), Arc::new([0; 32]))
    }

    #[test]
    fn further_paths_are_under_the_issuer_beside_the_built_in_ones() {
        for (issuer, path) in [
            ("https://op.example", ""),
            ("https://op.example/p/acme", "/p/acme"),
        ] {
            let mut policy = policy(issuer);
            policy.routes = Routes::profile("loginid").unwrap();
            policy.routes.add(Place::Registration, "/reg").unwrap();
            for (own, found) in [
                ("/oidc/auth", Route::Authorize),
                ("/oidc/token", Route::Token),
                ("/oidc/keys", Route::Jwks),
                ("/oidc/userinfo", Route::UserInfo),
                ("/oidc/revoke", Route::Revoke),
                ("/oidc/introspect", Route::Introspect),
                ("/oidc/.well-known/openid-configuration", Route::Metadata),
                ("/token", Route::Token),
                ("/reg", Route::Register),
                ("/reg/abc", Route::Client("abc")),
                ("/register/abc", Route::Client("abc")),
            ] {
                let at = format!("{path}{own}");
                assert_eq!(route(&policy, &at), Some(found), "{at}");
            }
            for own in [
                "/oidc/token/",
                "/oidc//token",
                "/OIDC/token",
                "/oidc/%74oken",
                "/oidc",
                "/oidc/token/x",
                "/reg/",
                "/reg/a/b",
            ] {
                let at = format!("{path}{own}");
                assert_eq!(route(&policy, &at), None, "{at}");
            }
        }
        let plain = policy("https://op.example");
        assert_eq!(route(&plain, "/oidc/token"), None);
        let mut tenant = policy("https://op.example/p/acme");
        tenant.routes = Routes::profile("loginid").unwrap();
        assert_eq!(route(&tenant, "/oidc/token"), None, "another issuer's");
    }

    #[test]
    fn metadata_is_at_all_three_places() {
        let at_root = policy("https://op.example");
        let tenant = policy("https://op.example/t1");
        assert_eq!(route(&at_root, OPENID), Some(Route::Metadata));
        assert_eq!(route(&at_root, OAUTH), Some(Route::Metadata));
        for path in [
            "/.well-known/oauth-authorization-server/t1",
            "/.well-known/openid-configuration/t1",
            "/t1/.well-known/openid-configuration",
        ] {
            assert_eq!(route(&tenant, path), Some(Route::Metadata), "{path}");
        }
        assert_eq!(route(&tenant, "/.well-known/openid-configuration"), None);
        assert_eq!(route(&tenant, "/.well-known/openid-configuration/t2"), None);
    }

    #[test]
    fn every_label_is_listed_once() {
        let routes = [
            Route::Metadata,
            Route::Jwks,
            Route::Authorize,
            Route::Token,
            Route::UserInfo,
            Route::Introspect,
            Route::Revoke,
            Route::PushedAuthorization,
            Route::Register,
            Route::Client(""),
            Route::Logout,
            Route::CheckSession,
            Route::WebFinger,
            Route::Challenge,
            Route::DeviceAuthorization,
            Route::Initiate,
            Route::BackchannelAuthentication,
            Route::BackchannelAnswer,
        ];
        assert_eq!(routes.map(Route::label), Route::LABELS);
    }

    #[test]
    fn variants_of_a_path_are_not_the_path() {
        let issuer = policy("https://op.example");
        assert_eq!(route(&issuer, "/token"), Some(Route::Token));
        assert_eq!(route(&issuer, "/register/abc"), Some(Route::Client("abc")));
        for path in [
            "//token",
            "/token/",
            "/Token",
            "/%74oken",
            "/./token",
            "/token;a=b",
            "/register/",
            "/register/a/b",
            "/.well-known/openid-configuration/",
            "/.well-known/openid-configuration/..;/admin",
        ] {
            assert_eq!(route(&issuer, path), None, "{path}");
        }
    }
}
