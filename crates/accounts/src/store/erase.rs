//! Removing all that a tenant left behind, whatever service keeps it.
//!
//! A store cannot be asked which partitions begin with a tenant; only the service that wrote them
//! knows. So every service says which partitions it holds ([`Holdings`]), page after page, and an
//! [`Eraser`] empties them. What lists other partitions comes last, so that an erasure that is cut
//! short can still find the rest when it is run again.

use std::sync::Arc;

use async_trait::async_trait;
use base::store::{Bulk, Query, Table};
use base::{Page, Result, Store, TenantId};

use super::{Rows, TABLE, UserRows, audit_partition, keys_partition};

/// A partition of the store, to be emptied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The table.
    pub table: Table,
    /// The partition key.
    pub partition: String,
}

impl Partition {
    /// Names a partition.
    pub fn new(table: Table, partition: impl Into<String>) -> Self {
        Self { table, partition: partition.into() }
    }
}

/// What one service holds of a tenant. `freight::compose` implements it over each service's
/// `partitions`; a service whose partitions follow from the tenant's id alone is a plain function.
#[async_trait]
pub trait Holdings: Send + Sync + 'static {
    /// A page of its partitions, from `after` on; partitions that list others come last.
    async fn partitions(&self, tenant: &TenantId, after: Option<String>) -> Result<Page<Partition>>;
}

#[async_trait]
impl<F> Holdings for F
where
    F: Fn(&TenantId) -> Vec<Partition> + Send + Sync + 'static,
{
    async fn partitions(&self, tenant: &TenantId, _after: Option<String>) -> Result<Page<Partition>> {
        Ok(Page { items: self(tenant), next: None })
    }
}

/// What this service holds of a tenant: its keys first, what lists them after. The tenant's own
/// item is not among them: it says that the tenant is going, and goes with the end of the job.
#[async_trait]
impl Holdings for Rows {
    async fn partitions(&self, tenant: &TenantId, after: Option<String>) -> Result<Page<Partition>> {
        let page = self.key_partitions(tenant, after).await?;
        let mut items: Vec<_> = page.items.into_iter().map(|partition| Partition::new(TABLE, partition)).collect();
        if page.next.is_none() {
            items.push(Partition::new(TABLE, audit_partition(tenant)));
            items.push(Partition::new(TABLE, keys_partition(tenant)));
        }
        Ok(Page { items, next: page.next })
    }
}

/// What this service holds of a tenant's own users.
#[async_trait]
impl Holdings for UserRows {
    async fn partitions(&self, tenant: &TenantId, after: Option<String>) -> Result<Page<Partition>> {
        self.user_partitions(tenant, after).await
    }
}

/// Empties partitions.
#[derive(Clone)]
pub(crate) struct Eraser {
    store: Arc<dyn Store>,
    holdings: Vec<Arc<dyn Holdings>>,
}

impl Eraser {
    pub(crate) fn new(rows: &Rows, holdings: Vec<Arc<dyn Holdings>>) -> Self {
        Self { store: rows.store(), holdings }
    }

    /// One pass over everything that every service holds of `tenant`; how many items it removed.
    pub(crate) async fn pass(&self, tenant: &TenantId) -> Result<u64> {
        let mut removed = 0;
        for holder in &self.holdings {
            let mut after = None;
            loop {
                let page = holder.partitions(tenant, after).await?;
                for partition in page.items {
                    removed += self.empty(partition).await?;
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(removed)
    }

    /// Removes every item of a partition.
    async fn empty(&self, Partition { table, partition }: Partition) -> Result<u64> {
        let mut removed = 0;
        let mut query = Query::new(table, partition).limit(1_000);
        loop {
            let slice = self.store.query(query.clone()).await?;
            removed += slice.items.len() as u64;
            if !slice.items.is_empty() {
                self.store.bulk(table, slice.items.into_iter().map(|item| Bulk::Delete(item.key)).collect()).await?;
            }
            match slice.next {
                Some(next) => query.after = Some(next),
                None => return Ok(removed),
            }
        }
    }
}
