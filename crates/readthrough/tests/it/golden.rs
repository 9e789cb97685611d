//! What earlier versions stored is still read.

use base::Store as _;
use base::kept::Origin;
use base::store::{Body, Bulk, Key};
use readthrough::Producer;
use readthrough::store::{ANSWERS, partitions};
use serde_json::Value;

use crate::world::World;

/// An answer as the first version stored it, its sort key as parts.
const V1: &str = include_str!("../golden/v1.json");

async fn put(world: &World, item: &Value) {
    let join = |parts: &Value| {
        let parts = parts.as_array().unwrap().iter().map(|part| part.as_str().unwrap());
        parts.collect::<Vec<_>>().join(&base::key::SEPARATOR.to_string())
    };
    let mut body = Body::data(item["data"].as_str().unwrap());
    for (name, value) in item["fields"].as_object().unwrap() {
        body = body.with(name, value.as_i64().unwrap());
    }
    let key = Key::new(ANSWERS, join(&item["partition"]), join(&item["sort"]));
    assert!(partitions(&world.tenant).contains(&(ANSWERS, key.partition.clone())));
    world.store.bulk(ANSWERS, vec![Bulk::Put(key, body)]).await.unwrap();
}

#[tokio::test]
async fn the_first_version_is_read_and_one_to_come_is_computed_anew() {
    let item: Value = serde_json::from_str(V1).unwrap();
    let world = World::new(Producer::Inline);
    put(&world, &item).await;
    assert_eq!(world.seen().await, ("{\"exact\":1.50}".to_owned(), Origin::Store, None));

    let world = World::new(Producer::Inline);
    let mut later = item;
    later["fields"]["v"] = 2.into();
    put(&world, &later).await;
    assert_eq!(world.seen().await, ("1".to_owned(), Origin::Computed, None));
}
