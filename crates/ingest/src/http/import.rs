//! Files in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use base::{Error, ErrorKind, Result};
use serde::Deserialize;
use utoipa::IntoParams;
use web::scope::IngestRun;
use web::{Answer, Caller, Json, Params, PathId, RawBody};

use super::wire::ImportReport;
use crate::Ingest;
use crate::model::Name;
use crate::rows::Reader;
use crate::rows::csv::{Options, Table};
use crate::rows::ndjson::Lines;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportParams {
    /// CSV: what the cells of a column are, `column:type` joined by commas; type is one of
    /// string (the default), integer, number, boolean, json.
    types: Option<String>,
    /// CSV: spellings, joined by commas, that make a field absent; by default empty and `NA`.
    null: Option<String>,
    /// Which number the first row has, for files that are sent in parts; by default 1.
    #[param(minimum = 1)]
    first_row: Option<u64>,
}

/// Imports records: NDJSON (`application/x-ndjson`) or CSV (`text/csv`, with a header). Rows are
/// applied as they come; those counted as saved are durable.
#[utoipa::path(post, path = "/api/v1/datasets/{name}/import",
    params(ImportParams, ("name" = String, Path, description = "The dataset")),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 207, body = ImportReport)))]
pub(super) async fn dataset_import(
    caller: Caller<IngestRun>,
    State(ingest): State<Arc<Ingest>>,
    PathId(name): PathId<Name>,
    Params(import): Params<ImportParams>,
    body: RawBody,
) -> Answer<(StatusCode, Json<ImportReport>)> {
    let reader = reader(body.content_type.as_deref(), &import)?;
    let first_row = import.first_row.unwrap_or(1);
    let report = ingest.import(&caller, &name, reader, first_row, body).await?;
    Ok((StatusCode::MULTI_STATUS, Json(report.into())))
}

fn reader(content_type: Option<&str>, import: &ImportParams) -> Result<Reader> {
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Reader::Ndjson(Lines::default())),
        "text/csv" => {
            let options = Options::parse(import.types.as_deref(), import.null.as_deref())?;
            Ok(Reader::Csv(Table::new(options)))
        }
        _ => {
            let text = "The body must be of type application/x-ndjson or text/csv";
            Err(Error::new(ErrorKind::UnsupportedMedia, text).with_detail("value_error", "Content-Type", text))
        }
    }
}
