//! Answers that are kept: what a caller asks of their age, and how their age is told.
//!
//! A request may say in `Cache-Control` `max-age`, `max-stale`, `no-cache` and `only-if-cached` (RFC 9111,
//! 5.2.1). An answer says `Age`, `ETag`, `Cache-Control` with how long it may be given out stale (RFC 5861),
//! and `Cache-Status` (RFC 9211):
//!
//! | `Cache-Status: freight; …` | |
//! |---|---|
//! | `hit` | it was cached |
//! | `fwd=miss; detail=stored` | it was stored |
//! | `fwd=miss; stored; detail=computed` | it was computed for this request; with `collapsed`, for another one |
//! | `ttl=n` | it is fresh for n more seconds; below 0, it has been stale for so long |
//! | `detail=producer-failing` | it is stale, and whoever computes it fails |
//! | `detail=store-away` | the store cannot be asked for a newer one, or did not take this one |

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use base::kept::{Demand, Origin, Trouble};
use base::{Freshness, JobId, Kept};
use http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;

use crate::etag::joined;
use crate::headers::{CACHE_STATUS, FREIGHT_REFRESH_JOB};
use crate::{Accepted, Problem};

/// What the caller asks of an answer's age. A directive that is not understood is ignored, as RFC 9111 asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demanded(pub Demand);

impl Demanded {
    fn of(headers: &HeaderMap) -> Self {
        let mut demand = Demand::default();
        for directive in joined(headers, &CACHE_CONTROL).unwrap_or_default().split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let seconds = value.trim().trim_matches('"').parse().map(Duration::from_secs);
            match (name.trim().to_ascii_lowercase().as_str(), seconds) {
                // Not without asking whoever computes it.
                ("no-cache", _) => demand.age_max = Some(Duration::ZERO),
                ("max-age", Ok(most)) => demand.age_max = Some(demand.age_max.map_or(most, |age| age.min(most))),
                ("max-stale", Ok(most)) => demand.stale_max = Some(most),
                ("max-stale", Err(_)) if value.is_empty() => demand.stale_max = Some(Duration::MAX),
                ("only-if-cached", _) => demand.only_kept = true,
                _ => {}
            }
        }
        Self(demand)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Demanded {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::of(&parts.headers))
    }
}

