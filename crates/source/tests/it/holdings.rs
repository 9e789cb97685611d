//! A tenant's partitions are all named, so that nothing is left of one that is deleted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base::store::{Query, Table};
use base::{Store, StoreExt as _};
use source::model::event::Kind;
use source::model::record::Draft;
use source::service::window::Wanted;

use crate::world::World;

async fn write(world: &mut World, series: &str) {
    let request = world.ctx();
    let draft = Draft::new(r#"{"v":1}"#, Some(series), Some("1700000000"), request.now()).unwrap();
    let record = world.source.record_of(&request, &draft, 0);
    world.source.record_write(&request, &draft, &record, None).await.unwrap();
}

#[tokio::test]
async fn every_partition_of_a_tenant_is_named() {
    let mut world = World::at("2026-01-15T10:30:30Z");
    for name in ["one", "two", "três"] {
        write(&mut world, name).await;
    }
    for name in ["one", "two", "três"] {
        world.roll(name).await;
    }
    write(&mut world, "one").await;
    let outcome = source::service::events::Outcome { status: 200, bytes: 7, records: 1 };
    let request = world.ctx();
    world.source.write_note(&request, None, outcome);
    world.source.events_flush().await.unwrap();

    let store: Arc<dyn Store> = world.memory.clone();
    let page = source::store::partitions(&store, &request.tenant, None).await.unwrap();
    assert_eq!(page.next, None);
    let named: BTreeSet<(Table, String)> = page.items.into_iter().collect();
    let mut left = 0;
    for (table, partition) in &named {
        left += store.query_all(Query::new(*table, partition.clone())).await.unwrap().len();
    }
    // Heads, their count, records, partials of three levels, totals, a mark, events.
    assert_eq!(left, 3 + 1 + 4 + 9 + 3 + 1 + 1);
}

#[tokio::test]
async fn reads_are_counted_by_the_minute_and_the_caller() {
    let mut world = World::at("2026-01-15T10:30:30Z");
    write(&mut world, "one").await;
    let name = "one".parse().unwrap();
    let (first, cuts) = (world.ctx(), [0, 1_768_473_000_000_000]);
    world.source.window(&first, &name, &cuts, Wanted::ALL).await.unwrap();
    world.source.series_get(&first, &name).await.unwrap();
    let mut other = world.ctx();
    other.principal = base::Principal::new("key:other");
    world.source.window(&other, &name, &cuts, Wanted::ALL).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    let later = world.ctx();
    world.source.window(&later, &name, &cuts, Wanted::ALL).await.unwrap();
    world.source.events_flush().await.unwrap();
    let stretch = (first.now() - Duration::from_secs(60), later.now());
    let events = world.source.events(&later, stretch, 100).await.unwrap();
    let mut seen: Vec<(i64, Kind, &str, Option<&str>, u64)> = events
        .iter()
        .map(|it| (it.at.as_second(), it.kind, it.principal.as_str(), it.series.as_deref(), it.count))
        .collect();
    seen.sort_by_key(|it| (it.0, it.2));
    let minute = first.now().as_second() - 30;
    let expected = [(minute, "key:other", 1), (minute, "key:test", 2), (minute + 60, "key:test", 1)];
    assert_eq!(seen, expected.map(|(at, who, count)| (at, Kind::Reads, who, Some("one"), count)));
}
