//! Batches of 10,000 records, next to the bare loop that writes the same lines.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::bench::figure::{Bound, Figure};
use crate::bench::ingest::bare::Bare;
use crate::bench::report::Report;
use crate::bench::{Options, median};
use crate::http::Client;
use crate::server::Server;

/// A batch has so many records.
const BATCH: usize = 10_000;
/// How many rows a transaction of the bare loop has.
const SWEEP: [u64; 3] = [1_000, 10_000, 100_000];

/// Records, one a line; `ts` is unique, so that the bare loop can key by it.
pub(super) fn lines(count: u64, first_us: i64, step_us: i64) -> Vec<String> {
    let line = |n: u64| {
        let ts = first_us + n.cast_signed() * step_us;
        let (temp, speed) = ((n * 37 % 4_001) as f64 / 100.0 - 10.0, (n * 101 % 307) as f64 / 10.0);
        format!(
            r#"{{"ts":{ts},"name":"bench","data":{{"temp":{temp},"humid":{},"wind":{{"speed":{speed},"dir":{}}},"at":"roof"}}}}"#,
            n % 101,
            n * 7 % 360,
        )
    };
    (0..count).map(line).collect()
}

/// Writes lines in batches.
pub(super) fn write(client: &mut Client, lines: &[String]) -> Result<()> {
    for batch in lines.chunks(BATCH) {
        client.send("POST", "/source/write_batch", "application/x-ndjson", batch.join("\n").as_bytes())?;
        let report: Value = client.receive()?.json(207)?;
        ensure!(report["saved"] == batch.len(), "{} of {} were saved", report["saved"], batch.len());
    }
    Ok(())
}

pub(super) fn measure(program: &Path, bare: &Path, options: &Options) -> Result<Report> {
    let count = options.rows();
    // A tenth of a second apart: 600 records in each minute.
    let lines = lines(count, 1_700_000_000_000_000, 100_000);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("rows.ndjson");
    fs::write(&file, lines.join("\n"))?;
    let bare = Bare::new(bare, folder.path());
    let (mut ours, mut theirs) = (Vec::new(), SWEEP.map(|_| Vec::new()));
    for _ in 0..options.rounds() {
        let server = Server::start(program, &[])?;
        let mut client = Client::new(&server.url, Some(&server.api_key));
        let begun = Instant::now();
        write(&mut client, &lines)?;
        ours.push(begun.elapsed().as_secs_f64());
        for (batch, took) in SWEEP.iter().zip(&mut theirs) {
            took.push(bare.import(&file, *batch, "ts", count)?);
        }
    }
    let theirs = theirs.map(median);
    let best = theirs.iter().copied().fold(f64::INFINITY, f64::min);
    let sweep: Vec<String> = SWEEP.iter().zip(theirs).map(|(batch, took)| format!("{batch} {took:.2} s")).collect();
    let rate = |seconds: f64| count as f64 / seconds;
    let ours = median(ours);
    let figure = Figure {
        name: "batches_next_to_bare",
        what: format!("{count} records in batches of {BATCH}, next to the bare loop"),
        value: best / ours,
        unit: "x",
        bound: Bound::AtLeast(0.5),
        from: format!("{:.0} records/s, the bare loop {:.0}/s", rate(ours), rate(best)),
    };
    let notes = vec![format!("bare loop, records in a transaction: {}", sweep.join(", "))];
    Ok(Report { figures: vec![figure], notes, ..Report::default() })
}
