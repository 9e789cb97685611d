//! The log of a job, in three streams.
//!
//! A line lies in three places: under its job and record (where its presence keeps a repeated run
//! from writing it twice), under its job and stream in order of time, and in the tenant's journal.
//! Lines carry the tenant's retention as their expiry. Where lines are taken elsewhere, one more copy
//! waits for that in the [`outbox`](crate::outbox).

use base::key;
use base::store::{Body, Item, Key, Query, Range, StoreError, When, Write};
use base::{JobId, Page, Result, TaskId, TenantId};
use jiff::Timestamp;
use serde_json::Value;

use crate::Engine;
use crate::dead::cut_context;
use crate::finish::cut;
use crate::model::{LogLine, Stream};
use crate::rows::{self, LOGS};

/// The most bytes of a record's name that a line keeps: it is part of a sort key.
const RECORD_BYTES_MAX: usize = 256;

/// The most bytes of a line's message.
const MESSAGE_BYTES_MAX: usize = 8_192;

/// Lines of one transaction: up to four copies each of at most some 80 KB.
const LINES_A_WRITE: usize = 10;

/// A line about to be written.
pub(crate) struct Draft<'a> {
    pub(crate) stream: Stream,
    pub(crate) event: &'a str,
    pub(crate) record: Option<&'a str>,
    pub(crate) message: String,
    pub(crate) data: Value,
}

impl Draft<'_> {
    pub(crate) fn line(self, at: Timestamp, job: JobId, task: TaskId) -> LogLine {
        let hash = blake3::hash(key![task, self.record.unwrap_or_default(), self.event].as_bytes());
        LogLine {
            id: hash.to_hex()[..24].to_owned(),
            at,
            stream: self.stream,
            job,
            event: self.event.to_owned(),
            message: cut(&self.message, MESSAGE_BYTES_MAX),
            record: self.record.filter(|record| !record.is_empty()).map(|record| cut(record, RECORD_BYTES_MAX)),
            data: cut_context(self.data),
        }
    }
}

/// Which lines of a job.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Only of this stream.
    pub stream: Option<Stream>,
    /// Only about this record.
    pub record: Option<String>,
}

impl Engine {
    /// Writes the lines that are not there yet.
    pub(crate) async fn log_write(&self, tenant: &TenantId, lines: &[LogLine]) -> Result<(), StoreError> {
        for some in lines.chunks(LINES_A_WRITE) {
            let mut left: Vec<&LogLine> = Vec::with_capacity(some.len());
            for line in some {
                if left.iter().all(|other| other.id != line.id || other.record != line.record) {
                    left.push(line);
                }
            }
            while !left.is_empty() {
                let mut writes = Vec::with_capacity(left.len() * 4);
                for line in &left {
                    writes.extend(self.line_writes(tenant, line).await?);
                }
                let copies = writes.len() / left.len();
                match self.store.write(writes).await {
                    Ok(_) => break,
                    Err(StoreError::Failed(failed)) => {
                        let mut index = 0;
                        left.retain(|_| {
                            index += copies;
                            !failed.contains(&(index - copies))
                        });
                    }
                    Err(other) => return Err(other),
                }
            }
        }
        Ok(())
    }

    /// The writes of a line, as many for each; the first fails if the line is there already.
    pub(crate) async fn line_writes(&self, tenant: &TenantId, line: &LogLine) -> Result<Vec<Write>, StoreError> {
        let body = Body::data(rows::encode(line)).expiring(self.expiry(tenant, line.at).await);
        let by_time = place(line.at, &line.id);
        let copy = |partition: String| Write::put(Key::new(LOGS, partition, by_time.clone()), body.clone());
        let mut writes = vec![
            Write::put(record_key(tenant, line), body.clone()).when(When::Absent),
            copy(stream_partition(tenant, line.job, line.stream)),
            copy(journal_partition(tenant, line.stream)),
        ];
        writes.extend(self.outbox_line(tenant, line, &body).await?);
        Ok(writes)
    }

