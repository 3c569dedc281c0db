//! Grants, codes and clients for the tests of tokens.

use std::{collections::BTreeMap, sync::Arc};

use hallpass_jose::JwsAlgorithm;
use hallpass_types::{
    Bucket, ClientId, Code, GrantId, Key, Opaque, Params, RANDOM_LEN, Session, Subject, Timestamp,
    TokenId,
};

use super::AccountFacts;
use crate::{
    authorize::fixture,
    client::Client,
    client_auth::AuthenticatedClient,
    policy::{Policy, Resource, ScopeSpec, TokenFormat},
    record::{
        AccessToken, Authentication, ClaimsRequest, CodeRecord, FoundGrant, GrantRecord,
        RefreshState,
    },
};

pub(crate) use crate::authorize::fixture::{CALLBACK, CHALLENGE, ISSUER, NOW, scope, sid, web};

/// The verifier of RFC 7636 appendix B, for [`CHALLENGE`].
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(crate) const SEALED: &str = "https://sealed.test";
pub(crate) const READ: &str = "https://read.test";
pub(crate) const WRITE: &str = "https://write.test";
pub(crate) const BOTH: &str = "https://both.test";

pub(crate) fn resource(identifier: &str, scopes: &[&str], format: TokenFormat) -> Resource {
    Resource {
        name: None,
        identifier: identifier.to_owned(),
        scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
        format,
        access_token_lifetime: None,
    }
}

/// Knows `api:read` and `api:write`, `groups` which releases a claim, and a resource for each way of being one.
pub(crate) fn policy() -> Policy {
    let mut policy = fixture::policy();
    for (name, claims) in [("api:write", &[][..]), ("groups", &["groups"])] {
        policy.scopes.push(ScopeSpec {
            title: None,
            required: false,
            name: name.to_owned(),
            description: None,
            claims: claims.iter().map(|c| (*c).to_owned()).collect(),
        });
    }
    let jwt = TokenFormat::Jwt(JwsAlgorithm::ES256);
    policy.resources = vec![
        resource(SEALED, &[], TokenFormat::Sealed),
        resource(READ, &["api:read"], jwt),
        resource(WRITE, &["api:write"], jwt),
        resource(BOTH, &["api:read", "api:write"], jwt),
    ];
    policy
}

/// A public client, whose refresh tokens rotate.
pub(crate) fn spa() -> Client {
    Client {
        id: ClientId::parse("spa").unwrap(),
        rotate_refresh_tokens: true,
        ..fixture::spa()
    }
}

pub(crate) fn other(id: &str) -> Client {
    Client {
        id: ClientId::parse(id).unwrap(),
        ..web()
    }
}

pub(crate) fn proven(client: &Client) -> AuthenticatedClient {
    AuthenticatedClient::for_tests(Arc::new(client.clone()))
}

pub(crate) fn params(pairs: &[(&str, &str)]) -> Params {
    Params::from_pairs(pairs.iter().copied())
}

/// Alice, as she was when she allowed something.
pub(crate) const ALICE: Option<AccountFacts> = Some(AccountFacts { epoch: 3 });

/// What alice allowed this client half a minute ago: to read her name and mail, and to refresh.
pub(crate) fn grant(client: &Client) -> GrantRecord {
    let expires_at = NOW.plus(90 * 86_400);
    GrantRecord {
        authorization_details: Vec::new(),
        id: GrantId {
            bucket: Bucket::holding(expires_at),
            random: [9; 12],
        },
        client_id: client.id.clone(),
        subject: Subject::parse("alice").unwrap(),
        account_epoch: 3,
        scope: scope("openid email api:read offline_access"),
        resources: Vec::new(),
        claims: ClaimsRequest::default(),
        authentication: Authentication {
            auth_time: NOW.plus(-100),
            acr: Some("urn:acr:1".to_owned()),
            amr: vec!["pwd".to_owned(), "otp".to_owned()],
        },
        session: Some(session_key()),
        sid: Some(sid("sid-1")),
        organization: None,
        session_bound: false,
        issued_at: NOW.plus(-30),
        expires_at,
        refresh: Some(RefreshState {
            generation: 0,
            rotated_at: NOW.plus(-30),
            idle_expires_at: NOW.plus(14 * 86_400 - 30),
        }),
        confirmation: None,
    }
}

pub(crate) fn session_key() -> Key<Session> {
    Key::from_parts(Bucket(1), [5; 32])
}

pub(crate) fn found(record: GrantRecord) -> FoundGrant {
    FoundGrant {
        record,
        revoked_at: None,
    }
}

pub(crate) fn code() -> Opaque<Code> {
    Opaque::from_random(Bucket::holding(NOW), &[7; RANDOM_LEN])
}

pub(crate) fn code_record(client: &Client) -> CodeRecord {
    CodeRecord {
        grant: grant(client),
        redirect_uri: CALLBACK.to_owned(),
        code_challenge: Some(CHALLENGE.to_owned()),
        nonce: Some("n-1".to_owned()),
        dpop_jkt: None,
        grant_stands: false,
        issued_at: NOW.plus(-30),
        expires_at: NOW.plus(30),
    }
}

/// An access token of alice's grant, for the provider's own endpoints.
pub(crate) fn access_token(client: &Client) -> AccessToken {
    let grant = grant(client);
    AccessToken {
        id: TokenId([1; 16]),
        grant: Some(grant.id),
        client_id: client.id.clone(),
        subject: "alice".to_owned(),
        scope: grant.scope,
        audience: Vec::new(),
        issued_at: NOW.plus(-10),
        expires_at: NOW.plus(590),
        confirmation: None,
        extra: None,
    }
}

/// Claims without any wish about them.
pub(crate) fn wanted(names: &[&str]) -> BTreeMap<String, serde_json::Value> {
    names
        .iter()
        .map(|n| ((*n).to_owned(), serde_json::Value::Null))
        .collect()
}

pub(crate) fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

/// A second later than the end.
pub(crate) fn after(end: Timestamp) -> Timestamp {
    end.plus(1)
}
