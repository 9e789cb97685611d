//! What a server asks of its backends, counted, and what DynamoDB would charge for it.
//!
//! A call of the store is one request of DynamoDB, but for `bulk`, which is one for 25 items. Charged is
//! what on-demand tables charge: reading, in units of 4 KB, as all our reads are consistent; writing, in
//! units of 1 KB, of the larger of what was there and what is put; both doubled in a transaction. A
//! condition alone in a transaction is charged like a write, which is at most what it costs. There are no
//! indexes to be charged for.

use std::ops::{Div, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base::cache::{CacheKey, Cached};
use base::intercept::{Intercept, Intercepted};
use base::limiter::{Decision, Policy};
use base::queue::{Heard, Receipt, Ring, Topic};
use base::store::{Action, Body, Bulk, Field, Item, Key, Query, Range, Slice, StoreError, Table, Version, When, Write};
use base::{Cache, Limiter, Queue, Result, Store, StoreExt as _};
use bytes::Bytes;

/// So many items are one request of a batch.
const BULK: u64 = 25;
/// The names and the sizes of what every item has: `pk`, `sk`, `version` and its stamp.
const ITEM_BYTES: u64 = 2 + 2 + 7 + 16;
/// The same of an expiry: `expires` and `ttl` with their numbers.
const EXPIRY_BYTES: u64 = 7 + 9 + 3 + 6;

/// What was asked, and what it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bill {
    /// Requests to the store that read.
    pub reads: f64,
    /// Requests to the store that write.
    pub writes: f64,
    /// Units of 4 KB that were read.
    pub read_units: f64,
    /// Units of 1 KB that were written.
    pub write_units: f64,
    /// Requests to the queue.
    pub queue: f64,
    /// Requests to the limiter.
    pub limiter: f64,
    /// Requests to the cache.
    pub cache: f64,
}

impl Bill {
    /// Requests to the store.
    pub fn store(&self) -> f64 {
        self.reads + self.writes
    }

    fn with(self, other: Self, op: fn(f64, f64) -> f64) -> Self {
        Self {
            reads: op(self.reads, other.reads),
            writes: op(self.writes, other.writes),
            read_units: op(self.read_units, other.read_units),
            write_units: op(self.write_units, other.write_units),
            queue: op(self.queue, other.queue),
            limiter: op(self.limiter, other.limiter),
            cache: op(self.cache, other.cache),
        }
    }
}

impl Sub for Bill {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.with(other, f64::sub)
    }
}

impl Div<f64> for Bill {
    type Output = Self;

    fn div(self, by: f64) -> Self {
        let by = Self { reads: by, writes: by, read_units: by, write_units: by, queue: by, limiter: by, cache: by };
        self.with(by, f64::div)
    }
}

/// Counts. Handed out as store, queue, limiter and cache, each before one that does the work.
#[derive(Debug, Default)]
pub struct Meter {
    reads: AtomicU64,
    writes: AtomicU64,
    read_units: AtomicU64,
    write_units: AtomicU64,
    queue: AtomicU64,
    limiter: AtomicU64,
    cache: AtomicU64,
}

impl Meter {
    /// What has been asked in all.
    pub fn bill(&self) -> Bill {
        #[expect(clippy::cast_precision_loss, reason = "no test asks 2^52 times")]
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst) as f64;
        Bill {
            reads: count(&self.reads),
            writes: count(&self.writes),
            read_units: count(&self.read_units),
            write_units: count(&self.write_units),
            queue: count(&self.queue),
            limiter: count(&self.limiter),
            cache: count(&self.cache),
        }
    }

    /// A store whose requests are counted.
    pub fn store(self: &Arc<Self>, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Intercepted::new(inner, Counted(self.clone())))
    }

    /// A queue whose requests are counted.
    pub fn queue(self: &Arc<Self>, inner: Arc<dyn Queue>) -> Arc<dyn Queue> {
        Arc::new(CountedQueue { meter: self.clone(), inner })
    }

    /// A limiter whose requests are counted.
    pub fn limiter(self: &Arc<Self>, inner: Arc<dyn Limiter>) -> Arc<dyn Limiter> {
        Arc::new(CountedLimiter { meter: self.clone(), inner })
    }

    /// A cache whose requests are counted.
    pub fn cache(self: &Arc<Self>, inner: Arc<dyn Cache>) -> Arc<dyn Cache> {
        Arc::new(CountedCache { meter: self.clone(), inner })
    }

    fn read(&self, requests: u64, units: u64) {
        self.reads.fetch_add(requests, Ordering::SeqCst);
        self.read_units.fetch_add(units, Ordering::SeqCst);
    }

    fn wrote(&self, requests: u64, units: u64) {
        self.writes.fetch_add(requests, Ordering::SeqCst);
        self.write_units.fetch_add(units, Ordering::SeqCst);
    }
}

/// How many bytes an item has in DynamoDB, names included.
fn bytes(key: &Key, body: &Body) -> u64 {
    let field = |(name, value): (&String, &Field)| {
        2 + name.len()
            + match value {
                Field::Int(number) => number.to_string().len().div_ceil(2) + 1,
                Field::Str(text) => text.len(),
                Field::Bool(_) => 1,
            }
    };
    let fields: usize = body.fields.iter().map(field).sum();
    let data = body.data.as_ref().map_or(0, |data| 4 + data.len());
    let own = (key.partition.len() + key.sort.len() + fields + data) as u64;
    ITEM_BYTES + own + body.expires.map_or(0, |_| EXPIRY_BYTES)
}

