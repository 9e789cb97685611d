//! Guesses in memory, bounded in bytes.
//!
//! What a key is known by is a value or the marker of a removal; how stamps decide between them
//! is [`base::memory::MemoryCache`]'s to explain, and the same here. What differs is that many
//! threads can use it at once. Entries leave in order of last use: an admission policy, which is
//! what moka would do by itself, could turn a fresh marker away and let an old value back in.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base::cache::{CacheKey, Cached, MARKER_TTL};
use base::{Cache, Clock};
use bytes::Bytes;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;

/// What an entry costs beside its key and its value, about.
const ENTRY_BYTES: usize = 128;

/// The cache of a single process.
#[derive(Debug)]
pub struct EmbeddedCache {
    clock: Arc<dyn Clock>,
    entries: moka::future::Cache<CacheKey, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// `None` marks a removal.
    value: Option<Bytes>,
    stamp: u64,
    until: Duration,
}

impl EmbeddedCache {
    /// An empty cache that holds at most about `bytes_max`.
    pub fn new(clock: Arc<dyn Clock>, bytes_max: u64) -> Self {
        let entries = moka::future::Cache::builder()
            .max_capacity(bytes_max)
            .weigher(|key: &CacheKey, entry: &Entry| {
                let value = entry.value.as_ref().map_or(0, Bytes::len);
                u32::try_from(ENTRY_BYTES + key.as_str().len() + value).unwrap_or(u32::MAX)
            })
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { clock, entries }
    }
}

impl Entry {
    /// Whether it stays when something with `stamp` is put: a value gives way to its equal, a
    /// marker does not.
    fn outranks(&self, stamp: u64) -> bool {
        if self.value.is_some() { self.stamp > stamp } else { self.stamp >= stamp }
    }
}

#[async_trait]
impl Cache for EmbeddedCache {
    async fn get(&self, key: &CacheKey) -> Option<Cached> {
        let entry = self.entries.get(key).await.filter(|entry| self.clock.monotonic() < entry.until)?;
        entry.value.map(|value| Cached { value, stamp: entry.stamp })
    }

    async fn put(&self, key: &CacheKey, value: Bytes, stamp: u64, ttl: Duration) {
        let now = self.clock.monotonic();
        let entry = Entry { value: Some(value), stamp, until: now.saturating_add(ttl) };
        let decide = |known: Option<moka::Entry<_, Entry>>| {
            let known = known.map(moka::Entry::into_value).filter(|known| now < known.until);
            let stays = known.is_some_and(|known| known.outranks(stamp));
            std::future::ready(if stays { Op::Nop } else { Op::Put(entry) })
        };
        self.entries.entry_by_ref(key).and_compute_with(decide).await;
    }

    async fn remove(&self, key: &CacheKey, stamp: u64) {
        let now = self.clock.monotonic();
        let decide = |known: Option<moka::Entry<_, Entry>>| {
            let known = known.map(moka::Entry::into_value);
            let earlier = known.filter(|known| now < known.until && known.value.is_none());
            let stamp = earlier.map_or(stamp, |marker| marker.stamp.max(stamp));
            std::future::ready(Op::Put(Entry { value: None, stamp, until: now.saturating_add(MARKER_TTL) }))
        };
        self.entries.entry_by_ref(key).and_compute_with(decide).await;
    }

    async fn ready(&self) -> base::Result<()> {
        Ok(())
    }
}
