//! The person is signed in and has consented: what the answer holds, and what the code in it will be worth.

use std::fmt;

use hallpass_jose::left_half_hash;
use hallpass_types::{Bucket, Code, GrantId, Key, Opaque, Scope, Session, Timestamp};

use super::{AuthorizationResponse, Reason, RequestRecord, ResponseMode, ResponseType, Valid};
use crate::{
    authorization_details::Detail,
    claims_request,
    client::{Client, Refreshes},
    fapi::Profile,
    interaction::{Consented, acr},
    issue::{IdTokenRequest, TokenType, id_token::Hashes},
    policy::Policy,
    record::{
        Authentication, ClaimsRequest, CodeRecord, Confirmation, ConsentRecord, GrantRecord,
        RefreshState, SessionRecord,
    },
    token::{AccessGrant, Grant, refresh_token::Refresh},
};

/// By whose leave a request is granted.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// The live session of the person.
    pub session: &'a SessionRecord,
    /// Where the store holds it.
    pub session_key: Key<Session>,
    /// What the person just answered; none when [`interaction::next`](crate::interaction::next) had nothing to ask.
    pub consented: Option<&'a Consented>,
    /// What the person allowed earlier.
    pub remembered: Option<&'a ConsentRecord>,
    /// Seconds within which the client comes for its tokens.
    pub redeem_within: i64,
}

/// A request that its person allowed. What it asks for can be made.
#[derive(Clone, Debug)]
pub struct Granted {
    code: CodeRecord,
    consent: Option<ConsentRecord>,
    response_type: ResponseType,
    mode: ResponseMode,
    state: Option<String>,
}

/// An access token that goes into the answer.
#[derive(Clone)]
pub struct FrontToken {
    /// The token itself.
    pub text: String,
    /// Its lifetime in seconds.
    pub expires_in: i64,
    /// What it allows.
    pub scope: Scope,
    /// How it is used.
    pub token_type: TokenType,
}

/// The token is a secret and is not printed.
impl fmt::Debug for FrontToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontToken")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// What was made for the answer.
#[derive(Default)]
pub struct Made {
    /// The code.
    pub code: Option<Opaque<Code>>,
    /// The access token.
    pub access_token: Option<FrontToken>,
    /// The ID token.
    pub id_token: Option<String>,
}

/// Codes and tokens are secrets and are not printed.
impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made")
            .field("has_code", &self.code.is_some())
            .field("access_token", &self.access_token)
            .field("has_id_token", &self.id_token.is_some())
            .finish()
    }
}

/// Whether a request is for access that lasts when the person has gone, so that refresh tokens are issued for it: the
/// client registered the `refresh_token` grant, the answer has a code with which a refresh token could be had, and
///
/// - the request has `offline_access`, or
/// - it is plain OAuth, without `openid`. There `offline_access` means nothing special and a session of OpenID Connect
///   does not exist; RFC 6749 §1.5 leaves refresh tokens to the server.
///
/// Either way the person is asked for just that ([`shown_scope`]) and may leave it out. That consent, in this request
/// or an earlier one, is the "other condition" that OpenID Connect Core §11 allows beside `prompt=consent`; for a client
/// whose consent the operator waived, the operator has given it.
#[must_use]
pub fn wants_refresh(client: &Client, request: &RequestRecord) -> bool {
    //= OIDC-CORE#11 MUST: a response type without a code never leads to access that lasts
    may_refresh(client, request) && (request.scope.contains(OFFLINE) || !request.is_openid())
}

/// Whether there could be refresh tokens at all.
fn may_refresh(client: &Client, request: &RequestRecord) -> bool {
    client.may_use(Refresh::TYPE)
        && client.refreshes != Refreshes::Never
        && request.response_type.has_code()
}

/// What the person is asked to allow: the scope of the request, and `offline_access` wherever access lasts, whether the
/// client named it or not. Consent remembers it under that name too; the granted scope never has more than was asked.
#[must_use]
pub fn shown_scope(client: &Client, request: &RequestRecord) -> Scope {
    if wants_refresh(client, request) {
        with_offline(&request.scope)
    } else {
        request.scope.clone()
    }
}

/// The claims of the `claims` parameter that the person is asked about one by one: those that no scope of the request
/// releases.
#[must_use]
pub fn shown_claims<'r>(
    client: &Client,
    request: &'r RequestRecord,
    policy: &Policy,
) -> Vec<&'r str> {
    let scope = shown_scope(client, request);
    claims_request::personal(&request.claims)
        .into_iter()
        .filter(|name| !released_by(&scope, name, policy))
        .collect()
}

