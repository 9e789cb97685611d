//! The promises that every store and every cache makes.

use std::sync::Arc;

use base::clock::ManualClock;
use base::conformance::{Fixture, START};
use base::{Cache, Store};
use embedded::EmbeddedCache;

use crate::open_by;

mod store {
    async fn sqlite() -> super::Fixture<dyn super::Store> {
        let directory = tempfile::tempdir().unwrap();
        let clock = super::ManualClock::at(super::START);
        let store: super::Arc<dyn super::Store> = super::open_by(&directory.path().join("freight.db"), &clock);
        super::Fixture::manual(store, clock).keeping(directory)
    }

    base::store_conformance!(sqlite);
}

mod cache {
    async fn moka() -> super::Fixture<dyn super::Cache> {
        let clock = super::ManualClock::at(super::START);
        let cache = super::EmbeddedCache::new(super::Arc::new(clock.clone()), 1 << 20);
        let cache: super::Arc<dyn super::Cache> = super::Arc::new(cache);
        super::Fixture::manual(cache, clock)
    }

    base::cache_conformance!(moka);
}
