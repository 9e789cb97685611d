//! Reading rows: one, a page, a count; always verified, never an expired one.
//!
//! A row that is found proves itself by its checksum. A row that is *not* found proves nothing:
//! a flipped bit in its key, or in the key of a row that the search compared with, leads the
//! search astray. But a search that went astray ends right beside the row that misled it, since
//! all others are in order. So an answer of "absent" first verifies the keys on both sides of the
//! gap, and a page or a count the key before its range, and the one that ended it. What remains is
//! damage to the tree itself (page headers, child pointers), which SQLite mostly notices and
//! `check` looks for.
//!
//! How SQLite runs the statements matters here. It seeks by an equality or a bound and does not
//! test it again, so a row that stands in the range by mistake is handed to us; but it ends the
//! walk by itself at a row that seems to be of a later partition, and that row has to be asked for.
//! Comparing (tbl, pk, sk) as one would be tested again at every row and hide the bad one.
//!
//! The rows' order of columns helps: the data comes last, and a row whose key alone is verified
//! is not read further.

use std::ops::Bound;

use base::store::{Item, Key, Order, PAGE_BYTES_MAX, Query, Range, Slice, StoreError, Table, item_bytes};
use jiff::Timestamp;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, Row, ToSql, params};

use crate::row::{Place, Stored};
use crate::sums;

/// The row under a key; where there is none, the one behind it, which has to be verified then anyway.
const POINT: &str = "SELECT tbl, pk, sk, sums, version, fields, expires, data FROM items
    WHERE (tbl, pk, sk) >= (?1, ?2, ?3) ORDER BY tbl, pk, sk LIMIT 1";
const ASCENDING: &str = "SELECT tbl, pk, sk, sums, version, fields, expires, data FROM items
    WHERE tbl = ?1 AND pk = ?2 AND sk >= ?3 ORDER BY sk";
const DESCENDING: &str = "SELECT tbl, pk, sk, sums, version, fields, expires, data FROM items
    WHERE tbl = ?1 AND pk = ?2 AND sk < ?3 ORDER BY sk DESC";
const BEFORE: &str = "SELECT tbl, pk, sk, sums FROM items
    WHERE (tbl, pk, sk) < (?1, ?2, ?3) ORDER BY tbl DESC, pk DESC, sk DESC LIMIT 1";
const BEHIND: &str = "SELECT tbl, pk, sk, sums FROM items
    WHERE (tbl, pk, sk) >= (?1, ?2, ?3) ORDER BY tbl, pk, sk LIMIT 1";

/// How many rows a page or a piece of work looks at, expired ones included.
const ROWS_MAX: usize = 4_000;