fn with_offline(scope: &Scope) -> Scope {
    scope.union(&Scope::parse(OFFLINE).unwrap_or_default())
}

const OFFLINE: &str = "offline_access";

impl Granted {
    /// Settles what is granted: never more than was asked for, and never more than was allowed.
    /// [`interaction::next`](crate::interaction::next) has said that it is ready.
    #[must_use]
    pub fn new(
        valid: &Valid,
        by: By<'_>,
        policy: &Policy,
        now: Timestamp,
        random: [u8; 12],
    ) -> Self {
        let (request, client) = (valid.request(), valid.client());
        let allowed = Allowed::settle(valid, by.consented, by.remembered, policy);
        let consent = by
            .consented
            .map(|answer| remember(valid, &allowed, answer, by.remembered, now));
        let lifetimes = client.lifetimes.within(&policy.lifetimes);
        let with_session = client.refreshes == Refreshes::WithSession
            && request.is_openid()
            && may_refresh(client, request);
        let refresh = (allowed.lasting || with_session).then(|| RefreshState {
            generation: 0,
            rotated_at: now,
            idle_expires_at: now.plus(lifetimes.refresh_idle.min(lifetimes.refresh_absolute)),
        });
        let longest = if refresh.is_some() {
            lifetimes.refresh_absolute
        } else {
            let longest = longest_access_token(&allowed.resources, policy);
            client
                .lifetimes
                .access_token
                .map_or(longest, |own| own.min(longest))
        };
        // A request of plain OAuth has nothing to do with the session in which it was allowed.
        let session_bound = request.is_openid() && !allowed.scope.contains(OFFLINE);
        let mut expires_at = now.plus(by.redeem_within).plus(longest);
        if session_bound {
            expires_at = expires_at.min(by.session.expires_at);
        }
        let authentication = Authentication {
            acr: acr::stated(policy, request, by.session.authentication.acr.as_deref()),
            ..by.session.authentication.clone()
        };
        let grant = GrantRecord {
            id: GrantId {
                bucket: Bucket::holding(expires_at),
                random,
            },
            client_id: client.id.clone(),
            subject: by.session.subject.clone(),
            account_epoch: by.session.account_epoch,
            session_bound,
            scope: allowed.scope,
            resources: allowed.resources,
            authorization_details: allowed.details,
            organization: request.organization.clone(),
            claims: allowed.claims,
            authentication,
            session: Some(by.session_key),
            sid: Some(by.session.sid.clone()),
            issued_at: now,
            expires_at,
            refresh,
            //= RFC9449#10 MUST: the key that the authorization request names is the one that is proved later
            //= ATTESTATION#9.4 SHOULD: a code of a request that an instance has pushed is that instance's
            confirmation: request
                .pushed
                .and_then(|pushed| pushed.instance)
                .or_else(|| {
                    let public = client.is_public() && request.response_type.has_token();
                    request.dpop_jkt.filter(|_| public)
                })
                .map(Confirmation::Jkt),
        };
        let longest = client.fapi.and_then(Profile::longest_code);
        let code_lifetime = longest.map_or(lifetimes.code, |most| most.min(lifetimes.code));
        let code = CodeRecord {
            grant,
            redirect_uri: request.redirect_uri.clone(),
            code_challenge: request.code_challenge.clone(),
            nonce: request.nonce.clone(),
            dpop_jkt: request.dpop_jkt,
            grant_stands: request.response_type.has_token(),
            issued_at: now,
            expires_at: now.plus(code_lifetime),
        };
        Self {
            response_type: request.response_type,
            mode: request.response_mode,
            state: request.state.clone(),
            code,
            consent,
        }
    }

    /// What was granted.
    #[must_use]
    pub const fn grant(&self) -> &GrantRecord {
        &self.code.grant
    }

    /// The record of the code; none when the answer holds no code.
    #[must_use]
    pub fn code_record(&self) -> Option<CodeRecord> {
        self.response_type.has_code().then(|| self.code.clone())
    }

    /// The grant to write with the answer, which holds an access token: a token is only as good as its grant. When a
    /// code comes along it belongs to the same grant, so that whatever ends one ends both.
    #[must_use]
    pub fn standing_grant(&self) -> Option<GrantRecord> {
        let mut grant = self
            .response_type
            .has_token()
            .then(|| self.code.grant.clone())?;
        if !self.response_type.has_code() {
            grant.refresh = None;
        }
        Some(grant)
    }

