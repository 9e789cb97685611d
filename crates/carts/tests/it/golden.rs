//! What earlier versions stored is still read.

use base::Store as _;
use base::store::{Body, Bulk, Field, Key, Table};
use carts::store::TABLES;
use serde_json::{Value, json};

use crate::world::World;

/// A cart as the first version left it: head, place, name, contents, counts, two items.
const V1: &str = include_str!("../golden/v1.json");

#[tokio::test(flavor = "multi_thread")]
async fn the_first_version_is_read() {
    let world = World::start();
    let items: Vec<Value> = serde_json::from_str(V1).unwrap();
    for table in TABLES {
        let puts: Vec<Bulk> =
            items.iter().filter(|item| item["table"] == table.0).map(|item| put(table, item)).collect();
        assert!(!puts.is_empty());
        world.store.bulk(table, puts).await.unwrap();
    }
    let owner = world.client.with_key("owner");
    let at = "/resources/carts/6b801de6-11d4-46c0-aed1-ca2110aa7d3c";
    let cart = owner.get("/resources/carts/").await.expect(200).json()[0].clone();
    assert_eq!((&cart["cart_name"], &cart["items_count"]), (&json!("winter"), &json!(2)));
    assert_eq!((&cart["created_at"], &cart["default"]), (&json!("2026-01-15T10:30:00Z"), &json!(false)));
    let shown = owner.get(at).await.expect(200).json();
    let [one, two] = [&shown["items"][0], &shown["items"][1]];
    assert_eq!(
        (&one["entity_id"], &one["attributes"], &one["entity_version"]),
        (&json!("1"), &json!({ "a": 1 }), &json!("v2"))
    );
    assert_eq!((&two["entity_id"], &two["added_at"]), (&json!("42"), &json!("2026-01-15T10:30:00Z")));
    let manifest = owner.get(&format!("{at}/manifest")).await.expect(200).text();
    assert!(manifest.contains(r#""attributes":{"a":1}"#), "{manifest}");
    assert_eq!(owner.get(&format!("{at}/summary")).await.expect(200).json()["entity_types"], json!({ "flights": 2 }));
    world.stop().await;
}

/// Keys are written as their parts.
fn put(table: Table, item: &Value) -> Bulk {
    let join = |name: &str| {
        let parts = item[name].as_array().unwrap().iter().map(|part| part.as_str().unwrap());
        parts.collect::<Vec<_>>().join(&base::key::SEPARATOR.to_string())
    };
    let mut body = Body { data: item.get("data").map(|data| data.as_str().unwrap().to_owned()), ..Body::default() };
    for (name, value) in item["fields"].as_object().into_iter().flatten() {
        let field = value.as_i64().map_or_else(|| Field::from(value.as_str().unwrap()), Field::from);
        body.fields.insert(name.clone(), field);
    }
    Bulk::Put(Key::new(table, join("partition"), join("sort")), body)
}
