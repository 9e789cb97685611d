//! How a run ends: completed, tried again, dead, or handed back.
//!
//! Each ending is one transaction whose first write checks the lease. When the answer of that
//! transaction is lost, the row itself tells whether it was applied: gone or under another lease
//! means that it was (or that it is no longer ours to say).

use std::time::Duration;

use base::StoreExt as _;
use base::store::{StoreError, When, Write};
use serde_json::Value;

use crate::engine::lock;
use crate::log::Draft;
use crate::model::{Class, DeadLetter, Done, Failure, LogLine, Stream};
use crate::rows::job::{BatchEnd, BatchRow, batch_key, stop_key};
use crate::rows::task::{Part, State, TaskRow, row_key, unique_key};
use crate::{Engine, Run, dead};

/// A task may be rate-limited or throttled this often before it counts as a failed attempt.
const LIMITED_MAX: i64 = 100;

/// The most bytes of a reason that are kept.
const REASON_BYTES_MAX: usize = 4_096;

/// How long the planner of a job that was told to stop rests before it settles it.
const STOP_REST: Duration = Duration::from_secs(1);

/// How often an ending is tried while the store is busy or its answers are lost.
const TRIES_MAX: usize = 10;

/// How a transaction that ends a run came out.
enum Ending {
    Applied,
    /// The lease is somebody else's: whatever we wanted to say, they will.
    NotOurs,
    /// Conditions other than the lease failed, by index.
    Failed(Vec<usize>),
}

impl Engine {
    /// Ends a run in whatever way it went.
    pub(crate) async fn finish(&self, run: &Run, result: Result<Done, Failure>) -> Result<(), StoreError> {
        let result = match run.flush_lines().await {
            // A line that can never be written is no reason to undo the work it tells of.
            Err(failure) if failure.class == Class::Permanent => {
                tracing::warn!(task = %run.task(), reason = failure.reason, "log lines were lost");
                result
            }
            Err(failure) => result.and(Err(failure)),
            Ok(()) => result,
        };
        self.batch_refresh(run).await?;
        match result {
            Ok(done) => match self.complete(run, done).await {
                Ok(Ending::Applied | Ending::NotOurs) => Ok(()),
                Ok(Ending::Failed(failed)) => {
                    let failure = Failure::transient(format!("conditions {failed:?} of the last write did not hold"));
                    self.fail(run, failure).await
                }
                // What the store will never take, it must not be offered for ever.
                Err(error @ (StoreError::TooLarge { .. } | StoreError::Damaged(_))) => {
                    self.fail(run, Failure::from(error)).await
                }
                Err(error) => Err(error),
            },
            Err(failure) => self.fail(run, failure).await,
        }
    }

    /// Reads what the batch has counted, if the answer to a commit of it was lost.
    async fn batch_refresh(&self, run: &Run) -> Result<(), StoreError> {
        if let (Part::Batch(job, seq), true) = (run.part, run.in_doubt()) {
            let item = self.store.get(batch_key(run.tenant(), job, seq)).await?;
            *lock(&run.batch) = item.as_ref().and_then(BatchRow::read);
        }
        Ok(())
    }

    async fn complete(&self, run: &Run, done: Done) -> Result<Ending, StoreError> {
        let row = lock(&run.row).clone();
        let mut writes = row.remove();
        writes.extend(release_slot(run));
        let effects = if row.unique.is_some() { done.writes.clone() } else { Vec::new() };
        writes.extend(done.writes);
        if let (Part::Batch(job, seq), Some(before)) = (run.part, lock(&run.batch).clone()) {
            let after = BatchRow { tally: done.tally, end: BatchEnd::Completed, error: None, ..before.clone() };
            writes.extend(before.count(&after, &row.tenant, job, seq));
            writes.push(after.write(&row.tenant, job, seq));
        }
        let Some(unique) = &row.unique else { return self.end(run, &row, writes).await };
        let unique = unique_key(&row.tenant, &row.kind, unique);
        let at = writes.len();
        writes.push(Write::delete(unique).when(When::is("again", false)));
        match self.end(run, &row, writes).await? {
            Ending::Failed(failed) if failed == [at] => self.run_again(run, &row, effects).await,
            other => Ok(other),
        }
    }

    /// New input came while the task ran: it starts once more, keeping its unique key.
    async fn run_again(&self, run: &Run, row: &TaskRow, effects: Vec<Write>) -> Result<Ending, StoreError> {
        let unique = unique_key(&row.tenant, &row.kind, row.unique.as_deref().unwrap_or_default());
        let Some(item) = self.store.get(unique.clone()).await? else { return Ok(Ending::NotOurs) };
        let next = TaskRow { attempts: 0, limited: 0, error: None, ..row.clone() };
        let mut writes = self.requeue(row, next, Duration::ZERO);
        writes.extend(release_slot(run));
        writes.extend(effects);
        writes.push(Write::put(unique, item.body.clone().with("again", false)).when(item.unchanged()));
        let ending = self.end(run, row, writes).await?;
        self.ring(&row.tenant, row.priority, [(row.id, Duration::ZERO)]).await;
        Ok(ending)
    }

