//! Introspection, [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662#section-2).

use hallpass_types::Timestamp;
use serde_json::{Map, Value};

use crate::{
    client::{Client, Signed},
    client_auth::{self, AuthenticatedClient},
    client_request::{ClientRequest, Header},
    issue::{
        TokenType,
        access_token::{extra, jti},
    },
    policy::Policy,
    reasons,
    record::{AccessToken, Authentication, FoundGrant},
    token::{
        AccountFacts, RefreshToken,
        refresh_token::{Turn, turn},
        standing,
    },
    userinfo::Facts,
};

reasons! {
    /// Why an introspection request was refused.
    pub enum Reason {
        /// RFC 7662 §2.1: callers authenticate.
        PublicClient => InvalidClient, "introspection_public_client", "client authentication failed";
        /// RFC 7662 §2.1.
        TokenMissing => InvalidRequest, "introspection_token_missing", "token is missing";
        /// RFC 7662 §2.1.
        ParameterRepeated => InvalidRequest, "introspection_parameter_repeated", "a parameter stands more than once";
        /// RFC 9701 §6: a client that wants its answers encrypted must not get them in plain text.
        JwtNotAccepted => InvalidRequest, "introspection_jwt_not_accepted",
            "the client registered encryption, and the request does not accept application/token-introspection+jwt";
    }
}

/// Who asks about a token.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "somebody showed who they are, or nobody did"
)]
pub enum Caller<'a> {
    /// A client that authenticated.
    Client(&'a AuthenticatedClient),
    /// Somebody who holds the token and says nothing else: an issuer that puts up with LoginID's habits answers. The client is
    /// that of the token, where there is one.
    Holder(Option<&'a Client>),
}

impl<'a> Caller<'a> {
    /// The client that authenticated, or else whoever holds the token of that client.
    #[must_use]
    pub const fn of(client: Option<&'a AuthenticatedClient>, holder: Option<&'a Client>) -> Self {
        match client {
            Some(client) => Self::Client(client),
            None => Self::Holder(holder),
        }
    }
}

/// Whether a request for introspection says nothing of who asks: no credential of any kind.
#[must_use]
pub fn is_anonymous(request: &ClientRequest<'_>) -> bool {
    let credential = |name: &&str| **name != *"client_id" && request.params.get(name).is_some();
    request.authorization.is_none()
        && !client_auth::PARAMS.iter().any(credential)
        && request.certificate.is_none()
        && request.attestation == Header::Absent
        && request.attestation_pop == Header::Absent
}

/// The body for everything that is not active or not for the caller.
pub const INACTIVE: &str = r#"{"active":false}"#;

/// Answers for an access token. `holder` is the client that the token was issued to, none when it is gone. None means
/// inactive.
#[must_use]
pub fn access_token(
    caller: Caller<'_>,
    token: &AccessToken,
    facts: &Facts<'_>,
    holder: Option<&Client>,
    policy: &Policy,
    now: Timestamp,
) -> Option<Map<String, Value>> {
    let may_see = match caller {
        Caller::Client(caller) => may_see(caller, token, policy),
        Caller::Holder(_) => true,
    };
    if !may_see || token.expires_at.is_over(now) || facts.token_denied {
        return None;
    }
    let holder = holder.filter(|h| h.id == token.client_id && h.was_there(token.issued_at))?;
    let mut authentication = None;
    if token.grant.is_some() {
        let found = facts.grant?;
        authentication = Some(&found.record.authentication);
        standing(
            &found.record,
            found.revoked_at,
            facts.account,
            facts.session_alive,
            now,
        )
        .ok()?;
    }
    let mut out = Map::new();
    out.insert("active".to_owned(), Value::Bool(true));
    if !token.scope.is_empty() {
        out.insert("scope".to_owned(), Value::from(token.scope.to_string()));
    }
    out.insert("client_id".to_owned(), Value::from(holder.id.as_str()));
    out.insert(
        "token_type".to_owned(),
        Value::from(TokenType::of(token.confirmation).as_str()),
    );
    out.insert("exp".to_owned(), Value::from(token.expires_at.0));
    out.insert("iat".to_owned(), Value::from(token.issued_at.0));
    out.insert("sub".to_owned(), Value::from(token.subject.as_str()));
    match token.audience.as_slice() {
        [] => {}
        [one] => {
            out.insert("aud".to_owned(), Value::from(one.as_str()));
        }
        many => {
            out.insert("aud".to_owned(), Value::from(many.to_vec()));
        }
    }
    out.insert("iss".to_owned(), Value::from(policy.issuer.as_str()));
    out.insert("jti".to_owned(), Value::from(jti(token)));
    //= RFC9449#6.2 MUST: introspection of a bound token tells its key
    //= RFC8705#3.2 MUST: introspection of a bound token tells its certificate
    if let Some(key) = token.confirmation {
        let key = serde_json::to_value(key).unwrap_or_default();
        out.insert("cnf".to_owned(), key);
    }
    if let Some(how) = authentication.filter(|how| how.was_here()) {
        tell(&mut out, how);
    }
    for (name, value) in extra(token) {
        out.entry(name).or_insert(value);
    }
    Some(out)
}

/// How and when the person authenticated, so that a resource server can ask for more.
//= RFC9470#6.2 MUST: introspection tells acr and auth_time
fn tell(out: &mut Map<String, Value>, how: &Authentication) {
    out.insert("auth_time".to_owned(), Value::from(how.auth_time.0));
    if let Some(acr) = &how.acr {
        out.insert("acr".to_owned(), Value::from(acr.as_str()));
    }
}

/// The media type of a signed answer.
pub const JWT_MEDIA: &str = "application/token-introspection+jwt";

/// Whether a request with this `Accept` header gets a signed answer (RFC 9701 §4).
///
/// # Errors
/// The client registered encryption and does not ask for a signed answer.
pub fn wants_jwt(accept: Option<&str>, caller: &Client) -> Result<bool, Reason> {
    let named = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        media.eq_ignore_ascii_case(JWT_MEDIA) && !parts.any(|p| matches!(p, "q=0" | "q=0.0"))
    };
    let wanted = accept.is_some_and(|accept| accept.split(',').any(named));
    if !wanted && Signed::Introspection.encryption(caller).is_some() {
        return Err(Reason::JwtNotAccepted);
    }
    Ok(wanted)
}

