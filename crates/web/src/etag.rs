//! Changing only what was seen: `ETag`, `If-Match`, `If-None-Match` (RFC 9110, 8.8.3 and 13.1).
//!
//! The tag is the stamp of the item's last write, so the condition that a caller sends is the very
//! one that the store decides. A tag that we did not make, or a weak one, matches nothing. What
//! another program wrote has no stamp, and so no tag: `If-Match` can never hold for it.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use base::store::Version;
use base::{Error, ErrorKind};
use http::header::{ETAG, IF_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::{Problem, auth};

/// An answer that shows one stored thing, with the tag of what it shows.
#[derive(Debug)]
pub struct Tagged<T> {
    version: Option<Version>,
    answer: T,
}

impl<T> Tagged<T> {
    /// `answer` shows what was last written with this stamp.
    pub fn new(version: Option<Version>, answer: T) -> Self {
        Self { version, answer }
    }
}

impl<T: IntoResponse> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        let tag = self.version.map(|Version(stamp)| HeaderValue::from_str(&format!("\"{}\"", stamp.simple())));
        if let Some(Ok(tag)) = tag {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

/// The stamp that `If-Match` names; `None` without the header, or with `*`: any will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<Version>);

impl IfMatch {
    /// For operations that cannot leave the comparison to the store's own condition.
    ///
    /// # Errors
    /// `PreconditionFailed` when another version is named than the current one.
    pub fn check(self, current: Option<Version>) -> base::Result<()> {
        if self.0.is_none() || self.0 == current {
            return Ok(());
        }
        Err(Error::new(ErrorKind::PreconditionFailed, "If-Match names another version than the current one"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(match auth::single(&parts.headers, &IF_MATCH)? {
            None | Some("*") => None,
            Some(tag) => Some(stamp(tag)),
        }))
    }
}

/// The stamp of a tag; one that no write has for a tag that is not ours.
fn stamp(tag: &str) -> Version {
    let inside = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Version(inside.and_then(|text| Uuid::try_parse(text).ok()).unwrap_or_default())
}

/// Whether `If-None-Match` names this tag; weak comparison, as RFC 9110 (13.1.2) asks.
pub(crate) fn none_match(header: &str, tag: &str) -> bool {
    let plain = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    // Our own tags hold no comma, so a tag that does cannot match anyway.
    header.trim() == "*" || header.split(',').any(|asked| plain(asked) == plain(tag))
}

/// All values of a list header as one.
pub(crate) fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}
