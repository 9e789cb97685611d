//! A cache of bounded size.
//!
//! What a key is known by is either a value or the marker of a removal, and both obey one rule:
//! a smaller stamp gives way to a larger one. The least recently used entries go first when there
//! is no room; losing a marker that way can bring an old value back for its time to live, which a
//! guess may do.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::cache::{CacheKey, Cached, MARKER_TTL};
use crate::clock::lock;
use crate::{Cache, Clock};

/// Guesses in memory, at most a number of bytes of them.
#[derive(Debug)]
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    bytes_max: usize,
    entries: Mutex<Entries>,
}

impl MemoryCache {
    /// An empty cache that holds at most `bytes_max` of keys and values.
    pub fn new(clock: Arc<dyn Clock>, bytes_max: usize) -> Self {
        Self { clock, bytes_max, entries: Mutex::default() }
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, key: &CacheKey) -> Option<Cached> {
        let now = self.clock.monotonic();
        let mut entries = lock(&self.entries);
        let entry = entries.take(key, now)?;
        let cached = entry.value.clone().map(|value| Cached { value, stamp: entry.stamp });
        entries.insert(key.clone(), entry);
        cached
    }

    async fn put(&self, key: &CacheKey, value: Bytes, stamp: u64, ttl: Duration) {
        let now = self.clock.monotonic();
        let mut entries = lock(&self.entries);
        let kept = entries.take(key, now).filter(|known| known.outranks(stamp));
        let entry = kept.unwrap_or_else(|| Entry { value: Some(value), stamp, until: now.saturating_add(ttl) });
        entries.insert(key.clone(), entry);
        entries.shrink_to(self.bytes_max);
    }

    async fn remove(&self, key: &CacheKey, stamp: u64) {
        let now = self.clock.monotonic();
        let mut entries = lock(&self.entries);
        let earlier = entries.take(key, now).filter(|known| known.value.is_none());
        let stamp = earlier.map_or(stamp, |marker| marker.stamp.max(stamp));
        entries.insert(key.clone(), Entry { value: None, stamp, until: now.saturating_add(MARKER_TTL) });
        entries.shrink_to(self.bytes_max);
    }

    async fn ready(&self) -> crate::Result<()> {
        Ok(())
    }
}

/// A value, or the marker of a removal.
#[derive(Debug)]
struct Entry {
    value: Option<Bytes>,
    stamp: u64,
    until: Duration,
}

impl Entry {
    /// A value gives way to its equal, a marker does not.
    fn outranks(&self, stamp: u64) -> bool {
        if self.value.is_some() { self.stamp > stamp } else { self.stamp >= stamp }
    }
}

#[derive(Debug, Default)]
struct Entries {
    /// Each entry with the number of its last use.
    by_key: HashMap<CacheKey, (u64, Entry)>,
    by_use: BTreeMap<u64, CacheKey>,
    uses: u64,
    bytes: usize,
}

impl Entries {
    fn take(&mut self, key: &CacheKey, now: Duration) -> Option<Entry> {
        let (used, entry) = self.by_key.remove(key)?;
        self.by_use.remove(&used);
        self.bytes -= bytes(key, &entry);
        (now < entry.until).then_some(entry)
    }

    /// Inserts what is not there: `take` comes first.
    fn insert(&mut self, key: CacheKey, entry: Entry) {
        self.uses += 1;
        self.bytes += bytes(&key, &entry);
        self.by_use.insert(self.uses, key.clone());
        self.by_key.insert(key, (self.uses, entry));
    }

    fn shrink_to(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let Some((_, key)) = self.by_use.pop_first() else { return };
            if let Some((_, entry)) = self.by_key.remove(&key) {
                self.bytes -= bytes(&key, &entry);
            }
        }
    }
}

fn bytes(key: &CacheKey, entry: &Entry) -> usize {
    key.as_str().len() + entry.value.as_ref().map_or(0, Bytes::len)
}
