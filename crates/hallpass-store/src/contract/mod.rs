//! What every adapter promises, as one suite of cases.
//!
//! An adapter's tests call [`contract_tests!`](crate::contract_tests) with a way to make an empty store; that gives one
//! test per case. [`run_all`] runs them one after the other where no test harness is at hand.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a broken promise is a failed test"
)]

pub mod admin;
pub mod clients;
pub mod codes;
pub mod commits;
pub mod consents;
pub mod credentials;
pub mod deliveries;
pub mod grants;
mod in_turn;
pub mod isolation;
pub mod issuers;
pub mod keys;
pub mod names;
#[cfg(test)]
mod once;
pub mod participants;
pub mod people;
pub mod purge;
pub mod races;
pub mod registrations;
mod sample;
pub mod sessions;
pub mod standing;
pub mod tokens;
pub mod users;
pub mod waiting;

use std::{future::Future, sync::Arc};

use hallpass_types::IssuerId;

pub use in_turn::InTurn;

use crate::{Commit, Committed, Spend, Store, StoreError, Write};

/// An empty store and how hard to try it.
#[derive(Clone)]
pub struct Trial {
    /// The store.
    pub store: Arc<dyn Store>,
    /// How often races are run.
    pub rounds: u32,
}

impl std::fmt::Debug for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trial({} rounds)", self.rounds)
    }
}

impl Trial {
    async fn issuer(&self) -> IssuerId {
        self.store.issuer("https://op.example").await.unwrap()
    }

    async fn commit(&self, spends: Vec<Spend>, writes: Vec<Write>) -> Committed {
        self.try_commit(spends, writes).await.unwrap()
    }

    async fn try_commit(
        &self,
        spends: Vec<Spend>,
        writes: Vec<Write>,
    ) -> Result<Committed, StoreError> {
        let issuer = self.issuer().await;
        self.store.commit(issuer, Commit { spends, writes }).await
    }

    async fn write(&self, writes: Vec<Write>) {
        assert_eq!(self.commit(Vec::new(), writes).await, Committed::Done);
    }

    async fn spend(&self, spend: Spend) -> Committed {
        self.commit(vec![spend], Vec::new()).await
    }

    /// Runs `tasks` tasks at once and answers how many of them ended with [`Committed::Done`].
    async fn race<F>(&self, tasks: u8, commit: impl Fn(u8) -> F) -> usize
    where
        F: Future<Output = Commit> + Send + 'static,
    {
        let issuer = self.issuer().await;
        let barrier = Arc::new(tokio::sync::Barrier::new(tasks.into()));
        let mut running = tokio::task::JoinSet::new();
        for task in 0..tasks {
            let (store, barrier, commit) = (self.store.clone(), barrier.clone(), commit(task));
            running.spawn(async move {
                let commit = commit.await;
                #[cfg(test)]
                once::note(&commit);
                barrier.wait().await;
                store.commit(issuer, commit).await.unwrap()
            });
        }
        let ends = running.join_all().await;
        #[cfg(test)]
        once::over();
        ends.iter().filter(|end| **end == Committed::Done).count()
    }
}

