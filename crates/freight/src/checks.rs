//! What `/health` and `/readyz` ask the parts, and what `/health` tells operators of the machine.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use base::{Cache, Error, Queue, Result, Store};
use embedded::SqliteStore;
use jobs::Engine;
use serde_json::{Map, Value, json};
use web::health::Check;

/// The store: without it nothing is answered.
pub struct Database(pub Arc<dyn Store>);

#[async_trait]
impl Check for Database {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn check(&self) -> Result<Map<String, Value>> {
        self.0.ready().await.map_err(Error::unavailable)?;
        Ok(Map::new())
    }
}

/// The doorbell.
pub struct Doorbell(pub Arc<dyn Queue>);

#[async_trait]
impl Check for Doorbell {
    fn name(&self) -> &'static str {
        "queue"
    }

    async fn check(&self) -> Result<Map<String, Value>> {
        self.0.ready().await?;
        Ok(Map::new())
    }
}

/// The guess; without it answers are slower.
pub struct Guesses(pub Arc<dyn Cache>);

#[async_trait]
impl Check for Guesses {
    fn name(&self) -> &'static str {
        "cache"
    }

    fn is_optional(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<Map<String, Value>> {
        self.0.ready().await?;
        Ok(Map::new())
    }
}

/// Whoever runs tasks in this process; without them jobs stand still.
pub struct Workers {
    /// Knows how many run.
    pub engine: Arc<Engine>,
    /// Set when they start.
    pub started: Arc<AtomicBool>,
}

#[async_trait]
impl Check for Workers {
    fn name(&self) -> &'static str {
        "workers"
    }

    async fn check(&self) -> Result<Map<String, Value>> {
        if !self.started.load(Ordering::Relaxed) {
            return Err(Error::unavailable("no workers have been started"));
        }
        let running: usize = self.engine.worker_list().iter().map(|worker| worker.running).sum();
        Ok(Map::from_iter([("running".to_owned(), json!(running))]))
    }
}

/// Memory of this process and size of the store, in bytes; null where the system does not say.
pub fn vitals(file: Option<&SqliteStore>) -> Value {
    let size = |suffix: &str| {
        let mut path = file?.path().as_os_str().to_owned();
        path.push(suffix);
        fs::metadata(path).ok().map(|about| about.len())
    };
    json!({ "memory_bytes": memory_bytes(), "store_bytes": size(""), "log_bytes": size("-wal") })
}

/// The resident memory that Linux counts for this process.
fn memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
