//! Clients: what is known about a registered application.

pub mod document;
pub mod encryption;
#[cfg(test)]
pub(crate) mod fixtures;
mod load;
mod logo;
pub mod metadata;
pub mod pairwise;
mod reason;
pub mod redirect_uri;
pub mod registration;
pub mod sector;
mod uri;

use hallpass_jose::{Jwks, JwsAlgorithm};
use hallpass_types::{ClientId, ContentDigest, Scope, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    access::Restriction,
    client_auth::certificate,
    fapi::Profile,
    policy::{DeliveryMode, Lifetimes, Policy, Resource, canonical},
    request_object::Demands,
    sign_in::ClientSignIn,
};

pub use encryption::{Encryption, Encryptions, Signed};
pub use metadata::{needs_plain_secret, needs_secret};
pub use reason::{MetadataError, MetadataReason};

/// Whether what is sent to this redirect URI stays on the machine of whoever sends it.
fn is_own_machine(uri: &str) -> bool {
    uri::parse(uri).is_ok_and(|parts| parts.scheme == "http" && parts.is_loopback())
}

/// A client as it is stored: its metadata in the words of RFC 7591, and what only the server knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientRecord {
    /// Its identifier.
    pub client_id: ClientId,
    /// Registered metadata, normalised, without any secret.
    pub metadata: Map<String, Value>,
    /// HMAC-SHA-256 of the secret under the provider's key.
    #[serde(default)]
    pub secret: Option<ContentDigest>,
    /// The secret itself, sealed; only where a symmetric algorithm needs it.
    #[serde(default)]
    pub secret_sealed: Option<Vec<u8>>,
    /// When the secret ends; none means never.
    #[serde(default)]
    pub secret_expires_at: Option<Timestamp>,
    /// Digest of the registration access token (RFC 7592).
    #[serde(default)]
    pub registration_token: Option<ContentDigest>,
    /// Where it came from.
    pub origin: ClientOrigin,
    /// The registration policies that it was registered under, and that its changes are held to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// Whether somebody who may gave out an initial access token for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vouched: bool,
    /// Members of the metadata as an operator has set them, null for one that was taken away. What the client says of them
    /// later changes nothing.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub decided: Map<String, Value>,
    /// A disabled client is unknown to every endpoint.
    #[serde(default)]
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Where a client came from. It decides about defaults and trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientOrigin {
    /// The configuration file.
    Configuration,
    /// Command line or administration.
    Administration,
    /// Dynamic registration.
    Registration,
    /// The document that its identifier is the URL of. Such a client is in no store.
    Document,
}

/// When a client that registered the grant gets refresh tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refreshes {
    /// For access that lasts when the person has gone, which they allowed: with `offline_access`, and in plain OAuth.
    #[default]
    Asked,
    /// With OpenID Connect also without `offline_access`. These end with the person's session, so that they need no more
    /// consent than access itself does (OpenID Connect Core §11).
    WithSession,
    /// Never.
    Never,
}

