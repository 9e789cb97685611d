//! One caller's write, judged and applied inside the transaction that is open.
//!
//! All conditions are judged before anything is applied, so a write that fails leaves nothing to
//! undo, and the transaction needs no savepoint: it goes on for the others. A key occurs once in a
//! write, so no condition can depend on another part of the same write; it does see the writes
//! that came before it in the transaction, and is therefore answered only after the commit.

use base::store::{Action, Bulk, Item, Key, StoreError, Version, When, Write};
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, params};
use tokio::sync::oneshot;

use crate::row::Row;
use crate::select::{self, Fault};

const PUT: &str = "INSERT OR REPLACE INTO items (tbl, pk, sk, version, fields, data, expires, sums)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
pub(crate) const DELETE: &str = "DELETE FROM items WHERE tbl = ?1 AND pk = ?2 AND sk = ?3";

/// What one caller waits for.
pub(crate) struct Request {
    version: Version,
    steps: Vec<Step>,
    bytes: usize,
    reply: oneshot::Sender<Answer>,
}

/// What a caller is told.
pub(crate) type Answer = Result<(), StoreError>;

struct Step {
    key: Key,
    when: When,
    change: Change,
}

enum Change {
    Put(Row),
    Delete,
    Add(Vec<(String, i64)>),
    Check,
}

impl Request {
    /// The writes of a transaction, encoded.
    pub(crate) fn of_writes(writes: Vec<Write>, version: Version) -> (Self, oneshot::Receiver<Answer>) {
        let step = |Write { key, action, when }| match action {
            Action::Put(body) => Step { change: Change::Put(Row::new(&key, version, body)), key, when },
            Action::Delete => Step { key, when, change: Change::Delete },
            Action::Add(fields) => Step { key, when, change: Change::Add(fields) },
            Action::Check => Step { key, when, change: Change::Check },
        };
        Self::new(version, writes.into_iter().map(step).collect())
    }

    /// Some of the writes of a `bulk`, encoded.
    pub(crate) fn of_bulk(writes: Vec<Bulk>, version: Version) -> (Self, oneshot::Receiver<Answer>) {
        let step = |write| match write {
            Bulk::Put(key, body) => {
                Step { change: Change::Put(Row::new(&key, version, body)), key, when: When::Always }
            }
            Bulk::Delete(key) => Step { key, when: When::Always, change: Change::Delete },
        };
        Self::new(version, writes.into_iter().map(step).collect())
    }

    fn new(version: Version, steps: Vec<Step>) -> (Self, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        let bytes = steps.iter().map(Step::bytes).sum();
        (Self { version, steps, bytes, reply }, answer)
    }

    /// About how much it adds to a transaction.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Tells the caller. One who has gone away does not need to know.
    pub(crate) fn answer(self, answer: Answer) {
        self.reply.send(answer).unwrap_or_default();
    }

    /// Judges and applies it.
    ///
    /// # Errors
    /// Outside, what spoilt the transaction for everybody; inside, why this caller's write was not
    /// applied.
    pub(crate) fn apply(&self, conn: &Connection, now: Timestamp) -> Result<Answer, rusqlite::Error> {
        let mut found = Vec::with_capacity(self.steps.len());
        let mut failed = Vec::new();
        for (n, step) in self.steps.iter().enumerate() {
            let item = match step.current(conn, now) {
                Ok(item) => item,
                Err(Fault::Damaged(name)) => return Ok(Err(StoreError::Damaged(name))),
                Err(Fault::Sqlite(error)) => return Err(error),
            };
            if !step.when.holds(item.as_ref()) {
                failed.push(n);
            }
            found.push(item);
        }
        if !failed.is_empty() {
            return Ok(Err(StoreError::Failed(failed)));
        }
        for (step, item) in self.steps.iter().zip(found) {
            step.apply(conn, self.version, item)?;
        }
        Ok(Ok(()))
    }
}

impl Step {
    /// What is stored, where that matters.
    fn current(&self, conn: &Connection, now: Timestamp) -> Result<Option<Item>, Fault> {
        match (&self.when, &self.change) {
            (When::Always, Change::Put(_) | Change::Delete | Change::Check) => Ok(None),
            _ => select::point(conn, &self.key, now),
        }
    }

    fn apply(&self, conn: &Connection, version: Version, found: Option<Item>) -> rusqlite::Result<()> {
        match &self.change {
            Change::Put(row) => put(conn, &self.key, row),
            Change::Delete => delete(conn, &self.key),
            Change::Add(fields) => {
                let mut body = found.map(|item| item.body).unwrap_or_default();
                body.add(fields);
                put(conn, &self.key, &Row::new(&self.key, version, body))
            }
            Change::Check => Ok(()),
        }
    }

    fn bytes(&self) -> usize {
        let body = if let Change::Put(row) = &self.change { row.bytes() } else { 0 };
        self.key.partition.len() + self.key.sort.len() + body
    }
}

fn put(conn: &Connection, key: &Key, row: &Row) -> rusqlite::Result<()> {
    let Row { version, fields, data, expires, sums } = row;
    let version = version.0.as_bytes();
    conn.prepare_cached(PUT)?
        .execute(params![key.table.0, key.partition, key.sort, version, fields, data, expires, sums])
        .map(drop)
}

fn delete(conn: &Connection, key: &Key) -> rusqlite::Result<()> {
    conn.prepare_cached(DELETE)?.execute(params![key.table.0, key.partition, key.sort]).map(drop)
}

/// Whether an error is of one place in the file rather than of the file: another request of the
/// same transaction need not meet it.
pub(crate) fn is_local(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ};
    let extended = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
        || matches!(extended, Some(SQLITE_IOERR_READ | SQLITE_IOERR_SHORT_READ))
}
