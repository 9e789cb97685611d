//! Tables, keys, versioned codecs and queries; the only folder that names `Store`.
//!
//! | table | partition | sort | holds |
//! |---|---|---|---|
//! | source | tenant, `series` | name | the head: which readings a series has |
//! | source | tenant, `count` | `series` | how many series there are |
//! | source | tenant, `total`, name | `records` | how many records the days of a series hold together |
//! | source | tenant, `dirty`, name | minute | a minute whose partials may be behind its records |
//! | source | tenant, `event` | time, id | events of about a second |
//! | measurements | tenant, `record`, name | time, request, row | a record: its data, exactly |
//! | partials | tenant, level, name | beginning, chunk | figures of a minute, an hour or a day |
//!
//! A series has one partition of records, so that a range of time is one range of it. DynamoDB takes
//! about a thousand writes a second there.
//!
//! - [`heads`]: which series there are. [`marks`]: dirty minutes. [`records`]: the records.
//! - [`partials`]: figures, [`chunks`]: as items. [`ranges`]: reading several ranges of a partition.
//! - [`events`]: who asked for what.

mod chunks;
pub mod events;
pub mod heads;
pub mod marks;
pub mod partials;
pub mod ranges;
pub mod records;

use std::sync::Arc;

use base::store::{Key, PAGE_MAX, Query, Table};
use base::{Page, Result, Store, TenantId, key};

use crate::model::{Level, Name};

/// Heads, marks, counts and events.
pub const SOURCE: Table = Table("source");
/// Records.
pub const MEASUREMENTS: Table = Table("measurements");
/// Partials.
pub const PARTIALS: Table = Table("partials");
/// Every table of this service.
pub const TABLES: [Table; 3] = [SOURCE, MEASUREMENTS, PARTIALS];

/// One series' place in the store.
#[derive(Clone)]
pub struct Shelf {
    pub(crate) store: Arc<dyn Store>,
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub series: Name,
}

impl Shelf {
    /// The place of `series`.
    pub fn new(store: Arc<dyn Store>, tenant: TenantId, series: Name) -> Self {
        Self { store, tenant, series }
    }

    fn partition(&self, what: &str) -> String {
        key![self.tenant, what, self.series.as_str()]
    }

    fn total_key(&self) -> Key {
        Key::new(SOURCE, self.partition("total"), "records")
    }

    fn level_partition(&self, level: Level) -> String {
        self.partition(level.as_str())
    }

    /// Every partition of this series.
    fn partitions(&self) -> impl Iterator<Item = (Table, String)> + '_ {
        let own = [(SOURCE, "total"), (SOURCE, "dirty"), (MEASUREMENTS, "record")];
        let own = own.into_iter().map(|(table, what)| (table, self.partition(what)));
        own.chain(Level::ALL.into_iter().map(|level| (PARTIALS, self.level_partition(level))))
    }
}

/// A page of a tenant's partitions, for whoever deletes the tenant; the list of the series, which
/// leads to the others, comes last.
///
/// # Errors
/// What the store fails with.
pub async fn partitions(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    after: Option<String>,
) -> Result<Page<(Table, String)>> {
    let heads = heads::partition(tenant);
    let slice = store.query(Query::new(SOURCE, heads.clone()).limit(PAGE_MAX / 10).after(after)).await?;
    let names = slice.items.iter().filter_map(|item| heads::name_of(&item.key.sort));
    let shelves = names.map(|name| Shelf::new(store.clone(), tenant.clone(), name));
    let mut items: Vec<(Table, String)> = shelves.flat_map(|shelf| shelf.partitions().collect::<Vec<_>>()).collect();
    if slice.next.is_none() {
        items.extend([(SOURCE, events::partition(tenant)), (SOURCE, heads::count_key(tenant).partition)]);
        items.push((SOURCE, heads));
    }
    Ok(Page { items, next: slice.next })
}
