//! The whole service on memory, with an upstream of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::SystemClock;
use base::intercept::{Intercept, Intercepted};
use base::memory::{MemoryQueue, MemoryStore};
use base::store::{StoreError, Version, Write};
use base::{Clock, Ctx, Principal, RequestId, Scope, Scopes, Secret, Store, TenantId};
use ingest::model::{Name, Sizes};
use ingest::service::{Credential, Fetch};
use ingest::store::RECORDS;
use ingest::{Deps, Ingest, Settings};
use jobs::{Engine, FixedQuotas, Job, Policy, Registry, Workers};
use testkit::{Client, Doors};
use uuid::Uuid;

use crate::upstream::Upstream;

pub(crate) struct World {
    pub(crate) upstream: Upstream,
    pub(crate) store: Arc<Intercepted<Flaky>>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) ingest: Arc<Ingest>,
    clock: Arc<dyn Clock>,
    workers: Mutex<Option<Workers>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let upstream = Upstream::start().await;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = Arc::new(Intercepted::new(Arc::new(MemoryStore::new(clock.clone())), Flaky::default()));
        let mut settings = Settings::sandbox(&upstream.at.to_string()).unwrap();
        settings.credentials.push(Credential {
            tenant: "default".parse().unwrap(),
            name: "upstream".to_owned(),
            host: "127.0.0.1".to_owned(),
            value: Secret::new("s3cr3t-of-the-upstream".to_owned()),
        });
        let deps = Deps::new(store.clone(), clock.clone(), settings);
        let mut registry = Registry::default();
        ingest::register(&mut registry, &deps);
        let engine = Engine::new(jobs::Deps {
            store: store.clone(),
            queue: Arc::new(MemoryQueue::new(clock.clone())),
            clock: clock.clone(),
            registry,
            quotas: Arc::new(FixedQuotas::default()),
            settings: jobs::Settings::default(),
        });
        let ingest = Ingest::new(deps, engine.clone());
        let world = Self { upstream, store, ingest, clock, workers: Mutex::new(Some(engine.workers_start())), engine };
        // What failed is tried again at once.
        let at_once = Policy { initial_delay_s: 0, ..Policy::default() };
        world.engine.policy_put(&world.ctx(), ingest::jobs::FETCH, at_once).await.unwrap();
        world
    }

    /// A caller of the tenant `default` with every scope.
    pub(crate) fn ctx(&self) -> Ctx {
        ctx(&self.clock, "default")
    }

    /// Fetches a dataset and returns the job when it has ended.
    pub(crate) async fn fetch(&self, dataset: &str, calls: u32, size: u32) -> Job {
        let name: Name = dataset.parse().unwrap();
        let fetch = Fetch { calls, sizes: Sizes { min: size, max: size } };
        let started = self.ingest.fetch_start(&self.ctx(), &name, fetch).await.unwrap();
        self.ended(&started.job).await
    }

    /// The job when it has ended.
    pub(crate) async fn ended(&self, job: &Job) -> Job {
        let job = self.engine.job_wait(&job.tenant, job.id, Duration::from_secs(50)).await.unwrap().unwrap();
        assert!(job.status.is_final(), "{} after 50 s", job.status);
        job
    }

    /// All records of a dataset in order.
    pub(crate) async fn records(&self, dataset: &str) -> Vec<String> {
        let name: Name = dataset.parse().unwrap();
        let mut reading = self.ingest.record_scan(&self.ctx(), &name, None).await.unwrap();
        let mut records = Vec::new();
        while let Some(record) = reading.next().await.unwrap() {
            records.push(record);
        }
        records
    }

    /// Clients of a server in this process: all scopes, `ingest:read` alone, another tenant.
    pub(crate) fn clients(&self) -> [Client; 3] {
        let doors = Doors::of(&[
            ("admin", "default", &Scope::ALL),
            ("reader", "default", &[Scope::IngestRead]),
            ("stranger", "other", &Scope::ALL),
        ]);
        let kit = doors.kit(self.store.clone(), self.clock.clone());
        let client = Client::app(&web::App::new(kit).mount(self.ingest.routes()).build());
        ["admin", "reader", "stranger"].map(|key| client.with_key(key))
    }

    /// Stops the workers; nothing may be left behind.
    pub(crate) async fn stop(self) {
        let workers = self.workers.lock().unwrap().take().unwrap();
        assert!(workers.stop(Duration::from_secs(10)).await);
    }
}

pub(crate) fn ctx(clock: &Arc<dyn Clock>, tenant: &str) -> Ctx {
    let scopes: Scopes = Scope::ALL.into_iter().collect();
    let tenant: TenantId = tenant.parse().unwrap();
    Ctx::new(tenant, Principal::new("key:test"), scopes, RequestId::random(), clock.now(), Uuid::new_v4())
}

/// Refuses the next so many writes of records.
#[derive(Default)]
pub(crate) struct Flaky {
    refusing: AtomicUsize,
    refused: AtomicUsize,
}

impl Flaky {
    pub(crate) fn refuse(&self, writes: usize) {
        self.refusing.store(writes, Ordering::SeqCst);
    }

    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Intercept for Flaky {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        let records = writes.iter().any(|write| write.key.table == RECORDS);
        let one_less = |left: usize| left.checked_sub(1);
        if records && self.refusing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError::Unavailable("refused for the test".to_owned()));
        }
        inner.write(writes).await
    }
}
