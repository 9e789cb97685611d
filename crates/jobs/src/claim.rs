//! Taking a task, keeping it, and giving it back.
//!
//! A claim is one conditional write of a lease into the task's row. Everything that the holder
//! writes from then on carries the check that this lease's *token* is still there; that check, not
//! any clock, is what correctness rests on. Clocks only decide when a lease *may* be taken over:
//! its holder gives it up at two thirds of its length by its own monotonic clock, and takers wait
//! [`TAKEOVER_MARGIN`] past its end by theirs.
//!
//! The due item stays where it is while the task runs: a sweep that comes across it rings, the
//! ring's claim reads the row, and finds a lease that holds, or one that is over.

use std::time::Duration;

use base::store::{Body, Item, Key, StoreError, When, Write};
use base::{StoreExt as _, TaskId, TenantId};
use jiff::Timestamp;
use rand::RngExt as _;

use crate::engine::lock;
use crate::model::JobStatus;
use crate::rows::job::{BatchRow, Head, batch_key, batch_payload_key, head_key};
use crate::rows::task::{Lease, Part, State, TaskRow, parked_key, payload_key, progress_key, row_key, slot_key};
use crate::{Engine, Run};

/// How long past its end by the wall clock a lease of another process is left alone.
pub(crate) const TAKEOVER_MARGIN: Duration = Duration::from_secs(2);

/// A task that killed its worker this often while it ran alone is a dead letter.
pub(crate) const DEATHS_ALONE_MAX: i64 = 3;

/// How many slots are looked at when a kind's concurrency is limited.
const SLOTS_MAX: u32 = 100;

/// How a claim was decided.
pub(crate) enum Claim {
    /// It is ours.
    Taken(Box<Run>),
    /// Not now, and nobody needs to ring again: it is gone, held, parked or somebody's else.
    Left,
    /// Not before this long from now.
    Early(Duration),
    /// This kind's concurrency is used up; whoever finishes next makes room.
    Saturated(String),
    /// A worker died with it: it may be taken only by who runs nothing else. It is not taken
    /// before that, since a lease that only waits must not count as a death alone.
    Suspect,
}

/// What else runs in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// Other tasks.
    Others,
    /// Nothing.
    Alone,
}

impl Engine {
    /// Tries to take a task that does not run in this process.
    pub(crate) async fn claim(&self, tenant: &TenantId, id: TaskId, company: Company) -> Result<Claim, StoreError> {
        if let Some((row, version)) = self.recall(id) {
            let claim = self.claim_row(row, When::Version(version), company).await?;
            // What is refused may have changed since it was remembered.
            if !matches!(claim, Claim::Left) {
                return Ok(claim);
            }
        }
        let Some(item) = self.store.get(row_key(tenant, id)).await? else { return Ok(Claim::Left) };
        let Some(row) = TaskRow::read(tenant, id, &item) else { return Ok(Claim::Left) };
        self.claim_row(row, item.unchanged(), company).await
    }

    /// Tries to take the task with this row, on the condition that it is still so.
    async fn claim_row(&self, mut row: TaskRow, unchanged: When, company: Company) -> Result<Claim, StoreError> {
        if !self.registry.knows(&row.kind) {
            return Ok(Claim::Left);
        }
        let now = self.clock.now();
        match row.state {
            State::Ready if row.due > now => return Ok(Claim::Early(self.until(row.due))),
            State::Leased if !self.is_over(&row, now) => return Ok(Claim::Left),
            State::Parked => return Ok(Claim::Left),
            State::Ready | State::Waiting | State::Leased => {}
        }
        let Some(around) = self.surroundings(&row).await? else { return Ok(Claim::Left) };
        if let Some(resting) = around.resting {
            self.park(&row, unchanged, resting).await?;
            return Ok(Claim::Left);
        }
        self.end_old_lease(&mut row);
        let alone = row.deaths > 0;
        if alone && company == Company::Others {
            return Ok(Claim::Suspect);
        }
        let until = base::clock::add(now, self.settings.lease);
        row.state = State::Leased;
        row.lease = Some(Lease { token: self.random_id(), owner: self.owner.clone(), until, alone });
        let mut writes = vec![row.put().when(unchanged)];
        let slot = match self.free_slot(&row, until).await? {
            Slot::NotNeeded => None,
            Slot::None => return Ok(Claim::Saturated(row.kind)),
            Slot::Free(free) => {
                let (key, write) = *free;
                writes.push(write);
                Some(key)
            }
        };
        match self.store.write(writes).await {
            Ok(_) => Ok(Claim::Taken(Box::new(Run::new(row, around, slot)))),
            Err(StoreError::Failed(failed)) if failed.contains(&0) => Ok(Claim::Left),
            Err(StoreError::Failed(_)) => Ok(Claim::Saturated(row.kind)),
            Err(other) => Err(other),
        }
    }

    /// Whether nobody holds the task any more, though its row says so.
    pub(crate) fn is_stale(&self, row: &TaskRow) -> bool {
        !lock(&self.running).contains_key(&row.id) && self.is_over(row, self.clock.now())
    }

    /// Whether the lease may be taken over.
    fn is_over(&self, row: &TaskRow, now: Timestamp) -> bool {
        let Some(lease) = &row.lease else { return true };
        if lease.owner == self.owner {
            // Whoever asks has made sure that it does not run here: the answer to its claim, or
            // to its ending, was lost.
            return true;
        }
        self.settings.exclusive || base::clock::add(lease.until, TAKEOVER_MARGIN) <= now
    }

    /// A lease of another process that is over means that a worker died with it.
    fn end_old_lease(&self, row: &mut TaskRow) {
        if let Some(lease) = row.lease.take().filter(|lease| lease.owner != self.owner) {
            row.deaths += 1;
            row.deaths_alone += i64::from(lease.alone);
            metrics::counter!("freight_leases_lost_total", "kind" => row.kind.clone()).increment(1);
        }
    }

