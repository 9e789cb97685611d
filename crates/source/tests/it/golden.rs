//! What earlier versions stored is still read.

use base::Store as _;
use base::store::{Body, Bulk, Field, Key, Table};
use serde_json::Value;
use source::service::window::Wanted;
use source::store::TABLES;

use crate::world::World;

/// A series as the first version left it: head, record, partials, total, mark.
const V1: &str = include_str!("../golden/v1.json");
/// As the second does: sketches are texts.
const V2: &str = include_str!("../golden/v2.json");

#[tokio::test]
async fn the_first_version_is_read() {
    is_read(V1).await;
}

#[tokio::test]
async fn the_second_version_is_read() {
    is_read(V2).await;
}

async fn is_read(stored: &str) {
    let mut world = World::at("2026-01-15T10:30:30Z");
    let items: Vec<Value> = serde_json::from_str(stored).unwrap();
    for table in TABLES {
        let of_table = items.iter().filter(|item| item["table"] == table.0);
        let puts: Vec<Bulk> = of_table.map(|item| put(table, item)).collect();
        assert!(!puts.is_empty());
        world.memory.bulk(table, puts).await.unwrap();
    }
    let request = world.ctx();
    let name = "roof".parse().unwrap();
    let summary = world.source.series_get(&request, &name).await.unwrap();
    assert_eq!((summary.records, summary.head.readings.len()), (3, 1));
    let from = "2026-01-14T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_microsecond();
    let day = 86_400_000_000;
    // Two records are in the day's partial, the third is in a dirty minute of the next.
    let window = world.source.window(&request, &name, &[from, from + day, from + 2 * day], Wanted::ALL).await.unwrap();
    let figures = &window.buckets[0].partial.readings["temp"];
    assert_eq!((figures.n, figures.mean, figures.m2, figures.min, figures.max), (2, 21.1, 0.02, 21.0, 21.2));
    assert_eq!((figures.first, figures.last), (21.0, 21.2));
    assert!((figures.quantile(0.0).unwrap() - 21.0).abs() < 0.22);
    assert_eq!(window.buckets[1].partial.readings["temp"].mean, 21.5);
    let latest = world.shelf("roof").record_at_end(Some(jiff::Timestamp::MAX)).await.unwrap().unwrap();
    assert_eq!((latest.data.as_str(), latest.by.as_deref()), (r#"{"temp":21.50}"#, Some("4pmq7r5ct2kd")));
    let hour = ("2026-01-15T10:00:00Z".parse().unwrap(), "2026-01-15T11:00:00Z".parse().unwrap());
    let events = world.source.events(&request, hour, 10).await.unwrap();
    assert_eq!((events.len(), events[0].series.as_deref(), events[0].bytes), (1, Some("roof"), 14));
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
