//! One record in: the first route of the seed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use web::scope::SourceWrite;
use web::{Answer, Body, Caller, Json, Problem};

use super::status_of;
use super::wire::{MeasurementView, RecordCreate, Written};
use crate::Source;
use crate::model::record::Draft;
use crate::service::events::Outcome;

/// Writes a measurement; it is durable when this is answered.
#[utoipa::path(post, path = "/source/write_raw", request_body = RecordCreate, responses((status = 200, body = Written)))]
pub(super) async fn write_raw(
    caller: Caller<SourceWrite>,
    State(source): State<Arc<Source>>,
    body: Result<Body<RecordCreate>, Problem>,
) -> Answer<Json<Written>> {
    let draft = match body {
        Ok(Body(body)) => body.draft(caller.now()).map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    let series = draft.as_ref().map(|draft| draft.series.clone()).ok();
    let bytes = draft.as_ref().map_or(0, |draft| draft.data.len());
    let written = match draft {
        Ok(draft) => write(&source, &caller, &draft).await,
        Err(problem) => Err(problem),
    };
    let outcome = match &written {
        Ok(_) => Outcome { status: 200, bytes, records: 1 },
        Err(problem) => Outcome { status: status_of(problem.error()), bytes, records: 0 },
    };
    source.write_note(&caller, series.as_ref(), outcome);
    written
}

async fn write(source: &Source, caller: &Caller<SourceWrite>, draft: &Draft) -> Answer<Json<Written>> {
    let record = source.record_of(caller, draft, 0);
    let written = Written::new(MeasurementView::new(&caller.tenant, record.clone())?);
    let kept = caller.record(StatusCode::OK, None, &written)?;
    source.record_write(caller, draft, &record, kept).await?;
    Ok(Json(written))
}
