//! Registration: the only way a handler gets a path.
//!
//! [`route!`](crate::route) takes the handler and what `#[utoipa::path]` wrote beside it; from the
//! handler's own signature come the requirement ([`Authorized`]) and from the annotation the
//! method, the path and the parameters. A [`Route`] can then be told about limits, bodies and
//! replay; [`Routes`] gathers those of one service. Nothing is a router until the state is known,
//! so that a setting of the whole service applies wherever it stands in the chain.

use std::sync::Arc;
use std::time::Duration;

use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::MethodRouter;
use base::limiter::Policy;
use jiff::Timestamp;
use utoipa::__dev::SchemaReferences;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn};
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::PathItemExt;
use utoipa_axum::router::OpenApiRouter;

use crate::caller::Authorized;
use crate::error::Mapping;
use crate::gate::gate;
use crate::limits::Class;
use crate::scope::{Access, ScopeMarker};

/// At most this many bytes of JSON, decompressed.
pub const JSON_BYTES_MAX: u64 = 2 << 20;

/// What a repeated request with the same `Idempotency-Key` is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// The stored answer; one over 256 KB is computed again.
    #[default]
    Stored,
    /// Computed again from the same clock reading and seed; nothing of the answer is stored.
    Recomputed,
    /// The status alone: the body held a secret that is shown once.
    StatusOnly,
    /// The header has no effect: not even a hash of the request is kept, since it holds a password.
    Ignored,
}

/// A path that will go away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retired {
    pub(crate) since: Timestamp,
    pub(crate) sunset: Timestamp,
}

/// What the gate knows about a route.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) access: Access,
    pub(crate) path: String,
    pub(crate) post: bool,
    pub(crate) query: Vec<String>,
    pub(crate) class: Class,
    pub(crate) policies: Vec<Policy>,
    pub(crate) body_max: u64,
    pub(crate) streaming: bool,
    /// Whether who is known from memory may call it.
    pub(crate) kept: bool,
    pub(crate) replay: Replay,
    pub(crate) retired: Option<Retired>,
    pub(crate) mapping: Mapping,
}

impl Spec {
    /// Whether an `Idempotency-Key` has an effect here.
    pub(crate) fn heeds_keys(&self) -> bool {
        self.post && self.replay != Replay::Ignored
    }
}

type Schemas = Vec<(String, RefOr<Schema>)>;
type Install<S> = Box<dyn FnOnce(Arc<Spec>) -> MethodRouter<S> + Send>;

/// One handler with its path, its requirement and its bounds.
pub struct Route<S> {
    spec: Spec,
    method: HttpMethod,
    operation: Operation,
    schemas: Schemas,
    install: Install<S>,
}

