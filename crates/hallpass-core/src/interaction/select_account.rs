//! When the person must choose an account.

use super::{Case, Cause, Check, check};

#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check(Cause::SelectionRequested, selection_is_requested),
];

//= OIDC-CORE#3.1.2.1 SHOULD: with prompt=select_account the person chooses among accounts
fn selection_is_requested(case: &Case<'_>) -> bool {
    let chosen = case.signed_in_here() || case.is_current(case.facts.done.selected.as_ref());
    case.request.prompts.select_account && !chosen
}