/// A client as the rules see it: every member checked and typed, keys parsed. Made once per change, then shared.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its identifier.
    pub id: ClientId,
    /// Where it came from.
    pub origin: ClientOrigin,
    /// Whether anybody could have made it: nobody who is known stands behind it.
    pub stranger: bool,
    /// `application_type`.
    pub application_type: ApplicationType,
    /// `redirect_uris`, compared byte for byte.
    pub redirect_uris: Vec<String>,
    /// `post_logout_redirect_uris`.
    pub post_logout_redirect_uris: Vec<String>,
    /// `response_types`, each with its words sorted.
    pub response_types: Vec<String>,
    /// `grant_types`.
    pub grant_types: Vec<String>,
    /// `response_modes` when restricted.
    pub response_modes: Option<Vec<String>>,
    /// `scope`: when present, an allow-list. By the client credentials grant, where no person is asked, a client without it
    /// has no scope at all.
    pub scope: Option<Scope>,
    /// `resources`: indicators that this client may ask for. None: every one of the issuer's.
    pub resources: Option<Vec<String>>,
    /// `introspection_resources`: indicators about whose tokens it may ask, whoever holds them. The issuer's own name stands for
    /// tokens that name no resource.
    pub introspects: Vec<String>,
    /// `token_endpoint_auth_method` by its registered name.
    pub auth_method: String,
    /// `token_endpoint_auth_signing_alg`.
    pub auth_signing_alg: Option<JwsAlgorithm>,
    /// The secret.
    pub secret: Option<ClientSecret>,
    /// Keys from `jwks`.
    pub jwks: Option<Jwks>,
    /// `jwks_uri`.
    pub jwks_uri: Option<String>,
    /// `subject_type`.
    pub subject_type: SubjectType,
    /// Host that stands for the client's sector (OpenID Connect Core §8.1). None: the client is a sector of its own.
    pub sector: Option<String>,
    /// `id_token_signed_response_alg`.
    pub id_token_signed_response_alg: JwsAlgorithm,
    /// `userinfo_signed_response_alg`; none means plain JSON.
    pub userinfo_signed_response_alg: Option<JwsAlgorithm>,
    /// `introspection_signed_response_alg`, RFC 9701 §6.
    pub introspection_signed_response_alg: JwsAlgorithm,
    /// `authorization_signed_response_alg`, JARM §3.
    pub authorization_signed_response_alg: JwsAlgorithm,
    /// What is encrypted for it, and how.
    pub encryption: Encryptions,
    /// How it sends authorization requests.
    pub requests: ClientRequests,
    /// `initiate_login_uri`, OpenID Connect Core §4.
    pub initiate_login_uri: Option<String>,
    /// `default_max_age` in seconds.
    pub default_max_age: Option<i64>,
    /// `require_auth_time`.
    pub require_auth_time: bool,
    /// `default_acr_values`.
    pub default_acr_values: Vec<String>,
    /// The authentication context class without which nobody gets in; only an operator says so (`required_acr`).
    pub required_acr: Option<String>,
    /// What it demands of everybody's sign-in; only an operator says so (`sign_in_methods`, `second_factor`).
    pub sign_in: ClientSignIn,
    /// How long what it gets is good for, where that is shorter than with others; only an operator says so.
    pub lifetimes: ClientLifetimes,
    /// Whether PKCE is demanded of it.
    pub require_pkce: bool,
    /// Whether consent is asked at all; only configuration and administration can waive it (`skip_consent`).
    pub skip_consent: bool,
    /// For whom it is; only an operator says so (`allowed_groups`, `allowed_roles`).
    pub restriction: Restriction,
    /// Whether its refresh tokens are rotated: public clients without a key binding, and those of which an embedding
    /// program says so.
    pub rotate_refresh_tokens: bool,
    /// When it gets refresh tokens, where it registered their grant.
    pub refreshes: Refreshes,
    /// Whom its certificate names, for `tls_client_auth`.
    pub tls_subject: Option<certificate::Subject>,
    /// The security profile that it is held to; only an operator says so (`fapi_profile`).
    pub fapi: Option<Profile>,
    /// `dpop_bound_access_tokens`.
    pub dpop_bound_access_tokens: bool,
    /// `tls_client_certificate_bound_access_tokens`.
    pub certificate_bound_access_tokens: bool,
    /// `backchannel_logout_uri`, where the issuer offers it: logout tokens are posted there.
    pub backchannel_logout: Option<LogoutUri>,
    /// `frontchannel_logout_uri`, where the issuer offers it: a frame of the signed-out page loads it.
    pub frontchannel_logout: Option<LogoutUri>,
    /// How it takes part in backchannel authentication.
    pub backchannel: ClientBackchannel,
    /// `client_name`, bounded.
    pub name: Option<String>,
    /// Links for the consent page.
    pub links: ClientLinks,
    /// SHA-256 over the sorted redirect URIs: remembered consent is for this set.
    pub redirect_uris_digest: [u8; 32],
    /// Origins from which browsers may call the token and UserInfo endpoints: those of its http(s) redirect URIs.
    pub cors_origins: Vec<String>,
    /// Members of its metadata that the embedding program added.
    pub own: Map<String, Value>,
    /// When it was made. What was granted to an earlier client of the same identifier is not its own.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// How a client takes part in backchannel authentication (CIBA Core §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientBackchannel {
    /// `backchannel_token_delivery_mode`.
    pub mode: DeliveryMode,
    /// `backchannel_client_notification_endpoint`.
    pub endpoint: Option<String>,
    /// `backchannel_authentication_request_signing_alg`: then its requests must be signed.
    pub signing_alg: Option<JwsAlgorithm>,
    /// `backchannel_user_code_parameter`: then its requests carry a code of the person.
    pub user_code: bool,
}

impl Default for ClientBackchannel {
    /// What counts for a client without the grant: nothing of it is used.
    fn default() -> Self {
        Self {
            mode: DeliveryMode::Poll,
            endpoint: None,
            signing_alg: None,
            user_code: false,
        }
    }
}

/// How long what a client gets is good for, in seconds. It only ever shortens what the issuer and its resources say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientLifetimes {
    /// `code_lifetime`.
    pub code: Option<i64>,
    /// `access_token_lifetime`.
    pub access_token: Option<i64>,
    /// `id_token_lifetime`.
    pub id_token: Option<i64>,
    /// `refresh_token_lifetime`: from the sign-in on, however often it is used.
    pub refresh_token: Option<i64>,
}

