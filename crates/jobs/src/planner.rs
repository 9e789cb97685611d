//! The planner: the task that turns a job into batches, and settles it when they have ended.
//!
//! It runs in steps; each is one transaction that checks its lease and, where the step is only
//! right for a running job, the job's status. Between steps everything it knows is in the store,
//! so a planner that dies goes on where it was. When nothing is left to plan it waits: the batch
//! that ends last rings it, and its own due time finds a ring that was lost. So no job is left
//! running by a worker that died last, and settling happens in one place.

use std::time::Duration;

use base::store::{Body, Item, Query, StoreError, Version, When, Write};
use base::{JobId, StoreExt as _, TenantId};
use rand::seq::IndexedRandom as _;
use serde_json::json;

use crate::engine::lock;
use crate::enqueue::PAYLOAD_BYTES_MAX;
use crate::job::is_running;
use crate::kind::{JobKind, Plan};
use crate::log::Draft;
use crate::model::{Class, Failure, Job, JobStatus, LogLine, Stream};
use crate::places::place_take;
use crate::rows::job::{
    BatchEnd, BatchRow, COUNT_SHARDS, Cursor, Head, Walk, WalkTask, batch_key, batch_payload_key, batches_partition,
    counts_key, cursor_key, finished_key, head_key, job_slot_key, list_moves, params_key, put_head, stop_key,
};
use crate::rows::task::{
    INLINE_PAYLOAD_MAX, State, TaskRow, batch_task, parked_key, parked_partition, progress_key, row_key, task_of_sort,
    unique_key,
};
use crate::rows::{DUE, JOBS};
use crate::run::CommitError;
use crate::{Engine, Run, dead};

/// At most so many batches are planned in one transaction: each takes three writes and a payload.
const PAGE_MAX: usize = 20;

/// At most so many bytes of payloads are planned in one transaction.
const PAGE_BYTES_MAX: usize = 3 << 20;

/// How often a step is tried again at once because what it looked at had changed.
const REFUSED_MAX: u32 = 16;

/// How long a planner that waits for batches sleeps before it looks by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// How long the planner of a paused job sleeps; resuming rings it.
const PAUSED_LOOK_AGAIN: Duration = Duration::from_secs(60);

/// How long a planner waits when all the tenant's places for running jobs are taken; a job that ends
/// rings the oldest that waits.
const PLACE_LOOK_AGAIN: Duration = Duration::from_secs(30);

/// What a step leads to.
enum Next {
    /// Another step.
    Step,
    /// Nothing before a ring, or this long from now.
    Wait(Duration),
    /// The job is settled and the planner's task is gone.
    Settled,
}

/// What a step looks at.
struct Scene {
    id: JobId,
    item: Item,
    head: Head,
    cursor: Cursor,
    stop: Option<String>,
    params: String,
}

impl Engine {
    /// Runs a planner until it has to wait. `Ok` means that it ended its own lease.
    pub(crate) async fn plan(&self, run: &Run) -> Result<(), Failure> {
        let Some(id) = run.job() else { return Err(Failure::permanent("a planner without a job")) };
        self.unpark(run, id).await?;
        let mut refused = 0;
        loop {
            if run.cancelled().is_cancelled() {
                return Err(Failure::new(Class::Abandoned, "stopping"));
            }
            let Some(scene) = self.scene(run, id).await? else {
                // The job was pruned or erased: so is its planner.
                let gone = lock(&run.row).remove();
                return Ok(self.store.write(gone).await.map(|_| ())?);
            };
            let seen = scene.head.status;
            match self.step(run, scene).await {
                Ok(Next::Step) => refused = 0,
                // The job changed while the step looked at it; one that always has is not understood.
                Err(CommitError::Failed(_)) if refused < REFUSED_MAX => refused += 1,
                Err(CommitError::Failed(failed)) => {
                    return Err(Failure::transient(format!("conditions {failed:?} of a step never held")));
                }
                Ok(Next::Settled) => {
                    // Nobody may wait for it.
                    self.settled.send(id).unwrap_or_default();
                    self.next_in_line(run.tenant()).await;
                    return Ok(());
                }
                Ok(Next::Wait(wait)) => return self.rest(run, wait, seen).await,
                Err(CommitError::Other(failure)) => return Err(failure),
            }
        }
    }

