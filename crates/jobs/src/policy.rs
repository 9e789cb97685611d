//! How failures are retried.

use std::time::Duration;

use base::Error;
use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

/// How the delay grows from attempt to attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Doubles.
    #[default]
    Exponential,
    /// Grows by the initial delay.
    Linear,
    /// Stays the same.
    Fixed,
}

/// How failed work is tried again: with full jitter, so that what failed together does not come
/// back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// After so many failed attempts it is a dead letter; 1 to 20.
    pub max_attempts: u32,
    /// How the delay grows.
    pub backoff: Backoff,
    /// The delay after the first failure, before jitter, in seconds; 0 to 86,400.
    pub initial_delay_s: u32,
    /// The largest delay, in seconds; at most 86,400.
    pub max_delay_s: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { max_attempts: 5, backoff: Backoff::Exponential, initial_delay_s: 2, max_delay_s: 3_600 }
    }
}

impl Policy {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// `Invalid`, naming the field and its range.
    pub fn check(self) -> Result<Self, Error> {
        let within = |field: &str, value: u32, least: u32, most: u32| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(Error::invalid(field, format!("{field} must be between {least} and {most}")))
            }
        };
        within("max_attempts", self.max_attempts, 1, 20)?;
        within("initial_delay_s", self.initial_delay_s, 0, 86_400)?;
        within("max_delay_s", self.max_delay_s, 0, 86_400)?;
        Ok(self)
    }

    /// How long to wait after the `attempt`-th failure (from 1): uniform between 0 and the cap of
    /// that attempt, which is "full jitter".
    pub fn delay(&self, attempt: u32, dice: &mut impl Rng) -> Duration {
        self.cap(attempt).mul_f64(dice.random_range(0.0..=1.0))
    }

    fn cap(&self, attempt: u32) -> Duration {
        let initial = u64::from(self.initial_delay_s);
        let seconds = match self.backoff {
            Backoff::Exponential => initial.saturating_mul(1 << attempt.saturating_sub(1).min(32)),
            Backoff::Linear => initial.saturating_mul(u64::from(attempt)),
            Backoff::Fixed => initial,
        };
        Duration::from_secs(seconds.min(u64::from(self.max_delay_s)))
    }
}
