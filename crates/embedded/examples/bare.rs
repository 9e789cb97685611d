//! The peer of the benchmarks: files into SQLite and out again, with nothing around it.
//!
//! This is what somebody writes who has one file, one process and nobody else to serve: read a
//! row, insert it into one table with a primary key, commit every so many rows. It is as durable
//! as the store (WAL, `synchronous=FULL`, the same cache), and may leave out all that the store
//! adds: conditions, counts, versions, checksums, an order besides the key, other callers.
//!
//! - `import FILE DB BATCH KEY`: CSV becomes columns, keyed by those named in KEY (joined by
//!   commas); NDJSON becomes texts, keyed by KEY, a number or a text. Prints `rows seconds`, in which the
//!   last row is committed.
//! - `export DB FILE`: writes all rows in the order of their key, in the format that the name of
//!   the file ends with. Prints `rows seconds`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "who started it sees why it ended")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::time::Instant;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Statement, params_from_iter};
use serde_json::value::RawValue;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let begun = Instant::now();
    let rows = match words.as_slice() {
        ["import", file, db, batch, key] => import(file, &open(db), batch.parse().unwrap(), key),
        ["export", db, file] => export(&open(db), file),
        _ => panic!("import FILE DB BATCH KEY, or export DB FILE"),
    };
    let seconds = begun.elapsed().as_secs_f64();
    println!("{rows} {seconds}");
}

fn open(path: &str) -> Connection {
    let db = Connection::open(path).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;").unwrap();
    db
}

fn import(file: &str, db: &Connection, batch: u64, key: &str) -> u64 {
    let input = BufReader::with_capacity(1 << 20, File::open(file).unwrap());
    let batches = Batches { db, size: batch, rows: 0 };
    if file.ends_with(".csv") { import_csv(input, batches, key) } else { import_ndjson(input, batches, key) }
}

/// Transactions of so many rows.
struct Batches<'a> {
    db: &'a Connection,
    size: u64,
    rows: u64,
}

impl Batches<'_> {
    fn begin_row(&mut self) {
        if self.rows.is_multiple_of(self.size) {
            self.end();
            self.db.prepare_cached("BEGIN IMMEDIATE").unwrap().execute(()).unwrap();
        }
        self.rows += 1;
    }

    fn end(&self) {
        if !self.db.is_autocommit() {
            self.db.prepare_cached("COMMIT").unwrap().execute(()).unwrap();
        }
    }
}

fn import_csv(input: BufReader<File>, mut batches: Batches<'_>, key: &str) -> u64 {
    let mut input = csv::Reader::from_reader(input);
    let columns = input.headers().unwrap().iter().collect::<Vec<_>>().join(" TEXT, ");
    let create = format!("CREATE TABLE rows ({columns} TEXT, PRIMARY KEY ({key})) WITHOUT ROWID");
    batches.db.execute_batch(&create).unwrap();
    let marks = vec!["?"; input.headers().unwrap().len()].join(", ");
    let mut insert = batches.db.prepare(&format!("INSERT OR REPLACE INTO rows VALUES ({marks})")).unwrap();
    let mut row = csv::StringRecord::new();
    while input.read_record(&mut row).unwrap() {
        batches.begin_row();
        let cells = row.iter().map(|cell| Some(cell).filter(|cell| !matches!(*cell, "" | "NA")));
        insert.execute(params_from_iter(cells)).unwrap();
    }
    batches.end();
    batches.rows
}

fn import_ndjson(mut input: BufReader<File>, mut batches: Batches<'_>, key: &str) -> u64 {
    let mut line = String::new();
    input.read_line(&mut line).unwrap();
    let table = match key_of(&line, key) {
        Value::Integer(_) => format!("CREATE TABLE rows ({key} INTEGER PRIMARY KEY, record TEXT)"),
        _ => format!("CREATE TABLE rows ({key} TEXT PRIMARY KEY, record TEXT) WITHOUT ROWID"),
    };
    batches.db.execute_batch(&table).unwrap();
    let mut insert = batches.db.prepare("INSERT OR REPLACE INTO rows VALUES (?, ?)").unwrap();
    while !line.is_empty() {
        let record = line.trim_end();
        batches.begin_row();
        insert.execute((key_of(record, key), record)).unwrap();
        line.clear();
        input.read_line(&mut line).unwrap();
    }
    batches.end();
    batches.rows
}

/// A number, or the text between quotes as it stands.
fn key_of(record: &str, key: &str) -> Value {
    let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(record).unwrap();
    let raw = fields[key].get();
    raw.parse().map_or_else(|_| Value::Text(raw.trim_matches('"').to_owned()), Value::Integer)
}

fn export(db: &Connection, file: &str) -> u64 {
    let out = BufWriter::with_capacity(1 << 20, File::create(file).unwrap());
    let key = "SELECT group_concat(name ORDER BY pk) FROM pragma_table_info('rows') WHERE pk > 0";
    let key: String = db.query_row(key, (), |row| row.get(0)).unwrap();
    let select = db.prepare(&format!("SELECT * FROM rows ORDER BY {key}")).unwrap();
    if file.ends_with(".csv") { export_csv(select, out) } else { export_ndjson(select, out) }
}

fn export_csv(mut select: Statement<'_>, out: BufWriter<File>) -> u64 {
    let columns: Vec<String> = select.column_names().map(str::to_owned).collect();
    let mut out = csv::Writer::from_writer(out);
    out.write_record(&columns).unwrap();
    let mut rows = select.query(()).unwrap();
    let mut written = 0;
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns.len() {
            out.write_field(text(row.get_ref(column).unwrap())).unwrap();
        }
        out.write_record(None::<&[u8]>).unwrap();
        written += 1;
    }
    out.flush().unwrap();
    written
}

fn export_ndjson(mut select: Statement<'_>, mut out: BufWriter<File>) -> u64 {
    let mut rows = select.query(()).unwrap();
    let mut written = 0;
    while let Some(row) = rows.next().unwrap() {
        out.write_all(text(row.get_ref(1).unwrap())).unwrap();
        out.write_all(b"\n").unwrap();
        written += 1;
    }
    out.flush().unwrap();
    written
}

/// A missing cell is an empty one.
fn text(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(text) => text,
        _ => b"",
    }
}
