//! Many records in.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use base::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use web::scope::SourceWrite;
use web::{Answer, Caller, Json, RawBody};

use super::status_of;
use super::wire::RecordCreate;
use crate::Source;
use crate::model::Name;
use crate::model::record::Draft;
use crate::service::events::Outcome;

/// At most so many records in a batch.
const RECORDS_MAX: usize = 10_000;
/// So many records are one piece of a batch.
const PIECE: usize = 1_000;
/// So many pieces are judged, and so many written, at the same time.
const JUDGED_AT_ONCE: usize = 2;
const WRITTEN_AT_ONCE: usize = 4;

/// Records to be written; NDJSON with one of them on each line is taken too.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "records": [{ "data": { "temp": 21.5 } }, { "data": { "temp": 21.7 }, "ts": 1768473000 }] }))]
pub(super) struct Batch<'b> {
    /// At most 10,000.
    #[schema(value_type = Vec<RecordCreate>, max_items = 10000)]
    #[serde(borrow, deserialize_with = "parts")]
    records: Vec<&'b RawValue>,
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
    (Batch<'static> = "application/json"), (String = "application/x-ndjson")
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
    let rows = rows(media.as_deref(), &Bytes::from(whole.await?))?;
    // While pieces become durable the next ones are judged.
    let judged: Vec<_> = rows.chunks(PIECE).map(|rows| judged(rows.to_vec(), caller.now())).collect();
    let judged = futures::stream::iter(judged).buffered(JUDGED_AT_ONCE).enumerate();
    let judged = judged.map(|(n, judged)| judged.map(|judged| (n * PIECE, judged)));
    let pieces = judged.map_ok(|(first, judged)| piece_write(source, caller, first, judged));
    let pieces: Vec<Piece> = pieces.try_buffered(WRITTEN_AT_ONCE).try_collect().await?;
    let bytes = pieces.iter().map(|piece| piece.bytes).sum();
    let series = pieces.iter().find_map(|piece| piece.series.clone());
    let results: Vec<RowResult> = pieces.into_iter().flat_map(|piece| piece.results).collect();
    let saved = results.iter().filter(|result| result.status == 200).count();
    source.write_note(caller, series.as_ref(), Outcome { status: 207, bytes, records: saved });
    let (received, failed) = (results.len(), results.len() - saved);
    Ok(BatchReport { status: 207, description: "Result per record", received, saved, failed, results })
}

/// What became of a piece of a batch.
struct Piece {
    results: Vec<RowResult>,
    /// How many bytes of data were to be written.
    bytes: usize,
    /// The first series of them.
    series: Option<Name>,
}

/// Judges the records of a piece, beside the threads that serve others meanwhile.
async fn judged(rows: Vec<Row>, now: Timestamp) -> Result<Vec<(usize, Result<Draft>)>> {
    let draft = move |text: &[u8]| base::json::parse::<RecordCreate>(text)?.draft(now);
    let judge = move || rows.iter().map(|(row, text)| (*row, draft(text))).collect();
    tokio::task::spawn_blocking(judge).await.map_err(Error::internal)
}

/// Writes a piece of a batch, which begins at the `first` of its rows.
async fn piece_write(
    source: &Source,
    caller: &Caller<SourceWrite>,
    first: usize,
    judged: Vec<(usize, Result<Draft>)>,
) -> Result<Piece> {
    let (mut drafts, mut records) = (Vec::with_capacity(judged.len()), Vec::with_capacity(judged.len()));
    let mut rows = Vec::with_capacity(judged.len());
    for (place, (row, draft)) in judged.into_iter().enumerate() {
        let taken = draft.map(|draft| {
            records.push(source.record_of(caller, &draft, first + place));
            drafts.push(draft);
        });
        rows.push((row, taken));
    }
    let mut written = source.records_write(caller, &drafts, &records).await?.into_iter().zip(&records);
    let result = |(row, taken): (usize, Result<()>)| match taken.map(|()| written.next()) {
        Ok(Some((Ok(()), record))) => RowResult { sk: Some(record.sort.clone()), ..RowResult::of(row, 200) },
        Ok(Some((Err(error), _))) | Err(error) => RowResult::failed(row, &error),
        Ok(None) => RowResult::failed(row, &Error::internal("a row without a result")),
    };
    Ok(Piece {
        results: rows.into_iter().map(result).collect(),
        bytes: drafts.iter().map(|draft| draft.data.len()).sum(),
        series: drafts.first().map(|draft| draft.series.clone()),
    })
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

/// The number of a record in its body, and its text.
type Row = (usize, Bytes);

/// The records of a body.
fn rows(media: Option<&str>, body: &Bytes) -> Result<Vec<Row>> {
    let essence = media.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let rows: Vec<Row> = match essence.as_str() {
        "application/json" => {
            let batch: Batch<'_> = base::json::parse_outer(body)?;
            let rows = batch.records.iter().map(|row| body.slice_ref(row.get().as_bytes()));
            rows.enumerate().map(|(at, row)| (at + 1, row)).collect()
        }
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
            let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
            let lines = lines.filter(|(_, line)| !line.is_empty());
            lines.take(RECORDS_MAX + 1).map(|(at, line)| (at + 1, body.slice_ref(line))).collect()
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

/// The parts of a list, and of one that is too long one more than may be.
fn parts<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<&'de RawValue>, D::Error> {
    struct Parts;

    impl<'de> Visitor<'de> for Parts {
        type Value = Vec<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of records")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut parts = Vec::new();
            while let Some(part) = list.next_element()? {
                if parts.len() <= RECORDS_MAX {
                    parts.push(part);
                }
            }
            Ok(parts)
        }
    }

    list.deserialize_seq(Parts)
}
