//! Refresh tokens, [RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6), rotated as
//! [RFC 9700 §4.14.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2) asks.
//!
//! A family is one row with a generation. The tokens are derived from grant and generation, so the parent of the
//! newest generation yields the same successor again for a short while: a lost answer, a retry and parallel refreshes
//! cost one rotation. A generation that is older than that was stolen or kept: the family ends.

use std::fmt;

use hallpass_types::{Params, Scope, Timestamp};

use super::{
    AccessGrant, AccountFacts, Asked, Context, Effect, Grant, Issuance, Lookup, Reason,
    RefreshToken, Refused, Spend, read_details, standing, target,
};
use crate::{
    authorization_details::Detail,
    issue::IdTokenRequest,
    policy::Lifetimes,
    record::{FoundGrant, GrantRecord, RefreshState},
};

/// The grant.
#[derive(Clone, Copy, Debug)]
pub struct Refresh;

/// What a request says. The token's text is not looked at here: the engine opens it.
pub struct Request {
    token: String,
    scope: Option<Scope>,
    resources: Vec<String>,
    details: Option<Vec<Detail>>,
}

/// The token is a secret and is not printed.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("scope", &self.scope)
            .field("resources", &self.resources)
            .finish_non_exhaustive()
    }
}

/// The token as it was presented.
pub struct RefreshKey(pub String);

/// The token is a secret and is not printed.
impl fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshKey([redacted])")
    }
}

/// What the engine found.
#[derive(Debug)]
pub struct RefreshFound {
    /// The token, when it is one of ours.
    pub token: Option<RefreshToken>,
    /// Its grant.
    pub grant: Option<FoundGrant>,
    /// The account of the grant.
    pub account: Option<AccountFacts>,
    /// Whether the session of the grant is there.
    pub session_alive: bool,
}

impl Lookup for RefreshKey {
    type Found = RefreshFound;
}

/// What presenting a generation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is the newest one.
    Current,
    /// It is the parent of the newest one, inside the retry window, and the newest one was not used yet.
    Retry,
    /// It was replaced for good: somebody kept or stole it.
    Reused,
    /// It was never handed out.
    Unknown,
}

/// Decides what presenting `generation` means.
#[must_use]
pub fn turn(state: RefreshState, generation: u32, window: i64, now: Timestamp) -> Turn {
    if generation == state.generation {
        return Turn::Current;
    }
    if generation > state.generation {
        return Turn::Unknown;
    }
    let is_parent = generation.checked_add(1) == Some(state.generation);
    // Of two nodes one may be ahead, by less than the window.
    if is_parent && window > 0 && now.since(state.rotated_at).saturating_abs() < window {
        Turn::Retry
    } else {
        Turn::Reused
    }
}

/// The idle limit after a use at `now`: never beyond the grant's absolute end.
#[must_use]
pub fn idle_limit(grant: &GrantRecord, lifetimes: &Lifetimes, now: Timestamp) -> Timestamp {
    now.plus(lifetimes.refresh_idle).min(grant.expires_at)
}

/// Whether moving the idle limit of a kept token is worth a write: when that gains an hour, or an eighth of the idle
/// lifetime where that is less. A token that is used more often than that may end up to so much early.
const fn is_worth_a_write(gain: i64, lifetimes: &Lifetimes) -> bool {
    let eighth = lifetimes.refresh_idle >> 3;
    gain > if eighth < 3600 { eighth } else { 3600 }
}

