//! The contract of the store: the truth.
//!
//! An [`Item`] lives in a [`Table`], under a partition key and a sort key, ordered by sort key
//! inside its partition. It has a *version* (a stamp, unique and new at every write), a few native
//! *fields* that conditions and counters speak of, *data* (one exact text, untouched), and
//! optionally an *expiry*: an expired item is absent to reads, conditions, `Add`, counts and
//! queries, whenever it is physically removed.
//!
//! When a call that writes returns `Ok`, what it wrote is durable. When it returns an error, the
//! error says whether it may have been applied: only [`StoreError::Unknown`] may.
//!
//! What is not promised: pages of a query are no snapshot, and a list across partitions does not
//! exist.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::ops::Bound;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

/// A table's name, without any prefix: `[a-z_]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub &'static str);

/// Where an item lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The table.
    pub table: Table,
    /// The partition key, 1 to 2,048 bytes; begins with the tenant.
    pub partition: String,
    /// The sort key, 1 to 1,024 bytes.
    pub sort: String,
}

impl Key {
    /// Names a place.
    pub fn new(table: Table, partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { table, partition: partition.into(), sort: sort.into() }
    }
}

/// A stamp of one write. All items of one `write` share it; no two writes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub Uuid);

/// A native scalar, one that conditions and counters can speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// A whole number.
    Int(i64),
    /// A short text.
    Str(String),
    /// Yes or no.
    Bool(bool),
}

impl From<i64> for Field {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Field {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Field {
    fn from(value: &str) -> Self {
        Self::Str(value.to_owned())
    }
}

impl From<String> for Field {
    fn from(value: String) -> Self {
        Self::Str(value)
    }
}

/// The native scalars of an item, by name.
pub type Fields = BTreeMap<String, Field>;

/// What an item holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Native scalars.
    pub fields: Fields,
    /// One exact JSON text.
    pub data: Option<String>,
    /// From this instant on the item is absent.
    pub expires: Option<Timestamp>,
}

impl Body {
    /// A body of one JSON text.
    pub fn data(data: impl Into<String>) -> Self {
        Self { data: Some(data.into()), ..Self::default() }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Field>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the expiry.
    #[must_use]
    pub fn expiring(mut self, at: Timestamp) -> Self {
        self.expires = Some(at);
        self
    }

    /// Adds to fields, as [`Action::Add`] does: one that is absent, or no number, counts as 0, and
    /// a sum stays inside `i64`.
    pub fn add(&mut self, fields: &[(String, i64)]) {
        for (name, by) in fields {
            let sum = match self.fields.get(name) {
                Some(Field::Int(value)) => value.saturating_add(*by),
                _ => *by,
            };
            self.fields.insert(name.clone(), Field::Int(sum));
        }
    }
}

/// An item as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where it lives.
    pub key: Key,
    /// The stamp of its last write; `None` if another program wrote it.
    pub version: Option<Version>,
    /// What it holds.
    pub body: Body,
}

impl Item {
    /// The field as a number; 0 when absent, as for `Add`.
    pub fn int(&self, name: &str) -> i64 {
        match self.body.fields.get(name) {
            Some(Field::Int(value)) => *value,
            _ => 0,
        }
    }

    /// The field as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.body.fields.get(name) {
            Some(Field::Str(value)) => Some(value),
            _ => None,
        }
    }

    /// The field as yes or no; no when absent.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.body.fields.get(name), Some(Field::Bool(true)))
    }

    /// The data, or an empty text.
    pub fn data(&self) -> &str {
        self.body.data.as_deref().unwrap_or_default()
    }

    /// The condition that nobody has written the item since it was read.
    pub fn unchanged(&self) -> When {
        self.version.map_or(When::Present, When::Version)
    }
}

/// What must hold for a write to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing.
    Always,
    /// The item is absent (or expired).
    Absent,
    /// The item is present.
    Present,
    /// The item is present and was last written with this stamp.
    Version(Version),
    /// The item is present and the field has this value.
    Is(String, Field),
}

