//! Log lines on the wire, in three formats.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::response::{IntoResponse, Response};
use base::{Error, JobId, Result};
use jiff::Timestamp;
use jobs::{LogFilter, LogLine, Stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use web::scope::AnyScope;
use web::{Answer, Caller, List, Paging, Params, PathId};

use super::Api;
use super::names::StreamName;

/// A line of a job's log.
#[derive(Serialize, ToSchema)]
#[schema(as = LogLine, example = json!({
    "id": "5d41402abc4b2a76b9719d91", "at": "2026-01-01T06:00:02Z", "stream": "error",
    "event": "record_failed", "job_id": "019b76da-a800-7c50-b1a5-2f6cc4d8e0f1",
    "record_id": "4711", "message": "the e-mail address is missing", "data": {"field": "email"}
}))]
pub(super) struct LineView {
    /// The same event about the same record is one line, however often the work was repeated.
    id: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[schema(value_type = StreamName)]
    stream: Stream,
    /// What happened, for programs.
    event: String,
    #[schema(value_type = String, format = Uuid)]
    job_id: JobId,
    /// About which record.
    record_id: Option<String>,
    /// What happened, for people.
    message: String,
    /// More, for programs.
    #[schema(value_type = Value)]
    data: Value,
}

impl From<LogLine> for LineView {
    fn from(line: LogLine) -> Self {
        Self {
            id: line.id,
            at: line.at,
            stream: line.stream,
            event: line.event,
            job_id: line.job,
            record_id: line.record,
            message: line.message,
            data: line.data,
        }
    }
}

/// How a page of lines is written.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// A list as everywhere.
    #[default]
    Json,
    /// Comma-separated, with a line of names; `data` as JSON text.
    Csv,
    /// One JSON object on each line.
    Ndjson,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only lines of this stream.
    #[param(inline, value_type = Option<StreamName>)]
    stream: Option<Stream>,
    /// Only lines about this record.
    record_id: Option<String>,
    /// How the page is written; json unless said. The next page is in the header `Link`.
    #[param(inline)]
    format: Option<Format>,
}

/// Lists a job's log, the oldest line first.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/logs",
    params(("id" = String, Path, description = "The job's id"), Paging, Filter),
    responses((status = 200, content(
        (List<LineView> = "application/json"), (String = "text/csv"), (String = "application/x-ndjson")
    ))))]
pub(super) async fn log_list(
    caller: Caller<AnyScope>,
    State(operations): Api,
    PathId(id): PathId<JobId>,
    paging: Paging,
    Params(Filter { stream, record_id, format }): Params<Filter>,
) -> Answer<Response> {
    let job = operations.job_get(&caller, id).await?;
    let filter = LogFilter { stream, record: record_id };
    let read = |after, limit| operations.log_list(&job, &filter, after, limit);
    let list = paging.list(paging.fetch(read).await?.map(LineView::from), None);
    Ok(written(list, format.unwrap_or_default())?)
}

fn written(list: List<LineView>, format: Format) -> Result<Response> {
    let (media, body) = match format {
        Format::Json => return Ok(list.into_response()),
        Format::Csv => ("text/csv; charset=utf-8", csv(&list.items)?),
        Format::Ndjson => ("application/x-ndjson", ndjson(&list.items)?),
    };
    let mut response = ([(CONTENT_TYPE, HeaderValue::from_static(media))], body).into_response();
    if let Some(Ok(link)) = list.link().map(HeaderValue::from_str) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

const COLUMNS: [&str; 8] = ["at", "stream", "event", "job_id", "record_id", "message", "data", "id"];

fn csv(lines: &[LineView]) -> Result<Vec<u8>> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(Error::internal)?;
    for line in lines {
        let data = if line.data.is_null() { String::new() } else { line.data.to_string() };
        let (at, job) = (line.at.to_string(), line.job_id.to_string());
        let record = line.record_id.as_deref().unwrap_or_default();
        let row: [&str; COLUMNS.len()] =
            [&at, line.stream.as_str(), &line.event, &job, record, &line.message, &data, &line.id];
        writer.write_record(row).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(Error::internal)
}

fn ndjson(lines: &[LineView]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut body, line).map_err(Error::internal)?;
        body.push(b'\n');
    }
    Ok(body)
}
