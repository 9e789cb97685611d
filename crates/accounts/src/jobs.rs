//! The one job of this service: removing a tenant.
//!
//! When it begins the tenant is suspended already, in the transaction that made the job. It waits
//! until every request that was let in before has ended, then empties all partitions of every
//! service, pass after pass, until two passes find nothing: a task that was at work may still have
//! written behind the first. Last of all, in the transaction that completes the batch, go the
//! tenant's own item, its slug and its line in the list, and an event is left in the audit of
//! `system`.
//!
//! Why running it twice is harmless: removing what is gone removes nothing, and once the tenant's
//! item is gone the batch has nothing to do. How to get it wrong: free the slug first. Then a
//! tenant that could not be removed would be found by nobody.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::clock;
use base::{ErrorKind, Result, Scope, TenantId};
use jiff::Timestamp;
use jobs::{Class, Done, Failure, Job, JobKind, NewBatch, Plan, Quotas, Registry, Run, Tally};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Accounts;
use crate::model::Settings;
use crate::store::{Eraser, Holdings, UserRows, slug_release, tenant_delete, tenant_unlist};

/// The kind's name.
pub(crate) const TENANT_DELETE: &str = "accounts.tenant_delete";

/// A request takes at most 30 s, and another copy may take a tenant for active for one more (one that is
/// remembered longer writes nothing); the rest is margin.
const REQUESTS_END: Duration = Duration::from_secs(60);
/// Between two passes: longer than a copy that reads the store takes a tenant for active and gathers refusals
/// to be counted in its audit, or the last count could come after the last pass.
const PAUSE: Duration = Duration::from_secs(10);
/// So many passes in a row must find nothing.
const QUIET_PASSES: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Params {
    tenant: TenantId,
}

/// What the job is to do.
pub(crate) fn params(tenant: &TenantId) -> String {
    json!({ "tenant": tenant }).to_string()
}

impl Accounts {
    /// Teaches the engine this service's job. `holdings` is what every *other* service holds of a
    /// tenant, the engine included; this service adds its own.
    pub fn register(&self, registry: &mut Registry, mut holdings: Vec<Arc<dyn Holdings>>) {
        holdings.push(Arc::new(self.rows().clone()));
        holdings.push(Arc::new(UserRows::new(self.rows().store())));
        let eraser = Eraser::new(self.rows(), holdings);
        registry.job(Arc::new(TenantDelete { accounts: self.clone(), eraser }));
    }
}

struct TenantDelete {
    accounts: Accounts,
    eraser: Eraser,
}

#[async_trait]
impl JobKind for TenantDelete {
    fn name(&self) -> &'static str {
        TENANT_DELETE
    }

    fn scope(&self) -> Scope {
        Scope::TenantsAdmin
    }

    async fn plan(&self, job: &Job, _cursor: Option<&str>, _max: usize) -> Result<Plan, Failure> {
        Ok(Plan { batches: vec![NewBatch { payload: job.params.clone(), records: 1 }], next: None })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        let Params { tenant } = run.payload()?;
        let Some(stored) = self.accounts.rows().tenant(&tenant).await? else {
            return Ok(Done { writes: Vec::new(), tally: Tally::processed(1) });
        };
        let Some(since) = stored.value.deleting_since else {
            return Err(Failure::fatal(format!("tenant {tenant} is not being deleted")));
        };
        wait_for(clock::add(since, REQUESTS_END), run.now()?)?;
        let removed = self.erase(&tenant).await?;
        let event = self.accounts.tenant_gone(&stored.value, removed)?;
        let mut writes = vec![tenant_delete(&tenant, stored.unchanged()), tenant_unlist(&stored.value), event];
        writes.extend(stored.value.slugs().map(slug_release));
        Ok(Done { writes, tally: Tally::processed(1).with("items_removed", removed) })
    }
}

impl TenantDelete {
    /// Passes over everything until enough of them found nothing; how many items went.
    async fn erase(&self, tenant: &TenantId) -> Result<i64, Failure> {
        let (mut removed, mut quiet) = (0, 0);
        while quiet < QUIET_PASSES {
            let found = self.eraser.pass(tenant).await?;
            quiet = if found == 0 { quiet + 1 } else { 0 };
            removed += i64::try_from(found).unwrap_or(i64::MAX);
            if quiet < QUIET_PASSES {
                self.accounts.clock().sleep(PAUSE).await;
            }
        }
        Ok(removed)
    }
}

/// Comes back later, without charging an attempt.
fn wait_for(until: Timestamp, now: Timestamp) -> Result<(), Failure> {
    match Duration::try_from(until.duration_since(now)) {
        Ok(left) if !left.is_zero() => {
            Err(Failure::new(Class::Limited(left), "waits until requests that were let in have ended"))
        }
        _ => Ok(()),
    }
}

/// What a tenant's settings say of its jobs.
#[async_trait]
impl Quotas for Accounts {
    async fn running_jobs_max(&self, tenant: &TenantId) -> u32 {
        // Work waits for nobody's settings.
        let settings = self.settings_lately(tenant).await.unwrap_or_else(|error| {
            tracing::debug!(%error, %tenant, "a tenant's settings could not be read");
            Settings::default()
        });
        settings.max_concurrent_jobs
    }

    async fn retention(&self, tenant: &TenantId) -> Result<Duration> {
        let days = self.settings_lately(tenant).await?.retention_days;
        Ok(Duration::from_secs(86_400 * u64::from(days)))
    }
}

impl Accounts {
    /// A tenant's settings; those of one that is not there are the default, and nobody can ask for others.
    async fn settings_lately(&self, tenant: &TenantId) -> Result<Settings> {
        match self.tenant_lately(tenant.as_str()).await {
            Ok(tenant) => Ok(tenant.settings.clone()),
            Err(error) if error.kind() == ErrorKind::TenantNotFound => Ok(Settings::default()),
            Err(error) => Err(error),
        }
    }
}
