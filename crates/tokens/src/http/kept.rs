//! What a reader gives out, as an answer.

use axum::response::{IntoResponse, Response};
use base::Error;
use readthrough::Outcome;
use web::{Answer, Queued, Told};

/// The answer; `absent` says that there is no such thing, and `queued` that it is being computed, in which
/// case the caller finds it `at` the same place.
pub(super) fn answer(outcome: Outcome, absent: &str, (queued, at): (String, String)) -> Answer<Response> {
    match outcome {
        Outcome::Kept(kept) => Ok(Told(kept).into_response()),
        Outcome::Absent => Err(Error::not_found(absent).into()),
        Outcome::Queued(job) => Ok(Queued { job, at, detail: queued }.into_response()),
    }
}
