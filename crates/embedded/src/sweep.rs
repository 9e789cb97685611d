//! Removes expired items for good, a small piece at a time, between commits.
//!
//! Nobody depends on it: to every read an expired item is absent already. It looks once a second
//! and goes on at once while there is more, so that a backlog neither waits nor stands in the way
//! of writes. An item is removed only after its checksum was verified: a flipped bit in `expires`
//! must not delete what is alive. A damaged one is left where it is, for `check` to name.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::apply::DELETE;
use crate::select::{Fault, stored};
use crate::sums;
use crate::writer::Writer;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// How many items one transaction removes.
const PIECE: i64 = 256;

const EXPIRED: &str = "SELECT expires, tbl, pk, sk FROM items
    WHERE expires <= ?1 AND (expires, tbl, pk, sk) > (?2, ?3, ?4, ?5) ORDER BY expires, tbl, pk, sk LIMIT ?6";
const ROW: &str = "SELECT tbl, pk, sk, sums, version, fields, expires, data FROM items
    WHERE tbl = ?1 AND pk = ?2 AND sk = ?3";

pub(crate) struct Sweep {
    due: Duration,
    /// The last item dealt with, when there are more behind it. What was left behind, being
    /// damaged, so does not stand in the way; the next round meets it again.
    last: Option<Expired>,
}

impl Sweep {
    /// One that first looks after a while.
    pub(crate) fn new(now: Duration) -> Self {
        Self { due: now + EVERY, last: None }
    }

    /// Whether the last piece was not the end.
    pub(crate) fn has_more(&self) -> bool {
        self.last.is_some()
    }

    /// Removes one piece, if it is time.
    pub(crate) fn piece(&mut self, writer: &Writer) {
        let now = writer.clock.monotonic();
        if now < self.due && !self.has_more() {
            return;
        }
        self.due = now + EVERY;
        let until = writer.clock.now();
        let last = self.last.take().unwrap_or_default();
        match expired(&writer.conn, until, &last) {
            Ok(expired) if expired.is_empty() => {}
            Ok(mut expired) => {
                remove_all(writer, &expired, until);
                self.last = expired.pop().filter(|_| expired.len() as i64 + 1 == PIECE);
            }
            Err(error) => tracing::warn!(%error, "expired items could not be listed"),
        }
    }
}

fn expired(conn: &Connection, until: Timestamp, last: &Expired) -> rusqlite::Result<Vec<Expired>> {
    let mut statement = conn.prepare_cached(EXPIRED)?;
    let behind = params![until.as_microsecond(), last.expires, last.table, last.partition, last.sort, PIECE];
    let expired = statement.query_map(behind, |row| {
        Ok(Expired { expires: row.get(0)?, table: row.get(1)?, partition: row.get(2)?, sort: row.get(3)? })
    })?;
    expired.collect()
}

struct Expired {
    expires: i64,
    table: String,
    partition: String,
    sort: String,
}

/// Before all that expire.
impl Default for Expired {
    fn default() -> Self {
        Self { expires: i64::MIN, table: String::new(), partition: String::new(), sort: String::new() }
    }
}

fn remove_all(writer: &Writer, expired: &[Expired], until: Timestamp) {
    let removed = writer.transaction(|conn| expired.iter().try_for_each(|item| remove(conn, item, until)));
    if let Err(trouble) = removed {
        let error = writer.judge(trouble);
        tracing::warn!(%error, "expired items could not be removed");
    }
}

fn remove(conn: &Connection, item: &Expired, until: Timestamp) -> rusqlite::Result<()> {
    let key = params![item.table, item.partition, item.sort];
    let is_expired = conn.prepare_cached(ROW)?.query_row(key, |row| match stored(row) {
        Ok((row, sums)) if sums::is_sound(&row, sums) => Ok(row.expires.is_some_and(|at| at <= until.as_microsecond())),
        Ok((row, _)) => {
            tracing::error!(item = row.place.name(), "a damaged item is not removed");
            Ok(false)
        }
        Err(Fault::Damaged(name)) => {
            tracing::error!(item = name, "a damaged item is not removed");
            Ok(false)
        }
        Err(Fault::Sqlite(error)) => Err(error),
    });
    if is_expired.optional()? == Some(true) {
        conn.prepare_cached(DELETE)?.execute(key)?;
    }
    Ok(())
}