impl When {
    /// The item is present and `field` has this value.
    pub fn is(field: &str, value: impl Into<Field>) -> Self {
        Self::Is(field.to_owned(), value.into())
    }

    /// Whether it holds of what is stored; an expired item is `None`.
    pub fn holds(&self, item: Option<&Item>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => item.is_none(),
            Self::Present => item.is_some(),
            Self::Version(version) => item.is_some_and(|item| item.version == Some(*version)),
            Self::Is(field, value) => item.is_some_and(|item| item.body.fields.get(field) == Some(value)),
        }
    }
}

/// What to do with an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Writes the whole item.
    Put(Body),
    /// Removes it; an absent one is no error.
    Delete,
    /// Adds to up to 32 numeric fields; makes an absent item from zeros.
    Add(Vec<(String, i64)>),
    /// Changes nothing: only the condition counts.
    Check,
}

/// One write and its condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub key: Key,
    /// What.
    pub action: Action,
    /// If.
    pub when: When,
}

impl Write {
    /// Writes the whole item.
    pub fn put(key: Key, body: Body) -> Self {
        Self { key, action: Action::Put(body), when: When::Always }
    }

    /// Removes the item.
    pub fn delete(key: Key) -> Self {
        Self { key, action: Action::Delete, when: When::Always }
    }

    /// Adds to numeric fields.
    pub fn add<'a>(key: Key, fields: impl IntoIterator<Item = (&'a str, i64)>) -> Self {
        let fields = fields.into_iter().map(|(name, by)| (name.to_owned(), by)).collect();
        Self { key, action: Action::Add(fields), when: When::Always }
    }

    /// Only the condition.
    pub fn check(key: Key, when: When) -> Self {
        Self { key, action: Action::Check, when }
    }

    /// Sets the condition.
    #[must_use]
    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }
}

/// One write of `bulk`: unconditional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// Writes the whole item.
    Put(Key, Body),
    /// Removes it.
    Delete(Key),
}

impl Bulk {
    /// Where it writes.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key,
        }
    }
}

/// Which part of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// All of it.
    All,
    /// Sort keys that begin so.
    Prefix(String),
    /// Sort keys from the first to the second, both included.
    Between(String, String),
}

impl Range {
    /// The sort keys it spans; a `Between` upside down spans none.
    pub fn bounds(&self) -> (Bound<String>, Bound<String>) {
        match self {
            Self::All => (Bound::Unbounded, Bound::Unbounded),
            Self::Prefix(prefix) => (Bound::Included(prefix.clone()), behind_prefix(prefix)),
            Self::Between(from, to) => (Bound::Included(from.clone()), Bound::Included(to.clone())),
        }
    }
}

/// The smallest text above all that begin with `prefix`. Text order is the order of code points,
/// so that is the prefix with its last character counted up, the largest character carrying over.
fn behind_prefix(prefix: &str) -> Bound<String> {
    let mut rest = prefix.to_owned();
    while let Some(last) = rest.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            rest.push(next);
            return Bound::Excluded(rest);
        }
    }
    Bound::Unbounded
}

/// In which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest sort key first.
    Ascending,
    /// Largest sort key first.
    Descending,
}

/// A question about one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The table.
    pub table: Table,
    /// The partition.
    pub partition: String,
    /// Which part of it.
    pub range: Range,
    /// In which direction.
    pub order: Order,
    /// At most this many items, 1 to 1,000.
    pub limit: usize,
    /// Start behind this sort key (before it, when descending); itself excluded.
    pub after: Option<String>,
}

impl Query {
    /// The whole partition in ascending order, 100 items a page.
    pub fn new(table: Table, partition: impl Into<String>) -> Self {
        let partition = partition.into();
        Self { table, partition, range: Range::All, order: Order::Ascending, limit: 100, after: None }
    }

