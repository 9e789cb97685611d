//! What every request passes first and every answer last, whether a route was found or not.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::{Error, ErrorKind, RequestId};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::arrival::Arrival;
use crate::error::Mapping;
use crate::{Kit, Problem, problem};

/// The header that names a request.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where the connection came from; the serving loop puts it into each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

pub(crate) async fn edge(State(kit): State<Arc<Kit>>, mut request: Request, next: Next) -> Response {
    let arrival = arrive(kit, &request);
    request.extensions_mut().insert(arrival.clone());
    let response = next.run(request).await;
    let mut response = problem::render(response, &arrival, &Mapping::new());
    if let Ok(id) = HeaderValue::from_str(arrival.request_id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    response
}

fn arrive(kit: Arc<Kit>, request: &Request) -> Arrival {
    let named = request.headers().get(X_REQUEST_ID).and_then(|id| RequestId::parse(id.to_str().ok()?));
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
    Arrival {
        request_id: named.unwrap_or_else(RequestId::random),
        source: peer,
        at: kit.clock.now(),
        started: kit.clock.monotonic(),
        path: request.uri().path().to_owned(),
        kit,
    }
}

pub(crate) async fn not_found() -> Response {
    Problem::from(Error::not_found("Nothing has this path")).into_response()
}

pub(crate) async fn method_not_allowed() -> Response {
    let error = Error::new(ErrorKind::Invalid, "This path does not take this method");
    Problem::with_status(StatusCode::METHOD_NOT_ALLOWED, error).into_response()
}
