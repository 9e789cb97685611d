//! Work that failed for good.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use base::{JobId, TaskId};
use jiff::Timestamp;
use jobs::{DeadLetter, Priority};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use web::scope::{JobsRead, JobsWrite};
use web::{Answer, Body, Caller, Json, List, Paging, Params, PathId, Routes, route};

use super::names::PriorityName;
use super::{Api, job};
use crate::Operations;
use crate::model::LetterId;

/// Adds the routes of this file.
pub(super) fn add(routes: Routes<Arc<Operations>>) -> Routes<Arc<Operations>> {
    routes
        .add(route!(dead_list))
        .add(route!(dead_get))
        .add(route!(dead_mend))
        .add(route!(dead_redrive))
        .add(route!(dead_redrive_all))
        .add(route!(dead_drop))
}

/// Work that failed for good, with what is needed to understand, mend and repeat it.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter, example = json!({
    "id": "019b76da-a9c4-7f00-8d3e-0a5b6c7d8e9f", "kind": "ingest.fetch", "priority": "normal",
    "failed_at": "2026-01-01T06:01:00Z", "reason": "the source answered 400", "attempts": 5,
    "job_id": "019b76da-a800-7c50-b1a5-2f6cc4d8e0f1", "batch": 3, "unique_key": null,
    "payload": {"page": 4}, "context": {"status": 400},
    "links": {
        "self": "/api/v1/dead-letters/019b76da-a9c4-7f00-8d3e-0a5b6c7d8e9f",
        "redrive": "/api/v1/dead-letters/019b76da-a9c4-7f00-8d3e-0a5b6c7d8e9f/redrive",
        "job": "/api/v1/jobs/019b76da-a800-7c50-b1a5-2f6cc4d8e0f1"
    }
}))]
pub(super) struct LetterView {
    #[schema(value_type = String, format = Uuid)]
    id: TaskId,
    /// What it was to do.
    kind: String,
    #[schema(value_type = PriorityName)]
    priority: Priority,
    #[schema(value_type = String, format = DateTime)]
    failed_at: Timestamp,
    /// Why it failed.
    reason: String,
    /// After how many attempts.
    attempts: i64,
    /// Of which job.
    #[schema(value_type = Option<String>, format = Uuid)]
    job_id: Option<JobId>,
    /// Which batch of it.
    batch: Option<u32>,
    /// While other work holds this key, it cannot be redriven.
    unique_key: Option<String>,
    /// What it was to do it with, exactly as it is stored.
    #[schema(value_type = Value)]
    payload: Box<RawValue>,
    /// Whatever its kind thought worth keeping, such as a request and its answer.
    #[schema(value_type = Value)]
    context: Value,
    links: LetterLinks,
}

/// Where to go from a dead letter.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetterLinks)]
struct LetterLinks {
    #[serde(rename = "self")]
    this: String,
    redrive: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
}

impl LetterView {
    /// A payload is JSON text by contract; one that is not would fail the answer, as damage does. One
    /// that is too long for a list is null there.
    pub(super) fn of(letter: DeadLetter) -> base::Result<Self> {
        let this = format!("/api/v1/dead-letters/{}", letter.id);
        let payload = if letter.payload.is_empty() { "null".to_owned() } else { letter.payload };
        Ok(Self {
            id: letter.id,
            kind: letter.kind,
            priority: letter.priority,
            failed_at: letter.at,
            reason: letter.reason,
            attempts: letter.attempts,
            job_id: letter.job,
            batch: letter.batch,
            unique_key: letter.unique,
            payload: RawValue::from_string(payload).map_err(base::Error::internal)?,
            context: letter.context,
            links: LetterLinks { redrive: format!("{this}/redrive"), this, job: letter.job.map(job::path) },
        })
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Only letters of this kind of work.
    kind: Option<String>,
}

/// Lists dead letters, the newest first.
#[utoipa::path(get, path = "/api/v1/dead-letters", params(Paging, Filter),
    responses((status = 200, body = List<LetterView>)))]
