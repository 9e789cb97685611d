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
//! - `batch_us`: what a batch of a job costs that does nothing, in a job of 1,000 batches of 100 records.
//! - `jobs_share`: how long 50 jobs of ten tenants at once take, as a multiple of what their work takes
//!   on WORKERS workers: each has 40 batches that wait for 200 ms.

#![expect(clippy::unwrap_used, reason = "who started it sees why it ended")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::clock::SystemClock;
use base::memory::MemoryQueue;
use base::{Clock, Ctx, Principal, RequestId, Scope, Scopes, TaskId, TenantId};
use embedded::{OpenOptions, SqliteStore};
use jobs::{
    Deps, Done, Engine, Failure, FixedQuotas, Job, JobKind, JobStatus, NewBatch, NewJob, NewTask, Plan, Registry, Run,
    Settings, Tally, TaskKind,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use uuid::Uuid;

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
    let batch = track.jobs(1, 1, &Batches { count: 1_000, records: 100, wait_ms: 0 }).await / 1_000;
    let waiting = Batches { count: 40, records: 1, wait_ms: 200 };
    let jobs = track.jobs(10, 5, &waiting).await;
    let work_alone = Duration::from_millis(50 * 40 * 200) / u32::try_from(track.workers).unwrap();
    let per_second = |took: Duration| tasks as f64 / took.as_secs_f64();
    println!(
        "{}",
        json!({
            "enqueue_per_s": per_second(enqueue),
            "work_per_s": per_second(work),
            "end_to_end_per_s": per_second(end_to_end),
            "idle_us": idle,
            "loaded_us": loaded,
            "batch_us": batch.as_micros(),
            "jobs_share": jobs.as_secs_f64() / work_alone.as_secs_f64(),
        })
    );
    working.stop(Duration::from_secs(5)).await;
}

/// An engine, and when which of its tasks was acknowledged and began.
struct Track {
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    tenant: TenantId,
    times: Arc<Times>,
    workers: usize,
}

/// What a job consists of.
#[derive(Serialize, Deserialize)]
struct Batches {
    count: usize,
    records: i64,
    wait_ms: u64,
}

/// Batches that wait, and do nothing else; that is harmless twice.
struct Waiting(Arc<dyn Clock>);

#[async_trait]
impl JobKind for Waiting {
    fn name(&self) -> &'static str {
        "pace.waiting"
    }

    fn scope(&self) -> Scope {
        Scope::IngestRead
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure> {
        let batches: Batches = serde_json::from_str(&job.params).unwrap();
        let begin: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let end = batches.count.min(begin + max);
        let batch = || NewBatch { payload: job.params.clone(), records: batches.records };
        let planned = (begin..end).map(|_| batch()).collect();
        Ok(Plan { batches: planned, next: (end < batches.count).then(|| end.to_string()) })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        let batches: Batches = run.payload()?;
        if batches.wait_ms > 0 {
            self.0.sleep(Duration::from_millis(batches.wait_ms)).await;
        }
        Ok(Done { writes: Vec::new(), tally: Tally::processed(batches.records) })
    }
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
        registry.job(Arc::new(Waiting(clock.clone())));
        let engine = Engine::new(Deps {
            store,
            queue: Arc::new(MemoryQueue::new(clock.clone())),
            clock: clock.clone(),
            registry,
            quotas: Arc::new(FixedQuotas::default()),
            settings: Settings { concurrency: workers, ..Settings::default() },
        });
        Self { engine, clock, tenant: "acme".parse().unwrap(), times, workers }
    }

    /// Starts so many jobs of each of so many tenants; returns how long they take, all together.
    async fn jobs(&self, tenants: usize, each: usize, batches: &Batches) -> Duration {
        let begun = Instant::now();
        let mut jobs = Vec::new();
        for tenant in 0..tenants {
            let tenant: TenantId = format!("tenant-{tenant}").parse().unwrap();
            for _ in 0..each {
                let scopes = Scopes::default().with(Scope::JobsWrite);
                let (principal, request) = (Principal::new("key:pace"), RequestId::random());
                let ctx = Ctx::new(tenant.clone(), principal, scopes, request, self.clock.now(), Uuid::new_v4());
                let new = NewJob::new("pace.waiting", serde_json::to_string(batches).unwrap());
                jobs.push((tenant.clone(), self.engine.job_enqueue(&ctx, new).await.unwrap().job.id));
            }
        }
        for (tenant, id) in jobs {
            let job = self.engine.job_wait(&tenant, id, Duration::from_secs(60)).await.unwrap().unwrap();
            assert_eq!((job.status, job.counts.total), (JobStatus::Completed, job.counts.processed));
        }
        begun.elapsed()
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
