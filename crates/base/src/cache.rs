//! The contract of the cache: a guess.
//!
//! Emptied this instant, answers would be slower, not different. An entry carries a *stamp* that
//! its writer chooses (newer values have larger stamps); an older value never replaces a newer
//! one, and `remove` leaves a short marker so that a slow reader cannot put an old value back.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// An unambiguous key: each part is preceded by its length, so (`a`,`b_c`) is not (`a_b`,`c`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey(String);

impl CacheKey {
    /// A key of parts, the tenant first.
    pub fn new(parts: &[&str]) -> Self {
        Self(parts.iter().map(|part| format!("{}:{part}", part.len())).collect())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// The value.
    pub value: Bytes,
    /// The stamp it was put with.
    pub stamp: u64,
}

/// How long a removal is remembered.
pub const MARKER_TTL: Duration = Duration::from_secs(10);

/// Keeps guesses. It never fails: what it cannot do, it does not remember.
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    /// The value, unless expired, removed or forgotten.
    async fn get(&self, key: &CacheKey) -> Option<Cached>;

    /// Remembers for at most `ttl`, unless it knows a value or a removal with a larger stamp.
    async fn put(&self, key: &CacheKey, value: Bytes, stamp: u64, ttl: Duration);

    /// Forgets, and for [`MARKER_TTL`] refuses values with a stamp up to this one.
    async fn remove(&self, key: &CacheKey, stamp: u64);

    /// Whether it works now; a cache that does not makes reads slower, nothing else.
    async fn ready(&self) -> crate::Result<()>;
}
