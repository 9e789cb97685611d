//! Pruning that is interrupted anywhere, and taken up again; and what is kept where nobody knows for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::{self, ManualClock};
use base::intercept::{Intercept, Intercepted};
use base::memory::MemoryStore;
use base::store::{Bulk, Field, StoreError, Table, Version, Write};
use base::{Clock as _, Error, Store, TenantId};
use jobs::{JobFilter, Outbox, Quotas, RETENTION_DAYS_MAX, Settings};

use crate::world::{Toy, World};

/// A store that changes something so many times; of the next change nobody hears whether it was made.
struct Torn {
    changes: AtomicUsize,
    /// Whether the last one is made.
    applies: bool,
}

impl Torn {
    /// Whether this change is answered.
    fn answers(&self) -> bool {
        self.changes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

#[async_trait]
impl Intercept for Torn {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        if self.answers() {
            return inner.write(writes).await;
        }
        if self.applies {
            inner.write(writes).await?;
        }
        Err(StoreError::Unknown("torn".to_owned()))
    }

    async fn bulk(&self, inner: &Arc<dyn Store>, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        if self.answers() {
            return inner.bulk(table, writes).await;
        }
        if self.applies {
            inner.bulk(table, writes).await?;
        }
        Err(StoreError::Unknown("torn".to_owned()))
    }
}

/// What of jobs, their logs and dead letters is there, but for what is counted of all times and counters at zero.
async fn left(world: &World) -> Vec<String> {
    let mut items = world.items().await;
    items.retain(|item| {
        let is_counter = item.body.data.is_none() && item.body.fields.values().all(|field| *field == Field::Int(0));
        let of_jobs = ["jobs", "job_logs", "dead_letters"].contains(&item.key.table.0);
        of_jobs && !is_counter && !item.key.partition.ends_with("stats")
    });
    items.into_iter().map(|item| format!("{:?}", item.key)).collect()
}

/// Jobs that are old: one that failed in part, and one that did not.
async fn old() -> World {
    let world = World::new().work();
    let failed = world.start(&[Toy::named("good", 1), Toy { permanent: true, ..Toy::named("bad", 1) }]).await;
    let done = world.start(&[Toy::named("fine", 2)]).await;
    for id in [failed, done] {
        world.settled(id).await;
    }
    let mut world = world;
    world.stop().await;
    world.clock.advance(Duration::from_secs(31 * 86_400));
    world
}

#[tokio::test]
async fn pruning_that_is_interrupted_anywhere_is_taken_up_again() {
    for applies in [false, true] {
        let mut interrupted = 0;
        loop {
            let world = old().await;
            assert!(!left(&world).await.is_empty());
            let torn = Torn { changes: AtomicUsize::new(interrupted), applies };
            let torn: Arc<dyn Store> = Arc::new(Intercepted::new(world.store.clone(), torn));
            let torn = World::over(torn, world.clock.clone(), Settings::default());
            let whole = torn.engine.prune(&torn.tenant).await.is_ok();
            // A list never names a job that is no longer there, and counts what it names.
            let all = JobFilter::default();
            let listed = world.engine.job_list(&world.tenant, &all, 10, None).await.unwrap().items;
            assert_eq!(world.engine.job_total(&world.tenant, &all).await.unwrap(), listed.len() as u64);
            for job in &listed {
                assert!(world.engine.job_get(&world.tenant, job.id).await.unwrap().is_some());
            }
            assert!(!world.engine.prune(&world.tenant).await.unwrap());
            assert_eq!(left(&world).await, Vec::<String>::new(), "after {interrupted} changes");
            if whole {
                break;
            }
            interrupted += 1;
        }
        assert!(interrupted > 10, "{interrupted}");
    }
}

/// Tenants whose settings are damaged.
struct Damaged;

#[async_trait]
impl Quotas for Damaged {
    async fn running_jobs_max(&self, _tenant: &TenantId) -> u32 {
        10
    }

    async fn retention(&self, _tenant: &TenantId) -> base::Result<Duration> {
        Err(Error::internal("damaged"))
    }
}

#[tokio::test]
async fn nothing_is_removed_while_nobody_knows_how_long_it_is_kept() {
    let world = old().await;
    let whole = left(&world).await;
    assert!(!whole.is_empty());
    let blind = World::under(Arc::new(Damaged), world.store.clone(), world.clock.clone(), Settings::default());
    blind.engine.prune(&blind.tenant).await.unwrap_err();
    assert_eq!(left(&world).await, whole);
    world.engine.prune(&world.tenant).await.unwrap();
    assert_eq!(left(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_written_while_nobody_knows_how_long_it_is_kept_is_kept_for_the_longest() {
    let clock = ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap());
    let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
    let settings = Settings { outbox: Outbox { lines: true, letters: true }, ..Settings::default() };
    let world = World::under(Arc::new(Damaged), store, clock, settings).work();
    let longest = clock::add(world.clock.now(), Duration::from_secs(86_400 * u64::from(RETENTION_DAYS_MAX)));
    let id = world.start(&[Toy { permanent: true, ..Toy::named("bad", 1) }]).await;
    world.settled(id).await;
    for table in ["job_logs", "dead_letters"] {
        let items = world.items().await;
        let of_table = items.iter().filter(|item| item.key.table.0 == table);
        let ends: Vec<_> = of_table.filter_map(|item| item.body.expires).collect();
        assert!(!ends.is_empty() && ends.iter().all(|end| *end >= longest), "{table}: {ends:?}");
    }
}
