//! The whole of the HTTP interface: the kit, the routes of all services, the document.

use std::fmt;
use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use base::{Clock, Limiter, Store};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::auth::Authenticate;
use crate::config::Config;
use crate::cursor::CursorKey;
use crate::{Routes, edge};

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
}

/// The HTTP interface, ready to serve.
#[derive(Clone)]
pub struct App {
    router: axum::Router,
    document: Arc<OpenApi>,
}

impl App {
    /// An interface without any service yet.
    #[expect(clippy::new_ret_no_self, reason = "an App exists only when it is built")]
    pub fn new(kit: Kit) -> AppBuilder {
        AppBuilder { kit: Arc::new(kit), router: OpenApiRouter::default() }
    }

    /// The router, for serving in other ways than [`serve`](crate::serve()).
    pub fn router(&self) -> axum::Router {
        self.router.clone()
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

    /// Closes the interface.
    pub fn build(self) -> App {
        let (router, document) = self.router.split_for_parts();
        let router = router
            .fallback(edge::not_found)
            .method_not_allowed_fallback(edge::method_not_allowed)
            .layer(from_fn_with_state(self.kit, edge::edge));
        App { router, document: Arc::new(document) }
    }
}
