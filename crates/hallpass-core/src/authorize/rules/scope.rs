//! `scope`, [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).
//!
//! - A scope that the issuer does not know is left out silently, as OpenID Connect Core §3.1.2.1 advises.
//! - A scope that exists and that the client may not have is an error: leaving it out would surprise later.
//! - Without `scope` the default is the client's registered `scope`, but for `openid` and `offline_access`, which
//!   are only had for the asking. A request that names a resource may do without any scope.
//! - `offline_access` is left out for a client that cannot refresh.

use hallpass_types::{Params, Scope};

use super::{Context, Draft};
use crate::{authorize::Reason, client::Client, policy::Policy};

//= RFC6749#3.3 MUST: a scope outside the grammar is an error
pub(super) fn parse(params: &Params) -> Result<Option<Scope>, Reason> {
    params
        .get("scope")
        .map(|text| Scope::parse(text).map_err(|_| Reason::ScopeMalformed))
        .transpose()
}

/// Whether the issuer knows the scope.
#[must_use]
pub fn exists(policy: &Policy, token: &str) -> bool {
    policy.scope(token).is_some()
}

/// Whether the client may ask for the scope.
#[must_use]
pub fn is_allowed(client: &Client, token: &str) -> bool {
    client
        .scope
        .as_ref()
        .is_none_or(|allowed| allowed.contains(token))
}

//= RFC7591#2 MUST: a registered scope bounds what the client may ask for
pub(super) fn client_may_use_it(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    let forbidden = |token: &str| exists(cx.policy, token) && !is_allowed(cx.client, token);
    if draft
        .scope
        .as_ref()
        .is_some_and(|scope| scope.iter().any(forbidden))
    {
        Err(Reason::ScopeNotAllowed)
    } else {
        Ok(())
    }
}

//= RFC6749#3.3 MUST: without scope there is a default, or an error
pub(super) fn is_not_empty(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    if draft.resources.is_empty() && effective(draft, cx).is_empty() {
        Err(Reason::ScopeEmpty)
    } else {
        Ok(())
    }
}

/// The scope that is asked for in effect.
pub(super) fn effective(draft: &Draft, cx: &Context<'_>) -> Scope {
    let refreshes = cx.client.may_use("refresh_token");
    match (&draft.scope, &cx.client.scope) {
        (Some(asked), _) => asked.filtered(|token| {
            //= OIDC-CORE#3.1.2.1 SHOULD: scopes that are not understood are ignored
            //= OIDC-CORE#11 MUST: offline_access is ignored where no refresh token can come of it
            exists(cx.policy, token) && (token != "offline_access" || refreshes)
        }),
        (None, Some(registered)) => registered.filtered(|token| {
            exists(cx.policy, token) && !matches!(token, "openid" | "offline_access")
        }),
        (None, None) => Scope::default(),
    }
}
