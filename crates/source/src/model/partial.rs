//! What is known of all records of a stretch of time.

use std::collections::BTreeMap;

use super::Figures;
use super::reading::Reading;

/// How much of figures is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// All but how values are spread, which is most of what is stored: there are no quantiles.
    Brief,
    /// All of them.
    Whole,
}

/// Figures of the records of a stretch of time. Nothing is said of a reading that none has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partial {
    /// How many records.
    pub records: u64,
    /// What is known of each reading, by its path.
    pub readings: BTreeMap<String, Figures>,
}

impl Partial {
    /// Adds a record that is later than all before it.
    pub fn add(&mut self, readings: Vec<Reading>) {
        self.records += 1;
        for (path, value) in readings {
            match self.readings.get_mut(&path) {
                Some(figures) => figures.add(value),
                None => drop(self.readings.insert(path, Figures::of(value))),
            }
        }
    }

    /// Adds the records of a stretch that follows this one.
    pub fn merge(&mut self, later: Self) {
        self.records += later.records;
        for (path, figures) in later.readings {
            match self.readings.get_mut(&path) {
                Some(before) => before.merge(&figures),
                None => drop(self.readings.insert(path, figures)),
            }
        }
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }
}
