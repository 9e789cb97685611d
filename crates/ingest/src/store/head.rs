//! Heads: which datasets there are.

use std::sync::Arc;

use base::store::{Body, Item, Key, Query, Version, When, Write};
use base::{Error, Page, Result, Store, StoreExt as _, TenantId, key};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DATASETS, Shelf};
use crate::model::{Dataset, Definition, Name, SHARDS};

/// The stored form of a head.
#[derive(Serialize, Deserialize)]
struct HeadRow {
    v: u32,
    id: Uuid,
    created_at: Timestamp,
    updated_at: Timestamp,
    definition: Definition,
}

/// The heads of all tenants.
#[derive(Clone)]
pub struct Heads {
    store: Arc<dyn Store>,
}

/// A dataset and the stamp of its head.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// The dataset.
    pub dataset: Dataset,
    /// The stamp; `None` for one that is built in and was never written to.
    pub version: Option<Version>,
}

impl Heads {
    /// Heads in this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    fn partition(tenant: &TenantId) -> String {
        key![tenant, "dataset"]
    }

    /// The datasets of a tenant that are deleted and not yet swept.
    fn left_partition(tenant: &TenantId) -> String {
        key![tenant, "left"]
    }

    fn left_key(tenant: &TenantId, id: Uuid) -> Key {
        Key::new(DATASETS, Self::left_partition(tenant), key![id])
    }

    fn key(tenant: &TenantId, name: &Name) -> Key {
        Key::new(DATASETS, Self::partition(tenant), key![name.as_str()])
    }

    /// The head of a dataset.
    ///
    /// # Errors
    /// What the store fails with; `Internal` for a head that cannot be read.
    pub async fn get(&self, tenant: &TenantId, name: &Name) -> Result<Option<Stamped>> {
        self.store.get(Self::key(tenant, name)).await?.map(|item| decoded(&item)).transpose()
    }

    /// Datasets by name.
    ///
    /// # Errors
    /// What the store fails with; `Internal` for a head that cannot be read.
    pub async fn page(&self, tenant: &TenantId, after: Option<String>, limit: usize) -> Result<Page<Stamped>> {
        let query = Query::new(DATASETS, Self::partition(tenant)).limit(limit).after(after);
        let slice = self.store.query(query).await?;
        let items = slice.items.iter().map(decoded).collect::<Result<_>>()?;
        Ok(Page { items, next: slice.next })
    }

    /// Makes a dataset, empty.
    ///
    /// # Errors
    /// `Conflict` when the name is taken.
    pub async fn create(&self, tenant: &TenantId, dataset: &Dataset) -> Result<()> {
        let head = Write::put(Self::key(tenant, dataset.name()), encoded(dataset)?).when(When::Absent);
        let shelf = Shelf::new(self.store.clone(), tenant.clone(), dataset.id);
        let counts = (0..SHARDS).map(|shard| Write::put(shelf.count_key(shard), Body::default().with("n", 0)));
        self.store.write(std::iter::once(head).chain(counts).collect()).await?;
        Ok(())
    }

    /// Changes a dataset that nobody has changed since it was read.
    ///
    /// # Errors
    /// `Conflict` when somebody has.
    pub async fn replace(&self, tenant: &TenantId, dataset: &Dataset, version: Option<Version>) -> Result<Version> {
        let when = version.map_or(When::Present, When::Version);
        let head = Write::put(Self::key(tenant, dataset.name()), encoded(dataset)?).when(when);
        Ok(self.store.write(vec![head]).await?)
    }

    /// What makes a dataset disappear; its records are swept later.
    pub fn removal(&self, tenant: &TenantId, stamped: &Stamped) -> Vec<Write> {
        let dataset = &stamped.dataset;
        let when = stamped.version.map_or(When::Present, When::Version);
        let shelf = Shelf::new(self.store.clone(), tenant.clone(), dataset.id);
        let head = Write::delete(Self::key(tenant, dataset.name())).when(when);
        let left = Write::put(Self::left_key(tenant, dataset.id), Body::default());
        let counts = (0..SHARDS).map(|shard| Write::delete(shelf.count_key(shard)));
        [head, left].into_iter().chain(counts).collect()
    }

    /// What says that nothing of a deleted dataset is left to be swept.
    pub fn swept(&self, tenant: &TenantId, id: Uuid) -> Write {
        Write::delete(Self::left_key(tenant, id))
    }

    /// Every partition of a tenant.
    ///
    /// # Errors
    /// What the store fails with; `Internal` for a head that cannot be read.
    pub async fn partitions(&self, tenant: &TenantId) -> Result<Vec<(base::store::Table, String)>> {
        let query = Query::new(DATASETS, Self::partition(tenant)).limit(base::store::PAGE_MAX);
        let mut partitions = vec![(DATASETS, Self::partition(tenant)), (DATASETS, Self::left_partition(tenant))];
        let mut ids = Vec::new();
        for item in self.store.query_all(query).await? {
            ids.push(decoded(&item)?.dataset.id);
        }
        let left = Query::new(DATASETS, Self::left_partition(tenant)).limit(base::store::PAGE_MAX);
        ids.extend(self.store.query_all(left).await?.iter().filter_map(|item| Uuid::try_parse(&item.key.sort).ok()));
        for id in ids {
            partitions.extend(Shelf::new(self.store.clone(), tenant.clone(), id).partitions());
        }
        Ok(partitions)
    }
}

fn encoded(dataset: &Dataset) -> Result<Body> {
    let row = HeadRow {
        v: 1,
        id: dataset.id,
        created_at: dataset.created_at,
        updated_at: dataset.updated_at,
        definition: dataset.definition.clone(),
    };
    Ok(Body::data(serde_json::to_string(&row).map_err(Error::internal)?))
}

fn decoded(item: &Item) -> Result<Stamped> {
    let row: HeadRow = serde_json::from_str(item.data()).map_err(Error::internal)?;
    if row.v != 1 {
        return Err(Error::internal(format!("a dataset's head has the unknown version {}", row.v)));
    }
    let HeadRow { id, created_at, updated_at, definition, .. } = row;
    Ok(Stamped { dataset: Dataset { definition, id, created_at, updated_at }, version: item.version })
}
