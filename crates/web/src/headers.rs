//! The headers of every answer, and the names that pages of other origins may read.

use http::header::{
    AGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LINK, LOCATION, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::edge::X_REQUEST_ID;
use crate::idempotency::IDEMPOTENT_REPLAYED;
use crate::limits::{RATELIMIT, RATELIMIT_POLICY, X_RATELIMIT_LIMIT, X_RATELIMIT_REMAINING, X_RATELIMIT_RESET};
use crate::prefer::PREFERENCE_APPLIED;
use crate::register::Retired;

/// `Server-Timing`
pub(crate) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// `Deprecation` (RFC 9745)
pub(crate) const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
/// `Sunset` (RFC 8594)
pub(crate) const SUNSET: HeaderName = HeaderName::from_static("sunset");
/// The id of the job that refreshes a stale answer.
pub(crate) const FREIGHT_REFRESH_JOB: HeaderName = HeaderName::from_static("freight-refresh-job");
/// `Cache-Status` (RFC 9211)
pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What a page of an allowed origin may read of an answer.
pub(crate) const EXPOSED: [HeaderName; 19] = [
    X_REQUEST_ID,
    ETAG,
    LINK,
    LOCATION,
    RETRY_AFTER,
    AGE,
    CACHE_CONTROL,
    CACHE_STATUS,
    SERVER_TIMING,
    PREFERENCE_APPLIED,
    IDEMPOTENT_REPLAYED,
    FREIGHT_REFRESH_JOB,
    DEPRECATION,
    SUNSET,
    RATELIMIT,
    RATELIMIT_POLICY,
    X_RATELIMIT_LIMIT,
    X_RATELIMIT_REMAINING,
    X_RATELIMIT_RESET,
];

/// Tells a browser to do nothing with an answer but hand it to the page that asked.
pub(crate) fn secure(headers: &mut HeaderMap) {
    let closed = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(closed);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(CONTENT_TYPE) {
        return;
    }
    let resource_policy = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(resource_policy, HeaderValue::from_static("same-origin"));
}

/// Says that a path goes away.
pub(crate) fn retire(headers: &mut HeaderMap, retired: &Retired) {
    let since = format!("@{}", retired.since.as_second());
    for (name, text) in [(DEPRECATION, since), (SUNSET, http_date(retired.sunset))] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}

/// The date format of HTTP (RFC 9110, 5.6.7).
fn http_date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
