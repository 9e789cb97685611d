//! The durable engine: whatever is slow becomes a job, and is not lost.
//!
//! A **task** is the unit of durable work. A **job** is what a user sees: its *planner* (a task)
//! turns it into **batches** (a task each), and settles it when they have ended. Tasks are claimed
//! by **workers** under a **lease**; everything a holder writes is written together with a check of
//! the lease's token, so a worker that was stopped past its lease can no longer complete, count or
//! write. A lost ring, a dead worker, a store that answered too late: a sweep over the **due
//! items** finds what was left.
//!
//! Tasks run *at least once*. Their effects on our own tables happen once.
//!
//! Read the modules in this order:
//!
//! 1. [`model`]: the nouns. [`policy`]: how failures are retried. [`kind`]: what services teach
//!    the engine.
//! 2. `rows`: what is stored, under which keys.
//! 3. [`engine`]: what it is made of. [`enqueue`]: how work comes into being.
//! 4. `claim`: taking a task; `fresh`: one that was just enqueued. [`run`]: what a kind sees and how
//!    it writes. `finish`: how a run ends.
//! 5. `planner`: from job to batches to the end. `places`: how many run at once. [`job`]: what
//!    people do with jobs.
//! 6. [`sweep`], `room` and [`worker`]: who does all that, and when. [`inline`]: the same where there
//!    are no workers.
//! 7. [`log`], [`dead`], [`outbox`], [`policies`], [`schedule`], `prune`, `holdings`, [`stats`]: around
//!    it.

/// The example in the engine's guide is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/engine.md")]
mod guide {}

pub mod dead;
pub mod engine;
pub mod enqueue;
pub mod inline;
pub mod job;
pub mod kind;
pub mod log;
pub mod model;
pub mod outbox;
pub mod policies;
pub mod policy;
pub mod run;
pub mod schedule;
pub mod stats;
pub mod sweep;
pub mod worker;

mod claim;
mod finish;
mod fresh;
mod holdings;
mod places;
mod planner;
mod prune;
mod room;
mod rows;

pub use engine::{Deps, Engine, FixedQuotas, Quotas, RETENTION_DAYS_MAX, Settings};
pub use enqueue::{Enqueued, NewJob, NewTask, OnTaken};
pub use job::JobFilter;
pub use kind::{JobKind, NewBatch, Plan, Registry, Settled, TaskKind};
pub use log::LogFilter;
pub use model::{
    Batch, BatchState, Class, Counts, DeadLetter, Done, Failure, Job, JobStatus, LogLine, Priority, Stream, Tally,
};
pub use outbox::{Outbox, Waiting};
pub use policy::{Backoff, Policy};
pub use rows::TABLES;
pub use rows::task::TOPICS;
pub use run::{CommitError, Run};
pub use schedule::{NewSchedule, Schedule};
pub use stats::{Stats, WorkerView};
pub use sweep::QueueDepth;
pub use worker::Workers;
