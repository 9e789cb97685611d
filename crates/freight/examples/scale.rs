//! What a million finished jobs cost: what `cargo xtask prove scale` judges.
//!
//! `scale FOLDER JOBS` makes a store in FOLDER, lets a thousand jobs of one tenant run to their end, and
//! times what people and workers ask of an engine; then it does the same at JOBS. Each is timed a
//! thousand times, one after the other, in microseconds as [p50, p99]:
//!
//! - `list`: the newest hundred jobs of a status. `deep`: a hundred of them from the midst of all.
//! - `count`: how many jobs of a status there are.
//! - `claim`: from the acknowledgement of a task that does nothing to its beginning.
//!
//! At last the clock is put forward by the time that finished jobs are kept: `pruned_per_s` of them are
//! removed then, while a claim takes `claim_beside_pruning`. Prints one JSON line.

#![expect(clippy::unwrap_used, reason = "who started it sees why it ended")]

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::clock::{SystemClock, add};
use base::memory::MemoryQueue;
use base::{Clock, Ctx, Principal, RequestId, Scopes, TenantId, key};
use embedded::{OpenOptions, SqliteStore};
use jiff::Timestamp;
use jobs::{
    Deps, Done, Engine, Failure, FixedQuotas, Job, JobFilter, JobKind, JobStatus, NewBatch, NewJob, NewTask, Plan,
    Registry, Run, Settings, Tally, TaskKind,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FEW: usize = 1_000;
const CLIENTS: usize = 64;
const SAMPLES: usize = 1_000;
/// How soon the first of what is too old is removed.
const PRUNING_MAX: Duration = Duration::from_secs(120);
/// How long finished jobs are kept.
const RETENTION: Duration = Duration::from_secs(30 * 86_400);
/// How long pruning is watched.
const WATCHED: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, jobs] = words.as_slice() else {
        eprintln!("scale FOLDER JOBS");
        std::process::exit(2);
    };
    let jobs: usize = jobs.parse().unwrap();
    let state = Arc::new(State::open(Path::new(folder)));
    let working = state.engine.workers_start();
    let begun = Instant::now();
    state.grow(FEW).await;
    let few = state.timed().await;
    state.grow(jobs).await;
    let grown = begun.elapsed();
    let many = state.timed().await;

    state.clock.ahead_us.store(u64::try_from(RETENTION.as_micros()).unwrap(), Ordering::Relaxed);
    let due = Instant::now();
    while state.finished().await == jobs as u64 {
        assert!(due.elapsed() < PRUNING_MAX, "nothing was removed in {PRUNING_MAX:?}");
        state.clock.sleep(Duration::from_millis(100)).await;
    }
    let (before, begun) = (state.finished().await, Instant::now());
    let mut beside = Vec::new();
    while begun.elapsed() < WATCHED && state.finished().await > 0 {
        beside.push(state.claim().await);
        state.clock.sleep(Duration::from_millis(10)).await;
    }
    let pruned = (before - state.finished().await) as f64 / begun.elapsed().as_secs_f64();
    let line = json!({
        "jobs": jobs,
        "jobs_per_s": jobs as f64 / grown.as_secs_f64(),
        "few": few,
        "many": many,
        "pruned_per_s": pruned,
        "claim_beside_pruning": percentiles(beside),
    });
    println!("{line}");
    working.stop(Duration::from_secs(5)).await;
}

/// The machine's clock, or a later one.
#[derive(Debug)]
struct Ahead {
    clock: SystemClock,
    ahead_us: AtomicU64,
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        add(self.clock.now(), Duration::from_micros(self.ahead_us.load(Ordering::Relaxed)))
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.clock.sleep(duration)
    }
}

/// A job of one batch of one record, which does nothing; that is harmless twice.
struct Little;

#[async_trait]
impl JobKind for Little {
    fn name(&self) -> &'static str {
        "scale.little"
    }

    fn scope(&self) -> base::Scope {
        base::Scope::IngestRead
    }

    async fn plan(&self, _job: &Job, _cursor: Option<&str>, _max: usize) -> Result<Plan, Failure> {
        Ok(Plan { batches: vec![NewBatch { payload: "{}".to_owned(), records: 1 }], next: None })
    }

    async fn batch(&self, _run: &Run) -> Result<Done, Failure> {
        Ok(Done { writes: Vec::new(), tally: Tally::processed(1) })
    }
}

/// A task that says when it begins; that is harmless twice.
struct Begins(Arc<Mutex<Option<oneshot::Sender<Instant>>>>);

#[async_trait]
impl TaskKind for Begins {
    fn name(&self) -> &'static str {
        "scale.begins"
    }

    async fn run(&self, _run: &Run) -> Result<Done, Failure> {
        if let Some(waiting) = self.0.lock().unwrap().take() {
            waiting.send(Instant::now()).unwrap();
        }
        Ok(Done::default())
    }
}

