//! The records themselves.

use std::collections::VecDeque;

use base::{Ctx, Page, Result};
use jiff::Timestamp;

use super::Source;
use crate::model::{Name, Record};
use crate::store::Shelf;

/// How many records a long read takes at once.
const LONG_PAGE: usize = 500;

/// Records of a stretch of time, one after the other, in constant memory.
pub struct Reading {
    shelf: Shelf,
    stretch: (Timestamp, Timestamp),
    /// Where to go on; `None` behind the end.
    after: Option<Option<String>>,
    buffer: VecDeque<Record>,
}

impl Reading {
    /// The next record.
    ///
    /// # Errors
    /// What the store fails with; the reading is over then.
    pub async fn next(&mut self) -> Result<Option<Record>> {
        while self.buffer.is_empty() {
            let Some(after) = self.after.take() else { return Ok(None) };
            let page = self.shelf.records(self.stretch, after, LONG_PAGE).await?;
            self.buffer.extend(page.items);
            self.after = page.next.map(Some);
        }
        Ok(self.buffer.pop_front())
    }
}

impl Source {
    /// A page of the records of a stretch of time, behind the place `after`.
    ///
    /// # Errors
    /// `NotFound` when there is no such series.
    pub async fn record_page(
        &self,
        ctx: &Ctx,
        series: &Name,
        stretch: (Timestamp, Timestamp),
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Record>> {
        self.head(&ctx.tenant, series).await?;
        self.events.read(ctx, series);
        self.shelf(&ctx.tenant, series).records(stretch, after, limit).await
    }

    /// All records of a stretch of time.
    ///
    /// # Errors
    /// `NotFound` when there is no such series.
    pub async fn record_scan(&self, ctx: &Ctx, series: &Name, stretch: (Timestamp, Timestamp)) -> Result<Reading> {
        self.head(&ctx.tenant, series).await?;
        self.events.read(ctx, series);
        let shelf = self.shelf(&ctx.tenant, series);
        Ok(Reading { shelf, stretch, after: Some(None), buffer: VecDeque::new() })
    }
}
