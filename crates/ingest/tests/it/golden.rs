//! What earlier versions stored is still read.

use base::Store as _;
use base::store::{Body, Bulk, Field, Key};
use ingest::model::source::Paging;
use ingest::store::{DATASETS, RECORDS};
use serde_json::Value;

use crate::world::World;

/// A dataset as the first version left it: head, count, a record, the status of a run.
const V1: &str = include_str!("../golden/v1.json");

#[tokio::test(flavor = "multi_thread")]
async fn the_first_version_is_read() {
    let world = World::start().await;
    let items: Vec<Value> = serde_json::from_str(V1).unwrap();
    assert!(!items.is_empty());
    for table in [DATASETS, RECORDS] {
        let of_table = items.iter().filter(|item| item["table"] == table.0);
        world.store.bulk(table, of_table.map(|item| put(table, item)).collect()).await.unwrap();
    }
    let (ctx, name) = (world.ctx(), "people".parse().unwrap());

    let found = world.ingest.dataset_get(&ctx, &name).await.unwrap();
    let definition = found.dataset.definition;
    assert_eq!((found.count, definition.public), (1, true));
    assert_eq!(found.dataset.created_at.to_string(), "2026-02-03T04:05:06Z");
    let paths = |paths: &[ingest::model::Path]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(paths(definition.key.paths()), ["country", "id"]);
    assert_eq!(
        (paths(definition.sort.paths()), paths(&definition.redact)),
        (vec!["name.last".into()], vec!["phone".into()])
    );
    let source = definition.source.unwrap();
    assert!(
        matches!(&source.page, Paging::Cursor { param, next } if param == "after" && next.to_string() == "meta.next")
    );
    assert_eq!((source.records.to_string(), source.rate, source.concurrency), ("data.items".into(), Some(60), 4));
    assert_eq!(source.auth.unwrap().secret(), "people");

    let text = r#"{"id":7,"country":"PT","name":{"last":"Silva"},"phone":"1"}"#;
    assert_eq!(world.ingest.record_get(&ctx, &name, "PT,7").await.unwrap().text, text);
    assert_eq!(world.records("people").await, [text]);
    // Written again, it is found by its old key and stays one.
    let reader = ingest::rows::Reader::Ndjson(Default::default());
    let line = Ok(bytes::Bytes::from_static(br#"{"id":7,"country":"PT","name":{"last":"Abreu"}}"#));
    let report = world.ingest.import(&ctx, &name, reader, 1, futures::stream::iter([line])).await.unwrap();
    assert_eq!((report.saved, world.records("people").await.len()), (1, 1));

    let (status, errors) = world.ingest.status(&ctx, &name).await.unwrap().unwrap();
    assert_eq!((status.records, status.api_calls, status.error_count, status.timestamp), (1, 3, 1, 1_700_449_327_942));
    assert_eq!((errors.len(), errors[0].response), (1, Some(500)));
    world.stop().await;
}

/// Keys are written as their parts.
fn put(table: base::store::Table, item: &Value) -> Bulk {
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
