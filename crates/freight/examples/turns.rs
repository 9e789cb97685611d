//! Whose turn it is, beside very much work of somebody else: what `cargo xtask prove turns` judges.
//!
//! `turns FOLDER TASKS [one-line]` has a second tenant ask for one task, again and again, beside a first
//! tenant, and counts how many of the first tenant's tasks begin between the acknowledgement of that
//! task and its beginning. The first tenant has, one after the other,
//!
//! - `nothing`;
//! - `paused`: a job that was just paused, with a batch for each twenty of TASKS;
//! - `waiting`: TASKS tasks besides, which do nothing, and as many of their rings as the queue keeps;
//! - `unheard`: the same, but the process is a new one and has heard none of the rings.
//!
//! Prints one JSON line. With `one-line` the rings of all tenants stand in one line, which must not go
//! unnoticed.

#![expect(clippy::unwrap_used, reason = "who started it sees why it ended")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::clock::SystemClock;
use base::memory::MemoryQueue;
use base::queue::{Heard, Receipt, Ring, Topic};
use base::{Clock, Ctx, Principal, Queue, RequestId, Scopes, TaskId, TenantId};
use embedded::{OpenOptions, SqliteStore};
use jobs::{
    Deps, Done, Engine, Failure, FixedQuotas, Job, JobKind, NewBatch, NewJob, NewTask, Plan, Registry, Run, Settings,
    Tally, TaskKind,
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLIENTS: usize = 64;
/// The second tenant asks for a task at most so often beside each neighbour, and beside one whose tasks begin
/// meanwhile once for so many of them.
const TASKS_PER_ASK: usize = 400;
const ASKS_MAX: usize = 200;
/// Of the first tenant's tasks, one batch of a paused job for so many.
const TASKS_PER_BATCH: usize = 20;
/// Between two requests of the second tenant.
const PAUSE: Duration = Duration::from_millis(5);
const GRACE: Duration = Duration::from_secs(5);

// One thread runs all, and one reads for it: what is judged is whose turn it is, and not which of two threads the system takes
// away at a moment between a claim and a beginning, while the other goes on.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, tasks, rest @ ..] = words.as_slice() else {
        eprintln!("turns FOLDER TASKS [one-line]");
        std::process::exit(2);
    };
    let (tasks, one_line) = (tasks.parse::<usize>().unwrap(), rest == ["one-line"]);
    let state = State::open(Path::new(folder), tasks, one_line);

    let engine = state.engine();
    let working = engine.workers_start();
    let idle = state.beside(&engine, ASKS_MAX).await;
    state.pause_job(&engine, tasks / TASKS_PER_BATCH).await;
    let paused = state.beside(&engine, ASKS_MAX).await;
    working.stop(GRACE).await;

    state.fill(&engine, tasks).await;
    let working = engine.workers_start();
    let waiting = state.beside(&engine, state.asks).await;
    working.stop(GRACE).await;

    let engine = state.engine();
    let working = engine.workers_start();
    let unheard = state.beside(&engine, state.asks).await;
    working.stop(GRACE).await;
    let begun = state.begun.neighbours.load(Ordering::Relaxed);
    let beside = json!({ "nothing": idle, "paused": paused, "waiting": waiting, "unheard": unheard });
    println!("{}", json!({ "tasks": tasks, "batches": tasks / TASKS_PER_BATCH, "begun": begun, "beside": beside }));
}

/// What has begun, and who waits to hear of it.
#[derive(Default)]
struct Begun {
    neighbours: AtomicU64,
    asked: Mutex<Option<oneshot::Sender<(u64, Instant)>>>,
}

/// A task that only begins; that is harmless twice.
struct Begins(Arc<Begun>);

#[async_trait]
impl TaskKind for Begins {
    fn name(&self) -> &'static str {
        "turns.begins"
    }

    async fn run(&self, run: &Run) -> Result<Done, Failure> {
        if run.payload_text() == "\"large\"" {
            self.0.neighbours.fetch_add(1, Ordering::Relaxed);
        } else if let Some(asked) = self.0.asked.lock().unwrap().take() {
            asked.send((self.0.neighbours.load(Ordering::Relaxed), Instant::now())).unwrap();
        }
        Ok(Done::default())
    }
}

/// A job of as many batches as it is told to have, none of which ends before it is paused.
struct Paused(Arc<Semaphore>);

#[async_trait]
impl JobKind for Paused {
    fn name(&self) -> &'static str {
        "turns.paused"
    }

    fn scope(&self) -> base::Scope {
        base::Scope::IngestRead
    }

    fn concurrency(&self) -> Option<u32> {
        Some(1)
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure> {
        let all: usize = job.params.parse().unwrap();
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let to = all.min(from + max);
        let batches = (from..to).map(|_| NewBatch { payload: "{}".to_owned(), records: 1 }).collect();
        Ok(Plan { batches, next: (to < all).then(|| to.to_string()) })
    }

    async fn batch(&self, _run: &Run) -> Result<Done, Failure> {
        drop(self.0.acquire().await.unwrap());
        Ok(Done { writes: Vec::new(), tally: Tally::processed(1) })
    }
}

/// A store with the work of two tenants.
struct State {
    store: Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    begun: Arc<Begun>,
    gate: Arc<Semaphore>,
    large: TenantId,
    small: TenantId,
    one_line: bool,
    asks: usize,
}

