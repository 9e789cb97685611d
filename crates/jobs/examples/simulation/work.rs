//! What the kinds of a simulated engine do: exactly what their payload says.
//!
//! Everything that a kind does is an effect in the store, made through its run: counters of which
//! each must stand at 1 in the end, whatever was repeated. Running one twice is harmless because of
//! the engine's promises alone, which is what is to be shown.

use std::time::Duration;

use async_trait::async_trait;
use base::store::{Body, Key, Table, Write};
use base::{Clock as _, Scope, Store, StoreExt as _, TenantId, key};
use jiff::Timestamp;
use jobs::{Backoff, Class, Done, Failure, Job, JobKind, NewBatch, Plan, Policy, Registry, Run, Tally, TaskKind};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::process::SimClock;

pub(crate) const EFFECTS: Table = Table("effects");

pub(crate) const PIECES: &str = "sim.pieces";
pub(crate) const NARROW: &str = "sim.narrow";
pub(crate) const COPY: &str = "sim.copy";
pub(crate) const TICKS: &str = "sim.ticks";
/// How many pieces of a tenant's narrow jobs may hold a place at once.
pub(crate) const NARROW_MAX: u32 = 2;
/// After so many failures a piece is a dead letter; store faults do not get that far.
const ATTEMPTS_MAX: u32 = 20;

/// One batch of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Piece {
    /// Names its effects.
    pub(crate) name: String,
    pub(crate) records: i64,
    /// Steps before the end, each with an effect and saved progress.
    pub(crate) steps: u32,
    pub(crate) step_ms: u64,
    /// Fails in so many first attempts.
    pub(crate) flaky: u32,
    pub(crate) limited: bool,
    pub(crate) permanent: bool,
    pub(crate) fatal: bool,
}

impl Piece {
    /// One that does not fail.
    pub(crate) fn plain(dice: &mut StdRng, name: String) -> Self {
        let records = dice.random_range(1..5);
        Self { name, records, steps: 1, step_ms: 50, flaky: 0, limited: false, permanent: false, fatal: false }
    }

    /// One by chance; most are plain.
    pub(crate) fn drawn(dice: &mut StdRng, name: String) -> Self {
        let fate = dice.random_range(0..100);
        Self {
            name,
            records: dice.random_range(0..5),
            steps: dice.random_range(0..4),
            step_ms: if dice.random_bool(0.05) { 4_000 } else { dice.random_range(0..400) },
            flaky: if fate < 15 { dice.random_range(1..3) } else { 0 },
            limited: (15..20).contains(&fate),
            permanent: (20..27).contains(&fate),
            fatal: fate == 99,
        }
    }
}

/// The counter of an effect.
fn effect_key(tenant: &TenantId, name: &str) -> Key {
    Key::new(EFFECTS, key![tenant, "effects"], key![name])
}

/// How often an effect happened.
pub(crate) async fn effect(store: &dyn Store, tenant: &TenantId, name: &str) -> i64 {
    store.get(effect_key(tenant, name)).await.unwrap().map_or(0, |item| item.int("times"))
}

/// The name of the effect of one step.
pub(crate) fn step_name(piece: &str, step: u32) -> String {
    format!("{piece}/{step}")
}

fn happens(tenant: &TenantId, name: &str) -> Write {
    Write::add(effect_key(tenant, name), [("times", 1)])
}

async fn perform(clock: &SimClock, run: &Run) -> Result<Done, Failure> {
    let piece: Piece = run.payload()?;
    if piece.permanent {
        return Err(Failure::permanent("never"));
    }
    if piece.fatal {
        return Err(Failure::fatal("the whole job is senseless"));
    }
    if run.attempt() <= piece.flaky {
        return Err(Failure::transient("flaky"));
    }
    let begun = run.progress().map_or(0, |progress| progress.parse().unwrap());
    if piece.limited && begun == 0 && run.attempt() == 1 && run.now()?.as_millisecond() % 2 == 0 {
        return Err(Failure::new(Class::Limited(Duration::from_secs(2)), "slow down"));
    }
    for step in begun..piece.steps {
        clock.sleep(Duration::from_millis(piece.step_ms)).await;
        let effect = happens(run.tenant(), &step_name(&piece.name, step));
        run.save_progress((step + 1).to_string(), vec![effect]).await?;
        let part = piece.records * i64::from(step + 1) / i64::from(piece.steps + 1);
        run.commit(Vec::new(), Tally::processed(part)).await?;
    }
    Ok(Done { writes: vec![happens(run.tenant(), &piece.name)], tally: Tally::processed(piece.records) })
}

