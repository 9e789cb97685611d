//! A job on the wire.

use std::collections::BTreeMap;

use base::JobId;
use jiff::Timestamp;
use jobs::{Counts, Job, JobStatus};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::names::JobStatusName;
use crate::model::Pace;

/// A job.
#[derive(Serialize, ToSchema)]
#[schema(as = Job, example = json!({
    "id": "019b76da-a800-7c50-b1a5-2f6cc4d8e0f1", "kind": "ingest.fetch", "status": "running",
    "created_by": "key:0AZ3ftkGrC7y", "created_at": "2026-01-01T06:00:00Z",
    "updated_at": "2026-01-01T06:00:01Z", "started_at": "2026-01-01T06:00:01Z",
    "completed_at": null, "progress": 0.25,
    "counts": {
        "total": 1000, "processed": 249, "failed": 1, "remaining": 750, "batches": 10,
        "batches_completed": 2, "batches_failed": 0, "batches_dropped": 0, "extra": {"created": 249}
    },
    "rate": 25.0, "eta": "2026-01-01T06:00:41Z", "error": null, "details": {"dataset": "users"},
    "links": {
        "self": "/api/v1/jobs/019b76da-a800-7c50-b1a5-2f6cc4d8e0f1",
        "logs": "/api/v1/jobs/019b76da-a800-7c50-b1a5-2f6cc4d8e0f1/logs",
        "events": "/api/v1/jobs/019b76da-a800-7c50-b1a5-2f6cc4d8e0f1/events",
        "batches": "/api/v1/jobs/019b76da-a800-7c50-b1a5-2f6cc4d8e0f1/batches",
        "pause": "/api/v1/jobs/019b76da-a800-7c50-b1a5-2f6cc4d8e0f1/pause",
        "cancel": "/api/v1/jobs/019b76da-a800-7c50-b1a5-2f6cc4d8e0f1/cancel"
    }
}))]
pub(super) struct JobView {
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// What it does: the service, a dot, a verb.
    kind: String,
    #[schema(value_type = JobStatusName)]
    status: JobStatus,
    /// Who asked for it.
    created_by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its status last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// When it first ran.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When it came to its end.
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// The share of the records planned so far that are done or failed, 0 to 1; null while nothing
    /// is planned.
    progress: Option<f64>,
    counts: CountsView,
    /// Records in a second, on average since it first ran.
    rate: Option<f64>,
    /// When the records planned so far will be through, while it runs.
    #[schema(value_type = Option<String>, format = DateTime)]
    eta: Option<Timestamp>,
    /// Why it failed.
    error: Option<String>,
    /// What its kind says of it.
    #[schema(value_type = Object)]
    details: Value,
    links: JobStateLinks,
}

/// What a job has done so far: total = processed + failed + remaining.
#[derive(Serialize, ToSchema)]
#[schema(as = JobCounts)]
pub(super) struct CountsView {
    /// Records planned so far.
    total: i64,
    /// Records done.
    processed: i64,
    /// Records failed for good.
    failed: i64,
    /// Records neither done nor failed.
    remaining: i64,
    /// Batches planned so far.
    batches: i64,
    batches_completed: i64,
    /// Batches failed for good; each is a dead letter.
    batches_failed: i64,
    /// Batches given up when the job was cancelled or failed.
    batches_dropped: i64,
    /// What its kind counts besides.
    extra: BTreeMap<String, i64>,
}

/// Where to go from a job: what can be seen, and what can be done in its present state.
#[derive(Serialize, ToSchema)]
pub(super) struct JobStateLinks {
    #[serde(rename = "self")]
    this: String,
    logs: String,
    events: String,
    batches: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<String>,
}

impl JobView {
    /// The job as it stands at `now`.
    pub(super) fn of(job: Job, now: Timestamp) -> Self {
        let Pace { progress, rate, eta } = Pace::of(&job, now);
        Self {
            id: job.id,
            links: JobStateLinks::of(job.id, job.status),
            kind: job.kind,
            status: job.status,
            created_by: job.created_by,
            created_at: job.created_at,
            updated_at: job.updated_at,
            started_at: job.started_at,
            completed_at: job.completed_at,
            progress,
            counts: job.counts.into(),
            rate,
            eta,
            error: job.error,
            details: if job.details.is_null() { Map::new().into() } else { job.details },
        }
    }
}

impl From<Counts> for CountsView {
    fn from(counts: Counts) -> Self {
        Self {
            remaining: counts.remaining(),
            total: counts.total,
            processed: counts.processed,
            failed: counts.failed,
            batches: counts.batches,
            batches_completed: counts.batches_completed,
            batches_failed: counts.batches_failed,
            batches_dropped: counts.batches_dropped,
            extra: counts.extra,
        }
    }
}

/// Where a job is.
pub(super) fn path(id: JobId) -> String {
    format!("/api/v1/jobs/{id}")
}

impl JobStateLinks {
    fn of(id: JobId, status: JobStatus) -> Self {
        use JobStatus::{CompletedWithErrors, Failed, Paused, Pending, Running};
        let to = |what: &str| format!("{}/{what}", path(id));
        let when = |allowed: bool, what: &str| allowed.then(|| to(what));
        Self {
            this: path(id),
            logs: to("logs"),
            events: to("events"),
            batches: to("batches"),
            pause: when(matches!(status, Pending | Running), "pause"),
            resume: when(status == Paused, "resume"),
            cancel: when(!status.is_final(), "cancel"),
            retry: when(matches!(status, Failed | CompletedWithErrors), "retry"),
        }
    }
}