async fn dead_list(
    caller: Caller<JobsRead>,
    State(operations): Api,
    paging: Paging,
    Params(Filter { kind }): Params<Filter>,
) -> Answer<List<LetterView>> {
    let read = |after, limit| operations.dead_list(&caller, kind.as_deref(), after, limit);
    let base::Page { items, next } = paging.fetch(read).await?;
    let items = items.into_iter().map(LetterView::of).collect::<base::Result<_>>()?;
    Ok(paging.list(base::Page { items, next }, None))
}

/// Shows a dead letter.
#[utoipa::path(get, path = "/api/v1/dead-letters/{id}", params(("id" = String, Path, description = "The letter's id")),
    responses((status = 200, body = LetterView)))]
async fn dead_get(
    caller: Caller<JobsRead>,
    State(operations): Api,
    PathId(id): PathId<LetterId>,
) -> Answer<Json<LetterView>> {
    Ok(Json(LetterView::of(operations.dead_get(&caller, id).await?)?))
}

/// What is to be changed about a dead letter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"payload": {"page": 4}}))]
struct DeadLetterMend {
    /// The payload to be redriven with, in place of the whole payload there is; at most 256 KB.
    #[schema(value_type = Value)]
    payload: Box<RawValue>,
}

/// Mends a dead letter: it is redriven with another payload.
#[utoipa::path(patch, path = "/api/v1/dead-letters/{id}", request_body = DeadLetterMend,
    params(("id" = String, Path, description = "The letter's id")), responses((status = 200, body = LetterView)))]
async fn dead_mend(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    PathId(id): PathId<LetterId>,
    Body(DeadLetterMend { payload }): Body<DeadLetterMend>,
) -> Answer<Json<LetterView>> {
    let letter = operations.dead_mend(&caller, id, payload.get().to_owned()).await?;
    Ok(Json(LetterView::of(letter)?))
}

/// How many dead letters went back to the workers.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"redriven": 3}))]
struct Redriven {
    redriven: u64,
}

/// Sends a dead letter's work back to the workers, with all its attempts. 409 when its unique key
/// is taken, or its job was cancelled or is gone.
#[utoipa::path(post, path = "/api/v1/dead-letters/{id}/redrive",
    params(("id" = String, Path, description = "The letter's id")), responses((status = 200, body = Redriven)))]
async fn dead_redrive(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    PathId(id): PathId<LetterId>,
) -> Answer<Json<Redriven>> {
    operations.dead_redrive(&caller, id).await?;
    Ok(Json(Redriven { redriven: 1 }))
}

/// Which dead letters are to be redriven.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "ingest.fetch"}))]
struct DeadLettersRedrive {
    /// Only letters of this kind of work.
    kind: Option<String>,
}

/// Redrives all dead letters, or all of one kind; those that cannot be redriven stay.
#[utoipa::path(post, path = "/api/v1/dead-letters/redrive", request_body = Option<DeadLettersRedrive>,
    responses((status = 200, body = Redriven)))]
async fn dead_redrive_all(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    body: Option<Body<DeadLettersRedrive>>,
) -> Answer<Json<Redriven>> {
    let DeadLettersRedrive { kind } = body.map(|Body(body)| body).unwrap_or_default();
    let redriven = operations.dead_redrive_all(&caller, kind.as_deref()).await?;
    Ok(Json(Redriven { redriven }))
}

/// Forgets a dead letter; its batch stays failed.
#[utoipa::path(delete, path = "/api/v1/dead-letters/{id}", params(("id" = String, Path, description = "The letter's id")),
    responses((status = 204, description = "It is gone")))]
async fn dead_drop(
    caller: Caller<JobsWrite>,
    State(operations): Api,
    PathId(id): PathId<LetterId>,
) -> Answer<StatusCode> {
    operations.dead_drop(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
