//! Authentication context classes,
//! [OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken).
//!
//! The issuer lists its classes from the weakest to the strongest. A class that was reached stands for every weaker one.

use hallpass_types::Timestamp;

use crate::{
    authorize::RequestRecord,
    policy::Policy,
    record::SessionRecord,
    sign_in::{self, Method, Proof},
};

/// The class that a sign-in with these methods (RFC 8176) reaches, where nothing else is known of it.
#[must_use]
pub fn acr_of(policy: &Policy, amr: &[String]) -> Option<String> {
    let proof = Proof {
        method: Method::Other,
        amr: amr.to_vec(),
        at: Timestamp(0),
        since: None,
    };
    sign_in::acr_of(policy, sign_in::strength_of(policy, &[proof]))
}

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

/// Whether the request wishes for classes of which the session has none.
#[must_use]
pub fn wish_is_open(policy: &Policy, request: &RequestRecord, session: &SessionRecord) -> bool {
    let reached = session.authentication.acr.as_deref();
    let wishes = &request.acr_values;
    !wishes.is_empty() && !wishes.iter().any(|acr| reaches(policy, reached, acr))
}

/// The classes of which one is essential, where the client must have a certain class whatever it asks for.
#[must_use]
pub(crate) fn raised(
    policy: &Policy,
    essential: Vec<String>,
    required: Option<&str>,
) -> Vec<String> {
    let Some(required) = required else {
        return essential;
    };
    let mut enough = essential;
    enough.retain(|acr| reaches(policy, Some(acr), required));
    if enough.is_empty() {
        enough.push(required.to_owned());
    }
    enough
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::fixture::{policy, valid};

    fn with(acr_values: &[&str]) -> Policy {
        let mut policy = policy();
        policy.acr_values = acr_values.iter().map(|v| (*v).to_owned()).collect();
        policy
    }

    #[test]
    fn each_kind_of_factor_reaches_one_class_more() {
        let cases: [(&[&str], &[&str], Option<&str>); 9] = [
            (&[], &["pwd"], None),
            (&["low"], &[], None),
            (&["low"], &["user"], None),
            (&["low"], &["pwd"], Some("low")),
            (&["low"], &["pwd", "otp"], Some("low")),
            (&["low", "high"], &["pwd", "pin"], Some("low")),
            (&["low", "high"], &["pwd", "otp"], Some("high")),
            (&["low", "high"], &["hwk", "mfa"], Some("high")),
            (&["low", "mid", "high"], &["pwd", "otp"], Some("mid")),
        ];
        for (classes, amr, expected) in cases {
            let amr: Vec<String> = amr.iter().map(|m| (*m).to_owned()).collect();
            assert_eq!(acr_of(&with(classes), &amr).as_deref(), expected, "{amr:?}");
        }
    }

    #[test]
    fn the_best_liked_class_that_was_reached_is_stated() {
        //= test OIDC-CORE#3.1.2.1 acr_values are in order of preference
        let policy = with(&["low", "mid", "high"]);
        for (wanted, reached, expected) in [
            ("", Some("mid"), Some("mid")),
            ("low high", Some("mid"), Some("low")),
            ("high mid low", Some("mid"), Some("mid")),
            ("high", Some("mid"), Some("mid")),
            ("other", Some("mid"), Some("mid")),
            ("other low", Some("other"), Some("other")),
            ("low", Some("other"), Some("other")),
            ("low", None, None),
        ] {
            let valid = valid(&[("acr_values", wanted)]);
            let stated = stated(&policy, valid.request(), reached);
            assert_eq!(stated.as_deref(), expected, "{wanted} {reached:?}");
        }
    }
}
