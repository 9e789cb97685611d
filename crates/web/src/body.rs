//! Bodies that strangers send: whole as JSON, or as a stream.
//!
//! Both are bounded by the route's `body_max` in decompressed bytes. A whole body must be there
//! within the request's time; a stream has no such deadline, only that it moves.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::{FromRequest, OptionalFromRequest, Request};
use base::{Error, ErrorKind};
use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, Stream, StreamExt, TryStreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;

use crate::Problem;
use crate::arrival::Arrival;
use crate::inflate::Decoder;
use crate::register::Spec;

/// A JSON body, of type `application/json` and nothing else, validated and parsed. The route
/// bounds it ([`Route::body_max`](crate::Route::body_max)). `Option<Body<T>>` takes an absent one.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_json(request.headers())?;
        let bytes = read(request).await?;
        Ok(Self(base::json::parse(&bytes)?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        let headers = request.headers();
        let empty = headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0");
        if empty && !headers.contains_key(TRANSFER_ENCODING) && !headers.contains_key(CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

/// Refuses a media type that is not JSON: `text/plain` would let any page send it.
fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let charset = parameters.trim().to_ascii_lowercase();
    let plain = matches!(charset.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"");
    if essence.trim().eq_ignore_ascii_case("application/json") && plain {
        Ok(())
    } else {
        let text = "The body must be of type application/json";
        Err(Error::new(ErrorKind::UnsupportedMedia, text).with_detail("value_error", "Content-Type", text).into())
    }
}

/// A body as a stream of its decompressed bytes. A chunk that does not come within the progress
/// bound ends it with `Timeout`; one over the route's limit with `TooLarge`. Register the route
/// with [`streaming`](crate::Route::streaming).
pub struct RawBody {
    /// The media type as it was sent.
    pub content_type: Option<String>,
    chunks: BoxStream<'static, base::Result<Bytes>>,
}

impl Stream for RawBody {
    type Item = base::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.poll_next_unpin(cx)
    }
}

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let arrival = Arrival::of(&request)?;
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.map(str::to_owned);
        let timeout = arrival.kit.config.progress_timeout;
        Ok(Self { content_type, chunks: chunks(request, arrival, Some(timeout))?.boxed() })
    }
}

/// Reads a whole body within what is left of the request's time.
///
/// # Errors
/// 408 when it is late; `TooLarge`, `Malformed`, `UnsupportedMedia` as the decoder says.
pub(crate) async fn read(request: Request) -> Result<Bytes, Problem> {
    let arrival = Arrival::of(&request)?;
    let left = arrival.left(arrival.kit.config.request_timeout);
    let clock = Arc::clone(&arrival.kit.clock);
    let whole = chunks(request, arrival, None)?.try_fold(BytesMut::new(), |mut whole, chunk| async move {
        whole.extend_from_slice(&chunk);
        Ok(whole)
    });
    tokio::select! {
        biased;
        whole = whole => Ok(whole?.freeze()),
        () = clock.sleep(left) => Err(late()),
    }
}

fn late() -> Problem {
    let error = Error::new(ErrorKind::Timeout, "The body did not arrive in time");
    Problem::with_status(StatusCode::REQUEST_TIMEOUT, error)
}

struct Reading {
    body: axum::body::Body,
    /// `None` once the body has ended.
    decoder: Option<Decoder>,
    arrival: Arrival,
    /// How long it may stand still.
    timeout: Option<Duration>,
}

fn chunks(
    request: Request,
    arrival: Arrival,
    timeout: Option<Duration>,
) -> base::Result<impl Stream<Item = base::Result<Bytes>> + Send + 'static> {
    let max = request.extensions().get::<Arc<Spec>>().map_or(0, |spec| spec.body_max);
    let decoder = Some(Decoder::new(request.headers(), max)?);
    let reading = Reading { body: request.into_body(), decoder, arrival, timeout };
    Ok(futures::stream::try_unfold(reading, |mut reading| async move {
        let chunk = reading.next().await?;
        Ok(chunk.map(|chunk| (chunk, reading)))
    }))
}

impl Reading {
    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> base::Result<Option<Bytes>> {
        while let Some(decoder) = &mut self.decoder {
            let frame = tokio::select! {
                biased;
                frame = self.body.frame() => frame,
                () = still(&self.arrival, self.timeout) => {
                    return Err(Error::new(ErrorKind::Timeout, "The body stood still for too long"));
                }
            };
            let bytes = match frame {
                Some(Ok(frame)) => decoder.push(frame.into_data().unwrap_or_default())?,
                Some(Err(error)) => return Err(cut(&error)),
                None => {
                    let rest = decoder.finish()?;
                    self.decoder = None;
                    rest
                }
            };
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

async fn still(arrival: &Arrival, timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => arrival.kit.clock.sleep(timeout).await,
        None => std::future::pending().await,
    }
}

fn cut(error: &axum::Error) -> Error {
    Error::new(ErrorKind::Malformed, "The body ended before it was whole").with_internal(error)
}
