//! `ingest.fetch`: a run.
//!
//! Where calls stand alone, each is a batch, with a size drawn from the run; where one answer
//! leads to the next, one batch follows them all; a table is read in parts, each a batch. Running a batch twice is harmless: its answer is
//! staged under the lease before a record is written, whoever repeats it applies what is staged
//! without calling again, and writing a record again changes nothing (see
//! [`upsert`](crate::store::upsert)).

use std::sync::Arc;

use async_trait::async_trait;
use base::Scope;
use jobs::{Done, Failure, Job, JobKind, NewBatch, Plan, Run, Settled};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{FETCH, FetchParams, Kit, call, scan};
use crate::model::{Name, Status};
use crate::outbound::tables::Part;

/// One batch of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallPayload {
    /// Which dataset.
    pub dataset: Name,
    /// Which life of it.
    pub id: Uuid,
    /// How many records to ask for, where the source can be asked.
    pub size: u32,
    /// At most so many calls, where one answer leads to the next.
    pub calls: u32,
    /// Which part of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

/// The kind.
#[derive(Debug)]
pub struct Fetch {
    kit: Arc<Kit>,
}

impl Fetch {
    /// Works with this.
    pub fn new(kit: Arc<Kit>) -> Self {
        Self { kit }
    }

    fn status(&self, job: &Job) -> Status {
        let start = job.started_at.unwrap_or(job.created_at);
        let extra = |name: &str| job.counts.extra.get(name).copied().unwrap_or(0);
        Status {
            job: job.id,
            records: extra(call::RECORDS),
            api_calls: extra(call::CALLS) + job.counts.batches_failed,
            error_count: job.counts.batches_failed,
            timestamp: start.as_millisecond(),
            duration: self.kit.clock.now().duration_since(start).as_secs_f64().max(0.0),
        }
    }
}

#[async_trait]
impl JobKind for Fetch {
    fn name(&self) -> &'static str {
        FETCH
    }

    fn scope(&self) -> Scope {
        Scope::IngestRead
    }

    fn concurrency(&self) -> Option<u32> {
        Some(self.kit.settings.concurrency)
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure> {
        let params = params(job)?;
        // A scheduled run may be the first to write to a dataset that is built in.
        let (id, at) = (job.id.uuid(), job.created_at);
        let stamped = self.kit.catalog.written(&job.tenant, &params.dataset, id, at).await?;
        let Some(source) = stamped.dataset.definition.source else {
            return Err(Failure::permanent(format!("Dataset {} has no source any more", params.dataset)));
        };
        let any = CallPayload {
            dataset: params.dataset.clone(),
            id: stamped.dataset.id,
            size: params.sizes.max,
            calls: params.calls,
            part: None,
        };
        if source.table().is_some() {
            let part = |part| batch(&CallPayload { part: Some(part), calls: u32::MAX, ..any.clone() });
            let batches = scan::parts(source.concurrency).map(part).collect::<Result<_, _>>()?;
            return Ok(Plan { batches, next: None });
        }
        if !source.page.independent() {
            return Ok(Plan { batches: vec![batch(&any)?], next: None });
        }
        let from: u32 = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let to = params.calls.min(from.saturating_add(u32::try_from(max).unwrap_or(u32::MAX)));
        let call = |call| batch(&CallPayload { size: params.sizes.draw(job.id, call), ..any.clone() });
        let batches = (from..to).map(call).collect::<Result<_, _>>()?;
        Ok(Plan { batches, next: (to < params.calls).then(|| to.to_string()) })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        call::run(&self.kit, run).await
    }

    /// Writes how the run went, unless its dataset is gone or another one of that name by now.
    async fn settle(&self, job: &Job) -> Result<Settled, Failure> {
        let params = params(job)?;
        let status = self.status(job);
        let details = json!({ "dataset": params.dataset, "api_calls": status.api_calls, "records": status.records });
        let found = self.kit.catalog.find(&job.tenant, &params.dataset).await?.map(|stamped| stamped.dataset);
        let Some(dataset) = found.filter(|it| !it.id.is_nil() && it.created_at <= job.created_at) else {
            return Ok(Settled { details, ..Settled::default() });
        };
        let shelf = self.kit.catalog.shelf(&job.tenant, dataset.id);
        let errors = shelf.failures(job.id).await?;
        Ok(Settled { details, writes: shelf.finished(status, &errors).await?, ..Settled::default() })
    }
}

fn batch(payload: &CallPayload) -> Result<NewBatch, Failure> {
    let payload = serde_json::to_string(payload).map_err(|error| Failure::permanent(error.to_string()))?;
    Ok(NewBatch { payload, records: 1 })
}

fn params(job: &Job) -> Result<FetchParams, Failure> {
    serde_json::from_str(&job.params).map_err(|error| Failure::permanent(format!("unreadable parameters: {error}")))
}
