//! No read holds the log for ever.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::conformance::START;
use base::store::{Body, Bulk, Range, StoreError};
use base::{Clock, Store as _};
use embedded::{OpenOptions, SqliteStore};
use jiff::Timestamp;

use crate::{TABLE, key};

/// A clock that leaps ahead at each look at it.
#[derive(Debug, Default)]
struct Leaping {
    seconds: AtomicU64,
    leap: AtomicU64,
}

impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        START
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.seconds.fetch_add(self.leap.load(Ordering::Relaxed), Ordering::Relaxed))
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_read_that_takes_longer_than_five_seconds_is_ended_and_the_next_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(Leaping::default());
    let store = SqliteStore::open(OpenOptions::new(directory.path().join("freight.db"), clock.clone())).unwrap();
    let items = (0..3_000).map(|n| Bulk::Put(key("p", &n.to_string()), Body::default()));
    store.bulk(TABLE, items.collect()).await.unwrap();

    clock.leap.store(6, Ordering::Relaxed);
    let ended = store.count(TABLE, "p", Range::All).await;
    assert!(matches!(ended, Err(StoreError::Unavailable(_))), "{ended:?}");
    clock.leap.store(0, Ordering::Relaxed);
    assert_eq!(store.count(TABLE, "p", Range::All).await, Ok(3_000));
}
