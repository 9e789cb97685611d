//! One figure: what it is, what it should be, and the values behind it.

use serde_json::{Value, json};

/// What a figure should be.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

/// One figure.
pub(super) struct Figure {
    /// Its name for programs.
    pub(super) name: &'static str,
    /// What it is, for people.
    pub(super) what: String,
    pub(super) value: f64,
    /// What it is counted in; `x` for a ratio.
    pub(super) unit: &'static str,
    pub(super) bound: Bound,
    /// The values behind it, for people.
    pub(super) from: String,
}

impl Figure {
    /// Whether it is what it should be. What is no number is not.
    pub(super) fn held(&self) -> bool {
        match self.bound {
            Bound::AtMost(bound) => self.value <= bound,
            Bound::AtLeast(bound) => self.value >= bound,
        }
    }

    /// As cells of a table: what, measured, bound, held, from.
    pub(super) fn cells(&self) -> [String; 5] {
        let amount = |value: f64| {
            let digits = if value.abs() < 10.0 { 2 } else { 0 };
            format!("{value:.digits$} {}", self.unit)
        };
        let bound = match self.bound {
            Bound::AtMost(bound) => format!("≤ {bound} {}", self.unit),
            Bound::AtLeast(bound) => format!("≥ {bound} {}", self.unit),
        };
        let held = if self.held() { "yes" } else { "NO" };
        [self.what.clone(), amount(self.value), bound, held.to_owned(), self.from.clone()]
    }

    pub(super) fn json(&self) -> Value {
        let mut figure = json!({ "name": self.name, "value": self.value, "unit": self.unit });
        match self.bound {
            Bound::AtMost(bound) => figure["at_most"] = bound.into(),
            Bound::AtLeast(bound) => figure["at_least"] = bound.into(),
        }
        figure["held"] = self.held().into();
        figure["from"] = self.from.as_str().into();
        figure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_up_to_and_with_themselves() {
        let held = |value, bound| {
            Figure { name: "n", what: String::new(), value, unit: "x", bound, from: String::new() }.held()
        };
        assert!(held(1.2, Bound::AtMost(1.2)) && !held(1.21, Bound::AtMost(1.2)));
        assert!(held(0.3, Bound::AtLeast(0.3)) && !held(0.29, Bound::AtLeast(0.3)));
        assert!(!held(f64::NAN, Bound::AtMost(1.0)) && !held(f64::NAN, Bound::AtLeast(1.0)));
    }
}
