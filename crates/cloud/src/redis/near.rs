//! What this copy knows of the cache without asking: for two seconds, and what is newer stays.
//!
//! A reader may come back from Redis with a value that was removed or replaced here while it was on
//! its way. So a removal is remembered, too, and nothing gives way to what is older. Entries leave in order of last
//! use: an admission policy could turn a fresh removal away.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use base::cache::{CacheKey, Cached};
use bytes::Bytes;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;

/// How long it is believed.
const TTL: Duration = Duration::from_secs(2);
/// How much is held.
const BYTES_MAX: u64 = 8 << 20;
/// What an entry costs beside its key and its value, about.
const ENTRY_BYTES: usize = 128;

/// The near tier.
#[derive(Clone, Debug)]
pub(super) struct Near {
    known: moka::future::Cache<CacheKey, Known>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone, Debug)]
struct Known {
    stamp: u64,
    /// `None`: it was removed.
    value: Option<Bytes>,
    until: Duration,
}

impl Known {
    fn outweighs(&self, stamp: u64, now: Duration) -> bool {
        now < self.until && (self.stamp > stamp || self.stamp == stamp && self.value.is_none())
    }
}

impl Near {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let weigh = |key: &CacheKey, known: &Known| {
            let bytes = ENTRY_BYTES + key.as_str().len() + known.value.as_ref().map_or(0, Bytes::len);
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let known = moka::future::Cache::builder()
            .max_capacity(BYTES_MAX)
            .weigher(weigh)
            .time_to_live(TTL)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { known, clock }
    }

    /// The value, if one is known.
    pub(super) async fn get(&self, key: &CacheKey) -> Option<Cached> {
        let known = self.known.get(key).await?;
        let value = known.value.filter(|_| self.clock.monotonic() < known.until)?;
        Some(Cached { value, stamp: known.stamp })
    }

    /// Learns a value that lives for `ttl` yet, unless what is known outweighs it; the value that is
    /// known then.
    pub(super) async fn learn(&self, key: &CacheKey, cached: Cached, ttl: Duration) -> Option<Cached> {
        let now = self.clock.monotonic();
        let new = Known { stamp: cached.stamp, value: Some(cached.value), until: now.saturating_add(ttl.min(TTL)) };
        let known = self.known.entry_by_ref(key).and_upsert_with(|old| {
            let old = old.map(moka::Entry::into_value);
            ready(old.filter(|old| old.outweighs(new.stamp, now)).unwrap_or(new))
        });
        let Known { stamp, value, .. } = known.await.into_value();
        value.map(|value| Cached { value, stamp })
    }

    /// Forgets a value that is not newer than this.
    pub(super) async fn forget(&self, key: &CacheKey, stamp: u64) {
        let now = self.clock.monotonic();
        let forgotten = self.known.entry_by_ref(key).and_compute_with(|old| {
            ready(match old {
                Some(old) if !old.value().outweighs(stamp, now) => Op::Remove,
                _ => Op::Nop,
            })
        });
        forgotten.await;
    }

    /// Forgets whatever is known, and remembers that values with a stamp up to this one, or that of an
    /// earlier removal, were removed.
    pub(super) async fn remove(&self, key: &CacheKey, stamp: u64) {
        let until = self.clock.monotonic().saturating_add(TTL);
        let removed = self.known.entry_by_ref(key).and_upsert_with(|old| {
            let before = old.map(moka::Entry::into_value).filter(|old| old.value.is_none()).map_or(0, |old| old.stamp);
            ready(Known { stamp: stamp.max(before), value: None, until })
        });
        removed.await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use base::cache::{CacheKey, Cached};
    use base::clock::SystemClock;
    use bytes::Bytes;

    use super::Near;

    const MINUTE: Duration = Duration::from_secs(60);

    fn cached(value: &'static str, stamp: u64) -> Cached {
        Cached { value: Bytes::from(value), stamp }
    }

    #[tokio::test]
    async fn who_comes_back_late_does_not_undo_a_removal() {
        let (near, key) = (Near::new(Arc::new(SystemClock::new())), CacheKey::new(&["acme", "a"]));
        assert_eq!(near.learn(&key, cached("old", 1), MINUTE).await, Some(cached("old", 1)));
        near.remove(&key, 2).await;
        assert_eq!(near.get(&key).await, None);
        for stamp in [1, 2] {
            assert_eq!(near.learn(&key, cached("old", stamp), MINUTE).await, None, "{stamp}");
            assert_eq!(near.get(&key).await, None, "{stamp}");
        }
        near.remove(&key, 1).await;
        assert_eq!(near.learn(&key, cached("old", 2), MINUTE).await, None, "the later removal is remembered");
        near.forget(&key, 2).await;
        assert_eq!(near.learn(&key, cached("old", 2), MINUTE).await, None, "and is not forgotten as a value is");
        assert_eq!(near.learn(&key, cached("new", 3), MINUTE).await, Some(cached("new", 3)));
    }

    #[tokio::test]
    async fn who_comes_back_late_does_not_undo_a_put() {
        let (near, key) = (Near::new(Arc::new(SystemClock::new())), CacheKey::new(&["acme", "a"]));
        near.learn(&key, cached("new", 2), MINUTE).await;
        assert_eq!(near.learn(&key, cached("old", 1), MINUTE).await, Some(cached("new", 2)));
        assert_eq!(near.learn(&key, cached("same", 2), MINUTE).await, Some(cached("same", 2)));
        near.forget(&key, 1).await;
        assert_eq!(near.get(&key).await, Some(cached("same", 2)), "it is newer");
        near.forget(&key, 2).await;
        assert_eq!(near.get(&key).await, None);
    }

    #[tokio::test]
    async fn a_removal_is_remembered_although_all_else_is_asked_for_more() {
        let (near, gone) = (Near::new(Arc::new(SystemClock::new())), CacheKey::new(&["acme", "gone"]));
        let large = Bytes::from(vec![0; 64 << 10]);
        for n in 0..200 {
            let key = CacheKey::new(&["acme", &n.to_string()]);
            near.learn(&key, Cached { value: large.clone(), stamp: 1 }, MINUTE).await;
            for _ in 0..5 {
                near.get(&key).await;
            }
        }
        near.known.run_pending_tasks().await;
        near.remove(&gone, 2).await;
        near.known.run_pending_tasks().await;
        assert_eq!(near.learn(&gone, cached("old", 1), MINUTE).await, None);
    }

    #[tokio::test]
    async fn nothing_outlives_its_time() {
        let (near, key) = (Near::new(Arc::new(SystemClock::new())), CacheKey::new(&["acme", "a"]));
        near.learn(&key, cached("short", 9), Duration::ZERO).await;
        assert_eq!(near.get(&key).await, None);
        assert_eq!(
            near.learn(&key, cached("old", 1), MINUTE).await,
            Some(cached("old", 1)),
            "what is over weighs nothing"
        );
    }
}
