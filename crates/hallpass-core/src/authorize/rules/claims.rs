//! `claims` and `acr_values`,
//! [OpenID Connect Core §5.5](https://openid.net/specs/openid-connect-core-1_0.html#ClaimsParameter).

use hallpass_types::Params;

use super::{Context, Draft};
use crate::{
    authorize::Reason,
    claims_request::{self, Requested},
    policy::Policy,
};

const MAX_ACR_VALUES: usize = 1024;

pub(super) fn parse(params: &Params, policy: &Policy) -> Result<Requested, Reason> {
    match params.get("claims") {
        Some(text) if policy.claims_parameter => claims_request::parse(text),
        Some(_) | None => Ok(Requested::default()),
    }
}

pub(super) fn acr_values(params: &Params) -> Result<Vec<String>, Reason> {
    match params.get("acr_values") {
        None => Ok(Vec::new()),
        Some(text) if text.len() > MAX_ACR_VALUES => Err(Reason::AcrValuesTooLong),
        Some(text) => Ok(text
            .split(' ')
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .collect()),
    }
}

//= OIDC-CORE#5.5.1.1 MUST: an essential acr that cannot be reached fails the authentication
pub(super) fn essential_acr_is_reachable(draft: &Draft, cx: &Context<'_>) -> Result<(), Reason> {
    let wanted = &draft.requested.essential_acr;
    let reachable = |value: &String| cx.policy.acr_values.contains(value);
    if wanted.is_empty() || wanted.iter().any(reachable) {
        Ok(())
    } else {
        Err(Reason::AcrUnreachable)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::fixture::{identified, policy, refusal, validated, web},
        *,
    };
    use crate::client::Client;

    fn with_acr(changes: &[(&str, &str)]) -> Result<crate::authorize::RequestRecord, Reason> {
        let mut policy = policy();
        policy.acr_values = vec!["low".to_owned(), "high".to_owned()];
        identified(web(), changes)
            .validate(&policy)
            .map(|valid| valid.request().clone())
            .map_err(|redirect| redirect.reason())
    }

    #[test]
    fn an_essential_acr_must_be_reachable() {
        //= test OIDC-CORE#5.5.1.1 an essential acr that cannot be reached fails the authentication
        for (claims, reason) in [
            (
                r#"{"id_token":{"acr":{"essential":true,"value":"high"}}}"#,
                None,
            ),
            (
                r#"{"id_token":{"acr":{"essential":true,"values":["x","low"]}}}"#,
                None,
            ),
            (r#"{"id_token":{"acr":{"essential":true}}}"#, None),
            (r#"{"id_token":{"acr":{"values":["x"]}}}"#, None),
            (
                r#"{"id_token":{"acr":{"essential":true,"value":"x"}}}"#,
                Some(Reason::AcrUnreachable),
            ),
            (
                r#"{"id_token":{"acr":{"essential":true,"values":["x","HIGH"]}}}"#,
                Some(Reason::AcrUnreachable),
            ),
        ] {
            assert_eq!(with_acr(&[("claims", claims)]).err(), reason, "{claims}");
        }
        assert_eq!(
            Reason::AcrUnreachable.code().as_str(),
            "unmet_authentication_requirements"
        );
    }

    #[test]
    fn acr_values_are_a_wish_in_order_of_preference() {
        let request = with_acr(&[("acr_values", "high  x low")]).unwrap();
        assert_eq!(request.acr_values, ["high", "x", "low"]);
        assert!(request.essential_acr.is_empty());
    }

    #[test]
    fn the_request_overrides_the_clients_default_acr_values() {
        //= test OIDC-REG#2 acr_values and the claims parameter override default_acr_values
        let acr = |changes: &[(&str, &str)]| {
            let client = Client {
                default_acr_values: vec!["low".to_owned()],
                ..web()
            };
            validated(client, changes)
                .unwrap()
                .request()
                .acr_values
                .clone()
        };
        assert_eq!(acr(&[]), ["low"]);
        assert_eq!(acr(&[("acr_values", "high")]), ["high"]);
        assert_eq!(
            acr(&[("claims", r#"{"id_token":{"acr":{"values":["mid"]}}}"#)]),
            ["mid"]
        );
    }

    #[test]
    fn malformed_claims_are_refused_only_where_the_parameter_is_honoured() {
        assert_eq!(
            refusal(web(), &[("claims", "[]")]),
            Some(Reason::ClaimsMalformed)
        );
        let mut policy = policy();
        policy.claims_parameter = false;
        let valid = identified(web(), &[("claims", "[]")]).validate(&policy);
        assert!(valid.unwrap().request().claims.is_empty());
    }
}
