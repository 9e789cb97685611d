//! The whole of the HTTP interface: the kit, the routes of all services, the document.

use std::fmt;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use base::{Clock, Limiter, Store};
use serde_json::Value;
use tokio::sync::Semaphore;
use tower::{ServiceExt, service_fn};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::auth::Authenticate;
use crate::config::Config;
use crate::cursor::CursorKey;
use crate::edge::Edge;
use crate::health::{Check, Health, Insight};
use crate::{Lifecycle, Routes, docs, edge, health, openapi};

/// What the HTTP kit is made of.
#[derive(Clone)]
pub struct Kit {
    /// Who knows the credentials.
    pub authenticate: Arc<dyn Authenticate>,
    /// Where the reservations of `Idempotency-Key` are kept.
    pub store: Arc<dyn Store>,
    /// Who counts requests.
    pub limiter: Arc<dyn Limiter>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Bounds and names.
    pub config: Config,
    /// Signs cursors; the same in all copies of the server.
    pub cursor_key: CursorKey,
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kit").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Gathers routes until it is built.
pub struct AppBuilder {
    kit: Arc<Kit>,
    router: OpenApiRouter,
    insight: Insight,
}

/// The HTTP interface, ready to serve.
#[derive(Clone)]
pub struct App {
    pub(crate) health: Health,
    router: axum::Router,
    document: Arc<OpenApi>,
}

impl App {
    /// An interface without any service yet.
    #[expect(clippy::new_ret_no_self, reason = "an App exists only when it is built")]
    pub fn new(kit: Kit) -> AppBuilder {
        AppBuilder { kit: Arc::new(kit), router: OpenApiRouter::default(), insight: Insight::default() }
    }

    /// The router, for serving in other ways than [`serve`](crate::serve()).
    pub fn router(&self) -> axum::Router {
        self.router.clone()
    }

    /// Health in full and metrics, without authorization: for a listener that only operators reach.
    pub fn ops_router(&self) -> axum::Router {
        enclose(health::ops_router(self.health.clone()), &self.health)
    }

    /// Whether it is stopping; for serving in other ways than [`serve`](crate::serve()).
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.health.lifecycle
    }

    /// The OpenAPI document.
    pub fn document(&self) -> &OpenApi {
        &self.document
    }
}

impl AppBuilder {
    /// Adds the routes of a service.
    #[must_use]
    pub fn mount(mut self, routes: Routes) -> Self {
        self.router = routes.install(self.router);
        self
    }

    /// Adds a part that `/health` asks.
    #[must_use]
    pub fn check(mut self, check: Arc<dyn Check>) -> Self {
        self.insight.checks.push(check);
        self
    }

    /// Says what `/metrics` answers, in the Prometheus text format.
    #[must_use]
    pub fn metrics(mut self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.insight.metrics = Some(Box::new(render));
        self
    }

    /// Says what `/health` tells operators of memory, disk and the like.
    #[must_use]
    pub fn vitals(mut self, vitals: impl Fn() -> Value + Send + Sync + 'static) -> Self {
        self.insight.vitals = Some(Box::new(vitals));
        self
    }

    /// Closes the interface.
    pub fn build(self) -> App {
        let Self { kit, router, insight } = self;
        let health = Health { kit, lifecycle: Lifecycle::default(), insight: Arc::new(insight) };
        let config = &health.kit.config;
        let (router, document) = health::routes(health.clone()).install(router).split_for_parts();
        let document = openapi::complete(document, config);
        let base_path = config.base_path.trim_end_matches('/').to_owned();
        let router = enclose(router.merge(docs::router(&document, &base_path)), &health);
        let router = if base_path.is_empty() { router } else { below(base_path, router) };
        App { health, router, document: Arc::new(document) }
    }
}

/// Puts the edge around a router.
fn enclose(router: axum::Router, health: &Health) -> axum::Router {
    let Health { kit, lifecycle, .. } = health.clone();
    let edge = Edge { places: Semaphore::new(kit.config.requests_max), kit, lifecycle };
    router
        .fallback(edge::not_found)
        .method_not_allowed_fallback(edge::method_not_allowed)
        .layer(from_fn_with_state(Arc::new(edge), edge::edge))
}

/// Takes a prefix off every path before anything looks at it. Paths without it are served too: a
/// health check behind the proxy does not know the prefix.
fn below(prefix: String, router: axum::Router) -> axum::Router {
    let service = service_fn(move |request: Request| router.clone().oneshot(stripped(request, &prefix)));
    axum::Router::new().fallback_service(service)
}

fn stripped(mut request: Request, prefix: &str) -> Request {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let rest = target.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let rest = match rest {
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        Some(rest) => format!("/{rest}"),
        None => return request,
    };
    let mut parts = request.uri().clone().into_parts();
    if let Ok(target) = rest.parse() {
        parts.path_and_query = Some(target);
        if let Ok(uri) = http::Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
