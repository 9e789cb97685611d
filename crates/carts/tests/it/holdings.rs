//! A tenant's partitions are all named, and nothing is left of a cart that is deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::clock::SystemClock;
use base::memory::MemoryStore;
use base::store::Query;
use base::{Store, StoreExt as _, TenantId};
use carts::store::basket::Change;
use carts::store::{Basket, held};
use serde_json::json;
use testkit::Client;
use uuid::Uuid;

use crate::world::World;

/// How many items lie in all partitions of a tenant.
async fn held(world: &World) -> usize {
    let store: Arc<dyn Store> = world.store.clone();
    let tenant: TenantId = "default".parse().unwrap();
    let (mut after, mut partitions) = (None, std::collections::BTreeSet::new());
    loop {
        let page = held::partitions(&store, &tenant, after).await.unwrap();
        partitions.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut sum = 0;
    for (table, partition) in partitions {
        sum += store.query_all(Query::new(table, partition)).await.unwrap().len();
    }
    sum
}

/// Waits until so many items lie in all partitions of the tenant: what was deleted is swept by and by.
pub(crate) async fn until_held(world: &World, items: usize) {
    let mut tries = 0;
    while held(world).await != items {
        tries += 1;
        assert!(tries < 100_000, "{} items are held", held(world).await);
        tokio::task::yield_now().await;
    }
}

async fn put(client: &Client, cart: &str, ids: std::ops::Range<usize>) {
    let items: Vec<_> = ids.map(|id| json!({ "entity_type": "a", "entity_id": id.to_string() })).collect();
    client.post(&format!("{cart}/items/"), &json!(items)).await.expect(207);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_item_is_in_a_partition_that_is_named_and_a_deleted_cart_leaves_nothing() {
    let world = World::start();
    let owner = world.client.with_key("owner");
    let made = owner.post("/resources/carts/", &json!({ "cart_name": "a" })).await.expect(201);
    let at = made.header("location").unwrap().to_owned();
    // The head, its place, its name, its contents, and sixteen counts.
    assert_eq!(held(&world).await, 4 + 16);
    put(&owner, &at, 0..40).await;
    let types = held(&world).await - (4 + 16 + 40);
    assert!((1..=16).contains(&types), "{types} counts of types");
    put(&owner, "/resources/carts/default", 0..10).await;
    let combined = json!({ "with": "default", "op": "subtract" });
    let job = owner.post(&format!("{at}/combine"), &combined).await.expect(202).json();
    let job = job["links"]["self"].as_str().unwrap();
    let job = owner.with_header("prefer", "wait=30").get(job).await.expect(200).json();
    assert_eq!((&job["status"], &job["items_found"]), (&json!("completed"), &json!(30)));
    owner.delete("/resources/carts/default").await.expect(200);
    owner.delete(&at).await.expect(200);
    // Two tombstones stay, for thirty days.
    until_held(&world, 2).await;
    world.stop().await;
}

#[tokio::test]
async fn a_summary_names_the_first_types_and_counts_them_in_all_digits() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(SystemClock::new())));
    let basket = Basket::new(store.clone(), "default".parse().unwrap(), Uuid::new_v4());
    store.write(basket.open()).await.unwrap();
    for (digit, types) in [("0", ["c", "d", "a"]), ("7", ["c", "b", "e"]), ("f", ["f", "c", "g"])] {
        let change = types.into_iter().map(|kind| (kind.to_owned(), 2)).collect();
        basket.write(basket.count(digit, &change)).await.unwrap();
    }
    // Of this one nothing is left.
    basket.write(basket.count("0", &Change::from([("a".to_owned(), -2)]))).await.unwrap();
    let named = |types: [(&str, u64); 3]| BTreeMap::from(types.map(|(kind, n)| (kind.to_owned(), n)));
    assert_eq!(basket.types(3).await.unwrap(), named([("b", 2), ("c", 6), ("d", 2)]));
    assert_eq!(basket.types(100).await.unwrap().len(), 6);
    assert_eq!(basket.len().await.unwrap(), Some(16));
}
