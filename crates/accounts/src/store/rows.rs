//! Reads and transactions over the table.

use std::sync::Arc;

use base::store::{Item, Query, Range, StoreError, Version, When, Write};
use base::{Error, Page, Result, Store, StoreExt, TenantId, key};
use jiff::Timestamp;

use super::{TABLE, audit_partition, codec, key_key, key_partition, keys_partition, slug_key, tenant_key, used_key};
use crate::model::{ApiKey, Denials, Entry, KeyId, Tenant};

/// Something stored, and the stamp of its last write.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// The thing.
    pub value: T,
    /// Its stamp, of which its ETag is made; `None` if another program wrote it.
    pub version: Option<Version>,
}

impl<T> Stored<T> {
    /// The condition that nobody has written it since it was read.
    pub(crate) fn unchanged(&self) -> When {
        self.version.map_or(When::Present, When::Version)
    }
}

/// The table.
#[derive(Clone)]
pub(crate) struct Rows(Arc<dyn Store>);

impl Rows {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0)
    }

    /// Applies all of it or nothing. The plain store error, since which condition failed is for
    /// the operation to say in its own words.
    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        self.0.write(writes).await
    }

    /// A key, and when it was last used.
    pub(crate) async fn key(&self, id: &KeyId) -> Result<Option<(Stored<ApiKey>, Option<Timestamp>)>> {
        let mut found = self.0.get_many(&[key_key(id), used_key(id)]).await?.into_iter();
        let (key, used) = (found.next().flatten(), found.next().flatten());
        key.map(|item| Ok((stored(&item)?, used.as_ref().and_then(used_at)))).transpose()
    }

    /// A tenant's keys, the newest first.
    pub(crate) async fn keys(
        &self,
        tenant: &TenantId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<(ApiKey, Option<Timestamp>)>> {
        let query = Query::new(TABLE, keys_partition(tenant)).descending().limit(limit).after(after);
        let listed = self.0.query(query).await?;
        let ids = listed.items.iter().map(last_part::<KeyId>).collect::<Result<Vec<_>>>()?;
        let places: Vec<_> = ids.iter().flat_map(|id| [key_key(id), used_key(id)]).collect();
        let mut items = Vec::with_capacity(ids.len());
        for pair in self.0.get_all(&places).await?.chunks(2) {
            if let [Some(key), used] = pair {
                items.push((codec::decode(key)?, used.as_ref().and_then(used_at)));
            }
        }
        Ok(Page { items, next: listed.next })
    }

    /// How many keys a tenant has ever made.
    pub(crate) async fn keys_count(&self, tenant: &TenantId) -> Result<u64> {
        Ok(self.0.count(TABLE, &keys_partition(tenant), Range::All).await?)
    }

    /// The partitions of the directory entries of a tenant's keys.
    pub(super) async fn key_partitions(&self, tenant: &TenantId, after: Option<String>) -> Result<Page<String>> {
        let query = Query::new(TABLE, keys_partition(tenant)).limit(1_000).after(after);
        let listed = self.0.query(query).await?;
        let items = listed.items.iter().map(|item| Ok(key_partition(&last_part(item)?))).collect::<Result<_>>()?;
        Ok(Page { items, next: listed.next })
    }

    /// A tenant, by its id.
    pub(crate) async fn tenant(&self, id: &TenantId) -> Result<Option<Stored<Tenant>>> {
        self.0.get(tenant_key(id)).await?.as_ref().map(stored).transpose()
    }

    /// Whose slug it is.
    pub(crate) async fn slug(&self, slug: &str) -> Result<Option<TenantId>> {
        let item = self.0.get(slug_key(slug)).await?;
        item.and_then(|item| item.text("tenant").map(str::parse)).transpose()
    }

    /// All tenants, the oldest first.
    pub(crate) async fn tenants(&self, after: Option<String>, limit: usize) -> Result<Page<Tenant>> {
        let listed = self.0.query(Query::new(TABLE, "@tenants").limit(limit).after(after)).await?;
        let places = listed.items.iter().map(|item| Ok(tenant_key(&last_part(item)?))).collect::<Result<Vec<_>>>()?;
        let found = self.0.get_all(&places).await?;
        let items = found.iter().flatten().map(codec::decode).collect::<Result<_>>()?;
        Ok(Page { items, next: listed.next })
    }

    /// How many tenants there are.
    pub(crate) async fn tenants_count(&self) -> Result<u64> {
        Ok(self.0.count(TABLE, "@tenants", Range::All).await?)
    }

    /// A tenant's audit, the newest first.
    pub(crate) async fn audit(&self, tenant: &TenantId, after: Option<String>, limit: usize) -> Result<Page<Entry>> {
        let query = Query::new(TABLE, audit_partition(tenant)).descending().limit(limit).after(after);
        let found = self.0.query(query).await?;
        let items = found.items.iter().map(entry).collect::<Result<_>>()?;
        Ok(Page { items, next: found.next })
    }
}

pub(super) fn stored<T: serde::de::DeserializeOwned>(item: &Item) -> Result<Stored<T>> {
    Ok(Stored { value: codec::decode(item)?, version: item.version })
}

fn used_at(item: &Item) -> Option<Timestamp> {
    Timestamp::from_microsecond(item.int("at")).ok()
}

/// The id that ends the sort key of a list's line.
pub(super) fn last_part<T: std::str::FromStr>(item: &Item) -> Result<T> {
    let last = key::split(&item.key.sort).pop().unwrap_or_default();
    last.parse().map_err(|_| Error::internal("a line of a list ends in no id"))
}

fn entry(item: &Item) -> Result<Entry> {
    if item.body.data.is_some() {
        return Ok(Entry::Event(codec::decode(item)?));
    }
    let parts = key::split(&item.key.sort);
    let (Some(minute), Some(reason)) = (parts.first().and_then(|p| key::decode_timestamp(p)), parts.get(2)) else {
        return Err(Error::internal("a line of the audit is neither an event nor a count"));
    };
    Ok(Entry::Denials(Denials { minute, reason: reason.clone(), count: item.int("count") }))
}
