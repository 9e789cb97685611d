//! What DynamoDB does on a bad day, and that it did it.

use std::sync::Arc;

use base::clock::ManualClock;
use base::conformance::START;
use base::conformance::store::TABLES;
use base::store::{Body, Bulk, Item, Key, Query, Range, When, Write};
use base::{Store, StoreExt};
use cloud::dynamo::{DynamoStore, Fault, Options};
use testkit::aws::{AwsShim, Fired, Moto, Odds};

use crate::dynamo::{SILENCE_MAX, behind, store};

const WRITERS: i64 = 8;
const ROUNDS: i64 = 20;

fn key(sort: impl ToString) -> Key {
    Key::new(TABLES[0], "p", sort.to_string())
}

/// Moves one unit between two counters, and back, and reads around.
async fn trade(store: Arc<DynamoStore>, writer: i64) {
    for round in 0..ROUNDS {
        let transfer = |from: &str, to: &str| vec![Write::add(key(from), [("n", -1)]), Write::add(key(to), [("n", 1)])];
        let (from, to) = if (writer + round) % 2 == 0 { ("a", "b") } else { ("b", "a") };
        store.write(transfer(from, to)).await.unwrap();
        store.write(vec![Write::add(key(format!("own{writer}")), [("n", 1)])]).await.unwrap();
        let puts = (0..30).map(|n| Bulk::Put(key(format!("bulk{writer}-{n}")), Body::data("1"))).collect();
        store.bulk(TABLES[0], puts).await.unwrap();
        let keys: Vec<Key> = (0..30).map(|n| key(format!("bulk{writer}-{n}"))).collect();
        assert_eq!(store.get_many(&keys).await.unwrap().iter().flatten().count(), 30);
        let found = store.query_all(Query::new(TABLES[0], "p").prefix(format!("bulk{writer}-"))).await.unwrap();
        assert_eq!(found.len(), 30);
    }
}

/// What the trade left: the sum of both counters, and each writer's own count.
async fn traded(seed: u64, odds: Odds) -> (Fired, i64, Vec<i64>) {
    let shim = AwsShim::start(Moto::shared(), seed, odds).await;
    let store = Arc::new(store(&shim, &ManualClock::at(START)).await);
    let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(trade(store.clone(), writer))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let fired = shim.fired();
    shim.set(Odds::default());
    let count = async |name: String| store.get(key(name)).await.unwrap().map_or(0, |item: Item| item.int("n"));
    let mut own = Vec::new();
    for writer in 0..WRITERS {
        own.push(count(format!("own{writer}")).await);
    }
    (fired, count("a".to_owned()).await + count("b".to_owned()).await, own)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_happens_and_every_write_happens_once() {
    let (fired, sum, own) = traded(11, Odds::BAD_DAY).await;
    assert_eq!((sum, own), (0, vec![ROUNDS; WRITERS as usize]));
    let kinds = [
        fired.unprocessed_reads,
        fired.unprocessed_writes,
        fired.throttled,
        fired.conflicts,
        fired.overlaps,
        fired.failed - fired.failed_writes,
        fired.failed_writes,
        fired.lost - fired.lost_writes,
        fired.lost_writes,
        fired.replayed,
        fired.empty_pages,
    ];
    assert!(kinds.iter().all(|count| *count > 0), "{fired:?}");
}

/// The saboteur: where tokens are forgotten, counts are wrong, and the test above would say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tokens_a_lost_answer_counts_twice() {
    let (fired, _, own) = traded(11, Odds { forgotten: 1.0, ..Odds::BAD_DAY }).await;
    assert!(fired.lost > 0 && own.iter().sum::<i64>() > WRITERS * ROUNDS, "{own:?}");
}

