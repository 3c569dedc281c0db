//! When the person must allow the request.
//!
//! What was allowed or left out earlier is not asked again, as long as the client's redirect URIs are the same. The operator
//! may waive consent for a client; that covers `offline_access` too, and only a client's own wish (`prompt=consent`) or the
//! lack of any assured identity overrides it.

use hallpass_types::Scope;

use super::{Case, Cause, Check, check};
use crate::{
    authorize::granted::{released_by, wants_refresh},
    claims_request,
    client::ApplicationType,
    policy::Asking,
    record::ConsentRecord,
};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check(Cause::ConsentRequested,  consent_is_requested),
    check(Cause::AskedEachTime,     asked_each_time),
    check(Cause::NativeClient,      native_client),
    check(Cause::NothingRemembered, nothing_remembered),
    check(Cause::ClientChanged,     client_changed),
    check(Cause::WiderScope,        wider_scope),
    check(Cause::OfflineAccess,     offline_access),
    check(Cause::WiderClaims,       wider_claims),
    check(Cause::WiderResources,    wider_resources),
    check(Cause::Details,           details),
];

const OFFLINE: &str = "offline_access";

//= OIDC-CORE#3.1.2.1 SHOULD: with prompt=consent the person is asked again
const fn consent_is_requested(case: &Case<'_>) -> bool {
    case.request.prompts.consent && case.facts.consented.is_none()
}

fn asked_each_time(case: &Case<'_>) -> bool {
    case.facts.policy.consent == Asking::Always && is_open(case)
}

//= RFC8252#8.6 SHOULD NOT: without assured identity no request is granted without the person
fn native_client(case: &Case<'_>) -> bool {
    case.facts.consented.is_none()
        && case.client.application_type == ApplicationType::Native
        && !case.request.redirect_uri.starts_with("https://")
}

/// Also when everything was left out earlier: the person may think otherwise today.
fn nothing_remembered(case: &Case<'_>) -> bool {
    case.facts.consented.is_none() && case.allowed.is_useless(case.request)
}

fn client_changed(case: &Case<'_>) -> bool {
    remembered(case)
        .is_some_and(|record| record.redirect_uris != Some(case.client.redirect_uris_digest))
}

fn wider_scope(case: &Case<'_>) -> bool {
    remembered(case).is_some_and(|record| {
        let mut asked = case.request.scope.iter();
        asked.any(|token| token != OFFLINE && !was_shown(record, token))
    })
}

/// Wherever access would last, also in plain OAuth, where no scope says so.
//= OIDC-CORE#11 MUST: offline access is only given with consent to just that
fn offline_access(case: &Case<'_>) -> bool {
    remembered(case).is_some_and(|record| {
        wants_refresh(case.client, case.request) && !was_shown(record, OFFLINE)
    })
}

fn wider_claims(case: &Case<'_>) -> bool {
    remembered(case).is_some_and(|record| {
        // A claim that a scope of the request releases is asked about with that scope.
        let shown: Scope = case
            .request
            .scope
            .filtered(|token| was_shown(record, token));
        claims_request::personal(&case.request.claims)
            .into_iter()
            .any(|name| {
                let mut known = record.claims.iter().chain(&record.refused_claims);
                !known.any(|claim| claim == name) && !released_by(&shown, name, case.facts.policy)
            })
    })
}

fn wider_resources(case: &Case<'_>) -> bool {
    remembered(case).is_some_and(|record| {
        let mut asked = case.request.resources.iter();
        asked.any(|uri| !record.resources.contains(uri))
    })
}

/// Each time: they are about one thing, such as one payment.
fn details(case: &Case<'_>) -> bool {
    !case.request.authorization_details.is_empty() && is_open(case)
}

/// The earlier answer, where it matters.
fn remembered<'a>(case: &Case<'a>) -> Option<&'a ConsentRecord> {
    case.facts.consent.filter(|_| is_open(case))
}

/// Whether the question is still to be asked: neither answered in this step nor waived by the operator.
const fn is_open(case: &Case<'_>) -> bool {
    case.facts.consented.is_none() && !case.client.skip_consent
}

fn was_shown(record: &ConsentRecord, token: &str) -> bool {
    record.scope.contains(token) || record.refused.contains(token)
}
