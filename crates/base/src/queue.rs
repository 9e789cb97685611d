//! The contract of the queue: a doorbell.
//!
//! A [`Ring`] says that a task may be ready, never what it is. Rings may be lost, doubled,
//! reordered or early; the engine's sweep makes up for every one of these. Ring it after the store
//! has committed, never before.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Result, TaskId, TenantId};

/// Names a queue, such as `tasks-normal`: one for each priority.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(pub std::sync::Arc<str>);

impl Topic {
    /// Names a queue.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// "This task may be ready."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Which task.
    pub task: TaskId,
    /// Whose: groups are served in turn.
    pub group: TenantId,
    /// Not before this long from now; at most [`DELAY_MAX`].
    pub delay: Duration,
}

/// A ring as it was heard, and what to say when its claim was decided.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The ring.
    pub ring: Ring,
    /// To be handed to [`Queue::done`].
    pub receipt: Receipt,
}

/// Names one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt(pub String);

/// The longest delay of a ring; longer delays live in the store.
pub const DELAY_MAX: Duration = Duration::from_secs(900);

/// Carries rings. Every promise is "usually"; none of correctness rests on it.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Sends rings. A full queue may drop them.
    ///
    /// # Errors
    /// `Unavailable` when the queue is out of reach; the sweep will find the tasks.
    async fn send(&self, topic: &Topic, rings: Vec<Ring>) -> Result<()>;

    /// Waits up to `wait` for at least one ring and returns at most `max`; groups in turn.
    ///
    /// # Errors
    /// `Unavailable` when the queue is out of reach.
    async fn receive(&self, topic: &Topic, max: usize, wait: Duration) -> Result<Vec<Heard>>;

    /// These rings' claims were decided; they need not ring again.
    ///
    /// # Errors
    /// `Unavailable` when the queue is out of reach; the rings may come again.
    async fn done(&self, topic: &Topic, receipts: Vec<Receipt>) -> Result<()>;

    /// Whether it can serve now.
    ///
    /// # Errors
    /// `Unavailable`, with what the operator needs.
    async fn ready(&self) -> Result<()>;
}
