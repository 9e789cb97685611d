//! `ingest.remove`: the sweep of what a deleted dataset left behind.
//!
//! The dataset disappeared with its head, in the transaction that enqueued this job, and its
//! counts with it, so nobody adds to what is swept. Each partition is a batch; running one twice
//! is harmless, since it only removes what is there.

use std::sync::Arc;

use async_trait::async_trait;
use base::Scope;
use base::store::Table;
use jobs::{Done, Failure, Job, JobKind, NewBatch, Plan, Run, Settled, Tally};
use serde::{Deserialize, Serialize};

use super::{Kit, REMOVE, RemoveParams};
use crate::store::{DATASETS, RECORDS};

/// One partition.
#[derive(Serialize, Deserialize)]
struct Payload {
    records: bool,
    partition: String,
}

/// The kind.
#[derive(Debug)]
pub struct Remove {
    kit: Arc<Kit>,
}

impl Remove {
    /// Works with this.
    pub fn new(kit: Arc<Kit>) -> Self {
        Self { kit }
    }
}

fn params(job: &Job) -> Result<RemoveParams, Failure> {
    serde_json::from_str(&job.params).map_err(|error| Failure::permanent(format!("unreadable parameters: {error}")))
}

#[async_trait]
impl JobKind for Remove {
    fn name(&self) -> &'static str {
        REMOVE
    }

    fn scope(&self) -> Scope {
        Scope::IngestRead
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure> {
        let partitions = self.kit.catalog.shelf(&job.tenant, params(job)?.id).partitions();
        let from: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let to = partitions.len().min(from + max);
        let batch = |(table, partition): &(Table, String)| {
            let payload = Payload { records: *table == RECORDS, partition: partition.clone() };
            let payload = serde_json::to_string(&payload).map_err(|error| Failure::permanent(error.to_string()))?;
            Ok(NewBatch { payload, records: 1 })
        };
        let batches = partitions[from..to].iter().map(batch).collect::<Result<_, Failure>>()?;
        Ok(Plan { batches, next: (to < partitions.len()).then(|| to.to_string()) })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        let Payload { records, partition } = run.payload()?;
        let table = if records { RECORDS } else { DATASETS };
        let removed = self.kit.catalog.empty(table, &partition).await?;
        let items = i64::try_from(removed).unwrap_or(i64::MAX);
        Ok(Done { writes: Vec::new(), tally: Tally::processed(1).with("items", items) })
    }

    async fn settle(&self, job: &Job) -> Result<Settled, Failure> {
        let id = params(job)?.id;
        let clean = job.counts.batches_completed == job.counts.batches;
        let writes = clean.then(|| self.kit.catalog.heads().swept(&job.tenant, id)).into_iter().collect();
        Ok(Settled { details: job.details.clone(), writes, ..Settled::default() })
    }
}
