//! A store, a queue, a clock, and kinds that do as their payload says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::ManualClock;
use base::memory::{MemoryQueue, MemoryStore};
use base::store::{Item, Key, Query, Table, Write};
use base::{Clock, Ctx, JobId, Principal, Queue, RequestId, Scope, Scopes, Store, StoreExt as _, TenantId};
use jobs::{
    Class, Deps, Done, Engine, Failure, FixedQuotas, Job, JobKind, NewBatch, NewJob, Plan, Policy, Quotas, Registry,
    Run, Settings, Stream, Tally, TaskKind, Workers,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) const EFFECTS: Table = Table("effects");

/// What one batch of a toy job is to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Toy {
    /// Names the effect.
    pub(crate) name: String,
    pub(crate) records: i64,
    /// Fail transiently in so many first attempts.
    pub(crate) flaky: u32,
    pub(crate) permanent: bool,
    pub(crate) fatal: bool,
    /// Wait for a permit of the world's gate.
    pub(crate) gated: bool,
    /// Rate-limited in the first run.
    pub(crate) limited_s: Option<u64>,
}

impl Toy {
    pub(crate) fn named(name: impl ToString, records: i64) -> Self {
        Self { name: name.to_string(), records, ..Self::default() }
    }
}

/// What the kinds of a world share with its test.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gate: tokio::sync::Semaphore,
    pub(crate) runs: Mutex<HashMap<String, u32>>,
    /// The names of what ran, in the order in which it began.
    pub(crate) order: Mutex<Vec<String>>,
    pub(crate) now: Mutex<(usize, usize)>,
}

impl Shared {
    pub(crate) fn runs_of(&self, name: &str) -> u32 {
        self.runs.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    /// How many began before this one.
    pub(crate) fn place_of(&self, name: &str) -> usize {
        self.order.lock().unwrap().iter().position(|other| other == name).unwrap()
    }

    /// The most that ever ran at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.now.lock().unwrap().1
    }
}

struct Running<'a>(&'a Shared);

impl<'a> Running<'a> {
    fn new(shared: &'a Shared) -> Self {
        let mut now = shared.now.lock().unwrap();
        now.0 += 1;
        now.1 = now.1.max(now.0);
        drop(now);
        Self(shared)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.now.lock().unwrap().0 -= 1;
    }
}

async fn perform(shared: &Shared, run: &Run) -> Result<Done, Failure> {
    let toy: Toy = run.payload()?;
    let nth = {
        let mut runs = shared.runs.lock().unwrap();
        let nth = runs.entry(toy.name.clone()).or_default();
        *nth += 1;
        *nth
    };
    shared.order.lock().unwrap().push(toy.name.clone());
    let _running = Running::new(shared);
    if toy.gated {
        tokio::select! {
            permit = shared.gate.acquire() => permit.unwrap().forget(),
            () = run.cancelled().cancelled() => return Err(Failure::new(Class::Abandoned, "told to stop")),
        }
    }
    if let Some(limited_s) = toy.limited_s.filter(|_| nth == 1) {
        return Err(Failure::new(Class::Limited(Duration::from_secs(limited_s)), "slow down"));
    }
    if run.attempt() <= toy.flaky {
        return Err(Failure::transient("flaky"));
    }
    if toy.permanent {
        return Err(Failure::permanent("never").with_context(serde_json::json!({ "asked": toy.name })));
    }
    if toy.fatal {
        return Err(Failure::fatal("the whole job is senseless"));
    }
    run.log(Stream::Info, "done", Some(&toy.name), "done", serde_json::Value::Null).await?;
    let effect = Write::add(effect_key(run.tenant(), &toy.name), [("times", 1)]);
    Ok(Done { writes: vec![effect], tally: Tally::processed(toy.records).with("seen", 2 * toy.records) })
}

fn effect_key(tenant: &TenantId, name: &str) -> Key {
    Key::new(EFFECTS, base::key![tenant, "effects"], base::key![name])
}

struct ToyJob(Arc<Shared>, Option<u32>);

#[async_trait]
impl JobKind for ToyJob {
    fn name(&self) -> &'static str {
        if self.1.is_some() { "toy.narrow" } else { "toy" }
    }

    fn scope(&self) -> Scope {
        Scope::IngestRead
    }

    fn policy(&self) -> Policy {
        Policy { max_attempts: 3, ..Policy::default() }
    }

    fn concurrency(&self) -> Option<u32> {
        self.1
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure> {
        let toys: Vec<Toy> =
            serde_json::from_str(&job.params).map_err(|error| Failure::permanent(error.to_string()))?;
        let start: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let page = toys.iter().skip(start).take(max);
        let batch = |toy: &Toy| NewBatch { payload: serde_json::to_string(toy).unwrap(), records: toy.records };
        let end = start + max;
        Ok(Plan { batches: page.map(batch).collect(), next: (end < toys.len()).then(|| end.to_string()) })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        perform(&self.0, run).await
    }
}

struct ToyTask(Arc<Shared>, Option<u32>);