impl State {
    fn open(folder: &Path, tasks: usize, one_line: bool) -> Arc<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let mut options = OpenOptions::new(folder.join("turns.db"), clock.clone());
        options.readers = 1;
        let store = SqliteStore::open(options).unwrap();
        let (large, small) = ("large".parse().unwrap(), "small".parse().unwrap());
        let (begun, gate) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let asks = (tasks / TASKS_PER_ASK).clamp(1, ASKS_MAX);
        Arc::new(Self { store, clock, begun, gate, large, small, one_line, asks })
    }

    /// One that has heard no ring yet.
    fn engine(&self) -> Arc<Engine> {
        let mut registry = Registry::default();
        registry.task(Arc::new(Begins(self.begun.clone())));
        registry.job(Arc::new(Paused(self.gate.clone())));
        let queue = MemoryQueue::new(self.clock.clone());
        let queue: Arc<dyn Queue> = match self.one_line {
            true => Arc::new(OneLine { queue, groups: Mutex::default() }),
            false => Arc::new(queue),
        };
        Engine::new(Deps {
            store: self.store.clone(),
            queue,
            clock: self.clock.clone(),
            registry,
            quotas: Arc::new(FixedQuotas::default()),
            settings: Settings::default(),
        })
    }

    /// Leaves a job of the first tenant paused that has so many batches.
    async fn pause_job(&self, engine: &Engine, batches: usize) {
        let (principal, now) = (Principal::new("key:turns"), self.clock.now());
        let ctx = Ctx::new(self.large.clone(), principal, Scopes::default(), RequestId::random(), now, Uuid::new_v4());
        let id = engine.job_enqueue(&ctx, NewJob::new("turns.paused", batches.to_string())).await.unwrap().job.id;
        while engine.job_get(&self.large, id).await.unwrap().unwrap().counts.batches < i64::try_from(batches).unwrap() {
            self.clock.sleep(Duration::from_millis(20)).await;
        }
        engine.job_pause(&ctx, id).await.unwrap();
        self.gate.add_permits(1);
    }

    /// Leaves so many tasks of the first tenant waiting.
    async fn fill(self: &Arc<Self>, engine: &Arc<Engine>, tasks: usize) {
        let asked = Arc::new(AtomicUsize::new(0));
        let clients = (0..CLIENTS).map(|_| {
            let (state, engine, asked) = (self.clone(), engine.clone(), asked.clone());
            tokio::spawn(async move {
                while asked.fetch_add(1, Ordering::Relaxed) < tasks {
                    state.enqueue(&engine, &state.large).await;
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
    }

    async fn enqueue(&self, engine: &Engine, tenant: &TenantId) {
        let new = NewTask::new("turns.begins", format!("\"{tenant}\""));
        engine.task_enqueue(tenant, new, Vec::new()).await.unwrap();
    }

    /// Has the second tenant ask so often.
    async fn beside(&self, engine: &Engine, asks: usize) -> Value {
        let (mut overtakers, mut waits) = (Vec::new(), Vec::new());
        for _ in 0..asks {
            let (begins, begun) = oneshot::channel();
            *self.begun.asked.lock().unwrap() = Some(begins);
            self.enqueue(engine, &self.small).await;
            let (before, acknowledged) = (self.begun.neighbours.load(Ordering::Relaxed), Instant::now());
            let (after, at) = begun.await.unwrap();
            // It may begin before its caller has heard that it is there: then nobody overtook it.
            overtakers.push(after.saturating_sub(before));
            waits.push(at.saturating_duration_since(acknowledged).as_micros() as u64);
            self.clock.sleep(PAUSE).await;
        }
        let [middle, _, most] = ranks(overtakers);
        let [p50, p99, _] = ranks(waits);
        json!({ "overtakers": { "p50": middle, "most": most }, "waited_us": { "p50": p50, "p99": p99 } })
    }
}

/// The middle one, the one above 99 of 100, and the last.
fn ranks(mut of: Vec<u64>) -> [u64; 3] {
    of.sort_unstable();
    [of[of.len() / 2], of[of.len() * 99 / 100], of[of.len() - 1]]
}

/// Rings of all tenants in one line, as they came.
struct OneLine {
    queue: MemoryQueue,
    /// Whose the tasks in the line are.
    groups: Mutex<HashMap<TaskId, TenantId>>,
}

#[async_trait]
impl Queue for OneLine {
    async fn send(&self, topic: &Topic, rings: Vec<Ring>) -> base::Result<()> {
        let line = |mut ring: Ring| {
            let group = std::mem::replace(&mut ring.group, "everybody".parse().unwrap());
            self.groups.lock().unwrap().insert(ring.task, group);
            ring
        };
        self.queue.send(topic, rings.into_iter().map(line).collect()).await
    }

    async fn receive(&self, topic: &Topic, max: usize, wait: Duration) -> base::Result<Vec<Heard>> {
        let mut heard = self.queue.receive(topic, max, wait).await?;
        for heard in &mut heard {
            heard.ring.group = self.groups.lock().unwrap()[&heard.ring.task].clone();
        }
        Ok(heard)
    }

    async fn done(&self, topic: &Topic, receipts: Vec<Receipt>) -> base::Result<()> {
        self.queue.done(topic, receipts).await
    }

    async fn ready(&self) -> base::Result<()> {
        self.queue.ready().await
    }
}
