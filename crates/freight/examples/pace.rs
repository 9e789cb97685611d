//! How fast the engine is on the embedded store: what `cargo xtask bench jobs` runs beside its peers.
//!
//! `pace FOLDER TASKS CLIENTS WORKERS` makes a store in FOLDER and prints one JSON line:
//!
//! - `enqueue_per_s`: CLIENTS callers, each with one request under way, enqueue TASKS tasks that nobody
//!   works on. An answer means that the task is on disk.
//! - `work_per_s`: at most WORKERS at once run these tasks, which do nothing, to their durable end.
//! - `end_to_end_per_s`: the same number again, enqueued and run at the same time, from the first
//!   request to the last end.
//! - `idle_us`, `loaded_us`: how long after its enqueue was acknowledged a task began to run, in
//!   microseconds, as [p50, p99]: of tasks enqueued one by one while nothing else happens, and of
//!   those of the end-to-end run.

#![expect(clippy::unwrap_used, reason = "who started it sees why it ended")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::clock::SystemClock;
use base::memory::MemoryQueue;
use base::{Clock, TaskId, TenantId};
use embedded::{OpenOptions, SqliteStore};
use jobs::{Deps, Done, Engine, Failure, FixedQuotas, NewTask, Registry, Run, Settings, TaskKind};
use serde_json::json;
use tokio::sync::Notify;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tasks that are timed one by one.
const SINGLES: usize = 200;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, tasks, clients, workers] = words.as_slice() else {
        eprintln!("pace FOLDER TASKS CLIENTS WORKERS");
        std::process::exit(2);
    };
    let (tasks, clients) = (tasks.parse().unwrap(), clients.parse().unwrap());
    let track = Arc::new(Track::open(Path::new(folder), workers.parse().unwrap()));

    let enqueue = track.enqueue(tasks, clients).await;
    let begun = Instant::now();
    let working = track.engine.workers_start();
    track.all_ran().await;
    let work = begun.elapsed();
    track.forget();

    let begun = Instant::now();
    track.enqueue(tasks, clients).await;
    track.all_ran().await;
    let end_to_end = begun.elapsed();
    let loaded = track.waits();

    for _ in 0..SINGLES {
        track.enqueue(1, 1).await;
        track.all_ran().await;
    }
    let idle = track.waits();
    let per_second = |took: Duration| tasks as f64 / took.as_secs_f64();
    println!(
        "{}",
        json!({
            "enqueue_per_s": per_second(enqueue),
            "work_per_s": per_second(work),
            "end_to_end_per_s": per_second(end_to_end),
            "idle_us": idle,
            "loaded_us": loaded,
        })
    );
    working.stop(Duration::from_secs(5)).await;
}

/// An engine, and when which of its tasks was acknowledged and began.
struct Track {
    engine: Arc<Engine>,
    tenant: TenantId,
    times: Arc<Times>,
}

#[derive(Default)]
struct Times {
    acknowledged: Mutex<HashMap<TaskId, Instant>>,
    begun: Mutex<HashMap<TaskId, Instant>>,
    asked: AtomicUsize,
    ran: AtomicUsize,
    ended: Notify,
}

/// Does nothing; that is harmless twice.
struct Nothing(Arc<Times>);

#[async_trait]
impl TaskKind for Nothing {
    fn name(&self) -> &'static str {
        "pace.nothing"
    }

    async fn run(&self, run: &Run) -> Result<Done, Failure> {
        self.0.begun.lock().unwrap().insert(run.task(), Instant::now());
        self.0.ran.fetch_add(1, Ordering::Relaxed);
        self.0.ended.notify_one();
        Ok(Done::default())
    }
}

impl Track {
    fn open(folder: &Path, workers: usize) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store: Arc<SqliteStore> =
            SqliteStore::open(OpenOptions::new(folder.join("pace.db"), clock.clone())).unwrap();
        let times = Arc::new(Times::default());
        let mut registry = Registry::default();
        registry.task(Arc::new(Nothing(times.clone())));
        let engine = Engine::new(Deps {
            store,
            queue: Arc::new(MemoryQueue::new(clock.clone())),
            clock,
            registry,
            quotas: Arc::new(FixedQuotas::default()),
            settings: Settings { concurrency: workers, ..Settings::default() },
        });
        Self { engine, tenant: "acme".parse().unwrap(), times }
    }

    /// Enqueues so many tasks; returns how long that took.
    async fn enqueue(self: &Arc<Self>, tasks: usize, clients: usize) -> Duration {
        let begun = Instant::now();
        let left = Arc::new(AtomicUsize::new(tasks));
        self.times.asked.fetch_add(tasks, Ordering::Relaxed);
        let clients = (0..clients).map(|_| {
            let (track, left) = (self.clone(), left.clone());
            tokio::spawn(async move {
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                    let new = NewTask::new("pace.nothing", "{}".to_owned());
                    let id = track.engine.task_enqueue(&track.tenant, new, Vec::new()).await.unwrap();
                    track.times.acknowledged.lock().unwrap().insert(id, Instant::now());
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
        begun.elapsed()
    }

    /// Waits until every task has run and its end is on disk.
    async fn all_ran(&self) {
        while self.times.ran.load(Ordering::Relaxed) < self.times.asked.load(Ordering::Relaxed) {
            self.times.ended.notified().await;
        }
        while self.engine.worker_list()[0].running > 0 {
            tokio::task::yield_now().await;
        }
    }

    fn forget(&self) {
        self.times.acknowledged.lock().unwrap().clear();
        self.times.begun.lock().unwrap().clear();
    }

    /// How long the tasks since the last call waited, as [p50, p99] in microseconds.
    fn waits(&self) -> [u128; 2] {
        let begun = self.times.begun.lock().unwrap();
        // A task may begin before its caller has heard that it is there: it has waited for nothing.
        let wait = |(id, at): (&TaskId, &Instant)| Some(begun.get(id)?.saturating_duration_since(*at).as_micros());
        let mut waits: Vec<u128> = self.times.acknowledged.lock().unwrap().iter().filter_map(wait).collect();
        drop(begun);
        self.forget();
        waits.sort_unstable();
        [waits[waits.len() / 2], waits[waits.len() * 99 / 100]]
    }
}
