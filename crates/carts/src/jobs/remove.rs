//! `carts.remove`: the sweep of what a deleted cart left behind.
//!
//! The cart disappeared with its head, in the transaction that enqueued this job, and its counts with
//! it, so nobody adds to what is swept. Each partition is a batch; running one twice is harmless, since
//! it only removes what is there.

use std::sync::Arc;

use async_trait::async_trait;
use base::{Scope, TenantId};
use jobs::{Done, Failure, Job, JobKind, NewBatch, Plan, Run, Settled, Tally};
use serde::{Deserialize, Serialize};

use super::{Kit, REMOVE, RemoveParams, params, text};
use crate::store::held;

/// One partition of a deleted cart.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    removal: RemoveParams,
    /// Its place among the partitions of the cart.
    place: usize,
}

/// The kind.
pub struct Remove {
    kit: Arc<Kit>,
}

impl Remove {
    /// Works with this.
    pub fn new(kit: Arc<Kit>) -> Self {
        Self { kit }
    }

    fn partitions(&self, tenant: &TenantId, removal: &RemoveParams) -> Vec<(base::store::Table, String)> {
        held::of_cart(&self.kit.heads.contents(tenant, removal.contents), tenant, removal.cart)
    }
}

#[async_trait]
impl JobKind for Remove {
    fn name(&self) -> &'static str {
        REMOVE
    }

    fn scope(&self) -> Scope {
        Scope::JobsRead
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure> {
        let removal: RemoveParams = params(job)?;
        let count = self.partitions(&job.tenant, &removal).len();
        let from: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let to = count.min(from + max);
        let batch = |place| {
            let payload = text(&Payload { removal: removal.clone(), place })?;
            Ok(NewBatch { payload, records: 1 })
        };
        let batches = (from..to).map(batch).collect::<Result<_, Failure>>()?;
        Ok(Plan { batches, next: (to < count).then(|| to.to_string()) })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        let Payload { removal, place } = run.payload()?;
        let mut removed = 0;
        if let Some((table, partition)) = self.partitions(run.tenant(), &removal).get(place) {
            removed = self.kit.heads.contents(run.tenant(), removal.contents).empty(*table, partition).await?;
        }
        let removed = i64::try_from(removed).unwrap_or(i64::MAX);
        Ok(Done { writes: Vec::new(), tally: Tally::processed(1).with("removed", removed) })
    }

    async fn settle(&self, job: &Job) -> Result<Settled, Failure> {
        let RemoveParams { cart, contents } = params(job)?;
        let clean = job.counts.batches_completed == job.counts.batches;
        let writes = clean.then(|| held::strike(&job.tenant, cart, contents)).into_iter().collect();
        Ok(Settled { details: job.details.clone(), writes, ..Settled::default() })
    }
}
