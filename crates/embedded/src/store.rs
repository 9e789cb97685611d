//! The store itself: the threads behind it, and the contract over them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use base::store::{
    Bulk, Item, Key, Query, Range, Slice, StoreError, Table, Version, Write, check_bulk, check_get_many, check_key,
    check_query, check_writes,
};
use base::{Clock, Store};
use rusqlite::Connection;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::apply::{Answer, Request};
use crate::file::{Durability, FileError, check_library, open_reader, open_writer};
use crate::health::Health;
use crate::lock::Lock;
use crate::mailbox::{Mailbox, Refused};
use crate::reader::{Readers, Size};
use crate::select;
use crate::writer::Writer;

/// How many writes wait before callers are turned away.
const WAITING_MAX: usize = 20_000;
/// How many writes of a `bulk` are one request, and so at most how long others wait for them.
const BULK_PIECE: usize = 500;

/// Which file, and how.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The file; made if there is none, in a directory that exists.
    pub path: PathBuf,
    /// The clock that items expire by.
    pub clock: Arc<dyn Clock>,
    /// How many threads read, at least 1.
    pub readers: usize,
    pub(crate) durability: Durability,
}

impl OpenOptions {
    /// As many readers as the machine has processors, from 2 to 8.
    pub fn new(path: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        let readers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        Self { path: path.into(), clock, readers, durability: Durability::default() }
    }

    /// Acknowledges commits before they are fsynced: what `prove powercut` must catch.
    #[cfg(feature = "sabotage")]
    #[must_use]
    pub fn with_late_fsync(mut self) -> Self {
        self.durability = Durability::Normal;
        self
    }
}

/// A store in one SQLite file, of one process.
pub struct SqliteStore {
    clock: Arc<dyn Clock>,
    stamps: Stamps,
    health: Arc<Health>,
    writes: Arc<Mailbox<Request>>,
    pub(crate) reads: Arc<Readers>,
    threads: Mutex<Threads>,
    pub(crate) lock: Arc<Lock>,
}

struct Threads {
    readers: Vec<JoinHandle<()>>,
    writer: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens the file, for this process alone, and starts its threads.
    ///
    /// # Errors
    /// `InUse`, `Network`, `OldLibrary`, `Newer`, `Foreign`, `Damaged`; `Io` and `Sqlite` for what
    /// the system refuses. The file was not changed unless it was empty or ours.
    pub fn open(options: OpenOptions) -> Result<Arc<Self>, FileError> {
        check_library()?;
        let lock = Arc::new(Lock::take(&options.path)?);
        let conn = open_writer(&lock, options.durability)?;
        Self::start(lock, conn, options)
    }

    fn start(lock: Arc<Lock>, conn: Connection, options: OpenOptions) -> Result<Arc<Self>, FileError> {
        let store = Self {
            clock: Arc::clone(&options.clock),
            stamps: Stamps::new(),
            health: Arc::new(Health::new()),
            writes: Arc::new(Mailbox::new(WAITING_MAX)),
            reads: Arc::new(Readers::new()),
            threads: Mutex::new(Threads { readers: Vec::new(), writer: None }),
            lock,
        };
        let (mailbox, health) = (Arc::clone(&store.writes), Arc::clone(&store.health));
        let writer = Writer { conn, mailbox, health, clock: Arc::clone(&options.clock) };
        let spawned = |source| FileError::Io { path: options.path.clone(), source };
        let mut threads = store.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.writer = Some(spawn("store-writer", move || writer.run()).map_err(spawned)?);
        for _ in 0..options.readers.max(1) {
            let conn = open_reader(store.lock.file())?;
            let (reads, clock) = (Arc::clone(&store.reads), Arc::clone(&options.clock));
            threads.readers.push(spawn("store-reader", move || reads.serve(conn, clock)).map_err(spawned)?);
        }
        drop(threads);
        Ok(Arc::new(store))
    }

    /// Completes when a commit's outcome was not known, and says why. From then on nothing is
    /// written: end the process, not with 0, and open the file afresh.
    pub async fn poisoned(&self) -> String {
        self.health.poisoned().await
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.lock.file()
    }

    async fn submit(&self, (request, reply): (Request, oneshot::Receiver<Answer>)) -> Answer {
        self.health.check()?;
        self.writes.post(request).map_err(|refused| match refused {
            Refused::Full => StoreError::Busy,
            Refused::Closed => StoreError::Unavailable("closed".to_owned()),
        })?;
        reply.await.map_err(|_| StoreError::Unknown("the writer stopped".to_owned()))?
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the store had panicked");
    }
}

