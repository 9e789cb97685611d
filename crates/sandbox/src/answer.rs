//! One reply, and how it is put on the wire.
//!
//! An [`Answer`] is complete before the desk records it; sending it adds nothing to what it says.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use base::Clock;
use bytes::Bytes;
use futures::{StreamExt, stream};

use crate::journal::{Class, Record};

/// The content type of the API.
pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// A paced body arrives in this many pieces.
const PIECES: usize = 20;

/// One reply.
pub(crate) struct Answer {
    pub(crate) class: Class,
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) retry_after_s: Option<u64>,
    /// Exactly the bytes that are sent.
    pub(crate) body: Bytes,
    /// The whole records in it, those that a caller who reads the answer to its end must have.
    pub(crate) records: Vec<Record>,
    /// How many records in it lack their id or last name.
    pub(crate) malformed: usize,
    pub(crate) delivery: Delivery,
}

/// How a body goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// At once.
    Whole,
    /// In pieces, with pauses.
    Paced,
    /// The head promises more than the body has; then the connection ends.
    Cut { declared_bytes: usize },
    /// Not at all.
    Reset,
}

/// In the extensions of a response: send nothing, reset the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HangUp;

impl Answer {
    /// 200 with a JSON body and no records.
    pub(crate) fn json(class: Class, body: Bytes) -> Self {
        Self {
            class,
            status: StatusCode::OK,
            content_type: JSON,
            retry_after_s: None,
            body,
            records: Vec::new(),
            malformed: 0,
            delivery: Delivery::Whole,
        }
    }

    /// 429 with `Retry-After`.
    pub(crate) fn too_many(class: Class, retry_after_s: u64) -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after_s: Some(retry_after_s),
            ..Self::json(class, Bytes::from_static(br#"{"status":429,"error":"Too Many Requests"}"#))
        }
    }

    /// What we do not imitate, because the model's behaviour is not known.
    pub(crate) fn unsupported(what: &str) -> Self {
        let body = serde_json::json!({ "message": format!("The sandbox does not imitate {what}") }).to_string();
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, ..Self::json(Class::Unsupported, body.into()) }
    }

    /// The status that the caller gets to see, if any.
    pub(crate) fn status_sent(&self) -> Option<u16> {
        (self.delivery != Delivery::Reset).then_some(self.status.as_u16())
    }

    /// Puts it on the wire; a paced body takes `slow_body` of `clock`.
    pub(crate) fn send(self, clock: &Arc<dyn Clock>, slow_body: Duration) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CONTENT_LENGTH, self.body.len().into());
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        match self.delivery {
            Delivery::Whole => *response.body_mut() = self.body.into(),
            Delivery::Paced => *response.body_mut() = paced(self.body, Arc::clone(clock), slow_body),
            Delivery::Cut { declared_bytes } => {
                headers.insert(header::CONTENT_LENGTH, declared_bytes.into());
                *response.body_mut() = torn(self.body);
            }
            Delivery::Reset => {
                headers.remove(header::CONTENT_LENGTH);
                *response.body_mut() = torn(Bytes::new());
                response.extensions_mut().insert(HangUp);
            }
        }
        response
    }
}

fn paced(body: Bytes, clock: Arc<dyn Clock>, whole: Duration) -> Body {
    let piece = body.len().div_ceil(PIECES).max(1);
    let pieces: Vec<Bytes> = (0..body.len()).step_by(piece).map(|at| slice(&body, at, piece)).collect();
    let pause = whole / PIECES as u32;
    Body::from_stream(stream::iter(pieces).then(move |piece| {
        let clock = Arc::clone(&clock);
        async move {
            clock.sleep(pause).await;
            Ok::<_, Infallible>(piece)
        }
    }))
}

fn slice(body: &Bytes, at: usize, length: usize) -> Bytes {
    body.slice(at..body.len().min(at + length))
}

/// The bytes, then a failure. Without the pause between them the server would drop the bytes that
/// it has gathered and not yet written.
fn torn(body: Bytes) -> Body {
    let end = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "ended on purpose"))
    });
    Body::from_stream(stream::iter([Ok(body)]).chain(end))
}
