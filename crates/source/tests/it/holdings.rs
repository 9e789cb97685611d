//! A tenant's partitions are all named, so that nothing is left of one that is deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::store::{Query, Table};
use base::{Store, StoreExt as _};
use source::model::record::Draft;

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
