//! When the machine gave nobody a turn: what is judged by the clock is judged without that.
//!
//! A task looks at the clock every ten milliseconds. When it comes much later it was not its turn, and so it
//! was nobody's: copies, emulator and callers share the processors with it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(10);
/// Later than this is a gap.
const LATE: Duration = Duration::from_millis(50);
/// For so long after a gap a store may be taken for silent: its silence, and the pause that follows.
const FELT: Duration = Duration::from_millis(800);

/// Gaps, from when to when.
#[derive(Clone, Debug, Default)]
pub struct Gaps(Vec<(Instant, Instant)>);

/// Looks for them until it is dropped.
#[derive(Debug)]
pub struct Watch(Arc<Mutex<Gaps>>, tokio::task::JoinHandle<()>);

impl Gaps {
    /// Looks from now on.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn watch() -> Watch {
        let found: Arc<Mutex<Self>> = Arc::default();
        let by = found.clone();
        let watching = tokio::spawn(async move {
            loop {
                let before = Instant::now();
                tokio::time::sleep(EVERY).await;
                let now = Instant::now();
                if now - before > EVERY + LATE {
                    by.lock().expect("nobody panics with it").0.push((before + EVERY, now));
                }
            }
        });
        Watch(found, watching)
    }

    /// How much of this time nobody had a turn.
    pub fn within(&self, from: Instant, to: Instant) -> Duration {
        let overlap =
            |(begun, ended): &(Instant, Instant)| (*ended.min(&to)).saturating_duration_since(*begun.max(&from));
        self.0.iter().map(overlap).sum()
    }

    /// Whether there was a gap in this time, or shortly before it.
    pub fn lately(&self, from: Instant, to: Instant) -> bool {
        self.0.iter().any(|(begun, ended)| *begun <= to && *ended + FELT >= from)
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl Watch {
    /// Those that were found so far.
    ///
    /// # Panics
    /// When the task that looks has panicked.
    pub fn found(&self) -> Gaps {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.1.abort();
    }
}
