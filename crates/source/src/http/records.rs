//! The records themselves: a page, or all of a stretch of time, streamed.
//!
//! The head of a stream is sent before its last record is read, so a failure on the way breaks the
//! connection, and nobody takes half of it for the whole.

use std::sync::Arc;

use async_stream::try_stream;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::response::{IntoResponse, Response};
use base::{Error, Page, Result, TenantId};
use bytes::Bytes;
use serde::Deserialize;
use utoipa::IntoParams;
use web::scope::SourceRead;
use web::{Answer, Caller, List, Paging, Params, PathId};

use super::window::stretch;
use super::wire::{COLUMNS, MeasurementView};
use crate::Source;
use crate::model::{Name, Record};
use crate::service::records::Reading;

/// A chunk is sent when it has so many bytes.
const CHUNK_BYTES: usize = 64 << 10;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RecordParams {
    /// Where the stretch begins: RFC 3339, or seconds, milliseconds or microseconds since 1970; a
    /// day before its end unless said.
    from: Option<String>,
    /// Where it ends, itself outside; now unless said.
    to: Option<String>,
    /// `json` (the default): a page. `ndjson`, `csv`: a page when `limit`, `cursor` or `offset` is
    /// given, else everything, streamed.
    format: Option<String>,
    #[param(ignore)]
    limit: Option<i64>,
    #[param(ignore)]
    cursor: Option<String>,
    #[param(ignore)]
    offset: Option<i64>,
}

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Ndjson,
    Csv,
}

/// Reads the records of a stretch of time, in its order.
#[utoipa::path(get, path = "/source/series/{name}/records",
    params(Paging, RecordParams, ("name" = String, Path, description = "The series")),
    responses((status = 200, content((List<MeasurementView> = "application/json"), (String = "application/x-ndjson"), (String = "text/csv")))))]
pub(super) async fn record_list(
    caller: Caller<SourceRead>,
    State(source): State<Arc<Source>>,
    PathId(name): PathId<Name>,
    paging: Paging,
    Params(params): Params<RecordParams>,
) -> Answer<Response> {
    let format = format(params.format.as_deref())?;
    let stretch = stretch(params.from.as_deref(), params.to.as_deref(), caller.now())?;
    let whole = params.limit.is_none() && params.cursor.is_none() && params.offset.is_none();
    if whole && format != Format::Json {
        let reading = source.record_scan(&caller, &name, stretch).await?;
        return Ok(streamed(reading, caller.tenant.clone(), format)?);
    }
    let page = paging.fetch(|after, limit| source.record_page(&caller, &name, stretch, after, limit)).await?;
    let views = page.items.into_iter().map(|record| MeasurementView::new(&caller.tenant, record));
    let items = views.collect::<Result<Vec<MeasurementView>>>()?;
    let list = paging.list(Page { items, next: page.next }, None);
    Ok(if format == Format::Json { list.into_response() } else { one_page(&list, format)? })
}

fn format(asked: Option<&str>) -> Result<Format> {
    match asked.unwrap_or("json") {
        "json" => Ok(Format::Json),
        "ndjson" => Ok(Format::Ndjson),
        "csv" => Ok(Format::Csv),
        _ => Err(Error::invalid("format", "Allowed: json, ndjson, csv")),
    }
}

fn media(format: Format) -> &'static str {
    match format {
        Format::Json => "application/json",
        Format::Ndjson => "application/x-ndjson",
        Format::Csv => "text/csv; charset=utf-8",
    }
}

/// Appends a record as a line.
fn line(out: &mut Vec<u8>, record: &MeasurementView, format: Format) -> Result<()> {
    match format {
        Format::Csv => row(out, record.cells()),
        Format::Json | Format::Ndjson => {
            serde_json::to_writer(&mut *out, record).map_err(Error::internal)?;
            out.push(b'\n');
            Ok(())
        }
    }
}

fn row(out: &mut Vec<u8>, cells: [&str; 5]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(cells).map_err(Error::internal)?;
    writer.flush().map_err(Error::internal)
}

fn head(format: Format) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    if format == Format::Csv {
        row(&mut out, COLUMNS)?;
    }
    Ok(out)
}

/// A page as lines; where it goes on is in `Link`.
fn one_page(list: &List<MeasurementView>, format: Format) -> Result<Response> {
    let mut out = head(format)?;
    list.items.iter().try_for_each(|record| line(&mut out, record, format))?;
    let mut response = ([(CONTENT_TYPE, media(format))], out).into_response();
    if let Some(Ok(link)) = list.link().map(HeaderValue::from_str) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

fn streamed(mut reading: Reading, tenant: TenantId, format: Format) -> Result<Response> {
    let mut out = head(format)?;
    let body = try_stream! {
        while let Some(record) = reading.next().await.inspect_err(broken)? {
            add(&mut out, &tenant, record, format).inspect_err(broken)?;
            if out.len() >= CHUNK_BYTES {
                yield Bytes::from(std::mem::take(&mut out));
            }
        }
        yield Bytes::from(out);
    };
    let body: std::pin::Pin<Box<dyn futures::Stream<Item = Result<Bytes, Error>> + Send>> = Box::pin(body);
    Ok(([(CONTENT_TYPE, media(format))], Body::from_stream(body)).into_response())
}

fn add(out: &mut Vec<u8>, tenant: &TenantId, record: Record, format: Format) -> Result<()> {
    line(out, &MeasurementView::new(tenant, record)?, format)
}

fn broken(error: &Error) {
    tracing::error!(%error, "records broke off while they were sent");
}
