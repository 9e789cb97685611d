//! A batch that is repeated applies what was staged, and calls nobody.

use ingest::store::Shelf;
use jobs::JobStatus;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_asked_for_once_however_often_it_is_applied() {
    let world = World::start().await;
    world.store.by().refuse(3);
    let job = world.fetch("users", 2, 40).await;
    assert_eq!(job.status, JobStatus::Completed, "{job:?}");
    assert!(world.store.by().refused() >= 3, "the store refused {} writes", world.store.by().refused());
    assert_eq!(world.upstream.journal().len(), 2, "{:?}", world.upstream.journal());
    assert_eq!(world.records("users").await.len(), 80);
    let status = world.ingest.status(&world.ctx(), &"users".parse().unwrap()).await.unwrap().unwrap().0;
    assert_eq!((status.records, status.api_calls, status.error_count), (80, 2, 0));
    let users = world.ingest.dataset_get(&world.ctx(), &"users".parse().unwrap()).await.unwrap();
    let shelf = Shelf::new(world.store.clone(), "default".parse().unwrap(), users.dataset.id);
    assert_eq!((users.count, shelf.staged_count().await.unwrap()), (80, 0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_at_a_time() {
    let world = World::start().await;
    let name = "users".parse().unwrap();
    let fetch = || ingest::service::Fetch { calls: 5, sizes: ingest::model::Sizes::default() };
    let first = world.ingest.fetch_start(&world.ctx(), &name, fetch()).await.unwrap();
    let second = world.ingest.fetch_start(&world.ctx(), &name, fetch()).await.unwrap();
    assert!(!first.joined);
    // The first may have ended already; if not, the second is it.
    assert_eq!(second.joined, second.job.id == first.job.id);
    world.ended(&first.job).await;
    let job = world.ended(&second.job).await;
    let runs = if second.joined { 1 } else { 2 };
    assert_eq!((job.counts.batches, world.upstream.journal().len()), (5, 5 * runs));
    world.stop().await;
}
