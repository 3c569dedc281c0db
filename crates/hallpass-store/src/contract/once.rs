//! Each thing that may happen once has a case in which many want it at the same moment.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use super::Trial;
use crate::{Commit, MemoryStore, Spend};

/// How many of those that wanted it at once, by the name of what may happen once: in the race that runs, and at most.
type Counted = BTreeMap<&'static str, usize>;

thread_local! {
    static RUNNING: RefCell<Counted> = RefCell::default();
    static MOST: RefCell<Counted> = RefCell::default();
}

/// A commit that stands at the line.
pub(super) fn note(commit: &Commit) {
    RUNNING.with_borrow_mut(|running| {
        for spend in &commit.spends {
            *running.entry(kind(spend)).or_default() += 1;
        }
    });
}

/// The race is over.
pub(super) fn over() {
    let counted = RUNNING.take();
    MOST.with_borrow_mut(|most| {
        for (kind, number) in counted {
            let before = most.entry(kind).or_default();
            *before = number.max(*before);
        }
    });
}

/// What may happen once, and the case in which many want it. A new one has its line here, or this does not compile.
macro_rules! raced {
    ($($kind:ident in $module:ident::$case:ident,)+) => {
        fn kind(spend: &Spend) -> &'static str {
            match spend {
                $(Spend::$kind { .. } => stringify!($kind),)+
            }
        }

        const RACED: &[(&str, &str)] = &[
            $((stringify!($kind), concat!(stringify!($module), "::", stringify!($case))),)+
        ];

        /// Runs each case and answers how many wanted it at once.
        async fn run() -> Counted {
            let mut wanted = Counted::new();
            $(
                MOST.take();
                let store = Arc::new(MemoryStore::new());
                super::$module::$case(Trial { store, rounds: 10 }).await;
                let most = MOST.take().remove(stringify!($kind));
                wanted.insert(stringify!($kind), most.unwrap_or_default());
            )+
            wanted
        }
    };
}

raced! {
    Code in races::a_code_that_many_redeem_is_redeemed_once,
    Refresh in races::a_generation_that_many_rotate_is_rotated_once,
    Standing in grants::nothing_is_written_for_a_grant_once_it_is_revoked,
    Session in participants::nobody_joins_a_session_that_has_ended,
    Once in races::a_key_that_many_use_is_used_once,
    NewWaiting in waiting::a_handle_that_many_take_is_taken_once,
    Waiting in waiting::of_many_that_change_or_consume_one_succeeds,
    NewUser in races::a_user_name_that_many_take_is_taken_once,
    NewClient in races::a_client_identifier_that_many_take_is_taken_once,
    NewRegistration in registrations::the_same_metadata_makes_one_client,
    IdleClient in registrations::a_client_is_deleted_once_or_used_when_both_happen_at_once,
    InitialAccess in registrations::an_initial_access_token_is_used_as_often_as_it_allows,
    User in races::a_user_that_many_change_is_changed_once,
    NewCredential in credentials::a_digest_that_many_take_is_taken_once,
    Credential in credentials::of_many_that_change_one_credential_one_succeeds,
    DeleteUser in people::deleting_and_changing_an_account_exclude_each_other,
    Client in clients::a_client_that_many_change_is_changed_once,
    SigningKeys in keys::keys_that_many_rotate_are_rotated_once,
    Root in keys::a_root_that_many_make_or_change_is_one,
    Directory in keys::a_directory_that_many_change_is_changed_once,
    Admin in admin::a_record_that_many_make_or_change_is_one,
    Audit in admin::of_many_that_append_a_line_of_one_number_one_succeeds,
    Delivery in deliveries::a_delivery_that_many_claim_is_claimed_once,
}

macro_rules! names {
    (; $($module:ident :: $case:ident,)+) => {
        &[$(concat!(stringify!($module), "::", stringify!($case)),)+]
    };
}

/// The cases that every adapter runs.
const CASES: &[&str] = crate::contract_cases! { (names) };

#[tokio::test]
async fn whatever_may_happen_once_is_wanted_by_many_at_the_same_moment() {
    for (kind, wanted) in run().await {
        assert!(wanted > 1, "{kind}: {wanted} at once");
    }
}

#[test]
fn every_adapter_runs_the_race_for_whatever_may_happen_once() {
    for (kind, case) in RACED {
        assert!(CASES.contains(case), "{kind}: {case} is no case");
    }
}