/// An answer that is kept.
#[derive(Debug)]
pub struct Told(pub Kept);

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let Self(kept) = self;
        let at = kept.told_at;
        let told = [
            (ETAG, format!("\"{}\"", kept.tag)),
            (AGE, kept.freshness.age(at).as_secs().to_string()),
            (CACHE_CONTROL, control(&kept)),
            (CACHE_STATUS, status(&kept)),
        ];
        let job = kept.refresh.map(|job: JobId| (FREIGHT_REFRESH_JOB, job.to_string()));
        let mut response = ([(CONTENT_TYPE, "application/json")], kept.text).into_response();
        for (name, text) in told.into_iter().chain(job) {
            let (name, text): (HeaderName, String) = (name, text);
            if let Ok(value) = HeaderValue::from_str(&text) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// 202: a job computes the answer, which will be found where it was asked for.
#[derive(Debug)]
pub struct Queued {
    /// The job; it is durable.
    pub job: JobId,
    /// Where the answer will be found.
    pub at: String,
    /// What is told to people.
    pub detail: String,
}

impl IntoResponse for Queued {
    fn into_response(self) -> Response {
        let Self { job, at, detail } = self;
        let body = serde_json::json!({ "status_code": StatusCode::ACCEPTED.as_u16(), "detail": detail });
        let mut response = Accepted::at(at, body).into_response();
        if let Ok(job) = HeaderValue::from_str(&job.to_string()) {
            response.headers_mut().insert(FREIGHT_REFRESH_JOB, job);
        }
        response
    }
}

/// Who is allowed to see it was decided for one caller: no cache that several share may give it out.
fn control(kept: &Kept) -> String {
    let fresh = kept.freshness.staleness.map(|most| format!(", max-age={}", most.as_secs()));
    let (refreshed, failing) = (kept.while_refreshed.as_secs(), kept.if_failing.as_secs());
    format!("private{}, stale-while-revalidate={refreshed}, stale-if-error={failing}", fresh.unwrap_or_default())
}

fn status(kept: &Kept) -> String {
    let came = match (kept.origin, kept.trouble) {
        (Origin::Cache, _) => "hit",
        (Origin::Store, _) | (Origin::Computed, Some(_)) => "fwd=miss",
        (Origin::Joined, Some(_)) => "fwd=miss; collapsed",
        (Origin::Computed, None) => "fwd=miss; stored",
        (Origin::Joined, None) => "fwd=miss; stored; collapsed",
    };
    let detail = match (kept.trouble, kept.origin) {
        (Some(Trouble::Producer), _) => "; detail=producer-failing",
        (Some(Trouble::Store), _) => "; detail=store-away",
        (None, Origin::Cache) => "",
        (None, Origin::Store) => "; detail=stored",
        (None, Origin::Computed | Origin::Joined) => "; detail=computed",
    };
    let ttl = left(kept.freshness, kept.told_at).map(|left| format!("; ttl={left}")).unwrap_or_default();
    format!("freight; {came}{ttl}{detail}")
}

/// For how many seconds more it is fresh; `None` = for ever.
fn left(freshness: Freshness, at: Timestamp) -> Option<i64> {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Some(seconds(freshness.staleness?) - seconds(freshness.age(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_asks_is_read() {
        let asked = |text: &'static str| {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(text))]);
            let Demanded(demand) = Demanded::of(&headers);
            let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs());
            (seconds(demand.age_max), seconds(demand.stale_max), demand.only_kept)
        };
        for (text, meant) in [
            ("max-age=60", (Some(60), None, false)),
            ("MAX-AGE = \"60\" , max-stale=5", (Some(60), Some(5), false)),
            ("no-cache", (Some(0), None, false)),
            ("max-age=60, no-cache", (Some(0), None, false)),
            ("no-cache, max-age=60", (Some(0), None, false)),
            ("only-if-cached, max-stale", (None, Some(u64::MAX), true)),
            ("max-age=-1, max-stale=x, no-store, min-fresh=3, ,=", (None, None, false)),
        ] {
            assert_eq!(asked(text), meant, "{text}");
        }
        assert_eq!(Demanded::of(&HeaderMap::new()), Demanded::default());
    }

    #[test]
    fn an_answer_tells_its_age_and_how_it_came() {
        let at = Timestamp::from_second(1_000).unwrap();
        let kept = |age: i64, origin, trouble| {
            let computed_at = Some(Timestamp::from_second(1_000 - age).unwrap());
            Kept {
                text: "{}".into(),
                tag: "ab".to_owned(),
                freshness: Freshness { computed_at, staleness: Some(Duration::from_secs(600)) },
                told_at: at,
                while_refreshed: Duration::from_secs(60),
                if_failing: Duration::from_secs(3_600),
                origin,
                refresh: None,
                trouble,
            }
        };
        for (age, origin, trouble, status) in [
            (100, Origin::Cache, None, "freight; hit; ttl=500"),
            (700, Origin::Store, None, "freight; fwd=miss; ttl=-100; detail=stored"),
            (0, Origin::Computed, None, "freight; fwd=miss; stored; ttl=600; detail=computed"),
            (0, Origin::Joined, None, "freight; fwd=miss; stored; collapsed; ttl=600; detail=computed"),
            (700, Origin::Cache, Some(Trouble::Store), "freight; hit; ttl=-100; detail=store-away"),
            (700, Origin::Store, Some(Trouble::Producer), "freight; fwd=miss; ttl=-100; detail=producer-failing"),
            (0, Origin::Computed, Some(Trouble::Store), "freight; fwd=miss; ttl=600; detail=store-away"),
        ] {
            let response = Told(kept(age, origin, trouble)).into_response();
            let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("cache-status"), status);
            assert_eq!(header("age"), age.to_string());
            assert_eq!(header("etag"), "\"ab\"");
            let control = "private, max-age=600, stale-while-revalidate=60, stale-if-error=3600";
            assert_eq!(header("cache-control"), control);
        }
        let ever = Freshness { computed_at: None, staleness: None };
        let mut kept = kept(0, Origin::Cache, None);
        kept.freshness = ever;
        assert_eq!(status(&kept), "freight; hit");
        assert_eq!(control(&kept), "private, stale-while-revalidate=60, stale-if-error=3600");
    }

    #[test]
    fn a_job_that_computes_it_is_told() {
        let job: JobId = "0199c5a2-0000-7000-8000-000000000001".parse().unwrap();
        let (at, detail) = ("/v1/x".to_owned(), "Token x was queued.".to_owned());
        let response = Queued { job, at, detail }.into_response();
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!((response.status().as_u16(), header("location"), header("retry-after")), (202, "/v1/x", "1"));
        assert_eq!(header("freight-refresh-job"), job.to_string());
    }
}
