//! Kinds: what a service teaches the engine to do.
//!
//! A kind runs **at least once** for each task. Its own effects on our tables happen once because
//! they are written through [`Run::commit`](crate::Run::commit) or returned in
//! [`Done`], in one transaction with a check of the lease; each kind says in its
//! documentation why being run twice is harmless beyond that.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base::{Scope, store::Write};
use serde_json::Value;

use crate::{Done, Failure, Job, Policy, Run};

/// Work that is one task.
#[async_trait]
pub trait TaskKind: Send + Sync + 'static {
    /// Its name, such as `ingest.prune`; never changed once rows with it exist.
    fn name(&self) -> &'static str;

    /// How failures are retried.
    fn policy(&self) -> Policy {
        Policy::default()
    }

    /// How many of a tenant's may run at once; `None` = as many as there are workers.
    fn concurrency(&self) -> Option<u32> {
        None
    }

    /// Does the work. May be run again at any time, also while an earlier run still believes it
    /// holds the task.
    ///
    /// # Errors
    /// A [`Failure`], whose class decides what happens next.
    async fn run(&self, run: &Run) -> Result<Done, Failure>;
}

/// Work that a user sees: planned into batches, counted, logged.
#[async_trait]
pub trait JobKind: Send + Sync + 'static {
    /// Its name, such as `ingest.fetch`; never changed once rows with it exist.
    fn name(&self) -> &'static str;

    /// Which scope lets a caller without `jobs:read` see its jobs.
    fn scope(&self) -> Scope;

    /// How failed batches are retried.
    fn policy(&self) -> Policy {
        Policy::default()
    }

    /// How many batches of a tenant may run at once; `None` = as many as there are workers.
    fn concurrency(&self) -> Option<u32> {
        None
    }

    /// The next page of the plan: at most `max` batches from `cursor` on (`None` at the start).
    /// The engine saves the batches and the new cursor in one write. Must give the same batches
    /// for the same cursor.
    ///
    /// # Errors
    /// A [`Failure`]; a permanent one fails the job.
    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure>;

    /// Works on one batch.
    ///
    /// # Errors
    /// A [`Failure`], whose class decides what happens next.
    async fn batch(&self, run: &Run) -> Result<Done, Failure>;

    /// Called when every batch has ended, before the job is settled; `job.counts` are final.
    ///
    /// # Errors
    /// A [`Failure`]; it is tried again.
    async fn settle(&self, job: &Job) -> Result<Settled, Failure> {
        Ok(Settled { details: job.details.clone(), ..Settled::default() })
    }
}

/// A page of a plan.
#[derive(Debug, Default)]
pub struct Plan {
    /// The batches, at most as many as were asked for.
    pub batches: Vec<NewBatch>,
    /// Where to go on; `None` = this was the last page.
    pub next: Option<String>,
}

/// A batch to be worked on.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// What to do, as JSON text; at most 256 KB.
    pub payload: String,
    /// How many records that is; what the job's `total` counts.
    pub records: i64,
}

/// What a kind adds to its job's end.
#[derive(Debug, Default)]
pub struct Settled {
    /// The job's `details` from now on.
    pub details: Value,
    /// Written in the transaction that settles the job; at most 60.
    pub writes: Vec<Write>,
    /// What it worked on is gone: a job that would have completed ends as cancelled.
    pub cancelled: bool,
}

/// The kinds this process knows. A worker leaves tasks of other kinds alone.
#[derive(Clone, Default)]
pub struct Registry {
    pub(crate) tasks: BTreeMap<&'static str, Arc<dyn TaskKind>>,
    pub(crate) jobs: BTreeMap<&'static str, Arc<dyn JobKind>>,
}

impl Registry {
    /// Adds a kind of task.
    pub fn task(&mut self, kind: Arc<dyn TaskKind>) {
        self.tasks.insert(kind.name(), kind);
    }

    /// Adds a kind of job.
    pub fn job(&mut self, kind: Arc<dyn JobKind>) {
        self.jobs.insert(kind.name(), kind);
    }

    /// The kinds of jobs and the scope that each asks of who looks at it.
    pub fn job_scopes(&self) -> impl Iterator<Item = (&'static str, Scope)> + '_ {
        self.jobs.iter().map(|(name, kind)| (*name, kind.scope()))
    }

    pub(crate) fn policy(&self, kind: &str) -> Policy {
        let of_job = self.jobs.get(kind).map(|kind| kind.policy());
        of_job.or_else(|| self.tasks.get(kind).map(|kind| kind.policy())).unwrap_or_default()
    }

    pub(crate) fn concurrency(&self, kind: &str) -> Option<u32> {
        match self.jobs.get(kind) {
            Some(kind) => kind.concurrency(),
            None => self.tasks.get(kind).and_then(|kind| kind.concurrency()),
        }
    }

    pub(crate) fn knows(&self, kind: &str) -> bool {
        self.jobs.contains_key(kind) || self.tasks.contains_key(kind)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.tasks.keys().chain(self.jobs.keys()).collect();
        f.debug_struct("Registry").field("kinds", &names).finish()
    }
}
