//! Which HTTP status a domain error is: decided here, once.
//!
//! A router may say otherwise for its own routes with a [`Mapping`], since the interfaces that
//! Freight keeps differ: one answers invalid input with 412, another with 400.

use base::{Error, ErrorKind};
use http::StatusCode;
use serde_json::{Map, Value};

/// The status of a kind of failure.
pub const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Malformed => StatusCode::BAD_REQUEST,
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound | ErrorKind::TenantNotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Gone => StatusCode::GONE,
        ErrorKind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        ErrorKind::Full => StatusCode::INSUFFICIENT_STORAGE,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Upstream => StatusCode::BAD_GATEWAY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The word for programs in the member `error` of a problem.
pub const fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Malformed | ErrorKind::Invalid | ErrorKind::UnsupportedMedia => "validation_error",
        ErrorKind::Unauthenticated => "unauthenticated",
        ErrorKind::Forbidden => "forbidden",
        ErrorKind::NotFound => "not_found",
        ErrorKind::TenantNotFound => "tenant_not_found",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Gone => "gone",
        ErrorKind::PreconditionFailed => "precondition_failed",
        ErrorKind::TooLarge => "too_large",
        ErrorKind::RateLimited => "rate_limited",
        ErrorKind::NotImplemented
        | ErrorKind::Full
        | ErrorKind::Timeout
        | ErrorKind::Upstream
        | ErrorKind::Unavailable => "unavailable",
        ErrorKind::Internal => "internal_server_error",
    }
}

/// The kind of failure that a status given by somebody else stands for.
pub(crate) fn kind(status: StatusCode) -> ErrorKind {
    match status {
        StatusCode::UNAUTHORIZED => ErrorKind::Unauthenticated,
        StatusCode::FORBIDDEN => ErrorKind::Forbidden,
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        StatusCode::GONE => ErrorKind::Gone,
        StatusCode::PRECONDITION_FAILED => ErrorKind::PreconditionFailed,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorKind::UnsupportedMedia,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::RateLimited,
        _ => ErrorKind::Invalid,
    }
}

/// How the routes of one router answer failures, where that differs from the rest.
///
/// ```
/// use base::ErrorKind;
/// let carts = web::Mapping::new().answer(ErrorKind::Malformed, 412).answer(ErrorKind::Invalid, 412);
/// assert_eq!(carts.status(ErrorKind::Invalid), 412);
/// assert_eq!(carts.status(ErrorKind::NotFound), 404);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    statuses: Vec<(ErrorKind, StatusCode)>,
    extend: Option<Extend>,
}

/// Adds members to the document of a failure.
pub type Extend = fn(&Error, &mut Map<String, Value>);

impl Mapping {
    /// The mapping that changes nothing.
    pub const fn new() -> Self {
        Self { statuses: Vec::new(), extend: None }
    }

    /// Answers failures of this kind with another status; a number that is no status is ignored.
    #[must_use]
    pub fn answer(mut self, kind: ErrorKind, status: u16) -> Self {
        if let Ok(status) = StatusCode::from_u16(status) {
            self.statuses.push((kind, status));
        }
        self
    }

    /// Adds members to each problem document.
    #[must_use]
    pub fn extend(mut self, extend: Extend) -> Self {
        self.extend = Some(extend);
        self
    }

    /// The status of a kind of failure under this mapping.
    pub fn status(&self, kind: ErrorKind) -> StatusCode {
        let own = self.statuses.iter().rev().find(|(of, _)| *of == kind);
        own.map_or_else(|| status(kind), |(_, status)| *status)
    }

    pub(crate) fn decorate(&self, error: &Error, document: &mut Map<String, Value>) {
        if let Some(extend) = self.extend {
            extend(error, document);
        }
    }
}
