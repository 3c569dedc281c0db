//! JWT assertions as grants, [RFC 7523 §2.1](https://www.rfc-editor.org/rfc/rfc7523#section-2.1): another issuer, which the
//! operator trusts, says who the person is.
//!
//! Nobody is asked and nobody signs in here. What a token may be for follows from the operator's entry for that issuer
//! ([`TrustedIssuer`]).

#[cfg(test)]
mod tests;

use hallpass_jose::{Claims, UnverifiedJws};
use hallpass_types::{Bucket, GrantId, Key, Once, Params, Scope, Subject, Timestamp, sha256};

use super::{
    AccessGrant, AccountFacts, Context, Grant, Issuance, Lookup, Reason, Refused, Spend, Target,
    target,
};
use crate::{
    jwt_type,
    policy::{Place, Policy, TrustedIssuer, canonical},
    record::{Authentication, ClaimsRequest, GrantRecord},
};

/// The grant.
#[derive(Clone, Copy, Debug)]
pub struct JwtBearer;

/// What a request says. The assertion is a secret and is not printed.
pub struct Request {
    assertion: String,
    scope: Option<Scope>,
    resources: Vec<String>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("scope", &self.scope)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

/// The assertion, to be verified with the keys of its issuer. It is a secret and is not printed.
pub struct AssertionKey(pub String);

impl std::fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AssertionKey(..)")
    }
}

/// What the engine found.
#[derive(Debug)]
pub struct AssertionFound {
    /// The claims, when the signature is that of the trusted issuer which they name.
    pub claims: Option<Claims>,
    /// The account that the issuer's entry makes of the subject.
    pub account: Option<(Subject, AccountFacts)>,
    /// For the identifier of the grant.
    pub random: [u8; 12],
}

impl Lookup for AssertionKey {
    type Found = AssertionFound;
}

/// The entry for the issuer that an assertion names, before its signature is verified. None as well for an algorithm that the
/// entry does not take, and for a token that says it is for something else.
#[must_use]
pub fn issuer_of<'p>(jws: &UnverifiedJws<'_>, policy: &'p Policy) -> Option<&'p TrustedIssuer> {
    //= RFC8725#3.11 SHOULD: a token that says it is for something else is not used here
    if !jwt_type::is_any_or(jws.typ(), Some("authorization-grant+jwt")) {
        return None;
    }
    let claims = jws.claims_unverified().ok()?;
    let named = claims.str("iss").ok()??;
    let entry = policy.jwt_bearer.iter().find(|i| i.issuer == named)?;
    //= RFC8725#3.1 MUST: the algorithm is one that the entry takes, not one that the token chooses
    let fits = !jws.algorithm().is_symmetric() && entry.algs.contains(&jws.algorithm());
    fits.then_some(entry)
}

/// The account that an entry makes of a subject.
#[must_use]
pub fn account_of(entry: &TrustedIssuer, claims: &Claims) -> Option<Subject> {
    let sub = claims.str("sub").ok()??;
    match &entry.subjects {
        Some(known) => known.get(sub).and_then(|s| Subject::parse(s).ok()),
        None => Subject::parse(sub).ok(),
    }
}

