//! What the engine's counters say about a tenant.

use std::collections::BTreeMap;

use jobs::{JobStatus, Stats};

/// Figures about a tenant's jobs.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// How many jobs there are.
    pub total_jobs: i64,
    /// How many of them in each state; every state is named.
    pub by_status: BTreeMap<JobStatus, i64>,
    /// Of the jobs that came to their own end, the share without an error, 0 to 1. Cancelled jobs
    /// did not come to their own end.
    pub success_rate: Option<f64>,
    /// How long a job took from its first run to its end, on average over all that ever ended.
    pub avg_duration_minutes: Option<f64>,
    /// Records done, in all jobs that ever ended.
    pub records_processed: i64,
    /// Records failed, in all jobs that ever ended.
    pub records_failed: i64,
}

impl From<&Stats> for Figures {
    fn from(stats: &Stats) -> Self {
        let of = |status: &JobStatus| stats.by_status.get(status).copied().unwrap_or(0);
        let by_status = JobStatus::ALL.iter().map(|status| (*status, of(status)));
        let completed = of(&JobStatus::Completed);
        let ended = completed + of(&JobStatus::CompletedWithErrors) + of(&JobStatus::Failed);
        Self {
            total_jobs: stats.by_status.values().sum(),
            by_status: by_status.collect(),
            success_rate: (ended > 0).then(|| completed as f64 / ended as f64),
            avg_duration_minutes: (stats.settled > 0).then(|| stats.settled_seconds / 60.0 / stats.settled as f64),
            records_processed: stats.records_processed,
            records_failed: stats.records_failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_jobs_that_came_to_their_own_end() {
        let by_status = [(JobStatus::Completed, 3), (JobStatus::Failed, 1), (JobStatus::Cancelled, 4)];
        let stats = Stats { by_status: by_status.into(), settled: 8, settled_seconds: 240.0, ..Stats::default() };
        let figures = Figures::from(&stats);
        assert_eq!((figures.total_jobs, figures.success_rate), (8, Some(0.75)));
        assert_eq!(figures.avg_duration_minutes, Some(0.5));
        assert_eq!(figures.by_status.len(), JobStatus::ALL.len());
    }

    #[test]
    fn of_nothing_there_is_no_average() {
        let figures = Figures::from(&Stats::default());
        assert_eq!((figures.success_rate, figures.avg_duration_minutes), (None, None));
    }
}
