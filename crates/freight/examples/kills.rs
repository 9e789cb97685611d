//! A job of ten thousand records whose process is killed: what `cargo xtask prove job-kill` starts again
//! and again, kills, and judges.
//!
//! `kills FOLDER JOB [POINT NTH] [split]` opens the store in FOLDER, asks for the job of that number if it
//! was not asked for before, and works until it has ended. Each record has one effect, a counter of its
//! own. On stdout it says, a line each:
//!
//! - `open EFFECTS TWICE PROCESSED FAILED TOTAL`: what there is before anything works.
//! - `<` and `>`: a write of the store begins, and was answered.
//! - `read PROCESSED FAILED TOTAL`: what the job says of itself, all the time.
//! - `end STATUS EFFECTS TWICE PROCESSED FAILED TOTAL LETTERS`.
//!
//! With a POINT it ends itself there, the NTH time that it comes by: `before-` or `after-` one of `lease`,
//! `plan`, `save`, `count`, `complete` and `settle`, which name what the engine writes. One that is `split`
//! writes what a batch did apart from how far it is.

#![expect(clippy::unwrap_used, clippy::panic, reason = "who started it sees why it ended")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::SystemClock;
use base::intercept::{Intercept, Intercepted};
use base::memory::MemoryQueue;
use base::store::{Action, Key, Query, StoreError, Table, Version, Write};
use base::{Clock, Ctx, Principal, RequestId, Scope, Scopes, Store, StoreExt as _, TenantId, key};
use embedded::{OpenOptions, SqliteStore};
use jobs::{
    Deps, Done, Engine, Failure, FixedQuotas, Job, JobKind, NewBatch, NewJob, Plan, Registry, Run, Settings, Tally,
};
use uuid::Uuid;

const EFFECTS: Table = Table("effects");
const RECORDS: u64 = 10_000;
const BATCH: u64 = 50;
/// Records between two savings.
const STEP: u64 = 2;
/// Between two reads of the job.
const LOOK: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (split, words) = match words.split_last() {
        Some((&"split", words)) => (true, words),
        _ => (false, words.as_slice()),
    };
    let (folder, number, point) = match words {
        [folder, number] => (folder, number, None),
        [folder, number, point, nth] => (folder, number, Some(((*point).to_owned(), nth.parse().unwrap()))),
        _ => panic!("kills FOLDER JOB [POINT NTH] [split]"),
    };
    let number: u64 = number.parse().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let file: Arc<dyn Store> =
        SqliteStore::open(OpenOptions::new(Path::new(folder).join("kills.db"), clock.clone())).unwrap();
    let (point, left) = point.map_or((String::new(), 0), |(point, nth)| (point, nth));
    let watched: Arc<dyn Store> =
        Arc::new(Intercepted::new(file.clone(), Points { point, left: AtomicU64::new(left) }));
    let store = if split { Arc::new(Intercepted::new(watched, Split(clock.clone()))) } else { watched };
    let tenant: TenantId = "acme".parse().unwrap();
    let mut registry = Registry::default();
    registry.job(Arc::new(Records));
    let engine = Engine::new(Deps {
        store,
        queue: Arc::new(MemoryQueue::new(clock.clone())),
        clock: clock.clone(),
        registry,
        quotas: Arc::new(FixedQuotas::default()),
        settings: Settings { concurrency: 4, sweep: Duration::from_millis(50), ..Settings::default() },
    });
    let (principal, request) = (Principal::new("key:kills"), RequestId::random());
    let scopes = Scopes::default().with(Scope::JobsWrite);
    // The same job, however often it is asked for.
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let ctx = Ctx::new(tenant.clone(), principal, scopes, request, at, Uuid::from_u128(number.into()));
    let new = NewJob::new("kills.records", number.to_string());
    let id = engine.job_enqueue(&ctx, new).await.unwrap().job.id;

    let job = async || engine.job_get(&tenant, id).await.unwrap().unwrap();
    let (there, opened) = (effects(&*file, &tenant, number).await, job().await);
    println!("open {there} {}", counts(&opened));
    let workers = engine.workers_start();
    let mut now = opened;
    while !now.settled {
        clock.sleep(LOOK).await;
        now = job().await;
        println!("read {}", counts(&now));
    }
    workers.stop(Duration::from_secs(5)).await;
    let letters = engine.dead_list(&tenant, None, 100, None).await.unwrap().items.len();
    println!("end {} {} {} {letters}", now.status, effects(&*file, &tenant, number).await, counts(&now));
}

