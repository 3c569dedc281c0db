//! `[routes]`: where the endpoints are.

use std::collections::BTreeMap;

use hallpass_core::policy::{self, Place, Unroutable};
use hallpass_pages::PageRoute;
use hallpass_types::Issuer;
use schemars::JsonSchema;
use serde::Deserialize;

use super::checker::Checker;

/// Paths of the endpoints under the issuer, for clients that know them from another product. The built-in paths answer all
/// the same.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Routes {
    /// The product whose paths the endpoints have.
    pub profile: RouteProfile,
    /// The path of an endpoint, which the metadata tells in place of the built-in one.
    pub paths: BTreeMap<Endpoint, String>,
    /// Further paths, and the endpoint that answers at each.
    pub aliases: BTreeMap<String, Endpoint>,
}

/// Whose paths the endpoints have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "configuration, matched nowhere else"
)]
pub enum RouteProfile {
    /// The built-in ones alone.
    #[default]
    Hallpass,
    /// Those of LoginID's OpenID Connect projects: `/oidc/auth`, `/oidc/token` and so on.
    #[serde(rename = "loginid")]
    LoginId,
    /// Those of SourceLoop's OIDC service: `/auth`, `/me`, `/session/end`.
    #[serde(rename = "sourceloop")]
    SourceLoop,
    /// Those that oidc-provider has when nothing is said.
    OidcProvider,
    /// Those of Keycloak below a realm.
    Keycloak,
}

impl RouteProfile {
    const fn name(self) -> &'static str {
        match self {
            Self::Hallpass => "hallpass",
            Self::LoginId => "loginid",
            Self::SourceLoop => "sourceloop",
            Self::OidcProvider => "oidc-provider",
            Self::Keycloak => "keycloak",
        }
    }
}

/// An endpoint that can have another path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "configuration, matched nowhere else"
)]
#[expect(missing_docs, reason = "the names are those of the metadata")]
pub enum Endpoint {
    Authorization,
    Token,
    Userinfo,
    Jwks,
    Introspection,
    Revocation,
    EndSession,
    PushedAuthorization,
    Registration,
    DeviceAuthorization,
    BackchannelAuthentication,
    CheckSession,
    Challenge,
    Metadata,
}

impl Endpoint {
    const fn place(self) -> Place {
        match self {
            Self::Authorization => Place::Authorization,
            Self::Token => Place::Token,
            Self::Userinfo => Place::UserInfo,
            Self::Jwks => Place::Jwks,
            Self::Introspection => Place::Introspection,
            Self::Revocation => Place::Revocation,
            Self::EndSession => Place::EndSession,
            Self::PushedAuthorization => Place::PushedAuthorization,
            Self::Registration => Place::Registration,
            Self::DeviceAuthorization => Place::DeviceAuthorization,
            Self::BackchannelAuthentication => Place::BackchannelAuthentication,
            Self::CheckSession => Place::CheckSession,
            Self::Challenge => Place::Challenge,
            Self::Metadata => Place::Metadata,
        }
    }
}

impl Routes {
    pub(super) fn check(&self, check: &mut Checker<'_>) {
        let mut routes = policy::Routes::profile(self.profile.name()).unwrap_or_default();
        for (endpoint, path) in &self.paths {
            let place = endpoint.place();
            let setting = format!("routes.paths.{}", place.name());
            if place == Place::Metadata {
                let message =
                    "stays where the specifications want it; routes.aliases can add a path";
                check.problem(&setting, message);
            } else if let Some(message) = wrong(routes.tell(place, path), path) {
                check.problem(&setting, message);
            }
        }
        for (path, endpoint) in &self.aliases {
            if let Some(message) = wrong(routes.add(endpoint.place(), path), path) {
                // The key is not written out: it may hold what a setting's name cannot.
                check.problem("routes.aliases", format!("{path:?} {message}"));
            }
        }
    }

    /// The table. Built once for each issuer; what a check would refuse is left out.
    pub(crate) fn policy(&self) -> policy::Routes {
        let mut routes = policy::Routes::profile(self.profile.name()).unwrap_or_default();
        for (endpoint, path) in &self.paths {
            let _ = routes.tell(endpoint.place(), path);
        }
        for (path, endpoint) in &self.aliases {
            let _ = routes.add(endpoint.place(), path);
        }
        routes
    }
}

