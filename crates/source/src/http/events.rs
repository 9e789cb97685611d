//! Who asked for what.

use std::sync::Arc;

use axum::extract::State;
use base::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::scope::KeysAdmin;
use web::{Answer, Caller, Json, Params};

use super::window::stretch;
use crate::Source;
use crate::model::event::Kind;
use crate::model::{Event, instant};

/// At most so many events in an answer.
const LIMIT_MAX: i64 = 1_000;
const LIMIT_DEFAULT: i64 = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventParams {
    /// Where the stretch begins: RFC 3339, or seconds, milliseconds or microseconds since 1970; a
    /// day before its end unless said.
    from: Option<String>,
    /// Where it ends, itself outside; now unless said.
    to: Option<String>,
    /// How many events at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

/// What was done, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventsView {
    items: Vec<EventView>,
}

/// Something that was done with a series.
#[derive(Debug, Serialize, ToSchema)]
struct EventView {
    /// When; of reads the beginning of the minute.
    #[schema(format = DateTime)]
    at: String,
    /// `write_request`, or `reads`: those of one caller and series in one minute.
    kind: &'static str,
    /// Who.
    principal: String,
    /// Which series; of a batch of several the first, null when none was understood.
    series: Option<String>,
    /// What a write was answered.
    status: Option<u16>,
    /// How many bytes of data were written.
    bytes: u64,
    /// How many records were written, or how often was read.
    count: u64,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let kind = match event.kind {
            Kind::WriteRequest => "write_request",
            Kind::Reads => "reads",
        };
        let Event { at, principal, series, status, bytes, count, .. } = event;
        Self { at: instant::text(at), kind, principal, series, status, bytes, count }
    }
}

/// Lists who wrote and read. Events are gathered for a second (reads for a minute) before they are
/// kept: a crash may lose the last ones.
#[utoipa::path(get, path = "/source/events", params(EventParams), responses((status = 200, body = EventsView)))]
pub(super) async fn event_list(
    caller: Caller<KeysAdmin>,
    State(source): State<Arc<Source>>,
    Params(params): Params<EventParams>,
) -> Answer<Json<EventsView>> {
    let stretch = stretch(params.from.as_deref(), params.to.as_deref(), caller.now())?;
    let events = source.events(&caller, stretch, limit(params.limit)?).await?;
    Ok(Json(EventsView { items: events.into_iter().map(EventView::from).collect() }))
}

fn limit(asked: Option<i64>) -> Result<usize> {
    let limit = Some(asked.unwrap_or(LIMIT_DEFAULT)).filter(|limit| (1..=LIMIT_MAX).contains(limit));
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    limit.ok_or_else(|| Error::invalid("limit", format!("Limit must be between 1 and {LIMIT_MAX}")))
}
