//! Work that kills its process: what `cargo xtask prove poison` starts again and again, and judges.
//!
//! - `poison FOLDER task first|again [forgetful]`: thirty good tasks, and one that ends the process
//!   whenever it runs. Once that is a dead letter and the good ones are done, the letter is mended and
//!   redriven.
//! - `poison FOLDER planner first|again PAGES`: a job whose planner gets one page planned in each life of
//!   the process, and ends it at the next.
//!
//! The first life enqueues. Each says `kill` before it ends itself; the last says `end` and what there
//! is: how many good effects happened, how many twice, how many dead letters are left. A `forgetful`
//! engine does not remember deaths.

#![expect(clippy::unwrap_used, clippy::panic, reason = "who started it sees why it ended")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::SystemClock;
use base::intercept::{Intercept, Intercepted};
use base::memory::MemoryQueue;
use base::store::{Action, Field, Key, Query, StoreError, Table, Version, Write};
use base::{Clock, Ctx, Principal, RequestId, Scope, Scopes, Store, StoreExt as _, TenantId, key};
use embedded::{OpenOptions, SqliteStore};
use jobs::{
    Deps, Done, Engine, Failure, FixedQuotas, Job, JobFilter, JobKind, NewBatch, NewJob, NewTask, Plan, Registry, Run,
    Settings, Tally, TaskKind,
};
use uuid::Uuid;

const EFFECTS: Table = Table("effects");
const GOOD: usize = 30;
const POISON: &str = "poison";
/// Between two looks whether all is done.
const LOOK: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [folder, scene, life, rest @ ..] = words.as_slice() else { panic!("poison FOLDER task|planner first|again") };
    let (clock, engine) = engine(Path::new(folder), rest == ["forgetful"]);
    let tenant: TenantId = "acme".parse().unwrap();
    let ctx = || {
        let (principal, scopes) = (Principal::new("key:poison"), Scopes::default().with(Scope::JobsWrite));
        Ctx::new(tenant.clone(), principal, scopes, RequestId::random(), clock.now(), Uuid::new_v4())
    };
    if *life == "first" {
        if *scene == "planner" {
            engine.job_enqueue(&ctx(), NewJob::new("poison.pages", rest[0].to_owned())).await.unwrap();
        } else {
            // The last is the poison, so that it has company.
            let good = (0..GOOD).map(|n| format!("good-{n}"));
            for name in good.chain([POISON.to_owned()]) {
                engine.task_enqueue(&tenant, NewTask::new("poison.task", name), Vec::new()).await.unwrap();
            }
        }
    }
    println!("alive");
    let workers = engine.workers_start();
    if *scene == "planner" {
        while !engine.job_list(&tenant, &JobFilter::default(), 1, None).await.unwrap().items[0].settled {
            clock.sleep(LOOK).await;
        }
        let job = engine.job_list(&tenant, &JobFilter::default(), 1, None).await.unwrap().items.remove(0);
        let letters = engine.dead_list(&tenant, None, 10, None).await.unwrap().items.len();
        println!("end {} 0 {letters}", job.counts.batches_completed);
    } else {
        while effects(&tenant).await.0 < GOOD
            || engine.dead_list(&tenant, None, 10, None).await.unwrap().items.is_empty()
        {
            clock.sleep(LOOK).await;
        }
        let letter = engine.dead_list(&tenant, None, 10, None).await.unwrap().items.remove(0);
        engine.dead_mend(&ctx(), letter.id, "mended".to_owned()).await.unwrap();
        engine.dead_redrive(&ctx(), letter.id).await.unwrap();
        while effects(&tenant).await.0 <= GOOD {
            clock.sleep(LOOK).await;
        }
        let (good, twice) = effects(&tenant).await;
        let letters = engine.dead_list(&tenant, None, 10, None).await.unwrap().items.len();
        println!("end {good} {twice} {letters}");
    }
    workers.stop(Duration::from_secs(5)).await;
}

fn engine(folder: &Path, forgetful: bool) -> (Arc<dyn Clock>, Arc<Engine>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let file: Arc<dyn Store> = SqliteStore::open(OpenOptions::new(folder.join("poison.db"), clock.clone())).unwrap();
    STORE.set(file.clone()).unwrap_or_else(|_| panic!("one engine a process"));
    let store: Arc<dyn Store> = if forgetful { Arc::new(Intercepted::new(file, Forgetful)) } else { file };
    let mut registry = Registry::default();
    registry.task(Arc::new(Poison));
    registry.job(Arc::new(Pages(AtomicBool::new(false))));
    let deps = Deps {
        store,
        queue: Arc::new(MemoryQueue::new(clock.clone())),
        clock: clock.clone(),
        registry,
        quotas: Arc::new(FixedQuotas::default()),
        settings: Settings { sweep: Duration::from_millis(100), ..Settings::default() },
    };
    (clock, Engine::new(deps))
}

/// The store itself, to look at the effects.
static STORE: std::sync::OnceLock<Arc<dyn Store>> = std::sync::OnceLock::new();

/// How many effects happened, and how many of them more than once.
async fn effects(tenant: &TenantId) -> (usize, usize) {
    let all = Query::new(EFFECTS, key![tenant, "effects"]).limit(1_000);
    let items = STORE.get().unwrap().query_all(all).await.unwrap();
    (items.len(), items.iter().filter(|item| item.int("times") > 1).count())
}

fn killed() -> ! {
    println!("kill");
    std::process::abort()
}

/// Has one effect, or ends the process. Twice is harmless: the effect is in the run's last write.
struct Poison;

#[async_trait]
impl TaskKind for Poison {
    fn name(&self) -> &'static str {
        "poison.task"
    }

    async fn run(&self, run: &Run) -> Result<Done, Failure> {
        if run.payload_text() == POISON {
            killed();
        }
        let effect = Write::add(Key::new(EFFECTS, key![*run.tenant(), "effects"], run.payload_text()), [("times", 1)]);
        Ok(Done { writes: vec![effect], tally: Tally::default() })
    }
}

/// Plans one batch a page, and one page a life, as many pages as its parameters say.
struct Pages(AtomicBool);

#[async_trait]
impl JobKind for Pages {
    fn name(&self) -> &'static str {
        "poison.pages"
    }

    fn scope(&self) -> Scope {
        Scope::IngestRead
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, _max: usize) -> Result<Plan, Failure> {
        if self.0.swap(true, Ordering::Relaxed) {
            killed();
        }
        let page: u64 = cursor.map_or(0, |cursor| cursor.parse().unwrap()) + 1;
        let batch = NewBatch { payload: "{}".to_owned(), records: 1 };
        let more = page < job.params.parse::<u64>().unwrap();
        Ok(Plan { batches: vec![batch], next: more.then(|| page.to_string()) })
    }

    async fn batch(&self, _run: &Run) -> Result<Done, Failure> {
        Ok(Done { writes: Vec::new(), tally: Tally::processed(1) })
    }
}

/// Does not keep how often a task's worker died.
struct Forgetful;

#[async_trait]
impl Intercept for Forgetful {
    async fn write(&self, inner: &Arc<dyn Store>, mut writes: Vec<Write>) -> Result<Version, StoreError> {
        for write in &mut writes {
            if let Action::Put(body) = &mut write.action {
                let deaths = |name: &str| name.starts_with("deaths");
                body.fields.iter_mut().filter(|(name, _)| deaths(name)).for_each(|(_, n)| *n = Field::Int(0));
            }
        }
        inner.write(writes).await
    }
}
