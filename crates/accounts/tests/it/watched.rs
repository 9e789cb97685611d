//! A store that counts, and that can be held or taken away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use base::Store;
use base::store::{Bulk, Item, Key, Query, Range, Slice, StoreError, Table, Version, Write};
use tokio::sync::Semaphore;

/// Another store, watched.
pub(crate) struct Watched {
    inner: Arc<dyn Store>,
    pub(crate) reads: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) down: AtomicBool,
    /// While set, replies to reads wait for a permit of `gate`.
    pub(crate) reads_held: AtomicBool,
    /// While set, writes wait for a permit of `gate`.
    pub(crate) writes_held: AtomicBool,
    /// How many calls wait.
    pub(crate) waiting: AtomicU64,
    pub(crate) gate: Semaphore,
}

impl Watched {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            down: AtomicBool::new(false),
            reads_held: AtomicBool::new(false),
            writes_held: AtomicBool::new(false),
            waiting: AtomicU64::new(0),
            gate: Semaphore::new(0),
        }
    }

    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// Lets the test go on once a call waits.
    pub(crate) async fn until_held(&self) {
        while self.waiting.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    }

    fn up(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) { Err(StoreError::Unavailable("down".to_owned())) } else { Ok(()) }
    }

    async fn wait_if(&self, held: &AtomicBool) {
        if held.load(Ordering::SeqCst) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.unwrap().forget();
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[async_trait]
impl Store for Watched {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.up()?;
        let answer = self.inner.get_many(keys).await;
        self.wait_if(&self.reads_held).await;
        answer
    }

    async fn query(&self, query: Query) -> Result<Slice, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.up()?;
        self.inner.query(query).await
    }

    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.up()?;
        self.inner.count(table, partition, range).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.up()?;
        self.wait_if(&self.writes_held).await;
        self.inner.write(writes).await
    }

    async fn bulk(&self, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.up()?;
        self.inner.bulk(table, writes).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.up()
    }
}
