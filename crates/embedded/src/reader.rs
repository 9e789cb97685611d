//! The threads that read.
//!
//! Each has a read-only connection of its own. A point read takes microseconds, so a thread takes
//! several that are waiting into one read transaction; a page or a count has one for itself. The
//! transaction begins after the reads were taken, hence after every write that its callers know
//! of: a process reads its own writes.
//!
//! A reader that never ended would keep the log from beginning anew, and the log would grow
//! without bound. So each read has a deadline, and SQLite asks after it every few thousand steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::Clock;
use base::store::StoreError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::mailbox::{Mailbox, Refused};
use crate::select::Fault;

/// How long a read may take.
const READ_MAX: Duration = Duration::from_secs(5);
/// How many point reads share a transaction.
const POINTS_MAX: usize = 32;
/// How many reads wait before callers are turned away.
const WAITING_MAX: usize = 20_000;
/// Every how many steps of SQLite's machine the deadline is looked at.
const STEPS: i32 = 2_000;
/// A pause between two looks at a closed mailbox; reads end it at once.
const IDLE: Duration = Duration::from_secs(60);

/// How much a read may read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Points,
    Range,
}

pub(crate) struct Read {
    size: Size,
    ask: Box<dyn FnOnce(&Connection) + Send>,
}

/// Where reads wait for a thread.
pub(crate) struct Readers(pub(crate) Mailbox<Read>);

impl Readers {
    pub(crate) fn new() -> Self {
        Self(Mailbox::new(WAITING_MAX))
    }

    /// Has a reader thread ask the file.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        size: Size,
        ask: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let ask = Box::new(move |conn: &Connection| {
            // One who has gone away does not need the answer.
            reply.send(ask(conn)).unwrap_or_default();
        });
        self.0.post(Read { size, ask }).map_err(|refused| match refused {
            Refused::Full => StoreError::Busy,
            Refused::Closed => StoreError::Unavailable("closed".to_owned()),
        })?;
        let lost = |_| StoreError::Unavailable("a reader stopped".to_owned());
        Ok(answer.await.map_err(lost)??)
    }

    /// What a reader thread does until the mailbox is closed and empty.
    pub(crate) fn serve(&self, mut conn: Connection, clock: Arc<dyn Clock>) {
        let deadline = match Deadline::set_on(&mut conn, clock) {
            Ok(deadline) => deadline,
            Err(error) => {
                tracing::error!(%error, "a reader could not start");
                return;
            }
        };
        while let Some(reads) = self.take() {
            if let Err(error) = serve_together(&conn, reads, &deadline) {
                tracing::warn!(%error, "a read transaction did not end well");
            }
        }
    }

    fn take(&self) -> Option<Vec<Read>> {
        let mut taken = 0;
        let mut points = true;
        self.0.take(IDLE, |read| {
            let first = taken == 0;
            taken += 1;
            let joins = first || (points && read.size == Size::Points && taken <= POINTS_MAX);
            points &= read.size == Size::Points;
            joins
        })
    }
}

/// Serves reads in one transaction. Outside of one, or in one that an earlier handful left open, they
/// could see what never was at one time, or is no more: then they are not served.
fn serve_together(conn: &Connection, reads: Vec<Read>, deadline: &Deadline) -> rusqlite::Result<()> {
    run(conn, "BEGIN")?;
    for read in reads {
        deadline.extend();
        (read.ask)(conn);
    }
    // A COMMIT that is interrupted leaves its transaction open, and the next reads in the past.
    deadline.lift();
    run(conn, "COMMIT").or_else(|_| run(conn, "ROLLBACK"))
}

fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute(()).map(drop)
}

/// The moment, in microseconds of the monotonic clock, from which on SQLite is interrupted.
struct Deadline {
    clock: Arc<dyn Clock>,
    at: Arc<AtomicU64>,
}

impl Deadline {
    fn set_on(conn: &mut Connection, clock: Arc<dyn Clock>) -> rusqlite::Result<Self> {
        let at = Arc::new(AtomicU64::new(u64::MAX));
        let deadline = Self { clock: Arc::clone(&clock), at: Arc::clone(&at) };
        conn.progress_handler(STEPS, Some(move || micros(clock.monotonic()) > at.load(Ordering::Relaxed)))?;
        Ok(deadline)
    }

    /// From now on, as long as one read may take.
    fn extend(&self) {
        self.at.store(micros(self.clock.monotonic() + READ_MAX), Ordering::Relaxed);
    }

    /// Until the next read there is none.
    fn lift(&self) {
        self.at.store(u64::MAX, Ordering::Relaxed);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
