//! DynamoDB and SQS that are not there: nobody waits for long, and nobody has to tell us that they are
//! back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base::clock::ManualClock;
use base::conformance::START;
use base::conformance::store::TABLES;
use base::queue::{Ring, Topic};
use base::store::{Body, Key, StoreError, Write};
use base::{Queue, Store, TaskId};
use cloud::dynamo::{DynamoStore, Options};
use cloud::{SqsQueue, sqs};
use testkit::aws::{AwsShim, Cut, LAG, Moto, Odds, Service};
use uuid::Uuid;

use crate::dynamo::behind;

const SECOND: Duration = Duration::from_secs(1);
const SILENCE_MAX: Duration = Duration::from_millis(400);

async fn shim() -> AwsShim {
    AwsShim::start(Moto::shared(), 17, Odds::default()).await
}

async fn put(store: &DynamoStore, name: &str) -> Result<(), StoreError> {
    store.write(vec![Write::put(Key::new(TABLES[0], "p", name), Body::data("1"))]).await.map(drop)
}

/// A store with all tables.
async fn store(shim: &AwsShim) -> DynamoStore {
    let prefix = format!("{}-", Uuid::new_v4().simple());
    let store = async |silence_max| {
        let options = Options { prefix: prefix.clone(), tables: TABLES.to_vec(), silence_max };
        DynamoStore::connect(&behind(shim), options, Arc::new(ManualClock::at(START))).await
    };
    store(20 * SECOND).await.tables_create().await.unwrap();
    store(SILENCE_MAX).await
}

async fn until_written(store: &DynamoStore, name: &str) {
    while put(store, name).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_says_so_within_a_second_and_comes_back_by_itself() {
    for cut in [Cut::Closed, Cut::Silent] {
        let shim = shim().await;
        let store = store(&shim).await;
        until_written(&store, "before").await;

        shim.cut(Service::Dynamo, cut);
        let begun = Instant::now();
        let (mut told, mut longest) = (0, Duration::ZERO);
        while begun.elapsed() < 4 * SECOND {
            let asked = Instant::now();
            assert!(matches!(put(&store, "x").await, Err(StoreError::Unavailable(_) | StoreError::Unknown(_))));
            longest = longest.max(asked.elapsed());
            told += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(longest < SECOND, "{cut:?}: {longest:?}");
        assert!(told > 100, "{cut:?}: most are told at once: {told}");
        assert!(store.ready().await.is_err());

        shim.cut(Service::Dynamo, Cut::None);
        let restored = Instant::now();
        until_written(&store, "after").await;
        assert!(restored.elapsed() < 4 * SECOND, "{cut:?}: {:?}", restored.elapsed());
        store.ready().await.unwrap();
    }
}

/// Each call takes longer than the silence that is borne, and there is one at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slow_is_not_taken_for_absent() {
    let shim = shim().await;
    let store = store(&shim).await;
    shim.cut(Service::Dynamo, Cut::Slow);
    for name in ["a", "b", "c"] {
        let asked = Instant::now();
        put(&store, name).await.unwrap();
        assert!(asked.elapsed() >= LAG);
    }
    assert!(LAG > 2 * SILENCE_MAX);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_away_holds_nobody_up() {
    for cut in [Cut::Closed, Cut::Silent] {
        let (shim, topic) = (shim().await, Topic::new("t"));
        let options = sqs::Options {
            prefix: format!("{}-", Uuid::new_v4().simple()),
            topics: vec!["t".to_owned()],
            ..Default::default()
        };
        let queue = SqsQueue::connect(&behind(&shim), options).await;
        queue.queues_create().await.unwrap();
        let rings = |count| {
            let ring =
                |_| Ring { task: TaskId::new(Uuid::new_v4()), group: "acme".parse().unwrap(), delay: Duration::ZERO };
            (0..count).map(ring).collect::<Vec<_>>()
        };
        queue.send(&topic, rings(1)).await.unwrap();

        shim.cut(Service::Sqs, cut);
        let begun = Instant::now();
        // As many as a sweep sends at once.
        assert!(queue.send(&topic, rings(128)).await.is_err());
        assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
        let begun = Instant::now();
        assert!(queue.send(&topic, rings(1)).await.is_err());
        assert!(begun.elapsed() < Duration::from_millis(50), "{:?}", begun.elapsed());

        shim.cut(Service::Sqs, Cut::None);
        let restored = Instant::now();
        while queue.send(&topic, rings(1)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(restored.elapsed() < 4 * SECOND, "{cut:?}: {:?}", restored.elapsed());
    }
}