/// Where DynamoDB's own `ADD` would differ, the sum is the one that every store makes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_that_dynamo_would_not_make_are_made_here() {
    let shim = AwsShim::start(Moto::shared(), 12, Odds::default()).await;
    let clock = ManualClock::at(START);
    let cloud = store(&shim, &clock).await;
    let memory = base::memory::MemoryStore::new(Arc::new(clock.clone()));
    let bodies = [
        Body::data("1").with("n", "no number"),
        Body::data("1").with("n", i64::MAX).with("m", i64::MIN),
        Body::data("1").with("n", 5).expiring(START),
    ];
    let mut answers = Vec::new();
    for store in [&cloud as &dyn Store, &memory] {
        let mut seen = Vec::new();
        for (n, body) in bodies.iter().enumerate() {
            store.write(vec![Write::put(key(n), body.clone())]).await.unwrap();
            let add = Write::add(key(n), [("n", 2), ("m", -2), ("n", 1)]);
            seen.push(format!("{:?}", store.write(vec![add.clone().when(When::Present)]).await.map(drop)));
            store.write(vec![add, Write::put(key("beside"), Body::default())]).await.unwrap();
            seen.push(format!("{:?}", store.get(key(n)).await.unwrap().unwrap().body));
        }
        answers.push(seen);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_made_once_and_found_sound() {
    let shim = AwsShim::start(Moto::shared(), 13, Odds::default()).await;
    let prefix = format!("{}-", uuid::Uuid::new_v4().simple());
    let options = Options { prefix: prefix.clone(), tables: TABLES.to_vec(), silence_max: SILENCE_MAX };
    let store = DynamoStore::connect(&behind(&shim), options, Arc::new(ManualClock::at(START))).await;
    let faults = async || -> Vec<Vec<Fault>> {
        store.tables_check().await.unwrap().into_iter().map(|found| found.faults).collect()
    };
    assert_eq!(faults().await, [[Fault::Missing], [Fault::Missing]]);
    let refused = store.ready().await.unwrap_err().to_string();
    assert!(refused.contains("freight tables create"), "{refused}");
    let names = TABLES.map(|table| format!("{prefix}{}", table.0));
    assert_eq!(store.tables_missing().await.unwrap(), names);
    assert_eq!(store.tables_create().await.unwrap(), names);
    assert_eq!(store.tables_create().await.unwrap(), Vec::<String>::new());
    assert_eq!(store.tables_missing().await.unwrap(), Vec::<String>::new());
    assert_eq!(faults().await, [[], []] as [[Fault; 0]; 2]);
    store.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_expired_is_read_past_in_few_calls() {
    let shim = AwsShim::start(Moto::shared(), 14, Odds::default()).await;
    let store = store(&shim, &ManualClock::at(START)).await;
    let expired = |n| Bulk::Put(key(format!("a{n:03}")), Body::data("1").expiring(START));
    let alive = ["b", "c"].map(|name| Bulk::Put(key(name), Body::data("1")));
    store.bulk(TABLES[0], (0..500).map(expired).chain(alive).collect()).await.unwrap();
    let before = shim.calls();
    let slice = store.query(Query::new(TABLES[0], "p").limit(1)).await.unwrap();
    assert_eq!(slice.items.iter().map(|item| item.key.sort.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(slice.next.as_deref(), Some("b"));
    // Three items, then a hundred with each call.
    assert_eq!(shim.calls() - before, 6);
}

/// What the figures of cost count as one request (docs/benchmarks.md) is one request of DynamoDB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_the_store_is_one_request_and_bulk_one_for_twenty_five_items() {
    let shim = AwsShim::start(Moto::shared(), 15, Odds::default()).await;
    let store = store(&shim, &ManualClock::at(START)).await;
    let put = |n: i64| Write::put(key(n), Body::data("1"));
    let bulk = |many: i64| (0..many).map(|n| Bulk::Put(key(n), Body::data("2"))).collect::<Vec<_>>();
    let mut before = shim.calls();
    let mut asked = |requests: u64, of: &str| {
        let now = shim.calls();
        assert_eq!(now - before, requests, "{of}");
        before = now;
    };
    store.write(vec![put(0).when(When::Absent)]).await.unwrap();
    asked(1, "a put on a condition");
    store.write((0..100).map(put).collect()).await.unwrap();
    asked(1, "a transaction");
    store.write(vec![put(200), put(0).when(When::Absent)]).await.unwrap_err();
    asked(1, "a transaction that fails");
    store.write(vec![Write::add(key("n"), [("n", 1)])]).await.unwrap();
    asked(1, "a count");
    store.write(vec![Write::check(key(0), When::Present)]).await.unwrap();
    asked(1, "a check alone");
    let keys: Vec<Key> = (0..100).map(key).collect();
    for many in [1, 2, 100] {
        assert_eq!(store.get_many(&keys[..many]).await.unwrap().iter().flatten().count(), many);
        asked(1, "a read of keys");
    }
    assert_eq!(store.query(Query::new(TABLES[0], "p").limit(50)).await.unwrap().items.len(), 50);
    asked(1, "a page");
    assert_eq!(store.count(TABLES[0], "p", Range::Prefix("1".to_owned())).await.unwrap(), 11);
    asked(1, "a count of a range");
    for (many, requests) in [(25, 1), (26, 2), (100, 4)] {
        store.bulk(TABLES[0], bulk(many)).await.unwrap();
        asked(requests, "a bulk");
    }
}