    async fn scene(&self, run: &Run, id: JobId) -> Result<Option<Scene>, StoreError> {
        let tenant = run.tenant();
        let keys = [head_key(tenant, id), cursor_key(tenant, id), stop_key(tenant, id), params_key(tenant, id)];
        let items = self.store.get_many(&keys).await?;
        let [Some(item), cursor, stop, params] = &items[..] else { return Ok(None) };
        let text = |item: &Option<Item>| item.as_ref().map(|item| item.data().to_owned());
        Ok(Head::read(item).map(|head| Scene {
            id,
            item: item.clone(),
            head,
            cursor: Cursor::read(cursor.as_ref()),
            stop: text(stop),
            params: text(params).unwrap_or_default(),
        }))
    }

    async fn step(&self, run: &Run, scene: Scene) -> Result<Next, CommitError> {
        match scene.head.status {
            JobStatus::Paused => Ok(Next::Wait(PAUSED_LOOK_AGAIN)),
            JobStatus::Pending | JobStatus::Running if scene.head.slot.is_none() => self.start(run, scene).await,
            JobStatus::Running if scene.stop.is_none() => match scene.cursor.walk.clone() {
                Some(walk) if walk.task != WalkTask::Drop => self.requeue_page(run, scene, walk).await,
                _ if !scene.cursor.planned => self.plan_page(run, scene).await,
                _ => self.settle_if_ended(run, scene).await,
            },
            _ => self.give_up(run, scene).await,
        }
    }

    /// Takes one of the tenant's places for running jobs.
    async fn start(&self, run: &Run, mut scene: Scene) -> Result<Next, CommitError> {
        let tenant = run.tenant();
        let free = self.free_places(tenant).await.map_err(Failure::from)?;
        // Any of them: who all wanted the first would have to take turns.
        let Some(slot) = free.choose(&mut *lock(&self.dice)).copied() else {
            return Ok(Next::Wait(PLACE_LOOK_AGAIN));
        };
        let before = scene.head.status;
        scene.head.status = JobStatus::Running;
        scene.head.slot = Some(slot);
        scene.head.updated_at = self.clock.now();
        scene.head.started_at = scene.head.started_at.or(Some(scene.head.updated_at));
        let mut writes =
            vec![put_head(tenant, scene.id, &scene.head, scene.item.unchanged()), place_take(tenant, slot, scene.id)];
        writes.extend(list_moves(tenant, scene.id, &scene.head, Some(before), Some(JobStatus::Running)));
        match run.fenced(writes, 2).await {
            Ok(_) => {}
            // Another job was faster to this place, which is headway: look for another.
            Err(CommitError::Failed(failed)) if failed == [1] => return Ok(Next::Step),
            Err(other) => return Err(other),
        }
        run.log(Stream::Status, "started", None, "The job started", serde_json::Value::Null).await?;
        self.unpark(run, scene.id).await?;
        if free.len() > 1 {
            self.next_in_line(tenant).await;
        }
        Ok(Next::Step)
    }

    /// Plans one page: batches, their tasks, the counts and the cursor in one transaction.
    async fn plan_page(&self, run: &Run, scene: Scene) -> Result<Next, CommitError> {
        let tenant = run.tenant();
        let Scene { id, item, head, mut cursor, params, .. } = scene;
        let kind = self.registry.jobs.get(head.kind.as_str()).cloned();
        let kind = kind.ok_or_else(|| Failure::permanent("this kind of job is not known here"))?;
        let job = head.clone().view(
            tenant,
            id,
            item.version,
            self.job_counts(tenant, id).await.map_err(Failure::from)?,
            params,
        );
        let plan = page_that_fits(&*kind, &job, cursor.plan.as_deref()).await?;
        let now = self.clock.now();
        let mut writes = vec![Write::check(head_key(tenant, id), is_running())];
        let mut tasks = Vec::with_capacity(plan.batches.len());
        let mut totals = [(0_i64, 0_i64); COUNT_SHARDS as usize];
        for batch in plan.batches {
            let seq = cursor.next_seq;
            cursor.next_seq += 1;
            let short = batch.payload.len() <= INLINE_PAYLOAD_MAX;
            let row = BatchRow::new(short.then(|| batch.payload.clone()), batch.records);
            if !short {
                writes.push(Write::put(batch_payload_key(tenant, id, seq), Body::data(batch.payload)));
            }
            writes.push(row.write(tenant, id, seq));
            let task = dead::batch_row(tenant, id, seq, &head, now);
            writes.extend(task.create());
            tasks.push(task);
            let total = &mut totals[(seq % COUNT_SHARDS) as usize];
            *total = (total.0 + batch.records, total.1 + 1);
        }
        for (shard, (records, batches)) in (0..COUNT_SHARDS).zip(totals).filter(|(_, (_, batches))| *batches > 0) {
            writes.push(Write::add(counts_key(tenant, id, shard), [("total", records), ("batches", batches)]));
        }
        cursor.planned = plan.next.is_none();
        cursor.plan = plan.next;
        writes.push(cursor.write(tenant, id));
        self.mark(tenant, head.priority).await.map_err(Failure::from)?;
        let own = writes.len();
        let version = self.saved(run, writes, own).await?;
        let rings: Vec<_> = tasks.iter().map(|task| (task.id, Duration::ZERO)).collect();
        tasks.into_iter().for_each(|task| self.remember(task, version));
        self.ring(tenant, head.priority, rings).await;
        Ok(Next::Step)
    }

