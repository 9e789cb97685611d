//! The three routes of the seed: `users` at the root.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use base::{Ctx, Page};
use serde::Deserialize;
use utoipa::IntoParams;
use web::scope::{IngestRead, IngestRun};
use web::{Accepted, Answer, Body, Caller, Json, Paging, Params, Prefer};

use super::export::streamed;
use super::wire::{FetchCreate, JobAccepted, RecordView, StatusView, job_path};
use crate::Ingest;
use crate::model::Name;
use crate::rows::write::{Format, Writer};
use crate::service::Fetch;

/// Fetches users: starts a run, or joins the one that is under way. With `Prefer: wait=N` the
/// answer is the status of the run, if it ends in time.
#[utoipa::path(post, path = "/fetch-data", request_body = Option<FetchCreate>,
    params(("Prefer" = Option<String>, Header, description = "`wait=N`: wait up to N seconds for the run to end")),
    responses((status = 200, description = "The run has ended", body = StatusView),
        (status = 202, description = "The run is durable and under way", body = JobAccepted)))]
pub(super) async fn fetch_data(
    caller: Caller<IngestRun>,
    State(ingest): State<Arc<Ingest>>,
    prefer: Prefer,
    body: Option<Body<FetchCreate>>,
) -> Answer<Response> {
    fetch(&ingest, &caller, &Name::USERS.parse()?, prefer, body).await
}

/// Starts a run of any dataset and waits as long as the caller prefers.
pub(super) async fn fetch(
    ingest: &Ingest,
    ctx: &Ctx,
    name: &Name,
    prefer: Prefer,
    body: Option<Body<FetchCreate>>,
) -> Answer<Response> {
    let fetch = body.map(|Body(body)| Fetch::from(body)).unwrap_or_else(|| Fetch::from(FetchCreate::default()));
    let started = ingest.fetch_start(ctx, name, fetch).await?;
    if let Some(wait) = prefer.wait
        && ingest.fetch_wait(ctx, started.job.id, wait).await?
        && let Some(status) = ingest.status(ctx, name).await?
    {
        return Ok(prefer.applied(Json(StatusView::new(name, status))));
    }
    let accepted = JobAccepted::new(&started.job, name, started.joined);
    Ok(Accepted::at(job_path(started.job.id), accepted).into_response())
}

/// How the last finished run of users went; null before the first.
#[utoipa::path(get, path = "/status", responses((status = 200, body = Option<StatusView>)))]
pub(super) async fn status(
    caller: Caller<IngestRead>,
    State(ingest): State<Arc<Ingest>>,
) -> Answer<Json<Option<StatusView>>> {
    let name: Name = Name::USERS.parse()?;
    let status = ingest.status(&caller, &name).await?;
    Ok(Json(status.map(|status| StatusView::new(&name, status))))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ViewParams {
    /// `json` (the default) or `ndjson`.
    format: Option<String>,
    /// Given, the answer is one page; else it is everything, streamed.
    #[param(ignore)]
    limit: Option<i64>,
    #[param(ignore)]
    cursor: Option<String>,
}

/// All users in byte order of their last names, ties by id; streamed unless a `limit` or a
/// `cursor` is given.
#[utoipa::path(get, path = "/view-data", params(Paging, ViewParams),
    responses((status = 200, body = Vec<RecordView>)))]
pub(super) async fn view_data(
    caller: Caller<IngestRead>,
    State(ingest): State<Arc<Ingest>>,
    paging: Paging,
    Params(view): Params<ViewParams>,
) -> Answer<Response> {
    let name = Name::USERS.parse()?;
    let format = super::records::format(view.format.as_deref(), &["json", "ndjson"])?;
    if view.limit.is_none() && view.cursor.is_none() && paging.offset() == 0 {
        return Ok(streamed(ingest.record_scan(&caller, &name, None).await?, format)?);
    }
    let page = paging.fetch(|after, limit| ingest.record_page(&caller, &name, None, after, limit)).await?;
    Ok(one_page(&paging, page, format, view.format.as_deref())?)
}

/// A page as the bare list it is part of; where it goes on is in `Link`.
fn one_page(paging: &Paging, page: Page<String>, format: Format, asked: Option<&str>) -> base::Result<Response> {
    let media = format.media();
    let mut writer = Writer::new(format)?;
    let mut body = Vec::new();
    for record in &page.items {
        body.extend(writer.add(record)?.into_iter().flatten());
    }
    body.extend(writer.end()?);
    let mut response = ([(axum::http::header::CONTENT_TYPE, media)], body).into_response();
    let limit = paging.limit();
    let next = paging.list(Page::<()> { items: Vec::new(), next: page.next }, None).next;
    let format = asked.map(|format| format!("&format={format}")).unwrap_or_default();
    let link = next.map(|next| format!("</view-data?limit={limit}{format}&cursor={next}>; rel=\"next\""));
    if let Some(Ok(link)) = link.map(|link| HeaderValue::from_str(&link)) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}
