//! Minutes, hours and days: the stretches of time whose partials are kept. All are of UTC; the days
//! of a zone are summed from hours, or from minutes where the zone is half an hour off.

use super::step::MINUTE_US;

/// A length of time whose partials are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Computed from records.
    Minute,
    /// Computed from minutes.
    Hour,
    /// Computed from hours.
    Day,
}

impl Level {
    /// From the smallest to the largest.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// How long it is, in microseconds.
    pub const fn us(self) -> i64 {
        match self {
            Self::Minute => MINUTE_US,
            Self::Hour => 60 * MINUTE_US,
            Self::Day => 24 * 60 * MINUTE_US,
        }
    }

    /// Its name in keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The beginning of the one that `us` lies in.
    pub const fn floor(self, us: i64) -> i64 {
        us - us.rem_euclid(self.us())
    }
}
