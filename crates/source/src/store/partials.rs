//! Figures of minutes, hours and days, as items.
//!
//! A partial of few readings is one item; one of very many is several chunks, of which the first
//! says how many there are. What an earlier, longer form left behind those is not looked at.

use std::collections::BTreeMap;

use base::store::{Body, Item, Key, StoreError, Write};
use base::{Error, Result, StoreExt as _, key};
use serde::{Deserialize, Serialize};

use super::ranges::Ranges;
use super::{PARTIALS, Shelf};
use crate::model::{Figures, Level, Partial};

/// A chunk is one item; this leaves room for its keys.
const CHUNK_BYTES_MAX: usize = 300 << 10;

/// The stored form of a chunk.
#[derive(Serialize, Deserialize)]
struct ChunkRow {
    v: u32,
    /// How many chunks there are.
    chunks: u64,
    /// How many records; only the first chunk counts them.
    records: u64,
    readings: BTreeMap<String, Figures>,
}

impl Shelf {
    fn partial_key(&self, level: Level, from: i64, chunk: usize) -> Key {
        Key::new(PARTIALS, self.level_partition(level), key![from, chunk as u64])
    }

    /// Writes a partial; of one without records only that there is none.
    ///
    /// # Errors
    /// `Internal` when it has no text form.
    pub fn partial(&self, level: Level, from: i64, partial: &Partial) -> Result<Vec<Write>> {
        if partial.is_empty() {
            return Ok(vec![Write::delete(self.partial_key(level, from, 0))]);
        }
        let chunks = chunked(partial)?;
        let count = chunks.len() as u64;
        let write = |(n, readings): (usize, BTreeMap<String, Figures>)| {
            let records = if n == 0 { partial.records } else { 0 };
            let row = ChunkRow { v: 1, chunks: count, records, readings };
            let body = Body::data(serde_json::to_string(&row).map_err(Error::internal)?);
            Ok(Write::put(self.partial_key(level, from, n), body))
        };
        chunks.into_iter().enumerate().map(write).collect()
    }

    /// How many records the partial that begins at `from` counts.
    ///
    /// # Errors
    /// What the store fails with; `Internal` when it cannot be read.
    pub async fn partial_records(&self, level: Level, from: i64) -> Result<u64> {
        let item = self.store.get(self.partial_key(level, from, 0)).await?;
        item.map_or(Ok(0), |item| row_of(&item).map(|row| row.records))
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
    pub fn partials_in(&self, level: Level, stretches: impl IntoIterator<Item = (i64, i64)>) -> Partials {
        let ranges = stretches.into_iter().map(|(from, to)| (key![from], key![to])).collect();
        let ranges = Ranges::new(self.store.clone(), PARTIALS, self.level_partition(level), ranges);
        Partials { ranges, chunks: 0 }
    }
}

/// A read of partials.
pub struct Partials {
    ranges: Ranges,
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
            let row = row_of(&item)?;
            self.chunks = row.chunks;
            return Ok(Some((from, Partial { records: row.records, readings: row.readings })));
        }
        Ok(None)
    }
}

fn row_of(item: &Item) -> Result<ChunkRow> {
    let row: ChunkRow = serde_json::from_str(item.data()).map_err(Error::internal)?;
    if row.v != 1 {
        return Err(Error::internal(format!("a partial has the unknown version {}", row.v)));
    }
    Ok(row)
}

/// The readings of a partial, in groups that are each short enough to be one item.
fn chunked(partial: &Partial) -> Result<Vec<BTreeMap<String, Figures>>> {
    let mut chunks = vec![BTreeMap::new()];
    let mut bytes = 0;
    for (path, figures) in &partial.readings {
        // Every character may need an escape of six; figures are written to know their length only
        // where there are enough readings for it to matter.
        let length = match partial.readings.len() {
            0..16 => 0,
            _ => 6 * path.len() + serde_json::to_string(figures).map_err(Error::internal)?.len() + 4,
        };
        if bytes + length > CHUNK_BYTES_MAX {
            chunks.push(BTreeMap::new());
            bytes = 0;
        }
        bytes += length;
        if let Some(chunk) = chunks.last_mut() {
            chunk.insert(path.clone(), figures.clone());
        }
    }
    Ok(chunks)
}
