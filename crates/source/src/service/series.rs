//! Which series there are, and how much each holds.

use std::collections::BTreeSet;
use std::time::Duration;

use base::{Ctx, Error, Page, Result};
use futures::future::try_join_all;
use jiff::Timestamp;

use super::Source;
use super::window::{self, Wanted};
use crate::model::{Level, Name, instant};
use crate::store::Shelf;
use crate::store::heads::Head;

/// How often a count is begun again when the roller changes it meanwhile.
const TRIES_MAX: u32 = 10;
/// How long the first of these waits; each waits twice as long as the one before. A roller that has
/// much to do is through with it in less than all of them take.
const WAIT_FIRST: Duration = Duration::from_millis(5);

/// A series and how much it holds.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What is known of it.
    pub head: Head,
    /// How many records.
    pub records: u64,
    /// The time of its earliest record.
    pub first: Option<Timestamp>,
    /// The time of its latest record.
    pub last: Option<Timestamp>,
}

impl Source {
    /// A series.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn series_get(&self, ctx: &Ctx, name: &Name) -> Result<Summary> {
        let head = self.head(&ctx.tenant, name).await?;
        self.events.read(ctx, name);
        self.summary(ctx, head).await
    }

    /// Series by name, behind the place `after`.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn series_page(&self, ctx: &Ctx, after: Option<String>, limit: usize) -> Result<Page<Summary>> {
        let page = self.heads.page(&ctx.tenant, after, limit).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for heads in page.items.chunks(16) {
            items.extend(try_join_all(heads.iter().map(|head| self.summary(ctx, head.clone()))).await?);
        }
        Ok(Page { items, next: page.next })
    }

    async fn summary(&self, ctx: &Ctx, head: Head) -> Result<Summary> {
        let shelf = self.shelf(&ctx.tenant, &head.name);
        let first = shelf.record_at_end(None).await?.map(|record| record.at);
        let last = shelf.record_at_end(Some(Timestamp::MAX)).await?.map(|record| record.at);
        Ok(Summary { records: self.count(&shelf).await?, head, first, last })
    }

    /// How many records a series has: those of all its days, corrected for the days that have a dirty
    /// minute. The sum of the days changes in the transaction that changes a day, so it is read again
    /// afterwards to know that nothing was counted twice.
    async fn count(&self, shelf: &Shelf) -> Result<u64> {
        for tried in 0..TRIES_MAX {
            let (total, version) = shelf.total().await?;
            let records = total + uncounted(shelf).await?;
            if shelf.total().await?.1 == version {
                return Ok(u64::try_from(records).unwrap_or(0));
            }
            self.deps.clock.sleep(WAIT_FIRST * 2_u32.pow(tried)).await;
        }
        Err(Error::unavailable("the number of records changed too often"))
    }
}

/// How many more records the days with a dirty minute have than their partials say.
async fn uncounted(shelf: &Shelf) -> Result<i64> {
    let marks = shelf.dirty(instant::FIRST_US, i64::MAX).await?;
    let days: BTreeSet<i64> = marks.iter().map(|mark| Level::Day.floor(mark.minute)).collect();
    let mut more = 0;
    for day in days {
        let computed = shelf.partial_records(Level::Day, day).await?;
        let day = window::read(shelf, &[day, day + Level::Day.us()], Wanted::COUNTS).await?;
        let there: u64 = day.buckets.iter().map(|bucket| bucket.partial.records).sum();
        more += there.cast_signed() - computed.cast_signed();
    }
    Ok(more)
}