    /// Queues once more the batches of a page that a retry wants.
    async fn requeue_page(&self, run: &Run, scene: Scene, walk: Walk) -> Result<Next, CommitError> {
        let tenant = run.tenant();
        let Scene { id, head, mut cursor, .. } = scene;
        let (rows, next) = self.walk_page(tenant, id, &walk).await?;
        let failed_only = walk.task == WalkTask::RetryFailed;
        let now = self.clock.now();
        let mut writes = vec![Write::check(head_key(tenant, id), is_running())];
        let mut tasks = Vec::new();
        let keys: Vec<_> = rows.iter().map(|(seq, _)| dead::letter_key(tenant, batch_task(id, *seq))).collect();
        let letters = self.store.get_many(&keys).await.map_err(Failure::from)?;
        for ((seq, row), letter) in
            rows.iter().zip(&letters).filter(|((_, row), _)| dead::wants_retry(row, failed_only))
        {
            writes.extend(dead::reopen_batch(tenant, id, *seq, &head, row, None, now));
            writes.extend(
                letter.as_ref().and_then(dead::read).into_iter().flat_map(|letter| dead::remove(tenant, &letter)),
            );
            tasks.push((batch_task(id, *seq), Duration::ZERO));
        }
        cursor.walk = next.map(|after| Walk { task: walk.task, after: Some(after) });
        writes.push(cursor.write(tenant, id));
        let own = writes.len();
        // Batches of one page share counter shards: their changes must be one write each.
        self.saved(run, merge_adds(writes), own).await?;
        self.ring(tenant, head.priority, tasks).await;
        Ok(Next::Step)
    }

    async fn walk_page(
        &self,
        tenant: &TenantId,
        id: JobId,
        walk: &Walk,
    ) -> Result<(Vec<(u32, BatchRow)>, Option<String>), Failure> {
        let query = Query::new(JOBS, batches_partition(tenant, id)).limit(10).after(walk.after.clone());
        let slice = self.store.query(query).await?;
        let seq = |item: &Item| u32::from_str_radix(&base::key::split(&item.key.sort).pop()?, 16).ok();
        let rows = slice.items.iter().filter_map(|item| Some((seq(item)?, BatchRow::read(item)?))).collect();
        Ok((rows, slice.next))
    }

    /// The job is cancelled or told to stop: what waits is dropped, what runs ends by itself.
    async fn give_up(&self, run: &Run, scene: Scene) -> Result<Next, CommitError> {
        let tenant = run.tenant();
        let mut walk = Walk { task: WalkTask::Drop, after: None };
        loop {
            let (rows, next) = self.walk_page(tenant, scene.id, &walk).await?;
            for (seq, _) in rows.into_iter().filter(|(_, row)| row.end == BatchEnd::Open) {
                self.drop_batch(run, scene.id, seq).await?;
            }
            match next {
                Some(after) => walk.after = Some(after),
                None => return self.settle_if_ended(run, scene).await,
            }
        }
    }

