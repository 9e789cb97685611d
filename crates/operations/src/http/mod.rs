//! Wire types and handlers.
//!
//! 1. [`names`]: the words that states, streams and priorities have. [`items`]: a list that is
//!    always whole.
//! 2. [`job`]: a job on the wire. [`jobs`]: seeing and steering them. [`batches`], [`logs`],
//!    [`journal`], [`events`]: what lies behind one.
//! 3. [`dead_letters`], [`policies`], [`schedules`], [`figures`]: around them. [`exported`]: lines and
//!    letters for other systems.

mod batches;
mod dead_letters;
mod events;
pub(crate) mod exported;
mod figures;
mod items;
mod job;
mod jobs;
mod journal;
mod logs;
mod names;
mod policies;
mod schedules;

use std::sync::Arc;

use web::{Routes, route};

use crate::Operations;

/// What handlers get.
type Api = axum::extract::State<Arc<Operations>>;

impl Operations {
    /// The endpoints of this service.
    pub fn routes(self: &Arc<Self>) -> Routes {
        let routes = jobs::routes().add(route!(batches::batch_list));
        let routes = routes
            .add(route!(logs::log_list))
            .add(route!(events::job_events).streaming())
            .add(route!(journal::journal_list))
            .add(route!(journal::journal_tail).streaming());
        let routes = dead_letters::add(routes).add(route!(policies::policy_list)).add(route!(policies::policy_put));
        schedules::add(routes)
            .add(route!(figures::stats))
            .add(route!(figures::queue_list))
            .add(route!(figures::worker_list))
            .with_state(Arc::clone(self))
    }
}
