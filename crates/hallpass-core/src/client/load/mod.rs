//! From the stored record to the typed client.

#[cfg(test)]
mod tests;

use hallpass_jose::{Jwks, JwksPolicy, JwsAlgorithm};
use hallpass_types::{Scope, Secret, sha256};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    ApplicationType, Client, ClientBackchannel, ClientLifetimes, ClientLinks, ClientOrigin,
    ClientRecord, ClientRequests, ClientSecret, LogoutUri, MetadataError, MetadataReason,
    Refreshes, SubjectType, metadata, needs_secret, redirect_uri, sector,
};
use crate::{
    access::Restriction,
    client_auth::{self, certificate},
    fapi::{self, Profile},
    policy::{DeliveryMode, Policy},
    sign_in::{ClientSignIn, Method, SecondFactor},
};

/// The members that rules read. What is stored was normalised, so an absent list is an empty one.
#[derive(Deserialize)]
struct Stored {
    application_type: String,
    redirect_uris: Vec<String>,
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    response_types: Vec<String>,
    grant_types: Vec<String>,
    response_modes: Option<Vec<String>>,
    scope: Option<Scope>,
    resources: Option<Vec<String>>,
    introspection_resources: Option<Vec<String>>,
    token_endpoint_auth_method: String,
    token_endpoint_auth_signing_alg: Option<JwsAlgorithm>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    subject_type: String,
    sector_identifier_uri: Option<String>,
    id_token_signed_response_alg: JwsAlgorithm,
    userinfo_signed_response_alg: Option<JwsAlgorithm>,
    introspection_signed_response_alg: Option<JwsAlgorithm>,
    authorization_signed_response_alg: Option<JwsAlgorithm>,
    request_object_signing_alg: Option<JwsAlgorithm>,
    #[serde(default)]
    require_signed_request_object: bool,
    #[serde(default)]
    require_pushed_authorization_requests: bool,
    #[serde(default)]
    request_uris: Vec<String>,
    initiate_login_uri: Option<String>,
    #[serde(default)]
    authorization_details_types: Vec<String>,
    default_max_age: Option<i64>,
    #[serde(default)]
    require_auth_time: bool,
    #[serde(default)]
    default_acr_values: Vec<String>,
    required_acr: Option<String>,
    #[serde(default)]
    sign_in_methods: Vec<Method>,
    second_factor: Option<SecondFactor>,
    code_lifetime: Option<i64>,
    access_token_lifetime: Option<i64>,
    id_token_lifetime: Option<i64>,
    refresh_token_lifetime: Option<i64>,
    require_pkce: Option<bool>,
    #[serde(default)]
    skip_consent: bool,
    #[serde(default)]
    allowed_groups: Vec<String>,
    #[serde(default)]
    allowed_roles: Vec<String>,
    #[serde(default)]
    dpop_bound_access_tokens: bool,
    #[serde(default)]
    tls_client_certificate_bound_access_tokens: bool,
    backchannel_logout_uri: Option<String>,
    #[serde(default)]
    backchannel_logout_session_required: bool,
    frontchannel_logout_uri: Option<String>,
    #[serde(default)]
    frontchannel_logout_session_required: bool,
    backchannel_token_delivery_mode: Option<DeliveryMode>,
    backchannel_client_notification_endpoint: Option<String>,
    backchannel_authentication_request_signing_alg: Option<JwsAlgorithm>,
    #[serde(default)]
    backchannel_user_code_parameter: bool,
    client_name: Option<String>,
    client_uri: Option<String>,
    logo_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
}

/// The members of [`Stored`].
const KNOWN: &[&str] = &[
    "application_type",
    "redirect_uris",
    "post_logout_redirect_uris",
    "response_types",
    "grant_types",
    "response_modes",
    "scope",
    "resources",
    "introspection_resources",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "jwks",
    "jwks_uri",
    "subject_type",
    "sector_identifier_uri",
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    "introspection_signed_response_alg",
    "authorization_signed_response_alg",
    "request_object_signing_alg",
    "require_signed_request_object",
    "require_pushed_authorization_requests",
    "request_uris",
    "initiate_login_uri",
    "authorization_details_types",
    "default_max_age",
    "require_auth_time",
    "default_acr_values",
    "required_acr",
    "sign_in_methods",
    "second_factor",
    "code_lifetime",
    "access_token_lifetime",
    "id_token_lifetime",
    "refresh_token_lifetime",
    "require_pkce",
    "skip_consent",
    "allowed_groups",
    "allowed_roles",
    "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "frontchannel_logout_uri",
    "frontchannel_logout_session_required",
    "backchannel_token_delivery_mode",
    "backchannel_client_notification_endpoint",
    "backchannel_authentication_request_signing_alg",
    "backchannel_user_code_parameter",
    "client_name",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
];

