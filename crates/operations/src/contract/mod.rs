//! The contract of this service over HTTP, as cases that hold on any store.
//!
//! A [`Stage`] is everything but the store and the queue: an engine that knows two kinds of jobs which do as
//! they are told ([`Toy`]), callers whose keys say who they are, an audit that can be looked at.
//! [`cases`] runs the cases one after the other, each in a tenant of its own. They run here on
//! memory, and from `freight/tests/it/operations.rs` on every backend. What takes time (a line that
//! is held back, a stream that ends by itself) is shown in this crate's own tests, on a clock that
//! they own.

#![expect(clippy::expect_used, clippy::panic, reason = "a case ends by panicking")]

mod around;
mod dead;
mod jobs;
mod logs;
mod stage;
mod toy;

pub use stage::{Remembered, Stage};
pub use toy::{Switch, Toy};

/// Runs every case. The engine's workers must run.
pub async fn cases(stage: &Stage) {
    jobs::a_job_says_how_far_it_is(stage).await;
    jobs::jobs_are_listed_newest_first(stage).await;
    jobs::who_lacks_jobs_read_sees_the_kinds_of_their_scopes(stage).await;
    jobs::what_may_not_be_seen_is_not_there(stage).await;
    jobs::batches_are_listed_in_the_order_of_the_plan(stage).await;
    jobs::a_job_is_held_let_go_and_stopped(stage).await;
    jobs::steering_needs_its_scope(stage).await;
    jobs::a_job_that_ended_badly_is_retried(stage).await;
    logs::a_log_is_read_in_three_formats(stage).await;
    logs::a_log_is_filtered_and_paged(stage).await;
    logs::a_job_is_followed_to_its_end(stage).await;
    logs::a_follower_goes_on_where_it_was(stage).await;
    logs::the_journal_holds_every_job_of_the_tenant(stage).await;
    dead::a_dead_letter_is_mended_and_redriven(stage).await;
    dead::dead_letters_are_redriven_by_kind(stage).await;
    dead::a_dead_letter_is_dropped(stage).await;
    dead::a_dead_letter_of_another_tenant_is_not_there(stage).await;
    around::figures_are_those_of_the_tenant(stage).await;
    around::the_platform_sees_queues_and_workers(stage).await;
    around::a_retry_policy_is_set_for_a_kind(stage).await;
    around::a_schedule_is_run_held_and_let_go(stage).await;
}
