//! How values are spread, to one percent: a DDSketch (Masson, Rim, Lee: "DDSketch: A Fast and
//! Fully-Mergeable Quantile Sketch", VLDB 2019).
//!
//! The mapping of values to bins is the library's; the bins are ours, since a minute has a few and
//! the library keeps 128 at least, written out as zeros. Bins are numbered in the order of their
//! values: zero is bin 0, negative values have negative bins. So merging is adding, in any order,
//! and gives exactly the sketch of all values.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use sketches_ddsketch::Config;

/// How far a quantile may be from the value of its rank, as a part of it.
pub const ACCURACY: f64 = 0.01;
/// What is nearer to zero counts as zero: no number that Freight takes is.
const LEAST: f64 = 1e-131;
/// At most so many bins, as in the library; beyond, those nearest to zero are thrown together.
const BINS_MAX: usize = 2_048;

static MAPPING: LazyLock<Config> = LazyLock::new(|| Config::new(ACCURACY, 2_048, LEAST));

/// How many values lie in which bin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<i64>", into = "Vec<i64>")]
pub struct Sketch(BTreeMap<i32, u64>);

impl Sketch {
    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        *self.0.entry(bin(value)).or_default() += 1;
        self.bound();
    }

    /// Adds the values of another.
    pub fn merge(&mut self, other: &Self) {
        for (bin, count) in &other.0 {
            *self.0.entry(*bin).or_default() += count;
        }
        self.bound();
    }

    fn bound(&mut self) {
        while self.0.len() > BINS_MAX {
            let nearest = self.0.keys().copied().filter(|bin| *bin != 0).min_by_key(|bin| bin.unsigned_abs());
            let count = nearest.and_then(|bin| self.0.remove(&bin)).unwrap_or(0);
            *self.0.entry(0).or_default() += count;
        }
    }

    /// The value of the rank `q·(n − 1)`, rounded down; `None` when there are no values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let n: u64 = self.0.values().sum();
        let rank = (q * n.saturating_sub(1) as f64) as u64;
        let mut below = 0;
        for (bin, count) in &self.0 {
            below += count;
            if below > rank {
                return Some(value(*bin));
            }
        }
        None
    }
}

/// The first bin of what is not zero.
fn first() -> i32 {
    MAPPING.key(LEAST)
}

fn bin(value: f64) -> i32 {
    let size = value.abs();
    if size <= LEAST {
        return 0;
    }
    let bin = MAPPING.key(size) - first() + 1;
    if value < 0.0 { -bin } else { bin }
}

fn value(bin: i32) -> f64 {
    match bin {
        0 => 0.0,
        _ => MAPPING.value(bin.abs() + first() - 1).copysign(f64::from(bin)),
    }
}

/// Bins as a flat list: each one's distance from the one before, and its count.
impl From<Sketch> for Vec<i64> {
    fn from(sketch: Sketch) -> Self {
        let mut before = 0;
        let pair = |(bin, count): (i32, u64)| {
            let step = i64::from(bin) - before;
            before = i64::from(bin);
            [step, i64::try_from(count).unwrap_or(i64::MAX)]
        };
        sketch.0.into_iter().flat_map(pair).collect()
    }
}

impl From<Vec<i64>> for Sketch {
    fn from(list: Vec<i64>) -> Self {
        let mut bin = 0;
        let pair = |pair: &[i64]| {
            let [step, count] = pair else { return None };
            bin += step;
            Some((i32::try_from(bin).ok()?, u64::try_from(*count).ok()?))
        };
        Self(list.chunks(2).filter_map(pair).collect())
    }
}

#[cfg(test)]
mod tests {
    use sketches_ddsketch::DDSketch;

    use super::*;

    #[test]
    fn quantiles_are_those_of_the_library() {
        let (mut ours, mut theirs) = (Sketch::default(), DDSketch::default());
        for n in 0..5_000_i32 {
            let value = f64::from((n * 7_919) % 5_000 - 1_000) / 7.0;
            ours.add(value);
            theirs.add(value);
        }
        for q in [0.01, 0.1, 0.2, 0.5, 0.9, 0.99] {
            let (one, two) = (ours.quantile(q).unwrap(), theirs.quantile(q).unwrap().unwrap());
            assert!((one - two).abs() <= two.abs() * 2.0 * ACCURACY, "{q}: {one} {two}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_bins_are_bounded() {
        let mut sketch = Sketch::default();
        for n in -1_300..1_300_i32 {
            sketch.add(f64::from(n.signum()) * 10_f64.powf(f64::from(n.abs()) / 11.0 - 60.0));
        }
        assert!(sketch.0.len() <= BINS_MAX && sketch.0.len() > 1_000);
        assert_eq!(Sketch::from(Vec::from(sketch.clone())), sketch);
        assert!((sketch.quantile(0.999).unwrap() / 10_f64.powf(1_296.0 / 11.0 - 60.0) - 1.0).abs() < 0.02);
    }
}
