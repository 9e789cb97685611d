//! Lists out, streamed: chunk by chunk, in constant memory.
//!
//! The head of the answer is sent before the last record is read, so a failure on the way cannot
//! become a status any more: the connection breaks, and nobody takes half a list for a whole one.

use async_stream::try_stream;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base::Error;
use bytes::Bytes;

use crate::rows::write::{Format, Writer};
use crate::service::records::Reading;

/// The records of a reading in this format.
pub(super) fn streamed(mut reading: Reading, format: Format) -> base::Result<Response> {
    let media = format.media();
    let mut writer = Writer::new(format)?;
    let body = try_stream! {
        while let Some(record) = reading.next().await.inspect_err(broken)? {
            if let Some(chunk) = writer.add(&record).inspect_err(broken)? {
                yield chunk;
            }
        }
        yield writer.end().inspect_err(broken)?;
    };
    let body: std::pin::Pin<Box<dyn futures::Stream<Item = Result<Bytes, Error>> + Send>> = Box::pin(body);
    Ok(([(axum::http::header::CONTENT_TYPE, media)], Body::from_stream(body)).into_response())
}

fn broken(error: &Error) {
    tracing::error!(%error, "a list broke off while it was sent");
}
