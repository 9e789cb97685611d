//! Dead letters: work that failed for good, kept with everything needed to understand, mend and
//! repeat it.

use std::borrow::Cow;
use std::time::Duration;

use base::key;
use base::store::{Body, Item, Key, Query, StoreError, When, Write};
use base::{Ctx, Error, JobId, Page, Result, StoreExt as _, TaskId, TenantId};
use serde_json::Value;

use crate::enqueue::take_unique;
use crate::finish::cut;
use crate::model::{DeadLetter, JobStatus};
use crate::rows::job::{BatchEnd, BatchRow, Head, batch_key, batch_payload_key, head_key};
use crate::rows::task::{INLINE_PAYLOAD_MAX, Part, TaskRow, payload_key};
use crate::rows::{self, DEAD};
use crate::{Engine, job};

/// The most bytes of a context that a dead letter keeps.
const CONTEXT_BYTES_MAX: usize = 64 << 10;

/// The most bytes of a payload that lies inside the letter.
const PAYLOAD_INSIDE_MAX: usize = 64 << 10;

impl Engine {
    /// A page of the tenant's dead letters, newest first; payloads over 64 KB are empty here.
    ///
    /// # Errors
    /// What the store says.
    pub async fn dead_list(
        &self,
        tenant: &TenantId,
        kind: Option<&str>,
        limit: usize,
        after: Option<String>,
    ) -> Result<Page<DeadLetter>> {
        let index = kind.map_or_else(|| index_all(tenant), |kind| index_by_kind(tenant, kind));
        let slice = self.store.query(Query::new(DEAD, index).descending().limit(limit).after(after)).await?;
        let ids = slice.items.iter().filter_map(|item| crate::rows::task::task_of_sort(&item.key.sort));
        let keys: Vec<Key> = ids.map(|id| letter_key(tenant, id)).collect();
        let letters = self.store.get_all(&keys).await?;
        Ok(Page { items: letters.iter().flatten().filter_map(read).collect(), next: slice.next })
    }

    /// One dead letter.
    ///
    /// # Errors
    /// What the store says.
    pub async fn dead_get(&self, tenant: &TenantId, id: TaskId) -> Result<Option<DeadLetter>> {
        let items = self.store.get_many(&[letter_key(tenant, id), long_payload_key(tenant, id)]).await?;
        Ok(whole(&items).map(|(_, letter)| letter))
    }

    /// Changes what a dead letter will do when it is redriven.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` when somebody changed it at the same time.
    pub async fn dead_mend(&self, ctx: &Ctx, id: TaskId, payload: String) -> Result<DeadLetter> {
        let (item, mut letter) = self.dead_require(&ctx.tenant, id).await?;
        letter.payload = payload;
        let [stored, long] = stored(&ctx.tenant, &letter);
        self.store.write(vec![stored.when(item.unchanged()), long]).await?;
        Ok(letter)
    }