/// Why rows could not be read.
#[derive(Debug)]
pub(crate) enum Fault {
    /// This row is not what was written.
    Damaged(String),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Fault> for StoreError {
    /// For reads: none of them may have been applied.
    fn from(fault: Fault) -> Self {
        let error = match fault {
            Fault::Damaged(name) => return Self::Damaged(name),
            Fault::Sqlite(error) => error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(ErrorCode::OperationInterrupted) => Self::Unavailable("the read took too long".to_owned()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Items under keys, one after the other, while nothing is written.
///
/// What is new mostly comes in order, so many absent keys lie in one gap between two rows. The ends
/// of the gap that was found last are remembered: a key inside it is absent without another search.
pub(crate) struct Points<'c> {
    conn: &'c Connection,
    search: CachedStatement<'c>,
    now: Timestamp,
    gap: Option<Gap>,
}

/// A stretch of a partition in which there is no row.
struct Gap {
    /// Its first key.
    from: Key,
    /// The sort key of the row behind it; `None` when it goes on to the end of the partition.
    until: Option<String>,
}

impl Gap {
    fn holds(&self, key: &Key) -> bool {
        let Key { table, partition, sort } = &self.from;
        *table == key.table
            && *partition == key.partition
            && *sort <= key.sort
            && self.until.as_ref().is_none_or(|until| key.sort < *until)
    }
}

impl<'c> Points<'c> {
    /// What is there at `now`.
    pub(crate) fn at(now: Timestamp, conn: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self { conn, search: conn.prepare_cached(POINT)?, now, gap: None })
    }

    /// The item under a key.
    pub(crate) fn get(&mut self, key: &Key) -> Result<Option<Item>, Fault> {
        if self.gap.as_ref().is_some_and(|gap| gap.holds(key)) {
            return Ok(None);
        }
        let here = Place::from(key);
        let mut rows = self.search.query(params![key.table.0, key.partition, key.sort])?;
        let until = match rows.next()? {
            Some(row) if place(row)?.0 == here => {
                return Ok(Some(verified(row, key.table)?).filter(|item| is_present(item, self.now)));
            }
            Some(row) => {
                let near = Some(sound(row)?).filter(|behind| here.shares_partition_with(behind));
                near.and_then(|behind| String::from_utf8(behind.sort.to_vec()).ok())
            }
            None => None,
        };
        drop(rows);
        edge(self.conn, BEFORE, key.table, &key.partition, &key.sort)?;
        self.gap = Some(Gap { from: key.clone(), until });
        Ok(None)
    }
}

/// A page of a partition.
pub(crate) fn page(conn: &Connection, query: &Query, now: Timestamp) -> Result<Slice, Fault> {
    let mut span = Span::of(&query.range);
    if let Some(after) = &query.after {
        span.go_on(query.order, after);
    }
    let mut slice = Slice { items: Vec::new(), next: None };
    let mut bytes = 0;
    slice.next = scan(conn, query.table, &query.partition, &span, query.order, |item| {
        let full = slice.items.len() == query.limit || bytes >= PAGE_BYTES_MAX;
        if !full && is_present(&item, now) {
            bytes += item_bytes(&item.key, &item.body);
            slice.items.push(item);
        }
        !full
    })?;
    Ok(slice)
}

/// How many items a range holds.
pub(crate) fn count(
    conn: &Connection,
    table: Table,
    partition: &str,
    range: &Range,
    now: Timestamp,
) -> Result<u64, Fault> {
    let mut span = Span::of(range);
    let mut count = 0;
    loop {
        let stopped = scan(conn, table, partition, &span, Order::Ascending, |item| {
            count += u64::from(is_present(&item, now));
            true
        })?;
        match stopped {
            Some(last) => span.go_on(Order::Ascending, &last),
            None => return Ok(count),
        }
    }
}

/// Hands verified rows to `visit`, expired ones too, for as long as it takes them. Returns the sort
/// key of the last that it took, when there is more.
fn scan(
    conn: &Connection,
    table: Table,
    partition: &str,
    span: &Span,
    order: Order,
    mut visit: impl FnMut(Item) -> bool,
) -> Result<Option<String>, Fault> {
    let (sql, start, outside): (_, &dyn ToSql, _) = match order {
        Order::Ascending => (ASCENDING, &span.from, BEFORE),
        Order::Descending => (DESCENDING, &span.below, BEHIND),
    };
    edge(conn, outside, table, partition, start)?;
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![table.0, partition, start])?;
    let mut last = String::new();
    let mut taken = 0;
    while let Some(row) = rows.next()? {
        let (place, _) = place(row)?;
        let is_misplaced = place.table != table.0.as_bytes() || place.partition != partition.as_bytes();
        if is_misplaced {
            return Err(Fault::Damaged(place.name()));
        }
        if !span.holds(place.sort) {
            return sound(row).map(|_| None);
        }
        let item = verified(row, table)?;
        let sort = std::str::from_utf8(place.sort).map_err(|_| Fault::Damaged(place.name()))?;
        if taken == ROWS_MAX || !visit(item) {
            return Ok(Some(last));
        }
        last.clear();
        last.push_str(sort);
        taken += 1;
    }
    drop(rows);
    let beyond = next(&last);
    let (sql, end): (_, &dyn ToSql) = match (order, taken) {
        (Order::Ascending, 0) => (BEHIND, start),
        (Order::Ascending, _) => (BEHIND, &beyond),
        (Order::Descending, 0) => (BEFORE, start),
        (Order::Descending, _) => (BEFORE, &last),
    };
    edge(conn, sql, table, partition, end)?;
    Ok(None)
}

/// Verifies the key of the row just before or just behind a place, if there is one.
fn edge(conn: &Connection, sql: &str, table: Table, partition: &str, sort: &dyn ToSql) -> Result<(), Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params![table.0, partition, sort])?;
    rows.next()?.map(sound).transpose().map(drop)
}

