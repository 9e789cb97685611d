//! What a kind sees of the task it works on, and the only way it may write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use base::store::{Body, Key, StoreError, Version, Write};
use base::{JobId, TaskId, TenantId};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::Engine;
use crate::claim::Around;
use crate::engine::lock;
use crate::log::Draft;
use crate::model::{Class, Failure, JobStatus, LogLine, Stream, Tally};
use crate::rows::job::BatchRow;
use crate::rows::task::{Part, TaskRow, progress_key};

/// The most writes that a run may add to one transaction of the engine.
pub const OWN_WRITES_MAX: usize = 80;

/// The most writes that a run may add to a [`Run::commit`]: the engine adds the count of the job, the
/// batch, and the check of the lease.
pub const COMMIT_WRITES_MAX: usize = base::store::WRITES_MAX - 3;

/// Log lines are written at the latest when so many have gathered.
const LINES_MAX: usize = 16;

/// One run of one task, under a lease.
///
/// Whatever is written through it is written together with a check of the lease, so that a run
/// that lost its lease (it slept, the machine was stopped) writes nothing any more.
pub struct Run {
    pub(crate) tenant: TenantId,
    pub(crate) part: Part,
    pub(crate) row: Mutex<TaskRow>,
    /// Held while the row is rewritten, since the heartbeat and the run both do.
    pub(crate) row_writes: tokio::sync::Mutex<()>,
    pub(crate) batch: Mutex<Option<BatchRow>>,
    pub(crate) slot: Option<Key>,
    id: TaskId,
    attempt: u32,
    payload: String,
    progress: Option<String>,
    cancelled: CancellationToken,
    lines: Mutex<Vec<LogLine>>,
    /// Held while a commit is under way, and set until its answer is known.
    commits: tokio::sync::Mutex<()>,
    in_doubt: AtomicBool,
    /// How long the planner means to rest, and what it saw its job be.
    pub(crate) rests: OnceLock<(Duration, JobStatus)>,
    /// Set when the worker takes the run on.
    engine: OnceLock<Arc<Engine>>,
}

impl Run {
    pub(crate) fn new(row: TaskRow, around: Around, slot: Option<Key>) -> Self {
        Self {
            tenant: row.tenant.clone(),
            part: row.part,
            id: row.id,
            attempt: u32::try_from(row.attempts + 1).unwrap_or(u32::MAX),
            row: Mutex::new(row),
            row_writes: tokio::sync::Mutex::default(),
            batch: Mutex::new(around.batch),
            slot,
            payload: around.payload.unwrap_or_default(),
            progress: around.progress,
            cancelled: CancellationToken::new(),
            lines: Mutex::default(),
            commits: tokio::sync::Mutex::default(),
            in_doubt: AtomicBool::new(false),
            rests: OnceLock::new(),
            engine: OnceLock::new(),
        }
    }

    pub(crate) fn attach(&self, engine: &Arc<Engine>) {
        self.engine.get_or_init(|| engine.clone());
    }

    fn engine(&self) -> Result<&Engine, Failure> {
        self.engine.get().map(|engine| &**engine).ok_or_else(|| Failure::transient("the run has no engine"))
    }

    /// Whose task it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The task.
    pub fn task(&self) -> TaskId {
        self.id
    }

    /// The job it belongs to.
    pub fn job(&self) -> Option<JobId> {
        self.part.job()
    }

    /// Its place in the job's plan.
    pub fn batch(&self) -> Option<u32> {
        match self.part {
            Part::Batch(_, seq) => Some(seq),
            Part::Plain | Part::Planner(_) => None,
        }
    }

    /// Which attempt this is, from 1. Runs whose worker died are not counted.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The time by the engine's clock.
    pub fn now(&self) -> Result<Timestamp, Failure> {
        Ok(self.engine()?.clock.now())
    }

    /// What to do, as it was enqueued.
    pub fn payload_text(&self) -> &str {
        &self.payload
    }