fn wrong(added: Result<(), Unroutable>, path: &str) -> Option<String> {
    let text = match added {
        Err(Unroutable::Malformed) => {
            "must be a path of letters, digits and -._~ such as /oidc/auth, without a slash at its end"
        }
        Err(Unroutable::Taken) => "is the path of something else",
        Ok(()) if is_a_page(path) => "is the path of a page, or of the administration",
        Ok(()) => return None,
    };
    Some(text.to_owned())
}

/// Whether people or operators have something there.
fn is_a_page(path: &str) -> bool {
    let root = Issuer::parse("https://localhost").ok();
    let page = root.is_some_and(|issuer| PageRoute::of(&issuer, path).is_some());
    let mut own = ["/admin", "/dashboard", "/assets"].into_iter();
    page || own.any(|start| {
        let rest = path.strip_prefix(start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Source};
    use super::*;

    fn parse(text: &str) -> Result<Config, super::super::Problems> {
        Config::parse(Source::parse(None, text.to_owned(), std::iter::empty()).unwrap())
    }

    #[test]
    fn a_profile_can_be_amended() {
        let text = "[routes]\nprofile = 'loginid'\n[routes.paths]\ntoken = '/oauth/token'\n\
            [routes.aliases]\n'/connect/userinfo' = 'userinfo'\n'/op/metadata' = 'metadata'";
        let routes = parse(text).unwrap().routes.policy();
        assert_eq!(routes.path(Place::Authorization), "/oidc/auth");
        assert_eq!(routes.path(Place::Token), "/oauth/token");
        assert_eq!(routes.find("/oidc/token"), Some(Place::Token));
        assert_eq!(routes.find("/connect/userinfo"), Some(Place::UserInfo));
        assert_eq!(routes.find("/op/metadata"), Some(Place::Metadata));
        assert_eq!(routes.path(Place::UserInfo), "/oidc/userinfo");
    }

    #[test]
    fn every_profile_is_known_to_the_library() {
        for profile in [
            RouteProfile::Hallpass,
            RouteProfile::LoginId,
            RouteProfile::SourceLoop,
            RouteProfile::OidcProvider,
            RouteProfile::Keycloak,
        ] {
            let name = profile.name();
            assert!(policy::Routes::profile(name).is_some(), "{name}");
            let routes = parse(&format!("routes.profile = '{name}'")).unwrap().routes;
            assert_eq!(routes.profile, profile);
        }
        assert_eq!(policy::Routes::profiles().count(), 5);
    }

    #[test]
    fn clashes_are_refused_by_name() {
        for (text, says) in [
            (
                "paths.token = '/authorize'",
                "routes.paths.token: is the path of something else",
            ),
            (
                "paths.token = '/p/acme'",
                "routes.paths.token: is the path of something else",
            ),
            (
                "paths.token = 'token2'",
                "routes.paths.token: must be a path",
            ),
            ("paths.token = '/a/'", "routes.paths.token: must be a path"),
            (
                "paths.token = '/sign-in'",
                "routes.paths.token: is the path of a page",
            ),
            ("paths.token = '/account/x'", ""),
            (
                "paths.token = '/admin/v1/token'",
                "routes.paths.token: is the path of a page",
            ),
            (
                "paths.token = '/dashboard'",
                "routes.paths.token: is the path of a page",
            ),
            (
                "paths.token = '/assets/token'",
                "routes.paths.token: is the path of a page",
            ),
            (
                "paths.token = '/logout/confirm'",
                "routes.paths.token: is the path of a page",
            ),
            (
                "paths.metadata = '/md'",
                "routes.paths.metadata: stays where",
            ),
            ("paths.nothing = '/x'", "routes.paths"),
            ("profile = 'nobody'", "routes.profile"),
            ("aliases.'/x' = 'nothing'", "routes.aliases"),
            (
                "aliases.'/token' = 'userinfo'",
                "routes.aliases: \"/token\" is the path of something else",
            ),
            (
                "aliases.'//x' = 'userinfo'",
                "routes.aliases: \"//x\" must be a path",
            ),
            (
                "profile = 'loginid'\naliases.'/oidc/auth' = 'token'",
                "routes.aliases: \"/oidc/auth\" is the path",
            ),
            (
                "paths.token = '/same'\npaths.jwks = '/same'",
                "is the path of something else",
            ),
        ] {
            let parsed = parse(&format!("[routes]\n{text}"));
            match parsed {
                Ok(_) => assert_eq!(says, "", "{text} was taken"),
                Err(problems) => {
                    let told = problems.to_string();
                    assert!(!says.is_empty() && told.contains(says), "{text}: {told}");
                }
            }
        }
    }
}