    /// Sends a dead letter's work back to the workers with all its attempts.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when its unique key is taken or its job was cancelled.
    pub async fn dead_redrive(&self, ctx: &Ctx, id: TaskId) -> Result<()> {
        for _ in 0..8 {
            let (item, letter) = self.dead_require(&ctx.tenant, id).await?;
            let mut writes = match (letter.job, letter.batch) {
                (Some(job), Some(seq)) => self.redrive_batch(ctx, &letter, job, seq).await?,
                _ => self.redrive_task(&ctx.tenant, &letter),
            };
            writes.extend(letter.unique.iter().map(|key| take_unique(&ctx.tenant, &letter.kind, key, id.uuid())));
            let [letter_gone, rest @ ..] = remove(&ctx.tenant, &letter);
            writes.push(letter_gone.when(item.unchanged()));
            writes.extend(rest);
            let unique = uniques(&writes);
            self.mark(&ctx.tenant, letter.priority).await?;
            match self.store.write(writes).await {
                Ok(_) => {
                    let tasks = [Some(id), letter.job.map(|job| TaskId::new(job.uuid()))];
                    self.ring(&ctx.tenant, letter.priority, tasks.into_iter().flatten().map(|id| (id, Duration::ZERO)))
                        .await;
                    return Ok(());
                }
                Err(StoreError::Failed(failed)) if failed.iter().any(|index| unique.contains(index)) => {
                    return Err(Error::conflict("Other work with the same unique key is already under way"));
                }
                Err(StoreError::Failed(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Err(Error::unavailable("a dead letter's job changes too often"))
    }

    /// Redrives all of the tenant's dead letters, or those of one kind; says how many. Letters
    /// that cannot be redriven stay.
    ///
    /// # Errors
    /// What the store says.
    pub async fn dead_redrive_all(&self, ctx: &Ctx, kind: Option<&str>) -> Result<u64> {
        let (mut redriven, mut after) = (0, None);
        loop {
            let page = self.dead_list(&ctx.tenant, kind, 100, after).await?;
            for letter in &page.items {
                match self.dead_redrive(ctx, letter.id).await {
                    Ok(()) => redriven += 1,
                    Err(error) if error.kind() == base::ErrorKind::Unavailable => return Err(error),
                    Err(error) => {
                        tracing::info!(letter = %letter.id, %error, "a dead letter stays")
                    }
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(redriven),
            }
        }
    }

    /// Forgets a dead letter. Its batch stays failed.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn dead_drop(&self, ctx: &Ctx, id: TaskId) -> Result<()> {
        let (_, letter) = self.dead_require(&ctx.tenant, id).await?;
        self.store.write(remove(&ctx.tenant, &letter).into()).await?;
        Ok(())
    }

    async fn dead_require(&self, tenant: &TenantId, id: TaskId) -> Result<(Item, DeadLetter)> {
        let items = self.store.get_many(&[letter_key(tenant, id), long_payload_key(tenant, id)]).await?;
        whole(&items)
            .map(|(item, letter)| (item.clone(), letter))
            .ok_or_else(|| Error::not_found(format!("Dead letter {id} not found")))
    }

    fn redrive_task(&self, tenant: &TenantId, letter: &DeadLetter) -> Vec<Write> {
        let mut row = TaskRow::new(tenant, letter.id, &letter.kind, Part::Plain, letter.priority, self.clock.now());
        row.unique.clone_from(&letter.unique);
        let mut writes = Vec::with_capacity(4);
        if letter.payload.len() > INLINE_PAYLOAD_MAX {
            writes.push(Write::put(payload_key(tenant, letter.id), Body::data(letter.payload.clone())));
        } else {
            row.payload = Some(letter.payload.clone());
        }
        writes.extend(row.create());
        writes
    }

    /// The batch is open again, and its job running again if it had come to its end.
    async fn redrive_batch(&self, ctx: &Ctx, letter: &DeadLetter, job: JobId, seq: u32) -> Result<Vec<Write>> {
        let tenant = &ctx.tenant;
        let keys = [head_key(tenant, job), batch_key(tenant, job, seq)];
        let found = self.store.get_many(&keys).await?;
        let gone = || Error::conflict(format!("The job {job} of this dead letter is gone"));
        let [Some(head_item), Some(batch_item)] = &found[..] else { return Err(gone()) };
        let (head, before) = Head::read(head_item).zip(BatchRow::read(batch_item)).ok_or_else(gone)?;
        let mut writes = Vec::with_capacity(24);
        if head.status.is_final() {
            if head.status == JobStatus::Cancelled || !head.settled {
                return Err(Error::conflict(format!("The job {job} is {} and cannot be redriven", head.status)));
            }
            writes.extend(job::reopen(tenant, job, head_item, head.clone(), self.clock.now(), None));
        } else {
            // Written as it is, so that a settling that has counted this batch as ended fails.
            let same = Write::put(head_item.key.clone(), head_item.body.clone());
            writes.push(same.when(head_item.unchanged()));
        }
        writes.extend(reopen_batch(tenant, job, seq, &head, &before, Some(&letter.payload), self.clock.now()));
        Ok(writes)
    }
}

/// The writes that queue a batch once more: its row, its counts, its task. The payload is written
/// only when it was changed.
pub(crate) fn reopen_batch(
    tenant: &TenantId,
    job: JobId,
    seq: u32,
    head: &Head,
    before: &BatchRow,
    payload: Option<&str>,
    now: jiff::Timestamp,
) -> Vec<Write> {
    let mut after = BatchRow::new(before.payload.clone(), before.records);
    let mut writes = Vec::with_capacity(5);
    if let Some(payload) = payload {
        after.payload = (payload.len() <= INLINE_PAYLOAD_MAX).then(|| payload.to_owned());
        if after.payload.is_none() {
            writes.push(Write::put(batch_payload_key(tenant, job, seq), Body::data(payload)));
        }
    }
    writes.push(after.write(tenant, job, seq));
    writes.extend(before.count(&after, tenant, job, seq));
    writes.extend(batch_row(tenant, job, seq, head, now).create());
    writes
}

/// Which of the writes take a unique key.
pub(crate) fn uniques(writes: &[Write]) -> Vec<usize> {
    let takes = |write: &Write| {
        write.when == When::Absent && base::key::split(&write.key.partition).get(1).is_some_and(|part| part == "unique")
    };
    (0..writes.len()).filter(|index| takes(&writes[*index])).collect()
}

/// The task of a batch.
pub(crate) fn batch_row(tenant: &TenantId, job: JobId, seq: u32, head: &Head, due: jiff::Timestamp) -> TaskRow {
    let id = crate::rows::task::batch_task(job, seq);
    TaskRow::new(tenant, id, &head.kind, Part::Batch(job, seq), head.priority, due)
}

/// Whether a batch is one that a retry takes up again.
pub(crate) fn wants_retry(batch: &BatchRow, failed_only: bool) -> bool {
    match batch.end {
        // A batch that was given up has no dead letter: nothing else would ever take it up.
        BatchEnd::Failed | BatchEnd::Dropped => true,
        BatchEnd::Completed => !failed_only && batch.tally.failed > 0,
        BatchEnd::Open => false,
    }
}

/// A letter, and beside it its payload when that is long: inside another JSON text each of its
/// quotes takes two bytes.
fn stored(tenant: &TenantId, letter: &DeadLetter) -> [Write; 2] {
    let beside = long_payload_key(tenant, letter.id);
    let inside = without_long_payload(letter);
    let letter_put = Write::put(letter_key(tenant, letter.id), Body::data(rows::encode(&*inside)));
    let beside = match inside {
        Cow::Borrowed(_) => Write::delete(beside),
        Cow::Owned(_) => Write::put(beside, Body::data(letter.payload.clone())),
    };
    [letter_put, beside]
}

/// A letter as it fits into one item: without its payload, if that is long.
pub(crate) fn without_long_payload(letter: &DeadLetter) -> Cow<'_, DeadLetter> {
    match letter.payload.len() <= PAYLOAD_INSIDE_MAX {
        true => Cow::Borrowed(letter),
        false => Cow::Owned(DeadLetter { payload: String::new(), ..letter.clone() }),
    }
}

/// A letter with its payload, from its two items.
fn whole(items: &[Option<Item>]) -> Option<(&Item, DeadLetter)> {
    let [Some(item), beside] = items else { return None };
    let mut letter = read(item)?;
    if let Some(beside) = beside {
        letter.payload = beside.data().to_owned();
    }
    Some((item, letter))
}

pub(crate) fn put(tenant: &TenantId, letter: &DeadLetter) -> [Write; 4] {
    let sort = key![letter.at, letter.id];
    let [letter_put, beside] = stored(tenant, letter);
    [
        letter_put,
        beside,
        Write::put(Key::new(DEAD, index_all(tenant), sort.clone()), Body::default()),
        Write::put(Key::new(DEAD, index_by_kind(tenant, &letter.kind), sort), Body::default()),
    ]
}

pub(crate) fn remove(tenant: &TenantId, letter: &DeadLetter) -> [Write; 4] {
    let sort = key![letter.at, letter.id];
    [
        Write::delete(letter_key(tenant, letter.id)),
        Write::delete(long_payload_key(tenant, letter.id)),
        Write::delete(Key::new(DEAD, index_all(tenant), sort.clone())),
        Write::delete(Key::new(DEAD, index_by_kind(tenant, &letter.kind), sort)),
    ]
}

/// A context cut at 64 KB: a longer one becomes its text with a mark.
pub(crate) fn cut_context(context: Value) -> Value {
    let text = context.to_string();
    if text.len() <= CONTEXT_BYTES_MAX {
        return context;
    }
    serde_json::json!({ "cut_at_bytes": CONTEXT_BYTES_MAX, "text": cut(&text, CONTEXT_BYTES_MAX) })
}

pub(crate) fn read(item: &Item) -> Option<DeadLetter> {
    rows::decode(item)
}

pub(crate) fn letter_key(tenant: &TenantId, id: TaskId) -> Key {
    Key::new(DEAD, key![tenant, "letter", id], "letter")
}

fn long_payload_key(tenant: &TenantId, id: TaskId) -> Key {
    Key::new(DEAD, key![tenant, "letter", id], "payload")
}

pub(crate) fn index_all(tenant: &TenantId) -> String {
    key![tenant, "dead"]
}

pub(crate) fn index_by_kind(tenant: &TenantId, kind: &str) -> String {
    key![tenant, "dead", kind]
}
