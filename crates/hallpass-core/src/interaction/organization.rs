//! For which organization the person acts, and whether this client is for them.

use super::{Case, Cause, Check, check};
use crate::authorize::Reason;

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check(Cause::OrganizationOpen, organization_is_open),
];

/// What no page would mend: the person is none of those for whom the client is, or no member of the organization for which
/// they are to act.
pub(super) fn refused(case: &Case<'_>) -> Option<Reason> {
    let standing = case.facts.standing?;
    case.facts.session?;
    let wanted = case.request.organization.as_deref();
    let Some(effective) = standing.directory.effective(standing.memberships, wanted) else {
        return Some(Reason::NoMember);
    };
    let admitted = case.client.restriction.admits(&effective);
    // Somebody who has yet to choose may be admitted for one of their organizations.
    let may_be = || {
        standing.choices().iter().any(|(id, _)| {
            let effective = standing.directory.effective(standing.memberships, Some(id));
            effective.is_some_and(|effective| case.client.restriction.admits(&effective))
        })
    };
    (!admitted && (wanted.is_some() || !may_be())).then_some(Reason::NotForThisPerson)
}

/// The client wants to know the organization, or is for some members only, and the person can act for several; or for one,
/// and as nobody's member would not be admitted.
fn organization_is_open(case: &Case<'_>) -> bool {
    let Some(standing) = case.facts.standing else {
        return false;
    };
    if case.facts.session.is_none() || case.request.organization.is_some() {
        return false;
    }
    let asked = case.request.scope.iter().any(|token| {
        let spec = case.facts.policy.scope(token);
        let claim = &case.facts.policy.access.claims.organization;
        spec.is_some_and(|spec| spec.claims.contains(claim))
    });
    let choices = standing.choices();
    let is_restricted = !case.client.restriction.is_open();
    (asked || is_restricted) && !choices.is_empty()
}
