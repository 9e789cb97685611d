//! What every request passes first and every answer last, whether a route was found or not.
//!
//! On the way in: a name for the request, its source, the checks of its head, the preflights, a
//! place among those worked on. On the way out: a problem for whatever failed, the headers of all
//! answers, one line in the log and one count in the metrics. A panic in a handler ends here, as
//! a 500 like any other.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::{Error, ErrorKind, RequestId};
use futures::{FutureExt, StreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::arrival::Arrival;
use crate::error::Mapping;
use crate::gate::Answered;
use crate::whole::{Unreadable, Whole};
use crate::{Kit, Lifecycle, Problem, cors, etag, headers, host, problem, source};

/// The header that names a request.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the edge is made of.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) kit: Arc<Kit>,
    pub(crate) places: Semaphore,
    pub(crate) lifecycle: Lifecycle,
}

/// What of the request is needed once it is gone.
struct Asked {
    method: Method,
    origin: Option<HeaderValue>,
    none_match: Option<String>,
}

/// The middleware around all routes.
pub(crate) async fn edge(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let arrival = arrive(&edge.kit, &request);
    request.extensions_mut().insert(arrival.clone());
    let asked = Asked {
        method: request.method().clone(),
        origin: cors::origin(request.headers()),
        none_match: etag::joined(request.headers(), &IF_NONE_MATCH),
    };
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let span = tracing::info_span!("request", request_id = %arrival.request_id, traceparent);
    let whole = request.extensions().get::<Whole>().copied();
    let running = edge.run(request, next, &arrival, &asked).instrument(span.clone());
    let response = match whole {
        Some(whole) => whole.of(&*edge.kit.clock, running).await,
        None => running.await,
    };
    let response = problem::render(problem::adopt(response).await, &arrival, &Mapping::new());
    let _entered = span.enter();
    edge.finish(response, &arrival, &asked)
}

fn arrive(kit: &Arc<Kit>, request: &Request) -> Arrival {
    let named = request.headers().get(X_REQUEST_ID).and_then(|id| RequestId::parse(id.to_str().ok()?));
    Arrival {
        request_id: named.unwrap_or_else(RequestId::random),
        source: source::of(request, &kit.config.trusted_proxies),
        at: kit.clock.now(),
        started: kit.clock.monotonic(),
        path: request.uri().path().to_owned(),
        kit: Arc::clone(kit),
    }
}

impl Edge {
    async fn run(&self, request: Request, next: Next, arrival: &Arrival, asked: &Asked) -> Response {
        if let Some(Unreadable(error)) = request.extensions().get::<Unreadable>() {
            return Problem::from(error.clone()).into_response();
        }
        if let Err(problem) = host::check(&self.kit.config, &request) {
            return problem.into_response();
        }
        if cors::is_preflight(&asked.method, request.headers()) {
            return cors::preflight(&self.kit, asked.origin.as_ref());
        }
        // A probe must be answered when nothing else is.
        let probe = matches!(arrival.path.as_str(), "/livez" | "/readyz");
        let _place = match self.places.try_acquire() {
            Err(_) if !probe => return Problem::from(shed()).into_response(),
            place => place,
        };
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => Problem::from(Error::internal(panic_text(panic.as_ref()))).into_response(),
        }
    }

    fn finish(&self, response: Response, arrival: &Arrival, asked: &Asked) -> Response {
        let mut response = self.end_with_the_server(unmodified(response, asked));
        let answered = response.extensions_mut().remove::<Answered>();
        let duration = self.kit.clock.monotonic().saturating_sub(arrival.started);
        let headers = response.headers_mut();
        headers::secure(headers);
        if asked.method != Method::OPTIONS {
            let origins = answered.as_ref().map(|answered| Arc::clone(&answered.cors_origins)).unwrap_or_default();
            cors::answer(&self.kit, headers, asked.origin.as_ref(), &origins);
        }
        for (name, text) in [
            (X_REQUEST_ID, arrival.request_id.as_str()),
            (headers::SERVER_TIMING, &format!("total;dur={:.3}", millis(duration))),
        ] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
        report(arrival, asked, answered.as_ref(), response.status(), duration);
        response
    }

    /// A stream of events has no end of its own; it ends when the server stops.
    fn end_with_the_server(&self, response: Response) -> Response {
        if response.headers().get(CONTENT_TYPE).is_none_or(|media| media != "text/event-stream") {
            return response;
        }
        let lifecycle = self.lifecycle.clone();
        let stopped = async move { lifecycle.stopped().await };
        response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(stopped))))
    }
}

/// 304 instead of an answer that the caller has already (RFC 9110, 13.1.2).
fn unmodified(mut response: Response, asked: &Asked) -> Response {
    let reads = matches!(asked.method, Method::GET | Method::HEAD) && response.status() == StatusCode::OK;
    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    let same = match (&asked.none_match, tag) {
        (Some(header), Some(tag)) if reads => etag::none_match(header, tag),
        _ => false,
    };
    if same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

fn shed() -> Error {
    Error::new(ErrorKind::Unavailable, "The server is working on as much as it can. Try again shortly.")
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a handler panicked: {}", text.unwrap_or("no text"))
}

/// One line in the log and one count in the metrics. Strangers choose methods and paths, so neither
/// stands there as it came: there are only so many series.
fn report(arrival: &Arrival, asked: &Asked, answered: Option<&Answered>, status: StatusCode, duration: Duration) {
    let method = match asked.method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            asked.method.as_str()
        }
        _ => "other",
    };
    let route = answered.map_or("unmatched", |answered| answered.route.as_str());
    let tenant = answered.and_then(|answered| answered.tenant.as_ref()).map_or("", base::TenantId::as_str);
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.as_str().to_owned())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", &labels).record(duration.as_secs_f64());
    tracing::info!(
        request_id = %arrival.request_id, tenant_id = tenant, method, route,
        status_code = status.as_u16(), duration_ms = millis(duration), "request_completed"
    );
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

pub(crate) async fn not_found() -> Response {
    Problem::from(Error::not_found("Nothing has this path")).into_response()
}

pub(crate) async fn method_not_allowed() -> Response {
    let error = Error::new(ErrorKind::Invalid, "This path does not take this method");
    Problem::with_status(StatusCode::METHOD_NOT_ALLOWED, error).into_response()
}
