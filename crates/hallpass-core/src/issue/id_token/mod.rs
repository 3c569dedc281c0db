//! ID tokens, [OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken).

use std::borrow::Cow;

use hallpass_types::{Scope, Sid, Subject, Timestamp};
use serde_json::{Map, Value};

use super::{external, json};
use crate::{
    client::Client,
    policy::Policy,
    record::{Authentication, ClaimsRequest, GrantRecord},
};

/// What an ID token says about the values that came with it from the authorization endpoint. Each is the left half of
/// the digest that the ID token's algorithm uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// `at_hash`: of the access token.
    pub access_token: Option<String>,
    /// `c_hash`: of the code.
    pub code: Option<String>,
    /// `s_hash`: of `state`.
    pub state: Option<String>,
}

/// The ID token to make.
#[derive(Clone, Debug, PartialEq)]
pub struct IdTokenRequest {
    /// The subject as the client knows it.
    pub subject: String,
    /// The account's own subject, for looking its claims up.
    pub account: Subject,
    /// How the person authenticated.
    pub authentication: Authentication,
    /// Returned untouched.
    pub nonce: Option<String>,
    /// Claims that were asked for in the ID token.
    pub claims: ClaimsRequest,
    /// What was granted.
    pub scope: Scope,
    /// The organization for which the person acts.
    pub organization: Option<String>,
    /// The session's name for clients; goes in when it was asked for, or the client is told when it ends.
    pub sid: Option<Sid>,
    /// What came with it from the authorization endpoint.
    pub hashes: Hashes,
    /// The request that it answers unasked.
    pub pushed: Option<Pushed>,
}

/// What ties an ID token to the answer in which a client gets it unasked (CIBA Core §10.3.1), beside `at_hash`.
#[derive(Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The request that is answered.
    pub auth_req_id: String,
    /// What `at_hash` is to the access token, for the refresh token.
    pub rt_hash: Option<String>,
}

/// The handle is a secret and is not printed.
impl std::fmt::Debug for Pushed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pushed").finish_non_exhaustive()
    }
}

impl IdTokenRequest {
    /// The ID token of a grant; none without `openid`.
    #[must_use]
    pub fn of_grant(grant: &GrantRecord, subject: String, nonce: Option<String>) -> Option<Self> {
        grant.scope.contains("openid").then(|| Self {
            subject,
            account: grant.subject.clone(),
            authentication: grant.authentication.clone(),
            nonce,
            claims: grant.claims.clone(),
            scope: grant.scope.clone(),
            organization: grant.organization.clone(),
            sid: grant.sid.clone(),
            hashes: Hashes::default(),
            pushed: None,
        })
    }

    /// Asks for the claims of the scope too: nothing but this ID token is issued, so there is no UserInfo response that
    /// could have them.
    //= OIDC-CORE#5.4 MUST: claims of the scope are in the ID token when no access token is issued
    pub fn include_scope_claims(&mut self, scope: &Scope, policy: &Policy) {
        let released = scope.iter().filter_map(|token| policy.scope(token));
        for name in released.flat_map(|spec| &spec.claims) {
            self.include(name);
        }
    }

    /// Asks for what the operator lets `openid` itself release: the scope stands for the ID token, so that its claims are there
    /// as well as at UserInfo. OpenID Connect Core §5.4 says it of none but `profile`, `email`, `address` and `phone` that their
    /// claims stay at UserInfo.
    #[must_use]
    pub fn with_claims_of_openid<'r>(&'r self, policy: &Policy) -> Cow<'r, Self> {
        let mut request = Cow::Borrowed(self);
        let released = policy.scope("openid").into_iter().flat_map(|s| &s.claims);
        for name in released.filter(|name| !is_reserved(name)) {
            request.to_mut().include(name);
        }
        request
    }

    fn include(&mut self, name: &str) {
        let claims = &mut self.claims.id_token;
        claims.entry(name.to_owned()).or_insert(Value::Null);
    }
}

