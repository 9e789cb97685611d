//! Import and export next to the bare loop.

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;

use super::bare::Bare;
use super::rows::{FLIGHT_KEY, Users, flights};
use super::{import, unlimited};
use crate::bench::figure::{Bound, Figure};
use crate::bench::report::Report;
use crate::bench::{Options, median};
use crate::http::Client;
use crate::server::Server;

/// How many rows a transaction of the bare loop has.
const BATCHES: [u64; 4] = [100, 1_000, 10_000, 100_000];

/// A file, and how it is told to each.
struct Rows {
    what: &'static str,
    /// Names of its two figures.
    names: [&'static str; 2],
    /// What the name of the file ends with, which is what the export calls the format, too.
    format: &'static str,
    media: &'static str,
    key: Vec<&'static str>,
    bytes: Vec<u8>,
    count: u64,
}

pub(super) fn measure(program: &Path, bare: &Path, users: &Users, options: &Options) -> Result<Report> {
    let count = options.rows();
    let flights = Rows {
        what: "flights (CSV)",
        names: ["import_flights", "export_flights"],
        format: "csv",
        media: "text/csv",
        key: FLIGHT_KEY.to_vec(),
        bytes: flights(count),
        count,
    };
    let users = Rows {
        what: "users (NDJSON)",
        names: ["import_users", "export_users"],
        format: "ndjson",
        media: "application/x-ndjson",
        key: vec!["id"],
        bytes: users.ndjson(0..count),
        count,
    };
    let mut report = Report::default();
    for rows in [flights, users] {
        report.add(compare(program, bare, &rows, options.rounds())?);
    }
    Ok(report)
}

fn compare(program: &Path, bare: &Path, rows: &Rows, rounds: usize) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join(format!("rows.{}", rows.format));
    fs::write(&file, &rows.bytes)?;
    let bare = Bare::new(bare, folder.path());
    let server = Server::start(program, &[])?;
    let mut client = unlimited(&server)?;
    let (mut ours, mut theirs) = (Vec::new(), BATCHES.map(|_| Vec::new()));
    for round in 0..rounds {
        ours.push(imported(&mut client, rows, round)?);
        for (batch, took) in BATCHES.iter().zip(&mut theirs) {
            took.push(bare.import(&file, *batch, &rows.key.join(","), rows.count)?);
        }
    }
    let theirs = theirs.map(median);
    let exports = exported(&mut client, &bare, rows, folder.path(), rounds)?;
    let best = theirs.iter().copied().fold(f64::INFINITY, f64::min);
    let sweep: Vec<String> = BATCHES.iter().zip(theirs).map(|(batch, took)| format!("{batch} {took:.2} s")).collect();
    Ok(Report {
        figures: vec![ratio(rows, "import", median(ours), best), ratio(rows, "export", exports[0], exports[1])],
        notes: vec![format!("bare import of {}, rows in a transaction: {}", rows.what, sweep.join(", "))],
        ..Report::default()
    })
}

/// Imports into a dataset of its own; returns how many seconds that took.
fn imported(client: &mut Client, rows: &Rows, round: usize) -> Result<f64> {
    let name = dataset(round);
    client.json("POST", "/api/v1/datasets", &json!({ "name": name, "key": rows.key }))?.expect(201)?;
    let begun = Instant::now();
    import(client, &name, rows.media, &rows.bytes, rows.count)?;
    Ok(begun.elapsed().as_secs_f64())
}

fn dataset(round: usize) -> String {
    format!("rows-{round}")
}

/// Exports each dataset, in turn with the bare loop; returns the medians of both, in seconds.
fn exported(client: &mut Client, bare: &Bare, rows: &Rows, folder: &Path, rounds: usize) -> Result<[f64; 2]> {
    let [ours, theirs] = ["ours", "theirs"].map(|whose| folder.join(format!("{whose}.{}", rows.format)));
    let mut took = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let begun = Instant::now();
        client.send("GET", &format!("/api/v1/datasets/{}/export?format={}", dataset(round), rows.format), "", &[])?;
        let status = client.receive_into(&mut File::create(&ours)?)?;
        took[0].push(begun.elapsed().as_secs_f64());
        ensure!(status == 200, "the export was answered {status}");
        took[1].push(bare.export(&theirs, rows.count)?);
        ensure!(fs::read(&ours)? == fs::read(&theirs)?, "the exports of {} differ", rows.what);
    }
    Ok(took.map(median))
}

fn ratio(rows: &Rows, direction: &str, ours: f64, theirs: f64) -> Figure {
    let rate = |seconds: f64| rows.count as f64 / seconds;
    Figure {
        name: rows.names[usize::from(direction == "export")],
        what: format!("{direction} {} {}", rows.count, rows.what),
        value: theirs / ours,
        unit: "x",
        bound: Bound::AtLeast(0.3),
        from: format!("{:.0} rows/s, the bare loop {:.0} rows/s", rate(ours), rate(theirs)),
    }
}
