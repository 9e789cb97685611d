//! What a tenant may use, and for how long its traces are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base::limiter::Policy;
use base::{Error, Result};
use jobs::RETENTION_DAYS_MAX;
use serde::{Deserialize, Serialize};

const RATES_MAX: usize = 50;
const ORIGINS_MAX: usize = 100;

/// At most so many in so long: `100/minute`. The text form is what is stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    /// How many: 1 to 1,000,000.
    pub limit: u32,
    /// In how long.
    pub per: Per,
}

/// The windows that a [`Rate`] can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// 1 s.
    Second,
    /// 60 s.
    Minute,
    /// 3,600 s.
    Hour,
    /// 86,400 s.
    Day,
}

impl Per {
    const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// How long it is.
    pub const fn window(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        })
    }
}

impl Rate {
    /// The rate as a policy of the limiter, named after what it limits and its window.
    pub(crate) fn policy(self, of: &str) -> Policy {
        Policy { name: format!("{of}-{}", self.per.as_str()).into(), limit: self.limit, window: self.per.window() }
    }
}

impl FromStr for Rate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = text.split_once('/').and_then(|(limit, per)| {
            let limit = limit.parse().ok().filter(|limit| (1..=1_000_000).contains(limit))?;
            let per = Per::ALL.into_iter().find(|known| known.as_str() == per)?;
            Some(Self { limit, per })
        });
        parsed.ok_or_else(|| {
            let word = "A rate is a number from 1 to 1000000, then /second, /minute, /hour or /day";
            Error::invalid("settings.rate_limits", word)
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, self.per.as_str())
    }
}

impl TryFrom<String> for Rate {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

/// What a tenant may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// By the name of a policy, in place of the rates the server is configured with.
    pub rate_limits: BTreeMap<String, Vec<Rate>>,
    /// How many jobs run at once: 1 to 100.
    pub max_concurrent_jobs: u32,
    /// For how many days finished jobs, their logs and dead letters are kept: 1 to 3,650.
    pub retention_days: u32,
    /// Which web pages may call with the tenant's keys.
    pub cors_origins: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rate_limits: BTreeMap::new(), max_concurrent_jobs: 10, retention_days: 30, cors_origins: Vec::new() }
    }
}

impl Settings {
    /// Refuses settings out of range.
    ///
    /// # Errors
    /// `Invalid`, naming the first field that is wrong.
    pub(crate) fn check(&self) -> Result<()> {
        within("settings.max_concurrent_jobs", self.max_concurrent_jobs, 100)?;
        within("settings.retention_days", self.retention_days, RETENTION_DAYS_MAX)?;
        self.check_rates()?;
        if self.cors_origins.len() > ORIGINS_MAX {
            return Err(Error::invalid("settings.cors_origins", format!("At most {ORIGINS_MAX} origins")));
        }
        self.cors_origins.iter().try_for_each(|origin| check_origin(origin))
    }

    fn check_rates(&self) -> Result<()> {
        let named = |name: &String| {
            let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'-' | b'.');
            (1..=64).contains(&name.len()) && name.bytes().all(plain)
        };
        let fits = self.rate_limits.len() <= RATES_MAX
            && self.rate_limits.iter().all(|(name, rates)| named(name) && rates.len() <= Per::ALL.len());
        if fits {
            Ok(())
        } else {
            let word = format!("At most {RATES_MAX} policies, each named [a-z0-9_.-]{{1,64}}, each of at most 4 rates");
            Err(Error::invalid("settings.rate_limits", word))
        }
    }
}

fn within(field: &str, value: u32, most: u32) -> Result<()> {
    if (1..=most).contains(&value) {
        Ok(())
    } else {
        Err(Error::invalid(field, format!("Must be a number from 1 to {most}")))
    }
}

/// An origin is `scheme://host[:port]` in lower case: what a browser sends, compared as text. A
/// star is refused, since a list that means "all" would be found out by accident.
fn check_origin(origin: &str) -> Result<()> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'-' | b':' | b'[' | b']');
    if host.is_some_and(|host| (1..=255).contains(&host.len()) && host.bytes().all(plain)) {
        Ok(())
    } else {
        Err(Error::invalid("settings.cors_origins", "An origin is http:// or https://, a host and perhaps a port"))
    }
}
