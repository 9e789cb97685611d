//! Records, in the order of their time.

use base::store::{Body, Bulk, Item, Key, Query, Write};
use base::{Error, Page, Result};
use jiff::Timestamp;

use super::ranges::Ranges;
use super::{MEASUREMENTS, Shelf};
use crate::model::{Record, instant};

impl Shelf {
    fn record_key(&self, record: &Record) -> Key {
        Key::new(MEASUREMENTS, self.partition("record"), record.sort.as_str())
    }

    /// Writes a record. Written again, it is the same one.
    pub fn record(&self, record: &Record) -> Write {
        Write::put(self.record_key(record), body(record))
    }

    /// Writes many records.
    pub fn records_bulk<'r, R: Iterator<Item = &'r Record>>(
        &self,
        records: R,
    ) -> impl Iterator<Item = Bulk> + use<'r, R> {
        let partition = self.partition("record");
        let key = move |record: &Record| Key::new(MEASUREMENTS, partition.clone(), record.sort.as_str());
        records.map(move |record| Bulk::Put(key(record), body(record)))
    }

    /// The latest record up to `now`, or the earliest one.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn record_at_end(&self, latest_before: Option<Timestamp>) -> Result<Option<Record>> {
        let query = Query::new(MEASUREMENTS, self.partition("record")).limit(1);
        let query = match latest_before {
            Some(before) => query.range(range(Timestamp::MIN, before)).descending(),
            None => query,
        };
        let mut query = query;
        loop {
            let slice = self.store.query(query.clone()).await?;
            if let Some(item) = slice.items.first() {
                return self.record_of(item).map(Some);
            }
            if slice.next.is_none() {
                return Ok(None);
            }
            query.after = slice.next;
        }
    }

    /// A page of the records of a stretch of time.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn records(
        &self,
        (from, to): (Timestamp, Timestamp),
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Record>> {
        let query = Query::new(MEASUREMENTS, self.partition("record")).range(range(from, to));
        let slice = self.store.query(query.limit(limit).after(after)).await?;
        let items = slice.items.iter().map(|item| self.record_of(item)).collect::<Result<_>>()?;
        Ok(Page { items, next: slice.next })
    }

    /// Reads the records of several stretches of time.
    pub fn records_in(&self, stretches: impl IntoIterator<Item = (i64, i64)>) -> Ranges {
        let ranges = stretches.into_iter().map(|(from, to)| (bound(from), bound(to))).collect();
        Ranges::new(self.store.clone(), MEASUREMENTS, self.partition("record"), ranges)
    }

    /// The record of an item.
    ///
    /// # Errors
    /// `Internal` when it cannot be read.
    pub fn record_of(&self, item: &Item) -> Result<Record> {
        let sort = item.key.sort.clone();
        let at = instant::of_sort(&sort).filter(|_| item.int("v") == 1);
        let at = at.ok_or_else(|| Error::internal("a record has no time, or an unknown version"))?;
        let by = item.text("by").map(str::to_owned);
        Ok(Record { sort, at, series: self.series.clone(), by, data: item.data().to_owned() })
    }
}

fn body(record: &Record) -> Body {
    let body = Body::data(record.data.as_str()).with("v", 1);
    match &record.by {
        Some(by) => body.with("by", by.as_str()),
        None => body,
    }
}

/// From the first to the second instant, which is outside: a record's place is longer than the
/// text of its time.
fn range(from: Timestamp, to: Timestamp) -> base::store::Range {
    base::store::Range::Between(edge(from), edge(to))
}

fn edge(at: Timestamp) -> String {
    // Before the year 1 nothing can be; its text would sort wrongly.
    if at.as_microsecond() < instant::FIRST_US { "0".to_owned() } else { instant::text(at) }
}

fn bound(us: i64) -> String {
    Timestamp::from_microsecond(us).map_or_else(|_| "0".to_owned(), edge)
}
