//! Engines that are broken on purpose, each in a way that people have broken one.
//!
//! What an engine is to the world is what it writes. So a broken one is ours behind a store that turns
//! its writes into those of an engine with the mistake; the engine itself has no switch.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::Store;
use base::store::{Action, Bulk, Item, Key, Query, Range, Slice, StoreError, Table, Version, When, Write};

/// Long enough that a process may die between two writes that should have been one.
const PAUSE: Duration = Duration::from_millis(200);

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Writes do not check the lease.
    NoFence,
    /// Nobody looks for tasks whose rings were lost.
    NoSweep,
    /// A task is gone before what it did is written.
    EarlyAcknowledgement,
    /// Counts are changed for each notice, beside what the notice is about.
    CountingNotices,
    /// The planner's place is saved after what it planned.
    LostCursor,
}

impl Sabotage {
    const ALL: [(&str, Self); 5] = [
        ("no-fence", Self::NoFence),
        ("no-sweep", Self::NoSweep),
        ("early-acknowledgement", Self::EarlyAcknowledgement),
        ("counting-notices", Self::CountingNotices),
        ("lost-cursor", Self::LostCursor),
    ];

    pub(crate) fn named(name: &str) -> Self {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("no such saboteur; there are: {}", Self::names())).1
    }

    pub(crate) fn names() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }

    /// How often such an engine sweeps.
    pub(crate) fn sweep(self, honest: Duration) -> Duration {
        if self == Self::NoSweep { Duration::from_secs(1 << 30) } else { honest }
    }

    /// The store through which such an engine writes.
    pub(crate) fn store(self, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Broken { inner, how: self })
    }

    /// Which writes of a transaction are made before the others, which of them after.
    fn is_early(self, write: &Write) -> bool {
        match self {
            Self::EarlyAcknowledgement => {
                let is_due = write.key.table == Table("due");
                let is_row = write.key.table == Table("tasks") && write.key.sort == "row";
                write.action == Action::Delete && (is_due || is_row)
            }
            Self::CountingNotices => {
                matches!(write.action, Action::Add(_)) && write.key.partition.contains("\u{1}counts\u{1}")
            }
            Self::LostCursor => write.key.sort != "cursor",
            Self::NoFence | Self::NoSweep => true,
        }
    }
}

struct Broken {
    inner: Arc<dyn Store>,
    how: Sabotage,
}

#[async_trait]
impl Store for Broken {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        self.inner.get_many(keys).await
    }

    async fn query(&self, query: Query) -> Result<Slice, StoreError> {
        self.inner.query(query).await
    }

    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
        self.inner.count(table, partition, range).await
    }

    async fn write(&self, mut writes: Vec<Write>) -> Result<Version, StoreError> {
        if self.how == Sabotage::NoFence {
            let is_fence = |when: &When| matches!(when, When::Is(field, _) if field == "lease");
            writes.iter_mut().filter(|write| is_fence(&write.when)).for_each(|write| write.when = When::Always);
        }
        let (early, late): (Vec<_>, Vec<_>) = writes.into_iter().partition(|write| self.how.is_early(write));
        if early.is_empty() || late.is_empty() {
            return self.inner.write(if early.is_empty() { late } else { early }).await;
        }
        self.inner.write(early).await?;
        tokio::time::sleep(PAUSE).await;
        self.inner.write(late).await
    }

    async fn bulk(&self, table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        self.inner.bulk(table, writes).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
}