/// Writes that were accepted are committed, and the log is moved into the file, before the lock
/// is let go. Readers end first: SQLite cleans up after the last connection only if it can write.
impl Drop for SqliteStore {
    fn drop(&mut self) {
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.reads.0.close();
        threads.readers.drain(..).for_each(join);
        self.writes.close();
        threads.writer.take().into_iter().for_each(join);
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, StoreError> {
        check_get_many(keys)?;
        keys.iter().try_for_each(check_key)?;
        let (keys, clock) = (keys.to_vec(), Arc::clone(&self.clock));
        let ask = move |conn: &_| {
            let mut points = select::Points::at(clock.now(), conn)?;
            keys.iter().map(|key| points.get(key)).collect()
        };
        self.reads.ask(Size::Points, ask).await
    }

    async fn query(&self, query: Query) -> Result<Slice, StoreError> {
        check_query(&query)?;
        let clock = Arc::clone(&self.clock);
        self.reads.ask(Size::Range, move |conn| select::page(conn, &query, clock.now())).await
    }

    async fn count(&self, table: Table, partition: &str, range: Range) -> Result<u64, StoreError> {
        let (partition, clock) = (partition.to_owned(), Arc::clone(&self.clock));
        let ask = move |conn: &_| select::count(conn, table, &partition, &range, clock.now());
        self.reads.ask(Size::Range, ask).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Version, StoreError> {
        check_writes(&writes)?;
        let version = self.stamps.next();
        self.submit(Request::of_writes(writes, version)).await?;
        Ok(version)
    }

    async fn bulk(&self, _table: Table, writes: Vec<Bulk>) -> Result<(), StoreError> {
        check_bulk(&writes)?;
        let mut writes = writes.into_iter().peekable();
        while writes.peek().is_some() {
            let piece = writes.by_ref().take(BULK_PIECE).collect();
            self.submit(Request::of_bulk(piece, self.stamps.next())).await?;
        }
        Ok(())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.health.check()?;
        self.reads.ask(Size::Points, |conn| Ok(conn.query_row("SELECT 1", (), |_| Ok(()))?)).await
    }
}

/// Makes versions: a number drawn at random when the file is opened, counted up. Two openings
/// never count through the same numbers, and the draw is made once rather than at each write.
struct Stamps {
    first: u128,
    given: AtomicU64,
}

impl Stamps {
    fn new() -> Self {
        Self { first: Uuid::new_v4().as_u128(), given: AtomicU64::new(0) }
    }

    fn next(&self) -> Version {
        let given = self.given.fetch_add(1, Ordering::Relaxed);
        Version(Uuid::from_u128(self.first.wrapping_add(u128::from(given))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use base::StoreExt as _;
    use base::clock::ManualClock;
    use base::conformance::START;
    use base::store::Body;

    use super::*;

    fn key(sort: &str) -> Key {
        Key::new(Table("store"), "p", sort)
    }

    fn put(sort: &str, length: usize) -> Vec<Write> {
        vec![Write::put(key(sort), Body::data("x".repeat(length)))]
    }

    /// A store whose writing connection was tampered with.
    fn open(directory: &Path, tamper: impl FnOnce(&mut Connection)) -> Arc<SqliteStore> {
        let options = OpenOptions::new(directory.join("freight.db"), Arc::new(ManualClock::at(START)));
        let lock = Arc::new(Lock::take(&options.path).unwrap());
        let mut conn = open_writer(&lock, options.durability).unwrap();
        tamper(&mut conn);
        SqliteStore::start(lock, conn, options).unwrap()
    }

    #[tokio::test]
    async fn a_full_disk_fails_the_write_and_the_store_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), |conn| conn.execute_batch("PRAGMA max_page_count = 32").unwrap());
        store.write(put("small", 100)).await.unwrap();
        assert_eq!(store.write(put("large", 300_000)).await, Err(StoreError::Full));
        assert_eq!(store.get(key("large")).await.unwrap(), None);
        store.write(put("small", 200)).await.unwrap();
        assert_eq!(store.get(key("small")).await.unwrap().unwrap().data().len(), 200);
        store.ready().await.unwrap();
    }

    #[tokio::test]
    async fn reads_that_took_too_long_leave_none_in_the_past() {
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(START);
        let options = OpenOptions::new(directory.path().join("freight.db"), Arc::new(clock.clone()));
        let store = SqliteStore::open(OpenOptions { readers: 1, ..options }).unwrap();
        // SQLite asks after the deadline once in some hundreds of these.
        for n in 0..2_000 {
            let clock = clock.clone();
            let slow = move |_: &_| {
                clock.advance(Duration::from_secs(60));
                Ok(())
            };
            store.reads.ask(Size::Points, slow).await.unwrap();
            if n % 100 == 0 {
                let sort = n.to_string();
                store.write(put(&sort, 1)).await.unwrap();
                assert!(store.get(key(&sort)).await.unwrap().is_some(), "{n}");
            }
        }
    }

    #[tokio::test]
    async fn a_commit_of_unknown_outcome_poisons_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let fails = Arc::new(AtomicBool::new(false));
        let hook = Arc::clone(&fails);
        let store = open(directory.path(), |conn| {
            conn.commit_hook(Some(move || hook.load(Ordering::Relaxed))).unwrap();
        });
        store.write(put("before", 1)).await.unwrap();
        fails.store(true, Ordering::Relaxed);
        let unknown = store.write(put("during", 1)).await;
        assert!(matches!(unknown, Err(StoreError::Unknown(_))), "{unknown:?}");
        fails.store(false, Ordering::Relaxed);
        let refused = store.write(put("after", 1)).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
        assert!(!store.poisoned().await.is_empty());
        assert!(store.get(key("before")).await.unwrap().is_some());
    }
}