fn item_bytes(item: &Item) -> u64 {
    bytes(&item.key, &item.body)
}

/// An absent item is charged like a small one.
fn read_units(bytes: u64) -> u64 {
    bytes.div_ceil(4_096).max(1)
}

fn write_units(bytes: u64) -> u64 {
    bytes.div_ceil(1_024).max(1)
}

struct Counted(Arc<Meter>);

impl Counted {
    /// The larger of what is there and what is put.
    async fn size(inner: &Arc<dyn Store>, key: &Key, put: Option<&Body>) -> Result<u64, StoreError> {
        let there = inner.get(key.clone()).await?.as_ref().map_or(0, item_bytes);
        Ok(there.max(put.map_or(0, |body| bytes(key, body))))
    }
}

#[async_trait]
impl Intercept for Counted {
    async fn get_many(&self, inner: &Arc<dyn Store>, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        let found = inner.get_many(keys).await?;
        let units = found.iter().map(|item| read_units(item.as_ref().map_or(0, item_bytes))).sum();
        self.0.read(u64::from(!keys.is_empty()), units);
        Ok(found)
    }

    async fn query(&self, inner: &Arc<dyn Store>, query: Query) -> Result<Slice, StoreError> {
        let slice = inner.query(query).await?;
        self.0.read(1, read_units(slice.items.iter().map(item_bytes).sum()));
        Ok(slice)
    }

    async fn count(
        &self,
        inner: &Arc<dyn Store>,
        table: Table,
        partition: &str,
        range: Range,
    ) -> Result<u64, StoreError> {
        let query = Query::new(table, partition.to_owned()).range(range.clone());
        let all = inner.query_all(query).await?;
        self.0.read(1, read_units(all.iter().map(item_bytes).sum()));
        inner.count(table, partition, range).await
    }

    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        if let [Write { key, action: Action::Check, .. }] = writes.as_slice() {
            self.0.read(1, read_units(Self::size(inner, key, None).await?));
            return inner.write(writes).await;
        }
        let alone =
            matches!(writes.as_slice(), [Write { action: Action::Put(_), when: When::Absent | When::Version(_), .. }]);
        let mut units = 0;
        for write in &writes {
            let put = match &write.action {
                Action::Put(body) => Some(body),
                Action::Delete | Action::Add(_) | Action::Check => None,
            };
            units += write_units(Self::size(inner, &write.key, put).await?);
        }
        self.0.wrote(1, if alone { units } else { 2 * units });
        inner.write(writes).await
    }

    async fn bulk(&self, inner: &Arc<dyn Store>, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        let mut units = 0;
        for write in &writes {
            let put = match write {
                Bulk::Put(_, body) => Some(body),
                Bulk::Delete(_) => None,
            };
            units += write_units(Self::size(inner, write.key(), put).await?);
        }
        self.0.wrote((writes.len() as u64).div_ceil(BULK), units);
        inner.bulk(table, writes).await
    }
}

struct CountedQueue {
    meter: Arc<Meter>,
    inner: Arc<dyn Queue>,
}

impl CountedQueue {
    /// Ten entries are one request.
    fn asked(&self, entries: usize) {
        self.meter.queue.fetch_add((entries as u64).div_ceil(10), Ordering::SeqCst);
    }
}

#[async_trait]
impl Queue for CountedQueue {
    async fn send(&self, topic: &Topic, rings: Vec<Ring>) -> Result<()> {
        self.asked(rings.len());
        self.inner.send(topic, rings).await
    }

    async fn receive(&self, topic: &Topic, max: usize, wait: Duration) -> Result<Vec<Heard>> {
        let heard = self.inner.receive(topic, max, wait).await?;
        self.asked(heard.len().max(1));
        Ok(heard)
    }

    async fn done(&self, topic: &Topic, receipts: Vec<Receipt>) -> Result<()> {
        self.asked(receipts.len());
        self.inner.done(topic, receipts).await
    }

    async fn ready(&self) -> Result<()> {
        self.inner.ready().await
    }
}

struct CountedLimiter {
    meter: Arc<Meter>,
    inner: Arc<dyn Limiter>,
}

#[async_trait]
impl Limiter for CountedLimiter {
    async fn check(&self, key: &str, policies: &[Policy], cost: u32) -> Decision {
        self.meter.limiter.fetch_add(1, Ordering::SeqCst);
        self.inner.check(key, policies, cost).await
    }
}

struct CountedCache {
    meter: Arc<Meter>,
    inner: Arc<dyn Cache>,
}

impl CountedCache {
    fn asked(&self) -> &dyn Cache {
        self.meter.cache.fetch_add(1, Ordering::SeqCst);
        &*self.inner
    }
}

#[async_trait]
impl Cache for CountedCache {
    async fn get(&self, key: &CacheKey) -> Option<Cached> {
        self.asked().get(key).await
    }

    async fn put(&self, key: &CacheKey, value: Bytes, stamp: u64, ttl: Duration) {
        self.asked().put(key, value, stamp, ttl).await;
    }

    async fn remove(&self, key: &CacheKey, stamp: u64) {
        self.asked().remove(key, stamp).await;
    }

    async fn ready(&self) -> Result<()> {
        self.inner.ready().await
    }
}
