//! Windows the plain way: every record, two passes, no partials.

use source::model::reading::readings;
use source::model::{Figures, Record};

/// A deviation that is less than this part of the values themselves drowns in their last bits.
const SWAMPED: f64 = 1e-5;

/// What is expected of one reading in one bucket.
#[derive(Debug)]
pub(crate) struct Expected {
    values: Vec<f64>,
}

impl Expected {
    /// The values of `reading` in the records from `from` to `to`, in their order.
    pub(crate) fn of(records: &[Record], reading: &str, from: i64, to: i64) -> Self {
        let inside = records.iter().filter(|record| (from..to).contains(&record.at.as_microsecond()));
        let value = |record: &Record| {
            let found = readings(&record.data).unwrap();
            found.into_iter().find(|(path, _)| path == reading).map(|(_, value)| value)
        };
        Self { values: inside.filter_map(value).collect() }
    }

    /// Judges all figures.
    pub(crate) fn check(&self, figures: Option<&Figures>) -> Result<(), String> {
        self.check_brief(figures)?;
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        for q in [0.0, 0.5, 0.9, 0.99, 1.0] {
            let Some(figures) = figures else { continue };
            let (found, value) = (figures.quantile(q).unwrap(), sorted[(q * (n - 1) as f64) as usize]);
            if (found - value).abs() > 0.010_001 * value.abs() {
                return Err(format!("quantile {q}: {found}, expected {value}"));
            }
        }
        Ok(())
    }

    /// Judges those that need no sketch.
    pub(crate) fn check_brief(&self, figures: Option<&Figures>) -> Result<(), String> {
        let Some(figures) = figures else {
            return if self.values.is_empty() { Ok(()) } else { Err(format!("nothing, expected {self:?}")) };
        };
        let n = self.values.len();
        if figures.n != n as u64 || n == 0 {
            return Err(format!("{} values, expected {n}", figures.n));
        }
        let mean = exact_sum(self.values.iter().copied()) / n as f64;
        let m2 = exact_sum(self.values.iter().map(|value| (value - mean) * (value - mean)));
        let size = self.values.iter().fold(0_f64, |size, value| size.max(value.abs()));
        near("mean", figures.mean, mean, size)?;
        let deviation =
            |what: &str, found: f64, expected: f64| near(what, found, expected, expected.max(size * SWAMPED));
        deviation("stddev_pop", figures.stddev_pop(), (m2 / n as f64).sqrt())?;
        if let Some(sample) = figures.stddev_sample() {
            deviation("stddev_sample", sample, (m2 / (n - 1) as f64).sqrt())?;
        }
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let exact = (figures.min, figures.max, figures.first, figures.last);
        let expected = (sorted[0], sorted[n - 1], self.values[0], self.values[n - 1]);
        if exact != expected {
            return Err(format!("min, max, first, last {exact:?}, expected {expected:?}"));
        }
        Ok(())
    }
}

fn near(what: &str, found: f64, expected: f64, size: f64) -> Result<(), String> {
    if (found - expected).abs() <= 1e-9 * size { Ok(()) } else { Err(format!("{what} {found}, expected {expected}")) }
}

/// A sum whose rounding errors are carried along (Neumaier).
fn exact_sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0_f64, 0_f64);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    sum + lost
}
