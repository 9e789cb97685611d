//! The endpoints under `/_sandbox/`, for the test that owns the sandbox. They are neither counted
//! nor recorded nor limited.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::stream;
use serde::Deserialize;

use crate::config::Behaviour;
use crate::desk::{Desk, defect};
use crate::journal::Stats;

pub(crate) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/_sandbox/config", get(config_get).put(config_put))
        .route("/_sandbox/reset", post(reset))
        .route("/_sandbox/journal", get(journal))
        .route("/_sandbox/stats", get(stats))
}

async fn config_get(State(desk): State<Arc<Desk>>) -> Json<Behaviour> {
    Json(desk.behaviour())
}

async fn config_put(State(desk): State<Arc<Desk>>, Json(behaviour): Json<Behaviour>) -> Response {
    match desk.behave(behaviour) {
        Ok(()) => Json(desk.behaviour()).into_response(),
        Err(error) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
    }
}

async fn reset(State(desk): State<Arc<Desk>>) -> Response {
    match desk.reset() {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => defect(&error),
    }
}

#[derive(Deserialize)]
struct From {
    from: Option<u64>,
}

async fn journal(State(desk): State<Arc<Desk>>, Query(asked): Query<From>) -> Response {
    match desk.journal_from(asked.from.unwrap_or(1)) {
        Ok(lines) => {
            let body = Body::from_stream(stream::iter(lines.into_iter().map(Ok::<_, std::convert::Infallible>)));
            let ndjson = HeaderValue::from_static("application/x-ndjson");
            ([(header::CONTENT_TYPE, ndjson)], body).into_response()
        }
        Err(oldest) => refuse(StatusCode::GONE, &format!("The oldest line kept is {oldest}")),
    }
}

async fn stats(State(desk): State<Arc<Desk>>) -> Json<Stats> {
    Json(desk.stats())
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(serde_json::json!({ "message": message }))).into_response()
}