impl Client {
    /// Makes the typed client of a record. Its metadata must be the result of [`metadata::normalize`].
    ///
    /// `plain_secret` is the secret itself, for the clients of which [`super::needs_plain_secret`] says so.
    /// Whether the client is disabled is for the caller to look at: such a client is unknown to every endpoint.
    ///
    /// # Errors
    /// [`MetadataError`] when metadata is not as it is stored, when the issuer has no longer a key for an
    /// algorithm of the client, or when its secret is missing or too short for its use.
    pub fn from_record(
        record: &ClientRecord,
        policy: &Policy,
        plain_secret: Option<Secret>,
    ) -> Result<Self, MetadataError> {
        let mut client = Self::without_profile(record, policy, plain_secret)?;
        let named = record
            .metadata
            .get("fapi_profile")
            .filter(|_| record.origin.is_trusted())
            .and_then(Value::as_str);
        let own = match named {
            Some(name) => {
                Some(Profile::parse(name).ok_or(MetadataReason::Unsupported.at("fapi_profile"))?)
            }
            None => policy.fapi_profile,
        };
        if let Some(profile) = own {
            profile.tighten(&mut client);
            if let Some(lack) = fapi::lacks(&client, profile, policy).first() {
                return Err(MetadataReason::ProfileUnmet.at(lack.field));
            }
        }
        policy.choices.apply(&mut client);
        Ok(client)
    }

