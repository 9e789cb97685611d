//! Which pages of other origins may call.
//!
//! Origins are compared as they stand, never reflected by pattern: `https://app.example.com` is
//! not `https://app.example.com.evil`, nor the same with another scheme, port or case. A preflight
//! has no credential, so it is answered for every tenant's origins together; the request itself is
//! answered for its own tenant's. Browser credentials are never allowed: ours travel in headers.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::Kit;
use crate::headers::EXPOSED;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, content-encoding, cache-control, freight-tenant, idempotency-key, if-match, \
     if-none-match, last-event-id, prefer, traceparent, x-api-key, x-request-id",
);
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origin of a request, if a page made it.
pub(crate) fn origin(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ORIGIN).cloned()
}

/// Whether it is a preflight rather than a request.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight. An origin that no tenant allows gets one without any permission.
pub(crate) fn preflight(kit: &Kit, origin: Option<&HeaderValue>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    if allow(headers, origin, &[&kit.config.cors_origins, &kit.authenticate.origins()]) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

/// Permits the origin to read an answer, if the server's list or its tenant's says so.
pub(crate) fn answer(kit: &Kit, headers: &mut HeaderMap, origin: Option<&HeaderValue>, tenant: &[String]) {
    if allow(headers, origin, &[&kit.config.cors_origins, tenant]) {
        let names = EXPOSED.map(|name| name.to_string()).join(", ");
        if let Ok(names) = HeaderValue::from_str(&names) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
        }
    }
}

/// `Vary` is said in any case: a shared cache must not give one origin's answer to another.
fn allow(headers: &mut HeaderMap, origin: Option<&HeaderValue>, lists: &[&[String]]) -> bool {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return false };
    let mut allowed = lists.iter().flat_map(|list| list.iter());
    if allowed.clone().any(|one| one == "*") {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        return true;
    }
    if origin == "null" || !allowed.any(|one| one.as_bytes() == origin.as_bytes()) {
        return false;
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    true
}
