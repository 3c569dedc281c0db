//! Where the endpoints are under the issuer.

use std::collections::BTreeMap;

/// An endpoint whose path can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The authorization endpoint.
    Authorization,
    /// The token endpoint.
    Token,
    /// UserInfo.
    UserInfo,
    /// The key set.
    Jwks,
    /// Introspection.
    Introspection,
    /// Revocation.
    Revocation,
    /// RP-initiated logout.
    EndSession,
    /// Pushed authorization requests.
    PushedAuthorization,
    /// Registration; registered clients are below it.
    Registration,
    /// Device authorization.
    DeviceAuthorization,
    /// Backchannel authentication.
    BackchannelAuthentication,
    /// The page that says whether a session has changed.
    CheckSession,
    /// Challenges for proofs of client attestations.
    Challenge,
    /// The metadata document, beside the places that specifications give it.
    Metadata,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Authorization,
        Self::Token,
        Self::UserInfo,
        Self::Jwks,
        Self::Introspection,
        Self::Revocation,
        Self::EndSession,
        Self::PushedAuthorization,
        Self::Registration,
        Self::DeviceAuthorization,
        Self::BackchannelAuthentication,
        Self::CheckSession,
        Self::Challenge,
        Self::Metadata,
    ];

    /// Its name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Token => "token",
            Self::UserInfo => "userinfo",
            Self::Jwks => "jwks",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
            Self::EndSession => "end_session",
            Self::PushedAuthorization => "pushed_authorization",
            Self::Registration => "registration",
            Self::DeviceAuthorization => "device_authorization",
            Self::BackchannelAuthentication => "backchannel_authentication",
            Self::CheckSession => "check_session",
            Self::Challenge => "challenge",
            Self::Metadata => "metadata",
        }
    }

    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.name() == name)
    }

    /// Its built-in path under the issuer, at which it always answers.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Authorization => "/authorize",
            Self::Token => "/token",
            Self::UserInfo => "/userinfo",
            Self::Jwks => "/jwks",
            Self::Introspection => "/introspect",
            Self::Revocation => "/revoke",
            Self::EndSession => "/logout",
            Self::PushedAuthorization => "/par",
            Self::Registration => "/register",
            Self::DeviceAuthorization => "/device/auth",
            Self::BackchannelAuthentication => "/backchannel",
            Self::CheckSession => "/session/check",
            Self::Challenge => "/challenge",
            Self::Metadata => "/.well-known/openid-configuration",
        }
    }
}

/// Where the endpoints are beside their built-in paths, and which path of each the metadata tells. Whatever is looked for is
/// looked for among the built-in paths first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// What the metadata tells, where that is not the built-in path.
    told: BTreeMap<Place, String>,
    /// Every further path.
    further: BTreeMap<String, Place>,
}

/// Why an endpoint cannot have a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a path is malformed or taken")]
pub enum Unroutable {
    /// It is no path of plain segments.
    Malformed,
    /// Something else is there.
    Taken,
}

impl Routes {
    /// The paths that another product has for its endpoints; none when no such product is known.
    #[must_use]
    pub fn profile(name: &str) -> Option<Self> {
        let (_, table) = PROFILES.iter().find(|(known, _)| *known == name)?;
        let mut routes = Self::default();
        for (place, path) in *table {
            routes.tell(*place, path).ok()?;
        }
        Some(routes)
    }