impl Grant for Refresh {
    const TYPE: &'static str = "refresh_token";
    const PARAMS: &'static [&'static str] = &[
        "refresh_token",
        "scope",
        "resource",
        "authorization_details",
    ];
    type Request = Request;
    type Key = RefreshKey;

    fn parse(params: &Params) -> Result<Request, Reason> {
        let token = params
            .get("refresh_token")
            .ok_or(Reason::RefreshTokenMissing)?
            .to_owned();
        let scope = match params.get("scope") {
            Some(text) => Some(Scope::parse(text).map_err(|_| Reason::ScopeMalformed)?),
            None => None,
        };
        Ok(Request {
            token,
            scope,
            resources: target::read(params)?,
            details: read_details(params)?,
        })
    }

    fn key(request: &Request) -> RefreshKey {
        RefreshKey(request.token.clone())
    }

    fn decide(
        cx: &Context<'_>,
        request: Request,
        found: RefreshFound,
    ) -> Result<Issuance, Refused> {
        let (
            Some(token),
            Some(FoundGrant {
                record: grant,
                revoked_at,
            }),
        ) = (found.token, found.grant)
        else {
            return Err(Reason::RefreshTokenUnknown.into());
        };
        let Some(state) = grant.refresh else {
            return Err(Reason::RefreshTokenUnknown.into());
        };
        let client = cx.client.client();
        //= RFC6749#6 MUST: the refresh token belongs to the client that presents it
        if grant.client_id != client.id || !client.was_there(grant.issued_at) {
            return Err(Reason::RefreshTokenOfAnotherClient.into());
        }
        //= RFC9449#5 MUST: a refresh token that is bound to a key is used with a proof of that key
        //= ATTESTATION#9.3 MUST: one that is bound to an instance is used by that instance
        if grant.confirmation.is_some() && grant.confirmation != cx.shown() {
            return Err(Reason::RefreshTokenOfAnotherKey.into());
        }
        standing(
            &grant,
            revoked_at,
            found.account,
            found.session_alive,
            cx.now,
        )?;
        let turn = turn(
            state,
            token.generation,
            cx.policy.lifetimes.refresh_retry,
            cx.now,
        );
        //= RFC9700#4.14.2 MUST: a refresh token that was replaced ends its family when it is shown again
        if turn == Turn::Reused {
            return Err(Refused {
                reason: Reason::RefreshTokenReused,
                effect: Some(Effect::RevokeGrant(grant.id)),
            });
        }
        if turn == Turn::Unknown {
            return Err(Reason::RefreshTokenUnknown.into());
        }
        if state.idle_expires_at.is_over(cx.now) {
            return Err(Reason::RefreshTokenExpired.into());
        }
        let permitted = cx.permitted(&grant.scope);
        // What lets a client refresh after the person has gone can be taken away from it.
        if grant.scope.contains(OFFLINE) && !permitted.contains(OFFLINE) {
            return Err(Reason::OfflineAccessWithdrawn.into());
        }
        //= RFC6749#6 MUST: a refresh never widens the scope
        if let Some(asked) = &request.scope
            && !asked.is_subset(&permitted)
        {
            return Err(Reason::ScopeNotGranted.into());
        }
        let narrowed = request.scope.is_some();
        let scope = request.scope.unwrap_or(permitted);
        let access = AccessGrant::of_grant(
            cx,
            &grant,
            &scope,
            Asked {
                resources: &request.resources,
                details: request.details.as_deref(),
            },
        )?;
        // Nothing of what was asked for means anything there. The answer could not say so: an empty scope is none.
        if narrowed && access.scope.is_empty() {
            return Err(Reason::ScopeNotGranted.into());
        }
        //= OIDC-CORE#12.2 SHOULD NOT: an ID token from a refresh has no nonce
        let id_token = IdTokenRequest::of_grant(&grant, access.subject.clone(), None)
            .filter(|_| scope.contains("openid"));
        let lifetimes = &client.lifetimes.within(&cx.policy.lifetimes);
        let idle = idle_limit(&grant, lifetimes, cx.now);
        let rotated = match turn {
            //= RFC9700#4.14.2 MUST: refresh tokens of public clients are bound to a key or rotate
            Turn::Current if client.rotate_refresh_tokens && grant.confirmation.is_none() => {
                state.generation.checked_add(1)
            }
            Turn::Current | Turn::Retry | Turn::Reused | Turn::Unknown => None,
        };
        let (generation, spend, touch_idle) = match rotated {
            Some(next) => {
                let spend = Spend::Refresh {
                    grant: grant.id,
                    from: state.generation,
                    idle_expires_at: idle,
                };
                (next, spend, None)
            }
            None => {
                let gain = idle.since(state.idle_expires_at);
                let touch = turn == Turn::Current && is_worth_a_write(gain, lifetimes);
                (
                    state.generation,
                    Spend::Standing(grant.id),
                    touch.then_some((grant.id, idle)),
                )
            }
        };
        Ok(Issuance {
            spend: Some(spend),
            new_grant: None,
            touch_idle,
            //= RFC6749#6 MUST: a new refresh token has the same scope as the one that it replaces
            refresh: Some(RefreshToken {
                grant: grant.id,
                generation,
            }),
            replay_revokes: None,
            access,
            id_token,
        })
    }
}

const OFFLINE: &str = "offline_access";

#[cfg(test)]
mod family;
#[cfg(test)]
mod tests;
