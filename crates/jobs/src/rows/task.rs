//! The task row and what lies around it.

use base::key;
use base::store::{Body, Item, Key, When, Write};
use base::{JobId, TaskId, TenantId};
use jiff::Timestamp;
use uuid::Uuid;

use super::{DUE, TASKS};
use crate::Priority;

/// A payload up to this size lies in the row, which leases rewrite; a larger one beside it.
pub(crate) const INLINE_PAYLOAD_MAX: usize = 512;

/// Due items of a tenant and topic are spread over so many partitions.
pub(crate) const DUE_SHARDS: u32 = 4;

/// What a task is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its due time, and a worker.
    Ready,
    /// Its holder.
    Leased,
    /// A planner that has planned everything: for the batches, by a ring at any time.
    Waiting,
    /// Its paused job.
    Parked,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Waiting => "waiting",
            Self::Parked => "parked",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "leased" => Self::Leased,
            "waiting" => Self::Waiting,
            "parked" => Self::Parked,
            _ => Self::Ready,
        }
    }
}

/// The part a task plays in a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// None: a plain task.
    Plain,
    /// It plans the job and settles it.
    Planner(JobId),
    /// It works on one batch.
    Batch(JobId, u32),
}

impl Part {
    pub(crate) fn job(self) -> Option<JobId> {
        match self {
            Self::Plain => None,
            Self::Planner(job) | Self::Batch(job, _) => Some(job),
        }
    }
}

/// A lease: whoever shows the token may write for the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) token: Uuid,
    pub(crate) owner: String,
    pub(crate) until: Timestamp,
    /// Whether it runs alone in its process, since it is suspected of killing it.
    pub(crate) alone: bool,
}

/// The row of a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskRow {
    pub(crate) tenant: TenantId,
    pub(crate) id: TaskId,
    pub(crate) kind: String,
    pub(crate) part: Part,
    pub(crate) priority: Priority,
    pub(crate) state: State,
    pub(crate) due: Timestamp,
    pub(crate) lease: Option<Lease>,
    /// Failed attempts that count.
    pub(crate) attempts: i64,
    /// Rate-limited or throttled tries that did not count.
    pub(crate) limited: i64,
    /// Workers that died holding it, since it last saved progress.
    pub(crate) deaths: i64,
    /// Of these, those in which it ran alone.
    pub(crate) deaths_alone: i64,
    pub(crate) unique: Option<String>,
    /// The payload, when it is short.
    pub(crate) payload: Option<String>,
    /// Whether there is an item with saved progress.
    pub(crate) progress: bool,
    /// Its last failure.
    pub(crate) error: Option<String>,
}

impl TaskRow {
    pub(crate) fn key(&self) -> Key {
        row_key(&self.tenant, self.id)
    }

    pub(crate) fn topic(&self) -> &'static str {
        topic_name(self.priority)
    }

    pub(crate) fn due_key(&self) -> Key {
        due_key(&self.tenant, self.topic(), self.due, self.id)
    }

    /// The condition that this lease still holds.
    pub(crate) fn held(&self) -> When {
        let token = self.lease.as_ref().map(|lease| lease.token.simple().to_string());
        When::is("lease", token.unwrap_or_default())
    }

    pub(crate) fn body(&self) -> Body {
        let mut body = Body::default()
            .with("v", 1)
            .with("kind", self.kind.as_str())
            .with("priority", self.priority.as_str())
            .with("state", self.state.as_str())
            .with("due", self.due.as_microsecond())
            .with("attempts", self.attempts)
            .with("limited", self.limited)
            .with("deaths", self.deaths)
            .with("deaths_alone", self.deaths_alone)
            .with("progress", self.progress);
        match self.part {
            Part::Plain => {}
            Part::Planner(job) => body = body.with("job", job.to_string()),
            Part::Batch(job, seq) => body = body.with("job", job.to_string()).with("batch", i64::from(seq)),
        }
        if let Some(lease) = &self.lease {
            body = body
                .with("lease", lease.token.simple().to_string())
                .with("owner", lease.owner.as_str())
                .with("until", lease.until.as_microsecond())
                .with("alone", lease.alone);
        }
        if let Some(unique) = &self.unique {
            body = body.with("unique", unique.as_str());
        }
        if let Some(error) = &self.error {
            body = body.with("error", error.as_str());
        }
        body.data = self.payload.clone();
        body
    }

    pub(crate) fn read(tenant: &TenantId, id: TaskId, item: &Item) -> Option<Self> {
        let job = item.text("job").and_then(|text| text.parse::<JobId>().ok());
        let batch = item.body.fields.contains_key("batch").then(|| u32::try_from(item.int("batch")).ok()).flatten();
        let lease = item.text("lease").and_then(|token| Uuid::try_parse(token).ok()).map(|token| Lease {
            token,
            owner: item.text("owner").unwrap_or_default().to_owned(),
            until: instant(item.int("until")),
            alone: item.flag("alone"),
        });
        Some(Self {
            tenant: tenant.clone(),
            id,
            kind: item.text("kind")?.to_owned(),
            part: match (job, batch) {
                (Some(job), Some(seq)) => Part::Batch(job, seq),
                (Some(job), None) => Part::Planner(job),
                (None, _) => Part::Plain,
            },
            priority: item.text("priority").and_then(|text| text.parse().ok()).unwrap_or(Priority::Normal),
            state: State::parse(item.text("state").unwrap_or_default()),
            due: instant(item.int("due")),
            lease,
            attempts: item.int("attempts"),
            limited: item.int("limited"),
            deaths: item.int("deaths"),
            deaths_alone: item.int("deaths_alone"),
            unique: item.text("unique").map(str::to_owned),
            payload: item.body.data.clone(),
            progress: item.flag("progress"),
            error: item.text("error").map(str::to_owned),
        })
    }

    /// A task that waits for `due`, not yet stored.
    pub(crate) fn new(
        tenant: &TenantId,
        id: TaskId,
        kind: &str,
        part: Part,
        priority: Priority,
        due: Timestamp,
    ) -> Self {
        Self {
            tenant: tenant.clone(),
            id,
            kind: kind.to_owned(),
            part,
            priority,
            state: State::Ready,
            due,
            lease: None,
            attempts: 0,
            limited: 0,
            deaths: 0,
            deaths_alone: 0,
            unique: None,
            payload: None,
            progress: false,
            error: None,
        }
    }

    /// The writes that make the task exist; the first one's condition is that it does not yet.
    pub(crate) fn create(&self) -> [Write; 2] {
        [self.put().when(When::Absent), self.put_due()]
    }

    pub(crate) fn put(&self) -> Write {
        Write::put(self.key(), self.body())
    }

    pub(crate) fn put_due(&self) -> Write {
        Write::put(self.due_key(), Body::default())
    }

    /// The writes that end the task; the first checks the lease.
    pub(crate) fn remove(&self) -> Vec<Write> {
        let mut writes = vec![Write::delete(self.key()).when(self.held()), Write::delete(self.due_key())];
        if self.part == Part::Plain && self.payload.is_none() {
            writes.push(Write::delete(payload_key(&self.tenant, self.id)));
        }
        if self.progress {
            writes.push(Write::delete(progress_key(&self.tenant, self.id)));
        }
        writes
    }
}

