//! The service on memory, by a clock that the test owns, in processes that can be killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::ManualClock;
use base::memory::{MemoryQueue, MemoryStore};
use base::store::{Bulk, Item, Key, Query, Range, Slice, StoreError, Table, Version, Write};
use base::{Clock, Ctx, Principal, RequestId, Scope, Store, TenantId};
use jobs::{Engine, FixedQuotas, Registry, Workers};
use source::model::Name;
use source::service::window::Wanted;
use source::store::Shelf;
use source::{Deps, Source};
use uuid::Uuid;

/// The service and its engine.
pub(crate) fn service(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> (Arc<Source>, Arc<Engine>) {
    let deps = Deps { store: store.clone(), clock: clock.clone() };
    let mut registry = Registry::default();
    source::register(&mut registry, &deps);
    let engine = Engine::new(jobs::Deps {
        store,
        queue: Arc::new(MemoryQueue::new(clock.clone())),
        clock,
        registry,
        quotas: Arc::new(FixedQuotas::default()),
        settings: jobs::Settings::default(),
    });
    (Source::new(deps, engine.clone()), engine)
}

/// One process over a store that outlives it.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) memory: Arc<MemoryStore>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) source: Arc<Source>,
    engine: Arc<Engine>,
    workers: Option<Workers>,
    requests: u128,
    /// How long rollers may work between two looks.
    pub(crate) breaths: usize,
}

impl World {
    pub(crate) fn at(start: &str) -> Self {
        let clock = ManualClock::at(start.parse().unwrap());
        let memory = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        Self::over(memory, clock, 0)
    }

    fn over(memory: Arc<MemoryStore>, clock: ManualClock, requests: u128) -> Self {
        let fuse = Arc::new(Fuse::new(memory.clone()));
        let (source, engine) = service(fuse.clone(), Arc::new(clock.clone()));
        Self { clock, memory, fuse, source, engine, workers: None, requests, breaths: 20 }
    }

    /// The process that starts after this one was killed.
    pub(crate) fn after_a_kill(self) -> Self {
        self.fuse.burn();
        Self::over(self.memory.clone(), self.clock.clone(), self.requests)
    }

    /// A request of the tenant `acme`.
    pub(crate) fn ctx(&mut self) -> Ctx {
        self.requests += 1;
        ctx(&self.clock, Uuid::from_u128(self.requests))
    }

    /// Where a series is, whatever has burnt.
    pub(crate) fn shelf(&self, series: &str) -> Shelf {
        Shelf::new(self.memory.clone(), "acme".parse().unwrap(), series.parse::<Name>().unwrap())
    }

    pub(crate) async fn marks(&self, series: &str) -> usize {
        self.shelf(series).dirty(i64::MIN / 2, i64::MAX / 2).await.unwrap().len()
    }

    /// Lets rollers run, and the clock with them, until a series has no mark or the process dies.
    pub(crate) async fn roll(&mut self, series: &str) {
        self.workers.get_or_insert_with(|| self.engine.workers_start());
        for turn in 0..4_000 {
            if turn % 1_000 == 999 {
                self.look(series).await;
            }
            for _ in 0..self.breaths {
                tokio::task::yield_now().await;
            }
            if self.fuse.is_burnt() || self.marks(series).await == 0 {
                return;
            }
            self.clock.advance(Duration::from_millis(500));
        }
        panic!("the roller never came to {series}: {} marks", self.marks(series).await);
    }
}

impl World {
    /// Somebody looks at a series: marks whose writer died before it woke a roller get one then.
    async fn look(&mut self, series: &str) {
        let request = self.ctx();
        let cuts = [0, request.now().as_microsecond()];
        drop(self.source.window(&request, &series.parse().unwrap(), &cuts, Wanted::ALL).await);
    }
}

pub(crate) fn ctx(clock: &ManualClock, seed: Uuid) -> Ctx {
    let tenant: TenantId = "acme".parse().unwrap();
    let scopes = Scope::ALL.into_iter().collect();
    Ctx::new(tenant, Principal::new("key:test"), scopes, RequestId::random(), clock.now(), seed)
}

/// How often whoever reads lets others go first.
const YIELDS: usize = 4;

/// A store that dies at its n-th change: it is applied and not answered, or not even applied.
pub(crate) struct Fuse {
    inner: Arc<MemoryStore>,
    left: AtomicU64,
    applies: AtomicBool,
    burnt: AtomicBool,
}

impl Fuse {
    fn new(inner: Arc<MemoryStore>) -> Self {
        let (left, applies) = (AtomicU64::new(u64::MAX), AtomicBool::new(false));
        Self { inner, left, applies, burnt: AtomicBool::new(false) }
    }

    /// Dies at the change after `changes` more.
    pub(crate) fn light(&self, changes: u64, applies: bool) {
        self.applies.store(applies, Ordering::SeqCst);
        self.left.store(changes, Ordering::SeqCst);
    }

    pub(crate) fn burn(&self) {
        self.burnt.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_burnt(&self) -> bool {
        self.burnt.load(Ordering::SeqCst)
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.is_burnt() { Err(StoreError::Unavailable("the process is dead".to_owned())) } else { Ok(()) }
    }

    /// Whether a change comes back; if it does not, whether it is applied.
    fn fate(&self) -> (bool, bool) {
        let one_less = |left: u64| Some(left.saturating_sub(1));
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).unwrap() > 0 {
            return (true, true);
        }
        self.burn();
        (false, self.applies.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Store for Fuse {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.alive()?;
        self.inner.get_many(keys).await
    }

    async fn query(&self, query: Query) -> Result<Slice, StoreError> {
        self.alive()?;
        // Between two reads of a window a roller may do anything.
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
        self.inner.query(query).await
    }

    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
        self.alive()?;
        self.inner.count(table, partition, range).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        // Whoever writes lets others go first.
        tokio::task::yield_now().await;
        self.alive()?;
        let (answered, applied) = self.fate();
        let result = if applied { self.inner.write(writes).await } else { self.alive().map(|()| Version(Uuid::nil())) };
        if answered { result } else { Err(StoreError::Unavailable("the process died".to_owned())) }
    }

    async fn bulk(&self, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        self.alive()?;
        let (answered, applied) = self.fate();
        // Half of a bulk may be all that is applied.
        let share = if answered { writes.len() } else { writes.len() / 2 };
        if applied {
            self.inner.bulk(table, writes.into_iter().take(share).collect()).await?;
        }
        if answered { Ok(()) } else { Err(StoreError::Unavailable("the process died".to_owned())) }
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.alive()
    }
}
