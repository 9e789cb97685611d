//! Retry policies and schedules: how and when work is done.

use ::jobs::{Enqueued, Policy, Schedule};
use base::{Ctx, Error, Page, Result, Scope};

use super::{Act, Operations};
use crate::model::ScheduleName;

impl Operations {
    /// The retry policies in force for the tenant, by kind.
    ///
    /// # Errors
    /// `Forbidden` without `jobs:read`; what the store says.
    pub async fn policy_list(&self, ctx: &Ctx) -> Result<Vec<(String, Policy)>> {
        ctx.require(Scope::JobsRead)?;
        self.engine.policy_list(&ctx.tenant).await
    }

    /// Sets the tenant's retry policy for a kind; it holds from the next failure on.
    ///
    /// # Errors
    /// `Invalid` for an unknown kind and for a value out of range, naming the field; `Forbidden`
    /// without `jobs:write`.
    pub async fn policy_put(&self, ctx: &Ctx, kind: &str, policy: Policy) -> Result<Policy> {
        ctx.require(Scope::JobsWrite)?;
        let policy = policy.check()?;
        let known = self.engine.policy_list(&ctx.tenant).await?;
        if !known.iter().any(|(other, _)| other == kind) {
            let kinds: Vec<&str> = known.iter().map(|(kind, _)| kind.as_str()).collect();
            return Err(Error::invalid("kind", format!("Must be one of {}", kinds.join(", "))));
        }
        self.audit.record(ctx, Act::new("retry_policy.set", kind)).await?;
        self.engine.policy_put(ctx, kind, policy).await?;
        Ok(policy)
    }

    /// A page of the tenant's schedules by name, as far as the caller may see their jobs.
    ///
    /// # Errors
    /// What the store says.
    pub async fn schedule_list(&self, ctx: &Ctx, after: Option<String>, limit: usize) -> Result<Page<Schedule>> {
        let sight = self.sight(ctx);
        let mut items = self.engine.schedule_list(&ctx.tenant).await?;
        let behind = |schedule: &Schedule| after.as_ref().is_none_or(|name| schedule.name > *name);
        items.retain(|schedule| sight.admits(&schedule.kind) && behind(schedule));
        items.sort_by(|a, b| a.name.cmp(&b.name));
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().map(|schedule| schedule.name.clone());
        Ok(Page { next: last.filter(|_| more), items })
    }

    /// Starts a schedule's job now, beside its ticks.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when this server does not know the kind of job; `Forbidden` without
    /// `jobs:write`.
    pub async fn schedule_run(&self, ctx: &Ctx, name: &ScheduleName) -> Result<Enqueued> {
        ctx.require(Scope::JobsWrite)?;
        self.engine.schedule_run(ctx, &name.0).await
    }

    /// Holds a schedule.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it is held already; `Forbidden` without `jobs:write`.
    pub async fn schedule_pause(&self, ctx: &Ctx, name: &ScheduleName) -> Result<Schedule> {
        ctx.require(Scope::JobsWrite)?;
        self.engine.schedule_pause(ctx, &name.0).await
    }

    /// Lets a held schedule go on, from its next tick.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it is not held; `Forbidden` without `jobs:write`.
    pub async fn schedule_resume(&self, ctx: &Ctx, name: &ScheduleName) -> Result<Schedule> {
        ctx.require(Scope::JobsWrite)?;
        self.engine.schedule_resume(ctx, &name.0).await
    }
}