/// The claims of a signed answer. `body` is what [`access_token`] or [`refresh_token`] said.
//= RFC9701#5 MUST: iss, aud and iat stand at the top, what is told of the token in token_introspection
//= RFC9701#5 MUST NOT: there is no sub and no exp at the top, so that the answer is no token itself
#[must_use]
pub fn jwt_claims(
    caller: &Client,
    body: Option<Map<String, Value>>,
    policy: &Policy,
    now: Timestamp,
) -> String {
    let inactive = || Map::from_iter([("active".to_owned(), Value::Bool(false))]);
    let claims = [
        ("iss", Value::from(policy.issuer.as_str())),
        ("aud", Value::from(caller.id.as_str())),
        ("iat", Value::from(now.0)),
        (
            "token_introspection",
            Value::Object(body.unwrap_or_else(inactive)),
        ),
    ];
    let claims = claims.into_iter().map(|(n, v)| (n.to_owned(), v));
    Value::Object(claims.collect()).to_string()
}

/// What is known about a refresh token's grant.
#[derive(Clone, Copy, Debug)]
pub struct RefreshFacts<'a> {
    /// The grant.
    pub grant: &'a FoundGrant,
    /// Its account.
    pub account: Option<AccountFacts>,
    /// Whether its session is there.
    pub session_alive: bool,
}

/// Answers for a refresh token: only its own client may ask. None means inactive.
#[must_use]
pub fn refresh_token(
    caller: Caller<'_>,
    token: RefreshToken,
    facts: &RefreshFacts<'_>,
    policy: &Policy,
    now: Timestamp,
) -> Option<Map<String, Value>> {
    let grant = &facts.grant.record;
    let state = grant.refresh?;
    let client = match caller {
        Caller::Client(caller) => Some(&**caller.client()).filter(|_| caller.is_confidential()),
        Caller::Holder(client) => client,
    };
    let client = client
        .filter(|client| grant.client_id == client.id && client.was_there(grant.issued_at))?;
    if state.idle_expires_at.is_over(now) {
        return None;
    }
    standing(
        grant,
        facts.grant.revoked_at,
        facts.account,
        facts.session_alive,
        now,
    )
    .ok()?;
    match turn(state, token.generation, policy.lifetimes.refresh_retry, now) {
        Turn::Current => {}
        // A token that was replaced is over, though a repeated request would still be answered for a moment.
        Turn::Retry | Turn::Reused | Turn::Unknown => return None,
    }
    let mut out = Map::new();
    out.insert("active".to_owned(), Value::Bool(true));
    if !grant.scope.is_empty() {
        out.insert("scope".to_owned(), Value::from(grant.scope.to_string()));
    }
    out.insert("client_id".to_owned(), Value::from(client.id.as_str()));
    out.insert(
        "exp".to_owned(),
        Value::from(state.idle_expires_at.min(grant.expires_at).0),
    );
    out.insert("iat".to_owned(), Value::from(state.rotated_at.0));
    out.insert(
        "sub".to_owned(),
        Value::from(client.subject(policy, &grant.subject)),
    );
    out.insert("iss".to_owned(), Value::from(policy.issuer.as_str()));
    Some(out)
}

/// Whether the caller may learn about the token: it holds it, it is a resource server that the token is for, or it
/// serves the provider's own audience (its `introspection_resources` name the issuer). A public client has shown no identity by which
/// it could be allowed anything.
fn may_see(caller: &AuthenticatedClient, token: &AccessToken, policy: &Policy) -> bool {
    //= RFC7662#2.1 MUST: the caller is authorized, so that nobody can scan for tokens
    if !caller.is_confidential() {
        return false;
    }
    //= RFC7662#4 SHOULD: a resource server learns only about tokens that are meant for it
    if caller.id == token.client_id {
        return true;
    }
    let own = &caller.introspects;
    if token.audience.is_empty() {
        return own.iter().any(|r| r == policy.issuer.as_str());
    }
    token.audience.iter().any(|a| own.contains(a))
}

#[cfg(test)]
mod tests;
