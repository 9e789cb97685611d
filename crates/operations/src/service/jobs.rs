//! Jobs: see them, and steer them.

use ::jobs::{Batch, Job, JobFilter, JobStatus};
use base::{Ctx, Error, JobId, Page, Result, Scope};

use super::Operations;

impl Operations {
    /// The jobs of this kind and in this state, as far as the caller may see them.
    pub fn job_filter(&self, ctx: &Ctx, kind: Option<&str>, status: Option<JobStatus>) -> JobFilter {
        JobFilter { kinds: self.sight(ctx).narrow(kind), status }
    }

    /// A page of jobs, newest first; `filter` is one of [`job_filter`](Self::job_filter).
    ///
    /// # Errors
    /// What the store says.
    pub async fn job_list(
        &self,
        ctx: &Ctx,
        filter: &JobFilter,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Job>> {
        self.engine.job_list(&ctx.tenant, filter, limit, after).await
    }

    /// How many jobs that list has in all.
    ///
    /// # Errors
    /// What the store says.
    pub async fn job_total(&self, ctx: &Ctx, filter: &JobFilter) -> Result<u64> {
        self.engine.job_total(&ctx.tenant, filter).await
    }

    /// One job.
    ///
    /// # Errors
    /// `NotFound`, also for a job that the caller may not see.
    pub async fn job_get(&self, ctx: &Ctx, id: JobId) -> Result<Job> {
        let job = self.engine.job_get(&ctx.tenant, id).await?;
        let seen = job.filter(|job| self.sight(ctx).admits(&job.kind));
        seen.ok_or_else(|| Error::not_found(format!("Job {id} not found")))
    }

    /// A page of a job's batches, in the order of the plan.
    ///
    /// # Errors
    /// What the store says.
    pub async fn batch_list(&self, job: &Job, after: Option<String>, limit: usize) -> Result<Page<Batch>> {
        self.engine.batch_list(&job.tenant, job.id, limit, after).await
    }

    /// Holds a job: batches that run finish, none starts.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` unless it is pending or running; `Forbidden` without `jobs:write`.
    pub async fn job_pause(&self, ctx: &Ctx, id: JobId) -> Result<Job> {
        ctx.require(Scope::JobsWrite)?;
        self.engine.job_pause(ctx, id).await
    }

    /// Lets a held job go on.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` unless it is paused; `Forbidden` without `jobs:write`.
    pub async fn job_resume(&self, ctx: &Ctx, id: JobId) -> Result<Job> {
        ctx.require(Scope::JobsWrite)?;
        self.engine.job_resume(ctx, id).await
    }

    /// Stops a job for good; what it has done stays.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it has come to its end; `Forbidden` without `jobs:write`.
    pub async fn job_cancel(&self, ctx: &Ctx, id: JobId) -> Result<Job> {
        ctx.require(Scope::JobsWrite)?;
        self.engine.job_cancel(ctx, id).await
    }

    /// Takes a job up again that ended badly: its failed batches, or every batch that is not
    /// wholly done. Says how many that are.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` unless the job failed or completed with errors; `Conflict` while
    /// another job holds its unique key; `Forbidden` without `jobs:write`.
    pub async fn job_retry(&self, ctx: &Ctx, id: JobId, failed_only: bool) -> Result<i64> {
        ctx.require(Scope::JobsWrite)?;
        self.engine.job_retry(ctx, id, failed_only).await
    }
}
