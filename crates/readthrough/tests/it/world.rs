//! A resource that counts how often it is computed, and answers as it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::ManualClock;
use base::intercept::{Intercept, Intercepted};
use base::kept::{Demand, Origin, Trouble};
use base::memory::{MemoryCache, MemoryQueue, MemoryStore};
use base::store::{Action, Item, Key, Query, StoreError, Version, Write};
use base::{
    Clock as _, Ctx, Error, ErrorKind, JobId, Kept, Principal, RequestId, Result, Scope, Scopes, Store, StoreExt as _,
    TenantId,
};
use jiff::Timestamp;
use jobs::{Engine, FixedQuotas, Job, Registry, Settings};
use readthrough::store::{ANSWERS, partitions};
use readthrough::{Asked, Behind, Deps, Outcome, Producer, Reader, Resource, Spec, Subject, register};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub(crate) const CACHED: Duration = Duration::from_secs(30);
pub(crate) const STALENESS: Duration = Duration::from_secs(60);
pub(crate) const WHILE_REFRESHED: Duration = Duration::from_secs(600);
pub(crate) const IF_FAILING: Duration = Duration::from_secs(3_600);
pub(crate) const ABSENCE: Duration = Duration::from_secs(10);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// One copy of the program, on a store that others share.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) store: Arc<MemoryStore>,
    switch: Switch,
    pub(crate) numbers: Arc<Numbers>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) reader: Arc<Reader>,
    pub(crate) tenant: TenantId,
}

/// What is there: the number of times it was computed, unless it is told otherwise.
pub(crate) struct Numbers {
    spec: Spec,
    computed: AtomicUsize,
    /// What it says instead, once each.
    told: Mutex<VecDeque<Result<Option<String>>>>,
    failing: AtomicBool,
    /// Held, it does not come to its end.
    held: AtomicBool,
    gate: Semaphore,
}

impl Numbers {
    pub(crate) fn computed(&self) -> usize {
        self.computed.load(Ordering::SeqCst)
    }

    pub(crate) fn says(&self, told: Result<Option<String>>) {
        self.told.lock().unwrap().push_back(told);
    }

    pub(crate) fn fails(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// From now on it is computed only as often as it is let go.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    pub(crate) fn let_go(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.gate.add_permits(1);
    }
}

#[async_trait]
impl Resource for Numbers {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    async fn produce(&self, _: &Subject, _: Timestamp) -> Result<Option<String>> {
        let n = self.computed.fetch_add(1, Ordering::SeqCst) + 1;
        if self.held.load(Ordering::SeqCst) {
            self.gate.acquire().await.unwrap().forget();
        }
        if self.failing.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Upstream, "no answer"));
        }
        self.told.lock().unwrap().pop_front().unwrap_or_else(|| Ok(Some(n.to_string())))
    }
}

/// A store that can be away, show once what was there before, or lose the reply to a write of an answer once.
#[derive(Clone, Default)]
struct Switch {
    away: Arc<AtomicBool>,
    shows: Arc<Mutex<Option<Vec<Option<Item>>>>>,
    in_doubt: Arc<AtomicBool>,
}