    /// Ends a run that failed.
    async fn fail(&self, run: &Run, failure: Failure) -> Result<(), StoreError> {
        let mut row = lock(&run.row).clone();
        let policy = self.policy_of(&row.tenant, &row.kind).await?;
        row.error = Some(cut(&failure.reason, 200));
        let delay = match failure.class {
            Class::Abandoned => return self.hand_back(run).await,
            Class::Permanent | Class::Fatal => return self.bury(run, &row, failure).await,
            Class::Again(delay) => {
                row.attempts = 0;
                row.limited = 0;
                row.error = None;
                delay
            }
            Class::Limited(delay) if row.limited < LIMITED_MAX => {
                row.limited += 1;
                delay
            }
            Class::Limited(_) | Class::Transient => {
                row.attempts += 1;
                if row.attempts >= i64::from(policy.max_attempts) {
                    return self.bury(run, &row, failure).await;
                }
                policy.delay(u32::try_from(row.attempts).unwrap_or(u32::MAX), &mut *lock(&self.dice))
            }
        };
        self.try_later(run, &row, &failure, delay).await
    }

    async fn try_later(&self, run: &Run, row: &TaskRow, failure: &Failure, delay: Duration) -> Result<(), StoreError> {
        if row.error.is_some() {
            metrics::counter!("freight_task_retries_total", "kind" => row.kind.clone()).increment(1);
        }
        let held = lock(&run.row).clone();
        let mut next = row.clone();
        // A failure that was reported is no death.
        next.deaths = 0;
        next.deaths_alone = 0;
        let mut writes = self.requeue(&held, next, delay);
        writes.extend(release_slot(run));
        if let (Part::Batch(job, seq), Some(before)) = (run.part, lock(&run.batch).clone()) {
            let error = Some(cut(&failure.reason, 1_000));
            let after = BatchRow { attempts: row.attempts, error, ..before };
            writes.push(after.write(&row.tenant, job, seq));
        }
        self.end(run, &held, writes).await?;
        self.ring(&row.tenant, row.priority, [(row.id, delay)]).await;
        if row.attempts > held.attempts {
            let context = dead::cut_context(failure.context.clone());
            self.log_attempt(run, row.attempts, failure.reason.clone(), context).await;
        }
        Ok(())
    }

    /// The writes that make a leased task wait again, for `delay`; the first checks the lease.
    pub(crate) fn requeue(&self, held: &TaskRow, mut next: TaskRow, delay: Duration) -> Vec<Write> {
        next.due = base::clock::add(self.clock.now(), delay);
        next.lease = None;
        if next.state == State::Leased {
            next.state = State::Ready;
        }
        let mut writes = vec![Write::put(held.key(), next.body()).when(held.held())];
        if next.due != held.due {
            writes.push(Write::delete(held.due_key()));
            writes.push(next.put_due());
        }
        writes
    }

    /// The task failed for good: a dead letter, and its batch with it.
    async fn bury(&self, run: &Run, row: &TaskRow, failure: Failure) -> Result<(), StoreError> {
        if let Part::Planner(_) = run.part {
            return self.stop_job(run, &failure).await;
        }
        let held = lock(&run.row).clone();
        let mut writes = held.remove();
        writes.extend(release_slot(run));
        let unique_at = writes.len();
        if let Some(unique) = &row.unique {
            let unmarked = When::is("again", false);
            writes.push(Write::delete(unique_key(&row.tenant, &row.kind, unique)).when(unmarked));
        }
        let letter = DeadLetter {
            id: row.id,
            kind: row.kind.clone(),
            at: self.clock.now(),
            reason: cut(&failure.reason, REASON_BYTES_MAX),
            attempts: row.attempts.max(1),
            payload: run.payload_text().to_owned(),
            job: row.part.job(),
            batch: run.batch(),
            unique: row.unique.clone(),
            priority: row.priority,
            context: dead::cut_context(failure.context),
        };
        writes.extend(dead::put(&row.tenant, &letter));
        writes.extend(self.outbox_letter(&row.tenant, &letter).await?);
        if let (Part::Batch(job, seq), Some(before)) = (run.part, lock(&run.batch).clone()) {
            let mut after = before.clone();
            after.end = BatchEnd::Failed;
            after.attempts = row.attempts.max(1);
            after.error = Some(cut(&failure.reason, 1_000));
            after.tally.failed = after.records - after.tally.processed;
            writes.extend(before.count(&after, &row.tenant, job, seq));
            writes.push(after.write(&row.tenant, job, seq));
            if failure.class == Class::Fatal {
                writes.push(Write::put(
                    stop_key(&row.tenant, job),
                    base::store::Body::data(cut(&failure.reason, REASON_BYTES_MAX)),
                ));
            }
        }
        if let Some(line) = letter_line(&letter) {
            // With the ending: once a job is settled nothing comes to its log any more. A line that is there
            // is of a run before a redrive, and gives way.
            let lines = self.line_writes(&row.tenant, &line).await?;
            writes.extend(lines.into_iter().map(|write| Write { when: When::Always, ..write }));
        }
        metrics::counter!("freight_dead_letters_total", "kind" => row.kind.clone()).increment(1);
        match self.end(run, &held, writes).await? {
            Ending::Applied => {}
            // The input that failed is not the last: the newer one gets its run.
            Ending::Failed(failed) if row.unique.is_some() && failed == [unique_at] => {
                tracing::warn!(task = %row.id, reason = failure.reason, "failed, and runs again with newer input");
                self.run_again(run, &held, Vec::new()).await?;
            }
            Ending::Failed(_) | Ending::NotOurs => {}
        }
        Ok(())
    }

