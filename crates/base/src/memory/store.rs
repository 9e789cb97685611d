//! A store of ordered maps.
//!
//! One mutex makes every call a moment of its own, which is all that "all or nothing" and
//! "consistent" need. An expired item stays in its map until something is written in its place:
//! what hides it is [`Tables::item`] and [`Tables::range`], and nothing else may look into the maps.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::clock::lock;
use crate::store::{
    Action, Body, Bulk, Item, Key, Order, PAGE_BYTES_MAX, Query, Range, Slice, StoreError, Table, Version, Write,
    check_bulk, check_get_many, check_key, check_query, check_writes, item_bytes,
};
use crate::{Clock, Store};

/// A store that lives as long as its value. Cheap to make, one for each test.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    tables: Mutex<Tables>,
}

impl MemoryStore {
    /// An empty store whose items expire by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tables: Mutex::default() }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        check_get_many(keys)?;
        keys.iter().try_for_each(check_key)?;
        let now = self.clock.now();
        let tables = lock(&self.tables);
        Ok(keys.iter().map(|key| tables.item(key, now).cloned()).collect())
    }

    async fn query(&self, query: Query) -> Result<Slice, StoreError> {
        check_query(&query)?;
        let now = self.clock.now();
        let tables = lock(&self.tables);
        let items = tables.range(query.table, &query.partition, remaining(&query), now);
        Ok(match query.order {
            Order::Ascending => page(items, query.limit),
            Order::Descending => page(items.rev(), query.limit),
        })
    }

    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let count = lock(&self.tables).range(table, partition, range.bounds(), now).count();
        Ok(count as u64)
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        check_writes(&writes)?;
        let now = self.clock.now();
        let version = Version(Uuid::now_v7());
        let mut tables = lock(&self.tables);
        let holds = |write: &Write| write.when.holds(tables.item(&write.key, now));
        let failed: Vec<usize> = (0..writes.len()).filter(|n| !holds(&writes[*n])).collect();
        if !failed.is_empty() {
            return Err(StoreError::Failed(failed));
        }
        for write in writes {
            tables.apply(write.key, write.action, version, now);
        }
        Ok(version)
    }

    async fn bulk(&self, _table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        check_bulk(&writes)?;
        let version = Version(Uuid::now_v7());
        let mut tables = lock(&self.tables);
        for write in writes {
            match write {
                Bulk::Put(key, body) => tables.put(key, body, version),
                Bulk::Delete(key) => tables.delete(&key),
            }
        }
        Ok(())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Sort keys to items; text order in Rust is byte order, as both real stores have it.
type Partition = BTreeMap<String, Item>;

#[derive(Debug, Default)]
struct Tables(BTreeMap<Table, BTreeMap<String, Partition>>);

impl Tables {
    fn item(&self, key: &Key, now: Timestamp) -> Option<&Item> {
        let item = self.0.get(&key.table)?.get(&key.partition)?.get(&key.sort)?;
        is_present(item, now).then_some(item)
    }

    fn range(
        &self,
        table: Table,
        partition: &str,
        bounds: Bounds,
        now: Timestamp,
    ) -> impl DoubleEndedIterator<Item = &Item> {
        let partition = self.0.get(&table).and_then(|table| table.get(partition)).filter(|_| !is_empty(&bounds));
        let items = partition.into_iter().flat_map(move |partition| partition.range(bounds.clone()));
        items.map(|(_, item)| item).filter(move |item| is_present(item, now))
    }

    fn apply(&mut self, key: Key, action: Action, version: Version, now: Timestamp) {
        match action {
            Action::Put(body) => self.put(key, body, version),
            Action::Delete => self.delete(&key),
            Action::Add(fields) => {
                let mut body = self.item(&key, now).map(|item| item.body.clone()).unwrap_or_default();
                body.add(&fields);
                self.put(key, body, version);
            }
            Action::Check => {}
        }
    }

    fn put(&mut self, key: Key, body: Body, version: Version) {
        let partition = self.0.entry(key.table).or_default().entry(key.partition.clone()).or_default();
        partition.insert(key.sort.clone(), Item { key, version: Some(version), body });
    }

    fn delete(&mut self, key: &Key) {
        let Some(table) = self.0.get_mut(&key.table) else { return };
        let Some(partition) = table.get_mut(&key.partition) else { return };
        partition.remove(&key.sort);
        if partition.is_empty() {
            table.remove(&key.partition);
        }
    }
}

fn is_present(item: &Item, now: Timestamp) -> bool {
    item.body.expires.is_none_or(|expires| now < expires)
}

/// From where to where; maps panic on a start behind the end, so they never see one.
type Bounds = (Bound<String>, Bound<String>);

/// What of a query's range lies behind its cursor.
fn remaining(query: &Query) -> Bounds {
    let (start, end) = query.range.bounds();
    let Some(after) = &query.after else { return (start, end) };
    let behind = Bound::Excluded(after.clone());
    match (query.order, &start, &end) {
        (Order::Ascending, Bound::Included(from) | Bound::Excluded(from), _) if from > after => (start, end),
        (Order::Ascending, ..) => (behind, end),
        (Order::Descending, _, Bound::Included(to) | Bound::Excluded(to)) if to < after => (start, end),
        (Order::Descending, ..) => (start, behind),
    }
}

fn is_empty(bounds: &Bounds) -> bool {
    match bounds {
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end) | Bound::Excluded(end)) => start >= end,
        _ => false,
    }
}

/// Takes items up to the limit or up to 1 MB, and says where to go on if there are more.
fn page<'a>(items: impl Iterator<Item = &'a Item>, limit: usize) -> Slice {
    let mut items = items.peekable();
    let mut slice = Slice { items: Vec::new(), next: None };
    let mut bytes = 0;
    while let Some(item) = items.next() {
        bytes += item_bytes(&item.key, &item.body);
        slice.items.push(item.clone());
        if items.peek().is_some() && (slice.items.len() == limit || bytes >= PAGE_BYTES_MAX) {
            slice.next = Some(item.key.sort.clone());
            return slice;
        }
    }
    slice
}