/// The columns of the key, believed.
fn sound<'r>(row: &'r Row<'_>) -> Result<Place<'r>, Fault> {
    match place(row)? {
        (place, sums) if sums::key_is_sound(&place, sums) => Ok(place),
        (place, _) => Err(Fault::Damaged(place.name())),
    }
}

/// A row of the eight columns, believed.
fn verified(row: &Row<'_>, table: Table) -> Result<Item, Fault> {
    let (stored, sums) = stored(row)?;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned);
    let damaged = || Fault::Damaged(stored.place.name());
    if stored.place.table != table.0.as_bytes() {
        return Err(damaged());
    }
    let key = match (text(stored.place.partition), text(stored.place.sort)) {
        (Ok(partition), Ok(sort)) => Key { table, partition, sort },
        _ => return Err(damaged()),
    };
    stored.item(key, sums).ok_or_else(damaged)
}

/// The eight columns, and what they should hash to. Bits that flip can change a column's type.
pub(crate) fn stored<'r>(row: &'r Row<'_>) -> Result<(Stored<'r>, &'r [u8]), Fault> {
    let (place, sums) = place(row)?;
    let damaged = || Fault::Damaged(place.name());
    let version = match row.get_ref(4)? {
        ValueRef::Null => None,
        ValueRef::Blob(bytes) => Some(bytes),
        _ => return Err(damaged()),
    };
    let ValueRef::Blob(fields) = row.get_ref(5)? else { return Err(damaged()) };
    let expires = match row.get_ref(6)? {
        ValueRef::Null => None,
        ValueRef::Integer(at) => Some(at),
        _ => return Err(damaged()),
    };
    let data = match row.get_ref(7)? {
        ValueRef::Null => None,
        ValueRef::Text(bytes) => Some(bytes),
        _ => return Err(damaged()),
    };
    Ok((Stored { place, version, fields, data, expires }, sums))
}

/// The columns of the key, and the sums.
fn place<'r>(row: &'r Row<'_>) -> Result<(Place<'r>, &'r [u8]), Fault> {
    match (row.get_ref(0)?, row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?) {
        (ValueRef::Text(table), ValueRef::Text(partition), ValueRef::Text(sort), ValueRef::Blob(sums)) => {
            Ok((Place { table, partition, sort }, sums))
        }
        _ => Err(Fault::Damaged("a row whose key is no text".to_owned())),
    }
}

fn is_present(item: &Item, now: Timestamp) -> bool {
    item.body.expires.is_none_or(|expires| now < expires)
}

/// Sort keys from one, included, to another, excluded. The text behind a text `t`, with nothing
/// between, is `t` and a NUL; above every text is every blob.
struct Span {
    from: String,
    below: Value,
}

impl Span {
    fn of(range: &Range) -> Self {
        let (from, below) = range.bounds();
        let from = match from {
            Bound::Unbounded => String::new(),
            Bound::Included(from) => from,
            Bound::Excluded(from) => next(&from),
        };
        let below = match below {
            Bound::Unbounded => Value::Blob(Vec::new()),
            Bound::Included(to) => Value::Text(next(&to)),
            Bound::Excluded(to) => Value::Text(to),
        };
        Self { from, below }
    }

    fn holds(&self, sort: &[u8]) -> bool {
        let below = match &self.below {
            Value::Text(below) => sort < below.as_bytes(),
            _ => true,
        };
        below && sort >= self.from.as_bytes()
    }

    /// Leaves what is behind `after`.
    fn go_on(&mut self, order: Order, after: &str) {
        match order {
            Order::Ascending => self.from = std::mem::take(&mut self.from).max(next(after)),
            Order::Descending => {
                let nearer = matches!(&self.below, Value::Text(below) if below.as_str() <= after);
                if !nearer {
                    self.below = Value::Text(after.to_owned());
                }
            }
        }
    }
}

fn next(text: &str) -> String {
    format!("{text}\0")
}
