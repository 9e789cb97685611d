//! What a server stands on: the four contracts and the clock.
//!
//! The rest of the composition sees only the contracts, so a test stands a whole server on memory
//! and the program stands the same server on a file.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use base::clock::SystemClock;
use base::memory::{MemoryCache, MemoryLimiter, MemoryQueue, MemoryStore};
use base::store::{Body, Key, StoreError, Table, When, Write};
use base::{Cache, Clock, Limiter, Queue, Secret, Store, StoreExt, TenantId};
use embedded::{EmbeddedCache, EmbeddedLimiter, OpenOptions, SqliteStore};

use crate::config::Config;

/// What a server stands on.
#[derive(Clone)]
pub struct Ground {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// The doorbell.
    pub queue: Arc<dyn Queue>,
    /// The guess.
    pub cache: Arc<dyn Cache>,
    /// Who counts requests.
    pub limiter: Arc<dyn Limiter>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The store's file, for backups; `None` in memory.
    pub file: Option<Arc<SqliteStore>>,
}

impl Ground {
    /// Everything in memory, forgotten with the process: for tests.
    pub fn memory(clock: Arc<dyn Clock>) -> Self {
        Self {
            store: Arc::new(MemoryStore::new(clock.clone())),
            queue: Arc::new(MemoryQueue::new(clock.clone())),
            cache: Arc::new(MemoryCache::new(clock.clone(), 1 << 20)),
            limiter: Arc::new(MemoryLimiter::new(clock.clone())),
            clock,
            file: None,
        }
    }

    /// One SQLite file, and the memory of this process for the rest.
    ///
    /// # Errors
    /// When the directory cannot be made or the file cannot be opened by this process alone.
    pub fn embedded(config: &Config) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        make_directory(config.store.path())?;
        let file = SqliteStore::open(OpenOptions::new(config.store.path(), clock.clone()))?;
        Ok(Self {
            store: file.clone(),
            queue: Arc::new(MemoryQueue::new(clock.clone())),
            cache: Arc::new(EmbeddedCache::new(clock.clone(), config.cache_bytes)),
            limiter: Arc::new(EmbeddedLimiter::new(clock.clone())),
            clock,
            file: Some(file),
        })
    }

    /// A key that only the platform knows and that all copies of the server share: made by the
    /// first one that asks, read by the others.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn shared_key(&self, name: &str) -> anyhow::Result<Secret<[u8; 32]>> {
        let key = Key::new(Table("platform"), TenantId::SYSTEM, format!("key/{name}"));
        let fresh = serde_json::to_string(&rand::random::<[u8; 32]>())?;
        let write = Write::put(key.clone(), Body::data(fresh)).when(When::Absent);
        if self.store.get(key.clone()).await?.is_none() {
            match self.store.write(vec![write]).await {
                Ok(_) | Err(StoreError::Failed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let kept = self.store.get(key).await?.context("a key that was just written is gone")?;
        Ok(Secret::new(serde_json::from_str(kept.data())?))
    }
}

/// Makes the directory of the store for its owner alone; one that exists is left as it is.
fn make_directory(file: &Path) -> anyhow::Result<()> {
    let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) else { return Ok(()) };
    if directory.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(|| directory.display().to_string())
}
