//! UserInfo, [OpenID Connect Core §5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo).

use hallpass_types::Timestamp;
use serde_json::{Map, Value};

use crate::{
    client::Client,
    interaction::reaches,
    issue::{external, id_token::is_reserved},
    policy::{Policy, StepUp},
    reasons,
    record::{AccessToken, Authentication, FoundGrant},
    token::{AccountFacts, standing},
};

reasons! {
    /// Why a UserInfo request was refused.
    pub enum Reason {
        /// RFC 6750 §3.1.
        TokenUnknown => InvalidToken, "userinfo_token_unknown", "the access token is not valid";
        /// RFC 6750 §3.1.
        TokenExpired => InvalidToken, "userinfo_token_expired", "the access token is not valid";
        /// RFC 6750 §3.1.
        TokenRevoked => InvalidToken, "userinfo_token_revoked", "the access token is not valid";
        /// The token is for a resource, not for the provider.
        WrongAudience => InvalidToken, "userinfo_wrong_audience", "the access token is not valid";
        /// RFC 6750 §3.1.
        ScopeMissing => InsufficientScope, "userinfo_scope_missing", "the access token lacks the openid scope";
        /// RFC 9470 §3.
        SignInTooWeak => InsufficientUserAuthentication, "userinfo_sign_in_too_weak",
            "the person must sign in in a stronger way, or again";
        /// RFC 6750 §2.
        TwoTokens => InvalidRequest, "userinfo_two_tokens", "the access token is presented more than once";
    }
}

/// What is known about a token's standing.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The token's grant.
    pub grant: Option<&'a FoundGrant>,
    /// Whether the token itself was revoked.
    pub token_denied: bool,
    /// Whether the grant's session is there.
    pub session_alive: bool,
    /// The grant's account.
    pub account: Option<AccountFacts>,
}

/// The claims for the holder of `token`.
///
/// # Errors
/// The token does not stand, is for somebody else, or does not cover `openid`.
pub fn answer(
    token: &AccessToken,
    facts: &Facts<'_>,
    account: &Map<String, Value>,
    client: &Client,
    policy: &Policy,
    now: Timestamp,
) -> Result<Map<String, Value>, Reason> {
    if token.expires_at.is_over(now) {
        return Err(Reason::TokenExpired);
    }
    //= RFC9068#4 MUST: a token whose audience is another resource is refused
    if !token.audience.is_empty() {
        return Err(Reason::WrongAudience);
    }
    //= RFC7009#2.1 MUST: a revoked token does not work any more
    let own = token.client_id == client.id && client.was_there(token.issued_at);
    if facts.token_denied || !own {
        return Err(Reason::TokenRevoked);
    }
    //= OIDC-CORE#5.3.1 MUST: the access token was obtained through OpenID Connect authentication
    if !token.scope.contains("openid") {
        return Err(Reason::ScopeMissing);
    }
    let found = facts.grant.ok_or(Reason::TokenUnknown)?;
    standing(
        &found.record,
        found.revoked_at,
        facts.account,
        facts.session_alive,
        now,
    )
    .map_err(|_| Reason::TokenRevoked)?;
    //= RFC9470#3 MUST: a token of a sign-in that is too weak or too old is refused with what it lacks
    if !is_good_enough(&found.record.authentication, policy, now) {
        return Err(Reason::SignInTooWeak);
    }
    let mut out = Map::new();
    // The subject of the token itself, so that it stays the ID token's even when the client's registration changes.
    //= OIDC-CORE#5.3.2 MUST: sub is always there and equals the ID token's
    out.insert("sub".to_owned(), Value::from(token.subject.as_str()));
    let by_scope = policy
        .scopes
        .iter()
        .filter(|s| token.scope.contains(&s.name))
        .flat_map(|s| s.claims.iter().map(String::as_str));
    // The person agreed to these for the client that asked, not for one that exchanged its token.
    let asked = (found.record.client_id == client.id).then_some(&found.record.claims.userinfo);
    let by_request = asked
        .into_iter()
        .flat_map(|asked| asked.keys().map(String::as_str));
    if policy.external_claims
        && let Some((names, sources)) =
            external::released(by_scope.clone().chain(by_request.clone()), account)
    {
        out.insert(external::NAMES.to_owned(), names);
        out.insert(external::SOURCES.to_owned(), sources);
    }
    for name in by_scope.chain(by_request) {
        if !is_reserved(name)
            && let Some(value) = policy.claim_of(account, name)
        {
            out.insert(name.to_owned(), value.clone());
        }
    }
    Ok(out)
}

fn is_good_enough(how: &Authentication, policy: &Policy, now: Timestamp) -> bool {
    let StepUp { acr, max_age } = &policy.userinfo_step_up;
    let reached = |wanted: &String| reaches(policy, how.acr.as_deref(), wanted);
    let young = |seconds: i64| now.since(how.auth_time) <= seconds;
    acr.as_ref().is_none_or(reached) && max_age.is_none_or(young)
}

#[cfg(test)]
mod tests;