    /// The typed client of a record before its security profile is looked at, to find out what it lacks for one.
    ///
    /// # Errors
    /// As [`Self::from_record`], but for the profile.
    pub fn without_profile(
        record: &ClientRecord,
        policy: &Policy,
        plain_secret: Option<Secret>,
    ) -> Result<Self, MetadataError> {
        let stored = Stored::deserialize(&Value::Object(record.metadata.clone()))
            .map_err(|_| MetadataReason::WrongType.at("metadata"))?;
        let method = client_auth::method(&stored.token_endpoint_auth_method)
            .ok_or(MetadataReason::Unsupported.at("token_endpoint_auth_method"))?;
        let public = method.kind() == client_auth::Kind::Public;
        let secret = secret(record, plain_secret)?;
        let jwks = stored
            .jwks
            .as_ref()
            .map(|value| Jwks::from_value(value, JwksPolicy::Client))
            .transpose()
            .map_err(|_| MetadataReason::KeysInvalid.at("jwks"))?;
        let offered = |alg: &JwsAlgorithm| policy.signing_algs.contains(alg);
        if !offered(&stored.id_token_signed_response_alg) {
            return Err(MetadataReason::AlgorithmUnsupported.at("id_token_signed_response_alg"));
        }
        for (name, alg) in [
            (
                "userinfo_signed_response_alg",
                &stored.userinfo_signed_response_alg,
            ),
            (
                "introspection_signed_response_alg",
                &stored.introspection_signed_response_alg,
            ),
            (
                "authorization_signed_response_alg",
                &stored.authorization_signed_response_alg,
            ),
        ] {
            if !alg.as_ref().is_none_or(offered) {
                return Err(MetadataReason::AlgorithmUnsupported.at(name));
            }
        }
        let default_alg = metadata::default_alg(record.origin, policy)
            .unwrap_or(stored.id_token_signed_response_alg);
        let encryption = metadata::encryptions(&record.metadata, policy)?;
        let trusted = record.origin.is_trusted();
        // A resource server has no grant of its own. For an application `resources` says what it may ask for, which gives it
        // no right to look at what others hold.
        let serves = |_: &Vec<String>| trusted && stored.grant_types.is_empty();
        let introspects = stored
            .introspection_resources
            .filter(|_| trusted)
            .or_else(|| stored.resources.clone().filter(serves))
            .unwrap_or_default();
        let redirect_uris = places(stored.redirect_uris);
        Ok(Self {
            id: record.client_id.clone(),
            origin: record.origin,
            stranger: match record.origin {
                ClientOrigin::Document => policy.client_documents.allow_hosts.is_empty(),
                ClientOrigin::Registration => policy.registration.open && !record.vouched,
                ClientOrigin::Configuration | ClientOrigin::Administration => false,
            },
            application_type: ApplicationType::parse(&stored.application_type)
                .ok_or(MetadataReason::Unsupported.at("application_type"))?,
            sector: sector::sector_of(stored.sector_identifier_uri.as_deref(), &redirect_uris)
                .filter(|_| trusted || !sector::is_reached_directly(&stored.grant_types)),
            redirect_uris_digest: digest(&redirect_uris),
            cors_origins: origins(&redirect_uris),
            redirect_uris,
            post_logout_redirect_uris: places(stored.post_logout_redirect_uris),
            response_types: stored.response_types,
            grant_types: stored.grant_types,
            response_modes: stored.response_modes,
            scope: stored.scope,
            introspects,
            resources: stored.resources.filter(|_| trusted),
            auth_method: stored.token_endpoint_auth_method,
            auth_signing_alg: stored.token_endpoint_auth_signing_alg,
            secret,
            jwks,
            jwks_uri: stored.jwks_uri,
            subject_type: if stored.subject_type == "pairwise" {
                SubjectType::Pairwise
            } else {
                SubjectType::Public
            },
            id_token_signed_response_alg: stored.id_token_signed_response_alg,
            userinfo_signed_response_alg: stored.userinfo_signed_response_alg,
            introspection_signed_response_alg: stored
                .introspection_signed_response_alg
                .unwrap_or(default_alg),
            authorization_signed_response_alg: stored
                .authorization_signed_response_alg
                .unwrap_or(default_alg),
            encryption,
            requests: ClientRequests {
                signing_alg: stored.request_object_signing_alg,
                require_signed: stored.require_signed_request_object,
                require_pushed: stored.require_pushed_authorization_requests,
                uris: stored.request_uris,
                detail_types: stored.authorization_details_types,
            },
            initiate_login_uri: stored.initiate_login_uri,
            default_max_age: stored.default_max_age,
            require_auth_time: stored.require_auth_time,
            default_acr_values: stored.default_acr_values,
            required_acr: stored.required_acr.filter(|_| trusted),
            sign_in: if trusted {
                ClientSignIn {
                    methods: stored.sign_in_methods,
                    second_factor: stored.second_factor,
                }
            } else {
                ClientSignIn::default()
            },
            lifetimes: if trusted {
                ClientLifetimes {
                    code: stored.code_lifetime,
                    access_token: stored.access_token_lifetime,
                    id_token: stored.id_token_lifetime,
                    refresh_token: stored.refresh_token_lifetime,
                }
            } else {
                ClientLifetimes::default()
            },
            //= RFC9700#2.1.1 MUST: public clients use PKCE
            require_pkce: public
                || match record.origin {
                    ClientOrigin::Configuration | ClientOrigin::Administration => {
                        stored.require_pkce.unwrap_or(true)
                    }
                    ClientOrigin::Registration => policy.pkce_for_registered_clients,
                    ClientOrigin::Document => true,
                },
            skip_consent: trusted && stored.skip_consent,
            restriction: Restriction {
                groups: stored.allowed_groups,
                roles: stored.allowed_roles,
            },
            //= RFC9700#4.14.2 MUST: refresh tokens of public clients rotate or are bound to a key
            rotate_refresh_tokens: public,
            refreshes: Refreshes::default(),
            tls_subject: tls_subject(record),
            fapi: None,
            dpop_bound_access_tokens: stored.dpop_bound_access_tokens,
            certificate_bound_access_tokens: stored.tls_client_certificate_bound_access_tokens,
            backchannel_logout: stored
                .backchannel_logout_uri
                .filter(|_| policy.logout.back_channel)
                .map(|uri| LogoutUri {
                    uri,
                    session_required: stored.backchannel_logout_session_required,
                }),
            frontchannel_logout: stored
                .frontchannel_logout_uri
                .filter(|_| policy.logout.front_channel)
                .map(|uri| LogoutUri {
                    uri,
                    session_required: stored.frontchannel_logout_session_required,
                }),
            backchannel: ClientBackchannel {
                mode: stored
                    .backchannel_token_delivery_mode
                    .unwrap_or(DeliveryMode::Poll),
                endpoint: stored.backchannel_client_notification_endpoint,
                signing_alg: stored.backchannel_authentication_request_signing_alg,
                user_code: stored.backchannel_user_code_parameter,
            },
            name: stored.client_name,
            links: ClientLinks {
                client_uri: stored.client_uri,
                logo_uri: stored.logo_uri,
                policy_uri: stored.policy_uri,
                tos_uri: stored.tos_uri,
            },
            own: own(record, policy),
            created_at: record.created_at,
            updated_at: record.updated_at,
        })
    }
}