    /// Gives up one waiting batch; one that runs is left to its holder.
    async fn drop_batch(&self, run: &Run, id: JobId, seq: u32) -> Result<(), CommitError> {
        let (tenant, task) = (run.tenant(), batch_task(id, seq));
        let keys = [row_key(tenant, task), batch_key(tenant, id, seq)];
        let found = self.store.get_many(&keys).await.map_err(Failure::from)?;
        let [Some(item), Some(batch_item)] = &found[..] else { return Ok(()) };
        let read = TaskRow::read(tenant, task, item).zip(BatchRow::read(batch_item));
        let Some((row, before)) = read else { return Ok(()) };
        if row.state == State::Leased && !self.is_stale(&row) {
            return Ok(());
        }
        let after = BatchRow { end: BatchEnd::Dropped, ..before.clone() };
        let mut writes = vec![
            Write::delete(item.key.clone()).when(item.unchanged()),
            after.write(tenant, id, seq).when(batch_item.unchanged()),
            Write::delete(row.due_key()),
            Write::delete(parked_key(tenant, id, task)),
            Write::delete(progress_key(tenant, task)),
        ];
        writes.extend(before.count(&after, tenant, id, seq));
        let own = writes.len();
        match run.fenced(writes, own).await {
            Ok(_) | Err(CommitError::Failed(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Settles the job if every batch has ended.
    async fn settle_if_ended(&self, run: &Run, scene: Scene) -> Result<Next, CommitError> {
        let tenant = run.tenant();
        let counts = self.job_counts(tenant, scene.id).await.map_err(Failure::from)?;
        if !counts.all_batches_ended() {
            return Ok(Next::Wait(LOOK_AGAIN));
        }
        let Scene { id, item, mut head, stop, params, .. } = scene;
        let now = self.clock.now();
        let before = head.status;
        let mut checks = Vec::new();
        if before != JobStatus::Cancelled {
            head.completed_at = Some(now);
            head.status = match &stop {
                Some(_) => JobStatus::Failed,
                None if counts.failed > 0 || counts.batches_completed < counts.batches => {
                    JobStatus::CompletedWithErrors
                }
                None => JobStatus::Completed,
            };
        }
        let told_to_stop = stop.is_some();
        if !told_to_stop {
            checks.push(Write::check(stop_key(tenant, id), When::Absent));
        }
        head.error = stop;
        head.updated_at = now;
        let slot = head.slot.take();
        head.settled = true;
        head.counts = Some(counts.clone());
        let mut job = head.clone().view(tenant, id, item.version, counts, params);
        let mut writes = lock(&run.row).remove();
        let mut own = Vec::new();
        if let Some(kind) = self.registry.jobs.get(head.kind.as_str()) {
            match kind.settle(&job).await {
                Ok(settled) => {
                    head.details = settled.details;
                    own = settled.writes;
                    if settled.cancelled && head.status == JobStatus::Completed {
                        head.status = JobStatus::Cancelled;
                        job.status = head.status;
                    }
                }
                Err(failure) if told_to_stop && failure.class != Class::Abandoned => {
                    // It was tried before: a kind that cannot settle must not keep its job open.
                    head.error.get_or_insert(failure.reason);
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        let head_at = writes.len();
        writes.push(put_head(tenant, id, &head, item.unchanged()));
        writes.extend(checks);
        writes.extend(list_moves(tenant, id, &head, Some(before), Some(head.status)));
        writes.push(Write::put(finished_key(tenant, head.completed_at.unwrap_or(now), id), Body::default()));
        writes.push(crate::stats::count_settled(tenant, &head, 1));
        writes.extend(slot.map(|slot| Write::delete(job_slot_key(tenant, slot))));
        writes.extend(head.unique.as_ref().map(|key| Write::delete(unique_key(tenant, &head.kind, key))));
        writes.extend(own);
        run.flush_lines().await?;
        writes.extend(self.line_writes(tenant, &settled_line(run, &job)).await.map_err(Failure::from)?);
        match self.store.write(writes).await {
            Ok(_) => Ok(Next::Settled),
            Err(StoreError::Failed(failed)) if failed.contains(&0) => {
                Err(Failure::new(Class::Abandoned, "the lease was lost").into())
            }
            // Somebody changed the job, or told it to stop, while this was prepared: look again.
            Err(StoreError::Failed(failed)) if failed.iter().any(|index| (head_at..=head_at + 1).contains(index)) => {
                Err(CommitError::Failed(failed))
            }
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// Puts the planner to sleep.
    async fn rest(&self, run: &Run, wait: Duration, seen: JobStatus) -> Result<(), Failure> {
        run.flush_lines().await?;
        let held = lock(&run.row).clone();
        let next =
            TaskRow { state: State::Waiting, attempts: 0, limited: 0, deaths: 0, deaths_alone: 0, ..held.clone() };
        let writes = self.requeue(&held, next, wait);
        match self.store.write(writes).await {
            Ok(_) => {}
            Err(StoreError::Failed(_)) => {
                return Err(Failure::new(Class::Abandoned, "the lease was lost"));
            }
            Err(other) => return Err(other.into()),
        }
        run.rests.get_or_init(|| (wait, seen));
        Ok(())
    }

    /// Brings the tasks of a resumed job back to where workers find them.
    async fn unpark(&self, run: &Run, id: JobId) -> Result<(), Failure> {
        let tenant = run.tenant();
        while self.job_status(tenant, id).await? == Some(JobStatus::Running) {
            let slice = self.store.query(Query::new(DUE, parked_partition(tenant, id)).limit(100)).await?;
            if slice.items.is_empty() {
                break;
            }
            for parked in &slice.items {
                let Some(task) = task_of_sort(&parked.key.sort) else { continue };
                let item = self.store.get(row_key(tenant, task)).await?;
                let mut writes =
                    vec![Write::delete(parked.key.clone()), Write::check(head_key(tenant, id), is_running())];
                let row = item.as_ref().and_then(|item| Some((TaskRow::read(tenant, task, item)?, item)));
                let parked_row = row.filter(|(row, _)| row.state == State::Parked);
                if let Some((mut row, item)) = parked_row.clone() {
                    row.state = State::Ready;
                    writes.push(Write::put(row.key(), row.body()).when(item.unchanged()));
                    writes.push(row.put_due());
                }
                match self.store.write(writes).await {
                    Ok(_) | Err(StoreError::Failed(_)) => {}
                    Err(other) => return Err(other.into()),
                }
                if let Some((row, _)) = parked_row {
                    let delay = self.until(row.due);
                    self.ring(tenant, row.priority, [(row.id, delay)]).await;
                }
            }
        }
        Ok(())
    }

    async fn job_status(&self, tenant: &TenantId, id: JobId) -> Result<Option<JobStatus>, StoreError> {
        let head = self.store.get(head_key(tenant, id)).await?;
        Ok(head.as_ref().and_then(Head::read).map(|head| head.status))
    }

    /// Rings a planner that has just left, if what it rests for has come meanwhile: a ring that
    /// came while it was leaving found it here and was dropped.
    pub(crate) async fn planner_look_back(&self, run: &Run) -> Result<(), StoreError> {
        let (Some(id), Some((wait, seen))) = (run.job(), run.rests.get()) else { return Ok(()) };
        let tenant = run.tenant();
        let changed = self.job_status(tenant, id).await? != Some(*seen);
        let due = changed
            || (*wait == LOOK_AGAIN && self.job_counts(tenant, id).await?.all_batches_ended())
            || (*wait == PLACE_LOOK_AGAIN && !self.free_places(tenant).await?.is_empty());
        let delay = if due { Duration::ZERO } else { *wait };
        let priority = lock(&run.row).priority;
        self.ring(tenant, priority, [(run.task(), delay)]).await;
        Ok(())
    }

    /// A step that makes headway: the planner's deaths so far do not count against it.
    async fn saved(&self, run: &Run, writes: Vec<Write>, own: usize) -> Result<Version, CommitError> {
        if lock(&run.row).deaths == 0 {
            run.fenced(writes, own).await
        } else {
            run.made_headway(writes, own, false).await
        }
    }
}

/// A page of the plan that fits one transaction: of long payloads fewer are asked for.
async fn page_that_fits(kind: &dyn JobKind, job: &Job, cursor: Option<&str>) -> Result<Plan, Failure> {
    let mut most = PAGE_MAX;
    loop {
        let plan = kind.plan(job, cursor, most).await?;
        if plan.batches.len() > most {
            return Err(Failure::permanent("a page of the plan holds more than was asked for"));
        }
        if plan.batches.iter().any(|batch| batch.payload.len() > PAYLOAD_BYTES_MAX) {
            return Err(Failure::permanent(format!("a batch's payload is over {PAYLOAD_BYTES_MAX} bytes")));
        }
        let bytes: usize = plan.batches.iter().map(|batch| batch.payload.len()).sum();
        if bytes <= PAGE_BYTES_MAX || most == 1 {
            return Ok(plan);
        }
        most = (most / 2).max(1);
    }
}

/// The last line of a job's log, written in the transaction that settles it.
fn settled_line(run: &Run, job: &Job) -> LogLine {
    let counts = json!({
        "total": job.counts.total,
        "processed": job.counts.processed,
        "failed": job.counts.failed,
        "extra": job.counts.extra,
    });
    let event = format!("settled {}", job.updated_at);
    let message = format!("The job is {}", job.status);
    let draft = Draft { stream: Stream::Status, event: &event, record: None, message, data: counts };
    draft.line(job.updated_at, job.id, run.task())
}

/// Puts the `Add`s to one key into one write.
fn merge_adds(writes: Vec<Write>) -> Vec<Write> {
    let mut merged: Vec<Write> = Vec::with_capacity(writes.len());
    for write in writes {
        let same = merged.iter_mut().find(|other| other.key == write.key);
        match (same.map(|other| &mut other.action), &write.action) {
            (Some(base::store::Action::Add(sum)), base::store::Action::Add(more)) => sum.extend(more.iter().cloned()),
            _ => merged.push(write),
        }
    }
    merged
}