    /// Adds a failed attempt to the job's log. It has happened and is stored: a line that cannot be
    /// written must not undo it.
    async fn log_attempt(&self, run: &Run, attempt: i64, reason: String, context: Value) {
        let record = run.batch().map(|seq| seq.to_string());
        let event = format!("attempt_failed {attempt}");
        let logged = run.log(Stream::Error, &event, record.as_deref(), reason, context).await;
        if logged.is_err() || run.flush_lines().await.is_err() {
            tracing::warn!(task = %run.task(), "the log line of a failure was lost");
        }
    }

    /// The planner cannot go on: the job is told to stop, and the planner to settle it so.
    async fn stop_job(&self, run: &Run, failure: &Failure) -> Result<(), StoreError> {
        let held = lock(&run.row).clone();
        let Some(job) = held.part.job() else { return Ok(()) };
        let next = TaskRow { attempts: 0, limited: 0, deaths: 0, deaths_alone: 0, ..held.clone() };
        let mut writes = self.requeue(&held, next, STOP_REST);
        writes.push(Write::put(
            stop_key(&held.tenant, job),
            base::store::Body::data(cut(&failure.reason, REASON_BYTES_MAX)),
        ));
        self.end(run, &held, writes).await?;
        self.ring(&held.tenant, held.priority, [(held.id, STOP_REST)]).await;
        Ok(())
    }

    /// Gives the task back as it was taken: no attempt is charged, somebody else may start at once.
    pub(crate) async fn hand_back(&self, run: &Run) -> Result<(), StoreError> {
        let held = lock(&run.row).clone();
        let mut writes = self.requeue(&held, held.clone(), Duration::ZERO);
        writes.extend(release_slot(run));
        self.end(run, &held, writes).await?;
        Ok(())
    }

    /// Tries a transaction whose first write checks the lease until it is known what became of it.
    ///
    /// A slot that expired, or is somebody else's by now, is no reason not to end.
    async fn end(&self, run: &Run, held: &TaskRow, mut writes: Vec<Write>) -> Result<Ending, StoreError> {
        let mut last = StoreError::Busy;
        // Where the slot's write was, once it is left out: indexes are those of what was asked for.
        let mut left_out = usize::MAX;
        for attempt in 0..TRIES_MAX {
            match self.store.write(writes.clone()).await {
                Ok(_) => return Ok(Ending::Applied),
                Err(StoreError::Failed(failed)) if failed.contains(&0) => {
                    return Ok(Ending::NotOurs);
                }
                Err(StoreError::Failed(failed)) => {
                    let slot = failed.iter().position(|index| run.slot.as_ref() == Some(&writes[*index].key));
                    let Some(slot) = slot else {
                        let asked = failed.into_iter().map(|index| index + usize::from(index >= left_out));
                        return Ok(Ending::Failed(asked.collect()));
                    };
                    left_out = failed[slot];
                    writes.remove(left_out);
                    continue;
                }
                Err(error @ (StoreError::Busy | StoreError::Unknown(_) | StoreError::Full)) => last = error,
                Err(other) => return Err(other),
            }
            self.clock.sleep(Duration::from_millis(20 << attempt.min(6))).await;
            if matches!(last, StoreError::Unknown(_)) && !self.still_held(held).await? {
                return Ok(Ending::Applied);
            }
        }
        Err(last)
    }

    async fn still_held(&self, held: &TaskRow) -> Result<bool, StoreError> {
        let item = self.store.get(row_key(&held.tenant, held.id)).await?;
        let row = item.as_ref().and_then(|item| TaskRow::read(&held.tenant, held.id, item));
        Ok(row.is_some_and(|row| {
            row.lease.as_ref().map(|lease| lease.token) == held.lease.as_ref().map(|lease| lease.token)
        }))
    }
}

/// The line of a job's log that tells of a dead letter; `None` for a task of no job.
fn letter_line(letter: &DeadLetter) -> Option<LogLine> {
    let record = letter.batch.map(|seq| seq.to_string());
    let event = format!("batch_failed {}", letter.attempts);
    let (message, data) = (letter.reason.clone(), letter.context.clone());
    let draft = Draft { stream: Stream::Error, event: &event, record: record.as_deref(), message, data };
    Some(draft.line(letter.at, letter.job?, letter.id))
}

fn release_slot(run: &Run) -> Option<Write> {
    let holder = lock(&run.row).id.to_string();
    run.slot.clone().map(|slot| Write::delete(slot).when(When::is("holder", holder)))
}

/// At most `most` bytes of a text, at a character's boundary.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
