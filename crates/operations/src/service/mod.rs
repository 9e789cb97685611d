//! The operations: who may, then what.
//!
//! Every method takes the caller's [`Ctx`] and speaks of the caller's tenant only. A method that
//! takes a [`Job`](::jobs::Job) in place of an id takes it as proof that the caller may see it: the only way to
//! come by one is [`Operations::job_get`], which answers what may not be seen like what is not
//! there.
//!
//! 1. `jobs`: see jobs and their batches; pause, resume, cancel, retry.
//! 2. `logs`: logs of jobs, and the tenant's journal. `feed`: the same, as they come; `tail`
//!    knows how far each follower has read, `seats` how many there may be.
//! 3. `dead`: dead letters. `audit`: what is remembered of who changed what.
//! 4. `rules`: retry policies and schedules. `figures`: numbers.

mod audit;
mod dead;
mod feed;
mod figures;
mod jobs;
mod logs;
mod rules;
mod seats;
mod tail;

use std::sync::Arc;

use ::jobs::Engine;
use base::{Clock, Ctx};

use crate::model::Sight;

pub use audit::{Act, Audit};
pub use feed::{HOLD, LIFETIME, News, Told};
pub use seats::SEATS_MAX;

use seats::Seats;

/// What the service stands on.
pub struct Deps {
    /// Whose jobs these are.
    pub engine: Arc<Engine>,
    /// Who remembers what was done.
    pub audit: Arc<dyn Audit>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Every job, log and dead letter, whatever service it belongs to.
pub struct Operations {
    engine: Arc<Engine>,
    audit: Arc<dyn Audit>,
    clock: Arc<dyn Clock>,
    seats: Seats,
}

impl Operations {
    /// The service over an engine. It keeps nothing, so any number may share one.
    pub fn new(deps: Deps) -> Arc<Self> {
        let Deps { engine, audit, clock } = deps;
        Arc::new(Self { engine, audit, clock, seats: Seats::default() })
    }

    /// The clock by which events are told.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn sight(&self, ctx: &Ctx) -> Sight {
        Sight::of(ctx.scopes, self.engine.registry().job_scopes())
    }
}

impl std::fmt::Debug for Operations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operations").field("engine", &self.engine).finish_non_exhaustive()
    }
}
