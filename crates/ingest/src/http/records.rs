//! Reading records.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base::{Error, Result};
use serde::Deserialize;
use utoipa::IntoParams;
use web::scope::IngestRead;
use web::{Answer, Caller, Json, List, Paging, Params, PathId, PathIds, Tagged};

use super::export::streamed;
use super::wire::RecordView;
use crate::Ingest;
use crate::model::Name;
use crate::rows::write::Format;

/// The key of a record in a path.
#[derive(Debug)]
pub(super) struct RecordKey(String);

impl FromStr for RecordKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(Self(text.to_owned()))
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RecordFilter {
    /// Only records whose first sort value is a string that begins so.
    prefix: Option<String>,
}

/// Lists records in order.
#[utoipa::path(get, path = "/api/v1/datasets/{name}/records", params(Paging, RecordFilter,
    ("name" = String, Path, description = "The dataset")), responses((status = 200, body = List<RecordView>)))]
pub(super) async fn record_list(
    caller: Caller<IngestRead>,
    State(ingest): State<Arc<Ingest>>,
    PathId(name): PathId<Name>,
    paging: Paging,
    Params(filter): Params<RecordFilter>,
) -> Answer<List<RecordView>> {
    let prefix = filter.prefix.as_deref();
    let page = paging.fetch(|after, limit| ingest.record_page(&caller, &name, prefix, after, limit)).await?;
    let items = page.items.into_iter().map(RecordView::new).collect::<Result<_>>()?;
    Ok(paging.list(base::Page { items, next: page.next }, None))
}

/// Reads a record by its key; the values of a key of several paths are joined by commas.
#[utoipa::path(get, path = "/api/v1/datasets/{name}/records/{key}",
    params(("name" = String, Path, description = "The dataset"), ("key" = String, Path, description = "The record's key")),
    responses((status = 200, body = RecordView)))]
pub(super) async fn record_get(
    caller: Caller<IngestRead>,
    State(ingest): State<Arc<Ingest>>,
    PathIds(name, RecordKey(key)): PathIds<Name, RecordKey>,
) -> Answer<Tagged<Json<RecordView>>> {
    let entry = ingest.record_get(&caller, &name, &key).await?;
    Ok(Tagged::new(entry.version, Json(RecordView::new(entry.text)?)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportParams {
    /// `ndjson` (the default), `csv` or `json`.
    format: Option<String>,
    /// Only records whose first sort value is a string that begins so.
    prefix: Option<String>,
}

/// All records in order, streamed. In CSV the columns are the top-level fields of all records, in
/// the order in which they are first met; what is nested is JSON text.
#[utoipa::path(get, path = "/api/v1/datasets/{name}/export",
    params(ExportParams, ("name" = String, Path, description = "The dataset")),
    responses((status = 200, body = Vec<RecordView>, content_type = "application/x-ndjson")))]
pub(super) async fn dataset_export(
    caller: Caller<IngestRead>,
    State(ingest): State<Arc<Ingest>>,
    PathId(name): PathId<Name>,
    Params(export): Params<ExportParams>,
) -> Answer<Response> {
    let asked = export.format.as_deref().or(Some("ndjson"));
    let mut format = format(asked, &["ndjson", "csv", "json"])?;
    let prefix = export.prefix.as_deref();
    if let Format::Csv(columns) = &mut format {
        *columns = ingest.record_columns(&caller, &name, prefix).await?;
    }
    Ok(streamed(ingest.record_scan(&caller, &name, prefix).await?, format)?)
}

/// The format asked for; JSON when none was.
pub(super) fn format(asked: Option<&str>, allowed: &[&str]) -> Result<Format> {
    match asked.unwrap_or("json") {
        text if !allowed.contains(&text) => Err(Error::invalid("format", format!("Allowed: {}", allowed.join(", ")))),
        "ndjson" => Ok(Format::Ndjson),
        "csv" => Ok(Format::Csv(Vec::new())),
        _ => Ok(Format::Json),
    }
}
