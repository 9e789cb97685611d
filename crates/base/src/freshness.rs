//! How old an answer is, and whether that is too old.

use std::time::Duration;

use jiff::Timestamp;

/// Judges the age of a stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// When the answer was computed; `None` = not known, which is never stale.
    pub computed_at: Option<Timestamp>,
    /// How old it may be; `None` = any age.
    pub staleness: Option<Duration>,
}

impl Freshness {
    /// The age at `now`; zero when not known or when the clock went back.
    pub fn age(&self, now: Timestamp) -> Duration {
        self.computed_at.and_then(|at| Duration::try_from(now.duration_since(at)).ok()).unwrap_or(Duration::ZERO)
    }

    /// Whether the answer is older than it may be.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        !self.stale_for(now).is_zero()
    }

    /// For how long the answer has been older than it may be; zero while it is fresh.
    pub fn stale_for(&self, now: Timestamp) -> Duration {
        self.staleness.map_or(Duration::ZERO, |staleness| self.age(now).saturating_sub(staleness))
    }
}
