//! How values are spread, to one percent: a DDSketch (Masson, Rim, Lee: "DDSketch: A Fast and
//! Fully-Mergeable Quantile Sketch", VLDB 2019).
//!
//! The mapping of values to bins is the library's; the bins are ours, since a minute has a few and
//! the library keeps 128 at least, written out as zeros. Bins are numbered in the order of their
//! values: zero is bin 0, negative values have negative bins. So merging is adding, in any order,
//! and gives exactly the sketch of all values.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sketches_ddsketch::Config;

/// How far a quantile may be from the value of its rank, as a part of it.
pub const ACCURACY: f64 = 0.01;
/// What is nearer to zero counts as zero: no number that Freight takes is.
const LEAST: f64 = 1e-131;
/// At most so many bins, as in the library; beyond, those nearest to zero are thrown together.
const BINS_MAX: usize = 2_048;

static MAPPING: LazyLock<Config> = LazyLock::new(|| Config::new(ACCURACY, 2_048, LEAST));

/// How many values lie in which bin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// Bins as numbers with spaces between: each one's distance from the one before, and its count. A text is
/// passed over much faster than a list, by those who want no quantiles.
impl fmt::Display for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut before, mut space) = (0, "");
        for (bin, count) in &self.0 {
            write!(f, "{space}{} {count}", bin - before)?;
            (before, space) = (*bin, " ");
        }
        Ok(())
    }
}

impl Sketch {
    /// Reads the numbers that a sketch is written as.
    fn of_numbers(mut numbers: impl Iterator<Item = Option<i64>>) -> Option<Self> {
        let (mut bins, mut bin) = (BTreeMap::new(), 0_i64);
        while let Some(step) = numbers.next() {
            bin = bin.checked_add(step?)?;
            bins.insert(i32::try_from(bin).ok()?, u64::try_from(numbers.next()??).ok()?);
        }
        Some(Self(bins))
    }
}

impl Serialize for Sketch {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Numbers)
    }
}

/// Reads the text, and the list that the first version wrote.
struct Numbers;

impl<'de> Visitor<'de> for Numbers {
    type Value = Sketch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pairs of numbers")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Sketch, E> {
        let numbers = text.split(' ').filter(|number| !number.is_empty());
        Sketch::of_numbers(numbers.map(|number| number.parse().ok())).ok_or_else(|| E::custom("no pairs of numbers"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Sketch, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = list.next_element()? {
            numbers.push(Some(number));
        }
        Sketch::of_numbers(numbers.into_iter()).ok_or_else(|| A::Error::custom("no pairs of numbers"))
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
        let written = serde_json::to_string(&sketch).unwrap();
        assert_eq!(serde_json::from_str::<Sketch>(&written).unwrap(), sketch);
        assert!((sketch.quantile(0.999).unwrap() / 10_f64.powf(1_296.0 / 11.0 - 60.0) - 1.0).abs() < 0.02);
    }

    #[test]
    fn a_sketch_is_numbers() {
        let mut sketch = Sketch::default();
        for value in [1.0, -1.0, 1.0, 0.0] {
            sketch.add(value);
        }
        let one = bin(1.0);
        let text = format!("\"-{one} 1 {one} 1 {one} 2\"");
        assert_eq!(serde_json::to_string(&sketch).unwrap(), text);
        for written in [text, format!("[-{one},1,{one},1,{one},2]")] {
            assert_eq!(serde_json::from_str::<Sketch>(&written).unwrap(), sketch);
        }
        for wrong in ["\"1\"", "\"1 -1\"", "[1]", "\"x 1\"", "\"3000000000 1\"", "1"] {
            assert!(serde_json::from_str::<Sketch>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(serde_json::from_str::<Sketch>("\"\"").unwrap(), Sketch::default());
    }
}
