//! The engine as a whole: what it is made of, and what it is set to.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base::queue::{Ring, Topic};
use base::store::{Body, Field, StoreError, Write};
use base::{Clock, JobId, Queue, Result, Store, TaskId, TenantId, clock};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::broadcast;
use uuid::Uuid;

use crate::fresh::Fresh;
use crate::outbox::Outbox;
use crate::prune::Prune;
use crate::room::Room;
use crate::rows::task::{directory_key, topic_name};
use crate::schedule::Tick;
use crate::{Priority, Registry};

/// A mark in the directory of tenants with work is renewed at most this often by one process.
pub(crate) const MARK_EVERY: Duration = Duration::from_secs(20);

/// A tenant that has nothing stays in a directory this long after its last mark: twice what a
/// process may rely on a mark of its own.
pub(crate) const MARK_LASTS: Duration = Duration::from_secs(2 * MARK_EVERY.as_secs() + 20);

/// For at most so many days a tenant can have kept what is finished: ten years.
pub const RETENTION_DAYS_MAX: u32 = 3_650;

/// So many ends of jobs are kept for who waits for one; who is slower looks into the store.
const SETTLED_KEPT: usize = 256;

/// What the engine is set to. The defaults are right for one process on a laptop.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many tasks run at once in this process; 1 to 1,024.
    pub concurrency: usize,
    /// How long a lease lasts; its holder renews it at a third and gives it up at two thirds.
    pub lease: Duration,
    /// How often a running task looks whether its job was cancelled.
    pub heartbeat: Duration,
    /// How often the store is searched for tasks whose rings were lost.
    pub sweep: Duration,
    /// Whether no other process can use the store: then every lease of an earlier process is
    /// over when this one starts.
    pub exclusive: bool,
    /// What also waits in the outbox, for who takes it elsewhere.
    pub outbox: Outbox,
    /// What every random choice derives from, so that a simulation can be repeated; `None` draws it
    /// from the system.
    pub seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 64,
            lease: Duration::from_secs(30),
            heartbeat: Duration::from_secs(2),
            sweep: Duration::from_secs(1),
            exclusive: true,
            outbox: Outbox::default(),
            seed: None,
        }
    }
}

/// What a tenant may have; owned here, answered by whoever knows tenants.
#[async_trait]
pub trait Quotas: Send + Sync + 'static {
    /// How many of the tenant's jobs may run at once; 1 to 100.
    async fn running_jobs_max(&self, tenant: &TenantId) -> u32;
    /// How long finished jobs, their logs and dead letters are kept; at most [`RETENTION_DAYS_MAX`]. Who does
    /// not know it may not guess: what is removed too early does not come back.
    ///
    /// # Errors
    /// When it cannot be found out now.
    async fn retention(&self, tenant: &TenantId) -> Result<Duration>;
}

/// The same for every tenant.
#[derive(Clone, Copy, Debug)]
pub struct FixedQuotas {
    /// How many jobs run at once.
    pub running_jobs_max: u32,
    /// How long what is finished is kept.
    pub retention: Duration,
}

impl Default for FixedQuotas {
    fn default() -> Self {
        Self { running_jobs_max: 10, retention: Duration::from_secs(30 * 86_400) }
    }
}

#[async_trait]
impl Quotas for FixedQuotas {
    async fn running_jobs_max(&self, _tenant: &TenantId) -> u32 {
        self.running_jobs_max
    }

    async fn retention(&self, _tenant: &TenantId) -> Result<Duration> {
        Ok(self.retention)
    }
}

/// What the engine stands on.
pub struct Deps {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The doorbell.
    pub queue: Arc<dyn Queue>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What this process knows how to do.
    pub registry: Registry,
    /// What tenants may have.
    pub quotas: Arc<dyn Quotas>,
    /// How it is set.
    pub settings: Settings,
}

/// The durable engine. One for each process; any number of processes share a store.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registry: Registry,
    pub(crate) quotas: Arc<dyn Quotas>,
    pub(crate) settings: Settings,
    /// Names this process in leases.
    pub(crate) owner: String,
    /// What runs here now, and of which job.
    pub(crate) running: Mutex<HashMap<TaskId, Option<JobId>>>,
    /// Told whenever a job comes to its end in this process.
    pub(crate) settled: broadcast::Sender<JobId>,
    /// Tasks that wait until their kind's concurrency has room.
    pub(crate) room: Mutex<Room>,
    /// Tasks that were just enqueued here.
    pub(crate) fresh: Mutex<Fresh>,
    /// Tenants whose pruning task is known to exist.
    pub(crate) pruned: Mutex<HashSet<TenantId>>,
    marks: Mutex<HashMap<(&'static str, TenantId), Timestamp>>,
    /// Where ids, tokens and jitter come from.
    pub(crate) dice: Mutex<StdRng>,
}