/// Makes a [`Route`] of a handler that is annotated with `#[utoipa::path]`.
#[macro_export]
macro_rules! route {
    (@ [$($head:ident)*] $handler:ident) => {
        $crate::paste! { $crate::Route::new::<$($head ::)* [<__path_ $handler>], _, _>($($head ::)* $handler) }
    };
    (@ [$($head:ident)*] $next:ident :: $($rest:tt)+) => {
        $crate::route!(@ [$($head)* $next] $($rest)+)
    };
    ($($path:tt)+) => { $crate::route!(@ [] $($path)+) };
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// Use [`route!`](crate::route): `P` is what `#[utoipa::path]` wrote for `handler`.
    pub fn new<P, H, T>(handler: H) -> Self
    where
        P: utoipa::Path + SchemaReferences,
        H: Handler<T, S>,
        T: Authorized + 'static,
    {
        let operation = P::operation();
        let mut schemas = Schemas::new();
        P::schemas(&mut schemas);
        let method = P::methods().into_iter().next().unwrap_or(HttpMethod::Get);
        let filter = method.to_method_filter();
        let query = operation.parameters.iter().flatten().filter_map(query_name).collect();
        let spec = Spec {
            access: <T::Marker as ScopeMarker>::ACCESS,
            path: P::path(),
            post: method == HttpMethod::Post,
            query,
            class: Class::default(),
            policies: Vec::new(),
            body_max: JSON_BYTES_MAX,
            streaming: false,
            kept: false,
            replay: Replay::default(),
            retired: None,
            mapping: Mapping::new(),
        };
        let install =
            move |spec: Arc<Spec>| MethodRouter::new().on(filter, handler).route_layer(from_fn_with_state(spec, gate));
        Self { spec, method, operation, schemas, install: Box::new(install) }
    }

    /// Which limits apply; `Class::Control` unless said.
    #[must_use]
    pub fn limits(mut self, class: Class) -> Self {
        self.spec.class = class;
        self
    }

    /// A policy of its own, beside those of its class.
    #[must_use]
    pub fn policy(mut self, name: &'static str, limit: u32, window: Duration) -> Self {
        self.spec.policies.push(Policy::new(name, limit, window));
        self
    }

    /// At most this many bytes of body, decompressed; 2 MiB unless said.
    #[must_use]
    pub fn body_max(mut self, bytes: u64) -> Self {
        self.spec.body_max = bytes;
        self
    }

    /// No total deadline: the route takes or sends a stream, bounded by progress instead.
    #[must_use]
    pub fn streaming(mut self) -> Self {
        self.spec.streaming = true;
        self
    }

    /// What a repeat with the same `Idempotency-Key` is answered; `Replay::Stored` unless said.
    #[must_use]
    pub fn replay(mut self, replay: Replay) -> Self {
        self.spec.replay = replay;
        self
    }

    /// It reads answers that are kept, and has them computed: so it can be called by who is known from memory
    /// while the store is away (see [`Identity::remembered`](crate::Identity)).
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.spec.kept = true;
        self
    }

    /// The path is retired since `since` and goes away at `sunset`.
    #[must_use]
    pub fn retired(mut self, since: Timestamp, sunset: Timestamp) -> Self {
        self.spec.retired = Some(Retired { since, sunset });
        self.operation.deprecated = Some(utoipa::openapi::Deprecated::True);
        self
    }
}

fn query_name(parameter: &RefOr<utoipa::openapi::path::Parameter>) -> Option<String> {
    match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name.clone()),
        _ => None,
    }
}

/// The routes of one service.
pub struct Routes<S = ()> {
    tag: &'static str,
    mapping: Mapping,
    either_slash: bool,
    routes: Vec<Route<S>>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet; `tag` groups them in the document.
    pub fn new(tag: &'static str) -> Self {
        Self { tag, mapping: Mapping::new(), either_slash: false, routes: Vec::new() }
    }

    /// Adds a route.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "it is not arithmetic, and no other word is as plain")]
    pub fn add(mut self, route: Route<S>) -> Self {
        self.routes.push(route);
        self
    }

    /// How all of these routes answer failures.
    #[must_use]
    pub fn mapping(mut self, mapping: Mapping) -> Self {
        self.mapping = mapping;
        self
    }

    /// All of these paths are also there with a slash more at their end, or with one less. The document
    /// names them as they were given.
    #[must_use]
    pub fn either_slash(mut self) -> Self {
        self.either_slash = true;
        self
    }

    /// Gives the handlers their `State`.
    pub fn with_state(self, state: S) -> Routes<()> {
        let Self { tag, mapping, either_slash, routes } = self;
        let routes = routes.into_iter().map(|route| route.with_state(state.clone())).collect();
        Routes { tag, mapping, either_slash, routes }
    }
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    fn with_state(self, state: S) -> Route<()> {
        let Self { spec, method, operation, schemas, install } = self;
        Route { spec, method, operation, schemas, install: Box::new(move |spec| install(spec).with_state(state)) }
    }
}

impl Routes<()> {
    /// Adds these routes to a router and its document.
    pub(crate) fn install(self, mut router: OpenApiRouter) -> OpenApiRouter {
        for mut route in self.routes {
            route.spec.mapping = self.mapping.clone();
            let mut operation = route.operation;
            operation.tags = Some(vec![self.tag.to_owned()]);
            crate::openapi::describe(&mut operation, &route.spec, route.method != HttpMethod::Get);
            let spec = Arc::new(route.spec);
            let mut paths = utoipa::openapi::path::Paths::new();
            paths.add_path_operation(&spec.path, vec![route.method], operation);
            let other = self.either_slash.then(|| other_slash(&spec.path));
            let handler = (route.install)(spec);
            if let Some(other) = other {
                router = router.route(&other, handler.clone());
            }
            router = router.routes((route.schemas, paths, handler));
        }
        router
    }
}

/// The path with a slash at its end if it has none, else without it.
fn other_slash(path: &str) -> String {
    path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned)
}
