//! When the person must sign in.

use super::{Case, Cause, Check, acr, check};
use crate::{authorize::Reason, sign_in};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check(Cause::NoSession,      no_session),
    check(Cause::LoginRequested, login_is_requested),
    check(Cause::TooLongAgo,     too_long_ago),
    check(Cause::AnotherSubject, another_subject),
    check(Cause::AcrTooWeak,     acr_too_weak),
    check(Cause::OtherWay,       other_way),
];

/// What another sign-in would not mend, since one within this request did not.
//= OIDC-CORE#3.1.2.1 MUST: when somebody else than the hinted person signs in, the answer is an error
//= OIDC-CORE#5.5.1.1 MUST: an essential acr that was not reached fails the authentication
pub(super) fn is_futile(case: &Case<'_>) -> Option<Reason> {
    if !case.signed_in_here() {
        return None;
    }
    if another_subject(case) {
        return Some(Reason::AnotherSubject);
    }
    let missing = essential_acr_is_missing(case) || less_than_the_client_demands(case);
    (missing || other_way(case)).then_some(Reason::AcrNotReached)
}

const fn no_session(case: &Case<'_>) -> bool {
    case.facts.session.is_none()
}

//= OIDC-CORE#3.1.2.1 SHOULD: with prompt=login the person proves again who they are
fn login_is_requested(case: &Case<'_>) -> bool {
    case.request.prompts.login && case.facts.session.is_some() && !case.signed_in_here()
}

//= OIDC-CORE#3.1.2.1 MUST: when the last authentication is older than max_age, the person proves again who they are
fn too_long_ago(case: &Case<'_>) -> bool {
    let (Some(session), Some(max_age)) = (case.facts.session, case.request.max_age) else {
        return false;
    };
    let age = case.facts.now.since(session.authentication.auth_time);
    // A sign-in within this request is as fresh as can be, however long the person then reads the consent page.
    (age > max_age || max_age <= 0) && !case.signed_in_here()
}

fn another_subject(case: &Case<'_>) -> bool {
    let is_other = |required: &String| case.facts.subject != Some(required);
    case.facts.session.is_some() && case.request.required_subjects.iter().any(is_other)
}

fn acr_too_weak(case: &Case<'_>) -> bool {
    essential_acr_is_missing(case)
        || wished_acr_is_missing(case)
        || less_than_the_client_demands(case)
}

fn less_than_the_client_demands(case: &Case<'_>) -> bool {
    let demands = &case.client.sign_in;
    let session = case.facts.session;
    session.is_some_and(|session| !demands.is_content(case.facts.policy, session))
}

fn other_way(case: &Case<'_>) -> bool {
    let demands = &case.client.sign_in;
    let session = case.facts.session;
    session.is_some_and(|session| !demands.takes(session))
}

/// A wish is for those who can fulfil it, asks once, and never refuses.
//= OIDC-CORE#3.1.2.1 MUST: acr_values are voluntary, so that a class which is not reached is no error
fn wished_acr_is_missing(case: &Case<'_>) -> bool {
    let Some(session) = case.facts.session else {
        return false;
    };
    let policy = case.facts.policy;
    let can = |can| sign_in::wished_by(policy, case.request, can).is_some();
    !case.request.prompts.none
        && !case.signed_in_here()
        && acr::wish_is_open(policy, case.request, session)
        && case.facts.can_reach.is_some_and(can)
}

fn essential_acr_is_missing(case: &Case<'_>) -> bool {
    let Some(session) = case.facts.session else {
        return false;
    };
    let wanted = &case.request.essential_acr;
    let reached = session.authentication.acr.as_deref();
    let is_reached = |acr: &String| acr::reaches(case.facts.policy, reached, acr);
    !wanted.is_empty() && !wanted.iter().any(is_reached)
}
