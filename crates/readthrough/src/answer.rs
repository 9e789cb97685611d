//! What is kept of a subject.

use base::kept::{Origin, Trouble};
use base::{Freshness, JobId, Kept};
use bytes::Bytes;
use jiff::Timestamp;

use crate::Spec;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What it says; `None` = there is no such thing.
    pub(crate) text: Option<Bytes>,
    /// Of the text.
    pub(crate) tag: [u8; 16],
    /// As of when.
    pub(crate) at: Timestamp,
    /// Larger than that of the answer it took the place of.
    pub(crate) stamp: u64,
}

impl Answer {
    /// An answer as of `at`, in the place of another.
    pub(crate) fn new(text: Option<String>, at: Timestamp, before: Option<&Self>) -> Self {
        let by_clock = u64::try_from(at.as_microsecond()).unwrap_or(0);
        Self::stored(text, at, by_clock).after(before)
    }

    /// The same in the place of another: clocks of two copies differ, and it is the newer one.
    pub(crate) fn after(mut self, before: Option<&Self>) -> Self {
        self.stamp = before.map_or(self.stamp, |before| self.stamp.max(before.stamp + 1));
        self
    }

    pub(crate) fn stored(text: Option<String>, at: Timestamp, stamp: u64) -> Self {
        let text = text.map(Bytes::from);
        let mut tag = [0; 16];
        tag.copy_from_slice(&blake3::hash(text.as_deref().unwrap_or_default()).as_bytes()[..16]);
        Self { text, tag, at, stamp }
    }

    /// How old it is, and may be.
    pub(crate) fn freshness(&self, spec: &Spec) -> Freshness {
        let staleness = if self.text.is_some() { spec.staleness } else { Some(spec.absence) };
        Freshness { computed_at: Some(self.at), staleness }
    }

    /// Whether it may be given out although nobody can compute it now.
    pub(crate) fn will_do(&self, spec: &Spec, now: Timestamp) -> bool {
        self.text.is_some() && self.freshness(spec).stale_for(now) <= spec.if_failing
    }

    /// As it is given out at an instant; `None` = there is no such thing.
    pub(crate) fn kept(&self, spec: &Spec, origin: Origin, told_at: Timestamp) -> Option<Kept> {
        let hex = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]));
        Some(Kept {
            text: self.text.clone()?,
            tag: self.tag.iter().flat_map(hex).collect(),
            freshness: self.freshness(spec),
            told_at,
            while_refreshed: spec.while_refreshed,
            if_failing: spec.if_failing,
            origin,
            refresh: None,
            trouble: None,
        })
    }
}

/// What is added to an answer that is stale.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Remark {
    pub(crate) refresh: Option<JobId>,
    pub(crate) trouble: Option<Trouble>,
}