impl Grant for JwtBearer {
    const TYPE: &'static str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    const PARAMS: &'static [&'static str] = &["assertion", "scope", "resource"];
    type Request = Request;
    type Key = AssertionKey;

    fn parse(params: &Params) -> Result<Request, Reason> {
        //= RFC7523#2.1 MUST: there is one assertion
        let assertion = params.get("assertion").ok_or(Reason::AssertionMissing)?;
        let scope = params
            .get("scope")
            .map(|text| Scope::parse(text).map_err(|_| Reason::ScopeMalformed))
            .transpose()?;
        Ok(Request {
            assertion: assertion.to_owned(),
            scope,
            resources: target::read(params)?,
        })
    }

    /// Nobody's keys are fetched for a client that may not show assertions of theirs.
    fn admit(cx: &Context<'_>, request: &Request) -> Result<(), Reason> {
        let client = cx.client.client();
        if client.is_public() {
            return Err(Reason::GrantTypeNotAllowed);
        }
        let jws = UnverifiedJws::parse_with_limit(&request.assertion, MAX_ASSERTION)
            .map_err(|_| Reason::AssertionInvalid)?;
        let entry = issuer_of(&jws, cx.policy).ok_or(Reason::AssertionInvalid)?;
        let named = entry.clients.iter().any(|id| *id == client.id.as_str());
        named.then_some(()).ok_or(Reason::AssertionNotForClient)
    }

    fn key(request: &Request) -> AssertionKey {
        AssertionKey(request.assertion.clone())
    }

    fn decide(
        cx: &Context<'_>,
        request: Request,
        found: AssertionFound,
    ) -> Result<Issuance, Refused> {
        let client = cx.client.client();
        if client.is_public() {
            return Err(Reason::GrantTypeNotAllowed.into());
        }
        let claims = found.claims.ok_or(Reason::AssertionInvalid)?;
        let entry = claims
            .str("iss")
            .ok()
            .flatten()
            .and_then(|iss| cx.policy.jwt_bearer.iter().find(|i| i.issuer == iss))
            .ok_or(Reason::AssertionInvalid)?;
        if !entry.clients.iter().any(|id| *id == client.id.as_str()) {
            return Err(Reason::AssertionNotForClient.into());
        }
        let once = once(cx, entry, &claims)?;
        let (account, facts) = found.account.ok_or(Reason::AccountGone)?;
        if request.resources.is_empty() && !named(entry, cx.policy.issuer.as_str()) {
            return Err(Reason::TargetUnknown.into());
        }
        let target = Target::among(cx.policy, &request.resources, |resource| {
            named(entry, &resource.identifier)
        })?
        .of(client);
        let scope = scope(cx, entry, &target, request.scope)?;
        let expires_at = cx.now.plus(target.lifetime);
        let grant = GrantRecord {
            authorization_details: Vec::new(),
            id: GrantId {
                bucket: Bucket::holding(expires_at),
                random: found.random,
            },
            client_id: client.id.clone(),
            subject: account,
            account_epoch: facts.epoch,
            scope: scope.clone(),
            resources: target.audience.clone(),
            claims: ClaimsRequest::default(),
            authentication: Authentication::elsewhere(),
            session: None,
            sid: None,
            organization: None,
            session_bound: false,
            issued_at: cx.now,
            expires_at,
            refresh: None,
            confirmation: cx.binding,
        };
        let access = AccessGrant {
            details: Vec::new(),
            grant: Some(grant.id),
            subject: client.subject(cx.policy, &grant.subject),
            scope,
            target,
            confirmation: cx.binding,
            extra: None,
            authentication: None,
            issued_as: None,
            person: None,
        };
        //= RFC7521#4.1 SHOULD NOT: there is no refresh token
        Ok(Issuance {
            spend: Some(Spend::Once(once)),
            new_grant: Some(Box::new(grant)),
            ..Issuance::of(access)
        })
    }
}

/// Checks the claims of an assertion whose signature is good, and names its one use.
fn once(cx: &Context<'_>, entry: &TrustedIssuer, claims: &Claims) -> Result<Key<Once>, Reason> {
    //= RFC7523#3 MUST: aud names this server
    //= RFC7523#3 exception: it is the issuer or the token endpoint, alone; an assertion for several servers is refused
    let audience = claims.audience().map_err(|_| Reason::AssertionInvalid)?;
    let is_token_endpoint = |name: &str| {
        let mut paths = cx.policy.routes.all(Place::Token);
        paths.any(|path| cx.policy.issuer.url(path) == name)
    };
    let [one] = audience.as_slice() else {
        return Err(Reason::AssertionAudience);
    };
    if *one != cx.policy.issuer.as_str() && !is_token_endpoint(one) {
        return Err(Reason::AssertionAudience);
    }
    let time = |name| {
        let seconds = claims.int_seconds(name);
        let seconds = seconds.map_err(|_| Reason::AssertionInvalid)?;
        Ok(seconds.map(Timestamp))
    };
    //= RFC7523#3 MUST: exp is there and not over
    //= RFC7523#3 MAY: an exp that lies unreasonably far ahead is refused
    let expires_at = time("exp")?.ok_or(Reason::AssertionInvalid)?;
    if expires_at.is_over(cx.now) || expires_at.since(cx.now) > entry.max_lifetime {
        return Err(Reason::AssertionTime);
    }
    //= RFC7523#3 MUST: before nbf an assertion is refused
    for begin in [time("nbf")?, time("iat")?].into_iter().flatten() {
        if begin.is_ahead(cx.now) {
            return Err(Reason::AssertionTime);
        }
    }
    let keys = &cx.policy.keys;
    if keys.may_be_used(time("iat")?, expires_at, entry.max_lifetime) {
        return Err(Reason::AssertionTime);
    }
    //= RFC7523#3 MAY: an assertion whose jti was seen is refused; here, each needs one and works once
    let jti = claims
        .str("jti")
        .ok()
        .flatten()
        .filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI)
        .ok_or(Reason::AssertionInvalid)?;
    let issuer = &entry.issuer;
    let name = format!("grant assertion\n{}\n{issuer}\n{jti}", issuer.len());
    Ok(Key::once(expires_at, sha256(name.as_bytes())))
}

/// Whether an entry speaks of a resource.
fn named(entry: &TrustedIssuer, indicator: &str) -> bool {
    let wanted = canonical(indicator);
    wanted.is_some() && entry.resources.iter().any(|r| canonical(r) == wanted)
}

/// What was asked for, within what the entry gives and the client may have. Without a wish, all of that which means something
/// to the target.
fn scope(
    cx: &Context<'_>,
    entry: &TrustedIssuer,
    target: &Target,
    asked: Option<Scope>,
) -> Result<Scope, Reason> {
    // Nobody has signed in here.
    let given = entry
        .scopes
        .filtered(|name| !matches!(name, "openid" | "offline_access"));
    let most = target.scope(cx.policy, &cx.permitted(&given))?;
    match asked {
        None => Ok(most),
        Some(asked) if asked.iter().all(|name| most.contains(name)) => Ok(asked),
        Some(_) => Err(Reason::ScopeNotGranted),
    }
}

/// The longest assertion, in bytes.
pub const MAX_ASSERTION: usize = 16 * 1024;
const MAX_JTI: usize = 512;
