//! A store whose calls pass through somebody's hands: what tests and proofs watch or bend.
//!
//! [`Intercept`] has the store's own calls, each of which goes on to the store unless it is written
//! otherwise; so a witness, or a saboteur, says only what it does differently.

use std::sync::Arc;

use async_trait::async_trait;

use crate::Store;
use crate::store::{Bulk, Item, Key, Query, Range, Slice, StoreError, Table, Version, Write};

/// What is done to the calls of a store, each of which is given the store it was meant for.
#[async_trait]
#[expect(missing_docs, reason = "each method is the one of the same name of `Store`, and answers what that does")]
pub trait Intercept: Send + Sync + 'static {
    async fn get_many(&self, inner: &Arc<dyn Store>, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        inner.get_many(keys).await
    }

    async fn query(&self, inner: &Arc<dyn Store>, query: Query) -> Result<Slice, StoreError> {
        inner.query(query).await
    }

    async fn count(
        &self,
        inner: &Arc<dyn Store>,
        table: Table,
        partition: &str,
        range: Range,
    ) -> Result<u64, StoreError> {
        inner.count(table, partition, range).await
    }

    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        inner.write(writes).await
    }

    async fn bulk(&self, inner: &Arc<dyn Store>, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        inner.bulk(table, writes).await
    }
}

/// Another store, and who stands before it.
pub struct Intercepted<I> {
    inner: Arc<dyn Store>,
    by: I,
}

impl<I: Intercept> Intercepted<I> {
    /// The calls of `inner` pass through `by` from now on.
    pub fn new(inner: Arc<dyn Store>, by: I) -> Self {
        Self { inner, by }
    }

    /// Who stands there.
    pub fn by(&self) -> &I {
        &self.by
    }
}

#[async_trait]
impl<I: Intercept> Store for Intercepted<I> {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.by.get_many(&self.inner, keys).await
    }

    async fn query(&self, query: Query) -> Result<Slice, StoreError> {
        self.by.query(&self.inner, query).await
    }

    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
        self.by.count(&self.inner, table, partition, range).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        self.by.write(&self.inner, writes).await
    }

    async fn bulk(&self, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        self.by.bulk(&self.inner, table, writes).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
}
