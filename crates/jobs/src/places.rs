//! A tenant's places for running jobs: which are free, and whose turn it is.
//!
//! A place is an item that names the job that has it, taken with the job's start and given back with its
//! end, or while it is paused. Who finds none waits; a job that ends rings the oldest that waits, and one that begins while there
//! are more places rings the next.

use base::store::{Body, Query, StoreError, When, Write};
use base::{JobId, StoreExt as _, TenantId};

use crate::Engine;
use crate::model::JobStatus;
use crate::rows::JOBS;
use crate::rows::job::{Head, head_key, index_by_status, job_slot_key};

/// The largest number of places for running jobs.
const PLACES_MAX: u32 = 100;

/// The write with which a job takes a place that is free.
pub(crate) fn place_take(tenant: &TenantId, place: u32, job: JobId) -> Write {
    let holder = Body::default().with("holder", job.to_string());
    Write::put(job_slot_key(tenant, place), holder).when(When::Absent)
}

impl Engine {
    /// The tenant's places for running jobs that no job has.
    pub(crate) async fn free_places(&self, tenant: &TenantId) -> Result<Vec<u32>, StoreError> {
        let most = self.quotas.running_jobs_max(tenant).await.clamp(1, PLACES_MAX);
        let keys: Vec<_> = (0..most).map(|n| job_slot_key(tenant, n)).collect();
        let taken = self.store.get_many(&keys).await?;
        Ok((0..most).zip(&taken).filter(|(_, holder)| holder.is_none()).map(|(n, _)| n).collect())
    }

    /// Rings the oldest of the tenant's jobs that wait for a place. One whose ring is lost looks by itself.
    pub(crate) async fn next_in_line(&self, tenant: &TenantId) {
        let oldest = Query::new(JOBS, index_by_status(tenant, JobStatus::Pending)).limit(1);
        let Ok(slice) = self.store.query(oldest).await else { return };
        let id = slice.items.first().and_then(|entry| base::key::split(&entry.key.sort).last()?.parse().ok());
        let Some(id) = id else { return };
        if let Ok(Some(item)) = self.store.get(head_key(tenant, id)).await
            && let Some(head) = Head::read(&item)
        {
            self.ring_planner(tenant, id, &head).await;
        }
    }
}
