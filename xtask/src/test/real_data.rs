//! Data that nobody here wrote: the flights that left New York City in 2013, and the airports.
//!
//! Both come from a package of Python's registry, in one pinned version whose hash is checked. The
//! files have what made-up rows have not: 336,776 of them, numbers and codes that look like
//! numbers (the airport `04G`, the flight `1545`), and missing values, spelled `NA` in columns of
//! numbers and of text alike.
//!
//! Each file is imported over HTTP as a dataset, listed by prefix, and exported again. What comes
//! out is compared with the file as it was read here, by a SHA-256 over all rows: those of the file
//! are sorted by key, those of the export are taken as they come, so that one figure says that
//! nothing is missing, nothing was changed, and the order is right. Keys are counted apart, since
//! a file whose keys repeat would come back shorter, rightly.
//!
//! [`measurements`]: what was measured, and what pandas computes of it. [`carts`]: what queries find, and
//! what pandas selects.

mod carts;
mod measurements;
mod package;
mod table;

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::http::Client;
use crate::server::{self, Server};
use table::Table;

/// A file, and what is known of it.
struct File {
    name: &'static str,
    /// What names a row, and orders the rows.
    key: &'static [&'static str],
    types: &'static str,
    rows: usize,
    /// Beginnings of first key values to list by.
    prefixes: &'static [&'static str],
}

const FILES: [File; 2] = [
    File {
        name: "airports",
        key: &["faa"],
        types: "lat:number,lon:number,alt:integer,tz:integer",
        rows: 1_458,
        prefixes: &["04", "J", "nothing begins so"],
    },
    File {
        name: "flights",
        key: &["time_hour", "carrier", "flight"],
        types: "year:integer,month:integer,day:integer,dep_time:integer,sched_dep_time:integer,dep_delay:integer,\
                arr_time:integer,sched_arr_time:integer,arr_delay:integer,air_time:integer,distance:integer,\
                hour:integer,minute:integer",
        rows: 336_776,
        prefixes: &["2013-07-04T1", "2014", "2013-13"],
    },
];

/// Imports, lists and exports each file.
///
/// # Errors
/// When the files cannot be had, or something comes out other than it went in.
pub(super) fn run() -> Result<()> {
    let folder = package::unpacked()?;
    let server = Server::start(&server::release()?, &[])?;
    let mut client = Client::new(&server.url, Some(&server.api_key));
    for file in &FILES {
        let text = std::fs::read(folder.join(file.name).with_extension("csv"))?;
        file.check(&mut client, &text).with_context(|| format!("{}.csv", file.name))?;
    }
    code_is_text(&mut client)?;
    drop(server);
    carts::run()?;
    measurements::run()
}

impl File {
    fn check(&self, client: &mut Client, text: &[u8]) -> Result<()> {
        let original = Table::read(text, self.key, None)?.sorted();
        ensure!(original.len() == self.rows, "it has {} rows", original.len());
        ensure!(original.keys() == self.rows, "only {} keys", original.keys());
        let importing = Instant::now();
        self.import(client, text)?;
        let imported = importing.elapsed();
        for prefix in self.prefixes {
            self.list(client, prefix, &original)?;
        }
        let exporting = Instant::now();
        let exported = client.get(&self.path("/export?format=csv"))?.expect(200)?;
        let exported_in = exporting.elapsed();
        let exported = Table::read(&exported, self.key, Some(&original))?;
        let (own, theirs) = (original.digest(), exported.digest());
        ensure!(exported.len() == original.len(), "{} rows came back", exported.len());
        ensure!(own == theirs, "rows sorted by key: {own}; rows as exported: {theirs}");
        let speed = |took: std::time::Duration| (self.rows as f64 / took.as_secs_f64()) as u64;
        let figures = json!({
            "data": self.name,
            "rows": self.rows,
            "sha256": own,
            "import_rows_per_s": speed(imported),
            "export_rows_per_s": speed(exported_in),
        });
        println!("{figures}");
        Ok(())
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/datasets/{}{rest}", self.name)
    }

    fn import(&self, client: &mut Client, text: &[u8]) -> Result<()> {
        client.json("POST", "/api/v1/datasets", &json!({ "name": self.name, "key": self.key }))?.expect(201)?;
        client.send("POST", &self.path(&format!("/import?types={}", self.types)), "text/csv", text)?;
        let report: Value = client.receive()?.json(207)?;
        let all = report["received"] == self.rows && report["saved"] == self.rows && report["failed"] == 0;
        ensure!(all, "the import says {report}");
        let dataset: Value = client.get(&self.path(""))?.json(200)?;
        ensure!(dataset["count"] == self.rows, "the dataset counts {}", dataset["count"]);
        Ok(())
    }

    /// Lists page by page, and compares keys with those of the file.
    fn list(&self, client: &mut Client, prefix: &str, original: &Table) -> Result<()> {
        let (mut listed, mut cursor) = (Vec::new(), String::new());
        loop {
            let prefix = prefix.replace(' ', "%20");
            let path = self.path(&format!("/records?limit=500&prefix={prefix}{cursor}"));
            let page: Value = client.get(&path)?.json(200)?;
            let records = page["items"].as_array().context("no list")?;
            listed.extend(records.iter().map(|record| table::key(self.key.iter().map(|name| record[*name].as_str()))));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let wanted: Vec<&str> = original.keys_from(prefix).collect();
        ensure!(listed == wanted, "{} records begin with {prefix:?}, {} were listed", wanted.len(), listed.len());
        Ok(())
    }
}

/// What looks like a number is text unless somebody said otherwise; numbers are numbers.
fn code_is_text(client: &mut Client) -> Result<()> {
    let airport: Value = client.get("/api/v1/datasets/airports/records/04G")?.json(200)?;
    let known = json!({ "faa": "04G", "name": "Lansdowne Airport", "lat": 41.1304722, "lon": -80.6195833,
        "alt": 1044, "tz": -5, "dst": "A", "tzone": "America/New_York" });
    ensure!(airport == known, "04G is {airport}");
    let key = "2013-01-01T10:00:00Z,UA,1545";
    let flight: Value = client.get(&format!("/api/v1/datasets/flights/records/{key}"))?.json(200)?;
    ensure!(flight["flight"] == "1545" && flight["dep_time"] == 517, "{key} is {flight}");
    Ok(())
}
