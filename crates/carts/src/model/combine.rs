//! What becomes of two carts, item by item.

use std::cmp::Ordering;
use std::str::FromStr;

use base::Error;
use serde::{Deserialize, Serialize};

/// What the items of a cart become with those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Those of either.
    Union,
    /// Those of both.
    Intersect,
    /// Those of the first that are not of the second.
    Subtract,
}

impl Op {
    /// Every operation, by its name.
    const NAMES: [(&'static str, Self); 3] =
        [("union", Self::Union), ("intersect", Self::Intersect), ("subtract", Self::Subtract)];

    /// Whether an item stays that is first seen in the first cart, in both, or in the second, as the
    /// order of the two next ids tells.
    pub fn keeps(self, order: Ordering) -> bool {
        match order {
            Ordering::Less => self != Self::Intersect,
            Ordering::Equal => self != Self::Subtract,
            Ordering::Greater => self == Self::Union,
        }
    }
}

impl FromStr for Op {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Self::NAMES.into_iter().find(|(name, _)| *name == text);
        known.map(|(_, op)| op).ok_or_else(|| Error::invalid("op", "Allowed: union, intersect, subtract"))
    }
}
