//! The one shape of a failure on the wire: `application/problem+json` (RFC 9457), with the members
//! that older clients of the five interfaces look for beside the standard ones.
//!
//! A handler returns a [`Problem`]; the document is written later, by the gate or the edge, because
//! only they know the request's id, the time, and the router's [`Mapping`]. What is internal is
//! logged there and goes no further.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base::error::Detail;
use base::{Error, ErrorKind};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::arrival::Arrival;
use crate::error::{self, Mapping};

/// What the detail of every 500 says: the defect itself is the operator's business.
const INTERNAL_DETAIL: &str = "An unexpected and uncaught exception was raised during an API call.";

/// A rejection's own text is short; what is longer is no text for a client.
const ADOPTED_BYTES_MAX: usize = 4 << 10;

/// The media type of a problem.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A failure on its way to the client.
#[derive(Clone, Debug)]
pub struct Problem {
    error: Error,
    status: Option<StatusCode>,
    headers: HeaderMap,
}

impl Problem {
    /// A failure of the protocol rather than of the domain, with a status of its own.
    pub fn with_status(status: StatusCode, error: Error) -> Self {
        Self { error, status: Some(status), headers: HeaderMap::new() }
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// The failure itself.
    pub fn error(&self) -> &Error {
        &self.error
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self { error, status: None, headers: HeaderMap::new() }
    }
}

impl From<base::store::StoreError> for Problem {
    fn from(error: base::store::StoreError) -> Self {
        Error::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status.unwrap_or_else(|| error::status(self.error.kind()));
        let mut response = (status, self.headers.clone()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The document, for the OpenAPI components.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "about:blank", "title": "Unprocessable Entity", "status": 422,
    "detail": "Limit must be between 1 and 1000", "instance": "/api/v1/jobs", "status_code": 422,
    "error": "validation_error", "message": "Limit must be between 1 and 1000",
    "details": [{"type": "value_error", "message": "Limit must be between 1 and 1000", "field": "limit"}],
    "request_id": "2f1c8e3a", "timestamp": "2026-01-15T10:30:00Z"
}))]
pub(crate) struct Document<'a> {
    /// Always `about:blank`: the status says what it is.
    r#type: &'static str,
    /// The name of the status.
    title: &'static str,
    /// The status.
    status: u16,
    /// What went wrong, for people.
    detail: &'a str,
    /// The path that was asked for.
    instance: &'a str,
    /// The status once more, under its older name.
    status_code: u16,
    /// What went wrong, for programs.
    error: &'static str,
    /// What went wrong, under its older name.
    message: &'a str,
    /// The fields that are wrong.
    #[schema(value_type = Vec<FieldProblem>)]
    details: &'a [Detail],
    /// Names the request; the server's log has the rest.
    request_id: &'a str,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    timestamp: jiff::Timestamp,
}

/// One field that is wrong, for the OpenAPI components.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema is used; the values are base::error::Detail")]
pub(crate) struct FieldProblem {
    /// The kind of fault.
    r#type: String,
    /// What is wrong and what is allowed.
    message: String,
    /// The dotted path in the body, or the name of the parameter or header.
    field: String,
}

/// Makes a problem of a failure that was written by somebody else: a rejection of the framework,
/// or a handler that answers a bare status. What has a media type of its own passes unchanged.
pub(crate) async fn adopt(response: Response) -> Response {
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    let plain = response.headers().get(CONTENT_TYPE).is_none_or(|media| media.as_bytes().starts_with(b"text/plain"));
    if !failed || !plain || response.extensions().get::<Problem>().is_some() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = axum::body::to_bytes(body, ADOPTED_BYTES_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let error = if status.is_server_error() {
        Error::internal(text)
    } else {
        let text = if text.is_empty() { status.canonical_reason().unwrap_or("Refused").to_owned() } else { text };
        Error::new(error::kind(status), text)
    };
    parts.extensions.insert(Problem::with_status(status, error));
    Response::from_parts(parts, Body::empty())
}

/// Writes the document of a response that carries a [`Problem`]; others pass unchanged.
pub(crate) fn render(mut response: Response, arrival: &Arrival, mapping: &Mapping) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let status = problem.status.unwrap_or_else(|| mapping.status(problem.error.kind()));
    log(&problem.error, status, arrival);
    let document = document(&problem.error, status, arrival, mapping);
    *response.status_mut() = status;
    add_headers(response.headers_mut(), &problem.error);
    *response.body_mut() = Body::from(document.to_string());
    response
}

fn document(error: &Error, status: StatusCode, arrival: &Arrival, mapping: &Mapping) -> Value {
    let ours = status == StatusCode::INTERNAL_SERVER_ERROR;
    let document = Document {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: if ours { INTERNAL_DETAIL } else { error.message() },
        instance: &arrival.path,
        status_code: status.as_u16(),
        error: error::code(error.kind()),
        message: error.message(),
        details: error.details(),
        request_id: arrival.request_id.as_str(),
        timestamp: arrival.kit.clock.now(),
    };
    let mut value = serde_json::to_value(document).unwrap_or_else(|_| json!({}));
    if let Value::Object(members) = &mut value {
        mapping.decorate(error, members);
    }
    value
}

fn add_headers(headers: &mut HeaderMap, error: &Error) {
    headers.insert(CONTENT_TYPE, PROBLEM_JSON);
    headers.remove(http::header::CONTENT_LENGTH);
    let wait = error.retry_after().map(|wait| wait.as_secs_f64().ceil().max(1.0));
    let wait = wait.or((error.kind() == ErrorKind::Unavailable).then_some(1.0));
    if let Some(Ok(value)) = wait.map(|seconds| HeaderValue::from_str(&format!("{seconds:.0}"))) {
        headers.entry(RETRY_AFTER).or_insert(value);
    }
    if error.kind() == ErrorKind::Unauthenticated {
        headers.entry(WWW_AUTHENTICATE).or_insert(HeaderValue::from_static("Bearer"));
    }
}

fn log(error: &Error, status: StatusCode, arrival: &Arrival) {
    let internal = error.internal_text().unwrap_or_default();
    if status.is_server_error() {
        tracing::error!(request_id = %arrival.request_id, kind = ?error.kind(), internal, "request failed");
    } else if !internal.is_empty() {
        tracing::debug!(request_id = %arrival.request_id, kind = ?error.kind(), internal, "request refused");
    }
}
