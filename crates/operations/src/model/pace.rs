//! How far a job is, how fast, and until when.

use std::time::Duration;

use jiff::Timestamp;
use jobs::{Job, JobStatus};

/// How a job gets on, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// The share of the records planned so far that are done or failed, 0 to 1; `None` while
    /// nothing is planned. It may fall while the plan still grows.
    pub progress: Option<f64>,
    /// Records done or failed in a second, on average since the job first ran.
    pub rate: Option<f64>,
    /// When the records planned so far will be through, at that rate; only while the job runs.
    pub eta: Option<Timestamp>,
}

impl Pace {
    /// The pace of a job at `now`.
    pub fn of(job: &Job, now: Timestamp) -> Self {
        let (done, total) = (count(job.counts.processed + job.counts.failed), count(job.counts.total));
        let progress = match job.status {
            JobStatus::Completed => Some(1.0),
            _ if total > 0.0 => Some((done / total).clamp(0.0, 1.0)),
            _ => None,
        };
        let end = job.completed_at.unwrap_or(now);
        let took = job.started_at.map_or(0.0, |start| end.duration_since(start).as_secs_f64());
        let rate = (took > 0.0).then(|| done / took);
        let left = (total - done).max(0.0);
        let eta = rate.filter(|rate| *rate > 0.0 && job.status == JobStatus::Running);
        let eta = eta.and_then(|rate| Duration::try_from_secs_f64(left / rate).ok());
        Self { progress, rate, eta: eta.map(|left| base::clock::add(now, left)) }
    }
}

/// Counts are far below 2^53, where every integer is a float.
fn count(n: i64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use jobs::Counts;

    use super::*;

    fn job(status: JobStatus, total: i64, processed: i64, failed: i64) -> Job {
        let start: Timestamp = "2026-01-02T03:04:00Z".parse().unwrap();
        Job {
            tenant: "acme".parse().unwrap(),
            id: "0194a3c0-0000-7000-8000-000000000001".parse().unwrap(),
            kind: "toy".into(),
            status,
            created_by: "key:a".into(),
            created_at: start,
            updated_at: start,
            started_at: Some(start),
            completed_at: None,
            error: None,
            params: String::new(),
            details: serde_json::Value::Null,
            settled: status.is_final(),
            counts: Counts { total, processed, failed, ..Counts::default() },
            version: None,
        }
    }

    fn at(seconds: u64) -> Timestamp {
        base::clock::add("2026-01-02T03:04:00Z".parse().unwrap(), Duration::from_secs(seconds))
    }

    #[test]
    fn a_running_job_says_when_the_rest_is_through() {
        let pace = Pace::of(&job(JobStatus::Running, 100, 20, 5), at(10));
        assert_eq!(pace, Pace { progress: Some(0.25), rate: Some(2.5), eta: Some(at(40)) });
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        assert_eq!(Pace::of(&job(JobStatus::Pending, 0, 0, 0), at(0)), Pace::default());
        let paused = Pace::of(&job(JobStatus::Paused, 100, 20, 5), at(10));
        assert_eq!((paused.progress, paused.eta), (Some(0.25), None));
        let standing = Pace::of(&job(JobStatus::Running, 100, 0, 0), at(10));
        assert_eq!((standing.rate, standing.eta), (Some(0.0), None));
    }

    #[test]
    fn the_rate_of_an_ended_job_stands_still() {
        let mut ended = job(JobStatus::CompletedWithErrors, 10, 9, 1);
        ended.completed_at = Some(at(5));
        assert_eq!(Pace::of(&ended, at(1_000)).rate, Some(2.0));
        assert_eq!(Pace::of(&job(JobStatus::Completed, 0, 0, 0), at(1)).progress, Some(1.0));
    }
}
