//! Reading a dataset in order: a merge of its sixteen shards.
//!
//! Each shard is an ordered partition of the store, read a page at a time; the smallest of their
//! first records is the next one. A place names a record in all shards alike, so a cursor is one
//! place, whatever shard it came from. Nothing is a snapshot: a record that moves while it is read
//! past may be seen twice or not at all; one that stays is seen once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use base::store::{Item, PAGE_MAX, Query, Range, Slice, StoreError};
use base::{Page, Result};
use futures::future::try_join_all;
use tokio_util::task::AbortOnDropHandle;

use super::{RECORDS, Shelf};
use crate::model::SHARDS;

/// So many records of a shard are read at once by a long read, and as many ahead.
const LONG_PAGE: usize = 64;
/// From the second page on it is so many bytes, whatever that is in records.
const LONG_PAGE_BYTES: usize = 56 << 10;

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order: where a list goes on.
    pub place: String,
    /// Its text.
    pub text: String,
    /// The stamp of its last write.
    pub version: Option<base::store::Version>,
}

impl From<Item> for Entry {
    fn from(item: Item) -> Self {
        Self { place: item.key.sort, text: item.body.data.unwrap_or_default(), version: item.version }
    }
}

impl Shelf {
    /// A page of the order: those in `range`, behind the place `after`.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn page(&self, range: Range, after: Option<String>, limit: usize) -> Result<Page<Entry>> {
        // A shard holds a sixteenth of a page, give or take; one more tells whether it goes on.
        let lane_page = (limit / usize::from(SHARDS) * 2 + 8).min(PAGE_MAX);
        let mut scan = Scan::open(self.clone(), range, after, lane_page, false).await?;
        let mut items = Vec::with_capacity(limit);
        while items.len() < limit {
            let Some(entry) = scan.next().await? else { return Ok(Page { items, next: None }) };
            items.push(entry);
        }
        let more = scan.next().await?.is_some();
        let next = items.last().filter(|_| more).map(|entry: &Entry| entry.place.clone());
        Ok(Page { items, next })
    }

    /// All of the order, one record after the other, in constant memory.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn scan(&self, range: Range, after: Option<String>) -> Result<Scan> {
        Ok(Scan::open(self.clone(), range, after, LONG_PAGE, true).await?)
    }
}

/// A read under way.
pub struct Scan {
    lanes: Vec<Lane>,
    /// The first place of each lane that has one.
    heads: BinaryHeap<Reverse<(String, usize)>>,
}

impl Scan {
    async fn open(
        shelf: Shelf,
        range: Range,
        after: Option<String>,
        page: usize,
        ahead: bool,
    ) -> Result<Self, StoreError> {
        let lane = |shard| {
            let query = Query::new(RECORDS, shelf.order_partition(shard)).range(range.clone());
            Lane::new(shelf.clone(), query.after(after.clone()).limit(page), ahead)
        };
        let mut lanes: Vec<Lane> = (0..SHARDS).map(lane).collect();
        try_join_all(lanes.iter_mut().map(Lane::fill)).await?;
        let first = |(n, lane): (usize, &Lane)| Some(Reverse((lane.buffer.front()?.place.clone(), n)));
        let heads = lanes.iter().enumerate().filter_map(first).collect();
        Ok(Self { lanes, heads })
    }

    /// The next record.
    ///
    /// # Errors
    /// What the store fails with; the read is over then.
    pub async fn next(&mut self) -> Result<Option<Entry>> {
        let Some(Reverse((_, n))) = self.heads.pop() else { return Ok(None) };
        let lane = &mut self.lanes[n];
        let entry = lane.buffer.pop_front();
        if lane.buffer.is_empty() {
            lane.fill().await?;
        }
        if let Some(first) = lane.buffer.front() {
            self.heads.push(Reverse((first.place.clone(), n)));
        }
        Ok(entry)
    }
}

/// One shard of a read.
struct Lane {
    shelf: Shelf,
    /// Where it goes on; `None` behind its end.
    query: Option<Query>,
    buffer: VecDeque<Entry>,
    /// The page behind the buffer, if it is read ahead.
    coming: Option<AbortOnDropHandle<Result<Slice, StoreError>>>,
    ahead: bool,
}

impl Lane {
    fn new(shelf: Shelf, query: Query, ahead: bool) -> Self {
        Self { shelf, query: Some(query), buffer: VecDeque::new(), coming: None, ahead }
    }

    /// Reads until there is something in the buffer, or nothing more to come.
    async fn fill(&mut self) -> Result<(), StoreError> {
        while self.buffer.is_empty() {
            let Some(query) = self.query.take() else { return Ok(()) };
            let slice = match self.coming.take() {
                Some(coming) => coming.await.map_err(|error| StoreError::Unavailable(error.to_string()))??,
                None => self.shelf.store.query(query.clone()).await?,
            };
            self.buffer.extend(slice.items.into_iter().map(Entry::from));
            if slice.next.is_some() {
                let mut next = query.after(slice.next);
                if self.ahead {
                    let bytes: usize = self.buffer.iter().map(|entry| entry.text.len()).sum();
                    next.limit = (LONG_PAGE_BYTES * self.buffer.len() / bytes.max(1)).clamp(8, PAGE_MAX / 2);
                    let (shelf, query) = (self.shelf.clone(), next.clone());
                    let read = tokio::spawn(async move { shelf.store.query(query).await });
                    self.coming = Some(AbortOnDropHandle::new(read));
                }
                self.query = Some(next);
            }
        }
        Ok(())
    }
}
