//! What people do with jobs: look, pause, resume, cancel, retry.
//!
//! Each change is one transaction on the head, conditional on the head not having changed since
//! it was read, that also moves the job between the lists and their totals. The planner, not the
//! caller, does what the change entails: it is rung and finds the new state.

use std::time::Duration;

use base::store::{Item, Key, Order, Query, StoreError, When, Write};
use base::{Ctx, Error, ErrorKind, JobId, Page, Result, StoreExt as _, TaskId, TenantId};
use jiff::Timestamp;
use rand::seq::IndexedRandom as _;

use crate::Engine;
use crate::engine::lock;
use crate::enqueue::{planner_row, take_unique};
use crate::model::{Batch, BatchState, Counts, Job, JobStatus};
use crate::places::place_take;
use crate::rows::JOBS;
use crate::rows::job::{
    BatchEnd, BatchRow, COUNT_SHARDS, Cursor, Head, Walk, WalkTask, batches_partition, counts_key, cursor_key,
    head_key, index_all, index_by_kind, index_by_kind_status, index_by_status, job_slot_key, list_moves, params_key,
    put_head, stop_key, sum_counts, totals_partition,
};
use crate::rows::task::{State, TaskRow, batch_task, row_key, unique_key};

/// How often a change is tried against others who change the same job.
const TRIES_MAX: usize = 16;

/// Which jobs.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Only of these kinds; `None` = of every kind.
    pub kinds: Option<Vec<String>>,
    /// Only in this state.
    pub status: Option<JobStatus>,
}

impl JobFilter {
    fn admits(&self, kind: &str, status: JobStatus) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|it| it == kind))
            && self.status.is_none_or(|it| it == status)
    }

    /// The lists whose union is what the filter admits.
    fn indexes(&self, tenant: &TenantId) -> Vec<String> {
        match (&self.kinds, self.status) {
            (None, None) => vec![index_all(tenant)],
            (None, Some(status)) => vec![index_by_status(tenant, status)],
            (Some(kinds), None) => kinds.iter().map(|kind| index_by_kind(tenant, kind)).collect(),
            (Some(kinds), Some(status)) => {
                kinds.iter().map(|kind| index_by_kind_status(tenant, kind, status)).collect()
            }
        }
    }
}

impl Engine {
    /// One job with its params and live counts.
    ///
    /// # Errors
    /// What the store says.
    pub async fn job_get(&self, tenant: &TenantId, id: JobId) -> Result<Option<Job>> {
        let mut keys = vec![head_key(tenant, id), params_key(tenant, id)];
        keys.extend((0..COUNT_SHARDS).map(|shard| counts_key(tenant, id, shard)));
        let items = self.store.get_many(&keys).await?;
        let [Some(item), params, shards @ ..] = &items[..] else { return Ok(None) };
        let Some(head) = Head::read(item) else { return Ok(None) };
        let params = params.as_ref().map(|item| item.data().to_owned()).unwrap_or_default();
        let counts = head.counts.clone().unwrap_or_else(|| sum_counts(shards.iter().flatten()));
        Ok(Some(head.view(tenant, id, item.version, counts, params)))
    }

    /// Whether all batches of a job are planned: its totals no longer grow. Ask for this first, and for
    /// the job afterwards, to know it of the counts that are shown.
    ///
    /// # Errors
    /// What the store says.
    pub async fn job_planned(&self, tenant: &TenantId, id: JobId) -> Result<bool> {
        Ok(Cursor::read(self.store.get(cursor_key(tenant, id)).await?.as_ref()).planned)
    }

    /// A page of the tenant's jobs, newest first, from index items: it costs what the page holds,
    /// not what there is.
    ///
    /// # Errors
    /// What the store says.
    pub async fn job_list(
        &self,
        tenant: &TenantId,
        filter: &JobFilter,
        limit: usize,
        after: Option<String>,
    ) -> Result<Page<Job>> {
        let mut sorts = Vec::new();
        let mut more = false;
        for index in filter.indexes(tenant) {
            let query = Query { order: Order::Descending, ..Query::new(JOBS, index).limit(limit).after(after.clone()) };
            let slice = self.store.query(query).await?;
            more |= slice.next.is_some();
            sorts.extend(slice.items.into_iter().map(|item| item.key.sort));
        }
        sorts.sort_unstable_by(|a, b| b.cmp(a));
        sorts.dedup();
        more |= sorts.len() > limit;
        sorts.truncate(limit);
        let next = if more { sorts.last().cloned() } else { None };
        let ids: Vec<JobId> = sorts.iter().filter_map(|sort| base::key::split(sort).last()?.parse().ok()).collect();
        Ok(Page { items: self.job_heads(tenant, &ids).await?, next })
    }