    /// Only this part.
    #[must_use]
    pub fn range(mut self, range: Range) -> Self {
        self.range = range;
        self
    }

    /// Only sort keys that begin so.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        self.range(Range::Prefix(prefix.into()))
    }

    /// Largest first.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.order = Order::Descending;
        self
    }

    /// At most this many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Behind this sort key.
    #[must_use]
    pub fn after(mut self, after: Option<String>) -> Self {
        self.after = after;
        self
    }
}

/// A page of a partition. It may be empty and still go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The items, in the order asked for.
    pub items: Vec<Item>,
    /// The sort key to go on after; `None` at the end.
    pub next: Option<String>,
}

/// Why a store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// These conditions (indexes into the writes, ascending) did not hold. Nothing was applied.
    #[error("conditions {0:?} did not hold")]
    Failed(Vec<usize>),
    /// Conflict or throttling, after retries inside. Nothing was applied.
    #[error("the store is busy")]
    Busy,
    /// It may have been applied: the answer was lost.
    #[error("the store's answer was lost: {0}")]
    Unknown(String),
    /// Over a limit. Nothing was applied.
    #[error("{what} is {actual}, allowed are {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// What was asked.
        actual: usize,
    },
    /// No space left. Nothing was applied; reads go on.
    #[error("no space left")]
    Full,
    /// An item whose checksum does not match: named by table and keys.
    #[error("damaged item: {0}")]
    Damaged(String),
    /// Closed, poisoned, or out of reach. Nothing was applied.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// Keeps items. See the module for what is promised.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads up to 100 items, consistently; answers in the order of the keys.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError>;

    /// Reads a page of a partition: it ends at the limit or at 1 MB.
    async fn query(&self, query: Query) -> Result<Slice, StoreError>;

    /// Counts a small range; what must be counted at size has a counter.
    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError>;

    /// Applies all of up to 100 writes, ≤ 4 MB, each key once, or none. Returns their stamp.
    async fn write(&self, writes: Vec<Write>) -> Result<Version, StoreError>;

    /// Applies any number of unconditional writes of one table, unordered and not atomically,
    /// each key once. On `Ok` every one is durable; on an error any of them may be.
    async fn bulk(&self, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError>;

    /// Whether it can serve now.
    async fn ready(&self) -> Result<(), StoreError>;
}

/// Sugar over [`Store`].
#[async_trait]
pub trait StoreExt: Store {
    /// Reads one item.
    async fn get(&self, key: Key) -> Result<Option<Item>, StoreError> {
        Ok(self.get_many(std::slice::from_ref(&key)).await?.pop().flatten())
    }

    /// Reads any number of items, a hundred at a time.
    async fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        let mut items = Vec::with_capacity(keys.len());
        for some in keys.chunks(GET_MANY_MAX) {
            items.extend(self.get_many(some).await?);
        }
        Ok(items)
    }

    /// Reads a whole range into memory: for ranges known to be small.
    async fn query_all(&self, mut query: Query) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        loop {
            let slice = self.query(query.clone()).await?;
            items.extend(slice.items);
            match slice.next {
                Some(next) => query.after = Some(next),
                None => return Ok(items),
            }
        }
    }
}

impl<S: Store + ?Sized> StoreExt for S {}

/// At most this many keys in one `get_many`.
pub const GET_MANY_MAX: usize = 100;
/// At most this many writes in one `write`.
pub const WRITES_MAX: usize = 100;
/// At most this many fields in one [`Action::Add`]: DynamoDB's store says of each that its sum fits, in 4 KB in all.
pub const ADDED_MAX: usize = 32;
/// At most this many bytes in one `write`: DynamoDB's 4 MiB, less what its store adds.
pub const WRITE_BYTES_MAX: usize = 4_000_000;
/// At most this many bytes in one item: names, values and keys together. DynamoDB's own limit is
/// 400 KiB, and its store adds names and a stamp to what is counted here.
pub const ITEM_BYTES_MAX: usize = 400_000;
/// At most this many bytes in a partition key.
pub const PARTITION_BYTES_MAX: usize = 2_048;
/// At most this many bytes in a sort key.
pub const SORT_BYTES_MAX: usize = 1_024;
/// At most this many items in a page.
pub const PAGE_MAX: usize = 1_000;
/// A page ends when it has gathered this many bytes.
pub const PAGE_BYTES_MAX: usize = 1 << 20;

