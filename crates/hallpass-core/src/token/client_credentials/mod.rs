//! Client credentials, [RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4).
//!
//! Nobody is asked for consent here, so a client gets only what an operator has written down for it: scopes of its
//! registered `scope`, resources that it may name. A client that registered itself has nobody's leave for anything;
//! its token says who it is and allows nothing.

use hallpass_types::{Params, Scope, Subject};

use super::{
    AccessGrant, Context, Grant, Issuance, Lookup, Nothing, Reason, Refused, Target, target,
};
use crate::{
    client::{Client, ClientOrigin},
    policy::Policy,
};

/// The grant.
#[derive(Clone, Copy, Debug)]
pub struct ClientCredentials;

/// What a request says.
#[derive(Debug)]
pub struct Request {
    scope: Scope,
    resources: Vec<String>,
}

impl Grant for ClientCredentials {
    const TYPE: &'static str = "client_credentials";
    const PARAMS: &'static [&'static str] = &["scope", "resource"];
    type Request = Request;
    type Key = Nothing;

    fn parse(params: &Params) -> Result<Request, Reason> {
        //= RFC6749#3.3 MUST: without scope there is a default, or an error; here, a token without scope
        let scope = Scope::parse(params.get("scope").unwrap_or_default())
            .map_err(|_| Reason::ScopeMalformed)?;
        Ok(Request {
            scope,
            resources: target::read(params)?,
        })
    }

    fn key(_: &Request) -> Nothing {
        Nothing
    }

    fn decide(
        cx: &Context<'_>,
        request: Request,
        (): <Nothing as Lookup>::Found,
    ) -> Result<Issuance, Refused> {
        let client = cx.client.client();
        //= RFC6749#4.4 MUST: only confidential clients use this grant
        if client.is_public() {
            return Err(Reason::GrantTypeNotAllowed.into());
        }
        if !request.resources.is_empty() && !is_vouched_for(client) {
            return Err(Reason::TargetUnknown.into());
        }
        let target = Target::choose(cx.policy, client, &request.resources, None)?;
        //= RFC6749#3.3 MUST: a scope beyond what the client may have is an error
        let refused = |token| !may_have(client, token) || !is_offered(cx.policy, token);
        if request.scope.iter().any(refused) {
            return Err(Reason::ScopeNotGranted.into());
        }
        if target.scope(cx.policy, &request.scope)? != request.scope {
            return Err(Reason::ScopeNotGranted.into());
        }
        //= RFC6749#4.4.3 SHOULD NOT: there is no refresh token
        Ok(Issuance {
            spend: None,
            new_grant: None,
            touch_idle: None,
            access: AccessGrant {
                grant: None,
                //= RFC9068#5 SHOULD: no client can look like a person by its sub
                subject: Subject::of_client(&client.id),
                scope: request.scope,
                target,
                confirmation: cx.binding,
                extra: None,
                details: Vec::new(),
                authentication: None,
                issued_as: None,
                person: None,
            },
            id_token: None,
            refresh: None,
            replay_revokes: None,
        })
    }
}

/// Whether an operator made the client.
const fn is_vouched_for(client: &Client) -> bool {
    match client.origin {
        ClientOrigin::Configuration | ClientOrigin::Administration => true,
        ClientOrigin::Registration | ClientOrigin::Document => false,
    }
}

/// Whether an operator gave the client this scope.
fn may_have(client: &Client, token: &str) -> bool {
    is_vouched_for(client) && client.scope.as_ref().is_some_and(|s| s.contains(token))
}

/// Whether the scope exists, for the issuer or a resource of it, and is not about a person: such a scope releases
/// claims, or speaks of signing in and of being away.
fn is_offered(policy: &Policy, token: &str) -> bool {
    if matches!(token, "openid" | "offline_access") {
        return false;
    }
    match policy.scope(token) {
        Some(spec) => spec.claims.is_empty(),
        None => policy
            .resources
            .iter()
            .any(|r| r.scopes.iter().any(|s| s == token)),
    }
}

#[cfg(test)]
mod tests;
