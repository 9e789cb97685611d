//! The log lines of all of a tenant's jobs.

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use jobs::Stream;
use serde::Deserialize;
use utoipa::IntoParams;
use web::scope::JobsRead;
use web::sse::{LastEventId, answer};
use web::{Answer, Caller, List, Paging, Params};

use super::Api;
use super::events::{events, seen};
use super::logs::LineView;
use super::names::StreamName;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only lines of this stream.
    #[param(inline, value_type = Option<StreamName>)]
    stream: Option<Stream>,
    /// Only lines of this instant and later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
}

/// Lists the log lines of all of the tenant's jobs, the oldest first.
#[utoipa::path(get, path = "/api/v1/journal", params(Paging, Filter),
    responses((status = 200, body = List<LineView>)))]
pub(super) async fn journal_list(
    caller: Caller<JobsRead>,
    State(operations): Api,
    paging: Paging,
    Params(Filter { stream, from }): Params<Filter>,
) -> Answer<List<LineView>> {
    let read = |after, limit| operations.journal_list(&caller, stream, from, after, limit);
    let page = paging.fetch(read).await?;
    Ok(paging.list(page.map(LineView::from), None))
}

/// Follows them: `log` (a line), five seconds after it was logged. `Last-Event-ID` goes on where a
/// connection broke off. A stream ends by itself after five minutes: come back.
#[utoipa::path(get, path = "/api/v1/journal/tail",
    params(
        Filter,
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that was seen")
    ),
    responses((status = 200, body = LineView, content_type = "text/event-stream")))]
pub(super) async fn journal_tail(
    caller: Caller<JobsRead>,
    State(operations): Api,
    Params(Filter { stream, from }): Params<Filter>,
    last: LastEventId,
) -> Answer<Response> {
    let told = operations.journal_events(&caller, stream, from, seen(last)?)?;
    Ok(answer(events(told, operations.clock())))
}