impl ClientLifetimes {
    /// The lifetimes of the issuer as this client has them.
    #[must_use]
    pub fn within(self, issuer: &Lifetimes) -> Lifetimes {
        let at_most = |most: i64, own: Option<i64>| own.map_or(most, |own| own.min(most));
        let absolute = at_most(issuer.refresh_absolute, self.refresh_token);
        Lifetimes {
            code: at_most(issuer.code, self.code),
            access_token: at_most(issuer.access_token, self.access_token),
            id_token: at_most(issuer.id_token, self.id_token),
            refresh_absolute: absolute,
            refresh_idle: issuer.refresh_idle.min(absolute),
            ..*issuer
        }
    }
}

/// A client's secret in both forms.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// HMAC-SHA-256 under the provider's key, for comparing.
    pub digest: ContentDigest,
    /// The secret, where a symmetric algorithm needs it.
    pub plain: Option<Secret>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl ClientSecret {
    /// Whether it still works.
    //= RFC7591#3.2.1 MUST: a secret does not work after client_secret_expires_at
    #[must_use]
    pub fn works_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| !at.is_over(now))
    }
}

/// How a client sends authorization requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientRequests {
    /// `request_object_signing_alg`.
    pub signing_alg: Option<JwsAlgorithm>,
    /// `require_signed_request_object`.
    pub require_signed: bool,
    /// `require_pushed_authorization_requests`.
    pub require_pushed: bool,
    /// `request_uris`.
    pub uris: Vec<String>,
    /// `authorization_details_types`.
    pub detail_types: Vec<String>,
}

/// Where and how a client wants to be told that a session has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutUri {
    /// An https URL, or http on a loopback host.
    pub uri: String,
    /// Whether the client wants to know which session.
    pub session_required: bool,
}

/// Links of the consent page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientLinks {
    /// `client_uri`.
    pub client_uri: Option<String>,
    /// `logo_uri`. See [`Client::shown_logo`].
    pub logo_uri: Option<String>,
    /// `policy_uri`.
    pub policy_uri: Option<String>,
    /// `tos_uri`.
    pub tos_uri: Option<String>,
}

/// `application_type`, OpenID Connect Dynamic Client Registration §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationType {
    /// A web application.
    Web,
    /// A native application.
    Native,
}

impl ApplicationType {
    /// Reads a registered value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "web" => Some(Self::Web),
            "native" => Some(Self::Native),
            _ => None,
        }
    }
}

/// `subject_type`, OpenID Connect Core §8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectType {
    /// The same subject for every client.
    Public,
    /// Another subject for every sector.
    Pairwise,
}

impl Client {
    /// Whether a link of ours that leads to `to`, before a person did anything here, is one that anybody could have made.
    pub(crate) fn leads_unseen(&self, to: &str, policy: &Policy) -> bool {
        self.stranger && !policy.requests.redirect_strangers && !is_own_machine(to)
    }

    /// What its request objects must have beside what every one must have.
    #[must_use]
    pub fn request_object_demands(&self) -> Demands {
        self.fapi.map(Profile::demands).unwrap_or_default()
    }

    /// Whether it has no way to authenticate (`token_endpoint_auth_method` `none`).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.auth_method == "none"
    }

    /// Whether it may ask for a resource of the issuer.
    #[must_use]
    pub fn may_name(&self, resource: &Resource) -> bool {
        let identifier = canonical(&resource.identifier);
        self.resources
            .as_ref()
            .is_none_or(|list| list.iter().any(|uri| canonical(uri) == identifier))
    }

    /// Whether something that was granted or issued at that time was for this client, and not for an earlier one that
    /// had the same identifier and was deleted.
    #[must_use]
    pub const fn was_there(&self, at: Timestamp) -> bool {
        at.0 >= self.created_at.0
    }

    /// Whether it wants to be told when a session ends.
    #[must_use]
    pub const fn is_told_of_logout(&self) -> bool {
        self.backchannel_logout.is_some() || self.frontchannel_logout.is_some()
    }

    /// Whether its ID tokens name the session, so that it knows which one ended.
    //= OIDC-BACKCHANNEL#2.2 MUST: a client that is told which session ended has sid in its ID tokens
    #[must_use]
    pub fn knows_sessions(&self) -> bool {
        [&self.backchannel_logout, &self.frontchannel_logout]
            .into_iter()
            .flatten()
            .any(|to| to.session_required)
    }

    /// Whether it may ask for authorization details of that type: only for types that it registered.
    #[must_use]
    pub fn may_ask_for(&self, detail_type: &str) -> bool {
        self.requests.detail_types.iter().any(|t| t == detail_type)
    }

    /// Whether it may use a grant type.
    #[must_use]
    pub fn may_use(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|g| g == grant_type)
    }
}