/// Jobs whose parameters are their pieces.
struct Pieces(SimClock, &'static str, Option<u32>);

#[async_trait]
impl JobKind for Pieces {
    fn name(&self) -> &'static str {
        self.1
    }

    fn scope(&self) -> Scope {
        Scope::IngestRead
    }

    fn policy(&self) -> Policy {
        Policy { max_attempts: ATTEMPTS_MAX, backoff: Backoff::Exponential, initial_delay_s: 1, max_delay_s: 3 }
    }

    fn concurrency(&self) -> Option<u32> {
        self.2
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure> {
        let pieces: Vec<Piece> = serde_json::from_str(&job.params).unwrap();
        let start: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        // Small pages, so that a planner dies between two of them.
        let end = start + max.min(4);
        let batch = |piece: &Piece| NewBatch { payload: serde_json::to_string(piece).unwrap(), records: piece.records };
        let batches = pieces.iter().take(end).skip(start).map(batch).collect();
        Ok(Plan { batches, next: (end < pieces.len()).then(|| end.to_string()) })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        perform(&self.0, run).await
    }
}

/// The job of a schedule's tick: one batch, which notes that it happened.
struct Ticks;

/// Where ticks are noted.
pub(crate) fn ticks_partition(tenant: &TenantId) -> String {
    key![tenant, "ticks"]
}

/// How a tick is noted.
pub(crate) fn tick_sort(schedule: &str, at: Timestamp) -> String {
    key![schedule, at]
}

#[async_trait]
impl JobKind for Ticks {
    fn name(&self) -> &'static str {
        TICKS
    }

    fn scope(&self) -> Scope {
        Scope::IngestRead
    }

    fn policy(&self) -> Policy {
        Policy { max_attempts: ATTEMPTS_MAX, backoff: Backoff::Fixed, initial_delay_s: 1, max_delay_s: 1 }
    }

    async fn plan(&self, job: &Job, _cursor: Option<&str>, _max: usize) -> Result<Plan, Failure> {
        let payload = tick_sort(job.details["schedule"].as_str().unwrap(), job.created_at);
        Ok(Plan { batches: vec![NewBatch { payload, records: 1 }], next: None })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        let noted = Key::new(EFFECTS, ticks_partition(run.tenant()), run.payload_text());
        Ok(Done { writes: vec![Write::add(noted, [("times", 1)])], tally: Tally::processed(1) })
    }
}

/// A unique task that copies a counter: whoever adds to it asks for one more copy.
struct Copy(SimClock, Arc<dyn Store>);

#[async_trait]
impl TaskKind for Copy {
    fn name(&self) -> &'static str {
        COPY
    }

    fn policy(&self) -> Policy {
        Policy { max_attempts: ATTEMPTS_MAX, backoff: Backoff::Fixed, initial_delay_s: 1, max_delay_s: 1 }
    }

    async fn run(&self, run: &Run) -> Result<Done, Failure> {
        let read = self.1.get(input_key(run.tenant())).await?.map_or(0, |item| item.int("n"));
        self.0.sleep(Duration::from_millis(300)).await;
        let output = Write::put(output_key(run.tenant()), Body::default().with("n", read));
        Ok(Done { writes: vec![output], tally: Tally::default() })
    }
}

fn input_key(tenant: &TenantId) -> Key {
    Key::new(EFFECTS, key![tenant, "copy"], "input")
}

fn output_key(tenant: &TenantId) -> Key {
    Key::new(EFFECTS, key![tenant, "copy"], "output")
}

/// What a client writes together with its request for a copy.
pub(crate) fn input(tenant: &TenantId) -> Write {
    Write::add(input_key(tenant), [("n", 1)])
}

/// What was put in and what the last copy has.
pub(crate) async fn copied(store: &dyn Store, tenant: &TenantId) -> (i64, i64) {
    let items = store.get_many(&[input_key(tenant), output_key(tenant)]).await.unwrap();
    let n = |at: usize| items[at].as_ref().map_or(0, |item| item.int("n"));
    (n(0), n(1))
}

/// All that a process knows how to do.
pub(crate) fn registry(clock: &SimClock, store: &Arc<dyn Store>) -> Registry {
    let mut registry = Registry::default();
    registry.job(Arc::new(Pieces(clock.clone(), PIECES, None)));
    registry.job(Arc::new(Pieces(clock.clone(), NARROW, Some(NARROW_MAX))));
    registry.job(Arc::new(Ticks));
    registry.task(Arc::new(Copy(clock.clone(), store.clone())));
    registry
}
