//! A tenant is removed wholly, and nobody else with it.

use std::sync::Arc;
use std::time::Duration;

use accounts::model::{Entry, NewKey, NewTenant, Role, Settings, TenantPatch};
use accounts::{Holdings, Partition};
use async_trait::async_trait;
use base::store::{Body, Bulk, Key, Query, Table};
use base::{ErrorKind, JobId, Page, Result, Store, StoreExt, TenantId, key};
use jobs::{Job, JobStatus};

use crate::world::{SECOND, World, manual};

const NOTES: Table = Table("notes");
const BOOKS: i64 = 12;
const NOTES_PER_BOOK: i64 = 250;

/// A service whose partitions are known only from a list of its own.
struct Books(Arc<dyn Store>);

fn books(tenant: &TenantId) -> String {
    key![tenant, "books"]
}

fn book(tenant: &TenantId, n: &str) -> String {
    key![tenant, "book", n]
}

#[async_trait]
impl Holdings for Books {
    async fn partitions(&self, tenant: &TenantId, after: Option<String>) -> Result<Page<Partition>> {
        let listed = self.0.query(Query::new(NOTES, books(tenant)).limit(5).after(after)).await?;
        let mut items: Vec<_> =
            listed.items.iter().map(|item| Partition::new(NOTES, book(tenant, &item.key.sort))).collect();
        if listed.next.is_none() {
            items.push(Partition::new(NOTES, books(tenant)));
        }
        Ok(Page { items, next: listed.next })
    }
}

async fn fill(store: &dyn Store, tenant: &TenantId) {
    let mut items = Vec::new();
    for n in 0..BOOKS {
        let name = key![n];
        items.push(Bulk::Put(Key::new(NOTES, books(tenant), name.clone()), Body::default()));
        for note in 0..NOTES_PER_BOOK {
            items.push(Bulk::Put(Key::new(NOTES, book(tenant, &name), key![note]), Body::data("{}")));
        }
    }
    items.push(Bulk::Put(Key::new(NOTES, key![tenant, "shelf"], "one"), Body::data("{}")));
    store.bulk(NOTES, items).await.unwrap();
}

async fn left(store: &dyn Store, tenant: &TenantId) -> usize {
    let mut left = 0;
    for n in 0..BOOKS {
        left += store.query_all(Query::new(NOTES, book(tenant, &key![n])).limit(1_000)).await.unwrap().len();
    }
    for partition in [books(tenant), key![tenant, "shelf"]] {
        left += store.query_all(Query::new(NOTES, partition)).await.unwrap().len();
    }
    left
}

async fn world(clock: &base::clock::ManualClock) -> World {
    World::with_holdings(Arc::new(clock.clone()), |store| {
        let shelf = |tenant: &TenantId| vec![Partition::new(NOTES, key![tenant, "shelf"])];
        vec![Arc::new(Books(Arc::clone(store))), Arc::new(shelf)]
    })
    .await
}

async fn tenant(world: &World, slug: &str) -> TenantId {
    let ask = NewTenant { name: slug.to_owned(), slug: slug.parse().unwrap(), settings: Settings::default() };
    world.accounts.tenant_create(&world.ctx("system"), ask).await.unwrap().value.id
}

#[tokio::test]
async fn a_tenant_is_removed_wholly_and_nobody_else() {
    let clock = manual();
    let world = world(&clock).await;
    let (leaver, neighbour) = (tenant(&world, "leaver").await, tenant(&world, "neighbour").await);
    for id in [&leaver, &neighbour] {
        fill(&*world.store, id).await;
    }
    let whole = left(&*world.store, &leaver).await;
    assert!(whole > 3_000, "{whole}");
    let ask = NewKey::new("key", Role::Reader.scopes());
    let leavers = world.accounts.key_create(&world.ctx(leaver.as_str()), ask.clone()).await.unwrap();
    let neighbours = world.accounts.key_create(&world.ctx(neighbour.as_str()), ask).await.unwrap();
    world.accounts.verify(leavers.text.expose(), true, None).await.unwrap();

    let ctx = world.ctx("system");
    let stored = world.accounts.tenant_get(&ctx, "leaver").await.unwrap();
    let renamed = TenantPatch { slug: Some("left".parse().unwrap()), ..TenantPatch::default() };
    let stored = world.accounts.tenant_update(&ctx, &stored, renamed).await.unwrap();
    let job = world.accounts.tenant_delete(&ctx, &world.engine, &stored).await.unwrap();
    let error = world.accounts.verify(leavers.text.expose(), true, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    let workers = world.engine.workers_start();
    // Requests that were let in a moment ago may still write.
    run_for(&clock, Duration::from_secs(55)).await;
    assert_eq!(left(&*world.store, &leaver).await, whole, "removed before requests have ended");
    // A task that was at work writes once more behind the pass that emptied everything.
    until_empty(&world, &clock, &leaver).await;
    let late = Bulk::Put(Key::new(NOTES, key![leaver, "shelf"], "late"), Body::data("{}"));
    world.store.bulk(NOTES, vec![late]).await.unwrap();
    let job = until_settled(&world, &clock, job.id).await;
    assert_eq!((job.status, job.error), (JobStatus::Completed, None));
    workers.stop(SECOND).await;

    assert_eq!(left(&*world.store, &leaver).await, 0);
    assert_eq!(left(&*world.store, &neighbour).await, whole);
    world.accounts.verify(neighbours.text.expose(), true, None).await.unwrap();
    let error = world.accounts.verify(leavers.text.expose(), true, None).await.unwrap_err();
    assert_eq!(error.message(), "Invalid API key");
    for name in ["leaver", "left", leaver.as_str()] {
        let error = world.accounts.tenant_get(&ctx, name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TenantNotFound);
    }
    let again = tenant(&world, "leaver").await;
    assert_ne!(again, leaver, "a tenant's id came back");
    assert_eq!(left(&*world.store, &again).await, 0);
    let audit = world.accounts.audit_list(&ctx, None, 100).await.unwrap();
    let gone = |entry: &&Entry| matches!(entry, Entry::Event(e) if e.action == "tenant.deleted" && e.subject == leaver.as_str());
    assert_eq!(audit.items.iter().filter(gone).count(), 1);
}

/// Moves the clock on in small steps and lets everybody act in between.
async fn run_for(clock: &base::clock::ManualClock, time: Duration) {
    let step = Duration::from_millis(250);
    for _ in 0..time.as_millis() / step.as_millis() {
        clock.advance(step);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
}

async fn until_empty(world: &World, clock: &base::clock::ManualClock, tenant: &TenantId) {
    for _ in 0..240 {
        run_for(clock, Duration::from_millis(250)).await;
        if left(&*world.store, tenant).await == 0 {
            return;
        }
    }
    panic!("nothing is removed");
}

pub(crate) async fn until_settled(world: &World, clock: &base::clock::ManualClock, id: JobId) -> Job {
    let system: TenantId = "system".parse().unwrap();
    for _ in 0..240 {
        run_for(clock, SECOND).await;
        let job = world.engine.job_get(&system, id).await.unwrap().unwrap();
        if job.settled {
            return job;
        }
    }
    panic!("the job does not end");
}