    /// Heads with counts: final ones lie in the head, only running jobs cost a look at shards.
    async fn job_heads(&self, tenant: &TenantId, ids: &[JobId]) -> Result<Vec<Job>> {
        let keys: Vec<Key> = ids.iter().map(|id| head_key(tenant, *id)).collect();
        let items = self.store.get_all(&keys).await?;
        let mut jobs = Vec::with_capacity(ids.len());
        for (id, item) in ids.iter().zip(&items) {
            let Some((item, head)) = item.as_ref().and_then(|item| Some((item, Head::read(item)?))) else {
                continue;
            };
            let counts = match head.counts.clone() {
                Some(counts) => counts,
                None => self.job_counts(tenant, *id).await?,
            };
            jobs.push(head.view(tenant, *id, item.version, counts, String::new()));
        }
        Ok(jobs)
    }

    pub(crate) async fn job_counts(&self, tenant: &TenantId, id: JobId) -> Result<Counts, StoreError> {
        let keys: Vec<Key> = (0..COUNT_SHARDS).map(|shard| counts_key(tenant, id, shard)).collect();
        Ok(sum_counts(self.store.get_many(&keys).await?.iter().flatten()))
    }

    /// How many jobs the filter admits, from counters.
    ///
    /// # Errors
    /// What the store says.
    pub async fn job_total(&self, tenant: &TenantId, filter: &JobFilter) -> Result<u64> {
        let totals = self.job_totals(tenant).await?;
        let admitted = totals.iter().filter(|(kind, status, _)| filter.admits(kind, *status)).map(|(_, _, n)| *n);
        Ok(u64::try_from(admitted.sum::<i64>()).unwrap_or(0))
    }

    /// How many jobs of each kind are in each state.
    ///
    /// # Errors
    /// What the store says.
    pub async fn job_totals(&self, tenant: &TenantId) -> Result<Vec<(String, JobStatus, i64)>> {
        let items = self.store.query_all(Query::new(JOBS, totals_partition(tenant))).await?;
        let read = |item: &Item| {
            let parts = base::key::split(&item.key.sort);
            let [kind, status] = &parts[..] else { return None };
            Some((kind.clone(), status.parse().ok()?, item.int("n")))
        };
        Ok(items.iter().filter_map(read).collect())
    }

    /// Holds a job: batches that run finish, none starts.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` unless it is pending or running.
    pub async fn job_pause(&self, ctx: &Ctx, id: JobId) -> Result<Job> {
        let from = |status| matches!(status, JobStatus::Pending | JobStatus::Running);
        self.job_move(&ctx.tenant, id, "pause", JobStatus::Paused, from).await
    }

    /// Lets a paused job go on: it is running again, or pending until the tenant has a place for it.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` unless it is paused.
    pub async fn job_resume(&self, ctx: &Ctx, id: JobId) -> Result<Job> {
        self.job_move(&ctx.tenant, id, "resume", JobStatus::Running, |status| status == JobStatus::Paused).await
    }

    /// Stops a job for good: what is written stays, running batches learn it at their next
    /// heartbeat, waiting ones are given up.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when it has come to its end already.
    pub async fn job_cancel(&self, ctx: &Ctx, id: JobId) -> Result<Job> {
        self.cancel(&ctx.tenant, id).await
    }

    pub(crate) async fn cancel(&self, tenant: &TenantId, id: JobId) -> Result<Job> {
        self.job_move(tenant, id, "cancel", JobStatus::Cancelled, |status: JobStatus| !status.is_final()).await
    }

