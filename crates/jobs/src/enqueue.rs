//! How work comes into being.
//!
//! An enqueue is part of the caller's own write: either the caller's items and the task are there
//! together, or neither is. Only then is the bell rung. When the unique key is taken the write
//! fails as a whole and is retried with a *join* or a *mark* in place of the enqueue, so that the
//! caller's own items are written in any case.

use std::time::Duration;

use base::ctx::derived_uuid;
use base::store::{Body, Item, StoreError, When, Write};
use base::{Ctx, Error, JobId, Result, StoreExt as _, TaskId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use crate::rows::job::{Head, head_key, list_moves, params_key};
use crate::rows::task::{INLINE_PAYLOAD_MAX, Part, TaskRow, payload_key, unique_key};
use crate::{Counts, Engine, Job, Priority};

/// The most bytes of a payload.
pub const PAYLOAD_BYTES_MAX: usize = 256 << 10;

/// How often an enqueue is tried against writers that change its unique key at the same time.
const TRIES_MAX: usize = 16;

/// A job to be made.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Which kind; must be registered.
    pub kind: &'static str,
    /// What to do, as JSON text; at most 256 KB.
    pub params: String,
    /// How urgent.
    pub priority: Priority,
    /// At most one job of the kind with this key is open at a time: the next request joins it.
    pub unique: Option<String>,
    /// What its kind says of it from the start.
    pub details: Value,
    /// The caller's own writes, applied in the same transaction; at most 80.
    pub writes: Vec<Write>,
}

impl NewJob {
    /// A job of normal priority that is not unique.
    pub fn new(kind: &'static str, params: String) -> Self {
        Self { kind, params, priority: Priority::Normal, unique: None, details: Value::Null, writes: Vec::new() }
    }
}

/// A job that is durable now.
#[derive(Clone, Debug)]
pub struct Enqueued {
    /// The job: the one asked for, or the one that holds the unique key.
    pub job: Job,
    /// Whether it was already there.
    pub joined: bool,
}

/// What to do when the unique key of a plain task is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTaken {
    /// The task in hand will do.
    Join,
    /// The task in hand may have read its input already: it is to run once more.
    Again,
}

/// A plain task to be made.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// Which kind; must be registered.
    pub kind: &'static str,
    /// What to do, as JSON text; at most 256 KB.
    pub payload: String,
    /// How urgent.
    pub priority: Priority,
    /// Not before this long from now.
    pub delay: Duration,
    /// At most one open task of the kind with this key.
    pub unique: Option<(String, OnTaken)>,
}

impl NewTask {
    /// A task of normal priority, due now, that is not unique.
    pub fn new(kind: &'static str, payload: String) -> Self {
        Self { kind, payload, priority: Priority::Normal, delay: Duration::ZERO, unique: None }
    }
}

impl Engine {
    /// Makes a job durable, together with the caller's own writes, or joins the one that holds
    /// its unique key (the caller's writes are then applied without it).
    ///
    /// # Errors
    /// `Invalid` for an unknown kind or a payload that is too large, `Conflict` when a condition
    /// of the caller's writes fails, otherwise what the store says.
    pub async fn job_enqueue(&self, ctx: &Ctx, new: NewJob) -> Result<Enqueued> {
        if !self.registry.jobs.contains_key(new.kind) {
            return Err(Error::internal(format!("no job kind {} is registered", new.kind)));
        }
        check_payload(&new.params)?;
        self.mark(&ctx.tenant, new.priority).await?;
        self.prune_arm(&ctx.tenant).await?;
        let label = format!("job {} {}", new.kind, new.unique.as_deref().unwrap_or_default());
        let id = JobId::new(ctx.uuid(&label));
        for _ in 0..TRIES_MAX {
            if let Some(enqueued) = self.job_enqueue_once(ctx, id, &new).await? {
                return Ok(enqueued);
            }
        }
        Err(Error::unavailable("the unique key of a job changed hands too often"))
    }

    /// `None` when the holder of the unique key let go of it meanwhile.
    async fn job_enqueue_once(&self, ctx: &Ctx, id: JobId, new: &NewJob) -> Result<Option<Enqueued>> {
        let tenant = &ctx.tenant;
        let mut head = Head::new(new.kind, new.priority, ctx.principal.as_str(), ctx.now(), new.details.clone());
        head.unique.clone_from(&new.unique);
        let own = new.writes.len();
        let mut writes = new.writes.clone();
        writes.push(Write::put(head_key(tenant, id), head.body()).when(When::Absent));
        if let Some(unique) = &new.unique {
            writes.push(take_unique(tenant, new.kind, unique, id.uuid()));
        }
        writes.push(Write::put(params_key(tenant, id), Body::data(new.params.clone())));
        writes.extend(list_moves(tenant, id, &head, None, Some(head.status)));
        let planner = planner_row(tenant, id, &head, self.clock.now());
        writes.extend(planner.create());
        let failed = match self.store.write(writes).await {
            Ok(version) => {
                self.ring(tenant, new.priority, [(planner.id, Duration::ZERO)]).await;
                // As it was accepted, whatever has become of it since.
                let job = head.view(tenant, id, Some(version), Counts::default(), new.params.clone());
                return Ok(Some(Enqueued { job, joined: false }));
            }
            Err(StoreError::Failed(failed)) => failed,
            Err(other) => return Err(other.into()),
        };
        if failed.contains(&own) {
            // This very request made it before: its answer was lost, or it was taken over.
            return Ok(self.job_get(tenant, id).await?.map(|job| Enqueued { job, joined: false }));
        }
        if failed.iter().any(|index| *index < own) {
            return Err(StoreError::Failed(failed).into());
        }
        self.job_join(tenant, new).await
    }

