//! An answer that is kept, and what a caller asks of its age.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::{Freshness, JobId};

/// What a caller asks of an answer's age: the `Cache-Control` of a request (RFC 9111, 5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// It may be this old; `None` = as old as it is kept.
    pub age_max: Option<Duration>,
    /// It may be stale for this long; `None` = for as long as its resource allows, or not at all for who
    /// asks for an age.
    pub stale_max: Option<Duration>,
    /// Nothing is to be computed or queued for this caller.
    pub only_kept: bool,
}

impl Demand {
    /// Whether an answer of this age will do.
    pub fn admits(&self, freshness: Freshness, now: Timestamp) -> bool {
        let stale_max = self.stale_max.or(self.age_max.and(Some(Duration::ZERO)));
        self.age_max.is_none_or(|most| freshness.age(now) <= most)
            && stale_max.is_none_or(|most| freshness.stale_for(now) <= most)
    }
}

/// How an answer came to who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was cached.
    Cache,
    /// It was stored.
    Store,
    /// It was computed for this caller.
    Computed,
    /// It was computed for somebody who asked for the same at the same time.
    Joined,
}

/// What was wrong when an answer was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Whoever computes it fails.
    Producer,
    /// The store cannot be asked, or does not take what was computed.
    Store,
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What it says: one JSON text.
    pub text: Bytes,
    /// Another for another text: 32 hex digits.
    pub tag: String,
    /// When it was computed, and how old it may be.
    pub freshness: Freshness,
    /// When it was given out.
    pub told_at: Timestamp,
    /// For how long past that it is given out while it is computed anew.
    pub while_refreshed: Duration,
    /// For how long past that it is given out while nobody can compute it.
    pub if_failing: Duration,
    /// How it came here.
    pub origin: Origin,
    /// The job that computes it anew, if one does.
    pub refresh: Option<JobId>,
    /// What was wrong then, if something was.
    pub trouble: Option<Trouble>,
}
