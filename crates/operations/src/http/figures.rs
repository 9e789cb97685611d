//! Numbers: about a tenant's jobs, and about the platform's insides.

use std::collections::BTreeMap;

use axum::extract::State;
use jiff::Timestamp;
use jobs::{QueueDepth, WorkerView};
use serde::Serialize;
use utoipa::ToSchema;
use web::scope::{JobsRead, OpsRead};
use web::{Answer, Caller, Json};

use super::Api;
use super::items::Items;
use crate::model::Figures;

/// Figures about a tenant's jobs.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats, example = json!({
    "total_jobs": 8,
    "by_status": {
        "pending": 0, "running": 1, "paused": 0, "completed": 5, "completed_with_errors": 1,
        "failed": 0, "cancelled": 1
    },
    "success_rate": 0.833, "avg_duration_minutes": 1.5,
    "records": {"processed": 5990, "failed": 10}
}))]
pub(super) struct StatsView {
    /// How many jobs there are.
    total_jobs: i64,
    /// How many of them in each state.
    by_status: BTreeMap<String, i64>,
    /// Of the jobs that came to their own end, the share without an error, 0 to 1; null when none
    /// did.
    success_rate: Option<f64>,
    /// How long a job took from its first run to its end, over all that ever ended; null when none
    /// did.
    avg_duration_minutes: Option<f64>,
    records: RecordsView,
}

/// Records of all jobs that ever ended.
#[derive(Serialize, ToSchema)]
#[schema(as = RecordStats)]
struct RecordsView {
    processed: i64,
    failed: i64,
}

impl From<Figures> for StatsView {
    fn from(figures: Figures) -> Self {
        let words = figures.by_status.into_iter().map(|(status, n)| (status.to_string(), n));
        Self {
            total_jobs: figures.total_jobs,
            by_status: words.collect(),
            success_rate: figures.success_rate,
            avg_duration_minutes: figures.avg_duration_minutes,
            records: RecordsView { processed: figures.records_processed, failed: figures.records_failed },
        }
    }
}

/// Sums up the tenant's jobs, from counters.
#[utoipa::path(get, path = "/api/v1/stats", responses((status = 200, body = StatsView)))]
pub(super) async fn stats(caller: Caller<JobsRead>, State(operations): Api) -> Answer<Json<StatsView>> {
    Ok(Json(operations.stats(&caller).await?.into()))
}

/// What is in a topic: tasks that wait for a worker or for their time, and those that run.
#[derive(Serialize, ToSchema)]
#[schema(as = QueueDepth, example = json!({
    "topic": "tasks-normal", "waiting": 12, "at_least": false, "oldest_due_at": "2026-01-01T06:00:00Z"
}))]
pub(super) struct DepthView {
    topic: String,
    /// How many tasks, of all tenants; of each up to 4,000 are counted.
    waiting: u64,
    /// Whether there are more than were counted.
    at_least: bool,
    /// When the oldest was due that nobody works on.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest_due_at: Option<Timestamp>,
}

impl From<QueueDepth> for DepthView {
    fn from(depth: QueueDepth) -> Self {
        let QueueDepth { topic, waiting, at_least, oldest } = depth;
        Self { topic, waiting, at_least, oldest_due_at: oldest }
    }
}

/// Lists how much waits, topic by topic.
#[utoipa::path(get, path = "/api/v1/queues", responses((status = 200, body = Items<DepthView>)))]
pub(super) async fn queue_list(caller: Caller<OpsRead>, State(operations): Api) -> Answer<Json<Items<DepthView>>> {
    let depths = operations.queue_list(&caller).await?;
    Ok(Json(depths.into_iter().map(DepthView::from).collect()))
}

/// A process that works.
#[derive(Serialize, ToSchema)]
#[schema(as = Worker, example = json!({
    "id": "0d8f3c1e5b7a4926", "running": 3, "concurrency": 64, "seen_at": "2026-01-01T06:00:00Z"
}))]
pub(super) struct ProcessView {
    /// Names the process in leases.
    id: String,
    /// How many tasks run in it.
    running: usize,
    /// How many may.
    concurrency: usize,
    /// When it last said so.
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
}

impl From<WorkerView> for ProcessView {
    fn from(worker: WorkerView) -> Self {
        let WorkerView { id, running, concurrency, seen_at } = worker;
        Self { id, running, concurrency, seen_at }
    }
}

/// Lists the processes that work.
#[utoipa::path(get, path = "/api/v1/workers", responses((status = 200, body = Items<ProcessView>)))]
pub(super) async fn worker_list(caller: Caller<OpsRead>, State(operations): Api) -> Answer<Json<Items<ProcessView>>> {
    let workers = operations.worker_list(&caller)?;
    Ok(Json(workers.into_iter().map(ProcessView::from).collect()))
}
