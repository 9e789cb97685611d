//! The nouns of the engine: what a job, a batch, a failure and a log line are. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base::store::{StoreError, Version, Write};
use base::{Error, ErrorKind, JobId, TaskId, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// All of them, in the order of a life.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text that is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text).ok_or_else(|| {
                    let all: Vec<_> = Self::ALL.iter().map(|it| it.as_str()).collect();
                    Error::new(ErrorKind::Invalid, format!("Must be one of {}", all.join(", ")))
                })
            }
        }
    };
}

text_enum! {
    /// Where a job stands.
    JobStatus {
        /// Accepted and durable; its planner has not run yet.
        Pending = "pending",
        /// Being planned or worked on.
        Running = "running",
        /// Held: batches that run finish, none starts.
        Paused = "paused",
        /// All batches are done and every record with them.
        Completed = "completed",
        /// All batches are done; some records or batches failed.
        CompletedWithErrors = "completed_with_errors",
        /// Stopped by a failure that makes going on senseless.
        Failed = "failed",
        /// Stopped by somebody.
        Cancelled = "cancelled",
    }
}

impl JobStatus {
    /// Whether nothing more happens unless somebody asks for it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::CompletedWithErrors | Self::Failed | Self::Cancelled)
    }
}

text_enum! {
    /// Where a batch stands.
    BatchState {
        /// Waits for a worker.
        Pending = "pending",
        /// Is being worked on.
        Processing = "processing",
        /// Failed, and waits for its next attempt.
        Retrying = "retrying",
        /// Done.
        Completed = "completed",
        /// Failed for good: it is a dead letter.
        Failed = "failed",
    }
}

text_enum! {
    /// One of the three streams of a job's log.
    Stream {
        /// What happened.
        Info = "info",
        /// What went wrong.
        Error = "error",
        /// Changes of status, and statistics.
        Status = "status",
    }
}

text_enum! {
    /// Which work goes first.
    Priority {
        /// Before all other.
        High = "high",
        /// As it comes.
        Normal = "normal",
        /// When there is nothing else, or a little of it.
        Low = "low",
    }
}

/// What a job has done so far; `processed + failed + remaining = total` at every read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records planned so far.
    pub total: i64,
    /// Records done.
    pub processed: i64,
    /// Records failed for good.
    pub failed: i64,
    /// Batches planned so far.
    pub batches: i64,
    /// Batches completed.
    pub batches_completed: i64,
    /// Batches failed for good.
    pub batches_failed: i64,
    /// Batches given up when the job was cancelled or failed.
    pub batches_dropped: i64,
    /// Counters of the kind's own.
    #[serde(default)]
    pub extra: BTreeMap<String, i64>,
}

impl Counts {
    /// Records neither done nor failed.
    pub fn remaining(&self) -> i64 {
        self.total - self.processed - self.failed
    }

    /// Whether every batch planned has come to its end.
    pub fn all_batches_ended(&self) -> bool {
        self.batches == self.batches_completed + self.batches_failed + self.batches_dropped
    }
}

/// What one batch has done in all, so far. The engine adds the difference to what it added before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records done.
    pub processed: i64,
    /// Records failed for good.
    pub failed: i64,
    /// Counters of the kind's own.
    #[serde(default)]
    pub extra: BTreeMap<String, i64>,
}

impl Tally {
    /// So many records done.
    pub fn processed(records: i64) -> Self {
        Self { processed: records, ..Self::default() }
    }

    /// Sets a counter of the kind's own.
    #[must_use]
    pub fn with(mut self, name: &str, value: i64) -> Self {
        self.extra.insert(name.to_owned(), value);
        self
    }
}

/// A job, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Job {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub id: JobId,
    /// Which kind.
    pub kind: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Who asked for it.
    pub created_by: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
    /// When it first ran.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub completed_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
    /// What it was asked to do, as JSON text; in lists it is empty.
    pub params: String,
    /// What its kind says of it.
    pub details: Value,
    /// Whether it is at rest: its status is final and its counts no longer change.
    pub settled: bool,
    /// How far it is.
    pub counts: Counts,
    /// Its stamp, for conditional changes.
    pub version: Option<Version>,
}