    /// What to do, read.
    ///
    /// # Errors
    /// A permanent failure when the payload is not what the kind expects.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.payload).map_err(|error| Failure::permanent(format!("unreadable payload: {error}")))
    }

    /// What an earlier run of this task saved; survives a crash.
    pub fn progress(&self) -> Option<&str> {
        self.progress.as_deref()
    }

    /// What the batch has done in all so far, counted by earlier runs of it or by this one: where a kind
    /// goes on whose work has an order.
    pub fn tally(&self) -> Tally {
        lock(&self.batch).as_ref().map(|batch| batch.tally.clone()).unwrap_or_default()
    }

    /// Cancels the job that this is a part of, as somebody could: what it works on is gone. One that has
    /// come to its end stays as it is.
    ///
    /// # Errors
    /// What the store fails with.
    pub async fn job_cancel(&self) -> Result<(), Failure> {
        let Some(job) = self.job() else { return Ok(()) };
        match self.engine()?.cancel(&self.tenant, job).await {
            Err(error) if error.retryable() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Told when the job is cancelled, the lease is lost or the process stops. A run that waits
    /// for something slow should stop waiting then and return [`Class::Abandoned`].
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }

    /// The check of the lease, for a transaction of the kind's own.
    pub fn fence(&self) -> Write {
        let row = lock(&self.row);
        Write::check(row.key(), row.held())
    }

    /// Applies a part of the work, and counts it, in one transaction with the lease. `tally` is
    /// what the batch has done in all so far; only the difference is counted.
    ///
    /// # Errors
    /// [`CommitError::Failed`] names which of `writes` failed; nothing was applied.
    pub async fn commit(&self, mut writes: Vec<Write>, tally: Tally) -> Result<(), CommitError> {
        let _one_at_a_time = self.commits.lock().await;
        let own = writes.len();
        let mut counted = None;
        if let (Part::Batch(job, seq), Some(before)) = (self.part, lock(&self.batch).clone()) {
            let after = BatchRow { tally, ..before.clone() };
            if after.tally != before.tally {
                writes.extend(before.count(&after, &self.tenant, job, seq));
                writes.push(after.write(&self.tenant, job, seq));
                counted = Some(after);
            }
        }
        self.in_doubt.store(counted.is_some(), Ordering::Relaxed);
        let result = self.fenced(writes, own).await;
        if matches!(result, Ok(_) | Err(CommitError::Failed(_))) {
            self.in_doubt.store(false, Ordering::Relaxed);
        }
        result?;
        if counted.is_some() {
            *lock(&self.batch) = counted;
        }
        Ok(())
    }

    /// Whether it is not known what became of a commit: its answer was lost, or nobody waited for it.
    pub(crate) fn in_doubt(&self) -> bool {
        self.in_doubt.load(Ordering::Relaxed)
    }

    /// Saves where the run has got to, with writes of its own, in one transaction with the lease.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    pub async fn save_progress(&self, progress: impl Into<String>, mut writes: Vec<Write>) -> Result<(), CommitError> {
        let own = writes.len();
        writes.push(Write::put(progress_key(&self.tenant, self.id), Body::data(progress)));
        self.made_headway(writes, own, true).await.map(drop)
    }

    /// Writes, and notes in the row that the task makes headway: its deaths no longer count.
    pub(crate) async fn made_headway(
        &self,
        mut writes: Vec<Write>,
        own: usize,
        saved: bool,
    ) -> Result<Version, CommitError> {
        let _guard = self.row_writes.lock().await;
        // Noted before it is known: to look for progress that is not there does no harm.
        lock(&self.row).progress |= saved;
        let mut row = lock(&self.row).clone();
        row.deaths = 0;
        row.deaths_alone = 0;
        writes.push(Write::put(row.key(), row.body()).when(row.held()));
        let version = self.transact(writes, own).await?;
        *lock(&self.row) = row;
        Ok(version)
    }

    pub(crate) async fn fenced(&self, mut writes: Vec<Write>, own: usize) -> Result<Version, CommitError> {
        writes.push(self.fence());
        self.transact(writes, own).await
    }

    /// Writes; the last write is the one that checks the lease, the first `own` are the kind's.
    async fn transact(&self, writes: Vec<Write>, own: usize) -> Result<Version, CommitError> {
        let fence = writes.len() - 1;
        match self.engine()?.store.write(writes).await {
            Ok(version) => Ok(version),
            Err(StoreError::Failed(failed)) if failed.contains(&fence) => {
                self.cancelled.cancel();
                Err(CommitError::Other(Failure::new(Class::Abandoned, "the lease was lost")))
            }
            Err(StoreError::Failed(failed)) => {
                Err(CommitError::Failed(failed.into_iter().filter(|index| *index < own).collect()))
            }
            Err(other) => Err(CommitError::Other(other.into())),
        }
    }

    /// Adds a line to the job's log. The same `event` about the same `record`, logged again by
    /// a repeated run, is the same line.
    ///
    /// # Errors
    /// When the store cannot take the lines that have gathered.
    pub async fn log(
        &self,
        stream: Stream,
        event: &str,
        record: Option<&str>,
        message: impl Into<String>,
        data: Value,
    ) -> Result<(), Failure> {
        let Some(job) = self.job() else { return Ok(()) };
        let draft = Draft { stream, event, record, message: message.into(), data };
        let line = draft.line(self.now()?, job, self.id);
        let full = {
            let mut lines = lock(&self.lines);
            lines.push(line);
            lines.len() >= LINES_MAX
        };
        if full { self.flush_lines().await } else { Ok(()) }
    }

    /// Writes the lines that have gathered. They are let go only once they are written: a flush
    /// that fails, or is dropped half way, is repeated by the next one, and a line is a line once.
    pub(crate) async fn flush_lines(&self) -> Result<(), Failure> {
        let lines = lock(&self.lines).clone();
        if lines.is_empty() {
            return Ok(());
        }
        self.engine()?.log_write(&self.tenant, &lines).await?;
        lock(&self.lines).retain(|line| !lines.contains(line));
        Ok(())
    }
}

/// Why a commit was not applied.
#[derive(Debug)]
pub enum CommitError {
    /// These of the caller's own writes (by index) had conditions that did not hold.
    Failed(Vec<usize>),
    /// Anything else; returning it from the run does the right thing.
    Other(Failure),
}

impl From<Failure> for CommitError {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl From<base::Error> for CommitError {
    fn from(error: base::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Failed(indexes) => Self::transient(format!("conditions {indexes:?} did not hold")),
            CommitError::Other(failure) => failure,
        }
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("tenant", &self.tenant).field("task", &self.id).finish_non_exhaustive()
    }
}