    /// A page of a job's log, oldest first.
    ///
    /// # Errors
    /// What the store says.
    pub async fn log_list(
        &self,
        tenant: &TenantId,
        job: JobId,
        filter: &LogFilter,
        limit: usize,
        after: Option<String>,
    ) -> Result<Page<LogLine>> {
        if let Some(record) = &filter.record {
            let prefix = base::key::prefix(&key![record]);
            let query = Query::new(LOGS, records_partition(tenant, job)).prefix(prefix).limit(limit).after(after);
            let mut page = self.lines(query).await?;
            page.items.retain(|line| filter.stream.is_none_or(|stream| stream == line.stream));
            return Ok(page);
        }
        let one =
            |stream: Stream| Query::new(LOGS, stream_partition(tenant, job, stream)).limit(limit).after(after.clone());
        match filter.stream {
            Some(stream) => self.lines(one(stream)).await,
            None => {
                let streams = Stream::ALL.iter().copied();
                self.lines_merged(streams.map(one).collect(), limit).await
            }
        }
    }

    /// Several streams as one, in order of time.
    async fn lines_merged(&self, queries: Vec<Query>, limit: usize) -> Result<Page<LogLine>> {
        let mut items = Vec::new();
        let mut read_up_to: Option<String> = None;
        for query in queries {
            let slice = self.store.query(query).await?;
            read_up_to = match (read_up_to, slice.next) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            items.extend(slice.items);
        }
        items.sort_by(|a, b| a.key.sort.cmp(&b.key.sort));
        // Behind the place where one stream's page ended, that stream may have lines that were
        // not read yet.
        if let Some(place) = &read_up_to {
            items.retain(|item| item.key.sort <= *place);
        }
        let next = if items.len() > limit {
            items.truncate(limit);
            items.last().map(|item| item.key.sort.clone())
        } else {
            read_up_to
        };
        Ok(Page { items: items.iter().filter_map(read_line).collect(), next })
    }

    /// A page of the tenant's journal across jobs, oldest first; of one stream or of all.
    ///
    /// # Errors
    /// What the store says.
    pub async fn journal_list(
        &self,
        tenant: &TenantId,
        stream: Option<Stream>,
        from: Option<Timestamp>,
        limit: usize,
        after: Option<String>,
    ) -> Result<Page<LogLine>> {
        let from = key![from.unwrap_or(Timestamp::UNIX_EPOCH)];
        let one = |stream: Stream| {
            Query::new(LOGS, journal_partition(tenant, stream))
                .range(Range::Between(from.clone(), key![Timestamp::MAX]))
                .limit(limit)
                .after(after.clone())
        };
        match stream {
            Some(stream) => self.lines(one(stream)).await,
            None => {
                let streams = Stream::ALL.iter().copied();
                self.lines_merged(streams.map(one).collect(), limit).await
            }
        }
    }

    async fn lines(&self, query: Query) -> Result<Page<LogLine>> {
        let slice = self.store.query(query).await?;
        Ok(Page { items: slice.items.iter().filter_map(read_line).collect(), next: slice.next })
    }
}

/// The sort key of a line in its stream: what `after` takes to go on behind it. Lines are ordered
/// by their instant and then by their id.
pub fn place(at: Timestamp, line: &str) -> String {
    key![at, line]
}

fn read_line(item: &Item) -> Option<LogLine> {
    rows::decode(item)
}

fn record_key(tenant: &TenantId, line: &LogLine) -> Key {
    let record = line.record.as_deref().unwrap_or_default();
    Key::new(LOGS, records_partition(tenant, line.job), key![record, line.id])
}

pub(crate) fn records_partition(tenant: &TenantId, job: JobId) -> String {
    key![tenant, "records", job]
}

pub(crate) fn stream_partition(tenant: &TenantId, job: JobId, stream: Stream) -> String {
    key![tenant, "log", job, stream.as_str()]
}

pub(crate) fn journal_partition(tenant: &TenantId, stream: Stream) -> String {
    key![tenant, "journal", stream.as_str()]
}
