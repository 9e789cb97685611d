//! A partial as data: in one chunk, or, if it has very many readings, in several.

use std::collections::BTreeMap;

use base::store::{Body, Item};
use base::{Error, Result};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::model::sketch::Sketch;
use crate::model::{Detail, Figures, Partial};

/// The first version had sketches as lists; they are read still.
const VERSION: u32 = 2;
/// A chunk is one item; this leaves room for its keys.
const CHUNK_BYTES_MAX: usize = 300 << 10;

/// The stored form of a chunk.
#[derive(Serialize, Deserialize)]
struct ChunkRow<S> {
    v: u32,
    /// How many chunks there are.
    chunks: u64,
    /// How many records; only the first chunk counts them.
    records: u64,
    readings: BTreeMap<String, FiguresRow<S>>,
}

/// The stored form of figures.
#[derive(Serialize, Deserialize)]
struct FiguresRow<S> {
    n: u64,
    mean: Exact,
    m2: Exact,
    min: Exact,
    max: Exact,
    first: Exact,
    last: Exact,
    sketch: S,
}

/// A float that is read as exactly the one that was written: the parser of serde_json may be off
/// by the last bit.
#[derive(Serialize)]
#[serde(transparent)]
struct Exact(f64);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        raw.get().parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// The chunks of a partial.
///
/// # Errors
/// `Internal` when it has no text form, or was not read whole.
pub(super) fn encoded(partial: &Partial) -> Result<Vec<Body>> {
    let groups = grouped(partial)?;
    let chunks = groups.len() as u64;
    let body = |(n, readings)| {
        let records = if n == 0 { partial.records } else { 0 };
        let row = ChunkRow { v: VERSION, chunks, records, readings };
        Ok(Body::data(serde_json::to_string(&row).map_err(Error::internal)?))
    };
    groups.into_iter().enumerate().map(body).collect()
}

/// The readings of a partial, in groups that are each short enough to be one item.
fn grouped(partial: &Partial) -> Result<Vec<BTreeMap<String, FiguresRow<&Sketch>>>> {
    let mut groups = vec![BTreeMap::new()];
    let mut bytes = 0;
    for (path, figures) in &partial.readings {
        let row = row_of(figures)?;
        // Every character may need an escape of six; figures are written to know their length only
        // where there are enough readings for it to matter.
        let length = match partial.readings.len() {
            0..16 => 0,
            _ => 6 * path.len() + serde_json::to_string(&row).map_err(Error::internal)?.len() + 4,
        };
        if bytes + length > CHUNK_BYTES_MAX {
            groups.push(BTreeMap::new());
            bytes = 0;
        }
        bytes += length;
        if let Some(group) = groups.last_mut() {
            group.insert(path.clone(), row);
        }
    }
    Ok(groups)
}

fn row_of(figures: &Figures) -> Result<FiguresRow<&Sketch>> {
    let Figures { n, mean, m2, min, max, first, last, sketch } = figures;
    let sketch = sketch.as_ref().ok_or_else(|| Error::internal("figures that were not read whole"))?;
    let [mean, m2, min, max, first, last] = [mean, m2, min, max, first, last].map(|value| Exact(*value));
    Ok(FiguresRow { n: *n, mean, m2, min, max, first, last, sketch })
}

/// What a chunk holds, and how many chunks there are.
///
/// # Errors
/// `Internal` when it cannot be read.
pub(super) fn decoded(item: &Item, detail: Detail) -> Result<(Partial, u64)> {
    match detail {
        Detail::Whole => read(item, Some),
        Detail::Brief => read(item, |_: IgnoredAny| None),
    }
}

fn read<S: DeserializeOwned>(item: &Item, sketch: fn(S) -> Option<Sketch>) -> Result<(Partial, u64)> {
    let row: ChunkRow<S> = serde_json::from_str(item.data()).map_err(Error::internal)?;
    if !(1..=VERSION).contains(&row.v) {
        return Err(Error::internal(format!("a partial has the unknown version {}", row.v)));
    }
    let readings = row.readings.into_iter().map(|(path, row)| {
        let FiguresRow { n, mean, m2, min, max, first, last, sketch: stored } = row;
        let [mean, m2, min, max, first, last] = [mean, m2, min, max, first, last].map(|value| value.0);
        (path, Figures { n, mean, m2, min, max, first, last, sketch: sketch(stored) })
    });
    Ok((Partial { records: row.records, readings: readings.collect() }, row.chunks))
}