/// The list of cases, handed to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    (($($each:tt)+) $($args:tt)*) => {
        $($each)+! { $($args)*;
            admin::a_record_changes_when_its_revision_is_current,
            admin::whoever_goes_administers_nothing_any_more,
            admin::whoever_goes_refuses_nobody_any_more,
            admin::of_many_changes_of_what_a_person_refuses_one_is_written,
            admin::nobody_becomes_an_operator_while_they_are_deleted,
            admin::records_are_listed_in_pages_by_kind,
            admin::a_record_that_many_make_or_change_is_one,
            admin::lines_are_appended_once_and_read_from_both_ends,
            admin::a_line_that_is_late_takes_back_the_whole_commit,
            admin::of_many_that_append_a_line_of_one_number_one_succeeds,
            admin::numbers_of_a_day_add_up,
            admin::whoever_was_there_is_counted_once,
            admin::a_number_that_many_add_to_loses_nothing,
            admin::administration_of_two_issuers_is_apart_and_never_purged,
            clients::a_client_is_found_by_its_exact_identifier_alone,
            clients::a_client_identifier_is_given_once,
            clients::writing_a_client_replaces_it,
            clients::a_client_that_has_changed_since_it_was_read_is_not_replaced,
            clients::a_deleted_client_is_unknown,
            clients::registered_clients_are_counted_and_no_others,
            clients::clients_are_listed_in_pages,
            clients::a_client_that_many_change_is_changed_once,
            codes::a_code_is_found_until_and_after_it_is_spent,
            codes::a_code_is_spent_once,
            codes::an_unknown_code_is_too_late,
            codes::a_code_key_that_is_taken_is_a_collision_and_changes_nothing,
            commits::the_first_spend_that_is_too_late_is_named,
            commits::nothing_is_written_when_a_spend_is_too_late,
            commits::earlier_spends_are_taken_back,
            commits::new_rows_are_taken_back_and_older_ones_stay,
            commits::nothing_is_written_when_a_write_fails,
            commits::spends_and_writes_see_earlier_ones,
            commits::an_empty_commit_is_done,
            commits::a_dropped_commit_happens_whole_or_not_at_all,
            consents::consent_is_remembered_replaced_and_forgotten,
            consents::consent_is_for_one_subject_and_one_client,
            credentials::a_credential_is_found_by_its_person_and_by_its_digest,
            credentials::identity_and_digest_are_given_once,
            credentials::a_credential_changes_when_the_revision_is_current,
            credentials::a_changed_digest_moves_and_frees_the_old_one,
            credentials::a_deleted_credential_is_gone_with_its_digest,
            credentials::a_change_is_taken_back_with_its_commit,
            credentials::credentials_of_two_issuers_are_apart,
            credentials::a_kind_of_another_version_survives,
            credentials::credentials_are_never_purged,
            credentials::of_many_that_change_one_credential_one_succeeds,
            credentials::a_digest_that_many_take_is_taken_once,
            deliveries::deliveries_are_due_in_order_from_their_time_on,
            deliveries::a_claimed_delivery_is_not_due_until_its_new_time,
            deliveries::a_delivery_can_be_written_anew_where_it_is_finished,
            deliveries::a_claim_is_taken_back_with_its_commit,
            deliveries::a_delivery_key_that_is_taken_is_a_collision,
            deliveries::a_delivery_that_many_claim_is_claimed_once,
            deliveries::deliveries_of_two_issuers_are_apart,
            deliveries::a_delivery_is_purged_with_its_bucket,
            grants::a_grant_is_found_with_its_refresh_state,
            grants::a_generation_is_rotated_once,
            grants::a_rotation_from_another_generation_is_too_late,
            grants::a_revoked_or_unknown_grant_does_not_rotate,
            grants::a_grant_without_refresh_tokens_does_not_rotate,
            grants::the_last_generation_is_the_end,
            grants::touching_moves_the_idle_limit_alone,
            grants::revocation_is_idempotent_and_the_first_time_stands,
            grants::a_grant_stands_until_it_is_revoked,
            grants::a_grant_identity_that_is_taken_is_a_collision_and_revives_nothing,
            grants::nothing_is_written_for_a_grant_once_it_is_revoked,
            isolation::an_issuer_has_one_number_for_good,
            isolation::issuers_share_nothing,
            isolation::issuers_spend_separately,
            isolation::a_key_of_one_kind_is_no_other_kind,
            issuers::an_issuer_is_made_once_for_its_name_and_its_place,
            issuers::an_issuer_changes_when_the_revision_is_current,
            issuers::changes_of_issuers_are_seen_in_order_and_none_is_missed,
            issuers::issuers_are_listed_in_pages_by_name,
            issuers::what_an_issuer_has_goes_in_bites_and_its_number_never_comes_back,
            issuers::an_issuer_that_is_not_deleted_keeps_everything,
            issuers::issuers_with_due_deliveries_are_found,
            issuers::of_many_that_make_or_change_one_issuer_one_succeeds,
            keys::signing_keys_are_written_replaced_and_deleted,
            keys::keys_that_have_changed_since_they_were_read_are_noticed,
            keys::a_root_is_made_once_and_changes_when_the_revision_is_current,
            keys::a_root_that_many_make_or_change_is_one,
            keys::a_directory_changes_when_its_revision_is_current,
            keys::a_directory_that_many_change_is_changed_once,
            keys::numbers_of_issuers_are_listed_in_pages,
            keys::whose_keys_have_changed_is_one_question,
            keys::of_many_that_change_their_keys_at_once_nobody_is_missed,
            keys::keys_that_many_rotate_are_rotated_once,
            names::any_text_is_a_user_name,
            names::names_that_only_look_alike_are_different,
            names::any_text_survives_in_records,
            names::listing_after_any_text_works,
            names::any_text_is_an_issuer_and_a_key_identifier,
            participants::clients_of_a_session_are_listed_in_pages,
            participants::what_one_client_has_in_a_session_is_found_in_bounded_pieces,
            participants::participants_are_those_of_one_session_by_client_and_grant,
            participants::each_client_of_a_session_is_found_once_however_many_grants_it_has,
            participants::a_participant_is_forgotten_alone,
            participants::sessions_with_participants_are_found_by_subject,
            participants::nobody_joins_a_session_that_has_ended,
            participants::participants_are_purged_with_their_session,
            people::sessions_are_listed_by_their_person,
            people::sessions_are_counted_until_they_end_or_expire,
            people::the_last_use_of_a_session_never_goes_back,
            people::consents_are_listed_by_their_person,
            people::activity_is_listed_newest_first_and_purged,
            people::activity_of_an_issuer_is_listed_page_by_page,
            issuers::an_issuer_changes_with_a_commit_of_another_or_not_at_all,
            issuers::of_two_that_change_an_issuer_at_once_one_commits,
            people::a_person_is_forgotten_whole_and_alone,
            people::deleting_and_changing_an_account_exclude_each_other,
            purge::expired_records_go_and_live_ones_stay,
            purge::a_purge_takes_no_more_than_its_limit,
            purge::a_purge_reaches_every_issuer,
            purge::what_does_not_expire_is_never_purged,
            purge::purging_while_writing_loses_nothing,
            purge::what_was_issued_is_forgotten_and_the_rest_stays,
            races::a_code_that_many_redeem_is_redeemed_once,
            races::a_generation_that_many_rotate_is_rotated_once,
            races::a_key_that_many_use_is_used_once,
            races::a_user_name_that_many_take_is_taken_once,
            races::a_client_identifier_that_many_take_is_taken_once,
            races::a_user_that_many_change_is_changed_once,
            races::no_rotation_succeeds_after_a_revocation_was_acknowledged,
            races::what_was_acknowledged_is_read_by_everybody,
            races::two_commits_that_want_the_same_two_keys_do_not_both_fail_or_win,
            registrations::unused_clients_are_found_by_the_day_of_their_last_use,
            registrations::a_client_that_was_used_meanwhile_is_not_idle,
            registrations::clients_of_one_software_are_counted,
            registrations::the_same_metadata_makes_one_client,
            registrations::nothing_is_left_beside_a_client_that_is_gone,
            registrations::an_initial_access_token_is_used_as_often_as_it_allows,
            registrations::initial_access_tokens_are_read_page_by_page,
            registrations::a_use_is_taken_back_with_its_commit,
            registrations::a_client_is_deleted_once_or_used_when_both_happen_at_once,
            sessions::a_session_is_found_until_it_ends,
            sessions::writing_a_session_replaces_it,
            sessions::an_ended_session_cannot_be_renewed,
            sessions::those_who_end_one_session_and_begin_another_are_all_done,
            sessions::a_session_that_many_end_is_ended_once,
            standing::everything_about_a_token_is_one_answer,
            standing::a_session_that_ended_is_noticed,
            standing::an_unknown_grant_has_no_standing,
            standing::questions_that_bring_the_user_answer_the_same,
            tokens::a_denied_token_is_denied_and_no_other,
            tokens::denying_twice_is_once,
            tokens::a_key_is_used_once,
            users::a_user_is_found_by_name_and_by_subject,
            users::name_and_subject_are_given_once,
            users::a_user_changes_when_the_revision_is_current,
            users::a_changed_name_moves_and_frees_the_old_one,
            users::a_name_of_somebody_else_is_too_late,
            users::users_are_listed_in_pages_by_name,
            waiting::what_waits_is_found_by_its_handle_alone,
            waiting::a_handle_is_given_once,
            waiting::what_waits_changes_when_the_revision_is_current,
            waiting::what_was_consumed_is_unknown_and_consumed_once,
            waiting::the_last_revision_is_the_end,
            waiting::a_change_is_taken_back_when_a_later_spend_is_too_late,
            waiting::of_many_that_change_or_consume_one_succeeds,
            waiting::a_handle_that_many_take_is_taken_once,
        }
    };
}

