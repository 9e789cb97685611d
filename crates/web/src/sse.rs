//! Server-sent events: a live view that resumes where it broke off.
//!
//! The stream says something every 15 s, so that proxies keep it open and a reader that went away
//! is noticed by the write timeout. When the server stops, the edge ends the stream; the browser
//! comes back by itself with `Last-Event-ID`.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::sse::{Event as Wire, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{Stream, StreamExt};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use crate::Problem;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// One event.
#[derive(Clone, Debug)]
pub struct Event {
    id: Option<String>,
    event: &'static str,
    data: String,
}

impl Event {
    /// An event of this kind with a JSON body; `id` comes back as [`LastEventId`] on resuming.
    ///
    /// # Errors
    /// `Internal` when the body cannot be written as JSON.
    pub fn json(event: &'static str, id: Option<String>, body: &impl Serialize) -> base::Result<Self> {
        let data = serde_json::to_string(body).map_err(base::Error::internal)?;
        Ok(Self { id, event, data })
    }
}

/// An answer of events. Register its route with [`streaming`](crate::Route::streaming).
pub fn answer(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = events.map(|event| {
        let wire = Wire::default().event(event.event).data(event.data);
        // An id with a line break would be two fields; such an event cannot be resumed from.
        let id = event.id.filter(|id| !id.contains(['\r', '\n', '\0']));
        Ok::<_, Infallible>(match id {
            Some(id) => wire.id(id),
            None => wire,
        })
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    let buffering = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(buffering, HeaderValue::from_static("no"));
    response
}

/// The id of the last event that a resuming reader has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastEventId(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let id = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok());
        Ok(Self(id.map(str::to_owned)))
    }
}
