//! Tables, keys, versioned codecs and queries; the only folder that names `Store`.
//!
//! | partition | sort | holds |
//! |---|---|---|
//! | tenant, `dataset` | name | the head: definition and id of the dataset |
//! | tenant, `left` | id | a deleted dataset that is not swept yet |
//! | tenant, `status`, id | `last`; `errors`, job, n | how the last finished run went, its errors in chunks |
//! | tenant, `failed`, id | job, call | a call of a run that failed, as long as nothing replaced it |
//! | tenant, `stage`, id | job, call, step, n | an answer that is not yet applied |
//! | tenant, `count`, id | shard | how many records a shard has |
//! | tenant, `record`, id, shard | key | where in the order the record stands |
//! | tenant, `order`, id, shard | sort value, key | the record's text |
//!
//! Everything but the head is kept under the dataset's *id*, so that a dataset deleted and made
//! again finds nothing of the old one. A record's text is kept once, in the order, where lists
//! read it; its key leads to it. The count items are made with the head and removed with it, and
//! every write of records asks for its shard's to be [`When::Present`](base::store::When): that is
//! what stops an import whose dataset is deleted under it, at no cost and without a hot item.
//!
//! - [`head`]: heads. [`upsert`]: writing a few records, all or none.
//! - [`intake`]: many such writes at once. [`ordered`]: reading in order.
//! - [`stage`]: answers not yet applied. [`status`]: how runs went. [`sweep`]: what is left behind.

pub mod head;
pub mod intake;
pub mod ordered;
pub mod stage;
pub mod status;
pub mod sweep;
pub mod upsert;

use std::sync::Arc;

use base::store::{Key, Table};
use base::{Result, Store, StoreExt as _, TenantId, key};
use uuid::Uuid;

use crate::model::SHARDS;

/// Heads, runs and counts.
pub const DATASETS: Table = Table("datasets");
/// Records and their order.
pub const RECORDS: Table = Table("records");

/// The tables of ingest.
pub const TABLES: [Table; 2] = [DATASETS, RECORDS];

/// One dataset's place in the store.
#[derive(Clone)]
pub struct Shelf {
    pub(crate) store: Arc<dyn Store>,
    tenant: TenantId,
    id: Uuid,
}

impl Shelf {
    /// The place of the dataset `id`.
    pub fn new(store: Arc<dyn Store>, tenant: TenantId, id: Uuid) -> Self {
        Self { store, tenant, id }
    }

    fn partition(&self, what: &str) -> String {
        key![self.tenant, what, self.id]
    }

    fn count_key(&self, shard: u8) -> Key {
        Key::new(DATASETS, self.partition("count"), key![u32::from(shard)])
    }

    fn record_partition(&self, shard: u8) -> String {
        key![self.tenant, "record", self.id, u32::from(shard)]
    }

    fn order_partition(&self, shard: u8) -> String {
        key![self.tenant, "order", self.id, u32::from(shard)]
    }

    /// How many records there are.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn count(&self) -> Result<u64> {
        let keys: Vec<Key> = (0..SHARDS).map(|shard| self.count_key(shard)).collect();
        let items = self.store.get_many(&keys).await?;
        let sum: i64 = items.iter().flatten().map(|item| item.int("n")).sum();
        Ok(u64::try_from(sum).unwrap_or(0))
    }

    /// One record, by its key.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn record(&self, record: &str) -> Result<Option<ordered::Entry>> {
        let shard = crate::model::record::shard(record);
        let sort = key![record];
        if sort.is_empty() || sort.len() > base::store::SORT_BYTES_MAX {
            return Ok(None);
        }
        // A record that moves in the order between the two reads is found at the next try.
        for _ in 0..8 {
            let pointer = Key::new(RECORDS, self.record_partition(shard), sort.clone());
            let Some(pointer) = self.store.get(pointer).await? else { return Ok(None) };
            let place = pointer.text("at").unwrap_or_default();
            let text = Key::new(RECORDS, self.order_partition(shard), place);
            if let Some(item) = self.store.get(text).await? {
                return Ok(Some(item.into()));
            }
        }
        Err(base::Error::unavailable("a record moved faster than it could be read"))
    }

    /// Every partition of this dataset.
    pub fn partitions(&self) -> Vec<(Table, String)> {
        let records = (0..SHARDS).flat_map(|shard| [self.record_partition(shard), self.order_partition(shard)]);
        let rest = ["count", "stage", "failed", "status"].map(|what| (DATASETS, self.partition(what)));
        records.map(|partition| (RECORDS, partition)).chain(rest).collect()
    }
}