#[async_trait]
impl TaskKind for ToyTask {
    fn name(&self) -> &'static str {
        if self.1.is_some() { "toy.task.narrow" } else { "toy.task" }
    }

    fn concurrency(&self) -> Option<u32> {
        self.1
    }

    async fn run(&self, run: &Run) -> Result<Done, Failure> {
        perform(&self.0, run).await
    }
}

/// One process's engine over a store that outlives it.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tenant: TenantId,
    settings: Settings,
    workers: Option<Workers>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::set(Settings::default())
    }

    pub(crate) fn set(settings: Settings) -> Self {
        let clock = ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap());
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        Self::over(store, clock, settings)
    }

    pub(crate) fn over(store: Arc<dyn Store>, clock: ManualClock, settings: Settings) -> Self {
        Self::under(Arc::new(FixedQuotas::default()), store, clock, settings)
    }

    pub(crate) fn under(
        quotas: Arc<dyn Quotas>,
        store: Arc<dyn Store>,
        clock: ManualClock,
        settings: Settings,
    ) -> Self {
        let queue: Arc<dyn Queue> = Arc::new(MemoryQueue::new(Arc::new(clock.clone())));
        let shared = Arc::new(Shared {
            gate: tokio::sync::Semaphore::new(0),
            runs: Mutex::default(),
            order: Mutex::default(),
            now: Mutex::default(),
        });
        let mut registry = Registry::default();
        registry.job(Arc::new(ToyJob(shared.clone(), None)));
        registry.job(Arc::new(ToyJob(shared.clone(), Some(2))));
        registry.task(Arc::new(ToyTask(shared.clone(), None)));
        registry.task(Arc::new(ToyTask(shared.clone(), Some(2))));
        let engine = Engine::new(Deps {
            store: store.clone(),
            queue: queue.clone(),
            clock: Arc::new(clock.clone()),
            registry,
            quotas,
            settings: settings.clone(),
        });
        let tenant = "acme".parse().unwrap();
        Self { clock, store, queue, engine, shared, tenant, settings, workers: None }
    }

    /// The same store, seen by the process that starts after this one was killed.
    pub(crate) fn after_a_kill(&self) -> Self {
        Self::over(self.store.clone(), self.clock.clone(), self.settings.clone())
    }

    pub(crate) fn work(mut self) -> Self {
        self.workers = Some(self.engine.workers_start());
        self
    }

    pub(crate) async fn stop(&mut self) -> bool {
        let stopping = self.workers.take().unwrap().stop(Duration::from_secs(1));
        tokio::pin!(stopping);
        for _ in 0..10_000 {
            tokio::select! {
                biased;
                done = &mut stopping => return done,
                () = tokio::task::yield_now() => self.clock.advance(Duration::from_millis(10)),
            }
        }
        panic!("the workers do not stop");
    }

    pub(crate) fn ctx(&self) -> Ctx {
        let scopes = Scopes::default().with(Scope::JobsWrite);
        let principal = Principal::new("key:test");
        Ctx::new(self.tenant.clone(), principal, scopes, RequestId::random(), self.clock.now(), Uuid::new_v4())
    }

    pub(crate) async fn start(&self, toys: &[Toy]) -> JobId {
        let new = NewJob::new("toy", serde_json::to_string(toys).unwrap());
        self.engine.job_enqueue(&self.ctx(), new).await.unwrap().job.id
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.engine.job_get(&self.tenant, id).await.unwrap().unwrap()
    }

    /// Lets everything run, and moves the clock on whenever nothing does, until `done`.
    pub(crate) async fn until<F: Future<Output = bool>>(&self, what: &str, mut done: impl FnMut() -> F) {
        for _ in 0..20_000 {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            if done().await {
                return;
            }
            self.clock.advance(Duration::from_millis(250));
        }
        panic!("never happened: {what}");
    }

    pub(crate) async fn settled(&self, id: JobId) -> Job {
        self.until("the job is settled", || async { self.job(id).await.settled }).await;
        self.job(id).await
    }

    /// How often each effect happened.
    pub(crate) async fn effect(&self, name: &str) -> i64 {
        self.store.get(effect_key(&self.tenant, name)).await.unwrap().map_or(0, |item| item.int("times"))
    }

    /// Everything that is stored of the tenant.
    pub(crate) async fn items(&self) -> Vec<Item> {
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let page = self.engine.partitions(&self.tenant, after).await.unwrap();
            for (table, partition) in page.items {
                items.extend(self.store.query_all(Query::new(table, partition)).await.unwrap());
            }
            after = page.next;
            if after.is_none() {
                return items;
            }
        }
    }

    /// No task is left behind, but for the one that prunes.
    pub(crate) async fn assert_nothing_left(&self) {
        for depth in self.engine.queue_list().await.unwrap() {
            let most = u64::from(depth.topic == "tasks-low");
            assert!(depth.waiting <= most, "{depth:?}");
        }
        assert_eq!(self.engine.worker_list()[0].running, 0);
    }
}
