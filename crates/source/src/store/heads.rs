//! Heads: which series there are, and which readings each has.
//!
//! A head is there before the first record of its series, and names a reading before the first
//! record that has it. So a head may promise what never came, but nothing is without one.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::store::{Body, Item, Key, Query, StoreError, When, Write};
use base::{Error, ErrorKind, Page, Result, Store, StoreExt as _, TenantId, key};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SOURCE;
use crate::model::Name;

/// At most so many series of a tenant.
pub const SERIES_MAX: i64 = 100_000;
/// At most so many different readings of a series.
pub const READINGS_MAX: usize = 1_024;
/// From so many on they are counted one after the other, so that the most is exact.
const COUNTED_STRICTLY: i64 = SERIES_MAX - 10_000;
/// How often a head is written against others who write it at the same time.
const TRIES_MAX: usize = 32;

/// A series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its name.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
    /// The paths of all readings that its records may have.
    pub readings: BTreeSet<String>,
}

/// The stored form of a head.
#[derive(Serialize, Deserialize)]
struct HeadRow {
    v: u32,
    created_at: Timestamp,
    readings: BTreeSet<String>,
}

pub(super) fn partition(tenant: &TenantId) -> String {
    key![tenant, "series"]
}

pub(super) fn count_key(tenant: &TenantId) -> Key {
    Key::new(SOURCE, key![tenant, "count"], "series")
}

/// The series of a head's sort key.
pub(super) fn name_of(sort: &str) -> Option<Name> {
    base::key::split(sort).first()?.parse().ok()
}

/// The heads of all tenants.
#[derive(Clone)]
pub struct Heads {
    store: Arc<dyn Store>,
}

impl Heads {
    /// Heads in this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    fn key(tenant: &TenantId, name: &Name) -> Key {
        Key::new(SOURCE, partition(tenant), key![name.as_str()])
    }

    /// A series, if there is one of this name.
    ///
    /// # Errors
    /// What the store fails with; `Internal` for a head that cannot be read.
    pub async fn get(&self, tenant: &TenantId, name: &Name) -> Result<Option<Head>> {
        let item = self.store.get(Self::key(tenant, name)).await?;
        item.map(|item| decoded(&item)).transpose()
    }

    /// Series by name.
    ///
    /// # Errors
    /// What the store fails with; `Internal` for a head that cannot be read.
    pub async fn page(&self, tenant: &TenantId, after: Option<String>, limit: usize) -> Result<Page<Head>> {
        let slice = self.store.query(Query::new(SOURCE, partition(tenant)).limit(limit).after(after)).await?;
        let items = slice.items.iter().map(decoded).collect::<Result<_>>()?;
        Ok(Page { items, next: slice.next })
    }

    /// Makes the head name at least these readings, and returns all that it names.
    ///
    /// # Errors
    /// `Invalid` when there would be too many readings, `Conflict` when there would be too many
    /// series; what the store fails with.
    pub async fn extend(
        &self,
        tenant: &TenantId,
        name: &Name,
        readings: &BTreeSet<String>,
        now: Timestamp,
    ) -> Result<BTreeSet<String>> {
        for _ in 0..TRIES_MAX {
            let item = self.store.get(Self::key(tenant, name)).await?;
            let mut head = match &item {
                Some(item) => decoded(item)?,
                None => Head { name: name.clone(), created_at: now, readings: BTreeSet::new() },
            };
            if item.is_some() && head.readings.is_superset(readings) {
                return Ok(head.readings);
            }
            head.readings.extend(readings.iter().cloned());
            if head.readings.len() > READINGS_MAX {
                let text = format!("A series has at most {READINGS_MAX} different numbers; this would be one too many");
                return Err(Error::invalid("data", text));
            }
            let when = item.as_ref().map_or(When::Absent, Item::unchanged);
            let mut writes = vec![Write::put(Self::key(tenant, name), encoded(&head)?).when(when)];
            if item.is_none() {
                writes.push(self.one_more(tenant).await?);
            }
            match self.store.write(writes).await {
                Ok(_) => return Ok(head.readings),
                Err(StoreError::Failed(_) | StoreError::Unknown(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::unavailable("a series' head changed hands too often"))
    }

    /// Counts a series. While there are few, any number of new ones may be counted at the same time.
    async fn one_more(&self, tenant: &TenantId) -> Result<Write> {
        let item = self.store.get(count_key(tenant)).await?;
        let n = item.as_ref().map_or(0, |item| item.int("n"));
        if n >= SERIES_MAX {
            let text = format!("This tenant has {SERIES_MAX} series, which is the most");
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let more = Write::add(count_key(tenant), [("n", 1)]);
        Ok(match item {
            Some(item) if n >= COUNTED_STRICTLY => more.when(item.unchanged()),
            _ => more,
        })
    }
}

fn encoded(head: &Head) -> Result<Body> {
    let row = HeadRow { v: 1, created_at: head.created_at, readings: head.readings.clone() };
    Ok(Body::data(serde_json::to_string(&row).map_err(Error::internal)?))
}

fn decoded(item: &Item) -> Result<Head> {
    let row: HeadRow = serde_json::from_str(item.data()).map_err(Error::internal)?;
    match name_of(&item.key.sort) {
        Some(name) if row.v == 1 => Ok(Head { name, created_at: row.created_at, readings: row.readings }),
        _ => Err(Error::internal(format!("a series' head of version {} cannot be read", row.v))),
    }
}