/// A batch, as the owner of its job sees it.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its place in the plan, from 0.
    pub seq: u32,
    /// Where it stands.
    pub state: BatchState,
    /// How many records it holds.
    pub records: i64,
    /// What it has done.
    pub tally: Tally,
    /// How many attempts have failed.
    pub attempts: i64,
    /// Its last failure.
    pub error: Option<String>,
}

/// A line of a job's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// hash(task, record, event): the same event logged twice is one line.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// In which stream.
    pub stream: Stream,
    /// Of which job.
    pub job: JobId,
    /// What happened, in one word for programs.
    pub event: String,
    /// What happened, for people.
    pub message: String,
    /// About which record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// More, for programs.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

/// Work that failed for good, with everything needed to understand and repeat it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its name: that of the task.
    pub id: TaskId,
    /// Which kind of task.
    pub kind: String,
    /// When it died.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// After how many attempts.
    pub attempts: i64,
    /// What it was to do: JSON text.
    pub payload: String,
    /// Of which job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// Which batch of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
    /// Its unique key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<String>,
    /// Its priority.
    pub priority: Priority,
    /// Request and response, or whatever the kind thought worth keeping.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub context: Value,
}

/// How a run ended well.
#[derive(Debug, Default)]
pub struct Done {
    /// Written in the transaction that completes the task; at most 80.
    pub writes: Vec<Write>,
    /// What the batch did in all. Not used by plain tasks.
    pub tally: Tally,
}

/// How a run ended badly, and what the engine does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Tried again with backoff, until the attempts are used up.
    Transient,
    /// Tried again after this long; charges no attempt, up to a bound.
    Limited(Duration),
    /// A dead letter at once.
    Permanent,
    /// A dead letter, and the whole job stops as failed.
    Fatal,
    /// No failure at all: the task keeps itself and runs once more after this long.
    Again(Duration),
    /// Somebody else holds the task now, or the process is stopping: nothing more is written.
    Abandoned,
}

/// Why a run failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What to do about it.
    pub class: Class,
    /// Why, for the owner of the job; no secrets.
    pub reason: String,
    /// Kept in the dead letter; cut at 64 KB.
    pub context: Value,
}

impl Failure {
    /// A failure of this class.
    pub fn new(class: Class, reason: impl Into<String>) -> Self {
        Self { class, reason: reason.into(), context: Value::Null }
    }

    /// Worth another try.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self::new(Class::Transient, reason)
    }

    /// Senseless to try again.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self::new(Class::Permanent, reason)
    }

    /// Senseless to go on with the job.
    pub fn fatal(reason: impl Into<String>) -> Self {
        Self::new(Class::Fatal, reason)
    }

    /// Adds what the dead letter should keep.
    #[must_use]
    pub fn with_context(mut self, context: Value) -> Self {
        self.context = context;
        self
    }
}

impl From<StoreError> for Failure {
    /// A store that is busy or away slows work; it neither fails it nor uses up its attempts.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Failed(_) => Self::transient(error.to_string()),
            StoreError::Busy | StoreError::Unknown(_) | StoreError::Unavailable(_) | StoreError::Full => {
                Self::new(Class::Limited(Duration::from_secs(1)), error.to_string())
            }
            StoreError::TooLarge { .. } | StoreError::Damaged(_) => Self::permanent(error.to_string()),
        }
    }
}

impl From<Error> for Failure {
    /// What our own store or a limit refuses for the moment uses up no attempt either.
    fn from(error: Error) -> Self {
        let wait = error.retry_after().unwrap_or(Duration::from_secs(1));
        let class = match error.kind() {
            ErrorKind::Unavailable | ErrorKind::Full | ErrorKind::RateLimited => Class::Limited(wait),
            _ if error.retryable() => Class::Transient,
            _ => Class::Permanent,
        };
        Self::new(class, error.to_string())
    }
}
