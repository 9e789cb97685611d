//! What can be set: once at start ([`Config`]), and at any time ([`Behaviour`]).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::fault::Fault;

/// A latency or a pause is at most this long.
const PAUSE_MS_MAX: u64 = 600_000;
/// A rate is at most this many calls a minute; more is as good as none.
const CALLS_PER_MIN_MAX: u32 = 1_000_000;

/// What is fixed when the sandbox starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How the stand-ins behave at first, and again after a reset.
    pub behaviour: Behaviour,
    /// Append every journal line to this file, too, before its answer is sent.
    pub journal: Option<PathBuf>,
    /// How many journal lines are kept in memory, at least 1; older ones only stay in the file.
    pub journal_lines_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { behaviour: Behaviour::default(), journal: None, journal_lines_max: 20_000 }
    }
}

/// How the stand-ins behave. Can be changed while they run; whatever is left out has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// All content and every fault is drawn from it.
    pub seed: u64,
    /// How long an answer takes at least, 0 to 600,000 ms.
    pub latency_ms: u64,
    /// How much longer it may take, drawn for each answer, 0 to 600,000 ms.
    pub jitter_ms: u64,
    /// At most this many calls in any 60 s, 1 to 1,000,000; without it any number.
    pub calls_per_min: Option<u32>,
    /// How likely each fault is, 0 to 1, together at most 1.
    pub faults: BTreeMap<Fault, f64>,
    /// What `Retry-After` says on the fault `status_429`, in seconds.
    pub retry_after_s: u64,
    /// How long the body of the fault `slow` takes, 0 to 600,000 ms.
    pub slow_body_ms: u64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            seed: 0,
            latency_ms: 0,
            jitter_ms: 0,
            calls_per_min: None,
            faults: BTreeMap::new(),
            retry_after_s: 1,
            slow_body_ms: 2_000,
        }
    }
}

impl Config {
    /// Refuses settings out of range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.journal_lines_max == 0 {
            return Err(invalid("journal_lines_max", "must be at least 1"));
        }
        self.behaviour.check()
    }
}

impl Behaviour {
    /// Refuses settings out of range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let pauses =
            [("latency_ms", self.latency_ms), ("jitter_ms", self.jitter_ms), ("slow_body_ms", self.slow_body_ms)];
        for (setting, value) in pauses {
            if value > PAUSE_MS_MAX {
                return Err(invalid(setting, "must be 0 to 600000"));
            }
        }
        if self.calls_per_min.is_some_and(|calls| calls == 0 || calls > CALLS_PER_MIN_MAX) {
            return Err(invalid("calls_per_min", "must be 1 to 1000000, or absent for any number"));
        }
        for (fault, likely) in &self.faults {
            if !(0.0..=1.0).contains(likely) {
                return Err(invalid(format!("faults.{fault}"), "must be 0 to 1"));
            }
        }
        // Ten faults of 0.1 add up to a little more than 1 in binary fractions.
        if self.faults.values().sum::<f64>() > 1.0 + 1e-9 {
            return Err(invalid("faults", "must add up to at most 1"));
        }
        Ok(())
    }
}

fn invalid(setting: impl Into<String>, message: &str) -> Error {
    Error::Invalid { setting: setting.into(), message: message.to_owned() }
}