/// Claims of ID tokens beside those that scopes release, for the metadata document.
pub const CLAIMS: &[&str] = &[
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "sid",
];

/// Names that say something about a token or a sign-in: the provider sets them, account claims never do.
const RESERVED: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
    "client_id",
    "scope",
    "cnf",
    "act",
    "may_act",
    "active",
    external::NAMES,
    external::SOURCES,
    AUTH_REQ_ID,
    RT_HASH,
];

const AUTH_REQ_ID: &str = "urn:openid:params:jwt:claim:auth_req_id";
const RT_HASH: &str = "urn:openid:params:jwt:claim:rt_hash";

/// Whether the provider sets a claim of that name itself.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// The claims as JSON. Claims of scopes stay at UserInfo where an access token is issued along
/// (OpenID Connect Core §5.4; [`IdTokenRequest::include_scope_claims`]); what the `claims` parameter asked for under
/// `id_token` goes in.
#[must_use]
pub fn claims(
    request: &IdTokenRequest,
    client: &Client,
    policy: &Policy,
    account: &Map<String, Value>,
    now: Timestamp,
) -> String {
    let mut out = String::with_capacity(384);
    out.push('{');
    json::text(&mut out, "iss", policy.issuer.as_str());
    json::text(&mut out, "sub", &request.subject);
    //= OIDC-CORE#2 MUST: aud contains the client_id
    json::text(&mut out, "aud", client.id.as_str());
    let lifetimes = client.lifetimes.within(&policy.lifetimes);
    json::number(&mut out, "exp", now.plus(lifetimes.id_token).0);
    json::number(&mut out, "iat", now.0);
    //= OIDC-CORE#2 MUST: auth_time is there when max_age was sent or the client registered require_auth_time
    json::number(&mut out, "auth_time", request.authentication.auth_time.0);
    //= OIDC-CORE#3.1.2.1 MUST: the nonce is returned unmodified
    if let Some(nonce) = &request.nonce {
        json::text(&mut out, "nonce", nonce);
    }
    if let Some(acr) = &request.authentication.acr {
        json::text(&mut out, "acr", acr);
    }
    if !request.authentication.amr.is_empty() {
        json::list(&mut out, "amr", &request.authentication.amr);
    }
    //= CIBA#10.3.1 MUST: an ID token that is pushed names the request and holds the digests of the other tokens
    if let Some(pushed) = &request.pushed {
        json::text(&mut out, AUTH_REQ_ID, &pushed.auth_req_id);
        if let Some(rt_hash) = &pushed.rt_hash {
            json::text(&mut out, RT_HASH, rt_hash);
        }
    }
    let hashes = &request.hashes;
    for (name, hash) in [
        //= OIDC-CORE#3.3.2.11 MUST: at_hash is there when an access token comes along from the authorization endpoint
        ("at_hash", &hashes.access_token),
        //= OIDC-CORE#3.3.2.11 MUST: c_hash is there when a code comes along
        ("c_hash", &hashes.code),
        //= FAPI1-ADV#5.2.2.1 MUST: s_hash is there when state came, so that the ID token signs the whole answer
        ("s_hash", &hashes.state),
    ] {
        if let Some(hash) = hash {
            json::text(&mut out, name, hash);
        }
    }
    if let Some(sid) = &request.sid
        && (client.knows_sessions() || request.claims.id_token.contains_key("sid"))
    {
        json::text(&mut out, "sid", sid.as_str());
    }
    let asked = request.claims.id_token.keys().map(String::as_str);
    if policy.external_claims
        && let Some((names, sources)) = external::released(asked, account)
    {
        json::value(&mut out, external::NAMES, &names);
        json::value(&mut out, external::SOURCES, &sources);
    }
    for name in request.claims.id_token.keys() {
        if !is_reserved(name)
            && let Some(found) = policy.claim_of(account, name)
        {
            json::value(&mut out, name, found);
        }
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests;
