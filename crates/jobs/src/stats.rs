//! Figures about a tenant's jobs, and about who works.

use std::collections::BTreeMap;

use base::store::{Query, Write};
use base::{Result, StoreExt as _, TenantId, key};
use jiff::Timestamp;

use crate::Engine;
use crate::engine::lock;
use crate::model::JobStatus;
use crate::rows::JOBS;
use crate::rows::job::Head;

/// Figures about a tenant's jobs, from counters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// How many jobs there are in each state.
    pub by_status: BTreeMap<JobStatus, i64>,
    /// How many jobs were settled, ever; one that was retried counts as it is now.
    pub settled: i64,
    /// How long these took in all, from start to end, in seconds.
    pub settled_seconds: f64,
    /// Records done by settled jobs.
    pub records_processed: i64,
    /// Records failed in settled jobs.
    pub records_failed: i64,
}

/// A process that works.
#[derive(Clone, Debug)]
pub struct WorkerView {
    /// Names the process in leases.
    pub id: String,
    /// How many tasks run in it.
    pub running: usize,
    /// How many may.
    pub concurrency: usize,
    /// When it last said so.
    pub seen_at: Timestamp,
}

impl Engine {
    /// Figures about the tenant's jobs.
    ///
    /// # Errors
    /// What the store says.
    pub async fn stats(&self, tenant: &TenantId) -> Result<Stats> {
        let mut stats = Stats::default();
        for (_, status, n) in self.job_totals(tenant).await? {
            *stats.by_status.entry(status).or_default() += n;
        }
        for item in self.store.query_all(Query::new(JOBS, partition(tenant))).await? {
            stats.settled += item.int("settled");
            // Milliseconds fit an f64 exactly for 285,000 years.
            #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 milliseconds")]
            let seconds = item.int("milliseconds") as f64 / 1_000.0;
            stats.settled_seconds += seconds;
            stats.records_processed += item.int("processed");
            stats.records_failed += item.int("failed");
        }
        Ok(stats)
    }

    /// The processes that work; this one only, since others cannot share an embedded store.
    pub fn worker_list(&self) -> Vec<WorkerView> {
        let running = lock(&self.running).len();
        let (id, concurrency) = (self.owner.clone(), self.settings.concurrency);
        vec![WorkerView { id, running, concurrency, seen_at: self.clock.now() }]
    }
}

/// Counts a settled job into the tenant's figures (`sign` 1), or out of them (-1) when it is taken
/// up again.
pub(crate) fn count_settled(tenant: &TenantId, head: &Head, sign: i64) -> Write {
    let took = head.started_at.zip(head.completed_at).map_or(0, |(from, to)| to.duration_since(from).as_millis());
    let counts = head.counts.clone().unwrap_or_default();
    let fields = [
        ("settled", sign),
        ("milliseconds", sign * i64::try_from(took).unwrap_or(0)),
        ("processed", sign * counts.processed),
        ("failed", sign * counts.failed),
    ];
    let sort = key![head.kind];
    Write::add(base::store::Key::new(JOBS, partition(tenant), sort), fields)
}

pub(crate) fn partition(tenant: &TenantId) -> String {
    key![tenant, "stats"]
}
