//! Removes expired items for good, a small piece at a time, between commits.
//!
//! Nobody depends on it: to every read an expired item is absent already. It looks once a second
//! and goes on at once while there is more, so that a backlog neither waits nor stands in the way
//! of writes. An item is removed only after its checksum was verified: a flipped bit in `expires`
//! must not delete what is alive. A damaged one is left where it is, for `check` to name.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::select::{Fault, stored};
use crate::writer::Writer;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// How many items one transaction removes.
const PIECE: i64 = 256;

const EXPIRED: &str = "SELECT expires, tbl, pk, sk FROM items
    WHERE expires > ?1 AND expires <= ?2 ORDER BY expires LIMIT ?3";
const POINT: &str = "SELECT tbl, pk, sk, version, fields, data, expires, sums FROM items
    WHERE tbl = ?1 AND pk = ?2 AND sk = ?3";
const DELETE: &str = "DELETE FROM items WHERE tbl = ?1 AND pk = ?2 AND sk = ?3";

pub(crate) struct Sweep {
    due: Duration,
    /// Expiries up to this one were dealt with in this round; a round ends when nothing is left,
    /// and what a round left behind (damaged items) does not hold it up.
    done: i64,
    more: bool,
}

impl Sweep {
    /// One that first looks after a while.
    pub(crate) fn new(now: Duration) -> Self {
        Self { due: now + EVERY, done: i64::MIN, more: false }
    }

    /// Whether the last piece was not the end.
    pub(crate) fn has_more(&self) -> bool {
        self.more
    }

    /// Removes one piece, if it is time.
    pub(crate) fn piece(&mut self, writer: &Writer) {
        let now = writer.clock.monotonic();
        if now < self.due && !self.more {
            return;
        }
        self.due = now + EVERY;
        let until = writer.clock.now();
        match self.expired(&writer.conn, until) {
            Ok(expired) => {
                self.more = expired.len() as i64 == PIECE;
                self.done = expired.last().filter(|_| self.more).map_or(i64::MIN, |last| last.expires);
                if !expired.is_empty() {
                    remove_all(writer, &expired, until);
                }
            }
            Err(error) => {
                self.more = false;
                tracing::warn!(%error, "expired items could not be listed");
            }
        }
    }

    fn expired(&self, conn: &Connection, until: Timestamp) -> rusqlite::Result<Vec<Expired>> {
        let mut statement = conn.prepare_cached(EXPIRED)?;
        let expired = statement.query_map(params![self.done, until.as_microsecond(), PIECE], |row| {
            Ok(Expired { expires: row.get(0)?, table: row.get(1)?, partition: row.get(2)?, sort: row.get(3)? })
        })?;
        expired.collect()
    }
}

struct Expired {
    expires: i64,
    table: String,
    partition: String,
    sort: String,
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
    let is_expired = conn.prepare_cached(POINT)?.query_row(key, |row| match stored(row) {
        Ok((row, sums)) if row.is_sound(sums) => Ok(row.expires.is_some_and(|at| at <= until.as_microsecond())),
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
