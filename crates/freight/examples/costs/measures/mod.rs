//! What requests, tasks and records ask of the backends. Also a test: `tests/it/costs.rs` holds each to its
//! bounds, and every operation of the OpenAPI document to be measured here or exempt there.
//!
//! Everything stands on memory, so that nothing is counted that the measure did not cause: requests are
//! made while no worker runs, work is done while the clock stands still, and what is done only once is
//! done before (keys are looked up, marks are set).
//!
//! 1. [`desk`]: a server, and somebody who asks and measures.
//! 2. [`keys`], [`sign_in`], [`datasets`], [`series`], [`carts`], [`charts`], [`steering`]: requests.
//! 3. [`work`]: what the engine does without being asked.

mod carts;
mod charts;
mod datasets;
mod desk;
mod keys;
mod series;
mod sign_in;
mod steering;
mod work;

use std::time::Duration;

use base::clock::ManualClock;
use testkit::Bill;

/// One measure.
#[derive(Debug)]
pub(crate) struct Measure {
    /// Its name for programs.
    pub(crate) name: &'static str,
    /// What it is one of, for people.
    pub(crate) what: String,
    /// Of which operation of the OpenAPI document; `None` for what no request asks for.
    pub(crate) operation: Option<&'static str>,
    /// What one of it costs.
    bill: Bill,
    /// What it may cost.
    most: Most,
}

/// What something may cost.
#[derive(Clone, Copy, Debug)]
struct Most {
    store: f64,
    read_units: f64,
    write_units: f64,
    queue: f64,
    limiter: f64,
    cache: f64,
}

/// One thing that is counted of a measure.
#[derive(Debug)]
pub(crate) struct Count {
    /// What is counted.
    pub(crate) of: &'static str,
    /// How much was asked.
    pub(crate) asked: f64,
    /// At most so much may be.
    pub(crate) most: f64,
}

impl Measure {
    /// All that is counted of it.
    pub(crate) fn counts(&self) -> [Count; 6] {
        let Self { bill, most, .. } = self;
        [
            Count { of: "store", asked: bill.store(), most: most.store },
            Count { of: "read_units", asked: bill.read_units, most: most.read_units },
            Count { of: "write_units", asked: bill.write_units, most: most.write_units },
            Count { of: "queue", asked: bill.queue, most: most.queue },
            Count { of: "limiter", asked: bill.limiter, most: most.limiter },
            Count { of: "cache", asked: bill.cache, most: most.cache },
        ]
    }
}

impl Most {
    /// So many requests to the store, so many units that they read and write, and nothing else.
    const fn of(store: f64, [read_units, write_units]: [f64; 2]) -> Self {
        Self { store, read_units, write_units, queue: 0.0, limiter: 0.0, cache: 0.0 }
    }

    /// Besides, the request is counted.
    const fn counted(self) -> Self {
        Self { limiter: 1.0, ..self }
    }

    /// Besides, so many requests to the queue.
    const fn ringing(self, queue: f64) -> Self {
        Self { queue, ..self }
    }

    /// Besides, so many requests to the cache.
    const fn cached(self, cache: f64) -> Self {
        Self { cache, ..self }
    }
}

/// Everything that is measured.
pub(crate) async fn all() -> Vec<Measure> {
    let mut measures = keys::measures().await;
    measures.extend(sign_in::measures().await);
    measures.extend(charts::measures().await);
    measures.extend(datasets::measures().await);
    measures.extend(series::measures().await);
    measures.extend(carts::measures().await);
    measures.extend(steering::measures().await);
    measures.extend(work::measures().await);
    measures
}

/// Lets everything run that can.
async fn settle() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

/// Lets the time pass, in steps.
async fn pass(clock: &ManualClock, time: Duration) {
    for _ in 0..time.as_millis() / 250 {
        clock.advance(Duration::from_millis(250));
        settle().await;
    }
}
