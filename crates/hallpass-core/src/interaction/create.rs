//! When the person is led to make an account.

use super::{Case, Cause, Check, check};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check(Cause::RegistrationRequested, registration_is_requested),
];

/// Also when somebody is signed in: the client wants another account. A sign-in within this request is enough, since the
/// person may find that they have one.
//= OIDC-PROMPT-CREATE#4.1 MAY: with prompt=create the person sees the page to make an account first
fn registration_is_requested(case: &Case<'_>) -> bool {
    case.request.prompts.create && !case.signed_in_here()
}
