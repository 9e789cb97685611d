//! Engines that are broken on purpose, each in a way that people have broken one.
//!
//! What an engine is to the world is what it writes. So a broken one is ours behind a store that turns
//! its writes into those of an engine with the mistake; the engine itself has no switch.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::Store;
use base::intercept::{Intercept, Intercepted};
use base::store::{Action, Field, StoreError, Table, Version, When, Write};
use uuid::Uuid;

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
    /// Whoever sees a tick fires it.
    NoUniqueTick,
}

impl Sabotage {
    const ALL: [(&str, Self); 6] = [
        ("no-fence", Self::NoFence),
        ("no-sweep", Self::NoSweep),
        ("early-acknowledgement", Self::EarlyAcknowledgement),
        ("counting-notices", Self::CountingNotices),
        ("lost-cursor", Self::LostCursor),
        ("no-unique-tick", Self::NoUniqueTick),
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
        Arc::new(Intercepted::new(inner, self))
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
            Self::NoFence | Self::NoSweep | Self::NoUniqueTick => true,
        }
    }
}

#[async_trait]
impl Intercept for Sabotage {
    async fn write(&self, inner: &Arc<dyn Store>, mut writes: Vec<Write>) -> Result<Version, StoreError> {
        if *self == Self::NoFence {
            let is_fence = |when: &When| matches!(when, When::Is(field, _) if field == "lease");
            writes.iter_mut().filter(|write| is_fence(&write.when)).for_each(|write| write.when = When::Always);
        }
        if *self == Self::NoUniqueTick
            && let Some(id) = writes.iter().find_map(made_job)
        {
            return match inner.write(writes.clone()).await {
                Err(StoreError::Failed(_)) => inner.write(of_another_job(writes, id)).await,
                answer => answer,
            };
        }
        let (early, late): (Vec<_>, Vec<_>) = writes.into_iter().partition(|write| self.is_early(write));
        if early.is_empty() || late.is_empty() {
            return inner.write(if early.is_empty() { late } else { early }).await;
        }
        inner.write(early).await?;
        tokio::time::sleep(PAUSE).await;
        inner.write(late).await
    }
}

/// The job that this write makes.
fn made_job(write: &Write) -> Option<Uuid> {
    let is_made = write.key.sort == "head" && write.when == When::Absent;
    write.key.partition.rsplit('\u{1}').next().filter(|_| is_made)?.parse().ok()
}

/// The same writes, of a job with another id.
fn of_another_job(mut writes: Vec<Write>, id: Uuid) -> Vec<Write> {
    let (old, new) = (id.to_string(), Uuid::from_u128(id.as_u128() + 1).to_string());
    let renamed = |text: &mut String| *text = text.replace(&old, &new);
    for write in &mut writes {
        renamed(&mut write.key.partition);
        renamed(&mut write.key.sort);
        let Action::Put(body) = &mut write.action else { continue };
        body.data.iter_mut().for_each(renamed);
        body.fields.values_mut().for_each(|field| {
            if let Field::Str(text) = field {
                renamed(text);
            }
        });
    }
    writes
}
