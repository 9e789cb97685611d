//! Numbers: about a tenant's jobs, and about the platform's insides.

use ::jobs::{QueueDepth, WorkerView};
use base::{Ctx, Result, Scope};

use super::Operations;
use crate::model::Figures;

impl Operations {
    /// Figures about the tenant's jobs, from counters.
    ///
    /// # Errors
    /// `Forbidden` without `jobs:read`; what the store says.
    pub async fn stats(&self, ctx: &Ctx) -> Result<Figures> {
        ctx.require(Scope::JobsRead)?;
        Ok(Figures::from(&self.engine.stats(&ctx.tenant).await?))
    }

    /// How much waits in each topic, of all tenants.
    ///
    /// # Errors
    /// `Forbidden` without `ops:read`; what the store says.
    pub async fn queue_list(&self, ctx: &Ctx) -> Result<Vec<QueueDepth>> {
        ctx.require(Scope::OpsRead)?;
        self.engine.queue_list().await
    }

    /// The processes that work.
    ///
    /// # Errors
    /// `Forbidden` without `ops:read`.
    pub fn worker_list(&self, ctx: &Ctx) -> Result<Vec<WorkerView>> {
        ctx.require(Scope::OpsRead)?;
        Ok(self.engine.worker_list())
    }
}
