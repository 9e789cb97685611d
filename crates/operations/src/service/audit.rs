//! What is remembered of who changed what.

use async_trait::async_trait;
use base::{Ctx, Result};
use serde_json::{Map, Value};

/// Something that somebody does and that their tenant's administrators will want to know of.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// What is done: the thing, a dot, a verb of the past.
    pub action: &'static str,
    /// To what.
    pub subject: String,
    /// What else there is to know; never a payload, which may hold what a tenant keeps to itself.
    pub details: Map<String, Value>,
}

impl Act {
    pub(super) fn new(action: &'static str, subject: impl Into<String>) -> Self {
        Self { action, subject: subject.into(), details: Map::new() }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// Where acts are remembered; owned here, kept by whoever keeps the tenant's audit.
#[async_trait]
pub trait Audit: Send + Sync + 'static {
    /// Remembers an act before it is done: an act that is remembered may have failed, one that
    /// was done is always remembered.
    ///
    /// # Errors
    /// When it cannot be remembered; it is then not done.
    async fn record(&self, ctx: &Ctx, act: Act) -> Result<()>;
}
