//! Authentication context classes,
//! [OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken).
//!
//! The issuer lists its classes from the weakest to the strongest. A class that was reached stands for every weaker one.

use crate::{authorize::RequestRecord, policy::Policy};

/// The class that a sign-in with these methods (RFC 8176) reaches: the first for one factor, the next for each further kind
/// of factor, as far as the issuer lists classes.
#[must_use]
pub fn acr_of(policy: &Policy, amr: &[String]) -> Option<String> {
    let used = |kind: &[&str]| amr.iter().any(|method| kind.contains(&method.as_str()));
    let kinds = [KNOWLEDGE, POSSESSION, INHERENCE]
        .iter()
        .filter(|kind| used(kind))
        .count();
    let factors = if used(&["mfa"]) { kinds.max(2) } else { kinds };
    policy.acr_values.iter().take(factors).next_back().cloned()
}

const KNOWLEDGE: &[&str] = &["kba", "pin", "pwd"];
const POSSESSION: &[&str] = &["hwk", "otp", "pop", "sc", "sms", "swk", "tel"];
const INHERENCE: &[&str] = &["face", "fpt", "iris", "retina", "vbm"];

/// Whether the class that was reached is as good as the one that is wanted.
pub(crate) fn reaches(policy: &Policy, reached: Option<&str>, wanted: &str) -> bool {
    let Some(reached) = reached else {
        return false;
    };
    let rank = |acr: &str| policy.acr_values.iter().position(|value| value == acr);
    match (rank(reached), rank(wanted)) {
        (Some(reached), Some(wanted)) => reached >= wanted,
        (Some(_) | None, Some(_) | None) => reached == wanted,
    }
}

/// The class to state: the first wanted one that was reached, else what was reached.
//= OIDC-CORE#3.1.2.1 implication: acr_values are in order of preference
pub(crate) fn stated(
    policy: &Policy,
    request: &RequestRecord,
    reached: Option<&str>,
) -> Option<String> {
    request
        .essential_acr
        .iter()
        .chain(&request.acr_values)
        .map(String::as_str)
        .find(|wanted| reaches(policy, reached, wanted))
        .or(reached)
        .map(str::to_owned)
}
