//! What is known of many values of one reading, in the order of their time.

use super::sketch::Sketch;

/// Figures of at least one value.
///
/// Values are added one by one (Welford 1962), and what follows in time is merged (Chan, Golub,
/// LeVeque 1979): both keep the mean and the sum of squared deviations from it, so that no
/// difference of two large sums is ever taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// How many values.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// The sum of their squared deviations from the mean.
    pub m2: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The one of the earliest record.
    pub first: f64,
    /// The one of the latest record.
    pub last: f64,
    /// How they are spread; `None` when nobody asked.
    pub sketch: Option<Sketch>,
}

impl Figures {
    /// Those of one value.
    pub fn of(value: f64) -> Self {
        let mut sketch = Sketch::default();
        sketch.add(value);
        Self { n: 1, mean: value, m2: 0.0, min: value, max: value, first: value, last: value, sketch: Some(sketch) }
    }

    /// Adds a value that is later than all before it.
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.m2 += before * (value - self.mean);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.last = value;
        self.sketch.iter_mut().for_each(|sketch| sketch.add(value));
    }

    /// Adds values that are later than all before them.
    pub fn merge(&mut self, later: &Self) {
        let (one, two) = (self.n as f64, later.n as f64);
        let apart = later.mean - self.mean;
        self.mean += apart * (two / (one + two));
        self.m2 += later.m2 + apart * apart * (one * two / (one + two));
        self.n += later.n;
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.last = later.last;
        match (&mut self.sketch, &later.sketch) {
            (Some(sketch), Some(later)) => sketch.merge(later),
            _ => self.sketch = None,
        }
    }

    /// The sum of the values.
    pub fn sum(&self) -> f64 {
        self.mean * self.n as f64
    }

    /// The deviation of a whole population.
    pub fn stddev_pop(&self) -> f64 {
        (self.m2 / self.n as f64).sqrt()
    }

    /// The deviation estimated from a sample; of one value there is none.
    pub fn stddev_sample(&self) -> Option<f64> {
        (self.n > 1).then(|| (self.m2 / (self.n - 1) as f64).sqrt())
    }

    /// A quantile, to one percent of its value, and never outside of what was there; `None` when it is
    /// not known how the values are spread.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.sketch.as_ref()?.quantile(q).map(|value| value.clamp(self.min, self.max))
    }
}
