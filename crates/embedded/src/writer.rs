//! The one thread that writes: group commit, then checkpoints and the sweep.
//!
//! An fsync costs as much as hundreds of small writes. So the thread takes *all* that is waiting
//! into one transaction, applies it in turn, commits once, and only then answers everybody; while
//! it does, the next handful gathers. Nobody is answered earlier, not even a caller whose
//! condition failed: it was judged on rows that were not durable yet.
//!
//! How a commit can end, and what callers are told:
//!
//! | it failed | applied | callers | the store |
//! |---|---|---|---|
//! | before COMMIT, no space | no | `Full` | goes on |
//! | before COMMIT, at one bad place in the file | no | tried again one by one; `Damaged` for that one | goes on |
//! | before COMMIT, otherwise | no | `Unavailable` | poisoned |
//! | in COMMIT, no space, rolled back | no | `Full` | goes on |
//! | in COMMIT, otherwise | who knows | `Unknown` | poisoned |
//!
//! Checkpoints run here too, on the same connection, because a second connection that
//! checkpoints is what SQLite's worst race of the last years needed.

use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use base::store::StoreError;
use rusqlite::{Connection, ErrorCode};

use crate::apply::{Answer, Pen, Request, is_local};
use crate::health::Health;
use crate::mailbox::Mailbox;
use crate::sweep::Sweep;

/// At most so many requests, and so many bytes, in one transaction.
const REQUESTS_MAX: usize = 1_024;
const BYTES_MAX: usize = 8 << 20;
/// How long an idle writer waits before it looks for expired items.
const IDLE: Duration = Duration::from_secs(1);
/// How many pages of 8 KB gather in the log before they are moved to the file: 48 MB. A page that was
/// written ten times is moved once, and records come in no order; an opening reads the log once.
const CHECKPOINT_PAGES: i64 = 6_000;
/// From this many on, readers are waited for, so that the log can begin anew: 128 MB.
const LOG_PAGES_MAX: i64 = 16_000;

pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) mailbox: Arc<Mailbox<Request>>,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// At which point a transaction failed.
pub(crate) enum Trouble {
    /// Before its commit: nothing was applied.
    Before(rusqlite::Error),
    /// In its commit.
    Commit(rusqlite::Error),
}

impl Writer {
    /// Serves until the mailbox is closed and empty, or the store is poisoned.
    pub(crate) fn run(self) {
        let mut sweep = Sweep::new(self.clock.monotonic());
        loop {
            let patience = if sweep.has_more() { Duration::ZERO } else { IDLE };
            let Some(requests) = self.take(patience) else { break };
            if !requests.is_empty() {
                self.commit(requests);
                // Callers who were just answered tend to write again: with them the next commit
                // is shared by more. On an idle machine this costs nothing.
                std::thread::yield_now();
                self.checkpoint();
            }
            sweep.piece(&self);
            if self.health.is_poisoned() {
                break;
            }
        }
        let why = self.health.check().err().unwrap_or_else(|| StoreError::Unavailable("closed".to_owned()));
        self.mailbox.abandon().into_iter().for_each(|request| request.answer(Err(why.clone())));
    }

    fn take(&self, patience: Duration) -> Option<Vec<Request>> {
        let (mut requests, mut bytes) = (0, 0);
        self.mailbox.take(patience, |request| {
            requests += 1;
            bytes += request.bytes();
            requests <= REQUESTS_MAX && bytes <= BYTES_MAX
        })
    }

    fn commit(&self, requests: Vec<Request>) {
        if let Err(error) = self.health.check() {
            return requests.into_iter().for_each(|request| request.answer(Err(error.clone())));
        }
        let applied = self.transaction(|conn| {
            let (now, mut pen) = (self.clock.now(), Pen::new(conn)?);
            requests.iter().map(|request| request.apply(&mut pen, now)).collect::<Result<Vec<Answer>, _>>()
        });
        match applied {
            Ok(answers) => requests.into_iter().zip(answers).for_each(|(request, answer)| request.answer(answer)),
            Err(Trouble::Before(error)) if is_local(&error) && requests.len() > 1 => {
                requests.into_iter().for_each(|request| self.commit(vec![request]));
            }
            Err(trouble) => {
                let error = self.judge(trouble);
                requests.into_iter().for_each(|request| request.answer(Err(error.clone())));
            }
        }
    }

    /// Runs `work` in a transaction of its own; when it returns, none is open.
    pub(crate) fn transaction<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, Trouble> {
        let exec = |sql| self.conn.prepare_cached(sql)?.execute(()).map(drop);
        let outcome = exec("BEGIN IMMEDIATE").and_then(|()| work(&self.conn)).map_err(Trouble::Before);
        let outcome = outcome.and_then(|done| exec("COMMIT").map_err(Trouble::Commit).map(|()| done));
        // SQLite has rolled back by itself after some errors, and not after others.
        if !self.conn.is_autocommit()
            && let Err(error) = exec("ROLLBACK")
        {
            self.health.poison(&format!("a transaction could not be rolled back: {error}"));
        }
        outcome
    }

    /// What the callers of a failed transaction are told; poisons the store where it must.
    pub(crate) fn judge(&self, trouble: Trouble) -> StoreError {
        let (committing, error) = match trouble {
            Trouble::Before(error) => (false, error),
            Trouble::Commit(error) => (true, error),
        };
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) if !self.health.is_poisoned() => StoreError::Full,
            Some(ErrorCode::DatabaseBusy) if !committing => StoreError::Busy,
            Some(ErrorCode::DatabaseCorrupt) if !committing => StoreError::Damaged(text),
            _ if !committing && is_local(&error) => StoreError::Unavailable(text),
            _ => {
                self.health.poison(&text);
                if committing { StoreError::Unknown(text) } else { StoreError::Unavailable(text) }
            }
        }
    }

    /// Moves the log into the file when enough has gathered, and lets it begin anew.
    fn checkpoint(&self) {
        let moved = self.log("NOOP").and_then(|(log, moved)| match log - moved {
            CHECKPOINT_PAGES.. => self.log("PASSIVE"),
            _ => Ok((log, moved)),
        });
        let outcome = match moved {
            Ok((LOG_PAGES_MAX.., _)) => self.log("RESTART").map(drop),
            other => other.map(drop),
        };
        match outcome.as_ref().map_err(|error| (error, error.sqlite_error_code())) {
            Ok(()) | Err((_, Some(ErrorCode::DatabaseBusy))) => {}
            Err((error, Some(ErrorCode::DiskFull))) => {
                tracing::warn!(%error, "no space for a checkpoint")
            }
            // The log is still whole, but a file whose fsync failed cannot be trusted with it.
            Err((error, _)) => self.health.poison(&format!("a checkpoint failed: {error}")),
        }
    }

    /// Checkpoints in a mode, and says how many pages are in the log and how many of them moved.
    fn log(&self, mode: &str) -> rusqlite::Result<(i64, i64)> {
        let mut statement = self.conn.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
        statement.query_row((), |row| Ok((row.get(1)?, row.get(2)?)))
    }
}
