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
