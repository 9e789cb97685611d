//! What a server stands on: the four contracts and the clock.
//!
//! The rest of the composition sees only the contracts, so a test stands a whole server on memory,
//! and the program stands the same server on a file or in the cloud. Which tables and topics there
//! have to be is declared by the crates that use them and gathered here.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use base::clock::SystemClock;
use base::memory::{MemoryCache, MemoryLimiter, MemoryQueue, MemoryStore};
use base::store::{Body, Key, StoreError, Table, When, Write};
use base::{Cache, Clock, Limiter, Queue, Secret, Store, StoreExt, TenantId};
use cloud::{DynamoStore, Redis, SqsQueue};
use embedded::{EmbeddedCache, EmbeddedLimiter, OpenOptions, SqliteStore};

use crate::config::uri::Place;
use crate::config::{CacheUri, Config, QueueUri, StoreUri};

/// What belongs to no service: keys that all copies share.
const PLATFORM: Table = Table("platform");

/// Every table of every crate.
pub fn tables() -> Vec<Table> {
    let mut tables = vec![PLATFORM];
    tables.extend(accounts::store::TABLES);
    tables.extend(carts::store::TABLES);
    tables.extend(ingest::store::TABLES);
    tables.extend(jobs::TABLES);
    tables.extend(readthrough::store::TABLES);
    tables.extend(source::store::TABLES);
    tables.extend(web::idempotency::TABLES);
    tables
}

/// Every topic of every crate.
pub fn topics() -> Vec<String> {
    jobs::TOPICS.map(str::to_owned).to_vec()
}

/// The store on DynamoDB; nothing is asked yet.
pub async fn dynamo(config: &Config, place: &Place, clock: &Arc<dyn Clock>) -> DynamoStore {
    let (prefix, silence_max) = (place.prefix.clone(), config.silence_max);
    let options = cloud::dynamo::Options { prefix, tables: tables(), silence_max };
    DynamoStore::connect(&config.aws.dynamodb(place), options, clock.clone()).await
}

/// The queue on SQS; nothing is asked yet.
pub async fn sqs(config: &Config, place: &Place) -> SqsQueue {
    let options = cloud::sqs::Options { prefix: place.prefix.clone(), topics: topics(), ..Default::default() };
    SqsQueue::connect(&config.aws.sqs(place), options).await
}

fn open_file(path: &Path, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<SqliteStore>> {
    make_directory(path)?;
    Ok(SqliteStore::open(OpenOptions::new(path, clock.clone()))?)
}

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
    /// The store's file, for backups; `None` where there is none.
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

    /// What the configuration says: each contract on the backend that its URI picks.
    ///
    /// # Errors
    /// When a file cannot be opened by this process alone, or tables or queues are not there.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let mut file = None;
        let store: Arc<dyn Store> = match &config.store {
            StoreUri::File(path) => file.insert(open_file(path, &clock)?).clone(),
            StoreUri::Dynamo(place) => {
                let store = dynamo(config, place, &clock).await;
                let (ready, missing) = tokio::join!(store.ready(), store.tables_missing());
                // A store that is away is told as such; one that does not say which tables it has is used.
                if ready.is_ok() || missing.is_ok() {
                    has_all(missing.map_err(base::Error::from), "store.uri")?;
                }
                ready.context("store.uri")?;
                Arc::new(store)
            }
        };
        let queue: Arc<dyn Queue> = match &config.queue {
            QueueUri::Local => Arc::new(MemoryQueue::new(clock.clone())),
            QueueUri::Sqs(place) => {
                let queue = sqs(config, place).await;
                has_all(queue.queues_missing().await, "queue.uri")?;
                Arc::new(queue)
            }
        };
        let (cache, limiter): (Arc<dyn Cache>, Arc<dyn Limiter>) = match &config.cache {
            CacheUri::Local => (
                Arc::new(EmbeddedCache::new(clock.clone(), config.cache_bytes)),
                Arc::new(EmbeddedLimiter::new(clock.clone())),
            ),
            // A Redis that is away now may come; nobody waits for it.
            CacheUri::Redis(url, prefix) => {
                let redis = Redis::new(url.expose(), prefix).map_err(anyhow::Error::msg).context("cache.uri")?;
                (Arc::new(redis.cache(clock.clone())), Arc::new(redis.limiter(clock.clone())))
            }
        };
        Ok(Self { store, queue, cache, limiter, clock, file })
    }

    /// A key that only the platform knows and that all copies of the server share: made by the
    /// first one that asks, read by the others.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn shared_key(&self, name: &str) -> anyhow::Result<Secret<[u8; 32]>> {
        let key = Key::new(PLATFORM, TenantId::SYSTEM, format!("key/{name}"));
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

/// That tables or queues are there, as far as can be told. One that is missing is a mistake; an SQS that is
/// away now may come, and until then sweeps find the work.
///
/// # Errors
/// When one is missing.
pub(crate) fn has_all(missing: base::Result<Vec<String>>, setting: &'static str) -> anyhow::Result<()> {
    match missing {
        Ok(missing) if missing.is_empty() => {}
        Ok(missing) => bail!("{setting}: `freight tables create` makes the missing {}", missing.join(", ")),
        Err(error) => tracing::warn!(%error, setting, "whether all is there is not known; the server starts"),
    }
    Ok(())
}

/// Makes the directory of the store for its owner alone; one that exists is left as it is.
fn make_directory(file: &Path) -> anyhow::Result<()> {
    let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) else { return Ok(()) };
    if directory.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(|| directory.display().to_string())
}
