//! What is known of many values of one reading, in the order of their time.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::sketch::Sketch;

/// Figures of at least one value.
///
/// Values are added one by one (Welford 1962), and what follows in time is merged (Chan, Golub,
/// LeVeque 1979): both keep the mean and the sum of squared deviations from it, so that no
/// difference of two large sums is ever taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// How many values.
    pub n: u64,
    /// Their mean.
    pub mean: Exact,
    /// The sum of their squared deviations from the mean.
    pub m2: Exact,
    /// The smallest.
    pub min: Exact,
    /// The largest.
    pub max: Exact,
    /// The one of the earliest record.
    pub first: Exact,
    /// The one of the latest record.
    pub last: Exact,
    /// How they are spread.
    pub sketch: Sketch,
}

/// A float that is read as exactly the one that was written: the parser of serde_json may be off
/// by the last bit.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Exact(pub f64);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        raw.get().parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl Figures {
    /// Those of one value.
    pub fn of(value: f64) -> Self {
        let mut sketch = Sketch::default();
        sketch.add(value);
        let it = Exact(value);
        Self { n: 1, mean: it, m2: Exact(0.0), min: it, max: it, first: it, last: it, sketch }
    }

    /// Adds a value that is later than all before it.
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean.0;
        self.mean.0 += before / self.n as f64;
        self.m2.0 += before * (value - self.mean.0);
        self.min.0 = self.min.0.min(value);
        self.max.0 = self.max.0.max(value);
        self.last.0 = value;
        self.sketch.add(value);
    }

    /// Adds values that are later than all before them.
    pub fn merge(&mut self, later: &Self) {
        let (one, two) = (self.n as f64, later.n as f64);
        let apart = later.mean.0 - self.mean.0;
        self.mean.0 += apart * (two / (one + two));
        self.m2.0 += later.m2.0 + apart * apart * (one * two / (one + two));
        self.n += later.n;
        self.min.0 = self.min.0.min(later.min.0);
        self.max.0 = self.max.0.max(later.max.0);
        self.last = later.last;
        self.sketch.merge(&later.sketch);
    }

    /// The sum of the values.
    pub fn sum(&self) -> f64 {
        self.mean.0 * self.n as f64
    }

    /// The deviation of a whole population.
    pub fn stddev_pop(&self) -> f64 {
        (self.m2.0 / self.n as f64).sqrt()
    }

    /// The deviation estimated from a sample; of one value there is none.
    pub fn stddev_sample(&self) -> Option<f64> {
        (self.n > 1).then(|| (self.m2.0 / (self.n - 1) as f64).sqrt())
    }

    /// A quantile, to one percent of its value, and never outside of what was there.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.sketch.quantile(q).map(|value| value.clamp(self.min.0, self.max.0))
    }
}