    async fn job_move(
        &self,
        tenant: &TenantId,
        id: JobId,
        verb: &str,
        to: JobStatus,
        from: impl Fn(JobStatus) -> bool,
    ) -> Result<Job> {
        for _ in 0..TRIES_MAX {
            let (item, mut head) = self.job_require(tenant, id).await?;
            if !from(head.status) {
                return Err(Error::conflict(format!("Cannot {verb} job in status: {}", head.status)));
            }
            let before = head.status;
            head.status = to;
            head.updated_at = self.clock.now();
            let mut given_back = None;
            if to.is_final() {
                head.completed_at = Some(head.updated_at);
                // Whoever asks for the same again gets a job that works, not this one.
                given_back = head.unique.take().map(|key| Write::delete(unique_key(tenant, &head.kind, &key)));
            }
            let (mut left, mut taken) = (None, None);
            match to {
                // It may rest for days, and others wait for its place.
                JobStatus::Paused => left = head.slot.take(),
                // Who has begun goes on at once if there is a place; everybody else waits for one.
                JobStatus::Running if head.slot.is_none() => {
                    let free = self.free_places(tenant).await?;
                    taken = free.choose(&mut *lock(&self.dice)).copied().filter(|_| head.started_at.is_some());
                    head.slot = taken;
                    head.status = if taken.is_some() { to } else { JobStatus::Pending };
                }
                _ => {}
            }
            let mut writes = vec![put_head(tenant, id, &head, item.unchanged())];
            writes.extend(given_back);
            writes.extend(left.map(|place| Write::delete(job_slot_key(tenant, place))));
            writes.extend(taken.map(|place| place_take(tenant, place, id)));
            writes.extend(list_moves(tenant, id, &head, Some(before), Some(head.status)));
            match self.store.write(writes).await {
                Ok(_) => {
                    self.ring_planner(tenant, id, &head).await;
                    if left.is_some() {
                        self.next_in_line(tenant).await;
                    }
                    return self.job_get(tenant, id).await?.ok_or_else(|| not_found(id));
                }
                Err(StoreError::Failed(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(Error::unavailable("the job changes too often"))
    }

    /// Takes up a job again that ended badly; says how many batches that will queue.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` unless the job failed or completed with errors; `Conflict` while
    /// another job holds its unique key.
    pub async fn job_retry(&self, ctx: &Ctx, id: JobId, failed_only: bool) -> Result<i64> {
        let tenant = &ctx.tenant;
        for _ in 0..TRIES_MAX {
            let (item, head) = self.job_require(tenant, id).await?;
            let retryable = matches!(head.status, JobStatus::Failed | JobStatus::CompletedWithErrors);
            if !retryable || !head.settled {
                let text = format!("Cannot retry job in status: {}", head.status);
                return Err(Error::new(ErrorKind::Invalid, text));
            }
            let queued = self.count_retries(tenant, id, &head, failed_only).await?;
            let task = if failed_only { WalkTask::RetryFailed } else { WalkTask::RetryAll };
            let mut cursor = Cursor::read(self.store.get(cursor_key(tenant, id)).await?.as_ref());
            cursor.walk = Some(Walk { task, after: None });
            let writes = reopen(tenant, id, &item, head.clone(), self.clock.now(), Some(&cursor));
            let unique = crate::dead::uniques(&writes);
            self.mark(tenant, head.priority).await?;
            match self.store.write(writes).await {
                Ok(_) => {
                    self.ring_planner(tenant, id, &head).await;
                    return Ok(queued);
                }
                Err(StoreError::Failed(failed)) if failed.iter().any(|index| unique.contains(index)) => {
                    return Err(Error::conflict("Another job with the same unique key is already under way"));
                }
                Err(StoreError::Failed(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(Error::unavailable("the job changes too often"))
    }

    async fn count_retries(&self, tenant: &TenantId, id: JobId, head: &Head, failed_only: bool) -> Result<i64> {
        if failed_only {
            return Ok(head.counts.as_ref().map_or(0, |counts| counts.batches_failed + counts.batches_dropped));
        }
        let (mut count, mut after) = (0, None);
        loop {
            let query = Query::new(JOBS, batches_partition(tenant, id)).limit(500).after(after);
            let slice = self.store.query(query).await?;
            let rows = slice.items.iter().filter_map(BatchRow::read);
            count += i64::try_from(rows.filter(|row| crate::dead::wants_retry(row, false)).count()).unwrap_or(0);
            match slice.next {
                Some(next) => after = Some(next),
                None => return Ok(count),
            }
        }
    }

    /// Waits until a job has come to its end, at most `timeout`, and returns it as it is then.
    ///
    /// # Errors
    /// What the store says.
    pub async fn job_wait(&self, tenant: &TenantId, id: JobId, timeout: Duration) -> Result<Option<Job>> {
        let deadline = self.clock.monotonic() + timeout;
        let mut settled = self.settled.subscribe();
        loop {
            let job = self.job_get(tenant, id).await?;
            let left = deadline.saturating_sub(self.clock.monotonic());
            if left.is_zero() || job.as_ref().is_none_or(|job| job.settled) {
                return Ok(job);
            }
            // Who missed some of them looks.
            let ours = async { while settled.recv().await.is_ok_and(|other| other != id) {} };
            tokio::select! {
                biased;
                () = ours => {}
                () = self.clock.sleep(left.min(Duration::from_millis(250))) => {}
            }
        }
    }

    /// A page of a job's batches in the order of the plan.
    ///
    /// # Errors
    /// What the store says.
    pub async fn batch_list(
        &self,
        tenant: &TenantId,
        id: JobId,
        limit: usize,
        after: Option<String>,
    ) -> Result<Page<Batch>> {
        let query = Query::new(JOBS, batches_partition(tenant, id)).limit(limit).after(after);
        let slice = self.store.query(query).await?;
        let mut rows = Vec::with_capacity(slice.items.len());
        for item in &slice.items {
            let seq = base::key::split(&item.key.sort).pop().and_then(|part| u32::from_str_radix(&part, 16).ok());
            rows.extend(seq.zip(BatchRow::read(item)));
        }
        let open = rows.iter().filter(|(_, row)| row.end == BatchEnd::Open);
        let keys: Vec<Key> = open.map(|(seq, _)| row_key(tenant, batch_task(id, *seq))).collect();
        let tasks = self.store.get_all(&keys).await?;
        let mut tasks = tasks.iter();
        let mut view = |(seq, row): (u32, BatchRow)| {
            let task = if row.end == BatchEnd::Open { tasks.next().and_then(Option::as_ref) } else { None };
            let task = task.and_then(|item| TaskRow::read(tenant, batch_task(id, seq), item));
            let state = batch_state(&row, task.as_ref());
            let BatchRow { records, tally, attempts, error, .. } = row;
            Batch { seq, state, records, tally, attempts, error }
        };
        Ok(Page { items: rows.into_iter().map(&mut view).collect(), next: slice.next })
    }

    pub(crate) async fn job_require(&self, tenant: &TenantId, id: JobId) -> Result<(Item, Head)> {
        let item = self.store.get(head_key(tenant, id)).await?;
        item.and_then(|item| Head::read(&item).map(|head| (item, head))).ok_or_else(|| not_found(id))
    }

    pub(crate) async fn ring_planner(&self, tenant: &TenantId, id: JobId, head: &Head) {
        self.ring(tenant, head.priority, [(TaskId::new(id.uuid()), Duration::ZERO)]).await;
    }
}

fn batch_state(row: &BatchRow, task: Option<&TaskRow>) -> BatchState {
    match (row.end, task) {
        (BatchEnd::Completed, _) => BatchState::Completed,
        (BatchEnd::Failed, _) => BatchState::Failed,
        (BatchEnd::Open, Some(task)) if task.state == State::Leased => BatchState::Processing,
        (BatchEnd::Open, Some(task)) if task.attempts > 0 || task.limited > 0 => BatchState::Retrying,
        (BatchEnd::Open | BatchEnd::Dropped, _) => BatchState::Pending,
    }
}

/// The writes that take a settled job up again; the first one's condition is that its head has
/// not changed. With `cursor` the planner starts by walking the batches.
pub(crate) fn reopen(
    tenant: &TenantId,
    id: JobId,
    item: &Item,
    mut head: Head,
    now: Timestamp,
    cursor: Option<&Cursor>,
) -> Vec<Write> {
    let before = head.status;
    let finished = head.completed_at;
    let uncounted = crate::stats::count_settled(tenant, &head, -1);
    head.status = JobStatus::Running;
    head.settled = false;
    head.updated_at = now;
    head.completed_at = None;
    head.error = None;
    head.counts = None;
    let mut writes = vec![put_head(tenant, id, &head, item.unchanged())];
    writes.extend(list_moves(tenant, id, &head, Some(before), Some(head.status)));
    writes.push(Write::delete(stop_key(tenant, id)));
    writes.push(uncounted);
    writes.extend(finished.map(|at| Write::delete(crate::rows::job::finished_key(tenant, at, id))));
    writes.extend(cursor.map(|cursor| cursor.write(tenant, id)));
    writes.extend(planner_row(tenant, id, &head, now).create());
    writes.extend(head.unique.as_ref().map(|key| take_unique(tenant, &head.kind, key, id.uuid())));
    writes
}

pub(crate) fn not_found(id: JobId) -> Error {
    Error::not_found(format!("Job {id} not found"))
}

/// The condition that a job is still running.
pub(crate) fn is_running() -> When {
    When::is("status", JobStatus::Running.as_str())
}
