//! Logs and progress as they come.
//!
//! A feed asks the store once a second. Log lines reach the store out of order: a worker stamps a
//! line when it logs it, and writes it within a heartbeat or two. So a feed tells a line only once
//! it is [`HOLD`] old, when every earlier line is there too: lines are then told in their one
//! order, each exactly once, and the last one's place is all that a reader needs to bring back to
//! go on (see [`Resume`]). Telling lines at once and remembering which were told would be livelier
//! and could not survive a lost connection. Progress is told at once, and so is everything that is
//! left when the job has settled, since its workers have written all their lines by then.
//!
//! A feed ends after [`LIFETIME`], and when the store fails: the reader comes back by itself, and
//! is authorized anew.

use std::sync::Arc;
use std::time::Duration;

use ::jobs::{Counts, Job, JobStatus, LogLine, Stream as LogStream};
use base::{Ctx, JobId, Result, Scope};
use futures::Stream;
use jiff::{SignedDuration, Timestamp};

use super::Operations;
use super::seats::Seat;
use super::tail::{Source, Tail};
use crate::model::{Place, Resume};

/// How old a line is when it is told: longer than any worker keeps one to itself.
pub const HOLD: Duration = Duration::from_secs(5);
/// How long one connection is fed.
pub const LIFETIME: Duration = Duration::from_secs(300);

const EVERY: Duration = Duration::from_secs(1);

/// What a follower is told.
#[derive(Clone, Debug)]
pub enum News {
    /// The job's state or counts are other than told before.
    Progress(Box<Job>),
    /// A line of the log.
    Line(LogLine),
    /// The job has come to its end, and everything was told.
    End(Box<Job>),
}

/// News, and what the follower has seen with it.
#[derive(Clone, Debug)]
pub struct Told {
    /// The news.
    pub news: News,
    /// What to come back with.
    pub seen: Resume,
}

impl Operations {
    /// Follows a job to its end; `None` when the follower has seen the end already.
    ///
    /// # Errors
    /// `NotFound` as for [`job_get`](Self::job_get); `RateLimited` when the tenant follows too
    /// much at once.
    pub async fn job_events(
        self: &Arc<Self>,
        ctx: &Ctx,
        id: JobId,
        seen: Resume,
    ) -> Result<Option<impl Stream<Item = Told> + Send + use<>>> {
        let job = self.job_get(ctx, id).await?;
        if job.settled && seen.ended {
            return Ok(None);
        }
        let seat = self.seats.take(&ctx.tenant)?;
        let tail = Tail::new(self, &ctx.tenant, Source::Job(id), seen.place);
        Ok(Some(Arc::clone(self).follow_job(tail, id, seat)))
    }

    /// Follows the tenant's journal, from what was seen, else from `from`, else from now on.
    ///
    /// # Errors
    /// `Forbidden` without `jobs:read`; `RateLimited` when the tenant follows too much at once.
    pub fn journal_events(
        self: &Arc<Self>,
        ctx: &Ctx,
        stream: Option<LogStream>,
        from: Option<Timestamp>,
        seen: Resume,
    ) -> Result<impl Stream<Item = Told> + Send + use<>> {
        ctx.require(Scope::JobsRead)?;
        let seat = self.seats.take(&ctx.tenant)?;
        let start = || Place::before(from.unwrap_or_else(|| self.clock.now()));
        let place = Some(seen.place.unwrap_or_else(start));
        let tail = Tail::new(self, &ctx.tenant, Source::Journal(stream), place);
        Ok(Arc::clone(self).follow_journal(tail, seat))
    }

    fn follow_job(self: Arc<Self>, mut tail: Tail, id: JobId, seat: Seat) -> impl Stream<Item = Told> + Send {
        async_stream::stream! {
            let _seat = seat;
            let end = self.clock.monotonic() + LIFETIME;
            let mut shown: Option<(JobStatus, Counts)> = None;
            // The job is read before its log, so that the log of a settled one is complete.
            loop {
                let found = self.engine.job_get(&tail.tenant, id).await;
                let Some(job) = tail.read(found) else { return };
                let state = Some((job.status, job.counts.clone()));
                if shown != state {
                    shown = state;
                    yield tail.tell(News::Progress(Box::new(job.clone())));
                }
                let until = if job.settled { Timestamp::MAX } else { self.held() };
                while let Some(lines) = tail.lines(until).await {
                    for line in lines {
                        yield tail.tell(News::Line(line));
                    }
                }
                if job.settled && !tail.broken {
                    yield tail.tell(News::End(Box::new(job)));
                    return;
                }
                if tail.broken || self.clock.monotonic() >= end {
                    return;
                }
                self.clock.sleep(EVERY).await;
            }
        }
    }

    fn follow_journal(self: Arc<Self>, mut tail: Tail, seat: Seat) -> impl Stream<Item = Told> + Send {
        async_stream::stream! {
            let _seat = seat;
            let end = self.clock.monotonic() + LIFETIME;
            loop {
                while let Some(lines) = tail.lines(self.held()).await {
                    for line in lines {
                        yield tail.tell(News::Line(line));
                    }
                }
                if tail.broken || self.clock.monotonic() >= end {
                    return;
                }
                self.clock.sleep(EVERY).await;
            }
        }
    }

    /// The instant up to which every line is there.
    fn held(&self) -> Timestamp {
        let hold = SignedDuration::try_from(HOLD).unwrap_or(SignedDuration::MAX);
        self.clock.now().checked_sub(hold).unwrap_or(Timestamp::MIN)
    }
}
