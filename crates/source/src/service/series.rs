//! Which series there are, and how much each holds.

use std::collections::BTreeSet;
use std::time::Duration;

use base::{Ctx, Error, Page, Result};
use futures::future::try_join_all;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::Source;
use super::window::{self, Wanted};
use crate::model::{Level, Name};
use crate::store::Shelf;
use crate::store::heads::Head;

/// How often a sum is read again that the roller changed meanwhile: it changes it once a day of a series,
/// which takes it longer than the sum and its parts are read.
const TRIES_MAX: u32 = 10;
/// How long the first of these waits; each waits twice as long as the one before.
const WAIT_FIRST: Duration = Duration::from_millis(5);
/// So many dirty days of a series are counted at the same time.
const DAYS_AT_ONCE: usize = 16;

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

    /// How many records a series has: of days that have a dirty minute what is there, of the others what
    /// their partials count. All partials together are counted in the transactions that change them; the
    /// part of the dirty days is taken off, and when that sum was changed meanwhile both are read again.
    async fn count(&self, shelf: &Shelf) -> Result<u64> {
        let days = shelf.dirty_days().await?;
        let computed = self.computed_but(shelf, &days).await?;
        let there: Vec<_> = days.into_iter().map(|day| there(shelf, day)).collect();
        let there: Vec<u64> = futures::stream::iter(there).buffer_unordered(DAYS_AT_ONCE).try_collect().await?;
        Ok(computed + there.iter().sum::<u64>())
    }

    /// How many records the partials of all days but these count.
    async fn computed_but(&self, shelf: &Shelf, days: &BTreeSet<i64>) -> Result<u64> {
        for tried in 0..TRIES_MAX {
            let (total, version) = shelf.total().await?;
            let of_these = shelf.days_records(days).await?;
            if shelf.total().await?.1 == version {
                return Ok(u64::try_from(total).unwrap_or(0).saturating_sub(of_these));
            }
            self.deps.clock.sleep(WAIT_FIRST * 2_u32.pow(tried)).await;
        }
        Err(Error::unavailable("the number of records changed too often"))
    }
}

/// How many records there are of a day.
async fn there(shelf: &Shelf, day: i64) -> Result<u64> {
    let window = window::read(shelf, &[day, day + Level::Day.us()], Wanted::COUNTS).await?;
    Ok(window.buckets.iter().map(|bucket| bucket.partial.records).sum())
}
