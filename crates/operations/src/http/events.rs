//! Jobs and logs as they come: server-sent events.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base::{Clock, JobId, Result};
use futures::{Stream, StreamExt};
use web::scope::AnyScope;
use web::sse::{Event, LastEventId, answer};
use web::{Answer, Caller, PathId};

use super::Api;
use super::job::JobView;
use super::logs::LineView;
use crate::model::Resume;
use crate::service::{News, Told};

/// Follows a job: `progress` (a job) at once and at each change, `log` (a line) five seconds after
/// it was logged, `end` (a job) when the job has come to its end. `Last-Event-ID` goes on where a
/// connection broke off; after the end it is answered 204, which stops a browser from asking
/// again. A stream ends by itself after five minutes: come back.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/events",
    params(
        ("id" = String, Path, description = "The job's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that was seen")
    ),
    responses(
        (status = 200, body = JobView, content_type = "text/event-stream"),
        (status = 204, description = "The end was seen already")
    ))]
pub(super) async fn job_events(
    caller: Caller<AnyScope>,
    State(operations): Api,
    PathId(id): PathId<JobId>,
    last: LastEventId,
) -> Answer<Response> {
    let told = operations.job_events(&caller, id, seen(last)?).await?;
    let clock = operations.clock();
    Ok(match told {
        Some(told) => answer(events(told, clock)),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// What a reader who comes back has seen.
pub(super) fn seen(LastEventId(id): LastEventId) -> Result<Resume> {
    id.map_or_else(|| Ok(Resume::default()), |id| id.parse())
}

/// News on the wire; what cannot be written ends the stream, as a connection that broke would.
pub(super) fn events(
    told: impl Stream<Item = Told> + Send + 'static,
    clock: Arc<dyn Clock>,
) -> impl Stream<Item = Event> + Send + 'static {
    told.map(move |told| event(told, &*clock).ok())
        .take_while(|event| std::future::ready(event.is_some()))
        .filter_map(std::future::ready)
}

fn event(Told { news, seen }: Told, clock: &dyn Clock) -> Result<Event> {
    let id = seen.id();
    match news {
        News::Progress(job) => Event::json("progress", id, &JobView::of(*job, clock.now())),
        News::Line(line) => Event::json("log", id, &LineView::from(line)),
        News::End(job) => Event::json("end", id, &JobView::of(*job, clock.now())),
    }
}
