//! Jobs that do as they are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use base::Scope;
use jobs::{Class, Done, Failure, Job, JobKind, NewBatch, Plan, Policy, Run, Stream, Tally};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// What one batch is to do; the params of a job are a list of these.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Toy {
    /// The record that its log lines are about.
    pub name: String,
    /// How many records it holds, all of which it gets done.
    pub records: i64,
    /// Of these, how many fail.
    pub failed: i64,
    /// Fails for good.
    pub broken: bool,
    /// Fails for good as long as the switch says so.
    pub switched: bool,
    /// Fails, and its job with it.
    pub fatal: bool,
    /// Logs its first line, then waits for a permit of the gate.
    pub gated: bool,
}

impl Toy {
    /// A batch that gets so many records done.
    pub fn of(name: impl Into<String>, records: i64) -> Self {
        Self { name: name.into(), records, ..Self::default() }
    }
}

/// What a case can do to batches that run.
#[derive(Debug)]
pub struct Switch {
    /// Whether switched batches fail.
    pub broken: AtomicBool,
    /// Gated batches wait here.
    pub gate: Semaphore,
    /// Has a permit for each gated batch that began to wait.
    pub waiting: Semaphore,
}

impl Default for Switch {
    fn default() -> Self {
        let closed = || Semaphore::new(0);
        Self { broken: AtomicBool::new(true), gate: closed(), waiting: closed() }
    }
}

/// The kind of such jobs. Run twice, a batch does nothing twice: it has no effects but its counts
/// and its log.
pub(super) struct ToyKind {
    pub(super) name: &'static str,
    pub(super) scope: Scope,
    pub(super) switch: Arc<Switch>,
}

#[async_trait]
impl JobKind for ToyKind {
    fn name(&self) -> &'static str {
        self.name
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn policy(&self) -> Policy {
        Policy { max_attempts: 1, ..Policy::default() }
    }

    async fn plan(&self, job: &Job, cursor: Option<&str>, max: usize) -> Result<Plan, Failure> {
        let wrong = |error: serde_json::Error| Failure::permanent(error.to_string());
        let toys: Vec<Toy> = serde_json::from_str(&job.params).map_err(wrong)?;
        let start = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let batches = toys.iter().skip(start).take(max).map(|toy| {
            let payload = serde_json::to_string(toy).map_err(wrong)?;
            Ok(NewBatch { payload, records: toy.records })
        });
        let next = (start + max < toys.len()).then(|| (start + max).to_string());
        Ok(Plan { batches: batches.collect::<Result<_, Failure>>()?, next })
    }

    async fn batch(&self, run: &Run) -> Result<Done, Failure> {
        let toy: Toy = run.payload()?;
        let about = Some(toy.name.as_str());
        run.log(Stream::Info, "begun", about, format!("begins {:?}", toy.name), Value::Null).await?;
        if toy.gated {
            self.switch.waiting.add_permits(1);
            tokio::select! {
                Ok(permit) = self.switch.gate.acquire() => permit.forget(),
                () = run.cancelled().cancelled() => {
                    return Err(Failure::new(Class::Abandoned, "told to stop"));
                }
            }
        }
        if toy.fatal {
            return Err(Failure::fatal("senseless to go on"));
        }
        if toy.broken || toy.switched && self.switch.broken.load(Ordering::SeqCst) {
            return Err(Failure::permanent("broken").with_context(json!({ "asked": toy.name })));
        }
        if toy.failed > 0 {
            let data = json!({ "count": toy.failed });
            run.log(Stream::Error, "failed", about, "some, \"failed\"", data).await?;
        }
        let processed = toy.records - toy.failed;
        let tally = Tally { processed, failed: toy.failed, ..Tally::default() };
        Ok(Done { writes: Vec::new(), tally: tally.with("seen", toy.records) })
    }
}
