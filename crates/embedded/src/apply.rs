//! One caller's write, judged and applied inside the transaction that is open.
//!
//! All conditions are judged before anything is applied, so a write that fails leaves nothing to
//! undo, and the transaction needs no savepoint: it goes on for the others. A key occurs once in a
//! write, so no condition can depend on another part of the same write; it does see the writes
//! that came before it in the transaction, and is therefore answered only after the commit.

use base::store::{Action, Bulk, Item, Key, StoreError, Version, When, Write};
use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, ErrorCode, params};
use tokio::sync::oneshot;

use crate::row::Row;
use crate::select::{Fault, Points};

const PUT: &str = "INSERT OR REPLACE INTO items (tbl, pk, sk, version, fields, data, expires, sums)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
pub(crate) const DELETE: &str = "DELETE FROM items WHERE tbl = ?1 AND pk = ?2 AND sk = ?3";

/// What one caller waits for.
pub(crate) struct Request {
    version: Version,
    /// In the order of their keys.
    steps: Vec<Step>,
    bytes: usize,
    reply: oneshot::Sender<Answer>,
}

/// What a caller is told.
pub(crate) type Answer = Result<(), StoreError>;

/// What a transaction writes with.
pub(crate) struct Pen<'c> {
    conn: &'c Connection,
    put: CachedStatement<'c>,
    delete: CachedStatement<'c>,
}

struct Step {
    /// Its place in the caller's write.
    place: usize,
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
        let step = |(place, Write { key, action, when })| {
            let change = match action {
                Action::Put(body) => Change::Put(Row::new(&key, version, body)),
                Action::Delete => Change::Delete,
                Action::Add(fields) => Change::Add(fields),
                Action::Check => Change::Check,
            };
            Step { place, key, when, change }
        };
        Self::new(version, writes.into_iter().enumerate().map(step).collect())
    }

    /// Some of the writes of a `bulk`, encoded.
    pub(crate) fn of_bulk(writes: Vec<Bulk>, version: Version) -> (Self, oneshot::Receiver<Answer>) {
        let step = |(place, write)| {
            let (key, change) = match write {
                Bulk::Put(key, body) => {
                    let row = Row::new(&key, version, body);
                    (key, Change::Put(row))
                }
                Bulk::Delete(key) => (key, Change::Delete),
            };
            Step { place, key, when: When::Always, change }
        };
        Self::new(version, writes.into_iter().enumerate().map(step).collect())
    }

    fn new(version: Version, mut steps: Vec<Step>) -> (Self, oneshot::Receiver<Answer>) {
        steps.sort_unstable_by(|one, other| one.key.cmp(&other.key));
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
    pub(crate) fn apply(&self, pen: &mut Pen<'_>, now: Timestamp) -> Result<Answer, rusqlite::Error> {
        let mut found = Vec::with_capacity(self.steps.len());
        let mut failed = Vec::new();
        let mut points = Points::at(now, pen.conn)?;
        for step in &self.steps {
            let item = match step.current(&mut points) {
                Ok(item) => item,
                Err(Fault::Damaged(name)) => return Ok(Err(StoreError::Damaged(name))),
                Err(Fault::Sqlite(error)) => return Err(error),
            };
            if !step.when.holds(item.as_ref()) {
                failed.push(step.place);
            }
            found.push(item);
        }
        if !failed.is_empty() {
            failed.sort_unstable();
            return Ok(Err(StoreError::Failed(failed)));
        }
        for (step, item) in self.steps.iter().zip(found) {
            step.apply(pen, self.version, item)?;
        }
        Ok(Ok(()))
    }
}

impl Step {
    /// What is stored, where that matters.
    fn current(&self, points: &mut Points<'_>) -> Result<Option<Item>, Fault> {
        match (&self.when, &self.change) {
            (When::Always, Change::Put(_) | Change::Delete | Change::Check) => Ok(None),
            _ => points.get(&self.key),
        }
    }

    fn apply(&self, pen: &mut Pen<'_>, version: Version, found: Option<Item>) -> rusqlite::Result<()> {
        match &self.change {
            Change::Put(row) => pen.put(&self.key, row),
            Change::Delete => pen.delete(&self.key),
            Change::Add(fields) => {
                let mut body = found.map(|item| item.body).unwrap_or_default();
                body.add(fields);
                pen.put(&self.key, &Row::new(&self.key, version, body))
            }
            Change::Check => Ok(()),
        }
    }

    fn bytes(&self) -> usize {
        let body = if let Change::Put(row) = &self.change { row.bytes() } else { 0 };
        self.key.partition.len() + self.key.sort.len() + body
    }
}

impl<'c> Pen<'c> {
    /// One for a transaction that is open.
    pub(crate) fn new(conn: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self { conn, put: conn.prepare_cached(PUT)?, delete: conn.prepare_cached(DELETE)? })
    }

    fn put(&mut self, key: &Key, row: &Row) -> rusqlite::Result<()> {
        let Row { version, fields, data, expires, sums } = row;
        let version = version.0.as_bytes();
        let row = params![key.table.0, key.partition, key.sort, version, fields, data, expires, sums];
        self.put.execute(row).map(drop)
    }

    fn delete(&mut self, key: &Key) -> rusqlite::Result<()> {
        self.delete.execute(params![key.table.0, key.partition, key.sort]).map(drop)
    }
}

/// Whether an error is of one place in the file rather than of the file: another request of the
/// same transaction need not meet it.
pub(crate) fn is_local(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ};
    let extended = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
        || matches!(extended, Some(SQLITE_IOERR_READ | SQLITE_IOERR_SHORT_READ))
}