pub(crate) fn instant(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn task_partition(tenant: &TenantId, id: TaskId) -> String {
    key![tenant, "task", id]
}

pub(crate) fn row_key(tenant: &TenantId, id: TaskId) -> Key {
    Key::new(TASKS, task_partition(tenant, id), "row")
}

pub(crate) fn payload_key(tenant: &TenantId, id: TaskId) -> Key {
    Key::new(TASKS, task_partition(tenant, id), "payload")
}

pub(crate) fn progress_key(tenant: &TenantId, id: TaskId) -> Key {
    Key::new(TASKS, task_partition(tenant, id), "progress")
}

pub(crate) fn unique_key(tenant: &TenantId, kind: &str, unique: &str) -> Key {
    Key::new(TASKS, key![tenant, "unique", kind], key![unique])
}

pub(crate) fn slot_key(tenant: &TenantId, kind: &str, n: u32) -> Key {
    Key::new(TASKS, key![tenant, "slots", kind], key![n])
}

/// The directory of tenants with work; its body names the tenant.
pub(crate) fn directory_partition(topic: &str) -> String {
    key!["topic", topic]
}

pub(crate) fn directory_key(topic: &str, tenant: &TenantId) -> Key {
    Key::new(TASKS, directory_partition(topic), key![tenant])
}

pub(crate) fn due_partition(tenant: &TenantId, topic: &str, shard: u32) -> String {
    key![tenant, "due", topic, shard]
}

fn due_key(tenant: &TenantId, topic: &str, due: Timestamp, id: TaskId) -> Key {
    Key::new(DUE, due_partition(tenant, topic, due_shard(id)), key![due, id])
}

fn due_shard(id: TaskId) -> u32 {
    u32::from(id.uuid().as_bytes()[15]) % DUE_SHARDS
}

/// The task that a due item or a parked item stands for.
pub(crate) fn task_of_sort(sort: &str) -> Option<TaskId> {
    base::key::split(sort).last()?.parse().ok()
}

pub(crate) fn parked_partition(tenant: &TenantId, job: JobId) -> String {
    key![tenant, "parked", job]
}

pub(crate) fn parked_key(tenant: &TenantId, job: JobId, id: TaskId) -> Key {
    Key::new(DUE, parked_partition(tenant, job), key![id])
}

/// The topics on which tasks ring: a queue that is made by hand has to have them.
pub const TOPICS: [&str; 3] = [topic_name(Priority::High), topic_name(Priority::Normal), topic_name(Priority::Low)];

/// One topic for each priority.
pub(crate) const fn topic_name(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "tasks-high",
        Priority::Normal => "tasks-normal",
        Priority::Low => "tasks-low",
    }
}

/// The task of a batch: derived, so that whoever repeats a page of the plan makes the same one.
pub(crate) fn batch_task(job: JobId, seq: u32) -> TaskId {
    TaskId::new(Uuid::new_v5(&job.uuid(), &seq.to_be_bytes()))
}
