//! A store with one comparison flipped: a range does not include its end.

use std::sync::Arc;

use async_trait::async_trait;
use base::Store;
use base::store::{Bulk, Item, Key, Query, Range, Slice, StoreError, Table, Version, Write};

pub(crate) struct Flipped(pub(crate) Arc<dyn Store>);

#[async_trait]
impl Store for Flipped {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.0.get_many(keys).await
    }

    async fn query(&self, query: Query) -> Result<Slice, StoreError> {
        let range = query.range.clone();
        let mut slice = self.0.query(query).await?;
        if let Range::Between(_, end) = range {
            slice.items.retain(|item| item.key.sort < end);
        }
        Ok(slice)
    }

    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
        self.0.count(table, partition, range).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        self.0.write(writes).await
    }

    async fn bulk(&self, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        self.0.bulk(table, writes).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.0.ready().await
    }
}
