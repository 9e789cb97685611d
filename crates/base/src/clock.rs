//! Time, as something a test can own.
//!
//! Two readings, never mixed: *wall* time is what we store and show; *monotonic* time is what a
//! lease holder judges its own lease by, since the wall clock may jump. This is the only file of
//! the project that reads either.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Where the time comes from.
pub trait Clock: Send + Sync + Debug + 'static {
    /// The wall time, to the microsecond (the store keeps no finer).
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;
    /// Completes after `duration` of this clock.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic reading starts at zero now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        truncated(Timestamp::now())
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that moves only when it is told to. Clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock(std::sync::Arc<Manual>);

#[derive(Debug)]
struct Manual {
    start: Mutex<Timestamp>,
    elapsed: Mutex<Duration>,
    moved: tokio::sync::Notify,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn at(start: Timestamp) -> Self {
        let start = Mutex::new(truncated(start));
        Self(std::sync::Arc::new(Manual { start, elapsed: Mutex::default(), moved: tokio::sync::Notify::new() }))
    }

    /// Moves wall and monotonic time on together and wakes who sleeps.
    pub fn advance(&self, by: Duration) {
        *lock(&self.0.elapsed) += by;
        self.0.moved.notify_waiters();
    }

    /// Sets the wall clock on, as somebody who sets it does, or a machine that slept.
    pub fn set_on(&self, by: Duration) {
        let mut start = lock(&self.0.start);
        *start = add(*start, by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let (start, elapsed) = (*lock(&self.0.start), *lock(&self.0.elapsed));
        add(start, elapsed)
    }

    fn monotonic(&self) -> Duration {
        *lock(&self.0.elapsed)
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let until = self.monotonic() + duration;
        Box::pin(async move {
            loop {
                let moved = self.0.moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if self.monotonic() >= until {
                    return;
                }
                moved.await;
            }
        })
    }
}

/// `at` plus `by`, held at the last representable instant instead of overflowing.
pub fn add(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

fn truncated(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// Locks a mutex whose holders cannot leave it half changed, so that poison says nothing.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
