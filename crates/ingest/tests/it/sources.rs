//! Sources whose answers lead from one to the next.

use base::{Environment, ErrorKind};
use ingest::model::{Definition, Sizes};
use ingest::service::{Change, Fetch};
use jobs::JobStatus;
use serde_json::json;

use crate::upstream::Fault;
use crate::world::World;

/// A dataset fetched from `path` of the upstream, page by page.
async fn dataset(world: &World, name: &str, path: &str, page: serde_json::Value, records: &str) {
    let definition = json!({ "name": name, "key": "id", "sort": "id", "source": {
        "url": format!("http://{}{path}", world.upstream.at), "page": page, "records": records, "rate": null } });
    world.ingest.dataset_create(&world.ctx(), serde_json::from_value(definition).unwrap()).await.unwrap();
}

async fn ids(world: &World, name: &str) -> Vec<u64> {
    let id = |text: &String| serde_json::from_str::<serde_json::Value>(text).unwrap()["id"].as_u64().unwrap();
    world.records(name).await.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_followed_to_their_end() {
    let world = World::start().await;
    dataset(&world, "numbered", "/pages", json!({ "kind": "page", "param": "page" }), "data.items").await;
    dataset(&world, "linked", "/link", json!({ "kind": "link" }), "$").await;
    let cursor = json!({ "kind": "cursor", "param": "cursor", "next": "meta.next" });
    dataset(&world, "named", "/cursor", cursor, "items").await;
    for (name, from, calls) in [("numbered", 3, 5), ("linked", 0, 4), ("named", 0, 4)] {
        // One call fails on the way; the pages before it are not called for again.
        world.upstream.faults([Fault::new(502, "")]);
        let before = world.upstream.journal().len();
        let job = world.fetch(name, 100, 1).await;
        assert_eq!(job.status, JobStatus::Completed, "{name}: {job:?}");
        assert_eq!(ids(&world, name).await, (from..from + 12).collect::<Vec<_>>(), "{name}");
        assert_eq!(world.upstream.journal().len() - before, calls + 1, "{name}");
        let status = world.ingest.status(&world.ctx(), &name.parse().unwrap()).await.unwrap().unwrap().0;
        assert_eq!((status.records, status.api_calls), (12, i64::try_from(calls).unwrap()), "{name}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_after_as_many_calls_as_were_asked_for() {
    let world = World::start().await;
    dataset(&world, "linked", "/link", json!({ "kind": "link" }), "$").await;
    world.fetch("linked", 2, 1).await;
    assert_eq!(ids(&world, "linked").await, (0..6).collect::<Vec<_>>());
    assert_eq!(world.upstream.journal().len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_page_elsewhere_is_not_followed() {
    let world = World::start().await;
    dataset(&world, "linked", "/link", json!({ "kind": "link" }), "$").await;
    for next in ["http://127.0.0.1:1/", "https://example.com/", "//169.254.169.254/latest"] {
        world.upstream.faults([Fault::new(200, r#"[{"id":1}]"#).with("link", format!("<{next}>; rel=\"next\""))]);
        let job = world.fetch("linked", 5, 1).await;
        assert_eq!((job.counts.batches_failed, ids(&world, "linked").await.len()), (1, 0), "{next}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_dataset_is_swept_and_starts_anew() {
    let world = World::start().await;
    world.fetch("users", 2, 50).await;
    let name = "users".parse().unwrap();
    let id = world.ingest.dataset_get(&world.ctx(), &name).await.unwrap().dataset.id;
    let job = world.ingest.dataset_delete(&world.ctx(), &name).await.unwrap();
    assert_eq!(world.ended(&job).await.status, JobStatus::Completed);
    assert_eq!(world.records("users").await.len(), 0);
    let shelf = ingest::store::Shelf::new(world.store.clone(), "default".parse().unwrap(), id);
    for (table, partition) in shelf.partitions() {
        let left = base::Store::count(&*world.store, table, &partition, base::store::Range::All).await.unwrap();
        assert_eq!(left, 0, "{partition:?}");
    }
    world.fetch("users", 1, 2).await;
    assert_eq!(world.records("users").await.len(), 2);
    assert_ne!(world.ingest.dataset_get(&world.ctx(), &name).await.unwrap().dataset.id, id);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_key_has_nothing_fetched_but_from_the_sandbox() {
    let world = World::start().await;
    let with = |environment| world.ctx().with_environment(environment);
    let definition = |name: &str, schedule: Option<&str>| {
        let source = json!({ "url": "https://192.88.0.1/users", "schedule": schedule });
        let definition = json!({ "name": name, "key": "id", "sort": "id", "source": source });
        serde_json::from_value::<Definition>(definition).unwrap()
    };
    let fetch = Fetch { calls: 1, sizes: Sizes { min: 1, max: 1 } };
    let elsewhere = "elsewhere".parse().unwrap();
    world.ingest.dataset_create(&with(Environment::Test), definition("elsewhere", None)).await.unwrap();
    let refused = world.ingest.fetch_start(&with(Environment::Test), &elsewhere, fetch).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Forbidden);

    let hourly = definition("hourly", Some("every 1h"));
    let refused = world.ingest.dataset_create(&with(Environment::Test), hourly).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Forbidden);
    let change = || Change { source: Some(definition("elsewhere", Some("every 1h")).source), ..Change::default() };
    let change_with = async |environment| {
        world.ingest.dataset_update(&with(environment), &elsewhere, change(), |_| Ok(())).await.map(drop)
    };
    assert_eq!(change_with(Environment::Test).await.unwrap_err().kind(), ErrorKind::Forbidden);
    change_with(Environment::Dev).await.unwrap();
    change_with(Environment::Live).await.unwrap();

    let users = "users".parse().unwrap();
    let run = world.ingest.fetch_start(&with(Environment::Test), &users, fetch).await.unwrap();
    assert_eq!(world.ended(&run.job).await.status, JobStatus::Completed);
    world.stop().await;
}