/// A store with more and more finished jobs of one tenant, and the engine on it.
struct State {
    engine: Arc<Engine>,
    clock: Arc<Ahead>,
    tenant: TenantId,
    begins: Arc<Mutex<Option<oneshot::Sender<Instant>>>>,
    asked: AtomicUsize,
    opened: Timestamp,
}

impl State {
    fn open(folder: &Path) -> Self {
        let clock = Arc::new(Ahead { clock: SystemClock::new(), ahead_us: AtomicU64::new(0) });
        let store = SqliteStore::open(OpenOptions::new(folder.join("scale.db"), clock.clone())).unwrap();
        let begins = Arc::new(Mutex::new(None));
        let mut registry = Registry::default();
        registry.job(Arc::new(Little));
        registry.task(Arc::new(Begins(begins.clone())));
        let engine = Engine::new(Deps {
            store,
            queue: Arc::new(MemoryQueue::new(clock.clone())),
            clock: clock.clone(),
            registry,
            quotas: Arc::new(FixedQuotas { running_jobs_max: 100, retention: RETENTION }),
            settings: Settings::default(),
        });
        let tenant = "acme".parse().unwrap();
        let opened = clock.now();
        Self { engine, clock, tenant, begins, asked: AtomicUsize::new(0), opened }
    }

    /// Has jobs run until there are so many finished ones.
    async fn grow(self: &Arc<Self>, jobs: usize) {
        let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(self.clone().run_jobs(jobs))).collect();
        for client in clients {
            client.await.unwrap();
        }
        assert_eq!(self.finished().await, jobs as u64);
    }

    /// Makes one after the other.
    async fn run_jobs(self: Arc<Self>, jobs: usize) {
        while self.asked.fetch_add(1, Ordering::Relaxed) < jobs {
            let principal = Principal::new("key:scale");
            let (request, now) = (RequestId::random(), self.clock.now());
            let ctx = Ctx::new(self.tenant.clone(), principal, Scopes::default(), request, now, Uuid::new_v4());
            let made = self.engine.job_enqueue(&ctx, NewJob::new("scale.little", "{}".to_owned())).await.unwrap();
            let ended =
                self.engine.job_wait(&self.tenant, made.job.id, Duration::from_secs(60)).await.unwrap().unwrap();
            assert_eq!(ended.status, JobStatus::Completed, "{ended:?}");
        }
        // The one too many that each client counted.
        self.asked.fetch_sub(1, Ordering::Relaxed);
    }

    async fn finished(&self) -> u64 {
        self.engine.job_total(&self.tenant, &completed()).await.unwrap()
    }

    async fn timed(&self) -> Value {
        let page =
            async |after: Option<String>| self.engine.job_list(&self.tenant, &completed(), 100, after).await.unwrap();
        let midst = (self.opened.as_microsecond() + self.clock.now().as_microsecond()) / 2;
        let place = Some(key![Timestamp::from_microsecond(midst).unwrap()]);
        json!({
            "list": samples(async || assert_eq!(page(None).await.items.len(), 100)).await,
            "deep": samples(async || assert_eq!(page(place.clone()).await.items.len(), 100)).await,
            "count": samples(async || assert!(self.finished().await > 0)).await,
            "claim": self.claims().await,
        })
    }

    async fn claims(&self) -> [u128; 2] {
        let mut claims = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            claims.push(self.claim().await);
        }
        percentiles(claims)
    }

    /// How long a task waits that nobody else's work delays.
    async fn claim(&self) -> u128 {
        let (begins, begun) = oneshot::channel();
        *self.begins.lock().unwrap() = Some(begins);
        let new = NewTask::new("scale.begins", "{}".to_owned());
        self.engine.task_enqueue(&self.tenant, new, Vec::new()).await.unwrap();
        let acknowledged = Instant::now();
        // It may begin before its caller has heard that it is there: then it has waited for nothing.
        begun.await.unwrap().saturating_duration_since(acknowledged).as_micros()
    }
}

fn completed() -> JobFilter {
    JobFilter { status: Some(JobStatus::Completed), ..JobFilter::default() }
}

async fn samples(ask: impl AsyncFn()) -> [u128; 2] {
    let mut samples = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let begun = Instant::now();
        ask().await;
        samples.push(begun.elapsed().as_micros());
    }
    percentiles(samples)
}

/// [p50, p99].
fn percentiles(mut samples: Vec<u128>) -> [u128; 2] {
    samples.sort_unstable();
    [samples[samples.len() / 2], samples[samples.len() * 99 / 100]]
}