    /// Applies the caller's writes on the condition that the unique key is still held.
    async fn job_join(&self, tenant: &TenantId, new: &NewJob) -> Result<Option<Enqueued>> {
        let Some(unique) = &new.unique else { return Ok(None) };
        let Some((holder, item)) = self.unique_holder(tenant, new.kind, unique).await? else {
            return Ok(None);
        };
        let Some(job) = self.job_get(tenant, JobId::new(holder)).await? else { return Ok(None) };
        if !new.writes.is_empty() {
            let mut writes = new.writes.clone();
            writes.push(Write::check(item.key.clone(), item.unchanged()));
            if !self.applied_unless_moved(writes).await? {
                return Ok(None);
            }
        }
        Ok(Some(Enqueued { job, joined: true }))
    }

    /// Makes a plain task durable, together with the caller's own writes (at most 80). Returns
    /// the task that will do the work, which is another one if the unique key was taken.
    ///
    /// # Errors
    /// As for [`job_enqueue`](Self::job_enqueue).
    pub async fn task_enqueue(&self, tenant: &TenantId, new: NewTask, own: Vec<Write>) -> Result<TaskId> {
        if !self.registry.tasks.contains_key(new.kind) {
            return Err(Error::internal(format!("no task kind {} is registered", new.kind)));
        }
        check_payload(&new.payload)?;
        self.mark(tenant, new.priority).await?;
        let id = TaskId::new(derived_uuid(self.clock.now(), &[self.random_id().as_bytes()]));
        for _ in 0..TRIES_MAX {
            if let Some(id) = self.task_enqueue_once(tenant, id, &new, &own).await? {
                return Ok(id);
            }
        }
        Err(Error::unavailable("the unique key of a task changed hands too often"))
    }

    async fn task_enqueue_once(
        &self,
        tenant: &TenantId,
        id: TaskId,
        new: &NewTask,
        own: &[Write],
    ) -> Result<Option<TaskId>> {
        let due = base::clock::add(self.clock.now(), new.delay);
        let mut row = TaskRow::new(tenant, id, new.kind, Part::Plain, new.priority, due);
        row.unique = new.unique.as_ref().map(|(key, _)| key.clone());
        let mut writes = own.to_vec();
        if new.payload.len() > INLINE_PAYLOAD_MAX {
            writes.push(Write::put(payload_key(tenant, id), Body::data(new.payload.clone())));
        } else {
            row.payload = Some(new.payload.clone());
        }
        // The id was drawn for this task alone: no row can be there, and nobody needs to look.
        writes.extend([row.put(), row.put_due()]);
        let unique_at = writes.len();
        if let Some((key, _)) = &new.unique {
            writes.push(take_unique(tenant, new.kind, key, id.uuid()));
        }
        match self.store.write(writes).await {
            Ok(version) => {
                if new.delay.is_zero() {
                    self.remember(row, version);
                }
                self.ring(tenant, new.priority, [(id, new.delay)]).await;
                Ok(Some(id))
            }
            Err(StoreError::Failed(failed)) if failed == [unique_at] => self.task_join(tenant, new, own).await,
            Err(other) => Err(other.into()),
        }
    }

    async fn task_join(&self, tenant: &TenantId, new: &NewTask, own: &[Write]) -> Result<Option<TaskId>> {
        let Some((unique, on_taken)) = &new.unique else { return Ok(None) };
        let Some((holder, item)) = self.unique_holder(tenant, new.kind, unique).await? else {
            return Ok(None);
        };
        let mut writes = own.to_vec();
        writes.push(match on_taken {
            OnTaken::Join => Write::check(item.key.clone(), item.unchanged()),
            // Of a crowd one leaves the mark; who finds it relies on it.
            OnTaken::Again if item.flag("again") => Write::check(item.key.clone(), item.unchanged()),
            OnTaken::Again => {
                let body = item.body.clone().with("again", true);
                Write::put(item.key.clone(), body).when(item.unchanged())
            }
        });
        Ok(self.applied_unless_moved(writes).await?.then(|| TaskId::new(holder)))
    }

    /// Whether the writes were applied; `false` when the last one's condition (that the unique
    /// key has not moved) failed and no other.
    async fn applied_unless_moved(&self, writes: Vec<Write>) -> Result<bool> {
        let last = writes.len() - 1;
        match self.store.write(writes).await {
            Ok(_) => Ok(true),
            Err(StoreError::Failed(failed)) if failed == [last] => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    async fn unique_holder(&self, tenant: &TenantId, kind: &str, unique: &str) -> Result<Option<(Uuid, Item)>> {
        let item = self.store.get(unique_key(tenant, kind, unique)).await?;
        Ok(item.and_then(|item| Some((Uuid::try_parse(item.text("holder")?).ok()?, item))))
    }
}

/// The task that plans and settles a job; it has the job's own UUID.
pub(crate) fn planner_row(tenant: &TenantId, id: JobId, head: &Head, due: jiff::Timestamp) -> TaskRow {
    TaskRow::new(tenant, TaskId::new(id.uuid()), &head.kind, Part::Planner(id), head.priority, due)
}

pub(crate) fn take_unique(tenant: &TenantId, kind: &str, unique: &str, holder: Uuid) -> Write {
    let body = Body::default().with("holder", holder.to_string()).with("again", false);
    Write::put(unique_key(tenant, kind, unique), body).when(When::Absent)
}

fn check_payload(payload: &str) -> Result<()> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        let text = format!("A task's payload is at most {PAYLOAD_BYTES_MAX} bytes");
        return Err(Error::new(base::ErrorKind::TooLarge, text));
    }
    Ok(())
}
