//! Whether the server lives, is ready, and how its parts are.
//!
//! `/livez` asks nothing of anybody: it is about this process. `/readyz` asks the parts without
//! which nothing works, and says no first of all when the server stops. `/health` names every
//! part; why one fails, and the machine's vitals, only callers with `ops:read` may read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::{Clock, Error, ErrorKind, Scope};
use futures::future::join_all;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::limits::Class;
use crate::scope::{Anyone, OpsRead, Optional};
use crate::{Answer, Caller, Kit, Lifecycle, Problem, Routes, route};

/// A part that does not answer within this time is not well.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// A part of the server that can say how it is.
#[async_trait]
pub trait Check: Send + Sync + 'static {
    /// Its name: `database`, `queue`, `cache`, `workers`.
    fn name(&self) -> &'static str;

    /// Whether the server works without it, if slower: then it degrades instead of failing.
    fn is_optional(&self) -> bool {
        false
    }

    /// Whether it works now. The members are for operators, beside its status.
    ///
    /// # Errors
    /// Why it does not.
    async fn check(&self) -> base::Result<Map<String, Value>>;
}

/// What the health routes are made of.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) kit: Arc<Kit>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) insight: Arc<Insight>,
}

/// What the server can be asked about itself.
#[derive(Default)]
pub(crate) struct Insight {
    pub(crate) checks: Vec<Arc<dyn Check>>,
    pub(crate) metrics: Option<Box<dyn Fn() -> String + Send + Sync>>,
    pub(crate) vitals: Option<Box<dyn Fn() -> Value + Send + Sync>>,
}

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// It works.
    Healthy,
    /// It works, if slower.
    Degraded,
    /// It does not work.
    Unhealthy,
}

#[derive(Debug, Serialize, ToSchema)]
struct Alive {
    /// Always `alive`.
    status: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
struct Ready {
    /// Always `ready`.
    status: &'static str,
}

/// How the server and its parts are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
struct Report {
    /// The worst that a part says.
    status: Status,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    timestamp: jiff::Timestamp,
    /// The program's version.
    version: String,
    /// Each part.
    checks: BTreeMap<&'static str, Part>,
    /// Memory, disk and the like, for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    vitals: Option<Value>,
}

/// How one part is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthCheck)]
struct Part {
    /// How well.
    status: Status,
    /// How long it took to find out.
    response_time_ms: f64,
    /// Why it is not well, for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What else it says, for operators.
    #[serde(flatten)]
    details: Map<String, Value>,
}

pub(crate) fn routes(health: Health) -> Routes {
    Routes::new("health")
        .add(route!(livez).limits(Class::Free))
        .add(route!(readyz).limits(Class::Free))
        .add(route!(health_get).limits(Class::Free))
        .add(route!(metrics_get).limits(Class::Free))
        .with_state(health)
}

/// The same without authorization, everything told: for a listener that only operators reach.
pub(crate) fn ops_router(health: Health) -> axum::Router {
    use axum::routing::get;
    axum::Router::new()
        .route("/livez", get(async || alive()))
        .route("/readyz", get(async |State(health): State<Health>| health.ready().await))
        .route("/health", get(async |State(health): State<Health>| health.answer(true).await))
        .route("/metrics", get(async |State(health): State<Health>| health.metrics()))
        .with_state(health)
}

/// Whether the process lives.
#[utoipa::path(get, path = "/livez", responses((status = 200, body = Alive)))]
async fn livez(_caller: Caller<Anyone>) -> Json<Alive> {
    alive()
}

/// Whether requests can be served.
#[utoipa::path(get, path = "/readyz", responses((status = 200, body = Ready)))]
async fn readyz(_caller: Caller<Anyone>, State(health): State<Health>) -> Answer<Json<Ready>> {
    health.ready().await
}

/// How the server and its parts are.
#[utoipa::path(get, path = "/health", responses(
    (status = 200, body = Report, description = "Healthy, or degraded"),
    (status = 503, body = Report, description = "Unhealthy")
))]
async fn health_get(caller: Caller<Optional>, State(health): State<Health>) -> Response {
    health.answer(caller.scopes.contains(Scope::OpsRead)).await
}

/// Counts and times in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String, content_type = "text/plain")))]
async fn metrics_get(_caller: Caller<OpsRead>, State(health): State<Health>) -> Answer<Response> {
    health.metrics()
}

fn alive() -> Json<Alive> {
    Json(Alive { status: "alive" })
}

impl Health {
    async fn ready(&self) -> Answer<Json<Ready>> {
        if self.lifecycle.is_stopping() {
            return Err(Error::new(ErrorKind::Unavailable, "The server is stopping").into());
        }
        let needed = self.insight.checks.iter().filter(|check| !check.is_optional());
        let parts = join_all(needed.map(|check| examine(&self.kit.clock, check.as_ref()))).await;
        match parts.into_iter().find_map(|part| part.error) {
            None => Ok(Json(Ready { status: "ready" })),
            Some(error) => {
                Err(Error::new(ErrorKind::Unavailable, "A part of the server is not ready").with_internal(error).into())
            }
        }
    }

    async fn answer(&self, tell_all: bool) -> Response {
        let parts = join_all(self.insight.checks.iter().map(|check| examine(&self.kit.clock, check.as_ref()))).await;
        let names = self.insight.checks.iter().map(|check| check.name());
        let mut checks: BTreeMap<_, _> = names.zip(parts).collect();
        let any = |status| checks.values().any(|part| part.status == status);
        let status = match (any(Status::Unhealthy), any(Status::Degraded)) {
            (true, _) => Status::Unhealthy,
            (false, true) => Status::Degraded,
            (false, false) => Status::Healthy,
        };
        if !tell_all {
            checks.values_mut().for_each(Part::keep_quiet);
        }
        let vitals = self.insight.vitals.as_ref().filter(|_| tell_all).map(|vitals| vitals());
        let version = self.kit.config.version.clone();
        let code = if status == Status::Unhealthy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        let report = Report { status, timestamp: self.kit.clock.now(), version, checks, vitals };
        (code, [(CACHE_CONTROL, "no-store")], Json(report)).into_response()
    }

    fn metrics(&self) -> Answer<Response> {
        let render = self.insight.metrics.as_ref();
        let render = render.ok_or_else(|| Problem::from(Error::not_found("No metrics are kept")))?;
        Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render()).into_response())
    }
}

impl Part {
    fn keep_quiet(&mut self) {
        self.error = None;
        self.details.clear();
    }
}

async fn examine(clock: &Arc<dyn Clock>, check: &dyn Check) -> Part {
    let started = clock.monotonic();
    let result = tokio::select! {
        biased;
        result = check.check() => result,
        () = clock.sleep(CHECK_TIMEOUT) => Err(Error::unavailable("no answer in time")),
    };
    let response_time_ms = clock.monotonic().saturating_sub(started).as_secs_f64() * 1_000.0;
    match result {
        Ok(details) => Part { status: Status::Healthy, response_time_ms, error: None, details },
        Err(error) => {
            let status = if check.is_optional() { Status::Degraded } else { Status::Unhealthy };
            Part { status, response_time_ms, error: Some(error.to_string()), details: Map::new() }
        }
    }
}
