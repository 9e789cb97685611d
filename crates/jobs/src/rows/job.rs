//! The items of a job: head, params, cursor, stop, counts, batches; its places in the lists.

use std::collections::BTreeMap;

use base::key;
use base::store::{Body, Field, Item, Key, Version, When, Write};
use base::{JobId, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{JOBS, decode, encode};
use crate::model::{Counts, Job, JobStatus, Priority, Tally};

/// Counters of a job are spread over so many items.
pub(crate) const COUNT_SHARDS: u32 = 8;

/// The head: what lists show. It changes only when the job changes state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) kind: String,
    pub(crate) status: JobStatus,
    pub(crate) priority: Priority,
    /// Whether the planner has put the job to rest: counts are final, slots are given back.
    pub(crate) settled: bool,
    pub(crate) unique: Option<String>,
    pub(crate) created_by: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) error: Option<String>,
    pub(crate) details: Value,
    /// Which of the tenant's places for running jobs it holds.
    pub(crate) slot: Option<u32>,
    /// The final counts, once settled.
    pub(crate) counts: Option<Counts>,
}

impl Head {
    pub(crate) fn new(kind: &str, priority: Priority, created_by: &str, at: Timestamp, details: Value) -> Self {
        Self {
            kind: kind.to_owned(),
            status: JobStatus::Pending,
            priority,
            settled: false,
            unique: None,
            created_by: created_by.to_owned(),
            created_at: at,
            updated_at: at,
            started_at: None,
            completed_at: None,
            error: None,
            details,
            slot: None,
            counts: None,
        }
    }

    pub(crate) fn read(item: &Item) -> Option<Self> {
        decode(item)
    }

    pub(crate) fn body(&self) -> Body {
        Body::data(encode(self)).with("status", self.status.as_str()).with("settled", self.settled)
    }

    /// The job whose head this is, in this version.
    pub(crate) fn view(
        self,
        tenant: &TenantId,
        id: JobId,
        version: Option<Version>,
        counts: Counts,
        params: String,
    ) -> Job {
        Job {
            tenant: tenant.clone(),
            id,
            kind: self.kind,
            status: self.status,
            created_by: self.created_by,
            created_at: self.created_at,
            updated_at: self.updated_at,
            started_at: self.started_at,
            completed_at: self.completed_at,
            error: self.error,
            params,
            details: self.details,
            settled: self.settled,
            counts,
            version,
        }
    }
}

/// The planner's place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// Where the kind's plan goes on; `None` before the first page.
    pub(crate) plan: Option<String>,
    /// Whether the plan is complete.
    pub(crate) planned: bool,
    /// The next batch's place.
    pub(crate) next_seq: u32,
    /// Going through the batches again, from this sort key on: to queue the failed ones once
    /// more, or to give up the waiting ones.
    pub(crate) walk: Option<Walk>,
}

/// A pass over all batches of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Walk {
    pub(crate) task: WalkTask,
    pub(crate) after: Option<String>,
}

/// What a pass over the batches is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WalkTask {
    /// Queue the batches that failed.
    RetryFailed,
    /// Queue every batch that is not wholly done.
    RetryAll,
    /// Give up the batches that wait.
    Drop,
}

impl Cursor {
    pub(crate) fn read(item: Option<&Item>) -> Self {
        item.and_then(decode).unwrap_or_default()
    }

    pub(crate) fn write(&self, tenant: &TenantId, id: JobId) -> Write {
        Write::put(cursor_key(tenant, id), Body::data(encode(self)))
    }
}

/// How far a batch has come, as it is stored; "processing" and "retrying" are read off its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BatchEnd {
    Open,
    Completed,
    Failed,
    Dropped,
}

/// The item of a batch: its payload for a later retry, and what it has counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BatchRow {
    pub(crate) end: BatchEnd,
    pub(crate) records: i64,
    pub(crate) tally: Tally,
    pub(crate) attempts: i64,
    pub(crate) error: Option<String>,
    /// The payload, when it is short; else it is an item of its own.
    pub(crate) payload: Option<String>,
}

impl BatchRow {
    pub(crate) fn new(payload: Option<String>, records: i64) -> Self {
        Self { end: BatchEnd::Open, records, tally: Tally::default(), attempts: 0, error: None, payload }
    }

    pub(crate) fn read(item: &Item) -> Option<Self> {
        decode(item)
    }

    pub(crate) fn write(&self, tenant: &TenantId, job: JobId, seq: u32) -> Write {
        Write::put(batch_key(tenant, job, seq), Body::data(encode(self)))
    }

    /// The one write that moves the counts from what this batch had counted to what `next` has;
    /// `None` when nothing changes.
    pub(crate) fn count(&self, next: &Self, tenant: &TenantId, job: JobId, seq: u32) -> Option<Write> {
        let mut by: BTreeMap<String, i64> = BTreeMap::new();
        let mut add = |name: String, n: i64| *by.entry(name).or_default() += n;
        for (row, sign) in [(self, -1), (next, 1)] {
            add("processed".into(), sign * row.tally.processed);
            add("failed".into(), sign * row.tally.failed);
            for (name, n) in &row.tally.extra {
                add(format!("x_{name}"), sign * n);
            }
            match row.end {
                BatchEnd::Open => {}
                BatchEnd::Completed => add("batches_completed".into(), sign),
                BatchEnd::Failed => add("batches_failed".into(), sign),
                BatchEnd::Dropped => add("batches_dropped".into(), sign),
            }
        }
        by.retain(|_, n| *n != 0);
        let changes = by.iter().map(|(name, n)| (name.as_str(), *n));
        (!by.is_empty()).then(|| Write::add(counts_key(tenant, job, seq % COUNT_SHARDS), changes))
    }
}

