//! An issuer that publishes its keys over HTTP, counts who asks, and is away when told to be.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What is published. Clones share it.
#[derive(Clone)]
pub(crate) struct Published(Arc<Inner>);

struct Inner {
    at: String,
    keys: Mutex<Vec<Value>>,
    asked: AtomicU64,
    away: AtomicBool,
}

impl Published {
    pub(crate) async fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let (keys, asked, away) = (Mutex::default(), AtomicU64::new(0), AtomicBool::new(false));
        let published = Self(Arc::new(Inner { at, keys, asked, away }));
        let router = Router::new().route("/keys", get(answer)).with_state(published.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        published
    }

    pub(crate) fn name(&self) -> String {
        format!("{}/pool", self.0.at)
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/keys", self.0.at)
    }

    pub(crate) fn set(&self, keys: &[Value]) {
        *self.0.keys.lock().unwrap() = keys.to_vec();
    }

    pub(crate) fn away(&self, away: bool) {
        self.0.away.store(away, Ordering::Relaxed);
    }

    pub(crate) fn asked(&self) -> u64 {
        self.0.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn key(&self, kid: &str) -> Option<Value> {
        self.0.keys.lock().unwrap().iter().find(|key| key["kid"] == kid).cloned()
    }
}

async fn answer(State(published): State<Published>) -> Result<Json<Value>, StatusCode> {
    published.0.asked.fetch_add(1, Ordering::Relaxed);
    match published.0.away.load(Ordering::Relaxed) {
        true => Err(StatusCode::BAD_GATEWAY),
        false => Ok(Json(json!({ "keys": *published.0.keys.lock().unwrap() }))),
    }
}