    /// The names for [`Self::profile`].
    pub fn profiles() -> impl Iterator<Item = &'static str> {
        PROFILES.iter().map(|(name, _)| *name)
    }

    /// Lets an endpoint answer at a path, which the metadata tells from now on. Those that it has already stay.
    ///
    /// # Errors
    /// The path is none, or something else is there.
    pub fn tell(&mut self, place: Place, path: &str) -> Result<(), Unroutable> {
        self.add(place, path)?;
        if place != Place::Metadata {
            self.told.insert(place, path.to_owned());
        }
        Ok(())
    }

    /// Lets an endpoint answer at a path, too.
    ///
    /// # Errors
    /// The path is none, or something else is there.
    pub fn add(&mut self, place: Place, path: &str) -> Result<(), Unroutable> {
        if path == place.path() {
            return Ok(());
        }
        if !is_plain(path) {
            return Err(Unroutable::Malformed);
        }
        let built_in = Place::ALL.iter().any(|place| place.path() == path);
        let kept = KEPT.contains(&path) || KEPT_BELOW.iter().any(|start| path.starts_with(start));
        let elsewhere = self.further.get(path).is_some_and(|there| *there != place);
        if built_in || kept || elsewhere {
            return Err(Unroutable::Taken);
        }
        self.further.insert(path.to_owned(), place);
        Ok(())
    }

    /// The path that the metadata tells.
    #[must_use]
    pub fn path(&self, place: Place) -> &str {
        self.told
            .get(&place)
            .map_or_else(|| place.path(), String::as_str)
    }

    /// The endpoint at a path that is none of the built-in ones.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Place> {
        self.further.get(path).copied()
    }

    /// Every path of an endpoint; that which the metadata tells is the first.
    pub fn all(&self, place: Place) -> impl Iterator<Item = &str> {
        let told = self.path(place);
        let further = self.further.iter().filter(move |(_, of)| **of == place);
        let others = further
            .map(|(path, _)| path.as_str())
            .chain([place.path()])
            .filter(move |path| *path != told);
        std::iter::once(told).chain(others)
    }

    /// Every path beside the built-in ones.
    pub fn further(&self) -> impl Iterator<Item = (&str, Place)> {
        self.further.iter().map(|(path, of)| (path.as_str(), *of))
    }
}

/// Segments of unreserved characters, so that there is one way to write it; none that means a step.
fn is_plain(path: &str) -> bool {
    let sound = |segment: &str| {
        !segment.is_empty()
            && !matches!(segment, "." | "..")
            && segment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
    };
    path.len() <= MAX_LEN
        && path
            .strip_prefix('/')
            .is_some_and(|rest| rest.split('/').all(sound))
}

const MAX_LEN: usize = 128;

/// Endpoints that stay where they are.
const KEPT: &[&str] = &["/initiate", "/backchannel/answer", "/p"];
/// What lies below them is theirs: documents of the root, other issuers, registered clients.
const KEPT_BELOW: &[&str] = &["/.well-known/", "/p/", "/register/"];

