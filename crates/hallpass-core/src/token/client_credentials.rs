//! Client credentials, [RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4).

use hallpass_types::{Params, Scope, Subject};

use super::{
    AccessGrant, Context, Grant, Issuance, Lookup, Nothing, Reason, Refused, Target, target,
};
use crate::policy::Policy;

/// The grant.
#[derive(Clone, Copy, Debug)]
pub struct ClientCredentials;

/// What a request says.
#[derive(Debug)]
pub struct Request {
    scope: Scope,
    resources: Vec<String>,
}

/// Scopes that speak about a person; a client for itself gets none of them.
const IDENTITY_SCOPES: &[&str] = &[
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
];

impl Grant for ClientCredentials {
    const TYPE: &'static str = "client_credentials";
    const PARAMS: &'static [&'static str] = &["scope", "resource"];
    type Request = Request;
    type Key = Nothing;

    fn parse(params: &Params) -> Result<Request, Reason> {
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
        let target = Target::choose(cx.policy, client, &request.resources, None)?;
        for token in request.scope.iter() {
            let listed = client
                .scope
                .as_ref()
                .is_none_or(|allowed| allowed.contains(token));
            if IDENTITY_SCOPES.contains(&token) || !listed || !known(cx.policy, &target, token) {
                return Err(Reason::ScopeNotGranted.into());
            }
        }
        Ok(Issuance {
            spend: None,
            new_grant: None,
            touch_idle: None,
            access: AccessGrant {
                grant: None,
                subject: Subject::of_client(&client.id),
                scope: request.scope,
                target,
            },
            id_token: None,
            refresh: None,
            replay_revokes: None,
        })
    }
}

/// Whether the scope means something to the issuer or to a resource that is asked for.
fn known(policy: &Policy, target: &Target, token: &str) -> bool {
    let of_resource = |r: &crate::policy::Resource| r.scopes.iter().any(|s| s == token);
    if target.audience.is_empty() {
        return policy.scope(token).is_some() || policy.resources.iter().any(of_resource);
    }
    policy
        .resources
        .iter()
        .filter(|r| target.audience.contains(&r.identifier))
        .any(|r| of_resource(r) || (r.scopes.is_empty() && policy.scope(token).is_some()))
}
