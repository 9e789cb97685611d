//! A cart to be taken away, and how much that is.
//!
//! A manifest names what lies in a cart and says nothing of the cart: no ids, no times. Its rows are in
//! the order of the items' ids, so equal carts give equal bytes. The head is sent before the last item is
//! read: a failure on the way breaks the connection, and the digest behind the last row tells who asked
//! for trailers that it is whole.

use std::pin::Pin;
use std::sync::Arc;

use async_stream::try_stream;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName, TRAILER};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use base::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::Stream;
use http_body::Frame;
use http_body_util::StreamBody;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};
use web::scope::CartsRead;
use web::{Answer, Caller, Json, Params, PathId};

use super::wire::CartSummary;
use crate::Carts;
use crate::model::{Asked, Item};
use crate::service::contents::Reading;

/// A chunk is sent when it has so many bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// So many types are named in a summary.
const TYPES_MAX: usize = 1_000;
/// RFC 9530.
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ManifestParams {
    /// `ndjson` (the default), `json`, `csv` or `tsv`.
    format: Option<String>,
}

/// A row of a manifest.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManifestRow<'i> {
    /// Of what type.
    entity_type: &'i str,
    /// Which one.
    entity_id: &'i str,
    /// Which version of it.
    entity_version: Option<&'i str>,
    /// What was said of it.
    #[schema(value_type = Option<Object>)]
    attributes: Option<&'i RawValue>,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Ndjson,
    Json,
    Csv,
    Tsv,
}

impl Format {
    fn of(asked: Option<&str>) -> Result<Self> {
        Ok(match asked.unwrap_or("ndjson") {
            "ndjson" => Self::Ndjson,
            "json" => Self::Json,
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            _ => return Err(Error::invalid("format", "Allowed: ndjson, json, csv, tsv")),
        })
    }

    fn media(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Tsv => "text/tab-separated-values; charset=utf-8",
        }
    }

    fn head(self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Ndjson => Ok(()),
            Self::Json => {
                out.push(b'[');
                Ok(())
            }
            Self::Csv | Self::Tsv => self.cells(out, ["entity_type", "entity_id", "entity_version", "attributes"]),
        }
    }

    fn row(self, out: &mut Vec<u8>, item: &Item, first: bool) -> Result<()> {
        let version = item.entity.entity_version.as_deref();
        let (kind, id) = (item.entity.entity_type.as_str(), item.entity.entity_id.as_str());
        if matches!(self, Self::Csv | Self::Tsv) {
            let attributes = item.attributes.as_deref().unwrap_or_default();
            return self.cells(out, [kind, id, version.unwrap_or_default(), attributes]);
        }
        let attributes = item.attributes.as_deref().map(serde_json::from_str).transpose();
        let attributes = attributes.map_err(Error::internal)?;
        if self == Self::Json {
            out.extend_from_slice(if first { b"\n" } else { b",\n" });
        }
        let row = ManifestRow { entity_type: kind, entity_id: id, entity_version: version, attributes };
        serde_json::to_writer(&mut *out, &row).map_err(Error::internal)?;
        if self == Self::Ndjson {
            out.push(b'\n');
        }
        Ok(())
    }

    fn foot(self, out: &mut Vec<u8>) {
        if self == Self::Json {
            out.extend_from_slice(b"\n]\n");
        }
    }

    fn cells(self, out: &mut Vec<u8>, cells: [&str; 4]) -> Result<()> {
        let delimiter = if self == Self::Tsv { b'\t' } else { b',' };
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(out);
        writer.write_record(cells).map_err(Error::internal)?;
        writer.flush().map_err(Error::internal)
    }
}

/// Everything that lies in a cart, as rows of entity_type, entity_id, entity_version and attributes, in
/// the order of the items' ids: equal carts give equal bytes. `Repr-Digest` is sent as a trailer.
#[utoipa::path(get, path = "/resources/carts/{id}/manifest",
    params(ManifestParams, ("id" = String, Path, description = "The cart's id, or `default`")),
    responses((status = 200, content((Vec<ManifestRow<'static>> = "application/json"), (String = "application/x-ndjson"),
        (String = "text/csv"), (String = "text/tab-separated-values")))))]
pub(super) async fn manifest(
    caller: Caller<CartsRead>,
    State(carts): State<Arc<Carts>>,
    PathId(asked): PathId<Asked>,
    Params(params): Params<ManifestParams>,
) -> Answer<Response> {
    let format = Format::of(params.format.as_deref())?;
    let reading = carts.item_scan(&caller, asked).await?;
    let head =
        [(CONTENT_TYPE, HeaderValue::from_static(format.media())), (TRAILER, HeaderValue::from_static("Repr-Digest"))];
    Ok((head, Body::new(StreamBody::new(rows(reading, format)))).into_response())
}

type Frames = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>>> + Send>>;

fn rows(mut reading: Reading, format: Format) -> Frames {
    Box::pin(try_stream! {
        let (mut out, mut digest, mut first) = (Vec::new(), Sha256::new(), true);
        format.head(&mut out)?;
        while let Some(item) = reading.next().await.inspect_err(broken)? {
            format.row(&mut out, &item, first).inspect_err(broken)?;
            first = false;
            if out.len() >= CHUNK_BYTES {
                digest.update(&out);
                yield Frame::data(Bytes::from(std::mem::take(&mut out)));
            }
        }
        format.foot(&mut out);
        digest.update(&out);
        yield Frame::data(Bytes::from(out));
        yield Frame::trailers(trailer(&digest.finalize())?);
    })
}

fn trailer(digest: &[u8]) -> Result<HeaderMap> {
    let value = format!("sha-256=:{}:", STANDARD.encode(digest));
    let value = HeaderValue::from_str(&value).map_err(Error::internal)?;
    Ok(HeaderMap::from_iter([(REPR_DIGEST, value)]))
}

fn broken(error: &Error) {
    tracing::error!(%error, "a manifest broke off while it was sent");
}

/// How many items of each type lie in a cart.
#[utoipa::path(get, path = "/resources/carts/{id}/summary",
    params(("id" = String, Path, description = "The cart's id, or `default`")),
    responses((status = 200, body = CartSummary)))]
pub(super) async fn summary(
    caller: Caller<CartsRead>,
    State(carts): State<Arc<Carts>>,
    PathId(asked): PathId<Asked>,
) -> Answer<Json<CartSummary>> {
    let (cart, items_count, entity_types) = carts.summary(&caller, asked, TYPES_MAX).await?;
    Ok(Json(CartSummary { id: cart.id, items_count, entity_types }))
}
