//! Figures of minutes, hours and days, as items.
//!
//! A partial of few readings is one item; one of very many is several chunks, of which the first
//! says how many there are. What an earlier, longer form left behind those is not looked at.

use std::collections::BTreeSet;

use base::store::{Item, Key, StoreError, Write};
use base::{Error, Result, StoreExt as _, key};

use super::ranges::Ranges;
use super::{PARTIALS, Shelf, chunks};
use crate::model::{Detail, Level, Partial};

impl Shelf {
    fn partial_key(&self, level: Level, from: i64, chunk: usize) -> Key {
        Key::new(PARTIALS, self.level_partition(level), key![from, chunk as u64])
    }

    /// Writes a partial; of one without records only that there is none.
    ///
    /// # Errors
    /// `Internal` when it has no text form, or was not read whole.
    pub fn partial(&self, level: Level, from: i64, partial: &Partial) -> Result<Vec<Write>> {
        if partial.is_empty() {
            return Ok(vec![Write::delete(self.partial_key(level, from, 0))]);
        }
        let chunks = chunks::encoded(partial)?.into_iter().enumerate();
        Ok(chunks.map(|(n, body)| Write::put(self.partial_key(level, from, n), body)).collect())
    }

    /// How many records the partial that begins at `from` counts.
    ///
    /// # Errors
    /// What the store fails with; `Internal` when it cannot be read.
    pub async fn partial_records(&self, level: Level, from: i64) -> Result<u64> {
        let item = self.store.get(self.partial_key(level, from, 0)).await?;
        item.as_ref().map_or(Ok(0), records_of)
    }

    /// How many records the partials of these days count, together.
    ///
    /// # Errors
    /// As [`partial_records`](Self::partial_records).
    pub async fn days_records(&self, days: &BTreeSet<i64>) -> Result<u64> {
        let keys: Vec<Key> = days.iter().map(|day| self.partial_key(Level::Day, *day, 0)).collect();
        let items = self.store.get_all(&keys).await?;
        items.iter().flatten().try_fold(0, |sum, item| Ok(sum + records_of(item)?))
    }

    /// Adds to the number of records in all days.
    pub fn total_add(&self, records: i64) -> Write {
        Write::add(self.total_key(), [("n", records)])
    }

    /// The number of records in all days, and the item for telling whether it has changed.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn total(&self) -> Result<(i64, Option<base::store::Version>), StoreError> {
        let item = self.store.get(self.total_key()).await?;
        Ok(item.map_or((0, None), |item| (item.int("n"), item.version)))
    }

    /// Reads the partials of several stretches of time.
    pub fn partials_in(
        &self,
        level: Level,
        stretches: impl IntoIterator<Item = (i64, i64)>,
        detail: Detail,
    ) -> Partials {
        let ranges = stretches.into_iter().map(|(from, to)| (key![from], key![to])).collect();
        let ranges = Ranges::new(self.store.clone(), PARTIALS, self.level_partition(level), ranges);
        Partials { ranges, detail, chunks: 0 }
    }
}

/// A read of partials.
pub struct Partials {
    ranges: Ranges,
    detail: Detail,
    /// How many chunks the partial that is being read has.
    chunks: u64,
}

impl Partials {
    /// The next partial, or the next chunk of one, and where it begins.
    ///
    /// # Errors
    /// What the store fails with; `Internal` when it cannot be read.
    pub async fn next(&mut self) -> Result<Option<(i64, Partial)>> {
        while let Some(item) = self.ranges.next().await? {
            let parts = base::key::split(&item.key.sort);
            let number = |place: usize| parts.get(place).and_then(|part| base::key::decode_i64(part));
            let chunk = parts.get(1).and_then(|part| u64::from_str_radix(part, 16).ok());
            let (Some(from), Some(chunk)) = (number(0), chunk) else {
                return Err(Error::internal("a partial's key cannot be read"));
            };
            if chunk > 0 && chunk >= self.chunks {
                continue;
            }
            let (partial, chunks) = chunks::decoded(&item, self.detail)?;
            self.chunks = chunks;
            return Ok(Some((from, partial)));
        }
        Ok(None)
    }
}

fn records_of(item: &Item) -> Result<u64> {
    chunks::decoded(item, Detail::Brief).map(|(partial, _)| partial.records)
}