impl Switch {
    fn there(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::SeqCst) { Err(StoreError::Unavailable("away".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl Intercept for Switch {
    async fn get_many(&self, inner: &Arc<dyn Store>, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.there()?;
        let of_answers = keys.first().is_some_and(|key| key.table == ANSWERS);
        match of_answers.then(|| self.shows.lock().unwrap().take()).flatten() {
            Some(before) => Ok(before),
            None => inner.get_many(keys).await,
        }
    }

    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        self.there()?;
        let is_answer = |write: &Write| write.key.table == ANSWERS && matches!(write.action, Action::Put(_));
        let is_lost = writes.iter().any(is_answer) && self.in_doubt.swap(false, Ordering::SeqCst);
        let done = inner.write(writes).await;
        if is_lost { Err(StoreError::Unknown("the reply was lost".to_owned())) } else { done }
    }
}

impl World {
    pub(crate) fn new(producer: Producer) -> Self {
        Self::on(producer, Behind::Here, None)
    }

    /// Another copy, with a cache of its own.
    pub(crate) fn copy(&self, behind: Behind) -> Self {
        Self::on(self.numbers.spec.producer, behind, Some(self))
    }

    pub(crate) fn on(producer: Producer, behind: Behind, of: Option<&Self>) -> Self {
        let clock = of.map_or_else(|| ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()), |of| of.clock.clone());
        let shared: Arc<dyn base::Clock> = Arc::new(clock.clone());
        let store = of.map_or_else(|| Arc::new(MemoryStore::new(shared.clone())), |of| of.store.clone());
        let numbers = of.map_or_else(
            || {
                Arc::new(Numbers {
                    spec: spec(producer),
                    computed: AtomicUsize::new(0),
                    told: Mutex::default(),
                    failing: AtomicBool::new(false),
                    held: AtomicBool::new(false),
                    gate: Semaphore::new(0),
                })
            },
            |of| of.numbers.clone(),
        );
        let switch = Switch::default();
        let switched: Arc<dyn Store> = Arc::new(Intercepted::new(store.clone(), switch.clone()));
        let cache = Arc::new(MemoryCache::new(shared.clone(), 1 << 20));
        let deps = Deps { store: switched.clone(), cache, clock: shared.clone(), behind };
        let mut registry = Registry::default();
        register(&mut registry, &deps, numbers.clone());
        let engine = Engine::new(jobs::Deps {
            store: switched,
            queue: Arc::new(MemoryQueue::new(shared.clone())),
            clock: shared,
            registry,
            quotas: Arc::new(FixedQuotas::default()),
            settings: Settings::default(),
        });
        let reader = Arc::new(Reader::new(deps, engine.clone(), numbers.clone()));
        Self { clock, store, switch, numbers, engine, reader, tenant: TenantId::PUBLIC.parse().unwrap() }
    }

    /// From now on its store is away, or no longer.
    pub(crate) fn away(&self, away: bool) {
        self.switch.away.store(away, Ordering::SeqCst);
    }

    /// The reply to the next write of an answer is lost.
    pub(crate) fn loses_a_reply(&self) {
        self.switch.in_doubt.store(true, Ordering::SeqCst);
    }

    /// Whoever looks next sees this.
    pub(crate) fn shows(&self, stored: Vec<Option<Item>>) {
        *self.switch.shows.lock().unwrap() = Some(stored);
    }

    /// What is stored of the subject: the answer, and that a job failed.
    pub(crate) async fn stored(&self) -> Vec<Option<Item>> {
        let all = partitions(&self.tenant).into_iter().map(|(table, partition)| Query::new(table, partition));
        let mut items = Vec::new();
        for query in all {
            items.extend(self.store.query_all(query).await.unwrap());
        }
        let of = |what: &str| items.iter().find(|item| item.key.sort.ends_with(what)).cloned();
        vec![of("value"), of("failure")]
    }

    pub(crate) fn ctx(&self) -> Ctx {
        let (tenant, who) = ("default".parse().unwrap(), Principal::new("key:reader"));
        Ctx::new(tenant, who, Scopes::default(), RequestId::random(), self.clock.now(), Uuid::new_v4())
    }

    pub(crate) async fn ask(&self, asked: Asked) -> Result<Outcome> {
        self.reader.read(&self.ctx(), &self.tenant, &subject(), asked).await
    }

    pub(crate) async fn demand(&self, demand: Demand) -> Result<Outcome> {
        self.ask(Asked { demand, ..Asked::default() }).await
    }

    /// What a caller gets who asks for nothing in particular.
    pub(crate) async fn read(&self) -> Kept {
        kept(self.ask(Asked::default()).await)
    }

    /// What they get, in short.
    pub(crate) async fn seen(&self) -> (String, Origin, Option<Trouble>) {
        let kept = self.read().await;
        (text(&kept), kept.origin, kept.trouble)
    }

    /// The job that a caller is given.
    pub(crate) async fn job(&self) -> JobId {
        match self.ask(Asked::default()).await.unwrap() {
            Outcome::Queued(job) => job,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn error(&self) -> Error {
        self.ask(Asked::default()).await.unwrap_err()
    }

    /// Runs all work until there is none, and says what became of a job.
    pub(crate) async fn run(&self, id: JobId) -> Job {
        for _ in 0..1_000 {
            self.engine.run_due(self.clock.monotonic() + Duration::from_secs(60)).await.unwrap();
            let job = self.engine.job_get(&self.tenant, id).await.unwrap().unwrap();
            if job.settled {
                return job;
            }
            self.clock.advance(SECOND);
        }
        panic!("job {id} does not end");
    }

    /// What comes of something that waits while work goes on.
    pub(crate) async fn meanwhile<T>(&self, waits: impl Future<Output = T>) -> T {
        let work = async {
            loop {
                self.engine.run_due(self.clock.monotonic() + Duration::from_secs(60)).await.unwrap();
                self.pass(SECOND / 4).await;
            }
        };
        tokio::select! {
            came = waits => came,
            () = work => unreachable!("work has no end"),
        }
    }

    /// Time passes, and who slept is awake.
    pub(crate) async fn pass(&self, by: Duration) {
        self.clock.advance(by);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    /// What was computed behind answers has come to its end.
    pub(crate) async fn settle(&self) {
        self.reader.settle().await;
    }
}

fn spec(producer: Producer) -> Spec {
    Spec {
        name: "test.numbers",
        producer,
        scope: Scope::TokensRead,
        cached: CACHED,
        staleness: Some(STALENESS),
        while_refreshed: WHILE_REFRESHED,
        if_failing: IF_FAILING,
        absence: ABSENCE,
        within: Duration::from_secs(20),
    }
}

pub(crate) fn subject() -> Subject {
    Subject::new(["0xab", "ethereum"])
}

pub(crate) fn kept(outcome: Result<Outcome>) -> Kept {
    match outcome.unwrap() {
        Outcome::Kept(kept) => kept,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn text(kept: &Kept) -> String {
    String::from_utf8(kept.text.to_vec()).unwrap()
}