impl Engine {
    /// Puts the engine together; nothing runs until
    /// [`workers_start`](crate::Engine::workers_start).
    pub fn new(deps: Deps) -> Arc<Self> {
        let mut registry = deps.registry;
        let mut dice = deps.settings.seed.map_or_else(|| StdRng::from_rng(&mut rand::rng()), StdRng::seed_from_u64);
        let owner = Uuid::from_u128(dice.random()).simple().to_string();
        Arc::new_cyclic(|engine| {
            registry.task(Arc::new(Tick(engine.clone())));
            registry.task(Arc::new(Prune(engine.clone())));
            Self {
                store: deps.store,
                queue: deps.queue,
                clock: deps.clock,
                registry,
                quotas: deps.quotas,
                settings: deps.settings,
                owner,
                running: Mutex::default(),
                settled: broadcast::Sender::new(SETTLED_KEPT),
                room: Mutex::default(),
                fresh: Mutex::default(),
                pruned: Mutex::default(),
                marks: Mutex::default(),
                dice: Mutex::new(dice),
            }
        })
    }

    /// The kinds this process knows.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// When something of this instant expires. Work waits for nobody's settings: where the retention is not
    /// known now, it is the longest that a tenant can ask for, since what is gone is gone.
    pub(crate) async fn expiry(&self, tenant: &TenantId, at: Timestamp) -> Timestamp {
        let retention = self.quotas.retention(tenant).await.unwrap_or_else(|error| {
            tracing::debug!(%error, %tenant, "the retention is not known now: it is taken for the longest");
            Duration::from_secs(86_400 * u64::from(RETENTION_DAYS_MAX))
        });
        clock::add(at, retention)
    }

    /// Makes sure that sweeps will look at this tenant. Called before an enqueue: a mark without
    /// work costs a look, work without a mark would wait for ever.
    pub(crate) async fn mark(&self, tenant: &TenantId, priority: Priority) -> Result<(), StoreError> {
        self.mark_in(topic_name(priority), tenant).await
    }

    /// Marks a tenant in one of the directories.
    pub(crate) async fn mark_in(&self, topic: &'static str, tenant: &TenantId) -> Result<(), StoreError> {
        let now = self.clock.now();
        let fresh = |at: &Timestamp| Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < MARK_EVERY);
        if lock(&self.marks).get(&(topic, tenant.clone())).is_some_and(fresh) {
            return Ok(());
        }
        let body = Body::default().with("marked", Field::Int(now.as_microsecond())).with("tenant", tenant.as_str());
        self.store.write(vec![Write::put(directory_key(topic, tenant), body)]).await?;
        lock(&self.marks).insert((topic, tenant.clone()), now);
        Ok(())
    }

    /// Rings for tasks that the store already holds. A bell that cannot be rung is no failure:
    /// the sweep finds them.
    pub(crate) async fn ring(
        &self,
        tenant: &TenantId,
        priority: Priority,
        tasks: impl IntoIterator<Item = (TaskId, Duration)>,
    ) {
        let rings: Vec<Ring> = tasks
            .into_iter()
            .filter(|(_, delay)| *delay <= base::queue::DELAY_MAX)
            .map(|(task, delay)| Ring { task, group: tenant.clone(), delay })
            .collect();
        if rings.is_empty() {
            return;
        }
        if let Err(error) = self.queue.send(&Topic::new(topic_name(priority)), rings).await {
            metrics::counter!("freight_rings_lost_total").increment(1);
            tracing::debug!(%error, "a ring was lost");
        }
    }

    /// An id that nobody else draws.
    pub(crate) fn random_id(&self) -> Uuid {
        Uuid::from_u128(lock(&self.dice).random())
    }

    /// How long from now until `at`; zero when it has passed.
    pub(crate) fn until(&self, at: Timestamp) -> Duration {
        Duration::try_from(at.duration_since(self.clock.now())).unwrap_or(Duration::ZERO)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("owner", &self.owner).field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// Locks a mutex whose holders cannot leave it half changed, so that poison says nothing.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
