//! Everything that a case needs, over any store.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base::memory::MemoryLimiter;
use base::{
    Clock, Ctx, Environment, Error, ErrorKind, JobId, Principal, Queue, RequestId, Result, Scope, Scopes, Store,
    TenantId,
};
use jobs::{Engine, FixedQuotas, Job, NewJob, Registry, Settings};
use testkit::Client;
use uuid::Uuid;
use web::{App, Authenticate, Config, Credential, CursorKey, Identity, Kit, Limits};

use super::toy::{Switch, Toy, ToyKind};
use crate::{Act, Audit, Deps, Export, Operations};

/// A job may take this long, on a machine that does much else.
const WAIT: Duration = Duration::from_secs(60);

/// An engine with toys, this service before it, and callers.
pub struct Stage {
    /// The engine; its workers are the caller's to start.
    pub engine: Arc<Engine>,
    /// The service.
    pub operations: Arc<Operations>,
    /// The HTTP interface.
    pub app: App,
    /// What was audited.
    pub audit: Arc<Remembered>,
    /// What the toys do.
    pub switch: Arc<Switch>,
    clock: Arc<dyn Clock>,
}

impl Stage {
    /// The kind of jobs that holders of `ingest:read` see.
    pub const FETCH: &'static str = "toy.fetch";
    /// The kind of jobs that holders of `carts:read` see.
    pub const COMBINE: &'static str = "toy.combine";

    /// A stage over a store and a queue.
    pub fn over(store: Arc<dyn Store>, queue: Arc<dyn Queue>, clock: Arc<dyn Clock>) -> Self {
        Self::exporting(store, queue, clock, &Export::new(None, None, WAIT))
    }

    /// The same, with somebody who takes lines or letters elsewhere; to be started by the caller.
    pub fn exporting(
        store: Arc<dyn Store>,
        queue: Arc<dyn Queue>,
        clock: Arc<dyn Clock>,
        export: &Arc<Export>,
    ) -> Self {
        let switch = Arc::new(Switch::default());
        let mut registry = Registry::default();
        for (name, scope) in [(Self::FETCH, Scope::IngestRead), (Self::COMBINE, Scope::CartsRead)] {
            registry.job(Arc::new(ToyKind { name, scope, switch: Arc::clone(&switch) }));
        }
        export.register(&mut registry);
        let engine = Engine::new(jobs::Deps {
            store: Arc::clone(&store),
            queue,
            clock: Arc::clone(&clock),
            registry,
            quotas: Arc::new(FixedQuotas::default()),
            settings: Settings { outbox: export.outbox(), ..Settings::default() },
        });
        let audit = Arc::new(Remembered::default());
        let operations = Operations::new(Deps {
            engine: Arc::clone(&engine),
            audit: Arc::clone(&audit) as Arc<dyn Audit>,
            clock: Arc::clone(&clock),
        });
        let kit = Kit {
            authenticate: Arc::new(Names),
            store,
            limiter: Arc::new(MemoryLimiter::new(Arc::clone(&clock))),
            clock: Arc::clone(&clock),
            config: Config::default(),
            cursor_key: CursorKey::new([7; 32]),
        };
        let app = App::new(kit).mount(operations.routes()).build();
        Self { engine, operations, app, audit, switch, clock }
    }

    /// A caller in a tenant: `operator`, `reader`, `fetcher`, `combiner`, `nobody` or `platform`.
    pub fn client(&self, tenant: &str, role: &str) -> Client {
        Client::app(&self.app).with_key(&format!("{tenant}:{role}"))
    }

    /// What a request of such a caller carries.
    pub fn ctx(&self, tenant: &str, role: &str) -> Ctx {
        let (tenant, id) = (tenant.parse().expect("a tenant"), RequestId::random());
        let scopes = scopes(role).expect("a role");
        let now = self.clock.now();
        Ctx::new(tenant, Principal::new(format!("key:{role}")), scopes, id, now, Uuid::new_v4())
    }

    /// Makes a job of these batches.
    pub async fn make(&self, tenant: &str, kind: &'static str, toys: &[Toy]) -> JobId {
        let params = serde_json::to_string(toys).expect("JSON");
        let new = NewJob::new(kind, params);
        self.engine.job_enqueue(&self.ctx(tenant, "operator"), new).await.expect("a job").job.id
    }

    /// The job, when it has settled.
    pub async fn settled(&self, tenant: &str, id: JobId) -> Job {
        let tenant: TenantId = tenant.parse().expect("a tenant");
        let job = self.engine.job_wait(&tenant, id, WAIT).await.expect("the store");
        let job = job.expect("the job");
        assert!(job.settled, "the job did not settle: {job:?}");
        job
    }

    /// Makes a job and waits until it has settled.
    pub(super) async fn made(&self, tenant: &str, kind: &'static str, toys: &[Toy]) -> Job {
        let id = self.make(tenant, kind, toys).await;
        self.settled(tenant, id).await
    }
}

/// An audit that can be looked at.
#[derive(Debug, Default)]
pub struct Remembered(Mutex<Vec<(TenantId, Act)>>);

impl Remembered {
    /// The acts of a tenant, as `action subject`, in the order they were done.
    pub fn of(&self, tenant: &str) -> Vec<String> {
        let acts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = acts.iter().filter(|(of, _)| of.as_str() == tenant);
        own.map(|(_, act)| format!("{} {}", act.action, act.subject)).collect()
    }
}

#[async_trait]
impl Audit for Remembered {
    async fn record(&self, ctx: &Ctx, act: Act) -> Result<()> {
        let mut acts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        acts.push((ctx.tenant.clone(), act));
        Ok(())
    }
}

/// Believes every key: it is the tenant's name and a role.
struct Names;

#[async_trait]
impl Authenticate for Names {
    async fn authenticate(&self, credential: &Credential, _source: IpAddr, _act_for: Option<&str>) -> Result<Identity> {
        let (Credential::ApiKey(text) | Credential::Bearer(text)) = credential;
        let unknown = || Error::new(ErrorKind::Unauthenticated, "Invalid API key");
        let (tenant, role) = text.expose().split_once(':').ok_or_else(unknown)?;
        Ok(Identity {
            tenant: tenant.parse()?,
            principal: Principal::new(format!("key:{role}")),
            scopes: scopes(role).ok_or_else(unknown)?,
            environment: Environment::Live,
            limits: Limits::default().with("control", Vec::new()),
            cors_origins: Arc::default(),
            remembered: false,
        })
    }
}

fn scopes(role: &str) -> Option<Scopes> {
    let scopes: &[Scope] = match role {
        "operator" => &[Scope::JobsRead, Scope::JobsWrite],
        "reader" => &[Scope::JobsRead],
        "fetcher" => &[Scope::IngestRead],
        "combiner" => &[Scope::CartsRead],
        "nobody" => &[],
        "platform" => &[Scope::OpsRead],
        _ => return None,
    };
    Some(scopes.iter().copied().collect())
}
