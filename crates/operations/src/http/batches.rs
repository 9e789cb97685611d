//! The batches of a job.

use std::collections::BTreeMap;

use axum::extract::State;
use base::JobId;
use jobs::{Batch, BatchState};
use serde::Serialize;
use utoipa::ToSchema;
use web::scope::AnyScope;
use web::{Answer, Caller, List, Paging, PathId};

use super::Api;
use super::names::BatchStateName;

/// A batch of a job.
#[derive(Serialize, ToSchema)]
#[schema(as = Batch, example = json!({
    "seq": 3, "status": "retrying", "records": 100, "processed": 0, "failed": 0, "extra": {},
    "attempts": 1, "error": "the source answered 503"
}))]
pub(super) struct BatchView {
    /// Its place in the plan, from 0.
    seq: u32,
    #[schema(value_type = BatchStateName)]
    status: BatchState,
    /// How many records it holds.
    records: i64,
    /// Records done.
    processed: i64,
    /// Records failed for good.
    failed: i64,
    /// What its kind counts besides.
    extra: BTreeMap<String, i64>,
    /// How many attempts have failed.
    attempts: i64,
    /// The last failure.
    error: Option<String>,
}

impl From<Batch> for BatchView {
    fn from(batch: Batch) -> Self {
        Self {
            seq: batch.seq,
            status: batch.state,
            records: batch.records,
            processed: batch.tally.processed,
            failed: batch.tally.failed,
            extra: batch.tally.extra,
            attempts: batch.attempts,
            error: batch.error,
        }
    }
}

/// Lists a job's batches in the order of the plan.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/batches",
    params(("id" = String, Path, description = "The job's id"), Paging),
    responses((status = 200, body = List<BatchView>)))]
pub(super) async fn batch_list(
    caller: Caller<AnyScope>,
    State(operations): Api,
    PathId(id): PathId<JobId>,
    paging: Paging,
) -> Answer<List<BatchView>> {
    let job = operations.job_get(&caller, id).await?;
    let page = paging.fetch(|after, limit| operations.batch_list(&job, after, limit)).await?;
    let total = u64::try_from(job.counts.batches).ok();
    Ok(paging.list(page.map(BatchView::from), total))
}
