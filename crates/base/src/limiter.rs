//! The contract of the rate limiter.
//!
//! All policies of a check are decided before any is charged, and in no sliding window is more
//! ever admitted than the policy says.

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;

/// At most `limit` in any sliding `window`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name in the `RateLimit` headers.
    pub name: Cow<'static, str>,
    /// How many.
    pub limit: u32,
    /// In how long.
    pub window: Duration,
}

impl Policy {
    /// A policy with a name known at compile time.
    pub const fn new(name: &'static str, limit: u32, window: Duration) -> Self {
        Self { name: Cow::Borrowed(name), limit, window }
    }
}

/// Where one policy stands after a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How much is left in the window.
    pub remaining: u32,
    /// How long until some of it is given back; zero when nothing is used.
    pub reset: Duration,
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How long to wait before this cost can be admitted; `None` when it was.
    pub retry_after: Option<Duration>,
    /// One standing for each policy, in their order.
    pub standings: Vec<Standing>,
}

impl Decision {
    /// Whether the cost was admitted and charged.
    pub fn allowed(&self) -> bool {
        self.retry_after.is_none()
    }
}

/// Admits or refuses.
#[async_trait]
pub trait Limiter: Send + Sync + 'static {
    /// Admits `cost` for `key` under every policy, or charges none. With `cost` 0 it only looks.
    async fn check(&self, key: &str, policies: &[Policy], cost: u32) -> Decision;
}
