//! Datasets and their runs.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use web::scope::{IngestRead, IngestRun};
use web::{Accepted, Answer, Body, Caller, Created, IfMatch, Json, List, Paging, PathId, Prefer, Tagged};

use super::wire::{DatasetCreate, DatasetPatch, DatasetView, FetchCreate, JobAccepted, StatusView, job_path};
use crate::Ingest;
use crate::model::Name;

/// Lists datasets by name; those that are built in and were never written to come first.
#[utoipa::path(get, path = "/api/v1/datasets", params(Paging), responses((status = 200, body = List<DatasetView>)))]
pub(super) async fn dataset_list(
    caller: Caller<IngestRead>,
    State(ingest): State<Arc<Ingest>>,
    paging: Paging,
) -> Answer<List<DatasetView>> {
    let page = paging.fetch(|after, limit| ingest.dataset_page(&caller, after, limit)).await?;
    Ok(paging.list(page.map(DatasetView::from), None))
}

/// Makes a dataset, empty.
#[utoipa::path(post, path = "/api/v1/datasets", request_body = DatasetCreate,
    responses((status = 201, body = DatasetView)))]
pub(super) async fn dataset_create(
    caller: Caller<IngestRun>,
    State(ingest): State<Arc<Ingest>>,
    Body(mut body): Body<DatasetCreate>,
) -> Answer<Tagged<Created<DatasetView>>> {
    let key = match body.key()? {
        Some(key) => key,
        None => ingest.source_key(&caller, body.source()).await?,
    };
    let made = ingest.dataset_create(&caller, body.definition(key)?).await?;
    let at = format!("/api/v1/datasets/{}", made.dataset.name());
    Ok(Tagged::new(made.version, Created::at(at, made.into())))
}

/// Reads a dataset.
#[utoipa::path(get, path = "/api/v1/datasets/{name}", params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = DatasetView)))]
pub(super) async fn dataset_get(
    caller: Caller<IngestRead>,
    State(ingest): State<Arc<Ingest>>,
    PathId(name): PathId<Name>,
) -> Answer<Tagged<Json<DatasetView>>> {
    let found = ingest.dataset_get(&caller, &name).await?;
    Ok(Tagged::new(found.version, Json(found.into())))
}

/// Changes a dataset's source, or who sees what of it.
#[utoipa::path(patch, path = "/api/v1/datasets/{name}", params(("name" = String, Path, description = "Its name")),
    request_body = DatasetPatch, responses((status = 200, body = DatasetView)))]
pub(super) async fn dataset_update(
    caller: Caller<IngestRun>,
    State(ingest): State<Arc<Ingest>>,
    PathId(name): PathId<Name>,
    seen: IfMatch,
    Body(body): Body<DatasetPatch>,
) -> Answer<Tagged<Json<DatasetView>>> {
    let check = |version| seen.check(version);
    let changed = ingest.dataset_update(&caller, &name, body.change()?, check).await?;
    Ok(Tagged::new(changed.version, Json(changed.into())))
}

/// Makes a dataset disappear at once; the job removes its records.
#[utoipa::path(delete, path = "/api/v1/datasets/{name}", params(("name" = String, Path, description = "Its name")),
    responses((status = 202, body = JobAccepted)))]
pub(super) async fn dataset_delete(
    caller: Caller<IngestRun>,
    State(ingest): State<Arc<Ingest>>,
    PathId(name): PathId<Name>,
) -> Answer<Accepted<JobAccepted>> {
    let job = ingest.dataset_delete(&caller, &name).await?;
    Ok(Accepted::at(job_path(job.id), JobAccepted::new(&job, &name, false)))
}

/// Fetches a dataset from its source: starts a run, or joins the one that is under way. With
/// `Prefer: wait=N` the answer is the status of the run, if it ends in time.
#[utoipa::path(post, path = "/api/v1/datasets/{name}/fetch", request_body = Option<FetchCreate>,
    params(("name" = String, Path, description = "Its name"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait up to N seconds for the run to end")),
    responses((status = 200, description = "The run has ended", body = StatusView),
        (status = 202, description = "The run is durable and under way", body = JobAccepted)))]
pub(super) async fn dataset_fetch(
    caller: Caller<IngestRun>,
    State(ingest): State<Arc<Ingest>>,
    PathId(name): PathId<Name>,
    prefer: Prefer,
    body: Option<Body<FetchCreate>>,
) -> Answer<Response> {
    super::users::fetch(&ingest, &caller, &name, prefer, body).await
}

/// How the last finished run of a dataset went; null before the first.
#[utoipa::path(get, path = "/api/v1/datasets/{name}/status",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = Option<StatusView>)))]
pub(super) async fn dataset_status(
    caller: Caller<IngestRead>,
    State(ingest): State<Arc<Ingest>>,
    PathId(name): PathId<Name>,
) -> Answer<Json<Option<StatusView>>> {
    let status = ingest.status(&caller, &name).await?;
    Ok(Json(status.map(|status| StatusView::new(&name, status))))
}