type Profile = (&'static str, &'static [(Place, &'static str)]);

/// The paths of other products.
const PROFILES: &[Profile] = &[
    ("hallpass", &[]),
    (
        "loginid",
        &[
            (Place::Authorization, "/oidc/auth"),
            (Place::Token, "/oidc/token"),
            (Place::Jwks, "/oidc/keys"),
            (Place::UserInfo, "/oidc/userinfo"),
            (Place::Revocation, "/oidc/revoke"),
            (Place::Introspection, "/oidc/introspect"),
            (Place::Metadata, "/oidc/.well-known/openid-configuration"),
        ],
    ),
    (
        "sourceloop",
        &[
            (Place::Authorization, "/auth"),
            (Place::UserInfo, "/me"),
            (Place::EndSession, "/session/end"),
        ],
    ),
    (
        "oidc-provider",
        &[
            (Place::Authorization, "/auth"),
            (Place::UserInfo, "/me"),
            (Place::EndSession, "/session/end"),
            (Place::Introspection, "/token/introspection"),
            (Place::Revocation, "/token/revocation"),
            (Place::PushedAuthorization, "/request"),
            (Place::Registration, "/reg"),
        ],
    ),
    (
        "keycloak",
        &[
            (Place::Authorization, "/protocol/openid-connect/auth"),
            (Place::Token, "/protocol/openid-connect/token"),
            (Place::UserInfo, "/protocol/openid-connect/userinfo"),
            (Place::Jwks, "/protocol/openid-connect/certs"),
            (
                Place::Introspection,
                "/protocol/openid-connect/token/introspect",
            ),
            (Place::Revocation, "/protocol/openid-connect/revoke"),
            (Place::EndSession, "/protocol/openid-connect/logout"),
            (
                Place::DeviceAuthorization,
                "/protocol/openid-connect/auth/device",
            ),
            (
                Place::PushedAuthorization,
                "/protocol/openid-connect/ext/par/request",
            ),
            (
                Place::BackchannelAuthentication,
                "/protocol/openid-connect/ext/ciba/auth",
            ),
            (
                Place::CheckSession,
                "/protocol/openid-connect/login-status-iframe.html",
            ),
            (Place::Registration, "/clients-registrations/openid-connect"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_elsewhere_unless_somebody_says_so() {
        let routes = Routes::default();
        for place in Place::ALL {
            assert_eq!(routes.path(place), place.path());
            assert_eq!(routes.all(place).collect::<Vec<_>>(), [place.path()]);
            assert_eq!(routes.find(place.path()), None);
            assert_eq!(Place::parse(place.name()), Some(place));
        }
        assert_eq!(Place::parse("nothing"), None);
    }

    #[test]
    fn every_profile_has_paths_that_can_be_had() {
        for (name, table) in PROFILES {
            let routes = Routes::profile(name).unwrap();
            assert_eq!(routes.further().count(), table.len(), "{name}");
            for (place, path) in *table {
                assert_eq!(routes.find(path), Some(*place), "{name}");
                let told = routes.path(*place);
                let expected = if *place == Place::Metadata {
                    place.path()
                } else {
                    path
                };
                assert_eq!(told, expected, "{name}");
                assert!(
                    routes.all(*place).any(|one| one == place.path()),
                    "{name}: the built-in path answers, too"
                );
            }
        }
        assert_eq!(Routes::profile("nothing"), None);
    }

    #[test]
    fn what_is_told_comes_first_and_the_others_follow() {
        let mut routes = Routes::default();
        routes.add(Place::Token, "/b").unwrap();
        routes.tell(Place::Token, "/c").unwrap();
        routes.add(Place::Token, "/a").unwrap();
        routes.add(Place::Token, "/token").unwrap();
        let all: Vec<_> = routes.all(Place::Token).collect();
        assert_eq!(all, ["/c", "/a", "/b", "/token"]);
        routes.tell(Place::Token, "/a").unwrap();
        assert_eq!(routes.path(Place::Token), "/a");
    }

    #[test]
    fn a_path_is_for_one_endpoint_and_written_in_one_way() {
        let mut routes = Routes::profile("loginid").unwrap();
        for path in [
            "",
            "/",
            "oidc/auth",
            "//auth",
            "/auth/",
            "/a//b",
            "/./auth",
            "/../auth",
            "/a/..",
            "/%61uth",
            "/auth;a=b",
            "/auth?x",
            "/auth#x",
            "/a b",
            "/\u{e9}",
        ] {
            let added = routes.add(Place::Token, path);
            assert_eq!(added, Err(Unroutable::Malformed), "{path}");
        }
        let long = format!("/{}", "a".repeat(128));
        assert_eq!(
            routes.add(Place::Token, &long),
            Err(Unroutable::Malformed),
            "too long"
        );
        for path in [
            "/authorize",
            "/oidc/auth",
            "/initiate",
            "/backchannel/answer",
            "/register/x",
            "/p/acme",
            "/p",
            "/.well-known/webfinger",
            "/.well-known/openid-configuration",
        ] {
            let added = routes.add(Place::Token, path);
            assert_eq!(added, Err(Unroutable::Taken), "{path}");
        }
        assert_eq!(routes.find("/oidc/auth"), Some(Place::Authorization));
    }
}
