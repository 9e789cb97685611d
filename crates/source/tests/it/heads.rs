//! New series, many at the same time, and as many as there may be.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use base::clock::{Clock as _, SystemClock};
use base::intercept::{Intercept, Intercepted};
use base::memory::MemoryStore;
use base::store::{Key, StoreError, Version, Write};
use base::{ErrorKind, Result, Store, StoreExt as _, TenantId, key};
use source::store::SOURCE;
use source::store::heads::{Heads, SERIES_MAX};

/// Has everybody read before anybody writes.
struct Late;

#[async_trait]
impl Intercept for Late {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        tokio::task::yield_now().await;
        inner.write(writes).await
    }
}

fn tenant() -> TenantId {
    "default".parse().unwrap()
}

fn count() -> Key {
    Key::new(SOURCE, key![tenant(), "count"], "series")
}

/// Makes so many series at the same time, and says what became of each.
async fn at_once(store: &Arc<dyn Store>, many: usize) -> Vec<Result<BTreeSet<String>>> {
    let heads = Heads::new(Arc::new(Intercepted::new(store.clone(), Late)));
    let (readings, now) = (BTreeSet::from(["v".to_owned()]), SystemClock::new().now());
    let made = (0..many).map(|n| {
        let (heads, readings) = (&heads, &readings);
        async move { heads.extend(&tenant(), &format!("new-{n}").parse().unwrap(), readings, now).await }
    });
    futures::future::join_all(made).await
}

#[tokio::test]
async fn hundreds_of_new_series_at_once_are_all_made_and_counted() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(SystemClock::new())));
    for made in at_once(&store, 300).await {
        made.unwrap();
    }
    assert_eq!(store.get(count()).await.unwrap().unwrap().int("n"), 300);
}

#[tokio::test]
async fn there_are_at_most_a_hundred_thousand_series() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(SystemClock::new())));
    store.write(vec![Write::add(count(), [("n", SERIES_MAX - 3)])]).await.unwrap();
    let made = at_once(&store, 8).await;
    let refused = made.iter().filter_map(|made| made.as_ref().err()).map(base::Error::kind);
    assert_eq!(refused.collect::<Vec<_>>(), [ErrorKind::Conflict; 5]);
    assert_eq!(store.get(count()).await.unwrap().unwrap().int("n"), SERIES_MAX);
}
