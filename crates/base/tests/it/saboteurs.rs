//! Implementations that break one promise each, to show that the suite notices.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use base::clock::ManualClock;
use base::conformance::{Fixture, START, limiter, store};
use base::limiter::{Decision, Policy};
use base::memory::{MemoryLimiter, MemoryStore};
use base::store::{Action, Body, Bulk, Item, Key, Query, Range, Slice, StoreError, Table, Version, When, Write};
use base::{Clock, Limiter, Store, StoreExt};
use futures::FutureExt;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sabotage {
    FirstFailureOnly,
    ItemByItem,
    UnconditionalAdd,
    AddByReadAndPut,
    ParsedData,
    CursorIncluded,
    LastOfBulkDropped,
    SortedGetMany,
    PrefixIsAPattern,
}

struct Sabotaged {
    inner: MemoryStore,
    how: Sabotage,
}

impl Sabotaged {
    async fn add_by_read_and_put(&self, write: Write) -> Result<Version, StoreError> {
        let Action::Add(fields) = &write.action else { return self.inner.write(vec![write]).await };
        let mut body = self.inner.get(write.key.clone()).await?.map(|item| item.body).unwrap_or_default();
        tokio::task::yield_now().await;
        body.add(fields);
        self.inner.write(vec![Write::put(write.key, body)]).await
    }
}

#[async_trait]
impl Store for Sabotaged {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        let mut keys = keys.to_vec();
        if self.how == Sabotage::SortedGetMany {
            keys.sort();
        }
        self.inner.get_many(&keys).await
    }

    async fn query(&self, mut query: Query) -> Result<Slice, StoreError> {
        if self.how == Sabotage::CursorIncluded {
            query.after = query.after.map(|after| after[..after.len() - 1].to_owned());
        }
        match &query.range {
            Range::Prefix(prefix) if self.how == Sabotage::PrefixIsAPattern && prefix.ends_with('%') => {
                query.range = Range::Prefix(prefix.trim_end_matches('%').to_owned());
            }
            _ => {}
        }
        self.inner.query(query).await
    }

    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
        self.inner.count(table, partition, range).await
    }

    async fn write(&self, mut writes: Vec<Write>) -> Result<Version, StoreError> {
        for write in &mut writes {
            match &mut write.action {
                Action::Add(_) if self.how == Sabotage::UnconditionalAdd => write.when = When::Always,
                Action::Put(Body { data: Some(data), .. }) if self.how == Sabotage::ParsedData => {
                    let parsed: Result<serde_json::Value, _> = serde_json::from_str(data);
                    *data = parsed.map_or_else(|_| data.clone(), |value| value.to_string());
                }
                _ => {}
            }
        }
        match self.how {
            Sabotage::FirstFailureOnly => self.inner.write(writes).await.map_err(|error| match error {
                StoreError::Failed(failed) => StoreError::Failed(failed[..1].to_vec()),
                other => other,
            }),
            Sabotage::ItemByItem => {
                let mut last = Err(StoreError::Busy);
                for (n, write) in writes.into_iter().enumerate() {
                    last = self.inner.write(vec![write]).await.map_err(|_| StoreError::Failed(vec![n]));
                }
                last
            }
            Sabotage::AddByReadAndPut if writes.len() == 1 => self.add_by_read_and_put(writes.remove(0)).await,
            _ => self.inner.write(writes).await,
        }
    }

    async fn bulk(&self, table: Table, mut writes: Vec<Bulk>) -> Result<(), StoreError> {
        if self.how == Sabotage::LastOfBulkDropped {
            writes.truncate(249);
        }
        self.inner.bulk(table, writes).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
}

/// Asserts that the promise fails on what was made.
async fn caught<T: ?Sized>(fixture: Fixture<T>, promise: impl AsyncFnOnce(&Fixture<T>)) {
    let outcome = AssertUnwindSafe(promise(&fixture)).catch_unwind().await;
    assert!(outcome.is_err(), "the suite did not notice");
}

fn sabotaged(how: Sabotage) -> Fixture<dyn Store> {
    let clock = ManualClock::at(START);
    let inner = MemoryStore::new(Arc::new(clock.clone()));
    Fixture::manual(Arc::new(Sabotaged { inner, how }), clock)
}

#[tokio::test]
async fn a_store_that_breaks_a_promise_is_caught() {
    caught(sabotaged(Sabotage::FirstFailureOnly), store::a_failed_write_names_every_condition).await;
    caught(sabotaged(Sabotage::ItemByItem), store::a_write_is_all_or_nothing).await;
    caught(sabotaged(Sabotage::UnconditionalAdd), store::every_condition_means_what_it_says).await;
    caught(sabotaged(Sabotage::AddByReadAndPut), store::concurrent_adds_all_count).await;
    caught(sabotaged(Sabotage::ParsedData), store::data_is_kept_to_the_byte).await;
    caught(sabotaged(Sabotage::CursorIncluded), store::a_cursor_stays_within_its_range).await;
    caught(sabotaged(Sabotage::LastOfBulkDropped), store::bulk_is_durable_and_idempotent).await;
    caught(sabotaged(Sabotage::SortedGetMany), store::get_many_answers_in_the_order_of_the_keys).await;
    caught(sabotaged(Sabotage::PrefixIsAPattern), store::a_prefix_holds_exactly_what_begins_so).await;
}

#[tokio::test]
async fn a_store_whose_items_do_not_expire_is_caught() {
    let stopped: Arc<dyn Clock> = Arc::new(ManualClock::at(START));
    let fixture =
        || Fixture::<dyn Store>::manual(Arc::new(MemoryStore::new(Arc::clone(&stopped))), ManualClock::at(START));
    caught(fixture(), store::an_expired_item_is_absent_to_reads_conditions_add_count_query).await;
    caught(fixture(), store::an_item_expires_at_its_instant).await;
}

/// Counts in windows that begin at fixed times: at their edge nearly twice the limit passes.
struct FixedWindow {
    clock: Arc<dyn Clock>,
    inner: MemoryLimiter,
}

#[async_trait]
impl Limiter for FixedWindow {
    async fn check(&self, key: &str, policies: &[Policy], cost: u32) -> Decision {
        let window = policies[0].window.as_millis().max(1);
        let key = format!("{key} {}", self.clock.monotonic().as_millis() / window);
        self.inner.check(&key, policies, cost).await
    }
}

#[tokio::test]
async fn a_limiter_of_fixed_windows_is_caught() {
    let clock = ManualClock::at(START);
    let stopped = MemoryLimiter::new(Arc::new(ManualClock::at(START)));
    let fixed: Arc<dyn Limiter> = Arc::new(FixedWindow { clock: Arc::new(clock.clone()), inner: stopped });
    caught(Fixture::manual(fixed, clock), limiter::no_sliding_window_holds_more_than_the_limit).await;
}
