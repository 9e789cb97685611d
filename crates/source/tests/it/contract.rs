//! The contract over HTTP, on memory.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use base::clock::SystemClock;
use base::memory::{MemoryLimiter, MemoryStore};
use base::{Clock, Principal, Scope, Secret, Store};
use source::contract::{Callers, cases, largest};
use testkit::Client;
use web::{Authenticate, Identity, Kit};

use crate::world::service;

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_memory() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(clock.clone()));
    let (source, engine) = service(store.clone(), clock.clone());
    let workers = engine.workers_start();
    let kit = Kit {
        authenticate: Arc::new(Doors),
        store,
        limiter: Arc::new(MemoryLimiter::new(clock.clone())),
        clock,
        config: web::Config::default(),
        cursor_key: Secret::new([7; 32]),
    };
    let client = Client::app(&web::App::new(kit).mount(source.routes()).build());
    let [admin, writer, reader, stranger] = ["admin", "writer", "reader", "stranger"].map(|key| client.with_key(key));
    let callers = Callers { admin, writer, reader, stranger };
    cases(&callers).await;
    largest(&callers).await;
    assert!(workers.stop(std::time::Duration::from_secs(10)).await);
}

/// Knows four keys.
struct Doors;

#[async_trait]
impl Authenticate for Doors {
    async fn authenticate(&self, credential: &web::Credential, _: IpAddr, _: Option<&str>) -> base::Result<Identity> {
        let (web::Credential::ApiKey(key) | web::Credential::Bearer(key)) = credential;
        let (tenant, scopes): (&str, &[Scope]) = match key.expose().as_str() {
            "admin" => ("default", &Scope::ALL),
            "writer" => ("default", &[Scope::SourceWrite]),
            "reader" => ("default", &[Scope::SourceRead]),
            "stranger" => ("other", &Scope::ALL),
            _ => return Err(base::Error::new(base::ErrorKind::Unauthenticated, "Unknown key")),
        };
        Ok(Identity {
            tenant: tenant.parse()?,
            principal: Principal::new(format!("key:{}", key.expose())),
            scopes: scopes.iter().copied().collect(),
            limits: web::Limits::default().with("control", Vec::new()),
            cors_origins: Arc::default(),
            remembered: false,
        })
    }
}
