//! Many records in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use base::{Error, ErrorKind, Result};
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use web::scope::SourceWrite;
use web::{Answer, Caller, Json, RawBody};

use super::status_of;
use super::wire::RecordCreate;
use crate::Source;
use crate::model::record::Draft;
use crate::service::events::Outcome;

/// At most so many records in a batch.
const RECORDS_MAX: usize = 10_000;

/// Records to be written; NDJSON with one of them on each line is taken too.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "records": [{ "data": { "temp": 21.5 } }, { "data": { "temp": 21.7 }, "ts": 1768473000 }] }))]
pub(super) struct Batch {
    /// At most 10,000.
    #[schema(value_type = Vec<RecordCreate>, max_items = 10000)]
    records: Vec<Box<RawValue>>,
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchReport {
    /// 207.
    status: u16,
    /// What `results` are.
    description: &'static str,
    /// How many records were sent.
    received: usize,
    /// How many are durable.
    saved: usize,
    /// How many are not.
    failed: usize,
    /// What became of each, in the order they were sent in.
    results: Vec<RowResult>,
}

/// What became of one record of a batch.
#[derive(Debug, Serialize, ToSchema)]
struct RowResult {
    /// Which one, from 1; of NDJSON the line.
    row: usize,
    /// 200, or what the record alone would have been answered.
    status: u16,
    /// Its place in its series, if it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    sk: Option<String>,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Writes up to 10,000 measurements. Each that is answered 200 is durable, whatever became of the
/// others.
#[utoipa::path(post, path = "/source/write_batch", request_body(content(
    (Batch = "application/json"), (String = "application/x-ndjson")
)), responses((status = 207, body = BatchReport)))]
pub(super) async fn write_batch(
    caller: Caller<SourceWrite>,
    State(source): State<Arc<Source>>,
    body: RawBody,
) -> Answer<(StatusCode, Json<BatchReport>)> {
    let written = write(&source, &caller, body).await;
    if let Err(error) = &written {
        source.write_note(&caller, None, Outcome { status: status_of(error), bytes: 0, records: 0 });
    }
    Ok((StatusCode::MULTI_STATUS, Json(written?)))
}

async fn write(source: &Source, caller: &Caller<SourceWrite>, body: RawBody) -> Result<BatchReport> {
    let media = body.content_type.clone();
    let whole = body.try_fold(Vec::new(), |mut whole, chunk| async move {
        whole.extend_from_slice(&chunk);
        Ok(whole)
    });
    let rows = rows(media.as_deref(), &whole.await?, caller.now())?;
    let (mut drafts, mut records) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    let mut judged = Vec::with_capacity(rows.len());
    for (at, (row, draft)) in rows.into_iter().enumerate() {
        let draft = draft.map(|draft| {
            records.push(source.record_of(caller, &draft, at));
            drafts.push(draft);
        });
        judged.push((row, draft));
    }
    let mut written = source.records_write(caller, &drafts, &records).await?.into_iter().zip(&records);
    let bytes = drafts.iter().map(|draft| draft.data.len()).sum();
    let series = drafts.first().map(|draft| draft.series.clone());
    let result = |(row, draft): (usize, Result<()>)| match draft.map(|()| written.next()) {
        Ok(Some((Ok(()), record))) => RowResult { sk: Some(record.sort.clone()), ..RowResult::of(row, 200) },
        Ok(Some((Err(error), _))) | Err(error) => RowResult::failed(row, &error),
        Ok(None) => RowResult::failed(row, &Error::internal("a row without a result")),
    };
    let results: Vec<RowResult> = judged.into_iter().map(result).collect();
    let saved = results.iter().filter(|result| result.status == 200).count();
    source.write_note(caller, series.as_ref(), Outcome { status: 207, bytes, records: saved });
    let (received, failed) = (results.len(), results.len() - saved);
    Ok(BatchReport { status: 207, description: "Result per record", received, saved, failed, results })
}

impl RowResult {
    fn of(row: usize, status: u16) -> Self {
        Self { row, status, sk: None, field: None, message: None }
    }

    fn failed(row: usize, error: &Error) -> Self {
        let detail = error.details().first();
        let message = detail.map_or(error.message(), |detail| &detail.message).to_owned();
        let field = detail.map(|detail| detail.field.clone());
        Self { field, message: Some(message), ..Self::of(row, status_of(error)) }
    }
}

/// The records of a body, each judged for itself, with their numbers.
fn rows(media: Option<&str>, body: &[u8], now: jiff::Timestamp) -> Result<Vec<(usize, Result<Draft>)>> {
    let essence = media.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let rows: Vec<(usize, Result<Draft>)> = match essence.as_str() {
        "application/json" => {
            let batch: Batch = base::json::parse_within(body, &LIMITS)?;
            batch.records.iter().enumerate().map(|(at, row)| (at + 1, draft(row.get().as_bytes(), now))).collect()
        }
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
            let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
            let lines = lines.filter(|(_, line)| !line.is_empty());
            lines.take(RECORDS_MAX + 1).map(|(at, line)| (at + 1, draft(line, now))).collect()
        }
        _ => {
            let text = "The body must be of type application/json or application/x-ndjson";
            return Err(Error::new(ErrorKind::UnsupportedMedia, text).with_detail("value_error", "Content-Type", text));
        }
    };
    match rows.len() {
        1..=RECORDS_MAX => Ok(rows),
        _ => Err(Error::invalid("records", format!("A batch has 1 to {RECORDS_MAX} records"))),
    }
}

/// A batch of the largest records that fit has more values than one body.
const LIMITS: base::json::Limits = base::json::Limits { values: 2_000_000, ..base::json::Limits::BODY };

fn draft(row: &[u8], now: jiff::Timestamp) -> Result<Draft> {
    base::json::parse::<RecordCreate>(row)?.draft(now)
}
