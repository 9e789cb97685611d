//! The end of a log, and how far a follower has read it.

use std::sync::Arc;

use ::jobs::{Engine, LogFilter, LogLine, Stream};
use base::{JobId, Page, Result, TenantId};
use jiff::Timestamp;

use super::Operations;
use super::feed::{News, Told};
use crate::model::{Place, Resume};

const LINES_MAX: usize = 200;

/// Which log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// That of a job, its three streams in one.
    Job(JobId),
    /// The tenant's: one stream of it, or all.
    Journal(Option<Stream>),
}

/// A log that is being followed.
pub(super) struct Tail {
    engine: Arc<Engine>,
    pub(super) tenant: TenantId,
    source: Source,
    place: Option<Place>,
    /// Whether the store has failed: the feed ends.
    pub(super) broken: bool,
}

impl Tail {
    pub(super) fn new(operations: &Operations, tenant: &TenantId, source: Source, place: Option<Place>) -> Self {
        let engine = Arc::clone(&operations.engine);
        Self { engine, tenant: tenant.clone(), source, place, broken: false }
    }

    /// The next lines, none of them later than `until`; `None` when there are none for now.
    pub(super) async fn lines(&mut self, until: Timestamp) -> Option<Vec<LogLine>> {
        let mut after = self.place.as_ref().map(Place::sort);
        loop {
            let page = self.page(after).await.map(Some);
            let Page { mut items, next } = self.read(page)?;
            if items.is_empty() && next.is_some() {
                after = next;
                continue;
            }
            items.truncate(items.partition_point(|line| line.at <= until));
            return (!items.is_empty()).then_some(items);
        }
    }

    async fn page(&self, after: Option<String>) -> Result<Page<LogLine>> {
        let (engine, tenant) = (&self.engine, &self.tenant);
        match self.source {
            Source::Job(id) => engine.log_list(tenant, id, &LogFilter::default(), LINES_MAX, after).await,
            Source::Journal(stream) => engine.journal_list(tenant, stream, None, LINES_MAX, after).await,
        }
    }

    /// What was read; a failure is remembered, and is nothing.
    pub(super) fn read<T>(&mut self, result: Result<Option<T>>) -> Option<T> {
        result.unwrap_or_else(|error| {
            tracing::warn!(%error, tenant_id = %self.tenant, "an event stream ends early");
            self.broken = true;
            None
        })
    }

    /// Tells the follower, and notes how far they have read.
    pub(super) fn tell(&mut self, news: News) -> Told {
        if let News::Line(line) = &news {
            self.place = Some(Place::behind(line));
        }
        let ended = matches!(news, News::End(_));
        Told { news, seen: Resume { place: self.place.clone(), ended } }
    }
}
