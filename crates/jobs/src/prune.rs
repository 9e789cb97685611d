//! Retention: what came to its end long ago is removed, at a bounded rate.
//!
//! Each tenant with jobs has one pruning task, which removes a page of old jobs and comes back: at
//! once while there is more, else hourly. Logs and live counters carry an expiry or go with their
//! job; what a counter counts goes together with its count.

use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use base::key;
use base::store::{Bulk, Item, Key, Query, Range, Table, Write};
use base::{JobId, Result, StoreExt as _, TenantId};
use jiff::{SignedDuration, Timestamp};

use crate::engine::lock;
use crate::enqueue::{NewTask, OnTaken};
use crate::model::{Class, Done, Failure, Priority, Stream};
use crate::rows::job::{Head, batches_partition, counts_partition, finished_key, head_key, job_partition, list_moves};
use crate::rows::{DEAD, JOBS, LOGS};
use crate::{Engine, Run, TaskKind, dead, log};

/// The kind of the pruning task.
pub(crate) const PRUNE: &str = "jobs.prune";

/// How many jobs, and how many dead letters, one run removes.
const PAGE: usize = 50;

/// How long a tenant is left alone when nothing old is left.
const EVERY: Duration = Duration::from_secs(3_600);

/// The task. Running it twice is harmless: removing what is gone changes nothing, and a job is
/// counted out in the transaction that removes its head, on the condition that it is there.
pub(crate) struct Prune(pub(crate) Weak<Engine>);

#[async_trait]
impl TaskKind for Prune {
    fn name(&self) -> &'static str {
        PRUNE
    }

    async fn run(&self, run: &Run) -> Result<Done, Failure> {
        let engine = self.0.upgrade().ok_or_else(|| Failure::new(Class::Abandoned, "the process stops"))?;
        let more = engine.prune(run.tenant()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, tenant = %run.tenant(), "cannot prune now");
            false
        });
        let delay = if more { Duration::from_secs(1) } else { EVERY };
        Err(Failure::new(Class::Again(delay), "to be continued"))
    }
}

impl Engine {
    /// Makes sure that the tenant's pruning task exists; asked at each enqueue of a job, answered
    /// from memory after the first time.
    pub(crate) async fn prune_arm(&self, tenant: &TenantId) -> Result<()> {
        if lock(&self.pruned).contains(tenant) {
            return Ok(());
        }
        let task = NewTask {
            delay: EVERY,
            priority: Priority::Low,
            unique: Some(("prune".to_owned(), OnTaken::Join)),
            ..NewTask::new(PRUNE, "{}".to_owned())
        };
        self.task_enqueue(tenant, task, Vec::new()).await?;
        lock(&self.pruned).insert(tenant.clone());
        Ok(())
    }

    /// Removes a page of what is older than the tenant's retention; says whether there is more.
    ///
    /// # Errors
    /// What the store says; where the retention is not known now, nothing was removed.
    pub async fn prune(&self, tenant: &TenantId) -> Result<bool> {
        let retention = SignedDuration::try_from(self.quotas.retention(tenant).await?).unwrap_or(SignedDuration::MAX);
        let before = self.clock.now().checked_sub(retention).unwrap_or(Timestamp::MIN);
        let range = Range::Between(key![Timestamp::MIN], key![before]);
        let index = finished_key(tenant, before, JobId::new(uuid::Uuid::nil())).partition;
        let jobs = self.store.query(Query::new(JOBS, index).range(range.clone()).limit(PAGE)).await?;
        for entry in &jobs.items {
            self.prune_job(tenant, entry).await?;
        }
        let letters = self.store.query(Query::new(DEAD, dead::index_all(tenant)).range(range).limit(PAGE)).await?;
        for entry in &letters.items {
            let id = crate::rows::task::task_of_sort(&entry.key.sort);
            let letter = match id {
                Some(id) => self.dead_get(tenant, id).await?,
                None => None,
            };
            match letter {
                Some(letter) => self.store.write(dead::remove(tenant, &letter).into()).await?,
                None => self.store.write(vec![Write::delete(entry.key.clone())]).await?,
            };
        }
        Ok(jobs.next.is_some() || letters.next.is_some())
    }

    async fn prune_job(&self, tenant: &TenantId, entry: &Item) -> Result<()> {
        let id: Option<JobId> = base::key::split(&entry.key.sort).last().and_then(|id| id.parse().ok());
        let Some(id) = id else { return Ok(()) };
        let item = self.store.get(head_key(tenant, id)).await?;
        let head = item.as_ref().and_then(|item| Some((item, Head::read(item)?)));
        // The head first, or a job whose parts are gone could be taken up again; the entry that leads here last.
        if let Some((item, head)) = head {
            if !head.settled {
                return Ok(());
            }
            let mut writes = vec![Write::delete(item.key.clone()).when(item.unchanged())];
            writes.extend(list_moves(tenant, id, &head, Some(head.status), None));
            self.store.write(writes).await?;
        }
        for (table, partition) in job_partitions(tenant, id) {
            self.remove_partition(table, partition).await?;
        }
        self.store.write(vec![Write::delete(entry.key.clone())]).await?;
        Ok(())
    }

    async fn remove_partition(&self, table: Table, partition: String) -> Result<()> {
        loop {
            let slice = self.store.query(Query::new(table, partition.clone()).limit(500)).await?;
            let gone: Vec<Bulk> = slice.items.into_iter().map(|item| Bulk::Delete(item.key)).collect();
            if gone.is_empty() {
                return Ok(());
            }
            self.store.bulk(table, gone).await?;
            if slice.next.is_none() {
                return Ok(());
            }
        }
    }
}

/// The partitions that belong to one job.
pub(crate) fn job_partitions(tenant: &TenantId, id: JobId) -> Vec<(Table, String)> {
    let payloads: Key = crate::rows::job::batch_payload_key(tenant, id, 0);
    let mut partitions = vec![
        (JOBS, batches_partition(tenant, id)),
        (JOBS, payloads.partition),
        (JOBS, counts_partition(tenant, id)),
        (LOGS, log::records_partition(tenant, id)),
        (JOBS, job_partition(tenant, id)),
    ];
    partitions.extend(Stream::ALL.iter().map(|stream| (LOGS, log::stream_partition(tenant, id, *stream))));
    partitions
}
