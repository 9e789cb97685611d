//! How often a source is called, and how many calls run at once.
//!
//! Calls of one source are spaced evenly: a rate of 75 a minute is one every 0.8 s, never 75 at
//! once and then a pause. A place in the row is taken when a call asks, so calls that wait keep
//! their order. This is the memory of one process: copies each keep the rate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The paces of all sources, by a name that tells them apart.
#[derive(Debug)]
pub struct Paces {
    clock: Arc<dyn Clock>,
    sources: Mutex<HashMap<String, Pace>>,
}

#[derive(Debug)]
struct Pace {
    slots: Arc<Semaphore>,
    concurrency: u32,
    next: Duration,
}

/// A call that may start. Dropped, it lets another one start.
#[derive(Debug)]
pub struct Slot(#[expect(dead_code, reason = "held, not read: it is given back when dropped")] OwnedSemaphorePermit);

/// More sources than this are forgotten, longest idle first.
const SOURCES_MAX: usize = 10_000;

impl Paces {
    /// Nobody has called yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, sources: Mutex::default() }
    }

    /// Waits until `source` may be called once more.
    pub async fn slot(&self, source: &str, concurrency: u32, rate: Option<u32>) -> Option<Slot> {
        let permit = self.slots(source, concurrency).acquire_owned().await.ok()?;
        if let Some(rate) = rate {
            let wait = self.reserve(source, Duration::from_secs(60) / rate.max(1));
            if !wait.is_zero() {
                self.clock.sleep(wait).await;
            }
        }
        Some(Slot(permit))
    }

    fn slots(&self, source: &str, concurrency: u32) -> Arc<Semaphore> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= SOURCES_MAX {
            let now = self.clock.monotonic();
            sources.retain(|_, pace| pace.next > now || Arc::strong_count(&pace.slots) > 1);
        }
        let fresh =
            || Pace { slots: Arc::new(Semaphore::new(concurrency as usize)), concurrency, next: Duration::ZERO };
        let pace = sources.entry(source.to_owned()).or_insert_with(fresh);
        if pace.concurrency != concurrency {
            pace.slots = Arc::new(Semaphore::new(concurrency as usize));
            pace.concurrency = concurrency;
        }
        pace.slots.clone()
    }

    /// Takes the next place in the row and says how long it is until then.
    fn reserve(&self, source: &str, spacing: Duration) -> Duration {
        let now = self.clock.monotonic();
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pace) = sources.get_mut(source) else { return Duration::ZERO };
        let at = pace.next.max(now);
        pace.next = at + spacing;
        at - now
    }
}

#[cfg(test)]
mod tests {
    use base::clock::ManualClock;
    use jiff::Timestamp;

    use super::*;

    #[tokio::test]
    async fn calls_of_one_source_are_spaced_evenly() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let paces = Arc::new(Paces::new(Arc::new(clock.clone())));
        let started = Arc::new(Mutex::new(Vec::new()));
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let (paces, clock, started) = (paces.clone(), clock.clone(), started.clone());
                tokio::spawn(async move {
                    let slot = paces.slot("source", 16, Some(75)).await;
                    started.lock().unwrap().push(clock.monotonic().as_millis());
                    slot
                })
            })
            .collect();
        while started.lock().unwrap().len() < 4 {
            tokio::task::yield_now().await;
            clock.advance(Duration::from_millis(100));
        }
        assert_eq!(calls.len(), 4);
        let started = started.lock().unwrap().clone();
        let gaps: Vec<_> = started.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap >= 700) && started[3] >= 2_400, "{started:?}");
    }

    #[tokio::test]
    async fn no_more_calls_at_once_than_the_source_allows() {
        let paces = Paces::new(Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH)));
        let slots = (paces.slot("a", 2, None).await, paces.slot("a", 2, None).await);
        let third = paces.slot("a", 2, None);
        tokio::pin!(third);
        assert!(futures::poll!(third.as_mut()).is_pending());
        assert!(futures::poll!(std::pin::pin!(paces.slot("b", 2, None))).is_ready());
        drop(slots.0);
        assert!(third.await.is_some());
    }
}
