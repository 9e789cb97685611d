//! Seeing and steering jobs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use base::{Error, ErrorKind, JobId};
use jobs::JobStatus;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::scope::{AnyScope, JobsWrite};
use web::{Answer, Body, Caller, Json, List, Paging, Params, PathId, Problem, Routes, route};

use super::Api;
use super::job::JobView;
use super::names::JobStatusName;
use crate::Operations;

/// The first of this service's routes.
pub(super) fn routes() -> Routes<Arc<Operations>> {
    Routes::new("operations")
        .add(route!(job_list))
        .add(route!(job_get))
        .add(route!(job_pause))
        .add(route!(job_resume))
        .add(route!(job_cancel))
        .add(route!(job_delete))
        .add(route!(job_retry))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Only jobs of this kind, such as `ingest.fetch`.
    kind: Option<String>,
    /// Only jobs in this state.
    #[param(inline, value_type = Option<JobStatusName>)]
    status: Option<JobStatus>,
}

/// Lists jobs, the newest first: with `jobs:read` of every kind, otherwise of the kinds whose
/// scope the caller holds.
#[utoipa::path(get, path = "/api/v1/jobs", params(Paging, Filter),
    responses((status = 200, body = List<JobView>)))]
async fn job_list(
    caller: Caller<AnyScope>,
    State(operations): Api,
    paging: Paging,
    Params(Filter { kind, status }): Params<Filter>,
) -> Answer<List<JobView>> {
    let filter = operations.job_filter(&caller, kind.as_deref(), status);
    let page = paging.fetch(|after, limit| operations.job_list(&caller, &filter, after, limit)).await?;
    let total = operations.job_total(&caller, &filter).await?;
    Ok(paging.list(page.map(|job| JobView::of(job, caller.now())), Some(total)))
}

/// Shows a job.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = JobView)))]
async fn job_get(caller: Caller<AnyScope>, State(operations): Api, PathId(id): PathId<JobId>) -> Answer<Json<JobView>> {
    Ok(Json(JobView::of(operations.job_get(&caller, id).await?, caller.now())))
}

/// Holds a job: batches that run finish, none starts. 409 unless it is pending or running.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/pause", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = JobView)))]
async fn job_pause(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    PathId(id): PathId<JobId>,
) -> Answer<Json<JobView>> {
    Ok(Json(JobView::of(operations.job_pause(&caller, id).await?, caller.now())))
}

/// Lets a held job go on. 409 unless it is paused.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/resume", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = JobView)))]
async fn job_resume(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    PathId(id): PathId<JobId>,
) -> Answer<Json<JobView>> {
    Ok(Json(JobView::of(operations.job_resume(&caller, id).await?, caller.now())))
}

/// Stops a job for good; what it has done stays. 409 when it has come to its end.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = JobView)))]
async fn job_cancel(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    PathId(id): PathId<JobId>,
) -> Answer<Json<JobView>> {
    Ok(Json(JobView::of(operations.job_cancel(&caller, id).await?, caller.now())))
}

/// The same as cancelling it: a job is kept as long as its tenant keeps jobs.
#[utoipa::path(delete, path = "/api/v1/jobs/{id}", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = JobView)))]
async fn job_delete(caller: Caller<JobsWrite>, operations: Api, id: PathId<JobId>) -> Answer<Json<JobView>> {
    job_cancel(caller, operations, id).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RetryQuery {
    /// Only the batches that failed (true, unless said), or every batch not wholly done (false).
    retry_failed_only: Option<bool>,
}

/// What is to be tried again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct JobRetry {
    /// Only the batches that failed (true, unless said), or every batch not wholly done (false).
    retry_failed_only: Option<bool>,
}

/// What is tried again.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "job_id": "019b76da-a800-7c50-b1a5-2f6cc4d8e0f1", "batches_queued_for_retry": 2,
    "message": "Queued 2 batches for retry"
}))]
struct JobRetried {
    #[schema(value_type = String, format = Uuid)]
    job_id: JobId,
    batches_queued_for_retry: i64,
    message: String,
}

/// Takes a job up again that ended badly. 400 unless it is `failed` or `completed_with_errors`.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", request_body = Option<JobRetry>,
    params(("id" = String, Path, description = "The job's id"), RetryQuery),
    responses((status = 200, body = JobRetried)))]
async fn job_retry(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    PathId(id): PathId<JobId>,
    Params(query): Params<RetryQuery>,
    body: Option<Body<JobRetry>>,
) -> Answer<Json<JobRetried>> {
    let in_body = body.and_then(|Body(body)| body.retry_failed_only);
    let failed_only = one_of(query.retry_failed_only, in_body)?.unwrap_or(true);
    let queued = operations.job_retry(&caller, id, failed_only).await.map_err(wrong_status)?;
    Ok(Json(JobRetried {
        job_id: id,
        batches_queued_for_retry: queued,
        message: format!("Queued {queued} batches for retry"),
    }))
}

/// What the query or the body says.
fn one_of(query: Option<bool>, body: Option<bool>) -> base::Result<Option<bool>> {
    match (query, body) {
        (Some(one), Some(other)) if one != other => {
            let text = "The query and the body say different things";
            Err(Error::invalid("retry_failed_only", text))
        }
        (one, other) => Ok(one.or(other)),
    }
}

/// A job in the wrong state is 409 everywhere else; this one was promised as 400.
fn wrong_status(error: Error) -> Problem {
    match error.kind() {
        ErrorKind::Invalid => Problem::with_status(StatusCode::BAD_REQUEST, error),
        _ => error.into(),
    }
}