    /// The access token of the answer itself. It is bound to the key that the request named (RFC 9449 §10), as what the
    /// code yields will be.
    ///
    /// # Errors
    /// The resources cannot share one token.
    pub fn access_token(
        &self,
        client: &Client,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<AccessGrant>, Reason> {
        if !self.response_type.has_token() {
            return Ok(None);
        }
        let mut access = AccessGrant::at_authorization((policy, client, now), &self.code.grant)
            .map_err(|_| Reason::ResourcesDisagree)?;
        access.confirmation = self.code.dpop_jkt.map(Confirmation::Jkt);
        Ok(Some(access))
    }

    /// The ID token of the answer itself. It vouches for what comes with it.
    #[must_use]
    pub fn id_token(
        &self,
        made: &Made,
        client: &Client,
        policy: &Policy,
    ) -> Option<IdTokenRequest> {
        if !self.response_type.has_id_token() {
            return None;
        }
        let grant = &self.code.grant;
        let subject = client.subject(policy, &grant.subject);
        let mut request = IdTokenRequest::of_grant(grant, subject, self.code.nonce.clone())?;
        let hash = |value: &str| left_half_hash(client.id_token_signed_response_alg, value);
        request.hashes = Hashes {
            access_token: made.access_token.as_ref().map(|token| hash(&token.text)),
            code: made.code.as_ref().map(|code| hash(code.expose())),
            state: self.state.as_deref().map(hash),
        };
        if self.response_type == ResponseType::IdToken {
            request.include_scope_claims(&grant.scope, policy);
        }
        Some(request)
    }

    /// The grant that this becomes, when it ends with the session.
    #[must_use]
    pub fn session_bound(&self) -> Option<GrantId> {
        let grant = &self.code.grant;
        grant.session_bound.then_some(grant.id)
    }

    /// What to remember of the person's answer; none when nothing was asked.
    #[must_use]
    pub fn consent_record(&self) -> Option<ConsentRecord> {
        self.consent.clone()
    }

    /// The answer to the client.
    #[must_use]
    pub fn respond(&self, made: Made, policy: &Policy) -> AuthorizationResponse {
        let mut params = Vec::with_capacity(8);
        params.extend(made.code.map(|code| ("code", code.expose().to_owned())));
        //= RFC6749#4.2.2 MUST: an access token comes with its type; SHOULD: with its lifetime
        if let Some(token) = made.access_token {
            params.push(("access_token", token.text));
            params.push(("token_type", token.token_type.as_str().to_owned()));
            params.push(("expires_in", token.expires_in.to_string()));
            //= RFC6749#4.2.2 MUST: and with its scope when that differs from what was asked for; here, always
            if !token.scope.is_empty() {
                params.push(("scope", token.scope.to_string()));
            }
        }
        params.extend(made.id_token.map(|token| ("id_token", token)));
        //= RFC6749#4.1.2 MUST: state is returned exactly as it came, and only if it came
        params.extend(self.state.clone().map(|state| ("state", state)));
        //= RFC9207#2 MUST: iss is in every authorization response
        params.push(("iss", policy.issuer.as_str().to_owned()));
        AuthorizationResponse {
            redirect_uri: self.code.redirect_uri.clone(),
            mode: self.mode,
            params,
        }
    }
}

/// What of a request is allowed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Allowed {
    scope: Scope,
    /// Whether access lasts when the person has gone.
    lasting: bool,
    claims: ClaimsRequest,
    resources: Vec<String>,
    details: Vec<Detail>,
}

