//! Dirty minutes: those whose partials may be behind their records.
//!
//! A mark is durable before the first record that relies on it. It is removed by its version, after
//! all partials that the minute is part of were computed again, so a mark that was made anew
//! meanwhile stays.

use std::collections::BTreeSet;

use base::store::{Body, Bulk, Item, Key, PAGE_MAX, Query, Range, Write};
use base::{Result, key};
use jiff::Timestamp;

use super::{SOURCE, Shelf};
use crate::model::{Level, instant};

/// So many marks are looked at before those of the last one's day are passed over: of few marks a day many
/// days, of many marks few.
const DAYS_PAGE: usize = 25;

/// A dirty minute.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Where the minute begins, in microseconds.
    pub minute: i64,
    /// When somebody last said so.
    pub at: Timestamp,
    item: Item,
}

impl Shelf {
    fn mark_key(&self, minute: i64) -> Key {
        Key::new(SOURCE, self.partition("dirty"), key![minute])
    }

    fn mark_body(at: Timestamp) -> Body {
        Body::default().with("v", 1).with("at", at.as_microsecond())
    }

    /// Marks a minute.
    pub fn mark(&self, minute: i64, at: Timestamp) -> Write {
        Write::put(self.mark_key(minute), Self::mark_body(at))
    }

    /// Marks a minute among many.
    pub fn mark_bulk(&self, minute: i64, at: Timestamp) -> Bulk {
        Bulk::Put(self.mark_key(minute), Self::mark_body(at))
    }

    /// Removes a mark that nobody has made anew.
    pub fn unmark(&self, mark: &Mark) -> Write {
        Write::delete(mark.item.key.clone()).when(mark.item.unchanged())
    }

    /// A page of the marks, by minute.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn marks(&self, limit: usize) -> Result<Vec<Mark>> {
        let slice = self.store.query(Query::new(SOURCE, self.partition("dirty")).limit(limit)).await?;
        Ok(slice.items.into_iter().filter_map(mark_of).collect())
    }

    /// The days that have a dirty minute, by where they begin.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn dirty_days(&self) -> Result<BTreeSet<i64>> {
        let (mut days, mut from) = (BTreeSet::new(), instant::FIRST_US);
        loop {
            let range = Range::Between(key![from], key![i64::MAX]);
            let query = Query::new(SOURCE, self.partition("dirty")).range(range).limit(DAYS_PAGE);
            let slice = self.store.query(query).await?;
            days.extend(slice.items.into_iter().filter_map(mark_of).map(|mark| Level::Day.floor(mark.minute)));
            match days.last() {
                // The rest of that day says nothing new.
                Some(last) if slice.next.is_some() => from = last + Level::Day.us(),
                _ => return Ok(days),
            }
        }
    }

    /// The dirty minutes that a window touches, ascending.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn dirty(&self, from: i64, to: i64) -> Result<Vec<Mark>> {
        let range = Range::Between(key![Level::Minute.floor(from)], key![to]);
        let mut query = Query::new(SOURCE, self.partition("dirty")).range(range).limit(PAGE_MAX);
        let mut marks = Vec::new();
        loop {
            let slice = self.store.query(query.clone()).await?;
            marks.extend(slice.items.into_iter().filter_map(mark_of));
            if slice.next.is_none() {
                return Ok(marks);
            }
            query.after = slice.next;
        }
    }
}

fn mark_of(item: Item) -> Option<Mark> {
    let minute = base::key::decode_i64(&item.key.sort)?;
    let at = Timestamp::from_microsecond(item.int("at")).ok()?;
    Some(Mark { minute, at, item })
}