/// Sums the shards of a job's counters.
pub(crate) fn sum_counts<'a>(shards: impl IntoIterator<Item = &'a Item>) -> Counts {
    let mut counts = Counts::default();
    for shard in shards {
        for (name, value) in &shard.body.fields {
            let Field::Int(n) = value else { continue };
            match name.as_str() {
                "total" => counts.total += n,
                "processed" => counts.processed += n,
                "failed" => counts.failed += n,
                "batches" => counts.batches += n,
                "batches_completed" => counts.batches_completed += n,
                "batches_failed" => counts.batches_failed += n,
                "batches_dropped" => counts.batches_dropped += n,
                extra => {
                    let name = extra.strip_prefix("x_").unwrap_or(extra);
                    *counts.extra.entry(name.to_owned()).or_default() += n;
                }
            }
        }
    }
    counts
}

/// The writes that take a job out of the lists of one status and put it into those of another.
/// `from` is `None` for a job that comes into being.
pub(crate) fn list_moves(
    tenant: &TenantId,
    id: JobId,
    head: &Head,
    from: Option<JobStatus>,
    to: Option<JobStatus>,
) -> Vec<Write> {
    let mut writes = Vec::with_capacity(8);
    let place = |index: &str| Key::new(JOBS, index.to_owned(), key![head.created_at, id]);
    if from == to {
        return writes;
    }
    if let Some(from) = from {
        writes.push(Write::delete(place(&index_by_status(tenant, from))));
        writes.push(Write::delete(place(&index_by_kind_status(tenant, &head.kind, from))));
        writes.push(Write::add(total_key(tenant, &head.kind, from), [("n", -1)]));
    }
    if let Some(to) = to {
        writes.push(Write::put(place(&index_by_status(tenant, to)), Body::default()));
        writes.push(Write::put(place(&index_by_kind_status(tenant, &head.kind, to)), Body::default()));
        writes.push(Write::add(total_key(tenant, &head.kind, to), [("n", 1)]));
    }
    let everywhere = [index_all(tenant), index_by_kind(tenant, &head.kind)];
    match (from, to) {
        (None, Some(_)) => writes.extend(everywhere.map(|index| Write::put(place(&index), Body::default()))),
        (Some(_), None) => writes.extend(everywhere.map(|index| Write::delete(place(&index)))),
        _ => {}
    }
    writes
}

/// The write that changes the head, if nobody else has since.
pub(crate) fn put_head(tenant: &TenantId, id: JobId, head: &Head, unchanged: When) -> Write {
    Write::put(head_key(tenant, id), head.body()).when(unchanged)
}

pub(crate) fn job_partition(tenant: &TenantId, id: JobId) -> String {
    key![tenant, "job", id]
}

pub(crate) fn head_key(tenant: &TenantId, id: JobId) -> Key {
    Key::new(JOBS, job_partition(tenant, id), "head")
}

pub(crate) fn params_key(tenant: &TenantId, id: JobId) -> Key {
    Key::new(JOBS, job_partition(tenant, id), "params")
}

pub(crate) fn cursor_key(tenant: &TenantId, id: JobId) -> Key {
    Key::new(JOBS, job_partition(tenant, id), "cursor")
}

/// Written by the batch that found going on senseless; its data is the reason.
pub(crate) fn stop_key(tenant: &TenantId, id: JobId) -> Key {
    Key::new(JOBS, job_partition(tenant, id), "stop")
}

pub(crate) fn counts_partition(tenant: &TenantId, id: JobId) -> String {
    key![tenant, "counts", id]
}

pub(crate) fn counts_key(tenant: &TenantId, id: JobId, shard: u32) -> Key {
    Key::new(JOBS, counts_partition(tenant, id), key![shard])
}

pub(crate) fn batches_partition(tenant: &TenantId, id: JobId) -> String {
    key![tenant, "batches", id]
}

pub(crate) fn batch_key(tenant: &TenantId, id: JobId, seq: u32) -> Key {
    Key::new(JOBS, batches_partition(tenant, id), key![seq])
}

pub(crate) fn index_all(tenant: &TenantId) -> String {
    key![tenant, "jobs", "all"]
}

pub(crate) fn index_by_status(tenant: &TenantId, status: JobStatus) -> String {
    key![tenant, "jobs", "status", status.as_str()]
}

pub(crate) fn index_by_kind(tenant: &TenantId, kind: &str) -> String {
    key![tenant, "jobs", "kind", kind]
}

pub(crate) fn index_by_kind_status(tenant: &TenantId, kind: &str, status: JobStatus) -> String {
    key![tenant, "jobs", "kind_status", kind, status.as_str()]
}

pub(crate) fn totals_partition(tenant: &TenantId) -> String {
    key![tenant, "totals"]
}

fn total_key(tenant: &TenantId, kind: &str, status: JobStatus) -> Key {
    Key::new(JOBS, totals_partition(tenant), key![kind, status.as_str()])
}

/// The payload of a batch, when it is long; written once.
pub(crate) fn batch_payload_key(tenant: &TenantId, id: JobId, seq: u32) -> Key {
    Key::new(JOBS, key![tenant, "batch_payloads", id], key![seq])
}

/// Jobs that came to their end, by when: what retention goes through.
pub(crate) fn finished_key(tenant: &TenantId, at: Timestamp, id: JobId) -> Key {
    Key::new(JOBS, key![tenant, "jobs", "finished"], key![at, id])
}

/// A tenant's places for running jobs; without expiry, given back when the job is settled.
pub(crate) fn job_slot_key(tenant: &TenantId, n: u32) -> Key {
    Key::new(JOBS, key![tenant, "job_slots"], key![n])
}
