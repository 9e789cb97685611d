//! What a reader gives out, as an answer.

use axum::response::{IntoResponse, Response};
use base::{Ctx, Error};
use readthrough::Outcome;
use serde_json::json;
use web::{Accepted, Answer, Json, Told};

/// The answer; `absent` says that there is no such thing, and `queued` that it is being computed, in which
/// case the caller finds it `at` the same place.
pub(super) fn answer(ctx: &Ctx, outcome: Outcome, absent: &str, (queued, at): (String, String)) -> Answer<Response> {
    match outcome {
        Outcome::Kept(kept) => Ok(Told::at(ctx.now(), kept).into_response()),
        Outcome::Absent => Err(Error::not_found(absent).into()),
        Outcome::Queued(_) => {
            let body = json!({ "status_code": 202, "detail": queued });
            Ok(Accepted::at(at, Json(body).0).into_response())
        }
    }
}
