//! The conformance suites: one public function for each promise of a contract, named after it.
//!
//! A promise is in a contract only if a function here shows it, and every implementation runs all
//! of them, each as a test of its own:
//!
//! ```
//! # use std::sync::Arc;
//! # use base::{Store, clock::ManualClock, conformance::{Fixture, START}, memory::MemoryStore};
//! async fn fixture() -> Fixture<dyn Store> {
//!     let clock = ManualClock::at(START);
//!     Fixture::manual(Arc::new(MemoryStore::new(Arc::new(clock.clone()))), clock)
//! }
//! base::store_conformance!(fixture);
//! # fn main() {}
//! ```
//!
//! Each fixture has a name of its own in all its keys, so that one database can serve many tests
//! at once. A suite asserts only what the contract says: where SQLite answers one way and DynamoDB
//! another and both are right, it takes both.

#![expect(clippy::unwrap_used, reason = "what fails here is a test")]

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::Clock;
use crate::clock::ManualClock;

pub mod cache;
pub mod fault;
pub mod limiter;
pub mod queue;
pub mod store;

/// When the clocks of tests start: 2026-03-01T12:00:00Z.
pub const START: Timestamp = Timestamp::constant(1_772_366_400, 0);

/// An implementation to be tested, its clock, and a name that no other fixture has.
pub struct Fixture<T: ?Sized> {
    subject: Arc<T>,
    clock: Arc<dyn Clock>,
    manual: Option<ManualClock>,
    name: String,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

impl<T: ?Sized> Fixture<T> {
    /// An implementation that lives by a clock which the suite moves.
    pub fn manual(subject: Arc<T>, clock: ManualClock) -> Self {
        Self { manual: Some(clock.clone()), ..Self::real(subject, Arc::new(clock)) }
    }

    /// An implementation whose time is another machine's, so that the suite has to wait.
    pub fn real(subject: Arc<T>, clock: Arc<dyn Clock>) -> Self {
        Self { subject, clock, manual: None, name: Uuid::new_v4().simple().to_string(), kept: Vec::new() }
    }

    /// Keeps something alive as long as the fixture: a temporary directory, a server.
    #[must_use]
    pub fn keeping(mut self, thing: impl Any + Send + Sync) -> Self {
        self.kept.push(Box::new(thing));
        self
    }

    /// Another handle to the implementation, for a task of its own.
    pub fn share(&self) -> Arc<T> {
        Arc::clone(&self.subject)
    }

    /// The implementation's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What begins every key of this fixture.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lets time pass: moves the clock, or waits where it cannot be moved.
    pub async fn advance(&self, by: Duration) {
        match &self.manual {
            Some(clock) => clock.advance(by),
            None => self.clock.sleep(by).await,
        }
    }

    /// Lets time pass, in steps of 50 ms, until the future is done.
    pub async fn until<F: Future>(&self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = self.step() => {}
            }
        }
    }

    async fn step(&self) {
        // Whoever is about to sleep on the clock comes to do so before it moves.
        tokio::task::yield_now().await;
        self.advance(Duration::from_millis(50)).await;
    }
}

impl<T: ?Sized> Deref for Fixture<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.subject
    }
}

/// Makes one test of each promise. `$make` names an `async fn() -> Fixture<dyn …>`.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($suite:ident, $make:path, $($promise:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            $crate::conformance::$suite::$promise(&$make().await).await;
        }
    )+};
}
