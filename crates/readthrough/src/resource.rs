//! What a service says of a resource.

use std::time::Duration;

use async_trait::async_trait;
use base::{Error, Result, Scope};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What an answer is about: parts such as an address and a chain, together at most 900 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject(Vec<String>);

impl Subject {
    /// A subject of parts.
    pub fn new<T: Into<String>>(parts: impl IntoIterator<Item = T>) -> Self {
        Self(parts.into_iter().map(Into::into).collect())
    }

    /// The parts.
    pub fn parts(&self) -> &[String] {
        &self.0
    }
}

/// The longest text that is kept, in bytes: with its keys it fits in an item of the store.
pub const TEXT_BYTES_MAX: usize = 390_000;

/// Who computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Producer {
    /// This process, while the caller waits.
    Inline,
    /// A job.
    Queued,
}

/// How a resource is kept.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name, such as `tokens.chart`, and the kind of its jobs; never changed.
    pub name: &'static str,
    /// Who computes it.
    pub producer: Producer,
    /// Which scope lets callers see its jobs.
    pub scope: Scope,
    /// How long the cache keeps an answer.
    pub cached: Duration,
    /// How old an answer may be; `None` = any age.
    pub staleness: Option<Duration>,
    /// For how long past that it is given out while it is computed anew.
    pub while_refreshed: Duration,
    /// For how long past that it is given out while nobody can compute it.
    pub if_failing: Duration,
    /// How long it is believed that there is no such thing.
    pub absence: Duration,
    /// How long computing it may take, inline.
    pub within: Duration,
}

impl Spec {
    /// How long the store keeps an answer; `None` = until another takes its place.
    pub(crate) fn kept(&self) -> Option<Duration> {
        self.staleness.map(|staleness| staleness + self.while_refreshed.max(self.if_failing))
    }
}

/// Computes answers.
#[async_trait]
pub trait Resource: Send + Sync + 'static {
    /// How it is kept; always the same.
    fn spec(&self) -> &Spec;

    /// The answer as of `at`, one JSON text of at most [`TEXT_BYTES_MAX`]; `None` = there is no such thing.
    ///
    /// # Errors
    /// `Upstream` when who is asked does not answer, or nonsense; whatever else keeps it from being
    /// computed. A job tries again what is retryable.
    async fn produce(&self, subject: &Subject, at: Timestamp) -> Result<Option<String>>;
}

/// What a resource says, if it can be kept.
pub(crate) async fn produced(resource: &dyn Resource, subject: &Subject, at: Timestamp) -> Result<Option<String>> {
    let text = resource.produce(subject, at).await?;
    let bytes = text.as_ref().map_or(0, String::len);
    if bytes > TEXT_BYTES_MAX {
        return Err(Error::internal(format!("an answer of {} has {bytes} bytes", resource.spec().name)));
    }
    Ok(text)
}
