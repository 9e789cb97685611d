//! Writes that show a lease: held back after a stop, and counted where they are refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::Store;
use base::intercept::Intercept;
use base::store::{StoreError, Version, When, Write};

/// A pause of the clock that no scheduler makes.
const STOPPED: Duration = Duration::from_secs(1);
/// How long a stale write is held back: time to take some tasks over.
const HELD_BACK: Duration = Duration::from_millis(2_500);

/// Whether leases are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    Kept,
    /// The saboteur.
    None,
}

/// When the process was stopped, and what it was refused after that.
pub(crate) struct Stops {
    /// When it was last seen running, and when it last woke up.
    seen: Mutex<(Instant, Option<Instant>)>,
    refused: AtomicU64,
}

impl Stops {
    pub(crate) fn new() -> Self {
        Self { seen: Mutex::new((Instant::now(), None)), refused: AtomicU64::new(0) }
    }

    /// How many writes that showed a lost lease were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// How long stale writes are to be held back from now on.
    fn look(&self) -> Duration {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap();
        if now - seen.0 > STOPPED {
            seen.1 = Some(now);
        }
        seen.0 = now;
        seen.1.map_or(Duration::ZERO, |woke| (woke + HELD_BACK).saturating_duration_since(now))
    }

    pub(crate) async fn watch(self: Arc<Self>) {
        loop {
            self.look();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Stands before the store of an engine.
pub(crate) struct Late {
    pub(crate) stops: Arc<Stops>,
    pub(crate) fence: Fence,
    pub(crate) is_held_back: bool,
}

fn shows_lease(write: &Write) -> bool {
    matches!(&write.when, When::Is(field, _) if field == "lease")
}

#[async_trait]
impl Intercept for Late {
    async fn write(&self, inner: &Arc<dyn Store>, mut writes: Vec<Write>) -> Result<Version, StoreError> {
        let leases: Vec<usize> = (0..writes.len()).filter(|n| shows_lease(&writes[*n])).collect();
        if leases.is_empty() {
            return inner.write(writes).await;
        }
        let held_back = self.stops.look();
        if self.is_held_back {
            tokio::time::sleep(held_back).await;
        }
        if self.fence == Fence::None {
            leases.iter().for_each(|n| writes[*n].when = When::Always);
        }
        let answer = inner.write(writes).await;
        if matches!(&answer, Err(StoreError::Failed(failed)) if failed.iter().any(|n| leases.contains(n))) {
            self.stops.refused.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}
