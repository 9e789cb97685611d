//! Reading several ranges of one partition, in order and a page at a time.
//!
//! Ranges may be many and nearly empty (the minutes of an hourly series), or few and full. A query
//! reaches over several ranges at once when the last one came back with room to spare, and over one
//! when it did not: so many empty ranges cost few queries, and few full ones read little in vain.

use std::collections::VecDeque;
use std::sync::Arc;

use base::Store;
use base::store::{Item, Query, Range, StoreError, Table};

/// How many items a page has.
const PAGE: usize = 500;

/// A read of several ranges.
pub struct Ranges {
    store: Arc<dyn Store>,
    table: Table,
    partition: String,
    /// What is still to be read, ascending: from the first to the second, which is outside.
    ranges: VecDeque<(String, String)>,
    /// How many ranges beyond the first the next query reaches over.
    reach: usize,
    buffer: VecDeque<Item>,
}

impl Ranges {
    pub(super) fn new(
        store: Arc<dyn Store>,
        table: Table,
        partition: String,
        ranges: VecDeque<(String, String)>,
    ) -> Self {
        Self { store, table, partition, ranges, reach: 0, buffer: VecDeque::new() }
    }

    /// The next item.
    ///
    /// # Errors
    /// What the store fails with; the read is over then.
    pub async fn next(&mut self) -> Result<Option<Item>, StoreError> {
        while self.buffer.is_empty() && !self.ranges.is_empty() {
            self.fill().await?;
        }
        Ok(self.buffer.pop_front())
    }

    async fn fill(&mut self) -> Result<(), StoreError> {
        let reach = self.reach.min(self.ranges.len() - 1);
        let (Some((from, _)), Some((_, to))) = (self.ranges.front(), self.ranges.get(reach)) else { return Ok(()) };
        let (from, to) = (from.clone(), to.clone());
        let query = Query::new(self.table, self.partition.clone());
        let slice = self.store.query(query.range(Range::Between(from, to.clone())).limit(PAGE)).await?;
        let roomy = slice.next.is_none() && slice.items.len() < PAGE / 2;
        self.reach = if roomy { 2 * reach + 1 } else { 0 };
        for item in slice.items {
            self.drop_up_to(&item.key.sort);
            if self.ranges.front().is_some_and(|(from, _)| *from <= item.key.sort) {
                self.buffer.push_back(item);
            }
        }
        self.drop_up_to(slice.next.as_deref().unwrap_or(&to));
        if let (Some(next), Some((from, _))) = (slice.next, self.ranges.front_mut())
            && *from <= next
        {
            // The smallest text behind it.
            *from = next + "\u{0}";
        }
        Ok(())
    }

    /// Forgets the ranges that end at or before `sort`.
    fn drop_up_to(&mut self, sort: &str) {
        while self.ranges.front().is_some_and(|(_, to)| to.as_str() <= sort) {
            self.ranges.pop_front();
        }
    }
}
