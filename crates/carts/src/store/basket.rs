//! The items of some contents, and how many there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::store::{Body, Key, PAGE_MAX, Query, Range, Table, When, Write};
use base::{Error, Page, Result, Store, StoreExt as _, TenantId, key};
use uuid::Uuid;

use super::{CARTS, ITEMS, rows};
use crate::model::item::DIGITS;
use crate::model::{Item, ItemId};

/// A page of items ends behind the one with which their attributes have so many bytes.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// The contents of a cart.
#[derive(Clone)]
pub struct Basket {
    store: Arc<dyn Store>,
    tenant: TenantId,
    contents: Uuid,
}

/// The sixteen digits, each as a text.
pub fn digits() -> impl Iterator<Item = &'static str> {
    (0..DIGITS.len()).map(|n| &DIGITS[n..=n])
}

/// How many items were added, or taken if negative, by their type.
pub type Change = BTreeMap<String, i64>;

impl Basket {
    /// These contents, in this store.
    pub fn new(store: Arc<dyn Store>, tenant: TenantId, contents: Uuid) -> Self {
        Self { store, tenant, contents }
    }

    fn item_partition(&self, digit: &str) -> String {
        key![self.tenant, "item", self.contents, digit]
    }

    fn count_partition(&self) -> String {
        key![self.tenant, "count", self.contents]
    }

    fn type_partition(&self) -> String {
        key![self.tenant, "type", self.contents]
    }

    fn count_key(&self, digit: &str) -> Key {
        Key::new(CARTS, self.count_partition(), digit)
    }

    fn key(&self, id: &ItemId) -> Key {
        Key::new(ITEMS, self.item_partition(id.digit()), id.as_str())
    }

    /// Every partition of these contents; counts first, since nothing is added without them.
    pub fn partitions(&self) -> Vec<(Table, String)> {
        let counts = [(CARTS, self.count_partition()), (CARTS, self.type_partition())];
        counts.into_iter().chain(digits().map(|digit| (ITEMS, self.item_partition(digit)))).collect()
    }

    /// The counts of contents that are empty.
    pub fn open(&self) -> Vec<Write> {
        digits().map(|digit| self.open_digit(digit)).collect()
    }

    /// The count of one digit, of which there is nothing yet.
    pub fn open_digit(&self, digit: &str) -> Write {
        Write::put(self.count_key(digit), Body::default().with("n", 0)).when(When::Absent)
    }

    /// What makes that nothing is added, replaced or taken any more.
    pub fn close(&self) -> Vec<Write> {
        digits().map(|digit| Write::delete(self.count_key(digit))).collect()
    }

    /// The same, on the condition that nothing was since these stamps were read.
    pub fn close_unchanged(&self, stamps: &[Uuid]) -> Vec<Write> {
        let when = |stamp: &Uuid| When::Version(base::store::Version(*stamp));
        self.close().into_iter().zip(stamps).map(|(write, stamp)| write.when(when(stamp))).collect()
    }

    /// The conditions that items of every digit may be added.
    pub fn is_open(&self) -> Vec<Write> {
        digits().map(|digit| Write::check(self.count_key(digit), When::Present)).collect()
    }

    /// Puts an item that is not there yet.
    ///
    /// # Errors
    /// `Internal` when it cannot be written as JSON.
    pub fn put(&self, item: &Item) -> Result<Write> {
        Ok(Write::put(self.key(&item.id), rows::item_body(item)?).when(When::Absent))
    }