fn counts(job: &Job) -> String {
    format!("{} {} {}", job.counts.processed, job.counts.failed, job.counts.total)
}

/// How many effects of a job there are, and how many of them happened more than once.
async fn effects(store: &dyn Store, tenant: &TenantId, number: u64) -> String {
    let all = Query::new(EFFECTS, key![tenant, "effects", number]).limit(1_000);
    let items = store.query_all(all).await.unwrap();
    format!("{} {}", items.len(), items.iter().filter(|item| item.int("times") > 1).count())
}

/// Each record has one effect; a batch saves its place with the effects that it had so far, so that
/// running it twice goes on where it was.
struct Records;

#[async_trait]
impl JobKind for Records {
    fn name(&self) -> &'static str {
        "kills.records"
    }

    fn scope(&self) -> Scope {
        Scope::IngestRead
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure> {
        let first: u64 = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let firsts: Vec<u64> = (first..RECORDS).step_by(BATCH as usize).take(max).collect();
        let next = firsts.last().map_or(RECORDS, |last| last + BATCH);
        let batch = |first: u64| NewBatch { payload: format!("{} {first}", job.params), records: BATCH as i64 };
        Ok(Plan { batches: firsts.into_iter().map(batch).collect(), next: (next < RECORDS).then(|| next.to_string()) })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        let (number, first) = run.payload_text().split_once(' ').unwrap();
        let (number, first): (u64, u64) = (number.parse().unwrap(), first.parse().unwrap());
        let partition = key![*run.tenant(), "effects", number];
        let mut done: u64 = run.progress().map_or(0, |progress| progress.parse().unwrap());
        while done < BATCH {
            let effect = |n: u64| Write::add(Key::new(EFFECTS, partition.clone(), key![first + n]), [("times", 1)]);
            let effects = (done..done + STEP).map(effect).collect();
            done += STEP;
            run.save_progress(done.to_string(), effects).await?;
            run.commit(Vec::new(), Tally::processed(done as i64)).await?;
        }
        Ok(Done { writes: Vec::new(), tally: Tally::processed(BATCH as i64) })
    }
}

/// Says when writes begin and end, and ends the process at a point.
struct Points {
    point: String,
    left: AtomicU64,
}

impl Points {
    fn pass(&self, when: &str, what: &str) {
        let is_here = self.point.strip_prefix(when).and_then(|rest| rest.strip_prefix('-')) == Some(what);
        if is_here && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            std::process::abort();
        }
    }
}

#[async_trait]
impl Intercept for Points {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        let what = what(&writes);
        println!("<");
        self.pass("before", what);
        let answer = inner.write(writes).await;
        self.pass("after", what);
        println!(">");
        answer
    }
}

/// What the engine means by these writes.
fn what(writes: &[Write]) -> &'static str {
    let is = |sort: &str, gone: bool| {
        let fits = |write: &&Write| (write.action == Action::Delete) == gone && write.action != Action::Check;
        writes.iter().filter(fits).any(|write| write.key.sort == sort)
    };
    if is("row", true) {
        return if is("head", false) { "settle" } else { "complete" };
    }
    if is("cursor", false) {
        return "plan";
    }
    if is("progress", false) {
        return "save";
    }
    if writes.iter().any(|write| matches!(write.action, Action::Add(_))) {
        return "count";
    }
    if is("row", false) { "lease" } else { "other" }
}

/// Writes what a batch did first, and how far it is a little later.
struct Split(Arc<dyn Clock>);

#[async_trait]
impl Intercept for Split {
    async fn write(&self, inner: &Arc<dyn Store>, writes: Vec<Write>) -> Result<Version, StoreError> {
        let (effects, rest): (Vec<_>, Vec<_>) = writes.into_iter().partition(|write| write.key.table == EFFECTS);
        if !effects.is_empty() {
            inner.write(effects).await?;
            self.0.sleep(Duration::from_millis(5)).await;
        }
        inner.write(rest).await
    }
}
