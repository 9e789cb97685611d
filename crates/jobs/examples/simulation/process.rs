//! One process of the cluster: an engine with workers, behind a store of its own that can fail, freeze
//! and be torn away.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::fault::{FaultyStore, Odds};
use base::store::{Bulk, Item, Key, Query, Range, Slice, StoreError, Table, Version, Write};
use base::{Clock, Queue, Store};
use jiff::{SignedDuration, Timestamp};
use jobs::{Deps, Engine, FixedQuotas, Settings, Workers};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::work;

pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// The clock of one process: simulated time, and how wrong its wall clock is.
#[derive(Clone, Debug)]
pub(crate) struct SimClock {
    begun: Instant,
    start: Timestamp,
    skew_ms: i64,
}

impl SimClock {
    /// Shows `start`. Must be made inside the runtime whose time it tells.
    pub(crate) fn at(start: Timestamp) -> Self {
        Self { begun: Instant::now(), start, skew_ms: 0 }
    }

    fn wrong_by(&self, skew_ms: i64) -> Self {
        Self { skew_ms, ..self.clone() }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        base::clock::add(self.start, self.monotonic()) + SignedDuration::from_millis(self.skew_ms)
    }

    fn monotonic(&self) -> Duration {
        // To the microsecond, as the store keeps it.
        Duration::from_micros(u64::try_from(self.begun.elapsed().as_micros()).unwrap())
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A store whose calls wait while the process is frozen.
struct Gate {
    inner: Arc<dyn Store>,
    thaws: Arc<Thaws>,
}

/// Until when a process is frozen, and who waits for that, in the order in which they came.
#[derive(Default)]
struct Thaws {
    until: Mutex<Option<Instant>>,
    thawed: Notify,
}

impl Gate {
    async fn pass(&self) -> &dyn Store {
        loop {
            let thawed = self.thaws.thawed.notified();
            if self.thaws.until.lock().unwrap().is_none() {
                return &*self.inner;
            }
            thawed.await;
        }
    }
}

#[async_trait]
impl Store for Gate {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.pass().await.get_many(keys).await
    }

    async fn query(&self, query: Query) -> Result<Slice, StoreError> {
        self.pass().await.query(query).await
    }

    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
        self.pass().await.count(table, partition, range).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        self.pass().await.write(writes).await
    }

    async fn bulk(&self, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        self.pass().await.bulk(table, writes).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
}

/// What all processes share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) clock: SimClock,
    /// How often the sweep looks; the saboteur that has none looks never.
    pub(crate) sweep: Duration,
}

/// One process.
pub(crate) struct Process {
    pub(crate) engine: Arc<Engine>,
    pub(crate) faults: Arc<FaultyStore>,
    workers: Workers,
    thaws: Arc<Thaws>,
}

impl Process {
    /// Starts one whose faults, ids and clock derive from `seed`.
    pub(crate) fn start(shared: &Shared, seed: u64, odds: Odds) -> Self {
        let thaws = Arc::new(Thaws::default());
        let gated = Arc::new(Gate { inner: shared.store.clone(), thaws: thaws.clone() });
        let faults = Arc::new(FaultyStore::new(gated, Arc::new(shared.clock.clone()), seed));
        faults.set(odds);
        // Clocks of a cluster agree to within the margin that takers of leases wait.
        let clock = shared.clock.wrong_by(i64::try_from(seed % 1_600).unwrap() - 800);
        let store: Arc<dyn Store> = faults.clone();
        let engine = Engine::new(Deps {
            registry: work::registry(&clock, &store),
            store,
            queue: shared.queue.clone(),
            clock: Arc::new(clock),
            quotas: Arc::new(FixedQuotas::default()),
            settings: Settings {
                concurrency: 8,
                lease: LEASE,
                heartbeat: Duration::from_millis(500),
                sweep: shared.sweep,
                exclusive: false,
                seed: Some(seed),
                ..Settings::default()
            },
        });
        let workers = engine.workers_start();
        Self { engine, faults, workers, thaws }
    }

    /// All its memory is gone, and what it was doing is over.
    pub(crate) fn kill(self) {
        self.faults.crash();
        drop(self.workers);
    }

    /// Stops as SIGTERM stops it.
    pub(crate) async fn stop(self) {
        self.workers.stop(Duration::from_secs(1)).await;
        self.faults.crash();
    }

    /// Does nothing for a while, and then goes on as if nothing had happened.
    pub(crate) fn freeze(&self, length: Duration) {
        let (thaws, until) = (self.thaws.clone(), Instant::now() + length);
        *thaws.until.lock().unwrap() = Some(until);
        tokio::spawn(async move {
            tokio::time::sleep_until(until).await;
            // One that was frozen once more meanwhile thaws later.
            let mut frozen = thaws.until.lock().unwrap();
            if *frozen == Some(until) {
                *frozen = None;
                thaws.thawed.notify_waiters();
            }
        });
    }
}