/// The members that the embedding program added.
fn own(record: &ClientRecord, policy: &Policy) -> Map<String, Value> {
    let mut own = Map::new();
    for member in &policy.client_members {
        let name = member.name();
        if let Some(value) = record.metadata.get(name).filter(|_| !is_known(name)) {
            own.insert(name.to_owned(), value.clone());
        }
    }
    own
}

/// Whether a member of that name means something to a rule.
pub(super) fn is_known(name: &str) -> bool {
    registered(name).is_some()
}

/// The name of a member that means something to a rule.
pub(super) fn registered(name: &str) -> Option<&'static str> {
    const OTHERS: &[&str] = &[
        "client_id",
        "client_secret",
        "fapi_profile",
        "contacts",
        "software_id",
    ];
    let mut all = [KNOWN, OTHERS, certificate::MEMBERS].into_iter().flatten();
    all.find(|known| **known == name).copied()
}

/// The secret of a client that has one, long enough for every HMAC that uses it.
fn secret(
    record: &ClientRecord,
    plain: Option<Secret>,
) -> Result<Option<ClientSecret>, MetadataError> {
    const NAME: &str = "client_secret";
    if !needs_secret(&record.metadata) {
        return Ok(None);
    }
    let digest = record
        .secret
        .ok_or(MetadataReason::SecretMissing.at(NAME))?;
    if metadata::needs_plain_secret(&record.metadata) {
        let length = plain
            .as_ref()
            .ok_or(MetadataReason::SecretMissing.at(NAME))?
            .expose()
            .len();
        //= RFC7518#3.2 MUST: an HMAC key is at least as long as the digest
        if length < metadata::min_secret_len(&record.metadata) {
            return Err(MetadataReason::SecretTooShort.at(NAME));
        }
    }
    Ok(Some(ClientSecret {
        digest,
        plain,
        expires_at: record.secret_expires_at,
    }))
}

/// Whom the certificate of a client names.
fn tls_subject(record: &ClientRecord) -> Option<certificate::Subject> {
    certificate::MEMBERS.iter().find_map(|member| {
        certificate::Subject::parse(member, record.metadata.get(*member)?.as_str()?)
    })
}

/// SHA-256 over the sorted URIs, each ended by a line feed, which no URI holds.
fn digest(uris: &[String]) -> [u8; 32] {
    let mut sorted: Vec<&str> = uris.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let mut text = String::new();
    for uri in sorted {
        text.push_str(uri);
        text.push('\n');
    }
    sha256(text.as_bytes())
}

/// Origins of the http(s) URIs, each once.
fn origins(uris: &[String]) -> Vec<String> {
    let mut origins: Vec<String> = uris
        .iter()
        .filter(|uri| uri.starts_with("https:") || uri.starts_with("http:"))
        .filter_map(|uri| url::Url::parse(uri).ok())
        .map(|url| url.origin().ascii_serialization())
        .collect();
    origins.sort_unstable();
    origins.dedup();
    origins
}

/// Without addresses of script, which cannot be registered: whatever wrote them, nobody is sent there.
fn places(mut uris: Vec<String>) -> Vec<String> {
    uris.retain(|uri| redirect_uri::is_place(uri));
    uris
}