    /// Puts an item in place of the one that is there.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn replace(&self, item: &Item) -> Result<Write> {
        Ok(self.put(item)?.when(When::Present))
    }

    /// Takes an item out.
    pub fn take(&self, id: &ItemId, when: When) -> Write {
        Write::delete(self.key(id)).when(when)
    }

    /// Counts a change of the items of one digit; the first of the writes fails when the contents are
    /// gone. Also a change of nothing is one: whoever watches the count sees that something changed.
    pub fn count(&self, digit: &str, change: &Change) -> Vec<Write> {
        let sum = change.values().sum();
        let of_type = |(kind, n): (&String, &i64)| {
            Write::add(Key::new(CARTS, self.type_partition(), key![digit, kind.as_str()]), [("n", *n)])
        };
        let total = Write::add(self.count_key(digit), [("n", sum)]).when(When::Present);
        std::iter::once(total).chain(change.iter().filter(|(_, n)| **n != 0).map(of_type)).collect()
    }

    /// An item, and the condition that nobody has written it since.
    ///
    /// # Errors
    /// What the store fails with; `Internal` when it cannot be read.
    pub async fn get(&self, id: &ItemId) -> Result<Option<(Item, When)>> {
        let stored = self.store.get(self.key(id)).await?;
        stored.map(|stored| Ok((rows::item(&stored)?, stored.unchanged()))).transpose()
    }

    /// Of several baskets, which first has an item.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn holding<'b>(baskets: &'b [Self], id: &ItemId) -> Result<Option<&'b Self>> {
        let Some(first) = baskets.first() else { return Ok(None) };
        let keys: Vec<Key> = baskets.iter().map(|basket| basket.key(id)).collect();
        let found = first.store.get_all(&keys).await?;
        Ok(found.iter().position(Option::is_some).map(|n| &baskets[n]))
    }

    /// How many items there are; `None` when the contents are gone.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn len(&self) -> Result<Option<u64>> {
        let keys: Vec<Key> = digits().map(|digit| self.count_key(digit)).collect();
        let counts = self.store.get_many(&keys).await?;
        let sum = counts.iter().map(|count| Some(count.as_ref()?.int("n"))).sum::<Option<i64>>();
        Ok(sum.map(|sum| u64::try_from(sum).unwrap_or(0)))
    }

    /// Stamps that are others once something was added, replaced or taken; `None` when the contents are
    /// gone.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn stamps(&self) -> Result<Option<Vec<Uuid>>> {
        let keys: Vec<Key> = digits().map(|digit| self.count_key(digit)).collect();
        let counts = self.store.get_many(&keys).await?;
        Ok(counts.into_iter().map(|count| Some(count?.version?.0)).collect())
    }

    /// How many items there are of each type, of the first `max` types by name.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn types(&self, max: usize) -> Result<BTreeMap<String, u64>> {
        let mut types = BTreeMap::new();
        for digit in digits() {
            let (mut found, mut after) = (0, None);
            // None of the first types has more than so many before it in any digit.
            while found < max {
                let of_digit = Range::Prefix(key![digit]);
                let query = Query::new(CARTS, self.type_partition()).range(of_digit).limit(PAGE_MAX).after(after);
                let slice = self.store.query(query).await?;
                for stored in slice.items {
                    let kind = base::key::split(&stored.key.sort).pop().unwrap_or_default();
                    let n = u64::try_from(stored.int("n")).unwrap_or(0);
                    if n > 0 {
                        found += 1;
                        *types.entry(kind).or_default() += n;
                    }
                }
                after = slice.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(types.into_iter().take(max).collect())
    }

    /// A page of the items in the order of their ids, behind the id `after`. It ends at the limit, or
    /// where its attributes have [`PAGE_BYTES_MAX`].
    ///
    /// # Errors
    /// What the store fails with; `Internal` when an item cannot be read.
    pub async fn page(&self, after: Option<String>, limit: usize) -> Result<Page<Item>> {
        let from = after.as_deref().and_then(|id| id.get(..1)).unwrap_or_default().to_owned();
        let (mut items, mut bytes) = (Vec::<Item>::new(), 0);
        for digit in digits().filter(|digit| **digit >= *from) {
            let mut after = after.clone().filter(|_| *digit == *from);
            loop {
                // One more than asked for: only then is it known that the list goes on.
                let page = self.page_of(digit, after, (limit - items.len() + 1).min(PAGE_MAX)).await?;
                for item in page.items {
                    if items.len() == limit || bytes >= PAGE_BYTES_MAX {
                        let next = items.last().map(|item| item.id.to_string());
                        return Ok(Page { items, next });
                    }
                    bytes += item.attributes.as_ref().map_or(0, String::len);
                    items.push(item);
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(Page { items, next: None })
    }

    /// A page of the items of one digit; it may end before the limit and still go on.
    ///
    /// # Errors
    /// As for [`page`](Self::page).
    pub async fn page_of(&self, digit: &str, after: Option<String>, limit: usize) -> Result<Page<Item>> {
        let slice = self.store.query(Query::new(ITEMS, self.item_partition(digit)).after(after).limit(limit)).await?;
        let items = slice.items.iter().map(rows::item).collect::<Result<_>>()?;
        Ok(Page { items, next: slice.next })
    }

    /// The last id of a digit.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn last_of(&self, digit: &str) -> Result<Option<String>> {
        let mut query = Query::new(ITEMS, self.item_partition(digit)).descending().limit(1);
        loop {
            let slice = self.store.query(query.clone()).await?;
            match (slice.items.into_iter().next(), slice.next) {
                (Some(stored), _) => return Ok(Some(stored.key.sort)),
                (None, None) => return Ok(None),
                (None, next) => query.after = next,
            }
        }
    }

    /// Applies writes of these contents.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn write(&self, writes: Vec<Write>) -> Result<(), base::store::StoreError> {
        self.store.write(writes).await.map(drop)
    }

    /// Removes everything that is left of contents that are closed, or that nobody ever saw.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn sweep(&self) -> Result<()> {
        for (table, partition) in self.partitions() {
            self.empty(table, &partition).await?;
        }
        Ok(())
    }

    /// Removes everything from a partition; says how many items that were.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn empty(&self, table: Table, partition: &str) -> Result<u64> {
        let mut removed = 0;
        loop {
            let slice = self.store.query(Query::new(table, partition).limit(PAGE_MAX)).await?;
            if slice.items.is_empty() && slice.next.is_none() {
                return Ok(removed);
            }
            removed += slice.items.len() as u64;
            let deletes = slice.items.into_iter().map(|stored| base::store::Bulk::Delete(stored.key)).collect();
            self.store.bulk(table, deletes).await.map_err(Error::from)?;
        }
    }
}