impl Allowed {
    /// By the answer that the person just gave, else by earlier ones, where the operator has not waived consent.
    pub(crate) fn settle(
        valid: &Valid,
        consented: Option<&Consented>,
        remembered: Option<&ConsentRecord>,
        policy: &Policy,
    ) -> Self {
        let request = valid.request();
        let waived = valid.client().skip_consent && consented.is_none();
        let (allowed, refused, claims, resources) = match (consented, remembered) {
            (Some(answer), _) => (
                Some(&answer.scope),
                Some(&answer.refused),
                &*answer.claims,
                &*answer.resources,
            ),
            (None, Some(record)) => (
                Some(&record.scope),
                Some(&record.refused),
                &*record.claims,
                &*record.resources,
            ),
            (None, None) => (None, None, &[][..], &[][..]),
        };
        let named = |set: Option<&Scope>, token: &str| set.is_some_and(|set| set.contains(token));
        let scope = request
            .scope
            .filtered(|token| !named(refused, token) && (waived || named(allowed, token)));
        //= OIDC-CORE#11 MUST: without the person's leave there is no access that lasts
        let lasting = wants_refresh(valid.client(), request)
            && !named(refused, OFFLINE)
            && (waived || named(allowed, OFFLINE));
        let mut resources: Vec<String> = request
            .resources
            .iter()
            .filter(|uri| waived || resources.contains(uri))
            .cloned()
            .collect();
        resources.dedup();
        //= OIDC-CORE#3.1.2.4 MUST: nothing is released that the person has not allowed
        let released = |name: &String| {
            waived
                || !claims_request::is_personal(name)
                || claims.contains(name)
                || released_by(&scope, name, policy)
        };
        let mut granted = request.claims.clone();
        granted.userinfo.retain(|name, _| released(name));
        granted.id_token.retain(|name, _| released(name));
        Self {
            //= RFC9396#2 MUST: details are granted with the person's consent to just these
            // They are about one thing at one time: what was allowed earlier says nothing about them.
            details: if waived || consented.is_some_and(|answer| answer.details) {
                request.authorization_details.clone()
            } else {
                Vec::new()
            },
            claims: granted,
            lasting,
            resources,
            scope,
        }
    }

    /// The scope under the names by which consent knows it.
    fn shown(&self) -> Scope {
        if self.lasting {
            with_offline(&self.scope)
        } else {
            self.scope.clone()
        }
    }

    /// Whether it is too little for an answer: nothing at all, or an OpenID Connect request without `openid`.
    pub(crate) fn is_useless(&self, request: &RequestRecord) -> bool {
        let empty = self.scope.is_empty() && self.resources.is_empty() && self.details.is_empty();
        let openid = request.is_openid() || request.response_type.has_id_token();
        empty || (openid && !self.scope.contains("openid"))
    }
}

/// Whether a scope of the set releases the claim anyway.
pub(crate) fn released_by(scope: &Scope, claim: &str, policy: &Policy) -> bool {
    let base = claim.split_once('#').map_or(claim, |(base, _)| base);
    scope
        .iter()
        .filter_map(|token| policy.scope(token))
        .any(|spec| spec.claims.iter().any(|name| name == base))
}

/// A grant without refresh tokens stands as long as any access token of it can.
fn longest_access_token(resources: &[String], policy: &Policy) -> i64 {
    policy
        .resources
        .iter()
        .filter(|resource| resources.contains(&resource.identifier))
        .filter_map(|resource| resource.access_token_lifetime)
        .chain([policy.lifetimes.access_token])
        .max()
        .unwrap_or_default()
}

/// Earlier answers stay, where they were given for the same redirect URIs; the new ones go over them.
fn remember(
    valid: &Valid,
    allowed: &Allowed,
    answer: &Consented,
    earlier: Option<&ConsentRecord>,
    now: Timestamp,
) -> ConsentRecord {
    let (request, client) = (valid.request(), valid.client());
    let mut record = earlier
        .filter(|r| r.redirect_uris == Some(client.redirect_uris_digest))
        .cloned()
        .unwrap_or_default();
    let granted = allowed.shown();
    let refused = shown_scope(client, request)
        .filtered(|token| answer.refused.contains(token) && !granted.contains(token));
    record.scope = record
        .scope
        .filtered(|token| !refused.contains(token))
        .union(&granted);
    record.refused = record
        .refused
        .filtered(|token| !granted.contains(token))
        .union(&refused);
    for name in claims_request::personal(&allowed.claims) {
        if answer.claims.iter().any(|claim| claim == name)
            && !record.claims.iter().any(|c| c == name)
        {
            record.claims.push(name.to_owned());
        }
    }
    record.claims.retain(|c| !answer.refused_claims.contains(c));
    let allowed_claims = record.claims.clone();
    record
        .refused_claims
        .retain(|c| !allowed_claims.contains(c));
    for name in &answer.refused_claims {
        if !record.refused_claims.contains(name) {
            record.refused_claims.push(name.clone());
        }
    }
    for uri in &allowed.resources {
        if !record.resources.contains(uri) {
            record.resources.push(uri.clone());
        }
    }
    record.redirect_uris = Some(client.redirect_uris_digest);
    record.at = now;
    record
}

#[cfg(test)]
mod tests;
