//! What is in a store, kept by who stands before it: items by table, and whose partitions were touched.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base::intercept::Intercept;
use base::store::{Action, Bulk, Item, Key, Query, Range, Slice, StoreError, Table, Version, Write};
use base::{Store, TenantId};

/// Stands before a store and remembers.
#[derive(Default)]
pub(crate) struct Ledger {
    there: Arc<Mutex<HashSet<Key>>>,
    guarded: Mutex<Option<Guarded>>,
}

/// A tenant whose partitions nobody is to touch.
struct Guarded {
    tenant: TenantId,
    touched: Vec<String>,
}

impl Ledger {
    /// How many items each table has.
    pub(crate) fn items(&self) -> BTreeMap<&'static str, usize> {
        let mut items = BTreeMap::new();
        self.there.lock().unwrap().iter().for_each(|key| *items.entry(key.table.0).or_default() += 1);
        items
    }

    /// From now on whoever touches a partition of this tenant is noted.
    pub(crate) fn guard(&self, tenant: TenantId) {
        *self.guarded.lock().unwrap() = Some(Guarded { tenant, touched: Vec::new() });
    }

    /// What was touched since.
    pub(crate) fn touched(&self) -> Vec<String> {
        self.guarded.lock().unwrap().as_mut().map(|guarded| std::mem::take(&mut guarded.touched)).unwrap_or_default()
    }

    fn touch(&self, table: Table, partition: &str) {
        if let Some(guarded) = self.guarded.lock().unwrap().as_mut()
            && owner(partition) == guarded.tenant.as_str()
        {
            guarded.touched.push(format!("{} {partition:?}", table.0));
        }
    }

    /// What a tenant itself asked for, the service notes a little later, whoever asks then.
    fn touch_by_write(&self, key: &Key) {
        let is_noted_late = key.table == Table("source") && key.partition.ends_with("\u{1}event");
        if !is_noted_late {
            self.touch(key.table, &key.partition);
        }
    }

    /// Makes a change and notes it. Whoever asked may be gone before it is answered; the store goes on
    /// all the same, and so does the book.
    async fn noted<T: Send + 'static>(
        &self,
        changes: Vec<(Key, bool)>,
        change: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let there = self.there.clone();
        let made = tokio::spawn(async move {
            let answer = change.await?;
            let mut there = there.lock().unwrap();
            for (key, is_there) in changes {
                if is_there {
                    there.insert(key);
                } else {
                    there.remove(&key);
                }
            }
            Ok(answer)
        });
        made.await.unwrap()
    }
}

/// What a partition begins with: its tenant, unless it is one of a directory.
pub(crate) fn owner(partition: &str) -> &str {
    partition.split('\u{1}').next().unwrap_or_default()
}

#[async_trait]
impl Intercept for Ledger {
    async fn get_many(&self, inner: &Arc<dyn Store>, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        keys.iter().for_each(|key| self.touch(key.table, &key.partition));
        inner.get_many(keys).await
    }

    async fn query(&self, inner: &Arc<dyn Store>, query: Query) -> Result<Slice, StoreError> {
        self.touch(query.table, &query.partition);
        inner.query(query).await
    }

    async fn count(&self, inner: &Arc<dyn Store>, table: Table, of: &str, range: Range) -> Result<u64, StoreError> {
        self.touch(table, of);
        inner.count(table, of, range).await
    }

    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        writes.iter().for_each(|write| self.touch_by_write(&write.key));
        let changes: Vec<_> = writes
            .iter()
            .filter(|write| write.action != Action::Check)
            .map(|write| (write.key.clone(), write.action != Action::Delete))
            .collect();
        let inner = inner.clone();
        self.noted(changes, async move { inner.write(writes).await }).await
    }

    async fn bulk(&self, inner: &Arc<dyn Store>, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        let changes: Vec<_> =
            writes.iter().map(|write| (write.key().clone(), matches!(write, Bulk::Put(..)))).collect();
        changes.iter().for_each(|(key, _)| self.touch_by_write(key));
        let inner = inner.clone();
        self.noted(changes, async move { inner.bulk(table, writes).await }).await
    }
}
