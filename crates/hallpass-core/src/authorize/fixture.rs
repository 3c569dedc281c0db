//! Clients and a policy for the tests of this crate.

use std::sync::Arc;

use hallpass_jose::JwsAlgorithm;
use hallpass_types::{ClientId, Issuer, Params, Scope, Sid, Subject, Timestamp};

use super::{Identified, Reason, Received, Redirect, Valid};
use crate::{
    client::{
        ApplicationType, Client, ClientBackchannel, ClientLinks, ClientOrigin, ClientRequests,
        SubjectType,
    },
    policy::{Policy, Resource, ScopeSpec, TokenFormat},
    record::{Authentication, SessionRecord},
};

pub(crate) const ISSUER: &str = "https://op.test:8443";
pub(crate) const CALLBACK: &str = "https://rp.test/cb";
/// The challenge of RFC 7636 appendix B.
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);

pub(crate) fn policy() -> Policy {
    let mut policy = Policy::new(Issuer::parse(ISSUER).unwrap(), Arc::new([7; 32]));
    policy.scopes.push(ScopeSpec {
        title: None,
        required: false,
        name: "api:read".to_owned(),
        description: None,
        claims: Vec::new(),
    });
    policy.resources = ["https://api1.test", "https://api2.test/v1/"]
        .into_iter()
        .map(|identifier| Resource {
            name: None,
            identifier: identifier.to_owned(),
            scopes: Vec::new(),
            format: TokenFormat::Sealed,
            access_token_lifetime: None,
        })
        .collect();
    policy
}

/// A confidential web client without further restrictions.
pub(crate) fn web() -> Client {
    Client {
        own: serde_json::Map::new(),
        id: ClientId::parse("web").unwrap(),
        origin: ClientOrigin::Administration,
        stranger: false,
        application_type: ApplicationType::Web,
        redirect_uris: vec![CALLBACK.to_owned(), "https://rp.test/cb?a=1".to_owned()],
        post_logout_redirect_uris: vec!["https://rp.test/bye".to_owned()],
        response_types: vec!["code".to_owned()],
        grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
        response_modes: None,
        scope: None,
        resources: None,
        introspects: Vec::new(),
        auth_method: "client_secret_basic".to_owned(),
        auth_signing_alg: None,
        secret: None,
        jwks: None,
        jwks_uri: None,
        subject_type: SubjectType::Public,
        sector: None,
        id_token_signed_response_alg: JwsAlgorithm::ES256,
        userinfo_signed_response_alg: None,
        introspection_signed_response_alg: JwsAlgorithm::ES256,
        authorization_signed_response_alg: JwsAlgorithm::ES256,
        encryption: crate::client::Encryptions::default(),
        requests: ClientRequests::default(),
        initiate_login_uri: None,
        default_max_age: None,
        require_auth_time: false,
        default_acr_values: Vec::new(),
        required_acr: None,
        sign_in: crate::sign_in::ClientSignIn::default(),
        lifetimes: crate::client::ClientLifetimes::default(),
        require_pkce: false,
        skip_consent: false,
        restriction: crate::access::Restriction::default(),
        fapi: None,
        tls_subject: None,
        dpop_bound_access_tokens: false,
        certificate_bound_access_tokens: false,
        rotate_refresh_tokens: false,
        refreshes: crate::client::Refreshes::default(),
        backchannel_logout: None,
        frontchannel_logout: None,
        backchannel: ClientBackchannel::default(),
        name: None,
        links: ClientLinks::default(),
        redirect_uris_digest: [1; 32],
        cors_origins: Vec::new(),
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
    }
}

pub(crate) fn spa() -> Client {
    Client {
        auth_method: "none".to_owned(),
        require_pkce: true,
        ..web()
    }
}

/// A request that breaks no rule, with `changes` on top: an empty value takes a parameter away.
pub(crate) fn request(changes: &[(&str, &str)]) -> Received {
    let mut pairs: Vec<(String, String)> = [
        ("client_id", "web"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "s-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
    .into_iter()
    .filter(|(name, _)| !changes.iter().any(|(n, _)| n == name))
    .map(|(n, v)| (n.to_owned(), v.to_owned()))
    .collect();
    pairs.extend(
        changes
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
    );
    Received::new(Params::from_pairs(pairs))
}

pub(crate) fn identified(client: Client, changes: &[(&str, &str)]) -> Identified {
    request(changes).identify(Some(Arc::new(client))).unwrap()
}

pub(crate) fn validated(client: Client, changes: &[(&str, &str)]) -> Result<Valid, Redirect> {
    identified(client, changes).validate(&policy())
}

pub(crate) fn valid(changes: &[(&str, &str)]) -> Valid {
    validated(web(), changes).unwrap()
}

pub(crate) fn refusal(client: Client, changes: &[(&str, &str)]) -> Option<Reason> {
    validated(client, changes).err().map(|r| r.reason())
}

pub(crate) fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

pub(crate) fn sid(text: &str) -> Sid {
    Sid::parse(text).unwrap()
}

/// A session of alice, signed in `age` seconds ago.
pub(crate) fn session(age: i64) -> SessionRecord {
    SessionRecord {
        subject: Subject::parse("alice").unwrap(),
        account_epoch: 3,
        authentication: Authentication {
            auth_time: NOW.plus(age.saturating_neg()),
            acr: None,
            amr: vec!["pwd".to_owned()],
        },
        sid: sid("sid-1"),
        created_at: NOW.plus(age.saturating_neg()),
        expires_at: NOW.plus(3600),
        superseded: false,
        proofs: Vec::new(),
        earlier: Vec::new(),
        visit: None,
        seen_at: NOW,
        fleeting: false,
        lowered: false,
    }
}
