//! `scope`, [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).
//!
//! - A scope that the issuer does not know is left out silently, as OpenID Connect Core §3.1.2.1 advises.
//! - A scope that exists and that the client may not have is an error: leaving it out would surprise later.
//! - Without `scope` the default is the client's registered `scope`, but for `openid` and `offline_access`, which
//!   are only had for the asking. A request that names a resource, or has authorization details, may do without
//!   any scope.
//! - `offline_access` is left out for a client that cannot refresh, and where the answer has no code.

use hallpass_types::{Params, Scope};

use super::{Context, Draft};
use crate::{admin, authorize::Reason, client::Client, policy::Policy};

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
    if draft.resources.is_empty() && draft.details.is_empty() && effective(draft, cx).is_empty() {
        Err(Reason::ScopeEmpty)
    } else {
        Ok(())
    }
}

/// The scope that is asked for in effect.
pub(super) fn effective(draft: &Draft, cx: &Context<'_>) -> Scope {
    let refreshes = cx.client.may_use("refresh_token") && draft.response_type.has_code();
    match (&draft.scope, &cx.client.scope) {
        (Some(asked), _) => asked.filtered(|token| {
            //= OIDC-CORE#3.1.2.1 SHOULD: scopes that are not understood are ignored
            //= OIDC-CORE#11 MUST: offline_access is ignored where no refresh token can come of it
            exists(cx.policy, token)
                && (token != "offline_access" || refreshes)
                && admin::may_ask(cx.client, token)
        }),
        (None, Some(registered)) => registered.filtered(|token| {
            exists(cx.policy, token) && !matches!(token, "openid" | "offline_access")
        }),
        (None, None) => Scope::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::fixture::{policy, refusal, scope, validated, web},
        *,
    };

    fn granted(client: Client, asked: &str) -> String {
        let valid = validated(client, &[("scope", asked)]).unwrap();
        valid.request().scope.to_string()
    }

    fn restricted(to: &str) -> Client {
        Client {
            scope: Some(scope(to)),
            ..web()
        }
    }

    #[test]
    fn a_scope_outside_the_grammar_is_refused() {
        //= test RFC6749#3.3 a scope outside the grammar is an error
        let many: Vec<String> = (0..10_000).map(|n| format!("s{n}")).collect();
        for bad in [
            "openid profile\ninjected",
            " openid",
            "openid ",
            "openid  profile",
            "openid \"x\"",
            "openid \\",
            "openid caf\u{e9}",
            &many.join(" "),
        ] {
            assert_eq!(
                refusal(web(), &[("scope", bad)]),
                Some(Reason::ScopeMalformed),
                "{bad:.30}"
            );
        }
    }

    #[test]
    fn unknown_scopes_fall_away_and_known_ones_keep_their_order() {
        //= test OIDC-CORE#3.1.2.1 scopes that are not understood are ignored
        assert_eq!(granted(web(), "email nonsense openid"), "email openid");
        assert_eq!(granted(restricted("openid"), "openid nonsense"), "openid");
        assert_eq!(
            refusal(web(), &[("scope", "nonsense")]),
            Some(Reason::ScopeEmpty)
        );
    }

    #[test]
    fn a_scope_that_the_client_may_not_have_is_refused() {
        //= test RFC7591#2 a registered scope bounds what the client may ask for
        for asked in ["openid api:read", "api:read", "openid offline_access"] {
            assert_eq!(
                refusal(restricted("openid email"), &[("scope", asked)]),
                Some(Reason::ScopeNotAllowed),
                "{asked}"
            );
        }
        assert_eq!(granted(restricted("openid email"), "openid"), "openid");
    }

    #[test]
    fn without_scope_there_is_the_registered_one_or_an_error() {
        //= test RFC6749#3.3 without scope there is a default, or an error
        assert_eq!(
            granted(restricted("openid api:read email offline_access gone"), ""),
            "api:read email"
        );
        for client in [
            web(),
            restricted("openid offline_access"),
            restricted("gone"),
        ] {
            assert_eq!(refusal(client, &[("scope", "")]), Some(Reason::ScopeEmpty));
        }
    }

    #[test]
    fn a_named_resource_is_enough() {
        let changes = [("scope", ""), ("resource", "https://api1.test")];
        let valid = validated(web(), &changes).unwrap();
        assert!(valid.request().scope.is_empty());
        assert_eq!(valid.request().resources, ["https://api1.test"]);
    }

    #[test]
    fn offline_access_falls_away_for_a_client_that_cannot_refresh() {
        //= test OIDC-CORE#11 offline_access is ignored where no refresh token can come of it
        let client = Client {
            grant_types: vec!["authorization_code".to_owned()],
            ..web()
        };
        assert_eq!(granted(client, "openid offline_access"), "openid");
        assert_eq!(
            granted(web(), "openid offline_access"),
            "openid offline_access"
        );
    }

    #[test]
    fn without_openid_nothing_of_openid_connect_is_kept() {
        let changes = [
            ("scope", "api:read"),
            ("nonce", "n"),
            ("max_age", "5"),
            ("claims", r#"{"id_token":{"email":null}}"#),
        ];
        let valid = validated(web(), &changes).unwrap();
        let request = valid.request();
        assert!(!request.is_openid());
        assert_eq!(request.nonce, None);
        assert!(request.claims.is_empty());
        assert_eq!(request.max_age, Some(5), "the person is still asked again");
        assert!(exists(&policy(), "api:read"));
    }
}