/// How many bytes an item takes, as both stores count it.
pub fn item_bytes(key: &Key, body: &Body) -> usize {
    let fields: usize = body
        .fields
        .iter()
        .map(|(name, value)| {
            name.len()
                + match value {
                    Field::Int(_) => 8,
                    Field::Str(text) => text.len(),
                    Field::Bool(_) => 1,
                }
        })
        .sum();
    key.partition.len() + key.sort.len() + fields + body.data.as_ref().map_or(0, String::len)
}

/// Refuses keys over their limits; every implementation calls it first.
///
/// # Errors
/// `TooLarge`, naming the part; an empty key part is "too large" by being under 1.
pub fn check_key(key: &Key) -> Result<(), StoreError> {
    check("partition key bytes", key.partition.len(), 1, PARTITION_BYTES_MAX)?;
    check("sort key bytes", key.sort.len(), 1, SORT_BYTES_MAX)
}

/// Refuses a transaction over its limits; every implementation calls it first.
///
/// # Errors
/// `TooLarge`, naming what is over: the number of writes, a key named twice, an item, an addition, the total.
pub fn check_writes(writes: &[Write]) -> Result<(), StoreError> {
    check("writes", writes.len(), 1, WRITES_MAX)?;
    let mut total = 0;
    let mut seen = HashSet::with_capacity(writes.len());
    for write in writes {
        check_key(&write.key)?;
        if !seen.insert(&write.key) {
            return Err(StoreError::TooLarge { what: "writes of one key", limit: 1, actual: 2 });
        }
        match &write.action {
            Action::Put(body) => {
                let bytes = item_bytes(&write.key, body);
                check("item bytes", bytes, 0, ITEM_BYTES_MAX)?;
                total += bytes;
            }
            Action::Add(fields) => {
                let named: HashSet<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                check("fields of an addition", named.len(), 0, ADDED_MAX)?;
            }
            Action::Delete | Action::Check => {}
        }
    }
    check("transaction bytes", total, 0, WRITE_BYTES_MAX)
}

/// Refuses a bulk write over its limits; every implementation calls it first.
///
/// # Errors
/// `TooLarge`, naming what is over.
pub fn check_bulk(writes: &[Bulk]) -> Result<(), StoreError> {
    let mut seen = HashSet::with_capacity(writes.len());
    for write in writes {
        check_key(write.key())?;
        if !seen.insert(write.key()) {
            return Err(StoreError::TooLarge { what: "writes of one key", limit: 1, actual: 2 });
        }
        if let Bulk::Put(key, body) = write {
            check("item bytes", item_bytes(key, body), 0, ITEM_BYTES_MAX)?;
        }
    }
    Ok(())
}

/// Refuses a page size that is not 1 to 1,000.
///
/// # Errors
/// `TooLarge`.
pub fn check_query(query: &Query) -> Result<(), StoreError> {
    check("page limit", query.limit, 1, PAGE_MAX)
}

/// Refuses more than 100 keys.
///
/// # Errors
/// `TooLarge`.
pub fn check_get_many(keys: &[Key]) -> Result<(), StoreError> {
    check("keys", keys.len(), 0, GET_MANY_MAX)
}

fn check(what: &'static str, actual: usize, least: usize, limit: usize) -> Result<(), StoreError> {
    if (least..=limit).contains(&actual) { Ok(()) } else { Err(StoreError::TooLarge { what, limit, actual }) }
}