    /// Reads what the run will need besides its row; `None` when its job does not want it now.
    async fn surroundings(&self, row: &TaskRow) -> Result<Option<Around>, StoreError> {
        let (tenant, id) = (&row.tenant, row.id);
        let mut keys = Vec::with_capacity(4);
        match row.part {
            Part::Plain if row.payload.is_some() => {}
            Part::Plain => keys.push(payload_key(tenant, id)),
            Part::Planner(_) => return Ok(Some(Around::default())),
            Part::Batch(job, seq) => {
                keys.push(head_key(tenant, job));
                keys.push(batch_key(tenant, job, seq));
                keys.push(batch_payload_key(tenant, job, seq));
            }
        }
        if row.progress {
            keys.push(progress_key(tenant, id));
        }
        let items = if keys.is_empty() { Vec::new() } else { self.store.get_many(&keys).await? };
        let mut items = items.into_iter();
        let mut next = || items.next().flatten();
        let mut around = Around::default();
        match row.part {
            Part::Plain | Part::Planner(_) => {
                around.payload = row.payload.clone().or_else(|| next().and_then(data));
            }
            Part::Batch(..) => {
                let (head, batch, payload) = (next(), next(), next());
                let head = head.as_ref().and_then(Head::read);
                let batch = batch.as_ref().and_then(BatchRow::read);
                let (Some(head), Some(batch)) = (head, batch) else { return Ok(None) };
                match head.status {
                    JobStatus::Running => {}
                    // A job that was resumed waits for a place again.
                    JobStatus::Paused | JobStatus::Pending => around.resting = Some(head.status),
                    _ => return Ok(None),
                }
                around.payload = batch.payload.clone().or(payload.and_then(data));
                around.batch = Some(batch);
            }
        }
        around.progress = next().and_then(data);
        Ok(Some(around))
    }

    /// Moves a task of a job that rests aside, unless the job goes on meanwhile.
    async fn park(&self, row: &TaskRow, unchanged: When, resting: JobStatus) -> Result<(), StoreError> {
        let Some(job) = row.part.job() else { return Ok(()) };
        let mut parked = row.clone();
        parked.state = State::Parked;
        parked.lease = None;
        let writes = vec![
            parked.put().when(unchanged),
            Write::delete(row.due_key()),
            Write::put(parked_key(&row.tenant, job, row.id), Body::default()),
            Write::check(head_key(&row.tenant, job), When::is("status", resting.as_str())),
        ];
        match self.store.write(writes).await {
            Ok(_) | Err(StoreError::Failed(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// A free place among those that the kind's concurrency allows.
    async fn free_slot(&self, row: &TaskRow, until: Timestamp) -> Result<Slot, StoreError> {
        if matches!(row.part, Part::Planner(_)) {
            return Ok(Slot::NotNeeded);
        }
        let Some(most) = self.registry.concurrency(&row.kind) else { return Ok(Slot::NotNeeded) };
        let keys: Vec<Key> = (0..most.min(SLOTS_MAX)).map(|n| slot_key(&row.tenant, &row.kind, n)).collect();
        let taken = self.store.get_many(&keys).await?;
        let free: Vec<usize> = (0..keys.len()).filter(|n| taken.get(*n).is_some_and(Option::is_none)).collect();
        // Everyone looks at the same places: starting at a random one keeps claimers apart.
        let start = lock(&self.dice).random_range(0..free.len().max(1));
        let Some(key) = free.get(start).and_then(|n| keys.get(*n)).cloned() else {
            return Ok(Slot::None);
        };
        let body = Body::default().with("holder", row.id.to_string());
        let write = Write::put(key.clone(), body.expiring(base::clock::add(until, TAKEOVER_MARGIN)));
        Ok(Slot::Free(Box::new((key, write.when(When::Absent)))))
    }

    /// Extends the lease.
    ///
    /// # Errors
    /// `Failed` when the lease is somebody else's by now.
    pub(crate) async fn extend(&self, run: &Run) -> Result<(), StoreError> {
        let _guard = run.row_writes.lock().await;
        let until = base::clock::add(self.clock.now(), self.settings.lease);
        let mut writes = {
            let mut row = lock(&run.row);
            if let Some(lease) = &mut row.lease {
                lease.until = until;
            }
            vec![Write::put(row.key(), row.body()).when(row.held())]
        };
        let holder = run.task().to_string();
        if let Some(slot) = &run.slot {
            let expires = base::clock::add(until, TAKEOVER_MARGIN);
            let body = Body::default().with("holder", holder.as_str()).expiring(expires);
            writes.push(Write::put(slot.clone(), body).when(When::is("holder", holder)));
        }
        self.store.write(writes).await.map(|_| ())
    }

    /// Whether the job of this run still wants it to go on.
    pub(crate) async fn is_wanted(&self, run: &Run) -> Result<bool, StoreError> {
        let Part::Batch(job, _) = run.part else { return Ok(true) };
        let head = self.store.get(head_key(&run.tenant, job)).await?;
        let status = head.as_ref().and_then(Head::read).map(|head| head.status);
        Ok(status.is_some_and(|status| !status.is_final()))
    }
}

/// What a run needs besides its row.
#[derive(Default)]
pub(crate) struct Around {
    pub(crate) payload: Option<String>,
    pub(crate) progress: Option<String>,
    pub(crate) batch: Option<BatchRow>,
    /// What the job is in while it starts nothing.
    resting: Option<JobStatus>,
}

enum Slot {
    NotNeeded,
    None,
    Free(Box<(Key, Write)>),
}

fn data(item: Item) -> Option<String> {
    item.body.data
}
