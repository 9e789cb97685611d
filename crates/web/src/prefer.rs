//! `Prefer: wait=N` (RFC 7240): how long a caller would like to wait for slow work.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Problem;
use crate::etag::joined;

/// The longest wait.
pub const WAIT_MAX: Duration = Duration::from_secs(30);
/// `Prefer`
pub const PREFER: HeaderName = HeaderName::from_static("prefer");
/// `Preference-Applied`
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What the caller prefers. The request's own deadline is extended by the wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// How long to wait for the result, at most 30 s; `None` = not at all.
    pub wait: Option<Duration>,
}

impl Prefer {
    /// What the headers say; a preference that is not understood is ignored, as the RFC asks.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let header = joined(headers, &PREFER).unwrap_or_default();
        let wait = header.split(',').find_map(|preference| {
            let (name, value) = preference.split_once('=')?;
            let seconds = value.trim().trim_matches('"').parse().ok()?;
            name.trim().eq_ignore_ascii_case("wait").then(|| Duration::from_secs(seconds).min(WAIT_MAX))
        });
        Self { wait }
    }

    /// The same, but no longer than there is time.
    pub(crate) fn within(self, left: Duration) -> Self {
        Self { wait: self.wait.map(|wait| wait.min(left)) }
    }

    /// The answer, saying that the wait was honoured.
    pub fn applied(self, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        if let Some(wait) = self.wait
            && let Ok(value) = HeaderValue::from_str(&format!("wait={}", wait.as_secs()))
        {
            response.headers_mut().insert(PREFERENCE_APPLIED, value);
        }
        response
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Prefer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(parts.extensions.get().copied().unwrap_or_else(|| Self::of(&parts.headers)))
    }
}
