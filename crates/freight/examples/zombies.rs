//! Workers that are stopped past their leases: what `cargo xtask prove zombie` stops and judges.
//!
//! `zombies FOLDER [no-fence]` runs four engines on one embedded store, with leases of a second, and
//! works on short tasks that each have one effect. It says on stdout `ack NAME` for each task that was
//! acknowledged. After a line on stdin it enqueues no more, finishes what there is, and says
//! `effect NAME TIMES` for each effect and `stale N`: so many writes that showed a lost lease were
//! refused.
//!
//! After a stop three of the engines are made to lose: while the fourth takes their tasks over, one by
//! one, since it has to think that they killed a worker, what shows one of their leases is held back,
//! and only then tried. With `no-fence` such writes are made as if nobody had checked, which must not
//! go unnoticed.

#![expect(clippy::unwrap_used, reason = "who started it sees why it ended")]

use std::io::BufRead as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base::clock::SystemClock;
use base::intercept::{Intercept, Intercepted};
use base::memory::MemoryQueue;
use base::store::{Key, Query, StoreError, Table, Version, When, Write};
use base::{Clock, Store, StoreExt as _, TenantId, key};
use embedded::{OpenOptions, SqliteStore};
use jobs::{Deps, Done, Engine, Failure, FixedQuotas, NewTask, Registry, Run, Settings, Tally, TaskKind};

const ENGINES: usize = 4;
const EFFECTS: Table = Table("effects");
/// So many tasks are under way at once: few, since who is suspected of a death runs alone, and what
/// piles up behind it would let the stale ones end first.
const CALLERS: usize = 12;
/// A pause of the clock that no scheduler makes.
const STOPPED: Duration = Duration::from_secs(1);
/// How long a stale write is held back: time to take some tasks over.
const HELD_BACK: Duration = Duration::from_millis(1_500);

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let fenced = words.get(1).is_none_or(|word| word != "no-fence");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let file: Arc<dyn Store> =
        SqliteStore::open(OpenOptions::new(Path::new(&words[0]).join("zombies.db"), clock.clone())).unwrap();
    let stops = Arc::new(Stops::new());
    let queue = Arc::new(MemoryQueue::new(clock.clone()));
    let engine = |n: usize| {
        let late = Late { stops: stops.clone(), fenced, is_held_back: n > 0 };
        let store = Arc::new(Intercepted::new(file.clone(), late));
        let mut registry = Registry::default();
        registry.task(Arc::new(Slow(clock.clone())));
        let settings = Settings {
            concurrency: 16,
            lease: Duration::from_secs(1),
            heartbeat: Duration::from_millis(200),
            sweep: Duration::from_millis(100),
            exclusive: false,
            seed: None,
        };
        let quotas = Arc::new(FixedQuotas::default());
        let (queue, clock) = (queue.clone(), clock.clone());
        Engine::new(Deps { store, queue, clock, registry, quotas, settings })
    };
    let engines: Vec<Arc<Engine>> = (0..ENGINES).map(engine).collect();
    let workers: Vec<_> = engines.iter().map(Engine::workers_start).collect();
    tokio::spawn(stops.clone().watch());

    let tenant: TenantId = "acme".parse().unwrap();
    let (ending, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let callers = (0..CALLERS).map(|n| {
        let (engine, tenant, ending, next) =
            (engines[n % ENGINES].clone(), tenant.clone(), ending.clone(), next.clone());
        let clock = clock.clone();
        tokio::spawn(async move {
            while !ending.load(Ordering::Relaxed) {
                let name = next.fetch_add(1, Ordering::Relaxed).to_string();
                engine.task_enqueue(&tenant, NewTask::new("zombies.slow", name.clone()), Vec::new()).await.unwrap();
                println!("ack {name}");
                clock.sleep(Duration::from_millis(200)).await;
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().next()).await.unwrap();
    ending.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    while engines[0].queue_list().await.unwrap().iter().any(|depth| depth.waiting > 0) {
        clock.sleep(Duration::from_millis(100)).await;
    }
    for workers in workers {
        workers.stop(Duration::from_secs(5)).await;
    }
    for item in file.query_all(Query::new(EFFECTS, key![tenant, "effects"]).limit(1_000)).await.unwrap() {
        println!("effect {} {}", item.key.sort, item.int("times"));
    }
    println!("stale {}", stops.refused.load(Ordering::Relaxed));
}

/// Takes a while, and has one effect. Twice is harmless: the effect is in the run's last write.
struct Slow(Arc<dyn Clock>);

#[async_trait]
impl TaskKind for Slow {
    fn name(&self) -> &'static str {
        "zombies.slow"
    }

    async fn run(&self, run: &Run) -> Result<Done, Failure> {
        self.0.sleep(Duration::from_millis(150)).await;
        let effect = Write::add(Key::new(EFFECTS, key![*run.tenant(), "effects"], run.payload_text()), [("times", 1)]);
        Ok(Done { writes: vec![effect], tally: Tally::default() })
    }
}

/// When the process was stopped, and what it was refused after that.
struct Stops {
    /// When it was last seen running, and when it last woke up.
    seen: Mutex<(Instant, Option<Instant>)>,
    refused: AtomicU64,
}

impl Stops {
    fn new() -> Self {
        Self { seen: Mutex::new((Instant::now(), None)), refused: AtomicU64::new(0) }
    }

    /// How long stale writes are to be held back from now on.
    fn look(&self) -> Duration {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap();
        if now - seen.0 > STOPPED {
            seen.1 = Some(now);
        }
        seen.0 = now;
        seen.1.map_or(Duration::ZERO, |woke| (woke + HELD_BACK).saturating_duration_since(now))
    }

    async fn watch(self: Arc<Self>) {
        loop {
            self.look();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Holds writes which show a lease back for a while after a stop.
struct Late {
    stops: Arc<Stops>,
    fenced: bool,
    is_held_back: bool,
}

fn shows_lease(write: &Write) -> bool {
    matches!(&write.when, When::Is(field, _) if field == "lease")
}

#[async_trait]
impl Intercept for Late {
    async fn write(&self, inner: &Arc<dyn Store>, mut writes: Vec<Write>) -> Result<Version, StoreError> {
        let leases: Vec<usize> = (0..writes.len()).filter(|n| shows_lease(&writes[*n])).collect();
        if leases.is_empty() {
            return inner.write(writes).await;
        }
        let held_back = self.stops.look();
        if self.is_held_back {
            tokio::time::sleep(held_back).await;
        }
        if !self.fenced {
            leases.iter().for_each(|n| writes[*n].when = When::Always);
        }
        let answer = inner.write(writes).await;
        if matches!(&answer, Err(StoreError::Failed(failed)) if failed.iter().any(|n| leases.contains(n))) {
            self.stops.refused.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}
