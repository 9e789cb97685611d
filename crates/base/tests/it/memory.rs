//! The implementations in memory keep every promise of their contracts.

use std::sync::Arc;

use base::clock::ManualClock;
use base::conformance::{Fixture, START};
use base::memory::{MemoryCache, MemoryLimiter, MemoryQueue, MemoryStore};
use base::{Cache, Clock, Limiter, Queue, Store};

fn clocks() -> (ManualClock, Arc<dyn Clock>) {
    let clock = ManualClock::at(START);
    (clock.clone(), Arc::new(clock))
}

mod store {
    use super::*;

    async fn fixture() -> Fixture<dyn Store> {
        let (manual, clock) = clocks();
        Fixture::manual(Arc::new(MemoryStore::new(clock)), manual)
    }

    base::store_conformance!(fixture);
}

mod queue {
    use super::*;

    async fn fixture() -> Fixture<dyn Queue> {
        let (manual, clock) = clocks();
        Fixture::manual(Arc::new(MemoryQueue::new(clock)), manual)
    }

    base::queue_conformance!(fixture);
}

mod cache {
    use super::*;

    async fn fixture() -> Fixture<dyn Cache> {
        let (manual, clock) = clocks();
        Fixture::manual(Arc::new(MemoryCache::new(clock, 1 << 20)), manual)
    }

    base::cache_conformance!(fixture);
}

mod limiter {
    use super::*;

    async fn fixture() -> Fixture<dyn Limiter> {
        let (manual, clock) = clocks();
        Fixture::manual(Arc::new(MemoryLimiter::new(clock)), manual)
    }

    base::limiter_conformance!(fixture);
}
