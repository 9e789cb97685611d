//! Removing what a deleted dataset left behind.

use base::Store;
use base::store::{Bulk, PAGE_MAX, Query, StoreError, Table};

/// Empties one partition, a page at a time; returns how many items it removed.
///
/// # Errors
/// What the store fails with; what was removed stays removed.
pub async fn empty(store: &dyn Store, table: Table, partition: &str) -> Result<u64, StoreError> {
    let mut removed = 0;
    loop {
        let slice = store.query(Query::new(table, partition).limit(PAGE_MAX)).await?;
        removed += slice.items.len() as u64;
        let more = slice.next.is_some();
        let deletes: Vec<Bulk> = slice.items.into_iter().map(|item| Bulk::Delete(item.key)).collect();
        if !deletes.is_empty() {
            store.bulk(table, deletes).await?;
        }
        if !more {
            return Ok(removed);
        }
    }
}
