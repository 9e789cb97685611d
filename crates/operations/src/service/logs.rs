//! Logs: of one job, and of all of a tenant's.

use ::jobs::{Job, LogFilter, LogLine, Stream};
use base::{Ctx, Page, Result, Scope};
use jiff::Timestamp;

use super::Operations;

impl Operations {
    /// A page of a job's log, oldest first.
    ///
    /// # Errors
    /// What the store says.
    pub async fn log_list(
        &self,
        job: &Job,
        filter: &LogFilter,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<LogLine>> {
        self.engine.log_list(&job.tenant, job.id, filter, limit, after).await
    }

    /// A page of the tenant's journal across jobs, oldest first, of one stream or of all.
    ///
    /// # Errors
    /// `Forbidden` without `jobs:read`; what the store says.
    pub async fn journal_list(
        &self,
        ctx: &Ctx,
        stream: Option<Stream>,
        from: Option<Timestamp>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<LogLine>> {
        ctx.require(Scope::JobsRead)?;
        self.engine.journal_list(&ctx.tenant, stream, from, limit, after).await
    }
}
