//! Writing and reading in order, against a map that does the same in the simplest way.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base::clock::SystemClock;
use base::memory::MemoryStore;
use base::store::Range;
use base::{Clock, TenantId};
use ingest::model::{Dataset, Definition, Layout, Rule};
use ingest::store::Shelf;
use ingest::store::head::Heads;
use ingest::store::intake::Intake;
use proptest::prelude::*;
use uuid::Uuid;

/// An empty dataset by `id` and `name`.
async fn shelf() -> (Shelf, Layout) {
    let clock = Arc::new(SystemClock::new());
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let definition = Definition {
        name: "things".parse().unwrap(),
        source: None,
        key: Rule::parse(["id"]).unwrap(),
        sort: Rule::parse(["name"]).unwrap(),
        public: false,
        redact: Vec::new(),
    };
    let at = clock.now();
    let dataset = Dataset { definition, id: Uuid::new_v4(), created_at: at, updated_at: at };
    let tenant: TenantId = "default".parse().unwrap();
    Heads::new(store.clone()).create(&tenant, &dataset).await.unwrap();
    (Shelf::new(store, tenant, dataset.id), dataset.layout())
}

async fn all(shelf: &Shelf, range: Range) -> Vec<String> {
    let mut scan = shelf.scan(range, None).await.unwrap();
    let mut texts = Vec::new();
    while let Some(entry) = scan.next().await.unwrap() {
        texts.push(entry.text);
    }
    texts
}

async fn by_pages(shelf: &Shelf, limit: usize) -> Vec<String> {
    let (mut texts, mut after) = (Vec::new(), None);
    loop {
        let page = shelf.page(Range::All, after, limit).await.unwrap();
        texts.extend(page.items.into_iter().map(|entry| entry.text));
        match page.next {
            Some(next) => after = Some(next),
            None => return texts,
        }
    }
}

/// What a record is in the simplest words: its id and its name.
fn text(id: u16, name: &str) -> String {
    serde_json::json!({ "id": id, "name": name }).to_string()
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,3}", "[\u{0}-\u{3}a]{1,3}", "\\PC{1,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_order_is_that_of_a_map(
        rounds in prop::collection::vec(prop::collection::vec((0_u16..60, names()), 1..90), 1..5),
        limit in 1_usize..40,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let (shelf, layout) = shelf().await;
            let mut model: HashMap<u16, String> = HashMap::new();
            for round in rounds {
                let mut intake = Intake::new(shelf.clone(), None);
                let taken = round.len() as u64;
                for (id, name) in round {
                    intake.add(layout.record(&text(id, &name), 1).unwrap()).await.unwrap();
                    model.insert(id, name);
                }
                assert_eq!(intake.finish().await.unwrap(), taken);
                let order: BTreeMap<(&str, u16), String> =
                    model.iter().map(|(id, name)| ((name.as_str(), *id), text(*id, name))).collect();
                let expected: Vec<String> = order.into_values().collect();
                assert_eq!(all(&shelf, Range::All).await, expected);
                assert_eq!(by_pages(&shelf, limit).await, expected);
                assert_eq!(shelf.count().await.unwrap(), model.len() as u64);
            }
            for (id, name) in &model {
                let found = shelf.record(&id.to_string()).await.unwrap().unwrap();
                assert_eq!(found.text, text(*id, name));
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_the_same_records_leave_each_once() {
    let (shelf, layout) = shelf().await;
    let writer = |n: u16| {
        let (shelf, layout) = (shelf.clone(), layout.clone());
        tokio::spawn(async move {
            for round in 0..5_u16 {
                let mut intake = Intake::new(shelf.clone(), None);
                for id in 0..100 {
                    let record = layout.record(&text(id, &format!("{}", (n * 31 + round * 17 + id) % 50)), 1).unwrap();
                    intake.add(record).await.unwrap();
                }
                intake.finish().await.unwrap();
            }
        })
    };
    for writer in (0..8).map(writer).collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let records = all(&shelf, Range::All).await;
    assert_eq!((records.len(), shelf.count().await.unwrap()), (100, 100));
    let mut ids: Vec<u64> = records
        .iter()
        .map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap()["id"].as_u64().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..100).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_dataset_is_merged_whole() {
    let (shelf, layout) = shelf().await;
    let mut intake = Intake::new(shelf.clone(), None);
    for n in 0..10_000_u32 {
        let record = format!(r#"{{"id":{n},"name":{}}}"#, n.wrapping_mul(2_654_435_761) % 7_919);
        intake.add(layout.record(&record, 1).unwrap()).await.unwrap();
    }
    assert_eq!(intake.finish().await.unwrap(), 10_000);
    let place = |text: &String| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        (value["name"].as_u64().unwrap(), value["id"].as_u64().unwrap())
    };
    let places: Vec<_> = all(&shelf, Range::All).await.iter().map(place).collect();
    assert_eq!(places.len(), 10_000);
    assert!(places.is_sorted());
}
