//! The service on a kit in memory, with a clock that stands still, and a client for it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use base::clock::ManualClock;
use base::limiter::Policy;
use base::memory::{MemoryLimiter, MemoryStore};
use base::{Environment, Error, ErrorKind, Principal, Scope, Scopes, Secret, Store};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::Notify;
use tower::ServiceExt;
use web::{App, Authenticate, Config, Credential, Identity, Kit, Limits, Peer};

use crate::service::{self, Service};

/// A principal of AWS that may call.
pub(crate) const METER: &str = "arn:aws:iam::123456789012:user/meter";

/// Knows a few words as keys.
pub(crate) struct Words;

#[async_trait]
impl Authenticate for Words {
    async fn authenticate(&self, credential: &Credential, _: IpAddr, act_for: Option<&str>) -> base::Result<Identity> {
        let (Credential::ApiKey(word) | Credential::Bearer(word)) = credential;
        let all = Scopes::from_iter([Scope::IngestRead, Scope::IngestRun]);
        let minute = |limit| vec![Policy::new("data-minute", limit, Duration::from_secs(60))];
        let (tenant, scopes, limits) = match word.expose().as_str() {
            "good" | "colleague" | "remembered" => ("one", all, Limits::default()),
            "other" => ("two", all, Limits::default()),
            "reader" => ("one", Scopes::default().with(Scope::IngestRead), Limits::default()),
            "slow" => ("three", all, Limits::default().with("data", minute(3))),
            "session-1" | "session-2" => ("public", all, Limits::default().with("data", minute(2)).by_principal()),
            "ops" => (act_for.unwrap_or("system"), Scopes::default().with(Scope::OpsRead), Limits::default()),
            "broken" => return Err(Error::unavailable("the keys cannot be read")),
            _ => return Err(Error::new(ErrorKind::Unauthenticated, "Invalid API key")),
        };
        Ok(Identity {
            tenant: tenant.parse()?,
            principal: Principal::new(format!("key:{}", word.expose())),
            scopes,
            environment: Environment::Live,
            limits,
            cors_origins: Arc::new(["https://one.example".to_owned()]),
            remembered: word.expose() == "remembered",
        })
    }

    async fn authenticate_arn(&self, arn: &str, _: Option<&str>) -> base::Result<Identity> {
        if arn != METER {
            return Err(Error::new(ErrorKind::Unauthenticated, "Unknown principal"));
        }
        let (scopes, limits) = (Scopes::default().with(Scope::IngestRead), Limits::default());
        let principal = Principal::new("iam:meter");
        Ok(Identity {
            tenant: "one".parse()?,
            principal,
            scopes,
            environment: Environment::Live,
            limits,
            cors_origins: Arc::default(),
            remembered: false,
        })
    }

    fn origins(&self) -> Arc<[String]> {
        Arc::new(["https://one.example".to_owned(), "https://two.example".to_owned()])
    }
}

/// A server, and what a test may look at.
pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) clock: ManualClock,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) runs: Arc<AtomicUsize>,
    pub(crate) begun: Arc<Notify>,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The fields that a problem names.
    pub(crate) fn fields(&self) -> Vec<String> {
        let json = self.json();
        let details = json["details"].as_array().unwrap();
        details.iter().map(|detail| detail["field"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn server() -> Server {
    server_with(Config::default())
}

pub(crate) fn server_with(config: Config) -> Server {
    server_over(config, |store| store)
}

/// A server whose store is seen through `through`.
pub(crate) fn server_over(config: Config, through: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Server {
    let clock = ManualClock::at("2026-11-22T10:00:00Z".parse().unwrap());
    let store = through(Arc::new(MemoryStore::new(Arc::new(clock.clone()))));
    let service = Service { store: Arc::clone(&store), runs: Arc::default(), begun: Arc::default() };
    let kit = Kit {
        authenticate: Arc::new(Words),
        store: Arc::clone(&store),
        limiter: Arc::new(MemoryLimiter::new(Arc::new(clock.clone()))),
        clock: Arc::new(clock.clone()),
        config,
        cursor_key: Secret::new([7; 32]),
    };
    let (runs, begun) = (Arc::clone(&service.runs), Arc::clone(&service.begun));
    let app = App::new(kit).mount(service::routes(service)).mount(service::carts()).build();
    Server { app, clock, store, runs, begun }
}

/// A request with a host, as every one that comes over a socket has.
pub(crate) fn request(method: &str, target: &str) -> http::request::Builder {
    Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(target).header("host", "localhost")
}

impl Server {
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        send(self.app.router(), request).await
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.send(request("GET", target).header("x-api-key", "good").body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get_as(&self, key: &str, target: &str) -> Reply {
        self.send(request("GET", target).header("x-api-key", key).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let request = request("POST", target).header("x-api-key", "good").header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

/// Sends a request and takes the whole answer.
pub(crate) async fn send(router: axum::Router, mut request: Request<Body>) -> Reply {
    let here = SocketAddr::from(([127, 0, 0, 1], 40_000));
    request.extensions_mut().get_or_insert_with(|| Peer(here));
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Reply { status: parts.status, headers: parts.headers, body }
}

/// The request as it comes from this address.
pub(crate) fn from(address: &str, mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().insert(Peer(SocketAddr::new(address.parse().unwrap(), 40_000)));
    request
}