/// Makes one test of every case: `contract_tests!(rounds, make)`, where `make` is an async function without
/// arguments that answers an empty `Arc<dyn Store>` and whatever must live as long (a temporary folder). The calling
/// crate needs tokio with its test macro.
#[macro_export]
macro_rules! contract_tests {
    ($rounds:expr, $make:expr) => {
        $crate::contract_cases! { ($crate::contract_test) $rounds, $make }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! contract_test {
    ($rounds:expr, $make:expr; $($module:ident :: $case:ident,)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $case() {
            let (store, _guard) = $make().await;
            let trial = $crate::contract::Trial { store, rounds: $rounds };
            $crate::contract::$module::$case(trial).await;
        }
    )+};
}

macro_rules! run_one_by_one {
    ($rounds:expr, $make:expr; $($module:ident :: $case:ident,)+) => {$(
        let (store, guard) = $make().await;
        $module::$case(Trial { store, rounds: $rounds }).await;
        drop(guard);
    )+};
}

/// Runs every case on a new store from `make`, which also answers what must live as long as the store.
///
/// # Panics
/// When the store breaks a promise.
pub async fn run_all<G, F>(rounds: u32, make: impl Fn() -> F)
where
    F: Future<Output = (Arc<dyn Store>, G)>,
{
    contract_cases! { (run_one_by_one) rounds, make }
}
